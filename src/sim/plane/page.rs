//! Plane's paging: a cursor `per_page:page:is_prev` that counts places, so entries shift between
//! pages while others are added.

use serde_json::{Value, json};

use super::answer::{Answer, Reply};
use super::rest::Call;

/// Entries a page, at most and by default.
const MOST: usize = 1000;

/// One page of `entries`, as the call asks for it.
pub(super) fn page(call: &Call, entries: Vec<Value>) -> Reply {
    let size = per_page(call)?;
    let at = page_number(call)?;
    let total = entries.len();
    let start = usize::try_from(at).unwrap_or(0).saturating_mul(size);
    let results: Vec<Value> = entries.into_iter().skip(start).take(size).collect();
    Ok(Answer::ok(json!({
        "grouped_by": null,
        "sub_grouped_by": null,
        "total_count": total,
        "next_cursor": format!("{size}:{}:0", at + 1),
        "prev_cursor": format!("{size}:{}:1", at - 1),
        "next_page_results": start.saturating_add(size) < total,
        "prev_page_results": at > 0,
        "count": results.len(),
        "total_pages": total.div_ceil(size),
        "total_results": total,
        "extra_stats": null,
        "results": results,
    })))
}

fn per_page(call: &Call) -> Result<usize, Answer> {
    let Some(text) = call.parameter("per_page") else { return Ok(MOST) };
    let invalid = || Answer::bad_request_detail("Invalid per_page parameter.");
    match text.parse::<usize>().map_err(|_| invalid())? {
        // Divides by it.
        0 => Err(Answer::broken()),
        size if size > MOST => {
            Err(Answer::bad_request_detail("Invalid per_page value. Cannot exceed 1000."))
        }
        size => Ok(size),
    }
}

fn page_number(call: &Call) -> Result<i64, Answer> {
    let Some(text) = call.parameter("cursor") else { return Ok(0) };
    let invalid = || Answer::bad_request_detail("Invalid cursor parameter.");
    let parts: Vec<i64> =
        text.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
    match parts[..] {
        [_, at, _] => Ok(at.max(0)),
        _ => Err(invalid()),
    }
}

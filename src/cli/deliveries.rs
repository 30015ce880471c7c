//! `jetbridge deliveries`: look at what came in. `replay` has it worked off again.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::arguments::{DeliveriesListArguments, DeliveryShowArguments, Format};
use super::table::{Table, fields, moment, printable};
use super::{Context, Failed, json_text, output};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::sources::{Encoding, Origin, Source};
use crate::store::Store;
use crate::store::deliveries::{Delivery, DeliveryFilter, DeliveryStatus};
use crate::timeline::TimelineEntry;

/// A delivery as programs read it, with the columns' names.
#[derive(Serialize)]
struct DeliveryJson<'a> {
    source: Source,
    delivery_id: &'a DeliveryId,
    event_type: &'a str,
    action: Option<&'a str>,
    repository: Option<&'a str>,
    status: DeliveryStatus,
    attempts: i64,
    last_error: Option<&'a str>,
    result: Option<&'a str>,
    work_item_ref: Option<&'a str>,
    body_bytes: i64,
    body_sha256: &'a str,
    received_at: Timestamp,
    processed_at: Option<Timestamp>,
    origin: Origin,
}

impl<'a> DeliveryJson<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        Self {
            source: delivery.source,
            delivery_id: &delivery.delivery_id,
            event_type: &delivery.event_type,
            action: delivery.action.as_deref(),
            repository: delivery.repository.as_deref(),
            status: delivery.status,
            attempts: delivery.attempts,
            last_error: delivery.last_error.as_deref(),
            result: delivery.result.as_deref(),
            work_item_ref: delivery.item.as_ref().map(crate::ids::WorkItemRef::as_str),
            body_bytes: delivery.body_bytes,
            body_sha256: &delivery.body_sha256,
            received_at: delivery.received_at,
            processed_at: delivery.processed_at,
            origin: delivery.origin,
        }
    }
}

/// `deliveries list`.
pub(super) async fn list(
    arguments: &DeliveriesListArguments,
    context: &Context,
) -> Result<(), Failed> {
    let now = context.clock.now();
    let filter = DeliveryFilter {
        source: arguments.source,
        status: arguments.status.map(DeliveryStatus::from),
        event: arguments.event.clone(),
        origin: arguments.origin,
        repository: arguments.repository.clone(),
        since: arguments.since.map(|when| when.before(now)),
        until: arguments.until.map(|when| when.before(now)),
        ..DeliveryFilter::default()
    };
    let store = context.open_store().await?;
    // One more than asked for tells whether there are more.
    let mut found = store.deliveries(&filter, None, arguments.limit + 1).await?;
    store.close().await;
    let asked = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let truncated = found.len() > asked;
    found.truncate(asked);
    match arguments.listing.format() {
        Format::Json => {
            #[derive(Serialize)]
            struct Page<'a> {
                items: Vec<DeliveryJson<'a>>,
                truncated: bool,
            }
            let items = found.iter().map(DeliveryJson::of).collect();
            output::print_json(&Page { items, truncated })
        }
        Format::Table => {
            output::print(&table(&found))?;
            if truncated {
                output::complain(&format!("only the newest {asked} are shown: --limit shows more"));
            }
            Ok(())
        }
    }
}

fn table(deliveries: &[Delivery]) -> String {
    let mut table =
        Table::new(["RECEIVED", "SOURCE", "DELIVERY", "EVENT", "STATUS", "ATTEMPTS", "OUTCOME"]);
    for delivery in deliveries {
        let outcome = delivery.last_error.as_deref().or(delivery.result.as_deref());
        table.row([
            moment(delivery.received_at),
            delivery.source.as_str().into(),
            delivery.delivery_id.as_str().into(),
            delivery.event().into(),
            status_word(delivery.status).into(),
            delivery.attempts.to_string().into(),
            outcome.unwrap_or_default().into(),
        ]);
    }
    table.render()
}

fn status_word(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Received => "received",
        DeliveryStatus::Processed => "processed",
        DeliveryStatus::Failed => "failed",
    }
}

/// `deliveries show`.
pub(super) async fn show(
    arguments: &DeliveryShowArguments,
    context: &Context,
) -> Result<(), Failed> {
    let source = arguments.which.source;
    let id = DeliveryId::new(arguments.which.id.as_str());
    let store = context.open_store().await?;
    let found = store.delivery(source, &id).await?;
    let Some((delivery, body)) = found else {
        return Err(unknown(source, &id));
    };
    let attempts = attempts(&store, source, &id).await?;
    let dropped = store.body_dropped_at(source, &id).await?;
    store.close().await;
    let body = body.ok_or_else(|| gone(&printable(id.as_str()), dropped));
    if arguments.raw {
        return output::print_bytes(&body.map_err(Failed::Operation)?);
    }
    match arguments.listing.format() {
        Format::Json => print_json(&delivery, body.ok().as_deref(), dropped, &attempts),
        Format::Table => output::print(&page(&delivery, body.as_deref(), &attempts)),
    }
}

/// Why there is no body.
pub(super) fn gone(id: &str, dropped: Option<Timestamp>) -> String {
    match dropped {
        Some(at) => format!("the body of {id} was dropped by retention on {}", moment(at)),
        None => format!("the body of {id} is no longer kept"),
    }
}

async fn attempts(
    store: &Store,
    source: Source,
    id: &DeliveryId,
) -> Result<Vec<TimelineEntry>, Failed> {
    Ok(store.delivery_timeline(source, id).await?)
}

fn print_json(
    delivery: &Delivery,
    body: Option<&[u8]>,
    body_dropped_at: Option<Timestamp>,
    attempts: &[TimelineEntry],
) -> Result<(), Failed> {
    #[derive(Serialize)]
    struct Whole<'a> {
        #[serde(flatten)]
        delivery: DeliveryJson<'a>,
        body_dropped_at: Option<Timestamp>,
        timeline: &'a [TimelineEntry],
        payload: Option<Box<RawValue>>,
    }
    let payload = body.and_then(json_in).and_then(|json| {
        let text = String::from_utf8(json.into_owned()).ok()?;
        RawValue::from_string(text).ok()
    });
    let delivery = DeliveryJson::of(delivery);
    output::print_json(&Whole { delivery, body_dropped_at, timeline: attempts, payload })
}

fn page(delivery: &Delivery, body: Result<&[u8], &String>, attempts: &[TimelineEntry]) -> String {
    let size = format!("{} bytes, sha256 {}", delivery.body_bytes, delivery.body_sha256);
    let mut page = fields(&[
        ("source", Some(delivery.source.as_str().into())),
        ("delivery", Some(delivery.delivery_id.as_str().into())),
        ("event", Some(delivery.event().into())),
        ("status", Some(status_word(delivery.status).into())),
        ("result", delivery.result.as_deref().map(Cow::from)),
        ("last error", delivery.last_error.as_deref().map(Cow::from)),
        ("work item", delivery.item.as_ref().map(|item| item.as_str().into())),
        ("received", Some(moment(delivery.received_at))),
        ("processed", delivery.processed_at.map(moment)),
        ("origin", delivery.origin.found_by().map(Cow::from)),
        ("body", Some(size.into())),
    ]);
    if !attempts.is_empty() {
        page += "\n";
        page += &history(attempts);
    }
    page += "\n";
    page += &body.map_or_else(|why| format!("({why})"), shown_body);
    page + "\n"
}

/// A timeline as a table, with what changed below each line.
pub(super) fn history(entries: &[TimelineEntry]) -> String {
    let mut table = Table::new(["AT", "DELIVERY", "ATTEMPT", "OUTCOME", "REASON"]);
    for entry in entries {
        table.row([
            moment(entry.at),
            entry.delivery_id.as_str().into(),
            entry.attempt.to_string().into(),
            entry.outcome.as_str().into(),
            entry.reason.as_str().into(),
        ]);
    }
    let rendered = table.render();
    let mut lines = rendered.lines();
    let mut text = lines.next().unwrap_or_default().to_owned() + "\n";
    for (line, entry) in lines.zip(entries) {
        text += line;
        text += "\n";
        for change in &entry.changes {
            let change = format!("{}: {} → {}", change.field, change.from, change.to);
            text += "    ";
            text += &printable(&change);
            text += "\n";
        }
    }
    text
}

fn shown_body(body: &[u8]) -> String {
    let lossy = || {
        let text = String::from_utf8_lossy(body);
        text.lines().map(printable).collect::<Vec<_>>().join("\n")
    };
    json_in(body).and_then(|json| json_text::indented(&json)).unwrap_or_else(lossy)
}

/// The JSON in a body, be it the whole or a form's field.
fn json_in(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    [Encoding::Json, Encoding::Form]
        .into_iter()
        .filter_map(|encoding| encoding.json_of(body))
        .find(|json| is_json(json))
}

pub(super) fn unknown(source: Source, id: &DeliveryId) -> Failed {
    let id = printable(id.as_str());
    Failed::Operation(format!(
        "there is no delivery {id} of {source}: jetbridge deliveries list shows those there are"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::timeline::EntryOutcome;
    use crate::work_items::FieldChange;

    fn delivery() -> Delivery {
        Delivery {
            source: Source::Plane,
            delivery_id: DeliveryId::new("d-1"),
            event_type: "issue.updated".to_owned(),
            action: None,
            repository: None,
            status: DeliveryStatus::Failed,
            attempts: 4,
            last_error: Some("no\nway".to_owned()),
            result: None,
            item: None,
            encoding: "json".to_owned(),
            body_bytes: 9,
            body_sha256: "00".to_owned(),
            received_at: "2026-11-22T00:44:16.06727Z".parse().unwrap(),
            processed_at: None,
            origin: Origin::Webhook,
        }
    }

    #[test]
    fn a_delivery_is_one_line_of_the_list() {
        let text = table(&[delivery()]);
        let line = "2026-11-22 00:44:16Z  plane   d-1       issue.updated  failed  4         no\u{fffd}way";
        assert_eq!(text.lines().nth(1), Some(line));
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_body_is_shown_as_json_where_it_holds_json() {
        assert_eq!(shown_body(br#"{"a":1}"#), "{\n  \"a\": 1\n}");
        assert_eq!(shown_body(b"x=1&payload=%7B%22a%22%3A1%7D"), "{\n  \"a\": 1\n}");
        assert_eq!(shown_body(b"{\x1b[0m\n\xff"), "{\u{fffd}[0m\n\u{fffd}");
    }

    #[test]
    fn changes_stand_below_their_attempt() {
        let entry = TimelineEntry {
            item: None,
            source: Source::Plane,
            delivery_id: DeliveryId::new("d-1"),
            attempt: 1,
            at: "2026-11-22T00:44:16Z".parse().unwrap(),
            outcome: EntryOutcome::Applied,
            reason: "first seen".to_owned(),
            changes: vec![FieldChange {
                field: "status".to_owned(),
                from: json!("Todo"),
                to: json!("Done"),
            }],
        };
        let text = history(&[entry.clone(), entry]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[3].ends_with("applied  first seen"));
        assert_eq!(lines[4], "    status: \"Todo\" → \"Done\"");
    }

    #[test]
    fn a_page_says_when_the_body_is_gone() {
        let at = "2026-11-22T00:44:16Z".parse().unwrap();
        let said = page(&delivery(), Err(&gone("d-1", Some(at))), &[]);
        assert!(
            said.ends_with(
                "\n(the body of d-1 was dropped by retention on 2026-11-22 00:44:16Z)\n"
            ),
            "{said}"
        );
        assert!(page(&delivery(), Ok(b"{}"), &[]).ends_with("\n{}\n"));
    }
}

//! The one table from an answer to its meaning, with the remedy in words.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::QUOTA_WINDOW;
use crate::failure::Failure;

/// Longest wait that an answer may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// What helps where an answer is too long.
const SHORTEN: &str = "shorten in Plane the text of the work item or of its comments";
/// Characters of Plane's own words that are kept.
const LONGEST_WORDS: usize = 300;

/// Why Plane did not give or do what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The key is missing, wrong or expired.
    BadKey,
    /// The key's user may not see it, or it does not exist: Plane does not tell the two apart.
    NoAccess,
    /// It does not exist.
    NotFound,
    /// The key's requests of this minute are used up.
    Quota {
        /// Until there are some again.
        wait: Duration,
    },
    /// Nothing was asked: it has to wait, for something else than a used-up quota.
    Waiting {
        /// For what.
        reason: String,
        /// Until then.
        wait: Duration,
    },
    /// Plane did not answer, or answered that it can't now.
    Unavailable {
        /// What happened.
        what: String,
    },
    /// Plane, or what stands before it, said when to come again.
    Busy {
        /// The status.
        status: u16,
        /// Until then.
        wait: Duration,
    },
    /// Something answered, but not Plane's API.
    Unreadable {
        /// What came.
        what: String,
    },
    /// Its answer is longer than what is read of one.
    TooLong,
    /// Plane does not take what was written (400).
    Invalid {
        /// Plane's own words, shortened.
        words: String,
    },
    /// It is there already (409), under an id that Plane did not tell.
    Conflict {
        /// Plane's own words, shortened.
        words: String,
    },
    /// The request is longer than Plane reads (413).
    TooLarge,
    /// Plane does not take the request, for a reason that is not known here.
    Rejected {
        /// The status.
        status: u16,
    },
}

impl Refusal {
    /// What it means for whoever asked, with the remedy.
    pub fn failure(&self) -> Failure {
        match self {
            Self::BadKey => Failure::permanent(
                "Plane refused the API key (401 or 403): set plane.api_key to a valid one",
            ),
            Self::NoAccess => Failure::permanent(
                "Plane gave no access (403): make the API key's user a member of the project, and check plane.workspace",
            ),
            Self::NotFound => Failure::permanent(
                "Plane does not know it (404): it was deleted, or plane.api_url is not the API's address",
            ),
            Self::Quota { wait } => Failure::Quota {
                // Without its length, so that who waits again waits for the same thing.
                reason: "Plane's request quota is used up (429)".to_owned(),
                wait: *wait,
            },
            Self::Waiting { reason, wait } => {
                Failure::Quota { reason: reason.clone(), wait: *wait }
            }
            Self::Unavailable { what } => Failure::retry(format!(
                "Plane's API is not available: {what}; check plane.api_url if it stays so"
            )),
            Self::Busy { status, wait } => Failure::Retry {
                reason: format!(
                    "Plane's API is not available: it answered {status} and asked for {} s; look at Plane if it stays so",
                    wait.as_secs()
                ),
                after: Some(*wait),
            },
            Self::Unreadable { what } => Failure::retry(format!(
                "Plane's API gave an unreadable answer: {what}; check plane.api_url"
            )),
            Self::TooLong => Failure::permanent(format!(
                "Plane's answer is longer than what is read of one (16 MiB): {SHORTEN}, and replay"
            )),
            Self::Invalid { words } => Failure::permanent(format!(
                "Plane did not take what was written (400): {words}; change it at its source and replay, or report this"
            )),
            Self::Conflict { words } => Failure::retry(format!(
                "Plane has it already (409): {words}; the next try looks for it first"
            )),
            Self::TooLarge => Failure::permanent(
                "Plane does not take so long a text (413): shorten it at its source, or raise FILE_SIZE_LIMIT at Plane",
            ),
            Self::Rejected { status } => Failure::permanent(format!(
                "Plane rejected the request ({status}): please report this"
            )),
        }
    }

    /// What happened, in a few words, where Plane did not answer or can't.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Unavailable { what } => what.clone(),
            Self::Busy { status, .. } => format!("it answered {status}"),
            other => other.failure().to_string(),
        }
    }

    /// Whether the same would be answered to any other request now.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::BadKey
            | Self::Quota { .. }
            | Self::Waiting { .. }
            | Self::Unavailable { .. }
            | Self::Busy { .. }
            | Self::Unreadable { .. } => true,
            Self::NoAccess
            | Self::NotFound
            | Self::TooLong
            | Self::Invalid { .. }
            | Self::Conflict { .. }
            | Self::TooLarge
            | Self::Rejected { .. } => false,
        }
    }
}

/// The table: from a status that is no success to its meaning.
pub(super) fn refusal(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Refusal {
    let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
    match status.as_u16() {
        400 => Refusal::Invalid { words: words(body) },
        401 => Refusal::BadKey,
        403 if says_bad_token(body) => Refusal::BadKey,
        403 => Refusal::NoAccess,
        404 if is_json(body) => Refusal::NotFound,
        409 => Refusal::Conflict { words: words(body) },
        413 => Refusal::TooLarge,
        429 => Refusal::Quota { wait: wait.unwrap_or(QUOTA_WINDOW) },
        status @ (200..=399 | 404) => {
            Refusal::Unreadable { what: format!("{status} with {}", kind_of(body)) }
        }
        status @ 400..=499 => Refusal::Rejected { status },
        status => match wait {
            Some(wait) => Refusal::Busy { status, wait },
            None => Refusal::Unavailable { what: format!("it answered {status}") },
        },
    }
}

/// Plane tells a bad token from a lack of permission by its words alone.
fn says_bad_token(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        detail: String,
    }
    serde_json::from_slice(body).is_ok_and(|answer: Answer| answer.detail.contains("token"))
}

/// A 404 about the thing itself. Any other one, of a wrong address say, must not be taken for a
/// deletion.
pub(super) fn says_gone(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        error: String,
    }
    serde_json::from_slice(body).is_ok_and(|answer: Answer| answer.error.contains("does not exist"))
}

/// The id in a 409: of the one that is there already.
pub(super) fn existing_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        id: uuid::Uuid,
    }
    serde_json::from_slice(body).ok().map(|answer: Answer| answer.id.to_string())
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

pub(super) fn kind_of(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "nothing in it",
        Some(b'<') => "a web page",
        _ if is_json(body) => "JSON of another shape",
        Some(_) => "something that is not JSON",
    }
}

/// What Plane says is wrong, in any of its four shapes. Ends where HTML begins: it would be what
/// was sent, which belongs into no log.
fn words(body: &[u8]) -> String {
    let mut said = Vec::new();
    match serde_json::from_slice(body) {
        Ok(value) => collect(&value, "", &mut said),
        Err(_) => return kind_of(body).to_owned(),
    }
    let said = said.join(", ");
    let plain = said.split('<').next().unwrap_or_default();
    let plain = plain.chars().map(|c| if c.is_control() { ' ' } else { c });
    let short: String = plain.take(LONGEST_WORDS).collect();
    if short.is_empty() { "without a reason".to_owned() } else { short }
}

/// Texts with the names of the fields that they are about.
fn collect(value: &Value, about: &str, said: &mut Vec<String>) {
    match value {
        Value::String(text) if about.is_empty() => said.push(text.clone()),
        Value::String(text) => said.push(format!("{about}: {text}")),
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, about, said)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let whole = matches!(name.as_str(), "error" | "detail" | "non_field_errors");
                match (whole, about) {
                    (true, _) => collect(value, about, said),
                    (false, "") => collect(value, name, said),
                    (false, _) => collect(value, &format!("{about} {name}"), said),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_words_are_found_in_each_of_its_shapes() {
        let cases = [
            (r#"{"name": ["This field is required."]}"#, "name: This field is required."),
            (r#"{"non_field_errors": ["Invalid HTML passed"]}"#, "Invalid HTML passed"),
            (r#"{"labels": {"0": ["no pk"]}}"#, "labels 0: no pk"),
            (r#"{"error": "The payload is not valid"}"#, "The payload is not valid"),
            (r#"["Null characters are not allowed."]"#, "Null characters are not allowed."),
            ("<html>", "a web page"),
            ("{}", "without a reason"),
        ];
        for (body, expected) in cases {
            assert_eq!(words(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn words_are_short_and_without_what_was_sent() {
        let long = format!(r#"{{"error": "{}"}}"#, "é".repeat(400));
        assert_eq!(words(long.as_bytes()).chars().count(), 300);
        let echo = r#"{"description_html": ["not good:\n<p>private</p>"]}"#;
        assert_eq!(words(echo.as_bytes()), "description_html: not good: ");
    }
}

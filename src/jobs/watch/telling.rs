//! What the alarm webhook is told, and when again if it does not answer.

use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use crate::alarms::Changed;
use crate::clients::alarm_webhook::AlarmWebhook;
use crate::clock::{Clock, Timestamp};
use crate::store::alarms::RaisedAlarm;
use crate::store::{Store, StoreResult};

/// Notices that are sent in one go.
const MOST_AT_ONCE: usize = 5;
/// While one is being sent it is nobody else's.
const TAKEN: Duration = Duration::from_mins(1);
/// The first wait after a failure; it doubles.
const BASE: Duration = Duration::from_secs(10);
/// The longest wait.
const CAP: Duration = Duration::from_hours(1);

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    /// What Slack and its like show.
    text: String,
    kind: &'a str,
    subject: &'a str,
    title: &'a str,
    detail: &'a str,
    remedy: &'a str,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleared_at: Option<Timestamp>,
    url: String,
}

/// The JSON that is sent of a change.
pub(super) fn body(
    changed: Changed,
    alarm: &RaisedAlarm,
    public_url: &str,
    now: Timestamp,
) -> String {
    let url = format!("{public_url}/health");
    let (kind, text, cleared_at) = match changed {
        Changed::Raised => (
            "alarm.raised",
            format!(
                "Jetbridge: {}. {}. To do: {} ({url})",
                alarm.title, alarm.detail, alarm.remedy
            ),
            None,
        ),
        Changed::Cleared => {
            ("alarm.cleared", format!("Jetbridge: over: {}", alarm.title), Some(now))
        }
    };
    let body = Body {
        r#type: kind,
        text,
        kind: &alarm.kind,
        subject: &alarm.subject,
        title: &alarm.title,
        detail: &alarm.detail,
        remedy: &alarm.remedy,
        since: alarm.raised_at,
        cleared_at,
        url,
    };
    serde_json::to_string(&body).unwrap_or_default()
}

/// Sends what is due.
pub(super) async fn tell(store: &Store, clock: &Clock, webhook: &AlarmWebhook) -> StoreResult<()> {
    for _ in 0..MOST_AT_ONCE {
        let now = clock.now();
        let Some(notice) = store.take_notice(now, now + TAKEN).await? else { return Ok(()) };
        let sent = webhook.post(notice.body).await;
        let end = sent.map_err(|why| {
            warn!("an alarm could not be told, trying again: {why}");
            (why, clock.now() + wait(notice.attempts))
        });
        let is_sent = end.is_ok();
        store.put_notice_end(notice.id, clock.now(), end).await?;
        if !is_sent {
            return Ok(());
        }
    }
    Ok(())
}

/// Doubles from try to try.
fn wait(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    (BASE * 2_u32.pow(doublings)).min(CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_an_hour() {
        let waits: Vec<_> = [1, 2, 3, 9, 10, 500].map(|n| wait(n).as_secs()).into();
        assert_eq!(waits, [10, 20, 40, 2560, 3600, 3600]);
    }

    #[test]
    fn a_notice_says_what_it_is_and_reads_as_one_text_too() {
        let at: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        let alarm = RaisedAlarm {
            kind: "dead_jobs".to_owned(),
            subject: "deliveries".to_owned(),
            title: "2 deliveries failed for good".to_owned(),
            detail: "2 × octo/api: Plane answered 502".to_owned(),
            remedy: "jetbridge deliveries replay --status failed".to_owned(),
            raised_at: at,
        };
        let raised: serde_json::Value =
            serde_json::from_str(&body(Changed::Raised, &alarm, "https://j.example", at)).unwrap();
        assert_eq!(raised["type"], "alarm.raised");
        assert_eq!(raised["since"], "2026-11-22T02:00:00Z");
        assert_eq!(raised["url"], "https://j.example/health");
        assert!(raised["text"].as_str().unwrap().contains("replay --status failed"));
        assert_eq!(raised.get("cleared_at"), None);
        let cleared = body(Changed::Cleared, &alarm, "https://j.example", at);
        assert!(cleared.contains("\"alarm.cleared\"") && cleared.contains("cleared_at"));
    }
}

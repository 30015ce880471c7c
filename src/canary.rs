//! Whether Plane's webhook still comes, found out by an item that is there for nothing else.
//!
//! Plane switches a webhook off after an outage, loses what happens meanwhile, and no API tells.
//! So when nothing has come for a while the canary's item is changed, and any webhook of Plane's that
//! arrives after that proves that the webhook is on: it need not be the canary's own. While
//! webhooks come by themselves nothing is touched.
//!
//! Pure: what is known goes in, what to do comes out.

use std::time::Duration;

use crate::clock::Timestamp;

/// What stands in `external_source` of the canary's item.
pub const EXTERNAL_SOURCE: &str = "jetbridge-canary";
/// Its title.
pub const TITLE: &str = "Jetbridge canary (leave it here)";

/// How often, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// After so much silence the item is touched, and not sooner again.
    pub every: Duration,
    /// A webhook that has not come by then is missing.
    pub deadline: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { every: Duration::from_mins(15), deadline: Duration::from_mins(5) }
    }
}

/// What is known of the canary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canary {
    /// When the item was last touched.
    pub touched_at: Option<Timestamp>,
    /// How long the webhook took then, once one came.
    pub heard_after: Option<Duration>,
    /// Since when webhooks are missing: the first touch that nothing followed.
    pub missing_since: Option<Timestamp>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// Change the item.
    Touch,
    /// A webhook came; this long after the touch.
    Heard(Duration),
    /// None came in time.
    Missing,
}

/// Decides. `last` is when a webhook of Plane's last came, `first` when the first one came after the
/// touch.
pub fn next(
    canary: &Canary,
    last: Option<Timestamp>,
    first: Option<Timestamp>,
    rhythm: Rhythm,
    now: Timestamp,
) -> Step {
    let pending = canary.touched_at.filter(|_| canary.heard_after.is_none());
    if let (Some(touched), Some(first)) = (pending, first) {
        return Step::Heard((first - touched).to_std().unwrap_or_default());
    }
    let is_past = |at: Timestamp, length| at + length <= now;
    if let Some(touched) = pending
        && is_past(touched, rhythm.deadline)
        && canary.missing_since.is_none()
    {
        return Step::Missing;
    }
    let is_quiet = last.is_none_or(|at| is_past(at, rhythm.every));
    // While an answer is waited for nothing new is touched.
    let wait = if pending.is_some() { rhythm.every.max(rhythm.deadline) } else { rhythm.every };
    let is_due = canary.touched_at.is_none_or(|at| is_past(at, wait));
    if is_quiet && is_due { Step::Touch } else { Step::Rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        start + Duration::from_mins(minutes)
    }

    fn touched(minutes: u64) -> Canary {
        Canary { touched_at: Some(at(minutes)), ..Canary::default() }
    }

    #[test]
    fn nothing_is_touched_while_webhooks_come_by_themselves() {
        for last in 0..15 {
            assert_eq!(
                next(&Canary::default(), Some(at(last)), None, Rhythm::default(), at(14)),
                Step::Rest
            );
        }
        assert_eq!(
            next(&Canary::default(), Some(at(0)), None, Rhythm::default(), at(15)),
            Step::Touch
        );
        assert_eq!(next(&Canary::default(), None, None, Rhythm::default(), at(0)), Step::Touch);
    }

    #[test]
    fn any_webhook_after_the_touch_is_an_answer() {
        let step = next(&touched(15), Some(at(16)), Some(at(16)), Rhythm::default(), at(17));
        assert_eq!(step, Step::Heard(Duration::from_mins(1)));
        let heard = Canary { heard_after: Some(Duration::from_mins(1)), ..touched(15) };
        assert_eq!(next(&heard, Some(at(16)), Some(at(16)), Rhythm::default(), at(30)), Step::Rest);
        assert_eq!(
            next(&heard, Some(at(16)), Some(at(16)), Rhythm::default(), at(31)),
            Step::Touch
        );
    }

    #[test]
    fn what_does_not_come_by_the_deadline_is_missing_once_and_tried_again() {
        let step = |canary: &Canary, minutes| {
            next(canary, Some(at(0)), None, Rhythm::default(), at(minutes))
        };
        assert_eq!(step(&touched(15), 19), Step::Rest);
        assert_eq!(step(&touched(15), 20), Step::Missing);
        let missing = Canary { missing_since: Some(at(15)), ..touched(15) };
        assert_eq!(step(&missing, 21), Step::Rest, "it is said once");
        assert_eq!(step(&missing, 30), Step::Touch, "and tried again");
    }
}

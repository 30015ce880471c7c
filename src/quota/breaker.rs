//! Stops asking a remote that does not answer, and finds out with one question when it is back.
//!
//! closed: everybody asks. After [`OPENS_AFTER`] failures in a row it is open: nobody asks until a
//! pause is over, which doubles with every failure. Then it is half-open: one question is asked,
//! and all others wait for what comes of it. Any answer closes it, a refusal (4xx) too: whoever
//! refuses is there. Only 5xx, a connection that fails and an answer that does not come count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Failures in a row after which a remote is taken to be away: more than one job has attempts, so
/// that one thing that always fails is never the whole remote's fault.
pub const OPENS_AFTER: u32 = 5;
/// When a question that nobody heard of again is given up.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// The longest pause. A longer one was written before the clock was set back.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// How soon those look again who wait for what comes of the one question.
const LOOK: Duration = Duration::from_secs(5);

/// How long to leave a remote alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// At first.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(10), longest: Duration::from_mins(5) }
    }
}

impl Pauses {
    fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.min(20));
        doubled.min(self.longest).min(LONGEST_PAUSE)
    }
}

/// Whether a remote is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// By everybody.
    #[default]
    Closed,
    /// By nobody until then.
    Open {
        /// When it is tried again.
        until: Timestamp,
    },
    /// One question is under way.
    HalfOpen {
        /// When it is given up.
        until: Timestamp,
    },
}

impl Circuit {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half-open",
        }
    }
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Ask.
    Ask,
    /// Ask one question for all.
    Probe,
    /// Nothing until then.
    Wait(Timestamp),
}

/// The state of one remote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Whether it is asked.
    pub circuit: Circuit,
    /// Failures in a row.
    pub failures: u32,
    /// When it was first not closed, or closed again.
    pub since: Option<Timestamp>,
    /// What the last failure was.
    pub last_error: Option<String>,
    /// Questions in a row that came to nothing.
    probed: u32,
}

impl Breaker {
    /// What may be done at `now`.
    pub(super) fn may(&self, now: Timestamp) -> May {
        match self.circuit {
            Circuit::Closed => May::Ask,
            Circuit::Open { until } if now < until && until <= now + LONGEST_PAUSE => {
                May::Wait(until)
            }
            Circuit::HalfOpen { until } if now < until && until <= now + GIVEN_UP => {
                May::Wait(until.min(now + LOOK))
            }
            Circuit::Open { .. } | Circuit::HalfOpen { .. } => May::Probe,
        }
    }

    /// The one question is asked.
    pub(super) fn probing(&mut self, now: Timestamp) {
        self.circuit = Circuit::HalfOpen { until: now + GIVEN_UP };
    }

    /// An answer came.
    pub(super) fn answered(&mut self, now: Timestamp) {
        (self.failures, self.probed) = (0, 0);
        if self.circuit != Circuit::Closed {
            (self.circuit, self.since) = (Circuit::Closed, Some(now));
        }
    }

    /// None came, or one that says that the remote can't.
    pub(super) fn failed(&mut self, why: &str, pauses: Pauses, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(why.to_owned());
        match self.circuit {
            Circuit::Closed if self.failures < OPENS_AFTER => {}
            Circuit::Closed => {
                self.since = Some(now);
                self.circuit = Circuit::Open { until: now + pauses.after(0) };
            }
            Circuit::HalfOpen { .. } => {
                self.probed = self.probed.saturating_add(1);
                self.circuit = Circuit::Open { until: now + pauses.after(self.probed) };
            }
            // Asked before it opened.
            Circuit::Open { .. } => {}
        }
    }

    /// Whether everybody may ask.
    pub fn is_closed(&self) -> bool {
        self.circuit == Circuit::Closed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        start + Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..OPENS_AFTER {
            breaker.failed("502", Pauses::default(), at(0));
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..OPENS_AFTER {
                breaker.failed("502", Pauses::default(), at(0));
            }
            assert_eq!(breaker.may(at(0)), May::Ask);
            breaker.answered(at(0));
        }
        assert_eq!(opened().may(at(0)), May::Wait(at(10)));
    }

    #[test]
    fn one_question_is_asked_and_the_others_wait_for_it() {
        let mut breaker = opened();
        assert_eq!(breaker.may(at(10)), May::Probe);
        breaker.probing(at(10));
        assert_eq!(breaker.may(at(10)), May::Wait(at(15)));
        breaker.answered(at(11));
        assert_eq!((breaker.may(at(11)), breaker.since), (May::Ask, Some(at(11))));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_make_a_pause_longer() {
        let mut breaker = Breaker::default();
        for _ in 0..OPENS_AFTER {
            breaker.failed("502", Pauses::default(), at(86_400));
        }
        assert_eq!(breaker.may(at(86_400)), May::Wait(at(86_410)));
        assert_eq!(breaker.may(at(0)), May::Probe);
        breaker.probing(at(86_410));
        assert_eq!(breaker.may(at(0)), May::Probe);
    }

    #[test]
    fn a_question_that_nobody_hears_of_again_is_asked_once_more() {
        let mut breaker = opened();
        breaker.probing(at(10));
        assert_eq!(breaker.may(at(39)), May::Wait(at(40)));
        assert_eq!(breaker.may(at(40)), May::Probe);
    }

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let (mut breaker, mut now, mut pauses) = (opened(), at(0), Vec::new());
        for _ in 0..7 {
            let Circuit::Open { until } = breaker.circuit else { panic!("{breaker:?}") };
            pauses.push((until - now).num_seconds());
            now = until;
            breaker.probing(now);
            breaker.failed("no connection", Pauses::default(), now);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(breaker.since, Some(at(0)), "away since the beginning");
        assert_eq!(breaker.last_error.as_deref(), Some("no connection"));
    }

    proptest! {
        #[test]
        fn while_it_is_not_closed_one_question_at_a_time_is_asked(
            steps in proptest::collection::vec((0..3_u8, 0..40_u64), 1..200)
        ) {
            let mut breaker = opened();
            let (mut now, mut asked) = (at(0), None::<Timestamp>);
            for (step, seconds) in steps {
                now += Duration::from_secs(seconds);
                match (step, breaker.may(now)) {
                    (0, May::Probe) => {
                        let forgotten = asked.is_none_or(|at| at + GIVEN_UP <= now);
                        prop_assert!(forgotten, "two at a time");
                        breaker.probing(now);
                        asked = Some(now);
                    }
                    (1, _) if asked.is_some() => {
                        breaker.failed("x", Pauses::default(), now);
                        asked = None;
                    }
                    (2, _) if asked.is_some() => {
                        breaker.answered(now);
                        prop_assert!(breaker.is_closed());
                        return Ok(());
                    }
                    (_, may) => prop_assert!(may != May::Ask, "it was never answered"),
                }
            }
        }
    }
}

//! When a failed attempt is made again. Pure: time and chance are parameters.
//!
//! The wait doubles from `base` to `cap`; half of it is certain, half is chance, so that jobs
//! that failed together do not come back together.

use std::time::Duration;

use crate::failure::Failure;

/// How often and how late a failed job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// The wait after the first failure.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_retries: 3, base: Duration::from_secs(10), cap: Duration::from_mins(10) }
    }
}

/// What follows from a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this long.
    RetryIn(Duration),
    /// The same attempt again after this long: nothing was tried.
    WaitFor(Duration),
    /// No further attempt.
    Dead,
}

/// Decides what follows from `failure` in attempt number `attempt` (from 1), with `chance`
/// between 0 and 1.
pub fn next(policy: &RetryPolicy, failure: &Failure, attempt: u32, chance: f64) -> Next {
    match failure {
        Failure::Permanent { .. } => Next::Dead,
        Failure::Quota { wait, .. } => Next::WaitFor(*wait),
        Failure::Retry { .. } if attempt > policy.max_retries => Next::Dead,
        Failure::Retry { after, .. } => {
            let backoff = backoff(policy, attempt, chance);
            Next::RetryIn(after.map_or(backoff, |asked| asked.max(backoff)))
        }
    }
}

fn backoff(policy: &RetryPolicy, attempt: u32, chance: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let full = policy.base.saturating_mul(1 << doublings).min(policy.cap);
    full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry_after(attempt: u32, chance: f64) -> Next {
        next(&RetryPolicy::default(), &Failure::retry("down"), attempt, chance)
    }

    #[test]
    fn three_retries_and_then_dead() {
        for attempt in 1..=3 {
            assert!(matches!(retry_after(attempt, 0.5), Next::RetryIn(_)), "attempt {attempt}");
        }
        assert_eq!(retry_after(4, 0.5), Next::Dead);
    }

    #[test]
    fn the_wait_doubles_from_the_base() {
        let waits: Vec<_> = (1..=3).map(|attempt| retry_after(attempt, 1.0)).collect();
        let seconds = [10, 20, 40].map(|s| Next::RetryIn(Duration::from_secs(s)));
        assert_eq!(waits, seconds);
    }

    #[test]
    fn chance_takes_away_up_to_half_of_the_wait() {
        assert_eq!(retry_after(1, 0.0), Next::RetryIn(Duration::from_secs(5)));
    }

    #[test]
    fn no_wait_is_longer_than_the_cap() {
        let many = RetryPolicy { max_retries: u32::MAX, ..RetryPolicy::default() };
        for attempt in [7, 30, 32, 33, 1000] {
            let wait = next(&many, &Failure::retry("down"), attempt, 1.0);
            assert_eq!(wait, Next::RetryIn(Duration::from_mins(10)), "attempt {attempt}");
        }
    }

    #[test]
    fn retry_after_is_honored_when_it_is_longer() {
        let failure =
            Failure::Retry { reason: "429".to_owned(), after: Some(Duration::from_mins(15)) };
        let wait = next(&RetryPolicy::default(), &failure, 1, 1.0);
        assert_eq!(wait, Next::RetryIn(Duration::from_mins(15)));
    }

    #[test]
    fn a_refused_token_waits_longest_and_three_times() {
        let policy = RetryPolicy::default();
        let refused = Failure::Retry { reason: "401".to_owned(), after: Some(policy.cap) };
        for chance in [0.0, 0.5, 1.0] {
            let waits: Vec<_> = (1..=4).map(|n| next(&policy, &refused, n, chance)).collect();
            let longest = Next::RetryIn(policy.cap);
            assert_eq!(waits, [longest, longest, longest, Next::Dead]);
        }
    }

    #[test]
    fn every_wait_is_between_half_of_the_backoff_and_all_of_it() {
        for step in 0..=20_u8 {
            for (attempt, full) in [(1, 10), (2, 20), (3, 40)] {
                let Next::RetryIn(wait) = retry_after(attempt, f64::from(step) / 20.0) else {
                    panic!("attempt {attempt} is not the last");
                };
                let full = Duration::from_secs(full);
                assert!(full / 2 <= wait && wait <= full, "{wait:?} of {full:?}");
            }
        }
    }

    #[test]
    fn a_permanent_failure_is_dead_at_once() {
        assert_eq!(next(&RetryPolicy::default(), &Failure::permanent("no"), 1, 0.5), Next::Dead);
    }

    #[test]
    fn waiting_for_a_quota_is_not_an_attempt() {
        let failure =
            Failure::Quota { reason: "60 a minute".to_owned(), wait: Duration::from_secs(18) };
        for attempt in [1, 4, 100] {
            let wait = next(&RetryPolicy::default(), &failure, attempt, 0.5);
            assert_eq!(wait, Next::WaitFor(Duration::from_secs(18)));
        }
    }
}

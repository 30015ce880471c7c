//! The rate limit: so many requests a key in any minute. Refused ones are not counted.

use std::time::Duration;

use axum::http::HeaderName;
use chrono::TimeDelta;

use super::config::RateLimit;
use super::world::World;

/// The window slides.
const WINDOW: Duration = Duration::from_mins(1);

/// Whether a request may go on.
pub(super) enum Allowance {
    /// It may, with what its answer says about the quota.
    Left(Vec<(HeaderName, String)>),
    /// Not before so many seconds have passed.
    UsedUp { seconds: u64 },
}

/// Counts one request of a key.
pub(super) fn take(world: &mut World, key: &str, limit: RateLimit) -> Allowance {
    let RateLimit::PerMinute(most) = limit else { return Allowance::Left(Vec::new()) };
    let now = world.now();
    let asked = world.asked.entry(key.to_owned()).or_default();
    while asked.front().is_some_and(|at| *at + WINDOW <= now) {
        asked.pop_front();
    }
    if asked.len() >= most {
        let free = asked.front().map_or(now + WINDOW, |at| *at + WINDOW);
        let seconds = (free - now + TimeDelta::milliseconds(999)).num_seconds();
        return Allowance::UsedUp { seconds: u64::try_from(seconds).unwrap_or(0).max(1) };
    }
    asked.push_back(now);
    Allowance::Left(vec![
        (name("x-ratelimit-remaining"), (most - asked.len()).to_string()),
        // Always a minute from now, whatever the truth is.
        (name("x-ratelimit-reset"), (now + WINDOW).timestamp().to_string()),
    ])
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

//! Our clock beside those of the others: which of two states is newer, and when a quota is there
//! again, is told by times.

use super::Finding;
use crate::clock::Timestamp;

const CHECK: &str = "clock";
/// What an answer's whole seconds and its way may come to.
const DIFFERENCE: i64 = 10;

/// `theirs` was said between `before` and `after`.
pub(super) fn beside(
    whose: &str,
    theirs: Option<Timestamp>,
    before: Timestamp,
    after: Timestamp,
) -> Option<Finding> {
    let theirs = theirs?;
    let (ahead, behind) = ((before - theirs).num_seconds(), (theirs - after).num_seconds());
    let off = ahead.max(behind);
    if off <= DIFFERENCE {
        return Some(Finding::ok(CHECK, format!("agrees with {whose}'s")));
    }
    let word = if ahead > behind { "ahead of" } else { "behind" };
    Some(Finding::problem(
        CHECK,
        format!("this machine's clock is {off} s {word} {whose}'s"),
        "let it be set over the network: timedatectl set-ntp true (or set the other one right)",
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_with_the_direction() {
        let now: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        let said = |theirs| beside("GitHub", Some(theirs), now, now + Duration::from_secs(2));
        let message = |theirs| said(theirs).map(|finding| finding.message).unwrap_or_default();
        assert_eq!(message(now), "agrees with GitHub's");
        assert_eq!(message(now + Duration::from_secs(12)), "agrees with GitHub's");
        let behind = message(now + Duration::from_secs(62));
        assert_eq!(behind, "this machine's clock is 60 s behind GitHub's");
        let ahead = message(now - Duration::from_mins(1));
        assert_eq!(ahead, "this machine's clock is 60 s ahead of GitHub's");
    }
}

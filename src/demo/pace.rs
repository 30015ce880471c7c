//! How much time passes between two things that happen.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::script::Dice;
use crate::config::HumanDuration;

/// The usual time from one action to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(Duration);

/// The text is no pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time from one action to the next, from 20ms to 10m, such as 2s")]
pub struct InvalidPace;

const QUICKEST: Duration = Duration::from_millis(20);
const SLOWEST: Duration = Duration::from_mins(10);
/// At the beginning everything is quicker, so that the board fills before somebody looks away.
const OVERTURE: u64 = 24;
const OVERTURE_SPEED: u32 = 6;
/// Others are never asked to wait longer than this by a fault.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

impl Default for Pace {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HumanDuration(self.0).fmt(f)
    }
}

impl FromStr for Pace {
    type Err = InvalidPace;

    fn from_str(text: &str) -> Result<Self, InvalidPace> {
        let HumanDuration(time) = text.parse().map_err(|_| InvalidPace)?;
        if (QUICKEST..=SLOWEST).contains(&time) { Ok(Self(time)) } else { Err(InvalidPace) }
    }
}

impl Pace {
    /// How long nothing happens before `step`: 60 to 140 % of the pace.
    pub fn wait(self, seed: u64, step: u64) -> Duration {
        let percent = Dice::new(!seed, step).below(81) + 60;
        let wait = self.0.mul_f64(f64::from(u32::try_from(percent).unwrap_or(100)) / 100.0);
        if step < OVERTURE { wait / OVERTURE_SPEED } else { wait }
    }

    /// The wait before a first retry that fits the pace.
    pub fn retry_base(self) -> Duration {
        self.0.clamp(QUICKEST, Duration::from_secs(2))
    }

    /// How long a limit asks others to wait: whole seconds, at least one.
    pub fn pause(self) -> Duration {
        Duration::from_secs(self.0.as_secs() * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// Whether it is slow enough for the quotas of the real ones.
    pub fn leaves_quotas_whole(self) -> bool {
        self.0 >= Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_time_within_reason() {
        assert_eq!("2s".parse(), Ok(Pace::default()));
        assert_eq!("20ms".parse::<Pace>().map(|pace| pace.to_string()), Ok("20ms".to_owned()));
        for wrong in ["", "2", "0s", "19ms", "11m", "fast", "-2s"] {
            assert_eq!(wrong.parse::<Pace>(), Err(InvalidPace), "{wrong}");
        }
    }

    #[test]
    fn waits_differ_and_stay_near_the_pace() {
        let waits: Vec<_> = (100..200).map(|step| Pace::default().wait(1, step)).collect();
        let within = Duration::from_millis(1_200)..=Duration::from_millis(2_800);
        assert!(waits.iter().all(|wait| within.contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| wait != &waits[0]));
        assert!(Pace::default().wait(1, 0) < Duration::from_millis(500), "the overture is quick");
    }
}

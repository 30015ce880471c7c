//! How often something wrong may be sent from one network in a minute.
//!
//! A try is counted before it is looked at and given back when it was right, so that tries at the
//! same time are all counted. Each network has a count of its own: a stranger who uses up his keeps
//! nobody else out. Memory is bounded: networks beyond a few thousand share one count. Deliberately
//! absent: the database (a process counts for itself), and what can't be guessed anyway, which
//! its callers do not count.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::clock::Timestamp;

const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Networks that are counted apart.
const NETWORKS: usize = 4096;

/// The wrong tries of this minute.
#[derive(Debug)]
pub(super) struct Tries {
    most: u32,
    windows: Mutex<HashMap<Option<IpAddr>, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Timestamp,
    count: u32,
}

/// One try that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Try {
    network: Option<IpAddr>,
    /// How many more there are if this one is wrong.
    pub(super) left: u32,
}

impl Tries {
    /// So many wrong ones a minute and network.
    pub(super) fn new(most: u32) -> Self {
        Self { most, windows: Mutex::default() }
    }

    /// Counts a try, or says after how many seconds there will be one again.
    pub(super) fn begin(&self, peer: Option<IpAddr>, now: Timestamp) -> Result<Try, u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now - window.since >= WINDOW;
        let mut network = peer.map(network_of);
        if windows.len() >= NETWORKS && !windows.contains_key(&network) {
            windows.retain(|_, window| !is_over(window));
            if windows.len() >= NETWORKS {
                network = None;
            }
        }
        let window = windows.entry(network).or_insert(Window { since: now, count: 0 });
        if is_over(window) {
            *window = Window { since: now, count: 0 };
        }
        if window.count >= self.most {
            let wait = (window.since + WINDOW - now).num_seconds().clamp(0, WINDOW.num_seconds());
            return Err(wait.unsigned_abs() + 1);
        }
        window.count += 1;
        Ok(Try { network, left: self.most - window.count })
    }

    /// It was right: it does not count.
    pub(super) fn give_back(&self, right: Try) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(&right.network) {
            window.count = window.count.saturating_sub(1);
        }
    }
}

/// One customer of a provider has at least 64 bits of IPv6 addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T02:00:00Z".parse().unwrap()
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn so_many_wrong_ones_a_minute_and_no_other_network_pays_for_them() {
        let tries = Tries::new(10);
        for left in (0..10).rev() {
            assert_eq!(tries.begin(Some(address(1)), now()).map(|one| one.left), Ok(left));
        }
        assert_eq!(tries.begin(Some(address(1)), now()), Err(61));
        assert!(tries.begin(Some(address(2)), now()).is_ok());
        assert!(tries.begin(Some(address(1)), now() + TimeDelta::seconds(60)).is_ok());
    }

    #[test]
    fn a_right_try_does_not_count() {
        let tries = Tries::new(2);
        for _ in 0..100 {
            let right = tries.begin(Some(address(1)), now()).unwrap();
            tries.give_back(right);
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_addresses_of_guessers() {
        let tries = Tries::new(10);
        for i in 0..10_000 {
            let _ = tries.begin(Some(address(i)), now());
        }
        assert!(tries.windows.lock().unwrap().len() <= NETWORKS + 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let tries = Tries::new(10);
        for i in 0..10 {
            assert!(tries.begin(format!("2001:db8:1:2::{i:x}").parse().ok(), now()).is_ok());
        }
        assert!(tries.begin("2001:db8:1:2:ffff::1".parse().ok(), now()).is_err());
    }
}

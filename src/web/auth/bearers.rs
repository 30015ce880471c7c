//! How often a wrong bearer token may be sent from one address, and which tokens were right.
//!
//! Sixty a minute, which a program that was set up wrongly may need and a guesser has no use for.
//! After that the address waits, but not those of its programs whose token was right before: behind
//! a proxy all of them have one address, and a guesser there must not shut them out. Memory is
//! bounded: addresses beyond a few thousand share one count. Deliberately absent: the database. A
//! process counts for itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// Wrong tokens of one address in one [`WINDOW`].
const MOST: u32 = 60;
const WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Addresses that are counted apart.
const ADDRESSES: usize = 4096;
/// Right tokens that are remembered.
const TOKENS: usize = 4096;

/// The counts of this process.
#[derive(Debug, Default)]
pub(super) struct Bearers(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    wrong: HashMap<Option<IpAddr>, Window>,
    /// By their hash; when it was last written down that they are used.
    right: HashMap<[u8; 32], Timestamp>,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} addresses, {} tokens]", self.wrong.len(), self.right.len())
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Timestamp,
    count: u32,
}

/// Whether it should be written down that a token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// A minute has passed since the last time.
    WriteDown,
    /// It was, less than a minute ago.
    Written,
}

impl Bearers {
    /// Counts a token before it is looked at, or says after how many seconds one may be sent.
    pub(super) fn begin(
        &self,
        sha256: &[u8; 32],
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut counts = self.lock();
        if counts.right.contains_key(sha256) {
            return Ok(());
        }
        let window = counts.window(peer, now);
        if window.count >= MOST {
            let wait = (window.since + WINDOW - now).num_seconds().clamp(0, WINDOW.num_seconds());
            return Err(wait.unsigned_abs() + 1);
        }
        window.count += 1;
        Ok(())
    }

    /// It was right: it does not count, nor will it be counted again.
    pub(super) fn right(&self, sha256: &[u8; 32], peer: Option<IpAddr>, now: Timestamp) -> Usage {
        let mut counts = self.lock();
        match counts.right.get_mut(sha256) {
            Some(written) if now - *written < WINDOW => return Usage::Written,
            Some(written) => *written = now,
            None => {
                let window = counts.window(peer, now);
                window.count = window.count.saturating_sub(1);
                if counts.right.len() >= TOKENS {
                    counts.right.clear();
                }
                counts.right.insert(*sha256, now);
            }
        }
        Usage::WriteDown
    }

    /// It was wrong, or is wrong by now.
    pub(super) fn wrong(&self, sha256: &[u8; 32]) {
        self.lock().right.remove(sha256);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn window(&mut self, peer: Option<IpAddr>, now: Timestamp) -> &mut Window {
        let over = |window: &Window| now - window.since >= WINDOW;
        let mut bucket = peer.map(network);
        if self.wrong.len() >= ADDRESSES && !self.wrong.contains_key(&bucket) {
            self.wrong.retain(|_, window| !over(window));
            if self.wrong.len() >= ADDRESSES {
                bucket = None;
            }
        }
        let window = self.wrong.entry(bucket).or_insert(Window { since: now, count: 0 });
        if over(window) {
            *window = Window { since: now, count: 0 };
        }
        window
    }
}

/// One customer of a provider has at least 64 bits of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
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

    fn sha256(number: u32) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[test]
    fn sixty_wrong_tokens_a_minute_and_no_other_address_pays_for_them() {
        let bearers = Bearers::default();
        for i in 0..60 {
            assert_eq!(bearers.begin(&sha256(i), Some(address(1)), now()), Ok(()));
        }
        assert_eq!(bearers.begin(&sha256(60), Some(address(1)), now()), Err(61));
        assert_eq!(bearers.begin(&sha256(60), Some(address(2)), now()), Ok(()));
        let later = now() + TimeDelta::seconds(60);
        assert_eq!(bearers.begin(&sha256(60), Some(address(1)), later), Ok(()));
    }

    #[test]
    fn a_right_token_does_not_count_and_gets_in_whatever_its_neighbors_do() {
        let bearers = Bearers::default();
        let good = sha256(9999);
        for _ in 0..100 {
            assert_eq!(bearers.begin(&good, Some(address(1)), now()), Ok(()));
            bearers.right(&good, Some(address(1)), now());
        }
        for i in 0..60 {
            assert_eq!(bearers.begin(&sha256(i), Some(address(1)), now()), Ok(()));
        }
        assert!(bearers.begin(&sha256(60), Some(address(1)), now()).is_err());
        assert_eq!(bearers.begin(&good, Some(address(1)), now()), Ok(()));
        bearers.wrong(&good);
        assert!(bearers.begin(&good, Some(address(1)), now()).is_err());
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        let bearers = Bearers::default();
        let used = |seconds| {
            bearers.right(&sha256(1), Some(address(1)), now() + TimeDelta::seconds(seconds))
        };
        assert_eq!(used(0), Usage::WriteDown);
        assert_eq!(used(59), Usage::Written);
        assert_eq!(used(60), Usage::WriteDown);
        assert_eq!(used(61), Usage::Written);
    }

    #[test]
    fn memory_does_not_grow_with_the_addresses_of_guessers() {
        let bearers = Bearers::default();
        for i in 0..10_000 {
            let _ = bearers.begin(&sha256(i), Some(address(i)), now());
            bearers.right(&sha256(i), Some(address(i)), now());
        }
        let counts = bearers.lock();
        assert!(counts.wrong.len() <= ADDRESSES + 1 && counts.right.len() <= TOKENS);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let bearers = Bearers::default();
        for i in 0..60 {
            let address: IpAddr = format!("2001:db8:1:2::{i:x}").parse().unwrap();
            assert_eq!(bearers.begin(&sha256(i), Some(address), now()), Ok(()));
        }
        let neighbor = "2001:db8:1:2:ffff::1".parse().ok();
        assert!(bearers.begin(&sha256(60), neighbor, now()).is_err());
    }
}

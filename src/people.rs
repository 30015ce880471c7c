//! Deciding who a GitHub account is in Plane, and so who a user of Plane is on GitHub: for the page, the
//! API and the command line alike.
//!
//! The rule: a decision counts for what is synced from then on, and the issues that waited for it
//! are brought in step at once. Nobody is taken off an item by it. Deliberately absent: whom an
//! account fits by likeness (`sync/mapping`).

use std::fmt;
use std::str::FromStr;

use crate::clock::Clock;
use crate::config::GithubHost;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::people::Counterpart;
use crate::store::{Store, StoreResult};

/// Deliveries of one transaction.
const BATCH: usize = 500;
/// Longer ones GitHub has none, with room for what enterprises append.
const LONGEST: usize = 100;

/// A GitHub login, in lower case; `host/login` of one of `[[github.hosts]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login(String);

/// The text is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a GitHub login, such as octocat or dependabot[bot], HOST/LOGIN for one of [[github.hosts]]"
)]
pub struct InvalidLogin;

impl Login {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = InvalidLogin;

    fn from_str(text: &str) -> Result<Self, InvalidLogin> {
        let text = text.trim();
        let text = text.strip_prefix('@').unwrap_or(text);
        let (host, text) = match text.split_once('/') {
            Some((host, login)) => (host.parse().map_err(|_| InvalidLogin)?, login),
            None => (GithubHost::default(), text),
        };
        let plain = text.strip_suffix("[bot]").unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if plain.is_empty() || text.len() > LONGEST || !plain.chars().all(fits) {
            return Err(InvalidLogin);
        }
        Ok(Self(host.named(text.to_ascii_lowercase())))
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decides about an account, and queues the issues that waited for it. How many these are.
///
/// # Errors
/// When the database can't be written; what was done until then stays, and deciding once more
/// does the rest.
pub async fn decide(
    store: &Store,
    clock: &Clock,
    login: &Login,
    counterpart: &Counterpart,
    by: &str,
) -> StoreResult<u64> {
    // The issues are found before the first of them is synced and stops waiting.
    let mut waiting = store.deliveries_waiting_for(login.as_str()).await?;
    if let Counterpart::Member { id, .. } = counterpart {
        waiting.extend(store.deliveries_waiting_for_member(id).await?);
        // Somebody with a login is somebody.
        store.forget_member_apart(id).await?;
    }
    store.decide_person(login.as_str(), counterpart, by, clock.now()).await?;
    queue(store, clock, waiting).await
}

/// Decides that one of Plane's users is nobody on GitHub, and queues the issues that waited to know.
/// How many these are.
///
/// # Errors
/// As [`decide`].
pub async fn decide_apart(
    store: &Store,
    clock: &Clock,
    member: (&str, &str),
    by: &str,
) -> StoreResult<u64> {
    let waiting = store.deliveries_waiting_for_member(member.0).await?;
    store.set_member_apart(member, by, clock.now()).await?;
    queue(store, clock, waiting).await
}

async fn queue(store: &Store, clock: &Clock, mut waiting: Vec<DeliveryId>) -> StoreResult<u64> {
    waiting.sort_unstable();
    waiting.dedup();
    let mut queued = 0;
    for part in waiting.chunks(BATCH) {
        let which: Vec<_> = part.iter().map(|id| (Source::Github, id)).collect();
        queued += store.replay_batch(&which, clock.now()).await?.queued;
    }
    Ok(queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_as_people_write_it_and_nothing_else_is() {
        for (text, login) in [
            ("OctoCat", "octocat"),
            (" @hubot ", "hubot"),
            ("dependabot[bot]", "dependabot[bot]"),
            ("GHE.example.com/OctoCat", "ghe.example.com/octocat"),
        ] {
            assert_eq!(text.parse::<Login>().unwrap().as_str(), login);
        }
        for text in ["", "@", "[bot]", "two words", "a b/c", "a/b/c", "<b>", &"x".repeat(101)] {
            assert_eq!(text.parse::<Login>(), Err(InvalidLogin));
        }
    }
}

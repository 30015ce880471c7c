//! Which GitHub something is of: that of `github.api_url`, or one of `[[github.hosts]]`.
//!
//! Every server counts its own issues, comments, labels and repositories from 1, and each of two
//! may have an `octo/hello`. So that nothing of one is ever taken for the other's,
//! - a repository of another server has the server before its name: `ghe.example.com/octo/hello`;
//! - an id of another server's has the server's number above its own 40 bits.
//!
//! That number follows from the server's name alone, so neither the order in the configuration nor
//! a database that is made anew changes it. It has 13 bits: an id stays below 2^53, where all
//! programs that read JSON still count exactly. The server of `github.api_url` has none, and its
//! names and ids are as GitHub gives them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bits of an id that are the server's own. GitHub itself has used 33 of them by now.
const OWN_BITS: u32 = 40;
/// The greatest id of a server's own.
const GREATEST: u64 = (1 << OWN_BITS) - 1;
/// How many numbers there are beside 0.
const NUMBERS: u64 = (1 << 13) - 1;
/// Longest name of a server, as in DNS.
const LONGEST: usize = 253;

/// A GitHub server. Cheap to clone; the default is that of `github.api_url`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GithubHost {
    name: Option<Arc<str>>,
    number: u64,
}

/// The text is no server's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a server's name without scheme and path, such as ghe.example.com")]
pub struct InvalidHost;

impl GithubHost {
    /// That of `github.api_url`.
    pub const fn of_api_url() -> Self {
        Self { name: None, number: 0 }
    }

    /// Whether a webhook that names its server so comes from this one; no port is told there.
    pub fn is_called(&self, named: &str) -> bool {
        let own = [self.name().unwrap_or_default(), self.without_port()];
        !self.is_default() && own.iter().any(|name| name.eq_ignore_ascii_case(named))
    }

    /// Its name alone.
    pub fn without_port(&self) -> &str {
        let name = self.name().unwrap_or_default();
        name.split_once(':').map_or(name, |(host, _)| host)
    }

    /// Its name, lower case; `None` for that of `github.api_url`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What stands above its ids.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What a key of its is called, for people: `token`, `webhook_secret`, `api_url`.
    pub fn key(&self, key: &str) -> String {
        match self.name() {
            Some(host) => format!("{key} in the [[github.hosts]] of {host}"),
            None => format!("github.{key}"),
        }
    }

    /// Words about the server of `github.api_url`, as words about this one.
    #[must_use]
    pub fn in_words(&self, words: &str) -> String {
        if self.is_default() {
            return words.to_owned();
        }
        let keys = ["webhook_secret", "api_url", "token"];
        keys.iter().fold(words.to_owned(), |words, key| {
            words.replace(&format!("github.{key}"), &self.key(key))
        })
    }

    /// Whether it is that of `github.api_url`.
    pub fn is_default(&self) -> bool {
        self.name.is_none()
    }

    /// Whether a server may have given an id: none that would be another server's is taken.
    pub fn is_own_id(own: u64) -> bool {
        own <= GREATEST
    }

    /// An id that the server gave, as one among those of all servers. Whoever reads what may be
    /// forged asks [`GithubHost::is_own_id`] before.
    #[must_use]
    pub fn id(&self, own: u64) -> u64 {
        self.number << OWN_BITS | own.min(GREATEST)
    }

    /// The id as the server itself knows it.
    #[must_use]
    pub fn own_id(&self, id: u64) -> u64 {
        id.saturating_sub(self.number << OWN_BITS)
    }

    /// A name that the server gave (`owner`, `owner/name`, `owner/name#12`), as one among those of
    /// all servers.
    #[must_use]
    pub fn named(&self, own: String) -> String {
        match &self.name {
            Some(host) => format!("{host}/{own}"),
            None => own,
        }
    }
}

impl fmt::Display for GithubHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("GitHub"))
    }
}

impl FromStr for GithubHost {
    type Err = InvalidHost;

    /// Only for one that has a name: there is no text for the default.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let name = text.to_ascii_lowercase();
        let (host, port) = name.split_once(':').unwrap_or((&name, "443"));
        let is_part = |part: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !part.is_empty() && part.chars().all(good)
        };
        let is_host = text.len() <= LONGEST && host.split('.').all(is_part);
        if !is_host || port.parse::<u16>().is_err() {
            return Err(InvalidHost);
        }
        let digest = Sha256::digest(name.as_bytes());
        let number = 1 + u64::from(u16::from_be_bytes([digest[0], digest[1]])) % NUMBERS;
        Ok(Self { name: Some(name.into()), number })
    }
}

impl TryFrom<String> for GithubHost {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<GithubHost> for String {
    fn from(host: GithubHost) -> Self {
        host.name().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(name: &str) -> GithubHost {
        name.parse().unwrap()
    }

    #[test]
    fn names_and_ids_of_the_default_are_as_github_gives_them() {
        let default = GithubHost::default();
        assert_eq!((default.id(7), default.own_id(7)), (7, 7));
        assert_eq!(default.named("octo/hello".to_owned()), "octo/hello");
    }

    #[test]
    fn a_servers_number_is_the_same_for_ever() {
        let named = host("ghe.example.com");
        assert_eq!(named.number(), host("GHE.example.com").number(), "whatever the case");
        assert_eq!(named.number(), 2_415, "what is stored goes by it");
        assert_eq!(named.named("octo/hello#3".to_owned()), "ghe.example.com/octo/hello#3");
    }

    #[test]
    fn what_is_no_name_of_a_server_is_refused() {
        for text in
            ["", "https://ghe.example.com", "ghe.example.com/api", "a b", "ghe:port", "ghe..com"]
        {
            assert_eq!(text.parse::<GithubHost>(), Err(InvalidHost), "{text}");
        }
        assert!("ghe.example.com:8443".parse::<GithubHost>().is_ok());
    }

    proptest! {
        #[test]
        fn ids_of_two_servers_are_never_equal_and_json_counts_them_exactly(
            own in 0_u64..1 << 40, other in 0_u64..1 << 40,
        ) {
            let (one, two) = (host("ghe.example.com"), host("git.example.org"));
            prop_assert_ne!(one.number(), two.number());
            prop_assert_ne!(one.id(own), two.id(other));
            prop_assert_ne!(one.id(own), GithubHost::default().id(other));
            prop_assert_eq!(one.own_id(one.id(own)), own);
            prop_assert!(one.id(own) < 1 << 53);
            // Whatever somebody makes up, it stays the server's.
            let forged = one.id(other << 13 | own);
            prop_assert_eq!(forged >> OWN_BITS, one.number());
        }
    }
}

//! API tokens: their text, their name, how long they live.
//!
//! The text is `jbt_` and 64 hexadecimal digits, 256 random bits, so that scanners for leaked
//! secrets can find it (`jb[at]_[0-9a-f]{64}`) and so that a plain SHA-256 of it is enough to keep:
//! there is nothing to guess. It never prints itself.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;

const PREFIX: &str = "jbt_";
/// What the admin token that Jetbridge makes begins with.
const ADMIN_PREFIX: &str = "jba_";
const DIGITS: usize = 64;
/// Longest name of a token, in characters.
const LONGEST_NAME: usize = 60;
/// Longest life that is not for ever, in days.
const LONGEST_LIFE: u32 = 3650;

/// `ops.api_tokens.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiTokenId(pub i64);

/// The text of an API token, which is shown once and kept nowhere.
#[derive(Clone)]
pub struct ApiTokenText(SecretString);

impl ApiTokenText {
    /// Of 256 random bits.
    pub fn of(random: [u8; 32]) -> Self {
        Self(SecretString::from(format!("{PREFIX}{}", hex::encode(random))))
    }

    /// The text, to be shown to whoever made it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }

    /// Whether a text can be one; nothing else is worth asking the database for.
    pub fn is_shape_of(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(is_random)
    }
}

/// Whether a text is of a shape that Jetbridge gives its own tokens and sign-in links: 256 random
/// bits. Tries at those need no limit, so a stranger's tries can't keep their owner out.
pub fn can_not_be_guessed(text: &str) -> bool {
    let digits = text.strip_prefix(PREFIX).or_else(|| text.strip_prefix(ADMIN_PREFIX));
    is_random(digits.unwrap_or(text))
}

fn is_random(digits: &str) -> bool {
    digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Debug for ApiTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[API token]")
    }
}

/// What a token is called: the audit log says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenName(String);

impl ApiTokenName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiTokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text can't be a token's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name of 1 to {LONGEST_NAME} letters, digits, spaces and .-_/@, not “admin”, such as ci-deploy"
)]
pub struct InvalidTokenName;

impl FromStr for ApiTokenName {
    type Err = InvalidTokenName;

    fn from_str(text: &str) -> Result<Self, InvalidTokenName> {
        let text = text.trim();
        let plain = |c: char| c.is_alphanumeric() || " .-_/@".contains(c);
        let fits = (1..=LONGEST_NAME).contains(&text.chars().count()) && text.chars().all(plain);
        // In the log `admin` is whoever has the admin token; a token's text is no name.
        let taken = text.eq_ignore_ascii_case("admin") || Self::looks_secret(text);
        if fits && !taken { Ok(Self(text.to_owned())) } else { Err(InvalidTokenName) }
    }
}

impl ApiTokenName {
    fn looks_secret(text: &str) -> bool {
        ["jbt_", "jba_"].iter().any(|prefix| text.starts_with(prefix))
    }
}

/// How long a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// That many days.
    Days(u32),
    /// Until it is revoked.
    Unlimited,
}

impl Lifetime {
    /// What is taken where nothing is said.
    pub const USUAL: Self = Self::Days(90);

    /// That many days, from 1 to 3650.
    ///
    /// # Errors
    /// For any other number.
    pub fn days(days: u32) -> Result<Self, InvalidLifetime> {
        if (1..=LONGEST_LIFE).contains(&days) { Ok(Self::Days(days)) } else { Err(InvalidLifetime) }
    }

    /// When a token that is made `now` ends.
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(now + TimeDelta::days(i64::from(days))),
            Self::Unlimited => None,
        }
    }
}

/// The text says no length of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected days such as 90d, from 1d to {LONGEST_LIFE}d, or never")]
pub struct InvalidLifetime;

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        if text == "never" {
            return Ok(Self::Unlimited);
        }
        let days = text.strip_suffix('d').ok_or(InvalidLifetime)?;
        Self::days(days.parse().map_err(|_| InvalidLifetime)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_can_be_found_by_scanners_and_never_prints_itself() {
        let token = ApiTokenText::of([0xab; 32]);
        assert_eq!(token.expose(), format!("jbt_{}", "ab".repeat(32)));
        assert!(ApiTokenText::is_shape_of(token.expose()));
        assert_eq!(format!("{token:?}"), "[API token]");
        for other in ["", "jbt_", "jba_", &token.expose().to_uppercase(), &token.expose()[..67]] {
            assert!(!ApiTokenText::is_shape_of(other), "{other}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain_and_no_secret() {
        let long = "x".repeat(61);
        for good in ["ci", " ci deploy ", "Grafana/prod", "ärger", &long[..60]] {
            assert_eq!(good.parse::<ApiTokenName>().unwrap().as_str(), good.trim());
        }
        for bad in ["", "  ", "Admin", "a\nb", "a\u{202e}b", "<b>", "jbt_0", "jba_0", &long] {
            assert_eq!(bad.parse::<ApiTokenName>(), Err(InvalidTokenName), "{bad:?}");
        }
    }

    #[test]
    fn a_life_is_said_in_days_or_never() {
        assert_eq!("90d".parse(), Ok(Lifetime::USUAL));
        assert_eq!("never".parse(), Ok(Lifetime::Unlimited));
        for bad in ["", "90", "0d", "3651d", "-1d", "1h", "99999999999d"] {
            assert_eq!(bad.parse::<Lifetime>(), Err(InvalidLifetime), "{bad}");
        }
        let now: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        assert_eq!(Lifetime::Days(1).end(now).unwrap().to_string(), "2026-11-23 02:00:00 UTC");
    }
}

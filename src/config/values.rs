//! One setting's text to its type, the same way for file, environment and flags.
//!
//! A message says what is expected and repeats the text only where the text is no secret.

use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::units::{ByteSize, HumanDuration};
use super::{SecretSetting, UnknownRepositories, UnsignedWebhooks};
use crate::ids::AppId;
use crate::store::DatabaseUrl;

/// A type that a setting's text can become.
pub(super) trait Setting: Sized {
    /// What a person should write, to follow “expected”.
    const EXPECTED: &'static str;

    /// From a text that is not empty; the error is what to say instead.
    fn from_text(text: &str) -> Result<Self, String>;

    /// From a number without quotes, where that makes sense.
    fn from_integer(_: i64) -> Option<Result<Self, String>> {
        None
    }

    /// From `true` or `false` without quotes, where that makes sense.
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
}

/// A setting that may be unset: left out, or an empty text.
#[derive(Debug, Clone)]
pub(super) struct Set<T>(pub(super) Option<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Setting> Set<T> {
    /// Takes the text over whatever was set before; an empty one changes nothing.
    pub(super) fn replace_by(&mut self, text: &str) -> Result<(), String> {
        if !text.is_empty() {
            self.0 = Some(T::from_text(text)?);
        }
        Ok(())
    }
}

impl<'de, T: Setting> Deserialize<'de> for Set<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingVisitor(PhantomData))
    }
}

/// serde's own words for a wrong type repeat the value; these don't, since it may be a secret.
struct SettingVisitor<T>(PhantomData<T>);

impl<T: Setting> SettingVisitor<T> {
    fn refuse<E: Error>() -> E {
        E::custom(format_args!("expected {}", T::EXPECTED))
    }
}

impl<'de, T: Setting> Visitor<'de> for SettingVisitor<T> {
    type Value = Set<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Set<T>, E> {
        let mut set = Set(None);
        set.replace_by(text).map_err(E::custom)?;
        Ok(set)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Set<T>, E> {
        let value = T::from_integer(number).ok_or_else(Self::refuse::<E>)?;
        value.map(|v| Set(Some(v))).map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, word: bool) -> Result<Set<T>, E> {
        T::from_bool(word).map(|v| Set(Some(v))).ok_or_else(Self::refuse::<E>)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Set<T>, E> {
        Err(Self::refuse())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Set<T>, A::Error> {
        Err(Self::refuse())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Set<T>, A::Error> {
        Err(Self::refuse())
    }
}

/// What to say about a text that may be shown.
fn not(text: &str, expected: &str) -> String {
    format!("expected {expected}, not “{}”", text.escape_debug())
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an IP address and a port, such as 127.0.0.1:8080";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| not(text, Self::EXPECTED))
    }
}

impl Setting for uuid::Uuid {
    const EXPECTED: &'static str = "an id, such as ce59f358-8bb1-44d5-9060-9d2391371abf";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| not(text, Self::EXPECTED))
    }
}

/// `http://` or `https://`, a host, perhaps a path; kept without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpUrl(pub(super) String);

impl Setting for HttpUrl {
    const EXPECTED: &'static str =
        "an address that begins with http:// or https://, without user, password, ? or #";

    /// Not repeated on error: people write passwords into addresses.
    fn from_text(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let plain = |rest: &str| {
            !rest.is_empty()
                && !rest.starts_with(['/', ':'])
                && rest.chars().all(|c| c.is_ascii_graphic() && !"@?#\"<>\\^`{|}".contains(c))
        };
        if !rest.is_some_and(plain) {
            return Err(format!("expected {}", Self::EXPECTED));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a path in quotes";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl Setting for String {
    const EXPECTED: &'static str = "a text in quotes";

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Setting for AppId {
    const EXPECTED: &'static str = "a GitHub App's App ID or Client ID, such as 123456";

    /// It becomes part of what is signed and said.
    fn from_text(text: &str) -> Result<Self, String> {
        let is_one =
            text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        if is_one { Ok(Self::new(text)) } else { Err(not(text, Self::EXPECTED)) }
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

impl Setting for DatabaseUrl {
    const EXPECTED: &'static str = "sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("expected {}", Self::EXPECTED))
    }
}

impl Setting for SecretSetting {
    const EXPECTED: &'static str =
        "a secret in quotes: itself, env:NAME, file:/path or vault:KEY, several between commas";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("expected {}", Self::EXPECTED))
    }
}

impl Setting for HumanDuration {
    const EXPECTED: &'static str = "a whole number with its unit in quotes, such as \"10s\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}, not “{}”", text.escape_debug()))
    }
}

impl Setting for ByteSize {
    const EXPECTED: &'static str = "a number of bytes, or one with its unit, such as \"25MiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(Self(0)) | Err(_) => Err(not(text, Self::EXPECTED)),
            Ok(size) => Ok(size),
        }
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

/// `spool.max_bytes`: a size that may be 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpoolSize(pub(super) u64);

impl Setting for SpoolSize {
    const EXPECTED: &'static str = "0 or a number of bytes, or one with its unit, such as \"1GiB\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let size: ByteSize = text.parse().map_err(|_| not(text, Self::EXPECTED))?;
        Ok(Self(size.0 as u64))
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

/// How often something is done; 0 is never.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period(pub(super) Option<std::time::Duration>);

impl Setting for Period {
    const EXPECTED: &'static str = "0 or a time of at least 1m with its unit, such as \"6h\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim() == "0" {
            return Ok(Self(None));
        }
        match text.parse::<super::HumanDuration>() {
            Ok(period) if period.0 >= std::time::Duration::from_mins(1) => Ok(Self(Some(period.0))),
            _ => Err(not(text, Self::EXPECTED)),
        }
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

/// `workers`: one or more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workers(pub(super) usize);

impl Setting for Workers {
    const EXPECTED: &'static str = "a whole number from 1 to 1024";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(workers @ 1..=1024) => Ok(Self(workers)),
            _ => Err(not(text, Self::EXPECTED)),
        }
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

impl Setting for u32 {
    const EXPECTED: &'static str = "a whole number, 0 or more";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| not(text, Self::EXPECTED))
    }

    fn from_integer(number: i64) -> Option<Result<Self, String>> {
        Some(Self::from_text(&number.to_string()))
    }
}

impl Setting for UnsignedWebhooks {
    const EXPECTED: &'static str = "true or false";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(Self::Accept),
            "false" => Ok(Self::Refuse),
            _ => Err(not(text, Self::EXPECTED)),
        }
    }

    fn from_bool(word: bool) -> Option<Self> {
        Some(if word { Self::Accept } else { Self::Refuse })
    }
}

impl Setting for UnknownRepositories {
    const EXPECTED: &'static str = "\"reject\" or \"register\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "reject" => Ok(Self::Reject),
            "register" => Ok(Self::Register),
            _ => Err(not(text, Self::EXPECTED)),
        }
    }
}

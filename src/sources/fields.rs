//! Reads a remote payload's fields one by one, straight from its JSON text. Senders write what
//! they like, so the rule is: a field nobody asks for may hold anything (any depth, `1e999`, half
//! a surrogate pair), and a field that is asked for and has another type is a permanent failure
//! that names its path, never its content.
//!
//! A name that stands twice counts with its last value, as with the senders' own JSON libraries.
//! Text keeps every character but two that databases refuse: NUL and half a surrogate pair
//! become U+FFFD. Deliberately absent: a tree of the whole payload.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::clock::{Timestamp, to_micros};
use crate::config::GithubHost;
use crate::failure::Failure;

/// Longest id that is taken: ids stand in index keys.
pub(super) const LONGEST_ID: usize = 200;
/// More entries than any sender puts into one of the lists that we read.
const LONGEST_LIST: usize = 1000;

/// The wanted fields of one JSON object.
#[derive(Debug)]
pub(super) struct Object<'a> {
    path: Cow<'static, str>,
    wanted: &'static [&'static str],
    values: Vec<Option<&'a RawValue>>,
}

impl<'a> Object<'a> {
    /// Reads the `wanted` fields of the object that `json` is; the rest is only checked to be
    /// JSON. `Ok(None)` when it is JSON, but no object.
    pub(super) fn root(
        json: &'a str,
        wanted: &'static [&'static str],
    ) -> Result<Option<Self>, serde_json::Error> {
        if !json.trim_ascii_start().starts_with('{') {
            return serde_json::from_str::<IgnoredAny>(json).map(|_| None);
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let values = Pick(wanted).deserialize(&mut reader)?;
        reader.end()?;
        Ok(Some(Self { path: "".into(), wanted, values }))
    }

    /// Reads the `wanted` fields of `value`, which stands at `path`.
    pub(super) fn at(
        path: impl Into<Cow<'static, str>>,
        value: &'a RawValue,
        wanted: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let path = path.into();
        let mut reader = serde_json::Deserializer::from_str(value.get());
        match Pick(wanted).deserialize(&mut reader) {
            Ok(values) => Ok(Self { path, wanted, values }),
            Err(_) => Err(unexpected(&path, "an object", value)),
        }
    }

    /// The path of a field, for error texts.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether the field is there at all, `null` included.
    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// The field's value; a field that is `null`, or `"None"` as Python writes it, is none.
    pub(super) fn value(&self, name: &str) -> Option<&'a RawValue> {
        self.field(name).filter(|v| !matches!(v.get(), "null" | "\"None\""))
    }

    fn field(&self, name: &str) -> Option<&'a RawValue> {
        let index = self.wanted.iter().position(|w| *w == name);
        debug_assert!(index.is_some(), "{name} is not among the wanted fields");
        index.and_then(|i| self.values[i])
    }

    /// Free text, `"None"` and the empty text included.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.field(name).filter(|v| v.get() != "null") else { return Ok(None) };
        match text_of(value) {
            Some(text) => Ok(Some(text.into_owned())),
            None => Err(unexpected(&self.path_of(name), "text", value)),
        }
    }

    /// A word of some list, kept as it is; empty is none.
    pub(super) fn word(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match text_of(value) {
            Some(text) => Ok(Some(text.into_owned()).filter(|t| !t.is_empty())),
            None => Err(unexpected(&self.path_of(name), "text", value)),
        }
    }

    /// An id, written as text or as a whole number; empty is none.
    pub(super) fn id(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match id_of(value) {
            Some(id) => Ok(Some(id).filter(|id| !id.is_empty())),
            None => Err(unexpected(&self.path_of(name), EXPECTED_ID, value)),
        }
    }

    /// A whole number from 0, also written as text.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match id_of(value).and_then(|n| n.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(unexpected(&self.path_of(name), "a whole number", value)),
        }
    }

    /// An id of GitHub's.
    pub(super) fn github_id(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.number(name)? {
            Some(id) if !GithubHost::is_own_id(id) => Err(Failure::permanent(format!(
                "unreadable payload: {} is greater than any id of GitHub's",
                self.path_of(name)
            ))),
            id => Ok(id),
        }
    }

    /// A time with its offset, cut to microseconds in UTC.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match text_of(value).and_then(|text| time_of(&text)) {
            Some(time) => Ok(Some(time)),
            None => Err(unexpected(&self.path_of(name), "an RFC 3339 time with its offset", value)),
        }
    }

    /// The wanted fields of an object inside this one.
    pub(super) fn object(
        &self,
        name: &str,
        wanted: &'static [&'static str],
    ) -> Result<Option<Self>, Failure> {
        self.value(name).map(|value| Self::at(self.path_of(name), value, wanted)).transpose()
    }

    /// A list's entries with their paths, without the `null` ones.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<(String, &'a RawValue)>>, Failure> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let path = self.path_of(name);
        let mut reader = serde_json::Deserializer::from_str(value.get());
        let Ok(entries) = Entries.deserialize(&mut reader) else {
            return Err(unexpected(&path, "a list of at most 1000 entries", value));
        };
        let entries = entries.into_iter().enumerate().filter(|(_, v)| v.get() != "null");
        Ok(Some(entries.map(|(i, v)| (format!("{path}[{i}]"), v)).collect()))
    }
}

/// What an id has to be, for error texts.
pub(super) const EXPECTED_ID: &str =
    "an id (text of at most 200 bytes on one line, or a whole number)";

/// A permanent failure that names the place, what belongs there and what kind of thing is there.
pub(super) fn unexpected(path: &str, expected: &str, found: &RawValue) -> Failure {
    let kind = match found.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "other text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    };
    Failure::permanent(format!("unreadable payload: {path}: expected {expected}, found {kind}"))
}

/// A permanent failure for a field that must be there.
pub(super) fn missing(path: &str, expected: &str) -> Failure {
    Failure::permanent(format!("unreadable payload: {path} is missing: expected {expected}"))
}

/// A JSON string's text; `None` for anything else.
pub(super) fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(inner.into());
    }
    // Asked for as bytes, half a surrogate pair is no error: it comes as the three bytes that
    // UTF-8 would have for it.
    let mut reader = serde_json::Deserializer::from_str(value.get());
    Lenient.deserialize(&mut reader).ok().map(Cow::Owned)
}

/// An id that is text, or a whole number as it is written; `None` for anything else.
pub(super) fn id_of(value: &RawValue) -> Option<String> {
    let raw = value.get();
    let id = match text_of(value) {
        Some(text) => text.into_owned(),
        None if raw.bytes().all(|b| b.is_ascii_digit()) => raw.to_owned(),
        None => return None,
    };
    (id.len() <= LONGEST_ID && !id.contains(char::is_control)).then_some(id)
}

fn time_of(text: &str) -> Option<Timestamp> {
    let time = chrono::DateTime::parse_from_rfc3339(text.trim()).ok()?;
    // A leap second is written :60, which no database keeps: it is the next second's start.
    chrono::DateTime::from_timestamp_micros(to_micros(time.to_utc()).timestamp_micros())
}

/// The first `name` of the object that `value` is, reading no further than to it.
pub(super) fn first<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    struct First<'n, 'a>(&'n str, &'n mut Option<&'a RawValue>);

    impl<'a> Visitor<'a> for First<'_, 'a> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
            while let Some(hit) = map.next_key_seed(Key(std::slice::from_ref(&self.0)))? {
                if hit.is_some() {
                    *self.1 = Some(map.next_value()?);
                    return Ok(());
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(value.get());
    // Stopping early is an error to serde_json; what was found before it is all we want.
    let _ = reader.deserialize_map(First(name, &mut found));
    found
}

struct Pick(&'static [&'static str]);

impl<'a> DeserializeSeed<'a> for Pick {
    type Value = Vec<Option<&'a RawValue>>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Pick {
    type Value = Vec<Option<&'a RawValue>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(hit) = map.next_key_seed(Key(self.0))? {
            match hit {
                Some(i) => values[i] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// Which of the names a key is. Read as bytes, since half a surrogate pair in a key is an error
/// to `serde_json` otherwise.
struct Key<'n>(&'n [&'n str]);

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'a> Visitor<'a> for Key<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_borrowed_bytes<E: serde::de::Error>(self, key: &'a [u8]) -> Result<Self::Value, E> {
        if key.iter().any(|b| *b < 0x20) {
            return Err(E::custom("control character in a key"));
        }
        self.visit_bytes(key)
    }
    fn visit_bytes<E: serde::de::Error>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| name.as_bytes() == key))
    }
}

struct Entries;

impl<'a> DeserializeSeed<'a> for Entries {
    type Value = Vec<&'a RawValue>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Entries {
    type Value = Vec<&'a RawValue>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if entries.len() == LONGEST_LIST {
                return Err(serde::de::Error::custom("too many entries"));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

struct Lenient;

impl<'a> DeserializeSeed<'a> for Lenient {
    type Value = String;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Lenient {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<String, E> {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            // Half a pair is three wrong bytes, of which the first is always 0xED.
            if chunk.invalid().first() == Some(&0xED) {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if text.contains('\0') {
            text = text.replace('\0', "\u{FFFD}");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Object<'_> {
        Object::root(json, &["a", "b"]).unwrap().unwrap()
    }

    #[test]
    fn the_last_of_two_equal_names_counts() {
        assert_eq!(read(r#"{"a":"1","a":"2"}"#).text("a").unwrap().as_deref(), Some("2"));
        assert_eq!(read(r#"{"a":"1","\u0061":"2"}"#).text("a").unwrap().as_deref(), Some("2"));
    }

    #[test]
    fn half_a_surrogate_pair_and_nul_become_the_replacement_character() {
        for (json, text) in [
            (r#"{"a":"x\ud83dy"}"#, "x\u{FFFD}y"),
            (r#"{"a":"\ude80\ud83d"}"#, "\u{FFFD}\u{FFFD}"),
            (r#"{"a":"\ud83d\ude80"}"#, "🚀"),
            (r#"{"a":"\ud83dé\n"}"#, "\u{FFFD}é\n"),
            (r#"{"a":"\u0000z"}"#, "\u{FFFD}z"),
        ] {
            assert_eq!(read(json).text("a").unwrap().as_deref(), Some(text), "{json}");
        }
        assert_eq!(read(r#"{"\ud800":1,"b":7}"#).id("b").unwrap().as_deref(), Some("7"));
    }

    #[test]
    fn what_is_not_asked_for_may_hold_anything() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let json = format!(r#"{{"x":1e999,"y":"\ud800","z":{deep},"a":"ok"}}"#);
        assert_eq!(read(&json).text("a").unwrap().as_deref(), Some("ok"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for json in [
            "",
            " ",
            "{",
            "{}x",
            "{\"a\":01}",
            "{'a':1}",
            "[1,]",
            "nul",
            "{\"a\nb\":1}",
            "\u{feff}{}",
        ] {
            assert!(Object::root(json, &["a"]).is_err(), "{json:?}");
        }
        for json in ["1e999", "\"\\ud800\"", "null", "[[[]]]", " true "] {
            assert!(Object::root(json, &["a"]).unwrap().is_none(), "{json:?}");
        }
    }

    #[test]
    fn a_time_may_have_any_offset_and_loses_what_is_below_a_microsecond() {
        let time = |text: &str| time_of(text).map(|t| t.to_rfc3339());
        assert_eq!(
            time("2026-11-22T06:14:16.0303729+05:30").unwrap(),
            "2026-11-22T00:44:16.030372+00:00"
        );
        assert_eq!(time("2026-12-31T23:59:60Z").unwrap(), "2027-01-01T00:00:00+00:00");
        assert_eq!(time("2026-11-22 00:44:16+00:00").unwrap(), "2026-11-22T00:44:16+00:00");
        assert_eq!(time("2026-11-22T00:44:16"), None);
    }

    #[test]
    fn an_id_is_text_or_a_whole_number_of_bounded_length() {
        let id = |json: &str| read(json).id("a");
        assert_eq!(
            id(r#"{"a":12345678901234567890123}"#).unwrap().unwrap(),
            "12345678901234567890123"
        );
        assert_eq!(id(r#"{"a":""}"#).unwrap(), None);
        assert_eq!(id(r#"{"a":"None"}"#).unwrap(), None);
        for json in [r#"{"a":1.5}"#, r#"{"a":-1}"#, r#"{"a":1e9}"#, r#"{"a":true}"#, r#"{"a":[]}"#]
        {
            assert!(id(json).is_err(), "{json}");
        }
        assert!(id(&format!(r#"{{"a":"{}"}}"#, "x".repeat(201))).is_err());
    }

    #[test]
    fn a_failure_names_the_path_and_not_the_content() {
        let json = r#"{"a":{"b":"a secret"}}"#;
        let inner = read(json).object("a", &["b"]).unwrap().unwrap();
        let Failure::Permanent { reason } = inner.number("b").unwrap_err() else { panic!() };
        assert_eq!(reason, "unreadable payload: a.b: expected a whole number, found other text");
    }
}

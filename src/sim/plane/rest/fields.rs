//! A request's body, field by field, with Plane's words for what is wrong with it.

use std::fmt;

use chrono::NaiveDate;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

use super::Call;
use crate::sim::plane::answer::Answer;

/// The fields as they were sent, in their order: webhooks are sent in it.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Value)>);

/// A field that may be left out or be nothing.
pub(super) type Maybe<T> = Option<Option<T>>;

/// Longest name and external id, in code points.
const LONGEST_TEXT: usize = 255;

impl Fields {
    /// The body of a request.
    pub fn of(call: &Call) -> Result<Self, Answer> {
        if call.body.is_empty() {
            return Ok(Self::default());
        }
        let kind = call.content_type.split(';').next().unwrap_or_default().trim();
        match kind {
            "application/json" => serde_json::from_slice(&call.body).map_err(|error| {
                Answer::bad_request_detail(&format!(
                    "JSON parse error - Expecting value: line {} column {} (char 0)",
                    error.line(),
                    error.column()
                ))
            }),
            "application/x-www-form-urlencoded" => {
                let pairs = form_urlencoded::parse(&call.body).into_owned();
                Ok(Self(pairs.map(|(name, value)| (name, Value::String(value))).collect()))
            }
            other => Err(Answer::wrong_media_type(other)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Text that is not blank, trimmed.
    pub fn name(&self, field: &str) -> Result<Option<String>, Answer> {
        match self.text(field)? {
            None => Ok(None),
            Some(None) => Err(Answer::field(field, "This field may not be null.")),
            Some(Some(text)) if text.is_empty() => {
                Err(Answer::field(field, "This field may not be blank."))
            }
            Some(Some(text)) => short(field, text).map(Some),
        }
    }

    /// Text of any length, trimmed; nothing in it is allowed.
    pub fn free_text(&self, field: &str) -> Result<Option<String>, Answer> {
        match self.text(field)? {
            Some(None) => Err(Answer::field(field, "This field may not be null.")),
            other => Ok(other.flatten()),
        }
    }

    /// Short text or null; a number counts as its digits.
    pub fn short_text(&self, field: &str) -> Result<Maybe<String>, Answer> {
        match self.text(field)? {
            Some(Some(text)) => short(field, text).map(|text| Some(Some(text))),
            other => Ok(other),
        }
    }

    fn text(&self, field: &str) -> Result<Maybe<String>, Answer> {
        let text = match self.value(field) {
            None => return Ok(None),
            Some(Value::Null) => return Ok(Some(None)),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(Answer::field(field, "Not a valid string.")),
        };
        if text.contains('\0') {
            return Err(Answer::field(field, "Null characters are not allowed."));
        }
        Ok(Some(Some(text)))
    }

    /// One of several words.
    pub fn choice(&self, field: &str, words: &[&str]) -> Result<Option<String>, Answer> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Null) => Err(Answer::field(field, "This field may not be null.")),
            Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(Some(word.clone())),
            Some(other) => {
                let shown = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                Err(Answer::field(field, format!("\"{shown}\" is not a valid choice.")))
            }
        }
    }

    pub fn flag(&self, field: &str) -> Result<Option<bool>, Answer> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Answer::field(field, "Must be a valid boolean.")),
        }
    }

    pub fn number(&self, field: &str) -> Result<Option<u64>, Answer> {
        match self.value(field) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(Answer::field(field, "A valid integer is required.")),
            },
        }
    }

    /// `2026-11-22`, or null.
    pub fn date(&self, field: &str) -> Result<Maybe<String>, Answer> {
        let wrong = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.";
        match self.value(field) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(day)) if day.parse::<NaiveDate>().is_ok() => {
                Ok(Some(Some(day.clone())))
            }
            Some(_) => Err(Answer::field(field, wrong)),
        }
    }

    /// The id of something that exists, or null.
    pub fn reference(
        &self,
        field: &str,
        exists: impl Fn(Uuid) -> bool,
    ) -> Result<Maybe<Uuid>, Answer> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => key_of(value, exists)
                .map(|id| Some(Some(id)))
                .map_err(|words| Answer::field(field, words)),
        }
    }

    /// Ids of things that exist, each once.
    pub fn references(
        &self,
        field: &str,
        exists: impl Fn(Uuid) -> bool,
    ) -> Result<Option<Vec<Uuid>>, Answer> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let Some(values) = value.as_array() else {
            return Err(Answer::field(field, "Expected a list of items."));
        };
        let mut ids = Vec::with_capacity(values.len());
        for (at, value) in values.iter().enumerate() {
            let id = key_of(value, &exists).map_err(|words| Answer::entry(field, at, words))?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(Some(ids))
    }
}

fn short(field: &str, text: String) -> Result<String, Answer> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(Answer::field(field, "Ensure this field has no more than 255 characters."));
    }
    Ok(text)
}

fn key_of(value: &Value, exists: impl Fn(Uuid) -> bool) -> Result<Uuid, String> {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let id = Uuid::try_parse(&shown).map_err(|_| format!("“{shown}” is not a valid UUID."))?;
    if exists(id) { Ok(id) } else { Err(format!("Invalid pk \"{id}\" - object does not exist.")) }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Fields(pairs))
            }
        }

        from.deserialize_map(Pairs)
    }
}

//! Query parameters, each read once and by name. An empty one counts as not given, as HTML forms
//! send those; one that is left over at the end was not known.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use chrono::{DateTime, Datelike};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::clock::{Timestamp, to_micros};
use crate::web::error::{Problem, ProblemKind};

/// Rows on a page that does not say how many.
pub(super) const USUAL_LIMIT: usize = 50;
/// Rows on the longest page.
pub(super) const MOST_LIMIT: usize = 200;
/// Longest value of a filter, in characters.
const LONGEST: usize = 1000;

/// The parameters of one request that have not been read yet.
#[derive(Debug)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// From a query, still encoded.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if value.contains('\0') || name.contains('\0') {
                return Err(Problem::new(
                    ProblemKind::BadRequest,
                    "A parameter holds a NUL: leave it out.",
                ));
            }
            insert(&mut parameters, name.into_owned(), value.into_owned())?;
        }
        Ok(Self(parameters))
    }

    /// From the members of a JSON object whose values are texts (or a number, for `limit`, or true
    /// and false).
    pub(super) fn from_json(body: &[u8]) -> Result<Self, Problem> {
        let Members(members) = serde_json::from_slice(body).map_err(|_| {
                let detail = "The body is not a JSON object: send the filter as one, such as {\"status\":\"failed\"}.";
                Problem::new(ProblemKind::BadRequest, detail)
            })?;
        let mut parameters = BTreeMap::new();
        for (name, value) in members {
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) if !text.contains('\0') => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(truth) => truth.to_string(),
                _ => return Err(Problem::bad_parameter(name, "expected a text")),
            };
            insert(&mut parameters, name, text)?;
        }
        Ok(Self(parameters))
    }

    /// A text, as it is.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let value = self.raw(name);
        if value.as_ref().is_some_and(|v| v.chars().count() > LONGEST) {
            let expected = format!("expected at most {LONGEST} characters");
            return Err(Problem::bad_parameter(name, expected));
        }
        Ok(value)
    }

    /// A word of a closed list.
    pub(super) fn word<T: FromStr<Err: Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let text = self.text(name)?;
        text.map(|t| t.parse().map_err(|error| Problem::bad_parameter(name, error))).transpose()
    }

    /// A moment.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let time = DateTime::parse_from_rfc3339(&text).ok().map(|t| to_micros(t.to_utc()));
        // A year outside can't be stored and would not compare as text.
        let expected = "expected an RFC 3339 time such as 2026-11-22T01:00:00Z (write + as %2B)";
        match time.filter(|t| (0..=9999).contains(&t.year())) {
            Some(time) => Ok(Some(time)),
            None => Err(Problem::bad_parameter(name, expected)),
        }
    }

    /// Whether something is asked for: `true` or `false`; not given is `false`.
    pub(super) fn is_set(&mut self, name: &str) -> Result<bool, Problem> {
        match self.raw(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad_parameter(name, "expected true or false")),
        }
    }

    /// How many rows, at most `most`.
    pub(super) fn limit(&mut self, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.raw("limit") else { return Ok(usual) };
        match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => {
                let expected = format!("expected a whole number from 1 to {most}");
                Err(Problem::bad_parameter("limit", expected))
            }
        }
    }

    /// Where the page starts: the time and id of the row before it.
    pub(super) fn cursor(&mut self) -> Result<Option<(Timestamp, String)>, Problem> {
        self.raw("cursor").map(|cursor| super::cursor::decode(&cursor)).transpose()
    }

    /// Nothing else may have been given; `known` is for the message.
    pub(super) fn finish(self, known: &str) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            Some(name) => {
                let detail = format!("is not known here: known are {known}");
                Err(Problem::bad_parameter(name.chars().take(100).collect::<String>(), detail))
            }
            None => Ok(()),
        }
    }

    fn raw(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }
}

fn insert(
    parameters: &mut BTreeMap<String, String>,
    name: String,
    value: String,
) -> Result<(), Problem> {
    if parameters.contains_key(&name) {
        return Err(Problem::bad_parameter(name, "is given twice: give it once"));
    }
    parameters.insert(name, value);
    Ok(())
}

/// The members of a JSON object, repeated names too, of which a map would keep the last.
struct Members(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

//! What an address asks for after its `?`, and addresses that ask for a little more or less.
//!
//! A field left empty is a field not set, as forms send them; of a repeated field the first
//! counts, but where a page asks for all of them. What can't be understood is said, never dropped in silence.
//! There is a limit to how much may be asked for, far above what any page of ours sends: databases
//! take only so long a pattern and so many values.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{Datelike, NaiveDateTime};

use super::{Problem, ProblemKind};
use crate::board::cut;
use crate::clock::{Timestamp, to_micros};

/// Fields of one address or form, at most.
const MOST: usize = 300;
/// Characters of one value, at most, as in the API.
const LONGEST: usize = 1_000;

/// The fields of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let refused = |detail| Err(Problem::new(ProblemKind::BadRequest, detail));
        let sent = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        for (i, (name, value)) in sent.enumerate() {
            if i == MOST {
                return refused(format!(
                    "There may be at most {MOST} fields: ask for less at once"
                ));
            }
            // PostgreSQL has no such text, so nothing stored can match it.
            if value.contains('\0') {
                return refused(format!("“{}” holds a NUL character", cut(&name, 60)));
            }
            let value = value.trim();
            if value.chars().count() > LONGEST {
                let name = cut(&name, 60);
                return refused(format!(
                    "“{name}” is longer than {LONGEST} characters: shorten it"
                ));
            }
            if !value.is_empty() && fields.iter().all(|(n, v)| *n != name || v != value) {
                fields.push((name.into_owned(), value.to_owned()));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    }

    /// All values of a field that may be repeated.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }

    /// The fields of these names as a query, always in the same order.
    pub(super) fn canonical(&self, names: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for name in names {
            let mut values = self.all(name);
            values.sort();
            for value in values {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }

    /// One of a closed list of words.
    pub(super) fn word<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display>,
    {
        let parse = |text: String| {
            text.parse().map_err(|error| {
                Problem::new(ProblemKind::BadRequest, format!("“{name}”: {error}"))
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// A moment: with a zone, or without one as a form's field has it, which is then UTC.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let zoned = chrono::DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc()).ok();
        let plain = || {
            ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
                .iter()
                .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
                .map(|time| time.and_utc())
        };
        // A year outside can't be stored and would not compare as text.
        match zoned.or_else(plain).filter(|time| (0..=9999).contains(&time.year())) {
            Some(time) => Ok(Some(to_micros(time))),
            None => Err(Problem::new(
                ProblemKind::BadRequest,
                format!("“{name}” is not a time: write it like 2026-11-22T01:00 (UTC)"),
            )),
        }
    }

    /// `path` with these fields and `changes` on top; `None` takes a field away.
    pub(super) fn link(&self, path: &str, changes: &[(&str, Option<&str>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kept = self.0.iter().filter(|(name, _)| changes.iter().all(|(c, _)| c != name));
        query.extend_pairs(kept);
        query.extend_pairs(changes.iter().filter_map(|(name, value)| Some((name, (*value)?))));
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// Whether any of `names` is set.
    pub(super) fn any(&self, names: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| names.contains(&name.as_str()))
    }
}

/// A list to choose from, as a form shows it.
pub(super) struct Picker {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What it says while nothing is chosen.
    pub(super) any: &'static str,
    pub(super) choices: Vec<Choice>,
}

/// One of its entries.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) chosen: bool,
}

impl Picker {
    /// What is chosen stays in the list even where the list doesn't have it.
    pub(super) fn new(
        name: &'static str,
        label: &'static str,
        any: &'static str,
        choices: impl IntoIterator<Item = (String, String)>,
        params: &Params,
    ) -> Self {
        let wanted = params.text(name);
        let mut choices: Vec<Choice> = choices
            .into_iter()
            .map(|(value, text)| Choice {
                chosen: wanted.as_deref() == Some(value.as_str()),
                value,
                text,
            })
            .collect();
        if let Some(value) = wanted.filter(|_| choices.iter().all(|c| !c.chosen)) {
            choices.push(Choice { text: value.clone(), value, chosen: true });
        }
        Self { name, label, any, choices }
    }

    pub(super) fn is_set(&self) -> bool {
        self.choices.iter().any(|choice| choice.chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_is_not_set_and_the_first_of_two_counts() {
        let params = Params::read(Some("q=&label=a%26b&label=c&x=+y+")).unwrap();
        assert_eq!(params.text("q"), None);
        assert_eq!(params.text("label").as_deref(), Some("a&b"));
        assert_eq!(params.text("x").as_deref(), Some("y"));
    }

    #[test]
    fn a_link_changes_what_it_is_told_and_keeps_the_rest() {
        let params = Params::read(Some("label=a%26b&state_group=started")).unwrap();
        let link = params.link("/boards", &[("state_group", Some("backlog"))]);
        assert_eq!(link, "/boards?label=a%26b&state_group=backlog");
        assert_eq!(params.link("/boards", &[("label", None), ("state_group", None)]), "/boards");
    }

    #[test]
    fn a_time_without_a_zone_is_utc_and_nonsense_is_said() {
        let time = |text: &str| Params::read(Some(&format!("since={text}"))).unwrap().time("since");
        let expected: Timestamp = "2026-11-22T01:00:00Z".parse().unwrap();
        for text in ["2026-11-22T01:00", "2026-11-22T01:00:00Z", "2026-11-22T02:00:00%2B01:00"] {
            assert_eq!(time(text).unwrap(), Some(expected), "{text}");
        }
        assert!(time("yesterday").unwrap_err().detail.contains("“since” is not a time"));
    }

    #[test]
    fn a_year_that_no_database_compares_is_no_time() {
        for year in ["-9999", "-0001", "%2B10000", "%2B12000"] {
            let params = Params::read(Some(&format!("since={year}-01-01T00:00"))).unwrap();
            assert!(params.time("since").is_err(), "{year}");
        }
        let zoned = Params::read(Some("since=9999-12-31T23:59:59-01:00")).unwrap();
        assert!(zoned.time("since").is_err(), "in UTC it is the year 10000");
        let first = Params::read(Some("since=0000-01-01T00:00")).unwrap();
        assert!(first.time("since").is_ok());
    }

    #[test]
    fn there_are_at_most_three_hundred_fields_of_a_thousand_characters() {
        let fields = |count: usize| "f=x&".repeat(count);
        assert!(Params::read(Some(&fields(300))).is_ok());
        let refused = Params::read(Some(&fields(301))).unwrap_err();
        assert!(refused.detail.contains("at most 300 fields"), "{}", refused.detail);
        let q = |length: usize| format!("q={}", "ä".repeat(length));
        assert!(Params::read(Some(&q(1_000))).is_ok());
        let refused = Params::read(Some(&q(1_001))).unwrap_err();
        assert!(
            refused.detail.contains("“q” is longer than 1000 characters"),
            "{}",
            refused.detail
        );
    }

    #[test]
    fn a_nul_is_refused() {
        assert!(Params::read(Some("q=%00")).is_err());
    }
}

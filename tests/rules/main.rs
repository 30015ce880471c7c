//! Filters and rules: the language, what is refused and where, what they make of issues, and every
//! example of the documents.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod document;
mod language;
mod limits;
mod refusals;
mod samples;
mod verdicts;

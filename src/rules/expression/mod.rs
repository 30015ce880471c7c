//! One expression: read and checked once, reckoned for every event.
//!
//! The language is CEL's, in the part that facts of ours need: true and false, whole numbers,
//! texts, lists of them. The rule: whatever can be wrong is found when it is read (grammar, names,
//! types, patterns), with its place; what is left can only fail on a place that a list does not
//! have, a number that is too large, or the limit of work, and says so.
//!
//! It is our own and no crate's: the crate `cel` (0.15) checks no types, has no limit of work,
//! compiles each pattern for each event anew, and ends the whole process on two thousand opening
//! brackets. Everything of it would stand behind this module, too.

mod calls;
mod check;
mod reckon;
mod syntax;
mod tokens;

use std::fmt;

use super::Facts;
pub(super) use check::Type;
use check::{Checker, Node};
pub use reckon::Fault;
use reckon::{Reckoning, Value};

/// The longest expression, in bytes.
pub const LONGEST: usize = 4_000;
/// The most names, values and operators in one expression.
const MOST_PARTS: usize = 400;

/// What an expression may speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What happened: `event`, `action`, `sender`, `comment`, and the state after it.
    Event,
    /// The state alone: `issue` and `repository`.
    State,
}

/// What an expression is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// True or false.
    Truth,
    /// One text.
    Text,
    /// A list of texts.
    Texts,
}

/// Why an expression is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", place(*line, *column))]
pub struct Refused {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

fn place(line: usize, column: usize) -> String {
    if line == 1 { format!("column {column}") } else { format!("line {line} column {column}") }
}

impl Refused {
    fn at(source: &str, at: usize, why: impl Into<String>) -> Self {
        let before = source.get(..at).unwrap_or(source);
        let line_begins = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_begins..].chars().count(),
            why: why.into(),
        }
    }
}

/// An expression that was read and checked.
#[derive(Clone)]
pub struct Expression {
    source: String,
    node: Node,
}

impl Expression {
    /// Reads and checks a text.
    ///
    /// # Errors
    /// When it is none that comes to what is wanted, with the place.
    pub fn read(source: &str, scope: Scope, wanted: Wanted) -> Result<Self, Refused> {
        if source.len() > LONGEST {
            let why = format!("it is longer than {LONGEST} bytes: make several rules of it");
            return Err(Refused::at(source, 0, why));
        }
        let tree = syntax::parse(source)?;
        let node = Checker::new(source, scope).whole(&tree, wanted)?;
        Ok(Self { source: source.to_owned(), node })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text that it comes to whatever the facts are, if it is one.
    pub fn constant_text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every text that it may come to, where they all stand in it: one text, or a choice between
    /// such; else `None`.
    pub fn outcomes(&self) -> Option<Vec<&str>> {
        fn all<'a>(node: &'a Node, texts: &mut Vec<&'a str>) -> Option<()> {
            match node {
                Node::Text(text) => texts.push(text),
                Node::Choice(parts) => {
                    all(&parts[1], texts)?;
                    all(&parts[2], texts)?;
                }
                _ => return None,
            }
            Some(())
        }
        let mut texts = Vec::new();
        all(&self.node, &mut texts).map(|()| texts)
    }

    /// What it comes to, for one that was read as [`Wanted::Truth`].
    ///
    /// # Errors
    /// When it can't be reckoned for these facts.
    pub fn truth(&self, facts: &Facts) -> Result<bool, Fault> {
        match Reckoning::new(facts).of(&self.node)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(Fault::Bug),
        }
    }

    /// What it comes to, for one that was read as [`Wanted::Text`].
    ///
    /// # Errors
    /// When it can't be reckoned for these facts.
    pub fn text(&self, facts: &Facts) -> Result<String, Fault> {
        match Reckoning::new(facts).of(&self.node)? {
            Value::Text(text) => Ok(text.into_owned()),
            _ => Err(Fault::Bug),
        }
    }

    /// What it comes to, for one that was read as [`Wanted::Texts`].
    ///
    /// # Errors
    /// When it can't be reckoned for these facts.
    pub fn texts(&self, facts: &Facts) -> Result<Vec<String>, Fault> {
        let Value::List(values) = Reckoning::new(facts).of(&self.node)? else {
            return Err(Fault::Bug);
        };
        let text = |value: &Value<'_>| match value {
            Value::Text(text) => Ok(text.to_string()),
            _ => Err(Fault::Bug),
        };
        values.iter().map(text).collect()
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

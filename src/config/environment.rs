//! The process's environment, taken once and handed on, so that a test can say what it holds.
//!
//! It never prints a value: any of them may be a secret.

use std::collections::BTreeMap;
use std::fmt;

/// Variables and their values; those that are not readable text are known by name only.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// What the process was started with.
    pub fn of_process() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        Self { values: values.collect() }
    }

    /// The variable's value; an empty one counts as unset.
    ///
    /// # Errors
    /// When the value is not UTF-8 text.
    pub fn read(&self, name: &str) -> Result<Option<&str>, NotText> {
        match self.values.get(name) {
            None => Ok(None),
            Some(None) => Err(NotText),
            Some(Some(value)) => Ok(Some(value.as_str()).filter(|v| !v.is_empty())),
        }
    }

    /// The names of all variables that begin with `prefix`.
    pub fn names_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.keys().map(String::as_str).filter(move |name| name.starts_with(prefix))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        Self { values: pairs.collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} variable(s)]", self.values.len())
    }
}

/// The variable's value is not UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not readable text: write it in UTF-8")]
pub struct NotText;

//! The file's text, and what is wrong with it in words that name line, key and remedy.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::Layer;

pub(super) fn parse(text: &str, path: &Path) -> Result<Layer, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let table = DeTable::parse(text).ok();
        let repository = table.as_ref().and_then(|table| repository_at(table.get_ref(), &span));
        let of = repository.map(|name| format!("of {name}: ")).unwrap_or_default();
        ConfigError::Line {
            path: path.to_owned(),
            line: 1 + text.get(..span.start).unwrap_or(text).matches('\n').count(),
            key: table.and_then(|table| key_at(table.get_ref(), &span)),
            why: format!("{of}{}", in_our_words(error.message())),
        }
    })
}

/// One line, without the value that serde repeats: it may be a secret at the wrong place.
fn in_our_words(message: &str) -> String {
    let message = message.replace('\n', " ");
    let wrong_type = message.starts_with("invalid type") || message.starts_with("invalid value");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if wrong_type => format!("expected {expected}"),
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

/// The dotted name of the innermost key whose name or value holds the span.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, span),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| item.get_ref().as_table())
                .find_map(|table| key_at(table, span)),
            _ => None,
        };
        let name = key.get_ref();
        inner
            .map(|inner| format!("{name}.{inner}"))
            .or_else(|| (holds(key.span()) || holds(value.span())).then(|| name.to_string()))
    })
}

/// The name of the repository in whose filter or rules the span is: they are long enough to lose
/// sight of it.
fn repository_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let DeValue::Array(repositories) = table.get("repositories")?.get_ref() else { return None };
    let tables = repositories.iter().filter_map(|repository| repository.get_ref().as_table());
    let mut of_rules = tables.filter(|table| {
        let values = ["filter", "rules"].into_iter().filter_map(|key| table.get(key));
        values.into_iter().any(|value| match value.get_ref() {
            DeValue::Array(rules) => rules
                .iter()
                .filter_map(|rule| rule.get_ref().as_table())
                .any(|rule| holds(value.span()) || key_at(rule, span).is_some()),
            _ => holds(value.span()),
        })
    });
    Some(of_rules.next()?.get("name")?.get_ref().as_str()?.to_owned())
}

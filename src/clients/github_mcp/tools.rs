//! Which tool does what, chosen from what the server lists: by name and by the shape of its
//! input, one operation at a time. Versions are no guide: old and new names have stood side by
//! side, and different servers give the same name.

use serde_json::{Map, Value};

use super::super::github::Fidelity;

/// What the issue's and comments' tools may demand without our knowing it for something else.
const UNDERSTOOD: [&str; 7] =
    ["owner", "repo", "issue_number", "method", "page", "perPage", "per_page"];

/// A tool, as it is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) tool: String,
    /// For tools that do several things.
    pub(super) method: Option<&'static str>,
    /// The name of the argument for the size of a page; none where there is but one page.
    pub(super) page_size: Option<&'static str>,
    /// Whether it passes text on as it is.
    pub(super) fidelity: Fidelity,
}

/// What the server can do for us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Operations {
    pub(super) issue: Option<Operation>,
    pub(super) comments: Option<Operation>,
    pub(super) who_am_i: Option<Operation>,
}

impl Operations {
    /// What it can't do, in words, with the tools that would.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let all = [
            (&self.issue, READ_ISSUES),
            (&self.comments, READ_COMMENTS),
            (&self.who_am_i, WHO_AM_I),
        ];
        all.into_iter().filter(|(operation, _)| operation.is_none()).map(|(_, what)| what).collect()
    }
}

/// What is said where no tool reads an issue.
pub(super) const READ_ISSUES: &str = "reading an issue (get_issue, or issue_read with get)";
/// What is said where no tool reads comments.
pub(super) const READ_COMMENTS: &str =
    "reading comments (get_issue_comments, or issue_read with get_comments)";
/// What is said where no tool tells whose token it is.
pub(super) const WHO_AM_I: &str = "telling whose token it is (get_me)";

/// Chooses from the listed tools, each a name and its input's schema.
pub(super) fn choose<'a>(
    tools: impl IntoIterator<Item = (&'a str, &'a Map<String, Value>)>,
) -> Operations {
    let mut chosen = Operations::default();
    for (name, schema) in tools {
        // Servers that have `issue_read` alter text; those that have `get_issue` do not.
        let plain = |fidelity| operation(name, schema, None, fidelity);
        let by_method = |method| operation(name, schema, Some(method), Fidelity::Altered);
        match name {
            "get_issue" => chosen.issue = plain(Fidelity::Verbatim).or(chosen.issue),
            "get_issue_comments" => {
                chosen.comments = plain(Fidelity::Verbatim).or(chosen.comments);
            }
            "issue_read" => {
                chosen.issue = chosen.issue.or_else(|| by_method("get"));
                chosen.comments = chosen.comments.or_else(|| by_method("get_comments"));
            }
            "get_me" => {
                chosen.who_am_i = Some(Operation {
                    tool: name.to_owned(),
                    method: None,
                    page_size: None,
                    fidelity: Fidelity::Verbatim,
                });
            }
            _ => {}
        }
    }
    chosen
}

/// The tool as an operation on an issue; none where its input is not what we know.
fn operation(
    name: &str,
    schema: &Map<String, Value>,
    method: Option<&'static str>,
    fidelity: Fidelity,
) -> Option<Operation> {
    let properties = schema.get("properties")?.as_object()?;
    let has = |key: &str| properties.contains_key(key);
    let demanded = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let strange = demanded.filter_map(Value::as_str).any(|key| !UNDERSTOOD.contains(&key));
    if strange || !["owner", "repo", "issue_number"].into_iter().all(has) {
        return None;
    }
    let methods = properties.get("method").and_then(|m| m.get("enum")).and_then(Value::as_array);
    match (method, methods) {
        (None, None) => {}
        (Some(method), Some(methods)) if methods.iter().any(|m| m == method) => {}
        (Some(_), _) | (None, Some(_)) => return None,
    }
    let page_size = match (has("page"), has("perPage"), has("per_page")) {
        (true, true, _) => Some("perPage"),
        (true, false, true) => Some("per_page"),
        _ => None,
    };
    Some(Operation { tool: name.to_owned(), method, page_size, fidelity })
}

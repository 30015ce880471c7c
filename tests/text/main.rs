//! Text that crosses over: what Plane makes of HTML, and what we make of GitHub's Markdown.
//!
//! The fixtures are answers of a running Plane: what was sent, and what it stored.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod generated;
mod merging;
mod rendering;
mod stored;
mod titles;

/// A recorded write.
struct Pair {
    id: String,
    markdown: Option<String>,
    html: String,
    /// `None` where Plane refused.
    stored: Option<String>,
    /// What a second write of the stored form was stored as, where it differs.
    again: Option<String>,
}

/// The pairs of one recording, `tests/fixtures/plane/<name>.jsonl`.
fn pairs(name: &str) -> Vec<Pair> {
    let path = format!("{}/tests/fixtures/plane/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let pairs: Vec<Pair> = text.split('\n').filter(|line| !line.is_empty()).map(pair).collect();
    assert!(!pairs.is_empty(), "{name} holds no pair: the test would hold for nothing");
    pairs
}

fn pair(line: &str) -> Pair {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| value[key].as_str().map(String::from);
    Pair {
        id: text("id").unwrap(),
        markdown: text("markdown"),
        html: text("html").unwrap(),
        stored: text("plane_description_html"),
        again: text("plane_again"),
    }
}

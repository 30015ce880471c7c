//! The house's rules, read off its own source: who may name which crate, what stays pure, and
//! that ARCHITECTURE.md points at tests that exist.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder (or the file itself), with their text.
fn sources(below: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root().join(below)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{below} holds no Rust file: the rule would hold for nothing");
    found
}

/// The lines of code that hold `word` as a path's beginning, comments aside.
fn lines_naming<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let begins = |line: &str, at: usize| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"')
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .filter(|line| line.match_indices(word).any(|(at, _)| begins(line, at)))
        .collect()
}

/// Outside of `rooms` nobody says `word`.
fn only_in(word: &str, rooms: &[&str]) {
    let mut inside = 0;
    for (file, text) in sources("src") {
        let lines = lines_naming(&text, word);
        if rooms.iter().any(|room| file.starts_with(room)) {
            inside += lines.len();
        } else {
            assert!(lines.is_empty(), "{file} names {word}, which only {rooms:?} may: {lines:?}");
        }
    }
    assert!(inside > 0, "nobody names {word} any more: the rule is out of date");
}

#[test]
fn only_the_store_names_sqlx() {
    only_in("sqlx::", &["src/store/"]);
}

#[test]
fn only_the_web_names_axum_and_hyper() {
    only_in("axum::", &["src/web/", "src/sim/"]);
    only_in("hyper::", &["src/web/", "src/sim/"]);
}

#[test]
fn only_clients_name_reqwest() {
    only_in("reqwest::", &["src/clients/"]);
}

#[test]
fn only_the_mcp_client_names_rmcp() {
    only_in("rmcp::", &["src/clients/github_mcp/"]);
}

#[test]
fn only_the_clock_asks_for_the_time() {
    only_in("Utc::now", &["src/clock.rs"]);
}

#[test]
fn only_sources_make_a_verified_delivery() {
    only_in("Verified {", &["src/sources/"]);
}

#[test]
fn pure_modules_do_no_io_and_see_no_clock() {
    let pure = [
        "src/sources/plane/normalize.rs",
        "src/sources/plane/payload.rs",
        "src/sources/github/normalize.rs",
        "src/sources/github/payload.rs",
        "src/sources/github/payload",
        "src/access",
        "src/work_items",
        "src/comments.rs",
        "src/board",
        "src/drift",
        "src/sources/plane/found.rs",
        "src/sources/github/found.rs",
        "src/alarms.rs",
        "src/recovery.rs",
        "src/figures.rs",
        "src/queue/retry.rs",
        "src/queue/turns.rs",
        "src/rules",
        "src/sources/github/facts.rs",
        "src/quota",
        "src/canary.rs",
        "src/timeline.rs",
        "src/sync",
        "src/demo/script",
    ];
    let impure = [
        "async ",
        "tokio::",
        "std::fs",
        "std::net",
        "std::env",
        "Clock",
        "Instant::now",
        "rand::",
        "crate::store",
        "crate::web",
        "crate::clients",
    ];
    for room in pure {
        for (file, text) in sources(room) {
            for word in impure {
                let lines = lines_naming(&text, word);
                assert!(lines.is_empty(), "{file} is pure and names {word}: {lines:?}");
            }
        }
    }
}

#[test]
fn data_flows_one_way() {
    // Who must not know whom: the left one stands before or below the right ones.
    let rules: [(&str, &[&str]); 7] = [
        (
            "src/sources",
            &[
                "crate::store",
                "crate::web",
                "crate::jobs",
                "crate::queue",
                "crate::app",
                "crate::cli::",
            ],
        ),
        ("src/work_items", &["crate::sources", "crate::store", "crate::web", "crate::jobs"]),
        (
            "src/sync",
            &["crate::sources", "crate::store", "crate::web", "crate::jobs", "crate::app"],
        ),
        ("src/store", &["crate::web", "crate::jobs", "crate::app", "crate::cli::", "crate::inbox"]),
        (
            "src/clients",
            &["crate::store", "crate::web", "crate::jobs", "crate::app", "crate::cli::"],
        ),
        ("src/jobs", &["crate::web", "crate::app", "crate::cli::", "crate::inbox"]),
        // A fake that knew our rules would agree with every mistake.
        (
            "src/sim",
            &[
                "crate::store",
                "crate::web",
                "crate::jobs",
                "crate::sync::plan::",
                "crate::sync::mapping",
                "crate::sync::markdown",
                "crate::sync::merge",
                "crate::clients::plane",
                "crate::clients::github::",
            ],
        ),
    ];
    for (room, others) in rules {
        for (file, text) in sources(room) {
            for other in others {
                let lines = lines_naming(&text, other);
                assert!(lines.is_empty(), "{file} must not know {other}: {lines:?}");
            }
        }
    }
}

/// The tests that a page names, each of which there is.
fn tests_named_in(page: &str) -> usize {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let tests: Vec<String> =
        sources("tests").into_iter().chain(sources("src")).map(|(_, text)| text).collect();
    let mut named = 0;
    for name in text.split('`').filter(|word| {
        word.contains('_')
            && word.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    }) {
        if name.matches('_').count() < 3 {
            continue;
        }
        named += 1;
        let function = format!("fn {name}(");
        assert!(
            tests.iter().any(|t| t.contains(&function)),
            "{page} names {name}, which is no test"
        );
    }
    named
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let named = tests_named_in("ARCHITECTURE.md");
    assert!(named >= 7, "each of the seven invariants names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_the_sync_names_exists() {
    let named = tests_named_in("docs/sync.md");
    assert!(named >= 30, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_mappings_names_exists() {
    let named = tests_named_in("docs/mapping.md");
    assert!(named >= 12, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_applying_names_exists() {
    let named = tests_named_in("docs/apply.md");
    assert!(named >= 8, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_access_names_exists() {
    let named = tests_named_in("docs/access.md");
    assert!(named >= 25, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_pages_about_keeping_name_exists() {
    for (page, least) in
        [("docs/reliability.md", 9), ("docs/reliability-keeping.md", 20), ("docs/backup.md", 4)]
    {
        let named = tests_named_in(page);
        assert!(named >= least, "each promise of {page} names its test, found {named}");
    }
}

#[test]
fn every_test_that_the_page_about_comparing_names_exists() {
    let named = tests_named_in("docs/reconcile.md");
    assert!(named >= 15, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_outages_names_exists() {
    let named = tests_named_in("docs/reliability-outages.md");
    assert!(named >= 25, "each promise names its test, found {named}");
}

#[test]
fn every_test_that_the_page_about_lost_webhooks_names_exists() {
    for (page, least) in [("docs/recover.md", 12), ("docs/backfill.md", 5)] {
        let named = tests_named_in(page);
        assert!(named >= least, "each promise of {page} names its test, found {named}");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let mut explained = false;
    for line in section.lines() {
        match line.trim() {
            "" => explained = false,
            comment if comment.starts_with('#') => explained = true,
            dependency => assert!(explained, "{dependency} stands in a group without a reason"),
        }
    }
}

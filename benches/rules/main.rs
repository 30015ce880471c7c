//! What 20 filters and 5 rules cost, as a share of working a delivery off.
//!
//! `cargo bench --bench rules` takes deliveries of issues in, works them off (read, decided,
//! stored), and then judges each of the same bodies by a filter of 20 conditions and 5 rules, all
//! of which apply; both in turn, several times over. The share says what a delivery with rules
//! costs beside one without. What follows in a real sync, asking both sides over the network,
//! takes a thousand times as long and is left out, so that the share is the worst one. Options:
//! `--deliveries N`, `--only sqlite|postgres`.
#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people, far from the limits of their types"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jetbridge::config::GithubHost;
use jetbridge::rules::{Admission, RuleConfig, Rulebook, Verdict};
use jetbridge::sources::github::facts::facts;
use jetbridge::sources::github::normalize::sync_issue;
use jetbridge::sources::github::payload::parse;
use serde_json::{Value, json};

#[path = "../../tests/support/mod.rs"]
mod support;

use support::app::TestApp;
use support::databases::{Kind, TestDatabase};
use support::github::{GithubDelivery, repository};

const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1).cloned())
    };
    let many = option("--deliveries").map_or(500, |n| n.parse().expect("a number of deliveries"));
    let only = option("--only");
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for (name, title, kind) in
        [("sqlite", "SQLite", Kind::Sqlite), ("postgres", "PostgreSQL", Kind::Postgres)]
    {
        if wanted(name) {
            runtime.block_on(report(title, kind, many));
        }
    }
}

async fn report(title: &str, kind: Kind, many: usize) {
    let app = TestApp::new(TestDatabase::new(kind).await).await;
    let book = rulebook();
    let mut shares: Vec<(f64, Duration, Duration)> = Vec::with_capacity(ROUNDS);
    // The first round warms both up and is left out.
    for round in 0..=ROUNDS {
        let bodies: Vec<String> = (0..many).map(|n| body(round * many + n)).collect();
        for body in &bodies {
            let delivery = GithubDelivery::new("issues", body.clone());
            assert_eq!(app.post_github(&delivery).await.status.as_u16(), 202);
        }
        let begun = Instant::now();
        assert_eq!(app.run_jobs().await, many);
        let worked = begun.elapsed();
        let begun = Instant::now();
        for body in &bodies {
            judge(&book, body.as_bytes());
        }
        let judged = begun.elapsed();
        if round > 0 {
            shares.push((judged.as_secs_f64() / worked.as_secs_f64(), worked, judged));
        }
    }
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (share, worked, judged) = shares[shares.len() / 2];
    let each = |of: Duration| of.as_secs_f64() * 1e6 / many as f64;
    println!(
        "{title}: worked off in {:.0} µs each, judged by 20 conditions and 5 rules in {:.1} µs: {:.1} % more (of {ROUNDS} rounds {:.1} to {:.1} %)",
        each(worked),
        each(judged),
        share * 100.0,
        shares[0].0 * 100.0,
        shares[shares.len() - 1].0 * 100.0,
    );
}

/// All that rules add to a delivery: its facts, the filter, and the rules on the issue's state.
fn judge(book: &Rulebook, body: &[u8]) {
    let told =
        facts(&GithubHost::default(), "issues", "Codertocat/Hello-World", body).expect("facts");
    assert_eq!(book.admits(&told).expect("judged"), Admission::Admitted);
    let event = parse(&GithubHost::default(), "issues", body).expect("an event");
    let issue = sync_issue(&event).expect("an issue");
    match book.applied("Codertocat/Hello-World", &issue).expect("applied") {
        Verdict::Carried(carried) => assert_eq!(black_box(carried).rules.len(), 5),
        Verdict::Dropped { .. } => unreachable!("no rule drops"),
    }
}

/// 20 conditions, all of which hold, and 5 rules, all of which apply.
fn rulebook() -> Rulebook {
    let conditions: Vec<String> = (0..20)
        .map(|n| match n % 4 {
            0 => format!("!(\"internal-{n}\" in issue.labels)"),
            1 => format!("sender != \"bot-{n}[bot]\""),
            2 => format!("!issue.title.matches(\"^(wip|draft-{n}):\")"),
            _ => format!("!issue.labels.exists(l, l.startsWith(\"no-sync-{n}/\"))"),
        })
        .collect();
    let rule = |name: &str, when: &str, set: Value| -> RuleConfig {
        serde_json::from_value(json!({"name": name, "when": when, "set": set})).expect("a rule")
    };
    let rules = [
        rule("prefix", "true", json!({"title": "\"[\" + repository + \"] \" + issue.title"})),
        rule("defect", "\"bug\" in issue.labels", json!({"priority": "\"high\""})),
        rule("mark", "issue.state == \"open\"", json!({"labels": "issue.labels + [\"github\"]"})),
        rule("owner", "size(issue.assignees) > 0", json!({"assignees": "issue.assignees"})),
        rule("begun", "issue.title.matches(\"Number [0-9]+\")", json!({"state": "\"Todo\""})),
    ];
    Rulebook::read(Some(&conditions.join(" && ")), &rules).expect("all of it is right")
}

/// An issue of its own, with as much text as recorded ones have.
fn body(number: usize) -> String {
    let text = "Steps to see it, and what was expected instead. ".repeat(120);
    json!({
        "action": "opened", "repository": repository(), "sender": {"id": 1, "login": "ada"},
        "issue": {
            "id": 1000 + number, "number": number + 1, "title": format!("Number {number}"), "body": text,
            "state": "open", "state_reason": null,
            "labels": [{"id": 1, "name": "bug", "color": "d73a4a"}, {"id": 2, "name": "ui", "color": "ededed"}],
            "assignees": [{"id": 21_031_067, "login": "ada"}], "user": {"id": 21_031_067, "login": "ada"},
            "html_url": format!("https://github.com/Codertocat/Hello-World/issues/{}", number + 1),
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T00:00:00Z", "closed_at": null
        }
    })
    .to_string()
}

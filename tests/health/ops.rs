//! The files for Grafana and Prometheus, and the page about them, name only what `/metrics` tells.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::canary::Canary;
use jetbridge::drift::Position;
use jetbridge::figures::Ended;
use jetbridge::metrics::{Asked, Attempt, EndedAs, OfKind, OfSource, Received, Remote};
use jetbridge::quota::Account;
use jetbridge::store::canary::KeptCanary;
use jetbridge::store::quotas::QuotaSeen;
use serde_json::Value;

use crate::site::Site;
use crate::support::databases::{Kind, TestDatabase};

/// Names of series with the names of their labels.
type Exposed = BTreeMap<String, BTreeSet<String>>;

/// Everything that `/metrics` can tell, with one series of each family.
async fn exposed() -> Exposed {
    let site = Site::new(TestDatabase::new(Kind::Sqlite).await).await;
    let now = site.app.clock.now();
    let quota = QuotaSeen {
        client: "plane".to_owned(),
        remaining: Some(1),
        most: None,
        resets_at: None,
        used_up: false,
        seen_at: now,
    };
    let store = &site.app.store;
    store.put_quota(&quota, now).await.unwrap();
    let compared = store.repositories().await.unwrap()[0].id;
    store.keep_drift_position(compared, &Position::default(), &[]).await.unwrap();
    store.end_drift_walk(compared, &[], None, now).await.unwrap();
    let heard_after = Some(std::time::Duration::from_secs(1));
    let canary = Canary { touched_at: Some(now), heard_after, missing_since: None };
    store.put_canary("sync", &KeptCanary { canary, ..KeptCanary::default() }).await.unwrap();
    let (metrics, source, outcome) = (&site.app.metrics, "plane", "done");
    metrics.received.get_or_create(&Received { source, outcome }).inc();
    metrics.attempts.get_or_create(&Attempt { source, outcome }).inc();
    metrics.ended.get_or_create(&EndedAs { source, outcome: Ended::Done.as_str() }).inc();
    metrics.lag_seconds.get_or_create(&OfSource { source }).observe(1.0);
    metrics.sync_writes.get_or_create(&OfKind { kind: "create_item" }).inc();
    metrics.remote.requests.get_or_create(&Remote { client: source, result: "ok" }).inc();
    let asked = Asked { client: source, class: "live" };
    metrics.remote.asked.get_or_create(&asked).inc();
    let account = Account::new(jetbridge::quota::Remote::Plane);
    let ledger = site.app.store.account(account.remote, "plane-1", &site.app.clock);
    ledger.change(&mut |_| ()).await.unwrap();
    site.app.store.copy_account("plane-1", &account, now).await.unwrap();
    let mut exposed = Exposed::new();
    for line in site.get("/metrics").await.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|l| l.split_once('='));
        let known = exposed.entry(name.to_owned()).or_default();
        known.extend(labels.map(|(label, _)| label.to_owned()));
    }
    exposed
}

fn file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The words of an expression that begin with `jetbridge_`, each with what follows.
fn series(expression: &str) -> Vec<(&str, &str)> {
    let of = |(at, _)| {
        let rest: &str = &expression[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest.split_at(end.unwrap_or(rest.len()))
    };
    expression.match_indices("jetbridge_").map(of).collect()
}

/// Labels that an expression asks for or groups by.
fn labels(expression: &str) -> Vec<&str> {
    let mut labels = Vec::new();
    for (start, end) in [("by (", ')'), ("{", '}')] {
        for part in expression.split(start).skip(1) {
            let inner = part.split(end).next().unwrap();
            labels.extend(inner.split(',').map(|l| l.split(['=', '!']).next().unwrap().trim()));
        }
    }
    labels
}

fn check(expression: &str, exposed: &Exposed) {
    let named = series(expression);
    assert!(!named.is_empty(), "{expression} names no series of ours");
    let known: BTreeSet<_> = named
        .iter()
        .flat_map(|(name, _)| {
            exposed.get(*name).unwrap_or_else(|| panic!("{name} is no series: {expression}"))
        })
        .map(String::as_str)
        .collect();
    for label in labels(expression) {
        assert!(known.contains(label), "{label} is no label of these: {expression}");
    }
    for value in expression.split('"').skip(1).step_by(2).flat_map(|v| v.split('|')) {
        let sources = ["src/web/webhooks/answer.rs", "src/figures.rs", "src/clients/limits.rs"];
        let said = sources.iter().any(|path| file(path).contains(&format!("\"{value}\"")));
        assert!(said, "nothing is ever called “{value}”: {expression}");
    }
}

/// Labels in texts for people: `{{client}}`.
fn check_legend(legend: &str, expression: &str) {
    for part in legend.split("{{").skip(1) {
        let label = part.split("}}").next().unwrap();
        assert!(labels(expression).contains(&label), "{legend} of {expression}");
    }
}

#[tokio::test]
async fn the_dashboard_names_only_what_metrics_tells() {
    let exposed = exposed().await;
    let dashboard: Value = serde_json::from_str(&file("ops/grafana/jetbridge.json")).unwrap();
    let mut checked = 0;
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "ids are unique");
        for target in panel["targets"].as_array().unwrap() {
            let (expression, legend) = (target["expr"].as_str().unwrap(), &target["legendFormat"]);
            check(expression, &exposed);
            check_legend(legend.as_str().unwrap(), expression);
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

#[tokio::test]
async fn the_alert_rules_name_only_what_metrics_tells_and_say_what_to_do() {
    let exposed = exposed().await;
    let rules: Value =
        serde_yaml_ng::from_str(&file("ops/prometheus/jetbridge.rules.yml")).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() >= 8);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        check(expression, &exposed);
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap_or_else(|| panic!("{rule}"));
            for part in text.split("$labels.").skip(1) {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap();
                assert!(labels(expression).contains(&&part[..end]), "{text} of {expression}");
            }
        }
    }
}

#[tokio::test]
async fn the_page_about_operations_names_every_figure_and_no_other() {
    let exposed = exposed().await;
    let page = file("docs/operations.md");
    let named: BTreeSet<_> = series(&page).into_iter().map(|(name, _)| name).collect();
    // A histogram is named without the ends of its series.
    let plain = |name: &str| -> String {
        let end = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    let told: BTreeSet<String> = exposed.keys().map(|name| plain(name)).collect();
    let named: BTreeSet<String> = named.into_iter().map(str::to_owned).collect();
    assert_eq!(told, named);
    for kind in jetbridge::alarms::Kind::ALL {
        assert!(page.contains(&format!("`{}`", kind.as_str())), "{kind:?}");
    }
}

//! What the board costs with 50,000 items, against 500.
//!
//! `cargo bench --bench board` fills both databases, asks the whole page of the server (without a
//! socket) many times over, and prints the median time, the size, and both as a ratio of many to
//! few. The ratios of one run can be compared; times of different machines can't. Options:
//! `--items N`, `--only sqlite|postgres|pages`. Then it opens up to 1,000 pages on a server and
//! measures how long a webhook takes to all of them.
#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people, far from the limits of their types"
)]

mod fill;
mod open_pages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::live::Live;
use jetbridge::metrics::Metrics;
use jetbridge::queue::Wake;
use jetbridge::store::sessions::TokenKind;
use jetbridge::store::{DatabaseUrl, Store};
use jetbridge::web;
use jetbridge::web::reality::Reality;
use jetbridge::web::state::{SecretState, WebState};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/plane.rs"]
mod plane;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;

const FEW: usize = 500;
const ROUNDS: usize = 31;
const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";
/// What is asked for: the page as it opens, and what narrows it most and least.
const ADDRESSES: [&str; 8] = [
    "/boards",
    "/boards?lanes=project",
    "/boards?lanes=assignee",
    "/boards?project=project-1",
    "/boards?health=needs-a-person",
    "/boards?label=bug",
    "/boards?q=number+1234",
    "/boards?state_group=started",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let option = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1).cloned())
    };
    let many = option("--items").map_or(50_000, |n| n.parse().expect("a number of items"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(compare(many, option("--only").as_deref()));
}

async fn compare(many: usize, only: Option<&str>) {
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if wanted("sqlite") {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        report("SQLite", &at("few.db"), &at("many.db"), many).await;
    }
    if wanted("postgres") {
        let cluster = postgres::Cluster::start();
        report("PostgreSQL", &cluster.new_database(), &cluster.new_database(), many).await;
    }
    if wanted("pages") {
        open_pages::report().await;
    }
}

async fn report(name: &str, few: &str, many: &str, items: usize) {
    let (few, _) = site(few, FEW).await;
    let (many, took) = site(many, items).await;
    println!(
        "{name}: {items} items against {FEW}; their cards were made at {:.0}/s",
        items as f64 / took.as_secs_f64()
    );
    println!("{:<34} {:>10} {:>10} {:>7} {:>9} {:>7}", "", "few", "many", "ratio", "KiB", "ratio");
    for address in ADDRESSES {
        let (a, b) = (measure(&few, address).await, measure(&many, address).await);
        let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        println!(
            "{address:<34} {:>10} {:>10} {:>7.2} {:>9.0} {:>7.2}",
            millis(a.0),
            millis(b.0),
            b.0.as_secs_f64() / a.0.as_secs_f64(),
            b.1 as f64 / 1024.0,
            b.1 as f64 / a.1 as f64
        );
    }
}

/// The pages over a database with that many items, and how long their cards took.
async fn site(url: &str, items: usize) -> (Router, Duration) {
    let parsed: DatabaseUrl = url.parse().expect("a database URL");
    let store = Store::open(&parsed).await.expect("an open database");
    fill::fill(url, items).await;
    let begun = Instant::now();
    store.rebuild_cards().await.expect("cards");
    let took = begun.elapsed();
    fill::settle(url).await;
    let clock = Clock::manual("2026-11-22T02:00:00Z".parse().expect("a time"));
    let now = clock.now();
    let session = Sha256::digest(SESSION).into();
    let until = now + Duration::from_hours(1);
    store.put_token(&session, TokenKind::Session, now, until).await.expect("a session");
    let state = WebState {
        live: Live::new(store.clone(), tokio::sync::watch::channel(false).1),
        spool: None,
        reality: Reality::Real,
        setup: Arc::default(),
        store,
        clock,
        admin_token: Secrets::none(),
        public_url: "https://hooks.example.org".into(),
        admin_token_file: "admin-token".into(),
        plane_secret: SecretState::Set,
        wake: Wake::default(),
        metrics: Arc::new(Metrics::default()),
        pages: Arc::default(),
    };
    (web::routes(&state, None), took)
}

/// Median time and size of a page.
async fn measure(site: &Router, address: &str) -> (Duration, usize) {
    let (mut taken, mut bytes) = (Vec::with_capacity(ROUNDS), 0);
    for _ in 0..ROUNDS {
        let request = Request::get(address)
            .header("accept", "text/html")
            .header("cookie", format!("__Host-jetbridge_session={SESSION}"))
            .body(Body::empty())
            .expect("a request");
        let begun = Instant::now();
        let answer = site.clone().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        bytes = answer.into_body().collect().await.expect("a whole body").to_bytes().len();
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    (taken[ROUNDS / 2], bytes)
}

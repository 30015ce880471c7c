//! What a person sees of it in a real browser: light, dark and on a phone, without a word of
//! complaint from the console.

use std::time::Duration;

use fantoccini::Locator;
use jetbridge::clock::{Clock, Timestamp};
use jetbridge::figures::floor;
use jetbridge::store::Store;
use jetbridge::store::quotas::QuotaSeen;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::support::browser::Browser;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue_delivery};
use crate::support::process::{Served, eventually};

const REPOSITORIES: [(&str, f64); 4] = [
    ("octo/api", 1.0),
    ("octo/web", 0.4),
    ("octo/infrastructure-terraform-modules", 0.05),
    ("octo/design", 0.0),
];

/// A month of days with nights, and an hour of trouble this morning.
async fn seed(database: &TestDatabase, now: Timestamp) {
    let store = Store::open(&database.url).await.unwrap();
    let mut connection = SqliteConnection::connect(&database.text).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    for (name, project) in REPOSITORIES.iter().zip([true, true, true, false]) {
        sqlx::query("INSERT INTO repository_syncs (repository, plane_project, created_at) VALUES ($1, $2, $3)")
            .bind(name.0)
            .bind(project.then_some("ce59f358-8bb1-44d5-9060-9d2391371abf"))
            .bind("2026-10-01T00:00:00.000000Z")
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    let mut at = floor(now, Duration::from_hours(1)) - chrono::TimeDelta::days(30);
    while at <= now {
        add_bucket(&mut transaction, at, now).await;
        at += Duration::from_mins(if is_old(at, now) { 60 } else { 5 });
    }
    for minute in 0..1440 {
        let at = floor(now, Duration::from_mins(1)) - chrono::TimeDelta::minutes(minute);
        let hump = (f64::from(i32::try_from(minute).unwrap()) - 240.0) / 40.0;
        let waiting = 176.0 * (-hump * hump).exp() + f64::from(u8::try_from(minute % 7).unwrap());
        sqlx::query("INSERT INTO queue_samples VALUES ($1, $2, 2, 0, $3)")
            .bind(text(at))
            .bind(waiting.round())
            .bind(waiting / 4.0)
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    for (n, status) in ["ok"; 96].into_iter().chain(["pending", "conflict", "broken"]).enumerate() {
        sqlx::query("INSERT INTO issue_links (repository, github_issue_id, github_number, github_ref, plane_project, status, created_at)
            VALUES ('octo/api', $1, $1, 'github:' || $1, 'ce59f358-8bb1-44d5-9060-9d2391371abf', $2, $3)")
            .bind(i64::try_from(n).unwrap())
            .bind(status)
            .bind(text(now))
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
    for (client, remaining, most, used_up, seconds) in
        [("github", 3796, 5000, false, 2460), ("plane", 0, 60, true, 50)]
    {
        let resets_at = Some(now + Duration::from_secs(seconds));
        let quota = QuotaSeen {
            client: client.to_owned(),
            remaining: Some(remaining),
            most: Some(most),
            resets_at,
            used_up,
            seen_at: now,
        };
        for ago in 0..14 {
            let minute = floor(now, Duration::from_mins(1)) - chrono::TimeDelta::minutes(ago);
            store.put_quota(&quota, minute).await.unwrap();
        }
    }
    store.close().await;
}

/// Kept by the hour.
fn is_old(at: Timestamp, now: Timestamp) -> bool {
    now - at > chrono::TimeDelta::days(2)
}

async fn add_bucket(connection: &mut SqliteConnection, at: Timestamp, now: Timestamp) {
    let hour = f64::from(u32::try_from(at.timestamp().rem_euclid(86_400) / 3600).unwrap());
    let day = 1.0 - ((hour - 14.0) / 12.0).powi(2);
    let seconds = if is_old(at, now) { 3600 } else { 300 };
    let trouble = (now - at).num_minutes() > 200 && (now - at).num_minutes() < 320;
    let wobble = f64::from(u32::try_from(at.timestamp() / 300 % 7).unwrap()) / 10.0;
    for (place, share) in REPOSITORIES {
        for (source, place, event, factor) in [
            ("github", place, "issues", 12.0),
            ("github", place, "issue_comment", 7.0),
            ("plane", "ce59f358-8bb1-44d5-9060-9d2391371abf", "issue", 6.0),
        ] {
            for (outcome, part, lag) in [
                ("done", 0.86, 11),
                ("done", 0.04, 14),
                ("done", 0.01, 19),
                ("ignored", 0.12, 9),
                ("retried", if trouble { 0.4 } else { 0.01 }, 24),
                ("failed", if trouble && share > 0.9 { 0.02 } else { 0.0 }, 26),
            ] {
                let count =
                    (share * factor * part * (day + wobble) * f64::from(seconds) / 100.0).round();
                if count > 0.0 {
                    sqlx::query("INSERT INTO figures (bucket, seconds, source, place, event, outcome, lag, count, merged) VALUES ($1, $8, $2, $3, $4, $5, $6, $7, 1)")
                        .bind(text(at)).bind(source).bind(place).bind(event).bind(outcome).bind(lag).bind(count).bind(seconds)
                        .execute(&mut *connection).await.unwrap();
                }
            }
        }
    }
}

fn text(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

async fn open(browser: &Browser, address: &str, theme: &str) {
    browser.page.goto(address).await.unwrap();
    browser.page.execute("localStorage.setItem('theme', arguments[0]); document.documentElement.dataset.theme = arguments[0];", vec![json!(theme)]).await.unwrap();
}

#[tokio::test]
async fn the_health_page_is_quiet_in_light_and_dark_and_fits_a_phone() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    seed(&database, Clock::System.now()).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let mut plane = served.connect().await;
    for n in 0..3 {
        let delivery = issue_delivery(
            &format!("item-{n}"),
            "A title",
            ("Todo", "unstarted"),
            "2026-11-22T01:00:00Z",
        );
        assert_eq!(plane.post(&delivery).await.unwrap().status, 200);
    }
    let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x"}}"#);
    assert_eq!(plane.post(&broken).await.unwrap().status, 200);
    let health = format!("http://127.0.0.1:{}/health", served.port);
    for (width, height, name) in [(1440, 1500, "wide"), (390, 2600, "phone")] {
        let browser = Browser::open(width, height).await;
        browser.resize(width, height).await;
        sign_in(&browser, &served).await;
        // What Chromium thinks of the sign-in page is not this page's affair.
        browser.console().await;
        eventually("the alarm", || async {
            browser.page.goto(&health).await.unwrap();
            let alarms = browser.page.find(Locator::Css("#alarms")).await.unwrap();
            alarms.text().await.unwrap().contains("failed for good")
        })
        .await;
        for range in ["1h", "24h", "7d", "30d"] {
            open(&browser, &format!("{health}?range={range}"), "light").await;
            let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
            assert_eq!(
                browser.page.execute(fits, Vec::new()).await.unwrap(),
                json!(true),
                "{name} {range}"
            );
            browser.picture(&format!("health-{name}-{range}")).await;
        }
        open(&browser, &health, "dark").await;
        browser.picture(&format!("health-{name}-dark")).await;
        browser.press("#throughput summary").await;
        let table = browser.page.find(Locator::Css("#throughput tbody tr")).await.unwrap();
        assert!(table.is_displayed().await.unwrap());
        assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
    }
}

/// By the token's file, since the printed link opens one session only.
async fn sign_in(browser: &Browser, served: &Served) {
    let token = std::fs::read_to_string(format!("/proc/{}/cwd/admin-token", served.id())).unwrap();
    browser.go(served, "/login").await;
    let field = browser.page.find(Locator::Css("input[name='token']")).await.unwrap();
    field.send_keys(token.trim()).await.unwrap();
    browser.press("main form button").await;
    browser.arrive_at(&served.address("/boards")).await;
}

//! The other systems, and who waits for them, as everybody is told.

use std::num::NonZeroU32;
use std::time::Duration;

use jetbridge::ids::Lease;
use jetbridge::queue::turns::RateLimit;
use jetbridge::quota::{Account, Came, Class, Heard, Kind, OPENS_AFTER, Pauses, Remote, Said};

use jetbridge::store::jobs::Stage;
use jetbridge::store::turns::Serving;
use serde_json::json;
use uuid::Uuid;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::databases::{TestDatabase, by_hand};

/// Changes the account of a remote, and puts a copy where others read it.
async fn change(site: &Site, remote: Remote, mut act: impl FnMut(&mut Account) + Send) {
    let (store, clock, name) = (&site.app.store, &site.app.clock, remote.as_str());
    let mut changed = None;
    let mut change = |account: &mut Account| {
        act(account);
        changed = Some(account.clone());
    };
    store.account(remote, name, clock).change(&mut change).await.unwrap();
    store.copy_account(name, &changed.unwrap(), clock.now()).await.unwrap();
}

on_both_databases! {
    async fn who_waits_and_until_when_is_on_the_page_in_the_api_and_in_the_figures(database: TestDatabase) {
        let text = database.text.clone();
        let site = Site::new(database).await;
        let now = site.app.clock.now();
        for n in 0..3 {
            site.send_issue(&format!("70164c5e-0000-4000-8000-00000000000{n}"), "Crash").await;
        }
        by_hand(&text, "UPDATE work_queue SET stage = 'sync', class = 3, lane = 'sync:github:issue:1'").await;
        // Six of twenty are used, and fourteen left.
        change(&site, Remote::Plane, |account| {
            for left in (14..20).rev() {
                let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
                let said = Said { remaining: Some(left), ..Said::default() };
                account.heard(pass, &Heard { came: Came::Answer, said }, Pauses::default(), now);
            }
        })
        .await;
        // GitHub is away.
        change(&site, Remote::Github, |account| {
            for _ in 0..OPENS_AFTER {
                let pass = account.ask(Class::Live, Kind::Read, now).unwrap();
                let came = Came::Failed { why: "no connection".to_owned() };
                account.heard(pass, &Heard { came, said: Said::default() }, Pauses::default(), now);
            }
        })
        .await;
        site.app.clock.advance(Duration::from_secs(5));

        let told = site.json("/api/v1/health").await;
        let plane = &told["remotes"][0];
        assert_eq!((&plane["client"], &plane["circuit"]), (&"plane".into(), &"closed".into()));
        assert_eq!((plane["left"].as_u64(), plane["limit"].as_u64()), (Some(14), Some(20)));
        assert_eq!(plane["held"][0]["class"], "backfill", "{plane}");
        let github = &told["remotes"][1];
        assert_eq!((&github["circuit"], &github["last_error"]), (&"open".into(), &"no connection".into()));
        assert_eq!(github["held"].as_array().unwrap().len(), 4, "all classes wait");
        assert!(github["next_try"].as_str() > github["since"].as_str(), "{github}");
        assert!(github["remedy"].as_str().unwrap().contains("github.api_url"), "{github}");
        let waiting = &told["waiting"][0];
        assert_eq!((&waiting["class"], waiting["jobs"].as_i64()), (&"backfill".into(), Some(3)));
        assert!(waiting["held_until"].is_string() && waiting["reason"].is_string(), "{waiting}");

        let page = site.get("/health").await;
        for words in ["14 of 20 requests left", "away, tried again", "no connection; ", "3 backfill"] {
            assert!(page.contains(words), "{words} is missing");
        }
        let figures = site.get("/metrics").await;
        for line in [
            r#"jetbridge_circuit_open{client="github"} 1"#,
            r#"jetbridge_circuit_open{client="plane"} 0"#,
            r#"jetbridge_quota_waiting_jobs{class="backfill"} 3"#,
            r#"jetbridge_quota_wait_seconds{client="plane",class="live"} 0"#,
            r#"jetbridge_quota_wait_seconds{client="github",class="live"} 5"#,
        ] {
            assert!(figures.contains(line), "{line} is missing in {figures}");
        }
    }

    async fn who_waits_for_its_own_limit_is_on_the_page_and_in_the_api(database: TestDatabase) {
        let text = database.text.clone();
        let site = Site::new(database).await;
        for id in [1, 2, 3] {
            site.send_github(id).await;
        }
        by_hand(&text, "UPDATE work_queue SET stage = 'sync', lane = 'sync:' || lane, place =
            (SELECT id FROM repository_syncs WHERE repository = 'Codertocat/Hello-World')").await;
        let minute = Duration::from_mins(1);
        let one = NonZeroU32::new(1).unwrap();
        let limits = |_: &str| Some(RateLimit { per_minute: one, burst: one });
        let serving = Serving { limits: &limits, ..Serving::all() };
        let (lease, now) = (Lease(Uuid::new_v4()), site.app.clock.now());
        let claimed = site.app.store.claim_serving(serving, Stage::Sync, 9, lease, minute, now).await;
        assert_eq!(claimed.unwrap().len(), 1, "one issue has its turn");
        let told = site.json("/api/v1/health").await;
        let limited = json!([{"repository": "Codertocat/Hello-World", "jobs": 2, "until": "2026-11-22T02:01:00Z"}]);
        assert_eq!(told["limited"], limited);
        let page = site.get("/health").await;
        for words in ["2 of Codertocat/Hello-World", "for its own limit: the next at 02:01:00"] {
            assert!(page.contains(words), "{words} is missing in {page}");
        }
        site.app.clock.advance(minute);
        assert_eq!(site.json("/api/v1/health").await["limited"], json!([]));
    }

    async fn an_outage_of_another_system_is_an_alarm_until_it_is_back(database: TestDatabase) {
        let site = Site::new(database).await;
        let clock = site.app.clock.clone();
        change(&site, Remote::Plane, |account| {
            for _ in 0..OPENS_AFTER {
                let pass = account.ask(Class::Live, Kind::Read, clock.now()).unwrap();
                let came = Came::Failed { why: "it answered 502".to_owned() };
                account.heard(pass, &Heard { came, said: Said::default() }, Pauses::default(), clock.now());
            }
        })
        .await;
        let mut watch = site.watch(None);
        clock.advance(Duration::from_secs(299));
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarms().await.unwrap(), []);
        clock.advance(Duration::from_secs(1));
        watch.turn().await.unwrap();
        let alarm = site.app.store.alarms().await.unwrap().remove(0);
        assert_eq!((alarm.kind.as_str(), alarm.subject.as_str()), ("remote_away", "plane"));
        change(&site, Remote::Plane, |account| {
            let pass = account.ask(Class::Live, Kind::Read, clock.now()).unwrap();
            account.heard(pass, &Heard { came: Came::Answer, said: Said::default() }, Pauses::default(), clock.now());
        })
        .await;
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarms().await.unwrap(), []);
    }
}

#[tokio::test]
async fn github_servers_are_told_apart() {
    let site = Site::new(TestDatabase::new(crate::support::databases::Kind::Sqlite).await).await;
    let now = site.app.clock.now();
    let github = Account::new(Remote::Github);
    let mut away = github.clone();
    for _ in 0..OPENS_AFTER {
        let pass = away.ask(Class::Live, jetbridge::quota::Kind::Read, now).unwrap();
        let came = Came::Failed { why: "no connection".to_owned() };
        away.heard(pass, &Heard { came, said: Said::default() }, Pauses::default(), now);
    }
    let store = &site.app.store;
    store.copy_account("github-00ff@ghe.example.com", &away, now).await.unwrap();
    store.copy_account("github-ff00", &github, now).await.unwrap();
    let told = site.json("/api/v1/health").await;
    let of =
        |n: usize| (told["remotes"][n]["server"].clone(), told["remotes"][n]["circuit"].clone());
    assert_eq!(of(0), (json!(null), json!("closed")));
    assert_eq!(of(1), (json!("ghe.example.com"), json!("open")));
    assert!(told["remotes"][1]["remedy"].as_str().unwrap().contains("[[github.hosts]]"));
    assert!(site.get("/health").await.contains("GitHub (ghe.example.com)"));
    let figures = site.get("/metrics").await;
    for line in [
        r#"jetbridge_circuit_open{client="github"} 0"#,
        r#"jetbridge_circuit_open{client="github ghe.example.com"} 1"#,
    ] {
        assert!(figures.contains(line), "{line} is missing");
    }
}

//! Alarms come once, go, survive their process, and are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use jetbridge::ids::DeliveryId;
use jetbridge::recovery::HookOwner;
use jetbridge::store::recovery::{GivenUp, Request, RequestEnd};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::databases::by_hand;

/// A server that is told of alarms: refuses the first `refusals`, and keeps the rest.
#[derive(Clone)]
struct Listener {
    told: Arc<Mutex<Vec<Value>>>,
    url: String,
}

impl Listener {
    async fn start(refusals: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/secret-path", socket.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (kept, left) = (Arc::clone(&told), Arc::new(Mutex::new(refusals)));
        let receive = move |body: String| {
            let mut left = left.lock().unwrap();
            let answer = if *left > 0 {
                *left -= 1;
                StatusCode::BAD_GATEWAY
            } else {
                kept.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                StatusCode::OK
            };
            async move { answer }
        };
        let routes = Router::new().route("/hooks/secret-path", post(receive));
        tokio::spawn(async move { axum::serve(socket, routes).await });
        Self { told, url }
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }

    fn types(&self) -> Vec<String> {
        self.told().iter().map(|t| t["type"].as_str().unwrap().to_owned()).collect()
    }
}

on_both_databases! {
    async fn webhooks_that_never_came_raise_an_alarm_until_they_are_tried_again(database: TestDatabase) {
        let site = Site::new(database).await;
        let (store, now) = (&site.app.store, site.app.clock.now());
        let repository: jetbridge::config::RepositoryName = "octo/app".parse().unwrap();
        let request = Request {
            guid: DeliveryId::new("11111111-0000-4000-8000-000000000001"),
            owner: HookOwner::Repository(repository.clone()),
            repository,
            hook: 1,
            attempt: 1,
            event: "issues".to_owned(),
            sent_at: now,
            status: "failed to connect".to_owned(),
            asked: 5,
            again_at: now,
        };
        let mut watch = site.watch(None);
        let kinds = || async {
            store.alarms().await.unwrap().into_iter().map(|alarm| alarm.kind).collect::<Vec<_>>()
        };
        store.note_missing(std::slice::from_ref(&request), GivenUp::Stays).await.unwrap();
        watch.turn().await.unwrap();
        assert_eq!(kinds().await, [""; 0], "it is asked for still");
        store.end_requests(&[&request.guid], RequestEnd::GivenUp, now).await.unwrap();
        watch.turn().await.unwrap();
        assert_eq!(kinds().await, ["webhooks_lost"]);
        let page = site.get("/health").await;
        assert!(page.contains("1 webhook of GitHub’s never came") && page.contains("jetbridge recover"), "{page}");
        store.note_missing(&[request], GivenUp::TriedAgain).await.unwrap();
        watch.turn().await.unwrap();
        assert_eq!(kinds().await, [""; 0]);
    }

    async fn two_processes_raise_an_alarm_once_and_clear_it_once(database: TestDatabase) {
        let listener = Listener::start(0).await;
        let site = Site::new(database).await;
        let broken = site.send_broken("x").await;
        site.run_after(1).await;
        let died = site.app.clock.now();
        let mut watches = [site.watch(Some(&listener.url)), site.watch(Some(&listener.url))];
        for _ in 0..3 {
            for watch in &mut watches {
                watch.turn().await.unwrap();
            }
            // Past the duty's end, so that the other one takes it.
            site.app.clock.advance(Duration::from_mins(2));
        }
        assert_eq!(listener.types(), ["alarm.raised"]);
        let told = listener.told().remove(0);
        assert_eq!(told["kind"], "dead_jobs");
        assert!(told["text"].as_str().unwrap().contains("1 delivery failed for good"), "{told}");
        let alarms = site.app.store.alarms().await.unwrap();
        assert_eq!((alarms.len(), alarms[0].raised_at), (1, died));
        assert!(site.get("/metrics").await.contains(r#"jetbridge_alarms{kind="dead_jobs"} 1"#));
        // It is replayed: nothing is dead while it runs again.
        let id = jetbridge::ids::DeliveryId::new(broken.id);
        site.app.store.replay(jetbridge::sources::Source::Plane, &id, site.app.clock.now()).await.unwrap();
        for watch in &mut watches {
            watch.turn().await.unwrap();
        }
        assert_eq!(listener.types(), ["alarm.raised", "alarm.cleared"]);
        assert_eq!(site.app.store.alarm_count().await.unwrap(), 0);
    }

    async fn what_was_raised_stays_since_then_over_a_restart(database: TestDatabase) {
        let site = Site::new(database).await;
        site.send_broken("x").await;
        site.run_after(1).await;
        site.watch(None).turn().await.unwrap();
        let raised = site.app.store.alarms().await.unwrap();
        site.app.clock.advance(Duration::from_mins(30));
        site.send_broken("y").await;
        site.run_after(1).await;
        site.watch(None).turn().await.unwrap();
        let now = site.app.store.alarms().await.unwrap();
        assert_eq!((now.len(), now[0].raised_at), (1, raised[0].raised_at));
        assert!(now[0].title.starts_with("2 deliveries"), "it is told as it is now: {}", now[0].title);
    }

    async fn a_webhook_that_refuses_is_told_again_later_and_its_address_is_not_shown(database: TestDatabase) {
        let listener = Listener::start(2).await;
        let site = Site::new(database).await;
        site.send_broken("x").await;
        site.run_after(1).await;
        let mut watch = site.watch(Some(&listener.url));
        for wait in [0, 10, 20] {
            assert_eq!(listener.types(), Vec::<String>::new());
            site.app.clock.advance(Duration::from_secs(wait));
            watch.turn().await.unwrap();
        }
        assert_eq!(listener.types(), ["alarm.raised"]);
        watch.turn().await.unwrap();
        assert_eq!(listener.types(), ["alarm.raised"], "once is enough");
        assert!(!format!("{watch:?}").contains("secret-path"));
        assert!(!site.get("/health").await.contains("secret-path"));
    }

    async fn dead_jobs_of_no_repository_are_counted_once_whatever_their_stage(database: TestDatabase) {
        let text = database.text.clone();
        let site = Site::new(database).await;
        for id in 1..=3 {
            site.send_github(id).await;
        }
        by_hand(
            &text,
            "UPDATE work_queue SET status = 'dead', finished_at = available_at;
             UPDATE work_queue SET stage = 'sync' WHERE id = (SELECT max(id) FROM work_queue);
             UPDATE github_webhook_events SET repository_sync = NULL
             WHERE delivery_id IN (SELECT delivery_id FROM work_queue WHERE stage = 'read')",
        )
        .await;
        site.watch(None).turn().await.unwrap();
        let alarms = site.app.store.alarms().await.unwrap();
        assert!(alarms[0].title.starts_with("3 deliveries"), "{}", alarms[0].title);
    }

    async fn a_stuck_queue_is_alarming_until_it_moves(database: TestDatabase) {
        let site = Site::new(database).await;
        site.send_issue("a", "A").await;
        let mut watch = site.watch(None);
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarm_count().await.unwrap(), 0);
        site.app.clock.advance(Duration::from_mins(5));
        watch.turn().await.unwrap();
        let alarms = site.app.store.alarms().await.unwrap();
        assert_eq!(alarms[0].title, "The oldest job has been due for 5 min");
        site.app.run_jobs().await;
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarm_count().await.unwrap(), 0);
    }

    async fn a_source_falls_silent_by_its_own_rhythm(database: TestDatabase) {
        let site = Site::new(database).await;
        // Four days of two deliveries within an hour, eleven hours apart.
        for half_day in 0..8 {
            for n in 0..3 {
                site.send_github(half_day * 10 + n).await;
                site.run_after(1200).await;
            }
            site.app.clock.advance(Duration::from_hours(11));
        }
        let mut watch = site.watch(None);
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarms().await.unwrap(), [], "eleven hours are its rhythm");
        site.app.clock.advance(Duration::from_hours(7));
        watch.turn().await.unwrap();
        let alarms = site.app.store.alarms().await.unwrap();
        assert_eq!(alarms.len(), 1, "the source, and not each repository: {alarms:?}");
        assert_eq!((alarms[0].kind.as_str(), alarms[0].subject.as_str()), ("silence", "github"));
        site.send_github(999).await;
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarm_count().await.unwrap(), 0);
    }
}

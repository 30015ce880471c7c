//! The contract of the endpoint: what is answered, what is stored, what is refused.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use jetbridge::config::{UnknownRepositories, UnsignedWebhooks};
use jetbridge::ids::{DeliveryId, Lease};
use jetbridge::sources::Source;
use jetbridge::store::deliveries::{Delivery, DeliveryFilter, DeliveryStatus};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{GithubSettings, MAX_BODY, TestApp};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{
    GithubDelivery, SECRET, comment, comment_delivery, issue, issue_delivery, repository, request,
};
use crate::support::plane::{self, sign};

const AT: &str = "2026-11-22T01:00:00Z";

fn a_delivery() -> GithubDelivery {
    issue_delivery("opened", &issue(7, "A title", "open", AT))
}

/// From a proved sender, and no issue as GitHub tells it.
fn unreadable() -> GithubDelivery {
    issue_delivery("opened", &json!({"id": 7, "number": "twelve"}))
}

async fn app() -> TestApp {
    TestApp::new(TestDatabase::new(Kind::Sqlite).await).await
}

async fn stored(app: &TestApp, delivery: &GithubDelivery) -> Delivery {
    app.store.delivery(Source::Github, &DeliveryId::new(&delivery.id)).await.unwrap().unwrap().0
}

/// The status as the table has it, which the view translates.
async fn raw_status(text: &str, id: &str) -> String {
    use sqlx::Connection;
    let query = "SELECT status FROM github_webhook_events WHERE delivery_id = $1";
    if text.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(text).await.unwrap();
        return sqlx::query_scalar(query).bind(id).fetch_one(&mut connection).await.unwrap();
    }
    let mut connection = sqlx::PgConnection::connect(text).await.unwrap();
    sqlx::query("SET search_path = ops").execute(&mut connection).await.unwrap();
    sqlx::query_scalar(query).bind(id).fetch_one(&mut connection).await.unwrap()
}

on_both_databases! {
    async fn an_accepted_delivery_is_answered_202_with_its_id_and_queued(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        let answer = app.post_github(&delivery).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.json, json!({"ok": true, "status": "accepted", "delivery_id": delivery.id, "event": "issues"}));
        let row = stored(&app, &delivery).await;
        assert_eq!((row.event_type.as_str(), row.action.as_deref()), ("issues", Some("opened")));
        assert_eq!(row.repository.as_deref(), Some("Codertocat/Hello-World"));
        assert_eq!(app.run_jobs().await, 1);
        app.assert_queue_is_empty().await;
    }

    async fn a_redelivered_webhook_is_stored_once(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        app.post_github(&delivery).await;
        for worked_off in [false, true] {
            let answer = app.post_github(&delivery).await;
            assert_eq!(answer.status, StatusCode::OK, "{worked_off}");
            assert_eq!(answer.json, json!({"ok": true, "duplicate": true, "delivery_id": delivery.id, "event": "issues"}));
            assert_eq!(app.run_jobs().await, usize::from(!worked_off));
        }
    }

    async fn a_redelivery_of_what_failed_runs_again(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let broken = unreadable();
        app.post_github(&broken).await;
        app.run_jobs().await;
        assert_eq!(stored(&app, &broken).await.status, DeliveryStatus::Failed);
        let answer = app.post_github(&broken).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json, json!({"ok": true, "duplicate": true, "requeued": true, "delivery_id": broken.id, "event": "issues"}));
        assert_eq!(stored(&app, &broken).await.status, DeliveryStatus::Received);
        assert_eq!(app.run_jobs().await, 1);
    }

    async fn equal_bodies_under_different_ids_are_different_deliveries(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let first = a_delivery();
        app.post_github(&first).await;
        let second = first.clone().with_id("another");
        assert_eq!(app.post_github(&second).await.status, StatusCode::ACCEPTED);
        assert_eq!(app.run_jobs().await, 2);
    }

    async fn the_same_id_from_both_sources_is_two_deliveries(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let github = a_delivery().with_id("d-1");
        let plane = plane::issue_delivery("i", "t", ("Todo", "unstarted"), AT).with_id("d-1");
        let (one, other) = tokio::join!(app.post(&plane), app.post_github(&github));
        assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::ACCEPTED));
        assert_eq!(app.run_jobs().await, 2);
        app.assert_queue_is_empty().await;
        assert_eq!(app.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap().len(), 2);
    }

    async fn a_delivery_is_pending_then_processing_then_completed(database: TestDatabase) {
        let text = database.text.clone();
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        app.post_github(&delivery).await;
        assert_eq!(raw_status(&text, &delivery.id).await, "pending");
        let lease = Lease(uuid::Uuid::new_v4());
        let second = std::time::Duration::from_secs(1);
        app.store.claim_jobs(jetbridge::store::jobs::Stage::Read, 10, lease, second, app.clock.now()).await.unwrap();
        assert_eq!(raw_status(&text, &delivery.id).await, "processing");
        app.clock.advance(2 * second);
        assert_eq!(app.store.reap_leases(app.clock.now()).await.unwrap(), 1);
        assert_eq!(raw_status(&text, &delivery.id).await, "pending");
        app.run_jobs().await;
        assert_eq!(raw_status(&text, &delivery.id).await, "completed");
        let broken = unreadable();
        app.post_github(&broken).await;
        app.run_jobs().await;
        assert_eq!(raw_status(&text, &broken.id).await, "failed");
    }

    async fn the_exact_bytes_are_kept_also_of_a_form(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let json = json!({"action": "opened", "issue": issue(7, "From a form & more", "open", AT), "repository": repository()});
        let form = GithubDelivery::form("issues", &json.to_string());
        assert_eq!(app.post_github(&form).await.status, StatusCode::ACCEPTED);
        app.run_jobs().await;
        let (row, body) = app.store.delivery(Source::Github, &DeliveryId::new(&form.id)).await.unwrap().unwrap();
        assert_eq!(body.unwrap(), form.body);
        assert_eq!(row.status, DeliveryStatus::Processed, "{:?}", row.last_error);
    }

    async fn deliveries_are_listed_by_repository_whatever_its_case(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post_github(&a_delivery()).await;
        app.post(&plane::issue_delivery("i", "t", ("Todo", "unstarted"), AT)).await;
        let of = |name: &str| DeliveryFilter { repository: Some(name.to_owned()), ..DeliveryFilter::default() };
        assert_eq!(app.store.deliveries(&of("codertocat/HELLO-world"), None, 10).await.unwrap().len(), 1);
        assert_eq!(app.store.deliveries(&of("octo-org/octo-repo"), None, 10).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn the_signature_is_the_one_that_github_documents() {
    assert_eq!(
        sign("It's a Secret to Everybody", b"Hello, World!"),
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[tokio::test]
async fn a_missing_or_wrong_signature_is_401_and_nothing_is_stored() {
    let app = app().await;
    let right = a_delivery();
    let hex = right.signature.clone().unwrap();
    let hex = hex.strip_prefix("sha256=").unwrap();
    let wrong = [
        None,
        Some(String::new()),
        Some("sha256=".to_owned()),
        Some(hex.to_owned()),
        Some(format!("sha1={hex}")),
        Some(format!("SHA256={hex}")),
        Some(format!("sha256={}", hex.to_uppercase())),
        Some(format!("sha256={}", &hex[..62])),
        Some(format!("sha256={}", sign("another secret", &right.body))),
    ];
    for signature in wrong {
        let answer = app
            .post_github(&GithubDelivery { signature: signature.clone(), ..right.clone() })
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{signature:?}");
        assert_eq!(answer.json, json!({"ok": false, "error": "invalid signature"}));
    }
    assert_eq!(app.run_jobs().await, 0);
}

async fn with(change: impl FnOnce(&mut GithubSettings)) -> TestApp {
    let mut settings = GithubSettings::default();
    change(&mut settings);
    TestApp::with_github(TestDatabase::new(Kind::Sqlite).await, settings).await
}

#[tokio::test]
async fn every_secret_of_the_list_is_accepted_while_rotating() {
    let app = with(|s| s.secrets = vec!["new".to_owned(), SECRET.to_owned()]).await;
    let by_old = a_delivery();
    let by_new = GithubDelivery {
        signature: Some(format!("sha256={}", sign("new", &by_old.body))),
        ..by_old.clone().with_id("by-new")
    };
    assert_eq!(app.post_github(&by_old).await.status, StatusCode::ACCEPTED);
    assert_eq!(app.post_github(&by_new).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn without_a_secret_the_endpoint_answers_503_and_names_the_key() {
    let app = with(|s| s.secrets.clear()).await;
    let answer = app.post_github(&a_delivery()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.json["error"].as_str().unwrap().contains("github.webhook_secret"));
}

#[tokio::test]
async fn unsigned_webhooks_are_taken_only_when_configured_and_wrong_ones_never() {
    let app = with(|s| s.unsigned = UnsignedWebhooks::Accept).await;
    let unsigned = GithubDelivery { signature: None, ..a_delivery() };
    assert_eq!(app.post_github(&unsigned).await.status, StatusCode::ACCEPTED);
    let wrong = GithubDelivery { signature: Some("sha256=00".to_owned()), ..a_delivery() };
    assert_eq!(app.post_github(&wrong).await.status, StatusCode::UNAUTHORIZED);
    let app = with(|s| {
        s.unsigned = UnsignedWebhooks::Accept;
        s.secrets.clear();
    })
    .await;
    assert_eq!(app.post_github(&unsigned).await.status, StatusCode::ACCEPTED);
    assert_eq!(app.post_github(&a_delivery()).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_missing_header_is_400_and_named() {
    let app = app().await;
    let delivery = a_delivery();
    for (header, name) in
        [("x-github-event", "X-GitHub-Event"), ("x-github-delivery", "X-GitHub-Delivery")]
    {
        for empty in [false, true] {
            let mut without = request(&delivery).body(Body::from(delivery.body.clone())).unwrap();
            without.headers_mut().remove(header);
            if empty {
                without.headers_mut().insert(header, "".parse().unwrap());
            }
            let answer = app.send(without).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(
                answer.json,
                json!({"ok": false, "error": format!("missing {name} header")})
            );
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400_whatever_the_event() {
    let app = app().await;
    for event in ["issues", "ping", "star"] {
        for body in [&b""[..], b"nope", b"{", b"{\"a\":1}x", b"\xff\xfe", b"payload=%7B%7D"] {
            let answer = app.post_github(&GithubDelivery::new(event, body)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{event} {body:?}");
            assert_eq!(answer.json, json!({"ok": false, "error": "invalid JSON"}));
        }
        let form = GithubDelivery::form(event, "nope");
        assert_eq!(app.post_github(&form).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_body_that_names_no_repository_is_400() {
    let app = app().await;
    let bodies = [
        json!([]),
        json!({}),
        json!({"repository": null}),
        json!({"repository": {"id": 1}}),
        json!({"repository": {"id": 1, "full_name": "no name"}}),
        json!({"repository": {"id": 1, "full_name": format!("a/{}", "b".repeat(300))}}),
    ];
    for body in bodies {
        let answer = app.post_github(&GithubDelivery::new("issues", body.to_string())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.json["error"].as_str().unwrap().contains("repository.full_name"));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let app = app().await;
    let delivery = GithubDelivery::new("issues", vec![b' '; 26 * 1024 * 1024]);
    assert!(delivery.body.len() > MAX_BODY);
    let answer = app.post_github(&delivery).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.json["error"].as_str().unwrap().contains("max_body"));
}

#[tokio::test]
async fn a_ping_is_answered_whatever_repository_it_names() {
    let app = app().await;
    let body = json!({"zen": "Keep it logically awesome.", "hook_id": 1, "repository": {"id": 5, "full_name": "some/where"}});
    for delivery in [
        GithubDelivery::new("ping", body.to_string()),
        GithubDelivery::form("ping", &body.to_string()),
        GithubDelivery::new("ping", "{}"),
    ] {
        let answer = app.post_github(&delivery).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json, json!({"ok": true, "event": "ping"}));
    }
    assert_eq!(app.run_jobs().await, 0);
}

#[tokio::test]
async fn an_event_that_nothing_is_done_with_is_answered_and_counted_not_stored() {
    let app = app().await;
    let answer = app.post_github(&GithubDelivery::new("star", "{\"action\":\"created\"}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json, json!({"ok": true, "ignored": true, "event": "star"}));
    assert_eq!(app.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap().len(), 0);
    let figures = app.metrics.to_text();
    let line = r#"jetbridge_webhook_requests_total{source="github",outcome="ignored"} 1"#;
    assert!(figures.contains(line), "{figures}");
}

#[tokio::test]
async fn a_get_says_what_it_is_other_methods_are_405_and_a_slash_makes_no_difference() {
    let app = app().await;
    for path in ["/api/webhooks/github-mcp", "/api/webhooks/github-mcp/"] {
        let ask = |method| Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let shown = app.send(ask(Method::GET)).await;
        assert_eq!(shown.status, StatusCode::OK);
        assert_eq!(shown.json["ok"], true);
        assert!(shown.json["description"].as_str().unwrap().contains("GitHub"));
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = app.send(ask(method)).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(answer.headers["allow"], "GET, POST");
            assert_eq!(answer.json["ok"], false);
        }
        let delivery = a_delivery();
        let mut post = request(&delivery).body(Body::from(delivery.body.clone())).unwrap();
        *post.uri_mut() = path.parse().unwrap();
        assert_eq!(app.send(post).await.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_503_with_retry_after() {
    let app = app().await;
    app.store.close().await;
    let answer = app.post_github(&a_delivery()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_issue_and_its_comments_share_a_lane_as_do_a_pull_request_and_its_comments() {
    use jetbridge::config::Secrets;
    use jetbridge::sources::RawDelivery;
    use jetbridge::sources::github::verify::{Trust, Webhook, verify};
    let lane = |delivery: &GithubDelivery| {
        let raw = RawDelivery {
            delivery_id: Some(&delivery.id),
            signature: delivery.signature.as_deref(),
            event: Some(&delivery.event),
            content_type: None,
        };
        let secrets = Secrets::new([SECRET.to_owned()]);
        let host = jetbridge::config::GithubHost::default();
        let trust = Trust { host: &host, secrets: &secrets, unsigned: UnsignedWebhooks::Refuse };
        match verify(&raw, delivery.body.clone().into(), trust).unwrap() {
            Webhook::Delivery(verified) => verified.lane().unwrap().to_string(),
            other => panic!("{other:?}"),
        }
    };
    let plain = issue(7, "t", "open", AT);
    let mut half = plain.clone();
    half["pull_request"] = json!({"merged_at": null});
    let said = comment(1, "c", AT);
    assert_eq!(lane(&issue_delivery("opened", &plain)), "github:issue:7");
    assert_eq!(lane(&comment_delivery("created", &plain, &said)), "github:issue:7");
    let of_pull_request = "github:pull_request:186853002:12";
    assert_eq!(lane(&comment_delivery("created", &half, &said)), of_pull_request);
    let body: Value = json!({"action": "opened", "pull_request": {"id": 9, "number": 12}, "repository": repository()});
    assert_eq!(lane(&GithubDelivery::new("pull_request", body.to_string())), of_pull_request);
}

#[tokio::test]
async fn a_repository_that_is_not_configured_is_404_and_named() {
    let app = with(|s| s.unknown = UnknownRepositories::Reject).await;
    let body = json!({"action": "opened", "issue": issue(7, "t", "open", AT), "repository": {"id": 1, "full_name": "some/where"}});
    let answer = app.post_github(&GithubDelivery::new("issues", body.to_string())).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json,
        json!({"ok": false, "error": "repository not configured", "repository": "some/where"})
    );
    assert_eq!(app.run_jobs().await, 0);
}

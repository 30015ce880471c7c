//! The pages: what a person sees of what is stored, what can be done from there, and that nothing
//! foreign becomes more than text.

mod support;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::config::Secrets;
use jetbridge::live::Live;
use jetbridge::queue::Wake;
use jetbridge::store::sessions::TokenKind;
use jetbridge::web;
use jetbridge::web::reality::Reality;
use jetbridge::web::state::{SecretState, WebState};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::app::TestApp;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, issue, issue_delivery};
use tower::ServiceExt;

const TODO: (&str, &str) = ("Todo", "unstarted");
const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";
const COOKIE: &str =
    "__Host-jetbridge_session=5e55100000000000000000000000000000000000000000000000000000000000";
const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

struct Site {
    app: TestApp,
    routes: Router,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Site {
    async fn new(database: TestDatabase) -> Self {
        Self::with_secret(database, SecretState::Set).await
    }

    async fn on_sqlite() -> Self {
        Self::new(TestDatabase::new(Kind::Sqlite).await).await
    }

    async fn with_secret(database: TestDatabase, plane_secret: SecretState) -> Self {
        let app = TestApp::new(database).await;
        let state = WebState {
            store: app.store.clone(),
            clock: app.clock.clone(),
            admin_token: Secrets::none(),
            public_url: "https://hooks.example.org".into(),
            admin_token_file: "admin-token".into(),
            plane_secret,
            wake: Wake::default(),
            live: Live::new(app.store.clone(), tokio::sync::watch::channel(false).1),
            metrics: app.metrics.clone(),
            reality: Reality::Real,
        };
        let now = app.clock.now();
        let session = Sha256::digest(SESSION).into();
        let put =
            app.store.put_token(&session, TokenKind::Session, now, now + Duration::from_hours(1));
        put.await.expect("a session");
        let routes = web::routes(&state, None);
        Self { app, routes }
    }

    /// As a browser that is signed in.
    async fn ask(&self, mut request: Request<Body>) -> Page {
        let sent = [("accept", "text/html"), ("sec-fetch-site", "same-origin"), ("cookie", COOKIE)];
        for (name, value) in sent {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let answer = self.routes.clone().oneshot(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Page { status: head.status, headers: head.headers, text }
    }

    async fn open(&self, address: &str) -> Page {
        self.ask(Request::get(address).body(Body::empty()).expect("a request")).await
    }

    async fn see(&self, address: &str) -> String {
        let page = self.open(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.text);
        page.text
    }

    async fn submit(&self, address: &str) -> Page {
        let request = Request::builder().method(Method::POST).uri(address).body(Body::empty());
        self.ask(request.expect("a request")).await
    }

    /// Posts a delivery and works it off.
    async fn receive(&self, delivery: &Delivery) {
        assert_eq!(self.app.post(delivery).await.status, StatusCode::OK);
        self.app.run_jobs().await;
    }

    async fn receive_issue(&self, change: impl FnOnce(&mut Value)) {
        let mut body = issue(ID, "A title", TODO, "2026-11-22T01:00:00Z");
        change(&mut body["data"]);
        self.receive(&Delivery::new(body.to_string())).await;
    }
}

/// What stands in the column of this name.
fn column<'a>(board: &'a str, name: &str) -> &'a str {
    let start = format!("<ul class=\"cards\" aria-label=\"{name}\">");
    board.split_once(&start).and_then(|(_, rest)| rest.split_once("</ul>\n")).map_or("", |(c, _)| c)
}

fn deleted(id: &str) -> Delivery {
    let body = json!({"event": "issue", "action": "deleted", "webhook_id": "w", "workspace_id": "x", "data": {"id": id}});
    Delivery::new(body.to_string())
}

fn broken() -> Delivery {
    Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x"}}"#)
}

on_both_databases! {
    async fn a_webhook_becomes_a_card_that_moves_with_its_state_and_goes_when_deleted(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive(&issue_delivery(ID, "Mend the bridge", TODO, "2026-11-22T01:00:00Z")).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "Todo").contains("Mend the bridge"), "{board}");
        assert!(board.contains("Newest change <time datetime=\"2026-11-22T01:00:00.000Z\""));
        site.receive(&issue_delivery(ID, "Mend the bridge", ("Doing", "started"), "2026-11-22T01:10:00Z")).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "In progress").contains("Mend the bridge"));
        assert_eq!(column(&board, "Todo"), "");
        site.receive(&deleted(ID)).await;
        let board = site.see("/boards").await;
        assert!(!board.contains("Mend the bridge") && board.contains("data-page=\"board\""));
    }

    async fn filters_narrow_the_board_and_stay_chosen(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive(&issue_delivery("one", "Alpha", TODO, "2026-11-22T01:00:00Z")).await;
        let mut other = issue("two", "Beta 50%", ("Done", "completed"), "2026-11-22T01:00:00Z");
        other["data"]["labels"] = json!([{"id": "l2", "name": "docs & more", "color": "#0075ca"}]);
        other["data"]["assignees"] = json!([{"id": "p2", "display_name": "Grace"}]);
        other["data"]["project"] = json!("another-project");
        site.receive(&Delivery::new(other.to_string())).await;
        for only_beta in ["q=beta+50%25", "label=docs+%26+more", "assignee=Grace", "project=another-project", "state_group=completed"] {
            let board = site.see(&format!("/boards?{only_beta}")).await;
            assert!(board.contains("Beta 50%") && !board.contains("Alpha"), "{only_beta}");
        }
        let board = site.see("/boards?assignee=Grace&q=").await;
        assert!(board.contains("<option value=\"Grace\" selected>Grace</option>"));
        assert!(board.contains("<option value=\"docs &#38; more\">"));
        assert!(site.see("/boards?system=github").await.contains("No item matches the filter"));
    }

    async fn an_item_without_a_state_group_stands_in_a_column_of_its_own(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive_issue(|data| data["state"] = Value::Null).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "No state").contains("A title"), "{board}");
        assert!(board.contains("card-why is-warn"), "what is missing is said on the card");
        assert!(site.see("/boards?state_group=none").await.contains("A title"));
    }

    async fn a_full_column_hides_no_other_and_links_to_the_rest(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..55 {
            let delivery = issue_delivery(&format!("i{i}"), &format!("Title {i}"), TODO, "2026-11-22T01:00:00Z");
            assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        }
        site.receive(&issue_delivery("old", "An old one", ("Doing", "started"), "2025-11-22T01:00:00Z")).await;
        let board = site.see("/boards?label=bug").await;
        assert_eq!(column(&board, "Todo").matches("<article").count(), 25);
        assert!(column(&board, "In progress").contains("An old one"));
        assert!(board.contains("href=\"/boards?label=bug&#38;state_group=unstarted&#38;after="), "{board}");
        assert!(board.contains(">30 more<span"), "{board}");
        let alone = site.see("/boards?label=bug&state_group=unstarted").await;
        assert_eq!(alone.matches("<article").count(), 50);
    }

    async fn deliveries_are_listed_filtered_and_paged(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..60 {
            let delivery = issue_delivery(&format!("i{i}"), "Title", TODO, "2026-11-22T01:00:00Z");
            assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        }
        site.receive(&broken()).await;
        let first = site.see("/deliveries?source=plane").await;
        assert_eq!(first.matches("<tr role=\"row\">").count(), 51);
        let (_, rest) = first.split_once("<a class=\"button button-s\" href=\"").expect("a link to older ones");
        let older = rest.split_once('"').expect("its end").0.replace("&#38;", "&");
        assert_eq!(site.see(&older).await.matches("<tr role=\"row\">").count(), 12);
        let failed = site.see("/deliveries?status=failed").await;
        assert_eq!(failed.matches("<tr role=\"row\">").count(), 2);
        assert!(failed.contains("<span class=\"count count-bad\">1<span class=\"sr\"> failed</span>"), "{failed}");
        for none in ["event=other", "since=2030-01-01T00:00", "until=2020-01-01T00:00", "item=plane:nobody"] {
            assert!(site.see(&format!("/deliveries?{none}")).await.contains("No delivery matches"), "{none}");
        }
        assert!(site.see("/deliveries?item=plane:i3").await.contains("/work-items/plane%3Ai3\""));
    }

    async fn a_failed_delivery_runs_again_from_its_page(database: TestDatabase) {
        let site = Site::new(database).await;
        let broken = broken();
        site.receive(&broken).await;
        let address = format!("/deliveries/plane/{}", broken.id);
        let before = site.see(&address).await;
        assert!(before.contains("failed for good") && before.contains("button-main"), "{before}");
        let answer = site.submit(&format!("{address}/replay")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let after = answer.headers["location"].to_str().expect("an address").to_owned();
        assert!(site.see(&after).await.contains("Queued again"));
        assert_eq!(site.app.run_jobs().await, 1);
        assert_eq!(site.see(&address).await.matches("failed for good").count(), 2);
    }
}

#[tokio::test]
async fn what_people_wrote_is_only_ever_text() {
    let site = Site::on_sqlite().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}";
    site.receive_issue(|data| {
        data["name"] = json!(evil);
        data["project"] = json!(evil);
        data["labels"] =
            json!([{"id": "l", "name": evil, "color": "\"><script>alert(1)</script>"}]);
        data["assignees"] = json!([{"id": evil, "display_name": evil}]);
        data["state"] = json!({"id": "s", "name": evil, "color": evil, "group": "started"});
        data["priority"] = json!(evil);
    })
    .await;
    let item = format!("/work-items/plane:{ID}");
    for address in [
        "/boards",
        &item,
        "/deliveries",
        "/boards?q=%22%3E%3Cscript%3E",
        "/boards?label=%3Cscript%3E",
    ] {
        let page = site.open(address).await.text;
        for raw in ["<script>", "<img", "\"><script"] {
            assert!(!page.contains(raw), "{address} holds {raw}");
        }
    }
    assert!(site.see(&item).await.contains("&#60;script&#62;alert(1)"));
}

#[tokio::test]
async fn a_body_is_shown_as_text_laid_out_and_raw() {
    let site = Site::on_sqlite().await;
    let delivery = Delivery::new(r#"{"event":"odd</pre><script>","n":1.500}"#);
    site.receive(&delivery).await;
    let address = format!("/deliveries/plane/{}", delivery.id);
    let page = site.see(&address).await;
    assert!(page.contains("odd&#60;/pre&#62;&#60;script&#62;") && page.contains("1.500"));
    assert!(!page.contains("</pre><script>"));
    let raw = site.open(&format!("{address}?view=raw")).await;
    assert_eq!(raw.text.as_bytes(), delivery.body);
    assert_eq!(raw.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(raw.headers["x-content-type-options"], "nosniff");
    assert!(raw.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
}

#[tokio::test]
async fn a_large_body_is_shown_in_part_and_says_so() {
    let site = Site::on_sqlite().await;
    let delivery = Delivery::new(json!({"event": "odd", "text": "x".repeat(300_000)}).to_string());
    site.receive(&delivery).await;
    let address = format!("/deliveries/plane/{}", delivery.id);
    let page = site.see(&address).await;
    assert!(page.contains("Only the beginning is shown, up to 200 KiB") && page.len() < 250_000);
    assert_eq!(site.see(&format!("{address}?view=raw")).await.len(), delivery.body.len());
}

#[tokio::test]
async fn long_titles_and_those_from_right_to_left_keep_the_page_in_shape() {
    let site = Site::on_sqlite().await;
    site.receive(&issue_delivery("rtl", "دعم النص من اليمين", TODO, "2026-11-22T01:00:00Z")).await;
    let long = "ä".repeat(10_000);
    site.receive(&issue_delivery("long", &long, TODO, "2026-11-22T01:00:00Z")).await;
    let board = site.see("/boards").await;
    assert!(board.contains("dir=\"auto\">دعم النص من اليمين</a>"));
    assert!(board.contains(&format!("{}…", "ä".repeat(300))) && !board.contains(&"ä".repeat(301)));
    assert!(site.see("/work-items/plane%3Along").await.contains(&long));
}

#[tokio::test]
async fn only_a_drawable_color_is_drawn() {
    let site = Site::on_sqlite().await;
    site.receive_issue(|data| {
        data["labels"] = json!([
            {"id": "1", "name": "good", "color": "#d73a4a"},
            {"id": "2", "name": "odd", "color": "url(javascript:1)"},
        ]);
    })
    .await;
    for address in ["/boards".to_owned(), format!("/work-items/plane:{ID}")] {
        let page = site.see(&address).await;
        assert!(page.contains("fill=\"#d73a4a\"") && page.contains(">odd</span>"));
        assert!(!page.contains("url("), "{address}");
    }
}

#[tokio::test]
async fn only_a_web_address_becomes_a_link() {
    let site = Site::on_sqlite().await;
    for (id, url) in [("bad", "javascript:alert(1)"), ("good", "https://plane.example/x")] {
        let mut body = issue(id, "A title", TODO, "2026-11-22T01:00:00Z");
        body["data"]["url"] = json!(url);
        site.receive(&Delivery::new(body.to_string())).await;
    }
    assert!(!site.see("/work-items/plane:bad").await.contains("href=\"javascript"));
    let good = site.see("/work-items/plane:good").await;
    assert!(
        good.contains("href=\"https://plane.example/x\" rel=\"noopener noreferrer\""),
        "{good}"
    );
}

#[tokio::test]
async fn an_items_page_tells_its_story_newest_first() {
    let site = Site::on_sqlite().await;
    let first = issue_delivery(ID, "Before", TODO, "2026-11-22T01:00:00Z");
    site.receive(&first).await;
    let second = issue_delivery(ID, "After", ("Doing", "started"), "2026-11-22T01:10:00Z");
    site.receive(&second).await;
    let late = issue_delivery(ID, "Late", TODO, "2026-11-22T01:05:00Z");
    site.receive(&late).await;
    let page = site.see(&format!("/work-items/plane%3A{ID}")).await;
    assert!(
        page.contains("<del dir=\"auto\">Before</del> → <ins dir=\"auto\">After</ins>"),
        "{page}"
    );
    assert!(page.contains("older than what is known") && page.contains("First seen"));
    let places = [&late, &second, &first]
        .map(|d| page.rfind(&format!("/deliveries/plane/{}", d.id)).unwrap());
    assert!(places.is_sorted());
    let timeline = site.open(&format!("/work-items/plane:{ID}/timeline")).await;
    assert_eq!(timeline.headers["location"], format!("/work-items/plane%3A{ID}#timeline"));
    site.receive(&deleted(ID)).await;
    assert!(site.see(&format!("/work-items/plane:{ID}")).await.contains("deleted at the source"));
}

#[tokio::test]
async fn what_does_not_exist_is_404_and_what_cannot_be_asked_is_400() {
    let site = Site::on_sqlite().await;
    for address in [
        "/work-items/plane:nobody",
        "/work-items/%00",
        "/deliveries/plane/nothing",
        "/deliveries/nobody/x",
        "/deliveries/plane/%00",
    ] {
        let page = site.open(address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains("<h1 id=\"what\">There is nothing here</h1>"));
    }
    assert_eq!(site.submit("/deliveries/plane/nothing/replay").await.status, StatusCode::NOT_FOUND);
    for address in
        ["/boards?system=jira", "/boards?q=%00", "/deliveries?since=now", "/deliveries?status=odd"]
    {
        assert_eq!(site.open(address).await.status, StatusCode::BAD_REQUEST, "{address}");
    }
}

#[tokio::test]
async fn the_first_start_says_what_to_paste_and_follows_along() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_secret(database, SecretState::Missing).await;
    assert_eq!(site.open("/").await.headers["location"], "/boards");
    let page = site.see("/boards").await;
    assert!(page.contains("value=\"https://hooks.example.org/api/webhooks/plane\""));
    assert!(page.contains("value=\"https://hooks.example.org/api/webhooks/github-mcp/\""));
    assert!(page.contains("JETBRIDGE_PLANE_WEBHOOK_SECRET"));
    assert!(page.contains("not set: deliveries are answered 503"));
    assert!(site.see("/deliveries").await.contains("No delivery has arrived yet"));
    site.receive(&Delivery::new(r#"{"event":"project","action":"created","data":{"id":"p"}}"#))
        .await;
    assert!(site.see("/boards").await.contains("first delivery arrived"));
    site.receive_issue(|_| {}).await;
    assert!(site.see("/boards").await.contains("data-page=\"board\""));
}

#[tokio::test]
async fn pages_hold_no_inline_script_or_style_and_link_only_to_what_exists() {
    let site = Site::on_sqlite().await;
    let delivery = issue_delivery(ID, "A title", TODO, "2026-11-22T01:00:00Z");
    let welcome = site.see("/boards").await;
    site.receive(&delivery).await;
    let mut pages = vec![welcome];
    for address in [
        "/boards",
        "/deliveries",
        &format!("/work-items/plane:{ID}"),
        &format!("/deliveries/plane/{}", delivery.id),
    ] {
        let page = site.open(address).await;
        assert!(
            page.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        pages.push(page.text);
    }
    for page in &pages {
        for inline in [" style=", " onclick=", "<style", "<script>", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for icon in page.split("href=\"#i-").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            assert!(page.contains(&format!("<symbol id=\"i-{icon}\"")), "no icon {icon}");
        }
        for link in page.split(" href=\"/").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            let answer = site.open(&format!("/{}", link.replace("&#38;", "&"))).await;
            assert_eq!(answer.status, StatusCode::OK, "/{link}");
        }
    }
}

#[tokio::test]
async fn a_github_issue_is_on_the_board_and_its_comments_are_text_on_its_page() {
    use support::github::{comment, comment_delivery, issue};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    let text = "<script>alert(1)</script> & **bold**\nnext line";
    let said = comment(1, text, "2026-11-22T01:00:00Z");
    let answer = site.app.post_github(&comment_delivery("created", &thing, &said)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    site.app.run_jobs().await;
    let board = site.see("/boards").await;
    assert!(column(&board, "Todo").contains("From GitHub"), "{board}");
    let page = site.see("/work-items/github%3A7").await;
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; **bold**\nnext line"),
        "{page}"
    );
    assert!(page.contains("<strong dir=\"auto\">ada</strong>"), "{page}");
    assert!(page.contains("/issues/12#issuecomment-1\""), "{page}");
    assert!(site.see("/deliveries").await.contains("issue_comment.created"));
}

#[tokio::test]
async fn an_items_page_leads_to_its_twin_and_says_how_they_stand() {
    use support::github::{issue, issue_delivery};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    let answer = site.app.post_github(&issue_delivery("opened", &thing)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    site.receive_issue(|_| {}).await;
    assert!(!site.see("/work-items/github%3A7").await.contains("Twin"));
    let now = site.app.clock.now();
    support::links::link(&site.app.store, 7, ID, now, None).await;
    let page = site.see("/work-items/github%3A7").await;
    assert!(page.contains(&format!("href=\"/work-items/plane%3A{ID}\"")), "{page}");
    assert!(page.contains("in step"), "{page}");
    let refused = Some("Plane refused <the key>");
    support::links::link(&site.app.store, 7, ID, now, refused).await;
    let page = site.see(&format!("/work-items/plane%3A{ID}")).await;
    assert!(page.contains("href=\"/work-items/github%3A7\""), "{page}");
    assert!(page.contains("behind") && page.contains("Plane refused &#60;the key&#62;"), "{page}");
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_hash_and_asked_for_again_without() {
    let site = Site::on_sqlite().await;
    let page = site.see("/boards").await;
    let (_, rest) = page.split_once("href=\"/assets/app.css?v=").unwrap();
    let version = rest.split_once('"').unwrap().0;
    let kept = site.open(&format!("/assets/app.css?v={version}")).await;
    assert!(kept.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(kept.headers["content-type"], "text/css; charset=utf-8");
    let plain = site.open("/assets/app.css").await;
    assert_eq!(plain.headers["cache-control"], "public, no-cache");
    let again = Request::get("/assets/app.css").header("if-none-match", &plain.headers["etag"]);
    let again = site.ask(again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(site.open("/assets/../Cargo.toml").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.open("/assets/nothing.js").await.status, StatusCode::NOT_FOUND);
}

//! What doctor finds at the other side: webhooks, the token, the way to us.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use jetbridge::clock::Clock;
use jetbridge::sim::github::{Access, NewHook, SimApp, SimToken};

use crate::places::{REPOSITORY, Sides, TOKEN};
use crate::{Place, serve};

const WAY: &str = "/api/webhooks/github-mcp/";

/// Configured for a receiver that answers everything with one status.
async fn answering(sides: &Sides, status: StatusCode) -> (String, Place) {
    let receiver = serve(Router::new().fallback(move || async move { status })).await;
    let text = sides.config("").replace(&sides.receiver, &receiver);
    let place = Place::with_config(&text);
    place.run(&["migrate"]).done();
    (receiver, place)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_what_is_wrong_with_a_webhook_and_names_each_fix() {
    let sides = Sides::start().await;
    let (receiver, place) = answering(&sides, StatusCode::UNAUTHORIZED).await;
    let hook = NewHook::to(format!("{receiver}{WAY}"), "another").as_form().for_events(["issues"]);
    let hook = sides.github.add_hook(REPOSITORY, hook).unwrap();
    sides.github.settled().await;
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let page = format!("{}/octo/hello/settings/hooks/{hook}", sides.github.api_url());
    for line in [
        "PROBLEM  github webhook: octo/hello: its webhook does not send Issue comments, Pull requests".to_owned(),
        format!("fix: at {page} tick Issue comments, Pull requests under individual events"),
        "warning  github webhook: octo/hello: its webhook sends forms".to_owned(),
        format!("fix: at {page} set Content type to application/json"),
        "were refused with 401: the secret there differs from ours".to_owned(),
        format!("fix: at {page} type the secret of github.webhook_secret again"),
    ] {
        let line = line.replace("its last delivery", "");
        assert!(ended.out.contains(&line), "{line} is missing in {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_looks_at_an_organizations_webhook_where_the_repository_has_none() {
    let sides = Sides::start().await;
    let receiver = serve(Router::new().fallback(async || StatusCode::OK)).await;
    let hook = NewHook::to(format!("{receiver}{WAY}"), "typed there").for_events(["issues"]);
    let hook = sides.github.add_organization("acme", hook).unwrap();
    sides.github.add_repository("acme/shop").unwrap();
    let text =
        sides.config("").replace(&sides.receiver, &receiver).replace(REPOSITORY, "acme/shop");
    let place = Place::with_config(&text);
    place.run(&["migrate"]).done();
    sides.github.settled().await;
    let ended = place.run(&["doctor"]);
    let page = format!("{}/organizations/acme/settings/hooks/{hook}", sides.github.api_url());
    for line in [
        "acme/shop: its webhook does not send Issue comments, Pull requests".to_owned(),
        format!("fix: at {page} tick Issue comments, Pull requests under individual events"),
    ] {
        assert!(ended.out.contains(&line), "{line} is missing in {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_a_receiver_that_does_not_take_what_is_sent() {
    let sides = Sides::start().await;
    let (receiver, place) = answering(&sides, StatusCode::BAD_GATEWAY).await;
    let hook = NewHook::to(format!("{receiver}{WAY}"), "typed there");
    sides.github.add_hook(REPOSITORY, hook).unwrap();
    sides.github.settled().await;
    let ended = place.run(&["doctor"]);
    assert!(ended.out.contains("were answered 502"), "{}", ended.out);
    assert!(ended.out.contains("under Recent Deliveries"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_what_to_type_where_a_webhook_is_missing() {
    let sides = Sides::start().await;
    let (receiver, place) = answering(&sides, StatusCode::OK).await;
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let missing = format!("no webhook of it posts to {receiver}{WAY}");
    assert!(ended.out.contains(&missing), "{}", ended.out);
    let fix = format!(
        "/octo/hello/settings/hooks/new set Payload URL {receiver}{WAY}, Content type application/json"
    );
    assert!(ended.out.contains(&fix), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_tells_of_a_token_that_ends_soon_and_of_what_it_may_not_see() {
    let end = Clock::System.now() + Duration::from_hours(5 * 24 + 1);
    let token = SimToken {
        webhooks: Access::None,
        expires: Some(end.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ..SimToken::full(TOKEN, "sync-bot")
    };
    let ended = Sides::with_token(token).await.place("").run(&["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.out.contains("warning  github.token: ends on"), "{}", ended.out);
    assert!(ended.out.contains("(in 5 days)"), "{}", ended.out);
    assert!(ended.out.contains("the token may not look at its webhooks"), "{}", ended.out);
    assert!(
        ended.out.contains("permission Webhooks: read and write (repository_hooks=read)"),
        "{}",
        ended.out
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_that_a_token_may_not_read_pull_requests() {
    let words = "the token may not read the pull requests of octo/hello";
    let token = SimToken { pull_requests: Access::None, ..SimToken::full(TOKEN, "sync-bot") };
    let out = Sides::with_token(token).await.place("").run(&["doctor"]).out;
    assert!(out.contains(words) && out.contains("permission Pull requests: read"), "{out}");
    let out = Sides::start().await.place("").run(&["doctor"]).out;
    assert!(!out.contains(words), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_what_is_wrong_with_a_github_app_and_names_the_fix() {
    let sides = Sides::start().await;
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github-app");
    let with = |id: &str, key: &str| {
        let config = sides.config("");
        let config = format!("{config}app_id = {id}\napp_private_key = 'file:{fixtures}/{key}'\n");
        Place::with_config(&config).run(&["doctor"]).out
    };
    let url = format!("{}{WAY}", sides.receiver);
    let app = |url: &str| SimApp {
        id: 123,
        client_id: "Iv1".to_owned(),
        name: "Board".to_owned(),
        public_key: include_bytes!("../fixtures/github-app/app.public.der").to_vec(),
        hook: NewHook { secret: None, ..NewHook::to(url, "").as_form() },
    };
    sides.github.add_app(app(&url));
    let out = with("123", "app.pkcs8.pem");
    for line in [
        "takes the key of 123",
        "warning  github app: Board is not told of Issues, Issue comments, Pull requests, Pull request reviews",
        "PROBLEM  github app: the webhook of Board has no secret, so each delivery is refused with 401",
        "fix: in the settings of the GitHub App Board type the secret of github.webhook_secret",
        "warning  github app: the webhook of Board sends forms",
    ] {
        assert!(out.contains(line), "{line} is missing in {out}");
    }
    sides.github.add_app(app("https://elsewhere.example/hook"));
    let out = with("123", "app.pkcs1.pem");
    assert!(
        out.contains(&format!("Board posts to https://elsewhere.example/hook, not to {url}")),
        "{out}"
    );
    let out = with("123", "another.pem");
    assert!(
        out.contains("PROBLEM  github app: GitHub does not take the key of the GitHub App 123"),
        "{out}"
    );
    let out = with("123", "app.public.der");
    assert!(out.contains("can't be read"), "{out}");
    let out = with("123", "README.md");
    assert!(
        out.contains("PROBLEM  github app: github.app_private_key holds no private key in PEM"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_an_alarm_address_that_nobody_answers_at() {
    let sides = Sides::start().await;
    let with = |url: &str| {
        Place::with_config(&format!("alarm_webhook_url = '{url}'\n{}", sides.config("")))
    };
    let fine = with(&format!("{}/hooks/very-secret", sides.receiver)).run(&["doctor"]);
    assert!(fine.out.contains("alarm_webhook_url: 127.0.0.1:"), "{}", fine.out);
    assert!(fine.out.contains("can be reached; nothing was sent"), "{}", fine.out);
    let gone = with("http://127.0.0.1:1/hooks/very-secret").run(&["doctor"]);
    assert_eq!(gone.status, 1, "{gone:?}");
    assert!(
        gone.out.contains("PROBLEM  alarm_webhook_url: 127.0.0.1:1 can't be reached"),
        "{}",
        gone.out
    );
    assert!(!gone.out.contains("very-secret") && !fine.out.contains("very-secret"));
}

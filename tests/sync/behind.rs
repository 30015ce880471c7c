//! GitHub reads from copies: what it answers may be older than what its webhooks told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use jetbridge::sim::github::NewIssue;
use tokio::net::TcpListener;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, TOKEN, World};

/// Answers as the simulated GitHub did at this moment, whatever happens there later.
async fn copy_of(world: &World) -> String {
    let http = reqwest::Client::new();
    let mut answers = HashMap::new();
    for path in ["/repos/octo/hello/issues/1", "/repos/octo/hello/issues/1/comments"] {
        let asked = http.get(format!("{}{path}", world.github.api_url())).bearer_auth(TOKEN);
        let answer = asked.header("user-agent", "a test").send().await.unwrap();
        answers.insert(path.to_owned(), answer.text().await.unwrap());
    }
    let answer = async |State(answers): State<Arc<HashMap<String, String>>>, uri: Uri| {
        answers.get(uri.path()).cloned().ok_or(StatusCode::NOT_FOUND)
    };
    let routes = Router::new().fallback(answer).with_state(Arc::new(answers));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test]
async fn an_answer_that_is_older_than_its_webhook_takes_nothing_back_and_loses_nothing() {
    let mut world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    let issue = NewIssue::titled("Crash");
    ada.open_issue(REPOSITORY, &issue).unwrap();
    ada.comment(REPOSITORY, 1, "Early").unwrap();
    world.settle().await;
    world.config.github.api_url = copy_of(&world).await;
    world.stop().await;
    world.start().await;
    for text in ["Later", "Last"] {
        world.github_clock.advance(Duration::from_secs(5));
        let ada = world.github.acting_as("ada");
        ada.retitle(REPOSITORY, 1, text).unwrap();
        ada.comment(REPOSITORY, 1, text).unwrap();
        world.settle().await;
        world.assert_equal();
    }
}

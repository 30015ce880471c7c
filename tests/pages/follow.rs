//! Open pages in a real browser: what they did not have yet comes to them, and what somebody is
//! doing on them stays.

use std::time::Duration;

use jetbridge::store::Store;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{
    self, GithubDelivery, comment, comment_delivery, issue, issue_delivery, repository,
};
use crate::support::plane::{self, Delivery};
use crate::support::process::{Served, eventually};

const AT: &str = "2026-11-22T01:00:00Z";

async fn run(browser: &Browser, script: &str) -> Value {
    browser.page.execute(script, Vec::new()).await.unwrap()
}

async fn shows(browser: &Browser, selector: &str, text: &str) {
    eventually(&format!("{text} in {selector}"), || async {
        browser.text_of(selector).await.contains(text)
    })
    .await;
}

async fn post_github(served: &Served, delivery: &GithubDelivery) {
    let (head, ()) = github::request(delivery).body(()).unwrap().into_parts();
    let mut request = format!("POST {} HTTP/1.1\r\nHost: localhost\r\n", head.uri);
    for (name, value) in &head.headers {
        request += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    let bytes = [(request + "\r\n").as_bytes(), &delivery.body].concat();
    assert_eq!(served.connect().await.send(&bytes).await.unwrap().status, 202);
}

async fn post(served: &Served, delivery: &Delivery) {
    assert_eq!(served.connect().await.post(delivery).await.unwrap().status, 200);
}

/// A pull request that closes the issue.
fn pull(title: &str, at: &str, merged: bool) -> GithubDelivery {
    let mut pull = issue(900, title, if merged { "closed" } else { "open" }, at);
    pull["number"] = json!(44);
    pull["body"] = json!("Fixes #12");
    pull["merged"] = json!(merged);
    pull["merged_at"] = if merged { json!(at) } else { Value::Null };
    pull["draft"] = json!(false);
    let body = json!({"action": "edited", "pull_request": pull, "repository": repository()});
    GithubDelivery::new("pull_request", body.to_string())
}

#[tokio::test]
async fn what_an_open_items_page_did_not_have_yet_comes_to_it() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let settings = [
        ("JETBRIDGE_GITHUB_WEBHOOK_SECRET", github::SECRET),
        ("JETBRIDGE_GITHUB_UNKNOWN_REPOSITORIES", "register"),
    ];
    let served = Served::start_with(&database.text, database.folder.path(), &[], &settings);
    let mut thing = issue(7, "Watch this page", "open", AT);
    thing["body"] = Value::Null;
    post_github(&served, &issue_delivery("opened", &thing)).await;
    let browser = Browser::open(1440, 1000).await;
    browser.sign_in(&served).await;
    shows(&browser, "main", "Watch this page").await;
    browser.go(&served, "/work-items/github%3A7").await;
    run(&browser, "window.same = true").await;
    let bare = browser.text_of("main").await;
    for absent in ["Comments", "Description", "Pull requests", "Both sides"] {
        assert!(!bare.contains(absent), "{absent}: {bare}");
    }

    for (count, text) in [(1, "The very first one"), (2, "Another one")] {
        let said = comment(count, text, AT);
        post_github(&served, &comment_delivery("created", &thing, &said)).await;
        shows(&browser, "main", text).await;
        shows(&browser, "#comments .count", &count.to_string()).await;
    }
    thing["body"] = json!("Written **later**.");
    thing["updated_at"] = json!("2026-11-22T01:01:00Z");
    post_github(&served, &issue_delivery("edited", &thing)).await;
    shows(&browser, "#description-text", "Written later.").await;
    post_github(&served, &pull("Mend the bridge", "2026-11-22T01:02:00Z", false)).await;
    shows(&browser, "main", "#44 Mend the bridge open").await;
    post_github(&served, &pull("Mend the bridge", "2026-11-22T01:03:00Z", true)).await;
    shows(&browser, "main", "#44 Mend the bridge merged").await;

    let store = Store::open(&database.url).await.unwrap();
    let twin = "70169388-cbf7-4386-8a01-efcb5aa00b5b";
    let todo = ("Todo", "unstarted");
    post(&served, &plane::issue_delivery(twin, "Watch this page", todo, AT)).await;
    eventually("the other side", || async {
        let item = jetbridge::ids::WorkItemRef::new(format!("plane:{twin}"));
        store.work_item(&item).await.unwrap().is_some()
    })
    .await;
    let now = jetbridge::clock::Clock::System.now() - Duration::from_mins(5);
    crate::support::links::link(&store, 7, twin, now, None).await;
    shows(&browser, "main", "last brought in step").await;
    shows(&browser, "#both", "Watch this page").await;
    assert_eq!(run(&browser, "return window.same").await, true, "it was never loaded again");
    browser.picture("item-grown").await;
    browser.resize(390, 844).await;
    browser.picture("item-grown-phone").await;
    run(&browser, "document.getElementById('pulls').scrollIntoView()").await;
    browser.picture("item-grown-phone-pulls").await;
    let wide = run(&browser, "return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "the page itself never scrolls sideways: {wide}");
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

#[tokio::test]
async fn an_opened_delivery_follows_and_what_is_ticked_stays_while_others_arrive() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let broken =
        Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
    post(&served, &broken).await;
    let browser = Browser::open(1440, 1000).await;
    browser.sign_in(&served).await;
    browser.go(&served, &format!("/deliveries?open=plane/{}", broken.id)).await;
    run(&browser, "window.same = true").await;
    shows(&browser, "#sheet", "failed").await;
    shows(&browser, "#opened header", "failed").await;

    // Run again by somebody else: its attempts are told where it is open.
    let replay = format!(
        "return fetch('/deliveries/plane/{}/replay', {{method: 'POST'}}).then((a) => a.ok)",
        broken.id
    );
    assert_eq!(run(&browser, &replay).await, true);
    eventually("the second failure", || async {
        browser.text_of("#opened .attempts").await.matches("failed for good").count() == 2
    })
    .await;

    browser.press(&format!("#sheet input[value='plane/{}']", broken.id)).await;
    for i in 0..55 {
        let id = format!("item-{i}");
        post(&served, &plane::issue_delivery(&id, "Another", ("Todo", "unstarted"), AT)).await;
    }
    shows(&browser, "#segments", "Processed 55").await;
    let ticked =
        "return [...document.querySelectorAll('#sheet input:checked')].map((box) => box.value)";
    assert_eq!(run(&browser, ticked).await, json!([format!("plane/{}", broken.id)]));
    browser.picture("deliveries-ticked").await;
    // Once nothing is ticked the list goes on, and the old one has left its first part.
    browser.press("#sheet input:checked").await;
    eventually("the newest ones", || async {
        let rows =
            run(&browser, "return document.querySelectorAll('#sheet tbody tr').length").await;
        rows == 50 && !browser.text_of("#sheet").await.contains("failed")
    })
    .await;
    assert_eq!(run(&browser, "return window.same").await, true, "it was never loaded again");
    browser.resize(390, 844).await;
    browser.go(&served, "/deliveries").await;
    browser.picture("deliveries-phone").await;

    // Its own page follows as well.
    browser.go(&served, &format!("/deliveries/plane/{}", broken.id)).await;
    assert_eq!(run(&browser, &replay).await, true);
    eventually("the third failure", || async {
        browser.text_of(".attempts").await.matches("failed for good").count() == 3
    })
    .await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

//! What a person sees in a real browser, from the sign-in link to a replayed delivery.

mod support;

use support::browser::Browser;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, issue_delivery};
use support::process::{Served, eventually};

const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

#[tokio::test]
async fn a_card_appears_moves_and_disappears_without_a_reload_and_a_dead_delivery_is_replayed() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 900).await;
    browser.sign_in(&served).await;
    browser.picture("welcome").await;
    let mut plane = served.connect().await;

    let column = |name: &str| format!("ul.cards[aria-label='{name}']");
    for (state, group, name, at) in
        [("Todo", "unstarted", "Todo", "01:00"), ("In Progress", "started", "In progress", "01:01")]
    {
        let delivery =
            issue_delivery(ID, "Watch me move", (state, group), &format!("2026-11-22T{at}:00Z"));
        assert_eq!(plane.post(&delivery).await.unwrap().status, 200);
        eventually(name, || async {
            browser.text_of(&column(name)).await.contains("Watch me move")
        })
        .await;
    }
    browser.picture("moved").await;
    let deleted = Delivery::new(format!(
        r#"{{"event":"issue.deleted","issue":{{"id":"{ID}","updated_at":"2026-11-22T01:02:00Z"}},"project":{{"id":"p"}}}}"#
    ));
    assert_eq!(plane.post(&deleted).await.unwrap().status, 200);
    eventually("its end", || async { !browser.text_of("main").await.contains("Watch me move") })
        .await;

    let broken =
        Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
    assert_eq!(plane.post(&broken).await.unwrap().status, 200);
    let page = format!("http://127.0.0.1:{}/deliveries/plane/{}", served.port, broken.id);
    eventually("its failure", || async {
        browser.page.goto(&page).await.unwrap();
        browser.text_of("main").await.contains("failed")
    })
    .await;
    browser.picture("delivery").await;
    browser.press("form[action$='/replay'] button").await;
    eventually("the second attempt", || async {
        browser.page.goto(&page).await.unwrap();
        browser.text_of("main").await.contains("queued again by hand")
    })
    .await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

#[tokio::test]
async fn a_lost_server_is_said_and_the_page_recovers_by_itself() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let port = served.port.to_string();
    let browser = Browser::open(1000, 700).await;
    browser.sign_in(&served).await;
    let delivery = issue_delivery(ID, "Here before", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    assert_eq!(served.connect().await.post(&delivery).await.unwrap().status, 200);
    eventually("the card", || async { browser.text_of("main").await.contains("Here before") })
        .await;
    served.kill();
    eventually("the loss", || async { !browser.text_of(".live").await.starts_with("Live") }).await;
    browser.picture("lost").await;
    let listen = format!("127.0.0.1:{port}");
    let again = Served::start_with(
        &database.text,
        database.folder.path(),
        &[],
        &[("JETBRIDGE_LISTEN", &listen)],
    );
    let later =
        issue_delivery("another", "Here after", ("Todo", "unstarted"), "2026-11-22T01:05:00Z");
    assert_eq!(again.connect().await.post(&later).await.unwrap().status, 200);
    eventually("the recovery", || async {
        browser.text_of(".live").await.starts_with("Live")
            && browser.text_of("main").await.contains("Here after")
    })
    .await;
}

//! Deliveries, an item's page and repositories in a real browser: opened, replayed, added.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use fantoccini::Locator;
use support::browser::Browser;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, issue_delivery};
use support::process::{Served, eventually};

const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

async fn sign_in(browser: &Browser, served: &Served) {
    browser.page.goto(&served.greeting_link()).await.unwrap();
    press(browser, "main form button").await;
    let boards = format!("http://127.0.0.1:{}/boards", served.port);
    browser.page.wait().for_url(&boards.parse().unwrap()).await.unwrap();
}

async fn press(browser: &Browser, selector: &str) {
    browser.page.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
}

/// What stands there, on one line.
async fn text_of(browser: &Browser, selector: &str) -> String {
    let text = match browser.page.find(Locator::Css(selector)).await {
        Ok(element) => element.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn says(browser: &Browser, text: &str) {
    eventually(text, || async { text_of(browser, "main").await.contains(text) }).await;
}

#[tokio::test]
async fn a_timeline_is_opened_a_dead_delivery_replayed_and_a_repository_added() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 1000).await;
    sign_in(&browser, &served).await;
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", served.port);
    let mut plane = served.connect().await;
    let first = issue_delivery(ID, "Watch me", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    let late = issue_delivery(ID, "Too late", ("Todo", "unstarted"), "2026-11-22T00:50:00Z");
    let broken =
        Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
    for delivery in [&first, &late, &broken] {
        assert_eq!(plane.post(delivery).await.unwrap().status, 200);
    }

    // From a card to its timeline, a fold opened, and on to the delivery behind it.
    eventually("the card", || async { text_of(&browser, "main").await.contains("Watch me") }).await;
    press(&browser, ".card-title a").await;
    eventually("the late one", || async {
        browser.page.refresh().await.unwrap();
        text_of(&browser, "#entries").await.contains("older than what is known")
    })
    .await;
    press(&browser, "#entries details.fold > summary").await;
    browser.picture("item-timeline").await;
    press(&browser, "#entries details.fold .steps a").await;
    says(&browser, &late.id).await;

    // The dead one: found, opened beside the list, ticked, counted, replayed, and worked off again.
    browser.page.goto(&at("/deliveries?status=failed")).await.unwrap();
    eventually("its failure", || async {
        browser.page.refresh().await.unwrap();
        text_of(&browser, ".segments").await.contains("Failed 1")
    })
    .await;
    press(&browser, ".sheet .event a").await;
    says(&browser, "Headers, as far as they are kept").await;
    press(&browser, "#opened details > summary").await;
    says(&browser, "valid, not kept").await;
    browser.picture("delivery-opened").await;
    press(&browser, ".sheet .check input").await;
    press(&browser, ".ticked-bar button").await;
    says(&browser, "One delivery would be queued again").await;
    browser.picture("replay-preview").await;
    press(&browser, "main form[method=post] button").await;
    says(&browser, "One delivery is queued again.").await;
    browser.page.goto(&at(&format!("/deliveries/plane/{}", broken.id))).await.unwrap();
    eventually("the second failure", || async {
        browser.page.refresh().await.unwrap();
        text_of(&browser, ".attempts").await.matches("failed for good").count() == 2
    })
    .await;

    // A repository: refused with its reason, then added.
    browser.page.goto(&at("/repositories")).await.unwrap();
    for (name, said) in [("octo", "Write it as OWNER/NAME"), ("/api", "its webhooks are accepted")]
    {
        let field = browser.page.find(Locator::Css("#name")).await.unwrap();
        field.send_keys(name).await.unwrap();
        press(&browser, "main form .button-main").await;
        says(&browser, said).await;
    }
    browser.picture("repository-added").await;
    let console = browser.console().await;
    let loud: Vec<_> = console.iter().filter(|line| !line.contains("400 (Bad Request)")).collect();
    assert!(loud.is_empty(), "the console is quiet but for the refused form: {loud:?}");
}

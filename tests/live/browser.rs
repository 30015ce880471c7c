//! Open pages in a real browser.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::browser::{Browser, Network};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue_delivery};
use crate::support::process::{Served, eventually};

const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";
const TODO: (&str, &str) = ("Todo", "unstarted");
const STARTED: (&str, &str) = ("In Progress", "started");

async fn run(browser: &Browser, script: &str) -> Value {
    browser.page.execute(script, Vec::new()).await.unwrap()
}

async fn text_of(browser: &Browser, selector: &str) -> String {
    let script = "return document.querySelector(arguments[0])?.textContent ?? ''";
    let text = browser.page.execute(script, vec![json!(selector)]).await.unwrap_or_default();
    text.as_str().unwrap_or_default().to_owned()
}

async fn shows(browser: &Browser, selector: &str, text: &str) {
    eventually(&format!("{text} in {selector}"), || async {
        text_of(browser, selector).await.contains(text)
    })
    .await;
}

async fn post(served: &Served, delivery: &Delivery) {
    assert_eq!(served.connect().await.post(delivery).await.unwrap().status, 200);
}

fn column(name: &str) -> String {
    format!("ul.cards[aria-label='{name}']")
}

fn deleted(id: &str, at: &str) -> Delivery {
    Delivery::new(format!(
        r#"{{"event":"issue.deleted","issue":{{"id":"{id}","updated_at":"{at}"}},"project":{{"id":"p"}}}}"#
    ))
}

#[tokio::test]
async fn a_card_appears_moves_and_goes_on_an_open_page_of_another_process() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shown = Served::start(&database.text, here.path(), &[]);
    let taken = Served::start(&database.text, there.path(), &["--role", "receiver"]);
    post(&taken, &issue_delivery("first", "Was here before", TODO, "2026-11-22T01:00:00Z")).await;
    let browser = Browser::open(1440, 900).await;
    browser.sign_in(&shown).await;
    shows(&browser, "main", "Was here before").await;
    run(&browser, "window.same = true; document.querySelector('[name=q]').focus()").await;

    post(&taken, &issue_delivery(ID, "Watch me", TODO, "2026-11-22T01:01:00Z")).await;
    shows(&browser, &column("Todo"), "Watch me").await;
    shows(&browser, "#said", "1 new").await;
    post(&taken, &issue_delivery(ID, "Watch me", STARTED, "2026-11-22T01:02:00Z")).await;
    shows(&browser, &column("In progress"), "Watch me").await;
    shows(&browser, ".card-moved", "Watch me").await;
    shows(&browser, "#said", "1 moved").await;
    browser.picture("live-moved").await;
    post(&taken, &deleted(ID, "2026-11-22T01:03:00Z")).await;
    eventually("its end", || async { !text_of(&browser, "main").await.contains("Watch me") }).await;

    assert_eq!(run(&browser, "return window.same").await, true, "it was never loaded again");
    let focused = run(&browser, "return document.activeElement.name").await;
    assert_eq!(focused, "q", "and the focus stayed");
    assert_eq!(text_of(&browser, "#live").await, "Live");
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

#[tokio::test]
async fn what_happened_while_the_server_was_lost_is_shown_when_it_is_back() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let served = Served::start(&database.text, folders[0].path(), &[]);
    let other = Served::start(&database.text, folders[1].path(), &[]);
    let listen = format!("127.0.0.1:{}", served.port);
    post(&other, &issue_delivery("first", "Here before", TODO, "2026-11-22T01:00:00Z")).await;
    let browser = Browser::open(1000, 700).await;
    browser.sign_in(&served).await;
    shows(&browser, "main", "Here before").await;
    run(&browser, "window.same = true").await;
    served.kill();
    shows(&browser, "#live", "Reconnecting, data as of").await;
    browser.picture("live-reconnecting").await;
    post(&other, &issue_delivery(ID, "Meanwhile", TODO, "2026-11-22T01:01:00Z")).await;

    let address = [("JETBRIDGE_LISTEN", listen.as_str())];
    let again = Served::start_with(&database.text, folders[2].path(), &[], &address);
    shows(&browser, "main", "Meanwhile").await;
    eventually("Live", || async { text_of(&browser, "#live").await == "Live" }).await;
    post(&again, &issue_delivery("third", "Afterwards", TODO, "2026-11-22T01:02:00Z")).await;
    shows(&browser, "main", "Afterwards").await;
    assert_eq!(run(&browser, "return window.same").await, true, "it was never loaded again");
}

#[tokio::test]
async fn what_a_reader_does_on_a_page_outlives_its_changes() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    for n in 0..30 {
        let (id, title) = (format!("item-{n}"), format!("Item {n}"));
        post(&served, &issue_delivery(&id, &title, TODO, "2026-11-22T01:00:00Z")).await;
    }
    let browser = Browser::open(1000, 500).await;
    browser.sign_in(&served).await;
    shows(&browser, "main", "Item 29").await;
    // The page as it will be with a fold, which the reader opens.
    run(
        &browser,
        r#"const real = window.fetch;
         window.fetch = async (...asked) => {
           const text = await (await real(...asked)).text();
           const place = 'id="missing" data-live>';
           return new Response(text.replace(place, `${place}<details id="fold"><summary>More</summary>Text</details>`));
         };"#,
    )
    .await;
    post(&served, &issue_delivery("other", "A change", TODO, "2026-11-22T01:04:00Z")).await;
    shows(&browser, "#missing", "More").await;
    run(
        &browser,
        "document.getElementById('fold').open = true;
         window.card = document.getElementById('card-plane%3Aitem-15');
         card.focus();
         getSelection().selectAllChildren(card);",
    )
    .await;
    post(&served, &issue_delivery("another", "Just come", TODO, "2026-11-22T01:05:00Z")).await;
    shows(&browser, "main", "Just come").await;
    let state = run(
        &browser,
        "return [card.isConnected, document.activeElement === card, getSelection().toString(), document.getElementById('fold').open]",
    )
    .await;
    assert_eq!(state, json!([true, true, "Item 15", true]));
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

/// A board with one card, open in a browser.
async fn open_board() -> (TestDatabase, Served, Browser) {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    post(&served, &issue_delivery("first", "Here before", TODO, "2026-11-22T01:00:00Z")).await;
    let browser = Browser::open(1000, 700).await;
    browser.sign_in(&served).await;
    (database, served, browser)
}

#[tokio::test]
async fn a_page_without_event_streams_looks_by_itself() {
    let (_database, served, browser) = open_board().await;
    // As where a proxy lets no stream through.
    run(
        &browser,
        "window.EventSource = undefined;
         document.dispatchEvent(new Event('visibilitychange'));",
    )
    .await;
    eventually("the board", || async {
        run(&browser, "return document.querySelector('main').dataset.page").await == "board"
    })
    .await;
    post(&served, &issue_delivery(ID, "Seen by looking", TODO, "2026-11-22T01:01:00Z")).await;
    shows(&browser, "main", "Seen by looking").await;
}

#[tokio::test]
async fn a_page_without_a_network_says_since_when_and_catches_up_by_itself() {
    let (_database, served, browser) = open_board().await;
    shows(&browser, "#live", "Live").await;
    browser.connect(Network::Off).await;
    shows(&browser, "#live", "Offline since").await;
    browser.picture("live-offline").await;
    post(&served, &issue_delivery(ID, "Meanwhile", TODO, "2026-11-22T01:01:00Z")).await;
    browser.connect(Network::On).await;
    shows(&browser, "main", "Meanwhile").await;
    shows(&browser, "#live", "Live").await;
}

#[tokio::test]
async fn a_network_that_goes_while_a_page_fetches_itself_is_noticed_all_the_same() {
    let (_database, served, browser) = open_board().await;
    shows(&browser, "#live", "Live").await;
    run(
        &browser,
        "const real = window.fetch;
         window.begun = window.ended = 0;
         window.fetch = async (...parts) => {
           const answer = await real(...parts);
           const text = await answer.text();
           begun += 1;
           answer.text = async () => {
             await new Promise((over) => setTimeout(over, 1500));
             ended += 1;
             return text;
           };
           return answer;
         };
         dispatchEvent(new Event('online'));",
    )
    .await;
    // The stream is up again and nothing is left to ask, until something changes.
    eventually("a page", || async {
        run(&browser, "return begun > 0 && begun === ended").await == true
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    post(&served, &issue_delivery(ID, "Before", TODO, "2026-11-22T01:01:00Z")).await;
    eventually("a fetch", || async { run(&browser, "return begun > ended").await == true }).await;
    browser.connect(Network::Off).await;
    eventually("its end", || async { run(&browser, "return begun === ended").await == true }).await;
    shows(&browser, "#live", "Offline since").await;
}

#[tokio::test]
async fn a_hidden_page_asks_for_nothing_and_is_up_to_date_once_it_is_seen() {
    let (_database, served, browser) = open_board().await;
    shows(&browser, "#live", "Live").await;
    run(
        &browser,
        "window.hide = (hidden) => {
           Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
           document.dispatchEvent(new Event('visibilitychange'));
         };
         window.asked = window.ended = 0;
         window.real = window.fetch;
         window.fetch = (...parts) => { asked += 1; return real(...parts); };
         const close = EventSource.prototype.close;
         EventSource.prototype.close = function () { ended += 1; close.call(this); };
         hide(true);",
    )
    .await;
    assert_eq!(run(&browser, "return ended").await, 1, "its stream is closed");
    let before = run(&browser, "return asked").await;
    post(&served, &issue_delivery(ID, "Meanwhile", TODO, "2026-11-22T01:01:00Z")).await;
    let status = format!("return real('/work-items/plane:{ID}').then((answer) => answer.status)");
    eventually("it is worked off", || async { run(&browser, &status).await == 200 }).await;
    assert_eq!(run(&browser, "return asked").await, before, "nobody looks at it");
    assert!(!text_of(&browser, "main").await.contains("Meanwhile"));
    run(&browser, "hide(false)").await;
    shows(&browser, "main", "Meanwhile").await;
    post(&served, &issue_delivery("third", "Afterwards", TODO, "2026-11-22T01:02:00Z")).await;
    shows(&browser, "main", "Afterwards").await;
}

//! The board in a real browser.

use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue};
use crate::support::process::{Served, eventually};

async fn fill(served: &Served) {
    let states = [
        ("Backlog", "backlog"),
        ("Todo", "unstarted"),
        ("Doing", "started"),
        ("Done", "completed"),
    ];
    let people = ["Mira Karlsson", "Tobias Rask", "Ines Okafor"];
    let mut plane = served.connect().await;
    for i in 0..72_usize {
        let title = match i {
            3 => "دعم النص من اليمين إلى اليسار في عناوين المهام".to_owned(),
            4 => "<b>Markup</b> & “quotes” in a title are shown as text".to_owned(),
            5 => "thread_panicked_at_a_very_long_symbol_name_without_any_space_in_it_at_all"
                .to_owned(),
            _ => format!("Task number {i} of a team that has a few of them"),
        };
        // Most of them in one column, so that it comes in parts.
        let state = if i < 40 { states[1] } else { states[i % 4] };
        let at = format!("2026-11-{:02}T01:{:02}:00Z", 1 + i % 22, i % 60);
        let mut item = issue(&format!("item-{i}"), &title, state, &at);
        let person = people[i % 3];
        item["data"]["assignees"] = json!([{"id": person, "display_name": person}]);
        item["data"]["project"] = json!(format!("project-{}", i % 5));
        item["data"]["sequence_id"] = json!(i);
        let answer = plane.post(&Delivery::new(item.to_string())).await.unwrap();
        assert_eq!(answer.status, 200);
    }
}

async fn count(page: &Client, selector: &str) -> usize {
    page.find_all(Locator::Css(selector)).await.unwrap().len()
}

async fn script(page: &Client, text: &str) -> serde_json::Value {
    page.execute(text, Vec::new()).await.unwrap()
}

#[tokio::test]
async fn a_board_is_narrowed_saved_laned_limited_and_fits_a_phone() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    fill(&served).await;
    let browser = Browser::open(1440, 1000).await;
    let page = &browser.page;
    browser.sign_in(&served).await;
    eventually("all cards", || async {
        browser.go(&served, "/boards").await;
        let shown =
            script(page, "return document.querySelector('#views .count')?.textContent").await;
        shown == json!("72")
    })
    .await;
    browser.picture("board-light").await;

    // A further part is appended in place.
    let before = count(page, "article.card").await;
    browser.press("[data-more]").await;
    eventually("another part", || async { count(page, "article.card").await > before }).await;
    assert!(!page.current_url().await.unwrap().as_str().contains("after="));

    // Arrow keys go from card to card.
    script(page, "document.querySelector('.card-title a').focus()").await;
    let first = script(page, "return document.activeElement.id").await;
    page.active_element().await.unwrap().send_keys("\u{e015}").await.unwrap();
    assert_ne!(script(page, "return document.activeElement.id").await, first);

    // A filter, saved by name.
    browser.go(&served, "/boards?assignee=Mira+Karlsson").await;
    browser.press(".views details.pop > summary").await;
    page.find(Locator::Css(".pop input[name=name]"))
        .await
        .unwrap()
        .send_keys("Mira’s")
        .await
        .unwrap();
    browser.press(".pop[open] .button-main").await;
    eventually("the view", || async {
        count(page, "#views a[aria-current]").await == 1
            && page.source().await.unwrap().contains("Mira’s")
    })
    .await;

    // A limit.
    browser.press(".limits > summary").await;
    let field = page.find(Locator::Css("input[name='limit.unstarted']")).await.unwrap();
    field.send_keys("2").await.unwrap();
    browser.picture("board-limits").await;
    browser.press(".limits .button-main").await;
    eventually("the meter", || async { page.source().await.unwrap().contains("over limit 2") })
        .await;

    // Lanes: a closed one is fetched when it is opened.
    browser.go(&served, "/boards?lanes=project").await;
    let closed = "details.lane:not([open])";
    assert!(count(page, closed).await > 0);
    browser.picture("board-lanes").await;
    let id = page.find(Locator::Css(closed)).await.unwrap().attr("id").await.unwrap().unwrap();
    browser.press(&format!("#{id} > summary")).await;
    eventually("its cards", || async { count(page, &format!("#{id} article.card")).await > 0 })
        .await;

    script(page, "document.documentElement.dataset.theme = 'dark'").await;
    browser.picture("board-dark").await;
    browser.resize(390, 844).await;
    browser.go(&served, "/boards").await;
    browser.picture("board-phone").await;
    let wide = script(page, "return document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "the page itself never scrolls sideways: {wide}");
    browser.press(".filters details.pop > summary").await;
    browser.picture("board-phone-menu").await;
    let whole = "const menu = document.querySelector('.filters details.pop[open] .pop-in');
        const box = menu.getBoundingClientRect();
        const at = (y) => document.elementFromPoint((box.left + box.right) / 2, y);
        return box.left >= 0 && box.right <= innerWidth
            && menu.contains(at(box.top + 5)) && menu.contains(at(Math.min(box.bottom, innerHeight) - 5));";
    assert_eq!(script(page, whole).await, json!(true), "an open menu is not cut off");
    assert_eq!(
        browser.console().await,
        Vec::<String>::new(),
        "no error, nothing that the policy refuses"
    );
}

/// What those who hear the page were told last.
async fn said(page: &Client) -> String {
    let said = script(page, "return document.getElementById('said').textContent").await;
    said.as_str().unwrap().to_owned()
}

async fn send(served: &Served, id: &str, title: &str, at: &str, change: impl FnOnce(&mut Value)) {
    let mut item = issue(id, title, ("Todo", "unstarted"), at);
    change(&mut item["data"]);
    let answer = served.connect().await.post(&Delivery::new(item.to_string())).await.unwrap();
    assert_eq!(answer.status, 200);
}

fn of(person: &str) -> Value {
    json!([{"id": person, "display_name": person}])
}

/// A board of forty cards in one column, all of them arrived.
async fn forty(served: &Served, browser: &Browser) {
    for i in 0..40 {
        let at = format!("2026-11-22T01:{i:02}:00Z");
        send(served, &format!("item-{i}"), &format!("Card {i}"), &at, |data| {
            data["assignees"] = of(["Mira", "Tobias", "Uma"][i % 3]);
        })
        .await;
    }
    browser.sign_in(served).await;
    eventually("all cards", || async { browser.text_of("#board-head").await.contains("Todo 40") })
        .await;
}

#[tokio::test]
async fn a_new_column_or_lane_comes_to_the_page_and_leaves_what_somebody_does_there() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 1000).await;
    let page = &browser.page;
    forty(&served, &browser).await;
    let loaded = "return document.querySelectorAll('.parts .cards > li').length";
    let same = "return [window.same, document.querySelector('.filters details.pop').open,
        document.querySelector('[name=q]').value, document.activeElement.name]";

    // A menu is open, something half typed, a further part loaded.
    browser.press("[data-more]").await;
    eventually("a part", || async { script(page, loaded).await == 15 }).await;
    script(
        page,
        "window.same = true;
        document.querySelector('.filters details.pop').open = true;
        document.querySelector('[name=q]').value = 'half ty';
        document.querySelector('[name=q]').focus()",
    )
    .await;
    send(&served, "stateless", "Of no state", "2026-11-22T01:41:00Z", |data| {
        data["state"] = Value::Null;
        data["assignees"] = of("Mira");
    })
    .await;
    eventually("its column", || async {
        browser.text_of("#board-head").await.contains("No state 1")
            && browser.text_of("#board").await.contains("Of no state")
    })
    .await;
    assert_eq!(script(page, same).await, json!([true, true, "half ty", "q"]));
    assert_eq!(script(page, loaded).await, 15);
    browser.picture("board-new-column").await;

    // Three lanes are open; one that comes before them closes none.
    browser.go(&served, "/boards?lanes=assignee").await;
    eventually("lanes", || async { count(page, "details.lane[open]").await == 3 }).await;
    script(
        page,
        "window.same = true;
        document.querySelector('.filters details.pop').open = true;
        document.querySelector('[name=q]').value = 'half ty';
        document.querySelector('[name=q]').focus()",
    )
    .await;
    let cards = "return document.querySelectorAll('#lane-Uma .card').length";
    assert_eq!(script(page, cards).await, 10);
    send(&served, "of-nobody", "Of nobody", "2026-11-22T01:42:00Z", |data| {
        data["assignees"] = json!([]);
    })
    .await;
    send(&served, "of-ada", "Of Ada", "2026-11-22T01:42:00Z", |data| {
        data["assignees"] = of("Ada");
    })
    .await;
    eventually("their lanes", || async {
        let board = browser.text_of("#board").await;
        board.contains("Of nobody") && board.contains("Of Ada")
    })
    .await;
    assert_eq!(script(page, same).await, json!([true, true, "half ty", "q"]));
    assert_eq!(script(page, cards).await, 10, "an open lane stays open, with its cards");
    browser.picture("board-new-lane").await;
    browser.resize(390, 844).await;
    browser.picture("board-new-lane-phone").await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

#[tokio::test]
async fn a_card_of_a_further_part_is_told_of_as_moved_only_when_it_changes_its_column() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 1000).await;
    let page = &browser.page;
    forty(&served, &browser).await;
    browser.press("[data-more]").await;
    eventually("a part", || async { count(page, ".parts .cards > li").await == 15 }).await;

    // The sixth is far down; changed, it comes to the top of the column in which it was.
    send(&served, "item-5", "Renamed", "2026-11-22T01:50:00Z", |_| {}).await;
    eventually("the word", || async { said(page).await.contains("changed") }).await;
    assert!(browser.text_of("#board").await.contains("Renamed"));
    assert_eq!(said(page).await, "The page changed.");
    assert_eq!(count(page, ".card-moved").await, 0);

    // One stays in its part while something about it is told: it is not gone.
    let late = issue("item-3", "Too late", ("Todo", "unstarted"), "2026-11-22T00:30:00Z");
    let late = Delivery::new(late.to_string());
    assert_eq!(served.connect().await.post(&late).await.unwrap().status, 200);
    send(&served, "new", "Just come", "2026-11-22T01:51:00Z", |_| {}).await;
    eventually("the word", || async { said(page).await.contains("new") }).await;
    assert_eq!(said(page).await, "The board changed: 1 new.");

    // One that leaves the column has moved.
    send(&served, "item-4", "Begun", "2026-11-22T01:52:00Z", |data| {
        data["state"] = json!({"id": "s", "name": "Doing", "group": "started"});
    })
    .await;
    eventually("the word", || async { said(page).await.contains("1 moved") }).await;
    let shown = "const all = [...document.querySelectorAll('[id=\"card-plane%3Aitem-4\"]')];
        return all.length === 1 && all[0].closest('.card-moved') !== null";
    eventually("one card, shown as moved", || async { script(page, shown).await == true }).await;
}

#[tokio::test]
async fn what_comes_while_the_page_is_being_fetched_is_told_of() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 1000).await;
    let page = &browser.page;
    forty(&served, &browser).await;

    // The page as it is now is on its way, and stays there until the stream has told of a change.
    script(
        page,
        "const fetched = window.fetch;
        window.heard = 0;
        new EventSource('/live').addEventListener('work-items', () => { window.heard += 1; });
        window.fetch = async (...of) => {
            const answer = await fetched(...of);
            if (!window.arrive) await new Promise((arrive) => { window.arrive = arrive; });
            return answer;
        };
        document.dispatchEvent(new Event('visibilitychange'))",
    )
    .await;
    eventually("a page on its way", || async {
        script(page, "return window.arrive !== undefined").await == true
    })
    .await;
    send(&served, "new", "Just come", "2026-11-22T01:51:00Z", |_| {}).await;
    eventually("the news", || async { script(page, "return window.heard > 0").await == true })
        .await;
    script(page, "window.arrive()").await;

    eventually("the word", || async { said(page).await.contains("1 new") }).await;
}

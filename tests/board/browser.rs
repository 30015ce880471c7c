//! The board in a real browser.

use fantoccini::{Client, Locator};
use serde_json::json;

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

//! The demo in a browser: whoever looks sees a full board, and that nothing on it is real.

use std::time::{Duration, Instant};

use fantoccini::Locator;

use crate::binary::Played;
use crate::support::browser::Browser;

/// How the page is looked at.
struct Look {
    width: u32,
    colors: &'static str,
}

async fn look_at_the_board(look: Look) {
    let demo = Played::start(&["--pace", "200ms", "--seed", "5", "--quiet"]);
    let browser = Browser::open(look.width, 800).await;
    let page = &browser.page;
    browser.resize(look.width, 800).await;
    browser.prefer(look.colors).await;
    page.goto(&demo.sign_in_link).await.unwrap();
    let banner = Locator::Css("aside.simulation");
    assert!(page.find(banner).await.unwrap().is_displayed().await.unwrap());
    browser.picture(&format!("demo-login-{}-{}", look.width, look.colors)).await;
    browser.press("main button").await;
    let begun = Instant::now();
    let mut cards = 0;
    while cards < 12 {
        assert!(begun.elapsed() < Duration::from_secs(100), "{cards} cards only");
        page.goto(&format!("{}/boards", demo.url)).await.unwrap();
        cards = page.find_all(Locator::Css(".card")).await.unwrap().len();
    }
    let (_, _, across, down) = page.find(banner).await.unwrap().rectangle().await.unwrap();
    assert!(across <= f64::from(look.width) && down < 90.0, "{across} × {down}");
    browser.picture(&format!("demo-board-{}-{}", look.width, look.colors)).await;
    page.goto(&format!("{}/nowhere", demo.url)).await.unwrap();
    assert!(page.find(banner).await.is_ok(), "errors say so, too");
    let of_ours = |line: &String| !line.contains("404");
    let console: Vec<_> = browser.console().await.into_iter().filter(of_ours).collect();
    assert_eq!(console, [] as [String; 0]);
}

#[tokio::test]
async fn the_board_says_that_it_is_a_simulation_on_a_desk() {
    look_at_the_board(Look { width: 1280, colors: "light" }).await;
}

#[tokio::test]
async fn the_board_says_that_it_is_a_simulation_on_a_phone_in_the_dark() {
    look_at_the_board(Look { width: 390, colors: "dark" }).await;
}

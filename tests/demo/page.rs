//! The demo in a browser.

use std::time::Duration;

use fantoccini::Locator;

use crate::binary::Played;
use crate::support::browser::Browser;

async fn looks(width: u32, height: u32, dark: &str) {
    let demo = Played::start(&["--pace", "200ms", "--seed", "5", "--quiet"]);
    let browser = Browser::open(width, height).await;
    let page = &browser.page;
    page.goto(&demo.sign_in_link).await.unwrap();
    let banner = Locator::Css("aside.simulation");
    assert!(page.find(banner).await.unwrap().is_displayed().await.unwrap());
    page.find(Locator::Css("main button")).await.unwrap().click().await.unwrap();
    let card = page.wait().at_most(Duration::from_secs(20));
    card.for_element(Locator::Css(".cards .card, .card")).await.unwrap();
    // A change that comes by itself: the board is asked again until it holds enough to be looked at.
    let mut cards = 0;
    while cards < 20 {
        page.goto(&format!("{}/boards", demo.url)).await.unwrap();
        cards = page.find_all(Locator::Css(".card")).await.unwrap().len();
    }
    let banner = page.find(banner).await.unwrap();
    let (_, _, across, down) = banner.rectangle().await.unwrap();
    assert!(across <= f64::from(width) && down < 90.0, "{across} × {down}");
    browser.picture(&format!("demo-{width}{dark}")).await;
    assert_eq!(browser.console().await, [] as [String; 0]);
}

#[tokio::test]
async fn the_board_says_that_it_is_a_simulation_on_a_desk() {
    looks(1280, 800, "").await;
}

#[tokio::test]
async fn the_board_says_that_it_is_a_simulation_on_a_phone() {
    looks(390, 800, "").await;
}

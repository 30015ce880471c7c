//! The demo in a browser: whoever looks sees a full board, and that nothing on it is real.

use std::time::{Duration, Instant};

use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::binary::Played;
use crate::support::browser::Browser;

/// How the page is looked at.
struct Look {
    width: u32,
    colors: &'static str,
}

/// Chromium's own commands: its window can't be as narrow as a phone.
#[derive(Debug)]
struct Emulate(&'static str, Value);

impl fantoccini::wd::WebDriverCompatibleCommand for Emulate {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.0, "params": self.1});
        (http::Method::POST, Some(body.to_string()))
    }
}

async fn emulate(page: &Client, look: &Look) {
    let size = json!({"width": look.width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    page.issue_cmd(Emulate("Emulation.setDeviceMetricsOverride", size)).await.unwrap();
    let features = json!([{"name": "prefers-color-scheme", "value": look.colors}]);
    let media = json!({ "features": features });
    page.issue_cmd(Emulate("Emulation.setEmulatedMedia", media)).await.unwrap();
}

async fn look_at_the_board(look: Look) {
    let demo = Played::start(&["--pace", "200ms", "--seed", "5", "--quiet"]);
    let browser = Browser::open(look.width, 800).await;
    let page = &browser.page;
    emulate(page, &look).await;
    page.goto(&demo.sign_in_link).await.unwrap();
    let banner = Locator::Css("aside.simulation");
    assert!(page.find(banner).await.unwrap().is_displayed().await.unwrap());
    browser.picture(&format!("demo-login-{}-{}", look.width, look.colors)).await;
    page.find(Locator::Css("main button")).await.unwrap().click().await.unwrap();
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

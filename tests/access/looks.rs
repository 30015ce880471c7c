//! The pages in a real browser: usable by keyboard, quiet console, pictures where they are asked for.

use fantoccini::Locator;

use crate::commands::jetbridge;
use crate::support::browser::Browser;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::Served;

async fn signed_in(served: &Served, width: u32, height: u32) -> Browser {
    let browser = Browser::open(width, height).await;
    browser.sign_in(served).await;
    browser
}

async fn pictures(browser: &Browser, served: &Served, size: &str) {
    for theme in ["light", "dark"] {
        let set = format!("localStorage.setItem('theme', '{theme}')");
        browser.page.execute(&set, Vec::new()).await.unwrap();
        for (path, name) in [("/access", "access"), ("/audit", "audit")] {
            browser.go(served, path).await;
            browser.picture(&format!("{name}-{size}-{theme}")).await;
        }
        browser.press("[popovertarget]").await;
        browser.picture(&format!("menu-{size}-{theme}")).await;
    }
}

#[tokio::test]
async fn an_admin_makes_a_token_and_finds_it_in_the_audit_log() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    for (name, scope, life) in
        [("grafana", "viewer", "never"), ("ci-deploy", "operator", "30d"), ("old", "admin", "1d")]
    {
        jetbridge(&database, &["token", "create", name, "--scope", scope, "--expires", life]);
    }
    jetbridge(&database, &["token", "revoke", "old"]);
    jetbridge(&database, &["deliveries", "replay", "plane", "01933f5a-2d7e-7c1a"]);
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = signed_in(&served, 1280, 800).await;
    browser.go(&served, "/access").await;
    let name = browser.page.find(Locator::Css("input[name=name]")).await.unwrap();
    name.send_keys("Mira").await.unwrap();
    browser.press(".make button").await;
    let made = browser.page.wait().for_element(Locator::Css("#new-token")).await.unwrap();
    let text = made.prop("value").await.unwrap().unwrap();
    assert!(text.starts_with("jbt_"), "{text}");
    browser.picture("made").await;

    // The menu opens, its links lead on, and Escape closes it: without any script of ours.
    browser.press("[popovertarget]").await;
    let link = browser.page.find(Locator::Css("#account a[href='/audit']")).await.unwrap();
    assert!(link.is_displayed().await.unwrap());
    link.click().await.unwrap();
    let row = browser.page.wait().for_element(Locator::Css("tbody tr")).await.unwrap();
    let row = row.text().await.unwrap();
    assert!(row.contains("Make a token") && row.contains("127.0.0.1"), "{row}");
    pictures(&browser, &served, "wide").await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");

    browser.page.set_window_size(390, 844).await.unwrap();
    browser.go(&served, "/access").await;
    pictures(&browser, &served, "phone").await;
    browser.go(&served, "/access").await;
    let wider =
        "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    for path in ["/access", "/audit"] {
        browser.go(&served, path).await;
        let wider = browser.page.execute(wider, Vec::new()).await.unwrap();
        assert_eq!(wider, serde_json::json!(false), "{path} is as wide as a phone");
    }
}

#[tokio::test]
async fn whoever_signs_in_with_a_viewers_token_is_told_what_is_missing() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let made = jetbridge(&database, &["token", "create", "Ada", "--scope", "viewer"]);
    let token = String::from_utf8(made.stdout).unwrap();
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1280, 800).await;
    browser.go(&served, "/login").await;
    browser.picture("login").await;
    let field = browser.page.find(Locator::Css("#token")).await.unwrap();
    field.send_keys(token.trim()).await.unwrap();
    browser.press("main form button").await;
    browser.page.wait().for_element(Locator::Css("#account")).await.unwrap();
    browser.go(&served, "/audit").await;
    let said = browser.page.wait().for_element(Locator::Css("main")).await.unwrap();
    let said = said.text().await.unwrap();
    assert!(said.contains("This needs the scope admin; Ada has viewer"), "{said}");
    browser.picture("refused").await;
    browser.go(&served, "/access").await;
    browser.picture("viewer").await;
}

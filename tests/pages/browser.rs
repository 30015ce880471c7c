//! Deliveries, an item's page and repositories in a real browser: opened, replayed, added.

use fantoccini::Locator;
use jetbridge::sim::plane::{SimPlane, SimPlaneConfig};
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{GithubDelivery, issue};
use crate::support::plane::{Delivery, issue_delivery};
use crate::support::process::{Served, eventually};

const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

async fn says(browser: &Browser, text: &str) {
    eventually(text, || async { browser.text_of("main").await.contains(text) }).await;
}

#[tokio::test]
async fn a_timeline_is_opened_a_dead_delivery_replayed_and_a_repository_added() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 1000).await;
    browser.sign_in(&served).await;
    let mut plane = served.connect().await;
    let first = issue_delivery(ID, "Watch me", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    let late = issue_delivery(ID, "Too late", ("Todo", "unstarted"), "2026-11-22T00:50:00Z");
    let broken =
        Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
    for delivery in [&first, &late, &broken] {
        assert_eq!(plane.post(delivery).await.unwrap().status, 200);
    }

    // From a card to its timeline, a fold opened, and on to the delivery behind it.
    eventually("the card", || async { browser.text_of("main").await.contains("Watch me") }).await;
    browser.press(".card-title a").await;
    eventually("the late one", || async {
        browser.page.refresh().await.unwrap();
        browser.text_of("#entries").await.contains("older than what is known")
    })
    .await;
    browser.press("#entries details.fold > summary").await;
    browser.picture("item-timeline").await;
    browser.press("#entries details.fold .steps a").await;
    says(&browser, &late.id).await;

    // The dead one: found, opened beside the list, ticked, counted, replayed, and worked off again.
    browser.go(&served, "/deliveries?status=failed").await;
    eventually("its failure", || async {
        browser.page.refresh().await.unwrap();
        browser.text_of(".segments").await.contains("Failed 1")
    })
    .await;
    browser.press(".sheet .event a").await;
    says(&browser, "Headers, as far as they are kept").await;
    browser.press("#opened details > summary").await;
    says(&browser, "valid, not kept").await;
    browser.picture("delivery-opened").await;
    browser.press(".sheet .check input").await;
    browser.press(".ticked-bar button").await;
    says(&browser, "One delivery would be queued again").await;
    browser.picture("replay-preview").await;
    browser.press("main form[method=post] button").await;
    says(&browser, "One delivery is queued again.").await;
    browser.go(&served, &format!("/deliveries/plane/{}", broken.id)).await;
    eventually("the second failure", || async {
        browser.page.refresh().await.unwrap();
        browser.text_of(".attempts").await.matches("failed for good").count() == 2
    })
    .await;

    // A repository: refused with its reason, then added.
    browser.go(&served, "/repositories").await;
    for (name, said) in [("octo", "Write it as OWNER/NAME"), ("/api", "its webhooks are accepted")]
    {
        let field = browser.page.find(Locator::Css("#name")).await.unwrap();
        field.send_keys(name).await.unwrap();
        browser.press("main form .button-main").await;
        says(&browser, said).await;
    }
    browser.picture("repository-added").await;
    let console = browser.console().await;
    let loud: Vec<_> = console.iter().filter(|line| !line.contains("400 (Bad Request)")).collect();
    assert!(loud.is_empty(), "the console is quiet but for the refused form: {loud:?}");
}

#[tokio::test]
async fn a_stranger_is_mapped_with_one_click() {
    let plane = SimPlaneConfig::default().with_project("SYNC", "Sync");
    let plane = SimPlane::start(plane).await.unwrap();
    let project = plane.project("SYNC").unwrap().id;
    let database = TestDatabase::new(Kind::Sqlite).await;
    let config = format!("[[repositories]]\nname = 'octo/hello'\nplane_project = '{project}'\n");
    std::fs::write(database.folder.path().join("jetbridge.toml"), config).unwrap();
    let (url, workspace, key) = (plane.api_url(), plane.workspace(), plane.api_key());
    let environment = [
        ("JETBRIDGE_PLANE_API_URL", url.as_str()),
        ("JETBRIDGE_PLANE_WORKSPACE", workspace.as_str()),
        ("JETBRIDGE_PLANE_API_KEY", key.as_str()),
    ];
    let served = Served::start_with(&database.text, database.folder.path(), &[], &environment);
    let browser = Browser::open(1440, 900).await;
    browser.sign_in(&served).await;
    let mut thing = issue(7, "Whose is it?", "open", "2026-11-22T01:00:00Z");
    thing["assignees"] = json!([{"login": "OctoCat", "id": 583_231}]);
    let repository = json!({"id": 42, "name": "hello", "full_name": "octo/hello"});
    let body = json!({"action": "opened", "issue": thing, "repository": repository}).to_string();
    let delivery = GithubDelivery::new("issues", body);
    assert_eq!(served.connect().await.post_github(&delivery).await.unwrap().status, 202);

    eventually("the stranger", || async {
        browser.go(&served, "/repositories").await;
        browser.text_of("main").await.contains("People 1")
    })
    .await;
    browser.press("a[href='/people']").await;
    says(&browser, "octocat").await;
    let stands =
        "const below = (over, under) => document.querySelector(over).getBoundingClientRect().bottom
            <= document.querySelector(under).getBoundingClientRect().top;
        return below('h1', '.panel') && below('.panel', '.panel:last-child')";
    let stands = browser.page.execute(stands, Vec::new()).await.unwrap();
    assert_eq!(stands, true, "the heading stands above the lists, and one list above the other");
    browser.picture("people").await;
    browser.press("select[name=member] option:nth-child(3)").await;
    let chosen = browser.text_of("select[name=member] option:checked").await;
    browser.press("main form button").await;
    says(&browser, "The issue that waited for it is brought in step now.").await;
    says(&browser, "Everybody who is assigned has a counterpart.").await;
    says(&browser, &format!("octocat {chosen}")).await;
    browser.picture("people-mapped").await;
    let member = plane.user(&chosen).unwrap().id;
    eventually("the assignment", || async {
        plane.items().iter().any(|item| item.assignees.contains(&member))
    })
    .await;
    browser.resize(390, 844).await;
    browser.picture("people-phone").await;
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console is quiet");
}

#[tokio::test]
async fn a_mapping_is_typed_previewed_and_put_in_place_and_rules_are_tried() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    let browser = Browser::open(1440, 900).await;
    browser.sign_in(&served).await;
    let type_into = async |selector: &str, text: &str| {
        let field = browser.page.wait().for_element(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    };
    browser.go(&served, "/repositories").await;
    type_into("#name", "octo/hello").await;
    browser.press("main form .button-main").await;
    says(&browser, "Mapping, filter and rules").await;
    browser.press("a[href$='/mapping']").await;

    // What is wrong is said with its line, and what was typed stays.
    let wrong = "labels = { bug = 'Defect' }\nfilter = 'issue.'";
    type_into("#settings", wrong).await;
    browser.press("main form button").await;
    says(&browser, "line 2:").await;
    browser.picture("mapping-refused").await;
    type_into("#settings", "labels = { bug = 'Defect' }\nfilter = '!(\"wip\" in issue.labels)'")
        .await;
    browser.press("main form button").await;
    says(&browser, "2 settings would change").await;
    says(&browser, "labels.bug").await;
    browser.picture("mapping-preview").await;
    browser.press("#preview form button").await;
    says(&browser, "Changed. It counts for what arrives from now on.").await;
    browser.press("a[href$='/mapping']").await;
    let field = browser.page.wait().for_element(Locator::Css("#settings")).await.unwrap();
    let kept = field.prop("value").await.unwrap().unwrap();
    assert!(kept.contains("Defect") && kept.contains("wip"), "{kept}");

    // And on the page of rules it is tried on what came.
    let repository = json!({"id": 42, "name": "hello", "full_name": "octo/hello"});
    for (id, label) in [(7, "wip"), (8, "bug")] {
        let mut thing = issue(id, "Look at me", "open", "2026-11-22T01:00:00Z");
        thing["labels"] = json!([{"id": 1, "name": label, "color": "d73a4a"}]);
        let body =
            json!({"action": "opened", "issue": thing, "repository": repository}).to_string();
        let delivery = GithubDelivery::new("issues", body);
        assert_eq!(served.connect().await.post_github(&delivery).await.unwrap().status, 202);
    }
    browser.press("a[href='/rules']").await;
    browser.press("main form button").await;
    says(&browser, "1 of 2 would be carried over").await;
    browser.picture("rules-tried").await;
    browser.resize(390, 844).await;
    browser.picture("rules-phone").await;
    let console = browser.console().await;
    let loud: Vec<_> = console.iter().filter(|line| !line.contains("400 (Bad Request)")).collect();
    assert!(loud.is_empty(), "the console is quiet but for the refused form: {loud:?}");
}

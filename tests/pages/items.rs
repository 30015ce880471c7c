//! One item's page: its twin, its comments and its timeline.

use axum::http::StatusCode;
use jetbridge::ids::{DeliveryId, Lease, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::finish::Changed;
use jetbridge::timeline::{EntryOutcome, LEFT_OUT, TimelineEntry};
use serde_json::json;
use uuid::Uuid;

use crate::on_both_databases;
use crate::site::{ID, Site, TODO, deleted};
use crate::support::plane::{Delivery, issue, issue_delivery};

#[tokio::test]
async fn only_a_web_address_becomes_a_link() {
    let site = Site::on_sqlite().await;
    for (id, url) in [("bad", "javascript:alert(1)"), ("good", "https://plane.example/x")] {
        let mut body = issue(id, "A title", TODO, "2026-11-22T01:00:00Z");
        body["data"]["url"] = json!(url);
        site.receive(&Delivery::new(body.to_string())).await;
    }
    assert!(!site.see("/work-items/plane:bad").await.contains("href=\"javascript"));
    let good = site.see("/work-items/plane:good").await;
    assert!(
        good.contains("href=\"https://plane.example/x\" rel=\"noopener noreferrer\""),
        "{good}"
    );
}

#[tokio::test]
async fn an_items_page_tells_its_story_newest_first() {
    let site = Site::on_sqlite().await;
    let first = issue_delivery(ID, "Before", TODO, "2026-11-22T01:00:00Z");
    site.receive(&first).await;
    let second = issue_delivery(ID, "After", ("Doing", "started"), "2026-11-22T01:10:00Z");
    site.receive(&second).await;
    let late = issue_delivery(ID, "Late", TODO, "2026-11-22T01:05:00Z");
    site.receive(&late).await;
    let page = site.see(&format!("/work-items/plane%3A{ID}")).await;
    assert!(
        page.contains("<del dir=\"auto\">Before</del> → <ins dir=\"auto\">After</ins>"),
        "{page}"
    );
    assert!(page.contains("older than what is known") && page.contains("First seen"));
    let places = [&late, &second, &first]
        .map(|d| page.rfind(&format!("/deliveries/plane/{}", d.id)).unwrap());
    assert!(places.is_sorted());
    let timeline = site.open(&format!("/work-items/plane:{ID}/timeline")).await;
    assert_eq!(timeline.headers["location"], format!("/work-items/plane%3A{ID}#timeline"));
    site.receive(&deleted(ID)).await;
    assert!(site.see(&format!("/work-items/plane:{ID}")).await.contains("deleted at the source"));
}

#[tokio::test]
async fn an_items_page_leads_to_its_twin_and_says_how_they_stand() {
    use crate::support::github::{issue, issue_delivery};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    let answer = site.app.post_github(&issue_delivery("opened", &thing)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    site.receive_issue(|_| {}).await;
    assert!(!site.see("/work-items/github%3A7").await.contains("Twin"));
    let now = site.app.clock.now();
    crate::support::links::link(&site.app.store, 7, ID, now, None).await;
    let page = site.see("/work-items/github%3A7").await;
    assert!(page.contains(&format!("href=\"/work-items/plane%3A{ID}\"")), "{page}");
    assert!(page.contains("in step"), "{page}");
    let refused = Some("Plane refused <the key>");
    crate::support::links::link(&site.app.store, 7, ID, now, refused).await;
    let page = site.see(&format!("/work-items/plane%3A{ID}")).await;
    assert!(page.contains("href=\"/work-items/github%3A7\""), "{page}");
    assert!(page.contains("behind") && page.contains("Plane refused &#60;the key&#62;"), "{page}");
}

#[tokio::test]
async fn a_page_says_that_its_item_stays_in_another_project_and_what_to_do() {
    use crate::support::github::{issue, issue_delivery};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    site.app.post_github(&issue_delivery("opened", &thing)).await;
    site.receive_issue(|_| {}).await;
    let (store, now) = (&site.app.store, site.app.clock.now());
    crate::support::links::link(store, 7, ID, now, None).await;
    let address = "/work-items/github%3A7";
    assert!(!site.see(address).await.contains("Plane can’t move a work item"));
    let item = WorkItemRef::new("github:7".to_owned());
    let link = store.links_of(&item).await.unwrap().remove(0);
    let lease = Lease(Uuid::new_v4());
    store.hold_link(&link.key, lease, now + std::time::Duration::from_mins(1), now).await.unwrap();
    store.want_project(link.id, lease, Some("project-2")).await.unwrap();
    let page = site.see(address).await;
    for part in ["project-2</span>. Plane can’t move a work item", "jetbridge sync octo/hello#12"]
    {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

#[tokio::test]
async fn what_came_to_nothing_is_folded_and_each_cause_leads_to_its_delivery() {
    let site = Site::on_sqlite().await;
    let first = issue_delivery(ID, "Before", TODO, "2026-11-22T01:00:00Z");
    site.receive(&first).await;
    let late = issue_delivery(ID, "Late", TODO, "2026-11-22T00:50:00Z");
    site.receive(&late).await;
    let page = site.see(&format!("/work-items/plane%3A{ID}")).await;
    let (newest, oldest) = page.split_once("First seen").unwrap();
    assert!(newest.contains("<details class=\"fold\"><summary>1 step</summary>"), "{page}");
    assert!(
        newest.contains(&format!("href=\"/deliveries/plane/{}\">issue.updated</a>", late.id)),
        "{page}"
    );
    assert!(!oldest.contains("<details") && oldest.contains(&first.id), "{page}");
}

#[tokio::test]
async fn a_long_timeline_comes_in_parts() {
    let site = Site::on_sqlite().await;
    for minute in 0..110 {
        let at = format!("2026-11-22T0{}:{:02}:00Z", 1 + minute / 60, minute % 60);
        let delivery = issue_delivery(ID, &format!("Title {minute}"), TODO, &at);
        assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        site.app.run_jobs_after(std::time::Duration::from_secs(1)).await;
    }
    let address = format!("/work-items/plane%3A{ID}");
    let page = site.see(&address).await;
    assert_eq!(page.matches("<li class=\"cause\"").count(), 100);
    let (before, _) = page.split_once("\" rel=\"next\">Older</a>").expect("a link to older ones");
    let older = before.rsplit_once("href=\"").unwrap().1.split('#').next().unwrap().to_owned();
    let rest = site.see(&older).await;
    assert_eq!(rest.matches("<li class=\"cause\"").count(), 10);
    assert!(rest.contains("First seen") && rest.contains("That is everything"), "{rest}");
    assert_eq!(site.open(&format!("{address}?before=x")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_description_is_rendered_and_nothing_in_it_runs_or_is_fetched() {
    use crate::support::github::{issue, issue_delivery};
    let site = Site::on_sqlite().await;
    let mut thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    thing["body"] = json!(
        "**Strong** ![a chart](https://x.example/c.png)\n\n<img src=x onerror=alert(1)><p style='color:red' id='entries'>low</p>"
    );
    let answer = site.app.post_github(&issue_delivery("opened", &thing)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    site.app.run_jobs().await;
    let page = site.see("/work-items/github%3A7").await;
    assert!(page.contains("<strong>Strong</strong>") && page.contains("🖼 a chart</a>"), "{page}");
    // The timeline tells of the same text, as text.
    let description = page.split("id=\"description-text\"").nth(1).unwrap();
    let description = description.split("</section>").next().unwrap();
    for bad in ["<img", "onerror=", " style=", " id="] {
        assert!(!description.contains(bad), "{bad}: {description}");
    }
    assert!(!page.contains("<img"), "{page}");
    assert_eq!(page.matches("id=\"entries\"").count(), 1);
}

on_both_databases! {
    async fn what_plane_tells_below_a_title_is_kept_and_shown_harmless(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut body = issue(ID, "A title", TODO, "2026-11-22T01:00:00Z");
        body["data"]["description_html"] =
            json!("<p>First <strong>open</strong> it</p><script>alert(1)</script><p onclick=\"x()\">then</p>");
        site.receive(&Delivery::new(body.to_string())).await;
        let page = site.see(&format!("/work-items/plane:{ID}")).await;
        let description = page.split("id=\"description-text\"").nth(1).expect("a description");
        let description = description.split("</section>").next().unwrap();
        assert!(description.contains("<p>First <strong>open</strong> it</p>"), "{description}");
        assert!(!description.contains("<script") && !description.contains("onclick"), "{description}");

        // Plane's way to say that there is none.
        body["data"]["description_html"] = json!("<p></p>");
        body["data"]["updated_at"] = json!("2026-11-22T01:05:00Z");
        site.receive(&Delivery::new(body.to_string())).await;
        assert!(!site.see(&format!("/work-items/plane:{ID}")).await.contains("description-text"));
    }

    async fn both_sides_of_a_linked_item_stand_beside_each_other(database: TestDatabase) {
        use crate::support::github::{comment, comment_delivery, issue};
        let site = Site::new(database).await;
        let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
        let said = comment(1, "Hello", "2026-11-22T01:00:00Z");
        let answer = site.app.post_github(&comment_delivery("created", &thing, &said)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        site.receive_issue(|_| {}).await;
        let now = site.app.clock.now();
        crate::support::links::link(&site.app.store, 7, ID, now, None).await;
        for item in ["github%3A7".to_owned(), format!("plane%3A{ID}")] {
            let page = site.see(&format!("/work-items/{item}")).await;
            let (_, panel) = page.split_once("class=\"sides both\"").expect("the panel");
            let panel = panel.split_once("</table>").unwrap().0;
            assert!(panel.contains("From GitHub") && panel.contains("A title"), "{panel}");
            assert!(panel.contains("conflict") && panel.contains("one side"), "{panel}");
            assert!(page.contains("First seen") && page.contains("mark-gh") && page.contains("mark-pl"));
        }
    }
}

#[tokio::test]
async fn an_issue_that_is_left_out_of_plane_says_by_what() {
    use crate::support::github::{issue, issue_delivery};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "A wish", "open", "2026-11-22T01:00:00Z");
    site.app.post_github(&issue_delivery("opened", &thing)).await;
    site.app.run_jobs().await;
    let words = "Not in Plane: left out by the filter of octo/hello";
    assert!(!site.see("/work-items/github%3A7").await.contains(words));
    let item = WorkItemRef::new("github:7");
    let entry = TimelineEntry {
        item: Some(item.clone()),
        source: Source::Github,
        delivery_id: DeliveryId::new("d-1"),
        attempt: 1,
        at: site.app.clock.now(),
        outcome: EntryOutcome::Ignored,
        reason: format!("{LEFT_OUT}the filter of octo/hello"),
        changes: Vec::new(),
    };
    let changed = Changed { told: &[entry], ..Changed::default() };
    site.app.store.finish_jobs(Lease(Uuid::nil()), &[], changed).await.unwrap();
    site.app.store.refresh_cards(&[&item]).await.unwrap();
    assert!(site.see("/work-items/github%3A7").await.contains(words));
    assert!(site.see("/boards?health=left_out").await.contains(words));
}

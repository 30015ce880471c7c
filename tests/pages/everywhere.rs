//! What holds on every page.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::site::{ID, Site, TODO};
use crate::support::plane::issue_delivery;

#[tokio::test]
async fn what_people_wrote_is_only_ever_text() {
    let site = Site::on_sqlite().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}";
    site.receive_issue(|data| {
        data["name"] = json!(evil);
        data["project"] = json!(evil);
        data["labels"] =
            json!([{"id": "l", "name": evil, "color": "\"><script>alert(1)</script>"}]);
        data["assignees"] = json!([{"id": evil, "display_name": evil}]);
        data["state"] = json!({"id": "s", "name": evil, "color": evil, "group": "started"});
        data["priority"] = json!(evil);
    })
    .await;
    let item = format!("/work-items/plane:{ID}");
    for address in [
        "/boards",
        &item,
        "/deliveries",
        "/boards?q=%22%3E%3Cscript%3E",
        "/boards?label=%3Cscript%3E",
    ] {
        let page = site.open(address).await.text;
        for raw in ["<script>", "<img", "\"><script"] {
            assert!(!page.contains(raw), "{address} holds {raw}");
        }
    }
    assert!(site.see(&item).await.contains("&#60;script&#62;alert(1)"));
}

#[tokio::test]
async fn only_a_drawable_color_is_drawn() {
    let site = Site::on_sqlite().await;
    site.receive_issue(|data| {
        data["labels"] = json!([
            {"id": "1", "name": "good", "color": "#d73a4a"},
            {"id": "2", "name": "odd", "color": "url(javascript:1)"},
        ]);
    })
    .await;
    for address in ["/boards".to_owned(), format!("/work-items/plane:{ID}")] {
        let page = site.see(&address).await;
        assert!(page.contains("fill=\"#d73a4a\"") && page.contains(">odd</span>"));
        assert!(!page.contains("url("), "{address}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_404_and_what_cannot_be_asked_is_400() {
    let site = Site::on_sqlite().await;
    for address in [
        "/work-items/plane:nobody",
        "/work-items/%00",
        "/deliveries/plane/nothing",
        "/deliveries/nobody/x",
        "/deliveries/plane/%00",
    ] {
        let page = site.open(address).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{address}");
        assert!(page.text.contains("<h1 id=\"what\">There is nothing here</h1>"));
    }
    assert_eq!(site.submit("/deliveries/plane/nothing/replay").await.status, StatusCode::NOT_FOUND);
    for address in
        ["/boards?system=jira", "/boards?q=%00", "/deliveries?since=now", "/deliveries?status=odd"]
    {
        assert_eq!(site.open(address).await.status, StatusCode::BAD_REQUEST, "{address}");
    }
}

#[tokio::test]
async fn pages_hold_no_inline_script_or_style_and_link_only_to_what_exists() {
    let site = Site::on_sqlite().await;
    let delivery = issue_delivery(ID, "A title", TODO, "2026-11-22T01:00:00Z");
    let welcome = site.see("/boards").await;
    site.receive(&delivery).await;
    let mut pages = vec![welcome];
    for address in [
        "/boards",
        "/deliveries",
        &format!("/work-items/plane:{ID}"),
        &format!("/deliveries/plane/{}", delivery.id),
    ] {
        let page = site.open(address).await;
        assert!(
            page.headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert_eq!(page.headers["cache-control"], "no-store");
        pages.push(page.text);
    }
    for page in &pages {
        for inline in [" style=", " onclick=", "<style", "<script>", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for icon in page.split("href=\"#i-").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            assert!(page.contains(&format!("<symbol id=\"i-{icon}\"")), "no icon {icon}");
        }
        for link in page.split(" href=\"/").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            let answer = site.open(&format!("/{}", link.replace("&#38;", "&"))).await;
            assert_eq!(answer.status, StatusCode::OK, "/{link}");
        }
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_hash_and_asked_for_again_without() {
    let site = Site::on_sqlite().await;
    let page = site.see("/boards").await;
    let (_, rest) = page.split_once("href=\"/assets/app.css?v=").unwrap();
    let version = rest.split_once('"').unwrap().0;
    let kept = site.open(&format!("/assets/app.css?v={version}")).await;
    assert!(kept.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(kept.headers["content-type"], "text/css; charset=utf-8");
    let plain = site.open("/assets/app.css").await;
    assert_eq!(plain.headers["cache-control"], "public, no-cache");
    let again = Request::get("/assets/app.css").header("if-none-match", &plain.headers["etag"]);
    let again = site.ask(again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(site.open("/assets/../Cargo.toml").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.open("/assets/nothing.js").await.status, StatusCode::NOT_FOUND);
}

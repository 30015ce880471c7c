//! What is too much to ask for or to send is refused with what to do instead.

use axum::http::StatusCode;

use crate::on_both_databases;
use crate::site::{ID, Site, TODO};
use crate::support::plane::issue_delivery;

/// `name` so many times, each time with another value.
fn repeated(name: &str, count: usize) -> String {
    let values = (0..count).map(|i| (name, format!("octo/{i}")));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(values).finish()
}

on_both_databases! {
    async fn an_address_that_no_database_takes_is_400_and_the_longest_that_is_taken_is_answered(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive(&issue_delivery(ID, "A title", TODO, "2026-11-22T01:00:00Z")).await;
        for (address, said) in [
            (format!("/boards?q={}", "x".repeat(60_000)), "longer than 1000 characters"),
            (format!("/boards?{}", repeated("project", 3_000)), "at most 300 fields"),
            (format!("/deliveries?{}", repeated("d", 2_000)), "at most 300 fields"),
            ("/deliveries?since=-9999-01-01T00:00".to_owned(), "is not a time"),
            ("/deliveries?until=%2B12000-01-01T00:00".to_owned(), "is not a time"),
            ("/deliveries/replay?since=%2B12000-01-01T00:00".to_owned(), "is not a time"),
        ] {
            let page = site.open(&address).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", &address[..40]);
            assert!(page.text.contains(said), "{}", page.text);
        }
        // As long as may be, with lanes and saved views, each of which is counted as well.
        for view in 0..3 {
            let back = repeated("project", 90);
            let saved = site.fill_in("/boards/views", &[("name", &format!("View {view}")), ("back", &back)]).await;
            assert_eq!(saved.status, StatusCode::SEE_OTHER);
        }
        site.see(&format!("/boards?lanes=project&{}", repeated("project", 299))).await;
        site.see(&format!("/boards?q={}", "%25".repeat(1_000))).await;
    }
}

#[tokio::test]
async fn a_form_larger_than_any_page_sends_is_413() {
    let site = Site::on_sqlite().await;
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    let many = "a=&".repeat(30_000);
    for address in [
        "/boards/views",
        "/boards/views/1/rename",
        "/boards/limits",
        "/deliveries/replay",
        "/repositories",
        "/repositories/octo-org/new-repo",
    ] {
        let page = site.fill_in(address, &[("back", &many)]).await;
        assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE, "{address}");
    }
}

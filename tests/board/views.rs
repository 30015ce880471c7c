//! Views by name.

use axum::http::StatusCode;

use crate::on_both_databases;
use crate::site::{Site, TODO};

on_both_databases! {
    async fn a_view_is_saved_renamed_and_deleted(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("a", "A title", TODO, "2026-11-22T01:00:00Z").await;
        let saved = site.submit("/boards/views", &[("name", "Bugs <b>"), ("back", "label=bug&after=1.x&open=y")]).await;
        assert_eq!(saved, (StatusCode::SEE_OTHER, "/boards?label=bug".to_owned()));
        let board = site.see("/boards?label=bug").await;
        assert!(board.contains("<a href=\"/boards?label=bug\" aria-current=\"page\"><span class=\"truncate\" dir=\"auto\">Bugs &#60;b&#62;</span> <span class=\"count\">1</span></a>"), "{board}");
        let id = site.app.store.board_views().await.unwrap()[0].id;
        site.submit(&format!("/boards/views/{id}/rename"), &[("name", "Defects"), ("back", "label=bug")]).await;
        assert!(site.see("/boards").await.contains("Defects"));
        let deleted = site.submit(&format!("/boards/views/{id}/delete"), &[]).await;
        assert_eq!(deleted.1, "/boards?label=bug");
        assert!(site.app.store.board_views().await.unwrap().is_empty());
    }

    async fn two_views_have_two_names_and_a_name_is_needed(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("a", "A title", TODO, "2026-11-22T01:00:00Z").await;
        site.submit("/boards/views", &[("name", "One"), ("back", "label=bug")]).await;
        let (_, to) = site.submit("/boards/views", &[("name", "One"), ("back", "q=x")]).await;
        assert_eq!(to, "/boards?q=x&said=name-taken");
        assert!(site.see(&to).await.contains("another view has that name"));
        assert_eq!(site.submit("/boards/views", &[("name", " "), ("back", "")]).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(site.submit("/boards/views/99/rename", &[("name", "Two")]).await.0, StatusCode::NOT_FOUND);
        assert_eq!(site.app.store.board_views().await.unwrap().len(), 1);
    }

    async fn the_page_never_leads_elsewhere(database: TestDatabase) {
        let site = Site::new(database).await;
        for back in ["https://evil.example/", "//evil.example", "x\r\nset-cookie: a=b"] {
            let (_, to) = site.submit("/boards/limits", &[("back", back)]).await;
            assert_eq!(to, "/boards", "{back}");
        }
    }
}

//! Filters, parts of a column, lanes, a project's own states, limits.

use axum::http::StatusCode;
use jetbridge::store::directory::{DirectoryEntry, EntryKind};
use serde_json::json;

use crate::on_both_databases;
use crate::site::{DOING, PROJECT, Site, TODO, column};
use crate::support::plane::{Delivery, issue};

const AT: &str = "2026-11-22T01:00:00Z";

async fn many(site: &Site, count: usize) {
    for i in 0..count {
        let delivery =
            Delivery::new(issue(&format!("i{i:03}"), &format!("Title {i}"), TODO, AT).to_string());
        assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
    }
    site.app.run_jobs().await;
}

/// Where the first link with this attribute leads.
fn link<'a>(page: &'a str, attribute: &str) -> Option<String> {
    let (_, rest): (&'a str, &'a str) = page.split_once(&format!("{attribute} href=\""))?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&"))
}

on_both_databases! {
    async fn a_column_comes_in_parts_that_hold_every_card_once(database: TestDatabase) {
        let site = Site::new(database).await;
        many(&site, 130).await;
        let mut page = site.see("/boards?label=bug").await;
        let (mut seen, mut parts) = (Vec::new(), 0);
        loop {
            parts += 1;
            let ids = page.split("id=\"card-").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned());
            seen.extend(ids);
            let Some(next) = link(&page, "data-more") else { break };
            page = site.see(&next).await;
        }
        let shown = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((shown, seen.len()), (130, 130), "in {parts} parts");
        assert!(parts >= 4, "{parts}");
    }

    async fn lanes_by_project_and_by_assignee_hold_their_own_cards(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("a", "In the first", TODO, AT).await;
        let mut other = issue("b", "In the second", DOING, AT);
        other["data"]["project"] = json!("another-project");
        other["data"]["assignees"] = json!([]);
        site.receive_plane(&other).await;
        let board = site.see("/boards?lanes=project").await;
        assert_eq!(board.matches("<details class=\"lane\"").count(), 2, "{board}");
        assert!(column(&board, "another-, In progress").contains("In the second"), "{board}");
        let board = site.see("/boards?lanes=assignee").await;
        assert!(column(&board, "ada, Todo").contains("In the first"), "{board}");
        assert!(column(&board, "Nobody, In progress").contains("In the second"), "{board}");
    }

    async fn several_projects_can_be_chosen(database: TestDatabase) {
        let site = Site::new(database).await;
        for project in ["p1", "p2", "p3"] {
            let mut item = issue(project, &format!("Of {project}"), TODO, AT);
            item["data"]["project"] = json!(project);
            site.receive_plane(&item).await;
        }
        let board = site.see("/boards?project=p1&project=p3").await;
        assert!(board.contains("Of p1") && board.contains("Of p3") && !board.contains("Of p2"));
        assert!(board.contains("2 projects"), "{board}");
    }

    async fn one_project_can_be_seen_in_its_own_states(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("a", "Reviewed", ("In Review", "started"), AT).await;
        site.plane("b", "Begun", DOING, AT).await;
        let state = |id: &str, name: &str, group: &str| DirectoryEntry {
            kind: EntryKind::State,
            id: id.to_owned(),
            scope: PROJECT.to_owned(),
            entry: json!({"name": name, "group": group}),
            fetched_at: site.app.clock.now(),
        };
        let states = [state("s1", "Blocked", "unstarted"), state("s2", "In Review", "started")];
        site.app.store.put_directory_entries(&states).await.unwrap();
        let board = site.see(&format!("/boards?project={PROJECT}&columns=states")).await;
        assert!(column(&board, "In Review").contains("Reviewed"), "{board}");
        assert!(column(&board, "Doing").contains("Begun"), "a state that is in use and was never looked up");
        assert!(board.contains("<h2 dir=\"auto\">Blocked</h2>"), "one without a card");
        assert!(!board.contains("<h2 dir=\"auto\">In progress</h2>"));
    }

    async fn a_limit_is_set_in_the_page_and_says_when_it_is_passed(database: TestDatabase) {
        let site = Site::new(database).await;
        many(&site, 3).await;
        let limits = [("back", "label=bug"), ("scope", ""), ("limit.unstarted", "2"), ("limit.started", "5")];
        assert_eq!(site.submit("/boards/limits", &limits).await, (StatusCode::SEE_OTHER, "/boards?label=bug".to_owned()));
        let board = site.see("/boards").await;
        assert!(board.contains("over limit 2") && board.contains("limit 5"), "{board}");
        let away = [("limit.unstarted", ""), ("limit.started", "5")];
        site.submit("/boards/limits", &away).await;
        assert!(!site.see("/boards").await.contains("over limit"));
        assert_eq!(site.submit("/boards/limits", &[("limit.started", "-1")]).await.0, StatusCode::BAD_REQUEST);
    }

    async fn a_limit_that_a_form_leaves_as_it_found_it_stays_what_somebody_else_has_made_of_it(database: TestDatabase) {
        let site = Site::new(database).await;
        many(&site, 3).await;
        site.submit("/boards/limits", &[("limit.unstarted", "2"), ("limit.started", "5")]).await;
        let page = site.see("/boards").await;
        for found in ["was.unstarted\" value=\"2\"", "was.started\" value=\"5\"", "was.backlog\" value=\"\""] {
            assert!(page.contains(&format!("<input type=\"hidden\" name=\"{found}>")), "{found}: {page}");
        }
        // Somebody else changes one, takes one away and sets one.
        let theirs = [("limit.unstarted", "7"), ("limit.started", ""), ("limit.backlog", "9")];
        site.submit("/boards/limits", &theirs).await;
        let ours = [
            ("was.unstarted", "2"), ("limit.unstarted", "2"), ("was.started", "5"), ("limit.started", "5"),
            ("was.backlog", ""), ("limit.backlog", ""), ("was.completed", ""), ("limit.completed", "4"),
        ];
        site.submit("/boards/limits", &ours).await;
        let limits = site.app.store.board_limits("").await.unwrap();
        let limit = |column: &str| limits.get(column).copied();
        assert_eq!(
            (limit("unstarted"), limit("started"), limit("backlog"), limit("completed")),
            (Some(7), None, Some(9), Some(4))
        );
    }

    async fn lanes_are_made_of_what_the_filter_leaves_and_nobody_comes_first(database: TestDatabase) {
        let site = Site::new(database).await;
        let of = |i: usize, person: Option<&str>, at: &str| {
            let mut item = issue(&format!("i{i}"), &format!("Title {i}"), TODO, at);
            item["data"]["project"] = json!(format!("p{i:03}"));
            item["data"]["assignees"] = json!(person.map(|name| json!({"id": name, "display_name": name})).into_iter().collect::<Vec<_>>());
            Delivery::new(item.to_string())
        };
        for i in 0..61 {
            assert_eq!(site.app.post(&of(i, Some(&format!("Person {i:02}")), AT)).await.status, StatusCode::OK);
        }
        site.app.post(&of(61, Some("zoe"), AT)).await;
        site.app.post(&of(62, None, AT)).await;
        site.app.run_jobs().await;
        let board = site.see("/boards?lanes=assignee&assignee=zoe").await;
        assert!(column(&board, "zoe, Todo").contains("Title 61"), "{board}");
        assert_eq!(board.matches("<details class=\"lane\"").count(), 1);
        let board = site.see("/boards?lanes=project&project=p061").await;
        assert!(column(&board, "p061, Todo").contains("Title 61"), "{board}");
        let board = site.see("/boards?lanes=assignee").await;
        let lanes: Vec<_> = board.split("<details class=\"lane\" id=\"lane-").skip(1).map(|lane| lane.split_once('"').unwrap().0).collect();
        assert_eq!((lanes.len(), lanes[0], lanes[1]), (60, "%28nobody%29", "Person%2000"));
        assert!(board.contains("Only the first 60 lanes are shown"));
        assert!(column(&board, "Nobody, Todo").contains("Title 62"), "{board}");

        // Whoever has no card any more takes no room.
        for i in 0..61 {
            assert_eq!(site.app.post(&of(i, Some("ada"), "2026-11-22T01:10:00Z")).await.status, StatusCode::OK);
        }
        site.app.run_jobs().await;
        let board = site.see("/boards?lanes=assignee").await;
        for name in ["Nobody", "ada", "zoe"] {
            assert!(!column(&board, &format!("{name}, Todo")).is_empty(), "{name}: {board}");
        }
        assert!(!board.contains("Only the first 60 lanes are shown"));
    }

    async fn what_was_left_alone_for_two_weeks_is_stale(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("old", "An old one", TODO, "2026-11-01T01:00:00Z").await;
        site.plane("new", "A new one", TODO, AT).await;
        site.plane("done", "A done one", ("Done", "completed"), "2026-11-01T01:00:00Z").await;
        let board = site.see("/boards?unchanged=long").await;
        assert!(board.contains("An old one") && board.contains("stale, 21 d"), "{board}");
        assert!(!board.contains("A new one") && !board.contains("A done one"));
    }
}

//! How far both sides agree, on the page, in the API and as a metric.

use jetbridge::config::{Direction, RepositoryName};
use jetbridge::drift::{DriftItem, Position, Why};
use jetbridge::ids::WorkItemRef;
use jetbridge::store::repositories::{NewRepository, Origin};

use crate::on_both_databases;
use crate::site::Site;

on_both_databases! {
    async fn of_many_repositories_those_that_are_in_sync_are_folded(database: TestDatabase) {
        let site = Site::new(database).await;
        let (store, now) = (&site.app.store, site.app.clock.now());
        for number in 1..=6 {
            let new = NewRepository {
                name: format!("octo/one-{number}").parse().unwrap(),
                github_id: None,
                plane_project: None,
                plane_workspace: None,
                direction: Direction::default(),
                origin: Origin::Manual,
            };
            store.add_repository(&new, now).await.unwrap();
            let repository = store.find_repository(&new.name, None).await.unwrap().unwrap().id;
            store.keep_drift_position(repository, &Position::default(), &[]).await.unwrap();
            store.end_drift_walk(repository, &[new.name.to_string()], Some(now), now).await.unwrap();
            if number == 4 {
                store.note_drift_failure(repository, "GitHub is away", now).await.unwrap();
            }
        }
        let page = site.get("/health").await;
        let (shown, folded) = page.split_once("id=\"drift-folded\"").unwrap();
        let folded = folded.split_once("</details>").unwrap().0;
        assert!(folded.contains("5 in sync") && folded.contains("octo/one-1"), "{folded}");
        let drift = shown.rsplit_once("id=\"drift\"").unwrap().1;
        assert!(drift.contains("octo/one-4") && drift.contains("GitHub is away"), "{drift}");
        assert!(!drift.contains("octo/one-1"), "{drift}");
    }

    async fn the_ledger_is_on_the_page_in_the_api_and_a_metric(database: TestDatabase) {
        let site = Site::new(database).await;
        let store = &site.app.store;
        let name: RepositoryName = "Codertocat/Hello-World".parse().unwrap();
        let repository = store.find_repository(&name, None).await.unwrap().unwrap();
        assert!(site.get("/health").await.contains("not compared yet"));
        assert!(!site.get("/metrics").await.contains("jetbridge_in_sync_ratio{"));
        site.send_github(1).await;
        site.run_after(0).await;
        let now = site.app.clock.now();
        let item = DriftItem {
            item: WorkItemRef::new("github:9"),
            key: Some("Codertocat/Hello-World#9".to_owned()),
            reasons: vec![Why::Unknown, Why::NoTwin],
            told_at: Some(now),
            since: now,
            put_at: None,
        };
        store.keep_drift_position(repository.id, &Position::default(), &[]).await.unwrap();
        store.put_drift(repository.id, &[], &[item], now).await.unwrap();
        store.end_drift_walk(repository.id, &[name.to_string()], Some(now), now).await.unwrap();
        let page = site.get("/health").await;
        for words in ["in sync 50.00 %, proven at", "Codertocat/Hello-World#9", "is not known here; has no work item in Plane"] {
            assert!(page.contains(words), "{words} is not in {page}");
        }
        let json = site.json("/api/v1/repositories/Codertocat/Hello-World/drift").await;
        assert_eq!((json["in_sync"].as_f64(), json["compared"].as_u64()), (Some(0.5), Some(2)));
        assert_eq!(json["items"][0]["reasons"][0], "is not known here");
        assert_eq!(json["items"][0]["being_mended"], true);
        let health = site.json("/api/v1/health").await;
        let drift = health["drift"].as_array().unwrap();
        assert!(drift.iter().any(|d| d["repository"] == name.as_str() && d["differing"] == 1));
        let metrics = site.get("/metrics").await;
        for line in [
            r#"jetbridge_in_sync_ratio{repository="Codertocat/Hello-World"} 0.5"#,
            r#"jetbridge_drift_items{repository="Codertocat/Hello-World"} 1"#,
        ] {
            assert!(metrics.contains(line), "{line} is not in {metrics}");
        }
        store.put_drift(repository.id, &[WorkItemRef::new("github:9")], &[], now).await.unwrap();
        store.end_drift_walk(repository.id, &[name.to_string()], None, now).await.unwrap();
        assert!(site.get("/health").await.contains("in sync 100 %, proven at"));
    }
}

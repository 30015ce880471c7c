//! The tables that other tools read: their types, the view over all deliveries, and what happens
//! when versions meet.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use jetbridge::store::directory::{DirectoryEntry, EntryKind};
use jetbridge::store::{Store, StoreError};
use sqlx::{Connection, Row};
use support::app::TestApp;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, issue_delivery};

const TODO: (&str, &str) = ("Todo", "unstarted");

#[tokio::test]
async fn postgresql_has_native_types_in_schema_ops() {
    let database = TestDatabase::new(Kind::Postgres).await;
    Store::open(&database.url).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&database.text).await.unwrap();
    let expected = [
        ("plane_webhook_deliveries", "delivery_id", "text"),
        ("plane_webhook_deliveries", "body", "bytea"),
        ("plane_webhook_deliveries", "body_sha256", "bytea"),
        ("plane_webhook_deliveries", "received_at", "timestamp with time zone"),
        ("github_webhook_events", "retry_count", "bigint"),
        ("github_webhook_events", "created_at", "timestamp with time zone"),
        ("github_webhook_events", "repository_sync", "bigint"),
        ("repository_syncs", "github_id", "bigint"),
        ("deliveries", "payload", "json"),
        ("work_items", "description", "text"),
        ("work_item_comments", "comment_ref", "text"),
        ("work_item_comments", "deleted_at", "timestamp with time zone"),
        ("work_queue", "available_at", "timestamp with time zone"),
        ("work_items", "updated_at", "timestamp with time zone"),
        ("work_items", "labels", "jsonb"),
    ];
    for (table, column, native) in expected {
        let found: String = sqlx::query_scalar(
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'ops' AND table_name = $1 AND column_name = $2",
        )
        .bind(table)
        .bind(column)
        .fetch_one(&mut connection)
        .await
        .unwrap_or_else(|e| panic!("ops.{table}.{column}: {e}"));
        assert_eq!(found, native, "ops.{table}.{column}");
    }
}

#[tokio::test]
async fn the_delivery_id_is_a_primary_key_on_both_databases() {
    let postgres = TestDatabase::new(Kind::Postgres).await;
    Store::open(&postgres.url).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&postgres.text).await.unwrap();
    for table in ["ops.plane_webhook_deliveries", "ops.github_webhook_events"] {
        let key: String = sqlx::query_scalar(
            "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
             WHERE i.indrelid = $1::text::regclass AND i.indisprimary",
        )
        .bind(table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(key, "delivery_id");
    }
    let sqlite = TestDatabase::new(Kind::Sqlite).await;
    Store::open(&sqlite.url).await.unwrap();
    let mut connection = sqlx::SqliteConnection::connect(&sqlite.text).await.unwrap();
    for table in ["plane_webhook_deliveries", "github_webhook_events"] {
        let key: String = sqlx::query_scalar("SELECT name FROM pragma_table_info($1) WHERE pk = 1")
            .bind(table)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(key, "delivery_id");
    }
}

#[tokio::test]
async fn the_view_shows_payloads_as_json_and_null_where_they_are_none() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::new(kind).await;
        let (text, url) = (database.text.clone(), database.url.clone());
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("i", "A title", TODO, "2026-11-22T01:00:00Z")).await;
        let mut form = Delivery::new("payload=%7B%22event%22%3A%22x%22%7D");
        "application/x-www-form-urlencoded".clone_into(&mut form.content_type);
        assert_eq!(app.post(&form).await.status, 200);
        let titles: Vec<Option<String>> = match kind {
            Kind::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&text).await.unwrap();
                let rows = sqlx::query(
                    "SELECT payload #>> '{data,name}' FROM ops.deliveries ORDER BY body_bytes DESC",
                )
                .fetch_all(&mut connection)
                .await
                .unwrap();
                rows.iter().map(|r| r.get(0)).collect()
            }
            Kind::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&text).await.unwrap();
                let rows = sqlx::query(
                    "SELECT payload ->> '$.data.name' FROM deliveries ORDER BY body_bytes DESC",
                )
                .fetch_all(&mut connection)
                .await
                .unwrap();
                rows.iter().map(|r| r.get(0)).collect()
            }
        };
        assert_eq!(titles, [Some("A title".to_owned()), None], "{url}");
    }
}

#[tokio::test]
async fn an_older_binary_refuses_a_newer_schema_and_says_so() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::new(kind).await;
        Store::open(&database.url).await.unwrap().close().await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, $1, 0)";
        let checksum = vec![0_u8; 48];
        match kind {
            Kind::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&database.text).await.unwrap();
                sqlx::query("SET search_path = ops").execute(&mut connection).await.unwrap();
                sqlx::query(newer).bind(checksum).execute(&mut connection).await.unwrap();
            }
            Kind::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&database.text).await.unwrap();
                sqlx::query(newer).bind(checksum).execute(&mut connection).await.unwrap();
            }
        }
        let error = Store::open(&database.url).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { found: 9999, .. }), "{error}");
    }
}

on_both_databases! {
    async fn opening_twice_migrates_once(database: TestDatabase) {
        Store::open(&database.url).await.unwrap().close().await;
        Store::open(&database.url).await.unwrap().ping().await.unwrap();
    }

    async fn directory_entries_come_back_as_they_were_put_and_newer_ones_replace_older(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let entry = |name: &str, at: &str| DirectoryEntry {
            kind: EntryKind::Label,
            id: "s1".to_owned(),
            scope: "p1".to_owned(),
            entry: serde_json::json!({"name": name}),
            fetched_at: at.parse().unwrap(),
        };
        let (old, new) = (entry("Todo", "2026-11-22T01:00:00Z"), entry("Doing", "2026-11-22T02:00:00Z"));
        store.put_directory_entries(std::slice::from_ref(&new)).await.unwrap();
        store.put_directory_entries(std::slice::from_ref(&old)).await.unwrap();
        assert_eq!(store.directory_entries().await.unwrap(), [new]);
    }
}

//! Items as a large installation has them: two repositories in three with a twin in Plane, a few
//! labels and people each, most of them done.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// Rows of one statement.
const AT_ONCE: usize = 1_000;
const LABELS: [&str; 12] = [
    "bug",
    "docs",
    "security",
    "performance",
    "i18n",
    "a11y",
    "ops",
    "flaky-test",
    "good first issue",
    "customer",
    "p0",
    "p1",
];
const PEOPLE: usize = 40;
const PROJECTS: usize = 12;

/// Writes `count` cards' worth of items and links.
pub async fn fill(url: &str, count: usize) {
    let rows: Vec<Value> = (0..count).flat_map(items_of).collect();
    let links: Vec<Value> = (0..count).filter(|i| has_twin(*i)).map(link_of).collect();
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut connection = SqliteConnection::connect(path).await.expect("a connection");
        for rows in rows.chunks(AT_ONCE) {
            let sql =
                insert("work_items", &ITEM, "(SELECT value FROM json_each($1)) AS r", |name, _| {
                    format!("r.value ->> '{name}'")
                });
            sqlx::query(AssertSqlSafe(sql))
                .bind(text(rows))
                .execute(&mut connection)
                .await
                .expect("items");
        }
        for rows in links.chunks(AT_ONCE) {
            let sql = insert(
                "issue_links",
                &LINK,
                "(SELECT value FROM json_each($1)) AS r",
                |name, _| format!("r.value ->> '{name}'"),
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(text(rows))
                .execute(&mut connection)
                .await
                .expect("links");
        }
    } else {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        let read = |name: &str, kind: &str| match kind {
            "jsonb" => format!("(r.value -> '{name}')::jsonb"),
            kind => format!("(r.value ->> '{name}')::{kind}"),
        };
        for (table, columns, rows) in
            [("ops.work_items", &ITEM[..], &rows), ("ops.issue_links", &LINK[..], &links)]
        {
            for rows in rows.chunks(AT_ONCE) {
                let sql = insert(table, columns, "json_array_elements($1::json) AS r(value)", read);
                sqlx::query(AssertSqlSafe(sql))
                    .bind(text(rows))
                    .execute(&mut connection)
                    .await
                    .expect("rows");
            }
        }
    }
}

/// What `PostgreSQL` does by itself within a minute after many rows were written.
pub async fn settle(url: &str) {
    if !url.starts_with("sqlite://") {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        let settle = "VACUUM ANALYZE ops.board_cards";
        sqlx::raw_sql(settle).execute(&mut connection).await.expect("statistics");
    }
}

type Columns = [(&'static str, &'static str)];
const ITEM: [(&str, &str); 15] = [
    ("work_item_ref", "text"),
    ("system", "text"),
    ("external_id", "text"),
    ("project_ref", "text"),
    ("title", "text"),
    ("status", "text"),
    ("updated_at", "timestamptz"),
    ("key", "text"),
    ("kind", "text"),
    ("state_group", "text"),
    ("labels", "jsonb"),
    ("assignees", "jsonb"),
    ("ingested_at", "timestamptz"),
    ("missing", "jsonb"),
    ("state", "jsonb"),
];
const LINK: [(&str, &str); 9] = [
    ("repository", "text"),
    ("github_issue_id", "bigint"),
    ("github_number", "bigint"),
    ("github_ref", "text"),
    ("plane_project", "text"),
    ("plane_item_id", "text"),
    ("plane_ref", "text"),
    ("status", "text"),
    ("created_at", "timestamptz"),
];

fn insert(
    table: &str,
    columns: &Columns,
    rows: &str,
    read: impl Fn(&str, &str) -> String,
) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = columns.iter().map(|(name, kind)| read(name, kind)).collect();
    let mut sql = String::new();
    let _ = write!(
        sql,
        "INSERT INTO {table} ({}) SELECT {} FROM {rows}",
        names.join(", "),
        values.join(", ")
    );
    sql
}

fn text(rows: &[Value]) -> String {
    serde_json::to_string(rows).expect("JSON")
}

fn has_twin(i: usize) -> bool {
    !i.is_multiple_of(3)
}

fn link_of(i: usize) -> Value {
    json!({
        "repository": format!("octo/repo-{}", i % PROJECTS), "github_issue_id": i, "github_number": i,
        "github_ref": format!("github:{i}"), "plane_project": format!("project-{}", i % PROJECTS),
        "plane_item_id": format!("item-{i}"), "plane_ref": format!("plane:item-{i}"),
        "status": if i.is_multiple_of(500) { "conflict" } else { "ok" }, "created_at": "2026-11-22T00:00:00Z",
    })
}

fn items_of(i: usize) -> Vec<Value> {
    let issue = item(
        i,
        "github",
        &i.to_string(),
        &format!("octo/repo-{}", i % PROJECTS),
        &format!("octo/repo-{}#{i}", i % PROJECTS),
    );
    let twin = item(
        i,
        "plane",
        &format!("item-{i}"),
        &format!("project-{}", i % PROJECTS),
        &format!("P{}-{i}", i % PROJECTS),
    );
    if has_twin(i) { vec![issue, twin] } else { vec![issue] }
}

fn item(i: usize, system: &str, external_id: &str, project: &str, key: &str) -> Value {
    let group = match i % 10 {
        0 => "backlog",
        1 => "unstarted",
        2 => "started",
        9 => "cancelled",
        _ => "completed",
    };
    let label = |at: usize| json!({"name": LABELS[at % LABELS.len()], "color": "#d73a4a"});
    let person = format!("person-{}", i % PEOPLE);
    let at = chrono::DateTime::from_timestamp(
        1_763_700_000 + i64::try_from(i * 37 % 1_000_000).expect("small"),
        0,
    );
    let at = at.expect("a time").format("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    let mut state = json!({
        "item": format!("{system}:{external_id}"), "system": system, "external_id": external_id, "kind": "issue",
        "project_ref": project, "key": key, "title": format!("A title of usual length for number {i} of them"),
        "status": group, "state_group": group, "assignees": [{"id": person, "name": person}],
        "labels": [label(i), label(i / 7)], "priority": null, "url": format!("https://example.org/{external_id}"),
        "created_at": at, "completed_at": null, "updated_at": at, "missing": [],
    });
    let row = state.clone();
    let fields = state.as_object_mut().expect("an object");
    fields.insert("work_item_ref".to_owned(), row["item"].clone());
    fields.insert("ingested_at".to_owned(), row["updated_at"].clone());
    fields.insert("state".to_owned(), row);
    state
}

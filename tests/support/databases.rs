//! An empty database for each test, on SQLite and on `PostgreSQL`.
//!
//! `./test` starts one `PostgreSQL` for all tests and names it in `JETBRIDGE_TEST_POSTGRES`; without
//! it each such test starts its own.

use jetbridge::store::{DatabaseUrl, Store};
use sqlx::Connection;
use tempfile::TempDir;

use super::postgres::Cluster;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database that is gone with the test.
pub struct TestDatabase {
    pub url: DatabaseUrl,
    pub text: String,
    /// Where SQLite and the admin token are.
    pub folder: TempDir,
    _cluster: Option<Cluster>,
}

impl TestDatabase {
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (text, cluster) = match kind {
            Kind::Sqlite => {
                (format!("sqlite://{}", folder.path().join("jetbridge.db").display()), None)
            }
            Kind::Postgres => postgres_database().await,
        };
        Self { url: text.parse().expect("a database URL"), text, folder, _cluster: cluster }
    }

    /// Opens it. Beside tests that keep every core busy it may take longer than a service waits.
    pub async fn store(&self) -> Store {
        for _ in 0..4 {
            match Store::open(&self.url).await {
                Err(error) if error.is_transient() => {}
                opened => return opened.expect("a database"),
            }
        }
        Store::open(&self.url).await.expect("a database")
    }
}

/// Runs statements on a database beside the application, as somebody with a console would.
pub async fn by_hand(text: &str, statements: &str) {
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()));
    if text.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(text).await.expect("the database");
        statements.execute(&mut connection).await.expect("done");
    } else {
        let mut connection = sqlx::PgConnection::connect(text).await.expect("the database");
        let path = sqlx::raw_sql("SET search_path = ops");
        path.execute(&mut connection).await.expect("the schema");
        statements.execute(&mut connection).await.expect("done");
    }
}

async fn postgres_database() -> (String, Option<Cluster>) {
    let Ok(server) = std::env::var("JETBRIDGE_TEST_POSTGRES") else {
        let cluster = Cluster::start();
        return (cluster.new_database(), Some(cluster));
    };
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let mut connection = sqlx::PgConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("JETBRIDGE_TEST_POSTGRES names a running PostgreSQL");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.expect("a new database");
    (format!("{server}/{name}"), None)
}

/// Makes of one rule two tests, one on each database.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)+) => {
        $(async fn $name($database: $crate::support::databases::TestDatabase) $body)+
        mod sqlite {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                let kind = $crate::support::databases::Kind::Sqlite;
                super::$name($crate::support::databases::TestDatabase::new(kind).await).await;
            })+
        }
        mod postgres {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                let kind = $crate::support::databases::Kind::Postgres;
                super::$name($crate::support::databases::TestDatabase::new(kind).await).await;
            })+
        }
    };
}

//! Who GitHub's accounts are in Plane: what people decided, and the assignees about whom nobody
//! has decided yet. Logins are kept in lower case, as GitHub compares them.
//!
//! Deliberately absent: whom a login fits by likeness; `sync/mapping` says that.

use std::collections::BTreeSet;

use sqlx::FromRow;

use super::links::LinkId;
use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;

/// What was decided about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPerson {
    /// GitHub's login, in lower case.
    pub login: String,
    /// Who it is in Plane.
    pub counterpart: Counterpart,
    /// Who decided it.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

/// Who an account is in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counterpart {
    /// This user.
    Member {
        /// Plane's id.
        id: String,
        /// The name by then, for people.
        name: String,
    },
    /// Nobody, on purpose.
    Nobody,
}

/// An account that is assigned on GitHub and has no counterpart in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedPerson {
    /// GitHub's login, in lower case.
    pub login: String,
    /// Linked issues that it is assigned to.
    pub issues: i64,
    /// Their repositories, by name.
    pub repositories: Vec<String>,
    /// Plane's projects of these links, and their workspaces beside `plane.workspace`.
    pub projects: Vec<(String, Option<String>)>,
}

#[derive(FromRow)]
struct Row {
    login: String,
    member: Option<String>,
    member_name: Option<String>,
    decided_by: String,
    decided_at: At,
}

impl From<Row> for KnownPerson {
    fn from(row: Row) -> Self {
        let counterpart = match row.member {
            Some(id) => Counterpart::Member { name: row.member_name.unwrap_or(id.clone()), id },
            None => Counterpart::Nobody,
        };
        Self {
            login: row.login,
            counterpart,
            decided_by: row.decided_by,
            decided_at: row.decided_at.0,
        }
    }
}

const ADD_UNMAPPED: Statement = Statement {
    postgres: "INSERT INTO unmapped_assignees (issue_link, login, found_at)
        SELECT $2, value, $3 FROM json_array_elements_text($1::json) ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO unmapped_assignees (issue_link, login, found_at)
        SELECT $2, value, $3 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
};
/// The newest delivery of each issue that waits for this account, as long as its body is kept.
const WAITING: &str = "SELECT DISTINCT (SELECT e.delivery_id FROM github_webhook_events e
        WHERE e.work_item_ref = l.github_ref AND e.body IS NOT NULL
        ORDER BY e.created_at DESC, e.delivery_id DESC LIMIT 1)
     FROM unmapped_assignees u JOIN issue_links l ON l.id = u.issue_link WHERE u.login = $1";

impl Store {
    /// All decisions, by login.
    pub async fn people(&self) -> StoreResult<Vec<KnownPerson>> {
        const ALL: &str = "SELECT login, member, member_name, decided_by, decided_at FROM people
            ORDER BY login";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        Ok(rows.into_iter().map(KnownPerson::from).collect())
    }

    /// Decides about an account, in place of what was decided before.
    pub async fn decide_person(
        &self,
        login: &str,
        counterpart: &Counterpart,
        by: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO people (login, member, member_name, decided_by, decided_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (login) DO UPDATE SET
                member = excluded.member, member_name = excluded.member_name,
                decided_by = excluded.decided_by, decided_at = excluded.decided_at";
        let (id, name) = match counterpart {
            Counterpart::Member { id, name } => (Some(id), Some(name)),
            Counterpart::Nobody => (None, None),
        };
        on_writer!(self, pool => sqlx::query(PUT).bind(login.to_lowercase()).bind(id).bind(name)
            .bind(by).bind(At(now)).execute(pool).await.map(drop))?;
        self.settings_changed().await
    }

    /// Forgets a decision, and says whether there was one.
    pub async fn forget_person(&self, login: &str) -> StoreResult<bool> {
        const FORGET: &str = "DELETE FROM people WHERE login = $1";
        let forgotten = on_writer!(self, pool => sqlx::query(FORGET).bind(login.to_lowercase())
            .execute(pool).await?.rows_affected());
        self.settings_changed().await?;
        Ok(forgotten > 0)
    }

    /// Accounts without a counterpart, those of most issues first.
    pub async fn unmapped_people(&self) -> StoreResult<Vec<UnmappedPerson>> {
        const ALL: &str = "
            SELECT u.login, l.repository, l.plane_project, l.plane_workspace, count(*) AS issues
            FROM unmapped_assignees u JOIN issue_links l ON l.id = u.issue_link
            GROUP BY u.login, l.repository, l.plane_project, l.plane_workspace
            ORDER BY u.login, l.repository";
        let rows: Vec<(String, String, String, Option<String>, i64)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        let mut people: Vec<UnmappedPerson> = Vec::new();
        for (login, repository, project, workspace, issues) in rows {
            let place = (project, workspace);
            if people.last().is_none_or(|last| last.login != login) {
                let (repositories, projects) = (Vec::new(), Vec::new());
                people.push(UnmappedPerson { login, issues: 0, repositories, projects });
            }
            let Some(person) = people.last_mut() else { continue };
            person.issues += issues;
            if !person.repositories.contains(&repository) {
                person.repositories.push(repository);
            }
            if !person.projects.contains(&place) {
                person.projects.push(place);
            }
        }
        people.sort_by_key(|person| std::cmp::Reverse(person.issues));
        Ok(people)
    }

    /// Keeps which assignees of a link's issue have no counterpart, in place of what was known.
    pub async fn note_unmapped(
        &self,
        link: LinkId,
        logins: &BTreeSet<String>,
        now: Timestamp,
    ) -> StoreResult<()> {
        const KNOWN: &str = "SELECT login FROM unmapped_assignees WHERE issue_link = $1";
        const FORGET: &str = "DELETE FROM unmapped_assignees WHERE issue_link = $1";
        let known: Vec<String> = on_reader!(self, pool => sqlx::query_scalar(KNOWN).bind(link.0)
            .fetch_all(pool).await?);
        if known.into_iter().collect::<BTreeSet<_>>() == *logins {
            return Ok(());
        }
        let logins = to_json(&logins.iter().collect::<Vec<_>>())?;
        self.replace_unmapped(FORGET, &ADD_UNMAPPED, link, &logins, now).await
    }

    /// Puts those of one link who have no counterpart in place of those who were known.
    pub(super) async fn replace_unmapped(
        &self,
        forget: &'static str,
        add: &Statement,
        link: LinkId,
        rows: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        macro_rules! replace {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                sqlx::query(forget).bind(link.0).execute(&mut *transaction).await?;
                sqlx::query(add.$dialect)
                    .bind(rows)
                    .bind(link.0)
                    .bind(At(now))
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => replace!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                replace!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(())
    }

    /// The deliveries that bring the issues in step which wait for this account.
    pub async fn deliveries_waiting_for(&self, login: &str) -> StoreResult<Vec<DeliveryId>> {
        let rows: Vec<Option<String>> = on_reader!(self, pool => sqlx::query_scalar(WAITING)
            .bind(login.to_lowercase()).fetch_all(pool).await?);
        Ok(rows.into_iter().flatten().map(DeliveryId::new).collect())
    }
}

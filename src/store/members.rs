//! Plane's people without a counterpart on GitHub: those who are assigned to linked items and of whom
//! nobody has said who they are there, and those who are nobody there on purpose.
//!
//! Who somebody is on GitHub stands with the logins (`store/people`). Deliberately absent: whom a member
//! fits by likeness; `sync/mapping` says that.

use std::collections::BTreeMap;

use serde::Serialize;

use super::links::LinkId;
use super::rows::{Statement, statement, to_json};
use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;

/// A user of Plane's who is nobody on GitHub, on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberApart {
    /// Plane's id.
    pub id: String,
    /// The name by then, for people.
    pub name: String,
    /// Who decided it.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

/// A user who is assigned in Plane and has no counterpart on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedMember {
    /// Plane's id.
    pub id: String,
    /// What they are called there.
    pub name: String,
    /// Linked issues whose items they are assigned to.
    pub issues: i64,
    /// Their repositories, by name.
    pub repositories: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    member: &'a str,
    name: &'a str,
}

const ADD_UNMAPPED: Statement = statement!(
    "INSERT INTO unmapped_members (issue_link, member, member_name, found_at) SELECT $2, r.member, r.name, $3 FROM ",
    rows(member "text", name "text"),
    " WHERE true ON CONFLICT DO NOTHING"
);
/// The newest delivery of each issue whose item this user waits on, as long as its body is kept.
const WAITING: &str = "SELECT DISTINCT (SELECT e.delivery_id FROM github_webhook_events e
        WHERE e.work_item_ref = l.github_ref AND e.body IS NOT NULL
        ORDER BY e.created_at DESC, e.delivery_id DESC LIMIT 1)
     FROM unmapped_members u JOIN issue_links l ON l.id = u.issue_link WHERE u.member = $1";

impl Store {
    /// All who are nobody on GitHub on purpose, by name.
    pub async fn members_apart(&self) -> StoreResult<Vec<MemberApart>> {
        const ALL: &str = "SELECT member, member_name, decided_by, decided_at FROM members_apart
            ORDER BY member_name, member";
        let rows: Vec<(String, String, String, At)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        let apart = |(id, name, decided_by, at): (String, String, String, At)| MemberApart {
            id,
            name,
            decided_by,
            decided_at: at.0,
        };
        Ok(rows.into_iter().map(apart).collect())
    }

    /// Decides that a user is nobody on GitHub.
    pub async fn set_member_apart(
        &self,
        (id, name): (&str, &str),
        by: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO members_apart (member, member_name, decided_by, decided_at)
            VALUES ($1, $2, $3, $4) ON CONFLICT (member) DO UPDATE SET member_name = excluded.member_name,
            decided_by = excluded.decided_by, decided_at = excluded.decided_at";
        on_writer!(self, pool => sqlx::query(PUT).bind(id).bind(name).bind(by).bind(At(now))
            .execute(pool).await.map(drop))?;
        self.settings_changed().await
    }

    /// Forgets that a user is nobody on GitHub, and says whether that was decided.
    pub async fn forget_member_apart(&self, id: &str) -> StoreResult<bool> {
        const FORGET: &str = "DELETE FROM members_apart WHERE member = $1";
        let forgotten = on_writer!(self, pool => sqlx::query(FORGET).bind(id)
            .execute(pool).await?.rows_affected());
        self.settings_changed().await?;
        Ok(forgotten > 0)
    }

    /// Users without a counterpart on GitHub, those of most issues first.
    pub async fn unmapped_members(&self) -> StoreResult<Vec<UnmappedMember>> {
        const ALL: &str = "SELECT u.member, max(u.member_name), l.repository, count(*) AS issues
            FROM unmapped_members u JOIN issue_links l ON l.id = u.issue_link
            GROUP BY u.member, l.repository ORDER BY u.member, l.repository";
        let rows: Vec<(String, String, String, i64)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        let mut members: Vec<UnmappedMember> = Vec::new();
        for (id, name, repository, issues) in rows {
            if let Some(known) = members.last_mut().filter(|last| last.id == id) {
                known.issues += issues;
                known.repositories.push(repository);
            } else {
                let repositories = vec![repository];
                members.push(UnmappedMember { id, name, issues, repositories });
            }
        }
        members.sort_by_key(|member| std::cmp::Reverse(member.issues));
        Ok(members)
    }

    /// Keeps who of a link's item has no counterpart on GitHub, by id with their names, in place of
    /// what was known.
    pub async fn note_unmapped_members(
        &self,
        link: LinkId,
        members: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> StoreResult<()> {
        const KNOWN: &str =
            "SELECT member, member_name FROM unmapped_members WHERE issue_link = $1";
        const FORGET: &str = "DELETE FROM unmapped_members WHERE issue_link = $1";
        let known: Vec<(String, String)> = on_reader!(self, pool => sqlx::query_as(KNOWN)
            .bind(link.0).fetch_all(pool).await?);
        if known.into_iter().collect::<BTreeMap<_, _>>() == *members {
            return Ok(());
        }
        let rows: Vec<_> = members.iter().map(|(member, name)| Row { member, name }).collect();
        let rows = to_json(&rows)?;
        self.replace_unmapped(FORGET, &ADD_UNMAPPED, link, &rows, now).await
    }

    /// The deliveries that bring the issues in step which wait for this user.
    pub async fn deliveries_waiting_for_member(&self, id: &str) -> StoreResult<Vec<DeliveryId>> {
        let rows: Vec<Option<String>> = on_reader!(self, pool => sqlx::query_scalar(WAITING)
            .bind(id).fetch_all(pool).await?);
        Ok(rows.into_iter().flatten().map(DeliveryId::new).collect())
    }
}

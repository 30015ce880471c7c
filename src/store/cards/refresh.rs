//! Making cards anew inside of a transaction that changed what they are made from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use sqlx::types::Json;
use sqlx::{PgConnection, SqliteConnection};

use super::statements::{
    BEFORE, CLOSINGS, DROP_MOVED, FORGET_CLOSINGS, ISSUES, ITEMS, JOBS, LEFT_OUT, MOVE_CLOSINGS,
    NEAR, PROJECTS, PUT, PUT_CHOICES, PUT_CLOSINGS, REMOVE, TAKE_DIRTY, TIES,
};
use crate::board::{
    CardRecord, Closing, JobStage, JobState, Known, LinkState, SEPARATOR, TieState, cards, listed,
    within_list,
};
use crate::ids::WorkItemRef;
use crate::sources::github::closing;
use crate::store::rows::to_json;
use crate::store::time::{At, to_text};
use crate::store::work_items::{BY_REF, Row as ItemRow};
use crate::store::{StoreResult, unreadable};
use crate::sync::plan::Base;
use crate::timeline;
use crate::work_items::{Kind, System, WorkItem};

/// One key of `PostgreSQL`'s advisory locks, for refreshing: any constant of our own.
const LOCK: i64 = 0x626f_6172_6473;
/// Prepared on empty tables the statements below would settle on sequential scans and stay there.
const LOCK_AND_PLAN: &str =
    "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)";

type TieRow = (i64, String, Option<String>, String, Option<String>, Option<At>, Option<Json<Base>>);
type JobRow = (String, String, String, Option<String>, At, Option<At>);

#[derive(Serialize)]
struct CardRow<'a> {
    card_ref: &'a str,
    lead_ref: &'a str,
    github_ref: Option<&'a str>,
    plane_ref: Option<&'a str>,
    kind: Kind,
    home: &'a str,
    repository: Option<&'a str>,
    state_group: Option<&'static str>,
    status: &'a str,
    assignee: Option<&'a str>,
    health: Option<&'static str>,
    updated_at: String,
    state_since: String,
    assignees: String,
    labels: String,
    words: &'a str,
    card: &'a crate::board::Card,
}

#[derive(Serialize)]
struct ClosingRow {
    pull: String,
    issue: String,
}

#[derive(Serialize)]
struct KeyRow {
    item: WorkItemRef,
    key: String,
}

#[derive(Serialize)]
struct ChoiceRow<'a> {
    kind: &'static str,
    value: String,
    name: Option<&'a str>,
}

/// The same steps on either database.
macro_rules! in_dialect {
    ($refresh:ident, $closings:ident, $rewritten:ident, $moved:ident, $dirty:ident, $connection:ty, $dialect:ident, $lock:expr) => {
        /// Makes the cards of `refs` and of issues with these `keys` anew, with those of what
        /// they are tied to. The last thing that a transaction does. Gives the issues whose cards
        /// say something of a pull request among them.
        pub(in crate::store) async fn $refresh(
            connection: &mut $connection,
            refs: Vec<String>,
            keys: Vec<String>,
        ) -> StoreResult<Vec<String>> {
            if refs.is_empty() && keys.is_empty() {
                return Ok(Vec::new());
            }
            if let Some(lock) = $lock {
                sqlx::query(lock).bind(LOCK).execute(&mut *connection).await?;
            }
            let near: Vec<String> = sqlx::query_scalar(NEAR.$dialect)
                .bind(to_json(&refs)?)
                .bind(to_json(&keys)?)
                .fetch_all(&mut *connection)
                .await?;
            let near: BTreeSet<WorkItemRef> = near.into_iter().map(WorkItemRef::new).collect();
            let list = to_json(&near.iter().collect::<Vec<_>>())?;
            let ties: Vec<TieRow> =
                sqlx::query_as(TIES.$dialect).bind(&list).fetch_all(&mut *connection).await?;
            let closings: Vec<(String, String)> =
                sqlx::query_as(CLOSINGS.$dialect).bind(&list).fetch_all(&mut *connection).await?;
            let before: Vec<(String, Option<String>, At)> =
                sqlx::query_as(BEFORE.$dialect).bind(&list).fetch_all(&mut *connection).await?;
            let wanted = Wanted::of(&near, &ties, &closings);
            let mut items: Vec<ItemRow> = sqlx::query_as(ITEMS.$dialect)
                .bind(to_json(&wanted.items)?)
                .fetch_all(&mut *connection)
                .await?;
            if !wanted.issues.is_empty() {
                let issues = sqlx::query_as(ISSUES.$dialect).bind(to_json(&wanted.issues)?);
                items.extend(issues.fetch_all(&mut *connection).await?);
            }
            let jobs: Vec<JobRow> = sqlx::query_as(JOBS.$dialect)
                .bind(to_json(&wanted.lanes)?)
                .fetch_all(&mut *connection)
                .await?;
            let mut known = known(ties, closings, before, items, jobs)?;
            if let Some(alone) = alone(&near, &known)? {
                let left_out =
                    sqlx::query_as(LEFT_OUT.$dialect).bind(alone).bind(timeline::LEFT_OUT);
                let told: Vec<(String, Option<String>)> =
                    left_out.fetch_all(&mut *connection).await?;
                known.left_out.extend(told.into_iter().filter_map(why_left_out));
            }
            let repositories: Vec<(String, String)> = sqlx::query_as(PROJECTS.$dialect)
                .bind(repositories_of(&known)?)
                .fetch_all(&mut *connection)
                .await?;
            known.projects.extend(repositories.into_iter().filter(|(_, p)| !p.is_empty()));
            let made = cards(&near, &known);
            if let Some(gone) = gone(&known, &made)? {
                sqlx::query(REMOVE.$dialect).bind(gone).execute(&mut *connection).await?;
            }
            if !made.is_empty() {
                let rows = to_json(&made.iter().map(row_of).collect::<Vec<_>>())?;
                sqlx::query(PUT.$dialect).bind(rows).execute(&mut *connection).await?;
                let choices = to_json(&choices_of(&made))?;
                sqlx::query(PUT_CHOICES.$dialect).bind(choices).execute(&mut *connection).await?;
            }
            Ok(closed_issues(&known, &refs, &keys))
        }

        /// Writes which issues the pull requests among `items` close, and gives the keys of those
        /// that they closed before.
        pub(in crate::store) async fn $closings(
            connection: &mut $connection,
            items: &[&WorkItem],
        ) -> StoreResult<Vec<String>> {
            let Some((pulls, rows)) = closings_of(items)? else { return Ok(Vec::new()) };
            let forget = sqlx::query_scalar(FORGET_CLOSINGS.$dialect).bind(pulls);
            let before: Vec<String> = forget.fetch_all(&mut *connection).await?;
            sqlx::query(PUT_CLOSINGS.$dialect).bind(rows).execute(&mut *connection).await?;
            Ok(before)
        }

        /// The same for items that were written or removed by other means than jobs, as they
        /// stand now.
        pub(in crate::store) async fn $rewritten(
            connection: &mut $connection,
            refs: &[String],
        ) -> StoreResult<Vec<String>> {
            let list = to_json(refs)?;
            let forget = sqlx::query_scalar(FORGET_CLOSINGS.$dialect).bind(&list);
            let mut keys: Vec<String> = forget.fetch_all(&mut *connection).await?;
            let items: Vec<ItemRow> =
                sqlx::query_as(BY_REF.$dialect).bind(list).fetch_all(&mut *connection).await?;
            let items: Vec<WorkItem> =
                items.into_iter().map(WorkItem::try_from).collect::<Result<_, _>>()?;
            keys.extend($closings(connection, &items.iter().collect::<Vec<_>>()).await?);
            Ok(keys)
        }

        /// Lets what closes an issue of another name from now on close it under that name: a
        /// renamed repository's pull requests say so themselves only with their next webhook. To
        /// be called before the items are written.
        pub(in crate::store) async fn $moved(
            connection: &mut $connection,
            items: &[&WorkItem],
        ) -> StoreResult<()> {
            let Some(issues) = keys_of(items)? else { return Ok(()) };
            for statement in [MOVE_CLOSINGS, DROP_MOVED] {
                let moved = sqlx::query(statement.$dialect).bind(&issues);
                moved.execute(&mut *connection).await?;
            }
            Ok(())
        }

        /// Makes the cards of up to `limit` marked items, and says how many those were.
        pub(in crate::store) async fn $dirty(
            connection: &mut $connection,
            limit: i64,
        ) -> StoreResult<usize> {
            let refs: Vec<String> = sqlx::query_scalar(TAKE_DIRTY.$dialect)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
            let keys = $rewritten(connection, &refs).await?;
            let made = refs.len();
            $refresh(connection, refs, keys).await?;
            Ok(made)
        }
    };
}
in_dialect!(
    postgres,
    closings_postgres,
    rewritten_postgres,
    moved_postgres,
    dirty_postgres,
    PgConnection,
    postgres,
    Some(LOCK_AND_PLAN)
);
in_dialect!(
    sqlite,
    closings_sqlite,
    rewritten_sqlite,
    moved_sqlite,
    dirty_sqlite,
    SqliteConnection,
    sqlite,
    None::<&'static str>
);

/// What has to be read before cards can be made.
struct Wanted {
    items: Vec<String>,
    issues: Vec<String>,
    lanes: Vec<String>,
}

impl Wanted {
    fn of(near: &BTreeSet<WorkItemRef>, ties: &[TieRow], closings: &[(String, String)]) -> Self {
        let twins = ties.iter().filter_map(|tie| tie.2.as_deref());
        let about: BTreeSet<&str> = near.iter().map(WorkItemRef::as_str).chain(twins).collect();
        let lanes = about.iter().flat_map(|item| lanes_of(item)).collect();
        let pulls = closings.iter().map(|(pull, _)| pull.as_str());
        let items: BTreeSet<&str> = about.iter().copied().chain(pulls).collect();
        let issues: BTreeSet<&str> = closings.iter().map(|(_, issue)| issue.as_str()).collect();
        Self {
            items: items.into_iter().map(str::to_owned).collect(),
            issues: issues.into_iter().map(str::to_owned).collect(),
            lanes,
        }
    }
}

/// The lanes of jobs about an item.
fn lanes_of(item: &str) -> Vec<String> {
    match item.split_once(':') {
        Some(("plane", id)) => vec![format!("plane:issue:{id}")],
        Some(("github", id)) if id.starts_with("pull_request:") => {
            vec![item.to_owned(), format!("sync:{item}")]
        }
        Some(("github", id)) => {
            vec![format!("github:issue:{id}"), format!("sync:github:issue:{id}")]
        }
        _ => Vec::new(),
    }
}

/// The item that a lane's jobs are about.
pub(in crate::store) fn item_of_lane(lane: &str) -> Option<String> {
    let lane = lane.strip_prefix("sync:").unwrap_or(lane);
    let (source, rest) = lane.split_once(':')?;
    match rest.strip_prefix("issue:") {
        Some(id) => Some(format!("{source}:{id}")),
        None if rest.starts_with("pull_request:") => Some(lane.to_owned()),
        None => None,
    }
}

fn known(
    ties: Vec<TieRow>,
    closings: Vec<(String, String)>,
    before: Vec<(String, Option<String>, At)>,
    items: Vec<ItemRow>,
    jobs: Vec<JobRow>,
) -> StoreResult<Known> {
    let mut known = Known {
        ties: ties.into_iter().map(tie_of).collect::<StoreResult<_>>()?,
        ..Known::default()
    };
    let closing = |(pull, issue)| Closing { pull: WorkItemRef::new(pull), issue };
    known.closings = closings.into_iter().map(closing).collect();
    for (card, group, At(since)) in before {
        let group =
            group.map(|g| g.parse().map_err(|e| unreadable("state group", e))).transpose()?;
        known.before.insert(WorkItemRef::new(card), (group, since));
    }
    for item in items {
        let item = WorkItem::try_from(item)?;
        known.items.insert(item.item.clone(), item);
    }
    for (lane, stage, status, error, At(due), finished) in jobs {
        let Some(item) = item_of_lane(&lane) else { continue };
        let stage = if stage == "sync" { JobStage::Sync } else { JobStage::Read };
        let dead_since = finished.filter(|_| status == "dead").map(|At(at)| at);
        let job = JobState { stage, dead_since, error, due };
        known.jobs.entry(WorkItemRef::new(item)).or_default().push(job);
    }
    Ok(known)
}

/// Issues on GitHub that are not known to have a work item.
fn alone(near: &BTreeSet<WorkItemRef>, known: &Known) -> StoreResult<Option<String>> {
    let tied: BTreeSet<_> =
        known.ties.iter().filter(|tie| tie.plane.is_some()).map(|tie| &tie.github).collect();
    let is_issue = |item: &&WorkItemRef| {
        let id = item.as_str().strip_prefix("github:");
        id.is_some_and(|id| !id.starts_with("pull_request:")) && !tied.contains(item)
    };
    let alone: Vec<_> = near.iter().filter(is_issue).collect();
    if alone.is_empty() { Ok(None) } else { to_json(&alone).map(Some) }
}

fn why_left_out((item, reason): (String, Option<String>)) -> Option<(WorkItemRef, String)> {
    let by = reason?.strip_prefix(timeline::LEFT_OUT)?.to_owned();
    Some((WorkItemRef::new(item), by))
}

fn tie_of(row: TieRow) -> StoreResult<TieState> {
    let (id, github, plane, status, last_error, synced_at, base) = row;
    let base = base.map(|Json(base)| base).unwrap_or_default();
    let unmapped = base.github.assignees.iter().filter(|(_, member)| member.is_none());
    Ok(TieState {
        id,
        github: WorkItemRef::new(github),
        plane: plane.map(WorkItemRef::new),
        link: LinkState {
            status: status.parse().map_err(|e| unreadable("link", e))?,
            last_error,
            synced_at: synced_at.map(|At(at)| at),
            unmapped: unmapped.map(|(login, _)| login.clone()).collect(),
            issue_gone: base.github.gone,
        },
    })
}

fn repositories_of(known: &Known) -> StoreResult<String> {
    let names: BTreeSet<String> = known
        .items
        .values()
        .filter(|item| item.project_ref.contains('/'))
        .map(|item| item.project_ref.to_lowercase())
        .collect();
    to_json(&names.into_iter().collect::<Vec<_>>())
}

/// The items that a pull request among `refs` is about, and those with the `keys` of what it was
/// about.
fn closed_issues(known: &Known, refs: &[String], keys: &[String]) -> Vec<String> {
    let refs: BTreeSet<&str> = refs.iter().map(String::as_str).collect();
    let closed = known.closings.iter().filter(|closing| refs.contains(closing.pull.as_str()));
    let closed = closed.map(|closing| closing.issue.as_str());
    let keys: BTreeSet<&str> = closed.chain(keys.iter().map(String::as_str)).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let is_closed = |item: &&WorkItem| {
        let state = item.state.as_ref().filter(|state| state.kind == Kind::Issue);
        let key = state.and_then(|state| state.key.as_ref()).map(|key| key.to_lowercase());
        key.is_some_and(|key| keys.contains(key.as_str()))
    };
    let issues = known.items.values().filter(is_closed);
    issues.map(|issue| issue.item.to_string()).collect()
}

/// Cards that are there and must not be.
fn gone(known: &Known, made: &[CardRecord]) -> StoreResult<Option<String>> {
    let made: BTreeSet<_> = made.iter().map(|made| &made.card.card).collect();
    let gone: Vec<_> = known.before.keys().filter(|card| !made.contains(card)).collect();
    if gone.is_empty() { Ok(None) } else { to_json(&gone).map(Some) }
}

fn row_of(made: &CardRecord) -> CardRow<'_> {
    let card = &made.card;
    CardRow {
        card_ref: card.card.as_str(),
        lead_ref: card.lead.as_str(),
        github_ref: made.github.as_ref().map(WorkItemRef::as_str),
        plane_ref: made.plane.as_ref().map(WorkItemRef::as_str),
        kind: card.kind,
        home: &made.home,
        repository: made.repository.as_deref(),
        state_group: card.group.map(crate::work_items::StateGroup::as_str),
        status: card.status.as_deref().unwrap_or(crate::work_items::UNKNOWN),
        assignee: made.assignee.as_deref(),
        health: card.health.as_ref().map(|health| health.state.as_str()),
        updated_at: to_text(card.updated_at),
        state_since: to_text(card.state_since),
        assignees: listed(&made.assignees),
        labels: listed(&made.labels),
        words: &made.words,
        card,
    }
}

/// In an order that is the same for everybody who writes them.
fn choices_of(made: &[CardRecord]) -> Vec<ChoiceRow<'_>> {
    let mut choices = BTreeMap::new();
    for made in made {
        let name = choices.entry(("project", made.home.clone())).or_insert(None);
        *name = name.or(made.home_name.as_deref());
        for (kind, names) in [("assignee", &made.assignees), ("label", &made.labels)] {
            choices.extend(names.iter().map(|value| ((kind, value.clone()), None)));
        }
        let group = made.card.group.map_or("", crate::work_items::StateGroup::as_str);
        let status = made.card.status.as_deref().unwrap_or(crate::work_items::UNKNOWN);
        let state = [&within_list(&made.home), group, status].join(&SEPARATOR.to_string());
        choices.insert(("state", state), None);
    }
    let row = |((kind, value), name)| ChoiceRow { kind, value, name };
    choices.into_iter().map(row).collect()
}

/// The keys of GitHub's issues among `items`, as pull requests name them.
fn keys_of(items: &[&WorkItem]) -> StoreResult<Option<String>> {
    let issues = items.iter().filter(|item| item.system == System::Github);
    let key_of = |item: &&'_ WorkItem| {
        let state = item.state.as_ref().filter(|state| state.kind == Kind::Issue)?;
        Some((item.item.clone(), state.key.as_ref()?.to_ascii_lowercase()))
    };
    let rows: Vec<_> = issues.filter_map(key_of).map(|(item, key)| KeyRow { item, key }).collect();
    if rows.is_empty() { Ok(None) } else { to_json(&rows).map(Some) }
}

/// The pull requests among `items`, and what they close.
fn closings_of(items: &[&WorkItem]) -> StoreResult<Option<(String, String)>> {
    let mut closed: HashMap<&str, BTreeSet<String>> = HashMap::new();
    for item in items {
        let Some(state) = &item.state else { continue };
        if state.kind == Kind::PullRequest {
            closed.insert(item.item.as_str(), closing::named(state));
        }
    }
    if closed.is_empty() {
        return Ok(None);
    }
    let pulls = to_json(&closed.keys().collect::<Vec<_>>())?;
    let row = |pull: &str, issue| ClosingRow { pull: pull.to_owned(), issue };
    let rows = closed.into_iter().flat_map(|(pull, issues)| {
        issues.into_iter().map(move |issue| row(pull, issue)).collect::<Vec<_>>()
    });
    Ok(Some((pulls, to_json(&rows.collect::<Vec<_>>())?)))
}

//! The audit log: who did what to what, from where, and how it ended.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;

use super::query::{Params, Picker};
use super::spans::{exact, when};
use super::{Caller, Frame, Problem, ProblemKind, Section, WebState, render};
use crate::access::{AuditEntry, CallerKind, Outcome};
use crate::clock::Timestamp;
use crate::store::audit::{AuditChoices, AuditFilter, AuditId, AuditRow, KEPT};

/// Rows of one page.
const ROWS: usize = 50;
const FILTERS: [&str; 5] = ["actor", "action", "outcome", "since", "until"];

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    pickers: Vec<Picker>,
    rows: Vec<Row>,
    filtered: bool,
    older: Option<String>,
    newest: Option<String>,
    kept_days: i64,
}

struct Row {
    outcome: Outcome,
    icon: &'static str,
    tone: &'static str,
    action: String,
    target: String,
    route: String,
    actor: String,
    /// How they came in, and their scope.
    how: String,
    address: String,
    time: String,
    exact: String,
}

/// `GET /audit`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let filter = AuditFilter {
        actor: params.text("actor"),
        action: params.text("action"),
        outcome: params.word("outcome")?,
        since: params.time("since")?,
        until: params.time("until")?,
    };
    let before = before(&params)?;
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX) + 1;
    let mut rows = web.store.audit_log(&filter, before, limit).await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let choices = web.store.audit_choices().await?;
    let now = web.clock.now();
    render(&AuditPage {
        frame: Frame::read(&web, Section::Access, caller).await?,
        pickers: pickers(&params, choices),
        filtered: params.any(&FILTERS),
        older: rows.last().filter(|_| more).map(|last| older(&params, last)),
        newest: before.map(|_| params.link("/audit", &[("before", None)])),
        rows: rows.into_iter().map(|row| shown(row.entry, now)).collect(),
        kept_days: KEPT.num_days(),
    })
}

fn before(params: &Params) -> Result<Option<AuditId>, Problem> {
    let Some(text) = params.text("before") else { return Ok(None) };
    let wrong = |_| Problem::new(ProblemKind::BadRequest, "“before” is not the number of a row");
    text.parse().map(AuditId).map(Some).map_err(wrong)
}

fn older(params: &Params, last: &AuditRow) -> String {
    params.link("/audit", &[("before", Some(&last.id.0.to_string()))])
}

fn pickers(params: &Params, choices: AuditChoices) -> Vec<Picker> {
    let same = |text: String| (text.clone(), text);
    let outcomes = Outcome::ALL.map(|outcome| same(outcome.to_string()));
    vec![
        Picker::new("actor", "Who", "Anybody", choices.actors.into_iter().map(same), params),
        Picker::new("action", "What", "Anything", choices.actions.into_iter().map(same), params),
        Picker::new("outcome", "Outcome", "Any outcome", outcomes, params),
    ]
}

fn shown(entry: AuditEntry, now: Timestamp) -> Row {
    let (icon, tone) = match entry.outcome {
        Outcome::Done => ("ok", "is-good"),
        Outcome::Refused => ("ignored", "is-warn"),
        Outcome::Failed => ("failed", "is-bad"),
    };
    let kind = match entry.kind {
        CallerKind::AdminToken => "admin token",
        CallerKind::ApiToken => "API token",
        CallerKind::Session => "browser",
        CallerKind::Cli => "command line",
        CallerKind::Nobody => "",
    };
    let how = match entry.scope {
        Some(scope) if entry.kind != CallerKind::Cli => format!("{kind}, {scope}"),
        _ => kind.to_owned(),
    };
    let actor = if entry.kind == CallerKind::Nobody { "nobody".to_owned() } else { entry.actor };
    Row {
        outcome: entry.outcome,
        icon,
        tone,
        action: sentence(&entry.action),
        target: entry.target,
        route: entry.route,
        actor,
        how,
        address: entry.address,
        time: when(entry.at, now),
        exact: exact(entry.at),
    }
}

/// With a capital.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

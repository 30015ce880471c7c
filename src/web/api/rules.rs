//! Trying a filter and rules on what has arrived. Nothing is written.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{parse, read_body};
use super::parameters::Parameters;
use crate::config::RepositoryName;
use crate::jobs::rule_trial::{RuleTrial, TrialCounts, TriedDelivery};
use crate::rules::trial::Fate;
use crate::rules::{Draft, RuleConfig};
use crate::web::error::{Problem, ProblemBody, ProblemKind};
use crate::web::state::WebState;

/// Most deliveries that one call tries.
pub(in crate::web) const MOST_AT_ONCE: u32 = 1000;
/// As many as are tried where nothing is said.
pub(in crate::web) const USUAL: u32 = 200;

/// What is to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct RulesToTry {
    /// `owner/name`.
    #[schema(value_type = String)]
    repository: RepositoryName,
    /// An expression that is true or false, as `filter` in the configuration.
    #[serde(default)]
    filter: Option<String>,
    /// As `rules` in the configuration: `name`, `when`, `set`, `drop`, `stop`.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    rules: Vec<RuleConfig>,
    /// Only those that were received then or later.
    #[serde(default)]
    since: Option<DateTime<Utc>>,
    /// The newest so many, 1 to 1000; 200 if not given.
    #[serde(default)]
    limit: Option<u32>,
}

/// What would become of the deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RulesTried {
    /// How many of each.
    counts: RuleCounts,
    /// Newest first.
    deliveries: Vec<RuleTried>,
}

/// How many of each.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RuleCounts {
    /// Looked at.
    tried: u64,
    /// Would be carried over.
    carried_over: u64,
    /// Of those, changed by a rule.
    changed: u64,
    /// Would be left out by the filter.
    left_out: u64,
    /// Would be dropped by a rule.
    dropped: u64,
    /// Filter or rule come to nothing for them.
    broken: u64,
    /// Tell of nothing that is carried over, or can’t be read any more.
    passed_over: u64,
}

impl From<TrialCounts> for RuleCounts {
    fn from(counts: TrialCounts) -> Self {
        let TrialCounts { tried, carried_over, changed, left_out, dropped, broken, passed_over } =
            counts;
        Self { tried, carried_over, changed, left_out, dropped, broken, passed_over }
    }
}

/// One delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RuleTried {
    /// The sender’s id of it.
    delivery_id: String,
    /// When it was received.
    received_at: DateTime<Utc>,
    /// The sender’s word for what was sent.
    event_type: String,
    /// The sender’s word for what happened.
    #[schema(required)]
    action: Option<String>,
    /// The issue’s number.
    issue: i64,
    /// `carried over`, `left out`, `dropped`, `broken` or `nothing to carry over`.
    fate: &'static str,
    /// The rule that drops it, or what is broken and why.
    #[schema(required)]
    reason: Option<String>,
    /// The rules that are for it, in their order.
    rules: Vec<String>,
    /// The fields that the rules change.
    changes: Vec<FieldTurned>,
}

/// A field before the rules and after.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct FieldTurned {
    /// `title`, `labels`, `assignees`, `state`, `priority` or `plane_project`.
    field: &'static str,
    /// As GitHub says it.
    before: String,
    /// As it would be carried over.
    after: String,
}

impl From<TriedDelivery> for RuleTried {
    fn from(tried: TriedDelivery) -> Self {
        let TriedDelivery { delivery, number, trial, .. } = tried;
        let turned = trial.turned.into_iter();
        Self {
            delivery_id: delivery.delivery_id.to_string(),
            received_at: delivery.received_at,
            event_type: delivery.event_type,
            action: delivery.action,
            issue: number,
            fate: trial.fate.as_str(),
            reason: match trial.fate {
                Fate::Dropped { rule } => Some(rule),
                Fate::Broken { why } => Some(why),
                Fate::CarriedOver | Fate::LeftOut | Fate::NothingToCarry => None,
            },
            rules: trial.rules,
            changes: turned
                .map(|t| FieldTurned { field: t.field, before: t.before, after: t.after })
                .collect(),
        }
    }
}

/// Tries a filter and rules on what a repository has sent; changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/rules/test",
    tag = "repositories",
    operation_id = "tryRules",
    request_body(content = RulesToTry, content_type = "application/json"),
    responses(
        (status = 200, description = "What would become of the deliveries.", body = RulesTried),
        (status = 400, description = "The body can’t be read, or an expression is refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn test(
    State(state): State<WebState>,
    uri: Uri,
    body: Body,
) -> Result<Json<RulesTried>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let given: RulesToTry = parse(&read_body(body).await?)?;
    let limit = given.limit.unwrap_or(USUAL);
    if !(1..=MOST_AT_ONCE).contains(&limit) {
        let detail = format!("limit is a whole number from 1 to {MOST_AT_ONCE}.");
        return Err(Problem::new(ProblemKind::BadRequest, detail));
    }
    let draft = Draft { filter: given.filter, rules: given.rules };
    let refused = |refused| Problem::new(ProblemKind::BadRequest, format!("{refused}."));
    let rulebook = draft.rulebook().map_err(refused)?;
    let (repository, since) = (&given.repository, given.since);
    let trial = RuleTrial { rulebook: &rulebook, repository, since, limit };
    let (all, counts) = trial.run(&state.store, |_| ()).await?;
    let deliveries = all.into_iter().map(Into::into).collect();
    Ok(Json(RulesTried { counts: counts.into(), deliveries }))
}

//! A repository's filter and rules tried on what it has sent, before they touch anything: what
//! would become of each delivery, and each field before and after. Nothing is written, and nothing
//! of what is typed here is kept.

use askama::Template;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::query::Params;
use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::config::RepositoryName;
use crate::jobs::rule_trial::{RuleTrial, TrialCounts, TriedDelivery};
use crate::rules::Draft;
use crate::rules::trial::{Fate, Turned};
use crate::web::api::body::read_body;
use crate::web::api::rules::USUAL;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    frame: Frame,
    repositories: Vec<Choice>,
    rules: String,
    error: Option<String>,
    counts: Option<TrialCounts>,
    rows: Vec<Row>,
}

struct Choice {
    name: String,
    is_chosen: bool,
}

/// One delivery.
struct Row {
    link: String,
    issue: i64,
    title: String,
    event: String,
    fate: &'static str,
    tone: &'static str,
    reason: String,
    turned: Vec<Turned>,
}

impl From<TriedDelivery> for Row {
    fn from(tried: TriedDelivery) -> Self {
        let TriedDelivery { delivery, number, title, trial } = tried;
        let id = delivery.delivery_id.as_str();
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let (tone, reason) = match &trial.fate {
            Fate::CarriedOver => ("is-good", trial.rules.join(", ")),
            Fate::LeftOut | Fate::NothingToCarry => ("is-off", String::new()),
            Fate::Dropped { rule } => ("is-warn", rule.clone()),
            Fate::Broken { why } => ("is-bad", why.clone()),
        };
        Self {
            link: format!("/deliveries/{}/{id}", delivery.source),
            issue: number,
            title,
            event: [Some(delivery.event_type), delivery.action]
                .map(Option::unwrap_or_default)
                .join(" "),
            fate: trial.fate.as_str(),
            tone,
            reason,
            turned: trial.turned,
        }
    }
}

/// `GET /rules`: what is configured, ready to be changed and tried.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let chosen = params.text("repository").and_then(|name| name.parse().ok());
    let page = RulesPage::new(&web, caller, chosen.as_ref(), None).await?;
    Ok(render(&page)?.into_response())
}

/// `POST /rules`: tries what was typed.
pub(super) async fn try_out(
    State(web): State<WebState>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(body).await?;
    let sent = |name: &str| {
        let mut fields = form_urlencoded::parse(&body);
        fields.find(|(field, _)| field == name).map(|(_, value)| value.into_owned())
    };
    let chosen: Option<RepositoryName> = sent("repository").and_then(|name| name.parse().ok());
    let rules = sent("rules").unwrap_or_default();
    let mut page = RulesPage::new(&web, caller, chosen.as_ref(), Some(rules)).await?;
    let draft = Draft::from_toml(&page.rules).map_err(|why| format!("{why}."));
    let read = draft.and_then(|draft| draft.rulebook().map_err(|refused| format!("{refused}.")));
    match (read, chosen) {
        (Err(why), _) => page.error = Some(why),
        (Ok(_), None) => page.error = Some("Choose a repository.".to_owned()),
        (Ok(rulebook), Some(repository)) => {
            let trial = RuleTrial {
                rulebook: &rulebook,
                repository: &repository,
                since: None,
                limit: USUAL,
            };
            let (all, counts) = trial.run(&web.store, |_| ()).await?;
            page.counts = Some(counts);
            page.rows = all.into_iter().map(Row::from).collect();
        }
    }
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok((status, render(&page)?).into_response())
}

/// A repository's filter and rules as they are now, in TOML.
async fn configured(web: &WebState, name: &RepositoryName) -> Result<String, Problem> {
    let all = web.store.repository_settings().await?;
    let Some((_, settings)) = all.into_iter().find(|(known, _)| known == name) else {
        return Ok(String::new());
    };
    let draft = Draft { filter: settings.filter, rules: settings.rules };
    Ok(toml::to_string(&draft).unwrap_or_default())
}

impl RulesPage {
    async fn new(
        web: &WebState,
        caller: Caller,
        chosen: Option<&RepositoryName>,
        typed: Option<String>,
    ) -> Result<Self, Problem> {
        let known = web.store.repositories().await?;
        let first = known.first().map(|repository| repository.name.clone());
        let chosen = chosen.or(first.as_ref());
        let rules = match (typed, chosen) {
            (Some(typed), _) => typed,
            (None, Some(name)) => configured(web, name).await?,
            (None, None) => String::new(),
        };
        let choice = |name: &RepositoryName| Choice {
            name: name.to_string(),
            is_chosen: chosen == Some(name),
        };
        Ok(Self {
            frame: Frame::read(web, Section::Rules, caller).await?,
            repositories: known.iter().map(|repository| choice(&repository.name)).collect(),
            rules,
            error: None,
            counts: None,
            rows: Vec::new(),
        })
    }
}

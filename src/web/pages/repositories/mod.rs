//! Which repositories are configured, how each one is doing, and what to paste where; added,
//! changed and removed here.
//!
//! What stands in the configuration file is changed there: the page says so and offers no form.
//! Deliberately absent: secrets. Where one belongs is said, never what it is.

mod form;
pub(super) mod mapping;
mod projects;
mod words;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use super::query::Params;
use super::spans;
use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::config::{GithubHost, RepositoryName, WorkspaceSlug};
use crate::rules::all_projects;
use crate::sources::github;
use crate::store::repositories::{NewRepository, Origin, Repository, RepositoryChange};
use crate::web::api::body::read_body;
use crate::web::auth::Target;
use crate::web::error::ProblemKind;
use crate::web::state::SecretState;
use form::{Form, NameField};
use projects::Projects;
use words::Card;

#[derive(Template)]
#[template(path = "repositories.html")]
struct ListPage {
    frame: Frame,
    cards: Vec<Card>,
    form: Form,
    projects: Projects,
    hook: Hook,
    /// GitHub's assignees about whom nobody has decided.
    unmapped: usize,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "repository.html")]
struct OnePage {
    frame: Frame,
    card: Card,
    form: Form,
    projects: Projects,
    hook: Hook,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "repository_remove.html")]
struct RemovePage {
    frame: Frame,
    card: Card,
}

/// What to paste into GitHub.
struct Hook {
    endpoint: String,
    secret_is_set: bool,
    /// One of `[[github.hosts]]`, which are never without a secret.
    server: Option<String>,
}

impl Hook {
    fn of(web: &WebState, host: &GithubHost) -> Self {
        Self {
            endpoint: format!("{}{}", web.public_url, github::ENDPOINT),
            server: host.name().map(str::to_owned),
            secret_is_set: web.setup.github_secret == SecretState::Set,
        }
    }
}

/// `GET /repositories`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let removed = params.text("removed").and_then(|name| name.parse::<RepositoryName>().ok());
    let done = removed.map(|name| {
        format!("{name} is removed: its next webhooks are answered with 404. What it sent stays.")
    });
    list(&web, caller, Form::default(), done).await
}

async fn list(
    web: &WebState,
    caller: Caller,
    form: Form,
    done: Option<String>,
) -> Result<Response, Problem> {
    let health = web.store.repository_health(None).await?;
    let projects = Projects::read(web).await;
    let now = web.clock.now();
    let settings = web.store.repository_settings().await?;
    let mut cards = Vec::new();
    for repository in web.store.repositories().await? {
        let health = health.get(&repository.id).cloned().unwrap_or_default();
        let backfill = backfill(web, &repository).await?;
        let own = settings.iter().find(|(name, _)| *name == repository.name);
        let rules = own.map(|(_, settings)| &settings.rules[..]).unwrap_or_default();
        let all = all_projects(repository.plane_project, rules);
        let card = Card::new(&repository, &health, web, &projects, &all, now);
        cards.push(Card { backfill, ..card });
    }
    let status = form.status();
    let decided = web.store.people().await?;
    let is_decided = |login: &str| decided.iter().any(|person| person.login == login);
    let unmapped = web.store.unmapped_people().await?;
    let unmapped = unmapped.iter().filter(|person| !is_decided(&person.login)).count();
    let page = ListPage {
        unmapped,
        frame: Frame::read(web, Section::Repositories, caller).await?,
        cards,
        form,
        projects,
        hook: Hook::of(web, &GithubHost::default()),
        done,
    };
    Ok((status, render(&page)?).into_response())
}

/// `POST /repositories`: adds one.
pub(super) async fn add(
    State(web): State<WebState>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let mut form = Form::read(&read_body(body).await?, NameField::Asked)?;
    let Some((name, plane_project, direction)) = form.to_add() else {
        return list(&web, caller, form, None).await;
    };
    if web.setup.is_configured(&name) {
        form.name_error = Some("It stands in the configuration file already.".to_owned());
        return list(&web, caller, form, None).await;
    }
    if !web.setup.knows(&name.host()) {
        form.name_error = Some(format!(
            "The server {} is not configured: add [[github.hosts]] with that name to the configuration file, or write OWNER/NAME if it is that of github.api_url.",
            name.host()
        ));
        return list(&web, caller, form, None).await;
    }
    let origin = Origin::Manual;
    let new = NewRepository {
        name: name.clone(),
        github_id: None,
        plane_project,
        plane_workspace: chosen_place(&web, plane_project).await.flatten(),
        direction,
        origin,
    };
    if web.store.add_repository(&new, web.clock.now()).await?.is_none() {
        form.name_error = Some("It is configured already: open it below to change it.".to_owned());
        return list(&web, caller, form, None).await;
    }
    let next = Redirect::to(&format!("{}?done=added", words::address(&name)));
    Ok((Extension(Target(name.to_string())), next).into_response())
}

/// `GET /repositories/{owner}/{name}`.
pub(super) async fn show_one(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let repository = known(&web, &owner, &name).await?;
    let params = Params::read(query.as_deref())?;
    let done = match params.text("done").as_deref() {
        Some("added") => {
            Some("Added: its webhooks are accepted from now on. Paste the hook below into GitHub.")
        }
        Some("changed") => Some("Changed. It counts for what arrives from now on."),
        _ => None,
    };
    let form = Form::of(&repository);
    one(&web, caller, repository, form, done).await
}

async fn one(
    web: &WebState,
    caller: Caller,
    repository: Repository,
    form: Form,
    done: Option<&'static str>,
) -> Result<Response, Problem> {
    let projects = Projects::read(web).await;
    let card = card(web, &repository, &projects).await?;
    let status = form.status();
    let page = OnePage {
        frame: Frame::read(web, Section::Repositories, caller).await?,
        card,
        form,
        projects,
        hook: Hook::of(web, &repository.name.host()),
        done,
    };
    Ok((status, render(&page)?).into_response())
}

/// `POST /repositories/{owner}/{name}`: changes one.
pub(super) async fn change(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let repository = changeable(&web, &owner, &name).await?;
    let form = Form::read(&read_body(body).await?, NameField::Known)?;
    let Some((plane_project, direction)) = form.to_change() else {
        return one(&web, caller, repository, form, None).await;
    };
    let change = RepositoryChange {
        plane_project: Some(plane_project),
        plane_workspace: chosen_place(&web, plane_project).await,
        direction: Some(direction),
    };
    let changed = web.store.update_repository(&repository.name, change).await?;
    let changed = changed.ok_or_else(unknown)?;
    Ok(Redirect::to(&format!("{}?done=changed", words::address(&changed.name))).into_response())
}

/// The workspace of a project that was offered; `None` leaves it as it is.
async fn chosen_place(web: &WebState, project: Option<Uuid>) -> Option<Option<WorkspaceSlug>> {
    Projects::read(web).await.place_of(project?)
}

/// `GET /repositories/{owner}/{name}/remove`: asks first.
pub(super) async fn ask_to_remove(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let repository = changeable(&web, &owner, &name).await?;
    let card = card(&web, &repository, &Projects::none()).await?;
    let frame = Frame::read(&web, Section::Repositories, caller).await?;
    Ok(render(&RemovePage { frame, card })?.into_response())
}

/// `POST /repositories/{owner}/{name}/remove`.
pub(super) async fn remove(
    State(web): State<WebState>,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    let repository = changeable(&web, &owner, &name).await?;
    web.store.remove_repository(&repository.name).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("removed", repository.name.as_str());
    Ok(Redirect::to(&format!("/repositories?{}", query.finish())))
}

async fn card(
    web: &WebState,
    repository: &Repository,
    projects: &Projects,
) -> Result<Card, Problem> {
    let mut health = web.store.repository_health(Some(repository.id)).await?;
    let health = health.remove(&repository.id).unwrap_or_default();
    let backfill = backfill(web, repository).await?;
    let settings = mapping::settings_of(web, repository).await?;
    let all = all_projects(repository.plane_project, &settings.rules);
    Ok(Card { backfill, ..Card::new(repository, &health, web, projects, &all, web.clock.now()) })
}

async fn backfill(web: &WebState, repository: &Repository) -> Result<Option<String>, Problem> {
    let all = web.store.backfills().await?;
    let Some(row) = all.iter().find(|row| row.repository == repository.id) else { return Ok(None) };
    let counts = web.store.backfill_counts(repository.id).await?;
    Ok(Some(words::backfill(row, counts, &repository.name, web.clock.now())))
}

async fn known(web: &WebState, owner: &str, name: &str) -> Result<Repository, Problem> {
    let name: RepositoryName = format!("{owner}/{name}").parse().map_err(|_| unknown())?;
    web.store.find_repository(&name, None).await?.ok_or_else(unknown)
}

async fn changeable(web: &WebState, owner: &str, name: &str) -> Result<Repository, Problem> {
    let repository = known(web, owner, name).await?;
    if !web.setup.is_configured(&repository.name) {
        return Ok(repository);
    }
    let detail = format!(
        "{} stands in the configuration file: change its [[repositories]] there and start again.",
        repository.name
    );
    Err(Problem::new(ProblemKind::Conflict, detail))
}

fn unknown() -> Problem {
    Problem::not_found("No repository of that name is configured; /repositories lists them.")
}

impl Form {
    /// A form with an error in it is a request that could not be done.
    fn status(&self) -> StatusCode {
        if self.is_wrong() { StatusCode::BAD_REQUEST } else { StatusCode::OK }
    }
}

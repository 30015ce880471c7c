//! Who GitHub's people are in Plane, and Plane's on GitHub: those who are assigned and have no
//! counterpart yet, with one click to say who they are, and what was decided.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use tokio::time::timeout;

use super::query::Params;
use super::spans::{exact, when};
use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::clients::plane::Refusal;
use crate::config::GithubHost;
use crate::people::{InvalidLogin, Login};
use crate::store::members::{MemberApart, UnmappedMember};
use crate::store::people::{Counterpart, KnownPerson, UnmappedPerson};
use crate::web::api::body::read_body;
use crate::web::auth::Target;
use crate::web::state::Setup;

/// How long a list of members is good.
const FRESH: Duration = Duration::from_mins(1);
/// How long a page waits for Plane, for all projects together.
const PATIENCE: Duration = Duration::from_secs(3);
/// What the form sends for nobody.
const NOBODY: &str = "nobody";
/// Longest name or id of a member.
const LONGEST: usize = 200;
/// Repositories that a row names.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    unmapped: Vec<UnmappedRow>,
    /// Plane's people who are not known on GitHub.
    alone: Vec<AloneRow>,
    decided: Vec<DecidedRow>,
    apart: Vec<ApartRow>,
    members: Members,
    done: Option<String>,
    problem: Option<String>,
}

impl PeoplePage {
    const NOBODY: &str = NOBODY;
}

struct UnmappedRow {
    login: String,
    address: String,
    issues: i64,
    repositories: String,
}

struct AloneRow {
    member: String,
    name: String,
    issues: i64,
    repositories: String,
}

struct ApartRow {
    member: String,
    name: String,
    by: String,
    at: String,
    at_exact: String,
}

struct DecidedRow {
    login: String,
    address: String,
    /// `None` for nobody.
    member: Option<String>,
    by: String,
    at: String,
    at_exact: String,
}

/// Who there is to choose from.
struct Members {
    /// Id and name, by name.
    all: Vec<(String, String)>,
    /// Why the list may lack somebody, though Plane can be asked.
    refused: Option<String>,
}

/// `GET /people`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let login = params.text("login").and_then(|text| text.parse::<Login>().ok());
    let issues: u64 = params.text("issues").and_then(|text| text.parse().ok()).unwrap_or(0);
    let name = params.text("name");
    let done = match (params.text("done").as_deref(), login, name) {
        (Some("decided"), Some(login), _) => Some(format!("Kept for {login}. {}", again(issues))),
        (Some("forgotten"), Some(login), _) => {
            Some(format!("Forgotten: {login} goes by likeness again."))
        }
        (Some("apart"), _, Some(name)) => Some(format!("Kept: {name} is nobody on GitHub.")),
        (Some("forgotten"), None, Some(name)) => {
            Some(format!("Forgotten: {name} goes by likeness again."))
        }
        _ => None,
    };
    page(&web, caller, done, None).await
}

fn again(issues: u64) -> String {
    match issues {
        0 => "It counts for what is carried over from now on.".to_owned(),
        1 => "The issue that waited for it is brought in step now.".to_owned(),
        more => format!("The {more} issues that waited for it are brought in step now."),
    }
}

async fn page(
    web: &WebState,
    caller: Caller,
    done: Option<String>,
    problem: Option<String>,
) -> Result<Response, Problem> {
    let (unmapped, decided) = (web.store.unmapped_people().await?, web.store.people().await?);
    let now = web.clock.now();
    let projects = unmapped.iter().flat_map(|person| person.projects.iter());
    let projects = projects.cloned().collect::<std::collections::BTreeSet<_>>();
    let members = Members::read(web, projects.into_iter().collect()).await;
    let (alone, apart) = (web.store.unmapped_members().await?, web.store.members_apart().await?);
    let is_new = |m: &&UnmappedMember| !apart.iter().any(|known| known.id == m.id);
    let alone = alone.iter().filter(is_new).map(AloneRow::from).collect();
    let apart = apart
        .into_iter()
        .map(|MemberApart { id, name, decided_by, decided_at }| ApartRow {
            member: id,
            name,
            by: decided_by,
            at: when(decided_at, now),
            at_exact: exact(decided_at),
        })
        .collect();
    let is_decided = |p: &&UnmappedPerson| !decided.iter().any(|d| d.login == p.login);
    let unmapped = unmapped.iter().filter(is_decided);
    let unmapped = unmapped.map(|person| UnmappedRow::new(person, &web.setup)).collect();
    let decided = decided
        .into_iter()
        .map(|KnownPerson { login, counterpart, decided_by, decided_at }| DecidedRow {
            address: github_address(&login, &web.setup),
            login,
            member: match counterpart {
                Counterpart::Member { name, .. } => Some(name),
                Counterpart::Nobody => None,
            },
            by: decided_by,
            at: when(decided_at, now),
            at_exact: exact(decided_at),
        })
        .collect();
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let frame = Frame::read(web, Section::Repositories, caller).await?;
    let page = PeoplePage { frame, unmapped, alone, decided, apart, members, done, problem };
    Ok((status, render(&page)?).into_response())
}

/// `POST /people`: says who an account is, or with `apart` that a member is nobody on GitHub.
pub(super) async fn decide(
    State(web): State<WebState>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (params, login) = sent(body).await?;
    if let Some(member) = params.text("apart").filter(|id| fits(id)) {
        return decide_apart(&web, &caller, &member, params.text("name")).await;
    }
    let member = params.text("member").unwrap_or_default();
    let (login, member) = match (login, member.trim()) {
        (Err(error), _) => return page(&web, caller, None, Some(format!("{error}."))).await,
        (Ok(login), "") => {
            let problem = format!("Choose who {login} is in Plane.");
            return page(&web, caller, None, Some(problem)).await;
        }
        (Ok(login), member) => (login, member.to_owned()),
    };
    let counterpart = if member == NOBODY {
        Counterpart::Nobody
    } else {
        let name = match params.text("name").filter(|name| fits(name)) {
            Some(name) => name,
            None => name_of(&web, &member).await,
        };
        Counterpart::Member { name, id: member }
    };
    let by = caller.name.clone();
    let issues = crate::people::decide(&web.store, &web.clock, &login, &counterpart, &by).await?;
    web.wake.work_is_due();
    Ok(back(&login, &[("done", "decided"), ("issues", &issues.to_string())]))
}

async fn decide_apart(
    web: &WebState,
    caller: &Caller,
    member: &str,
    name: Option<String>,
) -> Result<Response, Problem> {
    let name = match name.filter(|name| fits(name)) {
        Some(name) => name,
        None => name_of(web, member).await,
    };
    let member = (member, name.as_str());
    crate::people::decide_apart(&web.store, &web.clock, member, &caller.name).await?;
    web.wake.work_is_due();
    Ok(back_of_member(member, "apart"))
}

/// Names and ids that are kept.
fn fits(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST
}

/// `POST /people/forget`: forgets what was decided.
pub(super) async fn forget(
    State(web): State<WebState>,
    caller: Caller,
    body: Body,
) -> Result<Response, Problem> {
    let (params, login) = sent(body).await?;
    if let Some(member) = params.text("apart").filter(|id| fits(id)) {
        web.store.forget_member_apart(&member).await?;
        let name = params.text("name").unwrap_or_else(|| member.clone());
        return Ok(back_of_member((&member, &name), "forgotten"));
    }
    let login = match login {
        Ok(login) => login,
        Err(error) => return page(&web, caller, None, Some(format!("{error}."))).await,
    };
    web.store.forget_person(login.as_str()).await?;
    Ok(back(&login, &[("done", "forgotten")]))
}

/// A form's fields, and the login among them.
async fn sent(body: Body) -> Result<(Params, Result<Login, InvalidLogin>), Problem> {
    let params = Params::read(Some(&String::from_utf8_lossy(&read_body(body).await?)))?;
    let login = params.text("login").unwrap_or_default().parse();
    Ok((params, login))
}

/// To the page again, which says what was done.
fn back(login: &Login, done: &[(&str, &str)]) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("login", login.as_str()).extend_pairs(done);
    let next = Redirect::to(&format!("/people?{}", query.finish()));
    (Extension(Target(login.to_string())), next).into_response()
}

fn back_of_member((id, name): (&str, &str), done: &str) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("name", name).append_pair("done", done);
    let next = Redirect::to(&format!("/people?{}", query.finish()));
    (Extension(Target(id.to_owned())), next).into_response()
}

impl UnmappedRow {
    fn new(person: &UnmappedPerson, setup: &Setup) -> Self {
        Self {
            login: person.login.clone(),
            address: github_address(&person.login, setup),
            issues: person.issues,
            repositories: named(&person.repositories),
        }
    }
}

impl From<&UnmappedMember> for AloneRow {
    fn from(member: &UnmappedMember) -> Self {
        Self {
            member: member.id.clone(),
            name: member.name.clone(),
            issues: member.issues,
            repositories: named(&member.repositories),
        }
    }
}

fn named(repositories: &[String]) -> String {
    let mut named = repositories[..repositories.len().min(NAMED)].join(", ");
    if let more @ 1.. = repositories.len().saturating_sub(NAMED) {
        named.push_str(&format!(" and {more} more"));
    }
    named
}

/// Apps have their pages elsewhere.
fn github_address(login: &str, setup: &Setup) -> String {
    let (host, login) = match login.split_once('/') {
        Some((host, login)) => (host.parse().unwrap_or_default(), login),
        None => (GithubHost::default(), login),
    };
    match login.strip_suffix("[bot]") {
        Some(app) => setup.address_of(&host, &format!("apps/{app}")),
        None => setup.address_of(&host, login),
    }
}

/// What the chosen member is called, as the page that offered it knew.
async fn name_of(web: &WebState, member: &str) -> String {
    let known = web.setup.members.lock().await;
    let found = known.values().flat_map(|(_, all)| all).find(|(id, _)| id == member);
    found.map_or(member, |(_, name)| name).to_owned()
}

impl Members {
    /// The members of these projects, as Plane says or said a moment ago.
    async fn read(web: &WebState, projects: Vec<(String, Option<String>)>) -> Self {
        let (now, mut refused) = (web.clock.now(), None);
        let mut known = web.setup.members.lock().await;
        if let Some(plane) = &web.setup.plane {
            let asked = async {
                let mut refused = None;
                for (project, workspace) in &projects {
                    let plane = match workspace {
                        Some(slug) => plane.in_workspace(slug),
                        None => plane.clone(),
                    };
                    let age = known.get(project).map(|(at, _)| (now - *at).to_std());
                    if age.is_some_and(|age| age.is_ok_and(|age| age < FRESH)) {
                        continue;
                    }
                    match plane.fetch_members(project).await {
                        Ok(members) => {
                            let all = members.into_iter().map(|m| (m.id, m.display_name)).collect();
                            known.insert(project.clone(), (now, all));
                        }
                        // The others may be shown all the same.
                        Err(refusal @ (Refusal::NoAccess | Refusal::NotFound)) => {
                            refused = Some(refusal.failure().to_string());
                        }
                        Err(refusal) => return Some(refusal.failure().to_string()),
                    }
                }
                refused
            };
            let late = Some("it does not answer".to_owned());
            refused = timeout(PATIENCE, asked).await.unwrap_or(late);
        }
        let of_projects = projects.iter().filter_map(|(project, _)| known.get(project));
        let by_id: BTreeMap<&String, &String> =
            of_projects.flat_map(|(_, all)| all).map(|(id, name)| (id, name)).collect();
        let mut all: Vec<_> =
            by_id.into_iter().map(|(id, name)| (id.clone(), name.clone())).collect();
        all.sort_by_key(|(_, name)| name.to_lowercase());
        Self { all, refused }
    }
}

//! How one repository is kept in step, changed in the page: its states, labels, people,
//! milestones, filter, rules and limit as TOML, with what a change would write shown before it is
//! put in place.
//!
//! What the configuration file names is shown and changed there. Deliberately absent: trying rules
//! on what a repository has sent, which the page of rules does.

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::{Caller, Frame, Problem, Section, WebState, render};
use super::projects::Projects as ToChoose;
use super::{changeable, known, words};
use crate::apply::{Difference, Step, Unnamed, plan};
use crate::config::{RepositoryConfig, RepositorySettings};
use crate::jobs::settings::CurrentSettings;
use crate::jobs::sync_issue::{Foreseen, IssueSync, Manner, Projects};
use crate::rules::all_projects;
use crate::store::repositories::{Origin, Repository};
use crate::web::api::body::read_body;
use crate::web::auth::Target;

/// Longest text that is read.
const LONGEST: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "repository_mapping.html")]
struct MappingPage {
    frame: Frame,
    name: String,
    address: String,
    /// Where its issues go.
    projects: Vec<String>,
    in_file: bool,
    text: String,
    error: Option<String>,
    preview: Option<Preview>,
}

/// What a change would come to.
struct Preview {
    differences: Vec<Difference>,
    /// What it would write; the text says why that is not known.
    writes: Result<Foreseen, String>,
}

/// `GET /repositories/{owner}/{name}/mapping`.
pub(in super::super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let repository = known(&web, &owner, &name).await?;
    let settings = settings_of(&web, &repository).await?;
    let text = written(&repository, &settings);
    page(&web, caller, &repository, text, None, None).await
}

/// `POST /repositories/{owner}/{name}/mapping/preview`: what it would change; nothing is changed.
pub(in super::super) async fn preview(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let Typed { repository, text, wanted } = Typed::read(&web, &owner, &name, body).await?;
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return page(&web, caller, &repository, text, Some(why), None).await,
    };
    let from = settings_of(&web, &repository).await?;
    let present = [(repository.clone(), from.clone())];
    let planned = plan(std::slice::from_ref(&wanted), &present, &[], Unnamed::Keep);
    let differences = match planned.map(|plan| plan.steps.into_iter().next()) {
        Ok(Some(Step::Change { differences, .. })) => differences,
        _ => Vec::new(),
    };
    let writes = foresee(&web, &repository, &from, &wanted).await;
    let preview = Preview { differences, writes };
    page(&web, caller, &repository, text, None, Some(preview)).await
}

/// `POST /repositories/{owner}/{name}/mapping`: puts it in place.
pub(in super::super) async fn save(
    State(web): State<WebState>,
    caller: Caller,
    Path((owner, name)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let Typed { repository, text, wanted } = Typed::read(&web, &owner, &name, body).await?;
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => return page(&web, caller, &repository, text, Some(why), None).await,
    };
    web.store.apply_repositories(&[&wanted], Origin::Manual, &[], web.clock.now()).await?;
    let next = Redirect::to(&format!("{}?done=changed", words::address(&repository.name)));
    Ok((Extension(Target(repository.name.to_string())), next).into_response())
}

async fn page(
    web: &WebState,
    caller: Caller,
    repository: &Repository,
    text: String,
    error: Option<String>,
    preview: Option<Preview>,
) -> Result<Response, Problem> {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let own = settings_of(web, repository).await?;
    let page = MappingPage {
        frame: Frame::read(web, Section::Repositories, caller).await?,
        name: repository.name.to_string(),
        projects: ToChoose::read(web)
            .await
            .names_of(&all_projects(repository.plane_project, &own.rules)),
        address: words::address(&repository.name),
        in_file: web.setup.is_configured(&repository.name),
        text,
        error,
        preview,
    };
    Ok((status, render(&page)?).into_response())
}

pub(super) async fn settings_of(
    web: &WebState,
    repository: &Repository,
) -> Result<RepositorySettings, Problem> {
    let all = web.store.repository_settings().await?;
    let found = all.into_iter().find(|(name, _)| *name == repository.name);
    Ok(found.map(|(_, settings)| settings).unwrap_or_default())
}

/// What was sent, and what it asks for or what is wrong with it.
struct Typed {
    repository: Repository,
    text: String,
    wanted: Result<RepositoryConfig, String>,
}

impl Typed {
    async fn read(web: &WebState, owner: &str, name: &str, body: Body) -> Result<Self, Problem> {
        let repository = changeable(web, owner, name).await?;
        let body = read_body(body).await?;
        let field = form_urlencoded::parse(&body).find(|(name, _)| name == "settings");
        let text = field.map(|(_, value)| value.replace("\r\n", "\n")).unwrap_or_default();
        let text: String = text.chars().take(LONGEST).collect();
        let wanted = parsed(&repository, &text);
        Ok(Self { repository, text, wanted })
    }
}

/// The settings as they are typed, with the workspace before them.
fn written(repository: &Repository, settings: &RepositorySettings) -> String {
    let slug = repository.plane_workspace.as_ref();
    let slug = slug.map(|slug| format!("plane_workspace = \"{slug}\"\n")).unwrap_or_default();
    slug + &toml::to_string(settings).unwrap_or_default()
}

/// The settings as they are written in a file, below what stands there of this repository.
fn parsed(repository: &Repository, text: &str) -> Result<RepositoryConfig, String> {
    let mut head = format!("name = \"{}\"\n", repository.name);
    if let Some(project) = repository.plane_project {
        head += &format!("plane_project = \"{project}\"\n");
    }
    head += &format!("direction = \"{}\"\n", repository.direction.as_str());
    let whole = format!("{head}{text}");
    toml::from_str(&whole).map_err(|error| {
        let begins = error.span().unwrap_or_default().start;
        let lines = |text: &str| text.matches('\n').count();
        let line = lines(whole.get(..begins).unwrap_or(&whole)).saturating_sub(lines(&head)) + 1;
        format!("line {line}: {}", error.message().replace('\n', " "))
    })
}

async fn foresee(
    web: &WebState,
    repository: &Repository,
    from: &RepositorySettings,
    to: &RepositoryConfig,
) -> Result<Foreseen, String> {
    let nothing = "nothing is written to Plane: it is kept in step with no project, or plane.api_url, plane.api_key or plane.workspace is not set";
    let (store, clock) = (web.store.clone(), web.clock.clone());
    let sync = IssueSync {
        plane: web.setup.plane.clone(),
        github: web.setup.github.clone(),
        projects: Projects::new(clock.clone()),
        settings: CurrentSettings::new(store.clone(), clock.clone()),
        store,
        clock,
    };
    let direction = repository.direction;
    let place = (repository.plane_project, to.plane_workspace.as_ref());
    let settings = to.settings();
    let (from, to) =
        (Manner { direction, settings: from }, Manner { direction, settings: &settings });
    let foreseen = sync.foresee(&repository.name, place, from, to).await;
    foreseen.map_err(|failure| failure.to_string())?.ok_or_else(|| nothing.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;
    use crate::ids::RepositorySyncId;

    fn repository() -> Repository {
        Repository {
            id: RepositorySyncId(1),
            name: "octo/api".parse().unwrap(),
            github_id: None,
            plane_project: None,
            plane_workspace: None,
            direction: Direction::Both,
            origin: Origin::Manual,
            created_at: "2026-11-22T02:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_typed_is_read_as_in_a_file_and_an_error_names_its_line() {
        let read = parsed(&repository(), "labels = { bug = 'Defect' }\nrate_limit = 30\n").unwrap();
        assert_eq!(read.labels["bug"], "Defect");
        assert_eq!((read.direction, read.name.as_str()), (Direction::Both, "octo/api"));
        for (text, line) in [
            ("colour = 'red'\n", "line 1: "),
            ("labels = { bug = 'Bug' }\nfilter = 'issue.'\n", "line 2: "),
            ("name = 'octo/other'\n", "line 1: "),
        ] {
            let refused = parsed(&repository(), text).unwrap_err();
            assert!(refused.starts_with(line), "{text}: {refused}");
        }
    }

    #[test]
    fn what_is_shown_can_be_sent_back_as_it_is() {
        let text = "rate_limit = 30\nmilestones = 'cycle'\nfilter = '\"bug\" in issue.labels'\n[[rules]]\nwhen = 'true'\ndrop = true\n[states]\nopen = 'Todo'\n";
        let read = parsed(&repository(), text).unwrap().settings();
        let shown = written(&repository(), &read);
        assert_eq!(parsed(&repository(), &shown).unwrap().settings(), read, "{shown}");
    }
}

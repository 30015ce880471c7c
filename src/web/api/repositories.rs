//! Which repositories are configured.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{parse, read_body};
use super::parameters::Parameters;
use super::repository_settings::{Beside, GivenSettings, Known};
use super::{Address, Page};
use crate::clock::Timestamp;
use crate::config::{
    Direction, RepositoryConfig, RepositoryName, RepositorySettings, WorkspaceSlug,
};
use crate::store::repositories::{NewRepository, Origin, Repository, RepositoryChange};
use crate::web::auth::Target;
use crate::web::error::{Problem, ProblemBody, ProblemKind};
use crate::web::state::WebState;

/// A configured repository.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Repository)]
pub(in crate::web) struct RepositoryBody {
    /// `owner/name`, as configured.
    repository: String,
    /// GitHub’s numeric id, once a delivery told it.
    #[schema(required)]
    github_id: Option<u64>,
    /// Plane’s project that it is kept in step with; null shows it on the board only.
    #[schema(required, value_type = Option<String>)]
    plane_project: Option<Uuid>,
    /// The workspace of its projects, by its slug; null is `plane.workspace`.
    #[schema(required)]
    plane_workspace: Option<String>,
    /// `github-to-plane` or `both`.
    direction: &'static str,
    /// `config` (the configuration file), `manual` or `registered` (by its first webhook).
    origin: &'static str,
    /// How it is kept in step: `states`, `labels`, `users`, `filter`, `rules`, `rate_limit` and the
    /// other keys of a `[[repositories]]`; those that are not set are left out.
    #[schema(value_type = Object)]
    settings: RepositorySettings,
    /// When it was configured.
    #[schema(value_type = String)]
    created_at: Timestamp,
}

impl RepositoryBody {
    fn new(repository: &Repository, settings: RepositorySettings) -> Self {
        Self {
            repository: repository.name.to_string(),
            github_id: repository.github_id,
            plane_project: repository.plane_project,
            plane_workspace: repository.plane_workspace.clone().map(String::from),
            direction: repository.direction.as_str(),
            origin: repository.origin.as_str(),
            settings,
            created_at: repository.created_at,
        }
    }
}

/// A repository to configure.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct RepositoryToAdd {
    /// `owner/name`.
    #[schema(value_type = String)]
    repository: RepositoryName,
    /// Plane’s project; without it the repository is on the board only.
    #[schema(value_type = Option<String>)]
    plane_project: Option<Uuid>,
    /// The workspace of its projects, by its slug; without it `plane.workspace`.
    #[schema(value_type = Option<String>)]
    plane_workspace: Option<WorkspaceSlug>,
    /// `github-to-plane` if not given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    direction: Direction,
    /// How it is kept in step, by the keys of a `[[repositories]]`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Option<GivenSettings>,
}

/// What to change; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct RepositoryToChange {
    /// Another project, or null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    plane_project: Given<Uuid>,
    /// Another workspace, or null for `plane.workspace`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    plane_workspace: Given<WorkspaceSlug>,
    /// `github-to-plane` or `both`.
    #[schema(value_type = Option<String>)]
    direction: Option<Direction>,
    /// Keys of a `[[repositories]]`, each as a whole; null goes back to nothing said.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Option<GivenSettings>,
}

/// Tells null from absent.
#[derive(Debug, Default)]
enum Given<T> {
    /// Not given: it stays.
    #[default]
    Absent,
    /// Another one, or none.
    Given(Option<T>),
}

impl<T> Given<T> {
    #[expect(clippy::option_option, reason = "absent, none or another, as the store takes it")]
    fn change(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Given(given) => Some(given),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

/// All configured repositories, by name.
#[utoipa::path(
    get,
    path = "/api/v1/repositories",
    tag = "repositories",
    operation_id = "listRepositories",
    responses((status = 200, description = "All of them; there is no further page.", body = Page<RepositoryBody>))
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<RepositoryBody>>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let repositories = state.store.repositories().await?;
    let known = Known::read(&state.store).await?;
    let items = repositories.iter().map(|one| RepositoryBody::new(one, known.of(one))).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Configures a repository: its webhooks are accepted from then on.
#[utoipa::path(
    post,
    path = "/api/v1/repositories",
    tag = "repositories",
    operation_id = "addRepository",
    request_body(content = RepositoryToAdd, content_type = "application/json"),
    responses(
        (status = 201, description = "It is configured.", body = RepositoryBody),
        (status = 400, description = "The body can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is configured already: PATCH changes it.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn add(
    State(state): State<WebState>,
    uri: Uri,
    body: Body,
) -> Result<(StatusCode, Extension<Target>, Json<RepositoryBody>), Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let given: RepositoryToAdd = parse(&read_body(body).await?)?;
    let beside = Beside {
        name: &given.repository,
        plane_project: given.plane_project,
        plane_workspace: given.plane_workspace.clone(),
        direction: given.direction,
    };
    if !state.setup.knows(&given.repository.host()) {
        let host = given.repository.host();
        let detail = format!(
            "{} is of the server {host}, which is not configured: add [[github.hosts]] with that name to the configuration file.",
            given.repository
        );
        return Err(Problem::new(ProblemKind::BadRequest, detail));
    }
    let configured = given.settings.map(|s| s.over(&RepositorySettings::default(), &beside));
    let configured = configured.transpose()?;
    let new = NewRepository {
        name: given.repository,
        github_id: None,
        plane_project: given.plane_project,
        plane_workspace: given.plane_workspace,
        direction: given.direction,
        origin: Origin::Manual,
    };
    match state.store.add_repository(&new, state.clock.now()).await? {
        Some(added) => {
            if let Some(configured) = &configured {
                put(&state, configured).await?;
            }
            let target = Extension(Target(added.name.to_string()));
            let settings = configured.map(|configured| configured.settings()).unwrap_or_default();
            Ok((StatusCode::CREATED, target, Json(RepositoryBody::new(&added, settings))))
        }
        None => Err(Problem::new(
            ProblemKind::Conflict,
            format!("{} is configured already: PATCH its own address to change it.", new.name),
        )),
    }
}

/// One repository.
#[utoipa::path(
    get,
    path = "/api/v1/repositories/{owner}/{name}",
    tag = "repositories",
    operation_id = "showRepository",
    params(("owner" = String, Path, description = "Its owner."), ("name" = String, Path, description = "Its name.")),
    responses(
        (status = 200, description = "It.", body = RepositoryBody),
        (status = 404, description = "It is not configured.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    Address((owner, name)): Address<(String, String)>,
    uri: Uri,
) -> Result<Json<RepositoryBody>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let name = named(&owner, &name)?;
    let found = state.store.find_repository(&name, None).await?.ok_or_else(not_configured)?;
    let settings = Known::read(&state.store).await?.of(&found);
    Ok(Json(RepositoryBody::new(&found, settings)))
}

/// Changes a repository that does not stand in the configuration file.
#[utoipa::path(
    patch,
    path = "/api/v1/repositories/{owner}/{name}",
    tag = "repositories",
    operation_id = "changeRepository",
    params(("owner" = String, Path, description = "Its owner."), ("name" = String, Path, description = "Its name.")),
    request_body(content = RepositoryToChange, content_type = "application/json"),
    responses(
        (status = 200, description = "As it is now.", body = RepositoryBody),
        (status = 400, description = "The body can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "It is not configured.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the configuration file.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn change(
    State(state): State<WebState>,
    Address((owner, name)): Address<(String, String)>,
    uri: Uri,
    body: Body,
) -> Result<Json<RepositoryBody>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let given: RepositoryToChange = parse(&read_body(body).await?)?;
    let name = named(&owner, &name)?;
    let known = changeable(&state, &name).await?;
    let (plane_project, plane_workspace) =
        (given.plane_project.change(), given.plane_workspace.change());
    let present = Known::read(&state.store).await?.of(&known);
    let Some(settings) = given.settings else {
        let change =
            RepositoryChange { plane_project, plane_workspace, direction: given.direction };
        let changed = state.store.update_repository(&name, change).await?;
        let changed = changed.ok_or_else(not_configured)?;
        return Ok(Json(RepositoryBody::new(&changed, present)));
    };
    let beside = Beside {
        name: &known.name,
        plane_project: plane_project.unwrap_or(known.plane_project),
        plane_workspace: plane_workspace.unwrap_or(known.plane_workspace),
        direction: given.direction.unwrap_or(known.direction),
    };
    let configured = settings.over(&present, &beside)?;
    put(&state, &configured).await?;
    let changed = state.store.find_repository(&name, None).await?.ok_or_else(not_configured)?;
    Ok(Json(RepositoryBody::new(&changed, configured.settings())))
}

async fn put(state: &WebState, configured: &RepositoryConfig) -> Result<(), Problem> {
    let now = state.clock.now();
    Ok(state.store.apply_repositories(&[configured], Origin::Manual, &[], now).await?)
}

/// Removes a repository: its next webhooks are answered with 404, what it sent stays.
#[utoipa::path(
    delete,
    path = "/api/v1/repositories/{owner}/{name}",
    tag = "repositories",
    operation_id = "removeRepository",
    params(("owner" = String, Path, description = "Its owner."), ("name" = String, Path, description = "Its name.")),
    responses(
        (status = 204, description = "It is not configured any more."),
        (status = 404, description = "It is not configured.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It stands in the configuration file.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn remove(
    State(state): State<WebState>,
    Address((owner, name)): Address<(String, String)>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let name = named(&owner, &name)?;
    changeable(&state, &name).await?;
    if state.store.remove_repository(&name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_configured())
    }
}

pub(super) fn named(owner: &str, name: &str) -> Result<RepositoryName, Problem> {
    format!("{owner}/{name}").parse().map_err(|_| not_configured())
}

async fn changeable(state: &WebState, name: &RepositoryName) -> Result<Repository, Problem> {
    let known = state.store.find_repository(name, None).await?.ok_or_else(not_configured)?;
    if !state.setup.is_configured(&known.name) {
        return Ok(known);
    }
    Err(Problem::new(
        ProblemKind::Conflict,
        format!(
            "{} stands in the configuration file: change it there and start again.",
            known.name
        ),
    ))
}

pub(super) fn not_configured() -> Problem {
    Problem::not_found(
        "No repository of that name is configured: GET /api/v1/repositories lists them.",
    )
}

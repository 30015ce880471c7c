//! `jetbridge repo`: which repositories are configured.
//!
//! What stands in the configuration file is changed there: a row would come back with the next
//! start. Removing a repository keeps everything that it sent.

use serde::Serialize;
use uuid::Uuid;

use super::arguments::{Format, Listing, RepoAddArguments, RepoArguments};
use super::audit::{self, Deed};
use super::table::Table;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::clock::Timestamp;
use crate::config::{
    RepositoryConfig, RepositoryName, RepositorySettings, Settings, WorkspaceSlug,
};
use crate::rules::all_projects;
use crate::store::Store;
use crate::store::repositories::{NewRepository, Origin, Repository, RepositoryChange};

/// A repository as programs read it, with the columns' names.
#[derive(Serialize)]
struct RepositoryJson<'a> {
    repository: &'a str,
    github_id: Option<u64>,
    plane_project: Option<String>,
    plane_workspace: Option<&'a str>,
    direction: &'static str,
    origin: &'static str,
    created_at: Timestamp,
}

impl<'a> RepositoryJson<'a> {
    fn of(repository: &'a Repository) -> Self {
        Self {
            repository: repository.name.as_str(),
            github_id: repository.github_id,
            plane_project: repository.plane_project.map(|id| id.to_string()),
            plane_workspace: repository.plane_workspace.as_ref().map(WorkspaceSlug::as_str),
            direction: repository.direction.as_str(),
            origin: repository.origin.as_str(),
            created_at: repository.created_at,
        }
    }
}

/// `repo add`: adds it, or changes what is given about one that was added before.
pub(super) async fn add(arguments: &RepoAddArguments, context: &Context) -> Result<(), Failed> {
    let settings = context.settings()?;
    let address = settings.without_secrets();
    let known = address.github.check(&arguments.repository);
    known.map_err(|unknown| Failed::Operation(unknown.to_string()))?;
    let store = Store::open(&address.database_url).await?;
    store.put_configured_repositories(&address.repositories, context.clock.now()).await?;
    let new = NewRepository {
        name: arguments.repository.clone(),
        github_id: None,
        plane_project: arguments.plane_project,
        plane_workspace: arguments.plane_workspace.clone(),
        direction: arguments.direction.map(Into::into).unwrap_or_default(),
        origin: Origin::Manual,
    };
    let added = match store.add_repository(&new, context.clock.now()).await? {
        Some(added) => Ok((added, "added")),
        None => change(&store, arguments, &address.repositories)
            .await
            .map(|changed| (changed, "changed")),
    };
    let (action, outcome) = match &added {
        Ok((_, "changed")) => ("change a repository", Outcome::Done),
        Ok(_) => ("add a repository", Outcome::Done),
        Err(_) => ("add a repository", Outcome::Failed),
    };
    let deed = Deed { action, command: "repo add", target: arguments.repository.as_str() };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    let (repository, done) = added?;
    let project = match (repository.plane_project, &repository.plane_workspace) {
        (Some(project), Some(slug)) => {
            format!("kept in step with Plane's project {project} in the workspace {slug}")
        }
        (Some(project), None) => format!("kept in step with Plane's project {project}"),
        (None, _) => {
            "shown on the board only, unless rules name projects; --plane-project UUID keeps a project in step".to_owned()
        }
    };
    let hook = format!(
        "GitHub: Settings → Webhooks → Add webhook, payload URL {}/api/webhooks/github-mcp/, content type application/json, your github.webhook_secret, events Issues, Issue comments, Pull requests, Pull request reviews, Labels, Milestones (where they become modules or cycles), Sub-issues",
        address.public_url
    );
    output::print(&format!("{done} {}: {project}\n{hook}\n", repository.name))
}

async fn change(
    store: &Store,
    arguments: &RepoAddArguments,
    configured: &[RepositoryConfig],
) -> Result<Repository, Failed> {
    let known = store.find_repository(&arguments.repository, None).await?;
    let known = known.ok_or_else(|| unknown(&arguments.repository))?;
    configured_elsewhere(&known, configured)?;
    let change = RepositoryChange {
        plane_project: arguments.plane_project.map(Some),
        plane_workspace: arguments.plane_workspace.clone().map(Some),
        direction: arguments.direction.map(Into::into),
    };
    let changed = store.update_repository(&arguments.repository, change).await?;
    changed.ok_or_else(|| unknown(&arguments.repository))
}

/// `repo list`.
pub(super) async fn list(listing: &Listing, context: &Context) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let repositories = store.repositories().await?;
    let settings = match listing.format() {
        Format::Json => Vec::new(),
        Format::Table => store.repository_settings().await?,
    };
    store.close().await;
    match listing.format() {
        Format::Json => {
            #[derive(Serialize)]
            struct All<'a> {
                items: Vec<RepositoryJson<'a>>,
            }
            let items = repositories.iter().map(RepositoryJson::of).collect();
            output::print_json(&All { items })
        }
        Format::Table if repositories.is_empty() => {
            output::print("no repository is configured: jetbridge repo add OWNER/NAME adds one\n")
        }
        Format::Table => output::print(&table(&repositories, &settings)),
    }
}

fn table(repositories: &[Repository], settings: &[(RepositoryName, RepositorySettings)]) -> String {
    let mut table = Table::new(["REPOSITORY", "PLANE PROJECT", "DIRECTION", "FROM"]);
    for repository in repositories {
        let known = settings.iter().find(|(name, _)| *name == repository.name);
        table.row([
            repository.name.as_str().into(),
            projects(repository, known.map(|(_, settings)| settings)).into(),
            repository.direction.as_str().into(),
            repository.origin.as_str().into(),
        ]);
    }
    table.render()
}

/// Its own project, and those that its rules name.
fn projects(repository: &Repository, settings: Option<&RepositorySettings>) -> String {
    let own = repository.plane_project;
    let rules = settings.map(|settings| &settings.rules[..]).unwrap_or_default();
    let all: Vec<_> = all_projects(own, rules).iter().map(Uuid::to_string).collect();
    match (own, &all[..]) {
        (_, []) => "board only".to_owned(),
        (Some(_), [own]) => own.clone(),
        (Some(_), [own, more @ ..]) => format!("{own}, by rules {}", more.join(", ")),
        (None, more) => format!("by rules {}", more.join(", ")),
    }
}

/// `repo remove`.
pub(super) async fn remove(arguments: &RepoArguments, context: &Context) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let settings = Settings::read(&context.overrides, &context.environment)?;
    let configured = &settings.without_secrets().repositories;
    let removed = remove_from(&store, &arguments.repository, configured).await;
    let outcome = if removed.is_ok() { Outcome::Done } else { Outcome::Failed };
    let target = arguments.repository.as_str();
    let deed = Deed { action: "remove a repository", command: "repo remove", target };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    removed?;
    output::print(&format!(
        "removed {}: what it sent stays; its next webhooks are answered with 404\n",
        arguments.repository
    ))
}

async fn remove_from(
    store: &Store,
    name: &RepositoryName,
    configured: &[RepositoryConfig],
) -> Result<(), Failed> {
    let known = store.find_repository(name, None).await?.ok_or_else(|| unknown(name))?;
    configured_elsewhere(&known, configured)?;
    if store.remove_repository(name).await? { Ok(()) } else { Err(unknown(name)) }
}

fn unknown(name: &RepositoryName) -> Failed {
    Failed::Operation(format!("{name} is not configured: jetbridge repo list shows what is"))
}

/// What the file names is changed in the file; what it named once is a row like any other.
fn configured_elsewhere(
    repository: &Repository,
    configured: &[RepositoryConfig],
) -> Result<(), Failed> {
    if !configured.iter().any(|named| named.name == repository.name) {
        return Ok(());
    }
    Err(Failed::Operation(format!(
        "{} stands in the configuration file: change its [[repositories]] there and start again",
        repository.name
    )))
}

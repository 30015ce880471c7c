//! The clients of other systems, as the configuration says. What is not configured, or can't be, is
//! left out with a line in the log: the rest works without it.

use tracing::warn;

use crate::clients;
use crate::clients::github::GitHub;
use crate::clients::github_app::{AppKey, BadAppKey};
use crate::clients::github_rest::GitHubRest;
use crate::clients::plane::PlaneClient;
use crate::clock::Clock;
use crate::config::{Config, PlaneConfig};
use crate::jobs::settings::CurrentSettings;
use crate::jobs::sync_issue::{IssueSync, Projects};
use crate::quota::{Pauses, Remote};
use crate::store::Store;

/// What keeps issues in step with Plane.
pub fn issue_sync(config: &Config, store: &Store, clock: &Clock) -> IssueSync {
    IssueSync {
        store: store.clone(),
        clock: clock.clone(),
        plane: plane(config, store, clock),
        github: github(config, store, clock),
        projects: Projects::new(clock.clone()),
        settings: CurrentSettings::new(store.clone(), clock.clone()),
    }
}

/// `None` where `plane.api_url`, `plane.api_key` or `plane.workspace` is not set.
pub(super) fn plane(config: &Config, store: &Store, clock: &Clock) -> Option<PlaneClient> {
    let PlaneConfig { api_url, workspace, api_key, .. } = &config.plane;
    let made = PlaneClient::new(api_url.as_ref()?, workspace.as_ref()?, api_key, clients::TIMEOUT);
    let client = match made {
        Ok(client) => client?.with_clock(clock.clone()),
        Err(error) => {
            warn!("Plane is not asked for anything: {error}");
            return None;
        }
    };
    let account = store.account(Remote::Plane, &client.account_name(), clock);
    Some(client.pausing(pauses(config)).sharing(account))
}

/// `None` where neither a token nor an MCP server is configured.
pub(super) fn github(config: &Config, store: &Store, clock: &Clock) -> Option<GitHub> {
    let share = |rest: GitHubRest| {
        let account = store.account(Remote::Github, &rest.account_name(), clock);
        let graphql = store.account(Remote::Github, &rest.graphql_account_name(), clock);
        rest.pausing(pauses(config)).sharing(account).sharing_graphql(graphql)
    };
    match GitHub::new(&config.github, clock, clients::TIMEOUT) {
        Ok(client) => client.map(|client| client.with_rest(share)),
        Err(error) => {
            warn!("GitHub is not asked for anything: {error}");
            None
        }
    }
}

/// The GitHub App, asking in its own name and within its own limit; `None` where none is configured.
pub fn github_app(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Option<Result<GitHubRest, BadAppKey>> {
    let github = &config.github;
    let (id, pem) = (github.app_id.clone()?, github.app_private_key.expose().next()?);
    let key = match AppKey::read(id, pem) {
        Ok(key) => key,
        Err(bad) => return Some(Err(bad)),
    };
    // A bad address is said of the token's client.
    let app = GitHubRest::of_app(&github.api_url, key, clock.clone(), clients::TIMEOUT).ok()?;
    let account = store.account(Remote::Github, &app.account_name(), clock);
    Some(Ok(app.pausing(pauses(config)).sharing(account)))
}

/// How long a remote that does not answer is left alone: as long as a job that failed.
fn pauses(config: &Config) -> Pauses {
    let longest = config.retry.cap.min(Pauses::default().longest);
    Pauses { first: config.retry.base.min(longest), longest }
}

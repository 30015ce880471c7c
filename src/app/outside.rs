//! The clients of other systems, as the configuration says. What is not configured, or can't be, is
//! left out with a line in the log: the rest works without it.

use tracing::warn;

use crate::clients;
use crate::clients::github::GitHub;
use crate::clients::plane::PlaneClient;
use crate::clock::Clock;
use crate::config::{Config, GithubConfig, PlaneConfig};
use crate::jobs::sync_issue::{IssueSync, Mappings, Projects};
use crate::store::Store;

/// What keeps issues in step with Plane.
pub fn issue_sync(config: &Config, store: &Store, clock: &Clock) -> IssueSync {
    IssueSync {
        store: store.clone(),
        clock: clock.clone(),
        plane: plane(&config.plane, clock),
        github: github(&config.github, clock),
        projects: Projects::new(clock.clone()),
        mappings: Mappings::new(&config.repositories),
    }
}

/// `None` where `plane.api_url`, `plane.api_key` or `plane.workspace` is not set.
pub(super) fn plane(config: &PlaneConfig, clock: &Clock) -> Option<PlaneClient> {
    let (api_url, workspace) = (config.api_url.as_ref()?, config.workspace.as_ref()?);
    match PlaneClient::new(api_url, workspace, &config.api_key, clients::TIMEOUT) {
        Ok(client) => client.map(|client| client.with_clock(clock.clone())),
        Err(error) => {
            warn!("Plane is not asked for anything: {error}");
            None
        }
    }
}

/// `None` where neither a token nor an MCP server is configured.
fn github(config: &GithubConfig, clock: &Clock) -> Option<GitHub> {
    match GitHub::new(config, clock, clients::TIMEOUT) {
        Ok(client) => client,
        Err(error) => {
            warn!("GitHub is not asked for anything: {error}");
            None
        }
    }
}

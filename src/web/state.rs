//! What every page and every API answer is made from.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::reality::Reality;
use super::shared_pages::SharedPages;
use crate::clients::github::GitHub;
use crate::clients::plane::PlaneClient;
use crate::clock::{Clock, Timestamp};
use crate::config::{
    GithubConfig, GithubHost, RepositoryConfig, RepositoryName, Secrets, UnsignedWebhooks,
    WorkspaceSlug,
};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::queue::Wake;
use crate::spool::Spool;
use crate::store::Store;

/// Shared by all handlers that are not webhook endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebState {
    /// Everything that is stored.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Any of them signs in.
    pub admin_token: Secrets,
    /// How the outside reaches us, no trailing slash; `https` makes cookies `Secure`.
    pub public_url: Arc<str>,
    /// Where the admin token is kept, for the sign-in page's hint.
    pub admin_token_file: Arc<str>,
    /// Whether Plane's webhooks can be verified.
    pub plane_secret: SecretState,
    /// Tells the worker of this process that a replay is due.
    pub wake: Wake,
    /// Tells pages and programs what changes.
    pub live: Live,
    /// Pages that several ask for at once.
    pub pages: Arc<SharedPages>,
    /// The figures of this process.
    pub metrics: Arc<Metrics>,
    /// Where deliveries wait while the database is away, in a process that has such a place.
    pub spool: Option<Spool>,
    /// Whether what is shown is real.
    pub reality: Reality,
    /// What the configuration says of GitHub, of repositories and of Plane's projects.
    pub setup: Arc<Setup>,
}

/// What of the configuration pages show and go by.
#[derive(Debug, Default)]
pub struct Setup {
    /// Whether GitHub's webhooks can be verified.
    pub github_secret: SecretState,
    /// Whether a webhook of GitHub's without a signature is taken.
    pub github_unsigned: UnsignedWebhooks,
    /// Each GitHub server, that of `github.api_url` first, and where people see what is on it.
    pub servers: Vec<(GithubHost, String)>,
    /// What stands in the configuration file now, and is changed there alone.
    pub configured: Vec<RepositoryName>,
    /// Asked for the projects that a repository can be kept in step with.
    pub plane: Option<PlaneClient>,
    /// Says whether anything could be written to GitHub; pages ask it for nothing.
    pub github: Option<GitHub>,
    /// When they were asked for last, and what each is called.
    pub projects: Mutex<Option<(Timestamp, Vec<ProjectName>)>>,
    /// By project: when its members were asked for last, and who they are.
    pub members: Mutex<HashMap<String, (Timestamp, Vec<MemberName>)>>,
}

/// A project's id, what people call it, and its workspace beside `plane.workspace`.
pub type ProjectName = (String, String, Option<WorkspaceSlug>);

/// A user's id, and what people call them.
pub type MemberName = (String, String);

impl Setup {
    /// The names of `[[repositories]]`.
    pub fn names_of(configured: &[RepositoryConfig]) -> Vec<RepositoryName> {
        configured.iter().map(|repository| repository.name.clone()).collect()
    }

    /// Where each server's pages are.
    pub fn servers_of(github: &GithubConfig) -> Vec<(GithubHost, String)> {
        let hosts = github.hosts.iter().map(|other| other.host.clone());
        let all = iter::once(GithubHost::default()).chain(hosts);
        all.map(|host| (host.clone(), github.web_url_of(&host).to_owned())).collect()
    }

    /// Where people see something of GitHub's: `owner/name`, a login.
    pub fn address_of(&self, host: &GithubHost, what: &str) -> String {
        let known = self.servers.iter().find(|(server, _)| server == host);
        format!("{}/{what}", known.map_or("https://github.com", |(_, web)| web))
    }

    /// Whether repositories of a server can be kept here.
    pub fn knows(&self, host: &GithubHost) -> bool {
        host.is_default() || self.servers.iter().any(|(server, _)| server == host)
    }

    /// Whether the configuration file names it. A row that the file named once and names no
    /// longer is like any other.
    pub fn is_configured(&self, name: &RepositoryName) -> bool {
        self.configured.contains(name)
    }
}

/// Whether a source's secret is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretState {
    /// It is.
    Set,
    /// It is not: its endpoint answers 503.
    #[default]
    Missing,
}

//! The hook of the GitHub App: looked at once in a run, for all repositories that have no hook of their
//! own or of their organization that comes here.
//!
//! Its rule: whatever is wrong with the App is said of those repositories, and keeps nobody from
//! looking at the hooks of others. Its limit is its own, too.
//!
//! What it sent is told apart by the repository's id; what is about none (an installation, say) is
//! nobody's here.

use super::Recover;
use super::looking::{Seen, Walked, once_each, owned};
use crate::clients::github_hooks::Hook;
use crate::clients::github_rest::GitHubRest;
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;

/// What the App's hook sent, once it was asked for; `None` where it does not come here.
#[derive(Default)]
pub(super) struct AppWalk(Option<Result<Option<(Hook, Walked)>, Failure>>);

/// What became of the look at the App's hook for one repository.
pub(super) enum OfApp {
    /// No App is configured, or its hook does not come here, or it is not installed there.
    Not(&'static str),
    /// What it sent of the repository.
    Sent(Seen),
}

impl Recover {
    /// The App, where it can be asked.
    pub(super) fn app(&self) -> Result<&GitHubRest, Failure> {
        match &self.app {
            Some(Ok(app)) => Ok(app),
            Some(Err(bad)) => Err(Failure::permanent(bad.to_string())),
            None => Err(Failure::permanent(
                "it was sent by the hook of a GitHub App, and none is configured any more: set github.app_id and github.app_private_key",
            )),
        }
    }

    /// What the App's hook sent of a repository.
    pub(super) async fn of_app(
        &self,
        name: &RepositoryName,
        id: Option<u64>,
        floor: Timestamp,
        walk: &mut AppWalk,
    ) -> Result<OfApp, Failure> {
        let is_its = name.host().is_default();
        let (Some(_), Some(id), true) = (&self.app, id, is_its) else {
            return Ok(OfApp::Not(""));
        };
        if walk.0.is_none() {
            walk.0 = Some(self.walk_app(floor).await.map_err(its_own));
        }
        let (hook, walked) = match &walk.0 {
            Some(Ok(Some(walked))) => walked,
            Some(Err(failure)) => return Err(failure.clone()),
            Some(Ok(None)) | None => return Ok(OfApp::Not(", nor does that of the GitHub App")),
        };
        let Some(installed) = self.app()?.fetch_installation(name).await.map_err(its_own)? else {
            return Ok(OfApp::Not(", and the GitHub App is not installed there"));
        };
        let problem = installed.suspended_at.map(|since| {
            format!(
                "the GitHub App is suspended at {name} since {}, so GitHub sends nothing: unsuspend its installation at GitHub (Settings, Applications)",
                since.format("%-d %b %Y")
            )
        });
        let own = walked.attempts.iter().filter(|attempt| attempt.repository_id == Some(id));
        let own = owned(hook, own.cloned().collect());
        Ok(OfApp::Sent((once_each(own), problem, walked.stopped_at)))
    }

    async fn walk_app(&self, floor: Timestamp) -> Result<Option<(Hook, Walked)>, Failure> {
        let app = self.app()?;
        let hook = app.fetch_app_hook().await?.hook;
        if !hook.posts_to(&self.endpoint) {
            return Ok(None);
        }
        let walked = self.walk(app, &hook, floor).await?;
        Ok(Some((hook, walked)))
    }
}

/// A limit of the App's, which is none of the token's.
fn its_own(failure: Failure) -> Failure {
    match failure {
        Failure::Quota { reason, wait } => {
            Failure::Retry { reason: format!("of the GitHub App: {reason}"), after: Some(wait) }
        }
        other => other,
    }
}

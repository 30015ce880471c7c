//! In which of Plane's workspaces a project is looked for.
//!
//! The rule: a project is in one workspace, that of the repositories that go by it. One that none
//! goes by is asked for in each, `plane.workspace` first; where it was found is kept with its name.

use std::sync::Arc;

use super::{Answer, Directory, Question, fetch, lock};
use crate::clients::plane::{PlaneClient, Refusal};
use crate::config::WorkspaceSlug;
use crate::store::directory::EntryKind;

impl Directory {
    /// Takes note of which workspace each project is in, as repositories are configured now. A
    /// database that can't tell is no reason to fail: what was known goes on.
    pub async fn look_around(&self) {
        match self.settings.workspaces().await {
            Ok(workspaces) => lock(&self.known).configured = workspaces,
            Err(error) => tracing::warn!("the repositories' workspaces are not known: {error}"),
        }
    }

    /// The workspace of a project, as far as it is known to be another one than
    /// `plane.workspace`.
    pub async fn workspace_of(&self, project: &str) -> Option<String> {
        self.load().await;
        let known = lock(&self.known);
        match known.configured.of.get(project) {
            Some(slug) => slug.as_ref().map(WorkspaceSlug::to_string),
            None => known.found_in.get(project).cloned(),
        }
    }

    /// Whom to ask about a project: the client of its workspace, or all of them one after the
    /// other where it is not known.
    async fn clients(&self, client: &PlaneClient, project: &str) -> Vec<PlaneClient> {
        let known = self.workspace_of(project).await;
        if let Some(slug) = known {
            return vec![client.in_workspace(&slug)];
        }
        let configured = Arc::clone(&lock(&self.known).configured);
        let is_known = configured.of.contains_key(project);
        let others = configured.others.iter().filter(|_| !is_known);
        let others = others.map(|slug| client.in_workspace(slug.as_str()));
        std::iter::once(client.clone()).chain(others).collect()
    }

    /// Asks in the project's workspace; where that is not known, in each until one shows it.
    pub(super) async fn ask(&self, client: &PlaneClient, question: &Question) -> Answer {
        let mut refused = Err(Refusal::NoAccess);
        for (at, one) in self.clients(client, &question.project).await.iter().enumerate() {
            refused = match fetch(one, question).await {
                Err(refusal @ (Refusal::NoAccess | Refusal::NotFound)) => Err(refusal),
                Ok(mut entries) if at > 0 => {
                    let slug = one.workspace().to_owned();
                    for (_, entry) in &mut entries {
                        if question.kind == EntryKind::Project {
                            entry.workspace = Some(slug.clone());
                        }
                    }
                    lock(&self.known).found_in.insert(question.project.clone(), slug);
                    return Ok(entries);
                }
                answer => return answer,
            };
        }
        refused
    }
}

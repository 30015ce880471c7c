//! The issue whose sub-issue an issue is.

use super::GitHubRest;
use crate::clients::github::payload::IssuePayload;
use crate::clients::github::refusal::Refusal;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::sync::parents::ParentIssue;

impl GitHubRest {
    /// The parent of an issue that is there; `None` where it has none.
    ///
    /// # Errors
    /// When GitHub refuses the token or can't be asked.
    pub async fn fetch_parent(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Option<ParentIssue>, Failure> {
        let url = self.issue_url(repository, number, &["parent"]);
        match self.ask::<IssuePayload>(url).await {
            Ok((parent, _)) => {
                let of = parent.repository(&self.host).unwrap_or_else(|| repository.clone());
                let key = format!("{of}#{}", parent.number());
                Ok(Some(ParentIssue { id: parent.into_issue(&of).id, key }))
            }
            Err(Refusal::NotFound | Refusal::Gone) => Ok(None),
            Err(refusal) => Err(refusal.failure()),
        }
    }
}

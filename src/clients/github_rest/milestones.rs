//! One milestone as it is now. Deliberately absent: lists of them; issues tell of theirs.

use super::GitHubRest;
use crate::clients::github::payload::MilestonePayload;
use crate::clients::github::refusal::Refusal;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::sync::github::Milestone;

impl GitHubRest {
    /// A milestone; `None` where there is none, or the token may not see it.
    ///
    /// # Errors
    /// When GitHub refuses the token or can't be asked.
    pub async fn fetch_milestone(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Option<Milestone>, Failure> {
        let (owner, name) = repository.owner_and_name();
        let url = self.url(&["repos", owner, name, "milestones", &number.to_string()]);
        match self.ask::<MilestonePayload>(url).await {
            Ok((found, _)) => Ok(Some(Milestone::from(found).on(&self.host))),
            Err(Refusal::NotFound | Refusal::Gone) => Ok(None),
            Err(refusal) => Err(refusal.failure()),
        }
    }
}

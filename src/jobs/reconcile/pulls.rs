//! A repository whose issues are switched off: its pull requests, what was said on them, and Plane's
//! side are compared all the same.
//!
//! Its rule: of the issues nothing is said. None of them is listed, so none is missing, and whatever
//! is known of them stays as it is until they are switched on again; then everything is compared
//! anew. GitHub lists no comments of such a repository as a whole, so those of the pull requests that
//! changed since comments were last looked at are asked for one by one.

use super::Progress;
use super::walker::{OVERLAP, Walker};
use crate::clients::github_rest::listing::Place;
use crate::clock::Timestamp;
use crate::drift::DriftItem;
use crate::failure::Failure;
use crate::ids::WorkItemRef;

impl Walker<'_> {
    /// Whether GitHub shows no issues of this repository.
    pub(super) fn issues_off(&self) -> bool {
        !self.now.has_issues
    }

    pub(super) async fn walk_pulls(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        let spoken_since = self.spoken_since();
        let mut place = Place::since(self.way.since);
        loop {
            let (rest, name) = (self.rest, self.now.name.clone());
            let part = self.job.patiently(|| rest.list_pull_requests(&name, &place)).await?;
            for entry in &part.entries {
                let updated_at = entry.issue.updated_at;
                self.way.newest[0] = self.way.newest[0].max(Some(updated_at));
                if updated_at >= spoken_since {
                    self.spoken.push((entry.issue.number, updated_at));
                    self.issues.insert(entry.issue.number, entry.raw.clone());
                }
            }
            self.told(progress, part.entries.len());
            self.check_issues(part.entries).await?;
            let Some(next) = part.next else { return Ok(()) };
            self.keep_place().await?;
            place = next;
        }
    }

    /// What was said on the pull requests that changed.
    pub(super) async fn walk_conversations(&mut self) -> Result<(), Failure> {
        for (number, updated_at) in std::mem::take(&mut self.spoken) {
            let (rest, name) = (self.rest, self.now.name.clone());
            let said = self.job.patiently(|| rest.list_conversation(&name, number)).await?;
            let said = said.unwrap_or_default();
            self.report.looked_at.comments += said.len() as u64;
            self.check_comments(said).await?;
            self.way.newest[1] = self.way.newest[1].max(Some(updated_at));
        }
        Ok(())
    }

    /// Comments from before the connection are left alone, as always.
    fn spoken_since(&self) -> Timestamp {
        let since = self.position.comments.unwrap_or(self.repository.created_at);
        since - OVERLAP
    }

    /// Whether nothing can be said of an item here: it is on GitHub's side and was not shown.
    pub(super) fn is_out_of_sight(&self, item: &WorkItemRef) -> bool {
        self.issues_off()
            && item.as_str().starts_with("github:")
            && !self.seen.contains(item.as_str())
    }

    /// The same of one of the ledger's.
    pub(super) fn is_hidden(&self, item: &DriftItem) -> bool {
        self.is_out_of_sight(&item.item)
    }
}

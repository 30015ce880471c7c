//! What a whole walk would count as deleted, put in all at once or not at all.
//!
//! Its rule: a deletion is not taken back by itself, so one that many come with is more likely a
//! side that shows less than before (a token that sees less, another project under the same key) than
//! a day of cleaning up. Above a share of a side nothing is put in, and a person decides.

use super::walker::{Compared, Purpose, Walker};
use super::{Missing, stored};
use crate::drift::{DriftItem, Why};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::sources::{Source, Verified};

/// So many may always go with one walk.
const ALWAYS: u64 = 5;
/// Of a larger side, so many hundredths.
const PER_CENT: u64 = 2;

/// What is gone, with the deliveries that tell so.
#[derive(Default)]
pub(super) struct Deletions {
    /// Issues and work items.
    pub(super) items: Vec<(WorkItemRef, Verified)>,
    /// Comments.
    pub(super) comments: Vec<Compared>,
}

impl Walker<'_> {
    pub(super) async fn put_deletions(&mut self, deletions: Deletions) -> Result<(), Failure> {
        let Deletions { items, comments } = deletions;
        if let Some(brake) = self.brake(&items, &comments).await? {
            let held: Vec<WorkItemRef> = items.into_iter().map(|(item, _)| item).collect();
            self.note(&held, &Why::NotShown).await?;
            self.report.held_back = Some(brake.clone());
            if self.purpose == Purpose::Tell {
                return Ok(());
            }
            self.give_up().await?;
            return Err(Failure::permanent(brake));
        }
        let is_github = |found: &Verified| found.source() == Source::Github;
        if !comments.is_empty() || items.iter().any(|(_, found)| is_github(found)) {
            // Whoever switches issues off in the midst of a walk lets them vanish in the same way.
            self.same_repository().await?;
        }
        let known = self.known(&items.iter().map(|(item, _)| item).collect::<Vec<_>>()).await?;
        let mut plane = Vec::new();
        let mut github = Vec::new();
        let mut changed = Vec::with_capacity(items.len());
        for (item, found) in items {
            let drift = self.drift_of(&item, known.get(&item), &Why::NotListed);
            let drift = DriftItem { put_at: Some(self.job.sync.clock.now()), ..drift };
            self.differing.insert(item, drift.clone());
            changed.push(drift);
            if is_github(&found) { github.push(found) } else { plane.push(found) }
        }
        self.keep(&[], &changed, github).await?;
        self.keep(&[], &[], plane).await?;
        self.settle(comments).await
    }

    /// Why so much is not counted as deleted at once.
    async fn brake(
        &self,
        items: &[(WorkItemRef, Verified)],
        comments: &[Compared],
    ) -> Result<Option<String>, Failure> {
        if self.job.missing == Missing::IsDeleted {
            return Ok(None);
        }
        let of = |source| items.iter().filter(|(_, found)| found.source() == source).count() as u64;
        let met = self.seen.iter().filter(|name| name.starts_with("comment:")).count();
        let gone_comments = comments.len() as u64;
        let token = "github.token still sees all of the repository";
        let sides = [
            ("issues", of(Source::Github), self.count(&self.github_projects()).await?, token),
            ("comments", gone_comments, met as u64 + gone_comments, token),
        ];
        let mut sides = Vec::from(sides);
        let of_plane = items.iter().filter(|(_, found)| found.source() == Source::Plane);
        let of_plane: Vec<&WorkItemRef> = of_plane.map(|(item, _)| item).collect();
        let known = self.known(&of_plane).await?;
        // Each for itself: a large project is no reason to believe all of a small one gone.
        for project in self.plane_projects() {
            let gone = known.values().filter(|item| item.project_ref == project).count() as u64;
            let of = self.count(std::slice::from_ref(&project)).await?;
            sides.push((
                "work items of Plane",
                gone,
                of,
                "plane.api_key still sees all of the project",
            ));
        }
        let too_many = sides.into_iter().find(|(_, gone, of, _)| is_too_many(*gone, *of));
        Ok(too_many.map(|(what, gone, of, look)| {
            format!(
                "{gone} of {of} {what} would count as deleted at once, so none of them does: look whether {look}; if they are gone, jetbridge reconcile --repository {} --full --missing-is-deleted",
                self.repository.name
            )
        }))
    }

    async fn count(&self, projects: &[String]) -> Result<u64, Failure> {
        let known = self.job.sync.store.count_of_projects(self.repository.id, projects).await;
        known.map_err(|e| stored(&e))
    }
}

fn is_too_many(gone: u64, of: u64) -> bool {
    gone > ALWAYS.max(of * PER_CENT / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_or_a_small_share_may_go_at_once_and_no_more() {
        assert!(!is_too_many(5, 5), "five may always go");
        assert!(is_too_many(6, 100));
        assert!(!is_too_many(20, 1000));
        assert!(is_too_many(21, 1000));
        assert!(!is_too_many(0, 0));
    }
}

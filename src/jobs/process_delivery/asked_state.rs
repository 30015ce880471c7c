//! What GitHub said when it was asked, shown on the board, too: webhooks count in whole seconds
//! and come in any order, so the state they leave may be an older one of the same second.
//!
//! The reading stage may change the item at the same time; then nothing is written here, since the
//! delivery behind that change asks again.

use std::collections::BTreeSet;

use tracing::warn;

use super::Processor;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::Report;
use crate::sources::github::normalize::asked;
use crate::store::StoreResult;
use crate::work_items::{Change, Closes, Decision, FieldChange, PullFacts, Snapshot, decide};

impl Processor {
    /// What that changed on the board.
    pub(super) async fn show_asked(&self, report: &Report) -> Vec<FieldChange> {
        self.improve(report).await.unwrap_or_else(|error| {
            warn!(error = %error, "what GitHub was asked for can't be shown; the next sync of the issue tries again");
            Vec::new()
        })
    }

    /// Keeps which issues a pull request closes by GitHub's own account, with its other facts.
    pub(super) async fn keep_links(
        &self,
        pull: &WorkItemRef,
        issues: BTreeSet<String>,
    ) -> StoreResult<()> {
        let now = self.clock.now();
        let known = self.store.work_items_by_ref(&[pull]).await?.pop();
        let known = known.filter(|known| known.deleted_at.is_none());
        let Some((known, state)) = known.as_ref().and_then(|k| Some((k, k.state.as_ref()?))) else {
            return Ok(());
        };
        if state.pull.closes.as_ref().is_some_and(|closes| closes.issues == issues) {
            return Ok(());
        }
        let closes = Some(Closes { at: now, issues });
        let pull = PullFacts { closes, ..state.pull.clone() };
        let told = Change::State(Box::new(Snapshot { pull, ..state.clone() }));
        if let Decision::Apply { item, .. } = decide(Some(known), &told, now) {
            self.store.improve_item(&item, known.ingested_at).await?;
        }
        Ok(())
    }

    async fn improve(&self, report: &Report) -> StoreResult<Vec<FieldChange>> {
        let Some(issue) = &report.asked else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let snapshot = asked(issue, now);
        let known = self.store.work_items_by_ref(&[&snapshot.item]).await?.pop();
        let Some(known) = known.filter(|known| known.deleted_at.is_none()) else {
            return Ok(Vec::new());
        };
        match decide(Some(&known), &Change::State(Box::new(snapshot)), now) {
            Decision::Apply { item, changes, .. } if !changes.is_empty() => {
                let written = self.store.improve_item(&item, known.ingested_at).await?;
                Ok(if written { changes } else { Vec::new() })
            }
            Decision::Apply { .. } | Decision::Ignore { .. } => Ok(Vec::new()),
        }
    }
}

//! The second stage of a delivery about a label: all labels of its repository are brought in step with
//! Plane, once for all deliveries that are due.
//!
//! They have one lane a repository, since names that move from one label to another hang together.
//! Deliberately absent: the repository's filter, which is about issues.

use std::collections::BTreeSet;

use super::{Processor, guarded, with_json};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::Lane;
use crate::jobs::sync_issue::{Report, of_database};
use crate::sources::github::normalize::sync_label;
use crate::sources::github::payload::parse;
use crate::store::StoreError;
use crate::store::jobs::ClaimedJob;
use crate::store::repositories::Repository;

/// GitHub's word for the event.
pub(super) const LABEL: &str = "label";

/// The lane of a repository's labels in the second stage.
pub(super) fn lane_of_labels(job: &ClaimedJob, repository: &str) -> Lane {
    match &job.lane {
        Some(lane) => Lane::new(format!("sync:{lane}")),
        None => Lane::new(format!("sync:github:labels:{repository}")),
    }
}

/// Whether these jobs, all of one lane, tell of labels.
pub(super) fn is_of_labels(jobs: &[ClaimedJob]) -> bool {
    jobs.iter().all(|job| job.event_type == LABEL)
}

impl Processor {
    /// The repository that all of these come from.
    ///
    /// Plane's deliveries name none: then it is that of the issue that they are tied to.
    pub(super) async fn repository_of(
        &self,
        jobs: &[ClaimedJob],
        tied: Option<&RepositoryName>,
    ) -> Result<Repository, Failure> {
        let unread = |e: &StoreError| of_database(format!("the repository can't be read: {e}"), e);
        let configured = jobs.iter().rev().find_map(|job| job.repository.as_deref());
        let name = configured.and_then(|name| name.parse().ok()).or_else(|| tied.cloned());
        let name =
            name.ok_or_else(|| Failure::permanent("its repository is no longer configured"))?;
        let repository = self.store.find_repository(&name, None).await.map_err(|e| unread(&e))?;
        repository.ok_or_else(|| {
            Failure::permanent(format!(
                "{name} is no longer configured: jetbridge repo add {name}, then replay"
            ))
        })
    }

    pub(super) async fn carry_labels(&self, jobs: &[ClaimedJob]) -> Result<Report, Failure> {
        let repository = self.repository_of(jobs, None).await?;
        let mut concerned = BTreeSet::new();
        for job in jobs {
            let event = guarded(|| with_json(job, |json| parse(&job.github_host, LABEL, json)))?;
            concerned.extend(sync_label(&event).map(|step| step.id));
        }
        let class = jobs.iter().map(|job| job.class).min().unwrap_or_default();
        let delivery = jobs.last().map(|job| &job.delivery_id);
        let sync = self.sync.clone().in_class(class);
        sync.follow_labels(&repository, &concerned, delivery).await
    }
}

//! Reading Plane's deliveries: what a payload leaves out is looked up, and what was found is kept
//! with the delivery.

use super::{Processor, Reading, guarded, with_json};
use crate::sources::Told;
use crate::sources::plane::normalize::{needs, normalize, sync_item};
use crate::sources::plane::payload::parse;
use crate::sources::plane::read_with::ReadWith;
use crate::store::jobs::ClaimedJob;

impl Processor {
    pub(super) async fn read_plane(&self, job: ClaimedJob) -> Reading {
        let event = match guarded(|| with_json(&job, parse)) {
            Ok(event) => event,
            Err(failure) => {
                let told = Err(failure);
                return Reading { job, told, incomplete: None, shown: None, read_with: None };
            }
        };
        let named = self.directory.names(&needs(&event)).await;
        let own = match event.project() {
            Some(project) => self.directory.workspace_of(project).await,
            None => None,
        };
        let with = ReadWith {
            names: named.names,
            workspace: own.or_else(|| self.plane.workspace.clone()),
            web_url: self.plane.web_url.clone(),
        };
        let told = guarded(|| {
            let (workspace, web_url) = (with.workspace.as_deref(), with.web_url.as_deref());
            normalize(&event, &with.names, workspace, web_url, job.received_at).map(Told::from)
        });
        let shown = sync_item(&event);
        Reading { job, told, incomplete: named.failure, shown, read_with: Some(with) }
    }
}

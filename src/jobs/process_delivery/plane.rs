//! Reading Plane's deliveries: what a payload leaves out is looked up.

use super::{PlaneAddress, Processor, Reading, guarded, with_json};
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::sources::Told;
use crate::sources::plane::normalize::{Names, needs, normalize, sync_item};
use crate::sources::plane::payload::{Event, parse};
use crate::store::jobs::ClaimedJob;

impl Processor {
    pub(super) async fn read_plane(&self, job: ClaimedJob) -> Reading {
        let event = match guarded(|| with_json(&job, parse)) {
            Ok(event) => event,
            Err(failure) => {
                return Reading { job, told: Err(failure), incomplete: None, shown: None };
            }
        };
        let named = self.directory.names(&needs(&event)).await;
        let told = guarded(|| self.normalize(&event, &named.names, job.received_at));
        let shown = sync_item(&event);
        Reading { job, told, incomplete: named.failure, shown }
    }

    fn normalize(
        &self,
        event: &Event,
        names: &Names,
        received_at: Timestamp,
    ) -> Result<Told, Failure> {
        let PlaneAddress { workspace, web_url } = &self.plane;
        normalize(event, names, workspace.as_deref(), web_url.as_deref(), received_at)
            .map(Told::from)
    }
}

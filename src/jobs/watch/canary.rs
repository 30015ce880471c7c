//! Acts for the canary (`crate::canary` decides): touches its item, and keeps what came of it.
//!
//! Races, and what decides them:
//! - *The webhook comes before the answer to the change.* The time of a touch is taken before it.
//! - *A crash between the change and its record.* The item is changed once more.
//! - *Plane can't be asked, or its quota is used up.* Nothing was touched, so nothing is missing.

use tracing::{info, warn};

use crate::canary::{Canary, Rhythm, Step, next};
use crate::clients::plane::{PlaneClient, Refusal};
use crate::clock::{Clock, Timestamp};
use crate::store::canary::KeptCanary;
use crate::store::{Store, StoreResult};

/// One look.
pub(super) async fn turn(
    plane: &PlaneClient,
    project: &str,
    rhythm: Rhythm,
    store: &Store,
    clock: &Clock,
) -> StoreResult<()> {
    let mut kept = store.canary(project).await?;
    let now = clock.now();
    let (last, first) = store.plane_webhooks_around(kept.canary.touched_at).await?;
    match next(&kept.canary, last, first, rhythm, now) {
        Step::Rest => return Ok(()),
        Step::Heard(after) => {
            if kept.canary.missing_since.take().is_some() {
                info!("Plane's webhooks come again");
            }
            kept.canary.heard_after = Some(after);
        }
        Step::Missing => {
            kept.canary.missing_since = kept.canary.touched_at;
            warn!(plane.project = %project, "no webhook of Plane's came within {:?} of a change: switch it on in Plane under Workspace settings, Webhooks", rhythm.deadline);
        }
        Step::Touch => match touch(plane, project, &mut kept, now).await {
            Ok(()) => {}
            Err(refusal) => {
                let failure = refusal.failure();
                warn!(plane.project = %project, "the canary could not be touched: {failure}");
                return Ok(());
            }
        },
    }
    store.put_canary(project, &kept).await
}

async fn touch(
    plane: &PlaneClient,
    project: &str,
    kept: &mut KeptCanary,
    now: Timestamp,
) -> Result<(), Refusal> {
    let words = format!("Last at {}.", now.format("%Y-%m-%d %H:%M:%S UTC"));
    let item = match kept.item.take() {
        Some(item) => item,
        None => plane.fetch_or_make_canary(project).await?,
    };
    match plane.touch_canary(project, &item, &words).await {
        Ok(()) => {}
        // Somebody deleted it: the next turn makes another one.
        Err(Refusal::NotFound) => return Ok(()),
        Err(refusal) => {
            kept.item = Some(item);
            return Err(refusal);
        }
    }
    kept.item = Some(item);
    let missing_since = kept.canary.missing_since;
    kept.canary = Canary { touched_at: Some(now), heard_after: None, missing_since };
    Ok(())
}

//! Acts for the canary (`crate::canary` decides): touches its item, and keeps what came of it.
//!
//! Races, and what decides them:
//! - *The webhook comes before the answer to the change.* The time of a touch is taken before it.
//! - *A crash between the change and its record.* The item is changed once more.
//! - *Plane refuses, can't be asked, or its quota is used up.* Nothing was touched, so nothing is
//!   missing; it is tried ever more rarely.

use std::time::Duration;

use tracing::{info, warn};

use crate::canary::{Canary, Rhythm, Step, next};
use crate::clients::plane::{PlaneClient, Refusal};
use crate::clock::{Clock, Timestamp};
use crate::store::canary::KeptCanary;
use crate::store::{Store, StoreResult};

/// How soon it is tried again when Plane refused.
const AGAIN: Duration = Duration::from_mins(1);

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
        Step::Touch if is_early(kept.refused, rhythm, now) => return Ok(()),
        Step::Touch => match touch(plane, project, &mut kept, now).await {
            Ok(()) => kept.refused = (0, None),
            Err(refusal) => {
                let failure = refusal.failure();
                warn!(plane.project = %project, "the canary could not be touched: {failure}");
                kept.refused = (kept.refused.0.saturating_add(1), Some(now));
            }
        },
    }
    store.put_canary(project, &kept).await
}

/// Whether Plane refused just now: each time in a row it is left alone for twice as long, at most for
/// as long as between two touches.
fn is_early(refused: (u32, Option<Timestamp>), rhythm: Rhythm, now: Timestamp) -> bool {
    let (times, Some(at)) = refused else { return false };
    let pause = AGAIN.saturating_mul(1 << (times.max(1) - 1).min(20)).min(rhythm.every);
    // A time to come was written before the clock was set back.
    at <= now && now < at + pause
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

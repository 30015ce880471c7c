//! Links as the sync leaves them, for whoever shows them.

use std::time::Duration;

use jetbridge::clock::Timestamp;
use jetbridge::ids::Lease;
use jetbridge::store::Store;
use jetbridge::store::links::{Held, LinkKey, LinkUpdate};
use jetbridge::sync::plan::{Base, LinkStatus};

/// Ties GitHub's issue to Plane's item, in step since `now`.
pub async fn link(store: &Store, issue: u64, item: &str, now: Timestamp, last_error: Option<&str>) {
    let key = LinkKey {
        repository: "octo/hello".to_owned(),
        github_issue: issue,
        number: 12,
        plane_project: "ce59f358-8bb1-44d5-9060-9d2391371abf".to_owned(),
        plane_workspace: None,
    };
    let lease = Lease(uuid::Uuid::new_v4());
    let held = store.hold_link(&key, lease, now + Duration::from_mins(1), now).await;
    let Held::Ours(link) = held.expect("an answer") else { panic!("nobody else holds it") };
    let base = Base::default();
    for last_error in [None, last_error] {
        let update = LinkUpdate {
            item: Some(item),
            base: &base,
            markdown: None,
            github_updated_at: Some(now),
            github_arrival: None,
            status: LinkStatus::Ok,
            last_error,
        };
        store.save_link(link.id, lease, &update, &[], &[], now).await.expect("saved");
    }
    store.release_hold(link.id, lease).await.expect("released");
}

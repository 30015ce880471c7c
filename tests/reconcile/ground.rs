//! Comparing in a world, and what is looked at afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::drift::{DriftItem, Ledger, Walk};
use jetbridge::failure::Failure;
use jetbridge::jobs::process_delivery::PlaneAddress;
use jetbridge::jobs::reconcile::{Doing, Reconcile, Report};
use jetbridge::sim::github::WebhookFault;
use jetbridge::sim::plane::WebhookFault as PlaneFault;
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::repositories::Repository;
use jetbridge::store::work_items::WorkItemFilter;
use jetbridge::work_items::{System, WorkItem};

use crate::world::{REPOSITORY, World};

/// Longer than any of these tests may take.
const LONG: Duration = Duration::from_mins(2);

/// What compares, with waits that a test can wait for.
pub fn job(world: &World) -> Reconcile {
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let address = PlaneAddress {
        workspace: world.config.plane.workspace.clone(),
        web_url: world.config.plane.web_url.clone(),
    };
    let (apart, patience) = (Duration::from_millis(5), Duration::from_secs(20));
    Reconcile { apart, patience, ..Reconcile::new(sync, address) }
}

pub async fn repository(world: &World) -> Repository {
    let name = REPOSITORY.parse().unwrap();
    world.store.find_repository(&name, None).await.unwrap().unwrap()
}

/// Looks once; what was put in may still wait.
pub async fn look(world: &World, walk: Walk, doing: Doing) -> Result<Report, Failure> {
    job(world).look(&repository(world).await, walk, doing, &mut |_, _| {}).await
}

/// Looks, waits, and proves, as the command does.
pub async fn reconcile(world: &World, walk: Walk) -> Report {
    let (job, repository) = (job(world), repository(world).await);
    let report = job.look(&repository, walk, Doing::Act, &mut |_, _| {}).await.unwrap();
    if !report.is_being_mended() {
        return report;
    }
    assert!(job.settled(LONG).await.unwrap(), "what was put in is worked off");
    world.quiet().await;
    let proved = job.prove(&repository, &mut |_, _| {}).await.unwrap();
    Report { put: report.put, ..proved }
}

pub async fn ledger(world: &World) -> Ledger {
    let mut all = world.store.drift_ledgers().await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0).ledger
}

pub async fn drift(world: &World) -> Vec<DriftItem> {
    world.store.drift_items(repository(world).await.id, 1000).await.unwrap()
}

/// Deliveries in the inbox.
pub async fn inbox(world: &World) -> i64 {
    world.store.count_deliveries(&DeliveryFilter::default(), 1_000_000).await.unwrap()
}

/// Requests by method that the two sides have seen so far: GitHub's, and those of Plane's that
/// could change something.
pub fn requests(world: &World) -> (BTreeMap<String, usize>, usize) {
    let mut github = BTreeMap::new();
    for request in world.github.requests() {
        *github.entry(request.method).or_default() += 1;
    }
    (github, world.plane.writes().len())
}

/// From now on GitHub's next webhooks, so many, never arrive.
pub fn lose(world: &World, count: usize) {
    world.github.add_webhook_faults(std::iter::repeat_n(WebhookFault::Lose, count));
}

/// The same of Plane's.
pub fn lose_planes(world: &World, count: usize) {
    world.plane.faults().next_webhooks(count, PlaneFault::Drop);
}

/// Everything arrives again, and what was on its way has.
pub async fn connected(world: &World) {
    world.plane.settled().await;
    world.github.settled().await;
    world.plane.faults().clear();
}

/// The live items of a system, by their ids there.
pub async fn known(world: &World, system: System) -> BTreeMap<String, WorkItem> {
    let filter = WorkItemFilter { system: Some(system), ..WorkItemFilter::default() };
    let items = world.store.work_items(&filter, None, 100_000).await.unwrap();
    items.into_iter().map(|item| (item.external_id.clone(), item)).collect()
}

/// What is known of both sides is what is there.
pub async fn assert_known(world: &World) {
    let known_issues = known(world, System::Github).await;
    let issues = world.github.issues(REPOSITORY).unwrap();
    assert_eq!(known_issues.len(), issues.len(), "issues and pull requests that are known");
    for issue in issues.iter().filter(|issue| !issue.pull_request) {
        let state = known_issues[&issue.id.to_string()].state.clone().unwrap();
        assert_eq!(state.title, issue.title);
        assert_eq!(state.status.unwrap() == "closed", issue.state.is_closed());
        let labels: Vec<_> = state.labels.iter().map(|label| label.name.clone()).collect();
        let told: Vec<_> = issue.labels.iter().map(|label| label.name.clone()).collect();
        assert_eq!(labels, told);
    }
    let known_items = known(world, System::Plane).await;
    let items = world.plane.items();
    let there: Vec<_> = items.iter().filter(|item| item.archived_at.is_none()).collect();
    for item in &there {
        let known = known_items.get(&item.id.to_string());
        let state = known.unwrap_or_else(|| panic!("{} is not known", item.name)).state.clone();
        assert_eq!(state.unwrap().title, item.name);
    }
    let archived = items.len() - there.len();
    assert!(known_items.len() <= there.len() + archived, "nothing is known that is not there");
}

/// A small generator, the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

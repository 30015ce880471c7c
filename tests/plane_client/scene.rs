//! A simulated Plane with one project, and a client for its service user.

use std::collections::BTreeSet;
use std::time::Duration;

use jetbridge::clients::plane::{Creation, PlaneClient};
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::sim::plane::{Faults, Person, SimPlane, SimPlaneConfig};
use jetbridge::sync::plane::NewItem;
use uuid::Uuid;

/// Longer than any answer takes here.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Scene {
    pub plane: SimPlane,
    pub client: PlaneClient,
    pub project: String,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(SimPlaneConfig::default()).await
    }

    pub async fn with(config: SimPlaneConfig) -> Self {
        let clock = config.clock.clone();
        let plane = SimPlane::start(config.with_project("SYNC", "Sync Target")).await.unwrap();
        let project = plane.project("SYNC").unwrap().id.to_string();
        let client = client(&plane, &plane.api_key(), PATIENCE).with_clock(clock);
        Self { plane, client, project }
    }

    pub fn faults(&self) -> Faults {
        self.plane.faults()
    }

    pub fn person(&self, name: &str) -> Person {
        self.plane.person(name).unwrap()
    }

    pub fn user(&self, name: &str) -> String {
        self.plane.user(name).unwrap().id.to_string()
    }

    /// A client with another person's key.
    pub fn client_of(&self, name: &str) -> PlaneClient {
        client(&self.plane, &self.plane.user(name).unwrap().api_key, PATIENCE)
    }

    /// A new item's id.
    pub async fn item(&self, external_id: &str) -> String {
        match self.client.create_item(&self.project, &new_item(external_id)).await.unwrap() {
            Creation::Created(item) => item.id,
            Creation::AlreadyThere(id) => panic!("{id} is there already"),
        }
    }
}

pub fn client(plane: &SimPlane, key: &str, timeout: Duration) -> PlaneClient {
    let keys = Secrets::new([key.to_owned()]);
    PlaneClient::new(&plane.api_url(), &plane.workspace(), &keys, timeout).unwrap().unwrap()
}

pub fn clock() -> Clock {
    Clock::manual("2026-11-22T00:00:00Z".parse().unwrap())
}

pub fn new_item(external_id: &str) -> NewItem {
    NewItem {
        name: format!("issue {external_id}"),
        description_html: "<p>text</p>".to_owned(),
        state: None,
        labels: BTreeSet::new(),
        assignees: BTreeSet::new(),
        priority: None,
        created_at: None,
        created_by: None,
        external_id: external_id.to_owned(),
    }
}

pub fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

pub fn set(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

//! All that a simulated Plane knows, and what follows from a change by itself.
//!
//! Stamps never repeat and never go back, even under a clock that stands still: a later change
//! has a later `updated_at`, as on a real server.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::config::{Role, SimPlaneConfig, User};
use super::records::{
    Bundle, Comment, External, Item, Label, Link, Membership, Project, SeenRequest, SentWebhook,
    Stamps, State, Switches,
};
use super::webhooks::{Background, Webhook};
use crate::clock::{Clock, Timestamp};
use crate::sim::log::Log;
use crate::sync::milestones::BundleKind;

/// A new project's states: name, group, color, sequence.
const STATES: [(&str, &str, &str, f64); 5] = [
    ("Backlog", "backlog", "#60646C", 15_000.0),
    ("Todo", "unstarted", "#60646C", 25_000.0),
    ("In Progress", "started", "#F59E0B", 35_000.0),
    ("Done", "completed", "#46A758", 45_000.0),
    ("Cancelled", "cancelled", "#9AA4BC", 55_000.0),
];

/// Between one item's or label's place in a list and the next.
const SORT_STEP: f64 = 10_000.0;
/// The first one's place.
const SORT_START: f64 = 65_535.0;

/// One of its workspaces.
pub(super) struct Workspace {
    pub id: Uuid,
    /// Its name in paths.
    pub slug: String,
}

pub(super) struct World {
    clock: Clock,
    last_stamp: Timestamp,
    rng: StdRng,
    /// The first is the one of the configuration.
    pub workspaces: Vec<Workspace>,
    /// The workspace of each project that there is or was.
    homes: HashMap<Uuid, Uuid>,
    pub users: Vec<User>,
    pub projects: Vec<Project>,
    pub memberships: Vec<Membership>,
    pub states: Vec<State>,
    pub labels: Vec<Label>,
    pub items: Vec<Item>,
    pub comments: Vec<Comment>,
    pub links: Vec<Link>,
    pub bundles: Vec<Bundle>,
    /// Numbers given out, by project: a deleted item's is not given again.
    sequences: HashMap<Uuid, u64>,
    pub webhooks: Vec<Webhook>,
    /// What happened and was not yet handed to the queue.
    pub outbox: Vec<Background>,
    /// When each key asked within the last minute.
    pub asked: HashMap<String, VecDeque<Timestamp>>,
    pub requests: Log<SeenRequest>,
    pub sent: Log<SentWebhook>,
}

impl World {
    pub fn new(config: &SimPlaneConfig) -> Self {
        let mut world = Self {
            clock: config.clock.clone(),
            last_stamp: Timestamp::default(),
            rng: StdRng::seed_from_u64(config.seed),
            workspaces: vec![Workspace { id: config.workspace_id, slug: config.workspace.clone() }],
            homes: HashMap::new(),
            users: config.users.clone(),
            projects: Vec::new(),
            memberships: Vec::new(),
            states: Vec::new(),
            labels: Vec::new(),
            items: Vec::new(),
            comments: Vec::new(),
            links: Vec::new(),
            bundles: Vec::new(),
            sequences: HashMap::new(),
            webhooks: Vec::new(),
            outbox: Vec::new(),
            asked: HashMap::new(),
            requests: Log::keeping(config.remembered),
            sent: Log::keeping(config.remembered),
        };
        for (identifier, name) in &config.projects {
            world.set_up_project(config.workspace_id, identifier, name);
        }
        world
    }

    /// The workspace of a project, also of one that is deleted.
    pub fn workspace_of(&self, project: Uuid) -> Uuid {
        self.homes.get(&project).copied().unwrap_or_default()
    }

    /// The id of a workspace, by its name in paths.
    pub fn workspace_named(&self, slug: &str) -> Option<Uuid> {
        self.workspaces.iter().find(|workspace| workspace.slug == slug).map(|known| known.id)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A moment later than every one before.
    pub fn stamp(&mut self) -> Timestamp {
        let next = self.last_stamp + Duration::from_micros(1);
        self.last_stamp = self.clock.now().max(next);
        self.last_stamp
    }

    pub fn fresh_stamps(&mut self) -> Stamps {
        let created_at = self.stamp();
        Stamps { created_at, updated_at: self.stamp(), updated_by: None }
    }

    pub fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.random()).into_uuid()
    }

    /// Somewhere from nothing to `longest`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.rng.random())
    }

    /// A project made by its first user, with everybody who has a role as its member.
    pub fn set_up_project(&mut self, workspace: Uuid, identifier: &str, name: &str) -> Uuid {
        let founder = self.users.first().map(|user| user.id).unwrap_or_default();
        let project = self.add_project(workspace, identifier, name, founder);
        let others: Vec<(Uuid, Role)> = self
            .users
            .iter()
            .filter(|user| user.id != founder)
            .filter_map(|user| Some((user.id, user.role?)))
            .collect();
        for (user, role) in others {
            self.add_membership(project, user, role);
        }
        project
    }

    /// A project with its default states and its founder as its only member.
    pub fn add_project(
        &mut self,
        workspace: Uuid,
        identifier: &str,
        name: &str,
        founder: Uuid,
    ) -> Uuid {
        let (id, stamps) = (self.uuid(), self.fresh_stamps());
        self.homes.insert(id, workspace);
        self.projects.push(Project {
            id,
            identifier: identifier.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            switches: Switches::default(),
            external: External::default(),
            created_by: founder,
            stamps,
        });
        self.add_membership(id, founder, Role::Admin);
        for (at, (name, group, color, sequence)) in STATES.into_iter().enumerate() {
            let state = State {
                id: self.uuid(),
                project: id,
                name: name.to_owned(),
                group: group.to_owned(),
                color: color.to_owned(),
                slug: String::new(),
                sequence,
                default: at == 0,
                external: External::default(),
                created_by: founder,
                stamps: self.fresh_stamps(),
            };
            self.states.push(state);
        }
        id
    }

    pub fn add_membership(&mut self, project: Uuid, user: Uuid, role: Role) -> Uuid {
        let id = self.uuid();
        self.memberships.push(Membership { id, project, user, role, active: true });
        id
    }

    pub fn role_in(&self, project: Uuid, user: Uuid) -> Option<Role> {
        let mut places = self.memberships.iter();
        places.find(|m| m.project == project && m.user == user && m.active).map(|m| m.role)
    }

    pub fn user(&self, id: Uuid) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub fn state(&self, id: Uuid) -> Option<&State> {
        self.states.iter().find(|state| state.id == id)
    }

    pub fn label(&self, id: Uuid) -> Option<&Label> {
        self.labels.iter().find(|label| label.id == id)
    }

    pub fn item(&self, id: Uuid) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    pub fn item_mut(&mut self, id: Uuid) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    pub fn comment(&self, id: Uuid) -> Option<&Comment> {
        self.comments.iter().find(|comment| comment.id == id)
    }

    pub fn comment_mut(&mut self, id: Uuid) -> Option<&mut Comment> {
        self.comments.iter_mut().find(|comment| comment.id == id)
    }

    pub fn default_state(&self, project: Uuid) -> Uuid {
        let mut states = self.states.iter();
        states.find(|s| s.project == project && s.default).map(|s| s.id).unwrap_or_default()
    }

    /// The next number of a project, and its place in the list.
    pub fn next_place(&mut self, project: Uuid) -> (u64, f64) {
        let sort_order = self
            .items
            .iter()
            .filter(|item| item.project == project)
            .map(|item| item.sort_order + SORT_STEP)
            .fold(SORT_START, f64::max);
        let number = self.sequences.entry(project).or_default();
        *number += 1;
        (*number, sort_order)
    }

    pub fn next_label_place(&self, project: Uuid) -> f64 {
        let labels = self.labels.iter().filter(|label| label.project == project);
        labels.map(|label| label.sort_order + SORT_STEP).fold(SORT_START, f64::max)
    }

    /// Items of a project that share an external pair.
    pub fn twins(&self, project: Uuid, external: &External) -> Vec<Uuid> {
        let items = self.items.iter().filter(|item| item.project == project);
        items.filter(|item| item.external.is(external)).map(|item| item.id).collect()
    }

    /// The comment of a project that has an external pair.
    pub fn comment_twin(&self, project: Uuid, external: &External) -> Option<Uuid> {
        let mut comments = self.comments.iter();
        comments.find(|c| c.project == project && c.external.is(external)).map(|c| c.id)
    }

    /// Puts an item into a state, with what follows for `completed_at`.
    pub fn enter_state(&mut self, item: Uuid, state: Uuid) {
        let completed = self.state(state).is_some_and(|state| state.group == "completed");
        let now = self.stamp();
        if let Some(item) = self.item_mut(item) {
            item.completed_at = match (completed, item.state == state) {
                (true, true) => item.completed_at,
                (true, false) => Some(now),
                (false, _) => None,
            };
            item.state = state;
        }
    }

    /// Moves an item's `updated_at` on; nobody is told.
    pub fn touch(&mut self, item: Uuid, by: Option<Uuid>) {
        let now = self.stamp();
        if let Some(item) = self.item_mut(item) {
            item.stamps.updated_at = now;
            item.stamps.updated_by = by.or(item.stamps.updated_by);
        }
    }

    /// Takes an item away with all that hangs on it.
    pub fn remove_item(&mut self, id: Uuid) {
        self.items.retain(|item| item.id != id);
        self.comments.retain(|comment| comment.item != id);
        self.links.retain(|link| link.item != id);
        for item in self.items.iter_mut().filter(|item| item.parent == Some(id)) {
            item.parent = None;
        }
        for bundle in &mut self.bundles {
            bundle.items.retain(|item| *item != id);
        }
    }

    pub fn bundle(&self, id: Uuid) -> Option<&Bundle> {
        self.bundles.iter().find(|bundle| bundle.id == id)
    }

    pub fn bundle_mut(&mut self, id: Uuid) -> Option<&mut Bundle> {
        self.bundles.iter_mut().find(|bundle| bundle.id == id)
    }

    /// Puts an item into a module or a cycle; of cycles it is in one at a time.
    pub fn enter_bundle(&mut self, id: Uuid, item: Uuid) {
        let Some(kind) = self.bundle(id).map(|bundle| bundle.kind) else { return };
        for bundle in &mut self.bundles {
            if bundle.id == id && !bundle.items.contains(&item) {
                bundle.items.push(item);
            } else if bundle.id != id && kind == BundleKind::Cycle && bundle.kind == kind {
                bundle.items.retain(|inside| *inside != item);
            }
        }
        self.later(Background::Touch(item));
    }

    /// Takes an item out; whether it was in it.
    pub fn leave_bundle(&mut self, id: Uuid, item: Uuid) -> bool {
        let Some(bundle) = self.bundle_mut(id) else { return false };
        let before = bundle.items.len();
        bundle.items.retain(|inside| *inside != item);
        let was_in = bundle.items.len() < before;
        self.later(Background::Touch(item));
        was_in
    }

    /// A person as answers and webhooks show them.
    pub fn person(&self, id: Uuid) -> Value {
        self.user(id).map_or(Value::Null, person)
    }
}

/// Somebody as answers and webhooks show them.
pub(super) fn person(user: &User) -> Value {
    json!({
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "avatar": "",
        "avatar_url": null,
        "display_name": user.display_name,
    })
}

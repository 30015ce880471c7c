//! A simulated Plane: its REST API and its webhooks, as recorded from a running server.
//!
//! It listens on a port of its own on 127.0.0.1 and stops when it is dropped. Its rule: what it
//! answers has the shape that Plane's answer has, a test replays the recorded ones against it.
//! Deliberately absent: what Jetbridge does not use (intake, attachments, relations, activities, archiving a project, the web app's own API).
//!
//! A request is worked off under one lock, so that nothing is half done, but for the gap in a
//! create between looking for a duplicate and storing: Plane has it, and
//! [`SimPlaneConfig::race_window`] makes it as wide as a test wants it.

mod answer;
mod config;
mod dispatch;
mod faults;
pub mod html;
mod page;
mod people;
mod quota;
mod records;
mod render;
mod rest;
mod server;
mod web;
mod webhooks;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::config::{RateLimit, Role, SimPlaneConfig, User};
use self::dispatch::Job;
pub use self::faults::{Faults, On, RequestFault, WebhookFault};
pub use self::people::{NotDone, Person};
pub use self::records::{
    Bundle, Comment, External, Item, Label, Link, Project, RequestKind, SeenRequest, SentWebhook,
    Stamps, State,
};
use self::webhooks::Webhook;
use self::world::{Workspace, World};
use crate::sync::milestones::BundleKind;

/// A running simulated Plane.
pub struct SimPlane {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

/// What requests, the worker and people share.
struct Shared {
    world: Mutex<World>,
    faults: Faults,
    queue: UnboundedSender<Job>,
    /// Jobs in the queue and webhooks on their way.
    outstanding: watch::Sender<usize>,
    /// Webhooks that wait for the one after them.
    held: watch::Sender<usize>,
    rate_limit: RateLimit,
    race_window: Duration,
    webhook_latency: Duration,
    webhook_timeout: Duration,
    webhook_retry_wait: Duration,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Also hands over what `act` left for later, in its order.
    fn with_then_tell<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.with(|world| {
            let done = act(world);
            let due = Instant::now() + self.webhook_latency;
            for work in world.outbox.drain(..) {
                self.put(Job::Work { due, work });
            }
            done
        })
    }

    fn put(&self, job: Job) {
        self.started_one();
        if self.queue.send(job).is_err() {
            self.finished_one();
        }
    }

    fn started_one(&self) {
        self.outstanding.send_modify(|count| *count += 1);
    }

    fn finished_one(&self) {
        self.outstanding.send_modify(|count| *count -= 1);
    }

    fn hold(&self, count: usize) {
        self.held.send_replace(count);
    }
}

impl SimPlane {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(config: SimPlaneConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (queue, jobs) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(&config)),
            faults: Faults::none(),
            queue,
            outstanding: watch::Sender::new(0),
            held: watch::Sender::new(0),
            rate_limit: config.rate_limit,
            race_window: config.race_window,
            webhook_latency: config.webhook_latency,
            webhook_timeout: config.webhook_timeout,
            webhook_retry_wait: config.webhook_retry_wait,
        });
        let tasks = [
            tokio::spawn(server::serve(listener, Arc::clone(&shared))),
            tokio::spawn(dispatch::work(Arc::clone(&shared), jobs)),
        ];
        Ok(Self { address, shared, tasks })
    }

    /// What `plane.api_url` is to be set to.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What `plane.workspace` is to be set to.
    pub fn workspace(&self) -> String {
        self.shared.with(|world| world.workspaces[0].slug.clone())
    }

    /// The service's own user's key: what `plane.api_key` is to be set to.
    pub fn api_key(&self) -> String {
        let first = self.shared.with(|world| world.users.first().cloned());
        first.map(|user| user.api_key).unwrap_or_default()
    }

    /// A user, by the name that people see.
    pub fn user(&self, display_name: &str) -> Option<User> {
        let named = |user: &&User| user.display_name == display_name;
        self.shared.with(|world| world.users.iter().find(named).cloned())
    }

    /// Somebody at the web app, by the name that people see.
    pub fn person(&self, display_name: &str) -> Option<Person> {
        let id = self.user(display_name)?.id;
        Some(Person { shared: Arc::clone(&self.shared), id })
    }

    /// Moves a user to another time zone, in which REST answers them from then on.
    pub fn move_user(&self, user: Uuid, utc_offset_minutes: i32) {
        self.shared.with(|world| {
            if let Some(user) = world.users.iter_mut().find(|u| u.id == user) {
                user.utc_offset_minutes = utc_offset_minutes;
            }
        });
    }

    /// Sets up a project of which everybody with a role is a member.
    pub fn add_project(&self, identifier: &str, name: &str) -> Uuid {
        let slug = self.workspace();
        self.add_project_in(&slug, identifier, name)
    }

    /// One more workspace, of which everybody with a role is a member.
    pub fn add_workspace(&self, slug: &str) -> Uuid {
        self.shared.with(|world| {
            let id = world.uuid();
            world.workspaces.push(Workspace { id, slug: slug.to_owned() });
            id
        })
    }

    /// The same as [`Self::add_project`] in a workspace, which is made where there is none of
    /// that name.
    pub fn add_project_in(&self, workspace: &str, identifier: &str, name: &str) -> Uuid {
        let known = self.shared.with(|world| world.workspace_named(workspace));
        let id = known.unwrap_or_else(|| self.add_workspace(workspace));
        self.shared.with(|world| world.set_up_project(id, identifier, name))
    }

    /// Makes a label, as an admin does in the web app.
    pub fn add_label(&self, project: Uuid, name: &str) -> Uuid {
        self.shared.with(|world| {
            let by = world.users.first().map(|user| user.id).unwrap_or_default();
            rest::insert_label(world, project, by, name.to_owned())
        })
    }

    /// Switches a project's modules or cycles on, as its settings do; a new project has neither.
    pub fn switch_on(&self, project: Uuid, kind: BundleKind) {
        self.shared.with(|world| {
            if let Some(project) = world.projects.iter_mut().find(|p| p.id == project) {
                match kind {
                    BundleKind::Module => project.switches.modules = true,
                    BundleKind::Cycle => project.switches.cycles = true,
                }
            }
        });
    }

    /// All modules and cycles, in the order in which they were made.
    pub fn bundles(&self) -> Vec<Bundle> {
        self.shared.with(|world| world.bundles.clone())
    }

    /// The names of the modules and cycles in which an item is.
    pub fn bundles_of(&self, item: Uuid) -> Vec<String> {
        let has = |bundle: &&Bundle| bundle.items.contains(&item);
        self.shared.with(|world| {
            world.bundles.iter().filter(has).map(|bundle| bundle.name.clone()).collect()
        })
    }

    /// Says whose twin an item is.
    pub fn set_external(&self, item: Uuid, external: External) {
        self.shared.with(|world| {
            if let Some(item) = world.item_mut(item) {
                item.external = external;
            }
        });
    }

    /// Sends webhooks there from now on. Several may be set up; each gets its own deliveries.
    pub fn add_webhook(&self, url: &str, secret: &str) -> Uuid {
        let slug = self.workspace();
        self.add_webhook_in(&slug, url, secret)
    }

    /// The same of a workspace: a webhook of Plane's tells of one alone.
    pub fn add_webhook_in(&self, workspace: &str, url: &str, secret: &str) -> Uuid {
        self.shared.with(|world| {
            let id = world.uuid();
            let workspace = world.workspace_named(workspace).unwrap_or_default();
            let (url, secret) = (url.to_owned(), secret.to_owned());
            world.webhooks.push(Webhook { id, workspace, url, secret, active: true });
            id
        })
    }

    /// Whether a webhook is switched on: six failures of one delivery switch it off.
    pub fn webhook_is_active(&self, webhook: Uuid) -> bool {
        let on = |w: &Webhook| w.id == webhook && w.active;
        self.shared.with(|world| world.webhooks.iter().any(on))
    }

    /// Switches a webhook on again; what happened in between stays lost.
    pub fn switch_on_webhook(&self, webhook: Uuid) {
        self.shared.with(|world| {
            if let Some(webhook) = world.webhooks.iter_mut().find(|w| w.id == webhook) {
                webhook.active = true;
            }
        });
    }

    /// Where faults are asked for.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// Waits until every webhook is sent or given up. Does not come back while webhooks are
    /// paused.
    pub async fn settled(&self) {
        loop {
            // The sender lives in `self`.
            let _ = self.shared.outstanding.subscribe().wait_for(|count| *count == 0).await;
            if *self.shared.held.borrow() == 0 {
                return;
            }
            self.shared.put(Job::ReleaseHeld);
        }
    }

    /// A project, by its identifier.
    pub fn project(&self, identifier: &str) -> Option<Project> {
        let called = |project: &&Project| project.identifier == identifier;
        self.shared.with(|world| world.projects.iter().find(called).cloned())
    }

    /// All items, archived ones too, in the order in which they were made.
    pub fn items(&self) -> Vec<Item> {
        self.shared.with(|world| world.items.clone())
    }

    /// One item.
    pub fn item(&self, id: Uuid) -> Option<Item> {
        self.shared.with(|world| world.item(id).cloned())
    }

    /// An item's comments, in the order in which they were stored.
    pub fn comments(&self, item: Uuid) -> Vec<Comment> {
        let of_item = |world: &mut World| {
            world.comments.iter().filter(|comment| comment.item == item).cloned().collect()
        };
        self.shared.with(of_item)
    }

    /// An item's links.
    pub fn links(&self, item: Uuid) -> Vec<Link> {
        let of_item = |world: &mut World| {
            world.links.iter().filter(|link| link.item == item).cloned().collect()
        };
        self.shared.with(of_item)
    }

    /// All labels of all projects.
    pub fn labels(&self) -> Vec<Label> {
        self.shared.with(|world| world.labels.clone())
    }

    /// All states of all projects.
    pub fn states(&self) -> Vec<State> {
        self.shared.with(|world| world.states.clone())
    }

    /// The requests that are remembered, in their order.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.with(|world| world.requests.to_vec())
    }

    /// How many requests there ever were.
    pub fn request_count(&self) -> usize {
        self.shared.with(|world| world.requests.ever())
    }

    /// The requests that could change something.
    pub fn writes(&self) -> Vec<SeenRequest> {
        let mut requests = self.requests();
        requests.retain(|request| request.kind == RequestKind::Write);
        requests
    }

    /// The webhooks that were sent or tried and are remembered, in their order.
    pub fn sent_webhooks(&self) -> Vec<SentWebhook> {
        self.shared.with(|world| world.sent.to_vec())
    }
}

impl Drop for SimPlane {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

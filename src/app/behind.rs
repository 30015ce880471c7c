//! What runs behind the server and needs the database: the watch, the workers, the live feed's
//! follower, the hints between processes and the spool's drain. It begins when the database is there.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Role, outage, outside};
use crate::clients::alarm_webhook::AlarmWebhook;
use crate::clock::Clock;
use crate::config::Config;
use crate::inbox::{Drain, KnownRepositories};
use crate::jobs::directory::Directory;
use crate::jobs::process_delivery::{PlaneAddress, Processor};
use crate::jobs::reconcile::{Reconcile, schedule as comparing};
use crate::jobs::recover::Recover;
use crate::jobs::recover::schedule::Schedule;
use crate::jobs::retention::Keeper;
use crate::jobs::sync_issue::IssueSync;
use crate::jobs::watch::{Watch, Watcher};
use crate::metrics::Metrics;
use crate::queue::worker::Worker;
use crate::queue::{Wake, hints};
use crate::store::Store;
use crate::store::announcements::Topic;
use crate::store::jobs::Stage;
use crate::web::state::WebState;

/// Issues that are brought in step at a time: Plane gives one request a second.
const SYNCS: usize = 4;

/// Everything that works beside the requests of one process.
pub(super) struct Behind {
    pub(super) config: Config,
    pub(super) role: Role,
    pub(super) state: WebState,
    pub(super) repositories: KnownRepositories,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Behind {
    /// Starts all of it; each task ends when the process stops.
    pub(super) fn start(self) -> Vec<JoinHandle<()>> {
        let mut working = self.start_working();
        working.extend(self.between_processes());
        working.push(tokio::spawn(self.state.live.clone().follow()));
        let Self { state: WebState { spool, store, clock, wake, .. }, repositories, .. } = self;
        let drain = spool.map(|spool| Drain { spool, store, repositories, clock, wake });
        working.extend(drain.map(|drain| tokio::spawn(drain.run(self.stopped))));
        working
    }

    /// Starts when the database is there, and ends when all of it has ended.
    pub(super) async fn start_later(self) {
        let (store, clock, mut stopped) =
            (&self.state.store, &self.state.clock, self.stopped.clone());
        if outage::await_database(&self.config, store, clock, &mut stopped).await {
            for task in self.start() {
                let _ = task.await;
            }
        }
    }

    /// In every process the watch, the queue where it is worked off.
    fn start_working(&self) -> Vec<JoinHandle<()>> {
        let Self { config, state, stopped, .. } = self;
        let WebState { store, clock, metrics, wake, .. } = state;
        let watch =
            Watch::new(watcher(config, self.role), store, clock, metrics).touching(config.canary);
        if !self.role.works() {
            return vec![tokio::spawn(watch.run(stopped.clone()))];
        }
        let sync = outside::issue_sync(config, store, clock).counting(metrics);
        let mut working = vec![tokio::spawn(watch.hearing(&sync).run(stopped.clone()))];
        let recovering = self.recovering(&sync).map(|schedule| schedule.run(stopped.clone()));
        working.extend(recovering.map(tokio::spawn));
        working.extend(config.reconcile_every.map(|every| {
            let compare = Reconcile::new(sync.clone(), plane_address(config));
            tokio::spawn(comparing::Schedule::new(compare, every).run(stopped.clone()))
        }));
        for worker in workers(config, store, clock, wake, metrics, sync) {
            working.push(tokio::spawn(worker.run(stopped.clone())));
        }
        let keeper = Keeper::new(store, clock, config.retention);
        working.push(tokio::spawn(keeper.run(stopped.clone())));
        working
    }

    /// `None` where there is no token, or it is switched off.
    fn recovering(&self, sync: &IssueSync) -> Option<Schedule> {
        let Self { config, state, .. } = self;
        let github = sync.github.as_ref().filter(|github| github.rests().next().is_some());
        let github = github.filter(|_| !config.recover_every.is_zero())?;
        let WebState { store, clock, metrics, .. } = state;
        let app = outside::github_app(config, store, clock);
        let app = app.map(|app| app.map(|app| app.counting(&metrics.remote)));
        let recover = Recover::new(store, clock, github.clone(), &config.public_url).with_app(app);
        Some(Schedule::new(recover, config.recover_every, state.spool.clone()))
    }

    /// Tells other processes what this one commits, and hears what they say.
    fn between_processes(&self) -> [JoinHandle<()>; 3] {
        let WebState { store, wake, live, .. } = &self.state;
        let announce = |topic, committed| {
            tokio::spawn(hints::announce(store.clone(), topic, committed, self.stopped.clone()))
        };
        let (wake_up, look) = (wake.clone(), live.clone());
        let pass_on = move |topic| match topic {
            Topic::Work => wake_up.work_is_due_elsewhere(),
            Topic::Changes => look.look(),
        };
        [
            announce(Topic::Work, wake.work_to_announce()),
            announce(Topic::Changes, store.changes_to_announce()),
            tokio::spawn(hints::listen(store.clone(), pass_on, self.stopped.clone())),
        ]
    }
}

/// What this process is for whoever looks after all of them.
fn watcher(config: &Config, role: Role) -> Watcher {
    let workers = if role.works() { config.workers + config.workers.min(SYNCS) } else { 0 };
    Watcher {
        role: match role {
            Role::All => "all",
            Role::Receiver => "receiver",
            Role::Worker => "worker",
        },
        workers,
        alarms: AlarmWebhook::new(&config.alarm_webhook_url),
        public_url: config.public_url.clone(),
    }
}

/// Where people open Plane.
fn plane_address(config: &Config) -> PlaneAddress {
    PlaneAddress {
        workspace: config.plane.workspace.clone(),
        web_url: config.plane.web_url.clone(),
    }
}

/// A worker for each stage of the queue, over one processor.
fn workers(
    config: &Config,
    store: &Store,
    clock: &Clock,
    wake: &Wake,
    metrics: &Arc<Metrics>,
    sync: IssueSync,
) -> [Worker; 2] {
    let processor = Arc::new(Processor {
        store: store.clone(),
        clock: clock.clone(),
        directory: Directory::new(sync.plane.clone(), store.clone(), clock.clone()),
        plane: plane_address(config),
        sync,
        wake: wake.clone(),
        policy: config.retry,
        chance: rand::random,
        metrics: Arc::clone(metrics),
    });
    let worker = |stage, concurrency| Worker {
        stage,
        store: store.clone(),
        clock: clock.clone(),
        wake: wake.clone(),
        processor: Arc::clone(&processor),
        concurrency,
    };
    [worker(Stage::Read, config.workers), worker(Stage::Sync, config.workers.min(SYNCS))]
}

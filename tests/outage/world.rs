//! One process, its data folder and a `PostgreSQL` that can be taken away.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jetbridge::clock::Clock;
use jetbridge::store::Store;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::plane::{Delivery, issue_delivery};
use crate::support::postgres::Cluster;
use crate::support::process::{Response, Served, eventually};

pub const TODO: (&str, &str) = ("Todo", "unstarted");
pub const TOKEN: &str = "outage-admin-token-0123456789";
const SENDERS: usize = 16;

pub struct World {
    pub cluster: Cluster,
    pub url: String,
    pub folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let cluster = Cluster::start();
        let url = cluster.new_database();
        Self { cluster, url, folder: tempfile::tempdir().unwrap() }
    }

    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Served {
        let mut all = vec![("JETBRIDGE_ADMIN_TOKEN", TOKEN)];
        all.extend_from_slice(environment);
        Served::start_with(&self.url, self.folder.path(), &[], &all)
    }

    pub async fn store(&self) -> Store {
        Store::open(&self.url.parse().unwrap()).await.unwrap()
    }

    /// The spool's files that end like this.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let entries =
            |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries(self.folder.path().join("spool"))
            .flat_map(entries)
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .collect();
        files.sort();
        files
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr.log")).unwrap()
    }
}

/// A delivery whose id is also its item's.
pub fn new_delivery() -> Delivery {
    let id = uuid::Uuid::new_v4().to_string();
    issue_delivery(&id, "t", TODO, "2026-11-22T01:00:00Z").with_id(&id)
}

pub async fn post(served: &Served, delivery: &Delivery) -> Response {
    served.connect().await.post(delivery).await.expect("an answer")
}

/// Asks with the admin's token.
pub async fn get(served: &Served, path: &str) -> Response {
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    served.connect().await.get(path, &header).await.expect("an answer")
}

/// A figure of `/metrics`; `None` when it is not among them.
pub async fn figure(served: &Served, name: &str) -> Option<f64> {
    let text = get(served, "/metrics").await.body;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.map(|number| number.parse().unwrap())
}

/// Waits until deliveries go to the database again.
pub async fn drained(served: &Served) {
    eventually("draining the spool", || async {
        let ready = get(served, "/readyz").await;
        let body: Value = serde_json::from_str(&ready.body).unwrap();
        ready.status == 200 && !body["spool"].as_str().is_some_and(|said| said.contains("wait"))
    })
    .await;
}

/// Waits until nothing waits in the queue.
pub async fn worked_off(store: &Store) {
    eventually("working everything off", || async {
        let queue = store.queue_stats(Clock::System.now()).await.unwrap();
        queue.queued + queue.claimed == 0
    })
    .await;
}

/// Posts from many connections until `count` are accepted; then either kills the process or lets it
/// be. The ids that were answered 200, and the process if it still lives.
pub async fn post_many(served: Served, count: usize, kill: Kill) -> (Vec<String>, Option<Served>) {
    let answered = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (mut client, answered) = (served.connect().await, Arc::clone(&answered));
        senders.spawn(async move {
            let mut ids = Vec::new();
            while kill == Kill::AtTheEnd || answered.load(Ordering::Relaxed) < count {
                let delivery = new_delivery();
                match client.post(&delivery).await {
                    Some(response) if response.status == 200 => ids.push(delivery.id),
                    Some(response) => panic!("{response:?}"),
                    None => break,
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
            ids
        });
    }
    eventually("enough deliveries", || {
        let enough = answered.load(Ordering::Relaxed) >= count;
        async move { enough }
    })
    .await;
    let served = match kill {
        Kill::AtTheEnd => {
            served.kill();
            None
        }
        Kill::Not => Some(served),
    };
    (senders.join_all().await.into_iter().flatten().collect(), served)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    Not,
    AtTheEnd,
}

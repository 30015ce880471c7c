//! The load: signed deliveries of many items in any order, with repeats, over connections that stay
//! open, and the book of what was accepted.
//!
//! What is not accepted is sent again until it is, as both senders do by hand or by themselves, so
//! that in the end the newest version of every item was accepted. What was accepted is sent again
//! rarely, so that a loss is not mended by its repeat.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use jetbridge::clock::{Clock, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use crate::github::{self, GithubDelivery};
use crate::plane::{self, Delivery};
use crate::process::{Client, Response};

/// Connections that send.
pub const SENDERS: usize = 8;
/// GitHub gives up after this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deliveries among which the next one is drawn: the order is as wrong as this is long.
const SHUFFLED: usize = 40;
/// Items that still get new versions, and deliveries that may be repeated.
const RECENT: usize = 400;

#[derive(Clone)]
enum Request {
    Plane(Delivery),
    Github(GithubDelivery),
}

/// One delivery and what it tells.
#[derive(Clone)]
pub struct Parcel {
    request: Request,
    item: String,
    version: u32,
    comment: Option<u64>,
}

impl Parcel {
    /// What may be in the database once: Plane's body, GitHub's delivery id.
    fn key(&self) -> Key {
        match &self.request {
            Request::Plane(delivery) => Key::plane(&Sha256::digest(&delivery.body)),
            Request::Github(delivery) => Key::github(&delivery.id),
        }
    }

    fn under_another_id(mut self) -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        match &mut self.request {
            Request::Plane(delivery) => delivery.id = id,
            Request::Github(delivery) => delivery.id = id,
        }
        self
    }
}

/// What tells deliveries apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    pub fn plane(body_sha256: &[u8]) -> Self {
        Self(format!("plane {}", hex::encode(body_sha256)))
    }

    pub fn github(id: &str) -> Self {
        Self(format!("github {id}"))
    }
}

/// What was answered.
#[derive(Default)]
pub struct Book {
    /// All that were answered 2xx at least once.
    pub accepted: HashSet<Key>,
    /// The newest accepted version of each item, by its reference.
    pub newest: HashMap<String, u32>,
    /// Accepted comments of each issue of GitHub's.
    pub comments: HashMap<String, BTreeSet<u64>>,
    /// 2xx answers, repeats included.
    pub yes: u64,
    /// Other answers, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Connections that broke, and answers that nobody waited for any longer.
    pub unanswered: u64,
}

/// The title of an item's version.
pub fn title(item: &str, version: u32) -> String {
    format!("{item} in version {version}")
}

struct Maker {
    random: StdRng,
    begun: Timestamp,
    items: Vec<(String, u32)>,
    made: u64,
    waiting: Vec<Parcel>,
    sent: VecDeque<Parcel>,
    under_way: usize,
    closed: bool,
}

/// Makes deliveries, sends them, and writes down what was answered.
pub struct Load {
    maker: Mutex<Maker>,
    pub book: Mutex<Book>,
    ports: Vec<Arc<AtomicU16>>,
    pause: Duration,
}

impl Load {
    /// `rate` a second to the ports; 0 is a port at which nobody is.
    pub fn new(seed: u64, rate: u32, ports: Vec<Arc<AtomicU16>>) -> Self {
        let maker = Maker {
            random: StdRng::seed_from_u64(seed),
            begun: Clock::System.now() - TimeDelta::days(1),
            items: Vec::new(),
            made: 0,
            waiting: Vec::new(),
            sent: VecDeque::new(),
            under_way: 0,
            closed: false,
        };
        let pause = Duration::from_secs(1) * u32::try_from(SENDERS).expect("few") / rate.max(1);
        Self { maker: Mutex::new(maker), book: Mutex::default(), ports, pause }
    }

    /// Nothing new from here on; what was not accepted yet is still sent.
    pub fn close(&self) {
        self.maker().closed = true;
    }

    /// Sends until it is closed and all is accepted. Begins at one process and goes on at another
    /// one where that does not answer.
    pub async fn send(self: Arc<Self>, mut process: usize) {
        let mut client = None;
        loop {
            sleep(self.pause).await;
            let Some(parcel) = self.maker().next() else {
                if self.maker().is_done() {
                    return;
                }
                continue;
            };
            if client.is_none() {
                client = self.connect(process).await;
            }
            let answer = match &mut client {
                Some(client) => timeout(PATIENCE, post(client, &parcel.request)).await.ok(),
                None => None,
            };
            let answer = answer.flatten();
            if answer.is_none() {
                (client, process) = (None, process + 1);
            }
            self.answered(parcel, answer.as_ref());
        }
    }

    async fn connect(&self, process: usize) -> Option<Client> {
        let port = self.ports[process % self.ports.len()].load(Ordering::Relaxed);
        timeout(PATIENCE, Client::to(port)).await.ok()?.ok()
    }

    fn answered(&self, parcel: Parcel, answer: Option<&Response>) {
        let yes = answer.is_some_and(|answer| (200..300).contains(&answer.status));
        {
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            match answer {
                Some(_) if yes => book.accept(&parcel),
                Some(answer) => *book.refused.entry(answer.status).or_default() += 1,
                None => book.unanswered += 1,
            }
        }
        let mut maker = self.maker();
        maker.under_way -= 1;
        if !yes {
            maker.waiting.push(parcel);
        } else if !maker.closed {
            maker.sent.push_back(parcel);
            if maker.sent.len() > RECENT {
                maker.sent.pop_front();
            }
        }
    }

    fn maker(&self) -> std::sync::MutexGuard<'_, Maker> {
        self.maker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn post(client: &mut Client, request: &Request) -> Option<Response> {
    match request {
        Request::Plane(delivery) => client.post(delivery).await,
        Request::Github(delivery) => client.post_github(delivery).await,
    }
}

impl Book {
    fn accept(&mut self, parcel: &Parcel) {
        self.yes += 1;
        self.accepted.insert(parcel.key());
        let newest = self.newest.entry(parcel.item.clone()).or_default();
        *newest = parcel.version.max(*newest);
        if let Some(comment) = parcel.comment {
            self.comments.entry(parcel.item.clone()).or_default().insert(comment);
        }
    }
}

impl Maker {
    fn is_done(&self) -> bool {
        self.closed && self.under_way == 0 && self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<Parcel> {
        if !self.closed {
            if !self.sent.is_empty() && self.random.random_ratio(1, 12) {
                let parcel = self.sent[self.random.random_range(..self.sent.len())].clone();
                self.under_way += 1;
                let same = self.random.random_ratio(1, 2);
                return Some(if same { parcel } else { parcel.under_another_id() });
            }
            while self.waiting.len() < SHUFFLED {
                let parcel = self.make();
                self.waiting.push(parcel);
            }
        }
        let at = (!self.waiting.is_empty()).then(|| self.random.random_range(..self.waiting.len()));
        let parcel = self.waiting.swap_remove(at?);
        self.under_way += 1;
        Some(parcel)
    }

    /// A new item, a new version of one, or a comment.
    fn make(&mut self) -> Parcel {
        self.made += 1;
        let recent = self.items.len().saturating_sub(RECENT);
        let at = if recent == self.items.len() || self.random.random_ratio(1, 3) {
            let github = self.random.random_ratio(1, 4);
            let item = if github {
                format!("github:{}", self.made)
            } else {
                format!("plane:{}", uuid::Uuid::from_u128(self.random.random()))
            };
            self.items.push((item, 0));
            self.items.len() - 1
        } else {
            self.random.random_range(recent..self.items.len())
        };
        let comments = self.items[at].1 > 0 && self.random.random_ratio(1, 4);
        let (item, version) = &mut self.items[at];
        let number = item.strip_prefix("github:").and_then(|n| n.parse::<u64>().ok());
        let comment = number.filter(|_| comments).map(|_| self.made);
        *version += u32::from(comment.is_none());
        let stamp = self.begun + TimeDelta::seconds(i64::from(*version));
        let stamp = stamp.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (name, version) = (title(item, *version), *version);
        let request = if let Some(number) = number {
            Request::Github(of_github(number, &name, version, &stamp, comment))
        } else {
            let state = [("Todo", "unstarted"), ("Done", "completed")][version as usize % 2];
            let id = item.trim_start_matches("plane:");
            Request::Plane(plane::issue_delivery(id, &name, state, &stamp))
        };
        Parcel { request, item: item.clone(), version, comment }
    }
}

fn of_github(
    number: u64,
    title: &str,
    version: u32,
    stamp: &str,
    comment: Option<u64>,
) -> GithubDelivery {
    let state = if version.is_multiple_of(3) { "closed" } else { "open" };
    let mut issue = github::issue(number, title, state, stamp);
    issue["number"] = number.into();
    match comment {
        None => github::issue_delivery("edited", &issue),
        Some(id) => {
            let comment = github::comment(id, &format!("Comment {id}."), stamp);
            github::comment_delivery("created", &issue, &comment)
        }
    }
}

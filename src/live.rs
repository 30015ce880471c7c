//! The live feed: what changes in the database is told to everybody who listens, within a second,
//! whichever process made the change.
//!
//! One follower a process reads the changes since the last revision that it has seen, when it is
//! told of some and twice a second without, and tells all feeds at once. A feed knows its own last
//! revision. One that resumes, or was too slow to hear everything, first reads from the database
//! what it lacks; so nothing is kept for anybody, and nobody misses anything. State, not events:
//! whoever was away gets each changed item once.
//!
//! Races, and what decides them:
//! - *A change between resuming and listening.* A feed listens first and reads then; what it is told
//!   of twice it passes over, by the revision.
//! - *A change before the first look.* Everybody who listens by then reads from the database.
//! - *A database that went back* (a restored backup). The revision falls, everybody is told to begin
//!   anew.
//!
//! Deliberately absent: what changed, and who may know. A page or a program that is told of an item
//! asks for it, and is refused there like anybody else.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::ids::Revision;
use crate::store::changes::{ItemChange, Pulse};
use crate::store::{Store, StoreError, StoreResult};

/// Feeds at a time: fewer than the connections that the server keeps open.
pub const MOST_FEEDS: usize = 1500;
/// Feeds of programs that came in under one name, so that one that leaks them leaves room for pages.
pub const MOST_OF_A_NAME: usize = 100;
/// How often the follower looks without being told.
const POLL: Duration = Duration::from_millis(500);
/// Least time between two looks.
const REST: Duration = Duration::from_millis(40);
/// Least time between two words that something was received or worked off.
const ACTIVITY: Duration = Duration::from_millis(500);
/// Changes that are read at once.
const PAGE: i64 = 500;
/// What a slow feed may lag behind before it reads from the database: as many pages.
const BACKLOG: usize = 64;
/// Feeds that read from the database at a time; its connections are there for deliveries first.
const READS: usize = 2;
/// Wait after the database did not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// The live feed of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    look: Arc<Notify>,
    said: broadcast::Sender<Said>,
    room: Arc<Semaphore>,
    reads: Semaphore,
    programs: Mutex<HashMap<Box<str>, usize>>,
    stop: watch::Receiver<bool>,
}

/// What the follower tells all feeds.
#[derive(Debug, Clone)]
enum Said {
    Changed(Arc<[ItemChange]>),
    Activity,
    Stalled,
    /// The first look, and how far everything was: of what came before nobody was told.
    Begun(Revision),
    AccessEnded(Arc<str>),
    Reset(Revision),
}

/// What a feed hears.
#[derive(Debug, Clone)]
pub enum News {
    /// Items changed.
    Changed(Changes),
    /// Something was received or worked off.
    Activity,
    /// The database does not answer; [`News::Activity`] follows once it does.
    Stalled,
    /// Access of this name ended in this process: whether a listener of that name may stay is to
    /// be asked ([`Feed::in_turn`]).
    AccessEnded(Arc<str>),
    /// The database went back to this revision: what was shown may be wrong.
    Reset(Revision),
}

/// Changed items, oldest change first, never none.
#[derive(Debug, Clone)]
pub struct Changes {
    all: Arc<[ItemChange]>,
    known: usize,
}

impl Deref for Changes {
    type Target = [ItemChange];
    fn deref(&self) -> &[ItemChange] {
        &self.all[self.known..]
    }
}

/// Why a feed can't be had.
#[derive(Debug, thiserror::Error)]
pub enum NoFeed {
    /// There are as many as a process has room for.
    #[error("this process has no room for more than {MOST_FEEDS} live connections")]
    Full,
    /// Programs of one name have as many as they may.
    #[error("{name} has {MOST_OF_A_NAME} live connections open: close one, or use another token")]
    Taken {
        /// Whose.
        name: String,
    },
    /// The revision to resume from was never given.
    #[error("the newest revision is {newest}")]
    Ahead {
        /// The newest that there is.
        newest: Revision,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Live {
    /// A feed of what is in `store`, until `stop` says so. [`Live::follow`] makes it speak.
    pub fn new(store: Store, stop: watch::Receiver<bool>) -> Self {
        let look = store.changes_to_read();
        let (said, _) = broadcast::channel(BACKLOG);
        let room = Arc::new(Semaphore::new(MOST_FEEDS));
        let (reads, programs) = (Semaphore::new(READS), Mutex::default());
        Self(Arc::new(Shared { store, look, said, room, reads, programs, stop }))
    }

    /// Another process said that items changed.
    pub fn look(&self) {
        self.0.look.notify_one();
    }

    /// A session or a token of this name ended in this process: its listeners are asked again
    /// whether they may stay. Those of other processes are asked at their next regular time.
    pub fn access_ended(&self, name: &str) {
        // Nobody listens: nobody needs to go.
        let _ = self.0.said.send(Said::AccessEnded(name.into()));
    }

    /// Begins a page's feed after `since`, or now.
    ///
    /// # Errors
    /// When there is no room, no such revision, or no database.
    pub async fn subscribe(&self, since: Option<Revision>) -> Result<Feed, NoFeed> {
        self.feed(since, None).await
    }

    /// Begins the feed of a program that came in under this name.
    ///
    /// # Errors
    /// As [`Live::subscribe`], and when programs of that name have as many as they may.
    pub async fn subscribe_program(
        &self,
        name: &str,
        since: Option<Revision>,
    ) -> Result<Feed, NoFeed> {
        let share = Share::of(&self.0, name)?;
        self.feed(since, Some(share)).await
    }

    async fn feed(&self, since: Option<Revision>, share: Option<Share>) -> Result<Feed, NoFeed> {
        let place = Arc::clone(&self.0.room).try_acquire_owned().map_err(|_| NoFeed::Full)?;
        let said = self.0.said.subscribe();
        let newest = self.0.store.pulse().await?.revision;
        let at = since.unwrap_or(newest);
        if at > newest {
            return Err(NoFeed::Ahead { newest });
        }
        let stop = self.0.stop.clone();
        Ok(Feed {
            live: self.clone(),
            said,
            at,
            lacks: at < newest,
            stop,
            _place: place,
            _share: share,
        })
    }

    /// Tells all feeds of what is committed, by any process, until it is stopped.
    pub async fn follow(self) {
        let mut stop = self.0.stop.clone();
        let mut follower = Follower { live: &self.0, seen: None, told: None, stalled: false };
        loop {
            follower.look().await;
            sleep(REST).await;
            tokio::select! {
                () = self.0.look.notified() => {}
                () = sleep(POLL) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Waits until all feeds have ended.
    pub async fn drained(&self) {
        let all = u32::try_from(MOST_FEEDS).unwrap_or(u32::MAX);
        drop(self.0.room.acquire_many(all).await);
    }
}

struct Follower<'a> {
    live: &'a Shared,
    seen: Option<Pulse>,
    /// When it was last said that something was received or worked off.
    told: Option<Instant>,
    stalled: bool,
}

impl Follower<'_> {
    async fn look(&mut self) {
        match self.tell().await {
            Ok(()) if self.stalled => {
                self.stalled = false;
                self.say(Said::Activity);
            }
            Ok(()) => {}
            Err(_) if self.stalled => {}
            Err(error) => {
                warn!(error = %error, "changes can't be read; live pages stand still until the database answers");
                self.stalled = true;
                self.say(Said::Stalled);
            }
        }
    }

    async fn tell(&mut self) -> StoreResult<()> {
        let now = self.live.store.pulse().await?;
        let Some(mut seen) = self.seen else {
            self.seen = Some(now);
            self.say(Said::Begun(now.revision));
            return Ok(());
        };
        if now.revision < seen.revision {
            self.say(Said::Reset(now.revision));
            seen.revision = now.revision;
        } else if now.revision > seen.revision {
            if self.live.said.receiver_count() > 0 {
                self.tell_changes(seen.revision).await?;
                seen.revision = self.seen.map_or(now.revision, |seen| seen.revision);
            } else {
                seen.revision = now.revision;
            }
        }
        let active = (now.attempt, now.job) != (seen.attempt, seen.job);
        if active && self.told.is_none_or(|at| at.elapsed() >= ACTIVITY) {
            self.say(Said::Activity);
            self.told = Some(Instant::now());
            (seen.attempt, seen.job) = (now.attempt, now.job);
        }
        self.seen = Some(seen);
        Ok(())
    }

    /// What comes after `after`; how far it came is kept even if the rest can't be read.
    async fn tell_changes(&mut self, mut after: Revision) -> StoreResult<()> {
        loop {
            let page = self.live.store.changes_after(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.revision;
            let full = i64::try_from(page.len()).is_ok_and(|rows| rows >= PAGE);
            self.say(Said::Changed(page.into()));
            if let Some(seen) = &mut self.seen {
                seen.revision = after;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Nobody listens: nobody needs to know.
    fn say(&self, said: Said) {
        let _ = self.live.said.send(said);
    }
}

/// One listener's place in the feed.
#[derive(Debug)]
pub struct Feed {
    live: Live,
    said: broadcast::Receiver<Said>,
    at: Revision,
    /// Whether the database may have something that comes before what will be heard.
    lacks: bool,
    stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// A place that a name has taken, until it is dropped.
#[derive(Debug)]
struct Share {
    live: Arc<Shared>,
    name: Box<str>,
}

impl Share {
    fn of(live: &Arc<Shared>, name: &str) -> Result<Self, NoFeed> {
        let mut taken = live.programs.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(name.into()).or_default();
        if *count >= MOST_OF_A_NAME {
            return Err(NoFeed::Taken { name: name.to_owned() });
        }
        *count += 1;
        Ok(Self { live: Arc::clone(live), name: name.into() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.live.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.name);
            }
        }
    }
}

impl Feed {
    /// The revision up to which this feed has told everything.
    pub fn at(&self) -> Revision {
        self.at
    }

    /// The next news; `None` once the process stops. May be dropped and called again.
    pub async fn next(&mut self) -> Option<News> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut stop) => None,
            news = self.hear() => Some(news),
        }
    }

    /// Waits until it is this feed's turn to use the database, so that a thousand of them leave its
    /// connections to the deliveries.
    pub async fn in_turn<T>(&self, work: impl Future<Output = T>) -> T {
        let _turn = self.live.0.reads.acquire().await;
        work.await
    }

    async fn hear(&mut self) -> News {
        loop {
            if self.lacks {
                match self.catch_up().await {
                    Ok(Some(news)) => return news,
                    Ok(None) => {}
                    Err(_) => sleep(AGAIN).await,
                }
                continue;
            }
            match self.said.recv().await {
                Ok(Said::Changed(all)) => {
                    if let Some(news) = self.pass_on(all) {
                        return news;
                    }
                }
                Ok(Said::Activity) => return News::Activity,
                Ok(Said::Stalled) => return News::Stalled,
                Ok(Said::AccessEnded(name)) => return News::AccessEnded(name),
                Ok(Said::Begun(newest)) => self.lacks = self.at < newest,
                Ok(Said::Reset(to)) => {
                    self.at = to;
                    return News::Reset(to);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.lacks = true;
                    return News::Activity;
                }
                // The sender lives as long as this feed.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Reads what is lacking, a page at a time; `None` once there is nothing.
    async fn catch_up(&mut self) -> StoreResult<Option<News>> {
        let shared = Arc::clone(&self.live.0);
        let _turn = shared.reads.acquire().await;
        let page = shared.store.changes_after(self.at, PAGE).await?;
        if page.is_empty() {
            let newest = shared.store.pulse().await?.revision;
            self.lacks = newest > self.at;
            if newest < self.at {
                self.at = newest;
                return Ok(Some(News::Reset(newest)));
            }
            return Ok(None);
        }
        self.lacks = i64::try_from(page.len()).is_ok_and(|rows| rows >= PAGE);
        Ok(self.pass_on(page.into()))
    }

    /// What of these changes is new here.
    fn pass_on(&mut self, all: Arc<[ItemChange]>) -> Option<News> {
        let known = all.partition_point(|change| change.revision <= self.at);
        self.at = all.last().map_or(self.at, |last| last.revision.max(self.at));
        (known < all.len()).then_some(News::Changed(Changes { all, known }))
    }
}

/// Never returns where nobody is left who could say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

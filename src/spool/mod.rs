//! Where accepted deliveries wait while the database is away: files in `<data_dir>/spool`.
//!
//! Rule: what [`Spool::append`] answers as kept is on disk, and stays there until the drain says
//! that the database has it. Once anything is spooled, newcomers follow it here until nothing is
//! left, so that order holds. One thread owns the files and does one thing after the other, which
//! is what makes the way back free of races: "nothing is left" and "newcomers go to the database
//! again" are one step, and no append lies between them.
//!
//! Only `PostgreSQL` is bridged. SQLite lies on the same disk as the spool would: what keeps it
//! from writing keeps the spool from it too.
//!
//! Races and accidents, and what decides them:
//! - *Killed while appending.* The torn end was answered by nobody and is cut off at the start.
//! - *Killed while draining.* A file is removed after all of it is committed, so a part is
//!   committed again at the next start, and the database's unique keys know it.
//! - *fsync or write fails.* The batch is refused and its file is never appended to again.
//! - *Two processes on one data folder.* Each has a folder of its own under a lock; what a dead one
//!   left is taken over by the next start, and by whoever has just emptied his own.
//! - *A batch that comes when the way back was just taken.* It is handed back untouched.
//!
//! Deliberately absent: draining, which is the inbox's; SQL and HTTP.

mod keeper;
mod place;
mod record;
mod repeats;
mod segment;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use tokio::sync::{oneshot, watch};

use crate::clock::Timestamp;
use crate::sources::Verified;
use crate::store::inbox::Duplicate;
use keeper::Keeper;
use place::Place;
pub use record::Spooled;

/// The folder of a data folder's spool.
pub fn folder_in(data_dir: &Path) -> PathBuf {
    data_dir.join("spool")
}

/// Whether newcomers may enter, or only what lies there already is brought out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Up to this many bytes of files.
    UpTo(u64),
    /// Nobody: the spool is switched off, or the database is SQLite.
    Nobody,
}

/// The spool can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The folder can't be made or read.
    #[error("can't use the spool in {}: {source}; make it writable, set `data_dir`, or switch the spool off with spool.max_bytes = 0", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// All places in it are taken by other processes.
    #[error("too many jetbridge processes spool into {}: give some of them another `data_dir`", .0.display())]
    TooMany(PathBuf),
}

/// Why a delivery was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// The bound is reached.
    #[error("the spool is full: spool.max_bytes is {max_bytes}")]
    Full {
        /// The bound.
        max_bytes: u64,
    },
    /// The disk is full, or does not take it for another reason.
    #[error("the spool can't be written: {0}")]
    Unwritable(String),
    /// The process is stopping.
    #[error("jetbridge is stopping")]
    Stopping,
}

/// What became of a delivery that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk.
    New,
    /// What it repeats is.
    Repeat(Duplicate),
}

/// What became of a batch.
#[derive(Debug)]
pub enum Appended {
    /// Each one's fate, in the batch's order.
    Done(Vec<Result<Kept, NotKept>>),
    /// Nothing is spooled at this moment: the batch belongs into the database.
    Elsewhere(Vec<Verified>),
}

/// When a batch is to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// In any case: the database refused it. Others follow it from here on.
    Always,
    /// Only while others lie here before it.
    Spooling,
}

/// A place in the spool, after some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    segment: u64,
    at: u64,
    deliveries: u64,
}

/// The next records, and the place after them.
#[derive(Debug)]
pub struct Batch {
    /// In the order in which they were appended.
    pub records: Vec<Spooled>,
    /// To be given to [`Spool::remove_to`] when all of them are committed.
    pub end: Option<Position>,
}

/// The spool at a glance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolState {
    /// Since when newcomers go here; `None` while they go to the database.
    pub since: Option<Timestamp>,
    /// Deliveries that wait here.
    pub deliveries: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// The bound; 0 where nothing enters.
    pub max_bytes: u64,
    /// When the oldest that waits was received.
    pub oldest: Option<Timestamp>,
    /// Deliveries that entered since the start.
    pub appended: u64,
    /// Deliveries that the database has taken over since the start.
    pub drained: u64,
    /// Deliveries that the database would not take, kept in files of their own.
    pub set_aside: u64,
    /// Files in which something could not be read, kept for a person.
    pub damaged: u64,
}

impl SpoolState {
    /// What there is to say of it, in words; `None` while deliveries go to the database and nothing
    /// is left that a person should see to.
    pub fn said(&self) -> Option<String> {
        let Self { since, deliveries, bytes, max_bytes, set_aside, damaged, .. } = *self;
        let waiting = since.map(|_| match deliveries {
            1 => format!("1 delivery waits in the spool, {bytes} bytes of {max_bytes}"),
            n => format!("{n} deliveries wait in the spool, {bytes} bytes of {max_bytes}"),
        });
        let refused = (set_aside > 0)
            .then(|| format!("{set_aside} that the database never takes are kept as *.refused"));
        let unreadable =
            (damaged > 0).then(|| format!("{damaged} damaged files are kept as *.damaged"));
        let said: Vec<_> = [waiting, refused, unreadable].into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// The spool's files and the thread that owns them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    admission: Admission,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<SpoolState>,
    spooling: watch::Sender<bool>,
}

impl Shared {
    fn state(&self) -> SpoolState {
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum Command {
    Begin { now: Timestamp, done: oneshot::Sender<()> },
    Append { batch: Vec<Verified>, now: Timestamp, when: When, done: oneshot::Sender<Appended> },
    Next { rows: usize, bytes: usize, done: oneshot::Sender<io::Result<Batch>> },
    RemoveTo { end: Position, done: oneshot::Sender<()> },
    SetAside { record: Box<Spooled>, done: oneshot::Sender<io::Result<()>> },
    Finish { done: oneshot::Sender<bool> },
}

impl Spool {
    /// Opens a spool of this process's own in `folder`, which is made if missing; what dead
    /// processes left there is taken over, its torn end cut off. With anything in it newcomers go
    /// there at once.
    ///
    /// # Errors
    /// When the folder can't be used, or too many processes use it.
    pub fn open(folder: &Path, admission: Admission, now: Timestamp) -> Result<Self, SpoolError> {
        let wrong = |source| SpoolError::Folder { path: folder.to_owned(), source };
        let place = Place::take(folder)?;
        let shared =
            Arc::new(Shared { state: Mutex::default(), spooling: watch::Sender::new(false) });
        let keeper = Keeper::open(place, admission, Arc::clone(&shared), now).map_err(wrong)?;
        let (commands, received) = mpsc::channel();
        std::thread::Builder::new()
            .name("jetbridge-spool".to_owned())
            .spawn(move || keeper.run(&received))
            .map_err(wrong)?;
        Ok(Self { commands, shared, admission })
    }

    /// Whether a process, living or dead, has deliveries in a folder.
    pub fn holds_any(folder: &Path) -> bool {
        place::holds_any(folder)
    }

    /// Whether newcomers may enter at all.
    pub fn admits(&self) -> bool {
        self.admission != Admission::Nobody
    }

    /// Whether newcomers go here at this moment.
    pub fn is_spooling(&self) -> bool {
        *self.shared.spooling.borrow()
    }

    /// Waits until there is something to drain, or newcomers go here for another reason.
    pub async fn spooling(&self) {
        let mut spooling = self.shared.spooling.subscribe();
        // The sender lives as long as we do.
        let _ = spooling.wait_for(|spooling| *spooling).await;
    }

    /// The figures as they are now.
    pub fn state(&self) -> SpoolState {
        self.shared.state()
    }

    /// From here on newcomers come here: the database is away, or its tables are not ready.
    pub async fn begin(&self, now: Timestamp) {
        let _ = self.ask(|done| Command::Begin { now, done }).await;
    }

    /// Puts a batch on disk with one fsync. Kept means that it survives whatever comes.
    pub async fn append(&self, batch: Vec<Verified>, now: Timestamp, when: When) -> Appended {
        let count = batch.len();
        let answered = self.ask(|done| Command::Append { batch, now, when, done }).await;
        answered.unwrap_or_else(|| Appended::Done(vec![Err(NotKept::Stopping); count]))
    }

    /// The oldest records, at least one where there is one, within the given bounds.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub async fn next(&self, rows: usize, bytes: usize) -> io::Result<Batch> {
        let answered = self.ask(|done| Command::Next { rows, bytes, done }).await;
        answered.unwrap_or_else(|| Err(gone()))
    }

    /// All records before `end` are committed; files that hold no others are removed.
    pub async fn remove_to(&self, end: Position) {
        let _ = self.ask(|done| Command::RemoveTo { end, done }).await;
    }

    /// Keeps a record that the database will never take in a file of its own.
    ///
    /// # Errors
    /// When that file can't be written.
    pub async fn set_aside(&self, record: Spooled) -> io::Result<()> {
        let record = Box::new(record);
        let answered = self.ask(|done| Command::SetAside { record, done }).await;
        answered.unwrap_or_else(|| Err(gone()))
    }

    /// Sends newcomers to the database again if nothing is left here; whether that is so.
    pub async fn finish(&self) -> bool {
        self.ask(|done| Command::Finish { done }).await.unwrap_or(true)
    }

    /// `None` when the thread is gone.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (done, answered) = oneshot::channel();
        self.commands.send(command(done)).ok()?;
        answered.await.ok()
    }
}

fn gone() -> io::Error {
    io::Error::other("the spool's thread is gone")
}

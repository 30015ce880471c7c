//! The other systems: whether they are asked, what is left of their limits, and who waits for that.

use crate::clock::Timestamp;
use crate::quota::{Breaker, Class, Held, Remote, Why};
use crate::store::queue_now::{ClassWaiting, Waiting};
use crate::store::quota_accounts::KeptAccount;

/// Another system at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteNow {
    /// Which one.
    pub remote: Remote,
    /// Which of `[[github.hosts]]`; `None` for the others.
    pub server: Option<String>,
    /// Whether it is asked, since when, and what the last failure was.
    pub breaker: Breaker,
    /// What to do about it while it is not.
    pub remedy: Option<&'static str>,
    /// Requests that are left by all that is known; `None` where there is no limit.
    pub left: Option<u32>,
    /// Requests of a whole window, where that was said.
    pub most: Option<u32>,
    /// When the window ends, where that was said and still lies ahead.
    pub resets_at: Option<Timestamp>,
    /// The classes whose jobs may not begin now, and until when.
    pub held: Vec<(Class, Held)>,
    /// As of when.
    pub updated_at: Timestamp,
}

/// Jobs of one class that wait for other systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingClass {
    /// Which class.
    pub class: Class,
    /// How many jobs.
    pub jobs: i64,
    /// Of those the ones that are due.
    pub due: i64,
    /// When the next of them is due.
    pub next: Timestamp,
    /// Until when none of them may begin, and why, as far as is known.
    pub held: Option<(Remote, Held)>,
}

/// A repository whose next turn is held back by its own limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// `owner/name`.
    pub repository: String,
    /// Its jobs that wait.
    pub jobs: i64,
    /// Until when none of them begins.
    pub until: Timestamp,
}

/// The repositories that wait for their next turn and have something to do in it.
pub(super) fn limited(until: Vec<(String, Timestamp)>, waiting: &[Waiting]) -> Vec<Limited> {
    let of = |(repository, until): (String, Timestamp)| {
        let jobs = waiting.iter().find(|waiting| waiting.place == repository)?.queued;
        (jobs > 0).then_some(Limited { repository, jobs, until })
    };
    until.into_iter().filter_map(of).collect()
}

/// The other systems as their accounts have them.
pub(super) fn remotes(accounts: Vec<KeptAccount>, now: Timestamp) -> Vec<RemoteNow> {
    accounts.into_iter().map(|kept| remote(kept, now)).collect()
}

fn remote(kept: KeptAccount, now: Timestamp) -> RemoteNow {
    let KeptAccount { account, server, updated_at } = kept;
    let said = account.said().map(|(said, _)| said).unwrap_or_default();
    let held = |class: &Class| Some((*class, account.look(*class, now)?));
    let closed = account.breaker.is_closed();
    RemoteNow {
        remote: account.remote,
        remedy: (!closed).then(|| match server {
            Some(_) => "look whether that server runs, and check api_url in its [[github.hosts]]: jetbridge doctor",
            None => remedy(account.remote),
        }),
        server,
        left: account.left(now),
        most: said.most,
        resets_at: said.resets_at.filter(|at| *at > now),
        held: Class::ALL.iter().filter_map(held).collect(),
        breaker: account.breaker,
        updated_at,
    }
}

/// What to do about a remote that does not answer.
pub fn remedy(remote: Remote) -> &'static str {
    match remote {
        Remote::Plane => "look whether Plane runs, and check plane.api_url: jetbridge doctor",
        Remote::Github => {
            "look at https://www.githubstatus.com, and check github.api_url: jetbridge doctor"
        }
    }
}

/// Who waits, with the remote that holds each class longest.
pub(super) fn waiting(waiting: &[ClassWaiting], remotes: &[RemoteNow]) -> Vec<WaitingClass> {
    let held = |class: Class| {
        let of = |remote: &RemoteNow| {
            let (_, held) = remote.held.iter().find(|(held, _)| *held == class)?;
            Some((remote.remote, *held))
        };
        // Jobs of other servers go on.
        let own = remotes.iter().filter(|remote| remote.server.is_none());
        own.filter_map(of).max_by_key(|(_, held)| held.until)
    };
    let class = |waiting: &ClassWaiting| WaitingClass {
        class: waiting.class,
        jobs: waiting.jobs,
        due: waiting.due,
        next: waiting.next,
        held: held(waiting.class),
    };
    waiting.iter().map(class).collect()
}

/// Why a class has to wait, in words.
pub fn reason(remote: Remote, why: Why) -> String {
    let name = remote.name();
    match why {
        Why::UsedUp => format!("{name}’s quota is used up"),
        Why::Kept => format!("what is left of {name}’s quota is kept for newer changes"),
        Why::Apart => format!("{name} wants time between two writes"),
        Why::Away => format!("{name} does not answer"),
    }
}

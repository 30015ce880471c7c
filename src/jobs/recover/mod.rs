//! Has GitHub send again what never reached the inbox: list its hooks' deliveries, compare them with
//! the inbox, ask for what is missing. What is asked for arrives as any webhook does, at the same
//! endpoint and under the same GUID, so nothing here writes deliveries.
//!
//! Races, and what decides them:
//! - *Two processes, or a person and the schedule, at once.* Asking for a delivery is taken in its row
//!   (`store/recovery`): one asks, and nobody again before its time.
//! - *A process that dies in the midst.* What is missing was noted before anything was asked for; the
//!   next run goes on from the notes.
//! - *A delivery that arrives while it is asked for.* It comes twice under one GUID, which the inbox
//!   knows.
//!
//! An organization's hooks are looked at for those of its repositories that have no hook of their own
//! that comes here, and the GitHub App's for those that still have none (`app`). Deliberately absent:
//! what GitHub no longer lists: that is told as a gap, which a comparison of both sides closes.

mod app;
mod asking;
mod looking;
mod report;
pub mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;

use crate::clients::github::GitHub;
use crate::clients::github_app::BadAppKey;
use crate::clients::github_rest::GitHubRest;
use crate::clock::{Clock, Timestamp};
use crate::config::{GithubHost, RepositoryName};
use crate::failure::Failure;
use crate::ids::DeliveryId;
use crate::quota::Class;
use crate::recovery::{Asked, Attempt, Gap, Here, HookOwner, MOST_ASKS, judge};
use crate::sources::github::ENDPOINT;
use crate::store::recovery::{GivenUp, RecoverPlace, Request, RequestEnd};
use crate::store::repositories::Repository;
use crate::store::{Store, StoreResult};
pub use report::{Fate, Found, PlaceReport, Report};

/// Deliveries that the inbox is asked about at a time.
const BATCH: usize = 500;
/// Deliveries that one run asks for; the next one goes on.
const MOST_ASKED: usize = 1_000;
/// How long it is remembered what was missing.
const KEPT: TimeDelta = TimeDelta::days(35);

/// Whether a run acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It asks for what is missing.
    Ask,
    /// It only looks.
    Look,
}

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Task {
    /// Whether it acts.
    pub mode: Mode,
    /// Of this repository only.
    pub repository: Option<RepositoryName>,
    /// Back to then; otherwise to where the last run began.
    pub since: Option<Timestamp>,
    /// What becomes of those that were given up.
    pub given_up: GivenUp,
}

impl Task {
    /// What the schedule does.
    pub fn of_schedule() -> Self {
        Self { mode: Mode::Ask, repository: None, since: None, given_up: GivenUp::Stays }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Repositories whose deliveries were looked through, of so many.
    Looking(u64, u64),
    /// Deliveries asked for, of so many.
    Asking(u64, u64),
}

/// Recovers what GitHub sent in vain.
#[derive(Debug, Clone)]
pub struct Recover {
    store: Store,
    clock: Clock,
    github: GitHub,
    /// The GitHub App, where one is configured, or why it can't ask.
    app: Option<Result<GitHubRest, BadAppKey>>,
    endpoint: String,
    kept: Option<Duration>,
}

/// What a repository's hooks sent that matters here.
struct Looked {
    repository: Repository,
    /// The newest attempt of each delivery, with whose hook made it.
    attempts: Vec<(HookOwner, u64, Attempt)>,
    back_to: Option<Timestamp>,
    /// Whether that is as far as nobody looked before.
    covers: Covers,
    gap: Option<Gap>,
    problem: Option<String>,
}

/// Whether a look leaves nothing unseen behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covers {
    /// All that was sent until the run began is known, or told as a gap.
    Everything,
    /// Something in between was not looked at.
    Part,
}

impl Recover {
    /// For a service whose pages the outside reaches at `public_url`.
    pub fn new(store: &Store, clock: &Clock, github: impl Into<GitHub>, public_url: &str) -> Self {
        let endpoint = format!("{}{ENDPOINT}", public_url.trim_end_matches('/'));
        let github = github.into().in_class(Class::Replay);
        Self { store: store.clone(), clock: clock.clone(), github, app: None, endpoint, kept: None }
    }

    /// Looking at the hook of a GitHub App, too.
    #[must_use]
    pub fn with_app(self, app: Option<Result<GitHubRest, BadAppKey>>) -> Self {
        let app = app.map(|app| app.map(|app| app.in_class(Class::Replay)));
        Self { app, ..self }
    }

    /// With a GitHub that keeps deliveries for so long.
    #[must_use]
    pub fn keeping(self, kept: Duration) -> Self {
        Self { kept: Some(kept), ..self }
    }

    /// Looks, and asks for what is missing. What goes wrong with a repository is told with it.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn run(&self, task: &Task, mut tell: impl FnMut(Progress)) -> StoreResult<Report> {
        let began = self.clock.now();
        let came = if task.mode == Mode::Ask { self.settle(began).await? } else { 0 };
        let looked = self.look_at_all(task, &mut tell).await?;
        let (mut places, missing) = self.decide(task, looked, began).await?;
        let mut report = Report { came, ..Report::default() };
        if task.mode == Mode::Ask {
            self.ask_for(task, missing, &mut places, &mut report, &mut tell).await?;
            for place in &places {
                self.keep(place, began).await?;
            }
            self.store.purge_requests(began - KEPT).await?;
        } else {
            report.deliveries = missing.into_iter().map(|(found, _)| found).collect();
        }
        report.places = places;
        Ok(report)
    }

    /// Ends the requests whose deliveries are here; how many those are.
    pub async fn settle(&self, now: Timestamp) -> StoreResult<u64> {
        let open = self.store.open_requests().await?;
        let guids: Vec<&DeliveryId> = open.iter().map(|request| &request.guid).collect();
        let here = self.here(&guids).await?;
        let came: Vec<&DeliveryId> = here.keys().collect();
        self.store.end_requests(&came, RequestEnd::Came, now).await?;
        Ok(came.len() as u64)
    }

    /// When the oldest delivery that a server still sends again was made.
    fn kept_since(&self, host: &GithubHost, now: Timestamp) -> Timestamp {
        let client = self.github.rest_of(host);
        let kept = self.kept.or_else(|| client.map(GitHubRest::keeps_deliveries));
        now - TimeDelta::from_std(kept.unwrap_or_default()).unwrap_or_default()
    }

    /// Who asks a server.
    fn client(&self, host: &GithubHost) -> Result<&GitHubRest, Failure> {
        self.github.rest_of(host).ok_or_else(|| {
            Failure::permanent(match host.name() {
                Some(host) => format!(
                    "{host} can't be asked: set token in its [[github.hosts]] to one that may read and write Webhooks"
                ),
                None => "GitHub can't be asked: set github.token to one that may read and write Webhooks".to_owned(),
            })
        })
    }

    async fn here(&self, guids: &[&DeliveryId]) -> StoreResult<BTreeMap<DeliveryId, Here>> {
        let mut here = BTreeMap::new();
        for batch in guids.chunks(BATCH) {
            here.extend(self.store.deliveries_here(batch).await?);
        }
        Ok(here)
    }

    /// What is missing of all repositories, and what is to be told of each.
    async fn decide(
        &self,
        task: &Task,
        looked: Vec<Looked>,
        now: Timestamp,
    ) -> StoreResult<(Vec<PlaceReport>, Vec<(Found, Request)>)> {
        let (mut open, given_up) = self.noted(task, now).await?;
        let (mut places, mut missing) = (Vec::new(), Vec::new());
        for looked in looked {
            let host = looked.repository.name.host();
            let guids: Vec<&DeliveryId> = looked.attempts.iter().map(|(.., a)| &a.guid).collect();
            let here = self.here(&guids).await?;
            let mut place = PlaceReport::of(&looked);
            for (owner, hook, attempt) in looked.attempts {
                let known = open.remove(&attempt.guid);
                let asked = known.as_ref().map(|r| Asked { times: r.asked, again_at: r.again_at });
                let asked = asked.or_else(|| given_up.contains(&attempt.guid).then_some(WORN_OUT));
                let is_here = here.get(&attempt.guid).copied().unwrap_or(Here::Missing);
                let verdict = judge(&attempt, is_here, asked, self.kept_since(&host, now), now);
                place.count(verdict);
                if let Some(fate) = Fate::of(verdict) {
                    let request =
                        request_of(attempt, (owner, hook), &looked.repository.name, asked, now);
                    missing.push((Found::of(&request, fate), request));
                }
            }
            // What was noted by an earlier run and lies further back than this one looked.
            let own = |request: &Request| request.repository == looked.repository.name;
            let (own, others) = open.into_values().partition::<Vec<_>, _>(own);
            open = by_guid(others);
            for request in own {
                let asked = Asked { times: request.asked, again_at: request.again_at };
                let attempt = attempt_of(&request);
                let since = self.kept_since(&host, now);
                let verdict = judge(&attempt, Here::Missing, Some(asked), since, now);
                place.count(verdict);
                if let Some(fate) = Fate::of(verdict) {
                    missing.push((Found::of(&request, fate), request));
                }
            }
            places.push(place);
        }
        Ok((places, missing))
    }

    /// What earlier runs noted and is still missing, and what was given up and stays so.
    async fn noted(
        &self,
        task: &Task,
        now: Timestamp,
    ) -> StoreResult<(BTreeMap<DeliveryId, Request>, BTreeSet<DeliveryId>)> {
        let mut open = self.store.open_requests().await?;
        let given_up = self.store.given_up_requests(i64::MAX).await?;
        let mut stay = BTreeSet::new();
        match task.given_up {
            GivenUp::Stays => stay.extend(given_up.into_iter().map(|request| request.guid)),
            GivenUp::TriedAgain => {
                let anew = |request| Request { asked: 0, again_at: now, ..request };
                let kept = |request: &Request| {
                    request.sent_at >= self.kept_since(&request.repository.host(), now)
                };
                open.extend(given_up.into_iter().filter(kept).map(anew));
            }
        }
        let here = self.here(&open.iter().map(|request| &request.guid).collect::<Vec<_>>()).await?;
        open.retain(|request| !here.contains_key(&request.guid));
        Ok((by_guid(open), stay))
    }

    async fn keep(&self, place: &PlaceReport, began: Timestamp) -> StoreResult<()> {
        let kept = RecoverPlace {
            repository: place.repository.clone(),
            looked_at: began,
            covered_until: (place.covers == Covers::Everything).then_some(began),
            missing: place.missing,
            asked: place.asked,
            gap: place.gap,
            problem: place.problem.clone(),
        };
        self.store.put_recover_place(&kept).await
    }
}

/// As often as anything is asked for, and long ago.
const WORN_OUT: Asked = Asked { times: MOST_ASKS, again_at: Timestamp::UNIX_EPOCH };

fn by_guid(requests: Vec<Request>) -> BTreeMap<DeliveryId, Request> {
    requests.into_iter().map(|request| (request.guid.clone(), request)).collect()
}

/// What is to be noted of an attempt that is to be made again.
fn request_of(
    attempt: Attempt,
    (owner, hook): (HookOwner, u64),
    repository: &RepositoryName,
    asked: Option<Asked>,
    now: Timestamp,
) -> Request {
    Request {
        guid: attempt.guid,
        repository: repository.clone(),
        owner,
        hook,
        attempt: attempt.id,
        event: attempt.event,
        sent_at: attempt.delivered_at,
        status: attempt.status,
        asked: asked.map_or(0, |asked| asked.times),
        again_at: asked.map_or(now, |asked| asked.again_at),
    }
}

/// A request as the attempt that it was noted by.
fn attempt_of(request: &Request) -> Attempt {
    Attempt {
        id: request.attempt,
        guid: request.guid.clone(),
        event: request.event.clone(),
        repository_id: None,
        delivered_at: request.sent_at,
        noted: crate::recovery::Noted::NotTaken,
        status: request.status.clone(),
    }
}

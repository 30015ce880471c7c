//! Brings one issue and its work item in step: fetch both sides, plan, and for each write record
//! it, make it, settle it.
//!
//! The plan is pure (`sync/plan`, which lists the races of the two sides); here is what makes its
//! rules hold against crashes and other workers:
//! - *A crash between a write and its record.* The intent was committed before the write. The next
//!   attempt finds it open and asks Plane whether it was made, before it plans anything.
//! - *Two workers on one issue.* The link's row is held under a lease; the second one waits its
//!   turn, and that is no attempt. A holder renews before every write, so one that stood still
//!   past its lease stops before the next write.
//! - *A worker that was overtaken in the middle of a creation.* Plane refuses the second external
//!   id one after the other; whoever gets the 409 adopts what is there.
//! - *GitHub changes while somebody else holds the link.* GitHub is asked only once the link is
//!   ours, so what is carried over last is what was read last, also within one of GitHub's seconds.
//! - *A webhook arrives late.* Its state of the issue is dropped where a newer one was carried over;
//!   what it tells of comments is carried over all the same, since no other webhook tells that. Of
//!   two states of one second the one counts that arrived last.
//! - *A quota that ends in the middle.* What was made is settled; the rest is planned anew after
//!   the wait. Until then nothing else is begun: it would use up one side's quota to be refused by
//!   the other.
//! - *GitHub's answer is older than what a webhook told* (it reads from copies). Then it counts as
//!   none, and what it lacks is not taken for deleted.
//! - *A linked item that Plane does not show by its id* may be archived, or made again by an attempt
//!   whose answer was lost. Where it is to be made again it is looked for by its external id first.
//!
//! When nothing changed on GitHub since the last time, Plane is not even asked; where assignees go
//! both ways, as long as its webhooks told of none of that either.

mod asking;
mod bundles;
mod comments;
mod foresee;
mod github_writes;
mod hand;
mod issue_labels;
mod labels;
mod memory;
mod milestone;
mod own_items;
mod parents;
mod placing;
mod planning;
mod projects;
mod pulls;
mod report;
mod sides;
mod taking_up;
mod writes;

use std::time::Duration;

use uuid::Uuid;

use crate::clients::gate::Stopped;
use crate::clients::github::GitHub;
use crate::clients::plane::PlaneClient;
use crate::clock::Clock;
use crate::config::{RepositoryName, WorkspaceSlug};
use crate::failure::Failure;
use crate::ids::Lease;
use crate::jobs::settings::{CurrentSettings, Followed};
use crate::metrics::Metrics;
use crate::quota::Class;
use crate::store::links::{Held, IssueLink, LinkKey};
use crate::store::{Store, StoreError};
use crate::sync::plan::WhenGone;

use asking::refused;
pub use foresee::{Foreseen, Manner, issue_of};
use hand::Hand;
pub(super) use hand::broken;
pub use memory::{KnownProject, Memory, Way};
pub use own_items::OwnItem;
pub(super) use placing::placed_by;
pub use placing::projects_named;
pub use projects::Projects;
pub use report::Report;
pub use sides::{Occasion, Target, Told};

/// How long a link is ours without a sign of life: longer than any one request may take, and no
/// longer than people would wait after a crash.
const HOLD: Duration = Duration::from_secs(30);
/// How long after Plane refused the key or the access it is tried again: a person has to act.
const FORBIDDEN: Duration = Duration::from_mins(10);
/// When to look again for a link that somebody else holds, or for a database that is away.
const BUSY: Duration = Duration::from_secs(3);

/// Keeps issues and work items in step. One for the whole process; cheap to clone.
#[derive(Debug, Clone)]
pub struct IssueSync {
    /// Where links and intents are.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Plane; without it nothing is written.
    pub plane: Option<PlaneClient>,
    /// GitHub; without it an issue is taken as its webhooks told it.
    pub github: Option<GitHub>,
    /// Plane's states, labels and members.
    pub projects: Projects,
    /// How each repository is kept in step.
    pub settings: CurrentSettings,
}

impl IssueSync {
    /// Counting what its clients ask.
    #[must_use]
    pub fn counting(self, metrics: &Metrics) -> Self {
        let figures = &metrics.remote;
        let plane = self.plane.map(|client| client.counting(figures));
        Self { plane, github: self.github.map(|client| client.counting(figures)), ..self }
    }

    /// The same, asking both sides as a class does.
    #[must_use]
    pub fn in_class(self, class: Class) -> Self {
        let plane = self.plane.map(|client| client.in_class(class));
        Self { plane, github: self.github.map(|client| client.in_class(class)), ..self }
    }

    /// Brings one issue and its comments in step now. `attempt` is for the record.
    ///
    /// # Errors
    /// When a side can't be asked or told; what was made until then is kept.
    pub async fn sync(
        &self,
        target: &Target,
        told: Told,
        attempt: u32,
        when_gone: WhenGone,
    ) -> Result<Report, Failure> {
        let host = target.repository.name.host();
        let synced = Box::pin(self.sync_now(target, told, attempt, when_gone)).await;
        synced.map_err(|failure| failure.reworded(|reason| host.in_words(reason)))
    }

    async fn sync_now(
        &self,
        target: &Target,
        told: Told,
        attempt: u32,
        when_gone: WhenGone,
    ) -> Result<Report, Failure> {
        let Followed { mapping, rulebook, settings } =
            self.settings.of(&target.repository.name).await.map_err(|e| stored(&e))?;
        let named = projects_named(&target.repository, &rulebook);
        let Some(project) = named.into_iter().next() else {
            let why = "its repository is kept in step with no Plane project";
            return Ok(Box::pin(self.only_asked(target, told, why)).await);
        };
        let Some(plane) = &self.plane else {
            let why = "set plane.api_url, plane.api_key and plane.workspace to have it written";
            return Ok(Box::pin(self.only_asked(target, told, why)).await);
        };
        if let Some(failure) = self.held_up(plane.class(), &target.repository.name) {
            return Err(failure);
        }
        let key = LinkKey {
            repository: target.repository.name.to_string(),
            github_issue: target.issue,
            number: target.number,
            plane_project: project,
            plane_workspace: target.repository.plane_workspace.clone(),
        };
        let own = target.repository.plane_project.map(|id| id.to_string());
        let (link, lease) = self.held_at_home(&key, own.as_deref(), placed_by(&rulebook)).await?;
        let id = link.id;
        let mut hand = Hand::new(self, plane, mapping, link, lease, attempt);
        hand.own_workspace.clone_from(&target.repository.plane_workspace);
        (hand.rulebook, hand.own_project) = (rulebook, own);
        hand.bundles = settings.milestones;
        hand.repository = Some(target.repository.id);
        hand.sets_labels = settings.rules.iter().any(|rule| rule.set.labels.is_some());
        hand.write_back = self.write_back(&target.repository.name, target.repository.direction);
        let done = Box::pin(hand.bring_in_step(target, told, when_gone)).await;
        if let Err(failure) = &done {
            hand.note_failure(failure).await;
        }
        self.store.release_hold(id, lease).await.map_err(|e| stored(&e))?;
        done?;
        let above = hand.as_parent();
        let mut report = hand.into_report();
        if let Some(above) = above {
            Box::pin(self.look_up_once_more(plane, &above, &mut report)).await?;
            Box::pin(self.follow_sub_issues(plane, &above, &mut report)).await?;
        }
        Ok(report)
    }

    /// Plane, asked for a workspace; `None` for `plane.workspace`.
    pub fn plane_in(&self, workspace: Option<&WorkspaceSlug>) -> Option<PlaneClient> {
        self.plane.as_ref().map(|plane| in_workspace(plane, workspace))
    }

    /// Why jobs of a class about a repository should not begin now, and until when: whatever would be
    /// asked of the one side could only wait for the other.
    pub fn held_up(&self, class: Class, repository: &RepositoryName) -> Option<Failure> {
        let plane = self.plane.as_ref().and_then(|plane| plane.look(class));
        let github = self.github.as_ref().and_then(|g| g.rest(repository)?.look(class));
        let longest = [plane, github].into_iter().flatten().max_by_key(|stopped| stopped.wait);
        longest.map(|Stopped { reason, wait, .. }| Failure::Quota { reason, wait })
    }

    /// The lowest class whose jobs may begin now, of one GitHub server's at least; those before it
    /// may, too.
    pub fn open_to(&self) -> Option<Class> {
        let is_open = |class: &Class| {
            let plane = self.plane.as_ref().is_none_or(|plane| plane.look(*class).is_none());
            let servers = || self.github.iter().flat_map(GitHub::rests);
            // Of a server that is not asked there may be jobs at any time.
            let unasked = self.github.as_ref().is_none_or(GitHub::leaves_servers_unasked);
            plane && (unasked || servers().any(|server| server.look(*class).is_none()))
        };
        Class::ALL.into_iter().rev().find(is_open)
    }

    /// For the board alone, which has what the webhook told already: a GitHub that can't be asked
    /// is no failure.
    async fn only_asked(&self, target: &Target, told: Told, why: &str) -> Report {
        if !self.github.as_ref().is_some_and(|github| github.reads(&target.repository.name)) {
            return Report::idle(why);
        }
        match Box::pin(self.github_now(target, told, None)).await {
            Ok(now) => {
                let mut report = Report::idle(why);
                report.asked = now.asked();
                report
            }
            Err(failure) => Report::idle(format!("{why}; GitHub was not asked: {failure}")),
        }
    }

    async fn held(&self, key: &LinkKey) -> Result<(IssueLink, Lease), Failure> {
        self.held_if_free(key).await?.ok_or_else(|| Failure::Quota {
            reason: "another worker is bringing this issue in step".to_owned(),
            wait: BUSY,
        })
    }

    /// The same; `None` where somebody else holds it.
    async fn held_if_free(&self, key: &LinkKey) -> Result<Option<(IssueLink, Lease)>, Failure> {
        let lease = Lease(Uuid::new_v4());
        let now = self.clock.now();
        let held = self.store.hold_link(key, lease, now + HOLD, now).await;
        Ok(match held.map_err(|e| stored(&e))? {
            Held::Ours(link) => Some((*link, lease)),
            Held::Busy => None,
        })
    }
}

pub(in crate::jobs) fn in_workspace(
    plane: &PlaneClient,
    workspace: Option<&WorkspaceSlug>,
) -> PlaneClient {
    workspace.map_or_else(|| plane.clone(), |slug| plane.in_workspace(slug.as_str()))
}

/// A failure of our own database, for the queue.
fn stored(error: &StoreError) -> Failure {
    of_database(format!("the sync could not be recorded: {error}"), error)
}

/// That our own database is away is nobody's attempt.
pub(super) fn of_database(reason: String, error: &StoreError) -> Failure {
    if error.is_transient() {
        Failure::Quota { reason, wait: BUSY }
    } else {
        Failure::retry(reason)
    }
}

/// Somebody else took the link over.
fn overtaken() -> Failure {
    Failure::Quota { reason: "another worker took this issue over".to_owned(), wait: BUSY }
}

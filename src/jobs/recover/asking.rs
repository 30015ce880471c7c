//! Asking GitHub for what is missing, one delivery a second.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::{Fate, Found, MOST_ASKED, PlaceReport, Progress, Recover, Report, Task};
use crate::clients::github_hooks::{Redelivery, permission};
use crate::clients::github_rest::GitHubRest;
use crate::clock::Clock;
use crate::config::{GithubHost, RepositoryName};
use crate::failure::Failure;
use crate::recovery::{HookOwner, patience};
use crate::store::StoreResult;
use crate::store::recovery::{Request, RequestEnd};

/// Between two requests that make GitHub do something, as it asks of everybody.
const PACE: Duration = Duration::from_secs(1);

/// Who need not be asked any more in this run, and why.
#[derive(Default)]
struct Closed {
    repositories: Vec<RepositoryName>,
    /// Nothing that the App would have to ask for.
    app: bool,
    /// Whose token's limit is used up.
    servers: Vec<GithubHost>,
}

impl Recover {
    /// Notes all that is missing, then asks for it.
    pub(super) async fn ask_for(
        &self,
        task: &Task,
        missing: Vec<(Found, Request)>,
        places: &mut [PlaceReport],
        report: &mut Report,
        tell: &mut impl FnMut(Progress),
    ) -> StoreResult<()> {
        let found: Vec<Request> = missing
            .iter()
            .filter(|(found, _)| found.fate == Fate::Found)
            .map(|(_, request)| request.clone())
            .collect();
        self.store.note_missing(&found, task.given_up).await?;
        self.end(&missing, Fate::GivenUp, RequestEnd::GivenUp).await?;
        self.end(&missing, Fate::Expired, RequestEnd::Expired).await?;
        let of = found.len().min(MOST_ASKED) as u64;
        let (mut closed, mut asked) = (Closed::default(), 0);
        for (mut found, request) in missing {
            if found.fate == Fate::Found
                && !closed.servers.contains(&request.owner.host())
                && asked < of
            {
                tell(Progress::Asking(asked, of));
                let place = places.iter_mut().find(|p| p.repository == request.repository);
                if let Some(place) = place
                    // Whose deliveries can't be listed, whose are not sent again either.
                    && place.back_to.is_some()
                    && !closed.repositories.contains(&request.repository)
                    && !(closed.app && request.owner == HookOwner::App)
                {
                    found.fate = self.ask(&request, place, &mut closed).await?;
                    asked += 1;
                }
            }
            report.deliveries.push(found);
        }
        tell(Progress::Asking(of, of));
        Ok(())
    }

    async fn end(
        &self,
        missing: &[(Found, Request)],
        fate: Fate,
        end: RequestEnd,
    ) -> StoreResult<()> {
        let ended: BTreeSet<_> =
            missing.iter().filter(|(f, _)| f.fate == fate).map(|(_, r)| &r.guid).collect();
        self.store.end_requests(&ended.into_iter().collect::<Vec<_>>(), end, self.clock.now()).await
    }

    /// Asks for one; what became of it.
    async fn ask(
        &self,
        request: &Request,
        place: &mut PlaceReport,
        closed: &mut Closed,
    ) -> StoreResult<Fate> {
        let now = self.clock.now();
        let again = now + TimeDelta::from_std(patience(request.asked + 1)).unwrap_or_default();
        if !self.store.take_request(&request.guid, again, now).await? {
            // Somebody else has asked since this run looked.
            return Ok(Fate::Waiting);
        }
        let answer = match self.asker(&request.owner) {
            Ok(github) => {
                github.request_redelivery(&request.owner, request.hook, request.attempt).await
            }
            Err(failure) => Err(failure),
        };
        self.rest().await;
        let (problem, fate) = match answer {
            Ok(Redelivery::Promised) => {
                place.asked += 1;
                return Ok(Fate::Asked);
            }
            Ok(Redelivery::NotFound) => (
                format!(
                    "GitHub does not find a delivery that it listed (404): if that is so for all, {}",
                    permission(&request.owner)
                ),
                Fate::Found,
            ),
            Err(Failure::Quota { reason, wait }) => {
                // The App's limit is its own.
                if request.owner == HookOwner::App {
                    closed.app = true;
                } else {
                    closed.servers.push(request.owner.host());
                }
                (
                    format!(
                        "{reason}: the rest is asked for in {} s at the earliest",
                        wait.as_secs()
                    ),
                    Fate::Found,
                )
            }
            Err(failure) => {
                closed.repositories.push(request.repository.clone());
                (failure.to_string(), Fate::Found)
            }
        };
        self.store.put_request_back(&request.guid, self.clock.now()).await?;
        place.problem.get_or_insert(request.owner.host().in_words(&problem));
        Ok(fate)
    }

    /// Who may ask for what a hook sent.
    fn asker(&self, owner: &HookOwner) -> Result<&GitHubRest, Failure> {
        match owner {
            HookOwner::Repository(_) | HookOwner::Organization(_) => self.client(&owner.host()),
            HookOwner::App => self.app(),
        }
    }

    /// A clock that stands still is moved instead.
    async fn rest(&self) {
        match &self.clock {
            Clock::System => tokio::time::sleep(PACE).await,
            Clock::Manual(_) => self.clock.advance(PACE),
        }
    }
}

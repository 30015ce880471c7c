//! Which hooks come here, and what they sent.

use std::collections::BTreeMap;

use super::app::{AppWalk, OfApp};
use super::{Covers, Looked, Progress, Recover, Task};
use crate::clients::github_hooks::{Hook, RepositoryFacts, permission};
use crate::clients::github_rest::GitHubRest;
use crate::clock::Timestamp;
use crate::config::{GithubHost, RepositoryName};
use crate::failure::Failure;
use crate::recovery::{Attempt, Gap, HookOwner, gap, look_back_to, newest_of_each};
use crate::store::StoreResult;
use crate::store::recovery::RecoverPlace;
use crate::store::repositories::Repository;

/// Pages of one hook's deliveries that a run reads: 30,000 deliveries.
const MOST_PAGES: usize = 300;

/// What a hook sent, and whether that is all of it.
pub(super) struct Walked {
    pub(super) attempts: Vec<Attempt>,
    /// Where the bound was met, the oldest that was read.
    pub(super) stopped_at: Option<Timestamp>,
}

/// How far back to look.
#[derive(Clone, Copy)]
struct Floor {
    at: Timestamp,
    covers: Covers,
    gap: Option<Gap>,
}

/// An organization's hooks that come here, with what they sent; walked once for all of its
/// repositories.
type Organizations = BTreeMap<String, Result<Vec<(Hook, Walked)>, Failure>>;

/// The hooks that are walked once for several repositories, back to the lowest of their floors.
struct Common {
    floor: Option<Timestamp>,
    organizations: Organizations,
    app: AppWalk,
}

impl Recover {
    pub(super) async fn look_at_all(
        &self,
        task: &Task,
        tell: &mut impl FnMut(Progress),
    ) -> StoreResult<Vec<Looked>> {
        let mut repositories = self.store.repositories().await?;
        if let Some(only) = &task.repository {
            repositories.retain(|repository| repository.name == *only);
        }
        // One whose server has no token is only told of where somebody asks for it.
        let is_asked = |r: &Repository| self.github.rest_of(&r.name.host()).is_some();
        repositories.retain(|r| task.repository.is_some() || is_asked(r));
        let known = self.store.recover_places().await?;
        let floors: Vec<Floor> =
            repositories.iter().map(|repository| self.floor(task, repository, &known)).collect();
        let lowest = floors.iter().map(|floor| floor.at).min();
        let (organizations, app) = (Organizations::new(), AppWalk::default());
        let mut common = Common { floor: lowest, organizations, app };
        let (mut looked, of) = (Vec::new(), repositories.len() as u64);
        let mut limits: BTreeMap<GithubHost, String> = BTreeMap::new();
        for (repository, floor) in repositories.into_iter().zip(floors) {
            tell(Progress::Looking(looked.len() as u64, of));
            let host = repository.name.host();
            let seen = match limits.get(&host) {
                // The limit is the token's: no other repository there can be asked about either.
                Some(reason) => Err(Failure::retry(reason)),
                None => self.look(&repository, floor.at, &mut common).await,
            };
            if let Err(Failure::Quota { reason, .. }) = &seen {
                limits.insert(host, reason.clone());
            }
            looked.push(looked_at(repository, floor, seen));
        }
        tell(Progress::Looking(of, of));
        Ok(looked)
    }

    /// How far back to look for a repository, and what lies beyond what GitHub lists.
    fn floor(&self, task: &Task, repository: &Repository, known: &[RecoverPlace]) -> Floor {
        let kept_since = self.kept_since(&repository.name.host(), self.clock.now());
        let place = known.iter().find(|place| place.repository == repository.name);
        let covered = place.and_then(|place| place.covered_until);
        let due = look_back_to(covered, kept_since);
        let at = task.since.map_or(due, |since| since.max(kept_since));
        Floor {
            at,
            covers: if at <= due { Covers::Everything } else { Covers::Part },
            // Before it was configured nothing was promised.
            gap: gap(task.since.or(covered).unwrap_or(repository.created_at), kept_since),
        }
    }

    /// What a repository's hooks sent; a problem that does not keep from looking, too.
    async fn look(
        &self,
        repository: &Repository,
        floor: Timestamp,
        common: &mut Common,
    ) -> Result<Seen, Failure> {
        let name = &repository.name;
        let owner = HookOwner::Repository(name.clone());
        // Where these are closed to the token, an organization's may be open all the same.
        let hooks = self.hooks_of(&owner).await;
        match &hooks {
            Ok(hooks) if !hooks.is_empty() => return self.walk_all(hooks, floor).await,
            Err(limited @ Failure::Quota { .. }) => return Err(limited.clone()),
            Ok(_) | Err(_) => {}
        }
        let floor = common.floor.unwrap_or(floor);
        let facts = self.facts(name).await;
        if let Err(limited @ Failure::Quota { .. }) = facts {
            return Err(limited);
        }
        if let Ok(facts) = &facts
            && let Some(seen) =
                self.of_organization(facts, floor, &mut common.organizations).await?
        {
            return Ok(seen);
        }
        let id = facts.as_ref().ok().map(|facts| facts.id).or(repository.github_id);
        let nor = match self.of_app(name, id, floor, &mut common.app).await? {
            OfApp::Sent(seen) => return Ok(seen),
            OfApp::Not(nor) => nor,
        };
        facts?;
        hooks?;
        Err(Failure::permanent(format!(
            "no webhook of {name} that github.token can see posts to {}{nor}: set it as the Payload URL at GitHub (Settings, Webhooks), or set public_url to how GitHub reaches this service",
            self.endpoint
        )))
    }

    /// The repository as GitHub shows it to the token.
    async fn facts(&self, name: &RepositoryName) -> Result<RepositoryFacts, Failure> {
        self.client(&name.host())?.fetch_facts(name).await?.ok_or_else(|| {
            Failure::permanent(format!(
                "GitHub shows no repository {name} (404): check its name, and {}",
                permission(&HookOwner::Repository(name.clone()))
            ))
        })
    }

    /// Those that come here.
    async fn hooks_of(&self, owner: &HookOwner) -> Result<Vec<Hook>, Failure> {
        let mut hooks = self.client(&owner.host())?.fetch_hooks(owner).await?;
        hooks.retain(|hook| hook.posts_to(&self.endpoint));
        Ok(hooks)
    }

    async fn walk_all(&self, hooks: &[Hook], floor: Timestamp) -> Result<Seen, Failure> {
        let (mut all, mut stopped_at) = (Vec::new(), None);
        for hook in hooks {
            let github = self.client(&hook.owner.host())?;
            let walked = self.walk(github, hook, floor).await?;
            stopped_at = stopped_at.max(walked.stopped_at);
            all.extend(owned(hook, walked.attempts));
        }
        Ok((once_each(all), problem_of(hooks), stopped_at))
    }

    /// What a hook sent, as whoever may ask for it is told.
    pub(super) async fn walk(
        &self,
        github: &GitHubRest,
        hook: &Hook,
        floor: Timestamp,
    ) -> Result<Walked, Failure> {
        let (mut attempts, mut next) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = github.fetch_deliveries(hook, next).await?;
            let below = page.attempts.iter().any(|attempt| attempt.delivered_at < floor);
            attempts.extend(page.attempts.into_iter().filter(|a| a.delivered_at >= floor));
            next = page.next;
            if below || next.is_none() {
                return Ok(Walked { attempts: newest_of_each(attempts), stopped_at: None });
            }
        }
        let stopped_at = attempts.iter().map(|attempt| attempt.delivered_at).min();
        Ok(Walked { attempts: newest_of_each(attempts), stopped_at })
    }

    /// What the hooks of a repository's organization sent of it; `None` where it has none that comes
    /// here, or they are closed to the token.
    async fn of_organization(
        &self,
        facts: &RepositoryFacts,
        floor: Timestamp,
        organizations: &mut Organizations,
    ) -> Result<Option<Seen>, Failure> {
        let Some(login) = &facts.organization else { return Ok(None) };
        if !organizations.contains_key(login) {
            let walked = self.walk_organization(login, floor).await;
            if let Err(limited @ Failure::Quota { .. }) = walked {
                return Err(limited);
            }
            organizations.insert(login.clone(), walked);
        }
        let Some(Ok(hooks)) = organizations.get(login) else { return Ok(None) };
        if hooks.is_empty() {
            return Ok(None);
        }
        let stopped_at = hooks.iter().filter_map(|(_, walked)| walked.stopped_at).max();
        let own = hooks.iter().flat_map(|(hook, walked)| {
            let of_it = walked.attempts.iter().filter(|a| a.repository_id == Some(facts.id));
            owned(hook, of_it.cloned().collect())
        });
        let hooks: Vec<Hook> = hooks.iter().map(|(hook, _)| hook.clone()).collect();
        Ok(Some((once_each(own.collect()), problem_of(&hooks), stopped_at)))
    }

    async fn walk_organization(
        &self,
        login: &str,
        floor: Timestamp,
    ) -> Result<Vec<(Hook, Walked)>, Failure> {
        let mut walked = Vec::new();
        for hook in self.hooks_of(&HookOwner::Organization(login.to_owned())).await? {
            let github = self.client(&hook.owner.host())?;
            let sent = self.walk(github, &hook, floor).await?;
            walked.push((hook, sent));
        }
        Ok(walked)
    }
}

/// What was seen, a problem that did not keep from it, and where it stopped before its end.
pub(super) type Seen = (Vec<(HookOwner, u64, Attempt)>, Option<String>, Option<Timestamp>);

fn looked_at(repository: Repository, floor: Floor, seen: Result<Seen, Failure>) -> Looked {
    let host = repository.name.host();
    let seen = seen.map_err(|failure| host.in_words(&failure.to_string()));
    match seen {
        Ok((attempts, problem, stopped_at)) => Looked {
            repository,
            attempts,
            back_to: Some(stopped_at.unwrap_or(floor.at)),
            covers: floor.covers,
            gap: stopped_at.map_or(floor.gap, |until| {
                Some(Gap { from: floor.gap.map_or(floor.at, |gap| gap.from), until })
            }),
            problem,
        },
        Err(words) => Looked {
            repository,
            attempts: Vec::new(),
            back_to: None,
            covers: Covers::Part,
            gap: None,
            problem: Some(words),
        },
    }
}

pub(super) fn owned(hook: &Hook, attempts: Vec<Attempt>) -> Vec<(HookOwner, u64, Attempt)> {
    attempts.into_iter().map(|attempt| (hook.owner.clone(), hook.id, attempt)).collect()
}

/// Two hooks of one event have one GUID: the newest attempt of them counts.
pub(super) fn once_each(mut all: Vec<(HookOwner, u64, Attempt)>) -> Vec<(HookOwner, u64, Attempt)> {
    all.sort_by(|(.., a), (.., b)| {
        a.guid.cmp(&b.guid).then((b.delivered_at, b.id).cmp(&(a.delivered_at, a.id)))
    });
    all.dedup_by(|(.., a), (.., b)| a.guid == b.guid);
    all.sort_by_key(|(.., a)| (a.delivered_at, a.id));
    all
}

fn problem_of(hooks: &[Hook]) -> Option<String> {
    let hook = hooks.first().filter(|_| hooks.iter().all(|hook| !hook.active))?;
    Some(format!(
        "the webhook of {} is switched off, so GitHub sends nothing: tick Active in its settings at GitHub",
        hook.owner
    ))
}

//! How each repository is kept in step at this moment: what the configuration or a person put into
//! its row, and who GitHub's accounts are in Plane.
//!
//! A copy is kept as long as the database's revision of them is the same: what was changed through
//! any process counts for the next sync in all of them, and a burst of syncs asks for one number
//! each. Deliberately absent: changing it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::config::{GithubHost, RepositoryName, RepositorySettings, WorkspaceSlug};
use crate::queue::turns::RateLimit;
use crate::rules::Rulebook;
use crate::store::people::{Counterpart, KnownPerson};
use crate::store::repositories::Repository;
use crate::store::{Store, StoreResult};
use crate::sync::mapping::{Mapping, NOBODY};

/// A copy is read again after this time, should somebody have died between a change and its count.
const FRESH: Duration = Duration::from_secs(30);

/// The settings of all repositories, as one process sees them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CurrentSettings {
    store: Store,
    clock: Clock,
    known: Arc<Mutex<Option<Read>>>,
}

/// When it was read, and what.
type Read = (Timestamp, Arc<Known>);

/// All settings and decisions at one moment.
#[derive(Debug)]
struct Known {
    revision: i64,
    repositories: Vec<Ready>,
    people: Vec<KnownPerson>,
    /// Plane's users who are nobody on GitHub.
    apart: BTreeSet<String>,
    workspaces: Arc<Workspaces>,
}

/// In which of Plane's workspaces projects are.
#[derive(Debug, Default)]
pub struct Workspaces {
    /// By the id of each project that a repository goes by; `None` is `plane.workspace`.
    pub of: HashMap<String, Option<WorkspaceSlug>>,
    /// Those beside `plane.workspace`.
    pub others: Vec<WorkspaceSlug>,
}

impl Workspaces {
    fn new(repositories: &[Repository], settings: &[Ready]) -> Self {
        let mut all = Self::default();
        for repository in repositories {
            let slug = &repository.plane_workspace;
            let known = settings.iter().find(|(name, ..)| *name == repository.name);
            let named = known.map(|(_, _, rulebook)| rulebook.projects()).unwrap_or_default();
            for project in repository.plane_project.into_iter().chain(named) {
                all.of.entry(project.to_string()).or_insert_with(|| slug.clone());
            }
            if let Some(slug) = slug.as_ref().filter(|slug| !all.others.contains(slug)) {
                all.others.push(slug.clone());
            }
        }
        all
    }
}

/// A repository with its filter and rules, ready to be asked.
type Ready = (RepositoryName, RepositorySettings, Arc<Rulebook>);

/// One repository's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// As they were put.
    pub settings: RepositorySettings,
    /// Whose words mean what. What the repository's own `users` say of an account counts before
    /// what was decided about it for all repositories.
    pub mapping: Mapping,
    /// Its filter and rules, ready to be asked.
    pub rulebook: Arc<Rulebook>,
}

impl CurrentSettings {
    /// Nothing is read yet.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    /// How a repository is kept in step; one without settings goes by likeness alone.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn of(&self, repository: &RepositoryName) -> StoreResult<Followed> {
        let known = self.known().await?;
        let found = known.repositories.iter().find(|(name, ..)| name == repository);
        let found = found.map(|(_, settings, rulebook)| (settings.clone(), Arc::clone(rulebook)));
        let (settings, rulebook) = found.unwrap_or_default();
        let mapping = known.mapping(&settings, &repository.host());
        Ok(Followed { settings, mapping, rulebook })
    }

    /// How a repository of a server would be kept in step with these settings.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn with(
        &self,
        host: &GithubHost,
        settings: &RepositorySettings,
    ) -> StoreResult<Followed> {
        let mapping = self.known().await?.mapping(settings, host);
        let rulebook = Arc::new(rulebook(settings));
        Ok(Followed { settings: settings.clone(), mapping, rulebook })
    }

    /// The limits of all repositories that have one, each by its name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn limits(&self) -> StoreResult<Vec<(RepositoryName, RateLimit)>> {
        let known = self.known().await?;
        let limit = |(name, settings, _): &(RepositoryName, RepositorySettings, _)| {
            Some((name.clone(), settings.rate_limit?))
        };
        Ok(known.repositories.iter().filter_map(limit).collect())
    }

    /// Filter and rules of all repositories that have settings, each by its name.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn rulebooks(&self) -> StoreResult<Vec<(RepositoryName, Arc<Rulebook>)>> {
        let known = self.known().await?;
        let each = known.repositories.iter();
        Ok(each.map(|(name, _, rulebook)| (name.clone(), Arc::clone(rulebook))).collect())
    }

    /// In which workspaces the projects of repositories are.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn workspaces(&self) -> StoreResult<Arc<Workspaces>> {
        Ok(Arc::clone(&self.known().await?.workspaces))
    }

    async fn known(&self) -> StoreResult<Arc<Known>> {
        let (now, revision) = (self.clock.now(), self.store.settings_revision().await?);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_good = |(at, known): &Read| {
            known.revision == revision && (now - *at).to_std().is_ok_and(|age| age < FRESH)
        };
        if let Some((_, known)) = known.filter(is_good) {
            return Ok(known);
        }
        let repositories = with_rulebooks(self.store.repository_settings().await?);
        let rows = self.store.repositories().await?;
        let read = Arc::new(Known {
            revision,
            workspaces: Arc::new(Workspaces::new(&rows, &repositories)),
            repositories,
            people: self.store.people().await?,
            apart: self.store.members_apart().await?.into_iter().map(|apart| apart.id).collect(),
        });
        let kept = Some((now, Arc::clone(&read)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(read)
    }
}

impl Known {
    fn mapping(&self, settings: &RepositorySettings, host: &GithubHost) -> Mapping {
        Mapping { apart: self.apart.clone(), ..mapping(settings, host, &self.people) }
    }
}

/// Each with its filter and rules, compiled once.
fn with_rulebooks(all: Vec<(RepositoryName, RepositorySettings)>) -> Vec<Ready> {
    let ready = |(name, settings): (RepositoryName, RepositorySettings)| {
        let rulebook = Arc::new(rulebook(&settings));
        (name, settings, rulebook)
    };
    all.into_iter().map(ready).collect()
}

fn rulebook(settings: &RepositorySettings) -> Rulebook {
    let read = Rulebook::read(settings.filter.as_deref(), &settings.rules);
    read.unwrap_or_else(|refused| Rulebook::unusable(refused.to_string()))
}

/// A login of another server has that before it, and means nobody else's of the same name.
fn own_login(person: &KnownPerson, host: &GithubHost) -> Option<String> {
    match host.name() {
        Some(name) => {
            let own = person.login.strip_prefix(name)?.strip_prefix('/')?;
            Some(own.to_owned())
        }
        None => (!person.login.contains('/')).then(|| person.login.clone()),
    }
}

fn mapping(settings: &RepositorySettings, host: &GithubHost, people: &[KnownPerson]) -> Mapping {
    let decided = people.iter().filter_map(|person| {
        let login = own_login(person, host)?;
        let member = match &person.counterpart {
            Counterpart::Member { id, .. } => id.clone(),
            Counterpart::Nobody => NOBODY.to_owned(),
        };
        Some((login, member))
    });
    let own = settings.users.iter().map(|(login, name)| (login.to_lowercase(), name.clone()));
    let users: BTreeMap<_, _> = decided.chain(own).collect();
    Mapping { users, ..Mapping::from(settings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repositorys_own_users_count_before_what_was_decided_for_all() {
        let person = |login: &str, counterpart| KnownPerson {
            login: login.to_owned(),
            counterpart,
            decided_by: "admin".to_owned(),
            decided_at: "2026-11-22T02:00:00Z".parse().unwrap(),
        };
        let member = |id: &str| Counterpart::Member { id: id.to_owned(), name: id.to_owned() };
        let people = [
            person("ada", member("1")),
            person("bob", member("2")),
            person("ci", Counterpart::Nobody),
            person("ghe.example.com/ada", member("3")),
        ];
        let users = BTreeMap::from([("Ada".to_owned(), "Ada Lovelace".to_owned())]);
        let settings = RepositorySettings { users, ..RepositorySettings::default() };
        let of = |settings: &RepositorySettings, host: &GithubHost| {
            let users = mapping(settings, host, &people).users;
            users.into_iter().map(|(login, member)| format!("{login}={member}")).collect::<Vec<_>>()
        };
        let own = of(&settings, &GithubHost::default());
        assert_eq!(own, ["ada=Ada Lovelace", "bob=2", &format!("ci={NOBODY}")]);
        let there = of(&RepositorySettings::default(), &"ghe.example.com".parse().unwrap());
        assert_eq!(there, ["ada=3"], "another server's people are others");
    }
}

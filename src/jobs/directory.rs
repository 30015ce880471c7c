//! Plane's names, looked up once and remembered: in memory, and in the database over restarts.
//!
//! The rule: asking for names never fails, it only finds fewer of them. A list is fetched whole,
//! for one project, since Plane grants 60 requests a minute: it is good for [`FRESH`]; a name that
//! is not in it makes us look again only after [`MISS`]; after a refusal that concerns every
//! request nothing is asked for [`PAUSE`], or for as long as Plane says. What is too old is used
//! when nothing newer can be had.
//!
//! Which workspace is asked is `places`' business.
//!
//! Races: many jobs that need the same list wait for one request and share its answer. Two
//! processes each ask for themselves; in the database the newer answer stays.

mod places;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::clients::plane::{PlaneClient, Refusal};
use crate::clock::{Clock, Timestamp};
use crate::failure::Failure;
use crate::jobs::settings::{CurrentSettings, Workspaces};
use crate::sources::plane::normalize::{LabelName, Lookup, Names, Need, StateName};
use crate::store::Store;
use crate::store::directory::{DirectoryEntry, EntryKind};

/// How long an answer is taken for the truth.
pub const FRESH: Duration = Duration::from_mins(10);
/// How long a name that was not in the answer, or a refused project, is not asked for again.
pub const MISS: Duration = Duration::from_mins(1);
/// How long nothing is asked after a failure that concerns every request.
pub const PAUSE: Duration = Duration::from_secs(30);
/// Refused questions that are remembered; they come from payloads, so there may be any number.
const MOST_REFUSED: usize = 10_000;

/// What was found of the names that were asked for.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The names; of those that were not asked for, none.
    pub names: Names,
    /// Why some are missing, where asking was tried. `Retry` and `Quota` are worth another
    /// attempt; a permanent one is not, and the item is told without the names.
    pub failure: Option<Failure>,
}

/// Looks names up. Shared by all workers of a process.
#[derive(Debug)]
pub struct Directory {
    client: Option<PlaneClient>,
    store: Store,
    clock: Clock,
    settings: CurrentSettings,
    loaded: OnceCell<()>,
    known: Mutex<Known>,
    asking: Mutex<HashMap<Question, Arc<tokio::sync::Mutex<()>>>>,
}

/// One request to Plane: all entries of a kind in a project.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    kind: EntryKind,
    project: String,
}

impl Question {
    fn of(need: &Need) -> Self {
        let (kind, project) = match need {
            Need::Project { project } => (EntryKind::Project, project),
            Need::State { project, .. } | Need::StateNamed { project, .. } => {
                (EntryKind::State, project)
            }
            Need::Label { project, .. } => (EntryKind::Label, project),
            Need::Member { project, .. } => (EntryKind::Member, project),
        };
        Self { kind, project: project.clone() }
    }
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<(EntryKind, String), Found>,
    asked: HashMap<Question, Asked>,
    /// In which workspaces the projects of repositories are.
    configured: Arc<Workspaces>,
    /// In which other workspace than `plane.workspace` a project was found that no repository
    /// goes by.
    found_in: HashMap<String, String>,
    pause: Option<(Timestamp, Refusal)>,
}

/// One entry and where it comes from.
#[derive(Debug, Clone)]
struct Found {
    scope: String,
    entry: Entry,
    fetched_at: Timestamp,
}

/// When a question was last asked, and the refusal where it was refused.
#[derive(Debug, Clone)]
struct Asked {
    at: Timestamp,
    refusal: Option<Refusal>,
}

/// What is kept of an entry; the shape of `plane_directory.entry`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Entry {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    /// Of a project, where it is not in `plane.workspace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
}

/// Entries by their ids.
type Answer = Result<Vec<(String, Entry)>, Refusal>;

/// Whether a question has to be asked now.
enum Due {
    Yes,
    No,
    Refused(Refusal),
}

impl Directory {
    /// Without a client only what is already known is found.
    pub fn new(client: Option<PlaneClient>, store: Store, clock: Clock) -> Self {
        let settings = CurrentSettings::new(store.clone(), clock.clone());
        Self {
            client,
            store,
            clock,
            settings,
            loaded: OnceCell::new(),
            known: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    /// Finds names, asking Plane for what is not known or too old.
    pub async fn names(&self, needs: &[Need]) -> Named {
        let lookup = if self.client.is_some() { Lookup::On } else { Lookup::Off };
        if needs.is_empty() {
            return Named { names: Names { lookup, ..Names::default() }, failure: None };
        }
        self.load().await;
        let mut refused = HashMap::new();
        if let Some(client) = &self.client {
            for need in needs {
                let question = Question::of(need);
                if refused.contains_key(&question) {
                    continue;
                }
                if let Err(refusal) = self.settle(client, &question, needs).await {
                    refused.insert(question, refusal);
                }
            }
        }
        let names = lock(&self.known).pick(needs, lookup);
        let mut unmet = needs.iter().filter(|need| !names.knows(need));
        let failure = unmet.find_map(|need| refused.get(&Question::of(need))).map(Refusal::failure);
        Named { names, failure }
    }

    /// Fills the memory from the database, once. A database that can't tell is no reason to fail:
    /// it is asked again next time.
    async fn load(&self) {
        let loaded = self.loaded.get_or_try_init(|| async {
            let rows = self.store.directory_entries().await?;
            let mut known = lock(&self.known);
            for row in rows {
                let Ok(entry) = serde_json::from_value(row.entry) else { continue };
                known.learn(
                    row.kind,
                    row.id,
                    Found { scope: row.scope, entry, fetched_at: row.fetched_at },
                );
            }
            Ok::<_, crate::store::StoreError>(())
        });
        if let Err(error) = loaded.await {
            tracing::warn!("Plane's names could not be loaded, going on without: {error}");
        }
    }

    /// Asks the question if it is due; many who ask at once share one request.
    async fn settle(
        &self,
        client: &PlaneClient,
        question: &Question,
        needs: &[Need],
    ) -> Result<(), Refusal> {
        let due = || lock(&self.known).due(question, needs, self.clock.now());
        match due() {
            Due::No => return Ok(()),
            Due::Refused(refusal) => return Err(refusal),
            Due::Yes => {}
        }
        let turn = Arc::clone(lock(&self.asking).entry(question.clone()).or_default());
        let _turn = turn.lock().await;
        match due() {
            Due::No => Ok(()),
            Due::Refused(refusal) => Err(refusal),
            Due::Yes => {
                let answer = self.ask(client, question).await;
                let settled = self.remember(question, answer).await;
                lock(&self.asking).remove(question);
                settled
            }
        }
    }

    async fn remember(&self, question: &Question, answer: Answer) -> Result<(), Refusal> {
        let now = self.clock.now();
        let entries = match answer {
            Ok(entries) => entries,
            Err(refusal) => {
                tracing::warn!(
                    kind = question.kind.as_str(),
                    project.id = question.project,
                    "Plane's names could not be fetched: {}",
                    refusal.failure()
                );
                lock(&self.known).refuse(question, &refusal, now);
                return Err(refusal);
            }
        };
        let mut rows = Vec::with_capacity(entries.len());
        {
            let mut known = lock(&self.known);
            known.asked.insert(question.clone(), Asked { at: now, refusal: None });
            for (id, entry) in entries {
                rows.push(DirectoryEntry {
                    kind: question.kind,
                    id: id.clone(),
                    scope: question.project.clone(),
                    entry: serde_json::to_value(&entry).unwrap_or_default(),
                    fetched_at: now,
                });
                let scope = question.project.clone();
                known.learn(question.kind, id, Found { scope, entry, fetched_at: now });
            }
        }
        if let Err(error) = self.store.put_directory_entries(&rows).await {
            tracing::warn!("Plane's names are known, but could not be kept: {error}");
        }
        Ok(())
    }
}

impl Known {
    fn learn(&mut self, kind: EntryKind, id: String, entry: Found) {
        let question = Question { kind, project: entry.scope.clone() };
        let asked =
            self.asked.entry(question).or_insert(Asked { at: entry.fetched_at, refusal: None });
        asked.at = asked.at.max(entry.fetched_at);
        if let (EntryKind::Project, Some(slug)) = (kind, &entry.entry.workspace) {
            self.found_in.insert(id.clone(), slug.clone());
        }
        self.entries.insert((kind, id), entry);
    }

    fn refuse(&mut self, question: &Question, refusal: &Refusal, now: Timestamp) {
        if refusal.concerns_all() {
            let wait = match refusal {
                Refusal::Quota { wait } | Refusal::Waiting { wait, .. } => *wait,
                _ => PAUSE,
            };
            self.pause = Some((now + wait, refusal.clone()));
            return;
        }
        if self.asked.len() > MOST_REFUSED {
            self.asked.retain(|_, asked| asked.refusal.is_none());
        }
        self.asked.insert(question.clone(), Asked { at: now, refusal: Some(refusal.clone()) });
    }

    fn due(&self, question: &Question, needs: &[Need], now: Timestamp) -> Due {
        let age = |at: Timestamp| (now - at).to_std().unwrap_or_default();
        let asked = self.asked.get(question);
        match asked {
            Some(Asked { at, refusal: Some(refusal) }) if age(*at) < MISS => {
                return Due::Refused(refusal.clone());
            }
            Some(Asked { at, refusal: None }) => {
                let mut asks = needs.iter().filter(|need| Question::of(need) == *question);
                let good_for = if asks.all(|need| self.knows(need)) { FRESH } else { MISS };
                if age(*at) < good_for {
                    return Due::No;
                }
            }
            _ => {}
        }
        match &self.pause {
            Some((until, refusal)) if now < *until => Due::Refused(match refusal {
                Refusal::Quota { .. } => {
                    Refusal::Quota { wait: (*until - now).to_std().unwrap_or_default() }
                }
                Refusal::Waiting { reason, .. } => Refusal::Waiting {
                    reason: reason.clone(),
                    wait: (*until - now).to_std().unwrap_or_default(),
                },
                other => other.clone(),
            }),
            _ => Due::Yes,
        }
    }

    fn knows(&self, need: &Need) -> bool {
        let has = |kind, id: &String| self.entries.contains_key(&(kind, id.clone()));
        match need {
            Need::Project { project } => has(EntryKind::Project, project),
            Need::State { id, .. } => has(EntryKind::State, id),
            Need::StateNamed { project, name } => self.state_named(project, name).is_some(),
            Need::Label { id, .. } => has(EntryKind::Label, id),
            Need::Member { id, .. } => has(EntryKind::Member, id),
        }
    }

    /// Of several states that have or had the name, the one seen last.
    fn state_named(&self, project: &str, name: &str) -> Option<(&String, &Found)> {
        let states = self.entries.iter().filter(|((kind, _), _)| *kind == EntryKind::State);
        states
            .filter(|(_, known)| known.scope == project && known.entry.name == name)
            .map(|((_, id), known)| (id, known))
            .max_by_key(|(id, known)| (known.fetched_at, *id))
    }

    fn pick(&self, needs: &[Need], lookup: Lookup) -> Names {
        let mut names = Names { lookup, ..Names::default() };
        let find = |kind, id: &String| self.entries.get(&(kind, id.clone()));
        let state = |known: &Found| StateName {
            project: known.scope.clone(),
            name: known.entry.name.clone(),
            group: known.entry.group.clone().unwrap_or_default(),
        };
        for need in needs {
            match need {
                Need::Project { project } => {
                    let known = find(EntryKind::Project, project);
                    let identifier = known.and_then(|known| known.entry.identifier.clone());
                    names.projects.extend(identifier.map(|i| (project.clone(), i)));
                }
                Need::State { id, .. } => {
                    let known = find(EntryKind::State, id);
                    names.states.extend(known.map(|known| (id.clone(), state(known))));
                }
                Need::StateNamed { project, name } => {
                    let known = self.state_named(project, name);
                    names.states.extend(known.map(|(id, known)| (id.clone(), state(known))));
                }
                Need::Label { id, .. } => {
                    let label = find(EntryKind::Label, id).map(|known| LabelName {
                        name: known.entry.name.clone(),
                        color: known.entry.color.clone(),
                    });
                    names.labels.extend(label.map(|label| (id.clone(), label)));
                }
                Need::Member { id, .. } => {
                    let known = find(EntryKind::Member, id);
                    names.members.extend(known.map(|known| (id.clone(), known.entry.name.clone())));
                }
            }
        }
        names
    }
}

/// One question to Plane, and its answer in our shape.
async fn fetch(client: &PlaneClient, question: &Question) -> Answer {
    let project = &question.project;
    let named = |name: String| Entry { name: storable(&name), ..Entry::default() };
    Ok(match question.kind {
        EntryKind::Project => {
            let found = client.fetch_project(project).await?;
            let identifier = Some(storable(&found.identifier));
            vec![(project.clone(), Entry { identifier, ..named(found.name) })]
        }
        EntryKind::State => {
            let states = client.fetch_states(project).await?.into_iter();
            states.map(|s| (s.id, Entry { group: Some(s.group), ..named(s.name) })).collect()
        }
        EntryKind::Label => {
            let labels = client.fetch_labels(project).await?.into_iter();
            let color = |color: Option<String>| color.filter(|c| !c.is_empty());
            labels.map(|l| (l.id, Entry { color: color(l.color), ..named(l.name) })).collect()
        }
        EntryKind::Member => {
            let members = client.fetch_members(project).await?.into_iter();
            members.map(|m| (m.id, named(m.display_name))).collect()
        }
    })
}

/// No database takes a NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

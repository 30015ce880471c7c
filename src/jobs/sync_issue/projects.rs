//! Plane's states, labels and members of a project, kept for a while: they change seldom, and
//! Plane gives few requests a minute.
//!
//! A label that we make is added here at once. Whoever finds something missing asks anew with
//! [`Projects::forget`]. Deliberately absent: a copy in the database; a start asks again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clients::plane::{PlaneClient, Refusal};
use crate::clock::{Clock, Timestamp};
use crate::sync::milestones::BundleKind;
use crate::sync::plane::{Project, ProjectLabel};

/// How long a project is taken to be as it was.
const FRESH: Duration = Duration::from_mins(10);

/// Projects by their ids. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Projects {
    clock: Clock,
    known: Arc<Mutex<HashMap<String, Known>>>,
    off: Arc<Mutex<Off>>,
}

/// When each project was found to have its modules or cycles switched off.
type Off = HashMap<(String, BundleKind), Timestamp>;

/// When a project was asked for, and what it was then.
#[derive(Debug)]
struct Known {
    at: Timestamp,
    project: Arc<Project>,
    /// Labels that were left to others, by id.
    left: BTreeSet<String>,
}

impl Projects {
    /// Knows none yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default(), off: Arc::default() }
    }

    /// A project as it was at most ten minutes ago.
    pub async fn project(&self, plane: &PlaneClient, id: &str) -> Result<Arc<Project>, Refusal> {
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        let now = self.clock.now();
        let project = Arc::new(plane.fetch_project_parts(id).await?);
        let known = Known { at: now, project: Arc::clone(&project), left: BTreeSet::new() };
        self.locked().insert(id.to_owned(), known);
        Ok(project)
    }

    /// A project, if it was asked for within ten minutes.
    pub fn known(&self, id: &str) -> Option<Arc<Project>> {
        let now = self.clock.now();
        let known = self.locked();
        let known = known.get(id)?;
        (now < known.at + FRESH).then(|| Arc::clone(&known.project))
    }

    /// A label was made, or is another one now. One that was left to others stays without its mark.
    pub fn put_label(&self, project: &str, label: ProjectLabel) {
        let mut all = self.locked();
        let Some(Known { project: known, left, .. }) = all.get_mut(project) else { return };
        let github = label.github.filter(|_| !left.contains(&label.id));
        let label = ProjectLabel { github, ..label };
        let labels = &mut Arc::make_mut(known).labels;
        match labels.iter_mut().find(|known| known.id == label.id) {
            Some(known) => *known = label,
            None => labels.push(label),
        }
    }

    /// A project has its modules or cycles switched off.
    pub fn note_off(&self, project: &str, kind: BundleKind) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        off.insert((project.to_owned(), kind), self.clock.now());
    }

    /// Whether it had them switched off ten minutes ago or later.
    pub fn is_off(&self, project: &str, kind: BundleKind) -> bool {
        let off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = off.get(&(project.to_owned(), kind));
        seen.is_some_and(|at| self.clock.now() < *at + FRESH)
    }

    /// A label is others' as well: nothing is found by its mark any more.
    pub fn leave_label(&self, project: &str, label: &str) {
        let mut all = self.locked();
        let Some(known) = all.get_mut(project) else { return };
        known.left.insert(label.to_owned());
        let labels = &mut Arc::make_mut(&mut known.project).labels;
        for known in labels.iter_mut().filter(|known| known.id == label) {
            known.github = None;
        }
    }

    /// Whether a label was left to others.
    pub fn was_left(&self, project: &str, label: &str) -> bool {
        self.locked().get(project).is_some_and(|known| known.left.contains(label))
    }

    /// Asks anew next time.
    pub fn forget(&self, project: &str) {
        self.locked().remove(project);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

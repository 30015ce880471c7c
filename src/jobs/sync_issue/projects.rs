//! Plane's states, labels and members of a project, kept for a while: they change seldom, and
//! Plane gives few requests a minute.
//!
//! A label that we make is added here at once. Whoever finds something missing asks anew with
//! [`Projects::forget`]. Deliberately absent: a copy in the database; a start asks again.

use std::collections::HashMap;
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
    known: Arc<Mutex<Known>>,
    off: Arc<Mutex<Off>>,
}

/// When each project was found to have its modules or cycles switched off.
type Off = HashMap<(String, BundleKind), Timestamp>;

/// When each project was asked for, and what it was then.
type Known = HashMap<String, (Timestamp, Arc<Project>)>;

impl Projects {
    /// Knows none yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Arc::default(), off: Arc::default() }
    }

    /// A project as it was at most ten minutes ago.
    pub async fn project(&self, plane: &PlaneClient, id: &str) -> Result<Arc<Project>, Refusal> {
        let now = self.clock.now();
        if let Some((at, project)) = self.locked().get(id)
            && now < *at + FRESH
        {
            return Ok(Arc::clone(project));
        }
        let project = Arc::new(plane.fetch_project_parts(id).await?);
        self.locked().insert(id.to_owned(), (now, Arc::clone(&project)));
        Ok(project)
    }

    /// A label was made.
    pub fn add_label(&self, project: &str, label: ProjectLabel) {
        if let Some((_, known)) = self.locked().get_mut(project) {
            Arc::make_mut(known).labels.push(label);
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

    /// Asks anew next time.
    pub fn forget(&self, project: &str) {
        self.locked().remove(project);
    }

    fn locked(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

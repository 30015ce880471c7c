//! The module or cycle of a milestone: found, made, and kept saying what the milestone says.
//!
//! Its row is held while it is worked on, so that the issues of a milestone that come together make
//! one and not several. It is looked for by GitHub's id, then by its name, before it is made; what
//! was there is taken as it is. Whoever finds a write that was not settled looks first: what differs
//! in a field that was being written was written.
//!
//! Nothing is made before an item is to go into it, and nothing is ever deleted. What Plane does not
//! take is told and not tried again until the milestone changes, so it fails no delivery.

use uuid::Uuid;

use super::asking::refused;
use super::placing::projects_named;
use super::{BUSY, HOLD, IssueSync, Report, in_workspace, overtaken, stored};
use crate::clients::plane::{Creation, FoundBundle, PlaneClient, Refusal};
use crate::failure::Failure;
use crate::ids::{DeliveryId, Lease};
use crate::jobs::settings::Followed;
use crate::sources::Source;
use crate::sources::github::payload::MilestoneAction;
use crate::store::bundles::{BundleIntent, BundleKey, BundleRow};
use crate::store::links::Save;
use crate::store::repositories::Repository;
use crate::sync::github::Milestone;
use crate::sync::milestones::{
    Bundle, BundleBase, BundleChange, BundleFields, BundleKind, Word, plan_bundle, settle_bundle,
};
use crate::sync::plan::{Finding, Write};

/// How Plane says that a project has them switched off.
const SWITCHED_OFF: &str = "not enabled";

/// Whether a bundle is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// No: nothing is to go into it.
    Never,
    /// Where there never was one.
    IfMissing,
    /// Also where it is gone: a person asked.
    Again,
}

/// A milestone as somebody told it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) milestone: &'a Milestone,
    pub(super) word: Word,
}

/// What a milestone has in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Counterpart {
    /// This one.
    There(Bundle),
    /// This one, which was made just now.
    Made(Bundle),
    /// None as long as the project has them switched off.
    Off,
    /// None.
    None,
}

/// Works on the bundle of one milestone.
struct Keeper<'a> {
    sync: &'a IssueSync,
    plane: &'a PlaneClient,
    key: &'a BundleKey,
    lease: Lease,
    cause: Option<&'a (Source, DeliveryId)>,
    report: &'a mut Report,
}

impl IssueSync {
    /// Carries a change of a milestone over to its bundle.
    ///
    /// # Errors
    /// When a side can't be asked or told.
    pub async fn follow_milestone(
        &self,
        repository: &Repository,
        told: &Milestone,
        action: MilestoneAction,
        cause: Option<(Source, DeliveryId)>,
    ) -> Result<Report, Failure> {
        let Followed { settings, rulebook, .. } =
            self.settings.of(&repository.name).await.map_err(|e| stored(&e))?;
        let projects = projects_named(repository, &rulebook);
        let Some(plane) = self.plane.as_ref().filter(|_| !projects.is_empty()) else {
            return Ok(Report::idle("its repository is kept in step with no Plane project"));
        };
        let Some(kind) = settings.milestones else {
            return Ok(Report::idle("milestones of its repository stay on GitHub"));
        };
        let mut keys = Vec::new();
        for plane_project in projects {
            let key = BundleKey { milestone: told.id, plane_project, kind };
            let known = self.store.bundle(&key).await.map_err(|e| stored(&e))?;
            keys.extend(known.and_then(|known| known.id).map(|_| key));
        }
        if keys.is_empty() {
            let why = format!("no work item is in it yet; its {kind} is made with the first one");
            return Ok(Report::idle(why));
        }
        if action == MilestoneAction::Deleted {
            let title = &told.title;
            let why = format!("the milestone “{title}” was deleted; its {kind} stays in Plane");
            return Ok(Report::idle(why));
        }
        if let Some(failure) = self.held_up(plane.class(), &repository.name) {
            return Err(failure);
        }
        let rest = self.github.as_ref().and_then(|github| github.rest(&repository.name));
        let asked = match rest {
            Some(rest) => rest.fetch_milestone(&repository.name, told.number).await?,
            None => None,
        };
        let said = match asked.as_ref().filter(|asked| asked.id == told.id) {
            Some(milestone) => Said { milestone, word: Word::Asked },
            None => Said { milestone: told, word: Word::Told },
        };
        let plane = in_workspace(plane, repository.plane_workspace.as_ref());
        let own = repository.plane_project.map(|project| project.to_string());
        let mut report = Report::default();
        for key in &keys {
            let is_own = own.as_ref() == Some(&key.plane_project);
            if !is_own && !self.is_shown(&plane, &key.plane_project).await? {
                let project = key.plane_project.clone();
                report.findings.push(Finding::ProjectHidden { project });
                continue;
            }
            self.keep_bundle(&plane, key, said, Make::Never, cause.as_ref(), &mut report).await?;
        }
        Ok(report)
    }

    /// What a milestone has in Plane, once that says what the milestone says.
    pub(super) async fn keep_bundle(
        &self,
        plane: &PlaneClient,
        key: &BundleKey,
        said: Said<'_>,
        make: Make,
        cause: Option<&(Source, DeliveryId)>,
        report: &mut Report,
    ) -> Result<Counterpart, Failure> {
        let known = self.store.bundle(key).await.map_err(|e| stored(&e))?.unwrap_or_default();
        match &known.id {
            Some(id) if known.open.is_none() && make != Make::Again => {
                if !known.base.is_behind(key.kind, said.milestone, said.word) {
                    return Ok(Counterpart::There(bundle(key.kind, id, &known.base)));
                }
            }
            None if make == Make::Never => return Ok(Counterpart::None),
            None if self.projects.is_off(&key.plane_project, key.kind) => {
                report.findings.push(off(key.kind, said.milestone));
                return Ok(Counterpart::Off);
            }
            Some(_) | None => {}
        }
        let (lease, now) = (Lease(Uuid::new_v4()), self.clock.now());
        let held = self.store.hold_bundle(key, lease, now + HOLD, now).await;
        let Some(row) = held.map_err(|e| stored(&e))? else {
            let reason = "another worker is bringing its milestone in step".to_owned();
            return Err(Failure::Quota { reason, wait: BUSY });
        };
        let mut keeper = Keeper { sync: self, plane, key, lease, cause, report };
        let done = Box::pin(keeper.keep(row, said, make)).await;
        if done.is_err() {
            self.store.release_bundle(key, lease).await.map_err(|e| stored(&e))?;
        }
        done
    }
}

impl Keeper<'_> {
    async fn keep(
        &mut self,
        row: BundleRow,
        said: Said<'_>,
        make: Make,
    ) -> Result<Counterpart, Failure> {
        let Some(id) = row.id.clone() else { return self.find_or_make(row, said).await };
        let is_behind = row.base.is_behind(self.key.kind, said.milestone, said.word);
        if !is_behind && row.open.is_none() && make != Make::Again {
            self.settle(Some(&id), &row.base).await?;
            return Ok(Counterpart::There(bundle(self.key.kind, &id, &row.base)));
        }
        let found = self.plane.fetch_bundle(&self.key.plane_project, self.key.kind, &id).await;
        match found.map_err(|r| refused(&r))? {
            Some(found) => self.follow(row, &found, said).await,
            None if make == Make::Again => self.find_or_make(row, said).await,
            None => {
                let milestone = said.milestone.title.clone();
                self.find(Finding::BundleGone { kind: self.key.kind, milestone });
                let told = BundleFields::of(self.key.kind, said.milestone);
                let milestone = Some(said.milestone.clone());
                self.settle(Some(&id), &BundleBase { milestone, told, ..row.base }).await?;
                Ok(Counterpart::None)
            }
        }
    }

    /// Writes what the milestone changed.
    async fn follow(
        &mut self,
        row: BundleRow,
        found: &FoundBundle,
        said: Said<'_>,
    ) -> Result<Counterpart, Failure> {
        let (kind, project) = (self.key.kind, &self.key.plane_project);
        let mut base = row.base;
        if let Some(open) = row.open {
            base = settle_bundle(base, &open.change, &found.fields);
        }
        let plan = plan_bundle(kind, &base, said.milestone, said.word, &found.fields);
        self.report.findings.extend(plan.findings);
        let mut base = plan.base;
        if !plan.change.is_empty() {
            self.intend(&plan.change).await?;
            let named = Bundle { kind, id: found.id.clone(), name: found.fields.name.clone() };
            match self.plane.update_bundle(project, kind, &found.id, &plan.change).await {
                Ok(answer) => {
                    base = settle_bundle(base, &plan.change, &answer);
                    let change = plan.change;
                    self.report.wrote(&Write::UpdateBundle { bundle: named, change });
                }
                Err(Refusal::Invalid { words } | Refusal::Conflict { words }) => {
                    self.find(Finding::BundleRefused { kind, name: named.name, words });
                }
                Err(refusal) => return Err(refused(&refusal)),
            }
        }
        self.settle(Some(&found.id), &base).await?;
        Ok(Counterpart::There(bundle(kind, &found.id, &base)))
    }

    async fn find_or_make(
        &mut self,
        row: BundleRow,
        said: Said<'_>,
    ) -> Result<Counterpart, Failure> {
        let (kind, project) = (self.key.kind, &self.key.plane_project);
        let switches = self.plane.fetch_bundle_switches(project).await.map_err(|r| refused(&r))?;
        if !switches.has(kind) {
            return self.switched_off(row, said).await;
        }
        let told = BundleFields::of(kind, said.milestone);
        let listed = self.plane.list_bundles(project, kind).await.map_err(|r| refused(&r))?;
        let Some(found) = pick(&listed, said.milestone, &told) else {
            return self.make(row, told, said).await;
        };
        if found.milestone != Some(said.milestone.id) {
            self.find(Finding::BundleAdopted { kind, name: found.fields.name.clone() });
        }
        let milestone = Some(said.milestone.clone());
        let base = BundleBase { milestone, told, plane: found.fields.clone() };
        self.settle(Some(&found.id), &base).await?;
        Ok(Counterpart::There(bundle(kind, &found.id, &base)))
    }

    async fn make(
        &mut self,
        row: BundleRow,
        told: BundleFields,
        said: Said<'_>,
    ) -> Result<Counterpart, Failure> {
        let (kind, project) = (self.key.kind, &self.key.plane_project);
        let change = BundleChange {
            name: Some(told.name.clone()),
            description: Some(told.description.clone()),
            days: Some(told.days.clone()),
        };
        self.intend(&change).await?;
        let made = self.plane.create_bundle(project, kind, &told, said.milestone.id).await;
        let (id, plane) = match made {
            Ok(Creation::Created(made)) => (made.id, made.fields),
            // Hidden from lists, as archived ones are.
            Ok(Creation::AlreadyThere(id)) => (id, told.clone()),
            Err(Refusal::Invalid { words }) if words.contains(SWITCHED_OFF) => {
                return self.switched_off(row, said).await;
            }
            Err(Refusal::Invalid { words } | Refusal::Conflict { words }) => {
                self.find(Finding::BundleRefused { kind, name: told.name, words });
                self.settle(None, &BundleBase::default()).await?;
                return Ok(Counterpart::None);
            }
            Err(refusal) => return Err(refused(&refusal)),
        };
        let write =
            Write::CreateBundle { kind, fields: told.clone(), milestone: self.key.milestone };
        self.report.wrote(&write);
        let base = BundleBase { milestone: Some(said.milestone.clone()), told, plane };
        self.settle(Some(&id), &base).await?;
        Ok(Counterpart::Made(bundle(kind, &id, &base)))
    }

    async fn switched_off(
        &mut self,
        row: BundleRow,
        said: Said<'_>,
    ) -> Result<Counterpart, Failure> {
        self.sync.projects.note_off(&self.key.plane_project, self.key.kind);
        self.find(off(self.key.kind, said.milestone));
        self.settle(row.id.as_deref(), &row.base).await?;
        Ok(Counterpart::Off)
    }

    fn find(&mut self, finding: Finding) {
        self.report.findings.push(finding);
    }

    async fn intend(&self, change: &BundleChange) -> Result<(), Failure> {
        let delivery_id = self.cause.map(|(_, id)| id.clone());
        let intent = BundleIntent { change: change.clone(), delivery_id };
        let until = self.sync.clock.now() + HOLD;
        let kept = self.sync.store.intend_bundle(self.key, self.lease, &intent, until).await;
        kept_or_overtaken(kept.map_err(|e| stored(&e))?)
    }

    async fn settle(&self, id: Option<&str>, base: &BundleBase) -> Result<(), Failure> {
        let kept = self.sync.store.settle_bundle(self.key, self.lease, id, base).await;
        kept_or_overtaken(kept.map_err(|e| stored(&e))?)
    }
}

fn kept_or_overtaken(kept: Save) -> Result<(), Failure> {
    match kept {
        Save::Committed => Ok(()),
        Save::Lost => Err(overtaken()),
    }
}

/// The one that was made for the milestone, else one of its name.
fn pick<'a>(
    listed: &'a [FoundBundle],
    milestone: &Milestone,
    told: &BundleFields,
) -> Option<&'a FoundBundle> {
    let by_id = listed.iter().find(|found| found.milestone == Some(milestone.id));
    let by_name = || listed.iter().find(|found| found.fields.name == told.name);
    let name = told.name.to_lowercase();
    let by_likeness = || listed.iter().find(|found| found.fields.name.to_lowercase() == name);
    by_id.or_else(by_name).or_else(by_likeness)
}

fn bundle(kind: BundleKind, id: &str, base: &BundleBase) -> Bundle {
    Bundle { kind, id: id.to_owned(), name: base.plane.name.clone() }
}

fn off(kind: BundleKind, milestone: &Milestone) -> Finding {
    Finding::BundlesOff { kind, milestone: milestone.title.clone() }
}

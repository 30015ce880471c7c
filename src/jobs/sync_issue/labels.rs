//! The labels of a repository brought in step with those of its Plane project: what was told of them
//! is read from the inbox, what Plane has is asked for, and each write is recorded, made and settled
//! before the next one is thought of (`sync/labels` decides).
//!
//! All labels of which anything was told are looked at, whichever delivery is at hand: what a label
//! may be called hangs on the others.
//!
//! Races, and the decision for each:
//! - *A crash between a write and its record.* The row holds the intent; who finds it looks whether
//!   Plane shows the write, and goes on from there.
//! - *Two workers on one label.* The row is held under a lease, renewed before each write; who finds
//!   it changed since it was read begins anew.
//! - *An issue that carries the new name comes first.* GitHub's id tells that it is the same label
//!   (`issue_labels`), the mark finds its counterpart, and it is renamed then.
//! - *An issue's sync makes the same label.* Plane takes a name and a mark once only; the second one
//!   finds it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::asking::refused;
use super::placing::projects_named;
use super::{BUSY, HOLD, IssueSync, Report, in_workspace, overtaken, stored};
use crate::clients::plane::{Creation, PlaneClient, Refusal};
use crate::failure::Failure;
use crate::ids::{DeliveryId, Lease, RepositorySyncId};
use crate::jobs::process_delivery::{guarded, json_in};
use crate::sources::github::normalize::sync_label;
use crate::sources::github::payload::parse;
use crate::store::label_links::{LabelIntent, LabelKey, LabelRow, ToldLabel};
use crate::store::links::Save;
use crate::store::repositories::Repository;
use crate::sync::labels::{
    LabelFace, LabelLink, LabelNow, LabelPlan, LabelStep, LabelWrite, Scene, Standing, face_of,
    whose_else,
};
use crate::sync::mapping::{Mapping, NewLabel};
use crate::sync::plan::Finding;
use crate::sync::plane::{Project, ProjectLabel};

impl IssueSync {
    /// Brings all labels of a repository in step of which anything was told. `concerned` are those
    /// about which something is to be said even where nothing is written.
    ///
    /// # Errors
    /// When Plane can't be asked or told; what was made until then is kept.
    pub async fn follow_labels(
        &self,
        repository: &Repository,
        concerned: &BTreeSet<u64>,
        delivery: Option<&DeliveryId>,
    ) -> Result<Report, Failure> {
        let settings = self.settings.of(&repository.name).await.map_err(|e| stored(&e))?;
        let projects = projects_named(repository, &settings.rulebook);
        let Some(plane) = self.plane.as_ref().filter(|_| !projects.is_empty()) else {
            return Ok(Report::idle("its repository is kept in step with no Plane project"));
        };
        if let Some(failure) = self.held_up(plane.class(), &repository.name) {
            return Err(failure);
        }
        if settings.settings.rules.iter().any(|rule| rule.set.labels.is_some()) {
            return Ok(Report::idle(Finding::LabelsRuled.to_string()));
        }
        let plane = in_workspace(plane, repository.plane_workspace.as_ref());
        let told = self.told_of_labels(repository.id).await?;
        let mut report = Report::default();
        let own = repository.plane_project.map(|project| project.to_string());
        for project in projects {
            let is_own = own.as_ref() == Some(&project);
            let mut following =
                Following::begin(self, &plane, repository.id, project, delivery).await?;
            let mut now = following.all_of(&told);
            // Into the projects of rules a label comes with the first issue that carries it. One in
            // which nothing was made is not even looked at: the key may not show it.
            if !is_own && following.rows.is_empty() {
                continue;
            }
            if !is_own {
                if !self.is_shown(&plane, &following.project).await? {
                    let project = following.project;
                    report.findings.push(Finding::ProjectHidden { project });
                    continue;
                }
                now.retain(|label| following.rows.contains_key(&label.id));
            }
            following.bring(&settings.mapping, now, concerned).await?;
            report.add(following.report);
        }
        Ok(report.or_why_not())
    }

    /// Each step that was told of a repository's labels, in the order of arrival.
    pub(super) async fn told_of_labels(
        &self,
        repository: RepositorySyncId,
    ) -> Result<Vec<LabelStep>, Failure> {
        let told = self.store.told_labels(repository).await.map_err(|e| stored(&e))?;
        let step = |told: &ToldLabel| {
            let host = told.github_host.as_deref().map(str::parse);
            let host = host.and_then(Result::ok).unwrap_or_default();
            let read = || json_in(&told.encoding, &told.body, |json| parse(&host, "label", json));
            // What can't be read has failed for itself.
            guarded(read).ok().as_ref().and_then(sync_label)
        };
        Ok(told.iter().filter_map(step).collect())
    }
}

/// Labels on their way.
pub(super) struct Following<'a> {
    sync: &'a IssueSync,
    plane: &'a PlaneClient,
    repository: RepositorySyncId,
    project: String,
    delivery: Option<&'a DeliveryId>,
    pub(super) rows: BTreeMap<u64, LabelRow>,
    /// Those who use the project, too, once that was looked at.
    others: Option<Vec<(String, Mapping, Vec<String>)>>,
    pub(super) report: Report,
}

impl<'a> Following<'a> {
    pub(super) async fn begin(
        sync: &'a IssueSync,
        plane: &'a PlaneClient,
        repository: RepositorySyncId,
        project: String,
        delivery: Option<&'a DeliveryId>,
    ) -> Result<Self, Failure> {
        let rows = sync.store.label_rows(&project, repository).await.map_err(|e| stored(&e))?;
        let (others, report) = (None, Report::default());
        Ok(Self { sync, plane, repository, project, delivery, rows, others, report })
    }

    /// What was told of each label.
    pub(super) fn all_of(&self, told: &[LabelStep]) -> Vec<LabelNow> {
        let mut steps: BTreeMap<u64, Vec<&LabelStep>> = BTreeMap::new();
        for step in told {
            steps.entry(step.id).or_default().push(step);
        }
        let first = |id| Some(&self.rows.get(id)?.link.as_ref()?.first);
        steps.iter().filter_map(|(id, steps)| LabelNow::of(steps, first(id))).collect()
    }

    pub(super) async fn bring(
        &mut self,
        mapping: &Mapping,
        now: Vec<LabelNow>,
        concerned: &BTreeSet<u64>,
    ) -> Result<(), Failure> {
        let labels = self.plane.fetch_project_labels(&self.project).await;
        let labels = labels.map_err(|r| refused(&r))?;
        let project = Project { id: self.project.clone(), labels, ..Project::default() };
        self.resume(&project).await?;
        let links = self.rows.iter().filter_map(|(id, row)| Some((*id, row.link.clone()?)));
        let mut scene = Scene { now, links: links.collect(), mapping, project };
        let mut done = BTreeSet::new();
        while let Some((id, plan)) = scene.next(&done) {
            if !plan.is_step {
                done.insert(id);
            }
            let said = self.carry_out(&mut scene, id, plan).await?;
            if concerned.contains(&id) {
                self.report.findings.extend(said);
            }
        }
        Ok(())
    }

    /// Finds out what became of writes that an earlier attempt intended and did not settle.
    async fn resume(&mut self, project: &Project) -> Result<(), Failure> {
        let open = self.rows.iter().filter(|(_, row)| row.open.is_some()).map(|(id, _)| *id);
        for id in open.collect::<Vec<_>>() {
            let (lease, row) = self.held(id).await?;
            let made = |open: LabelIntent| {
                let plane_label = open.write.is_made(project)?;
                Some(LabelLink { plane_label, ..open.link })
            };
            let link = row.open.and_then(made).or(row.link);
            self.settle(id, lease, link).await?;
        }
        Ok(())
    }

    fn key(&self, github: u64) -> LabelKey {
        LabelKey { github, project: self.project.clone(), repository: self.repository }
    }

    async fn held(&self, id: u64) -> Result<(Lease, LabelRow), Failure> {
        let (lease, now) = (Lease(Uuid::new_v4()), self.sync.clock.now());
        let held = self.sync.store.hold_label(&self.key(id), lease, now + HOLD, now).await;
        let row = held.map_err(|e| stored(&e))?.ok_or_else(|| Failure::Quota {
            reason: "another worker is bringing this label in step".to_owned(),
            wait: BUSY,
        })?;
        Ok((lease, row))
    }

    async fn settle(
        &mut self,
        id: u64,
        lease: Lease,
        link: Option<LabelLink>,
    ) -> Result<(), Failure> {
        let (store, now) = (&self.sync.store, self.sync.clock.now());
        let kept = store.settle_label(&self.key(id), lease, link.as_ref(), now).await;
        if kept.map_err(|e| stored(&e))? == Save::Lost {
            return Err(overtaken());
        }
        self.rows.insert(id, LabelRow { link, open: None });
        Ok(())
    }

    /// Does what is planned for one label; what is to be said of it.
    async fn carry_out(
        &mut self,
        scene: &mut Scene<'_>,
        id: u64,
        plan: LabelPlan,
    ) -> Result<Vec<Finding>, Failure> {
        let mut plan = plan;
        if let Some(finding) = self.others_use_it(scene, &plan).await? {
            plan = plan.left(finding);
        }
        let known = self.rows.get(&id).and_then(|row| row.link.clone());
        if plan.write.is_none() && plan.link == known {
            return Ok(plan.findings);
        }
        let (lease, row) = self.held(id).await?;
        if row.link != known || row.open.is_some() {
            self.sync.store.release_label(&self.key(id), lease).await.map_err(|e| stored(&e))?;
            return Err(overtaken());
        }
        let link = match &plan.write {
            None => plan.link.clone(),
            Some(write) => {
                let made = Box::pin(self.write(scene, id, lease, write, &plan, known)).await;
                if made.is_err() {
                    let released = self.sync.store.release_label(&self.key(id), lease).await;
                    released.map_err(|e| stored(&e))?;
                }
                let (link, said) = made?;
                plan.findings.extend(said);
                link
            }
        };
        self.settle(id, lease, link.clone()).await?;
        if let Some(link) = link {
            if link.standing == Standing::Left {
                self.sync.projects.leave_label(&self.project, &link.plane_label);
            }
            scene.links.insert(id, link);
        }
        Ok(plan.findings)
    }

    /// Records a write and makes it; the tie after that.
    async fn write(
        &mut self,
        scene: &mut Scene<'_>,
        id: u64,
        lease: Lease,
        write: &LabelWrite,
        plan: &LabelPlan,
        known: Option<LabelLink>,
    ) -> Result<(Option<LabelLink>, Option<Finding>), Failure> {
        let fresh = |label: &NewLabel| {
            let face = LabelFace::new(&label.name, label.color.as_deref());
            LabelLink::made(String::new(), face.clone(), face)
        };
        let link = match (write, &plan.link) {
            (LabelWrite::Create { label }, _) => fresh(label),
            (LabelWrite::Change { .. }, link) => link.clone().unwrap_or_default(),
        };
        let intent = LabelIntent {
            write: write.clone(),
            link: link.clone(),
            delivery_id: self.delivery.cloned(),
        };
        let until = self.sync.clock.now() + HOLD;
        let kept = self.sync.store.intend_label(&self.key(id), lease, &intent, until).await;
        if kept.map_err(|e| stored(&e))? == Save::Lost {
            return Err(overtaken());
        }
        let made = match write {
            LabelWrite::Create { label } => self.plane.create_label(&self.project, label).await,
            LabelWrite::Change { label, name, color, .. } => {
                let (name, color) = (name.as_deref(), color.as_deref());
                match self.plane.update_label(&self.project, label, name, color).await {
                    Ok(Some(label)) => Ok(Creation::Created(label)),
                    Ok(None) => {
                        let name = link.github.name;
                        return Ok((known, Some(Finding::LabelGone { name })));
                    }
                    Err(refusal) => Err(refusal),
                }
            }
        };
        match made {
            Ok(Creation::Created(label)) => {
                self.report.wrote_label(write);
                self.sync.projects.put_label(&self.project, label.clone());
                let (plane_label, plane) = (label.id.clone(), face_of(&label));
                put(&mut scene.project, label);
                Ok((Some(LabelLink { plane_label, plane, ..link }), None))
            }
            Ok(Creation::AlreadyThere(there)) => self.found(scene, id, &there, link).await,
            // Somebody took the name meanwhile: the next attempt sees it among Plane's labels.
            Err(Refusal::Conflict { .. }) => Err(Failure::retry(
                "Plane has a label of this name by now: the next try looks again",
            )),
            Err(Refusal::Invalid { words }) => {
                let name = link.github.name.clone();
                let refused = Finding::LabelRefused { name, words };
                // Not to be sent again before GitHub says something else.
                let kept = known.map(|known| LabelLink { github: link.github, ..known });
                Ok((kept, Some(refused)))
            }
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    /// Somebody was quicker with a label that was to be made: an issue's sync, which made the same, or
    /// a person.
    async fn found(
        &self,
        scene: &mut Scene<'_>,
        id: u64,
        there: &str,
        link: LabelLink,
    ) -> Result<(Option<LabelLink>, Option<Finding>), Failure> {
        let labels = self.plane.fetch_project_labels(&self.project).await;
        scene.project.labels = labels.map_err(|r| refused(&r))?;
        let found = scene.project.labels.iter().find(|label| label.id == there);
        let Some(found) = found.filter(|label| label.github == Some(id)) else {
            return Ok((None, Some(Finding::LabelNotOurs { name: link.github.name })));
        };
        let plane = face_of(found);
        Ok((Some(LabelLink { plane_label: there.to_owned(), plane, ..link }), None))
    }

    /// Whether the label that is to be changed is somebody else's, too.
    async fn others_use_it(
        &mut self,
        scene: &Scene<'_>,
        plan: &LabelPlan,
    ) -> Result<Option<Finding>, Failure> {
        let Some(LabelWrite::Change { label, .. }) = &plan.write else { return Ok(None) };
        let Some(label) = scene.project.labels.iter().find(|there| there.id == *label) else {
            return Ok(None);
        };
        if self.others.is_none() {
            self.others = Some(self.look_for_others().await?);
        }
        let others = self.others.as_deref().unwrap_or_default();
        Ok(whose_else(label, scene.mapping, others, &scene.project))
    }

    async fn look_for_others(&self) -> Result<Vec<(String, Mapping, Vec<String>)>, Failure> {
        let store = &self.sync.store;
        let mut others = Vec::new();
        for repository in store.repositories().await.map_err(|e| stored(&e))? {
            if repository.id == self.repository {
                continue;
            }
            let followed = self.sync.settings.of(&repository.name).await.map_err(|e| stored(&e))?;
            if !projects_named(&repository, &followed.rulebook).contains(&self.project) {
                continue;
            }
            let carried = store.carried_labels(&repository.name).await.map_err(|e| stored(&e))?;
            others.push((repository.name.to_string(), followed.mapping, carried));
        }
        Ok(others)
    }
}

fn put(project: &mut Project, label: ProjectLabel) {
    match project.labels.iter_mut().find(|known| known.id == label.id) {
        Some(known) => *known = label,
        None => project.labels.push(label),
    }
}

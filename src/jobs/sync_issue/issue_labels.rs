//! Labels while an issue is brought in step: those that are renamed with it, and those that it brings.

use std::collections::BTreeSet;

use super::hand::Hand;
use super::labels::Following;
use super::sides::Present;
use crate::clients::plane::{Creation, Refusal};
use crate::failure::Failure;
use crate::ids::RepositorySyncId;
use crate::store::label_links::LabelKey;
use crate::sync::github::IssueLabel;
use crate::sync::labels::{
    LabelFace, LabelLink, LabelNow, Origin, Standing, face_of, is_set_apart,
};
use crate::sync::mapping::NewLabel;
use crate::sync::plane::{Project, ProjectLabel};

impl Hand<'_> {
    /// Renames the counterparts of labels that have another name by now, where the webhook that tells
    /// so has not come yet: those of the issue, and those that still have the name of one of the
    /// issue's. Whether anything was renamed.
    pub(super) async fn follow_renamed(
        &mut self,
        present: &Present,
        project: &Project,
    ) -> Result<bool, Failure> {
        let Some(repository) = self.repository.filter(|_| !self.sets_labels) else {
            return Ok(false);
        };
        let labels: Vec<_> = present.issue.labels.iter().collect();
        let carried: Vec<_> = labels
            .into_iter()
            .filter(|label| label.id.is_some() && !is_set_apart(&self.mapping, &label.name))
            .collect();
        let is_behind = |label: &&&IssueLabel| {
            let it = |there: &ProjectLabel| there.github == label.id && there.name != label.name;
            project.labels.iter().any(it)
        };
        let renamed: Vec<&IssueLabel> = carried.iter().filter(is_behind).copied().collect();
        let in_the_way = |label: &&IssueLabel| {
            let named = |there: &&ProjectLabel| there.name == label.name;
            project.labels.iter().find(named)?.github.filter(|mark| Some(*mark) != label.id)
        };
        let holders: BTreeSet<u64> = carried.iter().filter_map(in_the_way).collect();
        if renamed.is_empty() && holders.is_empty() {
            return Ok(false);
        }
        let delivery = self.cause.as_ref().map(|(_, id)| id.clone());
        let (sync, project) = (self.sync, self.link.key.plane_project.clone());
        let mut following =
            Following::begin(sync, &self.plane, repository, project, delivery.as_ref()).await?;
        let mut now = self.news(present, &following, repository, renamed).await?;
        now.extend(self.moved_on(present, &following, holders).await?);
        if now.is_empty() {
            return Ok(false);
        }
        let concerned = now.iter().map(|now| now.id).collect();
        following.bring(&self.mapping, now, &concerned).await?;
        self.report.add(following.report);
        Ok(true)
    }

    /// Labels that the issue shows under a new name. An issue that was not asked for may show an old
    /// one: then only a name counts that nothing told of before.
    async fn news(
        &self,
        present: &Present,
        following: &Following<'_>,
        repository: RepositorySyncId,
        renamed: Vec<&IssueLabel>,
    ) -> Result<Vec<LabelNow>, Failure> {
        let told = match present.arrival {
            Some(_) if !renamed.is_empty() => {
                following.all_of(&self.sync.told_of_labels(repository).await?)
            }
            _ => Vec::new(),
        };
        let news = renamed.into_iter().filter_map(|label| {
            let is_old =
                |told: &LabelNow| Some(told.id) == label.id && told.was_called(&label.name);
            let id = label.id.filter(|_| !told.iter().any(is_old))?;
            let link = following.rows.get(&id)?.link.as_ref()?;
            (link.github.name != label.name).then(|| now(id, label))
        });
        Ok(news.collect())
    }

    /// Labels of the repository that still have in Plane a name which the issue's label has now: as
    /// GitHub takes no name twice they have to have another one, which GitHub is asked for.
    async fn moved_on(
        &self,
        present: &Present,
        following: &Following<'_>,
        holders: BTreeSet<u64>,
    ) -> Result<Vec<LabelNow>, Failure> {
        let followed = |id: u64| {
            let link = following.rows.get(&id)?.link.as_ref()?;
            (link.standing == Standing::Followed).then_some((id, link))
        };
        let holders: Vec<_> = holders.into_iter().filter_map(followed).collect();
        let Ok(name) = present.issue.repository.parse() else { return Ok(Vec::new()) };
        let rest = self.sync.github.as_ref().and_then(|github| github.rest(&name));
        let (Some(rest), false) = (rest, holders.is_empty()) else { return Ok(Vec::new()) };
        let labels = rest.fetch_labels(&name).await?;
        let of = |(id, link): (u64, &LabelLink)| {
            let there = labels.iter().find(|label| label.id == Some(id));
            there.map_or_else(|| gone(id, link), |label| now(id, label))
        };
        Ok(holders.into_iter().map(of).collect())
    }

    /// Makes a label and remembers it as ours; its id.
    pub(super) async fn make_label(&self, label: &NewLabel) -> Result<String, Refusal> {
        let project = &self.link.key.plane_project;
        let mut made = self.plane.create_label(project, label).await?;
        if let Creation::AlreadyThere(id) = &made
            && self.sync.projects.was_left(project, id)
        {
            // The mark is on one that was left to others, and there is no second one of it.
            let unmarked = NewLabel { github: None, ..label.clone() };
            made = self.plane.create_label(project, &unmarked).await?;
        }
        let made = match made {
            Creation::Created(made) => made,
            Creation::AlreadyThere(id) => {
                // Our list of them is out of date.
                self.sync.projects.forget(project);
                return Ok(id);
            }
        };
        let id = made.id.clone();
        if let (Some(github), Some(repository)) = (made.github, self.repository) {
            let key = LabelKey { github, project: project.clone(), repository };
            let face = LabelFace::new(&label.name, label.color.as_deref());
            let link = LabelLink::made(id.clone(), face, face_of(&made));
            let noted = self.sync.store.note_label_made(&key, &link, self.sync.clock.now()).await;
            if let Err(error) = noted {
                // The mark in Plane says so, too.
                tracing::warn!(error = %error, "that label {id} is ours could not be noted");
            }
        }
        self.sync.projects.put_label(project, made);
        Ok(id)
    }
}

/// One that GitHub does not list any more.
fn gone(id: u64, link: &LabelLink) -> LabelNow {
    LabelNow {
        id,
        face: link.github.clone(),
        former: BTreeSet::new(),
        origin: Origin::Older,
        is_gone: true,
    }
}

/// A label as it is shown, of which nothing else is known.
fn now(id: u64, label: &IssueLabel) -> LabelNow {
    LabelNow {
        id,
        face: LabelFace::new(&label.name, label.color.as_deref()),
        former: BTreeSet::new(),
        origin: Origin::Older,
        is_gone: false,
    }
}

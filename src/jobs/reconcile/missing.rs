//! What is known and was met nowhere by a whole walk: asked for by its id, and if it is gone twice,
//! some time apart, its deletion is put in, which no webhook told.
//!
//! GitHub says of a deleted issue that it was deleted (410), and of one that was transferred where
//! it is; these are believed at once. Plane answers 404 for what was deleted and for what was
//! archived; an archived twin is still found by its external id, and stays.

use tokio::time::sleep;

use super::stored;
use super::walker::{Purpose, Walker};
use crate::clients::github_rest::listing::Traced;
use crate::clients::plane::Found;
use crate::drift::{DriftItem, Walk, Why};
use crate::failure::Failure;
use crate::ids::{CommentRef, WorkItemRef};
use crate::sources::Verified;
use crate::sources::github::found::KnownIssue;
use crate::work_items::{System, WorkItem};

/// What an ask for a missing item came to.
enum Asked {
    /// It is there: it was compared, or is left as it is.
    There,
    /// It is gone for certain, which this delivery tells.
    Gone(Verified),
    /// Nobody shows it; this delivery would tell that it is gone.
    NotShown(Verified),
}

impl Walker<'_> {
    pub(super) async fn look_for_missing(&mut self) -> Result<(), Failure> {
        let unseen = self.unseen().await?;
        let mut not_shown = Vec::new();
        for item in unseen {
            match self.ask_for(&item).await? {
                Some(Asked::Gone(found)) => self.put_gone(&item, found).await?,
                Some(Asked::NotShown(_)) => not_shown.push(item),
                Some(Asked::There) | None => {}
            }
        }
        if !not_shown.is_empty() {
            self.note_missing(&not_shown).await?;
            sleep(self.job.apart).await;
        }
        for item in not_shown {
            match self.ask_for(&item).await? {
                Some(Asked::Gone(found) | Asked::NotShown(found)) => {
                    self.put_gone(&item, found).await?;
                }
                Some(Asked::There) | None => {}
            }
        }
        for comment in self.unseen_comments().await? {
            self.look_for_comment(&CommentRef::new(comment)).await?;
        }
        Ok(())
    }

    /// A preview keeps nothing, so what it met is only in memory.
    async fn unseen(&self) -> Result<Vec<WorkItemRef>, Failure> {
        let found = self.job.sync.store.drift_unseen(self.repository.id, &self.projects()).await;
        let mut found = found.map_err(|e| stored(&e))?;
        found.retain(|item| !self.seen.contains(item.as_str()));
        Ok(found)
    }

    async fn unseen_comments(&self) -> Result<Vec<String>, Failure> {
        let (store, names) = (&self.job.sync.store, self.github_projects());
        let found = store.drift_unseen_comments(self.repository.id, &names).await;
        let mut found = found.map_err(|e| stored(&e))?;
        found.retain(|comment| !self.seen.contains(&format!("comment:{comment}")));
        Ok(found)
    }

    async fn ask_for(&mut self, item: &WorkItemRef) -> Result<Option<Asked>, Failure> {
        let known = self.known(&[item]).await?;
        let Some(known) = known.get(item).filter(|known| known.deleted_at.is_none()) else {
            return Ok(None);
        };
        match known.system {
            System::Github => self.ask_github_for(known).await,
            System::Plane => self.ask_plane_for(known).await,
        }
    }

    async fn ask_github_for(&mut self, known: &WorkItem) -> Result<Option<Asked>, Failure> {
        let Some(issue) = known_issue(known) else { return Ok(None) };
        let (rest, name) = (self.rest, self.now.name.clone());
        let traced = self.job.patiently(|| rest.trace_issue(&name, issue.number)).await?;
        let finding = self.finding();
        let gone = || finding.gone_issue(&issue).map_err(|_| unwritable());
        Ok(Some(match traced {
            Traced::Here(listed) if listed.issue.id == issue.id => {
                self.check_issues(vec![*listed]).await?;
                Asked::There
            }
            // Another one has its number: it is not in this repository any more.
            Traced::Here(_) | Traced::NotShown => Asked::NotShown(gone()?),
            Traced::Deleted => Asked::Gone(gone()?),
            Traced::Moved(to) if to == issue.id => Asked::There,
            Traced::Moved(to) => {
                Asked::Gone(finding.moved_issue(&issue, to).map_err(|_| unwritable())?)
            }
        }))
    }

    async fn ask_plane_for(&mut self, known: &WorkItem) -> Result<Option<Asked>, Failure> {
        let id = known.external_id.clone();
        let (plane, project) = self.plane_side()?;
        let ask = || async {
            plane.fetch_listed_item(project, &id).await.map_err(|refusal| refusal.failure())
        };
        if let Some(listed) = self.job.patiently(ask).await? {
            self.check_items(vec![listed]).await?;
            return Ok(Some(Asked::There));
        }
        let links = self.job.sync.store.links_of(&known.item).await.map_err(|e| stored(&e))?;
        if let Some(link) = links.first() {
            let issue = link.key.github_issue.to_string();
            let ask = || async {
                let found = plane.find_item_by_external(project, &issue).await;
                found.map_err(|refusal| refusal.failure())
            };
            let is_archived = match self.job.patiently(ask).await? {
                Found::None => false,
                Found::One(item) => item.id == id,
                Found::Several { oldest, others } => oldest.id == id || others.contains(&id),
            };
            if is_archived {
                return Ok(Some(Asked::There));
            }
        }
        let gone = self.plane_finding().gone_item(&id, project).map_err(|_| unwritable())?;
        Ok(Some(Asked::NotShown(gone)))
    }

    fn drift_of(&self, item: &WorkItemRef, known: Option<&WorkItem>) -> DriftItem {
        let state = known.and_then(|known| known.state.as_ref());
        let before = self.before.get(item);
        DriftItem {
            item: item.clone(),
            key: state.and_then(|state| state.key.clone()),
            reasons: vec![Why::NotListed],
            told_at: None,
            since: before.map_or_else(|| self.job.sync.clock.now(), |before| before.since),
        }
    }

    async fn note_missing(&mut self, items: &[WorkItemRef]) -> Result<(), Failure> {
        let known = self.known(&items.iter().collect::<Vec<_>>()).await?;
        let changed: Vec<_> =
            items.iter().map(|item| self.drift_of(item, known.get(item))).collect();
        for item in &changed {
            self.differing.insert(item.item.clone(), item.clone());
        }
        self.keep(&[], &changed, Vec::new()).await
    }

    async fn put_gone(&mut self, item: &WorkItemRef, found: Verified) -> Result<(), Failure> {
        let known = self.known(&[item]).await?;
        let changed = self.drift_of(item, known.get(item));
        self.differing.insert(item.clone(), changed.clone());
        self.keep(&[], &[changed], vec![found]).await
    }

    /// What was missing is settled once it counts as deleted here. After a whole walk nothing is
    /// left of what it did not meet: that is on neither side any more.
    pub(super) async fn settle_missing(&mut self) -> Result<(), Failure> {
        let is_whole = self.way.walk == Walk::Full;
        let open = self.before.values().filter(|item| {
            let is_there = self.seen.contains(item.item.as_str());
            !self.differing.contains_key(&item.item)
                && (item.reasons.contains(&Why::NotListed) || is_whole && !is_there)
        });
        let open: Vec<WorkItemRef> = open.map(|item| item.item.clone()).collect();
        let known = self.known(&open.iter().collect::<Vec<_>>()).await?;
        let is_settled = |item: &&WorkItemRef| {
            is_whole || known.get(*item).is_some_and(|known| known.deleted_at.is_some())
        };
        let settled: Vec<WorkItemRef> = open.iter().filter(is_settled).cloned().collect();
        for item in &settled {
            self.before.remove(item);
        }
        if settled.is_empty() || self.purpose == Purpose::Tell {
            return Ok(());
        }
        self.keep(&settled, &[], Vec::new()).await
    }
}

fn known_issue(known: &WorkItem) -> Option<KnownIssue> {
    let state = known.state.as_ref()?;
    let number = state.key.as_ref()?.rsplit_once('#')?.1.parse().ok()?;
    let id = known.external_id.parse().ok()?;
    Some(KnownIssue { id, number, title: state.title.clone(), updated_at: state.updated_at })
}

fn unwritable() -> Failure {
    Failure::permanent("a bug: what was found can't be written down")
}

//! What is known and was met nowhere by a whole walk: asked for by its id, and believed to be gone
//! where there is proof. What counts as deleted is put in at the end, all of it or nothing
//! (`deletions`): it is not taken back by itself.
//!
//! GitHub says of a deleted issue that it was deleted (410), and of one that was transferred where
//! it is. A mere 404 proves nothing, however often it comes: what a flagged account wrote is hidden
//! in the same way. Plane answers 404 for what was deleted and for what was archived. An archived
//! twin is still found by its external id; what is nobody's twin can have been archived only once
//! it was closed, so one that was open as it was last known was deleted. The first whole walk
//! knows nothing of what went before it, and believes neither. Everything else is told, and a
//! person decides ([`Missing::IsDeleted`]).

use tokio::time::sleep;

use super::walker::{Purpose, Walker};
use super::{Missing, stored};
use crate::clients::github_rest::listing::Traced;
use crate::clients::plane::Found;
use crate::drift::{DriftItem, Walk, Why};
use crate::failure::Failure;
use crate::ids::{CommentRef, WorkItemRef};
use crate::jobs::reconcile::deletions::Deletions;
use crate::sources::Verified;
use crate::sources::github::found::KnownIssue;
use crate::work_items::{StateGroup, System, WorkItem};

/// Look-ups in a row that may come to nothing: more of them are no fault of one item.
const MOST_UNSAID: u32 = 3;

/// What an ask for a missing item came to.
enum Asked {
    /// It is there: it was compared, or is left as it is.
    There,
    /// It is gone for certain, which this delivery tells.
    Gone(Verified),
    /// Nobody shows it; this delivery would tell that it is gone.
    NotShown(Verified, Proof),
    /// Its side could not say.
    Unsaid(Failure),
}

/// Whether not being shown twice proves that something was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Enough,
    None,
}

impl Walker<'_> {
    pub(super) async fn look_for_missing(&mut self) -> Result<(), Failure> {
        let mut deletions = Deletions::default();
        let (mut not_shown, mut unsaid) = (Vec::new(), 0);
        for item in self.unseen().await? {
            match self.ask_for(&item).await? {
                Some(Asked::Gone(found)) => deletions.items.push((item, found)),
                Some(Asked::NotShown(_, proof)) => not_shown.push((item, proof)),
                Some(Asked::Unsaid(failure)) => {
                    unsaid += 1;
                    self.note_unsaid(&item, failure, unsaid).await?;
                    continue;
                }
                Some(Asked::There) | None => {}
            }
            unsaid = 0;
        }
        let mut comments = Vec::new();
        for comment in self.unseen_comments().await? {
            let comment = CommentRef::new(comment);
            if self.look_for_comment(&comment).await?.is_some() {
                comments.push(comment);
            }
        }
        if !not_shown.is_empty() || !comments.is_empty() {
            sleep(self.job.apart).await;
        }
        let is_believed = self.job.missing == Missing::IsDeleted;
        let mut doubted = Vec::new();
        for (item, proof) in not_shown {
            match self.ask_for(&item).await? {
                Some(Asked::Gone(found)) => deletions.items.push((item, found)),
                Some(Asked::NotShown(found, _)) if proof == Proof::Enough || is_believed => {
                    deletions.items.push((item, found));
                }
                Some(Asked::NotShown(..) | Asked::Unsaid(_)) => doubted.push(item),
                Some(Asked::There) | None => {}
            }
        }
        self.note(&doubted, &Why::NotShown).await?;
        for comment in comments {
            if let Some(gone) = self.look_for_comment(&comment).await? {
                deletions.comments.push(gone);
            }
        }
        self.put_deletions(deletions).await
    }

    /// A preview keeps nothing, so what it met is only in memory.
    async fn unseen(&self) -> Result<Vec<WorkItemRef>, Failure> {
        let found = self.job.sync.store.drift_unseen(self.repository.id, &self.projects()).await;
        let mut found = found.map_err(|e| stored(&e))?;
        found.retain(|item| !self.seen.contains(item.as_str()) && !self.is_out_of_sight(item));
        Ok(found)
    }

    async fn unseen_comments(&self) -> Result<Vec<String>, Failure> {
        if self.issues_off() {
            return Ok(Vec::new());
        }
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
        // What came since the walk began may have passed it by, and is not in every copy yet.
        if self.is_since(known.ingested_at) {
            return Ok(Some(Asked::There));
        }
        match known.system {
            System::Github => self.ask_github_for(known).await,
            System::Plane => match self.ask_plane_for(known).await {
                Err(failure @ (Failure::Retry { .. } | Failure::Permanent { .. })) => {
                    Ok(Some(Asked::Unsaid(failure)))
                }
                asked => asked.map(Some),
            },
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
            Traced::Here(_) | Traced::NotShown => Asked::NotShown(gone()?, Proof::None),
            Traced::Deleted => Asked::Gone(gone()?),
            Traced::Moved(to) if to == issue.id => Asked::There,
            Traced::Moved(to) => {
                Asked::Gone(finding.moved_issue(&issue, to).map_err(|_| unwritable())?)
            }
        }))
    }

    async fn ask_plane_for(&mut self, known: &WorkItem) -> Result<Asked, Failure> {
        let id = known.external_id.clone();
        let project = known.project_ref.as_str();
        let plane = self.plane_side(project)?;
        let ask = || async {
            plane.fetch_listed_item(project, &id).await.map_err(|refusal| refusal.failure())
        };
        if let Some(listed) = self.job.patiently(ask).await? {
            self.check_items(project, vec![listed]).await?;
            return Ok(Asked::There);
        }
        let links = self.job.sync.store.links_of(&known.item).await.map_err(|e| stored(&e))?;
        let proof = match links.first() {
            Some(link) => {
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
                    return Ok(Asked::There);
                }
                Proof::Enough
            }
            None => self.proof_of(known),
        };
        let gone = self.plane_finding().gone_item(&id, project).map_err(|_| unwritable())?;
        Ok(Asked::NotShown(gone, proof))
    }

    /// Of an item of Plane's that is nobody's twin: whether it can't have been archived.
    fn proof_of(&self, known: &WorkItem) -> Proof {
        let was_doubted = |item: &DriftItem| item.reasons.contains(&Why::NotShown);
        let group = known.state.as_ref().and_then(|state| state.state_group);
        let is_open = matches!(
            group,
            Some(StateGroup::Backlog | StateGroup::Unstarted | StateGroup::Started)
        );
        let is_first = self.position.full.is_none();
        if is_open && !is_first && !self.before.get(&known.item).is_some_and(was_doubted) {
            Proof::Enough
        } else {
            Proof::None
        }
    }

    /// One that can't be said of is left as it is; several in a row are their side's fault.
    async fn note_unsaid(
        &mut self,
        item: &WorkItemRef,
        failure: Failure,
        in_a_row: u32,
    ) -> Result<(), Failure> {
        if in_a_row > MOST_UNSAID {
            return Err(failure);
        }
        let why = format!("it is not listed, and whether it is there can't be said: {failure}");
        tracing::warn!(repository = %self.repository.name, item = %item, "{item}: {why}");
        self.note(std::slice::from_ref(item), &Why::Waits { why }).await
    }

    pub(super) fn drift_of(
        &self,
        item: &WorkItemRef,
        known: Option<&WorkItem>,
        why: &Why,
    ) -> DriftItem {
        let state = known.and_then(|known| known.state.as_ref());
        let before = self.before.get(item);
        DriftItem {
            item: item.clone(),
            key: state.and_then(|state| state.key.clone()),
            reasons: vec![why.clone()],
            told_at: None,
            since: before.map_or_else(|| self.job.sync.clock.now(), |before| before.since),
            put_at: None,
        }
    }

    /// Notes of items why they are not in sync, and puts nothing in.
    pub(super) async fn note(&mut self, items: &[WorkItemRef], why: &Why) -> Result<(), Failure> {
        let known = self.known(&items.iter().collect::<Vec<_>>()).await?;
        let changed: Vec<_> =
            items.iter().map(|item| self.drift_of(item, known.get(item), why)).collect();
        for item in &changed {
            self.differing.insert(item.item.clone(), item.clone());
        }
        self.keep(&[], &changed, Vec::new()).await
    }

    /// What was missing is settled once it counts as deleted here. After a whole walk nothing is
    /// left of what it did not meet: that is on neither side any more.
    pub(super) async fn settle_missing(&mut self) -> Result<(), Failure> {
        let is_whole = self.way.walk == Walk::Full;
        let is_missing = |item: &DriftItem| {
            item.reasons.contains(&Why::NotListed) || item.reasons.contains(&Why::NotShown)
        };
        let open = self.before.values().filter(|item| {
            let is_there = self.seen.contains(item.item.as_str());
            !self.is_hidden(item)
                && !self.differing.contains_key(&item.item)
                && (is_missing(item) || is_whole && !is_there)
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

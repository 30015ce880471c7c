//! The comments of a repository, held against what is known and against what was carried over.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::walker::{Compared, Walker};
use super::{Progress, stored};
use crate::clients::github_rest::listing::{ListedComment, ListedIssue, Place, Traced};
use crate::comments::Comment;
use crate::config::GithubHost;
use crate::drift::{Mark, Why, compare_comment};
use crate::failure::Failure;
use crate::ids::CommentRef;
use crate::jobs::sync_issue::Way;
use crate::sources::Verified;
use crate::sources::github::found::LaneOf;
use crate::sources::github::normalize::{normalize, sync_issue};
use crate::sources::github::payload::parse;
use crate::store::links_many::Mirrors;
use crate::sync::plan::{CommentStanding, LinkStatus, text_hash};
use crate::work_items::Change;

impl Walker<'_> {
    pub(super) async fn walk_comments(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        let mut place = Place::since(self.way.since);
        let mark = self.mark(self.position.comments_mark.as_ref(), place.since);
        place = place.unless(mark);
        loop {
            let (rest, name) = (self.rest, self.now.name.clone());
            let part = self.job.patiently(|| rest.list_all_comments(&name, &place)).await?;
            if let (Some(since), Some(etag), None) = (place.since, &part.etag, &part.next) {
                self.position.comments_mark = Some(Mark { since, etag: etag.clone() });
            }
            let newest = part.entries.iter().map(|entry| entry.comment.updated_at).max();
            self.way.newest[1] = self.way.newest[1].max(newest);
            self.report.looked_at.comments += part.entries.len() as u64;
            self.told(progress, 0);
            self.check_comments(part.entries).await?;
            let Some(next) = part.next else { return Ok(()) };
            self.way.since = next.since;
            self.keep_place().await?;
            place = next;
        }
    }

    pub(super) async fn check_comments(
        &mut self,
        listed: Vec<ListedComment>,
    ) -> Result<(), Failure> {
        let reference = |id: u64| CommentRef::new(format!("github:{id}"));
        let refs: Vec<CommentRef> = listed.iter().map(|c| reference(c.comment.id)).collect();
        for comment in &refs {
            self.met(format!("comment:{comment}"));
        }
        let known = self.known_comments(&refs).await?;
        let mirrors = self.mirrors(&listed).await?;
        let mut compared = Vec::new();
        for entry in listed {
            let known = known.get(&reference(entry.comment.id));
            if known.is_none() && self.is_older(entry.comment.updated_at) {
                continue;
            }
            let mut reasons: Vec<Why> =
                compare_comment(known, &entry.comment).into_iter().collect();
            if let Some(mirrors) = mirrors.get(&entry.issue) {
                reasons.extend(behind(&entry, mirrors));
            }
            if reasons.is_empty() {
                continue;
            }
            let Some((lane, issue)) = self.issue_of(entry.issue).await? else { continue };
            let found = self.finding().comment(lane, &issue, &entry.raw);
            self.leave_out(&found, &mut reasons)?;
            if !reasons.is_empty() {
                compared.extend(of_comment(found, reasons)?);
            }
        }
        self.settle(compared).await
    }

    /// Takes back that a mirror is behind where filter or rules would not let it be carried over.
    fn leave_out(&self, found: &Verified, reasons: &mut Vec<Why>) -> Result<(), Failure> {
        let is_behind = |why: &Why| matches!(why, Why::CommentBehind { .. });
        if !reasons.iter().any(is_behind) {
            return Ok(());
        }
        let event = parse(&found.github_host(), found.event_type(), found.body())?;
        let Some(issue) = sync_issue(&event) else { return Ok(()) };
        let way = self.way_of(found, &issue)?;
        if way != Way::Open {
            reasons.retain(|why| !is_behind(why));
        }
        if let Way::Broken(why) = way {
            reasons.push(Why::Waits { why });
        }
        Ok(())
    }

    pub(super) async fn known_comments(
        &self,
        refs: &[CommentRef],
    ) -> Result<HashMap<CommentRef, Comment>, Failure> {
        let refs: Vec<_> = refs.iter().collect();
        let known = self.job.sync.store.comments_by_ref(&refs).await.map_err(|e| stored(&e))?;
        Ok(known.into_iter().map(|comment| (comment.said.comment.clone(), comment)).collect())
    }

    async fn mirrors(&self, listed: &[ListedComment]) -> Result<BTreeMap<u64, Mirrors>, Failure> {
        let Some(memory) = &self.memory else { return Ok(BTreeMap::new()) };
        let numbers: BTreeSet<u64> = listed.iter().map(|comment| comment.issue).collect();
        let numbers: Vec<u64> = numbers.into_iter().collect();
        let mirrors = self.job.sync.store.mirrors_of(self.repository.id, &numbers).await;
        let mut by_issue: BTreeMap<u64, Vec<Mirrors>> = BTreeMap::new();
        for mirrors in mirrors.map_err(|e| stored(&e))? {
            by_issue.entry(mirrors.number).or_default().push(mirrors);
        }
        let homes =
            by_issue.into_iter().filter_map(|(issue, all)| Some((issue, memory.home(all)?)));
        Ok(homes.collect())
    }

    /// The issue that a comment is on, with its lane; `None` where it is not there any more.
    async fn issue_of(&mut self, number: u64) -> Result<Option<(LaneOf, Box<RawValue>)>, Failure> {
        if let Some(raw) = self.issues.get(&number) {
            return Ok(Some((lane_in(raw, &self.now.name.host(), number)?, raw.clone())));
        }
        let (rest, name) = (self.rest, self.now.name.clone());
        match self.job.patiently(|| rest.trace_issue(&name, number)).await? {
            Traced::Here(listed) => {
                let ListedIssue { raw, .. } = *listed;
                self.issues.insert(number, raw.clone());
                Ok(Some((lane_in(&raw, &name.host(), number)?, raw)))
            }
            Traced::Moved(_) | Traced::Deleted | Traced::NotShown => Ok(None),
        }
    }

    /// A comment that is known and listed no more, asked for by its id: its deletion, if it is not
    /// there either. Its issue has to be, else the comment goes with it.
    pub(super) async fn look_for_comment(
        &mut self,
        comment: &CommentRef,
    ) -> Result<Option<Compared>, Failure> {
        let known = self.known_comments(std::slice::from_ref(comment)).await?;
        let (Some(known), Ok(id)) =
            (known.get(comment), comment.as_str().trim_start_matches("github:").parse())
        else {
            return Ok(None);
        };
        if self.is_since(known.ingested_at) || !self.seen.contains(known.said.item.as_str()) {
            return Ok(None);
        }
        let (rest, name) = (self.rest, self.now.name.clone());
        if let Some(listed) = self.job.patiently(|| rest.fetch_comment(&name, id)).await? {
            self.check_comments(vec![listed]).await?;
            return Ok(None);
        }
        let item = self.known(&[&known.said.item]).await?;
        let key = item.get(&known.said.item).and_then(|item| item.state.as_ref()?.key.clone());
        let number = key.and_then(|key| key.rsplit_once('#')?.1.parse().ok());
        let Some(number) = number else { return Ok(None) };
        let Some((lane, issue)) = self.issue_of(number).await? else { return Ok(None) };
        let said = &known.said;
        let own = name.host().own_id(id);
        let last = json!({"id": own, "body": said.text.text, "html_url": said.url,
            "created_at": said.created_at, "updated_at": said.updated_at});
        let last = to_raw_value(&last).map_err(|_| unwritable())?;
        let found = self.finding().gone_comment(lane, &issue, &last);
        of_comment(found, vec![Why::CommentNotListed { comment: id }])
    }
}

fn unwritable() -> Failure {
    Failure::permanent("a bug: what was found can't be written down")
}

/// Whether a comment's mirror shows something else, or is missing.
fn behind(entry: &ListedComment, mirrors: &Mirrors) -> Option<Why> {
    if mirrors.status != LinkStatus::Ok {
        return None;
    }
    let comment = entry.comment.id;
    let is_as_it_should = match mirrors.comments.get(&comment) {
        Some((CommentStanding::Mirrored, hash)) => *hash == text_hash(Some(&entry.comment.body)),
        Some((CommentStanding::Released, _)) => true,
        Some((CommentStanding::Pending | CommentStanding::Deleted, _)) | None => false,
    };
    (!is_as_it_should).then_some(Why::CommentBehind { comment })
}

/// What a delivery about a comment tells of its issue, with why it was found.
fn of_comment(found: Verified, reasons: Vec<Why>) -> Result<Option<Compared>, Failure> {
    let told = normalize(&parse(&found.github_host(), found.event_type(), found.body())?)?;
    let (Change::State(issue), Some(comment)) = (told.item, told.comment) else { return Ok(None) };
    let told_at = issue.updated_at.min(comment.said.updated_at);
    Ok(Some(Compared { item: issue.item, key: issue.key, told_at, reasons, found }))
}

fn lane_in(raw: &RawValue, host: &GithubHost, number: u64) -> Result<LaneOf, Failure> {
    #[derive(serde::Deserialize)]
    struct Which {
        id: u64,
        pull_request: Option<serde::de::IgnoredAny>,
    }
    let which: Which = serde_json::from_str(raw.get()).map_err(|_| unwritable())?;
    Ok(match which.pull_request {
        Some(_) => LaneOf::PullRequest(number),
        None => LaneOf::Issue(host.id(which.id)),
    })
}

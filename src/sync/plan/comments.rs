//! Comments: each GitHub comment has one mirror in Plane, which says what it says, by whom and
//! when. Comments that people write in Plane are none of our business.
//!
//! A person's edit of a mirror stays until GitHub's comment changes; then GitHub wins. A mirror
//! that a person deleted is not made again. A comment that is gone from GitHub takes its mirror
//! with it, unless a person edited that.

use std::collections::{BTreeMap, BTreeSet};

use super::{CommentLink, CommentStanding, Finding, Write, text_hash};
use crate::sync::github::Comment;
use crate::sync::plane::{EXTERNAL_SOURCE, ItemComment};

/// A comment with its mirror's HTML: author and time above its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedComment<'a> {
    /// GitHub's comment.
    pub comment: &'a Comment,
    /// In the form that Plane stores unchanged.
    pub html: String,
}

/// How much of an issue's comments is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentListing {
    /// All of them: what is not among them is gone.
    Whole,
    /// Some of them, as a webhook brings them.
    Partial,
}

/// GitHub's comments on an issue.
#[derive(Debug, Clone, Copy)]
pub struct GithubComments<'a> {
    /// Those at hand, in GitHub's order.
    pub present: &'a [RenderedComment<'a>],
    /// Ids of those that are known to be deleted.
    pub deleted: &'a BTreeSet<u64>,
    /// Whether that is all.
    pub listing: CommentListing,
}

/// Intended writes of comments, and what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommentPlan {
    /// In GitHub's order, deletions last.
    pub writes: Vec<Write>,
    /// Links that change without any write.
    pub links: Vec<CommentLink>,
    /// For the timeline.
    pub findings: Vec<Finding>,
}

/// Decides what has to be written for an issue's comments, given their links and all comments
/// that the work item has now.
pub fn plan_comments(
    github: &GithubComments<'_>,
    links: &[CommentLink],
    plane: &[ItemComment],
) -> CommentPlan {
    let links: BTreeMap<u64, &CommentLink> = links.iter().map(|l| (l.comment, l)).collect();
    let mut plan = CommentPlan::default();
    let mut present = BTreeSet::new();
    for rendered in github.present {
        if !github.deleted.contains(&rendered.comment.id) && present.insert(rendered.comment.id) {
            plan.mirror(rendered, links.get(&rendered.comment.id).copied(), plane);
        }
    }
    for (comment, link) in links {
        let gone = github.listing == CommentListing::Whole || github.deleted.contains(&comment);
        if gone && !present.contains(&comment) {
            plan.remove(link, plane);
        }
    }
    plan
}

impl CommentPlan {
    fn mirror(
        &mut self,
        rendered: &RenderedComment<'_>,
        link: Option<&CommentLink>,
        plane: &[ItemComment],
    ) {
        let comment = rendered.comment.id;
        let hash = text_hash(Some(&rendered.comment.body));
        let standing = link.map_or(CommentStanding::Pending, |link| link.standing);
        match (standing, link) {
            (CommentStanding::Released, _) => {}
            (CommentStanding::Mirrored, Some(link)) => self.keep(rendered, hash, link, plane),
            (_, _) => match plane.iter().find(|mirror| is_mirror_of(mirror, comment)) {
                Some(mirror) => self.adopt(rendered, hash, mirror),
                None => self.writes.push(Write::CreateComment {
                    comment,
                    html: rendered.html.clone(),
                    markdown_sha256: hash,
                }),
            },
        }
    }

    fn keep(
        &mut self,
        rendered: &RenderedComment<'_>,
        hash: String,
        link: &CommentLink,
        plane: &[ItemComment],
    ) {
        let Some(mirror) = mirror_in(plane, link) else {
            self.findings.push(Finding::CommentGone { comment: link.comment });
            self.links.push(CommentLink { standing: CommentStanding::Released, ..link.clone() });
            return;
        };
        if link.markdown_sha256 == hash {
            return;
        }
        if mirror.comment_html == rendered.html.trim() {
            self.links.push(mirrored(link.comment, mirror, hash));
            return;
        }
        if mirror.comment_html != link.stored_html {
            self.findings.push(Finding::CommentOverridden { comment: link.comment });
        }
        self.writes.push(update(rendered, mirror, hash));
    }

    /// A mirror without a settled link: made before a crash, or before the database was lost.
    fn adopt(&mut self, rendered: &RenderedComment<'_>, hash: String, mirror: &ItemComment) {
        let comment = rendered.comment.id;
        if mirror.comment_html == rendered.html.trim() {
            self.links.push(mirrored(comment, mirror, hash));
        } else {
            self.findings.push(Finding::CommentAdopted { comment });
            self.writes.push(update(rendered, mirror, hash));
        }
    }

    fn remove(&mut self, link: &CommentLink, plane: &[ItemComment]) {
        let by_id = plane.iter().find(|mirror| is_mirror_of(mirror, link.comment));
        let standing = match (link.standing, mirror_in(plane, link).or(by_id)) {
            (CommentStanding::Deleted | CommentStanding::Released, _) => return,
            (CommentStanding::Mirrored, Some(mirror))
                if mirror.comment_html != link.stored_html =>
            {
                self.findings.push(Finding::CommentKept { comment: link.comment });
                CommentStanding::Released
            }
            (CommentStanding::Mirrored | CommentStanding::Pending, Some(mirror)) => {
                let (comment, mirror) = (link.comment, mirror.id.clone());
                self.writes.push(Write::DeleteComment { comment, mirror });
                return;
            }
            (CommentStanding::Mirrored | CommentStanding::Pending, None) => {
                CommentStanding::Deleted
            }
        };
        self.links.push(CommentLink { standing, ..link.clone() });
    }
}

fn update(rendered: &RenderedComment<'_>, mirror: &ItemComment, hash: String) -> Write {
    Write::UpdateComment {
        comment: rendered.comment.id,
        mirror: mirror.id.clone(),
        html: rendered.html.clone(),
        markdown_sha256: hash,
    }
}

fn is_mirror_of(mirror: &ItemComment, comment: u64) -> bool {
    mirror.external_source.as_deref() == Some(EXTERNAL_SOURCE)
        && mirror.external_id.as_deref() == Some(comment.to_string().as_str())
}

fn mirror_in<'a>(plane: &'a [ItemComment], link: &CommentLink) -> Option<&'a ItemComment> {
    plane.iter().find(|mirror| Some(&mirror.id) == link.mirror.as_ref())
}

fn mirrored(comment: u64, mirror: &ItemComment, markdown_sha256: String) -> CommentLink {
    CommentLink {
        comment,
        mirror: Some(mirror.id.clone()),
        markdown_sha256,
        stored_html: mirror.comment_html.clone(),
        standing: CommentStanding::Mirrored,
    }
}

/// The link after a write of a comment: what Plane answered is what it stores. `answered` is
/// `None` after a deletion. `None` for a write of anything else.
pub fn settle_comment(sent: &Write, answered: Option<&ItemComment>) -> Option<CommentLink> {
    match (sent, answered) {
        (
            Write::CreateComment { comment, markdown_sha256, .. }
            | Write::UpdateComment { comment, markdown_sha256, .. },
            Some(mirror),
        ) => Some(mirrored(*comment, mirror, markdown_sha256.clone())),
        (Write::DeleteComment { comment, mirror }, _) => Some(CommentLink {
            comment: *comment,
            mirror: Some(mirror.clone()),
            markdown_sha256: String::new(),
            stored_html: String::new(),
            standing: CommentStanding::Deleted,
        }),
        _ => None,
    }
}

/// After a crash: the link if an intended write of a comment was made after all, judged by the
/// comments that the item has now. `None` when it was not: abandon the intent and plan anew.
pub fn resume_comment(write: &Write, plane: &[ItemComment]) -> Option<CommentLink> {
    match write {
        Write::CreateComment { comment, html, markdown_sha256 } => {
            let mirror = plane.iter().find(|mirror| is_mirror_of(mirror, *comment))?;
            // Edited since it was made: what was sent stays the base.
            let link = mirrored(*comment, mirror, markdown_sha256.clone());
            Some(CommentLink { stored_html: html.trim().to_owned(), ..link })
        }
        Write::UpdateComment { comment, mirror, html, markdown_sha256 } => {
            let found = plane.iter().find(|m| m.id == *mirror)?;
            (found.comment_html == html.trim())
                .then(|| mirrored(*comment, found, markdown_sha256.clone()))
        }
        Write::DeleteComment { mirror, .. } => {
            plane.iter().all(|m| m.id != *mirror).then(|| settle_comment(write, None)).flatten()
        }
        Write::CreateLabel { .. }
        | Write::CreateItem { .. }
        | Write::UpdateItem { .. }
        | Write::RestoreItem { .. }
        | Write::CreateLink { .. }
        | Write::CreateBundle { .. }
        | Write::UpdateBundle { .. }
        | Write::EnterBundle { .. }
        | Write::LeaveBundle { .. }
        | Write::ChangeAssignees { .. }
        | Write::SetParent { .. } => None,
    }
}

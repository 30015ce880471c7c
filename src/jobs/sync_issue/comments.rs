//! The comments of an issue that is brought in step: planned, written, settled.

use super::hand::Hand;
use super::sides::Present;
use super::{refused, stored};
use crate::clients::plane::Creation;
use crate::failure::Failure;
use crate::store::intents::IntentEnd;
use crate::sync::markdown;
use crate::sync::plan::{
    CommentLink, CommentPlan, CommentStanding, GithubComments, RenderedComment, Write,
    plan_comments, settle_comment,
};
use crate::sync::plane::{EXTERNAL_SOURCE, ItemComment};

impl Hand<'_> {
    pub(super) async fn comments(&mut self, present: &Present) -> Result<(), Failure> {
        let Some(item) = self.link.item.clone() else { return Ok(()) };
        // Read only now: a new item makes all mirrors pending again.
        let links = self.sync.store.comment_links(self.link.id).await.map_err(|e| stored(&e))?;
        if present.comments.is_empty() && present.deleted.is_empty() && links.is_empty() {
            return Ok(());
        }
        let mirrors = self.list_comments(&item).await?;
        let comments = rendered_comments(present);
        let plan = plan_comments(&github_comments(present, &comments), &links, &mirrors);
        self.report.findings.extend(plan.findings);
        if !plan.links.is_empty() {
            self.save(&plan.links, &[]).await?;
        }
        for write in &plan.writes {
            self.write_comment(write, &item).await?;
        }
        Ok(())
    }

    async fn write_comment(&mut self, write: &Write, item: &str) -> Result<(), Failure> {
        let intent = self.intend(write, None).await?;
        let project = &self.link.key.plane_project;
        let answered = match write {
            Write::CreateComment { comment, html, .. } => {
                let external_id = comment.to_string();
                let made = self.plane.create_comment(project, item, html, &external_id).await;
                match made.map_err(|r| refused(&r))? {
                    Creation::Created(mirror) => Some(mirror),
                    // Under another item of the project, or hidden by a lost answer: as it is
                    // there, the next attempt finds it.
                    Creation::AlreadyThere(id) => Some(ItemComment {
                        id,
                        comment_html: html.trim().to_owned(),
                        external_id: Some(comment.to_string()),
                        external_source: Some(EXTERNAL_SOURCE.to_owned()),
                    }),
                }
            }
            Write::UpdateComment { mirror, html, .. } => {
                let changed = self.plane.update_comment(project, item, mirror, html).await;
                Some(changed.map_err(|r| refused(&r))?)
            }
            Write::DeleteComment { mirror, .. } => {
                let deleted = self.plane.delete_comment(project, item, mirror).await;
                deleted.map_err(|r| refused(&r))?;
                None
            }
            other => {
                return Err(Failure::permanent(format!("a bug: {} is no comment", other.kind())));
            }
        };
        self.report.wrote(write);
        let answer = answered.as_ref().map(|mirror| mirror.id.clone());
        let links: Vec<_> = settle_comment(write, answered.as_ref()).into_iter().collect();
        self.save(&links, &[IntentEnd::Settled { id: intent, answer }]).await
    }
}

/// What would have to be written if Plane still had everything as it last answered.
pub(super) fn planned_from_memory(present: &Present, links: &[CommentLink]) -> CommentPlan {
    let mirrors: Vec<_> = links.iter().filter_map(remembered_mirror).collect();
    let comments = rendered_comments(present);
    plan_comments(&github_comments(present, &comments), links, &mirrors)
}

fn rendered_comments(present: &Present) -> Vec<RenderedComment<'_>> {
    let html = |comment| RenderedComment { comment, html: markdown::comment_html(comment) };
    present.comments.iter().map(html).collect()
}

fn github_comments<'a>(
    present: &'a Present,
    comments: &'a [RenderedComment<'a>],
) -> GithubComments<'a> {
    GithubComments { present: comments, deleted: &present.deleted, listing: present.listing }
}

/// A comment's mirror as Plane last answered it.
fn remembered_mirror(link: &CommentLink) -> Option<ItemComment> {
    (link.standing == CommentStanding::Mirrored).then_some(())?;
    Some(ItemComment {
        id: link.mirror.clone()?,
        comment_html: link.stored_html.clone(),
        external_id: Some(link.comment.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    })
}

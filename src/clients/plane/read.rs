//! Reading what a plan needs: a project's parts, one item, its comments and links.

use reqwest::{Method, StatusCode};

use super::exchange::id;
use super::refusal::Refusal;
use super::shapes::{
    CommentAnswer, ItemAnswer, LabelAnswer, LinkAnswer, MemberAnswer, StateAnswer, TwinAnswer,
};
use super::{Found, PlaneClient};
use crate::sync::plane::{EXTERNAL_SOURCE, Item, ItemComment, ItemLink, Project, ProjectLabel};

/// What a user may do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectRole {
    /// A member or an admin: may write.
    Writes,
    /// May read and comment.
    Guest,
    /// Plane did not say.
    NotTold,
}

impl PlaneClient {
    /// A project's states in Plane's order, its labels, and everybody who is or was a member:
    /// three requests.
    pub async fn fetch_project_parts(&self, project: &str) -> Result<Project, Refusal> {
        let mut states: Vec<StateAnswer> =
            self.ask_all(self.project_url(project, &["states"])?).await?;
        states.sort_by(|a, b| a.sequence.total_cmp(&b.sequence));
        let labels = self.fetch_project_labels(project).await?;
        let members: Vec<MemberAnswer> =
            self.ask_all(self.project_url(project, &["members"])?).await?;
        Ok(Project {
            id: id(project)?,
            states: states.into_iter().map(Into::into).collect(),
            labels,
            members: members.into_iter().map(Into::into).collect(),
        })
    }

    /// A project's labels as they are now.
    pub async fn fetch_project_labels(&self, project: &str) -> Result<Vec<ProjectLabel>, Refusal> {
        let labels: Vec<LabelAnswer> =
            self.ask_all(self.project_url(project, &["labels"])?).await?;
        Ok(labels.into_iter().map(Into::into).collect())
    }

    /// What the key's user may do in a project.
    pub async fn fetch_own_role(&self, project: &str) -> Result<ProjectRole, Refusal> {
        #[derive(serde::Deserialize)]
        struct Answer {
            member_role: Option<u8>,
        }
        let answer: Answer = self.ask(self.project_url(project, &[])?).await?;
        Ok(match answer.member_role {
            Some(15..) => ProjectRole::Writes,
            Some(_) => ProjectRole::Guest,
            None => ProjectRole::NotTold,
        })
    }

    /// A work item; `None` for one that was deleted or archived, which look the same.
    pub async fn fetch_item(&self, project: &str, item: &str) -> Result<Option<Item>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let answer = self.exchange(Method::GET, url, None).await?;
        Ok(answer.object_if_there::<ItemAnswer>()?.map(Into::into))
    }

    /// The twin of a GitHub issue, archived ones too.
    ///
    /// Plane answers 500 when there are several; then all items are listed and the oldest of the
    /// twins is picked, so that everybody picks the same one.
    pub async fn find_item_by_external(
        &self,
        project: &str,
        external_id: &str,
    ) -> Result<Found, Refusal> {
        let mut url = self.project_url(project, &["work-items"])?;
        url.query_pairs_mut()
            .append_pair("external_id", external_id)
            .append_pair("external_source", EXTERNAL_SOURCE);
        let answer = self.exchange(Method::GET, url, None).await?;
        if answer.status == StatusCode::INTERNAL_SERVER_ERROR {
            return self.pick_twin(project, external_id, answer.refusal()).await;
        }
        let item = answer.object_if_there::<ItemAnswer>()?;
        Ok(item.map_or(Found::None, |item| Found::One(item.into())))
    }

    /// `otherwise` when the list shows no twin: the 500 meant something else, or they are
    /// archived, and in neither case may another one be made.
    async fn pick_twin(
        &self,
        project: &str,
        external_id: &str,
        otherwise: Refusal,
    ) -> Result<Found, Refusal> {
        let mut url = self.project_url(project, &["work-items"])?;
        url.query_pairs_mut()
            .append_pair("order_by", "created_at")
            .append_pair("fields", "id,created_at,external_id,external_source");
        let mut twins: Vec<TwinAnswer> = self.ask_all(url).await?;
        twins.retain(|twin| {
            twin.external_id.as_deref() == Some(external_id)
                && twin.external_source.as_deref() == Some(EXTERNAL_SOURCE)
        });
        // Pages shift while others write: one may be listed twice.
        twins.sort();
        twins.dedup_by(|a, b| a.id == b.id);
        let mut ids = twins.into_iter().map(|twin| twin.id);
        let Some(first) = ids.next() else { return Err(otherwise) };
        let others: Vec<String> = ids.collect();
        let oldest = self.fetch_item(project, &first).await?.ok_or(otherwise)?;
        Ok(if others.is_empty() { Found::One(oldest) } else { Found::Several { oldest, others } })
    }

    /// An item's comments, newest first. Empty, too, for an item that does not exist.
    pub async fn list_comments(
        &self,
        project: &str,
        item: &str,
    ) -> Result<Vec<ItemComment>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?, "comments"])?;
        let comments: Vec<CommentAnswer> = self.ask_all(url).await?;
        Ok(comments.into_iter().map(Into::into).collect())
    }

    /// An item's links.
    pub async fn list_links(&self, project: &str, item: &str) -> Result<Vec<ItemLink>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?, "links"])?;
        let links: Vec<LinkAnswer> = self.ask_all(url).await?;
        Ok(links.into_iter().map(Into::into).collect())
    }
}

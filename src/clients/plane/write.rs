//! Writing. Plane drops what it does not like with a 200, so every write gives back what Plane
//! answered: whoever wrote compares.
//!
//! A write whose answer is lost may have happened. Deliberately absent: trying again; whoever
//! plans looks first ([`PlaneClient::find_item_by_external`]), and creates of one external id are
//! never made at the same time, since Plane would take both.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::exchange::id;
use super::refusal::Refusal;
use super::shapes::{CommentAnswer, ItemAnswer, LabelAnswer, LinkAnswer};
use super::{Creation, PlaneClient};
use crate::sync::mapping::NewLabel;
use crate::sync::plane::{EXTERNAL_SOURCE, Item, ItemChange, ItemComment, NewItem, ProjectLabel};

/// How Plane says that an item has the link.
const LINK_IS_THERE: &str = "already exists";

impl PlaneClient {
    /// Makes a work item. Labels of another project and assignees that are no members are not
    /// among what comes back.
    pub async fn create_item(
        &self,
        project: &str,
        item: &NewItem,
    ) -> Result<Creation<Item>, Refusal> {
        let url = self.project_url(project, &["work-items"])?;
        let mut body = json!({
            "name": item.name,
            "description_html": item.description_html,
            "labels": item.labels,
            "assignees": item.assignees,
            "external_id": item.external_id,
            "external_source": EXTERNAL_SOURCE,
        });
        // Null would be refused; left out it is the project's default.
        if let Some(state) = &item.state {
            body["state"] = json!(state);
        }
        if let Some(priority) = item.priority {
            body["priority"] = json!(priority);
        }
        // Any member may say so; only the answer to this does not show it.
        if let Some(at) = item.created_at {
            body["created_at"] = json!(at);
        }
        if let Some(user) = &item.created_by {
            body["created_by"] = json!(user);
        }
        let answer = self.exchange(Method::POST, url, Some(body)).await?;
        Ok(answer.creation::<ItemAnswer>()?.map(Into::into))
    }

    /// Changes a work item; it is written even when the change is empty.
    pub async fn update_item(
        &self,
        project: &str,
        item: &str,
        change: &ItemChange,
    ) -> Result<Item, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let ItemChange { name, description_html, state, labels, assignees, priority } = change;
        let mut body = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(field.to_owned(), value);
            }
        };
        put("name", name.as_ref().map(|name| json!(name)));
        put("description_html", description_html.as_ref().map(|html| json!(html)));
        put("state", state.as_ref().map(|state| json!(state)));
        put("labels", labels.as_ref().map(|labels| json!(labels)));
        put("assignees", assignees.as_ref().map(|assignees| json!(assignees)));
        put("priority", priority.map(|priority| json!(priority)));
        let answer = self.exchange(Method::PATCH, url, Some(Value::Object(body))).await?;
        Ok(answer.object::<ItemAnswer>()?.into())
    }

    /// Takes a work item out of the archive; one that is in none is no refusal.
    pub async fn restore_item(&self, project: &str, item: &str) -> Result<Item, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let body = json!({ "archived_at": null });
        let answer = self.exchange(Method::PATCH, url, Some(body)).await?;
        Ok(answer.object::<ItemAnswer>()?.into())
    }

    /// Deletes a work item; one that is gone already is no refusal.
    pub async fn delete_item(&self, project: &str, item: &str) -> Result<(), Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        self.exchange(Method::DELETE, url, None).await?.gone()
    }

    /// Comments on a work item. Plane stores any HTML: it must be harmless before it comes here.
    pub async fn create_comment(
        &self,
        project: &str,
        item: &str,
        html: &str,
        external_id: &str,
    ) -> Result<Creation<ItemComment>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?, "comments"])?;
        let body = json!({
            "comment_html": html,
            "external_id": external_id,
            "external_source": EXTERNAL_SOURCE,
        });
        let answer = self.exchange(Method::POST, url, Some(body)).await?;
        Ok(answer.creation::<CommentAnswer>()?.map(Into::into))
    }

    /// Writes another text into a comment.
    pub async fn update_comment(
        &self,
        project: &str,
        item: &str,
        comment: &str,
        html: &str,
    ) -> Result<ItemComment, Refusal> {
        let url = self.comment_url(project, item, comment)?;
        let body = json!({ "comment_html": html });
        let answer = self.exchange(Method::PATCH, url, Some(body)).await?;
        Ok(answer.object::<CommentAnswer>()?.into())
    }

    /// Deletes a comment; one that is gone already is no refusal.
    pub async fn delete_comment(
        &self,
        project: &str,
        item: &str,
        comment: &str,
    ) -> Result<(), Refusal> {
        let url = self.comment_url(project, item, comment)?;
        self.exchange(Method::DELETE, url, None).await?.gone()
    }

    /// Puts a link on a work item; one that is there already is no refusal.
    pub async fn create_link(
        &self,
        project: &str,
        item: &str,
        url: &str,
        title: &str,
    ) -> Result<(), Refusal> {
        let links = self.project_url(project, &["work-items", &id(item)?, "links"])?;
        let body = json!({ "url": url, "title": title });
        let answer = self.exchange(Method::POST, links, Some(body)).await?;
        match answer.object::<LinkAnswer>() {
            Err(Refusal::Invalid { words }) if words.contains(LINK_IS_THERE) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes a label (`#rrggbb`) with the mark of the one that it is to stand for; one of this very
    /// name, or with this mark, may be there already.
    pub async fn create_label(
        &self,
        project: &str,
        label: &NewLabel,
    ) -> Result<Creation<ProjectLabel>, Refusal> {
        let url = self.project_url(project, &["labels"])?;
        let mut body = json!({ "name": label.name });
        if let Some(color) = &label.color {
            body["color"] = json!(color);
        }
        if let Some(id) = label.github {
            body["external_id"] = json!(id.to_string());
            body["external_source"] = json!(EXTERNAL_SOURCE);
        }
        let answer = self.exchange(Method::POST, url, Some(body)).await?;
        Ok(answer.creation::<LabelAnswer>()?.map(Into::into))
    }

    /// Gives a label another name or color; all items keep it. `None` where it is gone.
    pub async fn update_label(
        &self,
        project: &str,
        label: &str,
        name: Option<&str>,
        color: Option<&str>,
    ) -> Result<Option<ProjectLabel>, Refusal> {
        let url = self.project_url(project, &["labels", &id(label)?])?;
        let mut body = Map::new();
        body.extend(name.map(|name| ("name".to_owned(), json!(name))));
        body.extend(color.map(|color| ("color".to_owned(), json!(color))));
        let answer = self.exchange(Method::PATCH, url, Some(Value::Object(body))).await?;
        Ok(answer.object_if_there::<LabelAnswer>()?.map(Into::into))
    }

    fn comment_url(
        &self,
        project: &str,
        item: &str,
        comment: &str,
    ) -> Result<reqwest::Url, Refusal> {
        self.project_url(project, &["work-items", &id(item)?, "comments", &id(comment)?])
    }
}

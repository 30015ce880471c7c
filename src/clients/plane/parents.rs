//! Which work item another one is under.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::PlaneClient;
use super::exchange::id;
use super::refusal::Refusal;

#[derive(Deserialize)]
struct Answer {
    parent: Option<String>,
}

impl PlaneClient {
    /// The parent of an item, if it has one; `None` for an item that is gone or archived.
    pub async fn fetch_parent(
        &self,
        project: &str,
        item: &str,
    ) -> Result<Option<Option<String>>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let answer = self.exchange(Method::GET, url, None).await?;
        Ok(answer.object_if_there::<Answer>()?.map(|answer| answer.parent))
    }

    /// Puts an item under another one of its project, or under none.
    pub async fn set_parent(
        &self,
        project: &str,
        item: &str,
        parent: Option<&str>,
    ) -> Result<(), Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let body = json!({ "parent": parent });
        let answer = self.exchange(Method::PATCH, url, Some(body)).await?;
        answer.object::<Answer>().map(drop)
    }
}

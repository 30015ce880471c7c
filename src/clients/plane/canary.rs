//! The canary's item: made once, found again by its external id, changed to be told of.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::exchange::id;
use super::refusal::Refusal;
use super::{Creation, PlaneClient};
use crate::canary::{EXTERNAL_SOURCE, TITLE};

const EXTERNAL_ID: &str = "1";

#[derive(Deserialize)]
struct Answer {
    id: String,
}

impl PlaneClient {
    /// The canary's item in a project, made where there is none; its id.
    pub async fn fetch_or_make_canary(&self, project: &str) -> Result<String, Refusal> {
        let mut url = self.project_url(project, &["work-items"])?;
        url.query_pairs_mut()
            .append_pair("external_id", EXTERNAL_ID)
            .append_pair("external_source", EXTERNAL_SOURCE);
        let found = self.exchange(Method::GET, url, None).await?;
        if found.status == StatusCode::OK {
            return Ok(found.object::<Answer>()?.id);
        }
        if found.object_if_there::<Answer>()?.is_some() {
            return Err(found.refusal());
        }
        let url = self.project_url(project, &["work-items"])?;
        let body = json!({
            "name": TITLE,
            "description_html": "<p>Jetbridge changes this item now and then to see whether Plane's webhooks still come.</p>",
            "priority": "low",
            "external_id": EXTERNAL_ID,
            "external_source": EXTERNAL_SOURCE,
        });
        let made = self.exchange(Method::POST, url, Some(body)).await?;
        Ok(match made.creation::<Answer>()? {
            Creation::Created(item) => item.id,
            Creation::AlreadyThere(id) => id,
        })
    }

    /// Changes the canary's item, of which a webhook tells if any does.
    pub async fn touch_canary(
        &self,
        project: &str,
        item: &str,
        words: &str,
    ) -> Result<(), Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let html = format!(
            "<p>Jetbridge changes this item now and then to see whether Plane's webhooks still come. {words}</p>"
        );
        let body = json!({ "description_html": html });
        self.exchange(Method::PATCH, url, Some(body)).await?.object::<Answer>().map(drop)
    }
}

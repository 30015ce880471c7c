//! A project's work items, page by page, each with the text that it was given in.
//!
//! Plane's cursor counts places: what is added, moved or taken away meanwhile shifts the others.
//! Whoever walks must reckon with entries that are met twice, and looks again where the count of
//! all of them went down ([`Page::total`]).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::PlaneClient;
use super::exchange::id;
use super::refusal::Refusal;
use crate::clock::{Timestamp, to_micros};

/// Entries a page: with everything written out a greater one could be longer than is read.
const PER_PAGE: u32 = 100;
/// What is written out, so that no name has to be looked up.
const EXPANDED: &str = "state,labels,assignees,project";

/// In which order a project's items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they were made: what changes stays where it is.
    Made,
    /// What changed last comes first.
    ChangedLast,
}

/// A work item with the text that it was given in, names written out.
#[derive(Debug, Clone)]
pub struct ListedItem {
    /// Its id.
    pub id: String,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Whose twin it is, where Jetbridge made it.
    pub external_id: Option<String>,
    /// Its JSON.
    pub raw: Box<RawValue>,
}

/// One page of a project's items.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub items: Vec<ListedItem>,
    /// How many there are on all pages at this moment.
    pub total: u64,
    /// Whether there is another page.
    pub more: bool,
}

impl PlaneClient {
    /// One page of a project's items, the first is 0. Archived ones and drafts are not listed.
    pub async fn list_items(
        &self,
        project: &str,
        order: Order,
        page: u32,
    ) -> Result<Page, Refusal> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<Box<RawValue>>,
            #[serde(default)]
            total_results: u64,
            #[serde(default)]
            next_page_results: bool,
        }
        let mut url = self.project_url(project, &["work-items"])?;
        let order = match order {
            Order::Made => "created_at",
            Order::ChangedLast => "-updated_at",
        };
        url.query_pairs_mut()
            .append_pair("order_by", order)
            .append_pair("expand", EXPANDED)
            .append_pair("per_page", &PER_PAGE.to_string())
            .append_pair("cursor", &format!("{PER_PAGE}:{page}:0"));
        let answer: Answer = self.ask(url).await?;
        let results = answer.results.into_iter().filter(|raw| !is_canary(raw));
        let items = results.map(listed).collect::<Result<_, _>>()?;
        Ok(Page { items, total: answer.total_results, more: answer.next_page_results })
    }

    /// One item; `None` for one that was deleted or archived, which look the same.
    pub async fn fetch_listed_item(
        &self,
        project: &str,
        item: &str,
    ) -> Result<Option<ListedItem>, Refusal> {
        let mut url = self.project_url(project, &["work-items", &id(item)?])?;
        url.query_pairs_mut().append_pair("expand", EXPANDED);
        let answer = self.exchange(reqwest::Method::GET, url, None).await?;
        answer.object_if_there::<Box<RawValue>>()?.map(listed).transpose()
    }
}

/// The canary's item is on no board, so nobody misses it there.
fn is_canary(raw: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Entry {
        external_source: Option<String>,
    }
    let entry = serde_json::from_str::<Entry>(raw.get());
    entry
        .is_ok_and(|entry| entry.external_source.as_deref() == Some(crate::canary::EXTERNAL_SOURCE))
}

fn listed(raw: Box<RawValue>) -> Result<ListedItem, Refusal> {
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        updated_at: Timestamp,
        external_id: Option<String>,
        external_source: Option<String>,
    }
    let entry: Entry = serde_json::from_str(raw.get())
        .map_err(|_| Refusal::Unreadable { what: "a work item that is none".to_owned() })?;
    let is_twin = entry.external_source.as_deref() == Some(crate::sync::plane::EXTERNAL_SOURCE);
    Ok(ListedItem {
        id: entry.id,
        updated_at: to_micros(entry.updated_at),
        external_id: entry.external_id.filter(|_| is_twin),
        raw,
    })
}

//! A project's work items, page by page, each with the text that it was given in.
//!
//! Plane's cursor counts places: what is added, moved or taken away meanwhile shifts the others.
//! Whoever walks must reckon with entries that are met twice, and looks again where the count of
//! all of them went down ([`Page::total`]).
//!
//! A page that is longer than what is read of an answer is asked for in smaller ones (`pages`), down
//! to single items. One that is too long alone is listed without its text, since nobody may wait for
//! it with everything behind it.

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::PlaneClient;
use super::exchange::id;
use super::pages::{Sizes, page_url};
use super::refusal::Refusal;
use crate::clock::{Timestamp, to_micros};

/// Entries of a whole page: with everything written out a greater one is often longer than is read.
pub const WHOLE_PAGE: u32 = 100;
const SIZES: Sizes = Sizes(&[WHOLE_PAGE, 20, 5, 1]);
/// As much as it takes to say which item it is.
const ITS_NAME: &str = "id,updated_at,external_id,external_source";
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
    /// Its JSON; `None` where that alone is longer than what is read of an answer.
    pub raw: Option<Box<RawValue>>,
}

/// One page of a project's items.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub items: Vec<ListedItem>,
    /// How many there are on all pages at this moment.
    pub total: u64,
    /// The place of the next page; `None` at the end.
    pub next: Option<u32>,
}

impl PlaneClient {
    /// A project's items from a place on, the first is 0: a hundred of them, or fewer where so many
    /// are too long. Archived ones and drafts are not listed.
    pub async fn list_items(
        &self,
        project: &str,
        order: Order,
        from: u32,
    ) -> Result<Page, Refusal> {
        let mut url = self.project_url(project, &["work-items"])?;
        let order = match order {
            Order::Made => "created_at",
            Order::ChangedLast => "-updated_at",
        };
        url.query_pairs_mut().append_pair("order_by", order);
        let mut whole = url.clone();
        whole.query_pairs_mut().append_pair("expand", EXPANDED);
        let (answer, size) = match self.page_at(&whole, SIZES, from).await {
            Err(Refusal::TooLong) => return self.too_long_at(project, url, from).await,
            asked => asked?,
        };
        let answer: Answer = answer.object()?;
        let next = answer.next(from + size);
        let results = answer.results.into_iter().filter(|raw| !is_canary(raw));
        let items = results.map(listed).collect::<Result<_, _>>()?;
        Ok(Page { items, total: answer.total_results, next })
    }

    /// The one item at a place where it is too long to be listed.
    async fn too_long_at(&self, project: &str, mut url: Url, from: u32) -> Result<Page, Refusal> {
        url.query_pairs_mut().append_pair("fields", ITS_NAME);
        let mut answer: Answer = self.ask(page_url(&url, 1, from)).await?;
        let next = answer.next(from + 1);
        let mut items = Vec::new();
        if let Some(raw) = answer.results.pop().filter(|raw| !is_canary(raw)) {
            // Another one than before may have come to this place: by its id it is certain which
            // one is too long.
            items.extend(self.fetch_listed_item(project, &listed(raw)?.id).await?);
        }
        Ok(Page { items, total: answer.total_results, next })
    }

    /// One item; `None` for one that was deleted or archived, which look the same.
    pub async fn fetch_listed_item(
        &self,
        project: &str,
        item: &str,
    ) -> Result<Option<ListedItem>, Refusal> {
        let url = self.project_url(project, &["work-items", &id(item)?])?;
        let mut whole = url.clone();
        whole.query_pairs_mut().append_pair("expand", EXPANDED);
        match self.exchange(Method::GET, whole, None).await {
            Err(Refusal::TooLong) => {}
            answer => return answer?.object_if_there::<Box<RawValue>>()?.map(listed).transpose(),
        }
        let mut named = url;
        named.query_pairs_mut().append_pair("fields", ITS_NAME);
        let answer = self.exchange(Method::GET, named, None).await?;
        let item = answer.object_if_there::<Box<RawValue>>()?.map(listed).transpose()?;
        Ok(item.map(|item| ListedItem { raw: None, ..item }))
    }
}

/// A page as Plane gives it.
#[derive(Deserialize)]
struct Answer {
    results: Vec<Box<RawValue>>,
    #[serde(default)]
    total_results: u64,
    #[serde(default)]
    next_page_results: bool,
}

impl Answer {
    /// Where it goes on, if it does: behind this page.
    fn next(&self, behind: u32) -> Option<u32> {
        self.next_page_results.then_some(behind)
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
        raw: Some(raw),
    })
}

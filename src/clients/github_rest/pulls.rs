//! The pull requests of a repository whose issues are switched off: GitHub lists nothing of it as
//! issues then (410), but its pull requests as what they are.
//!
//! Each is given as its issue half would be, so that whoever reads lists need not tell the two apart.
//! Its numeric id is another one than that half's: a pull request is known by its number.
//!
//! The whole list is read in the order in which they were made, which changes do not move; what
//! changed since a time in the order of changes, the newest first. What changes while that is read
//! comes to the front, where the next look begins.

use reqwest::header::HeaderMap;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::super::github::payload::IssuePayload;
use super::super::github::refusal::Refusal;
use super::listing::{ListedComment, ListedIssue, Part, Place, listed_comment};
use super::{GitHubRest, linked};
use crate::config::RepositoryName;
use crate::failure::Failure;

/// What a pull request says of its branches, in several thousand characters, and no issue does.
const BRANCHES: [&str; 3] = ["head", "base", "_links"];

impl GitHubRest {
    /// A page of the pull requests, open and closed; with a time those that changed since.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn list_pull_requests(
        &self,
        repository: &RepositoryName,
        place: &Place,
    ) -> Result<Part<ListedIssue>, Failure> {
        let asked = match (self.pulls_at(repository, place).await, place.smaller()) {
            (Err(Refusal::TooLong), Some(smaller)) => {
                return Box::pin(self.list_pull_requests(repository, &smaller)).await;
            }
            (asked, _) => asked,
        };
        let (pulls, headers) = asked.map_err(|refusal| refusal.failure())?;
        let mut next = linked(&headers, "next").map(|_| place.following());
        let mut entries = Vec::with_capacity(pulls.len());
        for pull in pulls {
            let unreadable = || {
                let what = "a pull request that is none".to_owned();
                Refusal::Unreadable { what }.failure()
            };
            let entry = as_issue(pull, repository).ok_or_else(unreadable)?;
            if place.since.is_some_and(|since| entry.issue.updated_at < since) {
                next = None;
            } else {
                entries.push(entry);
            }
        }
        Ok(Part { entries, next, etag: None })
    }

    /// What was said in the conversation of a pull request; `None` where GitHub does not tell.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn list_conversation(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Option<Vec<ListedComment>>, Failure> {
        let mut url = self.issue_url(repository, number, &["comments"]);
        url.query_pairs_mut().append_pair("per_page", super::PER_PAGE);
        let mut all = Vec::new();
        for _ in 0..super::MOST_PAGES {
            let page = match self.ask_short_page::<Box<RawValue>>(url).await {
                Ok(page) => page,
                Err(Refusal::NotGiven { .. } | Refusal::Gone | Refusal::NotFound) => {
                    return Ok(None);
                }
                Err(refusal) => return Err(refusal.failure()),
            };
            let listed = |raw| listed_comment(raw, &self.host);
            all.extend(page.entries.into_iter().filter_map(listed));
            let Some(next) = page.next else { return Ok(Some(all)) };
            url = next;
        }
        let what = format!("a list without end after {} pages", super::MOST_PAGES);
        Err(Refusal::Unreadable { what }.failure())
    }

    async fn pulls_at(
        &self,
        repository: &RepositoryName,
        place: &Place,
    ) -> Result<(Vec<Map<String, Value>>, HeaderMap), Refusal> {
        let (owner, name) = repository.owner_and_name();
        let mut url = self.url(&["repos", owner, name, "pulls"]);
        let order = match place.since {
            None => [("sort", "created"), ("direction", "asc")],
            Some(_) => [("sort", "updated"), ("direction", "desc")],
        };
        url.query_pairs_mut()
            .append_pair("state", "all")
            .extend_pairs(order)
            .append_pair("per_page", &place.size.to_string())
            .append_pair("page", &place.page.to_string());
        self.ask(url).await
    }
}

fn as_issue(mut pull: Map<String, Value>, repository: &RepositoryName) -> Option<ListedIssue> {
    let half = json!({"url": pull.get("url"), "merged_at": pull.get("merged_at")});
    pull.retain(|key, _| !BRANCHES.contains(&key.as_str()));
    pull.insert("pull_request".to_owned(), half);
    let raw = to_raw_value(&pull).ok()?;
    let payload: IssuePayload = serde_json::from_str(raw.get()).ok()?;
    Some(ListedIssue { issue: payload.into_issue(repository), raw })
}

//! Whole repositories, read in the order of their changes.
//!
//! Pages shift while others write. So none is asked for by its number where that can be helped:
//! the list is in the order of `updated_at`, and the next page is "what changed since the last
//! entry of this one". What changes meanwhile moves to the end, where it is met again; nothing
//! moves to where nobody looks any more. Only where a whole page has one time a number is needed.
//!
//! Whether there is another page its `Link` says: a page may be shorter than it was asked for, since
//! GitHub takes out what it shows to nobody. Where a page is longer than what is read of an answer
//! it is asked for in smaller ones.
//!
//! Where a list is as it was when it was last asked for (its `ETag`), GitHub says so for free.

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::github::payload::{CommentPayload, IssuePayload};
use super::super::github::refusal::Refusal;
use super::exchange::text;
use super::{GitHubRest, found_or_moved, linked};
use crate::clients::github::Fetched;
use crate::clock::Timestamp;
use crate::config::{GithubHost, RepositoryName};
use crate::failure::Failure;
use crate::sync::github::{Comment, Issue};

/// Entries of a page: GitHub's greatest, and so few that any of them is short enough to be read.
const PAGE: u32 = 100;
const SMALL_PAGE: u32 = 20;

/// A repository as GitHub calls it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryNow {
    /// GitHub's numeric id of it.
    pub id: u64,
    /// Its name.
    pub name: RepositoryName,
    /// Whether its issues are switched on; without them GitHub shows none.
    pub has_issues: bool,
}

/// An issue, or a pull request's issue half, with the text that it was given in.
#[derive(Debug, Clone)]
pub struct ListedIssue {
    /// The issue.
    pub issue: Issue,
    /// Its JSON.
    pub raw: Box<RawValue>,
}

/// A comment with the number of its issue and the text that it was given in.
#[derive(Debug, Clone)]
pub struct ListedComment {
    /// The comment.
    pub comment: Comment,
    /// The number of the issue that it is on.
    pub issue: u64,
    /// Its JSON.
    pub raw: Box<RawValue>,
}

/// What became of an issue that is asked for by its number.
#[derive(Debug, Clone)]
pub enum Traced {
    /// It is there.
    Here(Box<ListedIssue>),
    /// It is in another repository now, under this id.
    Moved(u64),
    /// It was deleted, and GitHub says so (410).
    Deleted,
    /// GitHub does not show it (404): it may be hidden as well.
    NotShown,
}

/// Where in a list the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What changed then or later; `None` is everything.
    pub since: Option<Timestamp>,
    /// The page of that, from 1, of so many entries each.
    pub page: u32,
    /// Entries a page.
    pub size: u32,
    /// What GitHub gave for this very place before.
    pub etag: Option<String>,
}

impl Place {
    /// The beginning of what changed since.
    pub fn since(since: Option<Timestamp>) -> Self {
        Self { since, page: 1, size: PAGE, etag: None }
    }

    /// That page of it.
    #[must_use]
    pub fn page(self, page: u32) -> Self {
        Self { page, ..self }
    }

    /// With pages of so many entries.
    pub(super) fn sized(self, size: u32) -> Self {
        Self { size, ..self }
    }

    /// Whether it is the beginning of one of the pages that a list is usually asked for in.
    pub fn is_whole(&self) -> bool {
        self.size == PAGE
    }

    /// The same place in smaller pages; `None` where they are small.
    pub(super) fn smaller(&self) -> Option<Self> {
        let in_one = (self.size > SMALL_PAGE).then_some(self.size / SMALL_PAGE)?;
        let page = self.page.saturating_sub(1).saturating_mul(in_one) + 1;
        Some(Self { page, size: SMALL_PAGE, etag: None, ..self.clone() })
    }

    /// The page behind it, and a whole one where one begins there.
    pub(super) fn following(&self) -> Self {
        let next = Self { page: self.page + 1, etag: None, ..self.clone() };
        let in_one = PAGE / self.size.max(1);
        if self.page.is_multiple_of(in_one) {
            return Self { page: self.page / in_one + 1, size: PAGE, ..next };
        }
        next
    }

    /// The same, if GitHub's answer is another one than before.
    #[must_use]
    pub fn unless(self, etag: Option<String>) -> Self {
        Self { etag, ..self }
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Part<T> {
    /// What is on it, in the order of its changes.
    pub entries: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
    /// GitHub's mark of this page; `None` where it is as it was.
    pub etag: Option<String>,
}

impl GitHubRest {
    /// What a repository is called now; `None` where the token does not see it.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn fetch_repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<RepositoryNow>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            id: u64,
            full_name: String,
            has_issues: Option<bool>,
        }
        let (owner, name) = repository.owner_and_name();
        let answer: Answer = match self.ask(self.url(&["repos", owner, name])).await {
            Ok((answer, _)) => answer,
            Err(Refusal::NotFound | Refusal::Gone) => return Ok(None),
            Err(refusal) => return Err(refusal.failure()),
        };
        let name = RepositoryName::on(&self.host, &answer.full_name);
        let name = name.unwrap_or_else(|_| repository.clone());
        let has_issues = answer.has_issues.unwrap_or(true);
        Ok(Some(RepositoryNow { id: self.host.id(answer.id), name, has_issues }))
    }

    /// Issues and pull requests, open and closed.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn list_issues(
        &self,
        repository: &RepositoryName,
        place: &Place,
    ) -> Result<Part<ListedIssue>, Failure> {
        let read = |raw: Box<RawValue>| {
            let payload: IssuePayload = serde_json::from_str(raw.get()).ok()?;
            let issue = payload.into_issue(repository);
            Some((issue.updated_at, ListedIssue { issue, raw }))
        };
        self.part(repository, &["issues"], &[("state", "all")], place, read).await
    }

    /// Comments on issues and in pull requests' conversations.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn list_all_comments(
        &self,
        repository: &RepositoryName,
        place: &Place,
    ) -> Result<Part<ListedComment>, Failure> {
        let read = |raw: Box<RawValue>| {
            let listed = listed_comment(raw, &self.host)?;
            Some((listed.comment.updated_at, listed))
        };
        self.part(repository, &["issues", "comments"], &[], place, read).await
    }

    /// One comment; `None` where it is gone.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn fetch_comment(
        &self,
        repository: &RepositoryName,
        comment: u64,
    ) -> Result<Option<ListedComment>, Failure> {
        let (owner, name) = repository.owner_and_name();
        let id = self.host.own_id(comment).to_string();
        let url = self.url(&["repos", owner, name, "issues", "comments", &id]);
        match self.ask::<Box<RawValue>>(url).await {
            Ok((raw, _)) => Ok(listed_comment(raw, &self.host)),
            Err(Refusal::NotFound | Refusal::Gone) => Ok(None),
            Err(refusal) => Err(refusal.failure()),
        }
    }

    /// What became of an issue.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn trace_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Traced, Failure> {
        let asked = self.ask::<Box<RawValue>>(self.issue_url(repository, number, &[])).await;
        let raw = match asked {
            Ok((raw, _)) => raw,
            Err(Refusal::Gone) => return Ok(Traced::Deleted),
            Err(Refusal::NotFound) => return Ok(Traced::NotShown),
            Err(refusal) => return Err(refusal.failure()),
        };
        let payload = |raw: &RawValue| serde_json::from_str::<IssuePayload>(raw.get());
        let unreadable = || {
            let what = "an issue that is none".to_owned();
            Refusal::Unreadable { what }.failure()
        };
        let found = payload(&raw).map_err(|_| unreadable())?;
        if let Fetched::Found(issue) = found_or_moved(found, repository, number) {
            return Ok(Traced::Here(Box::new(ListedIssue { issue, raw })));
        }
        let elsewhere = payload(&raw).map_err(|_| unreadable())?;
        Ok(Traced::Moved(elsewhere.into_issue(repository).id))
    }

    async fn part<T>(
        &self,
        repository: &RepositoryName,
        path: &[&str],
        query: &[(&str, &str)],
        place: &Place,
        read: impl Fn(Box<RawValue>) -> Option<(Timestamp, T)>,
    ) -> Result<Part<T>, Failure> {
        let asked = match self.raw_part(repository, path, query, place).await {
            Err(Refusal::TooLong) => match place.smaller() {
                Some(smaller) => {
                    return Box::pin(self.part(repository, path, query, &smaller, read)).await;
                }
                None => Err(Refusal::TooLong),
            },
            asked => asked,
        };
        let Some((raws, headers)) = asked.map_err(|refusal| refusal.failure())? else {
            return Ok(Part { entries: Vec::new(), next: None, etag: None });
        };
        let mut last = None;
        let mut entries = Vec::with_capacity(raws.len());
        for raw in raws {
            let what = "an entry of a list that is none".to_owned();
            let unreadable = || Refusal::Unreadable { what: what.clone() }.failure();
            let (at, entry) = read(raw).ok_or_else(unreadable)?;
            last = last.max(Some(at));
            entries.push(entry);
        }
        let next = linked(&headers, "next").map(|_| match last {
            Some(last) if Some(last) > place.since => Place::since(Some(last)),
            _ => place.following(),
        });
        let etag = text(&headers, "etag").map(str::to_owned);
        Ok(Part { entries, next, etag })
    }

    async fn raw_part(
        &self,
        repository: &RepositoryName,
        path: &[&str],
        query: &[(&str, &str)],
        place: &Place,
    ) -> Result<Option<(Vec<Box<RawValue>>, HeaderMap)>, Refusal> {
        let (owner, name) = repository.owner_and_name();
        let whole: Vec<&str> = ["repos", owner, name].iter().chain(path).copied().collect();
        let mut url = self.url(&whole);
        {
            let mut pairs = url.query_pairs_mut();
            pairs.extend_pairs(query);
            pairs.extend_pairs([("sort", "updated"), ("direction", "asc")]);
            pairs.append_pair("per_page", &place.size.to_string());
            if let Some(since) = place.since {
                pairs.append_pair("since", &since.format("%FT%TZ").to_string());
            }
            if place.page > 1 {
                pairs.append_pair("page", &place.page.to_string());
            }
        }
        self.ask_unless::<Vec<Box<RawValue>>>(url, place.etag.as_deref()).await
    }
}

/// The same place of a list in pages of which any is short enough to be read; `None` where it is in
/// such pages.
pub(super) fn in_smaller_pages(list: &Url) -> Option<Url> {
    let number = |name: &str| {
        let (_, value) = list.query_pairs().find(|(key, _)| key == name)?;
        value.parse::<u32>().ok()
    };
    let place = Place::since(None).page(number("page").unwrap_or(1));
    let smaller = place.sized(number("per_page")?).smaller()?;
    let mut url = list.clone();
    let others = list.query_pairs().filter(|(key, _)| key != "page" && key != "per_page");
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair("per_page", &smaller.size.to_string())
        .append_pair("page", &smaller.page.to_string());
    Some(url)
}

pub(super) fn listed_comment(raw: Box<RawValue>, host: &GithubHost) -> Option<ListedComment> {
    #[derive(Deserialize)]
    struct Whose {
        issue_url: String,
    }
    let whose: Whose = serde_json::from_str(raw.get()).ok()?;
    let issue = whose.issue_url.rsplit_once('/')?.1.parse().ok()?;
    let payload: CommentPayload = serde_json::from_str(raw.get()).ok()?;
    Some(ListedComment { comment: Comment::from(payload).on(host), issue, raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_the_same_in_smaller_pages_and_comes_back_to_whole_ones() {
        let third = Place::since(None).page(3);
        assert_eq!(third.following(), Place::since(None).page(4));
        let mut place = third.smaller().unwrap();
        assert_eq!((place.page, place.size), (11, 20), "the entry 201 either way");
        assert_eq!(place.smaller(), None);
        for _ in 0..4 {
            place = place.following();
            assert!(!place.is_whole());
        }
        assert_eq!((place.page, place.size), (15, 20));
        assert_eq!(place.following(), Place::since(None).page(4));
    }
}

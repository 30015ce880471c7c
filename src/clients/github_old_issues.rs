//! What a backfill asks beside the list of issues: how many there are, and what was said on one.

use serde_json::value::RawValue;

use super::github::refusal::Refusal;
use super::github_rest::{GitHubRest, Page};
use crate::config::RepositoryName;
use crate::failure::Failure;

/// Entries a page: GitHub's greatest.
const PER_PAGE: &str = "100";
/// Pages of one issue's comments after which the list is taken to be endless.
const MOST_PAGES: usize = 300;

/// A page of an issue's comments.
#[derive(Debug, Default)]
pub struct OldComments {
    /// As they were given.
    pub comments: Vec<Box<RawValue>>,
    /// Where it goes on.
    pub next: Option<NextComments>,
}

/// Where an issue's comments go on.
#[derive(Debug)]
pub struct NextComments {
    url: reqwest::Url,
    page: usize,
}

impl GitHubRest {
    /// How many issues and pull requests a repository has; `None` where GitHub does not tell.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn count_issues(&self, repository: &RepositoryName) -> Result<Option<u64>, Failure> {
        let mut url = self.issues_url(repository, &[]);
        url.query_pairs_mut().append_pair("state", "all").append_pair("per_page", "1");
        let page: Page<serde::de::IgnoredAny> =
            self.ask_page(url).await.map_err(|refusal| refusal.failure())?;
        // Of pages of one entry the last one's number is the count.
        let last = page.last.and_then(|url| {
            url.query_pairs().find(|(key, _)| key == "page").and_then(|(_, n)| n.parse().ok())
        });
        Ok(last.or_else(|| page.next.is_none().then_some(page.entries.len() as u64)))
    }

    /// An issue's comments as they were given, the oldest first: the first page, or the one that
    /// follows.
    ///
    /// # Errors
    /// When GitHub can't be asked; an issue that vanished meanwhile has none.
    pub async fn fetch_old_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
        place: Option<NextComments>,
    ) -> Result<OldComments, Failure> {
        let NextComments { url, page } = place.unwrap_or_else(|| {
            let mut url = self.issues_url(repository, &[&number.to_string(), "comments"]);
            url.query_pairs_mut().append_pair("per_page", PER_PAGE);
            NextComments { url, page: 1 }
        });
        if page > MOST_PAGES {
            let what = format!("a list without end after {MOST_PAGES} pages");
            return Err(Refusal::Unreadable { what }.failure());
        }
        let there: Page<Box<RawValue>> = match self.ask_short_page(url).await {
            Ok(there) => there,
            Err(Refusal::NotFound | Refusal::Gone) => return Ok(OldComments::default()),
            Err(refusal) => return Err(refusal.failure()),
        };
        let next = there.next.map(|url| NextComments { url, page: page + 1 });
        Ok(OldComments { comments: there.entries, next })
    }

    fn issues_url(&self, repository: &RepositoryName, rest: &[&str]) -> reqwest::Url {
        let (owner, name) = repository.owner_and_name();
        self.url(&[&["repos", owner, name, "issues"], rest].concat())
    }
}

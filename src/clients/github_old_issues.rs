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

    /// All comments of an issue as they were given, the oldest first.
    ///
    /// # Errors
    /// When GitHub can't be asked; an issue that vanished meanwhile has none.
    pub async fn fetch_old_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Vec<Box<RawValue>>, Failure> {
        let mut url = self.issues_url(repository, &[&number.to_string(), "comments"]);
        url.query_pairs_mut().append_pair("per_page", PER_PAGE);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let page: Page<Box<RawValue>> = match self.ask_page(url).await {
                Ok(page) => page,
                Err(Refusal::NotFound | Refusal::Gone) => return Ok(Vec::new()),
                Err(refusal) => return Err(refusal.failure()),
            };
            all.extend(page.entries);
            let Some(next) = page.next else { return Ok(all) };
            url = next;
        }
        let what = format!("a list without end after {MOST_PAGES} pages");
        Err(Refusal::Unreadable { what }.failure())
    }

    fn issues_url(&self, repository: &RepositoryName, rest: &[&str]) -> reqwest::Url {
        let (owner, name) = repository.as_str().split_once('/').unwrap_or_default();
        self.url(&[&["repos", owner, name, "issues"], rest].concat())
    }
}

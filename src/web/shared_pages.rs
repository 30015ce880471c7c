//! A page that many ask for at the same moment is made once: when an item changes every open board
//! asks for itself.
//!
//! Whoever asks gets a page whose making began after that, so nobody is shown less than what was
//! committed before they asked. While one is being made the others wait, and the next one that is
//! made is for all of them. Deliberately absent: keeping anything. A page that nobody waits for is
//! gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::error::Problem;
use crate::access::Scope;

/// Which page, as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Its path and query.
    pub address: String,
    /// The caller's name, which stands on the page.
    pub name: String,
    /// What the caller may do, which decides on its buttons.
    pub scope: Scope,
}

/// The pages that are being made.
#[derive(Debug, Default)]
pub struct SharedPages(Mutex<HashMap<PageKey, Arc<Page>>>);

#[derive(Debug, Default)]
struct Page {
    /// How many have asked for it.
    asked: AtomicU64,
    /// The last one that was made, and how many had asked when that began.
    made: tokio::sync::Mutex<Option<(u64, Result<Bytes, Problem>)>>,
}

impl SharedPages {
    /// The page, made by `make` or by somebody else who asked meanwhile.
    ///
    /// # Errors
    /// What `make` says.
    pub async fn get(
        &self,
        key: PageKey,
        make: impl Future<Output = Result<Bytes, Problem>>,
    ) -> Result<Bytes, Problem> {
        let page = Arc::clone(
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default(),
        );
        let _leaves = Leaves { pages: self, key, page: &page };
        let ours = page.asked.fetch_add(1, Ordering::AcqRel);
        let mut last = page.made.lock().await;
        if let Some((asked, result)) = &*last
            && ours < *asked
        {
            return result.clone();
        }
        let asked = page.asked.load(Ordering::Acquire);
        let result = make.await;
        *last = Some((asked, result.clone()));
        result
    }
}

/// Forgets a page with the last one who asked for it, however that one leaves.
struct Leaves<'a> {
    pages: &'a SharedPages,
    key: PageKey,
    page: &'a Arc<Page>,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut pages = self.pages.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's; a new one is only ever taken under the lock.
        if Arc::strong_count(self.page) == 2 {
            pages.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::error::ProblemKind;
    use tokio::sync::oneshot;

    fn key(name: &str) -> PageKey {
        PageKey { address: "/boards".to_owned(), name: name.to_owned(), scope: Scope::Viewer }
    }

    /// Counts how often a page was made; each says which one it is.
    async fn made(count: &AtomicU64) -> Result<Bytes, Problem> {
        let number = count.fetch_add(1, Ordering::AcqRel) + 1;
        tokio::task::yield_now().await;
        Ok(Bytes::from(number.to_string()))
    }

    #[tokio::test]
    async fn who_asks_while_a_page_is_made_gets_the_next_one_and_all_of_them_the_same() {
        let (pages, count) = (SharedPages::default(), AtomicU64::new(0));
        let (go, wait) = oneshot::channel::<()>();
        let first = pages.get(key("ada"), async {
            let page = made(&count).await;
            wait.await.ok();
            page
        });
        let others = async {
            let asked = (0..100).map(|_| pages.get(key("ada"), made(&count)));
            let mut all = Box::pin(futures_util::future::join_all(asked));
            // All of them ask before the first one is made.
            assert!(futures_util::poll!(&mut all).is_pending());
            go.send(()).ok();
            all.await
        };
        let (first, others) = tokio::join!(first, others);
        assert_eq!(first.unwrap(), "1");
        assert!(others.into_iter().all(|page| page.unwrap() == "2"), "begun after they asked");
        assert!(pages.0.lock().unwrap().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn one_after_the_other_each_gets_a_page_of_its_own() {
        let (pages, count) = (SharedPages::default(), AtomicU64::new(0));
        for number in 1..=3 {
            let page = pages.get(key("ada"), made(&count)).await;
            assert_eq!(page.unwrap(), number.to_string());
        }
        assert_eq!(pages.get(key("mira"), made(&count)).await.unwrap(), "4");
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_making_to_the_next_one() {
        let (pages, count) = (SharedPages::default(), AtomicU64::new(0));
        let mut gone = Box::pin(pages.get(key("ada"), std::future::pending()));
        assert!(futures_util::poll!(&mut gone).is_pending());
        let mut next = Box::pin(pages.get(key("ada"), made(&count)));
        assert!(futures_util::poll!(&mut next).is_pending());
        drop(gone);
        assert_eq!(next.await.unwrap(), "1");
        assert!(pages.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_problem_is_told_to_all_who_waited() {
        let pages = SharedPages::default();
        let failing = || async { Err(Problem::new(ProblemKind::Overloaded, "no")) };
        let (one, other) =
            tokio::join!(pages.get(key("ada"), failing()), pages.get(key("ada"), failing()));
        assert!(one.is_err() && other.is_err());
    }
}

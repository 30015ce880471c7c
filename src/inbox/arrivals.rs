//! What waits for a committer, and how much of it shares the next commit.
//!
//! Of a crowd that waits for its answers before it sends more, half would arrive too late for each
//! commit and make one of their own, with half the rows for a flush to the disk. So after a long commit
//! the next one waits until as many are there as shared the last, if nothing else is under way.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Most deliveries in one commit.
const BATCH_ROWS: usize = 128;
/// Most bytes of bodies in one commit; a larger delivery is committed alone.
const BATCH_BYTES: usize = 1024 * 1024;
/// After a commit that took this long the next one waits for company,
const LONG_COMMIT: Duration = Duration::from_millis(4);
/// but for no longer than this, whatever the disk did.
const COMPANY: Duration = Duration::from_millis(10);

/// What waits for a committer, whichever it is.
pub(super) struct Arrivals<T> {
    receiver: mpsc::Receiver<T>,
    bytes_of: fn(&T) -> usize,
    /// Found no room in the batch before.
    carried: Option<T>,
}

impl<T> Arrivals<T> {
    pub(super) fn new(receiver: mpsc::Receiver<T>, bytes_of: fn(&T) -> usize) -> Self {
        Self { receiver, bytes_of, carried: None }
    }

    /// Waits for one; `None` when there will be no more.
    pub(super) async fn first(&mut self) -> Option<T> {
        match self.carried.take() {
            Some(waiting) => Some(waiting),
            None => self.receiver.recv().await,
        }
    }

    /// Takes what else is there besides the first, within the bounds of a batch, and waits for `company`.
    pub(super) async fn gather(&mut self, first: T, company: Company) -> Vec<T> {
        let until = Instant::now() + company.most;
        let mut bytes = (self.bytes_of)(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_ROWS {
            let next = match self.receiver.try_recv() {
                Ok(next) => Some(next),
                Err(_) if batch.len() >= company.rows => None,
                Err(_) => timeout_at(until, self.receiver.recv()).await.ok().flatten(),
            };
            let Some(next) = next else { break };
            bytes += (self.bytes_of)(&next);
            if bytes > BATCH_BYTES {
                self.carried = Some(next);
                break;
            }
            batch.push(next);
        }
        batch
    }
}

/// What a committer did last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Commit {
    pub(super) rows: usize,
    pub(super) took: Duration,
}

impl Commit {
    /// Whom the next one waits for. Where commits are short nothing is gained by it: a timer has its
    /// tick, and few deliveries that come one after the other would only be answered later.
    pub(super) fn company(self) -> Company {
        if self.took < LONG_COMMIT {
            return Company::NONE;
        }
        Company { rows: self.rows, most: COMPANY.min(self.took / 2) }
    }
}

/// How many deliveries a commit waits for, and how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Company {
    rows: usize,
    most: Duration,
}

impl Company {
    pub(super) const NONE: Self = Self { rows: 0, most: Duration::ZERO };
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// Sizes stand for deliveries.
    fn arrived(sizes: &[usize]) -> (mpsc::Sender<usize>, Arrivals<usize>) {
        let (sender, receiver) = mpsc::channel(256);
        for size in sizes {
            sender.try_send(*size).expect("room");
        }
        (sender, Arrivals::new(receiver, |size| *size))
    }

    async fn next(arrivals: &mut Arrivals<usize>, company: Company) -> Vec<usize> {
        let first = arrivals.first().await.expect("one is there");
        arrivals.gather(first, company).await
    }

    #[tokio::test]
    async fn what_is_there_shares_a_commit_and_waits_for_nobody() {
        let (_sender, mut arrivals) = arrived(&[1, 2, 3]);
        assert_eq!(next(&mut arrivals, Company::NONE).await, [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_the_first_of_the_next_commit() {
        let (_sender, mut arrivals) = arrived(&[1, BATCH_BYTES, 2]);
        assert_eq!(next(&mut arrivals, Company::NONE).await, [1]);
        assert_eq!(next(&mut arrivals, Company::NONE).await, [BATCH_BYTES]);
        assert_eq!(next(&mut arrivals, Company::NONE).await, [2]);
        let (_sender, mut arrivals) = arrived(&[1; BATCH_ROWS + 1]);
        assert_eq!(next(&mut arrivals, Company::NONE).await.len(), BATCH_ROWS);
        assert_eq!(next(&mut arrivals, Company::NONE).await.len(), 1);
    }

    #[tokio::test]
    async fn company_is_waited_for_until_it_is_there() {
        let (sender, mut arrivals) = arrived(&[1]);
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            sender.send(2).await.expect("sent");
            sender
        });
        let company = Company { rows: 2, most: HOUR };
        assert_eq!(next(&mut arrivals, company).await, [1, 2]);
        drop(late.await);
    }

    #[tokio::test]
    async fn company_that_does_not_come_is_not_waited_for_any_longer() {
        let (_sender, mut arrivals) = arrived(&[1]);
        let most = Duration::from_millis(5);
        let begun = Instant::now();
        assert_eq!(next(&mut arrivals, Company { rows: 2, most }).await, [1]);
        assert!(begun.elapsed() >= most, "it was waited for");
    }

    #[tokio::test]
    async fn nobody_waits_for_company_of_a_process_that_stops() {
        let (sender, mut arrivals) = arrived(&[1]);
        drop(sender);
        assert_eq!(next(&mut arrivals, Company { rows: 2, most: HOUR }).await, [1]);
        assert_eq!(arrivals.first().await, None);
    }

    #[test]
    fn only_after_a_long_commit_the_next_one_waits_and_never_long() {
        let after = |rows, took| Commit { rows, took }.company();
        assert_eq!(after(64, LONG_COMMIT * 9 / 10), Company::NONE);
        let most = LONG_COMMIT / 2;
        assert_eq!(after(64, LONG_COMMIT), Company { rows: 64, most });
        assert_eq!(after(64, HOUR), Company { rows: 64, most: COMPANY });
    }
}

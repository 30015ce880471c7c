//! What waits for a committer, and how much of it shares the next commit.
//!
//! Of a crowd that waits for its answers before it sends more, half would arrive too late for each
//! commit and make one of their own, with half the rows for a flush to the disk. So where there is but
//! one committer, the next commit after a long one waits until as many are there as shared the last.
//! The wait counts from the end of the last one: what comes later comes alone, and waits for nobody.

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
    pub(super) async fn gather(&mut self, first: T, company: Option<Company>) -> Vec<T> {
        let mut bytes = (self.bytes_of)(&first);
        let mut batch = vec![first];
        while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            let next = match (self.receiver.try_recv(), company) {
                (Ok(next), _) => Some(next),
                (Err(_), Some(company)) if company.is_awaited_by(batch.len()) => {
                    timeout_at(company.until, self.receiver.recv()).await.ok().flatten()
                }
                (Err(_), _) => None,
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

/// What a committer did last: from the first delivery's turn to the last one's answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit {
    pub(super) rows: usize,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
}

/// How many deliveries a commit waits for, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Company {
    rows: usize,
    until: Instant,
}

impl Company {
    /// Whom the next commit waits for, of one of so many committers. Where commits are short nothing is
    /// gained by it: a timer has its tick, and few deliveries that come one after the other would only
    /// be answered later.
    pub(super) fn after(last: Option<Commit>, committers: usize) -> Option<Self> {
        let Commit { rows, begun, ended } = last.filter(|_| committers == 1)?;
        let took = ended.duration_since(begun);
        (took >= LONG_COMMIT).then(|| Self { rows, until: ended + COMPANY.min(took / 2) })
    }

    fn is_awaited_by(self, rows: usize) -> bool {
        rows < self.rows && Instant::now() < self.until
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const SOON: Duration = Duration::from_secs(5);

    /// Sizes stand for deliveries.
    fn arrived(sizes: &[usize]) -> (mpsc::Sender<usize>, Arrivals<usize>) {
        let (sender, receiver) = mpsc::channel(256);
        for size in sizes {
            sender.try_send(*size).expect("room");
        }
        (sender, Arrivals::new(receiver, |size| *size))
    }

    async fn next(
        arrivals: &mut Arrivals<usize>,
        company: impl Into<Option<Company>>,
    ) -> Vec<usize> {
        let gathering = async {
            let first = arrivals.first().await.expect("one is there");
            arrivals.gather(first, company.into()).await
        };
        timeout(SOON, gathering).await.expect("a batch")
    }

    fn two_within(most: Duration) -> Company {
        Company { rows: 2, until: Instant::now() + most }
    }

    #[tokio::test]
    async fn what_is_there_shares_a_commit_and_waits_for_nobody() {
        let (_sender, mut arrivals) = arrived(&[1, 2, 3]);
        assert_eq!(next(&mut arrivals, None).await, [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_the_first_of_the_next_commit() {
        let (_sender, mut arrivals) = arrived(&[1, BATCH_BYTES, 2]);
        assert_eq!(next(&mut arrivals, None).await, [1]);
        assert_eq!(next(&mut arrivals, two_within(HOUR)).await, [BATCH_BYTES]);
        assert_eq!(next(&mut arrivals, None).await, [2]);
        let (_sender, mut arrivals) = arrived(&[1; BATCH_ROWS + 1]);
        assert_eq!(next(&mut arrivals, None).await.len(), BATCH_ROWS);
        assert_eq!(next(&mut arrivals, None).await.len(), 1);
    }

    #[tokio::test]
    async fn company_is_waited_for_until_it_is_there() {
        let (sender, mut arrivals) = arrived(&[1]);
        // It runs when the batch waits.
        let late = tokio::spawn(async move {
            sender.send(2).await.expect("sent");
            sender
        });
        assert_eq!(next(&mut arrivals, two_within(HOUR)).await, [1, 2]);
        drop(late.await);
    }

    #[tokio::test]
    async fn company_that_does_not_come_is_waited_for_no_longer_than_promised() {
        let (_sender, mut arrivals) = arrived(&[1]);
        let company = two_within(Duration::from_millis(5));
        assert_eq!(next(&mut arrivals, company).await, [1]);
        assert!(Instant::now() >= company.until, "nobody waited");
    }

    #[tokio::test]
    async fn nobody_waits_for_company_of_a_process_that_stops() {
        let (sender, mut arrivals) = arrived(&[1]);
        drop(sender);
        assert_eq!(next(&mut arrivals, two_within(HOUR)).await, [1]);
        assert_eq!(arrivals.first().await, None);
    }

    #[tokio::test]
    async fn what_comes_long_after_a_crowd_waits_for_nobody() {
        let (sender, mut arrivals) = arrived(&[1]);
        let company = two_within(Duration::ZERO);
        // It would run if the batch waited.
        let late = tokio::spawn(async move { sender.send(2).await });
        assert_eq!(next(&mut arrivals, company).await, [1]);
        drop(late.await);
    }

    #[test]
    fn only_a_lone_committer_waits_after_a_long_commit_and_never_long() {
        let (begun, rows) = (Instant::now(), 64);
        let after = |took, committers| {
            Company::after(Some(Commit { rows, begun, ended: begun + took }), committers)
        };
        assert_eq!(Company::after(None, 1), None);
        assert_eq!(after(LONG_COMMIT * 9 / 10, 1), None);
        assert_eq!(after(LONG_COMMIT, 2), None);
        let until = begun + LONG_COMMIT * 3 / 2;
        assert_eq!(after(LONG_COMMIT, 1), Some(Company { rows, until }));
        assert_eq!(after(HOUR, 1), Some(Company { rows, until: begun + HOUR + COMPANY }));
    }
}

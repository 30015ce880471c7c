//! What can go wrong, on demand: each fault strikes once, the next request or webhook, in the
//! order in which they were ordered.

use std::collections::VecDeque;
use std::time::Duration;

/// What becomes of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFault {
    /// It arrives as it should: keeps the place of one that is spared.
    None,
    /// It never arrives; GitHub's list of deliveries shows it as failed.
    Lose,
    /// It never arrives; GitHub's list of deliveries shows it as timed out, which is no failure to
    /// whoever asks for those.
    TimeOut,
    /// It arrives, and the answer comes too late: it is shown as timed out all the same.
    AnswerLate,
    /// It arrives twice under one GUID.
    Duplicate,
    /// It arrives after the one that follows it.
    Overtaken,
    /// It arrives later, and whatever follows goes before it.
    Delay(Duration),
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// It is answered as it should be: keeps the place of one that is spared.
    None,
    /// An error of the server's own, with this status.
    Status(u16),
    /// 429 without GitHub's words for a limit.
    TooManyRequests {
        /// `Retry-After`, where it is told.
        retry_after: Option<Duration>,
    },
    /// 403: the hour's requests are used up, until then.
    PrimaryLimit {
        /// Until `X-RateLimit-Reset`.
        resets_in: Duration,
    },
    /// 403: too much at once.
    SecondaryLimit {
        /// `Retry-After`, where it is told.
        retry_after: Option<Duration>,
    },
    /// No answer ever comes, and nothing is done.
    Hang,
    /// The thing is done, and no answer ever comes.
    HangAfter,
    /// The connection breaks; nothing was done.
    Reset,
    /// The connection breaks after the thing was done.
    LostAnswer,
}

/// Whom a fault of requests strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Striking {
    /// Whatever is asked next.
    Any,
    /// What changes something.
    Writes,
}

/// The faults that wait for a request.
#[derive(Debug, Default)]
pub(super) struct RequestFaults {
    any: VecDeque<RequestFault>,
    writes: VecDeque<RequestFault>,
}

impl RequestFaults {
    pub(super) fn add(
        &mut self,
        striking: Striking,
        faults: impl IntoIterator<Item = RequestFault>,
    ) {
        match striking {
            Striking::Any => self.any.extend(faults),
            Striking::Writes => self.writes.extend(faults),
        }
    }

    /// Forgets those that struck nobody.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What meets a request that reads, or one that writes.
    pub(super) fn strike(&mut self, request: Striking) -> RequestFault {
        let own = match request {
            Striking::Any => None,
            Striking::Writes => self.writes.pop_front(),
        };
        own.or_else(|| self.any.pop_front()).unwrap_or(RequestFault::None)
    }
}

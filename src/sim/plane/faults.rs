//! Faults on demand: what a network, a proxy or a busy server does to requests and webhooks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::records::RequestKind;

/// Which requests a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// All of them.
    Any,
    /// Those that change nothing.
    Reads,
    /// Those that may change something.
    Writes,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// It is answered with this status and nothing is done: 500 in Plane's form, others as a
    /// proxy's page.
    Status(u16),
    /// It is answered with this status, nothing is done, and `Retry-After` says how long to
    /// wait: 429 in Plane's form, others as a proxy's page.
    RetryLater {
        /// 429 or 503.
        status: u16,
        /// Told in whole seconds.
        retry_after: Duration,
    },
    /// It waits, then is done and answered; whoever gives up before has changed nothing.
    HangBefore(Duration),
    /// It is done at once, and its answer waits.
    HangAfter(Duration),
    /// The connection is cut, nothing is done.
    CutBefore,
    /// It is done, and the connection is cut instead of an answer.
    CutAfter,
}

/// What happens to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFault {
    /// It is never sent.
    Drop,
    /// It is sent twice, the second time under another delivery id, as after a lost answer.
    Duplicate,
    /// It is sent after the one that follows it, or when [`super::SimPlane::settled`] is asked
    /// for.
    AfterNext,
    /// It is sent so much later; others overtake it.
    Delay(Duration),
}

struct Planned {
    on: On,
    skip: usize,
    left: usize,
    fault: RequestFault,
}

#[derive(Default)]
struct Plans {
    requests: Vec<Planned>,
    webhooks: Vec<(usize, WebhookFault)>,
}

/// Where faults are asked for. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    plans: Arc<Mutex<Plans>>,
    paused: Arc<watch::Sender<bool>>,
}

impl Faults {
    pub(super) fn none() -> Self {
        Self { plans: Arc::default(), paused: Arc::new(watch::Sender::new(false)) }
    }

    /// The next `count` requests of this kind.
    pub fn next_requests(&self, count: usize, on: On, fault: RequestFault) {
        self.requests_after(0, count, on, fault);
    }

    /// `count` requests of this kind, after `skip` of them have gone through.
    pub fn requests_after(&self, skip: usize, count: usize, on: On, fault: RequestFault) {
        self.with(|plans| plans.requests.push(Planned { on, skip, left: count, fault }));
    }

    /// The next `count` webhooks.
    pub fn next_webhooks(&self, count: usize, fault: WebhookFault) {
        self.with(|plans| plans.webhooks.push((count, fault)));
    }

    /// Webhooks wait until [`Faults::resume_webhooks`]; what they carry is read only then.
    pub fn pause_webhooks(&self) {
        self.paused.send_replace(true);
    }

    /// Webhooks go out again.
    pub fn resume_webhooks(&self) {
        self.paused.send_replace(false);
    }

    /// Takes back every fault that has not happened yet.
    pub fn clear(&self) {
        self.with(|plans| *plans = Plans::default());
        self.resume_webhooks();
    }

    pub(super) async fn not_paused(&self) {
        // The sender lives in `self`.
        let _ = self.paused.subscribe().wait_for(|paused| !paused).await;
    }

    pub(super) fn for_request(&self, kind: RequestKind) -> Option<RequestFault> {
        self.with(|plans| {
            plans.requests.retain(|planned| planned.left > 0);
            let hit = |on| match on {
                On::Any => true,
                On::Reads => kind == RequestKind::Read,
                On::Writes => kind == RequestKind::Write,
            };
            for planned in plans.requests.iter_mut().filter(|planned| hit(planned.on)) {
                if planned.skip > 0 {
                    planned.skip -= 1;
                } else if planned.left > 0 {
                    planned.left -= 1;
                    return Some(planned.fault);
                }
            }
            None
        })
    }

    pub(super) fn for_webhook(&self) -> Option<WebhookFault> {
        self.with(|plans| {
            plans.webhooks.retain(|(left, _)| *left > 0);
            let (left, fault) = plans.webhooks.iter_mut().find(|(left, _)| *left > 0)?;
            *left -= 1;
            Some(*fault)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Plans) -> T) -> T {
        act(&mut self.plans.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

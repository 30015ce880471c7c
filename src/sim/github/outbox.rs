//! Events on their way to hooks: in the order in which they happened, one at a time, each tried
//! once. GitHub promises no order and never tries again by itself; faults make use of both.
//!
//! Everything waits in one list. Races: the list is filled under the lock of the state, so
//! that the order of events is the order of changes; `settled` counts what is under way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Inner;
use super::changes::Event;
use super::faults::WebhookFault;
use super::hooks::{Delivery, DeliveryEnd, Redelivery};
use super::state::HookPlace;
use crate::clients::github_webhook::GithubWebhook;
use crate::clients::webhook_sender::SendError;
use crate::ids::DeliveryId;

/// One event for one hook.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    /// What it is about; some of an App's are about none.
    pub(super) repository: Option<u64>,
    pub(super) place: HookPlace,
    pub(super) hook: u64,
    pub(super) guid: String,
    pub(super) event: String,
    pub(super) action: Option<String>,
    pub(super) payload: Value,
    pub(super) redelivery: Redelivery,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    /// Waits until another one has gone before it.
    overtaken: Option<Parcel>,
    faults: VecDeque<WebhookFault>,
    mode: Mode,
    under_way: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Sending,
    Holding,
}

/// The hooks that an event is for, each with a parcel under one GUID.
pub(super) fn parcels_for(inner: &super::state::State, event: &Event) -> Vec<Parcel> {
    // GUIDs are never repeated, not even by another start of the fake.
    let guid = uuid::Uuid::new_v4().to_string();
    let Ok(repository) = inner.repository(event.repository) else { return Vec::new() };
    let only = event.payload.get("hook_id").and_then(Value::as_u64);
    let own = HookPlace::Repository(event.repository);
    let above = inner.organization_of(repository).into_iter().flat_map(|organization| {
        let place = HookPlace::Organization(organization.login.clone());
        organization.hooks.iter().map(move |hook| (place.clone(), hook))
    });
    let app = inner.app.iter().filter(|app| app.hears_of(event.repository));
    let apps = app.flat_map(|app| app.hooks.iter().map(|hook| (HookPlace::App, hook)));
    repository
        .hooks
        .iter()
        .map(|hook| (own.clone(), hook))
        .chain(above)
        .chain(apps)
        .filter(|(_, hook)| only.map_or_else(|| hook.wants(event.name), |id| id == hook.id))
        .map(|(place, hook)| Parcel {
            repository: Some(event.repository),
            payload: payload_for(inner, &place, event),
            place,
            hook: hook.id,
            guid: guid.clone(),
            event: event.name.to_owned(),
            action: (!event.action.is_empty()).then(|| event.action.to_owned()),
            redelivery: Redelivery::First,
        })
        .collect()
}

/// An App is told which installation of it is meant, too.
fn payload_for(state: &super::state::State, place: &HookPlace, event: &Event) -> Value {
    let app = state.app.as_ref().filter(|_| *place == HookPlace::App);
    let more = app.map_or(Value::Null, |app| json!({"installation": app.installation_json()}));
    super::json::with(event.payload.clone(), more)
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, parcels: impl IntoIterator<Item = Parcel>) {
        self.lock().parcels.extend(parcels);
        self.arrived.notify_one();
    }

    pub(super) fn add_faults(&self, faults: impl IntoIterator<Item = WebhookFault>) {
        self.lock().faults.extend(faults);
    }

    pub(super) fn hold(&self) {
        self.lock().mode = Mode::Holding;
    }

    /// Sends what was held, in the order that `arrange` makes of it: it gets the parcels as
    /// numbers from 0 and may leave out, repeat and swap.
    pub(super) fn release(&self, arrange: impl FnOnce(Vec<usize>) -> Vec<usize>) {
        let mut waiting = self.lock();
        let held: Vec<Parcel> = waiting.parcels.drain(..).collect();
        let order = arrange((0..held.len()).collect());
        waiting.parcels = order.into_iter().filter_map(|at| held.get(at).cloned()).collect();
        waiting.mode = Mode::Sending;
        drop(waiting);
        self.arrived.notify_one();
    }

    fn next(&self) -> Option<(Parcel, Option<WebhookFault>)> {
        let mut waiting = self.lock();
        if waiting.mode == Mode::Holding {
            return None;
        }
        let parcel = waiting.parcels.pop_front()?;
        let mut fault = waiting.faults.pop_front();
        if fault == Some(WebhookFault::Overtaken) && waiting.overtaken.is_none() {
            waiting.overtaken = Some(parcel);
            drop(waiting);
            // Whoever waits for the end may find that nothing is left to overtake it.
            self.settled.notify_waiters();
            return self.next();
        }
        if fault == Some(WebhookFault::Overtaken) {
            fault = None;
        }
        waiting.under_way += 1;
        if let Some(overtaken) = waiting.overtaken.take() {
            waiting.parcels.push_front(overtaken);
            waiting.faults.push_front(WebhookFault::None);
        }
        Some((parcel, fault))
    }

    /// How many wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.lock().parcels.len()
    }

    fn done(&self) {
        self.lock().under_way -= 1;
        self.settled.notify_waiters();
    }

    /// Waits until nothing is left to send but what is held.
    pub(super) async fn settled(&self) {
        loop {
            let changed = self.settled.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut waiting = self.lock();
                // Nothing will overtake it any more.
                if waiting.parcels.is_empty()
                    && let Some(parcel) = waiting.overtaken.take()
                {
                    waiting.parcels.push_back(parcel);
                    waiting.faults.push_front(WebhookFault::None);
                    self.arrived.notify_one();
                }
                let holding = waiting.mode == Mode::Holding;
                if waiting.under_way == 0 && (holding || waiting.parcels.is_empty()) {
                    return;
                }
            }
            changed.await;
        }
    }
}

/// Sends what arrives until the fake is gone.
pub(super) async fn run(inner: Weak<Inner>) {
    loop {
        let Some(sim) = inner.upgrade() else { return };
        match sim.outbox.next() {
            Some((parcel, fault)) => send(&sim, parcel, fault).await,
            None => sim.outbox.arrived.notified().await,
        }
    }
}

async fn send(sim: &Arc<Inner>, parcel: Parcel, fault: Option<WebhookFault>) {
    match fault {
        None | Some(WebhookFault::None | WebhookFault::Overtaken) => {
            deliver(sim, parcel, Noted::AsItWas).await;
        }
        Some(WebhookFault::Lose) => record(sim, &parcel, Vec::new(), DeliveryEnd::NotConnected),
        Some(WebhookFault::TimeOut) => record(sim, &parcel, Vec::new(), DeliveryEnd::TimedOut),
        Some(WebhookFault::AnswerLate) => deliver(sim, parcel, Noted::TooLate).await,
        Some(WebhookFault::Duplicate) => {
            deliver(sim, parcel.clone(), Noted::AsItWas).await;
            deliver(sim, parcel, Noted::AsItWas).await;
        }
        Some(WebhookFault::Delay(by)) => {
            let sim = Arc::clone(sim);
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                deliver(&sim, parcel, Noted::AsItWas).await;
                sim.outbox.done();
            });
            return;
        }
    }
    sim.outbox.done();
}

/// What is noted of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    AsItWas,
    TooLate,
}

async fn deliver(sim: &Inner, parcel: Parcel, noted: Noted) {
    let settings = {
        let state = sim.lock();
        let hook = state.hook(&parcel.place, parcel.hook);
        hook.map(|hook| hook.settings.clone())
    };
    // The hook may be gone by now.
    let Ok(settings) = settings else { return };
    let webhook = GithubWebhook {
        delivery_id: DeliveryId::new(&*parcel.guid),
        event: parcel.event.clone(),
        hook_id: parcel.hook,
        repository_id: parcel.repository.unwrap_or_default(),
        server: sim.server.clone(),
        encoding: settings.encoding,
        json: parcel.payload.to_string(),
    };
    let signed = webhook.sign(settings.secret.as_deref());
    let headers = signed.headers.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let end = match sim.sender.post(&settings.url, signed).await {
        Ok(_) if noted == Noted::TooLate => DeliveryEnd::TimedOut,
        Ok(answer) => DeliveryEnd::Answered { status: answer.status, body: answer.body },
        Err(SendError::TimedOut { .. }) => DeliveryEnd::TimedOut,
        Err(SendError::BadAddress(_) | SendError::Unreachable(_)) => DeliveryEnd::NotConnected,
    };
    record(sim, &parcel, headers, end);
}

fn record(sim: &Inner, parcel: &Parcel, headers: Vec<(String, String)>, end: DeliveryEnd) {
    let delivered_at = sim.clock.now();
    let mut state = sim.lock();
    let id = state.next_id();
    let delivery = Delivery {
        id,
        guid: parcel.guid.clone(),
        event: parcel.event.clone(),
        action: parcel.action.clone(),
        redelivery: parcel.redelivery,
        delivered_at,
        end,
        headers,
        payload: parcel.payload.clone(),
        repository_id: parcel.repository,
    };
    let Ok(hooks) = state.hooks_at_mut(&parcel.place) else { return };
    if let Some(hook) = hooks.iter_mut().find(|hook| hook.id == parcel.hook) {
        hook.deliveries.push(delivery);
    }
}

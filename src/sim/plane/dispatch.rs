//! The queue behind the API: one worker that makes webhooks and sends them one after the other.
//!
//! Only a lost connection is tried again, under a new delivery id but with the same body; any
//! answer at all ends a delivery. A sixth failure switches the webhook off, and what happens
//! while it is off is lost. Deliberately absent: following redirects.

use std::sync::Arc;

use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::Shared;
use super::faults::WebhookFault;
use super::records::SentWebhook;
use super::webhooks::{Background, Outgoing, make};
use super::world::World;

/// Tries of one delivery, the first included.
const TRIES: usize = 6;

/// What the worker is asked to do.
pub(super) enum Job {
    /// Not before its time.
    Work { due: Instant, work: Background },
    /// Send what was held back to come after the next one.
    ReleaseHeld,
}

/// Works until the queue is dropped. Each job is taken off the count of those outstanding.
pub(super) async fn work(shared: Arc<Shared>, mut queue: UnboundedReceiver<Job>) {
    let mut held = Vec::new();
    let mut aside = JoinSet::new();
    loop {
        let job = tokio::select! {
            job = queue.recv() => job,
            Some(_) = aside.join_next(), if !aside.is_empty() => continue,
        };
        match job {
            None => break,
            Some(Job::ReleaseHeld) => release(&shared, &mut held, &mut aside).await,
            Some(Job::Work { due, work }) => {
                sleep_until(due).await;
                shared.faults.not_paused().await;
                do_one(&shared, work, &mut held, &mut aside).await;
            }
        }
        shared.finished_one();
    }
}

async fn do_one(
    shared: &Arc<Shared>,
    work: Background,
    held: &mut Vec<Outgoing>,
    aside: &mut JoinSet<()>,
) {
    let outgoing = shared.with(|world| match work {
        Background::Touch(item) => {
            world.touch(item, None);
            Vec::new()
        }
        Background::FetchLink(link) => {
            look_at(world, link);
            Vec::new()
        }
        Background::Tell(announcement) => make(world, &announcement),
    });
    for webhook in outgoing {
        match shared.faults.for_webhook() {
            Some(WebhookFault::Drop) => continue,
            Some(WebhookFault::AfterNext) => {
                held.push(webhook);
                shared.hold(held.len());
                continue;
            }
            Some(WebhookFault::Delay(wait)) => {
                let shared = Arc::clone(shared);
                shared.started_one();
                aside.spawn(async move {
                    sleep(wait).await;
                    send_until_answered(&shared, webhook, 0).await;
                    shared.finished_one();
                });
                continue;
            }
            Some(WebhookFault::Duplicate) => send(shared, webhook.clone(), aside).await,
            None => {}
        }
        send(shared, webhook, aside).await;
        release(shared, held, aside).await;
    }
}

async fn release(shared: &Arc<Shared>, held: &mut Vec<Outgoing>, aside: &mut JoinSet<()>) {
    for webhook in std::mem::take(held) {
        send(shared, webhook, aside).await;
    }
    shared.hold(0);
}

fn look_at(world: &mut World, id: Uuid) {
    if let Some(link) = world.links.iter_mut().find(|link| link.id == id) {
        link.created_by = None;
        link.metadata = serde_json::json!({
            "url": link.url, "title": null, "favicon": "data:image/svg+xml;base64,PHN2Zy8+",
            "favicon_url": null,
        });
    }
}

/// The first try holds the queue up, as a slow receiver does; further ones don't.
async fn send(shared: &Arc<Shared>, webhook: Outgoing, aside: &mut JoinSet<()>) {
    if try_once(shared, &webhook).await {
        return;
    }
    let shared = Arc::clone(shared);
    shared.started_one();
    aside.spawn(async move {
        send_until_answered(&shared, webhook, 1).await;
        shared.finished_one();
    });
}

async fn send_until_answered(shared: &Arc<Shared>, webhook: Outgoing, tries: usize) {
    for failed in tries..TRIES {
        if failed > 0 {
            let wait = shared.with(|world| world.up_to(shared.webhook_retry_wait));
            sleep(wait).await;
        }
        if try_once(shared, &webhook).await {
            return;
        }
    }
    shared.with(|world| {
        if let Some(off) = world.webhooks.iter_mut().find(|w| w.id == webhook.webhook) {
            off.active = false;
        }
    });
}

/// Whether this delivery is over: any answer ends it.
async fn try_once(shared: &Shared, webhook: &Outgoing) -> bool {
    let target = shared.with(|world| {
        let target = world.webhooks.iter().find(|target| target.id == webhook.webhook).cloned();
        (world.uuid(), target)
    });
    let (delivery_id, Some(target)) = target else { return true };
    let signature = sign(&target.secret, webhook.body.as_bytes());
    let posted = post(&target.url, webhook, delivery_id, &signature);
    let status = timeout(shared.webhook_timeout, posted).await.ok().flatten();
    let sent = SentWebhook {
        delivery_id,
        event: webhook.event.to_owned(),
        action: webhook.action.to_owned(),
        field: webhook.field.clone(),
        body: webhook.body.clone(),
        status: status.map(|status| status.as_u16()),
    };
    shared.with(|world| world.sent.push(sent));
    status.is_some()
}

/// The answer's status; `None` when there is none.
async fn post(
    url: &str,
    webhook: &Outgoing,
    delivery_id: Uuid,
    signature: &str,
) -> Option<StatusCode> {
    let url: Uri = url.parse().ok()?;
    let authority = url.authority()?;
    let stream =
        TcpStream::connect((url.host()?, authority.port_u16().unwrap_or(80))).await.ok()?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    let request = Request::post(url.path_and_query().map_or("/", |path| path.as_str()))
        .header("Host", authority.as_str())
        .header("User-Agent", "Autopilot")
        .header("Accept", "*/*")
        .header("Content-Type", "application/json")
        .header("X-Plane-Delivery", delivery_id.to_string())
        .header("X-Plane-Event", webhook.event)
        .header("X-Plane-Signature", signature)
        .body(Full::new(Bytes::from(webhook.body.clone())))
        .ok()?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        answer = answer.as_mut() => answer.ok().map(|answer| answer.status()),
        _ = connection.as_mut() => answer.await.ok().map(|answer| answer.status()),
    }
}

/// Lower-case hex, without a prefix.
fn sign(secret: &str, body: &[u8]) -> String {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

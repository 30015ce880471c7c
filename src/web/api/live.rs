//! `GET /api/v1/live`: what changes, over a WebSocket, for programs.
//!
//! The first message says where the feed begins, each further one names an item that changed and
//! its revision. A program that keeps the last revision it has seen resumes with it.
//!
//! A browser opens a `WebSocket` to anybody and sends our cookie along, so where the cookie is what
//! lets a request in it must come from our own pages. Deliberately absent: messages from the other
//! side; what it says is read and dropped.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::Uri;
use axum::response::Response;
use futures_util::SinkExt;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use utoipa::ToSchema;

use super::parameters::Parameters;
use crate::ids::Revision;
use crate::live::{Feed, News, NoFeed};
use crate::metrics::LiveKind;
use crate::store::changes::ItemChange;
use crate::web::auth::guard::Stay;
use crate::web::error::{Problem, ProblemBody, ProblemKind};
use crate::web::state::WebState;

/// How often the other side is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// Without a sign of life for this long it is gone.
const SILENCE: Duration = Duration::from_mins(1);
/// A message that is not taken within this is the last one.
const SEND: Duration = Duration::from_secs(15);
/// Largest message that is read, and dropped.
const LONGEST_MESSAGE: usize = 4096;
/// What each connection keeps ready for reading and for writing; 128 KiB would be usual.
const BUFFER: usize = 4096;
const KIND: LiveKind = LiveKind { kind: "websocket" };

/// The server stops; come again.
const GOING_AWAY: u16 = 1001;
/// The token or the session is no longer good.
const SIGNED_OUT: u16 = 4401;
/// The database went back.
const WENT_BACK: u16 = 4409;

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LiveMessage)]
pub(in crate::web) struct Told<'a> {
    /// The newest revision of the item; in a `hello` the one that the feed begins after.
    revision: i64,
    /// `hello`, once, or `work_item.changed`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Which item changed.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
}

/// Changes as they are committed
///
/// A WebSocket. The first message is a hello with the revision that the feed begins after; each
/// further one names one changed item. Give the last revision that was seen as `since` to resume:
/// each item that changed meanwhile is told of once. Closes with 1001 when the server stops (resume),
/// 4401 when token or session end, 4409 when the database went back to an older state (read all
/// anew).
#[utoipa::path(
    get,
    path = "/api/v1/live",
    tag = "work items",
    operation_id = "followWorkItems",
    params(("since" = Option<i64>, Query, description = "The last revision that was seen. Without it the feed begins now.")),
    responses(
        (status = 101, description = "The WebSocket is open.", body = Told),
        (status = 400, description = "No WebSocket, or no revision.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "A cookie from a foreign page.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The revision was never given: the database is another one or an older backup. Read all anew and begin without `since`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many live connections, or the database does not answer.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn follow(
    State(state): State<WebState>,
    stay: Stay,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::parse(uri.query())?;
    let since = parameters.text("since")?.map(|text| revision(&text)).transpose()?;
    parameters.finish("since")?;
    let upgrade = upgrade.map_err(|refused| {
        let detail = format!("Open a WebSocket here: {}.", refused.body_text());
        Problem::new(ProblemKind::BadRequest, detail)
    })?;
    let feed = state.live.subscribe_program(stay.name(), since).await.map_err(Problem::from)?;
    let upgrade = upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    Ok(upgrade.on_upgrade(|socket| async move {
        let open = state.metrics.live_connections.get_or_create_owned(&KIND);
        open.inc();
        Talk { socket, feed, state, stay }.run().await;
        open.dec();
    }))
}

fn revision(text: &str) -> Result<Revision, Problem> {
    let expected = "expected a revision: the number of the last message that was seen";
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.map(Revision).ok_or_else(|| Problem::bad_parameter("since", expected))
}

impl From<NoFeed> for Problem {
    fn from(refused: NoFeed) -> Self {
        match refused {
            NoFeed::Full | NoFeed::Taken { .. } => {
                let detail = format!("Try again later: {refused}.");
                Self::new(ProblemKind::Overloaded, detail)
            }
            NoFeed::Ahead { newest } => {
                let detail = format!(
                    "parameter since: the newest revision is {newest}; the database is another one or an older \
                     backup. Read all anew and begin without since."
                );
                let parameter = Some("since".to_owned());
                Self { parameter, ..Self::new(ProblemKind::Conflict, detail) }
            }
            NoFeed::Store(failed) => failed.into(),
        }
    }
}

/// The other side is gone.
struct Gone;

struct Talk {
    socket: WebSocket,
    feed: Feed,
    state: WebState,
    stay: Stay,
}

impl Talk {
    async fn run(mut self) {
        let hello = Told { revision: self.feed.at().0, kind: "hello", item: None };
        if self.tell([hello]).await.is_err() {
            return;
        }
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let went_on = tokio::select! {
                news = self.feed.next() => self.pass_on(news).await,
                said = self.socket.recv() => {
                    heard = Instant::now();
                    if matches!(said, Some(Ok(message)) if !matches!(message, Message::Close(_))) { Ok(()) } else { Err(Gone) }
                }
                _ = ping.tick() => self.ping(heard).await,
            };
            if went_on.is_err() {
                return;
            }
        }
    }

    async fn pass_on(&mut self, news: Option<News>) -> Result<(), Gone> {
        match news {
            Some(News::Changed(changes)) => self.tell(changes.iter().map(told)).await,
            Some(News::AccessEnded(name)) if *name == *self.stay.name() => self.stay().await,
            Some(News::AccessEnded(_) | News::Activity | News::Stalled) => Ok(()),
            Some(News::Reset(_)) => {
                self.close(WENT_BACK, "the database went back to an older state: read all anew")
                    .await
            }
            None => self.close(GOING_AWAY, "the server stops: resume with since").await,
        }
    }

    async fn ping(&mut self, heard: Instant) -> Result<(), Gone> {
        if heard.elapsed() > SILENCE {
            return Err(Gone);
        }
        self.stay().await?;
        in_time(self.socket.send(Message::Ping(Vec::new().into()))).await
    }

    async fn stay(&mut self) -> Result<(), Gone> {
        if self.feed.in_turn(self.stay.is_good()).await {
            return Ok(());
        }
        self.close(SIGNED_OUT, "the token or the session has ended").await
    }

    /// Many messages, one write.
    async fn tell<'a>(&mut self, messages: impl IntoIterator<Item = Told<'a>>) -> Result<(), Gone> {
        let sent = self.state.metrics.live_messages.get_or_create_owned(&KIND);
        for message in messages {
            let text = serde_json::to_string(&message).map_err(|_| Gone)?;
            in_time(self.socket.feed(Message::Text(text.into()))).await?;
            sent.inc();
        }
        in_time(self.socket.flush()).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        let frame = CloseFrame { code, reason: reason.into() };
        // It may be gone already.
        let _ = in_time(self.socket.send(Message::Close(Some(frame)))).await;
        Err(Gone)
    }
}

fn told(change: &ItemChange) -> Told<'_> {
    Told {
        revision: change.revision.0,
        kind: "work_item.changed",
        item: Some(change.item.as_str()),
    }
}

async fn in_time<E>(sending: impl Future<Output = Result<(), E>>) -> Result<(), Gone> {
    match timeout(SEND, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

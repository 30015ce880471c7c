//! Connections: how many, how long, and how they end. Drives hyper itself, since the limits set
//! here are what keeps memory bounded.
//!
//! hyper answers a request that it can't read with an empty body, so its own limit on headers is
//! set above ours, which answers in JSON.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, warn};

/// Open connections; further ones wait in the listener's backlog.
const CONNECTIONS: usize = 2048;
/// How long a connection may take to send a request's head, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// A request's head may be this large.
const HEAD_BYTES: usize = 64 * 1024;
/// Headers we accept; above that the answer is 431.
const HEADERS: usize = 100;
/// Headers that hyper accepts before it answers by itself.
const HYPER_HEADERS: usize = 500;
/// How long requests in work may take once we are told to stop.
const DRAIN: Duration = Duration::from_secs(6);

/// A request's extension: the address at the other end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Serves `routes` on `listener` until `stop` says so, then lets requests in work end.
pub async fn serve(listener: TcpListener, routes: Router, mut stop: watch::Receiver<bool>) {
    let service = routes
        .layer(middleware::from_fn(few_headers))
        .layer(CatchPanicLayer::custom(|_| internal_error()));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    while !*stop.borrow() {
        tokio::select! {
            accepted = accept(&listener, &room) => {
                let Some((stream, peer, place)) = accepted else { continue };
                connections.spawn(drive(stream, peer, service.clone(), stop.clone(), place));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stop.changed() => {}
        }
    }
    drop(listener);
    let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!("{} connections did not end within {DRAIN:?} and were cut off", connections.len());
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, Peer(address.ip()), place)),
        Err(error) => {
            // Out of file handles, mostly: a busy loop would make it worse.
            warn!(error = %error, "a connection can't be accepted; if this lasts, raise the limit of open files (ulimit -n)");
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn drive(
    stream: TcpStream,
    peer: Peer,
    service: Router,
    mut stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(error = %error, "no TCP_NODELAY");
    }
    let service = service.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HYPER_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        // A WebSocket leaves hyper, and its place here; `live` counts those.
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { let _ = stop.wait_for(|stop| *stop).await; } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error = %error, "a connection ended early");
    }
}

async fn few_headers(request: Request<Body>, next: Next) -> Response {
    if request.headers().len() > HEADERS {
        let body = r#"{"ok":false,"error":"too many header fields"}"#;
        return (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, [json_type()], body).into_response();
    }
    next.run(request).await
}

fn internal_error() -> Response {
    let body =
        r#"{"ok":false,"error":"internal error: please report it with the log of this moment"}"#;
    (StatusCode::INTERNAL_SERVER_ERROR, [json_type()], body).into_response()
}

fn json_type() -> (header::HeaderName, HeaderValue) {
    (header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

//! Connections, and what faults do to a request on its way in and out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Shared;
use super::answer::Answer;
use super::faults::RequestFault;
use super::records::{RequestKind, SeenRequest};
use super::rest::{self, Raw, Step};
use super::web;

/// Instead of an answer the connection is cut.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on demand")]
struct Cut;

/// Serves until it is dropped; open connections end with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(drive(stream, Arc::clone(&shared)));
                }
                // Out of file handles, mostly.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn drive(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { answer(&shared, request).await }
    });
    // A connection that ends early is its client's business, or a fault that was asked for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Response, Cut> {
    let (parts, body) = request.into_parts();
    if let Some(page) = shared.with(|world| web::page(world, parts.uri.path())) {
        return Ok(page);
    }
    let kind = match parts.method {
        Method::GET | Method::HEAD | Method::OPTIONS => RequestKind::Read,
        _ => RequestKind::Write,
    };
    let seen = shared.with(|world| {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let method = parts.method.to_string();
        world.requests.push(SeenRequest { method, path, status: None, kind })
    });
    let body = to_bytes(Body::new(body), rest::LONGEST_BODY).await.ok();
    let fault = shared.faults.for_request(kind);
    let answer = match fault {
        Some(RequestFault::CutBefore) => return Err(Cut),
        Some(RequestFault::Status(status)) => refused(status, None),
        Some(RequestFault::RetryLater { status, retry_after }) => {
            refused(status, Some(retry_after))
        }
        Some(RequestFault::HangBefore(wait)) => {
            sleep(wait).await;
            handle(shared, parts, body).await
        }
        _ => handle(shared, parts, body).await,
    };
    match fault {
        Some(RequestFault::CutAfter) => return Err(Cut),
        Some(RequestFault::HangAfter(wait)) => sleep(wait).await,
        _ => {}
    }
    shared.with(|world| {
        if let Some(seen) = world.requests.get_mut(seen) {
            seen.status = Some(answer.status.as_u16());
        }
    });
    Ok(answer.into_response())
}

fn refused(status: u16, retry_after: Option<Duration>) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let seconds = retry_after.map(|wait| wait.as_secs());
    let mut answer = match status {
        StatusCode::TOO_MANY_REQUESTS => return Answer::too_many_requests(seconds.unwrap_or(60)),
        StatusCode::INTERNAL_SERVER_ERROR => Answer::broken(),
        other => Answer::gateway(other),
    };
    answer.headers.extend(seconds.map(|seconds| (header::RETRY_AFTER, seconds.to_string())));
    answer
}

async fn handle(shared: &Shared, parts: Parts, body: Option<bytes::Bytes>) -> Answer {
    let text = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let raw = Raw {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        key: text("x-api-key"),
        content_type: text("content-type").unwrap_or_default(),
        body,
    };
    let step = shared.with_then_tell(|world| rest::handle(world, raw, shared.rate_limit));
    match step {
        Step::Answered(answer) => answer,
        Step::Checked(store, headers) => {
            if !shared.race_window.is_zero() {
                sleep(shared.race_window).await;
            }
            let mut answer = shared.with_then_tell(store).unwrap_or_else(|refused| refused);
            answer.headers.extend(headers);
            answer
        }
    }
}

//! The files that pages link to. They are part of the binary, need no sign-in, and are kept by
//! browsers for ever under the address that names their content.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::WebState;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// The beginning of its hash.
    version: String,
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {{
        let bytes: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/", $name));
        let version = hex::encode(&Sha256::digest(bytes)[..8]);
        Asset { name: $name, media_type: $media_type, bytes, version }
    }};
}

static ASSETS: LazyLock<[Asset; 6]> = LazyLock::new(|| {
    [
        asset!("app.css", "text/css; charset=utf-8"),
        asset!("app.js", "text/javascript; charset=utf-8"),
        asset!("live.js", "text/javascript; charset=utf-8"),
        asset!("board.js", "text/javascript; charset=utf-8"),
        asset!("theme.js", "text/javascript; charset=utf-8"),
        asset!("icon.svg", "image/svg+xml"),
    ]
});

/// `/assets/{file}`, for everybody.
pub fn assets() -> Router<WebState> {
    Router::new().route("/assets/{file}", get(show))
}

/// `/assets/app.css?v=…`: another content, another address.
pub(super) fn address(name: &str) -> String {
    match find(name) {
        Some(asset) => format!("/assets/{name}?v={}", asset.version),
        None => format!("/assets/{name}"),
    }
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

async fn show(Path(name): Path<String>, RawQuery(query): RawQuery, request: HeaderMap) -> Response {
    let Some(asset) = find(&name) else {
        return (StatusCode::NOT_FOUND, "no such file\n").into_response();
    };
    let tag = format!("\"{}\"", asset.version);
    let versioned = query.is_some_and(|q| q == format!("v={}", asset.version));
    let caching =
        if versioned { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    let tag = [(header::ETAG, tag)];
    if known {
        return (StatusCode::NOT_MODIFIED, tag, headers).into_response();
    }
    (tag, headers, asset.bytes).into_response()
}

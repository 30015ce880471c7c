//! What the tests here share: recorded deliveries, signing, and names that need no server.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jetbridge::clock::Timestamp;
use jetbridge::config::Secrets;
use jetbridge::failure::Failure;
use jetbridge::sources::plane::normalize::{Names, normalize};
use jetbridge::sources::plane::payload::parse;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Rejection, Verified};
use jetbridge::work_items::Change;
use serde_json::Value;

/// The secret of everything that is not recorded.
pub(crate) const SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";
/// The recorded project.
pub(crate) const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";

/// A delivery as a Plane server sent it.
pub(crate) struct Recorded {
    pub(crate) file: String,
    pub(crate) body: String,
    pub(crate) secret: String,
    headers: Value,
}

impl Recorded {
    pub(crate) fn raw(&self) -> RawDelivery<'_> {
        let header = |name: &str| self.headers[name].as_str();
        RawDelivery {
            delivery_id: header("X-Plane-Delivery"),
            signature: header("X-Plane-Signature"),
            event: header("X-Plane-Event"),
            content_type: header("Content-Type"),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plane").join(name)
}

pub(crate) fn recorded() -> Vec<Recorded> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder("deliveries")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 79, "every recorded delivery is here");
    files
        .iter()
        .map(|file| {
            let json: Value =
                serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            Recorded {
                file: file.file_name().unwrap().to_string_lossy().into_owned(),
                body: json["body"].as_str().unwrap().to_owned(),
                secret: json["secret"].as_str().unwrap().to_owned(),
                headers: json["headers"].clone(),
            }
        })
        .collect()
}

/// A recorded question to Plane's API with its answer.
pub(crate) fn api_pair(file: &str) -> Value {
    let text = std::fs::read_to_string(folder("api").join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn secrets(texts: &[&str]) -> Secrets {
    Secrets::new(texts.iter().map(|t| (*t).to_owned()))
}

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    hex::encode(mac.chain_update(body).finalize().into_bytes())
}

/// Signs `body` and verifies it, as JSON with delivery id `d1` and no event header.
pub(crate) fn deliver(body: impl Into<Bytes>) -> Result<Verified, Rejection> {
    let body = body.into();
    let signature = sign(SECRET, &body);
    let raw = RawDelivery {
        delivery_id: Some("d1"),
        signature: Some(&signature),
        ..RawDelivery::default()
    };
    verify(&raw, body, &secrets(&[SECRET]))
}

pub(crate) fn time(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// When everything here was received, unless a test says otherwise.
pub(crate) fn received() -> Timestamp {
    time("2026-12-24T12:00:00Z")
}

/// Parses and normalizes without any names.
pub(crate) fn read(json: impl AsRef<[u8]>) -> Result<Change, Failure> {
    read_with(json, &Names::default())
}

pub(crate) fn read_with(json: impl AsRef<[u8]>, names: &Names) -> Result<Change, Failure> {
    let event = parse(json.as_ref())?;
    normalize(&event, names, Some("acme"), Some("https://plane.example.com"), received())
}

/// Why it failed for good.
pub(crate) fn permanent(result: Result<Change, Failure>) -> String {
    match result {
        Err(Failure::Permanent { reason }) => reason,
        other => panic!("expected a permanent failure, got {other:?}"),
    }
}

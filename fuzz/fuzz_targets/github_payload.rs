//! Anything that an unsigned or signed sender may post as GitHub: verified, read and normalized
//! without a panic; what can't be read fails for good; what the sync would carry over renders.
#![no_main]

use bytes::Bytes;
use jetbridge::config::{Secrets, UnsignedWebhooks};
use jetbridge::failure::Failure;
use jetbridge::sources::github::normalize::{normalize, sync_comment, sync_issue};
use jetbridge::sources::github::payload::parse;
use jetbridge::sources::github::verify::{Trust, verify};
use jetbridge::sources::{Encoding, RawDelivery};
use jetbridge::sync::markdown;
use libfuzzer_sys::fuzz_target;

const EVENTS: [&str; 4] = ["issues", "issue_comment", "pull_request", "label"];
const FORM: &str = "application/x-www-form-urlencoded";

fuzz_target!(|input: &[u8]| {
    // The first byte picks encoding and event.
    let Some((first, body)) = input.split_first() else { return };
    let content_type = (first & 1 == 1).then_some(FORM);
    let event = EVENTS[usize::from(first >> 1) % EVENTS.len()];
    let raw = RawDelivery {
        delivery_id: Some("d"),
        signature: None,
        event: Some(event),
        content_type,
    };
    let secrets = Secrets::default();
    let host = jetbridge::config::GithubHost::default();
    let trust = Trust { host: &host, secrets: &secrets, unsigned: UnsignedWebhooks::Accept };
    let _ = verify(&raw, Bytes::copy_from_slice(body), trust);
    let Some(json) = Encoding::of_content_type(content_type).json_of(body) else { return };
    match parse(&host, event, &json) {
        Ok(event) => {
            let _ = normalize(&event);
            if let Some(issue) = sync_issue(&event) {
                let html = markdown::issue_description(&issue);
                assert!(!html.is_empty() && !html.contains("<script"));
                assert!(markdown::title(&issue.title).text.chars().count() <= 255);
            }
            if let Some((_, comment)) = sync_comment(&event) {
                assert!(!markdown::comment_html(&comment).contains("<script"));
            }
        }
        Err(Failure::Permanent { reason }) => assert!(reason.len() < 400),
        Err(other) => panic!("not permanent: {other}"),
    }
});

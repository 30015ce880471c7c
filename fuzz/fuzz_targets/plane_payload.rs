//! Anything a signed sender may post: verified, read and normalized without a panic; what was
//! taken for JSON can be read or fails for good; what is stored holds nothing a database refuses.
#![no_main]

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jetbridge::config::Secrets;
use jetbridge::failure::Failure;
use jetbridge::sources::plane::normalize::{Names, needs, normalize};
use jetbridge::sources::plane::payload::parse;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{Encoding, RawDelivery, Rejection};
use jetbridge::work_items::Change;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";
const FORM: &str = "application/x-www-form-urlencoded";

fuzz_target!(|input: &[u8]| {
    // The first byte picks the encoding.
    let Some((first, body)) = input.split_first() else { return };
    let content_type = (first & 1 == 1).then_some(FORM);
    let secrets = Secrets::new([SECRET.to_owned()]);
    let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    let signature = hex::encode(mac.chain_update(body).finalize().into_bytes());
    let raw = RawDelivery {
        delivery_id: Some("d"),
        signature: Some(&signature),
        event: Some("issue"),
        content_type,
    };
    let json = Encoding::of_content_type(content_type).json_of(body);
    match verify(&raw, Bytes::copy_from_slice(body), &secrets) {
        Ok(verified) => {
            assert!(verified.event_type().chars().count() <= 100);
            assert!(!verified.event_type().contains('\0'));
            assert!(verified.lane().is_none_or(|lane| !lane.as_str().contains('\0')));
        }
        Err(rejection) => assert_eq!(rejection, Rejection::InvalidJson),
    }
    let Some(json) = json else { return };
    let names = Names::default();
    let change = parse(&json).and_then(|event| {
        let _ = needs(&event);
        normalize(&event, &names, Some("acme"), Some("https://x"), chrono::DateTime::UNIX_EPOCH)
    });
    match change {
        Ok(Change::State(item) | Change::Gone(_, Some(item))) => {
            let labels = item.labels.iter().map(|label| &label.name);
            let texts = labels.chain([&item.title, &item.external_id, &item.project_ref]);
            assert!(texts.chain(&item.status).all(|text| !text.contains('\0')));
        }
        Ok(Change::Gone(_, None) | Change::Nothing { .. }) => {}
        Err(Failure::Permanent { reason }) => assert!(reason.len() < 300),
        Err(other) => panic!("not permanent: {other}"),
    }
});

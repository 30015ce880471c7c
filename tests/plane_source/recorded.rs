//! What a running Plane server sent.

use bytes::Bytes;
use jetbridge::sources::plane::normalize::{Names, Need, needs, normalize};
use jetbridge::sources::plane::payload::parse;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Rejection};
use jetbridge::work_items::{Change, StateGroup};

use crate::fixtures::{PROJECT, deliver, read, received, recorded, secrets, sign, time};

#[test]
fn every_recorded_delivery_verifies_with_its_secret() {
    for delivery in recorded() {
        let body = Bytes::from(delivery.body.clone());
        let verified =
            verify(&delivery.raw(), body.clone(), &secrets(&[&delivery.secret])).unwrap();
        let json = delivery.json();
        let event =
            format!("{}.{}", json["event"].as_str().unwrap(), json["action"].as_str().unwrap());
        assert_eq!(verified.event_type(), event, "{}", delivery.file);
        assert_eq!(verified.body(), &body);
        assert_eq!(verified.event_id(), None);
        let lane = format!(
            "plane:{}:{}",
            json["event"].as_str().unwrap(),
            json["data"]["id"].as_str().unwrap()
        );
        assert_eq!(verified.lane().unwrap().as_str(), lane, "{}", delivery.file);
    }
}

#[test]
fn a_recorded_delivery_with_one_changed_byte_is_refused() {
    for (number, delivery) in recorded().iter().enumerate() {
        let trusted = secrets(&[&delivery.secret]);
        let step = if number == 0 { 1 } else { 173 };
        for position in (0..delivery.body.len()).step_by(step) {
            let mut body = delivery.body.clone().into_bytes();
            body[position] ^= 1;
            let refused = verify(&delivery.raw(), body.into(), &trusted);
            assert_eq!(
                refused.unwrap_err(),
                Rejection::InvalidSignature,
                "{} byte {position}",
                delivery.file
            );
        }
    }
}

#[test]
fn every_signature_but_the_exact_one_is_refused() {
    let delivery = &recorded()[1];
    let right = delivery.raw().signature.unwrap().to_owned();
    let trusted = secrets(&["another", &delivery.secret]);
    let attempt = |signature: Option<&str>| {
        let raw = RawDelivery { signature, ..delivery.raw() };
        verify(&raw, delivery.body.clone().into(), &trusted).map(|_| ())
    };
    assert_eq!(attempt(Some(&right)), Ok(()), "the second secret is good too");
    let with_prefix = format!("sha256={right}");
    let with_space = format!(" {right}");
    let wrong = [
        None,
        Some(""),
        Some("0"),
        Some(&right[..62]),
        Some(&right[..63]),
        Some(&with_prefix),
        Some(&with_space),
    ];
    for signature in wrong {
        assert_eq!(attempt(signature), Err(Rejection::InvalidSignature), "{signature:?}");
    }
    assert_eq!(attempt(Some(&right.to_uppercase())), Err(Rejection::InvalidSignature));
    for position in 0..right.len() {
        let mut changed = right.clone().into_bytes();
        changed[position] = if changed[position] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(attempt(Some(&changed)), Err(Rejection::InvalidSignature));
    }
    let nobody = verify(&delivery.raw(), delivery.body.clone().into(), &secrets(&[]));
    assert_eq!(nobody.unwrap_err(), Rejection::InvalidSignature);
}

#[test]
fn who_cannot_sign_learns_nothing_of_the_rest() {
    let attempt = |signature: &str, delivery_id, body: &'static str| {
        let raw = RawDelivery { delivery_id, signature: Some(signature), ..RawDelivery::default() };
        verify(&raw, body.into(), &secrets(&["s"])).map(|_| ()).unwrap_err()
    };
    let long = "x".repeat(201);
    assert_eq!(attempt("00", None, "{"), Rejection::InvalidSignature);
    for id in [None, Some(""), Some(long.as_str())] {
        let refused = attempt(&sign("s", b"{"), id, "{");
        assert_eq!(refused, Rejection::MissingHeader("X-Plane-Delivery"));
    }
    for body in ["{", "", "nope", "{} {}"] {
        assert_eq!(attempt(&sign("s", body.as_bytes()), Some("d"), body), Rejection::InvalidJson);
    }
}

#[test]
fn a_form_carries_the_json_in_payload() {
    let json = r#"{"event":"issue","action":"created","data":{"id":"7"}}"#;
    let form =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
    let attempt = |body: String| {
        let signature = sign("s", body.as_bytes());
        let raw = RawDelivery {
            delivery_id: Some("d"),
            signature: Some(&signature),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            event: None,
        };
        verify(&raw, body.into(), &secrets(&["s"]))
    };
    let verified = attempt(form.clone()).unwrap();
    assert_eq!(verified.lane().unwrap().as_str(), "plane:issue:7");
    assert_eq!(verified.body(), form.as_bytes());
    assert_eq!(attempt("other=1".to_owned()).unwrap_err(), Rejection::InvalidJson);
}

#[test]
fn the_three_dialects_of_one_item_share_a_lane() {
    for body in [
        r#"{"event":"issue","action":"updated","data":{"id":"7"}}"#,
        r#"{"version":"v2","event":"workitem.updated","event_id":"e","entity_id":"7","data":{"id":"7"}}"#,
        r#"{"version":"v2","event":"WORKITEM_DELETED","entity_id":"7","data":{},"previous_attributes":{"id":"7"}}"#,
        r#"{"version":"v2","event":"workitem.deleted","entity_id":7,"data":{}}"#,
        r#"{"event":"issue.created","issue":{"name":"x","id":7},"project":{"id":"p"}}"#,
    ] {
        assert_eq!(deliver(body).unwrap().lane().unwrap().as_str(), "plane:issue:7", "{body}");
    }
    let comment = r#"{"version":"v2","event":"workitem.comment.created","data":{"id":"7"}}"#;
    assert_eq!(deliver(comment).unwrap().lane().unwrap().as_str(), "plane:workitem.comment:7");
}

#[test]
fn the_event_is_named_in_the_senders_words_or_by_the_header() {
    let name = |body: &str, header| {
        let signature = sign("s", body.as_bytes());
        let raw = RawDelivery {
            delivery_id: Some("d"),
            signature: Some(&signature),
            event: header,
            content_type: None,
        };
        let verified =
            verify(&raw, Bytes::copy_from_slice(body.as_bytes()), &secrets(&["s"])).unwrap();
        (verified.event_type().to_owned(), verified.event_id().map(ToString::to_string))
    };
    let plain = |text: &str| (text.to_owned(), None);
    assert_eq!(
        name(r#"{"event":"workitem.created","event_id":"e1"}"#, None),
        ("workitem.created".to_owned(), Some("e1".to_owned()))
    );
    assert_eq!(
        name(r#"{"event":"issue.created","event_id":"None"}"#, Some("issue")),
        plain("issue.created")
    );
    assert_eq!(name(r#"{"event":7}"#, Some("issue")), plain("issue"));
    assert_eq!(name("[]", Some("issue")), plain("issue"));
    assert_eq!(name("[]", None), plain("unknown"));
    assert_eq!(name(r#"{"event":"a\nb\u0000"}"#, None), plain("ab\u{FFFD}"));
    assert_eq!(
        name(&format!(r#"{{"event":"{}"}}"#, "é".repeat(5000)), None).0.chars().count(),
        100
    );
}

#[test]
fn every_recorded_work_item_event_becomes_a_state() {
    let mut states = 0;
    for delivery in recorded() {
        let json = delivery.json();
        let change = read(&delivery.body).unwrap();
        if json["event"] != "issue" {
            let Change::Nothing { reason } = change else { panic!("{}", delivery.file) };
            assert!(reason.starts_with("ignored: "), "{reason}");
            continue;
        }
        let Change::State(snapshot) = change else { panic!("{}", delivery.file) };
        let data = &json["data"];
        assert_eq!(snapshot.item.as_str(), format!("plane:{}", data["id"].as_str().unwrap()));
        assert_eq!(snapshot.title, data["name"].as_str().unwrap());
        assert_eq!(snapshot.status.as_deref(), data["state"]["name"].as_str());
        assert_eq!(
            snapshot.state_group.unwrap().as_str(),
            data["state"]["group"].as_str().unwrap()
        );
        assert_eq!(snapshot.assignees.len(), data["assignees"].as_array().unwrap().len());
        assert_eq!(snapshot.labels.len(), data["labels"].as_array().unwrap().len());
        assert_eq!(snapshot.updated_at, time(data["updated_at"].as_str().unwrap()));
        assert_eq!(snapshot.missing, ["key and url (no Plane API key is set)"]);
        states += 1;
    }
    assert_eq!(states, 57);
}

#[test]
fn the_project_s_identifier_gives_key_and_url() {
    let delivery = &recorded()[1];
    let event = parse(delivery.body.as_bytes()).unwrap();
    assert_eq!(needs(&event), [Need::Project { project: PROJECT.to_owned() }]);
    let mut names = Names::default();
    names.projects.insert(PROJECT.to_owned(), "SYNC".to_owned());
    let change =
        |workspace, web_url| match normalize(&event, &names, workspace, web_url, received()) {
            Ok(Change::State(snapshot)) => snapshot,
            other => panic!("{other:?}"),
        };
    let whole = change(Some("acme"), Some("https://plane.example.com/"));
    assert_eq!(whole.key.as_deref(), Some("SYNC-1"));
    assert_eq!(whole.url.as_deref(), Some("https://plane.example.com/acme/browse/SYNC-1/"));
    assert_eq!(whole.missing, [""; 0]);
    assert_eq!(whole.state_group, Some(StateGroup::Unstarted));
    assert_eq!(change(None, Some("https://x")).missing, ["url (plane.workspace is not set)"]);
    assert_eq!(change(Some("acme"), None).missing, ["url (plane.web_url is not set)"]);
}

//! Replays the recorded REST pairs, one after the other, on one simulated Plane.

use jetbridge::sim::plane::{External, SimPlane};
use serde_json::Value;

use crate::recording::{Ids, Pair, key, pairs, shape, start};
use crate::wire::{Answer, send};

const SECOND_ITEM: &str = "c44fe8dc-c1d7-47f2-8395-162f137da94e";
const FIRST_ITEM: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

/// What is not simulated, by the beginning of the pair's name or by its number.
const LEFT_OUT: [(&str, &str); 13] = [
    ("app-", "the web app's own API"),
    ("cycle-", "cycles"),
    ("module-", "modules"),
    ("intake-", "the intake"),
    ("relation-", "relations"),
    ("attachment", "attachments"),
    ("work-item-activities-list", "activities"),
    ("project-archive", "archiving a project"),
    ("project-unarchive", "archiving a project"),
    ("work-items-list-archived-project", "archiving a project"),
    ("auth-expired-token", "tokens that expire: a wrong one is answered alike"),
    ("throttled-429", "needs the rate limit; see the_quota_is_a_sliding_minute"),
    ("race-duplicate-external-id", "many at a time; see creates_that_overlap_make_twins"),
];

/// Pairs of which only the shape is compared.
const ONLY_SHAPE: [(u32, &str); 2] = [
    (161, "edited in the web app before, in ways that nobody recorded"),
    (172, "edited in the web app before, in ways that nobody recorded"),
];

fn left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|(begin, _)| name.starts_with(begin))
}

#[tokio::test]
async fn recorded_requests_are_answered_as_plane_answered_them() {
    let plane = start().await;
    let mut ids = Ids::default();
    let (mut compared, mut wrong) = (0, Vec::new());
    for pair in pairs() {
        if left_out(&pair.name) {
            continue;
        }
        in_between(&plane, pair.number, &mut ids);
        let answer = replay(&plane, &pair, &ids).await;
        plane.settled().await;
        let status = pair.response["status"].as_u64().unwrap();
        compared += 1;
        if u64::from(answer.status) != status {
            wrong.push(format!(
                "{:03} {}: {} instead of {status}: {}",
                pair.number, pair.name, answer.status, answer.body
            ));
            continue;
        }
        let body = &pair.response["body"];
        let found = if ONLY_SHAPE.iter().any(|(number, _)| *number == pair.number) {
            shape("answer", body, &answer.body)
        } else {
            ids.differences("answer", body, &answer.body)
        };
        wrong.extend(found.iter().map(|d| format!("{:03} {}: {d}", pair.number, pair.name)));
        let header = |name: &str| pair.response["headers"][name].as_str();
        if let Some(place) = header("Location") {
            let given = answer.headers["location"].to_str().unwrap();
            assert_eq!(given, ids.translate(place), "{}", pair.name);
        }
        let kind = header("Content-Type").unwrap_or_default();
        if !kind.is_empty() {
            assert_eq!(answer.headers["content-type"], kind, "{}", pair.name);
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(compared, 190, "pairs that are compared; LEFT_OUT names the others");
}

#[test]
fn what_is_left_out_is_there_to_be_left_out() {
    for (begin, why) in LEFT_OUT {
        assert!(pairs().iter().any(|pair| pair.name.starts_with(begin)), "{begin} ({why})");
    }
}

async fn replay(plane: &SimPlane, pair: &Pair, ids: &Ids) -> Answer {
    let recorded = pair.request["headers"].as_object().unwrap();
    let headers: Vec<(String, String)> = recorded
        .iter()
        .map(|(name, value)| {
            let value = value.as_str().unwrap();
            let is_key = name.eq_ignore_ascii_case("x-api-key");
            (name.clone(), if is_key { key(plane, value) } else { value.to_owned() })
        })
        .collect();
    let body = match &pair.request["body"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        body => Some(ids.translate(&body.to_string()).into_bytes()),
    };
    let path = ids.translate(pair.request["path"].as_str().unwrap());
    let method = pair.request["method"].as_str().unwrap();
    send(&plane.api_url(), method, &path, &headers, body).await.unwrap()
}

fn external(id: &str, source: &str) -> External {
    External { id: Some(id.to_owned()), source: Some(source.to_owned()) }
}

/// What happened between two recorded requests and was not recorded itself.
fn in_between(plane: &SimPlane, next: u32, ids: &mut Ids) {
    let project = || plane.project("SYNC").unwrap().id;
    let ada = plane.person("ada").unwrap();
    match next {
        63 => plane.set_external(ids.simulated(SECOND_ITEM), external("2", "gitlab")),
        85 => {
            let bot = plane.person("sync-bot").unwrap();
            let item = bot.create_item(project(), "to be deleted", "<p></p>").unwrap();
            plane.set_external(item, external("del1", "github"));
            ids.learn("5272a377-d761-4111-8f77-a6dfc9b7cbed", item);
        }
        101 => {
            let label = plane.add_label(project(), "temporary");
            ids.learn("68013b98-d635-4b6b-a6e4-b674a976ed30", label);
        }
        160 => {
            let item = ada.create_item(project(), "From the UI", "<p>hello</p>").unwrap();
            ada.archive_item(item).unwrap();
            ids.learn("f0cd3fc8-8132-4f52-9c0c-c52be946e8a6", item);
        }
        224 => {
            for _ in 0..2 {
                let item = ada.create_item(project(), "race", "<p></p>").unwrap();
                plane.set_external(item, external("race2", "burst"));
            }
        }
        179 => {
            plane.add_project("OTHER", "Another one");
        }
        225 => {
            ada.edit_title(ids.simulated(FIRST_ITEM), "after label delete").unwrap();
            ada.label(ids.simulated(FIRST_ITEM), &[]).unwrap();
            plane.move_user(plane.user("grace").unwrap().id, 330);
        }
        _ => {}
    }
}

//! The recorded pairs, the people in them, and how a recorded answer is compared.

use std::collections::HashMap;
use std::path::Path;

use jetbridge::sim::plane::{Role, SimPlane, SimPlaneConfig, User};
use serde_json::Value;
use uuid::Uuid;

/// One recorded request with its answer.
pub struct Pair {
    pub number: u32,
    pub name: String,
    pub request: Value,
    pub response: Value,
}

/// All of them, in the order in which they were made.
pub fn pairs() -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plane/api");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let (number, name) = stem.split_once('-').unwrap();
        let pair: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        Pair {
            number: number.parse().unwrap(),
            name: name.to_owned(),
            request: pair["request"].clone(),
            response: pair["response"].clone(),
        }
    };
    files.iter().map(read).collect()
}

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

/// A Plane with the recording's people and workspace, and nothing in it.
pub async fn start() -> SimPlane {
    let user =
        |number, name: &str, role, uuid: &str| User::new(number, name, role).with_id(id(uuid));
    SimPlane::start(SimPlaneConfig {
        workspace_id: id("9d313cd8-d5ad-4a57-93e4-c6c0963a51d8"),
        users: vec![
            user(1, "sync-bot", Some(Role::Admin), "ce117c3e-a93a-40f9-be50-63ab51bbfee3")
                .named("Sync", "Bot"),
            user(2, "ada", Some(Role::Admin), "557968f7-4009-451b-8478-6f04d7748ad1")
                .named("Ada", "Lovelace"),
            user(3, "grace", Some(Role::Member), "9ba4e30c-7565-4382-ae59-2327610f20d1")
                .named("Grace", "Hopper"),
            user(4, "guest", Some(Role::Guest), "3e1c6a6f-dbdc-432f-a6e8-4fd17f167953")
                .named("Gus", "Guest"),
            user(5, "outsider", None, "ee068179-ed64-43b4-bba2-2cf6997f2399"),
        ],
        ..SimPlaneConfig::default()
    })
    .await
    .unwrap()
}

/// The simulated key of whoever made the recorded request.
pub fn key(plane: &SimPlane, recorded: &str) -> String {
    let people = [
        ("bot", "sync-bot"),
        ("svc", "sync-bot"),
        ("ada", "ada"),
        ("grace", "grace"),
        ("guest", "guest"),
        ("outsider", "outsider"),
    ];
    let who = recorded.strip_prefix("plane_api_<").unwrap_or_default();
    let person = people.iter().find(|(prefix, _)| who.starts_with(prefix));
    match person {
        Some((_, name)) => plane.user(name).unwrap().api_key,
        None => recorded.to_owned(),
    }
}

/// Recorded ids and the simulated ones in their place.
#[derive(Default)]
pub struct Ids(HashMap<Uuid, Uuid>);

impl Ids {
    pub fn learn(&mut self, recorded: &str, simulated: Uuid) {
        self.0.insert(id(recorded), simulated);
    }

    pub fn simulated(&self, recorded: &str) -> Uuid {
        self.0.get(&id(recorded)).copied().unwrap_or_else(|| id(recorded))
    }

    /// Every recorded id in a text replaced.
    pub fn translate(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, simulated) in &self.0 {
            text = text.replace(&recorded.to_string(), &simulated.to_string());
        }
        text
    }

    /// Where two answers differ in shape, or in a value that must be the same.
    pub fn differences(&mut self, at: &str, recorded: &Value, simulated: &Value) -> Vec<String> {
        match (recorded, simulated) {
            (Value::Object(a), Value::Object(b)) => {
                let mut found = Vec::new();
                for key in a.keys().filter(|key| !b.contains_key(*key)) {
                    found.push(format!("{at}.{key} is missing"));
                }
                for key in b.keys().filter(|key| !a.contains_key(*key)) {
                    found.push(format!("{at}.{key} is not Plane's"));
                }
                for (key, value) in a {
                    if let Some(other) = b.get(key) {
                        found.extend(self.differences(&format!("{at}.{key}"), value, other));
                    }
                }
                found
            }
            (Value::Array(a), Value::Array(b)) if is_list(at) => {
                let mut found = Vec::new();
                if a.is_empty() != b.is_empty() {
                    found.push(format!("{at} has {} entries instead of {}", b.len(), a.len()));
                }
                for (entry, other) in a.iter().zip(b) {
                    if entry["name"] == other["name"] {
                        self.same("id", &entry["id"], &other["id"]);
                    }
                    found.extend(shape(&format!("{at}[]"), entry, other));
                }
                found
            }
            // In the order of ids, which are others here.
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() && a.iter().all(is_id) => {
                let known = |id: &Value| {
                    let id = self.simulated(id.as_str().unwrap()).to_string();
                    b.contains(&Value::String(id))
                };
                if a.iter().all(known) {
                    return Vec::new();
                }
                vec![format!("{at}: {simulated} instead of {recorded}")]
            }
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    return vec![format!("{at}: {simulated} instead of {recorded}")];
                }
                let pairs = a.iter().zip(b).enumerate();
                pairs
                    .flat_map(|(n, (a, b))| self.differences(&format!("{at}[{n}]"), a, b))
                    .collect()
            }
            _ if self.same(at, recorded, simulated) => Vec::new(),
            _ => vec![format!("{at}: {simulated} instead of {recorded}")],
        }
    }

    fn same(&mut self, at: &str, recorded: &Value, simulated: &Value) -> bool {
        match (recorded, simulated) {
            (Value::String(a), Value::String(b)) => {
                if let (Ok(a), Ok(b)) = (a.parse::<Uuid>(), b.parse::<Uuid>()) {
                    return *self.0.entry(a).or_insert(b) == b;
                }
                let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
                if let (Some(x), Some(y)) = (time(a), time(b)) {
                    return x.offset() == y.offset() && a.ends_with('Z') == b.ends_with('Z');
                }
                self.translate(a) == *b
                    || counts(at)
                    || at.ends_with(".detail") && a[..16] == b[..16]
            }
            (Value::Number(_), Value::Number(_)) => counts(at) || recorded == simulated,
            _ => recorded == simulated,
        }
    }
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Uuid>().is_ok())
}

/// Lists whose entries depend on what else was made in between, which was not recorded.
fn is_list(at: &str) -> bool {
    at == "answer" || at == "answer.results" || at == "answer.issues"
}

/// Figures that depend on it.
fn counts(at: &str) -> bool {
    let last = at.rsplit('.').next().unwrap();
    matches!(
        last,
        "total_count"
            | "total_results"
            | "total_pages"
            | "count"
            | "sequence_id"
            | "sort_order"
            | "favicon"
    ) || at.ends_with("logo_props.icon.name")
}

/// Where two answers differ in the names of fields or the kinds of values.
pub fn shape(at: &str, recorded: &Value, simulated: &Value) -> Vec<String> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    match (recorded, simulated) {
        (Value::Object(a), Value::Object(b)) => {
            let (a_keys, b_keys): (Vec<_>, Vec<_>) = (a.keys().collect(), b.keys().collect());
            if a_keys != b_keys {
                return vec![format!("{at} has {b_keys:?} instead of {a_keys:?}")];
            }
            a.iter().flat_map(|(key, v)| shape(&format!("{at}.{key}"), v, &b[key])).collect()
        }
        // May be filled in one and empty in the other.
        (Value::Null, _) | (_, Value::Null) => Vec::new(),
        (a, b) if kind(a) == kind(b) => Vec::new(),
        _ => vec![format!("{at} is a {} instead of a {}", kind(simulated), kind(recorded))],
    }
}

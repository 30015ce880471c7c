//! Names from Plane's API: the real client against a server that gives the recorded answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use jetbridge::clients::plane::{PlaneClient, Refusal};
use jetbridge::clock::Clock;
use jetbridge::failure::Failure;
use jetbridge::jobs::directory::{Directory, FRESH, MISS, Named, PAUSE};
use jetbridge::sources::plane::normalize::{Lookup, Need, needs, normalize};
use jetbridge::sources::plane::payload::parse;
use jetbridge::store::directory::{DirectoryEntry, EntryKind};
use jetbridge::store::{DatabaseUrl, Store};
use jetbridge::work_items::Change;
use serde_json::{Value, json};

use crate::fixtures::{PROJECT, api_pair, received, secrets};

const KEY: &str = "plane_api_0123456789abcdef0123456789abcdef";
const ADA: &str = "557968f7-4009-451b-8478-6f04d7748ad1";
const TODO: &str = "b57f96c0-8546-4894-a5b2-23bb085a1f42";
const BUG: &str = "c5ead22a-06c4-4e19-aff1-9f3a0d30abf3";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// What the fake says to whatever it is asked.
#[derive(Clone)]
enum Says {
    Recorded(&'static str),
    Text(u16, &'static str),
    Nothing,
}

/// Plane's API as recorded: right key, right paths, or the recorded refusals.
#[derive(Default)]
struct Fake {
    answers: Mutex<HashMap<String, Value>>,
    always: Mutex<Option<Says>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    async fn start() -> (Arc<Self>, String) {
        let fake = Arc::new(Self::default());
        let project = format!("/api/v1/workspaces/acme/projects/{PROJECT}/");
        fake.answer("/api/v1/users/me/", "001-users-me.json");
        fake.answer(&project, "178-project-get-fields.json");
        fake.answer(&format!("{project}states/"), "003-states-list.json");
        fake.answer(&format!("{project}labels/"), "015-labels-list.json");
        fake.answer(&format!("{project}members/"), "008-project-members-list-after.json");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(respond).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (fake, address)
    }

    fn answer(&self, path: &str, file: &str) {
        self.answers.lock().unwrap().insert(path.to_owned(), api_pair(file)["response"].clone());
    }

    fn always(&self, says: impl Into<Option<Says>>) {
        *self.always.lock().unwrap() = says.into();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn respond(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    fake.asked.lock().unwrap().push(request.uri().to_string());
    let always = fake.always.lock().unwrap().clone();
    match always {
        Some(Says::Recorded(file)) => return recorded(&api_pair(file)["response"]),
        Some(Says::Text(status, text)) => {
            return Response::builder().status(status).body(text.into()).unwrap();
        }
        Some(Says::Nothing) => std::future::pending().await,
        None => {}
    }
    let key = request.headers().get("x-api-key").map(|key| key.to_str().unwrap());
    let path = request.uri().path();
    let file = match key {
        None => "122-auth-missing.json",
        Some(KEY) if !path.ends_with('/') => {
            return Response::builder().status(301).body(Body::empty()).unwrap();
        }
        Some(KEY) => match fake.answers.lock().unwrap().get(path) {
            Some(answer) => return recorded(answer),
            None if path.contains("/projects/") => "133-notfound-project-list.json",
            None => "159-notfound-route.json",
        },
        Some(_) => "123-auth-invalid-token.json",
    };
    recorded(&api_pair(file)["response"])
}

fn recorded(answer: &Value) -> Response {
    let mut response =
        Response::builder().status(u16::try_from(answer["status"].as_u64().unwrap()).unwrap());
    for (name, value) in answer["headers"].as_object().unwrap() {
        if !matches!(name.as_str(), "Content-Length" | "Content-Encoding") {
            response = response.header(name, value.as_str().unwrap());
        }
    }
    response.body(answer["body"].to_string().into()).unwrap()
}

/// A directory with its fake, its clock and a database of its own.
struct World {
    fake: Arc<Fake>,
    address: String,
    clock: Clock,
    store: Store,
    directory: Directory,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (fake, address) = Fake::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).await.unwrap();
        let clock = Clock::manual(received());
        let client = client(&address, KEY).with_clock(clock.clone());
        let directory = Directory::new(Some(client), store.clone(), clock.clone());
        Self { fake, address, clock, store, directory, _folder: folder }
    }

    /// The same database after a restart.
    fn restarted(&self, key: &str) -> Directory {
        let client = PlaneClient::new(&self.address, "acme", &secrets(&[key]), TIMEOUT).unwrap();
        let client = client.map(|client| client.with_clock(self.clock.clone()));
        Directory::new(client, self.store.clone(), self.clock.clone())
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);

fn client(address: &str, key: &str) -> PlaneClient {
    PlaneClient::new(address, "acme", &secrets(&[key]), TIMEOUT).unwrap().unwrap()
}

fn project() -> Need {
    Need::Project { project: PROJECT.to_owned() }
}
fn state(id: &str) -> Need {
    Need::State { project: PROJECT.to_owned(), id: id.to_owned() }
}
fn label(id: &str) -> Need {
    Need::Label { project: PROJECT.to_owned(), id: id.to_owned() }
}
fn member(id: &str) -> Need {
    Need::Member { project: PROJECT.to_owned(), id: id.to_owned() }
}
fn all() -> [Need; 4] {
    [project(), state(TODO), label(BUG), member(ADA)]
}

fn is_whole(named: &Named) -> bool {
    named.failure.is_none() && all().iter().all(|need| named.names.knows(need))
}

#[tokio::test]
async fn every_kind_of_name_is_found_with_one_request_each() {
    let world = World::new().await;
    let named = world.directory.names(&all()).await;
    assert_eq!(named.failure, None);
    assert_eq!(named.names.lookup, Lookup::On);
    assert_eq!(named.names.projects[PROJECT], "SYNC");
    assert_eq!(
        (named.names.states[TODO].name.as_str(), named.names.states[TODO].group.as_str()),
        ("Todo", "unstarted")
    );
    assert_eq!(
        (named.names.labels[BUG].name.as_str(), &named.names.labels[BUG].color),
        ("Bug", &None)
    );
    assert_eq!(named.names.members[ADA], "ada");
    assert!(is_whole(&world.directory.names(&all()).await));
    assert_eq!(world.fake.asked(), 4);
    let by_name = Need::StateNamed { project: PROJECT.to_owned(), name: "In Progress".to_owned() };
    assert!(world.directory.names(std::slice::from_ref(&by_name)).await.names.knows(&by_name));
    assert_eq!(world.fake.asked(), 4);
}

#[tokio::test]
async fn a_v2_item_is_told_whole_with_the_directory() {
    let world = World::new().await;
    let body = json!({"version": "v2", "event": "workitem.created", "data": {"id": "7", "name": "T", "sequence_id": 9,
        "project_id": PROJECT, "state_id": TODO, "label_ids": [BUG], "assignee_ids": [ADA], "priority": "low",
        "updated_at": "2026-11-22T00:44:16Z"}});
    let event = parse(body.to_string().as_bytes()).unwrap();
    let named = world.directory.names(&needs(&event)).await;
    let change =
        normalize(&event, &named.names, Some("acme"), Some("https://x"), received()).unwrap();
    let Change::State(item) = change else { panic!() };
    assert_eq!(item.missing, [""; 0]);
    assert_eq!((item.key.as_deref(), item.status.as_deref()), (Some("SYNC-9"), Some("Todo")));
    assert_eq!(item.url.as_deref(), Some("https://x/acme/browse/SYNC-9/"));
    assert_eq!(
        (item.labels[0].name.as_str(), item.assignees[0].name.as_deref()),
        ("Bug", Some("ada"))
    );
}

#[tokio::test]
async fn many_who_need_the_same_list_share_one_request() {
    let world = World::new().await;
    let need = [state(TODO)];
    let asks = (0..50).map(|_| world.directory.names(&need)).collect();
    let mut all = in_parallel(asks).await;
    all.retain(|named| named.names.knows(&need[0]));
    assert_eq!((all.len(), world.fake.asked()), (50, 1));
}

/// Polls all futures on one task until all are done.
async fn in_parallel<F: Future<Output = Named>>(futures: Vec<F>) -> Vec<Named> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(named) => {
                done.push(named);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(std::mem::take(&mut done))
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_is_good_for_ten_minutes_and_used_when_nothing_newer_can_be_had() {
    let world = World::new().await;
    assert!(is_whole(&world.directory.names(&all()).await));
    world.clock.advance(FRESH.checked_sub(Duration::from_secs(1)).unwrap());
    assert!(is_whole(&world.directory.names(&all()).await));
    assert_eq!(world.fake.asked(), 4);
    world.clock.advance(Duration::from_secs(2));
    world.fake.always(Says::Text(502, "bad gateway"));
    assert!(is_whole(&world.directory.names(&all()).await));
    assert_eq!(world.fake.asked(), 5, "one refusal, and nothing more is asked");
    world.fake.always(None);
    world.clock.advance(PAUSE);
    assert!(is_whole(&world.directory.names(&all()).await));
    assert_eq!(world.fake.asked(), 9);
}

#[tokio::test]
async fn names_survive_a_restart() {
    let world = World::new().await;
    assert!(is_whole(&world.directory.names(&all()).await));
    assert!(is_whole(&world.restarted(KEY).names(&all()).await));
    assert_eq!(world.fake.asked(), 4, "what was fetched before the restart is still fresh");
    let without_key = world.restarted("");
    world.clock.advance(FRESH * 100);
    let named = without_key.names(&all()).await;
    assert!(is_whole(&named));
    assert_eq!(named.names.lookup, Lookup::Off);
    let unknown = without_key.names(&[state(NOBODY)]).await;
    assert_eq!((unknown.names.states.len(), unknown.failure), (0, None));
    assert_eq!(world.fake.asked(), 4);
}

#[tokio::test]
async fn a_name_that_is_not_there_is_asked_for_once_a_minute() {
    let world = World::new().await;
    for _ in 0..3 {
        let named = world.directory.names(&[state(NOBODY)]).await;
        assert_eq!((named.names.states.len(), named.failure), (0, None));
    }
    assert_eq!(world.fake.asked(), 1);
    world.clock.advance(MISS);
    world.directory.names(&[state(NOBODY)]).await;
    assert_eq!(world.fake.asked(), 2);
}

#[tokio::test]
async fn a_project_without_access_is_asked_for_once_a_minute_and_harms_no_other() {
    let world = World::new().await;
    let hidden = [Need::Project { project: NOBODY.to_owned() }];
    for _ in 0..3 {
        let failure = world.directory.names(&hidden).await.failure.unwrap();
        assert!(
            matches!(&failure, Failure::Permanent { reason } if reason.contains("member of the project"))
        );
    }
    assert_eq!(world.fake.asked(), 1);
    assert!(is_whole(&world.directory.names(&all()).await));
    assert_eq!(world.fake.asked(), 5);
    world.clock.advance(MISS);
    world.directory.names(&hidden).await;
    assert_eq!(world.fake.asked(), 6);
}

#[tokio::test]
async fn a_used_up_quota_waits_as_long_as_plane_says() {
    let world = World::new().await;
    world.fake.always(Says::Recorded("186-throttled-429.json"));
    let quota = |named: Named| match named.failure {
        Some(Failure::Quota { wait, .. }) => wait.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!(quota(world.directory.names(&all()).await), 58);
    world.clock.advance(Duration::from_secs(40));
    world.fake.always(None);
    assert_eq!(quota(world.directory.names(&all()).await), 18);
    assert_eq!(world.fake.asked(), 1);
    world.clock.advance(Duration::from_secs(18));
    assert!(is_whole(&world.directory.names(&all()).await));
}

#[tokio::test]
async fn an_api_that_fails_is_left_alone_for_half_a_minute() {
    for says in [
        Says::Text(500, "{}"),
        Says::Text(503, ""),
        Says::Text(200, "<!doctype html><title>Sign in</title>"),
        Says::Text(200, "[1,"),
        Says::Text(302, ""),
        Says::Text(404, "<html>"),
    ] {
        let world = World::new().await;
        world.fake.always(says);
        for _ in 0..3 {
            let failure = world.directory.names(&all()).await.failure.unwrap();
            assert!(
                matches!(&failure, Failure::Retry { reason, .. } if reason.contains("plane.api_url")),
                "{failure:?}"
            );
        }
        assert_eq!(world.fake.asked(), 1);
        world.fake.always(None);
        world.clock.advance(PAUSE);
        assert!(is_whole(&world.directory.names(&all()).await));
    }
}

#[tokio::test]
async fn a_silent_or_absent_api_is_a_failure_to_retry() {
    let (fake, address) = Fake::start().await;
    fake.always(Says::Nothing);
    let short = Duration::from_millis(50);
    let silent = PlaneClient::new(&address, "acme", &secrets(&[KEY]), short).unwrap().unwrap();
    assert_eq!(
        silent.fetch_me().await,
        Err(Refusal::Unavailable { what: "no answer in time".to_owned() })
    );
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let refused = client(&address, KEY).fetch_me().await;
    assert_eq!(refused, Err(Refusal::Unavailable { what: "no connection".to_owned() }));
}

#[tokio::test]
async fn a_bad_key_is_told_from_a_lack_of_access() {
    let (_fake, address) = Fake::start().await;
    assert_eq!(client(&address, KEY).fetch_me().await.unwrap().display_name, "sync-bot");
    assert_eq!(client(&address, "expired").fetch_me().await, Err(Refusal::BadKey));
    assert_eq!(client(&address, "not\na header").fetch_me().await, Err(Refusal::BadKey));
    assert_eq!(client(&address, KEY).fetch_states(NOBODY).await, Err(Refusal::NoAccess));
    assert_eq!(client(&address, KEY).fetch_states("../../users/me").await, Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_key_is_never_shown() {
    let (_fake, address) = Fake::start().await;
    let secret = "plane_api_verysecret";
    let with_login = address.replace("http://", "http://user:verysecret@");
    let client = client(&with_login, secret);
    let refusal = client.fetch_me().await.unwrap_err();
    let shown = format!("{client:?} {refusal:?} {}", refusal.failure());
    assert!(!shown.contains("verysecret"), "{shown}");
    assert!(PlaneClient::new("ftp://x", "acme", &secrets(&[secret]), TIMEOUT).is_err());
    assert!(PlaneClient::new("plane", "acme", &secrets(&[secret]), TIMEOUT).is_err());
    assert!(PlaneClient::new(&address, "acme", &secrets(&[]), TIMEOUT).unwrap().is_none());
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page_and_no_further_than_fifty() {
    let (fake, address) = Fake::start().await;
    let path = format!("/api/v1/workspaces/acme/projects/{PROJECT}/labels/");
    fake.answer(&path, "179-projects-list.json");
    let endless = client(&address, KEY).fetch_labels(PROJECT).await;
    assert!(matches!(endless, Err(Refusal::Unreadable { .. })), "{endless:?}");
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 50);
    assert_eq!(asked[0], format!("{path}?per_page=1000"));
    assert_eq!(asked[1], format!("{path}?per_page=1000&cursor=1000%3A1%3A0"));
}

#[tokio::test]
async fn an_older_entry_never_replaces_a_newer_one_in_the_store() {
    let world = World::new().await;
    let entry = |id: &str, name: &str, minutes| DirectoryEntry {
        kind: EntryKind::Label,
        id: id.to_owned(),
        scope: "p".to_owned(),
        entry: json!({"name": name}),
        fetched_at: received() + chrono::Duration::minutes(minutes),
    };
    let store = &world.store;
    let put = |entries: Vec<_>| async move { store.put_directory_entries(&entries).await.unwrap() };
    put(vec![entry("b", "new", 1), entry("a", "only", 0)]).await;
    put(vec![entry("b", "old", 0)]).await;
    put(vec![]).await;
    let kept = world.store.directory_entries().await.unwrap();
    assert_eq!(kept, [entry("a", "only", 0), entry("b", "new", 1)]);
    put(vec![entry("b", "newest", 2)]).await;
    assert_eq!(world.store.directory_entries().await.unwrap()[1], entry("b", "newest", 2));
}

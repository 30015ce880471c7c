//! The binary as an operator meets it: exit status, one-line errors, nothing else on either stream.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod apply;
mod doctor;
mod doctor_hooks;
mod places;
mod replay;
mod repositories;
mod rules;
mod sync;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::mpsc;

/// A folder of its own to run in, and no environment but what a test gives.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with_config(text: &str) -> Self {
        let place = Self::new();
        std::fs::write(place.path().join("jetbridge.toml"), text).unwrap();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jetbridge"));
        command.args(arguments).env_clear().current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }

    fn entries(&self) -> usize {
        std::fs::read_dir(self.path()).unwrap().count()
    }
}

#[derive(Debug)]
struct Ended {
    status: i32,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Ended with `status`, nothing on standard output, one line on standard error: that line.
    #[track_caller]
    fn refused(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.out, "");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err.strip_prefix("jetbridge: ").unwrap().trim_end().to_owned()
    }

    /// Ended well, nothing on standard error: what it printed.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }
}

// Usage

#[test]
fn wrong_usage_ends_with_2_and_one_line() {
    let cases: &[(&[&str], &str)] = &[
        (&["serv"], "unrecognized subcommand 'serv'"),
        (&["serve", "--prot", "80"], "unexpected argument '--prot' found"),
        (&["serve", "--role", "sender"], "invalid value 'sender' for '--role <ROLE>'"),
        (&["deliveries", "list", "--limit", "0"], "invalid value '0' for '--limit <LIMIT>'"),
        (&["deliveries", "list", "--source", "jira"], "invalid value 'jira' for '--source"),
        (&["deliveries", "list", "--since", "noon"], "invalid value 'noon' for '--since <TIME>'"),
        (&["deliveries", "list", "--status", "lost"], "invalid value 'lost' for '--status"),
        (
            &["deliveries", "show", "plane"],
            "the following required arguments were not provided: <ID>",
        ),
        (
            &["deliveries", "show", "plane", "1", "--raw", "--json"],
            "the argument '--raw' cannot be used",
        ),
        (&["work-items", "list", "--state-group", "x"], "invalid value 'x' for '--state-group"),
        (&["send", "plane", "issue.vanished"], "invalid value 'issue.vanished' for '<EVENT>'"),
        (&["send", "plane", "issue.created", "--id", "7"], "invalid value '7' for '--id <UUID>'"),
        (&["repo", "add", "octo"], "invalid value 'octo' for '<OWNER/NAME>'"),
        (
            &["repo", "add", "a/b", "--plane-project", "SYNC"],
            "invalid value 'SYNC' for '--plane-project",
        ),
        (&["repo", "add", "a/b", "--direction", "up"], "invalid value 'up' for '--direction"),
        (&["repo", "remove"], "the following required arguments were not provided: <OWNER/NAME>"),
        (&["sync", "octo/hello"], "invalid value 'octo/hello' for '<OWNER/NAME#NUMBER>'"),
        (&["completions", "cmd"], "invalid value 'cmd' for '<SHELL>'"),
    ];
    for (arguments, expected) in cases {
        let line = Place::new().run(arguments).refused(2);
        assert!(line.starts_with(expected), "{arguments:?}: {line}");
        assert!(line.ends_with("--help shows what may be written"), "{line}");
    }
}

#[test]
fn no_command_at_all_shows_the_help_and_ends_with_2() {
    let ended = Place::new().run(&[]);
    assert_eq!((ended.status, ended.out.as_str()), (2, ""));
    assert!(ended.err.contains("Usage: jetbridge"), "{}", ended.err);
}

#[test]
fn help_and_version_end_well() {
    let help = Place::new().run(&["--help"]).done();
    for command in ["serve", "migrate", "deliveries", "work-items", "send", "doctor", "completions"]
    {
        assert!(help.contains(command), "{command} is missing in {help}");
    }
    assert!(!help.contains('\u{1b}'), "colors without a terminal");
    let version = Place::new().run(&["--version"]).done();
    assert_eq!(version, concat!("jetbridge ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Place::new().run(&["completions", shell]).done();
        assert!(script.contains("work-items"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Place::new().command(arguments).stdout(writer).output().unwrap();
        assert_eq!(Ended::from(ended).done(), "");
    }
}

// Configuration

#[test]
fn a_wrong_configuration_ends_with_2_and_names_the_line() {
    let place = Place::with_config("workers = 4\n\n[plane]\nwebhook_sekret = 's3cret'\n");
    for arguments in
        [&["serve"][..], &["migrate"], &["deliveries", "list"], &["work-items", "list"]]
    {
        let line = place.run(arguments).refused(2);
        let expected = "jetbridge.toml:4: plane.webhook_sekret: unknown key `webhook_sekret`";
        assert!(line.starts_with(expected), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
    let place = Place::with_config("listen = 'here'");
    let line = place.run(&["serve"]).refused(2);
    assert!(
        line.starts_with("jetbridge.toml:1: listen: expected an IP address and a port"),
        "{line}"
    );
}

#[test]
fn a_wrong_flag_or_variable_ends_with_2_and_is_named() {
    let place = Place::new();
    let line = place.run(&["serve", "--workers", "0"]).refused(2);
    assert!(line.starts_with("--workers: expected"), "{line}");
    let line = place.run(&["migrate", "--database-url", "mysql://me:s3cret@x"]).refused(2);
    assert!(line.starts_with("--database-url: expected") && !line.contains("s3cret"), "{line}");
    let line = place.run(&["--config", "other.toml", "doctor"]);
    assert!(line.out.contains("other.toml: can't be read"), "{line:?}");
    let mut command = place.command(&["serve"]);
    let ended = command.env("JETBRIDGE_MAX_BODY", "huge").output().unwrap();
    assert!(Ended::from(ended).refused(2).starts_with("JETBRIDGE_MAX_BODY: expected"));
    let ended = place.command(&["serve"]).env("JETBRIDGE_LOG", "loud").output().unwrap();
    assert!(Ended::from(ended).refused(2).starts_with("JETBRIDGE_LOG: expected"));
    assert_eq!(place.entries(), 0, "something was made before the configuration was known");
}

#[test]
fn a_secret_that_is_missing_stops_the_start() {
    let place = Place::with_config("[plane]\nwebhook_secret = 'env:NOT_THERE'\n");
    let line = place.run(&["serve"]).refused(2);
    assert!(line.starts_with("plane.webhook_secret: the environment variable NOT_THERE"), "{line}");
}

#[test]
fn an_unknown_variable_of_ours_is_told_and_stops_nothing() {
    let place = Place::new();
    let ended = place.command(&["migrate"]).env("JETBRIDGE_LISTE", "x").output().unwrap();
    let ended = Ended::from(ended);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.err.starts_with("jetbridge: warning: JETBRIDGE_LISTE "), "{}", ended.err);
}

// The database

#[test]
fn migrate_makes_the_database() {
    let place = Place::new();
    let said = place.run(&["migrate"]).done();
    assert_eq!(said, "sqlite://./jetbridge-data/jetbridge.db is up to date\n");
    assert!(place.path().join("jetbridge-data/jetbridge.db").exists());
    place.run(&["migrate"]).done();
}

#[test]
fn looking_at_a_database_that_is_not_there_makes_none() {
    let place = Place::new();
    let cases: &[&[&str]] = &[
        &["deliveries", "list"],
        &["deliveries", "show", "plane", "1"],
        &["deliveries", "replay", "plane", "1"],
        &["work-items", "list"],
        &["work-items", "show", "plane:1"],
        &["repo", "list"],
        &["repo", "remove", "octo/hello"],
        &["sync", "octo/hello#1"],
    ];
    for arguments in cases {
        let line = place.run(arguments).refused(1);
        assert!(
            line.starts_with("there is no database at ./jetbridge-data/jetbridge.db yet: "),
            "{line}"
        );
    }
    assert_eq!(place.entries(), 0);
}

#[test]
fn a_database_that_can_not_be_opened_is_a_failed_operation() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("folder")).unwrap();
    let line = place.run(&["migrate", "--database-url", "sqlite://folder"]).refused(1);
    assert!(line.contains("database"), "{line}");
}

// Samples

/// What a fake receiver was given.
#[derive(Debug)]
struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn is_signed_with(&self, secret: &str) -> bool {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&self.body);
        mac.verify_slice(&hex::decode(self.header("x-plane-signature")).unwrap()).is_ok()
    }
}

/// A receiver that answers everything with `status`.
async fn receiver(status: StatusCode) -> (String, mpsc::UnboundedReceiver<Received>) {
    let (sender, received) = mpsc::unbounded_channel();
    let keep = move |State(sender): State<mpsc::UnboundedSender<Received>>,
                     headers: HeaderMap,
                     body: Bytes| async move {
        sender.send(Received { headers, body }).unwrap();
        (status, format!(r#"{{"ok":{}}}"#, status.is_success()))
    };
    let router = Router::new().route("/api/webhooks/plane", post(keep)).with_state(sender);
    (serve(router).await, received)
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

const WITH_SECRET: &str = "[plane]\nwebhook_secret = 'plane_wh_new,plane_wh_old'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_arrives_signed_and_as_plane_sends_it() {
    let (address, mut received) = receiver(StatusCode::OK).await;
    let place = Place::with_config(WITH_SECRET);
    let id = "70169388-cbf7-4386-8a01-efcb5aa00b5b";
    let story = ["--to", &address, "--id", id, "--title", "Übung 🚀", "--state", "in progress"];
    let said = place.run(&[&["send", "plane", "issue.updated"], &story[..]].concat()).done();
    assert!(said.starts_with("200 {\"ok\":true}\n"), "{said}");
    assert!(said.contains(&format!("jetbridge work-items show plane:{id}")), "{said}");

    let webhook = received.recv().await.unwrap();
    assert!(webhook.is_signed_with("plane_wh_new"));
    assert_eq!(webhook.header("x-plane-event"), "issue");
    assert!(said.contains(webhook.header("x-plane-delivery")), "{said}");
    let body = webhook.json();
    assert_eq!((&body["event"], &body["action"]), (&"issue".into(), &"updated".into()));
    assert_eq!(body["data"]["id"], id);
    assert_eq!(body["data"]["name"], "Übung 🚀");
    assert_eq!(body["data"]["state"]["name"], "In Progress");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_sample_can_be_sent_and_none_twice() {
    let (address, mut received) = receiver(StatusCode::OK).await;
    let place = Place::with_config(WITH_SECRET);
    let mut seen = std::collections::HashSet::new();
    for event in ["issue.created", "issue.updated", "issue.deleted", "issue_comment.created"] {
        for _ in 0..2 {
            place.run(&["send", "plane", event, "--to", &address]).done();
            let webhook = received.recv().await.unwrap();
            assert!(seen.insert(webhook.header("x-plane-delivery").to_owned()), "{event}");
            assert!(seen.insert(webhook.header("x-plane-signature").to_owned()), "{event}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_sample_is_a_failed_operation_with_its_remedy() {
    let place = Place::with_config(WITH_SECRET);
    for (status, remedy) in [
        (StatusCode::FORBIDDEN, "make plane.webhook_secret the same here and there"),
        (StatusCode::SERVICE_UNAVAILABLE, "set plane.webhook_secret there"),
        (StatusCode::FOUND, "post to the address that it names"),
    ] {
        let (address, _received) = receiver(status).await;
        let ended = place.run(&["send", "plane", "issue.created", "--to", &address]);
        assert_eq!(ended.status, 1, "{ended:?}");
        assert!(ended.err.contains(remedy) && ended.err.lines().count() == 1, "{}", ended.err);
        assert!(!ended.err.contains("plane_wh_"), "{}", ended.err);
    }
}

#[test]
fn a_sample_without_secret_or_receiver_says_what_to_do() {
    let line = Place::new().run(&["send", "plane", "issue.created"]).refused(2);
    assert!(line.starts_with("plane.webhook_secret is not set: set it"), "{line}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::with_config(WITH_SECRET);
    let to = format!("http://{free}");
    let line = place.run(&["send", "plane", "issue.created", "--to", &to]).refused(1);
    assert!(line.starts_with("nobody answers at "), "{line}");
    let line = place.run(&["send", "plane", "issue.created", "--to", "over there"]).refused(1);
    assert!(line.contains("is no address to post to"), "{line}");
}

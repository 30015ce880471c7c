//! No secret leaves the process: not in a log at its most talkative, not in an answer, not in
//! what it prints, not in its command line.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::path::Path;
use std::process::Command;

use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, SECRET, issue_delivery};
use support::process::{Served, eventually};

const ADMIN_TOKEN: &str = "jba_sentinel-admin-token-0123456789";
const API_KEY: &str = "plane_api_sentinel0123456789";
const GITHUB_TOKEN: &str = "ghp_sentinelOfTheToken0123456789";
const APP_KEY: &str = include_str!("fixtures/github-app/app.pkcs1.pem");
/// What everything begins with that the App signs: `{"alg":"RS256","typ":"JWT"}`.
const SIGNED_BY_THE_APP: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9";
const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";
/// Nobody listens there, which is logged.
const ALARM_URL: &str = "http://127.0.0.1:1/hooks/sentinel-of-the-alarms";
const BODY_MARK: &str = "sentinel-of-the-body";

/// Makes an MCP server that says its whole environment on standard error, which is logged, and
/// ends; the command for it.
fn telltale(folder: &Path) -> String {
    let script = folder.join("telltale.sh");
    std::fs::write(&script, "env >&2\n").unwrap();
    format!("/bin/sh {}", script.display())
}

fn environment(mcp: &str) -> [(&str, &str); 14] {
    [
        ("JETBRIDGE_GITHUB_WEBHOOK_SECRET", support::github::SECRET),
        ("JETBRIDGE_GITHUB_UNKNOWN_REPOSITORIES", "register"),
        ("JETBRIDGE_LOG", "trace"),
        ("JETBRIDGE_LOG_FORMAT", "json"),
        ("JETBRIDGE_ADMIN_TOKEN", ADMIN_TOKEN),
        ("JETBRIDGE_PLANE_API_KEY", API_KEY),
        ("JETBRIDGE_PLANE_API_URL", "http://127.0.0.1:1"),
        ("JETBRIDGE_PLANE_WORKSPACE", "acme"),
        ("JETBRIDGE_GITHUB_TOKEN", GITHUB_TOKEN),
        ("JETBRIDGE_GITHUB_APP_ID", "123"),
        ("JETBRIDGE_GITHUB_APP_PRIVATE_KEY", APP_KEY),
        ("JETBRIDGE_GITHUB_API_URL", "http://127.0.0.1:1"),
        ("JETBRIDGE_GITHUB_MCP_COMMAND", mcp),
        ("JETBRIDGE_ALARM_WEBHOOK_URL", ALARM_URL),
    ]
}

#[tokio::test]
async fn no_secret_is_in_anything_that_is_printed() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let folder = database.folder.path();
    let served = Served::start_with(&database.text, folder, &[], &environment(&telltale(folder)));
    let delivery = issue_delivery("i", BODY_MARK, ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    let wrong =
        Delivery { signature: support::plane::sign("another", &delivery.body), ..delivery.clone() };
    let broken = Delivery::new(format!(
        r#"{{"event":"issue","action":"updated","data":{{"id":"x","name":["{BODY_MARK}"]}}}}"#
    ));
    let mut seen = served.greeting.join("\n");
    let mut client = served.connect().await;
    for sent in [&delivery, &delivery, &wrong, &broken] {
        seen += &format!("{:?}", client.post(sent).await.expect("an answer"));
    }
    let github = github(BODY_MARK);
    let signature = github.signature.clone().unwrap();
    for sent in [&signature, "sha256=00"] {
        let request = github_request(&github, sent);
        seen += &format!("{:?}", client.send(&request).await.expect("an answer"));
    }
    for path in [
        "/boards",
        "/health",
        "/metrics",
        "/api/v1/health",
        "/api/v1/stats",
        "/readyz",
        "/api/v1/deliveries",
    ] {
        for token in ["wrong", ADMIN_TOKEN] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            seen += &format!("{:?}", client.send(request.as_bytes()).await.expect("an answer"));
        }
    }
    // On its way into Plane: the MCP server is started with the token, and Plane is asked.
    let command = ["repo", "add", "Codertocat/Hello-World", "--plane-project", PROJECT];
    seen += &run(&database, &command).1;
    let carried = support::github::issue(8, "t", "open", "2026-11-22T01:00:00Z");
    let carried = support::github::issue_delivery("opened", &carried);
    seen += &format!(
        "{:?}",
        client
            .send(&github_request(&carried, carried.signature.as_deref().unwrap()))
            .await
            .expect("an answer")
    );
    eventually("the server's words in the log", || async {
        std::fs::read_to_string(folder.join("stderr.log"))
            .unwrap()
            .contains("GITHUB_PERSONAL_ACCESS_TOKEN=[token]")
    })
    .await;
    eventually("the alarm that can't be told", || async {
        std::fs::read_to_string(folder.join("stderr.log"))
            .unwrap()
            .contains("an alarm could not be told")
    })
    .await;
    seen += &run(&database, &["sync", "Codertocat/Hello-World#12"]).1;
    let command_line = std::fs::read(format!("/proc/{}/cmdline", served.id())).unwrap();
    seen += &String::from_utf8_lossy(&command_line);
    seen += &doctor(&database);
    served.terminate();
    let log = std::fs::read_to_string(folder.join("stderr.log")).unwrap();
    assert!(log.len() > 1000, "the log is at its most talkative: {log}");
    assert!(log.contains(&delivery.id), "a delivery can be found in the log");
    seen += &log;
    for secret in [
        SECRET,
        ADMIN_TOKEN,
        API_KEY,
        GITHUB_TOKEN,
        APP_KEY.lines().nth(3).unwrap(),
        SIGNED_BY_THE_APP,
        &delivery.signature,
        &wrong.signature,
        &broken.signature,
        support::github::SECRET,
        signature.strip_prefix("sha256=").unwrap(),
        BODY_MARK,
        "sentinel-of-the-alarms",
    ] {
        let at = seen.find(secret);
        assert_eq!(
            at,
            None,
            "{secret} was printed: …{}…",
            at.map_or("", |at| &seen[at.saturating_sub(200)..at])
        );
    }
}

/// An issue whose title can't be read, and holds the mark.
fn github(mark: &str) -> support::github::GithubDelivery {
    let mut thing = support::github::issue(7, "t", "open", "2026-11-22T01:00:00Z");
    thing["title"] = serde_json::json!([mark]);
    support::github::issue_delivery("opened", &thing)
}

/// A request to GitHub's endpoint, signed so.
fn github_request(delivery: &support::github::GithubDelivery, signature: &str) -> Vec<u8> {
    let head = format!(
        "POST /api/webhooks/github-mcp/ HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n",
        delivery.id,
        delivery.body.len()
    );
    [head.as_bytes(), &delivery.body].concat()
}

fn doctor(database: &TestDatabase) -> String {
    let (status, said) = run(database, &["doctor"]);
    assert_eq!(status, Some(1), "nobody answers, which is a finding");
    assert!(said.contains("PROBLEM  github.token"), "{said}");
    assert!(said.contains("PROBLEM  github app"), "the App was asked for: {said}");
    said
}

/// Runs a command; its end, and all that it printed.
fn run(database: &TestDatabase, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(arguments)
        .current_dir(database.folder.path())
        .env_clear()
        .envs(environment(&telltale(database.folder.path())))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

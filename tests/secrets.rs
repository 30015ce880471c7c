//! No secret leaves the process: not in a log at its most talkative, not in an answer, not in
//! what it prints, not in its command line.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::process::Command;

use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, SECRET, issue_delivery};
use support::process::Served;

const ADMIN_TOKEN: &str = "jba_sentinel-admin-token-0123456789";
const API_KEY: &str = "plane_api_sentinel0123456789";
const BODY_MARK: &str = "sentinel-of-the-body";

fn environment() -> [(&'static str, &'static str); 8] {
    [
        ("JETBRIDGE_GITHUB_WEBHOOK_SECRET", support::github::SECRET),
        ("JETBRIDGE_GITHUB_UNKNOWN_REPOSITORIES", "register"),
        ("JETBRIDGE_LOG", "trace"),
        ("JETBRIDGE_LOG_FORMAT", "json"),
        ("JETBRIDGE_ADMIN_TOKEN", ADMIN_TOKEN),
        ("JETBRIDGE_PLANE_API_KEY", API_KEY),
        ("JETBRIDGE_PLANE_API_URL", "http://127.0.0.1:1"),
        ("JETBRIDGE_PLANE_WORKSPACE", "acme"),
    ]
}

#[tokio::test]
async fn no_secret_is_in_anything_that_is_printed() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let folder = database.folder.path();
    let served = Served::start_with(&database.text, folder, &[], &environment());
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
        let head = format!(
            "POST /api/webhooks/github-mcp/ HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: {}\r\nX-Hub-Signature-256: {sent}\r\nContent-Length: {}\r\n\r\n",
            github.id,
            github.body.len()
        );
        let request = [head.as_bytes(), &github.body].concat();
        seen += &format!("{:?}", client.send(&request).await.expect("an answer"));
    }
    for path in ["/boards", "/metrics", "/api/v1/stats", "/readyz", "/api/v1/deliveries"] {
        for token in ["wrong", ADMIN_TOKEN] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
            );
            seen += &format!("{:?}", client.send(request.as_bytes()).await.expect("an answer"));
        }
    }
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
        &delivery.signature,
        &wrong.signature,
        &broken.signature,
        support::github::SECRET,
        signature.strip_prefix("sha256=").unwrap(),
        BODY_MARK,
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

fn doctor(database: &TestDatabase) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .arg("doctor")
        .current_dir(database.folder.path())
        .env_clear()
        .envs(environment())
        .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "Plane's API does not answer, which is a finding");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

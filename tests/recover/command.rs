//! `jetbridge recover`, and a running service that does it by itself.

use std::process::Command;

use jetbridge::sim::github::{
    NewHook, NewIssue, SimGitHub, SimGitHubConfig, SimToken, WebhookFault,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::databases::by_hand;
use crate::support::github::SECRET;
use crate::support::process::{Served, eventually};
use crate::world::{REPOSITORY, TOKEN};

struct Service {
    github: SimGitHub,
    served: Served,
    hook: u64,
    folder: TempDir,
}

impl Service {
    async fn start(every: &str) -> Self {
        let mut service = Self::start_with(every, "").await;
        let url = service.served.address("/api/webhooks/github-mcp/");
        service.hook = service.github.add_hook(REPOSITORY, NewHook::to(url, SECRET)).unwrap();
        service.github.settled().await;
        service
    }

    /// Without a hook; `more` stands in the block of GitHub's side.
    async fn start_with(every: &str, more: &str) -> Self {
        let tokens = vec![SimToken::full(TOKEN, "jetbridge-bot")];
        let github = SimGitHub::start(SimGitHubConfig { tokens, ..SimGitHubConfig::default() });
        let github = github.await.unwrap();
        github.add_repository(REPOSITORY).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[[repositories]]\nname = '{REPOSITORY}'\n[github]\napi_url = '{}'\ntoken = '{TOKEN}'\n{more}\n[recover]\nevery = '{every}'\n[reconcile]\nevery = '0'\n",
            github.api_url()
        );
        std::fs::write(folder.path().join("jetbridge.toml"), config).unwrap();
        let served = Served::start(&database(&folder), folder.path(), &[]);
        Self { github, served, hook: 0, folder }
    }

    async fn lose(&self, count: usize) {
        self.github.add_webhook_faults(vec![WebhookFault::Lose; count]);
        let ada = self.github.acting_as("ada");
        for _ in 0..count {
            ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
        }
        self.github.settled().await;
    }

    /// Exit status, standard output, standard error.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jetbridge"));
        command
            .args(arguments)
            .env_clear()
            .current_dir(self.folder.path())
            .env("JETBRIDGE_DATABASE_URL", database(&self.folder))
            .env("JETBRIDGE_PUBLIC_URL", self.served.address(""));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn arrived(&self) -> usize {
        let sent = self.github.deliveries(REPOSITORY, self.hook).unwrap();
        sent.iter().filter(|d| d.event == "issues" && d.succeeded()).count()
    }
}

fn database(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("jetbridge.db").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_tells_what_is_missing_asks_for_it_and_waits_for_it_to_come() {
    let service = Service::start("0s").await;
    service.lose(2).await;
    let (status, out, _) = service.run(&["recover", "--dry-run"]).await;
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("failed to connect to host") && out.contains("missing"), "{out}");
    assert!(out.ends_with("2 are missing; jetbridge recover asks for them\n"), "{out}");

    let (status, out, err) = service.run(&["recover", "--repository", REPOSITORY]).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("2 asked for again, 2 of them have arrived\n"), "{out}");
    assert_eq!(service.arrived(), 2);

    let (status, out, _) = service.run(&["recover", "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &told["places"][0]["missing"], &told["arrived"]),
        (0, &0.into(), &0.into())
    );
    let (_, out, _) = service.run(&["recover", "--since", "5d"]).await;
    assert!(out.contains("octo/app: 2 deliveries since "), "{out}");

    let (status, _, err) = service.run(&["recover", "--repository", "octo/other"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("octo/other is not configured: jetbridge repo add octo/other"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_and_the_service_ask_at_the_hook_of_a_configured_app() {
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github-app/app.pkcs1.pem");
    let app = format!("app_id = 123\napp_private_key = 'file:{key}'");
    let with_app = async |every| {
        let service = Service::start_with(every, &app).await;
        let url = service.served.address("/api/webhooks/github-mcp/");
        service.github.add_app(crate::app::app(&url));
        service.github.install_app(REPOSITORY).unwrap();
        service.github.settled().await;
        service.lose(2).await;
        service
    };
    let service = with_app("0s").await;
    let (status, out, err) = service.run(&["recover"]).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.ends_with("2 asked for again, 2 of them have arrived\n"), "{out}");
    let (_, out, _) = service.run(&["doctor"]).await;
    for line in [
        "takes the key of 123".to_owned(),
        "Board is not told of Pull request reviews, Labels, Sub-issues".to_owned(),
        "fix: in the settings of the GitHub App Board tick Pull request reviews, Labels, Sub-issues under Permissions & events".to_owned(),
    ] {
        assert!(out.contains(&line), "{line} is missing in {out}");
    }
    let service = with_app("1h").await;
    let back =
        "UPDATE recover_places SET looked_at = '2026-01-01T00:00:00.000000Z'; DELETE FROM duties";
    by_hand(&database(&service.folder), back).await;
    let is_issue = |event: &str, succeeded: bool| event == "issues" && succeeded;
    let sent = || service.github.app_deliveries().into_iter();
    let arrived = || sent().filter(|d| is_issue(&d.event, d.succeeded())).count();
    eventually("the service asks for them", || async { arrived() == 2 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_was_away_finds_at_its_start_what_was_sent_meanwhile() {
    let service = Service::start("1h").await;
    service.lose(1).await;
    let Service { github, served, hook, folder } = service;
    // The port is the same again, since the hook points there.
    let listen = format!("127.0.0.1:{}", served.port);
    served.kill();
    github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Meanwhile")).unwrap();
    github.settled().await;
    // It looked an hour ago.
    let back =
        "UPDATE recover_places SET looked_at = '2026-01-01T00:00:00.000000Z'; DELETE FROM duties";
    by_hand(&database(&folder), back).await;
    let environment = [("JETBRIDGE_LISTEN", listen.as_str())];
    let served = Served::start_with(&database(&folder), folder.path(), &[], &environment);
    let service = Service { github, served, hook, folder };
    eventually("the lost ones arrive", || async { service.arrived() == 2 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backfill_fetches_what_was_there_before_and_says_what_it_came_to() {
    let service = Service::start("0s").await;
    service.lose(3).await;
    service.github.hold_webhooks();
    service.github.acting_as("ada").comment(REPOSITORY, 2, "Seen.").unwrap();
    let (status, out, err) = service.run(&["backfill", REPOSITORY]).await;
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert_eq!(out, "octo/app: 3 issues and pull requests, 1 comment\n");
    let (_, listed, _) = service.run(&["work-items", "list"]).await;
    assert_eq!(listed.matches("A bug").count(), 3, "{listed}");
    let (status, out, _) = service.run(&["backfill", REPOSITORY, "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["issues"], &told["failed"]), (0, &3.into(), &0.into()));
    let (status, _, err) = service.run(&["backfill", "octo/other"]).await;
    assert_eq!(status, 1);
    assert!(err.contains("octo/other is not configured: jetbridge repo add octo/other"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_lists_what_failed_with_its_reason_and_ends_with_status_1() {
    let service = Service::start_with("0s", "").await;
    let ada = service.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("From before")).unwrap();
    ada.comment(REPOSITORY, 1, "A word that can't be read").unwrap();
    by_hand(
        &database(&service.folder),
        "CREATE TRIGGER torn AFTER INSERT ON github_webhook_events WHEN NEW.event_type = 'issue_comment'
         BEGIN UPDATE github_webhook_events SET body = CAST('{' AS BLOB) WHERE delivery_id = NEW.delivery_id; END",
    )
    .await;
    let (status, out, err) = service.run(&["backfill", REPOSITORY]).await;
    assert_eq!(status, 1, "{out}{err}");
    let lines: Vec<_> = out.lines().collect();
    let [head, failed, done, remedy] = lines[..] else { panic!("{out}") };
    assert!(head.starts_with("DELIVERY") && head.ends_with("ERROR"), "{head}");
    assert!(failed.contains("unreadable payload: not JSON"), "{failed}");
    assert_eq!(done, format!("{REPOSITORY}: 1 issues and pull requests, 1 comment"));
    assert_eq!(
        remedy,
        format!("1 of them failed: jetbridge backfill {REPOSITORY} tries them again")
    );

    let (status, out, err) = service.run(&["backfill", REPOSITORY, "--json"]).await;
    assert_eq!(status, 1, "{out}{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let one = told["failures"].as_array().filter(|all| all.len() == 1).expect(&out)[0].clone();
    assert_eq!((&told["issues"], &told["failed"]), (&1.into(), &1.into()), "{told}");
    assert!(failed.starts_with(one["delivery_id"].as_str().unwrap()), "{one}");
    assert!(one["error"].as_str().unwrap().contains("unreadable payload"), "{one}");
}

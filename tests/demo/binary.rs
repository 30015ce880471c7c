//! The binary as a newcomer starts it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::process::eventually;

/// A running `jetbridge demo`; killed when dropped.
pub struct Played {
    process: Child,
    pub url: String,
    pub sign_in_link: String,
    /// Where it works, with a place for temporary files.
    pub folder: TempDir,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jetbridge"));
    command.arg("demo").args(arguments).current_dir(folder).env_clear().env("TMPDIR", folder);
    command
}

fn refused(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).stdin(Stdio::null()).output().unwrap()
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

impl Played {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let mut process = command(folder.path(), &["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| {
            let rest = line.split_once("listens on ")?.1;
            Some(rest.split_whitespace().next()?.to_owned())
        });
        let link = lines.find_map(|line| Some(line.split_once("Sign in")?.1.trim().to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url: url.unwrap(), sign_in_link: link.unwrap(), folder }
    }

    /// SIGTERM; how it ended, and how long that took.
    fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        (self.process.wait().unwrap(), begun.elapsed())
    }

    fn host(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Head and body of the answer.
    async fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.host()).await.unwrap();
        let request = format!(
            "{head}\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.host(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Follows the printed link; the session's cookie.
    async fn sign_in(&self) -> String {
        let link = self.sign_in_link.rsplit_once("link=").unwrap().1;
        let head = format!(
            "POST /login HTTP/1.1\r\nOrigin: {}\r\nContent-Type: application/x-www-form-urlencoded",
            self.url
        );
        let answer = self.ask(&head, &format!("link={link}")).await;
        let cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap())
        });
        cookie.unwrap_or_else(|| panic!("no session: {answer}")).to_owned()
    }

    async fn page(&self, path: &str, cookie: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nCookie: {cookie}"), "").await
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_newcomer_follows_the_link_and_sees_cards_and_then_a_change() {
    let mut demo = Played::start(&["--pace", "300ms", "--seed", "5"]);
    let login = demo.page("/login", "").await;
    assert!(login.contains("nobody here is real"), "{login}");
    let cookie = demo.sign_in().await;
    eventually("cards of both repositories", || async {
        let board = demo.page("/boards", &cookie).await;
        board.contains("octo/api</span>#") && board.contains("octo/web</span>#")
    })
    .await;
    let board = demo.page("/boards", &cookie).await;
    assert!(board.contains("nobody here is real"), "every page says so");
    assert!(board.to_ascii_lowercase().contains("x-jetbridge-simulation: true"), "{board}");
    let deliveries = demo.page("/deliveries", &cookie).await;
    eventually("a further delivery", || async {
        demo.page("/deliveries", &cookie).await != deliveries
    })
    .await;
    assert!(entries(demo.folder.path()) > 0, "its data is in a temporary folder");
    let (status, took) = demo.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    assert_eq!(entries(demo.folder.path()), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_wrong_pace_is_refused_as_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for pace in ["0s", "fast", "1h"] {
        let ended = refused(folder.path(), &["--pace", pace]);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains("from 20ms to 10m") && said.lines().count() == 1, "{said}");
    }
    assert_eq!(entries(folder.path()), 0);
}

#[tokio::test]
async fn a_taken_port_is_told_with_the_way_out_and_leaves_no_folder() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let ended = refused(folder.path(), &["--listen", &address]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    assert_eq!(entries(folder.path()), 0);
}

#[tokio::test]
async fn a_named_folder_is_kept_and_one_with_a_database_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let kept = place.path().join("kept");
    let kept = kept.to_str().unwrap();
    let mut demo = Played::start(&["--data-dir", kept, "--quiet"]);
    assert!(demo.terminate().0.success());
    assert!(Path::new(kept).join("jetbridge.db").exists());
    let ended = refused(demo.folder.path(), &["--listen", "127.0.0.1:0", "--data-dir", kept]);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("holds a database already"), "{said}");
    let elsewhere = ["--database-url", "postgres://127.0.0.1/real"];
    assert_eq!(refused(demo.folder.path(), &elsewhere).status.code(), Some(2));
}

/// Whoever has configured the real ones tries the demo in the same folder.
#[tokio::test]
async fn what_is_configured_for_the_real_ones_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let real = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    real.set_nonblocking(true).unwrap();
    let address = real.local_addr().unwrap();
    let config = format!(
        "data_dir = \"real\"\n[plane]\napi_url = \"http://{address}\"\napi_key = \"key\"\nworkspace = \"w\"\nwebhook_secret = \"env:NOT_SET\"\n[github]\napi_url = \"http://{address}\"\ntoken = \"token\"\n[[repositories]]\nname = \"real/thing\"\nplane_project = \"ce59f358-8bb1-44d5-9060-9d2391371abf\"\n"
    );
    std::fs::write(folder.path().join("jetbridge.toml"), config).unwrap();
    let mut demo = Played::start_in(folder, &["--pace", "100ms", "--seed", "1"]);
    let cookie = demo.sign_in().await;
    eventually("cards", || async {
        demo.page("/boards", &cookie).await.contains("octo/api</span>#")
    })
    .await;
    assert!(!demo.page("/boards", &cookie).await.contains("real/thing"));
    assert!(!demo.folder.path().join("real").exists(), "the real folder is left alone");
    assert!(real.accept().is_err(), "nobody asked the real ones");
    demo.terminate();
}

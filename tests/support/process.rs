//! The real binary in a process of its own, and a client that speaks to it over a socket.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::github::{self, GithubDelivery};
use super::plane::{Delivery, SECRET};

/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(30);

/// A `jetbridge serve` that may not have said anything yet; killed when dropped.
pub struct Starting {
    process: Child,
}

/// A running `jetbridge serve`; killed when dropped.
pub struct Served {
    starting: Starting,
    pub port: u16,
    /// What it said before it listened.
    pub greeting: Vec<String>,
}

impl Starting {
    /// As [`Served::start_with`], without waiting until it serves.
    pub fn new(
        database_url: &str,
        data_dir: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let log = std::fs::File::create(data_dir.join("stderr.log")).expect("a log file");
        let process = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
            .arg("serve")
            .args(arguments)
            .current_dir(data_dir)
            .env_clear()
            .env("JETBRIDGE_LISTEN", "127.0.0.1:0")
            .env("JETBRIDGE_DATA_DIR", data_dir)
            .env("JETBRIDGE_DATABASE_URL", database_url)
            .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
            .env("JETBRIDGE_GITHUB_WEBHOOK_SECRET", github::SECRET)
            .env("JETBRIDGE_LOG", "error")
            .stdout(Stdio::piped())
            .envs(environment.iter().copied())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        Self { process }
    }

    /// Waits until it has said where it is and how to sign in.
    pub fn greeted(mut self) -> Served {
        let output = self.process.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let (mut greeting, mut found) = (Vec::new(), None);
        let port = loop {
            let line = lines.next().expect("an address before the end of its output");
            let port = line.split("listens on http://127.0.0.1:").nth(1).map(|rest| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse().expect("a port")
            });
            let signs_in = line.trim_start().starts_with("Sign in");
            greeting.push(line);
            found = found.or(port);
            if let (Some(port), true) = (found, signs_in) {
                break port;
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Served { starting: self, port, greeting }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("gone");
    }

    /// SIGTERM; how it ended and how long that took.
    pub fn terminate(self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        (self.ended(), begun.elapsed())
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        self.process.wait().expect("it ends")
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    pub fn start(database_url: &str, data_dir: &Path, arguments: &[&str]) -> Self {
        Self::start_with(database_url, data_dir, arguments, &[])
    }

    /// With further environment; what it writes to standard error is in `stderr.log`.
    pub fn start_with(
        database_url: &str,
        data_dir: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        Starting::new(database_url, data_dir, arguments, environment).greeted()
    }

    /// A page's address.
    pub fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `kill -9`.
    pub fn kill(self) {
        self.starting.kill();
    }

    /// SIGTERM; how it ended and how long that took.
    pub fn terminate(self) -> (ExitStatus, Duration) {
        self.starting.terminate()
    }

    pub async fn connect(&self) -> Client {
        Client::to(self.port).await.expect("connected")
    }

    /// The sign-in link that it printed.
    pub fn greeting_link(&self) -> String {
        let links =
            self.greeting.iter().filter_map(|line| line.trim_start().strip_prefix("Sign in"));
        links.map(|link| link.trim().to_owned()).next().expect("a sign-in link")
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.starting.process.id()
    }

    /// Resident memory, KiB.
    pub fn memory_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("its status");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("the figure");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }
}

/// One connection that stays open.
pub struct Client {
    stream: TcpStream,
}

/// Status, head and body of an answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Client {
    /// Opens a connection to whoever listens there.
    pub async fn to(port: u16) -> std::io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(("127.0.0.1", port)).await? })
    }

    /// Posts a delivery; `None` when the server is gone before it answered.
    pub async fn post(&mut self, delivery: &Delivery) -> Option<Response> {
        let mut request = head(delivery, delivery.body.len()).into_bytes();
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&delivery.body);
        self.send(&request).await
    }

    /// Posts a delivery of GitHub's.
    pub async fn post_github(&mut self, delivery: &GithubDelivery) -> Option<Response> {
        let signature = delivery.signature.as_deref().unwrap_or_default();
        let mut request = format!(
            "POST /api/webhooks/github-mcp/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nX-GitHub-Delivery: {}\r\nX-GitHub-Event: {}\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {}\r\n\r\n",
            delivery.content_type, delivery.id, delivery.event, delivery.body.len()
        )
        .into_bytes();
        request.extend_from_slice(&delivery.body);
        self.send(&request).await
    }

    /// Asks for a page with the given further header lines, each with its line end.
    pub async fn get(&mut self, path: &str, headers: &str) -> Option<Response> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.send(request.as_bytes()).await
    }

    /// Sends any bytes and reads one answer.
    pub async fn send(&mut self, request: &[u8]) -> Option<Response> {
        self.stream.write_all(request).await.ok()?;
        self.answer().await
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        self.stream.shutdown().await.expect("half closed");
    }

    pub async fn answer(&mut self) -> Option<Response> {
        let mut text = Vec::new();
        loop {
            let mut part = [0; 4096];
            let read = self.stream.read(&mut part).await.ok()?;
            if read == 0 {
                return None;
            }
            text.extend_from_slice(&part[..read]);
            let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1)?.lines().next()?.trim().parse().ok()?;
            if text.len() >= end + 4 + length {
                let status = head.split(' ').nth(1)?.parse().ok()?;
                let body = String::from_utf8_lossy(&text[end + 4..]).into_owned();
                return Some(Response { status, head, body });
            }
        }
    }
}

/// The head of a POST to Plane's endpoint, without its last empty line.
pub fn head(delivery: &Delivery, length: usize) -> String {
    format!(
        "POST /api/webhooks/plane HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nX-Plane-Delivery: {}\r\nX-Plane-Event: issue\r\nX-Plane-Signature: {}\r\nContent-Length: {length}\r\n",
        delivery.content_type, delivery.id, delivery.signature
    )
}

/// Waits until `holds` says so; what happens in another process can't be awaited.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < DEADLINE, "{what} did not happen within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

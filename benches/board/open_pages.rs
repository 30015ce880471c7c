//! How long after a webhook the boards of many open pages show it: each page listens to the stream
//! of events and fetches itself when it is told of a change, as its script does.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::plane::{Delivery, SECRET, issue_delivery};

/// How many pages are open in each run.
const PAGES: [usize; 3] = [1, 100, 1000];
/// Items on the board.
const ITEMS: usize = 500;
/// Changes that are timed.
const CHANGES: usize = 10;
/// Longer than this is never.
const NEVER: Duration = Duration::from_mins(1);

/// Prints how long the changes took to the pages of each run.
pub async fn report() {
    println!("from a webhook to the board of every open page, {ITEMS} items, SQLite");
    println!("{:>6} {:>10} {:>10} {:>10} {:>14}", "pages", "p50", "p99", "last", "memory a page");
    for pages in PAGES {
        let (mut took, kib) = run(pages).await;
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        println!(
            "{pages:>6} {:>7.0} ms {:>7.0} ms {:>7.0} ms {kib:>10} KiB",
            at(50),
            at(99),
            at(100)
        );
    }
}

struct Server {
    process: Child,
    port: u16,
    cookie: Arc<str>,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
            .arg("serve")
            .current_dir(folder.path())
            .env_clear()
            .env("JETBRIDGE_LISTEN", "127.0.0.1:0")
            .env("JETBRIDGE_DATA_DIR", folder.path())
            .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
            .env("JETBRIDGE_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server");
        let mut said = std::io::BufReader::new(process.stdout.take().expect("piped"));
        let (mut port, mut link) = (None, None);
        while port.is_none() || link.is_none() {
            let mut text = String::new();
            std::io::BufRead::read_line(&mut said, &mut text).expect("a line");
            let listens = text.split("listens on http://127.0.0.1:").nth(1);
            port = port.or(listens
                .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()));
            link = link.or(text.split("/login?link=").nth(1).map(|link| link.trim().to_owned()));
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let mut server =
            Self { process, port: port.expect("a port"), cookie: Arc::from(""), _folder: folder };
        server.sign_in(&link.expect("a link")).await;
        server
    }

    /// Resident memory, KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    async fn sign_in(&mut self, link: &str) {
        let form = format!("link={link}");
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = Connection::to(self.port).await.ask(&head).await;
        let cookie = answer.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next());
        self.cookie = cookie.unwrap_or_else(|| panic!("signed in: {answer}")).into();
    }

    async fn post(&self, delivery: &Delivery) {
        let head = format!(
            "POST /api/webhooks/plane HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             X-Plane-Delivery: {}\r\nX-Plane-Signature: {}\r\nContent-Length: {}\r\n\r\n{}",
            delivery.id,
            delivery.signature,
            delivery.body.len(),
            String::from_utf8_lossy(&delivery.body)
        );
        let answer = Connection::to(self.port).await.ask(&head).await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
    }
}

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn to(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        Self(BufReader::new(stream))
    }

    async fn say(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).await.expect("sent");
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("a line");
        line
    }

    /// Sends a request and reads the answer: its head in lower case, its body as it is.
    async fn ask(&mut self, request: &str) -> String {
        self.say(request).await;
        let mut answer = String::new();
        loop {
            let line = self.line().await;
            if line.trim().is_empty() {
                break;
            }
            answer.push_str(&line.to_ascii_lowercase());
        }
        let length = answer.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
        self.0.read_exact(&mut body).await.expect("a body");
        answer + &String::from_utf8_lossy(&body)
    }
}

/// How long each change took to each page, and what an open page's two connections cost the server.
async fn run(pages: usize) -> (Vec<Duration>, u64) {
    let server = Server::start().await;
    for n in 0..ITEMS {
        let state = [("Todo", "unstarted"), ("Doing", "started"), ("Done", "completed")][n % 3];
        let at = format!("2026-11-21T{:02}:{:02}:00Z", n / 60 % 24, n % 60);
        server.post(&issue_delivery(&format!("item-{n}"), &format!("Item {n}"), state, &at)).await;
    }
    let before = server.memory();
    let (seen, mut all_seen) = mpsc::unbounded_channel();
    let (listens, mut all_listen) = mpsc::unbounded_channel();
    for _ in 0..pages {
        let page = page(server.port, Arc::clone(&server.cookie), listens.clone(), seen.clone());
        tokio::spawn(page);
    }
    for _ in 0..pages {
        timeout(NEVER, all_listen.recv()).await.expect("every page listens");
    }
    let kib = server.memory().saturating_sub(before) / pages as u64;
    let mut took = Vec::with_capacity(pages * CHANGES);
    for change in 0..CHANGES {
        let at = format!("2026-11-22T01:{change:02}:00Z");
        let begun = Instant::now();
        let title = format!("Change {change} of the run");
        server.post(&issue_delivery("item-0", &title, ("Doing", "started"), &at)).await;
        for _ in 0..pages {
            let (which, when): (usize, Instant) = timeout(NEVER, all_seen.recv())
                .await
                .expect("every page shows it")
                .expect("a page");
            assert_eq!(which, change, "a page shows each change once");
            took.push(when - begun);
        }
    }
    (took, kib)
}

/// One page: tells when it listens, and of each change when its board shows it.
async fn page(
    port: u16,
    cookie: Arc<str>,
    listens: mpsc::UnboundedSender<()>,
    seen: mpsc::UnboundedSender<(usize, Instant)>,
) {
    let ask = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n"
        )
    };
    let (mut stream, mut fetcher) = (Connection::to(port).await, Connection::to(port).await);
    stream.say(&ask("/live")).await;
    while !stream.line().await.contains("event: hello") {}
    if listens.send(()).is_err() {
        return;
    }
    let mut next = 0;
    while next < CHANGES {
        while !stream.line().await.contains("event: work-items") {}
        let board = fetcher.ask(&ask("/boards")).await;
        if board.contains(&format!("Change {next} of the run")) {
            if seen.send((next, Instant::now())).is_err() {
                return;
            }
            next += 1;
        }
    }
}

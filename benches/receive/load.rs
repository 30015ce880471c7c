//! The load: signed requests made beforehand, sent over connections that stay open.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jetbridge::config::Secrets;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Verified};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// What a Plane description of a few screens comes to.
pub(crate) const BODY_BYTES: usize = 9 * 1024;
/// Known to both sides.
pub(crate) const SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";
/// Opens the figures of the product.
pub(crate) const ADMIN_TOKEN: &str = "benchmark_0123456789abcdef0123456789abcdef";
/// A few deliveries an item, as in life: one edit sends several.
const DELIVERIES_PER_ITEM: usize = 4;

/// All requests of a run.
pub(crate) struct Requests(Vec<Request>);

struct Request {
    delivery_id: String,
    signature: String,
    body: Bytes,
    /// Head and body, as they are sent.
    wire: Bytes,
}

impl Requests {
    pub(crate) fn new(count: usize) -> Self {
        let mut item = Uuid::new_v4();
        let requests = (0..count).map(|i| {
            if i % DELIVERIES_PER_ITEM == 0 {
                item = Uuid::new_v4();
            }
            let body = body(item, i);
            let mut mac =
                Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
            mac.update(body.as_bytes());
            let signature = hex::encode(mac.finalize().into_bytes());
            let delivery_id = Uuid::new_v4().to_string();
            let head = head(&delivery_id, &signature, body.len());
            let wire = Bytes::from(format!("{head}{body}"));
            Request { body: wire.slice(head.len()..), delivery_id, signature, wire }
        });
        Self(requests.collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn verified(&self) -> Vec<Verified> {
        let secrets = Secrets::new([SECRET.to_owned()]);
        let verify = |r: &Request| {
            let raw = RawDelivery {
                delivery_id: Some(&r.delivery_id),
                signature: Some(&r.signature),
                ..RawDelivery::default()
            };
            verify(&raw, r.body.clone(), &secrets).expect("its signature is right")
        };
        self.0.iter().map(verify).collect()
    }
}

/// An edit as a real Plane sends it, filled up with a description in words that repeat as words do.
fn body(item: Uuid, number: usize) -> String {
    const WORDS: [&str; 12] = [
        "webhook",
        "delivery",
        "retry",
        "the",
        "board",
        "shows",
        "a",
        "state",
        "column",
        "moved",
        "when",
        "signature",
    ];
    let updated_at = format!(
        "2026-11-22T01:{:02}:{:02}.{:06}Z",
        number / 60 % 60,
        number % 60,
        number % 1_000_000
    );
    let mut text = format!(
        r##"{{"event": "issue", "action": "updated", "webhook_id": "8348df20-3249-465e-95c3-7e02746b6cc0", "workspace_id": "9d313cd8-d5ad-4a57-93e4-c6c0963a51d8", "data": {{"id": "{item}", "labels": [{{"id": "1677995f-d40b-4f06-9f2c-3149403a3f21", "name": "bug", "color": "#d73a4a"}}], "assignees": [{{"id": "557968f7-4009-451b-8478-6f04d7748ad1", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "avatar": "", "avatar_url": null, "display_name": "ada"}}], "state": {{"id": "b57f96c0-8546-4894-a5b2-23bb085a1f42", "name": "Todo", "color": "#60646C", "group": "unstarted"}}, "created_at": "2026-11-22T00:44:16.030372Z", "updated_at": "{updated_at}", "deleted_at": null, "name": "Item {number}", "priority": "high", "sequence_id": {number}, "external_source": null, "external_id": null, "project": "ce59f358-8bb1-44d5-9060-9d2391371abf", "workspace": "9d313cd8-d5ad-4a57-93e4-c6c0963a51d8", "description_html": "<p>"##
    );
    let tail = r#"</p>"}, "activity": {"field": "description_html", "new_value": "", "old_value": "", "actor": {"id": "ce117c3e-a93a-40f9-be50-63ab51bbfee3", "display_name": "sync-bot"}}}"#;
    let mut dice = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    while text.len() + tail.len() < BODY_BYTES {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(dice >> 33) as usize % WORDS.len()]);
        text.push_str(if dice >> 60 == 0 {
            ["</p><p>", ", "][(dice >> 59) as usize & 1]
        } else {
            " "
        });
    }
    text.push_str(tail);
    text
}

/// How fast requests follow one another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The next one as soon as a connection has its answer.
    FlatOut,
    /// So many a second over all connections, answered or not.
    PerSecond(f64),
}

fn head(delivery_id: &str, signature: &str, length: usize) -> String {
    format!(
        "POST /api/webhooks/plane HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Autopilot\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nX-Plane-Delivery: {delivery_id}\r\nX-Plane-Event: issue\r\nX-Plane-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// What sending all requests came to.
pub(crate) struct Sent {
    /// To the answer of each, seconds: from sending it, or from when it should have been sent where its
    /// connection was still waiting.
    pub(crate) latencies: Vec<f64>,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
}

/// Sends every request once. The connections are open and the requests lie ready before time begins.
pub(crate) async fn send_all(
    port: u16,
    requests: &Requests,
    connections: usize,
    pace: Pace,
) -> Sent {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        streams.push(stream);
    }
    let mut running = tokio::task::JoinSet::new();
    let begun = Instant::now();
    for (connection, stream) in streams.into_iter().enumerate() {
        let share = requests.0.iter().enumerate().skip(connection).step_by(connections);
        let due = |number: usize| match pace {
            Pace::FlatOut => None,
            Pace::PerSecond(rate) => Some(begun + Duration::from_secs_f64(number as f64 / rate)),
        };
        let share: Vec<_> = share.map(|(n, request)| (due(n), request.wire.clone())).collect();
        running.spawn(send(stream, share));
    }
    let latencies = running.join_all().await.into_iter().flatten().collect();
    Sent { latencies, seconds: begun.elapsed().as_secs_f64() }
}

async fn send(mut stream: TcpStream, requests: Vec<(Option<Instant>, Bytes)>) -> Vec<f64> {
    let mut answer = vec![0; 4096];
    let mut latencies = Vec::with_capacity(requests.len());
    for (due, request) in requests {
        let late = due.filter(|due| *due <= Instant::now());
        if let Some(due) = due.filter(|_| late.is_none()) {
            tokio::time::sleep_until(due.into()).await;
        }
        let begun = late.unwrap_or_else(Instant::now);
        stream.write_all(&request).await.expect("sent");
        read_answer(&mut stream, &mut answer).await;
        latencies.push(begun.elapsed().as_secs_f64());
    }
    latencies
}

/// Asks for something harmless; `None` where nobody listens.
pub(crate) async fn status_of(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// How many deliveries shared a commit, on average.
pub(crate) async fn rows_a_commit(port: u16) -> f64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut figures = String::new();
    stream.read_to_string(&mut figures).await.expect("figures");
    let figure = |name: &str| -> f64 {
        let line = figures.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok()).expect("the figure")
    };
    figure("jetbridge_commit_deliveries_sum") / figure("jetbridge_commit_deliveries_count")
}

/// Reads one answer; anything but 200 ends the benchmark, as its figures would mean nothing.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
        assert!(read > 0, "the server hung up");
        filled += read;
        let text = &buffer[..filled];
        let Some(head) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head_text = std::str::from_utf8(&text[..head]).expect("text").to_ascii_lowercase();
        assert!(head_text.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(text));
        let length =
            head_text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.and_then(|l| l.trim().parse().ok()).expect("a content-length");
        if filled >= head + 4 + length {
            return;
        }
    }
}

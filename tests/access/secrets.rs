//! Neither a token's text nor a session's cookie is in a log, an error, a listing or the audit log,
//! with the log at its most talkative, whatever people put where.

use std::process::Output;

use crate::commands::jetbridge;
use crate::site::{ADMIN, sqlite};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::{Client, Served};

async fn ask(client: &mut Client, line: &str, headers: &str, body: &str) -> String {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = client.send(request.as_bytes()).await.expect("an answer");
    format!("{}\n{}", answer.head, answer.body)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn no_token_and_no_cookie_is_in_anything_that_is_printed_or_kept() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let folder = database.folder.path();
    let made = jetbridge(&database, &["token", "create", "ops", "--scope", "admin"]);
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let other = format!("jbt_{}", "5".repeat(64));
    let environment = [("JETBRIDGE_LOG", "trace"), ("JETBRIDGE_ADMIN_TOKEN", ADMIN)];
    let served = Served::start_with(&database.text, folder, &[], &environment);
    let mut client = served.connect().await;
    let client = &mut client;

    let page = "Sec-Fetch-Site: same-origin\r\n";
    let signed_in = ask(client, "POST /login", page, &format!("token={token}")).await;
    let cookie = signed_in.split("jetbridge_session=").nth(1).unwrap()[..64].to_owned();
    let mut seen = ask(client, "POST /login", page, &format!("token={other}")).await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let session = format!("Cookie: jetbridge_session={cookie}\r\n{page}");
    for headers in [bearer(&token), bearer(&other), bearer(ADMIN), session] {
        for line in [
            "GET /api/v1/tokens".to_owned(),
            "GET /access".to_owned(),
            "GET /api/v1/repositories/x/y".to_owned(),
            // What people put where a name belongs.
            format!("DELETE /api/v1/tokens/{token}"),
            format!("POST /api/v1/deliveries/plane/{other}/replay"),
        ] {
            seen += &ask(client, &line, &headers, "").await;
        }
        let body = format!(r#"{{"name":"{token}","scope":"viewer"}}"#);
        ask(client, "POST /api/v1/tokens", &headers, &body).await;
    }
    seen += &ask(client, "GET /api/v1/audit?limit=200", &bearer(&token), "").await;
    assert!(seen.contains("revoke a token") && seen.contains("[a token]"), "{seen}");
    for arguments in
        [&["token", "list"][..], &["token", "list", "--json"], &["token", "revoke", token.as_str()]]
    {
        seen += &said(&jetbridge(&database, arguments));
    }
    let audit = jetbridge(&database, &["token", "revoke", "ops"]);
    seen += &said(&audit);
    served.terminate();
    let log = std::fs::read_to_string(folder.join("stderr.log")).unwrap();
    assert!(log.contains("stopping"), "there is a log: {log}");
    seen += &log;
    let mut kept = Vec::new();
    for name in ["jetbridge.db", "jetbridge.db-wal"] {
        kept.extend(std::fs::read(folder.join(name)).unwrap_or_default());
    }
    let kept = String::from_utf8_lossy(&kept);
    for secret in [&token[4..], &other[4..], ADMIN, cookie.as_str()] {
        let at = seen.find(secret);
        let around = at.map_or("", |at| &seen[at.saturating_sub(200)..at]);
        assert_eq!(at, None, "{secret} was printed: …{around}…");
        assert!(!kept.contains(secret), "{secret} is in the database");
    }
}

#[tokio::test]
async fn what_shares_the_state_prints_no_token() {
    let site = sqlite().await;
    let token = site.token("ci", jetbridge::access::Scope::Viewer).await.text;
    let shown = format!("{:?} {:?}", site.state, site.audit().await);
    assert!(!shown.contains(&token) && !shown.contains(ADMIN));
}

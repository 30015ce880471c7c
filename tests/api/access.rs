//! Who gets in, and who does not.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::web::auth::one_time_link;

use crate::browsing::{Seen, Site, TOKEN, sqlite};
use crate::support::databases::{Kind, TestDatabase};

const GUARDED: [&str; 12] = [
    "/api/v1/work-items",
    "/api/v1/work-items/plane:1",
    "/api/v1/work-items/plane:1/timeline",
    "/api/v1/deliveries",
    "/api/v1/deliveries/plane/1",
    "/api/v1/repositories",
    "/api/v1/repositories/octo-org/octo-repo",
    "/api/v1/stats",
    "/api/v1/health",
    "/api/openapi.json",
    "/api/docs",
    "/metrics",
];
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn without_a_token_or_a_session_the_api_answers_401() {
    let site = sqlite().await;
    for path in GUARDED {
        let seen = site.ask(Method::GET, path, &[], "").await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(seen.header("www-authenticate"), "Bearer");
        assert_eq!(seen.header("content-type"), "application/problem+json");
        assert_eq!(seen.json()["status"], 401);
    }
    let seen = site.ask(Method::POST, "/api/v1/deliveries/replay", &[], "").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wrong_authorization_is_401_whatever_it_looks_like() {
    let site = sqlite().await;
    let wrong =
        ["", "Bearer", "Bearer ", "Bearer nope", TOKEN, &format!("Basic {TOKEN}"), "Bearer \u{e9}"];
    for authorization in wrong {
        let headers = [("authorization", authorization)];
        let seen = site.ask(Method::GET, "/api/v1/stats", &headers, "").await;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert!(!seen.body.contains(TOKEN));
    }
}

#[tokio::test]
async fn every_admin_token_of_the_list_is_accepted() {
    let site = sqlite().await;
    for authorization in [format!("Bearer {TOKEN}"), "bearer  jba_the-one-before".to_owned()] {
        let seen =
            site.ask(Method::GET, "/api/v1/stats", &[("authorization", &authorization)], "").await;
        assert_eq!(seen.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_page_without_a_session_leads_to_the_sign_in_and_back() {
    let site = sqlite().await;
    let seen = site.ask(Method::GET, "/boards?q=a%20b&label=x", &[], "").await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert_eq!(seen.header("location"), "/login?next=%2Fboards%3Fq%3Da%2520b%26label%3Dx");
    let page = site.ask(Method::GET, seen.header("location"), &[], "").await;
    assert!(
        page.body.contains(r#"name="next" value="/boards?q=a%20b&#38;label=x""#),
        "{}",
        page.body
    );
    let signed_in = site.sign_in(&[("token", TOKEN), ("next", "/boards?q=a%20b&label=x")]).await;
    assert_eq!(signed_in.header("location"), "/boards?q=a%20b&label=x");
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_to_another_server() {
    let site = sqlite().await;
    for next in
        ["//evil.example", "https://evil.example", "/\\evil.example", "/\n/evil.example", "evil"]
    {
        let seen = site.sign_in(&[("token", TOKEN), ("next", next)]).await;
        assert_eq!(seen.header("location"), "/boards", "{next:?}");
    }
    let odd = site.ask(Method::GET, "//evil.example/boards", &[], "").await;
    assert!(!odd.header("location").contains("evil"), "{odd:?}");
}

#[tokio::test]
async fn a_session_opens_pages_and_the_api_until_it_is_closed() {
    let site = sqlite().await;
    let cookie = site.session().await;
    assert!(site.opens_with(&cookie).await);
    let api = site.ask(Method::GET, "/api/v1/stats", &[("cookie", &cookie)], "").await;
    assert_eq!(api.status, StatusCode::OK);
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let out = site.ask(Method::POST, "/logout", &headers, "").await;
    assert_eq!(out.header("location"), "/login");
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert!(!site.opens_with(&cookie).await);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days() {
    let site = sqlite().await;
    let cookie = site.session().await;
    site.app.clock.advance(29 * DAY + 23 * HOUR);
    assert!(site.opens_with(&cookie).await);
    site.app.clock.advance(HOUR);
    assert!(!site.opens_with(&cookie).await);
}

#[tokio::test]
async fn a_cookie_that_means_nothing_is_no_session_and_no_error() {
    let site = sqlite().await;
    let good = site.session().await;
    let flipped = if good.ends_with('0') { '1' } else { '0' };
    let tampered = format!("{}{flipped}", &good[..good.len() - 1]);
    let upper = good.to_uppercase().replace("JETBRIDGE_SESSION", "jetbridge_session");
    for bad in [
        "",
        "=",
        "jetbridge_session",
        "jetbridge_session=",
        "jetbridge_session=%00",
        &tampered,
        &upper,
    ] {
        assert!(!site.opens_with(bad).await, "{bad}");
    }
    assert!(site.opens_with(&format!("other=1; {good}; theme=dark")).await);
}

#[tokio::test]
async fn the_cookie_is_for_our_pages_alone_and_secure_where_they_are() {
    let plain = sqlite().await.sign_in(&[("token", TOKEN)]).await;
    let database = TestDatabase::new(Kind::Sqlite).await;
    let secure =
        Site::at("https://hooks.example.org", database).await.sign_in(&[("token", TOKEN)]).await;
    for (seen, is_secure) in [(plain, false), (secure, true)] {
        let cookie = seen.header("set-cookie");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"), "{cookie}");
        assert_eq!(cookie.ends_with("; Secure"), is_secure);
        let name = if is_secure { "__Host-jetbridge_session" } else { "jetbridge_session" };
        assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
        assert_eq!(seen.cookie().len(), name.len() + 1 + 64);
    }
}

#[tokio::test]
async fn a_change_by_cookie_must_come_from_our_own_pages() {
    let site = sqlite().await;
    let cookie = site.session().await;
    let ours: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://127.0.0.1:8080")],
        &[("origin", "http://board.local"), ("host", "board.local")],
    ];
    let foreign: [&[(&str, &str)]; 5] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")],
        &[("origin", "https://evil.example"), ("host", "127.0.0.1:8080")],
        &[("origin", "null"), ("host", "127.0.0.1:8080")],
    ];
    for path in ["/api/v1/deliveries/replay", "/deliveries/plane/x/replay"] {
        for (cases, refused) in [(&ours[..], false), (&foreign[..], true)] {
            for case in cases {
                let headers = [&[("cookie", cookie.as_str())], *case].concat();
                let seen = site.ask(Method::POST, path, &headers, "").await;
                assert_eq!(
                    seen.status == StatusCode::FORBIDDEN,
                    refused,
                    "{path} {case:?} {seen:?}"
                );
            }
        }
    }
    for case in foreign {
        let login = site.ask(Method::POST, "/login", case, &format!("token={TOKEN}")).await;
        assert_eq!((login.status, login.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
        let headers = [&[("cookie", cookie.as_str())], case].concat();
        let logout = site.ask(Method::POST, "/logout", &headers, "").await;
        assert_eq!(logout.status, StatusCode::FORBIDDEN);
    }
    assert!(site.opens_with(&cookie).await);
}

#[tokio::test]
async fn a_token_needs_no_page_of_ours() {
    let site = sqlite().await;
    assert_eq!(site.post("/api/v1/deliveries/replay", "").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_wrong_token_is_told_with_the_tries_that_are_left_and_never_repeated() {
    let site = sqlite().await;
    let seen = site.sign_in(&[("token", "not-the-token")]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(seen.body.contains("9 tries are left in this minute"));
    assert!(!seen.body.contains("not-the-token"));
    assert_eq!(seen.header("set-cookie"), "");
}

#[tokio::test]
async fn after_ten_wrong_tries_even_the_right_token_waits_for_the_minute_to_pass() {
    let site = sqlite().await;
    for _ in 0..20 {
        site.session().await;
    }
    for left in (0..10).rev() {
        let seen = site.sign_in(&[("token", "wrong")]).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
        let words =
            if left == 1 { "1 try is left".to_owned() } else { format!("{left} tries are left") };
        assert!(seen.body.contains(&words), "{left}");
    }
    site.app.clock.advance(Duration::from_secs(20));
    let seen = site.sign_in(&[("token", TOKEN)]).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.header("retry-after"), "41");
    site.app.clock.advance(Duration::from_secs(41));
    site.session().await;
}

async fn link_token(site: &Site) -> String {
    let link = one_time_link(&site.state).await.unwrap();
    let token = link.strip_prefix("http://127.0.0.1:8080/login?link=").expect("our address");
    token.to_owned()
}

fn signed_in(seen: &Seen) -> bool {
    assert!([StatusCode::SEE_OTHER, StatusCode::FORBIDDEN].contains(&seen.status), "{seen:?}");
    seen.status == StatusCode::SEE_OTHER && seen.header("location") == "/boards"
}

#[tokio::test]
async fn a_one_time_link_works_once_and_opening_it_uses_nothing_up() {
    let site = sqlite().await;
    let token = link_token(&site).await;
    for _ in 0..3 {
        let page = site.ask(Method::GET, &format!("/login?link={token}"), &[], "").await;
        assert_eq!((page.status, page.header("set-cookie")), (StatusCode::OK, ""));
        assert!(page.body.contains(&format!(r#"name="link" value="{token}""#)));
    }
    let first = site.sign_in(&[("link", &token)]).await;
    assert!(signed_in(&first));
    assert!(site.opens_with(first.cookie()).await);
    assert!(!signed_in(&site.sign_in(&[("link", &token)]).await));
}

#[tokio::test]
async fn a_one_time_link_expires_after_fifteen_minutes() {
    let site = sqlite().await;
    let token = link_token(&site).await;
    site.app.clock.advance(15 * MINUTE);
    let seen = site.sign_in(&[("link", &token)]).await;
    assert!(!signed_in(&seen));
    assert!(seen.body.contains("used or is too old"));
}

#[tokio::test]
async fn a_link_is_no_session_and_a_session_is_no_link() {
    let site = sqlite().await;
    let token = link_token(&site).await;
    assert!(!site.opens_with(&format!("jetbridge_session={token}")).await);
    let cookie = site.session().await;
    let session = cookie.strip_prefix("jetbridge_session=").unwrap();
    assert!(!signed_in(&site.sign_in(&[("link", session)]).await));
    assert!(site.opens_with(&cookie).await);
    // A link that is not one gives no way around the token.
    assert!(!signed_in(&site.sign_in(&[("link", ""), ("token", "wrong")]).await));
}

#[tokio::test]
async fn text_in_the_sign_in_address_is_shown_as_text() {
    let site = sqlite().await;
    let attack = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [format!("/login?link={attack}"), format!("/login?next=/{attack}")] {
        let seen = site.ask(Method::GET, &path, &[], "").await;
        assert!(!seen.body.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn a_sign_in_form_is_small() {
    let site = sqlite().await;
    let seen = site.sign_in(&[("token", &"x".repeat(20_000))]).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
}

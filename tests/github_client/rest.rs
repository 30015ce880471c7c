//! The REST client: the contract, and what is its alone.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use jetbridge::clients::github::ReadGitHub;
use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::clients::github_rest::listing::Place;
use jetbridge::config::Secrets;
use jetbridge::failure::Failure;
use jetbridge::sim::github::{NewIssue, RequestFault, Switched};

use crate::contract::{self, PATIENT};
use crate::{TOKEN, any_github, clock, repository, rest, secret};

#[tokio::test]
async fn rest_keeps_the_contract() {
    let clock = clock();
    let sim = any_github(&clock).await;
    contract::hold(&sim, &clock, |token, limit| rest(&sim, token, &clock, limit)).await;
}

#[tokio::test]
async fn a_reset_within_the_hour_is_waited_for_to_the_second() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let resets_in = Duration::from_mins(30);
    sim.add_request_faults([
        RequestFault::PrimaryLimit { resets_in },
        RequestFault::SecondaryLimit { retry_after: None },
    ]);
    let failed = client.fetch_issue(&repository("octo/app"), 1).await.unwrap_err();
    let Failure::Quota { wait, .. } = failed else { panic!("{failed:?}") };
    // GitHub's reset is in whole seconds.
    assert!((1800..=1801).contains(&wait.as_secs()), "{wait:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    sim.add_request_faults([RequestFault::Reset]);
    let failed = client.fetch_issue(&repository("octo/app"), 1).await;
    assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{failed:?}");
}

#[tokio::test]
async fn a_secondary_limit_without_a_header_is_known_by_its_words() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    sim.add_request_faults([RequestFault::SecondaryLimit { retry_after: None }]);
    let failed = client.fetch_issue(&repository("octo/app"), 1).await.unwrap_err();
    assert!(matches!(failed, Failure::Quota { wait, .. } if wait == Duration::from_mins(1)));
}

/// Every title of a list that is walked to its end, and the sizes of its pages.
async fn walked(client: &GitHubRest) -> (BTreeSet<String>, Vec<usize>) {
    let (mut titles, mut sizes, mut place) = (BTreeSet::new(), Vec::new(), Place::since(None));
    loop {
        let part = client.list_issues(&repository("octo/app"), &place).await.unwrap();
        sizes.push(part.entries.len());
        titles.extend(part.entries.into_iter().map(|entry| entry.issue.title));
        let Some(next) = part.next else { return (titles, sizes) };
        place = next;
    }
}

#[tokio::test]
async fn a_page_that_is_shorter_than_it_was_asked_for_is_not_the_last() {
    let clock = clock();
    let sim = any_github(&clock).await;
    for number in 1..=120 {
        clock.advance(Duration::from_secs(1));
        let issue = NewIssue::titled(format!("Issue {number}"));
        sim.acting_as("ada").open_issue("octo/app", &issue).unwrap();
    }
    sim.show_issue("octo/app", 5, Switched::Off).unwrap();
    let (titles, sizes) = walked(&rest(&sim, TOKEN, &clock, PATIENT)).await;
    assert_eq!((titles.len(), sizes[0]), (119, 99));
}

#[tokio::test]
async fn a_page_that_is_too_long_to_be_read_is_asked_for_in_smaller_ones() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let body = "x".repeat(256 * 1024);
    // All of them have one second, so that the list has to be followed by its pages.
    for number in 1..=90 {
        let issue = NewIssue::titled(format!("Issue {number}")).with_body(&body);
        sim.acting_as("ada").open_issue("octo/app", &issue).unwrap();
    }
    let (titles, sizes) = walked(&rest(&sim, TOKEN, &clock, Duration::from_mins(1))).await;
    assert_eq!(titles.len(), 90);
    assert!(sizes.iter().all(|size| *size <= 20), "{sizes:?}");
}

#[tokio::test]
async fn comments_that_are_too_long_together_are_read_in_smaller_pages() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/app", &NewIssue::titled("One")).unwrap();
    for number in 1..=130 {
        ada.comment("octo/app", 1, &format!("{number} {}", "x".repeat(2_000))).unwrap();
    }
    // More than thirty of them are too long together.
    let client = rest(&sim, TOKEN, &clock, PATIENT).reading_at_most(100_000);
    let name = repository("octo/app");
    let comments = client.fetch_comments(&name, 1).await.unwrap().all;
    let texts: BTreeSet<_> = comments.iter().map(|comment| comment.body.clone()).collect();
    assert_eq!((comments.len(), texts.len()), (130, 130));
    let (mut old, mut place) = (0, None);
    loop {
        let page = client.fetch_old_comments(&name, 1, place).await.unwrap();
        old += page.comments.len();
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(old, 130);
    let nothing = client.reading_at_most(1_000).fetch_comments(&name, 1).await.unwrap_err();
    assert!(nothing.to_string().contains("more than 16 MiB"), "{nothing}");
}

/// Something that answers everything alike.
async fn answers(status: u16, headers: Vec<(&'static str, String)>, body: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move || {
        let headers: http::HeaderMap = headers
            .iter()
            .map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap()))
            .collect();
        async move { (StatusCode::from_u16(status).unwrap(), headers, body) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn asked_at(api_url: &str) -> Failure {
    let client = GitHubRest::new(api_url, &secret(TOKEN), clock(), PATIENT).unwrap().unwrap();
    client.fetch_issue(&repository("octo/app"), 1).await.unwrap_err()
}

#[tokio::test]
async fn the_token_never_follows_a_redirect_to_another_place() {
    let clock = clock();
    let elsewhere = any_github(&clock).await;
    elsewhere.acting_as("ada").open_issue("octo/app", &NewIssue::titled("A")).unwrap();
    let place = format!("{}/repos/octo/app/issues/1", elsewhere.api_url());
    let here = answers(301, vec![("location", place)], "{}").await;
    let failed = asked_at(&here).await;
    assert!(failed.to_string().contains("outside of github.api_url"), "{failed}");
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let here = answers(302, vec![("location", "/again".to_owned())], "{}").await;
    assert!(matches!(asked_at(&here).await, Failure::Retry { .. }));
}

#[tokio::test]
async fn what_is_not_github_is_said_and_tried_again() {
    let page = answers(200, Vec::new(), "<html>Sign in to the guest network</html>").await;
    let failed = asked_at(&page).await;
    assert!(matches!(failed, Failure::Retry { .. }));
    assert!(failed.to_string().contains("github.api_url"), "{failed}");
    assert!(matches!(asked_at("http://127.0.0.1:1").await, Failure::Retry { .. }));
}

#[tokio::test]
async fn the_permission_that_is_needed_is_named() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let client = rest(&sim, crate::POWERLESS, &clock, PATIENT);
    let failed = client.fetch_issue(&repository("octo/app"), 1).await.unwrap_err();
    assert!(failed.to_string().contains("issues=read"), "{failed}");
}

#[test]
fn a_client_is_made_of_a_token_and_an_address_and_shows_neither_secret() {
    let made = |url: &str, token: &Secrets| GitHubRest::new(url, token, clock(), PATIENT);
    assert!(made("https://api.github.com", &Secrets::none()).unwrap().is_none());
    assert!(
        made("api.github.com", &secret(TOKEN)).unwrap_err().to_string().contains("github.api_url")
    );
    let client = made("https://me:pass@api.github.com", &secret(TOKEN)).unwrap().unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("pass"), "{shown}");
}

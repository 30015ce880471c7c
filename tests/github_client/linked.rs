//! Which issues a pull request closes by GitHub's own account: GraphQL, and what stands for it where
//! there is none.

use std::collections::BTreeSet;
use std::time::Duration;

use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::clients::github_rest::graphql::Linked;
use jetbridge::failure::Failure;
use jetbridge::sim::github::{NewIssue, RequestFault, SimGitHub, Switched};

use crate::contract::PATIENT;
use crate::{POWERLESS, TOKEN, any_github, clock, repository, rest, secret};

/// Two issues and a pull request, which names the first one and is linked with the second.
fn a_pull_request(sim: &SimGitHub) -> u64 {
    let ada = sim.acting_as("ada");
    for title in ["One", "Two"] {
        ada.open_issue("octo/app", &NewIssue::titled(title)).unwrap();
    }
    let pull = NewIssue::titled("Mend").with_body("Fixes #1");
    let number = ada.open_pull_request("octo/app", &pull, "mend").unwrap();
    ada.link_issue("octo/app", number, 2).unwrap();
    number
}

fn why(linked: Result<Linked, Failure>) -> String {
    match linked {
        Ok(Linked::NotTold { why }) => why,
        other => panic!("nothing is told: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_linked_by_hand_and_what_is_named_are_told_together() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = a_pull_request(&sim);
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let told = client.fetch_linked_issues(&repository("Octo/App"), number).await.unwrap();
    let issues = BTreeSet::from(["octo/app#1".to_owned(), "octo/app#2".to_owned()]);
    assert_eq!(told, Linked::Told { issues, read: 2, total: 2 });
    assert_eq!(client.account().said(), None, "REST's budget is another one");
}

#[tokio::test]
async fn a_token_that_may_not_and_a_server_without_it_say_so_and_are_no_failure() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = a_pull_request(&sim);
    let powerless = rest(&sim, POWERLESS, &clock, PATIENT);
    let said = why(powerless.fetch_linked_issues(&repository("octo/app"), number).await);
    assert!(said.ends_with("the repository permission Pull requests: read"), "{said}");
    let unknown = rest(&sim, "ghp_unknown", &clock, PATIENT);
    let said = why(unknown.fetch_linked_issues(&repository("octo/app"), number).await);
    assert!(said.contains("401") && said.contains("github.token"), "{said}");
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    assert!(why(client.fetch_linked_issues(&repository("octo/app"), 1).await).contains("resolve"));
    sim.switch_graphql(Switched::Off);
    let said = why(client.fetch_linked_issues(&repository("octo/app"), number).await);
    assert_eq!(said, "its GraphQL answered 404");
}

#[tokio::test]
async fn a_used_up_budget_is_waited_for_and_stops_nothing_else() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = a_pull_request(&sim);
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    sim.exhaust_graphql(TOKEN, Duration::from_mins(30));
    for _ in 0..2 {
        let failed = client.fetch_linked_issues(&repository("octo/app"), number).await.unwrap_err();
        let Failure::Quota { wait, .. } = failed else { panic!("{failed:?}") };
        assert!((1799..=1801).contains(&wait.as_secs()), "{wait:?}");
    }
    let asked = sim.requests().into_iter().filter(|r| r.target == "/graphql").count();
    assert_eq!(asked, 1, "the second one was not asked");
    client.fetch_access(&repository("octo/app")).await.unwrap();
    clock.advance(Duration::from_mins(31));
    client.fetch_linked_issues(&repository("octo/app"), number).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_worth_another_try() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = a_pull_request(&sim);
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    for fault in [RequestFault::Status(502), RequestFault::Reset] {
        sim.add_request_faults([fault]);
        let failed = client.fetch_linked_issues(&repository("octo/app"), number).await;
        assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{failed:?}");
    }
}

#[tokio::test]
async fn on_a_server_of_ones_own_it_is_asked_beside_the_api() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = a_pull_request(&sim);
    let api = format!("{}/api/v3", sim.api_url());
    let client = GitHubRest::new(&api, &secret(TOKEN), clock.clone(), PATIENT).unwrap().unwrap();
    client.fetch_linked_issues(&repository("octo/app"), number).await.unwrap();
    assert_eq!(sim.requests().last().unwrap().target, "/api/graphql");
}

//! Writing to GitHub: what is sent, what comes of it, and what it may not do too often.

use std::collections::BTreeSet;
use std::time::Duration;

use jetbridge::clients::github::write::{GitHubWriter, WriteAccess, Written};
use jetbridge::failure::Failure;
use jetbridge::sim::github::{NewIssue, RequestFault, Switched};
use jetbridge::sync::plan::Assigning;

use crate::contract::PATIENT;
use crate::{TOKEN, any_github, clock, repository, rest};

const APP: &str = "octo/app";

fn logins(written: &Written) -> BTreeSet<String> {
    let Written::Taken(issue) = written else { panic!("{written:?}") };
    issue.assignees.iter().map(|account| account.login.clone()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn assignees_come_and_go_one_by_one_and_others_stay() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let issue = NewIssue::titled("Whose?").assigned_to(["hedy"]);
    let number = sim.acting_as("ada").open_issue(APP, &issue).unwrap();
    sim.set_assignable(APP, "mallory", Switched::Off).unwrap();
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let writer = GitHubWriter::new(&client);
    let change = async |assigning, logins: &[&str]| {
        clock.advance(Duration::from_secs(1));
        writer.change_assignees(&repository(APP), number, assigning, logins).await.unwrap()
    };
    let added = change(Assigning::Add, &["ada", "mallory"]).await;
    assert_eq!(logins(&added), set(&["ada", "hedy"]), "whom GitHub left out is not in its answer");
    let removed = change(Assigning::Remove, &["ada", "nobody-there"]).await;
    assert_eq!(logins(&removed), set(&["hedy"]));
    let eleven: Vec<String> = (0..11).map(|n| format!("dev{n}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    assert!(matches!(change(Assigning::Add, &eleven).await, Written::Refused { .. }));
}

#[tokio::test]
async fn two_writes_are_a_second_apart_and_the_second_one_is_not_sent() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = sim.acting_as("ada").open_issue(APP, &NewIssue::titled("Whose?")).unwrap();
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let writer = GitHubWriter::new(&client);
    let assign = async |login: &str| {
        writer.change_assignees(&repository(APP), number, Assigning::Add, &[login]).await
    };
    assign("ada").await.unwrap();
    let failed = assign("hedy").await.unwrap_err();
    let Failure::Quota { wait, .. } = failed else { panic!("{failed:?}") };
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    clock.advance(Duration::from_secs(1));
    assign("hedy").await.unwrap();
    let sent = sim.requests().into_iter().filter(|seen| seen.target.ends_with("/assignees"));
    assert_eq!(sent.count(), 2);
}

#[tokio::test]
async fn a_refused_write_names_the_permission_and_a_broken_one_is_tried_again() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let number = sim.acting_as("ada").open_issue(APP, &NewIssue::titled("Whose?")).unwrap();
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let writer = GitHubWriter::new(&client);
    for (fault, words) in [
        (RequestFault::Status(403), "Issues: read and write"),
        (RequestFault::Status(404), "looking again"),
        (RequestFault::Reset, "not available"),
    ] {
        sim.add_write_faults([fault]);
        clock.advance(Duration::from_secs(1));
        let app = repository(APP);
        let failed = writer.change_assignees(&app, number, Assigning::Add, &["ada"]).await;
        let failed = failed.unwrap_err();
        assert!(matches!(failed, Failure::Retry { .. }), "{failed:?}");
        assert!(failed.to_string().contains(words), "{failed}");
    }
}

#[tokio::test]
async fn whether_a_token_may_write_is_found_out_without_writing() {
    let clock = clock();
    let sim = any_github(&clock).await;
    let client = rest(&sim, TOKEN, &clock, PATIENT);
    let access = GitHubWriter::new(&client).access(&repository(APP)).await.unwrap();
    assert_eq!(access, WriteAccess::Granted);
    clock.advance(Duration::from_secs(1));
    let nowhere = GitHubWriter::new(&client).access(&repository("octo/nowhere")).await.unwrap();
    assert_eq!(nowhere, WriteAccess::NotShown);
}

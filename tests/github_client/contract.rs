//! What every client that reads faithfully must do, told as stories against a fake GitHub.

use std::time::Duration;

use jetbridge::clients::github::{Fetched, Fidelity, ReadGitHub};
use jetbridge::clock::Clock;
use jetbridge::failure::Failure;
use jetbridge::sim::github::{CloseReason, NewIssue, RequestFault, SimGitHub, Switched};
use jetbridge::sync::github::{Issue, IssueState, Milestoned};

use crate::{POWERLESS, TOKEN, repository};

/// Text that clumsy servers damage.
const HARD_TEXT: &str = "line1\r\nline2 <!-- hidden --> <script>x</script> \u{200b}zero & \"q\" 'a'\n```rust ignore\nfn f() {}\n```\n🚀";

/// Long enough for everything but a hang.
pub const PATIENT: Duration = Duration::from_secs(20);
/// How long to wait for an answer that never comes.
const IMPATIENT: Duration = Duration::from_secs(3);

/// Runs all stories; `client` makes a client with a token and a time limit.
pub async fn hold<C: ReadGitHub>(
    sim: &SimGitHub,
    clock: &Clock,
    client: impl Fn(&str, Duration) -> C,
) {
    let patient = client(TOKEN, PATIENT);
    reads_what_was_written(&patient, sim, clock).await;
    reads_all_comments(&patient, sim).await;
    tells_what_is_not_there(&patient, sim).await;
    tells_where_things_went(&patient, sim).await;
    tells_failures_apart(&patient, sim).await;
    waits_longest_for_a_better_token(&client, sim).await;
    waits_for_both_limits(&patient, sim, clock).await;
    gives_up_on_silence(&client(TOKEN, IMPATIENT), sim).await;
    assert_eq!(patient.who_am_i().await.unwrap().login, "jetbridge-bot");
}

async fn found(client: &impl ReadGitHub, number: u64) -> Issue {
    match client.fetch_issue(&repository("octo/app"), number).await.unwrap() {
        Fetched::Found(issue) => issue,
        other => panic!("an issue, not {other:?}"),
    }
}

/// The issue as the fake has it; clients are not told the repository's id.
fn as_it_is(sim: &SimGitHub, number: u64) -> Issue {
    let all = sim.issues("octo/app").unwrap();
    let issue = all.into_iter().find(|i| i.number == number).unwrap();
    Issue { repository_id: None, ..issue }
}

/// The issue as a client has it. The official MCP server leaves out what is null, so that there is no
/// milestone is not told by it.
pub fn as_told(issue: Issue, there: &Issue) -> Issue {
    let is_left_out = issue.milestone == Milestoned::Unsaid;
    match &there.milestone {
        Milestoned::Nowhere if is_left_out => Issue { milestone: Milestoned::Nowhere, ..issue },
        _ => issue,
    }
}

async fn reads_what_was_written(client: &impl ReadGitHub, sim: &SimGitHub, clock: &Clock) {
    let ada = sim.acting_as("ada");
    let new = NewIssue::titled("<b>Bold</b> & \"quoted\"")
        .with_body(HARD_TEXT)
        .with_labels(["bug", "good first issue"])
        .assigned_to(["grace", "renovate[bot]"]);
    let number = ada.open_issue("octo/app", &new).unwrap();
    let there = as_it_is(sim, number);
    assert_eq!(as_told(found(client, number).await, &there), there);
    let bare = ada.open_issue("octo/app", &NewIssue::titled("No body")).unwrap();
    assert_eq!(found(client, bare).await.body, None);
    let pull = ada.open_pull_request("octo/app", &NewIssue::titled("Fix"), "fix").unwrap();
    assert!(found(client, pull).await.pull_request);
    let closings = [
        (CloseReason::Completed, IssueState::Completed),
        (CloseReason::NotPlanned, IssueState::NotPlanned),
        (CloseReason::Duplicate, IssueState::Duplicate),
    ];
    for (reason, state) in closings {
        clock.advance(Duration::from_secs(2));
        ada.close("octo/app", number, reason).unwrap();
        let now = found(client, number).await;
        let there = as_it_is(sim, number);
        assert_eq!(now.state, state);
        assert_eq!(as_told(now, &there), there);
        ada.reopen("octo/app", number).unwrap();
        assert_eq!(found(client, number).await.state, IssueState::Reopened);
    }
}

async fn reads_all_comments(client: &impl ReadGitHub, sim: &SimGitHub) {
    let ada = sim.acting_as("ada");
    let number = ada.open_issue("octo/app", &NewIssue::titled("Much said")).unwrap();
    let none = client.fetch_comments(&repository("octo/app"), number).await.unwrap();
    assert_eq!(none.all, []);
    for n in 1..=200 {
        let text = format!("{n} {HARD_TEXT}");
        ada.comment("octo/app", number, &text).unwrap();
        if matches!(n, 1 | 100 | 101 | 200) {
            let told = client.fetch_comments(&repository("octo/app"), number).await.unwrap();
            assert_eq!(told.all, sim.comments("octo/app", number).unwrap(), "{n} comments");
            assert_eq!(told.fidelity, Fidelity::Verbatim);
        }
    }
}

async fn tells_what_is_not_there(client: &impl ReadGitHub, sim: &SimGitHub) {
    let app = repository("octo/app");
    assert_eq!(client.fetch_issue(&app, 999_999).await.unwrap(), Fetched::NotFound);
    let nowhere = repository("octo/nowhere");
    assert_eq!(client.fetch_issue(&nowhere, 1).await.unwrap(), Fetched::NotFound);
    let ada = sim.acting_as("ada");
    let number = ada.open_issue("octo/app", &NewIssue::titled("Deleted")).unwrap();
    ada.delete_issue("octo/app", number).unwrap();
    assert_eq!(client.fetch_issue(&app, number).await.unwrap(), Fetched::Gone);
    let comments = client.fetch_comments(&app, number).await;
    assert!(matches!(comments, Err(Failure::Retry { .. })), "found out by the next attempt");
    // With the same status GitHub answers for all of a repository whose issues are switched off.
    sim.switch_issues("octo/app", Switched::Off).unwrap();
    let failed = client.fetch_issue(&app, 1).await;
    assert!(
        matches!(&failed, Err(Failure::Retry { reason, .. }) if reason.contains("switch them on")),
        "{failed:?}"
    );
    sim.switch_issues("octo/app", Switched::On).unwrap();
}

async fn tells_where_things_went(client: &impl ReadGitHub, sim: &SimGitHub) {
    sim.add_repository("octo/other").unwrap();
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/other", &NewIssue::titled("Was here before")).unwrap();
    let number = ada.open_issue("octo/app", &NewIssue::titled("Moves")).unwrap();
    ada.comment("octo/app", number, "comes along").unwrap();
    let there = ada.transfer_issue("octo/app", number, "octo/other").unwrap();
    let moved = client.fetch_issue(&repository("octo/app"), number).await.unwrap();
    let place = Fetched::MovedTo { repository: repository("octo/other"), number: there };
    assert_eq!(moved, place);
    let comments = client.fetch_comments(&repository("octo/app"), number).await.unwrap();
    assert_eq!(comments.all.len(), 1);
    ada.rename_repository("octo/other", "elsewhere").unwrap();
    let moved = client.fetch_issue(&repository("octo/other"), there).await.unwrap();
    let place = Fetched::MovedTo { repository: repository("octo/elsewhere"), number: there };
    assert_eq!(moved, place);
    let same = client.fetch_issue(&repository("OCTO/Elsewhere"), there).await.unwrap();
    assert!(matches!(same, Fetched::Found(issue) if issue.repository == "octo/elsewhere"));
}

async fn tells_failures_apart(client: &impl ReadGitHub, sim: &SimGitHub) {
    let app = repository("octo/app");
    // No broken connections here: the official server asks again by itself now and then.
    for fault in [RequestFault::Status(500), RequestFault::Status(503)] {
        sim.add_request_faults([fault]);
        let failed = client.fetch_issue(&app, 1).await;
        assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{fault:?}: {failed:?}");
    }
    sim.add_request_faults([RequestFault::Status(422)]);
    let failed = client.fetch_issue(&app, 1).await;
    assert!(matches!(failed, Err(Failure::Permanent { .. })), "{failed:?}");
    found(client, 1).await;
}

async fn waits_longest_for_a_better_token<C: ReadGitHub>(
    client: &impl Fn(&str, Duration) -> C,
    sim: &SimGitHub,
) {
    for token in ["wrong", POWERLESS] {
        let failed = client(token, PATIENT).fetch_issue(&repository("octo/app"), 1).await;
        let Err(Failure::Retry { reason, after }) = failed else { panic!("{token}: {failed:?}") };
        assert_eq!(after, Some(Duration::from_mins(10)), "{reason}");
        assert!(reason.contains("token") && !reason.contains(token), "{reason}");
    }
    assert!(sim.requests().iter().any(|r| r.status == Some(403)));
}

async fn waits_for_both_limits(client: &impl ReadGitHub, sim: &SimGitHub, clock: &Clock) {
    let app = repository("octo/app");
    sim.exhaust_quota(TOKEN, Duration::from_mins(50));
    let wait = quota(client.fetch_issue(&app, 1).await);
    // A child has the system's clock, and ours was moved on by a few seconds before.
    assert!((2900..=3060).contains(&wait.as_secs()), "{wait:?}");
    clock.advance(Duration::from_secs(10));
    let rest = quota(client.fetch_comments(&app, 1).await);
    assert!(rest < wait, "{rest:?} is what is left of {wait:?}");
    clock.advance(Duration::from_mins(51));
    found(client, 1).await;

    sim.slow_down(TOKEN, Duration::from_secs(40));
    let wait = quota(client.fetch_issue(&app, 1).await);
    assert!((30..=61).contains(&wait.as_secs()), "{wait:?}");
    clock.advance(Duration::from_secs(62));
    found(client, 1).await;

    sim.add_request_faults([RequestFault::TooManyRequests { retry_after: None }]);
    assert_eq!(quota(client.fetch_issue(&app, 1).await), Duration::from_mins(1));
    clock.advance(Duration::from_mins(1));
    found(client, 1).await;
}

fn quota<T: std::fmt::Debug>(result: Result<T, Failure>) -> Duration {
    match result {
        Err(Failure::Quota { wait, .. }) => wait,
        other => panic!("a quota, not {other:?}"),
    }
}

async fn gives_up_on_silence(client: &impl ReadGitHub, sim: &SimGitHub) {
    found(client, 1).await;
    sim.add_request_faults([RequestFault::Hang]);
    let failed = client.fetch_issue(&repository("octo/app"), 1).await;
    let Err(Failure::Retry { reason, after: None }) = failed else { panic!("{failed:?}") };
    assert!(reason.contains("in time"), "{reason}");
}

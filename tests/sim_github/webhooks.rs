//! One action of a person is the webhooks that GitHub sends for it; nothing is sent twice unasked.

use hmac::{Hmac, KeyInit, Mac};
use jetbridge::sim::github::{
    CloseReason, Delivery, DeliveryEnd, NewHook, NewIssue, ReviewVerdict, SimGitHub, WebhookFault,
};
use serde_json::Value;
use sha2::Sha256;

use crate::github;
use crate::receiver::{Arrived, Receiver};

const SECRET: &str = "gh_wh_secret";

async fn hooked() -> (SimGitHub, Receiver, u64) {
    let (sim, _) = github().await;
    let receiver = Receiver::start().await;
    let hook = sim.add_hook("octo/app", NewHook::to(&receiver.url, SECRET)).unwrap();
    sim.settled().await;
    (sim, receiver, hook)
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_new_hook_is_pinged() {
    let (_sim, receiver, hook) = hooked().await;
    let arrived = receiver.arrived();
    assert_eq!(arrived[0].header("X-GitHub-Event"), "ping");
    assert_eq!(arrived[0].json()["hook_id"], hook);
    assert_eq!(arrived[0].json().get("action"), None);
}

#[tokio::test]
async fn an_issue_opened_with_a_label_and_an_assignee_is_several_webhooks() {
    let (sim, receiver, _) = hooked().await;
    let issue = NewIssue::titled("Broken").with_labels(["bug"]).assigned_to(["grace"]);
    sim.acting_as("ada").open_issue("octo/app", &issue).unwrap();
    sim.settled().await;
    let expected = ["label.created", "issues.opened", "issues.labeled", "issues.assigned"];
    assert_eq!(receiver.names(), expected);
    let guids: std::collections::BTreeSet<String> =
        receiver.arrived().iter().map(|a| a.header("X-GitHub-Delivery").to_owned()).collect();
    assert_eq!(guids.len(), 5, "each event has a GUID of its own");
}

#[tokio::test]
async fn a_review_is_an_event_of_its_own_and_its_dismissal_keeps_its_time() {
    let (sim, receiver, _) = hooked().await;
    let (ada, grace) = (sim.acting_as("ada"), sim.acting_as("grace"));
    let pull = ada.open_pull_request("octo/app", &NewIssue::titled("Mend"), "mend").unwrap();
    ada.ask_for_review("octo/app", pull, "grace").unwrap();
    grace.review("octo/app", pull, ReviewVerdict::RequestChanges).unwrap();
    ada.dismiss("octo/app", pull, "grace").unwrap();
    sim.settled().await;
    let names = [
        "pull_request.opened",
        "pull_request.review_requested",
        "pull_request_review.submitted",
        "pull_request_review.dismissed",
    ];
    assert_eq!(receiver.names(), names);
    let told: Vec<Value> = receiver.arrived().iter().map(Arrived::json).collect();
    let [.., asked, said, dismissed] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(asked["pull_request"]["requested_reviewers"][0]["login"], "grace");
    assert_eq!(said["pull_request"]["requested_reviewers"], serde_json::json!([]));
    assert_eq!(said["review"]["state"], "changes_requested");
    assert_eq!(said["pull_request"].get("merged"), None, "as in lists");
    assert_eq!(dismissed["review"]["state"], "dismissed");
    assert_eq!(dismissed["review"]["submitted_at"], said["review"]["submitted_at"]);
}

#[tokio::test]
async fn webhooks_are_signed_and_carry_their_headers() {
    let (sim, receiver, hook) = hooked().await;
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("Ü")).unwrap();
    sim.settled().await;
    let webhook = receiver.arrived().pop().unwrap();
    assert_eq!(webhook.header("X-Hub-Signature-256"), signature(&webhook.body));
    assert_eq!(webhook.header("X-GitHub-Hook-ID"), hook.to_string());
    assert_eq!(webhook.header("X-GitHub-Hook-Installation-Target-Type"), "repository");
    assert!(webhook.header("User-Agent").starts_with("GitHub-Hookshot/"));
    assert_eq!(webhook.header("Content-Type"), "application/json");
    assert_eq!(webhook.json()["sender"]["login"], "ada");
}

#[tokio::test]
async fn a_form_hook_sends_forms_signed_as_they_are() {
    let (sim, _) = github().await;
    let receiver = Receiver::start().await;
    sim.add_hook("octo/app", NewHook::to(&receiver.url, SECRET).as_form()).unwrap();
    sim.settled().await;
    let ping = receiver.arrived().pop().unwrap();
    assert_eq!(ping.header("Content-Type"), "application/x-www-form-urlencoded");
    assert_eq!(ping.header("X-Hub-Signature-256"), signature(&ping.body));
    assert!(ping.body.starts_with(b"payload=%7B"));
}

#[tokio::test]
async fn a_person_s_day_is_told_in_order() {
    let (sim, receiver, _) = hooked().await;
    let ada = sim.acting_as("ada");
    let number = ada.open_issue("octo/app", &NewIssue::titled("A").with_body("b")).unwrap();
    ada.retitle("octo/app", number, "B").unwrap();
    ada.retitle("octo/app", number, "B").unwrap();
    let comment = ada.comment("octo/app", number, "hi").unwrap();
    ada.edit_comment("octo/app", comment, "hello").unwrap();
    ada.delete_comment("octo/app", comment).unwrap();
    ada.close("octo/app", number, CloseReason::NotPlanned).unwrap();
    ada.reopen("octo/app", number).unwrap();
    ada.delete_issue("octo/app", number).unwrap();
    sim.settled().await;
    let expected = [
        "issues.opened",
        "issues.edited",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "issues.closed",
        "issues.reopened",
        "issues.deleted",
    ];
    assert_eq!(receiver.names(), expected);
    let arrived: Vec<Value> = receiver.arrived().iter().skip(1).map(Arrived::json).collect();
    assert_eq!(arrived[1]["changes"]["title"]["from"], "A");
    assert_eq!(arrived[3]["changes"]["body"]["from"], "hi");
    assert_eq!(arrived[5]["issue"]["state_reason"], "not_planned");
    assert_eq!(arrived[6]["issue"]["state_reason"], "reopened");
}

#[tokio::test]
async fn a_transfer_is_told_on_both_sides() {
    let (sim, receiver, _) = hooked().await;
    sim.add_repository("octo/other").unwrap();
    sim.add_hook("octo/other", NewHook::to(&receiver.url, SECRET)).unwrap();
    let ada = sim.acting_as("ada");
    let old = ada.open_issue("octo/app", &NewIssue::titled("Moves")).unwrap();
    let new = ada.transfer_issue("octo/app", old, "octo/other").unwrap();
    sim.settled().await;
    assert_eq!(receiver.names(), ["issues.opened", "issues.transferred", "issues.opened"]);
    let arrived: Vec<Value> = receiver.arrived().iter().rev().map(Arrived::json).collect();
    assert_eq!(arrived[1]["changes"]["new_issue"]["number"], new);
    assert_eq!(arrived[0]["changes"]["old_issue"]["number"], old);
    assert_ne!(arrived[0]["issue"]["id"], arrived[1]["issue"]["id"]);
}

#[tokio::test]
async fn a_merge_is_a_close_and_a_comment_on_it_names_the_pull_request() {
    let (sim, receiver, _) = hooked().await;
    let ada = sim.acting_as("ada");
    let number = ada.open_pull_request("octo/app", &NewIssue::titled("Fix"), "fix").unwrap();
    ada.comment("octo/app", number, "nice").unwrap();
    ada.merge("octo/app", number).unwrap();
    sim.settled().await;
    let expected = ["pull_request.opened", "issue_comment.created", "pull_request.closed"];
    assert_eq!(receiver.names(), expected);
    let arrived: Vec<Value> = receiver.arrived().iter().skip(1).map(Arrived::json).collect();
    assert!(arrived[1]["issue"]["pull_request"]["url"].is_string());
    assert_eq!(arrived[2]["pull_request"]["merged"], true);
}

#[tokio::test]
async fn a_failed_delivery_is_recorded_and_comes_again_only_when_asked_for() {
    let (sim, receiver, hook) = hooked().await;
    receiver.answer_next_with(500);
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("A")).unwrap();
    sim.settled().await;
    assert_eq!(receiver.names().len(), 1);
    assert_eq!(sim.redeliver_failed("octo/app", hook).unwrap(), 1);
    sim.settled().await;
    assert_eq!(sim.redeliver_failed("octo/app", hook).unwrap(), 0);
    let arrived = receiver.arrived();
    let [.., first, again] = arrived.as_slice() else { panic!("two deliveries") };
    assert_eq!(first.header("X-GitHub-Delivery"), again.header("X-GitHub-Delivery"));
    assert_eq!(first.body, again.body);
    let ends: Vec<_> =
        sim.deliveries("octo/app", hook).unwrap().iter().map(Delivery::succeeded).collect();
    assert_eq!(ends, [true, false, true]);
}

#[tokio::test]
async fn webhooks_get_lost_doubled_and_overtaken_on_demand() {
    let (sim, receiver, hook) = hooked().await;
    sim.add_webhook_faults([
        WebhookFault::Lose,
        WebhookFault::Duplicate,
        WebhookFault::Overtaken,
        WebhookFault::None,
    ]);
    let ada = sim.acting_as("ada");
    for title in ["lost", "twice", "late", "early"] {
        ada.open_issue("octo/app", &NewIssue::titled(title)).unwrap();
    }
    sim.settled().await;
    let titles: Vec<String> = receiver
        .arrived()
        .iter()
        .skip(1)
        .map(|a| a.json()["issue"]["title"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(titles, ["twice", "twice", "early", "late"]);
    let deliveries = sim.deliveries("octo/app", hook).unwrap();
    assert_eq!(deliveries[1].end, DeliveryEnd::NotConnected);
}

#[tokio::test]
async fn what_nothing_overtakes_arrives_in_the_end() {
    let (sim, receiver, _) = hooked().await;
    sim.add_webhook_faults([WebhookFault::Overtaken]);
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("alone")).unwrap();
    sim.settled().await;
    assert_eq!(receiver.names(), ["issues.opened"]);
}

#[tokio::test]
async fn held_webhooks_go_out_in_the_order_that_the_test_says() {
    let (sim, receiver, _) = hooked().await;
    sim.hold_webhooks();
    let ada = sim.acting_as("ada");
    for title in ["0", "1", "2"] {
        ada.open_issue("octo/app", &NewIssue::titled(title)).unwrap();
    }
    sim.settled().await;
    assert_eq!(receiver.names().len(), 0);
    sim.release_webhooks(|order| order.into_iter().rev().collect());
    sim.settled().await;
    let titles: Vec<Value> =
        receiver.arrived().iter().skip(1).map(|a| a.json()["issue"]["title"].clone()).collect();
    assert_eq!(titles, ["2", "1", "0"]);
}

#[tokio::test]
async fn a_time_out_is_noted_whether_it_arrived_or_not() {
    let (sim, receiver, hook) = hooked().await;
    sim.add_webhook_faults([WebhookFault::TimeOut, WebhookFault::AnswerLate]);
    for title in ["Lost", "Late"] {
        sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled(title)).unwrap();
    }
    sim.settled().await;
    let ends: Vec<_> =
        sim.deliveries("octo/app", hook).unwrap().into_iter().skip(1).map(|d| d.end).collect();
    assert_eq!(ends, [DeliveryEnd::TimedOut, DeliveryEnd::TimedOut]);
    assert_eq!(receiver.names(), ["issues.opened"], "the late one arrived");
}

#[tokio::test]
async fn an_organizations_hook_is_told_of_its_repositories() {
    let (sim, _) = github().await;
    let receiver = Receiver::start().await;
    sim.add_organization("acme", NewHook::to(&receiver.url, SECRET)).unwrap();
    sim.add_repository("acme/app").unwrap();
    for repository in ["octo/app", "acme/app"] {
        sim.acting_as("ada").open_issue(repository, &NewIssue::titled("A")).unwrap();
    }
    sim.settled().await;
    let names: Vec<_> =
        receiver.arrived().iter().map(|a| a.json()["repository"]["full_name"].clone()).collect();
    assert_eq!(names, ["acme/app"]);
}

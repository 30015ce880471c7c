//! Sample webhooks in the shapes that GitHub sends. Only repository, number, title, comment and
//! times differ from one to the next; the number names the item, so a story can go on.

use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::GithubEvent;
use crate::clients::webhook_sender::GithubWebhook;
use crate::clock::Timestamp;
use crate::config::GithubHost;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::BodyHash;

/// Far from the ids that GitHub has given away so far, and still exact as a JSON number.
const FIRST_ID: u64 = 9_000_000_000;
const USER: u64 = FIRST_ID - 1;
/// Numbers of issues in one sample repository.
const ISSUES: u64 = 1 << 14;

/// What the sample tells of.
pub(super) struct Story<'a> {
    /// What it is about.
    pub(super) event: GithubEvent,
    /// What happened; the usual thing if not told.
    pub(super) action: Option<&'a str>,
    /// The server.
    pub(super) host: GithubHost,
    /// `owner/name`, as that server calls it.
    pub(super) repository: &'a str,
    /// The number of the issue or pull request.
    pub(super) number: u32,
    /// Its title.
    pub(super) title: &'a str,
    /// The comment's text.
    pub(super) comment: &'a str,
}

impl Story<'_> {
    fn action(&self) -> &str {
        self.action.unwrap_or(match self.event {
            GithubEvent::IssueComment => "created",
            GithubEvent::Issues | GithubEvent::PullRequest | GithubEvent::Ping => "opened",
        })
    }

    /// By its name, so that two samples of one repository agree and those of two do not.
    fn repository_id(&self) -> u64 {
        let name = self.repository.to_lowercase();
        let BodyHash(hash) = BodyHash::of(name.as_bytes());
        FIRST_ID + hash[..3].iter().fold(0, |id, byte| id << 8 | u64::from(*byte))
    }

    fn issue_id(&self) -> u64 {
        let repository = self.repository_id() - FIRST_ID;
        2 * FIRST_ID + repository * ISSUES + u64::from(self.number) % ISSUES
    }

    /// The item that the sample is about.
    pub(super) fn item(&self) -> Option<WorkItemRef> {
        match self.event {
            GithubEvent::Issues | GithubEvent::IssueComment => {
                Some(WorkItemRef::new(format!("github:{}", self.host.id(self.issue_id()))))
            }
            GithubEvent::PullRequest => Some(WorkItemRef::new(format!(
                "github:pull_request:{}:{}",
                self.host.id(self.repository_id()),
                self.number
            ))),
            GithubEvent::Ping => None,
        }
    }
}

/// The webhook that tells the story, as of `now`, with a delivery id of its own.
pub(super) fn webhook(story: &Story<'_>, now: Timestamp) -> GithubWebhook {
    let (event, body) = match story.event {
        GithubEvent::Issues => ("issues", envelope(story, &[("issue", issue(story, now))])),
        GithubEvent::IssueComment => {
            let parts = [("issue", issue(story, now)), ("comment", comment(story, now))];
            ("issue_comment", envelope(story, &parts))
        }
        GithubEvent::PullRequest => {
            let parts =
                [("number", json!(story.number)), ("pull_request", pull_request(story, now))];
            ("pull_request", envelope(story, &parts))
        }
        GithubEvent::Ping => ("ping", ping(story)),
    };
    GithubWebhook {
        delivery_id: DeliveryId::new(Uuid::new_v4().to_string()),
        event,
        server: story.host.name().map(str::to_owned),
        body: body.to_string().into_bytes(),
    }
}

fn envelope(story: &Story<'_>, parts: &[(&str, Value)]) -> Value {
    let mut body = json!({ "action": story.action() });
    for (name, part) in parts {
        body[*name] = part.clone();
    }
    body["repository"] = repository(story);
    body["sender"] = user();
    body
}

fn ping(story: &Story<'_>) -> Value {
    json!({
        "zen": "Sent by jetbridge send github.",
        "hook_id": 1,
        "hook": { "type": "Repository", "id": 1, "active": true, "events": ["issues", "issue_comment", "pull_request", "pull_request_review", "label", "milestone", "sub_issues"] },
        "repository": repository(story),
        "sender": user(),
    })
}

fn repository(story: &Story<'_>) -> Value {
    let name = story.repository.split_once('/').map_or(story.repository, |(_, name)| name);
    json!({
        "id": story.repository_id(),
        "name": name,
        "full_name": story.repository,
        "private": true,
        "owner": user(),
        "html_url": format!("https://github.com/{}", story.repository),
    })
}

fn user() -> Value {
    json!({ "login": "ada", "id": USER, "type": "User", "site_admin": false })
}

/// What an issue and a pull request have in common.
fn thing(story: &Story<'_>, folder: &str, now: Timestamp) -> Value {
    let closed = story.action() == "closed";
    json!({
        "html_url": format!("https://github.com/{}/{folder}/{}", story.repository, story.number),
        "number": story.number,
        "title": story.title,
        "user": user(),
        "labels": [{ "id": 1, "name": "bug", "color": "d73a4a", "default": true }],
        "state": if closed { "closed" } else { "open" },
        "locked": false,
        "assignee": user(),
        "assignees": [user()],
        "milestone": null,
        "created_at": time(now),
        "updated_at": time(now),
        "closed_at": if closed { json!(time(now)) } else { Value::Null },
        "author_association": "OWNER",
        "body": "Sent by `jetbridge send github`.",
    })
}

fn issue(story: &Story<'_>, now: Timestamp) -> Value {
    let mut issue = thing(story, "issues", now);
    issue["id"] = json!(story.issue_id());
    issue["comments"] = json!(0);
    issue["state_reason"] = match story.action() {
        "closed" => json!("completed"),
        "reopened" => json!("reopened"),
        _ => Value::Null,
    };
    issue
}

fn pull_request(story: &Story<'_>, now: Timestamp) -> Value {
    let mut pull_request = thing(story, "pull", now);
    pull_request["id"] = json!(story.issue_id());
    pull_request["draft"] = json!(false);
    // Closing a sample merges it.
    let merged = story.action() == "closed";
    pull_request["merged"] = json!(merged);
    pull_request["merged_at"] = if merged { json!(time(now)) } else { Value::Null };
    pull_request
}

fn comment(story: &Story<'_>, now: Timestamp) -> Value {
    let id = story.issue_id();
    json!({
        "html_url": format!("https://github.com/{}/issues/{}#issuecomment-{id}", story.repository, story.number),
        "id": id,
        "user": user(),
        "created_at": time(now),
        "updated_at": time(now),
        "author_association": "OWNER",
        "body": story.comment,
    })
}

fn time(now: Timestamp) -> String {
    now.format("%FT%TZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sources::github::normalize::normalize;
    use crate::sources::github::payload::parse;

    fn story(event: GithubEvent) -> Story<'static> {
        Story {
            event,
            action: None,
            host: GithubHost::default(),
            repository: "o/n",
            number: 3,
            title: "naïve 🚀",
            comment: "c",
        }
    }

    fn sample(event: GithubEvent) -> GithubWebhook {
        webhook(&story(event), "2026-11-22T00:44:16Z".parse().unwrap())
    }

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn samples_have_no_key_that_github_does_not_send() {
        let examples = [
            (
                GithubEvent::Issues,
                "issue",
                include_str!("../../tests/fixtures/github/issues.reopened.json"),
            ),
            (
                GithubEvent::IssueComment,
                "comment",
                include_str!("../../tests/fixtures/github/issue_comment.created.json"),
            ),
            (
                GithubEvent::PullRequest,
                "pull_request",
                include_str!("../../tests/fixtures/github/pull_request.opened.json"),
            ),
        ];
        // Newer than the examples.
        let newer = BTreeSet::from(["state_reason"]);
        for (event, part, text) in examples {
            let example: Value = serde_json::from_str(text).unwrap();
            let ours: Value = serde_json::from_slice(&sample(event).body).unwrap();
            assert!(keys(&ours).is_subset(&keys(&example)), "{event:?}");
            for part in [part, "repository", "sender"] {
                let more: BTreeSet<_> =
                    keys(&ours[part]).difference(&keys(&example[part])).copied().collect();
                assert!(more.is_subset(&newer), "{event:?} {part}: {more:?}");
            }
        }
    }

    #[test]
    fn a_sample_is_about_the_item_that_it_says() {
        for event in [GithubEvent::Issues, GithubEvent::IssueComment, GithubEvent::PullRequest] {
            let webhook = sample(event);
            let told =
                normalize(&parse(&GithubHost::default(), webhook.event, &webhook.body).unwrap())
                    .unwrap();
            assert_eq!(told.item.item(), story(event).item().as_ref());
        }
    }
}

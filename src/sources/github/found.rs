//! What GitHub's REST API answered, as a delivery: the issue or comment as it was given, in the
//! envelope of the webhook that would have told of it, with an action of our own.
//!
//! The id is made of what was found and not of who found it or when, so the same finding twice is
//! one delivery. Whoever calls this got the answer with our own token: nothing that came from
//! outside takes this way. Deliberately absent: whether it is worth a delivery.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::config::{GithubHost, RepositoryName};
use crate::ids::{DeliveryId, Lane, RepositorySyncId};
use crate::sources::{BodyHash, Encoding, Origin, RepositoryRef, Source, Verified};

/// What our own envelopes say happened, where nothing is known but that it is so.
pub const FOUND: &str = "found";

/// Who asked, when, and where.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Who asked.
    pub origin: Origin,
    /// When GitHub answered.
    pub at: Timestamp,
    /// The repository as GitHub calls it now.
    pub repository: RepositoryName,
    /// GitHub's numeric id of it.
    pub repository_id: u64,
    /// Its row.
    pub row: RepositorySyncId,
}

/// Which issue, and as much of it as names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIssue {
    /// GitHub's numeric id.
    pub id: u64,
    /// The number people see.
    pub number: u64,
    /// The title as it was last known.
    pub title: String,
    /// The time of that.
    pub updated_at: Timestamp,
}

#[derive(Serialize)]
struct Envelope<'a> {
    action: &'static str,
    issue: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Value>,
    repository: Value,
    found_at: Timestamp,
}

/// Which lane an issue's or a pull request's deliveries take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneOf {
    /// An issue, by its numeric id.
    Issue(u64),
    /// A pull request, by its number.
    PullRequest(u64),
}

impl Finding {
    /// An issue, or a pull request's issue half, as it is now.
    pub fn issue(&self, lane: LaneOf, issue: &RawValue) -> Verified {
        self.delivery("issues", FOUND, lane, issue, None, None)
    }

    /// A comment as it is now, with the issue that it is on.
    pub fn comment(&self, lane: LaneOf, issue: &RawValue, comment: &RawValue) -> Verified {
        self.delivery("issue_comment", FOUND, lane, issue, Some(comment), None)
    }

    /// A comment that is gone, as it was last known.
    pub fn gone_comment(&self, lane: LaneOf, issue: &RawValue, comment: &RawValue) -> Verified {
        self.delivery("issue_comment", "deleted", lane, issue, Some(comment), None)
    }

    /// An issue that was deleted.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn gone_issue(&self, issue: &KnownIssue) -> serde_json::Result<Verified> {
        let raw = serde_json::value::to_raw_value(&issue.as_json(&self.repository.host()))?;
        Ok(self.delivery("issues", "deleted", LaneOf::Issue(issue.id), &raw, None, None))
    }

    /// An issue that is in another repository now, under the id `to`.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn moved_issue(&self, issue: &KnownIssue, to: u64) -> serde_json::Result<Verified> {
        let raw = serde_json::value::to_raw_value(&issue.as_json(&self.repository.host()))?;
        let changes = Some(json!({"new_issue": {"id": self.repository.host().own_id(to)}}));
        Ok(self.delivery("issues", "transferred", LaneOf::Issue(issue.id), &raw, None, changes))
    }

    fn delivery(
        &self,
        event: &str,
        action: &'static str,
        lane: LaneOf,
        issue: &RawValue,
        comment: Option<&RawValue>,
        changes: Option<Value>,
    ) -> Verified {
        let said = [event, action, &self.repository_id.to_string(), issue.get()];
        let parts = said.into_iter().chain(comment.map(RawValue::get));
        let delivery_id = found_id(parts.chain(changes.as_ref().map(|_| "moved")));
        // As the server itself would tell it: what it is among others is seen when it is read.
        let (host, (owner, name)) = (self.repository.host(), self.repository.owner_and_name());
        let id = host.own_id(self.repository_id);
        let repository = json!({"id": id, "full_name": format!("{owner}/{name}")});
        let found_at = self.at;
        let envelope = Envelope { action, issue, comment, changes, repository, found_at };
        let body = Bytes::from(serde_json::to_vec(&envelope).unwrap_or_default());
        let lane = match lane {
            LaneOf::Issue(id) => format!("github:issue:{id}"),
            LaneOf::PullRequest(number) => {
                format!("github:pull_request:{}:{number}", self.repository_id)
            }
        };
        Verified {
            source: Source::Github,
            delivery_id,
            event_id: None,
            event_type: event.to_owned(),
            action: Some(action.to_owned()),
            lane: Some(Lane::new(lane)),
            repository: Some(RepositoryRef {
                name: self.repository.clone(),
                id: Some(self.repository_id),
            }),
            repository_sync: Some(self.row),
            encoding: Encoding::Json,
            body_hash: BodyHash::of(&body),
            body,
            origin: self.origin,
        }
    }
}

impl KnownIssue {
    fn as_json(&self, host: &GithubHost) -> Value {
        let Self { id, number, title, updated_at } = self;
        json!({"id": host.own_id(*id), "number": number, "title": title, "updated_at": updated_at})
    }
}

/// The id of what was found: the same for the same content, whoever found it.
pub(in crate::sources) fn found_id<'a>(parts: impl IntoIterator<Item = &'a str>) -> DeliveryId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(32);
    DeliveryId::new(format!("found-{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::github::normalize::normalize;
    use crate::sources::github::payload::parse;
    use crate::work_items::{Change, Extent, StateGroup};

    fn finding(origin: Origin, second: u32) -> Finding {
        Finding {
            origin,
            at: format!("2026-11-22T02:00:{second:02}Z").parse().unwrap(),
            repository: "octo/hello".parse().unwrap(),
            repository_id: 7,
            row: RepositorySyncId(1),
        }
    }

    fn raw(value: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    fn an_issue() -> Value {
        json!({"id": 5, "number": 3, "title": "One", "body": "text", "state": "open", "labels": [],
            "assignees": [], "user": {"id": 1, "login": "ada"}, "html_url": "https://x/3",
            "created_at": "2026-11-22T01:00:00Z", "updated_at": "2026-11-22T01:00:01Z"})
    }

    fn told(delivery: &Verified) -> crate::sources::Told {
        let event = parse(&delivery.github_host(), delivery.event_type(), delivery.body());
        normalize(&event.unwrap()).unwrap()
    }

    #[test]
    fn the_same_finding_has_the_same_id_whoever_found_it_and_when() {
        let issue = raw(&an_issue());
        let one = finding(Origin::Reconcile, 1).issue(LaneOf::Issue(5), &issue);
        let other = finding(Origin::Backfill, 2).issue(LaneOf::Issue(5), &issue);
        assert_eq!(one.delivery_id(), other.delivery_id());
        let mut changed = an_issue();
        changed["title"] = json!("Two");
        let changed = finding(Origin::Reconcile, 1).issue(LaneOf::Issue(5), &raw(&changed));
        assert_ne!(one.delivery_id(), changed.delivery_id());
    }

    #[test]
    fn a_found_issue_is_read_like_a_sent_one_and_counts_as_asked_for() {
        let found = finding(Origin::Reconcile, 1).issue(LaneOf::Issue(5), &raw(&an_issue()));
        let Change::State(snapshot) = told(&found).item else { panic!("it is there") };
        assert_eq!(snapshot.title, "One");
        assert_eq!(snapshot.state_group, Some(StateGroup::Unstarted));
        assert_eq!(snapshot.extent, Extent::Whole);
        assert_eq!(snapshot.asked_at, Some(finding(Origin::Reconcile, 1).at));
        assert_eq!(found.lane().unwrap().as_str(), "github:issue:5");
    }

    #[test]
    fn a_gone_issue_leaves_a_tombstone_and_says_where_it_went() {
        let known = KnownIssue {
            id: 5,
            number: 3,
            title: "One".to_owned(),
            updated_at: "2026-11-22T01:00:01Z".parse().unwrap(),
        };
        let finding = finding(Origin::Reconcile, 1);
        let Change::Gone(tombstone, _) = told(&finding.gone_issue(&known).unwrap()).item else {
            panic!("it is gone")
        };
        assert_eq!((tombstone.item.as_str(), tombstone.moved_to), ("github:5", None));
        let Change::Gone(tombstone, _) = told(&finding.moved_issue(&known, 9).unwrap()).item else {
            panic!("it is gone")
        };
        assert_eq!(tombstone.moved_to.unwrap().as_str(), "github:9");
    }
}

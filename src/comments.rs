//! What a comment is, and which of two states of it wins. Pure: no I/O, no clock.
//!
//! A comment is the join of everything ever told about it: the saying with the highest rank
//! (newest `updated_at` first), and the latest deletion. It counts as deleted while no saying is
//! newer than that deletion, so what is written anew after it comes back, and what merely arrives
//! late does not. A deletion that is overtaken needs no remembering: whatever it could still
//! beat is already beaten by the saying that overtook it. So order and repetition do not matter.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::{CommentRef, WorkItemRef};
use crate::work_items::{FieldChange, System, Text};

/// One state of one comment, as its source told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saying {
    /// `{system}:{external id}`.
    pub comment: CommentRef,
    /// What it is about.
    pub item: WorkItemRef,
    /// Where it lives.
    pub system: System,
    /// Its id there.
    pub external_id: String,
    /// The author's name in the source's words; `None` for a deleted account.
    pub author: Option<String>,
    /// The comment, as written.
    pub text: Text,
    /// Where a person opens it.
    pub url: Option<String>,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Saying {
    /// Newest first; of two with the same time the greater, so that every order picks the same.
    fn rank(&self, other: &Self) -> Ordering {
        fn rest(
            of: &Saying,
        ) -> (&Text, &WorkItemRef, Option<&String>, Option<&String>, Option<Timestamp>) {
            (&of.text, &of.item, of.author.as_ref(), of.url.as_ref(), of.created_at)
        }
        self.updated_at.cmp(&other.updated_at).then_with(|| rest(self).cmp(&rest(other)))
    }
}

/// What one delivery says of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentChange {
    /// Its state, the last one where it is gone.
    pub said: Saying,
    /// When it was deleted, if it was.
    pub gone_at: Option<Timestamp>,
}

/// Everything known of one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The winning state.
    pub said: Saying,
    /// When it was deleted, unless it was written anew since.
    pub deleted_at: Option<Timestamp>,
    /// When this row was last written here.
    pub ingested_at: Timestamp,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentDecision {
    /// The comment is new or differs: store it.
    Apply {
        /// The comment as it shall be stored.
        comment: Box<Comment>,
        /// What differs, for the item's timeline.
        changes: Vec<FieldChange>,
        /// One line for people.
        reason: String,
    },
    /// Nothing to store.
    Ignore {
        /// One line for people.
        reason: String,
    },
}

/// Joins a change into what is known of its comment.
///
/// `now` becomes `ingested_at` of what is applied; it takes no part in the decision.
pub fn decide(
    current: Option<&Comment>,
    change: &CommentChange,
    now: Timestamp,
) -> CommentDecision {
    let said = match current {
        Some(known) if change.said.rank(&known.said).is_le() => &known.said,
        _ => &change.said,
    };
    let gone = current.and_then(|known| known.deleted_at).max(change.gone_at);
    let deleted_at = gone.filter(|gone| *gone >= said.updated_at);
    let same = |known: &Comment| known.said == *said && known.deleted_at == deleted_at;
    if current.is_some_and(same) {
        let reason = if change.gone_at.is_some() {
            "comment ignored: its deletion, or a newer state, is known"
        } else if deleted_at.is_some() {
            "comment ignored: it was deleted since"
        } else {
            "comment ignored: this state or a newer one is known"
        };
        return CommentDecision::Ignore { reason: reason.to_owned() };
    }
    let comment = Comment { said: said.clone(), deleted_at, ingested_at: now };
    let by = said.author.as_deref().unwrap_or("a deleted account");
    CommentDecision::Apply {
        changes: difference(current, &comment).into_iter().collect(),
        reason: format!("comment by {by} {}", what_happened(current, &comment)),
        comment: Box::new(comment),
    }
}

fn what_happened(before: Option<&Comment>, after: &Comment) -> &'static str {
    let was_gone = before.is_some_and(|c| c.deleted_at.is_some());
    match (before, after.deleted_at) {
        (_, Some(_)) if !was_gone => "deleted",
        (Some(_), None) if was_gone => "is back",
        (None, _) => "stored",
        (Some(_), _) => "changed",
    }
}

/// The text that a reader sees, before and after.
fn difference(before: Option<&Comment>, after: &Comment) -> Option<FieldChange> {
    fn shown(comment: &Comment) -> Value {
        if comment.deleted_at.is_some() { Value::Null } else { json!(comment.said.text.text) }
    }
    let (from, to) = (before.map_or(Value::Null, shown), shown(after));
    (from != to).then(|| FieldChange { field: "comment".to_owned(), from, to }.cut())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::work_items::TextFormat;

    fn at(second: u32) -> Timestamp {
        chrono::DateTime::from_timestamp(i64::from(second), 0).unwrap()
    }

    fn change(text: &str, updated: u32, gone: Option<u32>) -> CommentChange {
        CommentChange {
            said: Saying {
                comment: CommentRef::new("github:1"),
                item: WorkItemRef::new("github:2"),
                system: System::Github,
                external_id: "1".to_owned(),
                author: Some("ada".to_owned()),
                text: Text { format: TextFormat::Markdown, text: text.to_owned() },
                url: None,
                created_at: Some(at(0)),
                updated_at: at(updated),
            },
            gone_at: gone.map(at),
        }
    }

    fn fold<'a>(changes: impl IntoIterator<Item = &'a CommentChange>) -> Option<Comment> {
        let mut known = None;
        for change in changes {
            if let CommentDecision::Apply { comment, .. } = decide(known.as_ref(), change, at(9)) {
                known = Some(*comment);
            }
        }
        known
    }

    #[test]
    fn a_deleted_comment_comes_back_only_by_what_is_newer_than_its_deletion() {
        let (written, gone) = (change("a", 1, None), change("a", 1, Some(5)));
        for (late, deleted) in [(4, true), (5, true), (6, false)] {
            let edited = change("b", late, None);
            for order in
                [[&written, &gone, &edited], [&edited, &gone, &written], [&gone, &edited, &written]]
            {
                let comment = fold(order).unwrap();
                assert_eq!(comment.deleted_at.is_some(), deleted, "{late}");
                assert_eq!(comment.said.text.text, "b");
            }
        }
    }

    #[test]
    fn a_repeated_change_is_ignored_with_a_reason() {
        let written = change("a", 1, None);
        let known = fold([&written]);
        let CommentDecision::Ignore { reason } = decide(known.as_ref(), &written, at(10)) else {
            panic!("it changes nothing")
        };
        assert!(reason.contains("ignored"), "{reason}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_order_and_any_repetition_end_in_the_same_comment(
            told in prop::collection::vec(("[abc]", 0..6_u32, prop::option::of(0..8_u32)), 1..10),
            repeats in prop::collection::vec(any::<Index>(), 0..10),
            seeds in prop::collection::vec(any::<u64>(), 20),
        ) {
            let changes: Vec<_> = told.iter().map(|(text, updated, gone)| change(text, *updated, *gone)).collect();
            let mut order: Vec<usize> = (0..changes.len()).collect();
            order.extend(repeats.iter().map(|at| at.index(changes.len())));
            let mut keyed: Vec<_> = order.into_iter().zip(seeds).collect();
            keyed.sort_by_key(|(_, seed)| *seed);
            let shuffled = fold(keyed.iter().map(|(i, _)| &changes[*i]));
            prop_assert_eq!(shuffled, fold(&changes));
        }
    }
}

//! One item, and one comment, as known here against what its side says.

use std::collections::BTreeSet;

use super::Why;
use crate::comments::Comment;
use crate::sync::github;
use crate::work_items::{Snapshot, WorkItem};

/// Holds what is known of an item against a whole snapshot of it; `None` where nothing differs.
pub fn compare_item(known: Option<&WorkItem>, told: &Snapshot) -> Option<Why> {
    let Some(known) = known else { return Some(Why::Unknown) };
    if known.deleted_at.is_some() {
        return Some(Why::Back);
    }
    let Some(state) = &known.state else { return Some(Why::Unknown) };
    // Overtaken by a webhook while it was on its way.
    if told.updated_at < state.updated_at && state.extent >= told.extent {
        return None;
    }
    let fields = differing(state, told);
    (!fields.is_empty()).then_some(Why::Fields { fields })
}

fn differing(known: &Snapshot, told: &Snapshot) -> Vec<String> {
    let people = |s: &Snapshot| -> BTreeSet<(String, Option<String>)> {
        s.assignees.iter().map(|p| (p.id.clone(), p.name.clone())).collect()
    };
    let labels = |s: &Snapshot| -> BTreeSet<String> {
        s.labels.iter().map(|label| label.name.clone()).collect()
    };
    let text = |s: &Snapshot| s.description.as_ref().map(|d| d.text.clone()).unwrap_or_default();
    let fields = [
        ("title", known.title != told.title),
        ("state", known.status != told.status || known.state_group != told.state_group),
        ("assignees", people(known) != people(told)),
        ("labels", labels(known) != labels(told)),
        ("description", text(known) != text(told)),
        ("priority", known.priority != told.priority),
        ("key", told.key.is_some() && known.key != told.key),
        ("readiness", known.readiness != told.readiness),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
}

/// Holds what is known of a comment against how it is listed; `None` where nothing differs.
pub fn compare_comment(known: Option<&Comment>, told: &github::Comment) -> Option<Why> {
    let differs = || Some(Why::Comment { comment: told.id });
    let Some(known) = known else { return differs() };
    if told.updated_at < known.said.updated_at {
        return None;
    }
    // Only what was written after it undoes a deletion.
    if known.deleted_at.is_some_and(|gone| told.updated_at <= gone) {
        return Some(Why::CommentBack { comment: told.id });
    }
    let same = known.said.text.text == told.body && known.deleted_at.is_none();
    if same { None } else { differs() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::comments::Saying;
    use crate::ids::{CommentRef, WorkItemRef};
    use crate::work_items::{
        Extent, Kind, Label, Person, Readiness, Stage, StateGroup, System, Text, TextFormat,
    };

    type Change = fn(&mut Snapshot);

    fn at(second: u32) -> Timestamp {
        format!("2026-11-22T02:00:{second:02}Z").parse().unwrap()
    }

    fn snapshot(second: u32) -> Snapshot {
        Snapshot {
            item: WorkItemRef::new("github:1"),
            system: System::Github,
            external_id: "1".to_owned(),
            kind: Kind::Issue,
            project_ref: "octo/hello".to_owned(),
            key: Some("octo/hello#1".to_owned()),
            title: "One".to_owned(),
            status: Some("open".to_owned()),
            state_group: Some(StateGroup::Unstarted),
            assignees: vec![Person { id: "7".to_owned(), name: Some("ada".to_owned()) }],
            labels: vec![Label { name: "bug".to_owned(), color: None }],
            priority: None,
            url: None,
            created_at: None,
            completed_at: None,
            updated_at: at(second),
            missing: Vec::new(),
            extent: Extent::Whole,
            stage: Stage::Later,
            readiness: Readiness::Ready,
            pull: crate::work_items::PullFacts::default(),
            asked_at: None,
            description: None,
        }
    }

    fn known(state: Snapshot) -> WorkItem {
        WorkItem {
            item: state.item.clone(),
            system: state.system,
            external_id: state.external_id.clone(),
            project_ref: state.project_ref.clone(),
            state: Some(state),
            deleted_at: None,
            moved_to: None,
            ingested_at: at(0),
        }
    }

    #[test]
    fn each_field_that_differs_is_named_and_nothing_else() {
        let item = known(snapshot(1));
        assert_eq!(compare_item(Some(&item), &snapshot(1)), None);
        assert_eq!(compare_item(Some(&item), &snapshot(9)), None, "a newer time alone");
        let text = Some(Text { format: TextFormat::Markdown, text: "new".to_owned() });
        let changes: [(&str, Change); 4] = [
            ("title", |s| s.title = "Two".to_owned()),
            ("state", |s| s.state_group = Some(StateGroup::Completed)),
            ("assignees", |s| s.assignees.clear()),
            ("labels", |s| s.labels[0].name = "defect".to_owned()),
        ];
        for (field, change) in changes {
            let mut told = snapshot(1);
            change(&mut told);
            let fields = vec![field.to_owned()];
            assert_eq!(compare_item(Some(&item), &told), Some(Why::Fields { fields }));
        }
        let told = Snapshot { description: text, ..snapshot(1) };
        let fields = vec!["description".to_owned()];
        assert_eq!(compare_item(Some(&item), &told), Some(Why::Fields { fields }));
    }

    #[test]
    fn an_answer_that_a_webhook_has_overtaken_proves_nothing() {
        let told = Snapshot { title: "Older".to_owned(), ..snapshot(1) };
        assert_eq!(compare_item(Some(&known(snapshot(2))), &told), None);
    }

    #[test]
    fn what_is_not_known_and_what_counts_as_deleted_is_told_apart() {
        assert_eq!(compare_item(None, &snapshot(1)), Some(Why::Unknown));
        let gone = WorkItem { deleted_at: Some(at(3)), ..known(snapshot(1)) };
        assert_eq!(compare_item(Some(&gone), &snapshot(1)), Some(Why::Back));
    }

    #[test]
    fn a_comment_is_held_against_its_text_and_its_deletion() {
        let said = |text: &str, second| Saying {
            comment: CommentRef::new("github:5"),
            item: WorkItemRef::new("github:1"),
            system: System::Github,
            external_id: "5".to_owned(),
            author: None,
            text: Text { format: TextFormat::Markdown, text: text.to_owned() },
            url: None,
            created_at: None,
            updated_at: at(second),
        };
        let told = |text: &str, second| github::Comment {
            id: 5,
            body: text.to_owned(),
            author: None,
            html_url: String::new(),
            created_at: at(0),
            updated_at: at(second),
        };
        let known = Comment { said: said("a", 2), deleted_at: None, ingested_at: at(0) };
        assert_eq!(compare_comment(Some(&known), &told("a", 2)), None);
        assert_eq!(compare_comment(Some(&known), &told("old", 1)), None);
        let differs = Some(Why::Comment { comment: 5 });
        assert_eq!(compare_comment(Some(&known), &told("b", 3)), differs);
        assert_eq!(compare_comment(None, &told("a", 2)), differs);
        let gone = Comment { deleted_at: Some(at(2)), ..known };
        assert_eq!(compare_comment(Some(&gone), &told("a", 3)), differs, "written anew");
        let back = Why::CommentBack { comment: 5 };
        assert_eq!(compare_comment(Some(&gone), &told("a", 2)), Some(back.clone()));
        assert!(!back.is_mendable(), "a deletion is for good");
    }
}

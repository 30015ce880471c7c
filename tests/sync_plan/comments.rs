//! Mirrors of comments.

use std::collections::BTreeSet;

use jetbridge::sync::github::Comment;
use jetbridge::sync::plan::{
    CommentLink, CommentListing, CommentPlan, CommentStanding, Finding, GithubComments,
    RenderedComment, Write, plan_comments, resume_comment, settle_comment,
};
use jetbridge::sync::plane::{EXTERNAL_SOURCE, ItemComment};

use crate::model::account;

/// An issue's comments, their mirrors and the links between them.
#[derive(Default)]
struct Thread {
    github: Vec<Comment>,
    deleted: BTreeSet<u64>,
    plane: Vec<ItemComment>,
    links: Vec<CommentLink>,
}

fn comment(id: u64, body: &str) -> Comment {
    let at = "2026-11-22T01:00:00Z".parse().unwrap();
    Comment {
        id,
        body: body.to_owned(),
        author: Some(account("ada")),
        html_url: format!("https://github.com/octo/hello/issues/42#issuecomment-{id}"),
        created_at: at,
        updated_at: at,
    }
}

impl Thread {
    fn of(comments: &[(u64, &str)]) -> Self {
        let github = comments.iter().map(|(id, body)| comment(*id, body)).collect();
        Self { github, ..Self::default() }
    }

    fn synced(comments: &[(u64, &str)]) -> Self {
        let mut thread = Self::of(comments);
        thread.sync(CommentListing::Whole);
        thread
    }

    fn plan(&self, listing: CommentListing) -> CommentPlan {
        let present: Vec<_> = self
            .github
            .iter()
            .map(|comment| RenderedComment {
                comment,
                html: format!("<p>ada:</p><p>{}</p>\n", comment.body),
            })
            .collect();
        let github = GithubComments { present: &present, deleted: &self.deleted, listing };
        plan_comments(&github, &self.links, &self.plane)
    }

    fn sync(&mut self, listing: CommentListing) -> CommentPlan {
        let plan = self.plan(listing);
        for link in plan.links.iter().cloned() {
            self.remember(link);
        }
        for write in &plan.writes {
            let answered = self.write(write);
            self.remember(settle_comment(write, answered.as_ref()).unwrap());
        }
        assert_eq!(self.plan(listing).writes, [], "a second plan is empty");
        plan
    }

    fn remember(&mut self, link: CommentLink) {
        self.links.retain(|known| known.comment != link.comment);
        self.links.push(link);
    }

    /// Plane's part: it trims.
    fn write(&mut self, write: &Write) -> Option<ItemComment> {
        match write {
            Write::CreateComment { comment, html, .. } => {
                let made = ItemComment {
                    id: format!("m{comment}"),
                    comment_html: html.trim().to_owned(),
                    external_id: Some(comment.to_string()),
                    external_source: Some(EXTERNAL_SOURCE.to_owned()),
                };
                self.plane.push(made.clone());
                Some(made)
            }
            Write::UpdateComment { mirror, html, .. } => {
                let found = self.plane.iter_mut().find(|m| m.id == *mirror).unwrap();
                html.trim().clone_into(&mut found.comment_html);
                Some(found.clone())
            }
            Write::DeleteComment { mirror, .. } => {
                self.plane.retain(|m| m.id != *mirror);
                None
            }
            other => panic!("{other} is no write of a comment"),
        }
    }

    fn texts(&self) -> Vec<&str> {
        self.plane.iter().map(|mirror| mirror.comment_html.as_str()).collect()
    }
}

#[test]
fn comments_are_mirrored_in_githubs_order_and_once() {
    let mut thread = Thread::of(&[(7, "one"), (8, "two")]);
    thread.sync(CommentListing::Whole);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>one</p>", "<p>ada:</p><p>two</p>"]);
    assert_eq!(thread.plan(CommentListing::Whole), CommentPlan::default());
}

#[test]
fn an_edit_on_github_reaches_the_mirror() {
    let mut thread = Thread::synced(&[(7, "one")]);
    thread.github[0].body = "two".to_owned();
    let plan = thread.sync(CommentListing::Partial);
    assert_eq!(plan.findings, []);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>two</p>"]);
}

#[test]
fn an_edit_of_the_mirror_stays_until_github_changes_and_then_github_wins() {
    let mut thread = Thread::synced(&[(7, "one")]);
    thread.plane[0].comment_html = "<p>mine</p>".to_owned();
    assert_eq!(thread.sync(CommentListing::Whole), CommentPlan::default());
    thread.github[0].body = "two".to_owned();
    let plan = thread.sync(CommentListing::Whole);
    assert_eq!(plan.findings, [Finding::CommentOverridden { comment: 7 }]);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>two</p>"]);
}

#[test]
fn a_deleted_comment_takes_its_mirror_with_it() {
    let mut thread = Thread::synced(&[(7, "one"), (8, "two")]);
    thread.github.remove(0);
    assert_eq!(thread.plan(CommentListing::Partial).writes, [], "it may just not be at hand");
    thread.sync(CommentListing::Whole);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>two</p>"]);
    thread.deleted.insert(8);
    thread.sync(CommentListing::Partial);
    assert_eq!(thread.texts(), Vec::<&str>::new());
    thread.github.clear();
    thread.deleted.clear();
    thread.github.push(comment(8, "two"));
    thread.sync(CommentListing::Whole);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>two</p>"], "it is back after all");
}

#[test]
fn a_mirror_that_a_person_edited_outlives_its_comment() {
    let mut thread = Thread::synced(&[(7, "one")]);
    thread.plane[0].comment_html.push_str("<p>answer</p>");
    thread.github.clear();
    let plan = thread.sync(CommentListing::Whole);
    assert_eq!(plan.findings, [Finding::CommentKept { comment: 7 }]);
    assert_eq!(thread.plane.len(), 1);
    assert_eq!(thread.sync(CommentListing::Whole), CommentPlan::default(), "said once");
}

#[test]
fn a_mirror_that_a_person_deleted_is_not_made_again() {
    let mut thread = Thread::synced(&[(7, "one")]);
    thread.plane.clear();
    let plan = thread.sync(CommentListing::Whole);
    assert_eq!(plan.findings, [Finding::CommentGone { comment: 7 }]);
    thread.github[0].body = "two".to_owned();
    assert_eq!(thread.sync(CommentListing::Whole), CommentPlan::default());
}

#[test]
fn comments_of_plane_people_are_left_alone() {
    let mut thread = Thread::synced(&[(7, "one")]);
    let own = ItemComment {
        id: "own".to_owned(),
        comment_html: "<p>hi</p>".to_owned(),
        external_id: None,
        external_source: None,
    };
    thread.plane.push(own.clone());
    thread.github.clear();
    thread.sync(CommentListing::Whole);
    assert_eq!(thread.plane, [own]);
}

#[test]
fn a_mirror_without_a_link_is_found_by_its_external_id() {
    let mut thread = Thread::synced(&[(7, "one"), (8, "two")]);
    thread.links.clear();
    thread.plane[1].comment_html = "<p>other</p>".to_owned();
    let plan = thread.sync(CommentListing::Whole);
    assert_eq!(plan.findings, [Finding::CommentAdopted { comment: 8 }]);
    assert_eq!(thread.texts(), ["<p>ada:</p><p>one</p>", "<p>ada:</p><p>two</p>"]);
}

#[test]
fn after_a_crash_it_is_seen_which_writes_were_made() {
    let mut thread = Thread::of(&[(7, "one")]);
    let creation = thread.plan(CommentListing::Whole).writes.remove(0);
    assert_eq!(resume_comment(&creation, &thread.plane), None);
    thread.write(&creation);
    let link = resume_comment(&creation, &thread.plane).unwrap();
    assert_eq!((link.mirror.as_deref(), link.standing), (Some("m7"), CommentStanding::Mirrored));
    thread.remember(link);
    thread.github[0].body = "two".to_owned();
    let edit = thread.plan(CommentListing::Whole).writes.remove(0);
    assert_eq!(resume_comment(&edit, &thread.plane), None);
    thread.write(&edit);
    thread.remember(resume_comment(&edit, &thread.plane).unwrap());
    assert_eq!(thread.plan(CommentListing::Whole), CommentPlan::default());
    thread.github.clear();
    let deletion = thread.plan(CommentListing::Whole).writes.remove(0);
    assert_eq!(resume_comment(&deletion, &thread.plane), None);
    thread.write(&deletion);
    assert_eq!(
        resume_comment(&deletion, &thread.plane).unwrap().standing,
        CommentStanding::Deleted
    );
}

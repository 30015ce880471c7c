//! Two people's edits of one description.

use jetbridge::sync::markdown::description_html;
use jetbridge::sync::merge::{Conflict, Merge, merge};
use proptest::prelude::*;

fn html(markdown: &str) -> String {
    description_html(Some(markdown))
}

fn merged(base: &str, ours: &str, theirs: &str) -> String {
    match merge(base, ours, theirs) {
        Merge::Merged { html } => html,
        Merge::Conflict { places } => panic!("conflict: {places:?}"),
    }
}

#[test]
fn changes_of_different_blocks_are_put_together() {
    let base = html("# T\n\none\n\ntwo");
    let (ours, theirs) = (html("# T\n\none\n\nTWO"), html("# T!\n\none\n\ntwo"));
    assert_eq!(merged(&base, &ours, &theirs), html("# T!\n\none\n\nTWO"));
}

#[test]
fn neighbors_may_change_at_the_same_time() {
    let base = html("one\n\ntwo");
    assert_eq!(merged(&base, &html("1\n\ntwo"), &html("one\n\n2")), html("1\n\n2"));
}

#[test]
fn a_block_that_both_changed_is_a_conflict() {
    let found = merge(&html("a\n\nb"), &html("a\n\nours"), &html("a\n\ntheirs"));
    let place = Conflict {
        block: 1,
        base: vec!["<p>b</p>".into()],
        ours: vec!["<p>ours</p>".into()],
        theirs: vec!["<p>theirs</p>".into()],
    };
    assert_eq!(found, Merge::Conflict { places: vec![place] });
}

#[test]
fn deleting_what_the_other_changed_is_a_conflict() {
    let found = merge(&html("a\n\nb\n\nc"), &html("a\n\nc"), &html("a\n\nB\n\nc"));
    assert!(matches!(found, Merge::Conflict { places } if places[0].ours.is_empty()));
}

#[test]
fn inserting_at_the_same_point_is_a_conflict_unless_it_is_the_same() {
    let base = html("a\n\nb");
    let found = merge(&base, &html("a\n\nx\n\nb"), &html("a\n\ny\n\nb"));
    assert!(matches!(found, Merge::Conflict { .. }));
    let (ours, theirs) = (html("a\n\nx\n\nb\n\nc"), html("a\n\nx\n\nb"));
    assert_eq!(merged(&base, &ours, &theirs), ours);
    let found = merge(&base, &ours, &html("a\n\nx\n\nB"));
    assert!(matches!(found, Merge::Conflict { .. }), "x must not stand twice");
}

#[test]
fn what_planes_editor_writes_into_every_block_is_no_change() {
    let base = html("one\n\ntwo\n\n- a\n- b");
    let saved = "<p class=\"editor-paragraph-block\">one</p><p class=\"editor-paragraph-block\">two!</p>\
        <ul><li>a</li><li>b</li></ul>";
    let ours = html("ONE\n\ntwo\n\n- a\n- b");
    let both = merged(&base, &ours, saved);
    assert!(both.contains("<p>ONE</p>") && both.contains("two!</p>"), "{both}");
    assert_eq!(merged(&base, &ours, &saved.replace('!', "")), ours);
}

#[test]
fn text_in_a_line_is_one_block() {
    let base = "<div>a <b>b</b> c</div>";
    let theirs = "<div>a <b>b</b> d</div>";
    assert_eq!(merged(base, base, theirs), theirs);
    let found = merge(base, "<div>A <b>b</b> c</div>", theirs);
    assert!(matches!(found, Merge::Conflict { .. }));
}

#[test]
fn both_may_delete_everything() {
    let base = html("a\n\nb");
    assert_eq!(merged(&base, &html("b"), &html("a")), "<p></p>");
}

fn text() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-d]|- [ab]|# [ab]|> [ab]|<b>[ab]", 0..8)
}

fn page(blocks: &[String]) -> String {
    html(&blocks.join("\n\n"))
}

proptest! {
    #[test]
    fn a_side_that_did_not_change_leaves_the_other(b in text(), x in text()) {
        let (b, x) = (page(&b), page(&x));
        prop_assert_eq!(merged(&b, &x, &b), x.clone());
        prop_assert_eq!(merged(&b, &b, &x), x.clone());
        prop_assert_eq!(merged(&b, &x, &x), x);
    }

    #[test]
    fn edits_of_different_blocks_both_survive(
        count in 2..9_usize, one in 0..9_usize, other in 0..9_usize
    ) {
        let (one, other) = (one % count, other % count);
        prop_assume!(one != other);
        let base: Vec<String> = (0..count).map(|n| format!("text {n}")).collect();
        let with = |edits: &[(usize, &str)]| {
            let mut blocks = base.clone();
            for (at, text) in edits {
                blocks[*at] = (*text).into();
            }
            page(&blocks)
        };
        prop_assert_eq!(
            merged(&page(&base), &with(&[(one, "ours")]), &with(&[(other, "theirs")])),
            with(&[(one, "ours"), (other, "theirs")])
        );
    }

    #[test]
    fn nothing_that_either_side_wrote_disappears(
        base in text(), ours in text(), theirs in text()
    ) {
        let mark = |blocks: &[String], word: &str| {
            blocks.iter().map(|b| format!("{b} {word}")).collect::<Vec<_>>()
        };
        let (ours, theirs) = (mark(&ours, "ours"), mark(&theirs, "theirs"));
        if let Merge::Merged { html } = merge(&page(&base), &page(&ours), &page(&theirs)) {
            prop_assert_eq!(html.matches("ours").count(), ours.len());
            prop_assert_eq!(html.matches("theirs").count(), theirs.len());
        }
    }
}

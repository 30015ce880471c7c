//! What a plan is made of: an issue in Plane's form, the item as it is remembered, two texts merged.

use std::collections::BTreeSet;

use crate::sync::github::Issue;
use crate::sync::markdown;
use crate::sync::merge::{Merge, merge};
use crate::sync::plan::{Base, Link, Rendered, TextMerge};
use crate::sync::plane::{EXTERNAL_SOURCE, Item};

pub(super) fn rendered(issue: &Issue) -> Rendered {
    let title = markdown::title(&issue.title);
    Rendered {
        title: title.text,
        title_cut: title.cut,
        description_html: markdown::issue_description(issue),
    }
}

/// The item as Plane last answered it; its people as webhooks told, where those go back to GitHub.
pub(super) fn remembered_item(
    link: &Link,
    issue: &Issue,
    people: Option<&BTreeSet<String>>,
) -> Item {
    let Base { plane, .. } = &link.base;
    Item {
        id: link.item.clone(),
        name: plane.name.clone(),
        description_html: plane.description_html.clone(),
        state: plane.state.clone(),
        labels: plane.labels.clone(),
        assignees: people.unwrap_or(&plane.assignees).clone(),
        priority: plane.priority,
        external_id: Some(issue.id.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    }
}

pub(super) fn merged(base: &str, ours: &str, theirs: &str) -> TextMerge {
    match merge(base, ours, theirs) {
        Merge::Merged { html } => TextMerge::Merged(html),
        Merge::Conflict { places } => {
            let blocks: Vec<_> = places.iter().map(|place| (place.block + 1).to_string()).collect();
            TextMerge::Conflict(format!("in block {}", blocks.join(", ")))
        }
    }
}

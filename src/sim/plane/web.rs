//! A work item as a person opens it, in plain words: a click on its address shows what the fake
//! holds. No look of Plane's, and nothing to act with.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::records::{Item, Project};
use super::world::World;

/// `None` for what is no page: `/acme/browse/SYNC-1/`.
pub(super) fn page(world: &World, path: &str) -> Option<Response> {
    let (workspace, key) = path.trim_matches('/').split_once("/browse/")?;
    let (project, number) = key.rsplit_once('-')?;
    let workspace = world.workspace_named(workspace)?;
    let of = |p: &&Project| world.workspace_of(p.id) == workspace && p.identifier == project;
    let project = world.projects.iter().find(of)?;
    let number: u64 = number.parse().ok()?;
    let called = |item: &&Item| item.project == project.id && item.sequence_id == number;
    let item = world.items.iter().find(called)?;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Some(([(header::CONTENT_TYPE, plain)], text(world, key, item)).into_response())
}

fn text(world: &World, key: &str, item: &Item) -> String {
    let names = |names: Vec<&str>| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let labels = item.labels.iter().filter_map(|id| Some(world.label(*id)?.name.as_str()));
    let people =
        item.assignees.iter().filter_map(|id| Some(world.user(*id)?.display_name.as_str()));
    let state = world.state(item.state).map_or("-", |state| &state.name);
    let (labels, people) = (names(labels.collect()), names(people.collect()));
    let mut text = format!(
        "This is a simulated Plane: nothing here is real.\n\n{}\n{key}, {state}, priority {}\nlabels: {labels}\nassignees: {people}\n\n{}\n",
        item.name, item.priority, item.description_html,
    );
    for comment in world.comments.iter().filter(|comment| comment.item == item.id) {
        let author = world.user(comment.actor).map_or("-", |user| &user.display_name);
        let at = comment.stamps.created_at.format("%F %R UTC");
        text += &format!("\n--- {author}, {at}\n\n{}\n", comment.comment_html);
    }
    text
}

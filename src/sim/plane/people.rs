//! What people do in Plane's web app: its own names for the fields in webhooks, its own checks,
//! and no webhook for a deletion.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::Shared;
use super::html;
use super::records::{Item, Stamps};
use super::rest::{blank_item, insert_bundle, insert_comment};
use super::webhooks::{Background, Entity};
use super::world::World;
use crate::sync::milestones::BundleKind;

/// The web app does not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// What it is about is not there: list it again.
    #[error("it is not there (any more): list the project's items again")]
    NotThere,
    /// A description with nothing in it.
    #[error("the HTML has nothing in it: write <p></p> for an empty description")]
    InvalidHtml,
}

/// Somebody at the web app.
#[derive(Clone)]
pub struct Person {
    pub(super) shared: Arc<Shared>,
    pub(super) id: Uuid,
}

impl Person {
    /// Who it is.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Writes a new item with a title and a description.
    pub fn create_item(&self, project: Uuid, name: &str, html: &str) -> Result<Uuid, NotDone> {
        let description = html::stored(html).map_err(|_| NotDone::InvalidHtml)?;
        self.act(|world| {
            world.projects.iter().find(|p| p.id == project).ok_or(NotDone::NotThere)?;
            let (id, stamps): (Uuid, Stamps) = (world.uuid(), world.fresh_stamps());
            let mut item = blank_item(world, project, self.id, id, stamps);
            (item.name, item.description_html) = (name.to_owned(), description);
            let state = world.default_state(project);
            world.items.push(item);
            world.enter_state(id, state);
            world.later(Background::Touch(id));
            world.tell_created(Entity::Item(id), self.id);
            Ok(id)
        })
    }

    /// Writes another title.
    pub fn edit_title(&self, item: Uuid, name: &str) -> Result<(), NotDone> {
        self.edit(item, "name", &json!(name), |item| name.clone_into(&mut item.name))
    }

    /// Writes another description.
    pub fn edit_description(&self, item: Uuid, html: &str) -> Result<(), NotDone> {
        let stored = html::stored(html).map_err(|_| NotDone::InvalidHtml)?;
        self.edit(item, "description_html", &json!(html), |item| item.description_html = stored)
    }

    /// Moves the item to another column.
    pub fn move_to_state(&self, item: Uuid, state: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            let before = in_the_app(world.item(item).ok_or(NotDone::NotThere)?);
            world.state(state).ok_or(NotDone::NotThere)?;
            world.enter_state(item, state);
            self.changed(world, item, &before, "state_id", &json!(state));
            Ok(())
        })
    }

    /// Sets who is to do it.
    pub fn assign(&self, item: Uuid, users: &[Uuid]) -> Result<(), NotDone> {
        self.edit(item, "assignee_ids", &json!(users), |item| item.assignees = sorted(users))
    }

    /// Sets its labels.
    pub fn label(&self, item: Uuid, labels: &[Uuid]) -> Result<(), NotDone> {
        self.edit(item, "label_ids", &json!(labels), |item| item.labels = sorted(labels))
    }

    /// Puts the item under another one, or under none.
    pub fn put_under(&self, item: Uuid, parent: Option<Uuid>) -> Result<(), NotDone> {
        self.edit(item, "parent_id", &json!(parent), |item| item.parent = parent)
    }

    /// Says how urgent it is: `urgent`, `high`, `medium`, `low` or `none`.
    pub fn prioritize(&self, item: Uuid, priority: &str) -> Result<(), NotDone> {
        self.edit(item, "priority", &json!(priority), |item| {
            priority.clone_into(&mut item.priority);
        })
    }

    /// Gives a label another name and color, of which nobody is told.
    pub fn edit_label(&self, label: Uuid, name: &str, color: &str) -> Result<(), NotDone> {
        self.act(|world| {
            let found = world.labels.iter_mut().find(|known| known.id == label);
            let found = found.ok_or(NotDone::NotThere)?;
            (found.name, found.color) = (name.to_owned(), color.to_owned());
            Ok(())
        })
    }

    /// Deletes a label, which all items lose without a word.
    pub fn delete_label(&self, label: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            world.labels.retain(|known| known.id != label);
            for item in &mut world.items {
                item.labels.retain(|known| *known != label);
            }
            Ok(())
        })
    }

    /// Puts the item away, of which nobody is told.
    pub fn archive_item(&self, item: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            let today = world.now().date_naive().to_string();
            world.item_mut(item).ok_or(NotDone::NotThere)?.archived_at = Some(today);
            Ok(())
        })
    }

    /// Deletes the item, of which nobody is told.
    pub fn delete_item(&self, item: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            world.item(item).ok_or(NotDone::NotThere)?;
            world.remove_item(item);
            Ok(())
        })
    }

    /// Makes a module or a cycle.
    pub fn make_bundle(
        &self,
        project: Uuid,
        kind: BundleKind,
        name: &str,
    ) -> Result<Uuid, NotDone> {
        self.act(|world| {
            world.projects.iter().find(|p| p.id == project).ok_or(NotDone::NotThere)?;
            let id = insert_bundle(world, project, self.id, kind, name.to_owned());
            world.tell_created(entity(kind, id), self.id);
            Ok(id)
        })
    }

    /// Gives a module or a cycle another name.
    pub fn rename_bundle(&self, bundle: Uuid, name: &str) -> Result<(), NotDone> {
        self.act(|world| {
            let updated_at = world.stamp();
            let bundle = world.bundle_mut(bundle).ok_or(NotDone::NotThere)?;
            let before = json!({ "name": bundle.name });
            name.clone_into(&mut bundle.name);
            bundle.stamps.updated_at = updated_at;
            let entity = entity(bundle.kind, bundle.id);
            let asked = json!(name);
            world.tell_changes(entity, &before, std::iter::once(("name", &asked)), self.id);
            Ok(())
        })
    }

    /// Deletes a module or a cycle, of which nobody is told.
    pub fn delete_bundle(&self, bundle: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            world.bundle(bundle).ok_or(NotDone::NotThere)?;
            world.bundles.retain(|b| b.id != bundle);
            Ok(())
        })
    }

    /// Puts the item into a module or a cycle, of which nobody is told.
    pub fn put_into(&self, bundle: Uuid, item: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            world.bundle(bundle).ok_or(NotDone::NotThere)?;
            world.enter_bundle(bundle, item);
            Ok(())
        })
    }

    /// Takes the item out of a module or a cycle, of which nobody is told.
    pub fn take_out(&self, bundle: Uuid, item: Uuid) -> Result<(), NotDone> {
        self.act(
            |world| {
                if world.leave_bundle(bundle, item) { Ok(()) } else { Err(NotDone::NotThere) }
            },
        )
    }

    /// Comments on the item.
    pub fn comment(&self, item: Uuid, html: &str) -> Result<Uuid, NotDone> {
        self.act(|world| {
            let project = world.item(item).ok_or(NotDone::NotThere)?.project;
            let id = insert_comment(world, project, item, self.id, html.trim().to_owned());
            world.later(Background::Touch(item));
            world.tell_created(Entity::Comment(id), self.id);
            Ok(id)
        })
    }

    /// Writes another comment in its place.
    pub fn edit_comment(&self, comment: Uuid, html: &str) -> Result<(), NotDone> {
        self.act(|world| {
            let (edited_at, updated_at) = (world.stamp(), world.stamp());
            let comment = world.comment_mut(comment).ok_or(NotDone::NotThere)?;
            let before = json!({ "comment_html": comment.comment_html });
            html.trim().clone_into(&mut comment.comment_html);
            comment.edited_at = Some(edited_at);
            comment.stamps.updated_at = updated_at;
            comment.stamps.updated_by = Some(self.id);
            let (id, item) = (comment.id, comment.item);
            world.later(Background::Touch(item));
            let asked = json!(html);
            let asked = std::iter::once(("comment_html", &asked));
            world.tell_changes(Entity::Comment(id), &before, asked, self.id);
            Ok(())
        })
    }

    /// Deletes the comment, of which nobody is told.
    pub fn delete_comment(&self, comment: Uuid) -> Result<(), NotDone> {
        self.act(|world| {
            world.comment(comment).ok_or(NotDone::NotThere)?;
            world.comments.retain(|c| c.id != comment);
            Ok(())
        })
    }

    fn edit(
        &self,
        id: Uuid,
        field: &str,
        asked: &Value,
        write: impl FnOnce(&mut Item),
    ) -> Result<(), NotDone> {
        self.act(|world| {
            let item = world.item_mut(id).ok_or(NotDone::NotThere)?;
            let before = in_the_app(item);
            write(item);
            self.changed(world, id, &before, field, asked);
            Ok(())
        })
    }

    fn changed(&self, world: &mut World, id: Uuid, before: &Value, field: &str, asked: &Value) {
        world.touch(id, Some(self.id));
        world.later(Background::Touch(id));
        let asked = std::iter::once((field, asked));
        world.tell_changes(Entity::Item(id), before, asked, self.id);
    }

    fn act<T>(&self, act: impl FnOnce(&mut World) -> Result<T, NotDone>) -> Result<T, NotDone> {
        self.shared.with_then_tell(act)
    }
}

fn entity(kind: BundleKind, id: Uuid) -> Entity {
    match kind {
        BundleKind::Module => Entity::Module(id),
        BundleKind::Cycle => Entity::Cycle(id),
    }
}

/// The web app's names for what can be edited here.
fn in_the_app(item: &Item) -> Value {
    json!({
        "name": item.name,
        "description_html": item.description_html,
        "priority": item.priority,
        "state_id": item.state,
        "assignee_ids": item.assignees,
        "label_ids": item.labels,
        "parent_id": item.parent,
    })
}

fn sorted(ids: &[Uuid]) -> Vec<Uuid> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

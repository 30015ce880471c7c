//! Webhooks as Plane makes them: one for each field that a request changed, each with the whole
//! new object, which is read when the queue comes to it and not when the change was made. What
//! is gone by then is not told at all, and neither is a deletion.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;
use uuid::Uuid;

use super::render::{self, Zone};
use super::world::World;

/// Where webhooks go.
#[derive(Clone)]
pub(super) struct Webhook {
    pub id: Uuid,
    /// Whose changes it tells.
    pub workspace: Uuid,
    pub url: String,
    pub secret: String,
    pub active: bool,
}

/// What a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entity {
    Project(Uuid),
    Item(Uuid),
    Comment(Uuid),
    Module(Uuid),
    Cycle(Uuid),
}

impl Entity {
    fn event(self) -> &'static str {
        match self {
            Self::Project(_) => "project",
            Self::Item(_) => "issue",
            Self::Comment(_) => "issue_comment",
            Self::Module(_) => "module",
            Self::Cycle(_) => "cycle",
        }
    }

    /// As it is now; `None` when it is gone.
    fn data(self, world: &World) -> Option<Value> {
        match self {
            Self::Item(id) => world.item(id).map(|item| render::item_data(world, item)),
            Self::Comment(id) => {
                let comment = world.comment(id)?;
                Some(render::comment(world, comment, Zone::utc()))
            }
            Self::Module(id) | Self::Cycle(id) => {
                world.bundle(id).map(|bundle| render::bundle(world, bundle, Zone::utc()))
            }
            Self::Project(id) => {
                let project = world.projects.iter().find(|project| project.id == id)?;
                Some(render::project_data(world, project, Zone::utc()))
            }
        }
    }

    fn id(self) -> Uuid {
        match self {
            Self::Project(id)
            | Self::Item(id)
            | Self::Comment(id)
            | Self::Module(id)
            | Self::Cycle(id) => id,
        }
    }
}

/// What happened to it.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Created,
    Updated { field: String, old: Value, new: Value },
    Deleted,
}

/// Something that webhooks are to tell.
#[derive(Debug, Clone)]
pub(super) struct Announcement {
    entity: Entity,
    change: Change,
    actor: Uuid,
}

/// Work that a request leaves for later.
#[derive(Debug, Clone)]
pub(super) enum Background {
    /// The item is saved once more, which moves its `updated_at`.
    Touch(Uuid),
    /// The link's page is looked at, after which nobody has made the link.
    FetchLink(Uuid),
    Tell(Announcement),
}

impl World {
    pub fn later(&mut self, work: Background) {
        self.outbox.push(work);
    }

    pub fn tell_created(&mut self, entity: Entity, actor: Uuid) {
        self.tell(Announcement { entity, change: Change::Created, actor });
    }

    pub fn tell_deleted(&mut self, entity: Entity, actor: Uuid) {
        self.tell(Announcement { entity, change: Change::Deleted, actor });
    }

    /// One for each field that was there before and is asked to be something else, whatever
    /// became of the asking.
    pub fn tell_changes<'a>(
        &mut self,
        entity: Entity,
        before: &Value,
        asked: impl Iterator<Item = (&'a str, &'a Value)>,
        actor: Uuid,
    ) {
        for (field, new) in asked {
            let Some(old) = before.get(field).filter(|old| *old != new) else { continue };
            let (field, old, new) = (field.to_owned(), old.clone(), new.clone());
            self.tell(Announcement { entity, change: Change::Updated { field, old, new }, actor });
        }
    }

    fn tell(&mut self, announcement: Announcement) {
        self.outbox.push(Background::Tell(announcement));
    }
}

/// A webhook ready to be signed and sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub webhook: Uuid,
    pub event: &'static str,
    pub action: &'static str,
    pub field: Option<String>,
    pub body: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    event: &'a str,
    action: &'a str,
    webhook_id: Uuid,
    workspace_id: Uuid,
    data: &'a Value,
    activity: Activity<'a>,
}

#[derive(Serialize)]
struct Activity<'a> {
    field: Option<&'a str>,
    new_value: &'a Value,
    old_value: &'a Value,
    actor: Value,
    old_identifier: Option<Uuid>,
    new_identifier: Option<Uuid>,
}

/// One for each webhook that is switched on; none when what it is about is gone.
pub(super) fn make(world: &World, announcement: &Announcement) -> Vec<Outgoing> {
    let Announcement { entity, change, actor } = announcement;
    let (action, field, old, new) = match change {
        Change::Created => ("created", None, &Value::Null, &Value::Null),
        Change::Updated { field, old, new } => ("updated", Some(field.as_str()), old, new),
        Change::Deleted => ("deleted", None, &Value::Null, &Value::Null),
    };
    let data = match change {
        Change::Deleted => Some(serde_json::json!({ "id": entity.id() })),
        Change::Created | Change::Updated { .. } => entity.data(world),
    };
    let Some(data) = data else { return Vec::new() };
    let project = match entity {
        Entity::Project(id) => Some(*id),
        _ => data["project"].as_str().and_then(|id| id.parse().ok()),
    };
    let workspace = world.workspace_of(project.unwrap_or_default());
    let all = world.webhooks.iter();
    let webhooks = all.filter(|webhook| webhook.active && webhook.workspace == workspace);
    webhooks
        .map(|webhook| {
            let envelope = Envelope {
                event: entity.event(),
                action,
                webhook_id: webhook.id,
                workspace_id: workspace,
                data: &data,
                activity: Activity {
                    field,
                    new_value: new,
                    old_value: old,
                    actor: world.person(*actor),
                    old_identifier: None,
                    new_identifier: None,
                },
            };
            Outgoing {
                webhook: webhook.id,
                event: entity.event(),
                action,
                field: field.map(str::to_owned),
                body: python_json(&envelope),
            }
        })
        .collect()
}

/// JSON as Python writes it: a blank after each comma and colon, and nothing beyond ASCII.
fn python_json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Python);
    // Into memory, of a value that is made of JSON: nothing can fail here.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        for letter in fragment.chars() {
            if (' '..='~').contains(&letter) {
                write!(writer, "{letter}")?;
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = json!({ "a": ["é", "🚀", "</p>\u{7f}\n"], "b": { "c": 65535.0, "d": null } });
        let expected =
            r#"{"a": ["\u00e9", "\ud83d\ude80", "</p>\u007f\n"], "b": {"c": 65535.0, "d": null}}"#;
        assert_eq!(python_json(&value), expected);
    }
}

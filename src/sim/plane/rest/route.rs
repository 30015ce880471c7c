//! Which addresses there are. An id that is no UUID is no address.

use uuid::Uuid;

use crate::sync::milestones::BundleKind;

/// An address of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Me,
    Workspace { slug: String, place: Place },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Projects,
    Members,
    Search,
    /// `SYNC-1`.
    ByKey(String),
    In(Uuid, Part),
}

/// A part of a project. Of two ids the first is the work item's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Project,
    Members,
    Member(Uuid),
    States,
    State(Uuid),
    Labels,
    Label(Uuid),
    Items,
    Item(Uuid),
    Comments(Uuid),
    Comment(Uuid, Uuid),
    Links(Uuid),
    Link(Uuid, Uuid),
    Bundles(BundleKind),
    Bundle(BundleKind, Uuid),
    /// Of a module or a cycle.
    BundleItems(BundleKind, Uuid),
    /// Of a module or a cycle; the second id is the work item's.
    BundleItem(BundleKind, Uuid, Uuid),
}

impl Route {
    /// With or without the slash at its end.
    pub fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix("/api/v1/")?;
        let words: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let (slug, rest) = match words[..] {
            ["users", "me"] => return Some(Self::Me),
            ["workspaces", slug, ref rest @ ..] => (slug, rest),
            _ => return None,
        };
        let place = match *rest {
            ["projects"] => Place::Projects,
            ["members"] => Place::Members,
            ["work-items" | "issues", "search"] => Place::Search,
            ["work-items" | "issues", key] => Place::ByKey(key.to_owned()),
            ["projects", project, ref rest @ ..] => Place::In(id(project)?, Part::of(rest)?),
            _ => return None,
        };
        Some(Self::Workspace { slug: slug.to_owned(), place })
    }
}

impl Part {
    fn of(words: &[&str]) -> Option<Self> {
        Some(match *words {
            [] => Self::Project,
            ["members" | "project-members"] => Self::Members,
            ["members" | "project-members", member] => Self::Member(id(member)?),
            ["states"] => Self::States,
            ["states", state] => Self::State(id(state)?),
            ["labels"] => Self::Labels,
            ["labels", label] => Self::Label(id(label)?),
            ["work-items" | "issues"] => Self::Items,
            ["work-items" | "issues", item] => Self::Item(id(item)?),
            ["work-items" | "issues", item, "comments"] => Self::Comments(id(item)?),
            ["work-items" | "issues", item, "comments", comment] => {
                Self::Comment(id(item)?, id(comment)?)
            }
            ["work-items" | "issues", item, "links"] => Self::Links(id(item)?),
            ["work-items" | "issues", item, "links", link] => Self::Link(id(item)?, id(link)?),
            [kind, ref rest @ ..] => return Self::of_bundle(kind, rest),
        })
    }

    fn of_bundle(kind: &str, rest: &[&str]) -> Option<Self> {
        let (kind, items) = match kind {
            "modules" => (BundleKind::Module, "module-issues"),
            "cycles" => (BundleKind::Cycle, "cycle-issues"),
            _ => return None,
        };
        Some(match *rest {
            [] => Self::Bundles(kind),
            [bundle] => Self::Bundle(kind, id(bundle)?),
            [bundle, word] if word == items => Self::BundleItems(kind, id(bundle)?),
            [bundle, word, item] if word == items => Self::BundleItem(kind, id(bundle)?, id(item)?),
            _ => return None,
        })
    }
}

fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

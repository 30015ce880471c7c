//! Plane's REST API: from a request to its answer, in the order in which Plane looks at things:
//! the address, the size, the key, the permission, the quota, the method, and only then the body.

mod bundles;
mod comments;
mod fields;
mod item_fields;
mod items;
mod labels;
mod links;
mod projects;
mod route;
mod states;

use axum::http::{HeaderName, Method};
use bytes::Bytes;
use uuid::Uuid;

use self::route::{Part, Place, Route};
use super::answer::{Answer, Reply};
use super::config::{RateLimit, Role, User};
use super::quota::{self, Allowance};
use super::render::Zone;
use super::world::World;

pub(super) use self::bundles::insert as insert_bundle;
pub(super) use self::comments::insert as insert_comment;
pub(super) use self::items::blank as blank_item;
pub(super) use self::labels::insert as insert_label;

/// Largest body that is read.
pub(super) const LONGEST_BODY: usize = 5 * 1024 * 1024;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Raw {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub key: Option<String>,
    pub content_type: String,
    /// `None` when it is longer than [`LONGEST_BODY`].
    pub body: Option<Bytes>,
}

/// A request that may be looked at, with the one who makes it.
pub(super) struct Call {
    pub method: Method,
    parameters: Vec<(String, String)>,
    content_type: String,
    body: Bytes,
    pub reader: User,
    /// The workspace of the address; none for `users/me/`.
    pub workspace: Uuid,
}

impl Call {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn zone(&self) -> Zone {
        Zone::of(&self.reader)
    }
}

/// The second half of a create whose first half found no duplicate.
pub(super) type Rest = Box<dyn FnOnce(&mut World) -> Reply + Send>;

/// How far a request has come.
pub(super) enum Step {
    /// To its end.
    Answered(Answer),
    /// A create looked for a duplicate and found none; it stores when called, without looking
    /// again.
    Checked(Rest, Vec<(HeaderName, String)>),
}

/// Answers a request, or comes as far as the gap in a create.
pub(super) fn handle(world: &mut World, raw: Raw, limit: RateLimit) -> Step {
    match admitted(world, &raw, limit) {
        Err(answer) => Step::Answered(answer),
        Ok((route, reader, headers)) => {
            let parameters = form_urlencoded::parse(raw.query.as_bytes()).into_owned().collect();
            let call = Call {
                method: raw.method,
                parameters,
                content_type: raw.content_type,
                body: raw.body.unwrap_or_default(),
                reader,
                workspace: workspace_of(world, &route).unwrap_or_default(),
            };
            match dispatch(world, &call, route) {
                Ok(Handled::Answer(mut answer)) | Err(mut answer) => {
                    answer.headers.extend(headers);
                    Step::Answered(answer)
                }
                Ok(Handled::Checked(rest)) => Step::Checked(rest, headers),
            }
        }
    }
}

type Admitted = (Route, User, Vec<(HeaderName, String)>);

/// Everything that comes before the method and the body.
fn admitted(world: &mut World, raw: &Raw, limit: RateLimit) -> Result<Admitted, Answer> {
    let route = Route::of(&raw.path).ok_or_else(Answer::no_such_page)?;
    if !raw.path.ends_with('/') {
        return Err(Answer::moved(format!("{}/", raw.path)));
    }
    if raw.body.is_none() {
        return Err(Answer::too_large());
    }
    let key = raw.key.as_deref().ok_or_else(Answer::no_credentials)?;
    let user = world.users.iter().find(|user| user.api_key == key);
    let user = user.cloned().ok_or_else(Answer::bad_key)?;
    if !permitted(world, &route, &raw.method, &user) {
        return Err(Answer::no_permission());
    }
    match quota::take(world, key, limit) {
        Allowance::Left(headers) => Ok((route, user, headers)),
        Allowance::UsedUp { seconds } => Err(Answer::too_many_requests(seconds)),
    }
}

fn workspace_of(world: &World, route: &Route) -> Option<Uuid> {
    match route {
        Route::Me => None,
        Route::Workspace { slug, .. } => world.workspace_named(slug),
    }
}

/// What does not exist can't be told from what may not be seen.
fn permitted(world: &World, route: &Route, method: &Method, user: &User) -> bool {
    let Route::Workspace { place, .. } = route else { return true };
    let workspace = workspace_of(world, route).filter(|_| user.role.is_some());
    let Some(workspace) = workspace else { return false };
    match place {
        Place::Projects | Place::Members | Place::Search => true,
        Place::ByKey(key) => key
            .rsplit_once('-')
            .and_then(|(identifier, _)| {
                let mut here = world.projects.iter();
                here.find(|p| world.workspace_of(p.id) == workspace && p.identifier == identifier)
            })
            .is_some_and(|project| world.role_in(project.id, user.id).is_some()),
        Place::In(project, _) if world.workspace_of(*project) != workspace => false,
        Place::In(project, part) => match world.role_in(*project, user.id) {
            None => false,
            Some(Role::Admin) => true,
            Some(Role::Member) => {
                method == Method::GET
                    || !matches!(part, Part::Project | Part::Members | Part::Member(_))
            }
            Some(Role::Guest) => {
                method == Method::GET || matches!(part, Part::Comments(_) | Part::Comment(..))
            }
        },
    }
}

/// What a handler comes to.
pub(super) enum Handled {
    Answer(Answer),
    Checked(Rest),
}

impl From<Answer> for Handled {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

fn dispatch(world: &mut World, call: &Call, route: Route) -> Result<Handled, Answer> {
    match route {
        Route::Me => projects::me(call).map(Handled::Answer),
        Route::Workspace { place, .. } => match place {
            Place::Projects => projects::all(world, call).map(Handled::Answer),
            Place::Members => projects::workspace_members(world, call).map(Handled::Answer),
            Place::Search => items::search(world, call).map(Handled::Answer),
            Place::ByKey(key) => items::by_key(world, call, &key).map(Handled::Answer),
            Place::In(project, part) => in_project(world, call, project, part),
        },
    }
}

fn in_project(
    world: &mut World,
    call: &Call,
    project: uuid::Uuid,
    part: Part,
) -> Result<Handled, Answer> {
    let answer = match part {
        Part::Items => return items::all(world, call, project),
        Part::Comments(item) => return comments::all(world, call, project, item),
        Part::Project => projects::one(world, call, project),
        Part::Members => projects::members(world, call, project),
        Part::Member(id) => projects::member(world, call, project, id),
        Part::States => states::all(world, call, project),
        Part::State(id) => states::one(world, call, project, id),
        Part::Labels => labels::all(world, call, project),
        Part::Label(id) => labels::one(world, call, project, id),
        Part::Item(id) => items::one(world, call, project, id),
        Part::Comment(item, id) => comments::one(world, call, item, id),
        Part::Links(item) => links::all(world, call, project, item),
        Part::Link(item, id) => links::one(world, call, item, id),
        Part::Bundles(kind) => bundles::all(world, call, project, kind),
        Part::Bundle(kind, id) => bundles::one(world, call, project, kind, id),
        Part::BundleItems(kind, id) => bundles::items(world, call, project, kind, id),
        Part::BundleItem(kind, id, item) => bundles::item(world, call, project, (kind, id), item),
    };
    answer.map(Handled::Answer)
}

fn wrong_method(call: &Call) -> Answer {
    Answer::wrong_method(call.method.as_str())
}

//! Who GitHub's people are in Plane, and Plane's on GitHub.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{parse, read_body};
use super::parameters::Parameters;
use super::{Address, Page};
use crate::access::Caller;
use crate::clock::Timestamp;
use crate::people::{self, Login};
use crate::store::members::{MemberApart, UnmappedMember};
use crate::store::people::{Counterpart, KnownPerson, UnmappedPerson};
use crate::web::auth::Target;
use crate::web::error::{Problem, ProblemBody};
use crate::web::state::WebState;

/// Longest name, address or id of a member.
const LONGEST: usize = 200;

/// A GitHub account that is assigned somewhere, a user of Plane’s who is, or either that was decided
/// about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub(in crate::web) struct PersonBody {
    /// GitHub’s login, in lower case; null for a user of Plane’s who has none.
    #[schema(required)]
    login: Option<String>,
    /// `unmapped`, `member` or `nobody` for a login; `unmapped_member` or `apart` for a user of
    /// Plane’s who is not known on GitHub, or nobody there.
    status: &'static str,
    /// Plane’s id of the member, or the name or address that it goes by.
    #[schema(required)]
    member: Option<String>,
    /// What the member was called when it was decided.
    #[schema(required)]
    member_name: Option<String>,
    /// Linked issues whose assignment waits.
    waiting_issues: i64,
    /// Repositories of these issues.
    repositories: Vec<String>,
    /// Who decided.
    #[schema(required)]
    decided_by: Option<String>,
    /// When.
    #[schema(required, value_type = Option<String>)]
    decided_at: Option<Timestamp>,
}

impl From<UnmappedPerson> for PersonBody {
    fn from(person: UnmappedPerson) -> Self {
        Self {
            login: Some(person.login),
            status: "unmapped",
            member: None,
            member_name: None,
            waiting_issues: person.issues,
            repositories: person.repositories,
            decided_by: None,
            decided_at: None,
        }
    }
}

impl From<KnownPerson> for PersonBody {
    fn from(person: KnownPerson) -> Self {
        let (status, member, member_name) = match person.counterpart {
            Counterpart::Member { id, name } => ("member", Some(id), Some(name)),
            Counterpart::Nobody => ("nobody", None, None),
        };
        Self {
            login: Some(person.login),
            status,
            member,
            member_name,
            waiting_issues: 0,
            repositories: Vec::new(),
            decided_by: Some(person.decided_by),
            decided_at: Some(person.decided_at),
        }
    }
}

impl From<UnmappedMember> for PersonBody {
    fn from(member: UnmappedMember) -> Self {
        Self {
            login: None,
            status: "unmapped_member",
            member: Some(member.id),
            member_name: Some(member.name),
            waiting_issues: member.issues,
            repositories: member.repositories,
            decided_by: None,
            decided_at: None,
        }
    }
}

impl From<MemberApart> for PersonBody {
    fn from(member: MemberApart) -> Self {
        Self {
            login: None,
            status: "apart",
            member: Some(member.id),
            member_name: Some(member.name),
            waiting_issues: 0,
            repositories: Vec::new(),
            decided_by: Some(member.decided_by),
            decided_at: Some(member.decided_at),
        }
    }
}

/// Who a person is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct PersonToDecide {
    /// GitHub’s login; null for a member who is nobody on GitHub.
    #[schema(required)]
    login: Option<String>,
    /// Plane’s id of the member, or a name or address that only they have; null for a login that is
    /// nobody in Plane.
    #[schema(required)]
    member: Option<String>,
    /// What to show for the member; the member’s id if not given.
    member_name: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Decided {
    /// Issues that waited for it and are brought in step now.
    queued: u64,
}

/// Those who have no counterpart yet, by the number of their issues, then those who were decided
/// about: first GitHub’s, then Plane’s.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    operation_id = "listPeople",
    responses((status = 200, description = "All of them; there is no further page.", body = Page<PersonBody>))
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<PersonBody>>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let decided = state.store.people().await?;
    let mut unmapped = state.store.unmapped_people().await?;
    unmapped.retain(|person| !decided.iter().any(|known| known.login == person.login));
    let items = unmapped.into_iter().map(PersonBody::from);
    let items = items.chain(decided.into_iter().map(PersonBody::from));
    let (members, apart) =
        (state.store.unmapped_members().await?, state.store.members_apart().await?);
    let is_new = |m: &UnmappedMember| !apart.iter().any(|known| known.id == m.id);
    let members: Vec<_> = members.into_iter().filter(is_new).map(PersonBody::from).collect();
    let items = items.chain(members).chain(apart.into_iter().map(PersonBody::from)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Says who a person is in Plane, or that a member is nobody on GitHub, for all repositories.
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    operation_id = "decidePerson",
    request_body(content = PersonToDecide, content_type = "application/json"),
    responses(
        (status = 200, description = "It is kept, and the issues that waited for it are queued.", body = Decided),
        (status = 400, description = "The body can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn decide(
    State(state): State<WebState>,
    caller: Caller,
    uri: Uri,
    body: Body,
) -> Result<(Extension<Target>, Json<Decided>), Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let PersonToDecide { login, member, member_name } = parse(&read_body(body).await?)?;
    let fits = |text: &String| !text.trim().is_empty() && text.len() <= LONGEST;
    if member.iter().chain(&member_name).any(|text| !fits(text)) {
        let expected = "expected 1 to 200 characters, or null for nobody";
        return Err(Problem::bad_parameter("member", expected));
    }
    let (store, clock, by) = (&state.store, &state.clock, caller.name.as_str());
    let (target, queued) = match (login, member) {
        (None, None) => {
            let expected = "expected a login, or null together with a member";
            return Err(Problem::bad_parameter("login", expected));
        }
        (None, Some(id)) => {
            let name = member_name.as_ref().unwrap_or(&id);
            let queued = people::decide_apart(store, clock, (&id, name), by).await?;
            (id, queued)
        }
        (Some(login), member) => {
            let login: Login = login.parse().map_err(|e| Problem::bad_parameter("login", e))?;
            let counterpart = match member {
                Some(id) => Counterpart::Member { name: member_name.unwrap_or(id.clone()), id },
                None => Counterpart::Nobody,
            };
            let queued = people::decide(store, clock, &login, &counterpart, by).await?;
            (login.to_string(), queued)
        }
    };
    state.wake.work_is_due();
    Ok((Extension(Target(target)), Json(Decided { queued })))
}

/// Forgets who a person is: it goes by likeness again, and what was carried over stays.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{login}",
    tag = "people",
    operation_id = "forgetPerson",
    params(("login" = String, Path, description = "GitHub’s login, or Plane’s id of a member who is nobody on GitHub.")),
    responses(
        (status = 204, description = "It is forgotten."),
        (status = 404, description = "Nothing was decided about it.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn forget(
    State(state): State<WebState>,
    Address(login): Address<String>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let forgotten = match login.parse::<Login>() {
        Ok(login) => state.store.forget_person(login.as_str()).await?,
        Err(_) => false,
    };
    if forgotten || state.store.forget_member_apart(&login).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(
            "Nothing was decided about that login: GET /api/v1/people lists what was.",
        ))
    }
}

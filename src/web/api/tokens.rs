//! API tokens: made, listed, revoked. A text is in the answer that made it and nowhere else.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::body::{parse, read_body};
use super::parameters::Parameters;
use super::{Address, Page};
use crate::access::{ApiTokenId, ApiTokenName, ApiTokenText, Caller, Lifetime, Scope};
use crate::clock::Timestamp;
use crate::store::api_tokens::{ApiToken, NewApiToken};
use crate::web::auth::Target;
use crate::web::error::{Problem, ProblemBody, ProblemKind};
use crate::web::state::WebState;

/// A token without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(in crate::web) struct TokenBody {
    /// Its number.
    id: i64,
    /// Its name, which the audit log says.
    name: String,
    /// `viewer`, `operator` or `admin`.
    scope: &'static str,
    /// Whether it lets its holder in: not revoked, not expired.
    good: bool,
    /// When it was made.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// The name of whoever made it.
    created_by: String,
    /// When it ends; null is never.
    #[schema(required, value_type = Option<String>)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required, value_type = Option<String>)]
    revoked_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    #[schema(required, value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
}

impl TokenBody {
    fn of(token: ApiToken, now: Timestamp) -> Self {
        Self {
            id: token.id.0,
            good: token.is_good(now),
            name: token.name,
            scope: token.scope.as_str(),
            created_at: token.created_at,
            created_by: token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct MadeToken {
    #[serde(flatten)]
    about: TokenBody,
    /// The text, which is told here and never again.
    #[schema(example = "jbt_…")]
    token: String,
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct TokenToMake {
    /// 1 to 60 letters, digits, spaces and `.-_/@`; no other good token may have it.
    name: String,
    /// `viewer`, `operator` or `admin`.
    #[schema(value_type = String)]
    scope: Scope,
    /// 1 to 3650; 90 if not given; null for a token that does not expire.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    expires_in_days: GivenDays,
}

/// Tells null from absent.
#[derive(Debug, Default)]
enum GivenDays {
    /// Not given.
    #[default]
    Absent,
    /// Given, or null.
    Given(Option<u32>),
}

impl<'de> Deserialize<'de> for GivenDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

impl GivenDays {
    fn lifetime(&self) -> Result<Lifetime, Problem> {
        match self {
            Self::Absent => Ok(Lifetime::USUAL),
            Self::Given(None) => Ok(Lifetime::Unlimited),
            Self::Given(Some(days)) => Lifetime::days(*days)
                .map_err(|_| Problem::bad_parameter("expires_in_days", "expected 1 to 3650")),
        }
    }
}

/// All API tokens, newest first, revoked ones last.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "access",
    operation_id = "listTokens",
    responses((status = 200, description = "Up to 1000 of them; there is no further page.", body = Page<TokenBody>))
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<TokenBody>>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let now = state.clock.now();
    let tokens = state.store.api_tokens().await?;
    let items = tokens.into_iter().map(|token| TokenBody::of(token, now)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Makes an API token and tells its text, once.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "access",
    operation_id = "makeToken",
    request_body(content = TokenToMake, content_type = "application/json"),
    responses(
        (status = 201, description = "It is good from now on.", body = MadeToken),
        (status = 400, description = "The body can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is a good token of that name.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn make(
    State(state): State<WebState>,
    caller: Caller,
    uri: Uri,
    body: Body,
) -> Result<(StatusCode, Extension<Target>, Json<MadeToken>), Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let given: TokenToMake = parse(&read_body(body).await?)?;
    let name: ApiTokenName =
        given.name.parse().map_err(|wrong| Problem::bad_parameter("name", wrong))?;
    let (text, now) = (ApiTokenText::of(rand::random()), state.clock.now());
    let new = NewApiToken {
        name: &name,
        scope: given.scope,
        sha256: text.sha256(),
        created_by: &caller.name,
        expires_at: given.expires_in_days.lifetime()?.end(now),
    };
    let Some(token) = state.store.add_api_token(&new, now).await? else {
        let detail =
            format!("There is a token named {name}: revoke it first, or choose another name.");
        return Err(Problem::new(ProblemKind::Conflict, detail));
    };
    let target = Target(format!("{} ({})", token.name, token.scope));
    let made = MadeToken { about: TokenBody::of(token, now), token: text.expose().to_owned() };
    Ok((StatusCode::CREATED, Extension(target), Json(made)))
}

/// Revokes an API token: it and the sessions that it opened are refused from then on.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    tag = "access",
    operation_id = "revokeToken",
    params(("id" = i64, Path, description = "Its number.")),
    responses(
        (status = 204, description = "It is good for nothing any more."),
        (status = 404, description = "There is no such token, or it was revoked before.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn revoke(
    State(state): State<WebState>,
    Address(id): Address<String>,
    uri: Uri,
) -> Result<(StatusCode, Extension<Target>), Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let unknown = || {
        Problem::not_found(
            "No good token has this number: GET /api/v1/tokens lists those there are.",
        )
    };
    let id = ApiTokenId(id.parse().map_err(|_| unknown())?);
    let token = state.store.revoke_api_token(id, state.clock.now()).await?.ok_or_else(unknown)?;
    state.live.access_ended(&token.name);
    let target = Target(format!("{} ({})", token.name, token.scope));
    Ok((StatusCode::NO_CONTENT, Extension(target)))
}

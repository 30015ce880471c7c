//! `jetbridge token`: API tokens, on the database itself, so that it works while no server runs.

use serde::Serialize;

use super::arguments::{Format, Listing, TokenCreateArguments, TokenRevokeArguments};
use super::audit::{self, Deed};
use super::table::{Table, moment};
use super::{Context, Failed, output};
use crate::access::{ApiTokenId, ApiTokenText, Lifetime, Outcome};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::api_tokens::{ApiToken, NewApiToken};

/// A token as programs read it.
#[derive(Serialize)]
struct TokenJson<'a> {
    id: i64,
    name: &'a str,
    scope: &'static str,
    good: bool,
    created_at: Timestamp,
    created_by: &'a str,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl<'a> TokenJson<'a> {
    fn of(token: &'a ApiToken, now: Timestamp) -> Self {
        Self {
            id: token.id.0,
            name: &token.name,
            scope: token.scope.as_str(),
            good: token.is_good(now),
            created_at: token.created_at,
            created_by: &token.created_by,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// `token create`: its text alone goes to standard output, so that a script can keep it.
pub(super) async fn create(
    arguments: &TokenCreateArguments,
    context: &Context,
) -> Result<(), Failed> {
    let store = Store::open(&context.settings()?.without_secrets().database_url).await?;
    let (text, now) = (ApiTokenText::of(rand::random()), context.clock.now());
    let user = audit::user(&context.environment);
    let life = arguments.expires.unwrap_or(Lifetime::USUAL);
    let new = NewApiToken {
        name: &arguments.name,
        scope: arguments.scope.into(),
        sha256: text.sha256(),
        created_by: &user,
        expires_at: life.end(now),
    };
    let made = store.add_api_token(&new, now).await?;
    let target = format!("{} ({})", arguments.name, new.scope);
    let outcome = if made.is_some() { Outcome::Done } else { Outcome::Failed };
    let deed = Deed { action: "make a token", command: "token create", target: &target };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    let Some(token) = made else {
        let name = &arguments.name;
        return Err(Failed::Operation(format!(
            "there is a token named {name}: jetbridge token revoke {name}, or choose another name"
        )));
    };
    let until = token
        .expires_at
        .map_or("until it is revoked".to_owned(), |at| format!("until {}", moment(at)));
    output::complain_in_full(&format!(
        "{} may do what {} may, {until}. This is its text; it is not shown again:\n",
        token.name, token.scope
    ));
    output::print(&format!("{}\n", text.expose()))
}

/// `token list`.
pub(super) async fn list(listing: &Listing, context: &Context) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let tokens = store.api_tokens().await?;
    store.close().await;
    let now = context.clock.now();
    match listing.format() {
        Format::Json => {
            #[derive(Serialize)]
            struct All<'a> {
                items: Vec<TokenJson<'a>>,
            }
            let items = tokens.iter().map(|token| TokenJson::of(token, now)).collect();
            output::print_json(&All { items })
        }
        Format::Table if tokens.is_empty() => output::print(
            "no token was made: jetbridge token create NAME --scope viewer makes one\n",
        ),
        Format::Table => output::print(&table(&tokens, now)),
    }
}

fn table(tokens: &[ApiToken], now: Timestamp) -> String {
    let mut table = Table::new(["ID", "NAME", "SCOPE", "STANDING", "LAST USED", "EXPIRES"]);
    for token in tokens {
        let standing = match token.revoked_at {
            Some(_) => "revoked",
            None if token.is_good(now) => "good",
            None => "expired",
        };
        table.row([
            token.id.0.to_string().into(),
            token.name.as_str().into(),
            token.scope.as_str().into(),
            standing.into(),
            token.last_used_at.map_or("never".into(), moment),
            token.expires_at.map_or("never".into(), moment),
        ]);
    }
    table.render()
}

/// `token revoke`: by number, or by name.
pub(super) async fn revoke(
    arguments: &TokenRevokeArguments,
    context: &Context,
) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let revoked = revoke_in(&store, &arguments.token, context.clock.now()).await;
    let (target, outcome) = match &revoked {
        Ok(token) => (format!("{} ({})", token.name, token.scope), Outcome::Done),
        Err(_) => (arguments.token.clone(), Outcome::Failed),
    };
    let deed = Deed { action: "revoke a token", command: "token revoke", target: &target };
    audit::write_down(&store, context, &deed, outcome).await;
    store.close().await;
    let name = revoked?.name;
    output::print(&format!("revoked {name}: whoever holds it is refused from now on\n"))
}

async fn revoke_in(store: &Store, wanted: &str, now: Timestamp) -> Result<ApiToken, Failed> {
    let unknown = || {
        Failed::Operation(
            "there is no good token of that name or number: jetbridge token list shows those there are"
                .to_owned(),
        )
    };
    let tokens = store.api_tokens().await?;
    let good = || tokens.iter().filter(|token| token.revoked_at.is_none());
    let by_name = good().find(|token| token.name.eq_ignore_ascii_case(wanted));
    let by_number = || good().find(|token| token.id.0.to_string() == wanted);
    let id: ApiTokenId = by_name.or_else(by_number).ok_or_else(unknown)?.id;
    store.revoke_api_token(id, now).await?.ok_or_else(unknown)
}

//! Who may do what, as words: scopes, callers, tokens and the record of what they did.
//!
//! Pure: nothing here asks a database, a clock or chance. Deliberately absent: users. A token has
//! a name and a scope, and whoever holds it acts under that name.

mod audit;
mod caller;
mod scope;
mod token;

pub use audit::{AuditEntry, Outcome, UnknownOutcome};
pub use caller::{Caller, CallerKind, UnknownCallerKind};
pub use scope::{Scope, UnknownScope};
pub use token::{
    ApiTokenId, ApiTokenName, ApiTokenText, InvalidLifetime, InvalidTokenName, Lifetime,
    can_not_be_guessed,
};

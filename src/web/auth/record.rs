//! Writing the audit log down, and what a handler may tell it.

use axum::http::Extensions;

use crate::access::AuditEntry;
use crate::web::server::Peer;
use crate::web::state::WebState;

/// An answer's extension, as [`Outcome`](crate::access::Outcome) is one where the status does not
/// say how it ended: what the deed was done to, where its address does not say it. It is
/// kept and shown, so it holds a name or a number, never a secret or a body.
#[derive(Debug, Clone)]
pub struct Target(pub String);

/// Adds a row to the audit log. The deed is done by then, so a failure is only said aloud.
pub(in crate::web) async fn write_down(state: &WebState, entry: &AuditEntry) {
    if let Err(failed) = state.store.add_audit_entry(entry).await {
        tracing::error!(
            error = %failed,
            audit.actor = entry.actor,
            audit.action = entry.action,
            audit.target = entry.target,
            audit.outcome = entry.outcome.as_str(),
            "a deed is missing in the audit log: {} by {}",
            entry.action,
            entry.actor
        );
    }
}

/// The address that a request came from. What a header says of it can be made up by anybody.
pub(in crate::web) fn peer_text(extensions: &Extensions) -> String {
    extensions.get::<Peer>().map(|peer| peer.0.to_canonical().to_string()).unwrap_or_default()
}

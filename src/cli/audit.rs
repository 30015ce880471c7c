//! What a command changed is written into the same audit log, with the system's user as the one
//! who did it. Whoever may use the database directly may change the log, too: it shows what
//! happened, it does not keep anybody from it.

use std::os::unix::fs::MetadataExt;

use super::{Context, output};
use crate::access::{AuditEntry, Caller, CallerKind, Outcome, Scope};
use crate::config::Environment;
use crate::store::Store;

/// What a command did.
#[derive(Debug)]
pub(super) struct Deed<'a> {
    /// In the words that pages and API use for the same.
    pub(super) action: &'a str,
    /// The command without its arguments.
    pub(super) command: &'a str,
    /// To what.
    pub(super) target: &'a str,
}

/// Adds a row; one that can't be added is said, since the deed itself is done.
pub(super) async fn write_down(
    store: &Store,
    context: &Context,
    deed: &Deed<'_>,
    outcome: Outcome,
) {
    let name = user(&context.environment);
    let caller = Caller { name, kind: CallerKind::Cli, scope: Scope::Admin };
    let route = format!("jetbridge {}", deed.command);
    let entry = AuditEntry::of(context.clock.now(), &caller, deed.action, route);
    let entry = AuditEntry { outcome, ..entry.with_target(deed.target) };
    if let Err(failed) = store.add_audit_entry(&entry).await {
        output::complain(&format!("warning: this is missing in the audit log: {failed}"));
    }
}

/// The user of this process: what the system says of it, and only then what its environment does.
pub(super) fn user(environment: &Environment) -> String {
    let Ok(process) = std::fs::metadata("/proc/self") else {
        return environment.read("USER").ok().flatten().unwrap_or("unknown").to_owned();
    };
    let id = process.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {id}"))
}

//! What was asked of other systems, as the processes of one `PostgreSQL` share it.
//!
//! Whoever asks locks the row, decides by all that anybody asked, and writes what follows; so
//! however many processes there are, together they keep to one limit, and the last requests go to
//! whichever class comes first in any of them. One short transaction a request: no remote takes
//! more than a few requests a second, and a block of permits handed out in advance would lie with
//! a process that does not need it while another one waits.
//!
//! A process that has SQLite is alone: its account is in memory, one for all its clients, and a copy
//! is put here for whoever shows it. The times in an account are those of the processes' clocks, which may differ by less
//! than a second before a remote could be asked too early; `jetbridge doctor` looks at them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::FromRow;
use tracing::warn;

use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::{Clock, Timestamp};
use crate::quota::ledger::{Away, Changing, InMemory, Ledger};
use crate::quota::{Account, Remote};

/// An account as it was last left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAccount {
    /// What was asked, and what was said.
    pub account: Account,
    /// Which of `[[github.hosts]]`; `None` for the others.
    pub server: Option<String>,
    /// When that last changed, or was last copied.
    pub updated_at: Timestamp,
}

impl KeptAccount {
    /// `plane`, `github`, `github ghe.example.com`.
    pub fn client(&self) -> String {
        let remote = self.account.remote.as_str();
        self.server.as_ref().map_or(remote.to_owned(), |server| format!("{remote} {server}"))
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    client: String,
    state: String,
    updated_at: At,
}

/// The accounts that only this process has. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnAccounts(Arc<Mutex<BTreeMap<String, Arc<InMemory>>>>);

/// An account that every process on this database has.
struct Shared {
    store: Store,
    clock: Clock,
    remote: Remote,
    name: String,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Ledger for Shared {
    fn change<'a>(&'a self, act: &'a mut (dyn FnMut(&mut Account) + Send)) -> Changing<'a> {
        Box::pin(async move {
            let changed = self.store.change_account(self, act).await;
            changed.map_err(|error| Away(error.to_string()))
        })
    }
}

const PUT: &str =
    "INSERT INTO quota_accounts (name, client, state, updated_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at";

impl Store {
    /// The account of a key: one for all processes on `PostgreSQL`, one for this process on SQLite.
    pub fn account(&self, remote: Remote, name: &str, clock: &Clock) -> Arc<dyn Ledger> {
        match &self.database {
            Database::Postgres(_) => {
                let (store, clock, name) = (self.clone(), clock.clone(), name.to_owned());
                Arc::new(Shared { store, clock, remote, name })
            }
            Database::Sqlite { .. } => {
                let mut known = self.accounts.0.lock().unwrap_or_else(PoisonError::into_inner);
                let account = known.entry(name.to_owned());
                Arc::clone(account.or_insert_with(|| Arc::new(InMemory::new(remote)))) as _
            }
        }
    }

    async fn change_account(
        &self,
        shared: &Shared,
        act: &mut (dyn FnMut(&mut Account) + Send),
    ) -> StoreResult<()> {
        const MAKE: &str = "INSERT INTO quota_accounts (name, client, state, updated_at)
            VALUES ($1, $2, '', $3) ON CONFLICT (name) DO NOTHING";
        const LOCK: &str = "SELECT state FROM quota_accounts WHERE name = $1 FOR UPDATE";
        let Database::Postgres(pool) = &self.database else { return Ok(()) };
        let (name, now) = (shared.name.as_str(), shared.clock.now());
        let mut transaction = pool.begin().await?;
        let lock = || sqlx::query_scalar::<_, String>(LOCK).bind(name);
        let known = lock().fetch_optional(&mut *transaction).await?;
        let state = if let Some(state) = known {
            state
        } else {
            let make = sqlx::query(MAKE).bind(name).bind(shared.remote.as_str()).bind(At(now));
            make.execute(&mut *transaction).await?;
            lock().fetch_one(&mut *transaction).await?
        };
        let before = account_in(&state, shared.remote);
        let mut account = before.clone();
        act(&mut account);
        if account != before || state.is_empty() {
            let put = sqlx::query(PUT).bind(name).bind(shared.remote.as_str());
            let put = put.bind(text_of(&account)).bind(At(now));
            put.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Puts a copy of an account that only this process has; on `PostgreSQL` there is none such.
    pub async fn copy_account(
        &self,
        name: &str,
        account: &Account,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Database::Sqlite { writer, .. } = &self.database else { return Ok(()) };
        let put = sqlx::query(PUT).bind(name).bind(account.remote.as_str());
        put.bind(text_of(account)).bind(At(now)).execute(writer).await?;
        Ok(())
    }

    /// The account of each server of each remote that changed last; those of GitHub Apps are not among
    /// them, with which no job is done.
    pub async fn kept_accounts(&self) -> StoreResult<Vec<KeptAccount>> {
        // GraphQL's budget and an App's are others than that of everything else.
        const LIST: &str = "SELECT name, client, state, updated_at FROM quota_accounts
            WHERE name NOT LIKE 'app-%' AND name NOT LIKE '%-graphql-%'
            ORDER BY updated_at DESC, name";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        let mut newest = BTreeMap::new();
        for row in rows {
            let Some(remote) = Remote::ALL.into_iter().find(|r| r.as_str() == row.client) else {
                continue;
            };
            let server = row.name.split_once('@').map(|(_, server)| server.to_owned());
            newest.entry((row.client, server.clone())).or_insert_with(|| KeptAccount {
                account: account_in(&row.state, remote),
                server,
                updated_at: row.updated_at.0,
            });
        }
        let of = |remote: Remote| newest.values().filter(move |kept| kept.account.remote == remote);
        Ok(Remote::ALL.into_iter().flat_map(of).cloned().collect())
    }

    /// Forgets accounts of keys that were not used since `before`.
    pub async fn purge_accounts(&self, before: Timestamp) -> StoreResult<()> {
        const PURGE: &str = "DELETE FROM quota_accounts WHERE updated_at < $1";
        on_writer!(self, pool => sqlx::query(PURGE).bind(At(before)).execute(pool).await.map(drop))?;
        Ok(())
    }
}

/// What another version wrote may not be readable: then nothing is known, as at a first start.
fn account_in(state: &str, remote: Remote) -> Account {
    if state.is_empty() {
        return Account::new(remote);
    }
    serde_json::from_str(state).unwrap_or_else(|error| {
        warn!(error = %error, "the account of {}'s quota can't be read; it begins anew", remote.name());
        Account::new(remote)
    })
}

fn text_of(account: &Account) -> String {
    // Of numbers, times and texts alone.
    serde_json::to_string(account).unwrap_or_default()
}

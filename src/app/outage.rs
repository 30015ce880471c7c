//! Starting while the database is away, or while its tables are those of an earlier version: deliveries
//! are accepted into the spool, and everything that needs the database begins when it is there.
//!
//! Only a failure that may pass by itself is waited for. A password that is refused or a database
//! that does not exist stops the start with its reason: somebody has just changed something, and
//! looks. The same refusals later, in a process that has worked, are an outage like any other.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Role, ServeError};
use crate::clock::Clock;
use crate::config::Config;
use crate::spool::{Admission, Spool, folder_in};
use crate::store::{DatabaseUrl, Store, StoreResult};

/// First and longest wait between two looks at a database that is away.
const WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// Whether the database could be had at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    /// It is open, its tables are up to date.
    Ready,
    /// It is there, and [`upgrade`] is to follow.
    Older,
    /// It is waited for.
    Away,
}

/// The spool of a process that receives: where it is switched on, or where an earlier process left
/// something in it.
pub(super) fn open_spool(
    config: &Config,
    role: Role,
    clock: &Clock,
) -> Result<Option<Spool>, ServeError> {
    let folder = folder_in(&config.data_dir);
    if !role.receives() {
        if Spool::holds_any(&folder) {
            warn!(
                "accepted deliveries wait in {}: a process that receives must serve this data_dir to bring them into the database",
                folder.display()
            );
        }
        return Ok(None);
    }
    let admission = match config.database_url {
        DatabaseUrl::Postgres(_) if config.spool_max_bytes > 0 => {
            Admission::UpTo(config.spool_max_bytes)
        }
        DatabaseUrl::Postgres(_) | DatabaseUrl::Sqlite(_) => Admission::Nobody,
    };
    if admission == Admission::Nobody && !Spool::holds_any(&folder) {
        return Ok(None);
    }
    Ok(Some(Spool::open(&folder, admission, clock.now())?))
}

/// The database, open and prepared. Where there is a spool to wait with it may as well be one that
/// is to be waited for, or has yet to be brought up to date; from here on deliveries go there then.
pub(super) async fn open_store(
    config: &Config,
    spool: Option<&Spool>,
    clock: &Clock,
) -> Result<(Store, Database), ServeError> {
    let Some(spool) = spool.filter(|spool| spool.admits()) else {
        let store = Store::open(&config.database_url).await?;
        store.put_configured_repositories(&config.repositories, clock.now()).await?;
        return Ok((store, Database::Ready));
    };
    let store = Store::later(&config.database_url)?;
    let database = match store.has_older_tables().await {
        Ok(true) => Database::Older,
        Ok(false) => ready_or_away(prepare(config, &store, clock).await)?,
        Err(error) => ready_or_away(Err(error))?,
    };
    if database != Database::Ready {
        spool.begin(clock.now()).await;
    }
    Ok((store, database))
}

/// Brings older tables up to date while the server is at work already.
pub(super) async fn upgrade(
    config: &Config,
    store: &Store,
    spool: Option<&Spool>,
    clock: &Clock,
) -> Result<Database, ServeError> {
    info!(
        "the database's tables are made or brought up to this version; deliveries go into the spool meanwhile"
    );
    let database = ready_or_away(prepare(config, store, clock).await)?;
    if let (Database::Ready, Some(spool)) = (database, spool) {
        info!("the database's tables are those of this version: work begins");
        // Should something wait there, the drain will end it.
        spool.finish().await;
    }
    Ok(database)
}

fn ready_or_away(prepared: StoreResult<()>) -> Result<Database, ServeError> {
    match prepared {
        Ok(()) => Ok(Database::Ready),
        Err(error) if error.is_transient() => {
            warn!(error = %error, "the database is away: deliveries are accepted into the spool, and everything else begins when it is back");
            Ok(Database::Away)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns when the database is there and prepared; `false` when the process stops before that.
pub(super) async fn await_database(
    config: &Config,
    store: &Store,
    clock: &Clock,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    let [mut wait, longest] = WAITS;
    let mut said = String::new();
    while !*stop.borrow() {
        let prepared: StoreResult<()> = tokio::select! {
            prepared = prepare(config, store, clock) => prepared,
            _ = stop.changed() => return false,
        };
        let Err(error) = prepared else {
            info!("the database is there: work begins");
            return true;
        };
        let error = error.to_string();
        if error != said {
            warn!(error = %error, "the database can't be used yet; trying again");
            said = error;
        }
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.changed() => return false,
        }
        wait = (wait * 2).min(longest);
    }
    false
}

async fn prepare(config: &Config, store: &Store, clock: &Clock) -> StoreResult<()> {
    store.bring_up_to_date().await?;
    store.put_configured_repositories(&config.repositories, clock.now()).await
}

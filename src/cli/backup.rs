//! `jetbridge backup` and `jetbridge restore`: an embedded database in one file, and back again.
//!
//! A file appears under its name only when it is whole and synced to disk. Nothing that was there is
//! lost before the new one is known to be sound, and a database that makes room is kept aside.

use std::fs::{File, OpenOptions, rename};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use super::arguments::{BackupArguments, InTheWay, RestoreArguments};
use super::audit::{self, Deed};
use super::progress::Bar;
use super::{Context, Failed, output};
use crate::access::Outcome;
use crate::app::lock_database;
use crate::store::backup::examine;
use crate::store::{DatabaseUrl, Store};

/// How often the growing file is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// `backup FILE`.
pub(super) async fn backup(arguments: &BackupArguments, context: &Context) -> Result<(), Failed> {
    let database = database(context, &Words::BACKUP)?;
    let file = &arguments.file;
    if arguments.in_the_way() == InTheWay::Keep && file.exists() {
        return Err(Failed::Operation(format!(
            "{} is there already: name another file, or write over it with --force",
            file.display()
        )));
    }
    if same_file(file, &database) {
        return Err(Failed::Operation(format!(
            "{} is the database itself: name another file",
            file.display()
        )));
    }
    let part = beside(file, "part");
    let store = context.open_store().await?;
    let made = make_empty(&part).map_err(|error| failed(&part, &error));
    let copied = match made {
        Ok(()) => {
            let of = store.bytes_on_disk().await?;
            let mut bar = Bar::new("bytes");
            let watched = async {
                loop {
                    sleep(LOOK).await;
                    bar.at(part.metadata().map_or(0, |found| found.len()), of);
                }
            };
            tokio::select! {
                done = store.copy_into(&part) => done.map_err(Failed::from),
                () = watched => Ok(()),
            }
        }
        Err(error) => Err(error),
    };
    let done = match copied {
        Ok(()) => finish(&part, file).map_err(|error| failed(file, &error)),
        Err(error) => Err(error),
    };
    let outcome = if done.is_ok() { Outcome::Done } else { Outcome::Failed };
    note(&store, context, "back up the database", "backup", file, outcome).await;
    store.close().await;
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    let bytes = done?;
    output::print(&format!("{} holds the database ({bytes} bytes)\n", file.display()))
}

/// `restore FILE`.
pub(super) async fn restore(arguments: &RestoreArguments, context: &Context) -> Result<(), Failed> {
    let database = database(context, &Words::RESTORE)?;
    let file = &arguments.file;
    if arguments.in_the_way() == InTheWay::Keep && database.exists() {
        return Err(Failed::Operation(format!(
            "there is a database at {}: --force puts the backup in its place and keeps it aside",
            database.display()
        )));
    }
    if !file.is_file() {
        return Err(Failed::Operation(format!(
            "{} is no file: name one that jetbridge backup wrote",
            file.display()
        )));
    }
    let _lock = lock_database(&database).map_err(|error| Failed::Operation(error.to_string()))?;
    // What is examined is the copy that will be used, not a file that may change meanwhile.
    let part = beside(&database, "restoring");
    let copied = make_empty(&part).and_then(|()| std::fs::copy(file, &part));
    let sound = match copied {
        Ok(_) => match examine(&part).await {
            Ok(_) => Ok(()),
            Err(why) => Err(Failed::Operation(format!("{}: {why}", file.display()))),
        },
        Err(error) => Err(failed(&part, &error)),
    };
    if let Err(failed) = sound {
        let _ = std::fs::remove_file(&part);
        return Err(failed);
    }
    let aside = match set_aside(&database, context) {
        Ok(aside) => aside,
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            return Err(failed(&database, &error));
        }
    };
    finish(&part, &database).map_err(|error| failed(&database, &error))?;
    // Brings it up to date, too: what can't be opened is said now, not at the next start.
    let store = context.open_store().await?;
    note(&store, context, "restore the database", "restore", file, Outcome::Done).await;
    store.close().await;
    let kept = aside.map(|aside| format!("; what was there is kept as {}", aside.display()));
    output::print(&format!(
        "{} is restored from {}{}. Start jetbridge serve, and have what came after the backup sent again (docs/backup.md says how)\n",
        database.display(),
        file.display(),
        kept.unwrap_or_default()
    ))
}

async fn note(
    store: &Store,
    context: &Context,
    action: &str,
    command: &str,
    file: &Path,
    outcome: Outcome,
) {
    let target = file.display().to_string();
    audit::write_down(store, context, &Deed { action, command, target: &target }, outcome).await;
}

/// What to say where `PostgreSQL`'s own tools do it.
struct Words {
    verb: &'static str,
    line: &'static str,
}

impl Words {
    const BACKUP: Self = Self {
        verb: "backed up",
        line: "pg_dump --format=custom --schema=ops --file=jetbridge.dump \"$JETBRIDGE_DATABASE_URL\"",
    };
    const RESTORE: Self = Self {
        verb: "restored",
        line: "pg_restore --clean --if-exists --no-owner --single-transaction --dbname=\"$JETBRIDGE_DATABASE_URL\" jetbridge.dump",
    };
}

/// The embedded database's file.
fn database(context: &Context, words: &Words) -> Result<PathBuf, Failed> {
    let settings = context.settings()?;
    match &settings.without_secrets().database_url {
        DatabaseUrl::Sqlite(path) => Ok(path.clone()),
        DatabaseUrl::Postgres(_) => Err(Failed::Operation(format!(
            "PostgreSQL is {} with its own tools: {}",
            words.verb, words.line
        ))),
    }
}

fn failed(file: &Path, error: &io::Error) -> Failed {
    Failed::Operation(format!(
        "can't write {}: {error}; check that its folder is there, writable and has room",
        file.display()
    ))
}

/// `FILE.part` in the same folder, so that renaming it is one step.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{ending}"));
    file.with_file_name(name)
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// An empty file that only its owner reads; one that an earlier try left is cleared away.
fn make_empty(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map(drop)
}

/// Syncs a whole file and gives it its name; its length.
fn finish(part: &Path, file: &Path) -> io::Result<u64> {
    let written = OpenOptions::new().write(true).open(part)?;
    written.sync_all()?;
    let bytes = written.metadata()?.len();
    rename(part, file)?;
    sync_folder(file)?;
    Ok(bytes)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Gives the database and its log a second name each, and takes the log's first one away: a log
/// that stays would be played into the new file. The second name, where there was a database.
fn set_aside(database: &Path, context: &Context) -> io::Result<Option<PathBuf>> {
    let now = context.clock.now().format("%Y%m%dT%H%M%S%6fZ");
    let aside = beside(database, &format!("before-restore-{now}"));
    let mut kept = None;
    for ending in ["", "-wal"] {
        let (from, to) = (with_ending(database, ending), with_ending(&aside, ending));
        if from.exists() {
            std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(drop))?;
            kept = Some(aside.clone());
        }
    }
    sync_folder(database)?;
    for ending in ["-wal", "-shm"] {
        match std::fs::remove_file(with_ending(database, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(kept)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

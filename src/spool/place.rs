//! Where a process has its spool: a numbered folder of its own, whose lock says that it is taken.
//!
//! Several processes may share a data folder. Each takes the first number that nobody has. Folders
//! and locks are never removed, so that a lock is always of the file that everybody sees. What a
//! dead process left is taken over by renaming its files, under its lock: at every moment a file is
//! in one folder or in the other, and whoever dies between two files leaves nothing half done.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::SpoolError;
use super::segment::{Segment, sync_folder};

/// Processes that may share a data folder.
const MOST: u32 = 64;

#[derive(Debug)]
pub(super) struct Place {
    all: PathBuf,
    own: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the first folder in `all` that no living process has.
    pub(super) fn take(all: &Path) -> Result<Self, SpoolError> {
        let wrong = |source| SpoolError::Folder { path: all.to_owned(), source };
        make(all).map_err(wrong)?;
        for number in 1..=MOST {
            let own = all.join(number.to_string());
            make(&own).map_err(wrong)?;
            if let Some(lock) = lock(&own).map_err(wrong)? {
                return Ok(Self { all: all.to_owned(), own, _lock: lock });
            }
        }
        Err(SpoolError::TooMany(all.to_owned()))
    }

    /// The folder.
    pub(super) fn own(&self) -> &Path {
        &self.own
    }

    /// Brings the segments that dead processes left into our folder, numbered from `next` on.
    pub(super) fn take_over(&self, next: u64) -> Vec<(PathBuf, u64)> {
        let mut taken = Vec::new();
        for folder in folders(&self.all).unwrap_or_default() {
            if folder == self.own {
                continue;
            }
            let begin = next + taken.len() as u64;
            if let Err(error) = self.take_over_one(&folder, begin, &mut taken) {
                warn!(error = %error, "what waits in {} can't be taken over; the next start tries again", folder.display());
            }
        }
        taken
    }

    fn take_over_one(
        &self,
        folder: &Path,
        mut number: u64,
        taken: &mut Vec<(PathBuf, u64)>,
    ) -> io::Result<()> {
        if Segment::all(folder)?.is_empty() {
            return Ok(());
        }
        let Some(_lock) = lock(folder)? else { return Ok(()) };
        for (from, _) in Segment::all(folder)? {
            let to = Segment::path_in(&self.own, number);
            std::fs::rename(from, &to)?;
            taken.push((to, number));
            number += 1;
        }
        sync_folder(&self.own)?;
        sync_folder(folder)
    }
}

/// Whether a process, living or dead, has deliveries in one of the folders.
pub(super) fn holds_any(all: &Path) -> bool {
    let holds = |folder: &PathBuf| Segment::all(folder).is_ok_and(|found| !found.is_empty());
    folders(all).is_ok_and(|folders| folders.iter().any(holds))
}

fn folders(all: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(all)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a folder that only we read, and its name durable.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_folder(parent),
        None => sync_folder(Path::new(".")),
    }
}

/// `None` where a living process has it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

//! Where a demo keeps its data: in a folder of its own that is gone with it, or in one that
//! somebody named and keeps.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::DemoError;

/// The database's file in the folder.
pub const DATABASE: &str = "jetbridge.db";

/// A folder; a temporary one is removed when this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Removed,
    Kept,
}

impl Folder {
    /// The named one, or a new one for temporary files.
    ///
    /// # Errors
    /// When it can't be made, or holds a database, which may be a real one.
    pub fn open(named: Option<&Path>) -> Result<Self, DemoError> {
        let of_its_own = || {
            let name = format!("jetbridge-demo-{}", Uuid::new_v4().simple());
            (std::env::temp_dir().join(name), End::Removed)
        };
        let (path, end) = named.map_or_else(of_its_own, |path| (path.to_owned(), End::Kept));
        if path.join(DATABASE).exists() {
            return Err(DemoError::FolderInUse(path));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| DemoError::Folder { path: path.clone(), source })?;
        Ok(Self { path, end })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What becomes of it, for people.
    pub fn fate(&self) -> &'static str {
        match self.end {
            End::Removed => "removed at the end",
            End::Kept => "kept",
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.end == End::Removed
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::error!(%error, "{} could not be removed: remove it by hand", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_is_gone_with_the_demo_and_a_named_one_stays() {
        let temporary = Folder::open(None).unwrap();
        let path = temporary.path().to_owned();
        std::fs::write(path.join(DATABASE), "data").unwrap();
        drop(temporary);
        assert!(!path.exists());

        let place = tempfile::tempdir().unwrap();
        let named = place.path().join("demo");
        drop(Folder::open(Some(&named)).unwrap());
        assert!(named.exists());
    }

    #[test]
    fn a_folder_with_a_database_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(DATABASE), "real").unwrap();
        let refused = Folder::open(Some(place.path())).unwrap_err().to_string();
        assert!(refused.contains("--data-dir"), "{refused}");
        assert_eq!(std::fs::read_to_string(place.path().join(DATABASE)).unwrap(), "real");
    }
}

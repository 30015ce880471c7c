//! One file of the spool: records one after the other, appended and never changed.
//!
//! A process that dies while it appends leaves a torn record at the end, which was answered by
//! nobody: it is cut off. Damage in the middle (a bad disk) is stepped over to the next record
//! that fits its checks, and said.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::record::{HEAD, Head, MARK, Spooled};

/// Where the names of segments end.
const EXTENSION: &str = "segment";

/// One file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    file: File,
    /// Bytes that are known to be on disk; what follows them is not there.
    pub(super) bytes: u64,
}

/// What a look at a place in a segment finds.
pub(super) enum Found {
    /// A record, and where the next one begins.
    Record(Box<Spooled>, u64),
    /// A record that ends before its declared length.
    Torn,
    /// Bytes that are no record.
    Damage,
    /// The end.
    End,
}

impl Segment {
    /// Makes an empty file of that number, for the owner alone, and makes its name durable.
    pub(super) fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = Self::path_in(folder, number);
        let file =
            OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path)?;
        if let Err(error) = sync_folder(folder) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self { path, number, file, bytes: 0 })
    }

    /// What the file of that number is called.
    pub(super) fn path_in(folder: &Path, number: u64) -> PathBuf {
        folder.join(format!("{number:020}.{EXTENSION}"))
    }

    /// Opens a file that is there.
    pub(super) fn open(path: PathBuf, number: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, number, file, bytes })
    }

    /// The segments of a folder, oldest first.
    pub(super) fn all(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let number = path
                .file_stem()
                .filter(|_| path.extension().is_some_and(|e| e == EXTENSION))
                .and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(number) = number {
                found.push((path, number));
            }
        }
        found.sort_by_key(|(_, number)| *number);
        Ok(found)
    }

    /// Appends `records` and has them on disk when it returns. After an error the file ends where
    /// it ended before, as far as that can be had; it must not be appended to again, since what a
    /// failed fsync leaves behind is anybody's guess.
    pub(super) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(records).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.bytes += records.len() as u64;
                Ok(())
            }
            Err(error) => {
                let _ = self.cut(self.bytes);
                Err(error)
            }
        }
    }

    /// Lets the file end at `bytes`.
    pub(super) fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.bytes = bytes;
        self.file.sync_all()
    }

    /// What begins at `at`.
    pub(super) fn look(&self, at: u64) -> io::Result<Found> {
        if at >= self.bytes {
            return Ok(Found::End);
        }
        let left = self.bytes - at;
        let mut head = [0; HEAD];
        if left < HEAD as u64 {
            return Ok(Found::Torn);
        }
        self.file.read_exact_at(&mut head, at)?;
        let Some(head) = Head::read(&head) else { return Ok(Found::Damage) };
        let length = (HEAD + head.rest()) as u64;
        if length > left {
            return Ok(Found::Torn);
        }
        let mut rest = vec![0; head.rest()];
        self.file.read_exact_at(&mut rest, at + HEAD as u64)?;
        Ok(match head.record(rest) {
            Some(record) => Found::Record(Box::new(record), at + length),
            None => Found::Damage,
        })
    }

    /// Where the next whole record after `from` begins.
    pub(super) fn next_record(&self, from: u64) -> io::Result<Option<u64>> {
        const WINDOW: usize = 64 * 1024;
        let mut window = vec![0; WINDOW];
        let mut at = from;
        while at + (HEAD as u64) <= self.bytes {
            let length = usize::try_from(self.bytes - at).unwrap_or(WINDOW).min(WINDOW);
            self.file.read_exact_at(&mut window[..length], at)?;
            let marks = window[..length].windows(MARK.len()).enumerate();
            for (offset, _) in marks.filter(|(_, bytes)| **bytes == MARK) {
                let candidate = at + offset as u64;
                if matches!(self.look(candidate)?, Found::Record(..)) {
                    return Ok(Some(candidate));
                }
            }
            // A mark may lie across the windows' border.
            at += (length - (MARK.len() - 1)).max(1) as u64;
        }
        Ok(None)
    }

    /// Removes the file.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// Takes the file out of the spool without removing it, for a person to look at.
    pub(super) fn keep_as(self, extension: &str) -> io::Result<PathBuf> {
        let path = self.path.with_extension(extension);
        std::fs::rename(&self.path, &path)?;
        Ok(path)
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

//! The admin token: configured, or made at the first start and kept in the data folder.
//!
//! Two processes may start at once on one data folder (a receiver and a worker): whoever links
//! its token into place first wins, and the other reads that one. The file is complete and
//! private before it has its name.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;

use super::load::ConfigError;
use super::secret::Secrets;

/// Makes the token easy to find by scanners for leaked secrets.
const PREFIX: &str = "jba_";
const FILE_NAME: &str = "admin-token";

/// The token, and where it comes from.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// All accepted; there is at least one.
    pub secrets: Secrets,
    /// Where it comes from.
    pub origin: TokenOrigin,
}

/// Where the admin token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOrigin {
    /// `admin_token` is set.
    Configured,
    /// Read from the data folder.
    Kept,
    /// Just made: this is the first start.
    Made,
}

/// The file that holds the token when none is configured.
pub fn admin_token_file(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

/// The configured token, or the one in `data_dir`, which is made if missing.
///
/// # Errors
/// When the file can't be read or made, or is empty.
pub fn load_or_make_admin_token(
    data_dir: &Path,
    configured: &Secrets,
) -> Result<AdminToken, ConfigError> {
    if !configured.is_empty() {
        return Ok(AdminToken { secrets: configured.clone(), origin: TokenOrigin::Configured });
    }
    let path = admin_token_file(data_dir);
    if let Some(secrets) = read(&path)? {
        return Ok(AdminToken { secrets, origin: TokenOrigin::Kept });
    }
    let made = make(data_dir, &path).map_err(|why| ConfigError::AdminToken {
        path: path.clone(),
        why: format!(
            "can't be made ({why}): make {} writable, or set admin_token",
            data_dir.display()
        ),
    })?;
    let kept = read(&path)?.ok_or_else(|| ConfigError::AdminToken {
        path,
        why: "was removed while starting: start again".to_owned(),
    })?;
    Ok(AdminToken { secrets: kept, origin: made })
}

fn read(path: &Path) -> Result<Option<Secrets>, ConfigError> {
    let failed = |why: String| ConfigError::AdminToken { path: path.to_owned(), why };
    match fs::read_to_string(path) {
        Ok(text) => match text.trim() {
            "" => {
                Err(failed("is empty: remove it, and the next start makes a new token".to_owned()))
            }
            token => Ok(Some(Secrets::new([token.to_owned()]))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(format!(
            "can't be read ({error}): make it readable for jetbridge's user, or set admin_token"
        ))),
    }
}

fn make(data_dir: &Path, path: &Path) -> std::io::Result<TokenOrigin> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let mut random = [0_u8; 32];
    SysRng.try_fill_bytes(&mut random).map_err(std::io::Error::other)?;
    let token = format!("{PREFIX}{}\n", hex::encode(random));
    let draft = data_dir.join(format!(".{FILE_NAME}.{}", uuid::Uuid::new_v4().simple()));
    let written = write_private(&draft, &token).and_then(|()| fs::hard_link(&draft, path));
    let origin = match written {
        Ok(()) => Ok(TokenOrigin::Made),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(TokenOrigin::Kept),
        // Some file systems know no links; there the last of two wins, and both read it after.
        Err(_) if draft.exists() => fs::rename(&draft, path).map(|()| TokenOrigin::Made),
        Err(error) => Err(error),
    };
    let _ = fs::remove_file(&draft);
    origin
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

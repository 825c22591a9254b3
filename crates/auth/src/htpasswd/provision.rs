//! The password file of a registry that was started without one.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::hash::DEFAULT_COST;
use crate::error::Error;

/// Creates the file with one user and a random password, if it does not exist.
///
/// Distribution does so too, and says the password in the same words, which people look for in the
/// log.
pub(super) fn ensure_exists(path: &Path) -> Result<(), Error> {
    match path.try_exists() {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(source) => {
            return Err(Error::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::Random(error.into()))?;
    let password = URL_SAFE_NO_PAD.encode(random);
    match create(path, &password) {
        Ok(()) => {}
        // Another registry on the same folder was faster; its user counts.
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(source) => {
            return Err(Error::NotCreated {
                path: path.to_owned(),
                source,
            });
        }
    }
    tracing::warn!(
        user = USER,
        password,
        "htpasswd is missing, provisioning with default user"
    );
    Ok(())
}

fn create(path: &Path, password: &str) -> io::Result<()> {
    let hash = bcrypt::hash(password, DEFAULT_COST).map_err(io::Error::other)?;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let entry = format!("{USER}:{hash}");
    let written = file
        .write_all(entry.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for a whole one at the next start; if it cannot be removed,
        // the first error tells more.
        let _ = std::fs::remove_file(path);
    }
    written
}

const USER: &str = "docker";

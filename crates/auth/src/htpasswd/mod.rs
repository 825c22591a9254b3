//! Users and passwords from a file, as `htpasswd -B` writes it.

mod cache;
mod file;
mod hash;
mod provision;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use wharf_oci::{Access, Challenge};

use self::cache::VerificationCache;
use self::file::PasswordFile;
use crate::access::{AccessController, ChallengeReason, Grant, Refusal};
use crate::basic::BasicCredentials;
use crate::error::Error;

/// The controller over a password file: whoever is in it may do everything.
///
/// The file is looked at on every request and read again when it has changed. Only bcrypt entries
/// let anybody in, and each credential costs one bcrypt, however many requests bring it.
#[derive(Debug)]
pub struct Htpasswd {
    realm: String,
    file: PasswordFile,
    verified: VerificationCache,
}

impl Htpasswd {
    /// Opens the password file.
    ///
    /// A file that does not exist is created with the user `docker` and a random password, which is
    /// logged once.
    pub fn open(realm: String, path: PathBuf) -> Result<Self, Error> {
        provision::ensure_exists(&path)?;
        Ok(Self {
            realm,
            file: PasswordFile::open(path)?,
            verified: VerificationCache::new()?,
        })
    }

    fn challenge(&self, reason: ChallengeReason) -> Refusal {
        Refusal::Challenge {
            challenge: Challenge::Basic {
                realm: self.realm.clone(),
            },
            reason,
        }
    }
}

#[async_trait]
impl AccessController for Htpasswd {
    async fn authorize(
        &self,
        authorization: Option<&str>,
        _access: &[Access],
    ) -> Result<Grant, Refusal> {
        let authorization =
            authorization.ok_or_else(|| self.challenge(ChallengeReason::CredentialsMissing))?;
        let credentials = BasicCredentials::parse(authorization)
            .ok_or_else(|| self.challenge(ChallengeReason::CredentialsInvalid))?;
        let users = self.file.current()?;
        let user = credentials.user.clone();
        // A stranger is checked against a hash that nothing matches, so that the time does not tell
        // who is in the file.
        let (hash, known) = match users.hash_of(&user) {
            Some(hash) => (hash.clone(), true),
            None => (users.decoy(), false),
        };
        if self.verified.verify(credentials, hash).await? && known {
            Ok(Grant { user: Some(user) })
        } else {
            Err(self.challenge(ChallengeReason::AuthenticationFailed { user }))
        }
    }
}

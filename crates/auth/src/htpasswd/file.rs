//! The password file: what it says, and when it has changed.

use std::collections::HashMap;
use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::hash::{DEFAULT_COST, PasswordHash};
use crate::error::Error;

/// A password file that is read again when it has changed.
#[derive(Debug)]
pub(super) struct PasswordFile {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

/// What was read, and the state of the file it was read from.
#[derive(Debug, Clone)]
struct Loaded {
    stamp: Stamp,
    users: Arc<Users>,
}

impl PasswordFile {
    /// Reads the file.
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let stamp = Stamp::of(&path)?;
        let users = Arc::new(Users::read(&path)?);
        Ok(Self {
            path,
            loaded: Mutex::new(Loaded { stamp, users }),
        })
    }

    /// Returns the users that are in the file now.
    pub(super) fn current(&self) -> Result<Arc<Users>, Error> {
        // The state is taken before the content: if the file changes in between, the next request
        // reads it once more.
        let stamp = Stamp::of(&self.path)?;
        // A panic cannot leave the two fields half written, so a poisoned lock is as good as any.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.stamp != stamp {
            let users = Arc::new(Users::read(&self.path)?);
            *loaded = Loaded { stamp, users };
        }
        Ok(Arc::clone(&loaded.users))
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, Error> {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(Error::IsDirectory {
                path: path.to_owned(),
            }),
            Ok(metadata) => Ok(Self::from_metadata(&metadata)),
            Err(source) => Err(Error::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
            inode: metadata.ino(),
        }
    }
}

/// The entries of a password file.
pub(super) struct Users {
    /// By user name; `None` where the hash is not bcrypt. Names are bytes, because old files are
    /// not always UTF-8.
    entries: HashMap<Vec<u8>, Option<PasswordHash>>,
    highest_cost: u32,
}

impl Users {
    /// Returns the hash of a user who can log in.
    pub(super) fn hash_of(&self, user: &str) -> Option<&PasswordHash> {
        self.entries.get(user.as_bytes())?.as_ref()
    }

    /// Returns a hash to check strangers against, which takes as long as the entries of the file
    /// do.
    pub(super) fn decoy(&self) -> PasswordHash {
        PasswordHash::decoy(self.highest_cost)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let content = std::fs::read(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let users = Self::parse(&content).map_err(|line| Error::Entry {
            path: path.to_owned(),
            line,
        })?;
        users.warn_of_useless(path);
        Ok(users)
    }

    /// Says how many of the entries let nobody in, and why: the users only hear that their password
    /// is wrong.
    fn warn_of_useless(&self, path: &Path) {
        let all = self.entries.len();
        let useless = self.entries.values().filter(|hash| hash.is_none()).count();
        if all == 0 {
            tracing::warn!(
                "the htpasswd file has no entries, so nobody can log in; add users with htpasswd -B: {path:?}"
            );
        } else if useless > 0 {
            let nobody = if useless == all {
                ", so nobody can log in"
            } else {
                ""
            };
            tracing::warn!(
                "{useless} of the {all} entries of the htpasswd file are of no use, as only bcrypt is \
                 understood{nobody}; make them anew with htpasswd -B: {path:?}"
            );
        }
    }

    /// Reads `user:hash` lines; fails with the number of the first line that is not one.
    fn parse(content: &[u8]) -> Result<Self, usize> {
        let mut entries = HashMap::new();
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let colon = line
                .iter()
                .position(|byte| *byte == b':')
                .ok_or(index + 1)?;
            entries.insert(
                line[..colon].to_owned(),
                PasswordHash::parse(&line[colon + 1..]),
            );
        }
        let costs = entries.values().flatten().map(PasswordHash::cost);
        Ok(Self {
            highest_cost: costs.max().unwrap_or(DEFAULT_COST),
            entries,
        })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$04$znIMnyEK1sVGX/HA.ZCJb.lx4RAHNogMhuOB9ckkKGerKp3pXSPFC";

    fn parse(content: &str) -> Result<Users, usize> {
        Users::parse(content.as_bytes())
    }

    #[test]
    fn blank_lines_and_comments_are_skipped() {
        let users = parse(&format!(
            "\n  # alice:{HASH}\r\n\t\n bob:{HASH} \r\n#\ncarol:{HASH}"
        ))
        .unwrap();
        assert_eq!(users.entries.len(), 2);
        assert!(users.hash_of("bob").is_some() && users.hash_of("carol").is_some());
        assert!(users.hash_of("alice").is_none() && users.hash_of("# alice").is_none());
    }

    #[test]
    fn the_last_entry_of_a_user_counts() {
        let users = parse(&format!("bob:{HASH}\nbob:plain")).unwrap();
        assert!(users.hash_of("bob").is_none());
    }

    #[test]
    fn a_line_without_a_colon_is_named_by_its_number() {
        assert_eq!(parse(&format!("# x\n\nbob:{HASH}\nsecret")).unwrap_err(), 4);
    }

    #[test]
    fn entries_of_other_kinds_let_nobody_in() {
        let users = parse("a:plain\nb:{SHA}x\nc:$apr1$x$y\nd:").unwrap();
        for user in ["a", "b", "c", "d"] {
            assert!(users.hash_of(user).is_none(), "{user}");
        }
    }

    #[test]
    fn a_decoy_costs_as_much_as_the_dearest_entry() {
        assert_eq!(parse("").unwrap().decoy().cost(), DEFAULT_COST);
        let dear = HASH.replace("$04$", "$12$");
        assert_eq!(
            parse(&format!("a:{HASH}\nb:{dear}\nc:x"))
                .unwrap()
                .decoy()
                .cost(),
            12
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_spoils_nothing() {
        let mut content = b"\xff:x\nbob:".to_vec();
        content.extend(HASH.bytes());
        assert!(Users::parse(&content).unwrap().hash_of("bob").is_some());
    }

    #[test]
    fn neither_users_nor_hashes_are_shown() {
        assert_eq!(
            format!("{:?}", parse(&format!("bob:{HASH}")).unwrap()),
            "Users(1)"
        );
    }
}

//! The registry on a storage driver: what the services share, and how a repository is opened.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use wharf_oci::{Algorithm, Digest, Precondition, RepositoryName};
use wharf_storage::{ListPage, StorageDriver};

use crate::{
    Error, ListRequest, Listing, ManifestRules, Registry, Repository, catalog,
    holders::{self, Holders},
    layout::PathSpec,
    links,
    manifests::recent::Recent,
    referrers::Indexed,
    trash::Kept,
    uploads::holds::Holds,
};

/// A registry whose content is in a store.
#[derive(Debug, Clone)]
pub struct LocalRegistry {
    pub(crate) store: Arc<Store>,
}

/// What may be done, and what a manifest must fulfil.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whether manifests, tags and blobs may be deleted: `storage.delete.enabled`.
    pub deletion: bool,
    /// What a manifest must fulfil: `validation`.
    pub manifests: ManifestRules,
}

/// What all repositories of one registry share.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) rules: Rules,
    pub(crate) holds: Holds,
    pub(crate) holders: Holders,
    pub(crate) indexed: Indexed,
    pub(crate) recent: Recent,
    locks: NameLocks,
}

/// A repository in a store; it implements all four services.
#[derive(Debug)]
pub(crate) struct LocalRepository {
    pub(crate) name: RepositoryName,
    pub(crate) store: Arc<Store>,
}

impl LocalRegistry {
    /// A registry on `driver`.
    #[must_use]
    pub fn new(driver: Arc<dyn StorageDriver>, rules: Rules) -> Self {
        Self {
            store: Arc::new(Store {
                driver,
                rules,
                holds: Holds::default(),
                holders: Holders::default(),
                indexed: Indexed::default(),
                recent: Recent::default(),
                locks: NameLocks::new(),
            }),
        }
    }
}

#[async_trait]
impl Registry for LocalRegistry {
    fn repository(&self, name: &RepositoryName) -> Repository {
        let local = Arc::new(LocalRepository {
            name: name.clone(),
            store: Arc::clone(&self.store),
        });
        Repository {
            name: name.clone(),
            blobs: Arc::clone(&local) as _,
            uploads: Arc::clone(&local) as _,
            manifests: Arc::clone(&local) as _,
            tags: local,
        }
    }

    async fn catalog(&self, request: ListRequest) -> Result<Listing<RepositoryName>, Error> {
        catalog::list(&self.store, request).await
    }

    async fn holders(&self, digest: &Digest) -> Result<Vec<RepositoryName>, Error> {
        holders::find(&self.store, digest).await
    }
}

impl Store {
    pub(crate) fn driver(&self) -> &dyn StorageDriver {
        &*self.driver
    }

    /// Whether the blob's bytes are there, and how many. What was set aside is moved back.
    pub(crate) async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let stat = |data: wharf_storage::StoragePath| async move {
            let info = self.driver.stat(&data).await?;
            Ok(info.size)
        };
        self.with_file(Kept::Blob(digest), stat).await
    }

    /// How many bytes a file has, if it is there.
    pub(crate) async fn size(
        &self,
        path: &wharf_storage::StoragePath,
    ) -> Result<Option<u64>, Error> {
        match self.driver.stat(path).await {
            Ok(info) => Ok(Some(info.size)),
            Err(wharf_storage::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::Storage(error)),
        }
    }

    /// Whether anything is stored at a path.
    pub(crate) async fn exists(&self, path: &wharf_storage::StoragePath) -> Result<bool, Error> {
        match self.driver.stat(path).await {
            Ok(_) => Ok(true),
            Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::Storage(error)),
        }
    }

    /// Whether a repository holds at least one manifest: what makes it one to be listed. A folder
    /// whose manifests are all deleted is left over by Distribution, which keeps empty folders and,
    /// after a collection, links to nothing.
    pub(crate) async fn has_manifests(&self, name: &RepositoryName) -> Result<bool, Error> {
        // Nearly all have one of this algorithm, and need no look at which others there are.
        let usual = Algorithm::Sha256.as_str();
        if self.has_manifests_of(name, usual).await? {
            return Ok(true);
        }
        let revisions = PathSpec::Revisions(name).path();
        for algorithm in self.list(&revisions, ListPage::all()).await? {
            if algorithm.name != usual && self.has_manifests_of(name, &algorithm.name).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a repository holds a manifest whose digest is of this algorithm.
    async fn has_manifests_of(
        &self,
        name: &RepositoryName,
        algorithm: &str,
    ) -> Result<bool, Error> {
        let Ok(folder) = PathSpec::Revisions(name).path().child(algorithm) else {
            return Ok(false);
        };
        // The first will do, nearly always.
        let (mut after, mut limit) = (None, FIRST_LOOK);
        loop {
            let page = ListPage {
                after: after.take(),
                limit,
            };
            let entries = self.list(&folder, page).await?;
            for entry in &entries {
                let Ok(digest) = format!("{algorithm}:{}", entry.name).parse() else {
                    continue;
                };
                let link = PathSpec::RevisionLink(name, &digest).path();
                if let Some(content) = links::read(self.driver(), &link).await?
                    && self.blob_size(&content).await?.is_some()
                {
                    return Ok(true);
                }
            }
            match entries.last() {
                Some(last) if entries.len() == limit => after = Some(last.name.clone()),
                _ => return Ok(false),
            }
            limit = next_limit(limit);
        }
    }

    pub(crate) async fn list(
        &self,
        folder: &wharf_storage::StoragePath,
        page: ListPage,
    ) -> Result<Vec<wharf_storage::Entry>, Error> {
        self.driver.list(folder, page).await.map_err(Error::Storage)
    }
}

impl LocalRepository {
    /// Excludes deletions in this repository while a manifest and its tags are written. Such
    /// writes exclude each other only where one has a condition.
    pub(crate) async fn publishing(&self, condition: &Precondition) -> Publishing<'_> {
        let lock = self.store.locks.of(&self.name);
        if condition.is_none() {
            Publishing::BesideOthers(lock.read().await)
        } else {
            Publishing::Alone(lock.write().await)
        }
    }

    /// Excludes publishing in this repository: what is looked at stays so until it is deleted.
    pub(crate) async fn deleting(&self) -> RwLockWriteGuard<'_, ()> {
        self.store.locks.of(&self.name).write().await
    }

    /// # Errors
    /// [`Error::DeletionDisabled`].
    pub(crate) fn may_delete(&self) -> Result<(), Error> {
        if self.store.rules.deletion {
            Ok(())
        } else {
            Err(Error::DeletionDisabled)
        }
    }
}

/// The right to write a manifest and its tags, until it is dropped.
#[derive(Debug)]
pub(crate) enum Publishing<'a> {
    /// Others may do so too.
    BesideOthers(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'a, ()>),
    /// Nobody else may.
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'a, ()>),
}

/// Locks by repository name, a fixed number of them: two repositories may share one, which costs
/// them a wait and nothing else.
#[derive(Debug)]
struct NameLocks {
    locks: Vec<RwLock<()>>,
    hasher: RandomState,
}

impl NameLocks {
    fn new() -> Self {
        Self {
            locks: (0..LOCKS).map(|_| RwLock::new(())).collect(),
            hasher: RandomState::new(),
        }
    }

    fn of(&self, name: &RepositoryName) -> &RwLock<()> {
        let slot = self.hasher.hash_one(name) % LOCKS;
        &self.locks[slot as usize]
    }
}

const LOCKS: u64 = 256;

/// How many entries to list after a page of `limit` that was not enough. Each page is larger than
/// the one before: where a store keeps no folder's names, each costs a look at the whole folder.
pub(crate) fn next_limit(limit: usize) -> usize {
    (limit * 2).clamp(FIRST_LOOK, MOST_AT_ONCE.max(limit))
}

/// How many entries of a folder are looked at in one go, where not all may be wanted.
pub(crate) const PAGE: usize = 1000;
/// How many entries of a folder are looked at first, where few may do.
pub(crate) const FIRST_LOOK: usize = 16;
/// How many entries are listed at once at the most, so that memory does not grow with the store.
pub(crate) const MOST_AT_ONCE: usize = 65_536;

#[cfg(test)]
mod tests;

//! What is in the trash, and the way back out of it.

use std::time::Duration;

use wharf_oci::RepositoryName;
use wharf_storage::{ListPage, StoragePath, Sync};

use crate::{
    Error, LocalRegistry, catalog::Walk, garbage_collect::digests_in, layout::PathSpec,
    local::Store, trash::Kept,
};

/// What one collection set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// The collection's name, which begins with the time at which it set aside.
    pub run: String,
    /// How long it is kept yet.
    pub left: Duration,
    /// How many blobs it set aside.
    pub blobs: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Lists what collections have set aside, oldest first.
///
/// # Errors
/// When the store fails.
pub async fn list(registry: &LocalRegistry) -> Result<Vec<Collected>, Error> {
    let store = &registry.store;
    let mut collected = Vec::new();
    for run in store.runs(&PathSpec::Trash.path()).await? {
        let lease = store.lease(&run).await?;
        collected.push(Collected {
            run,
            left: lease.left,
            blobs: lease.blobs,
            bytes: lease.bytes,
        });
    }
    Ok(collected)
}

/// Moves back all that collections have set aside, links and blobs; tells how many.
///
/// Tags are never set aside, so a manifest that lost its tag comes back by its digest.
///
/// # Errors
/// [`Error::AlreadyCollecting`], and when the store fails; what was moved back until then stays so.
pub async fn restore(registry: &LocalRegistry) -> Result<usize, Error> {
    let store = &registry.store;
    let collector = store.collector().await?;
    let restored = restore_now(store).await;
    collector.end(store).await?;
    restored
}

async fn restore_now(store: &Store) -> Result<usize, Error> {
    let runs = store.runs(&PathSpec::Trash.path()).await?;
    let mut restored = 0;
    // Bytes first: a link that leads to nothing is an absence.
    for run in &runs {
        restored += restore_blobs(store, run).await?;
    }
    let mut walk = Walk::begin(store, None).await?;
    while let Some(folder) = walk.next_folder().await? {
        walk.push(folder.clone(), None).await?;
        let Ok(name) = folder.parse::<RepositoryName>() else {
            continue;
        };
        for run in store.runs(&PathSpec::RepositoryTrash(&name).path()).await? {
            restored += restore_links(store, &name, &run).await?;
        }
        store.tidy(&PathSpec::RepositoryTrash(&name).path()).await?;
    }
    for run in &runs {
        delete(store, &PathSpec::TrashRun(run).path()).await?;
    }
    store.tidy(&PathSpec::Trash.path()).await?;
    Ok(restored)
}

async fn restore_blobs(store: &Store, run: &str) -> Result<usize, Error> {
    let mut restored = 0;
    let folder = PathSpec::TrashBlobs(run).path();
    for algorithm in store.list(&folder, ListPage::all()).await? {
        let Ok(prefixes) = folder.child(&algorithm.name) else {
            continue;
        };
        for prefix in store.list(&prefixes, ListPage::all()).await? {
            let Ok(blobs) = prefixes.child(&prefix.name) else {
                continue;
            };
            for entry in store.list(&blobs, ListPage::all()).await? {
                if let Ok(digest) = format!("{}:{}", algorithm.name, entry.name).parse() {
                    restored += usize::from(move_back(store, run, Kept::Blob(&digest)).await?);
                }
            }
        }
    }
    Ok(restored)
}

async fn restore_links(store: &Store, name: &RepositoryName, run: &str) -> Result<usize, Error> {
    let mut restored = 0;
    for digest in digests_in(store, &PathSpec::TrashLayers(name, run).path())
        .await?
        .digests()
    {
        restored += usize::from(move_back(store, run, Kept::Layer(name, &digest)).await?);
    }
    for digest in digests_in(store, &PathSpec::TrashRevisions(name, run).path())
        .await?
        .digests()
    {
        restored += usize::from(move_back(store, run, Kept::Revision(name, &digest)).await?);
    }
    delete(store, &PathSpec::RepositoryTrashRun(name, run).path()).await?;
    Ok(restored)
}

async fn move_back(store: &Store, run: &str, kept: Kept<'_>) -> Result<bool, Error> {
    let (aside, place) = (kept.aside(run), kept.place());
    store.before_move_back(kept).await?;
    // What was told to be restored stays so: the record of its lease goes next.
    match store.driver.rename(&aside, &place, Sync::Durable).await {
        Ok(()) => Ok(true),
        Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(Error::Storage(error)),
    }
}

async fn delete(store: &Store, path: &StoragePath) -> Result<(), Error> {
    match store.driver.delete(path, Sync::Lazy).await {
        Ok(()) | Err(wharf_storage::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(Error::Storage(error)),
    }
}

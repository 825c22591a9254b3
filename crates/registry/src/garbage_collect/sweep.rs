//! Sweeping: what was not marked is found, and leaves its place.

use std::time::Instant;

use wharf_oci::{Algorithm, Digest, RepositoryName};
use wharf_storage::{ListPage, Sync};

use crate::{
    Error,
    garbage_collect::{
        CollectEvent,
        mark::{Marks, digests_in},
    },
    layout::PathSpec,
    links,
    local::Store,
    trash::Kept,
};

/// What was not marked.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    pub(super) blobs: Vec<Digest>,
    /// The size of the blobs.
    pub(super) bytes: u64,
    pub(super) layer_links: Vec<(RepositoryName, Digest)>,
}

/// What becomes of garbage.
#[derive(Debug)]
pub(super) enum Sweep {
    /// It is only told.
    Report,
    /// It is deleted at once: nobody is on the store who could be in the middle of a push.
    Delete {
        /// When somebody last looked whether that is still so.
        looked: Instant,
    },
    /// It is set aside by this run.
    SetAside,
}

impl Garbage {
    pub(super) fn is_nothing(&self) -> bool {
        self.blobs.is_empty() && self.layer_links.is_empty()
    }

    pub(super) async fn find(store: &Store, marks: &Marks) -> Result<Self, Error> {
        let mut garbage = Self::default();
        let blobs = PathSpec::Blobs.path();
        for algorithm in store.list(&blobs, ListPage::all()).await? {
            let Ok(folder) = blobs.child(&algorithm.name) else {
                continue;
            };
            for prefix in store.list(&folder, ListPage::all()).await? {
                let Ok(folder) = folder.child(&prefix.name) else {
                    continue;
                };
                for entry in store.list(&folder, ListPage::all()).await? {
                    let parsed = format!("{}:{}", algorithm.name, entry.name).parse();
                    let Some(digest) = parsed.ok().filter(|d| !marks.kept.contains(d)) else {
                        continue;
                    };
                    let data = PathSpec::BlobData(&digest).path();
                    garbage.bytes += store.size(&data).await?.unwrap_or(0);
                    garbage.blobs.push(digest);
                }
            }
        }
        for name in &marks.repositories {
            garbage.find_layer_links(store, name, marks).await?;
        }
        Ok(garbage)
    }

    async fn find_layer_links(
        &mut self,
        store: &Store,
        name: &RepositoryName,
        marks: &Marks,
    ) -> Result<(), Error> {
        for digest in digests_in(store, &PathSpec::Layers(name).path()).await? {
            let kept = if digest.algorithm() == Algorithm::Sha256 {
                marks.kept.contains(&digest)
            } else {
                let link = PathSpec::LayerLink(name, &digest).path();
                let content = links::read(store.driver(), &link).await?;
                content.is_some_and(|content| marks.kept.contains(&content))
            };
            if !kept {
                self.layer_links.push((name.clone(), digest));
            }
        }
        Ok(())
    }
}

impl Sweep {
    /// Takes the garbage out of its place, or only tells of it.
    pub(super) async fn run(
        &mut self,
        store: &Store,
        run: &str,
        marks: &Marks,
        garbage: &Garbage,
        observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
    ) -> Result<(), Error> {
        for manifest in &marks.manifests {
            let kept = Kept::Revision(&manifest.name, &manifest.digest);
            if matches!(self, Self::Report) {
                continue;
            }
            for tag in &manifest.tags {
                let entry = PathSpec::TagIndex(&manifest.name, tag, &manifest.digest).path();
                if delete_lazily(store, &entry).await? {
                    tracing::info!("deleting manifest tag reference: {entry}");
                }
            }
            if let Some(subject) = &manifest.subject {
                let entry = PathSpec::Referrer(&manifest.name, subject, &manifest.digest).path();
                delete_lazily(store, &entry).await?;
            }
            tracing::info!("deleting manifest: {}", kept.place().parent());
            self.take(store, run, kept).await?;
        }
        for digest in &garbage.blobs {
            observe(CollectEvent::BlobEligible(digest));
            if !matches!(self, Self::Report) {
                tracing::info!("Deleting blob: {}", PathSpec::Blob(digest).path());
                self.take(store, run, Kept::Blob(digest)).await?;
            }
        }
        for (name, digest) in &garbage.layer_links {
            observe(CollectEvent::LayerLinkEligible(name, digest));
            if !matches!(self, Self::Report) {
                let kept = Kept::Layer(name, digest);
                tracing::info!("Deleting layer link path: {}", kept.place());
                self.take(store, run, kept).await?;
            }
        }
        Ok(())
    }

    /// Takes one thing out of its place, with the folder that it was in.
    async fn take(&mut self, store: &Store, run: &str, kept: Kept<'_>) -> Result<(), Error> {
        if let Self::Delete { looked } = self
            && looked.elapsed() > LOOK_AGAIN
        {
            if store.has_servers().await? {
                tracing::info!("a server has started: what is left is set aside");
                *self = Self::SetAside;
                store.end_offline().await?;
            } else {
                *looked = Instant::now();
            }
        }
        let place = kept.place();
        match self {
            Self::Report => return Ok(()),
            Self::Delete { .. } => {
                delete_lazily(store, &place.parent()).await?;
                return Ok(());
            }
            Self::SetAside => {}
        }
        match store
            .driver
            .rename(&place, &kept.aside(run), Sync::Lazy)
            .await
        {
            Ok(()) | Err(wharf_storage::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::Storage(error)),
        }
        store.tidy(&place.parent()).await
    }
}

impl Store {
    /// Deletes a folder if nothing is in it. Somebody may be about to write there; who makes a
    /// folder makes it again.
    pub(crate) async fn tidy(&self, folder: &wharf_storage::StoragePath) -> Result<(), Error> {
        match self.driver.delete_empty(folder).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Storage(error)),
        }
    }
}

/// Deletes what is at a path, if anything is: what a power cut brings back is garbage again.
pub(super) async fn delete_lazily(
    store: &Store,
    path: &wharf_storage::StoragePath,
) -> Result<bool, Error> {
    match store.driver.delete(path, Sync::Lazy).await {
        Ok(()) => Ok(true),
        Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(Error::Storage(error)),
    }
}

/// How often a collection that deletes at once looks whether a server has come: that long a server
/// waits when it starts.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

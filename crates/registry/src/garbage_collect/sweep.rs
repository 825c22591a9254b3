//! Sweeping: what was not marked is found, and deleted.

use wharf_oci::{Algorithm, Digest, RepositoryName};
use wharf_storage::ListPage;

use crate::{
    Error,
    garbage_collect::{
        CollectEvent, Effect,
        mark::{Marks, digests_in},
    },
    layout::PathSpec,
    links,
    local::Store,
};

/// What was not marked.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    pub(super) blobs: Vec<Digest>,
    /// The size of the blobs.
    pub(super) bytes: u64,
    pub(super) layer_links: Vec<(RepositoryName, Digest)>,
}

impl Garbage {
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
                    garbage.bytes += store.blob_size(&digest).await?.unwrap_or(0);
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

/// Deletes the garbage, or only tells of it.
pub(super) async fn sweep(
    store: &Store,
    marks: &Marks,
    garbage: &Garbage,
    effect: Effect,
    observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
) -> Result<(), Error> {
    if effect == Effect::Delete {
        for manifest in &marks.manifests {
            for tag in &manifest.tags {
                let entry = PathSpec::TagIndex(&manifest.name, tag, &manifest.digest).path();
                if links::delete_if_there(store.driver(), &entry).await? {
                    tracing::info!("deleting manifest tag reference: {entry}");
                }
            }
            if let Some(subject) = &manifest.subject {
                let entry = PathSpec::Referrer(&manifest.name, subject, &manifest.digest).path();
                links::delete_if_there(store.driver(), &entry).await?;
            }
            let folder = PathSpec::Revision(&manifest.name, &manifest.digest).path();
            tracing::info!("deleting manifest: {folder}");
            links::delete_if_there(store.driver(), &folder).await?;
        }
    }
    for digest in &garbage.blobs {
        observe(CollectEvent::BlobEligible(digest));
        if effect == Effect::Delete {
            let folder = PathSpec::Blob(digest).path();
            tracing::info!("Deleting blob: {folder}");
            links::delete_if_there(store.driver(), &folder).await?;
        }
    }
    for (name, digest) in &garbage.layer_links {
        observe(CollectEvent::LayerLinkEligible(name, digest));
        if effect == Effect::Delete {
            let link = PathSpec::LayerLink(name, digest).path();
            tracing::info!("Deleting layer link path: {link}");
            let folder = PathSpec::Layer(name, digest).path();
            links::delete_if_there(store.driver(), &folder).await?;
        }
    }
    Ok(())
}

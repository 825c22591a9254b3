//! Garbage collection: what no manifest names is deleted.
//!
//! Marking starts from the manifests and follows what they name: blobs, an index's children at any
//! depth, and, backwards, the manifests whose subject is kept. Whatever is not marked is garbage.
//! This is Distribution's offline collection with its faults corrected: it must not run while
//! content is pushed.

mod mark;
mod sweep;

use wharf_oci::{Digest, RepositoryName, Tag};

pub(crate) use self::mark::digests_in;

use crate::{
    Error, LocalRegistry,
    garbage_collect::{mark::Marks, sweep::Garbage},
};

/// What to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectOptions {
    /// Whether to delete manifests that no tag reaches.
    pub untagged: Untagged,
    /// Whether to delete at all.
    pub effect: Effect,
}

/// What becomes of manifests that no tag reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Untagged {
    /// They stay, with all they name.
    #[default]
    Keep,
    /// They are garbage: `--delete-untagged`.
    Delete,
}

/// Whether garbage is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effect {
    /// It is.
    #[default]
    Delete,
    /// It is only found: `--dry-run`.
    Report,
}

/// Something that happens during a collection, in the order of Distribution's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectEvent<'a> {
    /// A repository is looked at.
    Repository(&'a RepositoryName),
    /// A repository has no tags, so all its manifests are untagged.
    NoTags(&'a RepositoryName),
    /// A manifest is kept.
    MarkingManifest(&'a RepositoryName, &'a Digest),
    /// Something that a manifest names is kept.
    MarkingBlob(&'a RepositoryName, &'a Digest),
    /// A manifest is garbage; with all tags of its repository.
    ManifestEligible(&'a RepositoryName, &'a Digest, &'a [Tag]),
    /// Marking is over.
    Marked {
        /// Digests that are kept.
        marked: usize,
        /// Blobs that are garbage.
        blobs: usize,
        /// Manifests that are garbage.
        manifests: usize,
    },
    /// A blob is garbage.
    BlobEligible(&'a Digest),
    /// A repository's link to a blob is garbage.
    LayerLinkEligible(&'a RepositoryName, &'a Digest),
}

/// What a collection did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectReport {
    /// Digests that are kept.
    pub marked: usize,
    /// Blobs deleted.
    pub blobs: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Manifests deleted.
    pub manifests: usize,
    /// Layer links deleted.
    pub layer_links: usize,
    /// What could not be understood. If anything could not, nothing was deleted, since it might
    /// have named any of it.
    pub broken: Vec<String>,
}

/// Marks, then deletes what was not marked; `observe` hears of each step.
///
/// Memory grows with the number of blobs: one digest each.
///
/// # Errors
/// When the store fails. A manifest that cannot be read is in the report instead.
pub async fn garbage_collect(
    registry: &LocalRegistry,
    options: CollectOptions,
    observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
) -> Result<CollectReport, Error> {
    let store = &registry.store;
    let marks = Marks::find(store, options.untagged, observe).await?;
    for manifest in &marks.manifests {
        observe(CollectEvent::ManifestEligible(
            &manifest.name,
            &manifest.digest,
            &manifest.tags,
        ));
    }
    let garbage = Garbage::find(store, &marks).await?;
    observe(CollectEvent::Marked {
        marked: marks.kept.len(),
        blobs: garbage.blobs.len(),
        manifests: marks.manifests.len(),
    });
    let mut report = CollectReport {
        marked: marks.kept.len(),
        blobs: garbage.blobs.len(),
        bytes: garbage.bytes,
        manifests: marks.manifests.len(),
        layer_links: garbage.layer_links.len(),
        broken: Vec::new(),
    };
    if marks.broken.is_empty() {
        sweep::sweep(store, &marks, &garbage, options.effect, observe).await?;
    } else {
        report = CollectReport {
            marked: report.marked,
            broken: marks.broken,
            ..CollectReport::default()
        };
    }
    Ok(report)
}

#[cfg(test)]
mod tests;

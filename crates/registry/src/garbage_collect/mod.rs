//! Garbage collection: what no manifest names is deleted.
//!
//! Marking starts from the manifests and follows what they name: blobs, an index's children at any
//! depth, and, backwards, the manifests whose subject is kept. Whatever is not marked is garbage.
//! What is garbage is set aside first, and deleted only when nobody can be about to name it: see
//! [`crate::trash`]. So it may run while content is pushed.

mod empty;
mod mark;
mod sweep;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use wharf_oci::{Digest, RepositoryName, Tag};

pub use self::empty::Emptied;
pub(crate) use self::mark::digests_in;

use crate::{
    Error, LocalRegistry,
    garbage_collect::{
        empty::Leases,
        mark::Marks,
        sweep::{Garbage, Sweep},
    },
    layout::PathSpec,
    local::Store,
};

/// What to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectOptions {
    /// Whether to delete manifests that no tag reaches.
    pub untagged: Untagged,
    /// Whether to delete at all.
    pub effect: Effect,
    /// For how long what is taken from beside a server can still be named.
    pub lease: Duration,
}

/// The lease when nobody says another: longer than any push takes.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(3600);

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
    /// How many bytes are free now that were not before.
    pub freed: u64,
    /// For how long what was taken is still in the trash; `None` when it is gone.
    pub set_aside: Option<Duration>,
    /// What went of what earlier collections had set aside.
    pub emptied: Emptied,
    /// What could not be understood. If anything could not, nothing was deleted, since it might
    /// have named any of it.
    pub broken: Vec<String>,
}

/// Marks, then takes what was not marked out of its place; `observe` hears of each step.
///
/// It may run beside servers, of this process or another: what it takes is set aside, and goes when
/// the lease is over and a later collection has still found nobody who names it. Where no server is
/// on the store, it goes at once.
///
/// Memory grows with the number of blobs: one digest each.
///
/// # Errors
/// [`Error::AlreadyCollecting`], and when the store fails. A manifest that cannot be read is in the
/// report instead.
pub async fn garbage_collect(
    registry: &LocalRegistry,
    options: CollectOptions,
    observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
) -> Result<CollectReport, Error> {
    let store = &registry.store;
    if options.effect == Effect::Report {
        return collect(store, options, &mut Sweep::Report, observe).await;
    }
    let collector = store.collector().await?;
    let mut sweep = if store.begin_offline().await? {
        Sweep::Delete {
            looked: Instant::now(),
        }
    } else {
        Sweep::SetAside
    };
    let collected = collect(store, options, &mut sweep, observe).await;
    store.end_offline().await?;
    collector.end(store).await?;
    collected
}

/// Empties the trash of what has no lease left, after a look whether any of it is named; or of all
/// that is not named, when the space is wanted now.
///
/// # Errors
/// [`Error::AlreadyCollecting`], and when the store fails.
pub async fn empty_trash(registry: &LocalRegistry, which: Trash) -> Result<Emptied, Error> {
    let store = &registry.store;
    let collector = store.collector().await?;
    let emptied = empty_now(store, which).await;
    collector.end(store).await?;
    emptied
}

async fn empty_now(store: &Arc<Store>, which: Trash) -> Result<Emptied, Error> {
    let leases = match which {
        Trash::Due => Leases::Heeded,
        Trash::All => Leases::Ignored,
    };
    let earlier = empty::earlier(store, leases).await?;
    if earlier.is_empty() {
        return Ok(Emptied::default());
    }
    let marks = Marks::find(store, Untagged::Keep, &mut |_| {}).await?;
    empty::empty(store, &earlier, &marks).await
}

/// Whether anything in the trash has no lease left.
///
/// # Errors
/// When the store fails.
pub async fn is_trash_due(registry: &LocalRegistry) -> Result<bool, Error> {
    for run in registry.store.runs(&PathSpec::Trash.path()).await? {
        if registry.store.lease(&run).await?.left.is_zero() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What of the trash is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trash {
    /// What has no lease left.
    Due,
    /// All of it.
    All,
}

async fn collect(
    store: &Arc<Store>,
    options: CollectOptions,
    sweep: &mut Sweep,
    observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
) -> Result<CollectReport, Error> {
    let leases = match sweep {
        Sweep::Report | Sweep::SetAside => Leases::Heeded,
        Sweep::Delete { .. } => Leases::Ignored,
    };
    let earlier = match sweep {
        Sweep::Report => Vec::new(),
        Sweep::Delete { .. } | Sweep::SetAside => empty::earlier(store, leases).await?,
    };
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
        ..CollectReport::default()
    };
    report.broken.clone_from(&marks.broken);
    report.blobs = garbage.blobs.len();
    report.bytes = garbage.bytes;
    report.manifests = marks.manifests.len();
    report.layer_links = garbage.layer_links.len();
    if matches!(sweep, Sweep::Report) {
        sweep.run(store, "", &marks, &garbage, observe).await?;
        return Ok(report);
    }
    report.emptied = empty::empty(store, &earlier, &marks).await?;
    report.freed = report.emptied.bytes;

    if garbage.is_nothing() && marks.manifests.is_empty() {
        return Ok(report);
    }
    let run = new_run();
    let (blobs, bytes) = (report.blobs, report.bytes);
    let begin = || store.begin_lease(&run, options.lease, blobs, bytes);
    begin().await?;
    sweep.run(store, &run, &marks, &garbage, observe).await?;
    if matches!(sweep, Sweep::Delete { .. }) {
        sweep::delete_lazily(store, &PathSpec::TrashRun(&run).path()).await?;
        store.tidy(&PathSpec::Trash.path()).await?;
        report.freed += garbage.bytes;
        return Ok(report);
    }
    begin().await?;
    report.set_aside = Some(options.lease);
    if options.lease.is_zero() {
        // Somebody may have named in the meantime what is aside now.
        let earlier = empty::earlier(store, Leases::Ignored).await?;
        let marks = Marks::find(store, Untagged::Keep, &mut |_| {}).await?;
        let emptied = empty::empty(store, &earlier, &marks).await?;
        report.freed += emptied.bytes;
        report.emptied = report.emptied.and(emptied);
        report.set_aside = None;
    }
    Ok(report)
}

/// The name of a collection's part of the trash: names sort by the time at which they begin.
fn new_run() -> String {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{now}-{}", &random[..8])
}

#[cfg(test)]
mod tests;

//! Garbage collection: what no manifest names is deleted.
//!
//! Marking starts from the manifests and follows what they name: blobs, an index's children at any
//! depth, and, backwards, the manifests whose subject is kept. Whatever is not marked is garbage.
//! What is garbage is set aside first, and deleted only when nobody can be about to name it: see
//! [`crate::trash`]. So it may run while content is pushed.

mod empty;
mod mark;
mod sweep;
mod take;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use wharf_oci::{Digest, RepositoryName, Tag};

pub use self::empty::Emptied;
pub(crate) use self::mark::digests_in;

use crate::{
    Error, LocalRegistry,
    garbage_collect::{
        empty::{Earlier, Leases},
        mark::{Heard, Marks},
        sweep::Garbage,
        take::{Alone, Fate, Lease, Taker},
    },
    layout::PathSpec,
    local::Store,
    progress::Progress,
    purge_uploads::{PurgeOptions, PurgeReport, purge_in},
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
    /// Which uploads that nobody finished go too, if any.
    pub uploads: Option<PurgeOptions>,
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
    /// Uploads deleted that nobody finished.
    pub uploads: PurgeReport,
    /// How many bytes are free now that were not before.
    pub freed: u64,
    /// What is still in the trash of what was taken; `None` when it is gone.
    pub set_aside: Option<SetAside>,
    /// What went of what earlier collections had set aside.
    pub emptied: Emptied,
    /// What could not be understood, each on a line. Nothing was deleted that it might name.
    pub broken: Vec<String>,
}

/// What a collection set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAside {
    /// How many bytes.
    pub bytes: u64,
    /// For how long it is kept.
    pub lease: Duration,
}

/// Marks, then takes what was not marked out of its place; `observe` hears of each step, and
/// `progress` counts them.
///
/// It may run beside servers, of this process or another: what it takes is set aside, and goes when
/// the lease is over and a later collection has still found nobody who names it. Where no server is
/// on the store, it goes at once.
///
/// Memory grows with the number of blobs, manifests and repositories, not with their sizes: less
/// than 40 bytes for each blob that is kept, 48 for each that is garbage, 100 for each manifest that
/// is garbage and for each repository; and while a repository is looked at, 40 for each of its
/// manifests or layer links and 40 for each digest that its manifests name.
///
/// # Errors
/// [`Error::AlreadyCollecting`], and when the store fails. What cannot be understood is in the
/// report instead.
pub async fn garbage_collect(
    registry: &LocalRegistry,
    options: CollectOptions,
    progress: &Progress,
    observe: &mut (dyn FnMut(CollectEvent<'_>) + Send),
) -> Result<CollectReport, Error> {
    let store = &registry.store;
    let mut heard = Heard { observe, progress };
    if options.effect == Effect::Report {
        return collect(store, options, Fate::Told, &mut heard).await;
    }
    let collector = store.collector().await?;
    let alone = Alone::new(store.begin_offline().await?);
    let collected = tokio::select! {
        collected = collect(store, options, Fate::Taken(&alone), &mut heard) => collected,
        never = alone.watch(store) => match never {},
    };
    progress.end();
    store.end_offline().await?;
    collector.end(store).await?;
    collected
}

/// Empties the trash of what has no lease left, after a look whether any of it is named; or of all
/// that is not named, when the space is wanted now.
///
/// # Errors
/// [`Error::AlreadyCollecting`], and when the store fails.
pub async fn empty_trash(
    registry: &LocalRegistry,
    which: Trash,
    progress: &Progress,
) -> Result<Emptied, Error> {
    let store = &registry.store;
    let collector = store.collector().await?;
    let emptied = empty_now(store, which, progress).await;
    progress.end();
    collector.end(store).await?;
    emptied
}

async fn empty_now(
    store: &Arc<Store>,
    which: Trash,
    progress: &Progress,
) -> Result<Emptied, Error> {
    let leases = match which {
        Trash::Due => Leases::Heeded,
        Trash::All => Leases::Ignored,
    };
    let earlier = empty::earlier(store, leases).await?;
    if earlier.is_empty() {
        return Ok(Emptied::default());
    }
    let marks = Marks::of_all_manifests(store, progress).await?;
    empty::empty(store, &earlier, &marks, progress).await
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
    fate: Fate<'_>,
    heard: &mut Heard<'_>,
) -> Result<CollectReport, Error> {
    let earlier = match fate {
        Fate::Told => Vec::new(),
        Fate::Taken(_) => empty::earlier(store, Leases::Heeded).await?,
    };
    let marks = Marks::find(store, options.untagged, options.effect, heard).await?;
    for untagged in &marks.untagged {
        for (digest, _) in &untagged.manifests {
            let (name, tags) = (&untagged.name, &untagged.tags);
            heard.tell(CollectEvent::ManifestEligible(name, &digest.digest(), tags));
        }
    }
    let garbage = Garbage::find(store, &marks, heard).await?;
    heard.tell(CollectEvent::Marked {
        marked: marks.kept.len(),
        blobs: garbage.blobs(),
        manifests: marks.manifests(),
    });
    let mut report = CollectReport {
        marked: marks.kept.len(),
        blobs: garbage.blobs(),
        bytes: garbage.bytes,
        manifests: marks.manifests(),
        broken: [&marks.broken[..], &garbage.broken[..]].concat(),
        ..CollectReport::default()
    };
    if let Fate::Taken(alone) = fate {
        let earlier = if *alone.hold().await {
            // Nobody is there to whom anything was promised.
            earlier.into_iter().map(Earlier::without_lease).collect()
        } else {
            earlier
        };
        report.emptied = empty::empty(store, &earlier, &marks, heard.progress).await?;
    } else {
        report.emptied = empty::all_left(store).await?;
    }
    if let Some(uploads) = options.uploads {
        report.uploads = purge(store, &marks, uploads, options.effect).await;
    }
    let lease = Lease {
        length: options.lease,
        blobs: report.blobs,
        bytes: report.bytes,
    };
    let mut taker = Taker::new(store, fate, new_run(), lease, heard.progress);
    report.layer_links = sweep::sweep(&mut taker, &marks, &garbage, heard).await?;
    let taken = taker.end().await?;
    report.emptied = report.emptied.and(taken.emptied);
    report.freed = report.emptied.bytes + taken.freed;
    if options.uploads.is_some_and(|uploads| !uploads.dry_run) && options.effect == Effect::Delete {
        report.freed += report.uploads.bytes;
    }
    if taken.is_aside && options.lease.is_zero() {
        // Somebody may have named in the meantime what is aside now.
        drop((marks, garbage));
        let emptied = empty::empty_all(store, heard.progress).await?;
        report.freed += emptied.bytes;
        report.emptied = report.emptied.and(emptied);
    } else if taken.is_aside {
        report.set_aside = Some(SetAside {
            bytes: report
                .bytes
                .saturating_sub(taken.freed + taken.emptied.bytes),
            lease: options.lease,
        });
    }
    Ok(report)
}

async fn purge(store: &Store, marks: &Marks, options: PurgeOptions, effect: Effect) -> PurgeReport {
    let options = PurgeOptions {
        dry_run: options.dry_run || effect == Effect::Report,
        ..options
    };
    let mut report = PurgeReport::default();
    for seen in &marks.repositories {
        report = report.and(purge_in(store, &seen.name, options).await);
    }
    report
}

/// The name of a collection's part of the trash: names sort by the time at which they begin.
fn new_run() -> String {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{now}-{}", &random[..8])
}

#[cfg(test)]
mod tests;

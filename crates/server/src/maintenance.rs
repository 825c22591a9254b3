//! What the server does now and then: it purges uploads that nobody finished, and collects garbage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use wharf_registry::{
    Error, LocalRegistry,
    garbage_collect::{
        CollectEvent, CollectOptions, CollectReport, Effect, Emptied, Trash, Untagged, empty_trash,
        garbage_collect, is_trash_due,
    },
    progress::Progress,
    purge_uploads::{self, PurgeOptions},
};

use crate::config::storage::{GarbageCollection, UploadPurging};

/// What a collection is to purge besides: what the server purges once per interval.
pub(crate) fn uploads_to_purge(options: Option<&UploadPurging>) -> Option<PurgeOptions> {
    options.map(|options| PurgeOptions {
        age: options.age,
        dry_run: options.dryrun,
    })
}

/// Purges uploads once per interval, for as long as the server runs.
///
/// The first purge is up to an hour after the start, so that replicas that start together do not
/// all walk the store at once.
pub(crate) async fn purge_uploads(registry: LocalRegistry, options: Option<UploadPurging>) {
    let uploads = uploads_to_purge(options.as_ref());
    let (
        Some(options),
        Some(UploadPurging {
            age,
            interval,
            dryrun,
        }),
    ) = (uploads, options)
    else {
        return;
    };
    let minutes = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) % 60;
    tracing::info!("Starting upload purge in {minutes}m0s");
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    loop {
        let before = jiff::Timestamp::now()
            .checked_sub(age)
            .unwrap_or(jiff::Timestamp::MIN);
        tracing::info!(
            "PurgeUploads starting: olderThan={before}, actuallyDelete={}",
            !dryrun
        );
        match purge_uploads::purge_uploads(&registry, options).await {
            Ok(report) => tracing::info!(
                "Purge uploads finished.  Num deleted={}, num errors={}",
                report.purged,
                report.errors
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "cannot purge uploads"
                );
            }
        }
        // An interval of zero would walk the store without end.
        tokio::time::sleep(interval.max(Duration::from_secs(60))).await;
    }
}

/// Empties the trash of what has no lease left, or of all when the store is `full`, and collects
/// garbage once per interval, for as long as the server runs.
pub(crate) async fn collect_garbage(
    registry: LocalRegistry,
    options: GarbageCollection,
    uploads: Option<PurgeOptions>,
    full: Arc<Notify>,
) {
    let GarbageCollection {
        interval,
        delete_untagged,
        dryrun,
        lease,
    } = options;
    let options = CollectOptions {
        untagged: if delete_untagged {
            Untagged::Delete
        } else {
            Untagged::Keep
        },
        effect: if dryrun {
            Effect::Report
        } else {
            Effect::Delete
        },
        lease,
        uploads,
    };
    let progress = Progress::default();
    let mut next = interval.map(|interval| Instant::now() + interval);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_TRASH) => {}
            () = full.notified() => {
                make_room(&registry, &progress).await;
                tokio::time::sleep(BETWEEN_EMPTYINGS).await;
            }
        }
        if let (Some(due), Some(interval)) = (next, interval)
            && Instant::now() >= due
        {
            next = Some(Instant::now() + interval);
            let mut unheard = |_: CollectEvent<'_>| {};
            let collected = garbage_collect(&registry, options, &progress, &mut unheard).await;
            tell_collection(collected, dryrun);
            continue;
        }
        match empty_if_due(&registry, &progress).await {
            Ok(Some(emptied)) => tracing::info!(
                "trash emptied: {} blobs deleted, {} bytes freed, {} blobs and links moved back",
                emptied.blobs,
                emptied.bytes,
                emptied.moved_back
            ),
            Ok(None) | Err(Error::AlreadyCollecting) => {}
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot empty the trash"
            ),
        }
    }
}

/// Empties the trash before its time: what is pushed now is worth more than what a client may have
/// been told of the garbage that is there.
async fn make_room(registry: &LocalRegistry, progress: &Progress) {
    match empty_trash(registry, Trash::All, progress).await {
        Ok(emptied) if emptied.is_something() => tracing::warn!(
            "the store is full, and the trash was emptied before its time: {} blobs deleted, {} bytes freed, {} blobs and \
             links moved back",
            emptied.blobs,
            emptied.bytes,
            emptied.moved_back
        ),
        Ok(_) | Err(Error::AlreadyCollecting) => {}
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the store is full, and the trash cannot be emptied"
        ),
    }
}

async fn empty_if_due(
    registry: &LocalRegistry,
    progress: &Progress,
) -> Result<Option<Emptied>, Error> {
    if is_trash_due(registry).await? {
        return empty_trash(registry, Trash::Due, progress).await.map(Some);
    }
    Ok(None)
}

fn tell_collection(collected: Result<CollectReport, Error>, dryrun: bool) {
    match collected {
        Ok(report) => {
            for broken in &report.broken {
                tracing::error!("what this might name is kept: {broken}");
            }
            tracing::info!(
                "garbage collected: {} blobs marked, {} blobs ({} bytes), {} manifests and {} layer links {}",
                report.marked,
                report.blobs,
                report.bytes,
                report.manifests,
                report.layer_links,
                if dryrun {
                    "would be set aside"
                } else {
                    "set aside"
                }
            );
        }
        Err(Error::AlreadyCollecting) => {
            tracing::info!("garbage is being collected already, by another process");
        }
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "cannot collect garbage"
        ),
    }
}

/// How soon after the trash was emptied for the sake of room it is emptied again.
const BETWEEN_EMPTYINGS: Duration = Duration::from_secs(5);
/// How often the server looks whether a lease is over.
const LOOK_FOR_TRASH: Duration = Duration::from_secs(60);

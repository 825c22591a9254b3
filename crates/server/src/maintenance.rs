//! What the server does now and then: it purges uploads that nobody finished.

use std::time::Duration;

use wharf_registry::{
    LocalRegistry,
    purge_uploads::{self, PurgeOptions},
};

use crate::config::storage::UploadPurging;

/// Purges uploads once per interval, for as long as the server runs.
///
/// The first purge is up to an hour after the start, so that replicas that start together do not
/// all walk the store at once.
pub(crate) async fn purge_uploads(registry: LocalRegistry, options: Option<UploadPurging>) {
    let Some(UploadPurging {
        age,
        interval,
        dryrun,
    }) = options
    else {
        return;
    };
    let minutes = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) % 60;
    tracing::info!("Starting upload purge in {minutes}m0s");
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    let options = PurgeOptions {
        age,
        dry_run: dryrun,
    };
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

//! Purging: uploads that nobody finished are dropped after a while.

use std::time::Duration;

use jiff::Timestamp;
use wharf_oci::RepositoryName;
use wharf_storage::ListPage;

use crate::{Error, LocalRegistry, UploadId, catalog::Walk, layout::PathSpec, links, local::Store};

/// What to purge: `storage.maintenance.uploadpurging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeOptions {
    /// Uploads that began longer ago than this go.
    pub age: Duration,
    /// Only counts.
    pub dry_run: bool,
}

/// What a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PurgeReport {
    /// Uploads that went, or would go.
    pub purged: u64,
    /// Uploads or repositories that could not be looked at or deleted.
    pub errors: u64,
}

/// Drops every upload that is older than `options.age`. Uploads whose start is not known (an
/// interrupted deletion leaves such) are judged by when their bytes last changed.
///
/// # Errors
/// When the repositories cannot be listed. What goes wrong with one upload is counted.
pub async fn purge_uploads(
    registry: &LocalRegistry,
    options: PurgeOptions,
) -> Result<PurgeReport, Error> {
    let store = &registry.store;
    let mut report = PurgeReport::default();
    let mut walk = Walk::begin(store, None).await?;
    while let Some(folder) = walk.next_folder().await? {
        walk.push(folder.clone(), None).await?;
        let Ok(name) = folder.parse::<RepositoryName>() else {
            continue;
        };
        let folder = PathSpec::Uploads(&name).path();
        let uploads = match store.list(&folder, ListPage::all()).await {
            Ok(uploads) => uploads,
            Err(error) => {
                report.errors += 1;
                tracing::error!(error = &error as &dyn std::error::Error,
                    vars.name = %name, "cannot look for uploads");
                continue;
            }
        };
        for id in uploads.iter().filter_map(|entry| entry.name.parse().ok()) {
            match purge(store, &name, &id, options).await {
                Ok(purged) => report.purged += u64::from(purged),
                Err(error) => {
                    report.errors += 1;
                    tracing::error!(error = &error as &dyn std::error::Error,
                        vars.name = %name, vars.uuid = %id, "cannot purge upload");
                }
            }
        }
    }
    Ok(report)
}

async fn purge(
    store: &Store,
    name: &RepositoryName,
    id: &UploadId,
    options: PurgeOptions,
) -> Result<bool, Error> {
    let Some(began) = began(store, name, id).await? else {
        return Ok(false);
    };
    let age = Timestamp::now().duration_since(began).unsigned_abs();
    if began > Timestamp::now() || age < options.age {
        return Ok(false);
    }
    if !options.dry_run {
        links::delete_if_there(store.driver(), &PathSpec::Upload(name, id).path()).await?;
    }
    Ok(true)
}

/// When an upload began, or last changed; `None` when neither can be told.
async fn began(
    store: &Store,
    name: &RepositoryName,
    id: &UploadId,
) -> Result<Option<Timestamp>, Error> {
    let started_at = PathSpec::UploadStartedAt(name, id).path();
    match store.driver.get_content(&started_at).await {
        Ok(content) => {
            let told = std::str::from_utf8(&content).ok();
            if let Some(began) = told.and_then(|text| text.trim().parse().ok()) {
                return Ok(Some(began));
            }
        }
        Err(wharf_storage::Error::NotFound { .. }) => {}
        Err(error) => return Err(Error::Storage(error)),
    }
    for path in [
        PathSpec::UploadData(name, id).path(),
        PathSpec::Upload(name, id).path(),
    ] {
        match store.driver.stat(&path).await {
            Ok(info) => {
                let changed = info
                    .modified
                    .and_then(|time| Timestamp::try_from(time).ok());
                return Ok(changed);
            }
            Err(wharf_storage::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::Storage(error)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;

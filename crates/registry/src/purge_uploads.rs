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
    /// How many bytes they had.
    pub bytes: u64,
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
        report = report.and(purge_in(store, &name, options).await);
    }
    Ok(report)
}

impl PurgeReport {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            purged: self.purged + other.purged,
            bytes: self.bytes + other.bytes,
            errors: self.errors + other.errors,
        }
    }
}

/// Drops the uploads of one repository that are older than `options.age`. What goes wrong is logged
/// and counted.
pub(crate) async fn purge_in(
    store: &Store,
    name: &RepositoryName,
    options: PurgeOptions,
) -> PurgeReport {
    let mut report = PurgeReport::default();
    let folder = PathSpec::Uploads(name).path();
    let uploads = match store.list(&folder, ListPage::all()).await {
        Ok(uploads) => uploads,
        Err(error) => {
            report.errors += 1;
            tracing::error!(error = &error as &dyn std::error::Error,
                vars.name = %name, "cannot look for uploads");
            return report;
        }
    };
    for id in uploads.iter().filter_map(|entry| entry.name.parse().ok()) {
        match purge(store, name, &id, options).await {
            Ok(Some(bytes)) => {
                report.purged += 1;
                report.bytes += bytes;
            }
            Ok(None) => {}
            Err(error) => {
                report.errors += 1;
                tracing::error!(error = &error as &dyn std::error::Error,
                    vars.name = %name, vars.uuid = %id, "cannot purge upload");
            }
        }
    }
    report
}

/// Drops an upload if it is old enough; returns how many bytes it had.
async fn purge(
    store: &Store,
    name: &RepositoryName,
    id: &UploadId,
    options: PurgeOptions,
) -> Result<Option<u64>, Error> {
    let Some(began) = began(store, name, id).await? else {
        return Ok(None);
    };
    let age = Timestamp::now().duration_since(began).unsigned_abs();
    if began > Timestamp::now() || age < options.age {
        return Ok(None);
    }
    let bytes = store.size(&PathSpec::UploadData(name, id).path()).await?;
    if !options.dry_run {
        links::delete_if_there(store.driver(), &PathSpec::Upload(name, id).path()).await?;
    }
    Ok(Some(bytes.unwrap_or(0)))
}

/// When an upload began, or last changed; `None` when neither can be told.
pub(crate) async fn began(
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

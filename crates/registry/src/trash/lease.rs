//! How long what was set aside stays: from the end of the collection on, by the clock of the store.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use wharf_storage::Sync;

use crate::{Error, layout::PathSpec, local::Store};

/// The lease of what one collection set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lease {
    /// How much of it is left; nothing when what was set aside may go.
    pub(crate) left: Duration,
    /// How many blobs were set aside.
    pub(crate) blobs: usize,
    /// Their size in bytes.
    pub(crate) bytes: u64,
}

impl Store {
    /// Begins the lease of a collection, or begins it anew: nobody shall have less of it because
    /// the collection took long.
    ///
    /// It is durable before anything is set aside: what a power cut leaves in the trash of a
    /// repository would never be emptied if nobody knew of the collection, and what is found
    /// without a record of a lease has none.
    pub(crate) async fn begin_lease(
        &self,
        run: &str,
        length: Duration,
        blobs: usize,
        bytes: u64,
    ) -> Result<(), Error> {
        let record = format!("{} {blobs} {bytes}\n", length.as_secs_f64());
        let lease = PathSpec::TrashLease(run).path();
        let put = self
            .driver
            .put_content(&lease, Bytes::from(record), Sync::Durable);
        put.await.map_err(Error::Storage)
    }

    /// How much is left of a collection's lease; nothing where there is no record of one.
    pub(crate) async fn lease(&self, run: &str) -> Result<Lease, Error> {
        let Some(record) = self.recorded_lease(run).await? else {
            return Ok(Lease::default());
        };
        let path = PathSpec::TrashLease(run).path();
        let began = self.driver.stat(&path).await.map_err(Error::Storage)?;
        let now = self.now(run).await?;
        // A store that knows no times keeps things for as long as the process knows of them.
        let age = match (began.modified, now) {
            (Some(began), Some(now)) => now.duration_since(began).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        Ok(Lease {
            left: record.left.saturating_sub(age),
            ..record
        })
    }

    /// A collection's lease as it began.
    pub(crate) async fn recorded_lease(&self, run: &str) -> Result<Option<Lease>, Error> {
        let path = PathSpec::TrashLease(run).path();
        let content = match self.driver.get_content(&path).await {
            Ok(content) => content,
            Err(wharf_storage::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::Storage(error)),
        };
        let mut record = std::str::from_utf8(&content)
            .unwrap_or_default()
            .split_ascii_whitespace();
        let seconds = record.next().and_then(|text| text.parse().ok());
        let Some(left) = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()) else {
            return Ok(None);
        };
        let mut number = || record.next().and_then(|text| text.parse().ok());
        let (blobs, bytes) = (number().unwrap_or(0), number().unwrap_or(0));
        Ok(Some(Lease {
            left,
            blobs: usize::try_from(blobs).unwrap_or(usize::MAX),
            bytes,
        }))
    }

    /// The time by the clock of the store, which may be another than ours.
    async fn now(&self, run: &str) -> Result<Option<SystemTime>, Error> {
        let Ok(clock) = PathSpec::TrashRun(run).path().child("now") else {
            return Ok(None);
        };
        let put = self.driver.put_content(&clock, Bytes::new(), Sync::Lazy);
        put.await.map_err(Error::Storage)?;
        let info = self.driver.stat(&clock).await.map_err(Error::Storage)?;
        Ok(info.modified)
    }
}

//! Uploads: pushes of blobs in progress, whose state is in the store.

mod hash_state;
pub(crate) mod holds;
pub(crate) mod id;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use wharf_oci::{Algorithm, Descriptor, Digest, RepositoryName};
use wharf_storage::{FileWriter, Sync, WriteMode};

use crate::{
    Error, UploadId, UploadService, UploadSession, UploadStatus, blobs,
    layout::PathSpec,
    links,
    local::LocalRepository,
    uploads::{hash_state::HashState, session::Session},
};

#[async_trait]
impl UploadService for LocalRepository {
    async fn start(&self) -> Result<Box<dyn UploadSession>, Error> {
        let id = UploadId::random();
        let started_at = Timestamp::now().strftime(STARTED_AT).to_string();
        let driver = self.store.driver();
        // Nothing of this must outlive a power cut: a client that asks then begins anew.
        driver
            .put_content(
                &PathSpec::UploadStartedAt(&self.name, &id).path(),
                Bytes::from(started_at.clone()),
                Sync::Lazy,
            )
            .await
            .map_err(Error::Storage)?;
        let data = PathSpec::UploadData(&self.name, &id).path();
        let writer = match driver.writer(&data, WriteMode::Create).await {
            Ok(writer) => writer,
            Err(error) => {
                // Nobody will hear of it; the first error is the one to tell.
                let upload = PathSpec::Upload(&self.name, &id).path();
                let _ = links::delete_if_there(driver, &upload).await;
                return Err(Error::Storage(error));
            }
        };
        Ok(Box::new(self.session(
            id,
            started_at,
            writer,
            HashState::new(),
        )))
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus, Error> {
        let started_at = self.started_at(id).await?;
        let data = PathSpec::UploadData(&self.name, id).path();
        let offset = match self.store.driver.stat(&data).await {
            Ok(info) => info.size,
            Err(wharf_storage::Error::NotFound { .. }) => {
                self.expect_nothing_received(id).await?;
                0
            }
            Err(error) => return Err(Error::Storage(error)),
        };
        Ok(UploadStatus {
            id: id.clone(),
            offset,
            started_at,
        })
    }

    async fn resume(&self, id: &UploadId) -> Result<Box<dyn UploadSession>, Error> {
        let started_at = self.started_at(id).await?;
        let writer = self.open_for_writing(id).await?;
        let hash = self.stored_hash_state(id, writer.size()).await?;
        let mut session = self.session(id.clone(), started_at, writer, hash);
        session.catch_up().await?;
        Ok(Box::new(session))
    }

    async fn cancel(&self, id: &UploadId) -> Result<(), Error> {
        self.started_at(id).await?;
        let folder = PathSpec::Upload(&self.name, id).path();
        links::delete_if_there(self.store.driver(), &folder).await?;
        Ok(())
    }

    async fn mount(&self, source: &RepositoryName, digest: &Digest) -> Result<Descriptor, Error> {
        let descriptor = blobs::stat_in(&self.store, source, digest).await?;
        let content = blobs::linked(&self.store, source, digest).await?;
        let content = content.ok_or_else(|| Error::BlobUnknown {
            name: source.clone(),
            digest: digest.clone(),
        })?;
        blobs::link(&self.store, &self.name, &content, digest).await?;
        Ok(descriptor)
    }
}

impl LocalRepository {
    fn session(
        &self,
        id: UploadId,
        started_at: String,
        writer: Box<dyn FileWriter>,
        hash: HashState,
    ) -> Session {
        Session {
            name: self.name.clone(),
            store: std::sync::Arc::clone(&self.store),
            hold: self.store.holds.take(&id),
            id,
            started_at,
            writer,
            hash,
            out_of_space: false,
        }
    }

    /// An upload is known by its start time, as in Distribution.
    async fn started_at(&self, id: &UploadId) -> Result<String, Error> {
        let path = PathSpec::UploadStartedAt(&self.name, id).path();
        match self.store.driver.get_content(&path).await {
            Ok(content) => Ok(String::from_utf8_lossy(&content).trim().to_owned()),
            Err(wharf_storage::Error::NotFound { .. }) => {
                Err(Error::UploadUnknown { id: id.clone() })
            }
            Err(error) => Err(Error::Storage(error)),
        }
    }

    /// Opens an upload's bytes, and waits a little for a request that is about to let go of them:
    /// a client that lost its connection is often back before the server has noticed.
    async fn open_for_writing(&self, id: &UploadId) -> Result<Box<dyn FileWriter>, Error> {
        let data = PathSpec::UploadData(&self.name, id).path();
        let mut mode = WriteMode::Append;
        let mut waited = Duration::ZERO;
        loop {
            match self.store.driver.writer(&data, mode).await {
                Ok(writer) => return Ok(writer),
                Err(wharf_storage::Error::NotFound { .. }) if mode == WriteMode::Append => {
                    self.expect_nothing_received(id).await?;
                    mode = WriteMode::Create;
                }
                Err(wharf_storage::Error::Busy { .. }) if waited < BUSY_PATIENCE => {
                    self.store.holds.ask_to_let_go(id);
                    tokio::time::sleep(BUSY_PAUSE).await;
                    waited += BUSY_PAUSE;
                }
                Err(wharf_storage::Error::Busy { .. }) => {
                    return Err(Error::UploadBusy { id: id.clone() });
                }
                Err(error) => return Err(Error::Storage(error)),
            }
        }
    }

    /// Makes sure that an upload without a file is one that has no bytes yet, since an object
    /// store keeps no empty file. Otherwise its bytes have become a blob, and a request is about
    /// to clear the rest away, or was killed before it could.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`].
    async fn expect_nothing_received(&self, id: &UploadId) -> Result<(), Error> {
        if self.stored_hash_state(id, u64::MAX).await?.length() > 0 {
            return Err(Error::UploadUnknown { id: id.clone() });
        }
        self.started_at(id).await.map(drop)
    }

    /// The stored hash state nearest to the end of the upload's bytes.
    async fn stored_hash_state(&self, id: &UploadId, size: u64) -> Result<HashState, Error> {
        let folder = PathSpec::UploadHashStates(&self.name, id, Algorithm::Sha256).path();
        let entries = self
            .store
            .list(&folder, wharf_storage::ListPage::all())
            .await?;
        let mut offsets: Vec<u64> = entries
            .iter()
            .filter_map(|entry| entry.name.parse().ok())
            .filter(|offset| (1..=size).contains(offset))
            .collect();
        offsets.sort_unstable();
        for offset in offsets.into_iter().rev() {
            let path = PathSpec::UploadHashState(&self.name, id, Algorithm::Sha256, offset).path();
            let stored = match self.store.driver.get_content(&path).await {
                Ok(stored) => stored,
                Err(wharf_storage::Error::NotFound { .. }) => continue,
                Err(error) => return Err(Error::Storage(error)),
            };
            if let Some(state) = HashState::from_stored(&stored, offset) {
                return Ok(state);
            }
        }
        Ok(HashState::new())
    }
}

/// RFC 3339, UTC, whole seconds: how Distribution stores it.
const STARTED_AT: &str = "%Y-%m-%dT%H:%M:%SZ";
/// How long another request may keep an upload before this one gives up.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;

//! Blobs: content by digest, granted per repository by a link.

use async_trait::async_trait;
use futures_util::future::join_all;
use wharf_oci::{Descriptor, Digest, MediaType, RepositoryName};
use wharf_storage::{Put, ReadRange, StoragePath, Sync};

use crate::{
    Blob, BlobService, Error,
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
    trash::Kept,
};

#[async_trait]
impl BlobService for LocalRepository {
    async fn stat(&self, digest: &Digest) -> Result<Descriptor, Error> {
        stat_in(&self.store, &self.name, digest).await
    }

    async fn open(&self, digest: &Digest, range: ReadRange) -> Result<Blob, Error> {
        let unknown = || Error::BlobUnknown {
            name: self.name.clone(),
            digest: digest.clone(),
        };
        let content = linked(&self.store, &self.name, digest)
            .await?
            .ok_or_else(unknown)?;
        let driver = &self.store.driver;
        let open = |data: StoragePath| async move { driver.reader(&data, range).await };
        let reader = match self.store.read_file(Kept::Blob(&content), open).await {
            Ok(Some(reader)) => reader,
            Ok(None) => return Err(unknown()),
            Err(Error::Storage(wharf_storage::Error::RangeOutside { size, .. })) => {
                return Err(Error::RangeOutside { size });
            }
            Err(error) => return Err(error),
        };
        Ok(Blob {
            descriptor: descriptor(digest, reader.size),
            reader,
        })
    }

    async fn delete(&self, digest: &Digest) -> Result<(), Error> {
        self.may_delete()?;
        let unknown = || Error::BlobUnknown {
            name: self.name.clone(),
            digest: digest.clone(),
        };
        linked(&self.store, &self.name, digest)
            .await?
            .ok_or_else(unknown)?;
        if self
            .store
            .delete_link(Kept::Layer(&self.name, digest))
            .await?
        {
            Ok(())
        } else {
            Err(unknown())
        }
    }
}

/// Looks a blob up in any repository.
///
/// # Errors
/// [`Error::BlobUnknown`].
pub(crate) async fn stat_in(
    store: &Store,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Descriptor, Error> {
    let size = match linked(store, name, digest).await? {
        Some(content) => store.blob_size(&content).await?,
        None => None,
    };
    let size = size.ok_or_else(|| Error::BlobUnknown {
        name: name.clone(),
        digest: digest.clone(),
    })?;
    Ok(descriptor(digest, size))
}

/// The digest under which a repository's blob is stored: its sha256, also when it was pushed
/// under another algorithm (Distribution links it under both).
pub(crate) async fn linked(
    store: &Store,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Digest>, Error> {
    store.link(Kept::Layer(name, digest)).await
}

/// Links a stored blob into a repository.
pub(crate) async fn link(
    store: &Store,
    name: &RepositoryName,
    content: &Digest,
    asked: &Digest,
) -> Result<(), Error> {
    let links = links_to(store, name, content, asked);
    let put = links.into_iter().map(|Put { path, content }| async move {
        store
            .driver
            .put_content(&path, content, Sync::Durable)
            .await
    });
    // No write is left to itself when another fails: it must not arrive after what somebody else
    // does next.
    let put = join_all(put).await;
    put.into_iter()
        .collect::<Result<(), _>>()
        .map_err(Error::Storage)
}

/// The links that give a repository a stored blob: under its sha256, and under the name it was
/// asked by. Whoever asks for them is about to write them.
pub(crate) fn links_to(
    store: &Store,
    name: &RepositoryName,
    content: &Digest,
    asked: &Digest,
) -> Vec<Put> {
    store.holders.remember(asked, name);
    let link = |digest| links::to(PathSpec::LayerLink(name, digest).path(), content);
    let mut links = vec![link(content)];
    if asked != content {
        links.push(link(asked));
    }
    links
}

fn descriptor(digest: &Digest, size: u64) -> Descriptor {
    Descriptor::new(MediaType::OCTET_STREAM, digest.clone(), size)
}

#[cfg(test)]
mod tests;

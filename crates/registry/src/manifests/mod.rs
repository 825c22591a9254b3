//! Manifests: blobs with meaning, linked as revisions of a repository.

pub(crate) mod rules;
mod verify;

use async_trait::async_trait;
use wharf_oci::{Digest, Manifest, Reference, Tag};
use wharf_storage::Sync;

use crate::{
    Error, ManifestService,
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
};

#[async_trait]
impl ManifestService for LocalRepository {
    async fn get(&self, digest: &Digest) -> Result<Manifest, Error> {
        let unknown = || Error::ManifestUnknown {
            name: self.name.clone(),
            reference: Reference::Digest(digest.clone()),
        };
        let link = PathSpec::RevisionLink(&self.name, digest).path();
        let content = links::read(self.store.driver(), &link).await?;
        let content = content.ok_or_else(unknown)?;
        let stored = read(&self.store, &content, digest).await?;
        stored.ok_or_else(unknown)
    }

    async fn put(&self, manifest: &Manifest, tag: Option<&Tag>) -> Result<(), Error> {
        let _publishing = self.publishing().await;
        self.verify_parts(manifest).await?;
        let (driver, digest) = (self.store.driver(), manifest.digest());
        let data = PathSpec::BlobData(digest).path();
        let revision = PathSpec::RevisionLink(&self.name, digest).path();
        // A link without bytes counts as absent, so these two need no order between them. The tag
        // does: it must never name what a crash has kept from being there.
        let (bytes, linked) = tokio::join!(
            driver.put_content(&data, manifest.bytes().clone(), Sync::Durable),
            links::write(driver, &revision, digest),
        );
        bytes.map_err(Error::Storage)?;
        linked?;
        if let Some(tag) = tag {
            let history = PathSpec::TagIndexLink(&self.name, tag, digest).path();
            let current = PathSpec::TagCurrentLink(&self.name, tag).path();
            // Neither write is left to itself when the other fails: it must not arrive after what
            // somebody else does next.
            let (remembered, pointed) = tokio::join!(
                links::write(driver, &history, digest),
                links::write(driver, &current, digest),
            );
            remembered?;
            pointed?;
        }
        Ok(())
    }

    async fn delete(&self, digest: &Digest) -> Result<Vec<Tag>, Error> {
        self.may_delete()?;
        let _deleting = self.deleting().await;
        let driver = self.store.driver();
        let link = PathSpec::RevisionLink(&self.name, digest).path();
        if links::read(driver, &link).await?.is_none() {
            return Err(Error::ManifestUnknown {
                name: self.name.clone(),
                reference: Reference::Digest(digest.clone()),
            });
        }
        // Tags go first: what a crash leaves is a manifest without a name, never a name without
        // a manifest.
        let tags = self.tags_of(digest).await?;
        for tag in &tags {
            let folder = PathSpec::Tag(&self.name, tag).path();
            links::delete_if_there(driver, &folder).await?;
        }
        let folder = PathSpec::Revision(&self.name, digest).path();
        links::delete_if_there(driver, &folder).await?;
        Ok(tags)
    }
}

impl LocalRepository {
    /// The tags that point at a manifest.
    async fn tags_of(&self, digest: &Digest) -> Result<Vec<Tag>, Error> {
        let mut pointing = Vec::new();
        for tag in self.read_tags(None, usize::MAX).await? {
            let current = PathSpec::TagCurrentLink(&self.name, &tag).path();
            if links::read(self.store.driver(), &current).await?.as_ref() == Some(digest) {
                pointing.push(tag);
            }
        }
        Ok(pointing)
    }
}

/// Reads what is stored as `content` and is to have this digest; `None` when nothing is.
///
/// # Errors
/// [`Error::Damaged`] when it is not what the digest says, or cannot be understood.
pub(crate) async fn read(
    store: &Store,
    content: &Digest,
    digest: &Digest,
) -> Result<Option<Manifest>, Error> {
    let data = PathSpec::BlobData(content).path();
    let bytes = match store.driver.get_content(&data).await {
        Ok(bytes) => bytes,
        Err(wharf_storage::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(Error::Storage(error)),
    };
    let actual = Digest::of(digest.algorithm(), &bytes);
    if actual != *digest {
        let what = format!("manifest {digest} has content with the digest {actual}");
        return Err(Error::Damaged { what });
    }
    let manifest = Manifest::from_stored(bytes).map_err(|violation| Error::Damaged {
        what: format!("manifest {digest}: {violation}"),
    })?;
    Ok(Some(manifest.with_digest(digest.clone())))
}

#[cfg(test)]
mod tests;

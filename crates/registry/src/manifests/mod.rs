//! Manifests: blobs with meaning, linked as revisions of a repository.

pub(crate) mod rules;
mod verify;

use async_trait::async_trait;
use wharf_oci::{Digest, Manifest, Reference, Tag};
use wharf_storage::Sync;

use crate::{
    Error, ListRequest, ManifestService, TagService, layout::PathSpec, links,
    local::LocalRepository,
};

#[async_trait]
impl ManifestService for LocalRepository {
    async fn get(&self, digest: &Digest) -> Result<Manifest, Error> {
        let unknown = || Error::ManifestUnknown {
            name: self.name.clone(),
            reference: Reference::Digest(digest.clone()),
        };
        let link = PathSpec::RevisionLink(&self.name, digest).path();
        let driver = self.store.driver();
        let content = links::read(driver, &link).await?.ok_or_else(unknown)?;
        let bytes = match driver
            .get_content(&PathSpec::BlobData(&content).path())
            .await
        {
            Ok(bytes) => bytes,
            Err(wharf_storage::Error::NotFound { .. }) => return Err(unknown()),
            Err(error) => return Err(Error::Storage(error)),
        };
        let actual = Digest::of(content.algorithm(), &bytes);
        if actual != content {
            let what = format!("manifest {content} has content with the digest {actual}");
            return Err(Error::Damaged { what });
        }
        let manifest = Manifest::from_stored(bytes).map_err(|violation| Error::Damaged {
            what: format!("manifest {content}: {violation}"),
        })?;
        Ok(manifest.with_digest(digest.clone()))
    }

    async fn put(&self, manifest: &Manifest, tag: Option<&Tag>) -> Result<(), Error> {
        let _publishing = self.publishing().await;
        self.verify_parts(manifest).await?;
        let (driver, digest) = (self.store.driver(), manifest.digest());
        let data = PathSpec::BlobData(digest).path();
        let revision = PathSpec::RevisionLink(&self.name, digest).path();
        // A link without bytes counts as absent, so these two need no order between them. The tag
        // does: it must never name what a crash has kept from being there.
        let bytes = driver.put_content(&data, manifest.bytes().clone(), Sync::Durable);
        tokio::try_join!(
            async { bytes.await.map_err(Error::Storage) },
            links::write(driver, &revision, digest),
        )?;
        if let Some(tag) = tag {
            let history = PathSpec::TagIndexLink(&self.name, tag, digest).path();
            let current = PathSpec::TagCurrentLink(&self.name, tag).path();
            tokio::try_join!(
                links::write(driver, &history, digest),
                links::write(driver, &current, digest),
            )?;
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
        let every = ListRequest {
            after: None,
            limit: None,
        };
        let tags = match self.list(every).await {
            Ok(listing) => listing.items,
            Err(Error::RepositoryUnknown { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut pointing = Vec::new();
        for tag in tags {
            let current = PathSpec::TagCurrentLink(&self.name, &tag).path();
            if links::read(self.store.driver(), &current).await?.as_ref() == Some(digest) {
                pointing.push(tag);
            }
        }
        Ok(pointing)
    }
}

#[cfg(test)]
mod tests;

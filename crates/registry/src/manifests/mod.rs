//! Manifests: blobs with meaning, linked as revisions of a repository.

mod look_again;
pub(crate) mod recent;
pub(crate) mod rules;
mod verify;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use wharf_oci::{Descriptor, Digest, Manifest, Precondition, Reference, Tag};
use wharf_storage::{StoragePath, Sync};

use crate::{
    Error, Instead, Listing, ManifestService, ReferrersRequest,
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
    trash::Kept,
};

#[async_trait]
impl ManifestService for LocalRepository {
    async fn get(&self, digest: &Digest) -> Result<Manifest, Error> {
        let manifest = self.stored(digest).await?;
        // Whoever is told of a manifest names it in an index, or tags it; then its parts are
        // promised too.
        if self.store.has_trash().await? {
            match self.move_back(&manifest).await {
                // Nobody can name anything then.
                Err(error) if error.is_unwritable() => {}
                moved => moved?,
            }
        }
        Ok(manifest)
    }

    async fn put(
        &self,
        manifest: &Manifest,
        tags: &[Tag],
        condition: &Precondition,
    ) -> Result<(), Error> {
        let _publishing = self.publishing(condition).await;
        self.expect_published(manifest.digest(), tags, condition)
            .await?;
        self.verify_parts(manifest).await?;
        let (driver, digest) = (self.store.driver(), manifest.digest());
        let data = PathSpec::BlobData(digest).path();
        let revision = PathSpec::RevisionLink(&self.name, digest).path();
        // A link without bytes counts as absent, so these need no order between them. The tags
        // do: they must never name what a crash has kept from being there.
        let (bytes, linked, indexed) = tokio::join!(
            driver.put_content(&data, manifest.bytes().clone(), Sync::Durable),
            links::write(driver, &revision, digest),
            self.add_referrer(manifest),
        );
        bytes.map_err(Error::Storage)?;
        linked?;
        indexed?;
        // A refusal from here on leaves what is written as it is: another push of the same manifest
        // may have been acknowledged.
        self.look_again_in_time(manifest).await?;
        if tags.is_empty() {
            return Ok(());
        }
        // No write is left to itself when another fails: it must not arrive after what somebody
        // else does next.
        let pointed = join_all(tags.iter().map(|tag| self.point(tag, digest))).await;
        pointed.into_iter().collect::<Result<(), Error>>()?;
        self.look_again(manifest).await
    }

    async fn delete(&self, digest: &Digest, condition: &Precondition) -> Result<Vec<Tag>, Error> {
        self.may_delete()?;
        let _deleting = self.deleting().await;
        let driver = self.store.driver();
        let reference = || Reference::Digest(digest.clone());
        let kept = Kept::Revision(&self.name, digest);
        let Some(content) = self.store.link(kept).await? else {
            return Err(self.gone(digest).await?);
        };
        expect(condition, Some(digest), reference)?;
        let manifest = match read(&self.store, &content, digest).await {
            Ok(manifest) => manifest,
            // Nobody's list has what cannot be read.
            Err(Error::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        // Tags go first: what a crash leaves is a manifest without a name, never a name without
        // a manifest.
        let points_at_it = |current: &Digest| current == digest;
        let tags = self.select_tags(None, usize::MAX, points_at_it).await?;
        for tag in &tags {
            let folder = PathSpec::Tag(&self.name, tag).path();
            links::delete_if_there(driver, &folder).await?;
        }
        if let Some(manifest) = manifest {
            self.remove_referrer(&manifest).await?;
        }
        self.store.delete_link(kept).await?;
        Ok(tags)
    }

    async fn referrers(
        &self,
        subject: &Digest,
        request: ReferrersRequest,
    ) -> Result<Listing<Descriptor>, Error> {
        self.list_referrers(subject, request).await
    }
}

impl LocalRepository {
    /// Reads a manifest, whatever has become of its parts.
    pub(crate) async fn stored(&self, digest: &Digest) -> Result<Manifest, Error> {
        let unknown = || Error::ManifestUnknown {
            name: self.name.clone(),
            reference: Reference::Digest(digest.clone()),
        };
        let content = self.store.link(Kept::Revision(&self.name, digest)).await?;
        let content = content.ok_or_else(unknown)?;
        let bytes = read_bytes(&self.store, &content).await?;
        self.store
            .recent
            .understood(digest, bytes.ok_or_else(unknown)?)
    }

    /// Points a tag at a manifest, and remembers that it did.
    async fn point(&self, tag: &Tag, digest: &Digest) -> Result<(), Error> {
        let driver = self.store.driver();
        let history = PathSpec::TagIndexLink(&self.name, tag, digest).path();
        let current = PathSpec::TagCurrentLink(&self.name, tag).path();
        let (remembered, pointed) = tokio::join!(
            links::write(driver, &history, digest),
            links::write(driver, &current, digest),
        );
        remembered.and(pointed)
    }

    /// Checks a condition on what is about to be published.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    async fn expect_published(
        &self,
        digest: &Digest,
        tags: &[Tag],
        condition: &Precondition,
    ) -> Result<(), Error> {
        if condition.is_none() {
            return Ok(());
        }
        if tags.is_empty() {
            let there = self.has_manifest(digest).await?;
            let current = there.then_some(digest);
            return expect(condition, current, || Reference::Digest(digest.clone()));
        }
        for tag in tags {
            let current = PathSpec::TagCurrentLink(&self.name, tag).path();
            let current = links::read(self.store.driver(), &current).await?;
            expect(condition, current.as_ref(), || Reference::Tag(tag.clone()))?;
        }
        Ok(())
    }

    /// Says of a manifest that is not there what is: whoever wants to delete it has its digest from
    /// somewhere.
    async fn gone(&self, digest: &Digest) -> Result<Error, Error> {
        let name = || self.name.clone();
        let gone = |instead| Error::ManifestGone {
            name: name(),
            digest: digest.clone(),
            instead,
        };
        if self.has_blob(digest).await? {
            return Ok(gone(Instead::Blob));
        }
        for tag in self.read_tags(None, TAGS_ASKED).await? {
            let history = PathSpec::TagIndexLink(&self.name, &tag, digest).path();
            if !self.store.exists(&history).await? {
                continue;
            }
            let current = PathSpec::TagCurrentLink(&self.name, &tag).path();
            if let Some(current) = links::read(self.store.driver(), &current).await? {
                return Ok(gone(Instead::Tag { tag, current }));
            }
        }
        Ok(Error::ManifestUnknown {
            name: name(),
            reference: Reference::Digest(digest.clone()),
        })
    }
}

/// Holds a condition against what is there.
///
/// # Errors
/// [`Error::PreconditionFailed`].
pub(crate) fn expect(
    condition: &Precondition,
    current: Option<&Digest>,
    reference: impl FnOnce() -> Reference,
) -> Result<(), Error> {
    if condition.holds(current) {
        return Ok(());
    }
    Err(Error::PreconditionFailed {
        reference: reference(),
        current: current.cloned(),
    })
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
    match read_bytes(store, content).await? {
        Some(bytes) => understood(digest, bytes).map(Some),
        None => Ok(None),
    }
}

async fn read_bytes(store: &Store, content: &Digest) -> Result<Option<Bytes>, Error> {
    let get = |data: StoragePath| async move { store.driver.get_content(&data).await };
    store.read_file(Kept::Blob(content), get).await
}

/// Reads a manifest where it is, in its place or in the trash; `None` when it is in neither, or
/// cannot be understood.
pub(crate) async fn peek(store: &Store, digest: &Digest) -> Result<Option<Manifest>, Error> {
    match read_in_place(store, digest).await {
        Err(Error::Damaged { .. }) => Ok(None),
        read => read,
    }
}

/// As [`read`], and moves nothing back.
///
/// # Errors
/// The same.
pub(crate) async fn read_in_place(
    store: &Store,
    digest: &Digest,
) -> Result<Option<Manifest>, Error> {
    let get = |data: StoragePath| async move { store.driver.get_content(&data).await };
    match store.peek_file(Kept::Blob(digest), get).await? {
        Some(bytes) => understood(digest, bytes).map(Some),
        None => Ok(None),
    }
}

fn understood(digest: &Digest, bytes: Bytes) -> Result<Manifest, Error> {
    let actual = Digest::of(digest.algorithm(), &bytes);
    if actual != *digest {
        let what = format!("manifest {digest} has content with the digest {actual}");
        return Err(Error::Damaged { what });
    }
    let manifest = Manifest::from_stored(bytes).map_err(|violation| Error::Damaged {
        what: format!("manifest {digest}: {violation}"),
    })?;
    Ok(manifest.with_digest(digest.clone()))
}

/// How many tags are asked whether they pointed at a manifest that is not there any more.
const TAGS_ASKED: usize = 1000;

#[cfg(test)]
mod tests;

//! Looking again: what a push was told to be there may have been set aside since.
//!
//! A collection that began before the manifest was written does not know of it, and sets its parts
//! aside. So the push looks at each of them once more after it has written the manifest's link, and
//! again after its tags, and moves back what is in the trash. Whatever is set aside later is moved
//! back by the collection itself, since each that begins then finds the manifest. The crate
//! `wharf-model` explores these steps, and shows that none can be left out.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;
use wharf_oci::{Digest, Manifest};

use crate::{Error, local::LocalRepository};

impl LocalRepository {
    /// Looks at a manifest and all that it names, the children of an index and their parts too, and
    /// moves back what was set aside.
    ///
    /// # Errors
    /// [`Error::ManifestPartsUnknown`] when something is gone for good.
    pub(super) async fn look_again(&self, manifest: &Manifest) -> Result<(), Error> {
        self.has_manifest(manifest.digest()).await?;
        self.move_back(manifest).await?;
        self.verify_parts(manifest).await
    }

    /// The same before a tag is set, which must not happen long after the look: with what was seen
    /// then, a whole lease may be over.
    pub(super) async fn look_again_in_time(&self, manifest: &Manifest) -> Result<(), Error> {
        loop {
            let began = Instant::now();
            self.look_again(manifest).await?;
            if began.elapsed() < SHORTEST_LEASE {
                return Ok(());
            }
        }
    }

    /// Moves back what was set aside of all that a manifest names, from the top down.
    pub(super) async fn move_back(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut seen = HashSet::from([manifest.digest().clone()]);
        let mut pending = self.move_back_parts(manifest, &mut seen).await?;
        while let Some(digest) = pending.pop() {
            match self.stored(&digest).await {
                Ok(child) => pending.extend(self.move_back_parts(&child, &mut seen).await?),
                Err(Error::ManifestUnknown { .. } | Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves back what a manifest names itself; returns the manifests among it that were not seen
    /// yet.
    async fn move_back_parts(
        &self,
        manifest: &Manifest,
        seen: &mut HashSet<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        let mut manifests = Vec::new();
        for part in manifest.references() {
            if !seen.insert(part.digest.clone()) {
                continue;
            }
            if self.has_blob(&part.digest).await? && !part.media_type.is_manifest() {
                continue;
            }
            if self.has_manifest(&part.digest).await? {
                manifests.push(part.digest.clone());
            }
        }
        Ok(manifests)
    }
}

/// How soon after a look a tag must be set. A lease that is shorter is for stores that nobody
/// pushes to.
const SHORTEST_LEASE: Duration = Duration::from_secs(60);

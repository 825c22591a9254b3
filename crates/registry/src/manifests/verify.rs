//! Whether a repository has all parts of a manifest (reference, section 4.6).

use wharf_oci::{Descriptor, Digest, Manifest, ManifestKind};

use crate::{
    Error, ManifestRules, MissingPart, PlatformRule, RequiredPlatforms, UrlRules, blobs,
    local::LocalRepository, trash::Kept,
};

impl LocalRepository {
    /// Checks every part, so that the client hears of all that is missing at once.
    ///
    /// # Errors
    /// [`Error::ManifestPartsUnknown`].
    pub(super) async fn verify_parts(&self, manifest: &Manifest) -> Result<(), Error> {
        let ManifestRules::Checked { urls, platforms } = &self.store.rules.manifests else {
            return Ok(());
        };
        let mut missing = Vec::new();
        match manifest.kind() {
            ManifestKind::Image { config, layers } => {
                for part in std::iter::once(config).chain(layers) {
                    self.verify_blob(part, urls, &mut missing).await?;
                }
            }
            ManifestKind::Index { manifests } => {
                for child in manifests {
                    // An index that names itself is there as soon as it is stored.
                    let itself = child.digest == *manifest.digest();
                    if !itself && platforms.require(child) {
                        self.verify_child(child, &mut missing).await?;
                    }
                }
            }
            ManifestKind::Other { parts } | ManifestKind::Schema1 { layers: parts } => {
                for part in parts {
                    let there = self.has_blob(&part.digest).await?
                        || self.has_manifest(&part.digest).await?;
                    if !there {
                        missing.push(MissingPart::Blob(part.digest.clone()));
                    }
                }
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Error::ManifestPartsUnknown(missing))
        }
    }

    async fn verify_blob(
        &self,
        part: &Descriptor,
        urls: &UrlRules,
        missing: &mut Vec<MissingPart>,
    ) -> Result<(), Error> {
        // Of what it does not know Distribution does not look at the URLs either.
        let refused = || part.urls.iter().find(|url| !urls.allows(url));
        if part.media_type.may_have_urls()
            && let Some(url) = refused()
        {
            missing.push(MissingPart::UrlNotAllowed {
                digest: part.digest.clone(),
                url: url.clone(),
            });
            return Ok(());
        }
        // Whoever pulls fetches such a layer from where it is published; it is never pushed.
        if part.media_type.is_non_distributable_layer() && !part.urls.is_empty() {
            return Ok(());
        }
        let there = self.has_blob(&part.digest).await?
            || (part.media_type.is_manifest() && self.has_manifest(&part.digest).await?);
        if !there {
            missing.push(MissingPart::Blob(part.digest.clone()));
        }
        Ok(())
    }

    async fn verify_child(
        &self,
        child: &Descriptor,
        missing: &mut Vec<MissingPart>,
    ) -> Result<(), Error> {
        // BuildKit keeps its cache as an index whose entries are layers.
        let there = self.has_manifest(&child.digest).await?
            || (!child.media_type.is_manifest() && self.has_blob(&child.digest).await?);
        if !there {
            missing.push(MissingPart::Manifest(child.digest.clone()));
        }
        Ok(())
    }

    pub(super) async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        match blobs::stat_in(&self.store, &self.name, digest).await {
            Ok(_) => Ok(true),
            Err(Error::BlobUnknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the repository has the manifest, with its bytes.
    pub(super) async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        match self.store.link(Kept::Revision(&self.name, digest)).await? {
            Some(content) => Ok(self.store.blob_size(&content).await?.is_some()),
            None => Ok(false),
        }
    }
}

impl RequiredPlatforms {
    /// Whether this child of an index must be there.
    pub(crate) fn require(&self, child: &Descriptor) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Listed(rules) => child.platform.as_ref().is_some_and(|platform| {
                rules.contains(&PlatformRule {
                    architecture: platform.architecture.clone(),
                    os: platform.os.clone(),
                })
            }),
        }
    }
}

//! What manifests name: configs, layers, the children of an index, and the links to them.

use wharf_oci::{Algorithm, Descriptor, Digest};

use crate::{
    ManifestRules,
    layout::PathSpec,
    trash::Kept,
    verify::{
        contents::Named,
        finding::{Fault, Object},
        reading::Link,
        repository::Look,
    },
};

impl Look<'_> {
    pub(super) async fn check_layer(&mut self, by: &Digest, part: &Descriptor) {
        let digest = &part.digest;
        let verdict = self.layer(digest).await;
        let is_absent = matches!(verdict, Err(Fault::Missing | Fault::LinkMissing));
        // Whoever pulls fetches such a layer from where it is published; it is never pushed.
        let is_elsewhere = part.media_type.is_non_distributable_layer() && !part.urls.is_empty();
        if is_absent && (is_elsewhere || self.has_revision(digest).await) {
            self.parents
                .entry(digest.clone())
                .or_default()
                .push(by.clone());
            return;
        }
        match verdict {
            Ok(size) => self.compare_sizes(by, part, size, Object::Layer(digest.clone())),
            Err(fault) => self.found(Object::Layer(digest.clone()), fault, Some(by)),
        }
    }

    pub(super) async fn check_child(&mut self, by: &Digest, child: &Descriptor) {
        let digest = &child.digest;
        self.parents
            .entry(digest.clone())
            .or_default()
            .push(by.clone());
        let kept = Kept::Revision(&self.local.name, digest);
        let named = if child.media_type.is_manifest() {
            Named::AsManifest
        } else {
            Named::AsLayer
        };
        self.verifier.contents.name(digest, named);
        // What is wrong with one that is linked is told of the manifest.
        match self.verifier.link(&kept.place()).await {
            Link::Missing => {}
            Link::To(_) => {
                if let Ok(size) = self.verifier.judge(digest).await {
                    self.compare_sizes(by, child, size, Object::Child(digest.clone()));
                }
                return;
            }
            Link::Empty | Link::Malformed | Link::Unreadable(_) => return,
        }
        // BuildKit keeps its cache as an index whose entries are layers.
        if !child.media_type.is_manifest() {
            match self.layer(digest).await {
                Err(Fault::Missing | Fault::LinkMissing) => {}
                Ok(size) => {
                    return self.compare_sizes(by, child, size, Object::Layer(digest.clone()));
                }
                Err(fault) => return self.found(Object::Layer(digest.clone()), fault, Some(by)),
            }
        }
        let fault = match self.verifier.is_set_aside(kept).await {
            Ok(true) => Fault::SetAside,
            Ok(false) if !self.requires(child) || digest == by => Fault::Sparse,
            Ok(false) => match self.verifier.judge(digest).await {
                Ok(_) => Fault::LinkMissing,
                Err(fault) => fault,
            },
            Err(fault) => fault,
        };
        self.found(Object::Child(digest.clone()), fault, Some(by));
    }

    /// Whether pushes of an index must have this child.
    fn requires(&self, child: &Descriptor) -> bool {
        match &self.local.store.rules.manifests {
            ManifestRules::Unchecked => false,
            ManifestRules::Checked { platforms, .. } => platforms.require(child),
        }
    }

    fn compare_sizes(&mut self, by: &Digest, part: &Descriptor, actual: u64, object: Object) {
        // Where a stored document gives no size, none is compared.
        let named = part.size;
        if named != 0 && named != actual {
            self.found(object, Fault::SizeDiffers { named, actual }, Some(by));
        }
    }

    async fn has_revision(&mut self, digest: &Digest) -> bool {
        let link = PathSpec::RevisionLink(&self.local.name, digest).path();
        matches!(self.verifier.link(&link).await, Link::To(_))
    }

    /// What is known of a config or layer: whether the repository has it, and whether it is whole.
    async fn layer(&mut self, digest: &Digest) -> Result<u64, Fault> {
        if let Some(known) = self.layers.get(digest) {
            return known.clone();
        }
        let verdict = self.look_at_layer(digest).await;
        self.layers.insert(digest.clone(), verdict.clone());
        verdict
    }

    async fn look_at_layer(&self, digest: &Digest) -> Result<u64, Fault> {
        let verifier = self.verifier;
        let kept = Kept::Layer(&self.local.name, digest);
        verifier.contents.name(digest, Named::AsLayer);
        let is_own = digest.algorithm() == Algorithm::Sha256;
        let link = match verifier.link(&kept.place()).await {
            Link::To(content) if is_own && content != *digest => Link::Malformed,
            Link::To(content) => {
                let verdict = verifier.judge(&content).await;
                verifier.contents.name(&content, Named::AsLayer);
                return verdict;
            }
            Link::Unreadable(error) => return Err(Fault::Unreadable { error }),
            link => link,
        };
        if link == Link::Missing && verifier.is_set_aside(kept).await? {
            return Err(Fault::SetAside);
        }
        if digest.algorithm() == Algorithm::Other {
            return Err(Fault::Missing);
        }
        // Without a link the content is known by its own digest only.
        verifier.judge(digest).await?;
        Err(link.fault())
    }

    /// The links to blobs that no manifest names, and those that hold nothing.
    pub(super) async fn check_layer_links(&mut self) {
        let folder = PathSpec::Layers(&self.local.name).path();
        for digest in self.links_below(&folder).await {
            let link = PathSpec::LayerLink(&self.local.name, &digest).path();
            let is_own = digest.algorithm() == Algorithm::Sha256;
            let link = match self.verifier.link(&link).await {
                Link::To(content) if is_own && content != digest => Link::Malformed,
                link => link,
            };
            let object = Object::Layer(digest.clone());
            match link {
                Link::Missing => {}
                Link::To(content) => {
                    self.counted.is_repository = true;
                    self.verifier.contents.name(&content, Named::AsLayer);
                    if self.layers.contains_key(&digest) {
                        continue;
                    }
                    match self.verifier.judge(&content).await {
                        Ok(_) | Err(Fault::SetAside) => {}
                        Err(Fault::Missing) => self.found(object, Fault::LeadsNowhere, None),
                        Err(fault) => self.found(object, fault, None),
                    }
                }
                broken => self.found(object, broken.fault(), None),
            }
        }
    }
}

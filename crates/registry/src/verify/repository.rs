//! One repository: its tags, its manifests and all that they name, its links and uploads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use wharf_oci::{Algorithm, Descriptor, Digest, Manifest, ManifestKind, Tag};
use wharf_storage::{EntryKind, ListPage, StoragePath};

use crate::{
    ManifestRules, UploadId,
    layout::PathSpec,
    local::{LocalRepository, PAGE},
    purge_uploads,
    trash::Kept,
    verify::{
        Content, Finding, Verifier,
        contents::{Named, meaningless},
        finding::{Fault, Object},
        of_path, unreadable,
    },
};

/// What a look at a repository has seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    pub(super) counted: Counted,
}

/// What there was to look at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) is_repository: bool,
    pub(super) tags: u64,
    pub(super) manifests: u64,
}

/// What a link holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// A digest.
    To(Digest),
    /// There is none.
    Missing,
    /// It has no bytes.
    Empty,
    /// It holds something else.
    Malformed,
    /// It cannot be read.
    Unreadable(String),
}

/// A look at one repository. It remembers the digests of the repository's links and of what its
/// manifests name.
pub(super) struct Look<'a> {
    pub(super) verifier: &'a Verifier,
    pub(super) local: &'a LocalRepository,
    /// What is wrong, and the manifests that name it.
    found: BTreeMap<(Object, Fault), BTreeSet<Digest>>,
    /// What is wrong with files and folders.
    pub(super) elsewhere: Vec<Finding>,
    tags: BTreeMap<Tag, Digest>,
    /// The indexes that name a manifest.
    parents: HashMap<Digest, Vec<Digest>>,
    /// The manifests that have a link, good or not.
    pub(super) revisions: HashSet<Digest>,
    /// The manifests with a subject, and that.
    pub(super) subjects: Vec<(Digest, Digest)>,
    /// The manifests that could not be read, and might be about anything.
    pub(super) unread: HashSet<Digest>,
    /// What is known of the configs and layers that manifests name.
    layers: HashMap<Digest, Result<u64, Fault>>,
    counted: Counted,
}

impl Verifier {
    /// Looks at a repository once.
    pub(super) async fn check(&self, local: &LocalRepository) -> Seen {
        let mut look = Look {
            verifier: self,
            local,
            found: BTreeMap::new(),
            elsewhere: Vec::new(),
            tags: BTreeMap::new(),
            parents: HashMap::new(),
            revisions: HashSet::new(),
            subjects: Vec::new(),
            unread: HashSet::new(),
            layers: HashMap::new(),
            counted: Counted::default(),
        };
        look.check_tags().await;
        look.check_revisions().await;
        look.check_what_tags_name().await;
        look.check_layer_links().await;
        look.check_referrers().await;
        look.check_uploads().await;
        look.seen()
    }

    /// Reads a link.
    pub(super) async fn link(&self, path: &StoragePath) -> Link {
        tokio::task::consume_budget().await;
        let content = match self.store.driver.get_content(path).await {
            Ok(content) => content,
            Err(wharf_storage::Error::NotFound { .. }) => return Link::Missing,
            Err(error) => return Link::Unreadable(super::chain(&error)),
        };
        if content.is_empty() {
            return Link::Empty;
        }
        let text = std::str::from_utf8(&content).ok();
        match text.and_then(|text| text.trim_end().parse().ok()) {
            Some(digest) => Link::To(digest),
            None => Link::Malformed,
        }
    }

    /// Reads a link that can hold nothing but this digest.
    pub(super) async fn link_to(&self, path: &StoragePath, digest: &Digest) -> Link {
        match self.link(path).await {
            Link::To(other) if other != *digest => Link::Malformed,
            link => link,
        }
    }

    /// Whether a collection has set something aside.
    pub(super) async fn is_set_aside(&self, kept: Kept<'_>) -> Result<bool, Fault> {
        let aside = self.store.runs(&kept.trash()).await;
        for run in aside.map_err(|error| unreadable(&error))? {
            let there = self.store.exists(&kept.aside(&run)).await;
            if there.map_err(|error| unreadable(&error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a manifest whose content is known to be whole.
    pub(super) async fn read_manifest(&self, digest: &Digest) -> Result<Manifest, Fault> {
        let size = self.judge(digest).await?;
        let data = PathSpec::BlobData(digest).path();
        let bytes = match self.store.driver.get_content(&data).await {
            Ok(bytes) => bytes,
            Err(wharf_storage::Error::NotFound { .. }) => return Err(Fault::Missing),
            Err(error) => return Err(unreadable(&error)),
        };
        if self.options.content == Content::Sizes || bytes.len() as u64 != size {
            let actual = Digest::of(digest.algorithm(), &bytes);
            if actual != *digest {
                return Err(Fault::Damaged { actual });
            }
        }
        match Manifest::from_stored(bytes) {
            Ok(manifest) => Ok(manifest.with_digest(digest.clone())),
            Err(violation) => Err(Fault::NoManifest {
                violation: super::chain(&violation),
            }),
        }
    }
}

impl Look<'_> {
    async fn check_tags(&mut self) {
        let tags = PathSpec::Tags(&self.local.name).path();
        for name in self.folders(&tags).await {
            let Ok(tag) = name.parse::<Tag>() else {
                self.elsewhere.extend(meaningless(&tags, &name));
                continue;
            };
            let current = PathSpec::TagCurrentLink(&self.local.name, &tag).path();
            self.find_leftovers(&current.parent()).await;
            let link = self.verifier.link(&current).await;
            let mut has_history = false;
            let history = PathSpec::TagHistory(&self.local.name, &tag).path();
            for digest in self.links_below(&history).await {
                let entry = PathSpec::TagIndexLink(&self.local.name, &tag, &digest).path();
                match self.verifier.link_to(&entry, &digest).await {
                    Link::Missing => continue,
                    Link::To(_) => {}
                    broken => {
                        let object = Object::History(tag.clone(), digest);
                        self.found(object, broken.fault(), None);
                    }
                }
                has_history = true;
            }
            if link == Link::Missing && !has_history {
                // Empty folders, which others leave behind.
                continue;
            }
            self.counted.is_repository = true;
            self.counted.tags += 1;
            match link {
                Link::To(digest) => {
                    self.tags.insert(tag, digest);
                }
                broken => self.found(Object::Tag(tag), broken.fault(), None),
            }
        }
    }

    async fn check_revisions(&mut self) {
        let folder = PathSpec::Revisions(&self.local.name).path();
        for digest in self.links_below(&folder).await {
            let link = PathSpec::RevisionLink(&self.local.name, &digest).path();
            let link = self.verifier.link_to(&link, &digest).await;
            if link == Link::Missing {
                // An empty folder, which others leave behind.
                continue;
            }
            self.counted.is_repository = true;
            self.counted.manifests += 1;
            self.revisions.insert(digest.clone());
            if !matches!(link, Link::To(_)) {
                let object = Object::Manifest(digest.clone());
                self.found(object, link.fault(), Some(&digest));
            }
            self.check_manifest(&digest).await;
        }
    }

    /// What is tagged, and is no manifest of the repository.
    async fn check_what_tags_name(&mut self) {
        let named: BTreeSet<Digest> = self.tags.values().cloned().collect();
        for digest in named {
            if self.revisions.contains(&digest) {
                continue;
            }
            let kept = Kept::Revision(&self.local.name, &digest);
            let fault = match self.verifier.link_to(&kept.place(), &digest).await {
                // It has come since the others were listed.
                Link::To(_) => {
                    self.revisions.insert(digest.clone());
                    self.check_manifest(&digest).await;
                    continue;
                }
                Link::Missing => match self.verifier.is_set_aside(kept).await {
                    Ok(true) => Fault::SetAside,
                    Ok(false) => match self.verifier.read_manifest(&digest).await {
                        Ok(_) => Fault::LinkMissing,
                        Err(fault) => fault,
                    },
                    Err(fault) => fault,
                },
                broken => broken.fault(),
            };
            let names_parts = matches!(fault, Fault::LinkMissing | Fault::SetAside);
            let contents = &self.verifier.contents;
            contents.name(&digest, Named::AsManifest);
            self.found(Object::Manifest(digest.clone()), fault, Some(&digest));
            if names_parts {
                self.check_manifest(&digest).await;
            }
        }
    }

    async fn check_manifest(&mut self, digest: &Digest) {
        let contents = &self.verifier.contents;
        let manifest = self.verifier.read_manifest(digest).await;
        contents.name(digest, Named::AsManifest);
        let manifest = match manifest {
            Ok(manifest) => manifest,
            Err(fault) => {
                self.unread.insert(digest.clone());
                self.found(Object::Manifest(digest.clone()), fault, Some(digest));
                return;
            }
        };
        if let Some(subject) = manifest.subject() {
            self.subjects.push((digest.clone(), subject.digest.clone()));
        }
        match manifest.kind() {
            ManifestKind::Image { config, layers } => {
                for part in std::iter::once(config).chain(layers) {
                    self.check_layer(digest, part).await;
                }
            }
            ManifestKind::Index { manifests } => {
                for child in manifests {
                    self.check_child(digest, child).await;
                }
            }
            ManifestKind::Other { parts } | ManifestKind::Schema1 { layers: parts } => {
                for part in parts {
                    self.check_layer(digest, part).await;
                }
            }
        }
    }

    async fn check_layer(&mut self, by: &Digest, part: &Descriptor) {
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

    async fn check_child(&mut self, by: &Digest, child: &Descriptor) {
        let digest = &child.digest;
        self.parents
            .entry(digest.clone())
            .or_default()
            .push(by.clone());
        let kept = Kept::Revision(&self.local.name, digest);
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
    async fn check_layer_links(&mut self) {
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

    async fn check_uploads(&mut self) {
        let folder = PathSpec::Uploads(&self.local.name).path();
        for name in self.folders(&folder).await {
            let Ok(id) = name.parse::<UploadId>() else {
                self.elsewhere.extend(meaningless(&folder, &name));
                continue;
            };
            self.find_leftovers(&PathSpec::Upload(&self.local.name, &id).path())
                .await;
            let began = purge_uploads::began(&self.local.store, &self.local.name, &id).await;
            match began {
                Ok(Some(began)) => {
                    let age = Timestamp::now().duration_since(began);
                    if age.as_hours() >= LONGEST_UPLOAD_HOURS {
                        self.found(Object::Upload(id), Fault::Abandoned, None);
                    }
                }
                Ok(None) => {}
                Err(error) => self.found(Object::Upload(id), unreadable(&error), None),
            }
        }
    }

    pub(super) fn found(&mut self, object: Object, fault: Fault, by: Option<&Digest>) {
        let named_by = self.found.entry((object, fault)).or_default();
        named_by.extend(by.cloned());
    }

    /// The digests that name the folders below: `<algorithm>/<hex>`; what else is there is found.
    pub(super) async fn links_below(&mut self, folder: &StoragePath) -> Vec<Digest> {
        let mut digests = Vec::new();
        for algorithm in self.folders(folder).await {
            let Ok(below) = folder.child(&algorithm) else {
                self.elsewhere.extend(meaningless(folder, &algorithm));
                continue;
            };
            for name in self.folders(&below).await {
                let Ok(digest) = format!("{algorithm}:{name}").parse::<Digest>() else {
                    self.elsewhere.extend(meaningless(&below, &name));
                    continue;
                };
                if let Ok(link) = below.child(&name) {
                    self.find_leftovers(&link).await;
                }
                digests.push(digest);
            }
        }
        digests
    }

    /// The names of the folders in a folder, read page by page.
    pub(super) async fn folders(&mut self, folder: &StoragePath) -> Vec<String> {
        let (mut names, mut after, mut limit) = (Vec::new(), None, PAGE);
        loop {
            let page = ListPage {
                after: after.take(),
                limit,
            };
            let entries = match self.local.store.driver.list(folder, page).await {
                Ok(entries) => entries,
                Err(error) => {
                    let finding = of_path(folder.clone(), unreadable(&error));
                    self.elsewhere.push(finding);
                    return names;
                }
            };
            if entries.len() == limit {
                after = entries.last().map(|last| last.name.clone());
            }
            for entry in entries {
                if entry.kind == EntryKind::Folder {
                    names.push(entry.name);
                }
            }
            if after.is_none() {
                return names;
            }
            limit = crate::local::next_limit(limit);
        }
    }

    pub(super) async fn find_leftovers(&mut self, folder: &StoragePath) {
        self.verifier
            .find_leftovers(folder, &mut self.elsewhere)
            .await;
    }

    /// What was found, with the tags that suffer.
    fn seen(mut self) -> Seen {
        let name = &self.local.name;
        let mut findings: Vec<Finding> = std::mem::take(&mut self.elsewhere);
        for ((object, fault), named_by) in std::mem::take(&mut self.found) {
            let tags = match &object {
                Object::Tag(tag) | Object::History(tag, _) => vec![tag.clone()],
                _ => self.tags_that_reach(&named_by),
            };
            let itself = match &object {
                Object::Manifest(digest) => Some(digest.clone()),
                _ => None,
            };
            findings.push(Finding {
                repository: None,
                tags,
                named_by: named_by
                    .into_iter()
                    .filter(|digest| itself.as_ref() != Some(digest))
                    .collect(),
                object,
                fault,
            });
        }
        for finding in &mut findings {
            finding.repository = Some(name.clone());
        }
        Seen {
            findings,
            counted: self.counted,
        }
    }

    /// The tags that point at one of these manifests, or at an index that has one below it.
    fn tags_that_reach(&self, manifests: &BTreeSet<Digest>) -> Vec<Tag> {
        let mut above: HashSet<&Digest> = manifests.iter().collect();
        let mut pending: Vec<&Digest> = manifests.iter().collect();
        while let Some(digest) = pending.pop() {
            for parent in self.parents.get(digest).into_iter().flatten() {
                if above.insert(parent) {
                    pending.push(parent);
                }
            }
        }
        let reaching = self
            .tags
            .iter()
            .filter(|(_, digest)| above.contains(digest));
        reaching.map(|(tag, _)| tag.clone()).collect()
    }
}

impl Link {
    /// What is wrong with it; one that holds a digest holds the wrong one.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::To(_) | Self::Malformed => Fault::LinkMalformed,
            Self::Missing => Fault::LinkMissing,
            Self::Empty => Fault::LinkEmpty,
            Self::Unreadable(error) => Fault::Unreadable { error },
        }
    }
}

/// How long nobody has gone on with an upload before that is told, in hours: as long as
/// `storage.maintenance.uploadpurging.age` is where nobody says otherwise.
const LONGEST_UPLOAD_HOURS: i64 = 168;

//! One repository: its tags, its manifests and all that they name, its links and uploads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use wharf_oci::{Digest, ManifestKind, Tag};

use crate::{
    UploadId,
    layout::PathSpec,
    local::LocalRepository,
    purge_uploads,
    trash::Kept,
    verify::{
        Finding, Verifier,
        contents::Named,
        finding::{Fault, Object},
        reading::{Link, meaningless, unreadable},
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
    pub(super) parents: HashMap<Digest, Vec<Digest>>,
    /// The manifests that have a link, good or not.
    pub(super) revisions: HashSet<Digest>,
    /// The manifests with a subject, and that.
    pub(super) subjects: Vec<(Digest, Digest)>,
    /// The manifests that could not be read, and might be about anything.
    pub(super) unread: HashSet<Digest>,
    /// What is known of the configs and layers that manifests name.
    pub(super) layers: HashMap<Digest, Result<u64, Fault>>,
    pub(super) counted: Counted,
    /// Whether a folder could not be listed, so that more may be there than was seen.
    pub(super) is_incomplete: bool,
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
            is_incomplete: false,
        };
        look.check_tags().await;
        look.check_revisions().await;
        look.check_what_tags_name().await;
        look.check_layer_links().await;
        look.check_referrers().await;
        look.check_uploads().await;
        look.seen()
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

/// How long nobody has gone on with an upload before that is told, in hours: as long as
/// `storage.maintenance.uploadpurging.age` is where nobody says otherwise.
const LONGEST_UPLOAD_HOURS: i64 = 168;

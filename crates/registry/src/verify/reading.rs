//! Reading folders, links and manifests: what cannot be read, or means nothing, is a finding.

use std::error::Error;

use wharf_oci::{Digest, Manifest};
use wharf_storage::{EntryKind, ListPage, StoragePath};

use crate::{
    layout::PathSpec,
    local::{PAGE, next_limit},
    trash::Kept,
    verify::{
        Content, Finding, Verifier,
        finding::{Fault, Object},
        repository::Look,
    },
};

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

impl Verifier {
    /// Reads a link.
    pub(super) async fn link(&self, path: &StoragePath) -> Link {
        tokio::task::consume_budget().await;
        let content = match self.store.driver.get_content(path).await {
            Ok(content) => content,
            Err(wharf_storage::Error::NotFound { .. }) => return Link::Missing,
            Err(error) => return Link::Unreadable(chain(&error)),
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
        if size > LARGEST_MANIFEST {
            return Err(Fault::NoManifest {
                violation: format!("{size} bytes are more than any manifest has"),
            });
        }
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
                violation: chain(&violation),
            }),
        }
    }

    /// The names in a folder that is known to be one; that it cannot be listed is a finding.
    pub(super) async fn listed(
        &self,
        folder: &StoragePath,
        findings: &mut Vec<Finding>,
    ) -> Vec<String> {
        match self.store.driver.list(folder, ListPage::all()).await {
            Ok(entries) => {
                let mut names = Vec::with_capacity(entries.len());
                for entry in entries {
                    if entry.kind == EntryKind::Folder {
                        names.push(entry.name);
                    } else {
                        findings.extend(meaningless(folder, &entry.name));
                    }
                }
                names
            }
            Err(error) => {
                findings.push(of_path(folder.clone(), unreadable(&error)));
                Vec::new()
            }
        }
    }

    /// What writes left behind in a folder that were cut off long ago.
    pub(super) async fn find_leftovers(&self, folder: &StoragePath, findings: &mut Vec<Finding>) {
        match self.store.driver.leftovers(folder).await {
            Ok(leftovers) => findings.extend(
                leftovers
                    .into_iter()
                    .filter(|leftover| !self.is_young(leftover.modified))
                    .map(|leftover| of_path(leftover.path, Fault::Leftover)),
            ),
            Err(error) => findings.push(of_path(folder.clone(), unreadable(&error))),
        }
    }

    pub(super) async fn holds_manifests(&self, folder: &StoragePath) -> bool {
        match folder.child("_manifests") {
            Ok(manifests) => self.store.exists(&manifests).await.unwrap_or(true),
            Err(_) => false,
        }
    }
}

impl Look<'_> {
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
                    self.is_incomplete = true;
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
            limit = next_limit(limit);
        }
    }

    pub(super) async fn find_leftovers(&mut self, folder: &StoragePath) {
        self.verifier
            .find_leftovers(folder, &mut self.elsewhere)
            .await;
    }
}

/// An entry whose name means nothing in its folder.
pub(super) fn meaningless(folder: &StoragePath, name: &str) -> Option<Finding> {
    // A name that is no component of a path is told by its folder.
    let path = folder.child(name).unwrap_or_else(|_| folder.clone());
    Some(Finding {
        repository: None,
        tags: Vec::new(),
        named_by: Vec::new(),
        object: Object::Path(path),
        fault: Fault::NameMeaningless,
    })
}

pub(super) fn of_path(path: StoragePath, fault: Fault) -> Finding {
    Finding {
        repository: None,
        tags: Vec::new(),
        named_by: Vec::new(),
        object: Object::Path(path),
        fault,
    }
}

/// What the store said, with its reasons.
pub(super) fn unreadable(error: &(dyn Error + 'static)) -> Fault {
    Fault::Unreadable {
        error: chain(error),
    }
}

pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// What is larger than this, in bytes, is not read as a manifest: no registry takes such a one.
const LARGEST_MANIFEST: u64 = 64 * 1024 * 1024;

//! Sweeping: what was not marked is found, and leaves its place.

use wharf_oci::{Algorithm, Digest, RepositoryName};
use wharf_storage::{Change, EntryKind, ListPage, StoragePath, Sync};

use crate::{
    Error,
    compact::Compact,
    garbage_collect::{
        CollectEvent,
        mark::{self, Heard, Marks, Seen, UntaggedManifests, digests_in},
        take::Taker,
    },
    layout::PathSpec,
    links,
    local::Store,
    progress::Phase,
    trash::Kept,
};

/// The blobs that were not marked.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    /// Each with its size in bytes.
    blobs: Vec<(Compact, u64)>,
    /// The size of all of them.
    pub(super) bytes: u64,
    /// Folders that nothing is left in when the blobs are gone, except if something came.
    emptied: Vec<StoragePath>,
    /// Folders for blobs whose names are no digests.
    pub(super) broken: Vec<String>,
}

impl Garbage {
    pub(super) fn blobs(&self) -> usize {
        self.blobs.len()
    }

    /// Looks for the blobs that were not marked.
    pub(super) async fn find(
        store: &Store,
        marks: &Marks,
        heard: &mut Heard<'_>,
    ) -> Result<Self, Error> {
        heard.progress.begin(Phase {
            doing: "looking at blobs",
            bytes_are: "garbage",
            ..Phase::default()
        });
        let mut garbage = Self::default();
        let blobs = PathSpec::Blobs.path();
        for algorithm in store.list(&blobs, ListPage::all()).await? {
            let Ok(folder) = blobs.child(&algorithm.name) else {
                continue;
            };
            for prefix in store.list(&folder, ListPage::all()).await? {
                let Ok(folder) = folder.child(&prefix.name) else {
                    continue;
                };
                if prefix.kind == EntryKind::Folder {
                    garbage
                        .find_in(store, marks, heard, &algorithm.name, folder)
                        .await?;
                }
            }
        }
        Ok(garbage)
    }

    /// Looks through the blobs whose digests begin alike.
    async fn find_in(
        &mut self,
        store: &Store,
        marks: &Marks,
        heard: &mut Heard<'_>,
        algorithm: &str,
        folder: StoragePath,
    ) -> Result<(), Error> {
        let entries = store.list(&folder, ListPage::all()).await?;
        let (looked_at, before) = (entries.len(), self.bytes);
        let mut is_emptied = true;
        for entry in entries {
            let parsed = format!("{algorithm}:{}", entry.name).parse::<Digest>();
            // Where nobody looks for it, it is none.
            let in_place = parsed.ok().filter(|d| d.hex().starts_with(folder.name()));
            let Some(digest) = in_place else {
                is_emptied = false;
                if entry.kind == EntryKind::Folder {
                    let name = &entry.name;
                    let broken = format!("{folder}: the folder {name:?} is not that of a blob");
                    self.broken.push(broken);
                }
                continue;
            };
            if marks.kept.contains(&digest) {
                is_emptied = false;
                continue;
            }
            match store.size(&PathSpec::BlobData(&digest).path()).await? {
                Some(size) => {
                    self.bytes += size;
                    self.blobs.push((Compact::from(&digest), size));
                }
                None => self.emptied.push(PathSpec::Blob(&digest).path()),
            }
        }
        if is_emptied {
            self.emptied.push(folder);
        }
        heard.progress.add(looked_at as u64);
        heard.progress.add_bytes(self.bytes - before);
        Ok(())
    }
}

/// Takes the garbage out of its place, or only tells of it. Returns how many layer links it was.
///
/// Manifests go before the blobs they name, and blobs before the links that lead to them, so that a
/// stop leaves no manifest without its parts.
pub(super) async fn sweep(
    taker: &mut Taker<'_>,
    marks: &Marks,
    garbage: &Garbage,
    heard: &mut Heard<'_>,
) -> Result<usize, Error> {
    begin(
        taker,
        heard,
        Phase {
            doing: "taking out manifests",
            count: Some(marks.manifests() as u64),
            ..Phase::default()
        },
    );
    for untagged in &marks.untagged {
        take_manifests(taker, untagged).await?;
        heard.progress.add(untagged.manifests.len() as u64);
    }
    taker.flush().await?;
    for untagged in &marks.untagged {
        // Whoever has tagged a manifest since knows nothing of what is attached to it.
        let is_attached = untagged
            .manifests
            .iter()
            .any(|(_, subject)| subject.is_some());
        if is_attached && !taker.only_tells() {
            // Nor does a server that has looked at it know that its place in a list is gone.
            let indexed = PathSpec::ReferrersIndexed(&untagged.name).path();
            links::delete_if_there(taker.store.driver(), &indexed).await?;
            taker.store.tidy(&indexed.parent()).await?;
            mark::move_back_reached(taker.store, &untagged.name).await?;
        }
    }
    begin(
        taker,
        heard,
        Phase {
            doing: "taking out blobs",
            count: Some(garbage.blobs.len() as u64),
            bytes: Some(garbage.bytes),
            bytes_are: "taken out",
        },
    );
    for (compact, size) in &garbage.blobs {
        let digest = compact.digest();
        heard.tell(CollectEvent::BlobEligible(&digest));
        if !taker.only_tells() {
            tracing::info!("Deleting blob: {}", PathSpec::Blob(&digest).path());
        }
        taker.take(Kept::Blob(&digest), *size).await?;
        heard.progress.add(1);
        heard.progress.add_bytes(*size);
    }
    taker.flush().await?;
    begin(
        taker,
        heard,
        Phase {
            doing: "looking at layer links",
            ..Phase::default()
        },
    );
    let mut links = 0;
    for Seen { name, .. } in &marks.repositories {
        links += take_layer_links(taker, name, marks, heard).await?;
    }
    taker.flush().await?;
    for folder in &garbage.emptied {
        taker.tidy(folder.clone()).await?;
    }
    // What is in a repository's folder comes before the folder itself.
    for seen in marks.repositories.iter().rev() {
        tidy_repository(taker, seen).await?;
    }
    for folder in &marks.hosts {
        taker.tidy(folder.clone()).await?;
    }
    taker.flush().await?;
    Ok(links)
}

/// Begins a phase, if there is something to wait for.
fn begin(taker: &Taker<'_>, heard: &Heard<'_>, phase: Phase) {
    if taker.only_tells() {
        heard.progress.end();
    } else {
        heard.progress.begin(phase);
    }
}

async fn take_manifests(taker: &mut Taker<'_>, untagged: &UntaggedManifests) -> Result<(), Error> {
    if taker.only_tells() {
        return Ok(());
    }
    let UntaggedManifests {
        name,
        tags,
        manifests,
    } = untagged;
    let is_untagged = |digest: &Compact| {
        let found = manifests.binary_search_by(|(untagged, _)| untagged.cmp(digest));
        found.is_ok()
    };
    for tag in tags {
        let history = PathSpec::TagHistory(name, tag).path();
        for compact in digests_in(taker.store, &history).await?.compact {
            if is_untagged(&compact) {
                let entry = PathSpec::TagIndexLink(name, tag, &compact.digest()).path();
                tracing::info!("deleting manifest tag reference: {}", entry.parent());
                taker.delete(entry).await?;
            }
        }
    }
    for (compact, subject) in manifests {
        let digest = compact.digest();
        if let Some(subject) = subject.as_ref().map(Compact::digest) {
            let entry = PathSpec::ReferrerLink(name, &subject, &digest).path();
            let referrers = entry.parent().parent();
            taker.delete(entry).await?;
            taker.tidy(referrers.clone()).await?;
            taker.tidy(referrers.parent()).await?;
            taker.tidy(referrers.parent().parent()).await?;
        }
        let kept = Kept::Revision(name, &digest);
        tracing::info!("deleting manifest: {}", kept.place().parent());
        taker.take(kept, 0).await?;
    }
    Ok(())
}

/// Takes the links of a repository that lead to nothing that is kept.
async fn take_layer_links(
    taker: &mut Taker<'_>,
    name: &RepositoryName,
    marks: &Marks,
    heard: &mut Heard<'_>,
) -> Result<usize, Error> {
    let store = taker.store;
    let found = digests_in(store, &PathSpec::Layers(name).path()).await?;
    heard.progress.add(found.compact.len() as u64);
    let mut taken = 0;
    for digest in found.digests() {
        let kept = if digest.algorithm() == Algorithm::Sha256 {
            marks.kept.contains(&digest)
        } else {
            let link = PathSpec::LayerLink(name, &digest).path();
            let content = links::read(store.driver(), &link).await?;
            content.is_some_and(|content| marks.kept.contains(&content))
        };
        if !kept {
            heard.tell(CollectEvent::LayerLinkEligible(name, &digest));
            let kept = Kept::Layer(name, &digest);
            if !taker.only_tells() {
                tracing::info!("Deleting layer link path: {}", kept.place());
            }
            taker.take(kept, 0).await?;
            taken += 1;
        }
    }
    Ok(taken)
}

/// Deletes the folders of a repository that hold nothing, and at last its own.
async fn tidy_repository(taker: &mut Taker<'_>, seen: &Seen) -> Result<(), Error> {
    let Seen {
        name, manifests, ..
    } = seen;
    if taker.only_tells() {
        return Ok(());
    }
    let indexed = PathSpec::ReferrersIndexed(name).path();
    if *manifests == 0 && taker.store.exists(&indexed).await? {
        // There is nothing that it could list, and whoever pushes something makes it anew.
        taker.delete(indexed).await?;
    }
    let usual = Algorithm::Sha256.as_str();
    for links in [PathSpec::Layers(name), PathSpec::Revisions(name)] {
        let folder = links.path();
        if let Ok(usual) = folder.child(usual) {
            taker.tidy(usual).await?;
        }
        taker.tidy(folder).await?;
    }
    for folder in [PathSpec::Tags(name), PathSpec::Uploads(name)] {
        taker.tidy(folder.path()).await?;
    }
    taker
        .tidy(PathSpec::Revisions(name).path().parent())
        .await?;
    let folder = PathSpec::RepositoryFolder(name.as_str()).path();
    taker.tidy(folder).await
}

/// Deletes what is at a path, if anything is: what a power cut brings back is garbage again.
pub(super) async fn delete_lazily(store: &Store, path: &StoragePath) -> Result<bool, Error> {
    match store.driver.delete(path, Sync::Lazy).await {
        Ok(()) => Ok(true),
        Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(Error::Storage(error)),
    }
}

impl Store {
    /// Deletes a folder if nothing is in it. Somebody may be about to write there; who makes a
    /// folder makes it again.
    pub(crate) async fn tidy(&self, folder: &StoragePath) -> Result<(), Error> {
        let changes = vec![Change::DeleteEmpty(folder.clone())];
        let changed = self.driver.change_all(changes).await;
        changed.map(|_| ()).map_err(Error::Storage)
    }
}

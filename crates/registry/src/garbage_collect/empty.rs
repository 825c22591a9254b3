//! Emptying the trash: what a mark finds named is moved back, and the rest goes when its lease is
//! over.

use std::sync::Arc;

use wharf_oci::{Digest, RepositoryName};
use wharf_storage::{Change, ListPage, StoragePath, Sync};

use crate::{
    Error,
    garbage_collect::{
        mark::{Marks, Seen, digests_in},
        sweep::delete_lazily,
    },
    layout::PathSpec,
    local::Store,
    progress::{Phase, Progress},
    trash::{Kept, lease::Lease},
};

/// What was emptied of the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Emptied {
    /// Blobs deleted.
    pub blobs: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Blobs and links moved back, since a manifest names them.
    pub moved_back: usize,
    /// Blobs that were set aside and whose lease is not over.
    pub blobs_left: usize,
    /// Their size in bytes.
    pub bytes_left: u64,
}

impl Emptied {
    /// Whether there was anything to empty, or is yet.
    #[must_use]
    pub fn is_something(&self) -> bool {
        *self != Self::default()
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            blobs: self.blobs + other.blobs,
            bytes: self.bytes + other.bytes,
            moved_back: self.moved_back + other.moved_back,
            blobs_left: self.blobs_left + other.blobs_left,
            bytes_left: self.bytes_left + other.bytes_left,
        }
    }
}

/// Which leases count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leases {
    /// All: what has some of it left stays.
    Heeded,
    /// None: nobody is on the store to whom anything was promised, or the space is wanted now.
    Ignored,
}

/// What an earlier collection set aside.
#[derive(Debug)]
pub(super) struct Earlier {
    run: String,
    /// Its lease when somebody looked: before the mark that decides, since what happens to be named
    /// in between is not in it.
    lease: Lease,
}

impl Earlier {
    /// Its lease counts no more.
    pub(super) fn without_lease(self) -> Self {
        let lease = Lease::default();
        Self { lease, ..self }
    }
}

/// The collections that have set something aside, oldest first; to be asked before a mark begins.
pub(super) async fn earlier(store: &Store, leases: Leases) -> Result<Vec<Earlier>, Error> {
    let mut earlier = Vec::new();
    for run in store.runs(&PathSpec::Trash.path()).await? {
        let lease = match leases {
            Leases::Heeded => store.lease(&run).await?,
            Leases::Ignored => Lease::default(),
        };
        earlier.push(Earlier { run, lease });
    }
    Ok(earlier)
}

/// What is in the trash, for who only looks: asking for the time would write to the store.
pub(super) async fn all_left(store: &Store) -> Result<Emptied, Error> {
    let mut left = Emptied::default();
    for run in store.runs(&PathSpec::Trash.path()).await? {
        if let Some(lease) = store.recorded_lease(&run).await? {
            left.blobs_left += lease.blobs;
            left.bytes_left += lease.bytes;
        }
    }
    Ok(left)
}

/// Empties the trash of all that no manifest names, whatever leases there are.
pub(super) async fn empty_all(store: &Arc<Store>, progress: &Progress) -> Result<Emptied, Error> {
    let earlier = earlier(store, Leases::Ignored).await?;
    let marks = Marks::of_all_manifests(store, progress).await?;
    empty(store, &earlier, &marks, progress).await
}

/// Empties what was set aside before `marks` began.
pub(super) async fn empty(
    store: &Store,
    earlier: &[Earlier],
    marks: &Marks,
    progress: &Progress,
) -> Result<Emptied, Error> {
    let mut emptied = Emptied::default();
    if !earlier.is_empty() {
        progress.begin(Phase {
            doing: "emptying the trash of blobs",
            bytes_are: "freed",
            ..Phase::default()
        });
    }
    for Earlier { run, lease } in earlier {
        if !lease.left.is_zero() {
            // What is named among it is found where it is until its lease is over.
            emptied.blobs_left += lease.blobs;
            emptied.bytes_left += lease.bytes;
            continue;
        }
        let emptying = Emptying {
            store,
            run,
            progress,
        };
        // Links go before what they lead to: a link without bytes is an absence, as bytes without
        // a link are.
        for Seen { name, .. } in &marks.repositories {
            emptying.links(name, marks, &mut emptied).await?;
        }
        emptying.blobs(marks, &mut emptied).await?;
        delete_lazily(store, &PathSpec::TrashRun(run).path()).await?;
    }
    for seen in marks.repositories.iter().filter(|seen| seen.has_trash) {
        let name = &seen.name;
        for run in store.runs(&PathSpec::RepositoryTrash(name).path()).await? {
            if earlier.iter().any(|earlier| earlier.run == run) {
                continue;
            }
            // A power cut has brought it back, when there was no record of a lease any more.
            let emptying = Emptying {
                store,
                run: &run,
                progress,
            };
            emptying.links(name, marks, &mut emptied).await?;
        }
    }
    // Where there is no trash, nobody has to look into it.
    store.tidy(&PathSpec::Trash.path()).await?;
    Ok(emptied)
}

struct Emptying<'a> {
    store: &'a Store,
    run: &'a str,
    progress: &'a Progress,
}

impl Emptying<'_> {
    async fn links(
        &self,
        name: &RepositoryName,
        marks: &Marks,
        emptied: &mut Emptied,
    ) -> Result<(), Error> {
        let folder = PathSpec::RepositoryTrashRun(name, self.run).path();
        if !self.store.exists(&folder).await? {
            return Ok(());
        }
        let layers = PathSpec::TrashLayers(name, self.run).path();
        for digest in digests_in(self.store, &layers).await?.digests() {
            self.link(Kept::Layer(name, &digest), &digest, marks, emptied)
                .await?;
        }
        // A mark moves back the manifests that it finds named; the others are named by nothing.
        delete_lazily(self.store, &folder).await?;
        self.store.tidy(&folder.parent()).await
    }

    async fn link(
        &self,
        kept: Kept<'_>,
        digest: &Digest,
        marks: &Marks,
        emptied: &mut Emptied,
    ) -> Result<(), Error> {
        let aside = kept.aside(self.run);
        let content = crate::links::read(self.store.driver(), &aside).await?;
        let named = marks.kept.contains(digest)
            || content.is_some_and(|content| marks.kept.contains(&content));
        if named {
            emptied.moved_back += usize::from(self.move_back(kept, &aside).await?);
        }
        Ok(())
    }

    async fn blobs(&self, marks: &Marks, emptied: &mut Emptied) -> Result<(), Error> {
        let folder = PathSpec::TrashBlobs(self.run).path();
        for algorithm in self.store.list(&folder, ListPage::all()).await? {
            let Ok(prefixes) = folder.child(&algorithm.name) else {
                continue;
            };
            for prefix in self.store.list(&prefixes, ListPage::all()).await? {
                let Ok(blobs) = prefixes.child(&prefix.name) else {
                    continue;
                };
                let mut unnamed = Vec::new();
                for entry in self.store.list(&blobs, ListPage::all()).await? {
                    let digest = format!("{}:{}", algorithm.name, entry.name).parse();
                    if let Ok(digest) = digest {
                        unnamed.extend(self.blob(&digest, marks, emptied).await?);
                    }
                }
                self.delete(unnamed, emptied).await?;
            }
        }
        Ok(())
    }

    /// Moves a blob back if it is named; returns it with its size if it is not.
    async fn blob(
        &self,
        digest: &Digest,
        marks: &Marks,
        emptied: &mut Emptied,
    ) -> Result<Option<(StoragePath, u64)>, Error> {
        let kept = Kept::Blob(digest);
        let aside = kept.aside(self.run);
        if !marks.kept.contains(digest) {
            let size = self.store.size(&aside).await?;
            return Ok(size.map(|size| (aside, size)));
        }
        emptied.moved_back += usize::from(self.move_back(kept, &aside).await?);
        Ok(None)
    }

    /// Deletes blobs. Whoever moves one back at the same time wins, or finds it gone.
    async fn delete(
        &self,
        unnamed: Vec<(StoragePath, u64)>,
        emptied: &mut Emptied,
    ) -> Result<(), Error> {
        let (paths, sizes): (Vec<StoragePath>, Vec<u64>) = unnamed.into_iter().unzip();
        let changes = paths.into_iter().map(Change::Delete).collect();
        let deleted = self.store.driver.change_all(changes).await;
        for (was_there, size) in deleted.map_err(Error::Storage)?.into_iter().zip(sizes) {
            if was_there {
                emptied.blobs += 1;
                emptied.bytes += size;
                self.progress.add(1);
                self.progress.add_bytes(size);
            }
        }
        Ok(())
    }

    /// Moves something back; tells whether it was still there.
    async fn move_back(&self, kept: Kept<'_>, aside: &StoragePath) -> Result<bool, Error> {
        let place = kept.place();
        match self.store.driver.rename(aside, &place, Sync::Lazy).await {
            Ok(()) => Ok(true),
            Err(wharf_storage::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::Storage(error)),
        }
    }
}

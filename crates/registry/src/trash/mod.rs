//! The trash: what a collection set aside, until its lease is over.
//!
//! A client that was told that content is there names it in a manifest later, and nobody can know
//! that it will. So a collection deletes nothing: it moves what no manifest names out of its place,
//! to where it is still found, and only what nobody has asked for until the lease is over goes. In
//! order of reading: `Kept` is what can be set aside, `Store::rescue` moves it back, `lease` is how
//! long it stays, `collector` who may set aside, [`list`] and [`restore`] are for operators, [`presence`] is how a collector knows of servers.

pub(crate) mod collector;
mod contents;
pub(crate) mod lease;
pub mod presence;

pub use self::contents::{Collected, list, restore};

use wharf_oci::{Digest, RepositoryName};
use wharf_storage::{ListPage, StoragePath, Sync};

use crate::{Error, layout::PathSpec, links, local::Store};

/// Something that a collection sets aside when no manifest names it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept<'a> {
    /// A blob's bytes, or a manifest's.
    Blob(&'a Digest),
    /// A repository's link to a blob.
    Layer(&'a RepositoryName, &'a Digest),
    /// A repository's link to a manifest.
    Revision(&'a RepositoryName, &'a Digest),
}

impl Kept<'_> {
    /// Where it belongs.
    pub(crate) fn place(self) -> StoragePath {
        match self {
            Self::Blob(digest) => PathSpec::BlobData(digest).path(),
            Self::Layer(name, digest) => PathSpec::LayerLink(name, digest).path(),
            Self::Revision(name, digest) => PathSpec::RevisionLink(name, digest).path(),
        }
    }

    /// Where a collection puts it.
    pub(crate) fn aside(self, run: &str) -> StoragePath {
        match self {
            Self::Blob(digest) => PathSpec::TrashBlobData(run, digest).path(),
            Self::Layer(name, digest) => PathSpec::TrashLayerLink(name, run, digest).path(),
            Self::Revision(name, digest) => PathSpec::TrashRevisionLink(name, run, digest).path(),
        }
    }

    /// The folder whose entries are the collections that may have set it aside.
    pub(crate) fn trash(self) -> StoragePath {
        match self {
            Self::Blob(_) => PathSpec::Trash.path(),
            Self::Layer(name, _) | Self::Revision(name, _) => {
                PathSpec::RepositoryTrash(name).path()
            }
        }
    }
}

impl Store {
    /// Moves something that is not in its place back there, if a collection set it aside. Tells
    /// whether it is in its place now.
    ///
    /// Whoever finds something missing asks this before saying so; while there is no trash it costs
    /// one look-up.
    pub(crate) async fn rescue(&self, kept: Kept<'_>) -> Result<bool, Error> {
        let place = kept.place();
        let (mut looks, mut known) = (0, None);
        while looks < LOOKS {
            let runs = self.runs(&kept.trash()).await?;
            if runs.is_empty() {
                return Ok(false);
            }
            // What a collection that has begun in the meantime moves is looked for anew.
            looks = if known.as_ref() == Some(&runs) {
                looks + 1
            } else {
                0
            };
            for run in runs.iter().rev() {
                let aside = kept.aside(run);
                if !self.exists(&aside).await? {
                    continue;
                }
                self.before_move_back(kept).await?;
                // Whoever asked is told that it is there: a power cut must not bring it back into
                // the trash, where its lease may not be known any more.
                match self.driver.rename(&aside, &place, Sync::Durable).await {
                    Ok(()) => return Ok(true),
                    // It is on its way back by another hand, or out of the trash.
                    Err(wharf_storage::Error::NotFound { .. }) => {}
                    Err(error) => return Err(Error::Storage(error)),
                }
            }
            // Another hand may have moved it back where this one had not looked any more.
            if self.exists(&place).await? {
                return Ok(true);
            }
            known = Some(runs);
        }
        Ok(false)
    }

    /// Lets the lists of referrers be made anew where a manifest comes back: it was taken out of
    /// that of its subject when it was set aside.
    pub(crate) async fn before_move_back(&self, kept: Kept<'_>) -> Result<(), Error> {
        if let Kept::Revision(name, _) = kept {
            let indexed = PathSpec::ReferrersIndexed(name).path();
            links::delete_if_there(self.driver(), &indexed).await?;
        }
        Ok(())
    }

    /// Reads a link, moving it back if it was set aside; where nothing can be moved it is read all the
    /// same. Whoever writes because of it fails then.
    pub(crate) async fn link(&self, kept: Kept<'_>) -> Result<Option<Digest>, Error> {
        let place = kept.place();
        for _ in 0..RESCUES {
            let link = links::read(self.driver(), &place).await?;
            if link.is_some() {
                return Ok(link);
            }
            match self.rescue(kept).await {
                Ok(true) => {}
                Err(error) if error.is_unwritable() => return self.link_aside(kept).await,
                rescued => return rescued.map(|_| None),
            }
        }
        links::read(self.driver(), &place).await
    }

    /// Does something with a file, moving it back if it was set aside: `None` when there is none.
    pub(crate) async fn with_file<T, F>(
        &self,
        kept: Kept<'_>,
        mut action: impl FnMut(StoragePath) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, wharf_storage::Error>>,
    {
        for _ in 0..=RESCUES {
            match action(kept.place()).await {
                Ok(done) => return Ok(Some(done)),
                Err(wharf_storage::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::Storage(error)),
            }
            if !self.rescue(kept).await? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    async fn link_aside(&self, kept: Kept<'_>) -> Result<Option<Digest>, Error> {
        for run in self.runs(&kept.trash()).await?.iter().rev() {
            let link = links::read(self.driver(), &kept.aside(run)).await?;
            if link.is_some() {
                return Ok(link);
            }
        }
        Ok(None)
    }

    /// As [`Store::with_file`], for who only reads: a store that is full or read-only is read all the
    /// same, from where a collection put it.
    pub(crate) async fn read_file<T, F>(
        &self,
        kept: Kept<'_>,
        mut action: impl FnMut(StoragePath) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, wharf_storage::Error>>,
    {
        match self.with_file(kept, &mut action).await {
            Err(error) if error.is_unwritable() => {}
            done => return done,
        }
        self.file_aside(kept, &mut action).await
    }

    /// Reads a link where it is, in its place or in the trash, and leaves it there.
    pub(crate) async fn peek_link(&self, kept: Kept<'_>) -> Result<Option<Digest>, Error> {
        match links::read(self.driver(), &kept.place()).await? {
            None => self.link_aside(kept).await,
            link => Ok(link),
        }
    }

    /// Does something with a file where it is, in its place or in the trash, and leaves it there.
    pub(crate) async fn peek_file<T, F>(
        &self,
        kept: Kept<'_>,
        mut action: impl FnMut(StoragePath) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, wharf_storage::Error>>,
    {
        match action(kept.place()).await {
            Ok(done) => Ok(Some(done)),
            Err(wharf_storage::Error::NotFound { .. }) => self.file_aside(kept, &mut action).await,
            Err(error) => Err(Error::Storage(error)),
        }
    }

    async fn file_aside<T, F>(
        &self,
        kept: Kept<'_>,
        action: &mut impl FnMut(StoragePath) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, wharf_storage::Error>>,
    {
        for run in self.runs(&kept.trash()).await?.iter().rev() {
            match action(kept.aside(run)).await {
                Ok(done) => return Ok(Some(done)),
                Err(wharf_storage::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::Storage(error)),
            }
        }
        Ok(None)
    }

    /// Deletes a link for good: out of its place, and out of the trash, so that nobody moves it
    /// back. Tells whether there was one.
    pub(crate) async fn delete_link(&self, kept: Kept<'_>) -> Result<bool, Error> {
        let folder = kept.place().parent();
        let has_trash = !self.runs(&kept.trash()).await?.is_empty();
        let mut deleted = links::delete_if_there(self.driver(), &folder).await?;
        if deleted && !has_trash {
            return Ok(true);
        }
        // In the same steps as who looks for it, since it may be on its way in either direction.
        for _ in 0..=LOOKS {
            for run in self.runs(&kept.trash()).await? {
                deleted |= links::delete_if_there(self.driver(), &kept.aside(&run)).await?;
            }
            deleted |= links::delete_if_there(self.driver(), &folder).await?;
        }
        Ok(deleted)
    }

    /// Whether any collection has set something aside: every one keeps a record of its lease.
    pub(crate) async fn has_trash(&self) -> Result<bool, Error> {
        self.exists(&PathSpec::Trash.path()).await
    }

    /// The collections that have a folder in a trash, oldest first.
    pub(crate) async fn runs(&self, trash: &StoragePath) -> Result<Vec<String>, Error> {
        // A look-up comes from where it is asked, a listing takes another thread.
        if !self.exists(trash).await? {
            return Ok(Vec::new());
        }
        let entries = self.list(trash, ListPage::all()).await?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }
}

/// How often something is moved back before it counts as gone: a collection may set it aside again
/// before it is read, though none does so twice.
const RESCUES: usize = 16;
/// How often everything is looked through again. What is moved back by another hand and set aside
/// by the collection while somebody looks can be missed once; a collection sets nothing aside twice
/// (the model shows that one look more is enough, and one less is not).
const LOOKS: usize = 1;

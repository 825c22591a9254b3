//! Taking: what is garbage leaves its place, many at a time.

use std::{convert::Infallible, mem, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::{Mutex, MutexGuard};
use wharf_storage::{Change, StoragePath};

use crate::{
    Error,
    garbage_collect::empty::{self, Emptied},
    local::Store,
    progress::Progress,
    trash::Kept,
};

/// What becomes of garbage.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate<'a> {
    /// It is only told.
    Told,
    /// It is deleted at once while nobody else is on the store who could be in the middle of a
    /// push, and set aside from then on.
    Taken(&'a Alone),
}

/// Whether the collection is alone on the store. Whoever deletes something for that reason holds it
/// meanwhile.
#[derive(Debug)]
pub(super) struct Alone(Mutex<bool>);

impl Alone {
    pub(super) fn new(is_alone: bool) -> Self {
        Self(Mutex::new(is_alone))
    }

    pub(super) async fn hold(&self) -> MutexGuard<'_, bool> {
        self.0.lock().await
    }

    /// Notices a server that starts, and lets it: it waits until then. Comes to no end.
    pub(super) async fn watch(&self, store: &Store) -> Infallible {
        while *self.hold().await {
            tokio::time::sleep(LOOK_AGAIN).await;
            // Where nobody can tell, there may be one.
            if !matches!(store.has_servers().await, Ok(false)) {
                let mut is_alone = self.hold().await;
                tracing::info!("a server has started: what is left is set aside");
                *is_alone = false;
                if let Err(error) = store.end_offline().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the server waits for the end of the collection"
                    );
                }
            }
        }
        std::future::pending().await
    }
}

/// Takes things out of their place.
#[derive(Debug)]
pub(super) struct Taker<'a> {
    pub(super) store: &'a Arc<Store>,
    progress: &'a Progress,
    fate: Fate<'a>,
    /// The name of this collection's part of the trash.
    run: String,
    lease: Lease,
    /// What is to go next.
    takes: Vec<Take>,
    /// Changes that are the same whatever becomes of garbage.
    changes: Vec<Change>,
    /// How many bytes were deleted at once.
    freed: u64,
    /// Whether anything is aside now.
    is_aside: bool,
    /// What was set aside and deleted again, since there was no room for more.
    emptied: Emptied,
}

/// For how long what is set aside can be named, and how much it is at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) length: Duration,
    pub(super) blobs: usize,
    pub(super) bytes: u64,
}

/// Something that goes, deleted or set aside.
#[derive(Debug)]
struct Take {
    place: StoragePath,
    aside: StoragePath,
    bytes: u64,
}

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// How many bytes are free at once.
    pub(super) freed: u64,
    /// Whether something is aside now.
    pub(super) is_aside: bool,
    /// What went of what was aside, since there was no room for more.
    pub(super) emptied: Emptied,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        store: &'a Arc<Store>,
        fate: Fate<'a>,
        run: String,
        lease: Lease,
        progress: &'a Progress,
    ) -> Self {
        Self {
            store,
            progress,
            fate,
            run,
            lease,
            takes: Vec::with_capacity(AT_ONCE),
            changes: Vec::new(),
            freed: 0,
            is_aside: false,
            emptied: Emptied::default(),
        }
    }

    /// Whether nothing is changed.
    pub(super) fn only_tells(&self) -> bool {
        matches!(self.fate, Fate::Told)
    }

    /// Takes one thing of so many bytes out of its place, with the folder that it was in; at the
    /// latest when everything is [flushed](Self::flush).
    pub(super) async fn take(&mut self, kept: Kept<'_>, bytes: u64) -> Result<(), Error> {
        if self.only_tells() {
            return Ok(());
        }
        self.takes.push(Take {
            place: kept.place(),
            aside: kept.aside(&self.run),
            bytes,
        });
        self.flush_if_much().await
    }

    /// Deletes a file that nobody misses, with the folder that it is in.
    pub(super) async fn delete(&mut self, file: StoragePath) -> Result<(), Error> {
        self.change(Change::DeleteWithFolder(file)).await
    }

    /// Deletes a folder if nothing is in it.
    pub(super) async fn tidy(&mut self, folder: StoragePath) -> Result<(), Error> {
        self.change(Change::DeleteEmpty(folder)).await
    }

    async fn change(&mut self, change: Change) -> Result<(), Error> {
        if self.only_tells() {
            return Ok(());
        }
        self.changes.push(change);
        self.flush_if_much().await
    }

    async fn flush_if_much(&mut self) -> Result<(), Error> {
        if self.takes.len() < AT_ONCE && self.changes.len() < AT_ONCE {
            return Ok(());
        }
        self.flush().await
    }

    /// Does all that waits: the changes in their order, then what is taken, in any.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        if self.takes.is_empty() && self.changes.is_empty() {
            return Ok(());
        }
        let Fate::Taken(alone) = self.fate else {
            return Ok(());
        };
        let is_alone = alone.hold().await;
        if !self.changes.is_empty() {
            let changes = mem::take(&mut self.changes);
            let changed = self.store.driver.change_all(changes).await;
            changed.map_err(Error::Storage)?;
        }
        let takes = mem::take(&mut self.takes);
        if takes.is_empty() {
            return Ok(());
        }
        if !*is_alone {
            drop(is_alone);
            self.begin_lease().await?;
            match self.move_out(&takes).await {
                Err(Error::Storage(wharf_storage::Error::Full { .. })) => {
                    self.make_room().await?;
                    self.begin_lease().await?;
                    // What was set aside already is not there any more.
                    self.move_out(&takes).await?;
                }
                moved => moved?,
            }
            return Ok(());
        }
        let delete = |take: &Take| Change::DeleteWithFolder(take.place.clone());
        let deleted = self.change_all(&takes, delete).await?;
        let deleted = takes
            .iter()
            .zip(deleted)
            .filter(|(_, was_there)| *was_there);
        self.freed += deleted.map(|(take, _)| take.bytes).sum::<u64>();
        Ok(())
    }

    async fn move_out(&self, takes: &[Take]) -> Result<(), Error> {
        let move_out = |take: &Take| Change::MoveOut {
            from: take.place.clone(),
            to: take.aside.clone(),
        };
        self.change_all(takes, move_out).await.map(|_| ())
    }

    /// Takes things several at a time, since each may wait for the disk.
    async fn change_all(
        &self,
        takes: &[Take],
        change: impl Fn(&Take) -> Change,
    ) -> Result<Vec<bool>, Error> {
        let parts = takes.chunks(AT_ONCE / SIDE_BY_SIDE).map(|part| {
            let changes = part.iter().map(&change).collect();
            self.store.driver.change_all(changes)
        });
        // All of them come to an end before the first error is told.
        let mut changed = Vec::with_capacity(takes.len());
        for part in join_all(parts).await {
            changed.extend(part.map_err(Error::Storage)?);
        }
        Ok(changed)
    }

    /// Begins the lease before the first thing is set aside: who looks for something asks for the
    /// collections that have one.
    async fn begin_lease(&mut self) -> Result<(), Error> {
        if self.is_aside {
            return Ok(());
        }
        match self.write_lease().await {
            Err(Error::Storage(wharf_storage::Error::Full { .. })) => {
                self.make_room().await?;
                self.write_lease().await?;
            }
            written => written?,
        }
        self.is_aside = true;
        Ok(())
    }

    /// Empties the trash before its time on a full disk, where the room for setting more aside
    /// is worth more than what a client may have been told of what is there.
    async fn make_room(&mut self) -> Result<(), Error> {
        tracing::warn!("the store is full: the trash is emptied before its time");
        let emptied = empty::empty_all(self.store, self.progress).await?;
        self.emptied = self.emptied.and(emptied);
        self.is_aside = false;
        Ok(())
    }

    /// Does all that waits, and lets the lease of what was set aside begin anew, so that nobody has
    /// less of it because the collection took long.
    pub(super) async fn end(mut self) -> Result<Taken, Error> {
        self.flush().await?;
        if self.is_aside {
            self.write_lease().await?;
        }
        Ok(Taken {
            freed: self.freed,
            is_aside: self.is_aside,
            emptied: self.emptied,
        })
    }

    async fn write_lease(&self) -> Result<(), Error> {
        let Lease {
            length,
            blobs,
            bytes,
        } = self.lease;
        let gone = self.freed + self.emptied.bytes;
        let (blobs, bytes) = (blobs, bytes.saturating_sub(gone));
        self.store
            .begin_lease(&self.run, length, blobs, bytes)
            .await
    }
}

/// How many things are taken in one go: enough that the way to a thread that may wait for the disk
/// costs little, and few enough that a server that starts does not wait long.
const AT_ONCE: usize = 512;
/// In how many parts they are taken side by side.
const SIDE_BY_SIDE: usize = 4;
/// How often a collection that deletes at once looks whether a server has come: that long a server
/// waits when it starts.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

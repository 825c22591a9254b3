//! What goes wrong, and at which call.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use crate::{Error, StoragePath};

/// What goes wrong at a call of one's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process ends: no later call does anything.
    Dies(Moment),
    /// The call fails with an I/O error; later ones succeed. Bytes that could not be synced are not
    /// kept.
    Fails(Moment),
    /// From there on there is no space: nothing grows, but things can be deleted.
    Full,
    /// From there on nothing can be changed.
    ReadOnly,
}

/// How much of the call's effect is there when it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// None of it.
    Before,
    /// Half of what is written or deleted, if it can be halved, else all.
    Within,
    /// All of it, unsynced.
    After,
}

/// A kind of change that is promised to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// A small file that was put.
    Put,
    /// The new name of a file or folder.
    Rename,
    /// That something is gone.
    Delete,
    /// The final name of a file that was written.
    Commit,
    /// The bytes of a file that was written.
    Bytes,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reading,
    /// It opens a file to write into: a change only for a store that takes none.
    Opening,
    /// It may need space.
    Growing,
    /// So may this, and it can be done by half.
    Appending,
    /// It needs no space.
    Shrinking,
    /// Nor does this, and it can be done by half.
    Deleting,
    /// It makes durable what is there.
    Syncing,
}

/// How far a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    Whole,
    Within,
    Unsynced,
}

impl Go {
    pub(super) fn is_whole(self) -> bool {
        self == Self::Whole
    }
}

/// Counts calls.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    made: u64,
    at: u64,
    fault: Option<Fault>,
}

impl Faults {
    pub(super) fn set(&self, at: u64, fault: Option<Fault>) {
        *self.lock() = Counted { made: 0, at, fault };
    }

    /// Whether the process has ended.
    pub(super) fn is_dead(&self) -> bool {
        let counted = self.lock();
        matches!(counted.fault, Some(Fault::Dies(_))) && counted.made > counted.at
    }

    pub(super) fn has_happened(&self) -> bool {
        let counted = self.lock();
        counted.fault.is_some() && counted.made > counted.at
    }

    /// Counts a call, and says how far it may go.
    pub(super) fn next(
        &self,
        kind: Kind,
        operation: &'static str,
        path: &StoragePath,
    ) -> Result<Go, Error> {
        let mut counted = self.lock();
        let Some(fault) = counted.fault else {
            return Ok(Go::Whole);
        };
        if is_counted(fault, kind) {
            counted.made += 1;
        }
        if counted.made <= counted.at {
            return Ok(Go::Whole);
        }
        let is_first = counted.made == counted.at + 1 && is_counted(fault, kind);
        match fault {
            Fault::Full if is_counted(fault, kind) => Err(Error::Full {
                path: path.clone(),
                source: io::ErrorKind::StorageFull.into(),
            }),
            Fault::ReadOnly if is_counted(fault, kind) => Err(Error::ReadOnly {
                path: path.clone(),
                source: io::ErrorKind::ReadOnlyFilesystem.into(),
            }),
            Fault::Dies(moment) | Fault::Fails(moment) if is_first => match (moment, kind) {
                (Moment::Before, _) | (_, Kind::Reading | Kind::Opening) => {
                    Err(failed(operation, path))
                }
                (Moment::Within, _) => Ok(Go::Within),
                (Moment::After, _) => Ok(Go::Unsynced),
            },
            Fault::Dies(_) => Err(failed(operation, path)),
            Fault::Full | Fault::ReadOnly | Fault::Fails(_) => Ok(Go::Whole),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a fault can come at a call of this kind. Between calls that change nothing a process that
/// ends leaves the same, and a full store differs only where something grows.
fn is_counted(fault: Fault, kind: Kind) -> bool {
    use Kind::{Appending, Deleting, Growing, Opening, Reading, Syncing};
    match fault {
        Fault::Fails(Moment::Before) => true,
        Fault::Dies(Moment::Within) | Fault::Fails(Moment::Within) => {
            matches!(kind, Appending | Deleting)
        }
        Fault::Dies(_) | Fault::Fails(Moment::After) => !matches!(kind, Reading | Opening),
        Fault::Full => matches!(kind, Growing | Appending),
        Fault::ReadOnly => !matches!(kind, Reading | Syncing),
    }
}

/// The error of a call that was made to fail.
pub(super) fn failed(operation: &'static str, path: &StoragePath) -> Error {
    Error::Io {
        operation,
        path: path.clone(),
        source: io::Error::other("failed on purpose"),
    }
}

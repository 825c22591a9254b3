//! The right to collect: one collector at a time on one store, whichever process it is in.

use wharf_storage::{FileWriter, WriteMode};

use crate::{Error, layout::PathSpec, links, local::Store};

/// The right to set aside and to empty the trash, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Collector {
    lock: Box<dyn FileWriter>,
}

impl Store {
    /// Takes the right to collect.
    ///
    /// # Errors
    /// [`Error::AlreadyCollecting`] while somebody else has it.
    pub(crate) async fn collector(&self) -> Result<Collector, Error> {
        let lock = PathSpec::Collector.path();
        match self.driver.writer(&lock, WriteMode::Create).await {
            Ok(lock) => Ok(Collector { lock }),
            Err(wharf_storage::Error::Busy { .. }) => Err(Error::AlreadyCollecting),
            Err(error) => Err(Error::Storage(error)),
        }
    }
}

impl Collector {
    /// Gives the right up, and leaves nothing behind.
    pub(crate) async fn end(self, store: &Store) -> Result<(), Error> {
        // While it is locked nobody else can have taken hold of the file.
        links::delete_if_there(store.driver(), &PathSpec::Collector.path()).await?;
        drop(self.lock);
        for folder in [
            PathSpec::Servers.path(),
            PathSpec::Collector.path().parent(),
        ] {
            store.tidy(&folder).await?;
        }
        Ok(())
    }
}

//! Presence: how a collector knows whether a server is on the store.
//!
//! A server holds the lock of a file of its own. A collector that finds no such lock counts on
//! being alone, and says so in a file; a server that starts then waits until the collector has
//! seen it. Each writes before it looks, so they cannot miss one another.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;
use wharf_storage::{FileWriter, ListPage, Sync, WriteMode};

use crate::{Error, LocalRegistry, layout::PathSpec, links, local::Store};

/// A server's presence on its store, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Presence {
    registry: LocalRegistry,
    id: String,
    lock: Box<dyn FileWriter>,
}

impl Presence {
    /// Ends the presence, and leaves nothing behind. Nobody is told of anything any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(self) -> Result<(), Error> {
        let path = PathSpec::Server(&self.id).path();
        links::delete_if_there(self.registry.store.driver(), &path).await?;
        drop(self.lock);
        Ok(())
    }
}

impl LocalRegistry {
    /// Makes a server known to collectors, before it tells any client what there is.
    ///
    /// # Errors
    /// When the store fails. A store that takes no writes needs no presence, since nobody can
    /// collect there.
    pub async fn announce(&self) -> Result<Option<Presence>, Error> {
        let store = &self.store;
        let (id, lock) = loop {
            let id = Uuid::new_v4().to_string();
            let path = PathSpec::Server(&id).path();
            match store.driver.writer(&path, WriteMode::Create).await {
                Ok(lock) => break (id, lock),
                // A collector found it before it was locked, and takes it for left behind.
                Err(wharf_storage::Error::Busy { .. }) => {}
                Err(wharf_storage::Error::ReadOnly { .. } | wharf_storage::Error::Full { .. }) => {
                    return Ok(None);
                }
                Err(error) => return Err(Error::Storage(error)),
            }
        };
        let offline = PathSpec::CollectorOffline.path();
        while store.exists(&offline).await? {
            if let Ok(collector) = store.collector().await {
                // Whoever wrote it is not there any more.
                links::delete_if_there(store.driver(), &offline).await?;
                collector.end(store).await?;
                break;
            }
            tracing::info!("waiting for a garbage collection to notice this server");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Some(Presence {
            registry: self.clone(),
            id,
            lock,
        }))
    }
}

impl Store {
    /// Whether a server runs on the store. What servers left behind that run no more goes.
    pub(crate) async fn has_servers(&self) -> Result<bool, Error> {
        let servers = PathSpec::Servers.path();
        for entry in self.list(&servers, ListPage::all()).await? {
            let Ok(path) = servers.child(&entry.name) else {
                continue;
            };
            match self.driver.writer(&path, WriteMode::Append).await {
                Ok(left_behind) => {
                    links::delete_if_there(self.driver(), &path).await?;
                    drop(left_behind);
                }
                Err(wharf_storage::Error::Busy { .. }) => return Ok(true),
                Err(wharf_storage::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::Storage(error)),
            }
        }
        Ok(false)
    }

    /// Says that a collector counts on being alone, if it is; tells whether it is.
    pub(crate) async fn begin_offline(&self) -> Result<bool, Error> {
        let offline = PathSpec::CollectorOffline.path();
        let put = self.driver.put_content(&offline, Bytes::new(), Sync::Lazy);
        put.await.map_err(Error::Storage)?;
        if self.has_servers().await? {
            self.end_offline().await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Lets servers that wait begin.
    pub(crate) async fn end_offline(&self) -> Result<(), Error> {
        let offline = PathSpec::CollectorOffline.path();
        links::delete_if_there(self.driver(), &offline).await?;
        Ok(())
    }
}

const PAUSE: Duration = Duration::from_millis(20);

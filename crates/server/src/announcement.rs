//! How collectors in other processes know of this server, before it writes anything.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;
use wharf_registry::{Error, LocalRegistry, trash::presence::Presence};

/// Makes this server known to collectors, and keeps trying where the store does not let it.
#[derive(Debug)]
pub(crate) struct Announcement {
    registry: LocalRegistry,
    presence: Mutex<Option<Presence>>,
    is_made: AtomicBool,
}

impl Announcement {
    /// Nobody knows of the server yet.
    pub(crate) fn new(registry: LocalRegistry) -> Self {
        Self {
            registry,
            presence: Mutex::new(None),
            is_made: AtomicBool::new(false),
        }
    }

    /// Makes the server known, if it is not: before the first client is told of anything, and
    /// again before something is written, since a store that was full or read-only takes that now.
    ///
    /// # Errors
    /// When the store fails. One that is full or takes no writes is no error.
    pub(crate) async fn make(&self) -> Result<(), Error> {
        if self.is_made.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut presence = self.presence.lock().await;
        if presence.is_none() {
            *presence = self.registry.announce().await?;
            self.is_made.store(presence.is_some(), Ordering::Release);
        }
        Ok(())
    }

    /// Tries again until the server is known.
    pub(crate) async fn keep_trying(&self) {
        while !self.is_made.load(Ordering::Acquire) {
            tokio::time::sleep(AGAIN).await;
            // The first failure was told, or is no error.
            let _ = self.make().await;
        }
    }

    /// Lets collectors know that the server is gone.
    pub(crate) async fn end(&self) {
        if let Some(presence) = self.presence.lock().await.take()
            && let Err(error) = presence.end().await
        {
            // Its lock ends with the process all the same.
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot tidy up");
        }
    }
}

/// How often a server that collectors do not know tries to tell them.
const AGAIN: Duration = Duration::from_secs(10);

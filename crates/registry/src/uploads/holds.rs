//! Who holds which upload in this process, so that a client that comes back over another
//! connection need not wait until the server has noticed the end of the first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::UploadId;

/// The uploads that requests to this process hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    held: Arc<Mutex<HashMap<UploadId, Arc<Hold>>>>,
}

/// One request's hold on an upload; dropping it ends the hold.
#[derive(Debug)]
pub(super) struct HoldGuard {
    holds: Holds,
    id: UploadId,
    hold: Arc<Hold>,
}

#[derive(Debug)]
struct Hold {
    last_arrival: Mutex<Instant>,
    let_go: Notify,
}

impl Holds {
    /// Notes that a request holds an upload, whose lock it has.
    pub(super) fn take(&self, id: &UploadId) -> HoldGuard {
        let hold = Arc::new(Hold {
            last_arrival: Mutex::new(Instant::now()),
            let_go: Notify::new(),
        });
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(id.clone(), Arc::clone(&hold));
        HoldGuard {
            holds: self.clone(),
            id: id.clone(),
            hold,
        }
    }

    /// Asks the request that holds an upload to let go of it, if nothing has arrived there for a
    /// while: what still sends is a client, what does not is most often a dead connection.
    pub(super) fn ask_to_let_go(&self, id: &UploadId) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hold) = held.get(id)
            && hold.idle() >= IDLE
        {
            hold.let_go.notify_one();
        }
    }
}

impl Hold {
    fn idle(&self) -> Duration {
        let last = self
            .last_arrival
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }
}

impl HoldGuard {
    /// Notes that bytes have arrived.
    pub(super) fn arrived(&self) {
        let mut last = self
            .hold
            .last_arrival
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Instant::now();
    }

    /// Waits until another request asks for the upload.
    pub(super) async fn asked_to_let_go(&self) {
        self.hold.let_go.notified().await;
    }
}

impl Drop for HoldGuard {
    fn drop(&mut self) {
        let mut held = self
            .holds
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The next request may hold the upload already.
        if held
            .get(&self.id)
            .is_some_and(|hold| Arc::ptr_eq(hold, &self.hold))
        {
            held.remove(&self.id);
        }
    }
}

/// How long a request that holds an upload may receive nothing before it must let go of it for
/// another that asks.
const IDLE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::{
        Chunk, Error,
        testing::{TestRegistry, append, sha256},
    };

    /// A chunk that sends the pieces with a pause before each, and then nothing more.
    fn slow_chunk(pieces: &'static [&'static str], pause: Duration) -> Chunk {
        let sent = stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from(*piece))
        });
        Chunk {
            start: None,
            length: None,
            body: sent.chain(stream::pending()).boxed(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_back_gets_its_upload_from_the_dead_connection() {
        let folder = tempfile::tempdir().unwrap();
        for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
            let repository = test.repository("a");
            let mut first = repository.uploads.start().await.unwrap();
            let id = first.status().id;
            let dead = async {
                let cut = first.append(slow_chunk(&["abc"], Duration::ZERO)).await;
                (cut, first.suspend().await.unwrap().offset)
            };
            let back = async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let mut session = repository.uploads.resume(&id).await.unwrap();
                append(&mut session, "def").await;
                session.commit(&sha256("abcdef")).await.unwrap();
            };
            let ((cut, kept), ()) = tokio::join!(dead, back);
            assert!(matches!(cut, Err(Error::BodyInterrupted { .. })), "{cut:?}");
            assert_eq!(kept, 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_sends_keeps_its_upload() {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let mut first = repository.uploads.start().await.unwrap();
        let id = first.status().id;
        let chunk = slow_chunk(&["x"; 60], IDLE - Duration::from_millis(100));
        tokio::select! {
            ended = first.append(chunk) => panic!("{ended:?}"),
            second = repository.uploads.resume(&id) => {
                assert!(matches!(second, Err(Error::UploadBusy { .. })), "{second:?}");
            }
        }
        drop(first);
        assert!(test.registry.store.holds.held.lock().unwrap().is_empty());
    }
}

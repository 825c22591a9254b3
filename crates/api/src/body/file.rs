//! The body that comes from an open file: handed to a connection that sends files by itself, or read.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::{JoinHandle, spawn_blocking};
use wharf_registry::{OpenFile, StorageError};

use crate::{body::BoxError, connection::FileSender};

/// A range of an open file on its way out. What is in the page cache goes out from where the body is
/// polled; only what has to come from a disk takes the way over a thread that may wait.
pub(super) struct FileContent {
    file: OpenFile,
    sender: Option<Arc<dyn FileSender>>,
    state: State,
}

enum State {
    /// Nothing is known of what comes next.
    Looking,
    /// What comes next is being read, or brought into the page cache.
    Waiting(JoinHandle<Result<Waited, StorageError>>),
    /// What comes next was brought into the page cache, as far as that is possible.
    Loaded,
}

enum Waited {
    Read(OpenFile, Bytes),
    Loaded,
}

impl FileContent {
    pub(super) fn new(file: OpenFile) -> Self {
        Self {
            file,
            sender: None,
            state: State::Looking,
        }
    }

    pub(super) fn send_by(&mut self, sender: Arc<dyn FileSender>) {
        self.sender = Some(sender);
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.file.remaining()
    }

    pub(super) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BoxError>>> {
        if self.left() == 0 {
            return Poll::Ready(None);
        }
        loop {
            if let State::Waiting(waiting) = &mut self.state {
                let waited = ready!(waiting.poll_unpin(context));
                self.state = State::Looking;
                match waited {
                    Ok(Ok(Waited::Read(file, chunk))) => {
                        self.file = file;
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                    Ok(Ok(Waited::Loaded)) => self.state = State::Loaded,
                    Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                    Err(stopped) => return Poll::Ready(Some(Err(stopped.into()))),
                }
            }
            if let Some(chunk) = self.next() {
                return Poll::Ready(Some(chunk.map_err(Into::into)));
            }
        }
    }

    /// The next chunk, or none when something is waited for now.
    fn next(&mut self) -> Option<Result<Bytes, StorageError>> {
        let window = self.left().min(WINDOW);
        if let Some(sender) = self.sender.clone()
            && window >= WORTH_SENDING
        {
            let is_loaded = matches!(self.state, State::Loaded);
            if !is_loaded && !self.file.is_cached(window) {
                let file = self.file.clone();
                self.wait(move || file.load(window).map(|()| Waited::Loaded));
                return None;
            }
            self.state = State::Looking;
            match self.hand_over(&*sender, window) {
                Ok(frame) => return Some(Ok(frame)),
                Err(error) => {
                    tracing::debug!(%error, "a file cannot be sent without a copy");
                    self.sender = None;
                }
            }
        }
        match self.file.read_cached() {
            Ok(Some(chunk)) => Some(Ok(chunk)),
            Ok(None) => {
                let mut file = self.file.clone();
                self.wait(move || {
                    let chunk = file.read_chunk()?;
                    Ok(Waited::Read(file, chunk))
                });
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn hand_over(&mut self, sender: &dyn FileSender, window: u64) -> io::Result<Bytes> {
        let mut rest = self.file.clone();
        let frame = sender.frame(&rest.take(window))?;
        self.file = rest;
        Ok(frame)
    }

    fn wait(&mut self, work: impl FnOnce() -> Result<Waited, StorageError> + Send + 'static) {
        self.state = State::Waiting(spawn_blocking(work));
    }
}

/// How much a connection is handed at once: more than a socket takes, so that nothing is gained by
/// more, and little enough that the log of a client that leaves is not far off.
const WINDOW: u64 = 4 * 1024 * 1024;
/// What is worth the way around the copy; less costs less to copy.
const WORTH_SENDING: u64 = 64 * 1024;

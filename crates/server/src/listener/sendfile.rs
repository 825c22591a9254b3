//! Sending files without a copy: `sendfile(2)` below hyper, on connections that are not encrypted.
//!
//! hyper writes bodies that are in memory. So a range of a file is handed to it as memory that the
//! file is mapped into, which nobody reads: the transport knows the mappings of its connection, and
//! where hyper tells it to write from one of them, it lets the kernel send the range instead.
//! Framing, keep-alive and pipelining stay hyper's. If hyper should ever copy such bytes, it copies
//! the content of the file, and is only slower; a test counts that it does not.

use std::{
    fmt,
    fs::File,
    io::{self, ErrorKind, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpStream, UnixStream},
};
use wharf_api::FileSender;
use wharf_registry::OpenFile;

/// The files of one connection that are on their way out.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    live: Mutex<Vec<Live>>,
    /// How many there are, for those who need not look.
    count: AtomicUsize,
    /// How many bytes went out of files.
    sent: AtomicU64,
}

/// A range of a file and the addresses that stand for it.
#[derive(Debug, Clone)]
struct Live {
    start: usize,
    length: usize,
    file: Arc<File>,
    offset: u64,
}

/// Memory that stands for a range of a file, until hyper drops it.
struct Mapped {
    memory: Mmap,
    shared: Arc<Shared>,
}

impl FileSender for Files {
    fn frame(&self, part: &OpenFile) -> io::Result<Bytes> {
        let length = usize::try_from(part.remaining()).map_err(io::Error::other)?;
        let memory = map(part.file(), part.offset(), length)?;
        let live = Live {
            start: memory.as_ptr().addr(),
            length,
            file: Arc::clone(part.file()),
            offset: part.offset(),
        };
        self.shared.lock().push(live);
        self.shared.count.fetch_add(1, Ordering::Release);
        let shared = Arc::clone(&self.shared);
        Ok(Bytes::from_owner(Mapped { memory, shared }))
    }
}

#[expect(
    unsafe_code,
    reason = "the only way to have memory that stands for a file"
)]
fn map(file: &File, offset: u64, length: usize) -> io::Result<Mmap> {
    // SAFETY: The memory must not change while it is borrowed. Content is never changed in place: a
    // file of the store gets its name when it is whole, and is replaced by another one. Besides,
    // nobody reads this memory but a copy that is not expected to happen.
    unsafe { MmapOptions::new().offset(offset).len(length).map(file) }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let start = self.memory.as_ptr().addr();
        self.shared.lock().retain(|live| live.start != start);
        self.shared.count.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    /// The part of a file that bytes to be written stand for, if they stand for one.
    fn find(&self, bytes: &[u8]) -> Option<Part> {
        if bytes.is_empty() || self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let start = bytes.as_ptr().addr();
        let live = self.lock();
        let live = live
            .iter()
            .find(|live| (live.start..live.start + live.length).contains(&start))?;
        let skipped = start - live.start;
        Some(Part {
            file: Arc::clone(&live.file),
            offset: live.offset + skipped as u64,
            length: bytes.len().min(live.length - skipped),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Live>> {
        // Nothing panics while it holds the lock.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be sent out of a file.
struct Part {
    file: Arc<File>,
    offset: u64,
    length: usize,
}

/// A socket that a file can be sent through.
pub(super) trait PlainSocket: AsyncRead + AsyncWrite + AsFd + Unpin + Send {
    /// Waits until the socket takes something.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes by other means than its own; notes when it takes nothing more.
    fn write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize>;
}

impl PlainSocket for TcpStream {
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }

    fn write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, write)
    }
}

impl PlainSocket for UnixStream {
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(context)
    }

    fn write_with(&self, write: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, write)
    }
}

/// A socket that sends the files of its connection.
#[derive(Debug)]
pub(super) struct SendsFiles<S> {
    socket: S,
    files: Files,
}

impl<S: PlainSocket> SendsFiles<S> {
    pub(super) fn new(socket: S, files: Files) -> Self {
        Self { socket, files }
    }

    /// Sends as much of a part as the socket takes; where its file system cannot do that, the bytes
    /// that stand for it are written.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        part: &Part,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = self.poll_with(context, || {
            let mut offset = part.offset;
            let sent =
                rustix::fs::sendfile(&self.socket, &*part.file, Some(&mut offset), part.length)?;
            Ok(sent)
        });
        match ready!(sent) {
            Ok(0) => {
                let cut = "a file has become shorter while it was sent";
                Poll::Ready(Err(io::Error::new(ErrorKind::UnexpectedEof, cut)))
            }
            Ok(sent) => {
                let counter = &self.files.shared.sent;
                counter.fetch_add(sent as u64, Ordering::Relaxed);
                Poll::Ready(Ok(sent))
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                Pin::new(&mut self.socket).poll_write(context, bytes)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Writes bytes of which more follows at once, so that the head of an answer does not go out
    /// alone.
    fn poll_write_before_more(
        &self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(context, || {
            let mut nothing_else = SendAncillaryBuffer::default();
            let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
            Ok(sendmsg(&self.socket, slices, &mut nothing_else, flags)?)
        })
    }

    fn poll_with(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_writable(context))?;
            match self.socket.write_with(&mut write) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl<S: PlainSocket> AsyncRead for SendsFiles<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: PlainSocket> AsyncWrite for SendsFiles<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.files.shared.find(bytes) {
            Some(part) => self.poll_send(context, &part, bytes),
            None => Pin::new(&mut self.socket).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut plain = 0;
        for slice in slices {
            match self.files.shared.find(slice) {
                Some(part) if plain == 0 => return self.poll_send(context, &part, slice),
                Some(_) => return self.poll_write_before_more(context, &slices[..plain]),
                None => plain += 1,
            }
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mapped").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Writing out together what is written in many small pieces.
//!
//! Over HTTP/2 bodies go out in frames of mostly 16 KiB and 9 bytes, each of which is written and
//! flushed by itself: two records of TLS and a call of the system for each. Here they are copied
//! together instead, which costs far less, and written out when there is no room for more or when
//! nothing more comes.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::transport::Transport;

/// A transport that gathers what is written to it.
#[derive(Debug)]
pub(super) struct Gathered<T> {
    transport: T,
    gathered: Vec<u8>,
    /// How much of it the transport has taken.
    taken: usize,
    /// Whether something was written since somebody asked for a flush.
    is_fresh: bool,
    /// How much was written since the last flush that was done.
    unflushed: usize,
}

impl<T: Transport> Gathered<T> {
    pub(super) fn new(transport: T) -> Self {
        Self {
            transport,
            gathered: Vec::new(),
            taken: 0,
            is_fresh: false,
            unflushed: 0,
        }
    }

    /// Has the transport take all that was gathered.
    fn poll_hand_over(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.taken < self.gathered.len() {
            let left = &self.gathered[self.taken..];
            match ready!(Pin::new(&mut self.transport).poll_write(context, left))? {
                0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                taken => self.taken += taken,
            }
        }
        self.gathered.clear();
        self.taken = 0;
        Poll::Ready(Ok(()))
    }

    /// Has everything written, and keeps no memory for what may come.
    fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_fresh = false;
        ready!(self.poll_hand_over(context))?;
        self.gathered = Vec::new();
        self.unflushed = 0;
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> AsyncWrite for Gathered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= ROOM {
            ready!(self.poll_hand_over(context))?;
        }
        if self.gathered.capacity() == 0 {
            self.gathered.reserve_exact(ROOM);
        }
        let taken = bytes.len().min(ROOM - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..taken]);
        self.is_fresh = true;
        self.unflushed = self.unflushed.saturating_add(taken);
        Poll::Ready(Ok(taken))
    }

    /// The first flush after a frame of a body mostly has another frame behind it, so it does nothing
    /// but see to it that there will be a second one: a connection that is woken up flushes anew.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_fresh && self.unflushed > SMALL {
            self.is_fresh = false;
            context.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_empty(context))?;
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(context))?;
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}

impl<T: Transport> AsyncRead for Gathered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_read(context, buffer)
    }
}

/// How much is gathered, in bytes: four whole records of TLS.
const ROOM: usize = 64 * 1024;

/// What is written out as soon as somebody asks for it, in bytes: heads and what a connection says of
/// itself.
const SMALL: usize = 4 * 1024;

#[cfg(test)]
mod tests;

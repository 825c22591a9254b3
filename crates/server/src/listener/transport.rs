//! What the bytes of a connection pass through.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{
    accept::Socket,
    activity::Activity,
    sendfile::{Files, SendsFiles},
};

/// A stream of bytes in both directions, encrypted or not.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

impl Socket {
    /// Forgets what kind of socket it is.
    pub(super) fn into_transport(self) -> Box<dyn Transport> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
        }
    }

    /// The same, for a connection that sends files by itself.
    pub(super) fn sending(self, files: Files) -> Box<dyn Transport> {
        match self {
            Self::Tcp(stream) => Box::new(SendsFiles::new(stream, files)),
            Self::Unix(stream) => Box::new(SendsFiles::new(stream, files)),
        }
    }
}

/// A transport that notes what passes, and closes without losing the last response.
///
/// A socket that is closed while bytes of the client lie unread answers them with a reset, and the
/// reset may overtake the response: the client of a refused upload would see a broken connection
/// and not the refusal. So after the last byte was written, what the client still sends is read and
/// thrown away, for a moment.
#[derive(Debug)]
pub(super) struct Watched<T> {
    transport: T,
    activity: Arc<Activity>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<T: Transport> Watched<T> {
    /// Wraps `transport`.
    pub(super) fn new(transport: T, activity: Arc<Activity>) -> Self {
        Self {
            transport,
            activity,
            lingering: None,
        }
    }

    /// Notes what a write did.
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.activity.held_up(result.is_pending());
        if let Poll::Ready(Ok(bytes)) = result {
            self.activity.wrote(bytes);
        }
        result
    }
}

impl<T: Transport> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.transport).poll_write(context, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.transport).poll_write_vectored(context, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.transport).poll_flush(context);
        self.activity.held_up(result.is_pending());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.transport).poll_shutdown(context))?;
        }
        let lingering = this
            .lingering
            .get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut scratch = [0; 8192];
        loop {
            if lingering.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.transport).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// How long to throw away what a client sends after the last response.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    fn watched() -> (Watched<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = duplex(1024);
        (Watched::new(ours, Activity::new(Arc::default())), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn closing_reads_on_until_the_client_is_done() {
        let (mut watched, mut client) = watched();
        let client = tokio::spawn(async move {
            client.write_all(&[0; 100_000]).await.unwrap();
            let mut received = String::new();
            client.read_to_string(&mut received).await.unwrap();
            received
        });
        let start = Instant::now();
        watched.write_all(b"refused").await.unwrap();
        watched.shutdown().await.unwrap();
        assert_eq!(client.await.unwrap(), "refused");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_does_not_wait_for_a_client_that_never_ends() {
        let (mut watched, _client) = watched();
        let start = Instant::now();
        watched.shutdown().await.unwrap();
        assert!(start.elapsed() < LINGER * 2);
    }
}

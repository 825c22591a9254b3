//! Accepting: one connection after the other, whatever happens in between.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, UnixStream},
    time::{Instant, sleep_until},
};

use super::socket::Listener;

/// An accepted connection, still as the kernel gave it.
#[derive(Debug)]
pub(super) enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a socket file.
    Unix(UnixStream),
}

/// Accepts connections, and goes on after every error.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: Listener,
    backoff: Backoff,
}

impl Acceptor {
    /// Makes an acceptor of a bound socket.
    pub(super) fn new(listener: Listener) -> Self {
        Self {
            listener,
            backoff: Backoff::default(),
        }
    }

    /// Waits for the next connection. Nothing is lost when the future is dropped.
    pub(super) async fn accept(&mut self) -> (Socket, Option<SocketAddr>) {
        loop {
            self.backoff.wait().await;
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.backoff = Backoff::default();
                    return accepted;
                }
                Err(error) => self.backoff.failed(&error),
            }
        }
    }
}

/// The waiting between two tries of a failing accept, as long as it fails.
#[derive(Debug, Default)]
struct Backoff {
    delay: Duration,
    resume: Option<Instant>,
}

impl Backoff {
    /// Waits until the next try is due.
    async fn wait(&mut self) {
        if let Some(resume) = self.resume {
            sleep_until(resume).await;
            self.resume = None;
        }
    }

    /// Notes an error. A connection that its client gave up costs no waiting; any other error (no
    /// file descriptors left, no memory) would come back at once, in a busy loop.
    fn failed(&mut self, error: &io::Error) {
        if is_of_the_client(error) {
            tracing::debug!(%error, "connection lost before it was accepted");
            return;
        }
        self.delay = (self.delay * 2).clamp(SHORTEST_DELAY, LONGEST_DELAY);
        self.resume = Some(Instant::now() + self.delay);
        tracing::warn!(%error, "cannot accept connections, trying again");
    }
}

/// Whether the error is about one connection, and the next may be fine.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// The first wait after a failed accept.
const SHORTEST_DELAY: Duration = Duration::from_millis(5);

/// The longest wait after a failed accept.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accept_errors_are_waited_out() {
        let mut backoff = Backoff::default();
        let start = Instant::now();
        backoff.failed(&io::ErrorKind::ConnectionAborted.into());
        backoff.wait().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            backoff.failed(&io::Error::from_raw_os_error(TOO_MANY_FILES));
            backoff.wait().await;
        }
        assert_eq!(start.elapsed(), SHORTEST_DELAY * 255 + LONGEST_DELAY * 2);
    }

    /// `EMFILE` of Linux.
    const TOO_MANY_FILES: i32 = 24;
}

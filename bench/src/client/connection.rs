//! HTTP/1.1 over one connection: a request out, an answer in, its body thrown away as cheaply as the kernel allows.

use std::io;
use std::os::fd::AsRawFd;

use bytes::{Buf, BytesMut};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::head::{self, Framing, Head};
use crate::client::request::{Body, Request};
use crate::client::target::Target;

/// One connection, kept alive from request to request.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// Received and not yet consumed.
    received: BytesMut,
    /// Where bytes go that nobody reads. On a plain socket they do not even go there, so it costs no memory then.
    scrap: Vec<u8>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An answer whose body has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    /// How long the body was, in bytes.
    pub(crate) length: u64,
}

impl Answer {
    /// The answer, if it has the status that it should have.
    pub(crate) fn expect(self, status: u16) -> io::Result<Self> {
        if self.status == status {
            Ok(self)
        } else {
            let message = format!("answered {} where {status} was expected", self.status);
            Err(io::Error::other(message))
        }
    }
}

impl Connection {
    /// Connects, with TLS if the target speaks it.
    pub(crate) async fn open(target: &Target) -> io::Result<Self> {
        let socket = TcpStream::connect(target.address).await?;
        socket.set_nodelay(true)?;
        let stream = match &target.tls {
            None => Stream::Plain(socket),
            Some(tls) => Stream::Tls(Box::new(tls.connect(Target::name()?, socket).await?)),
        };
        Ok(Self {
            stream,
            received: BytesMut::with_capacity(BUFFER),
            scrap: vec![0; SCRAP],
        })
    }

    /// Sends a request and throws the answer's body away.
    pub(crate) async fn exchange(&mut self, request: &Request) -> io::Result<Answer> {
        self.send(request).await?;
        let head = self.head().await?;
        let length = match head.framing {
            _ if request.only_head => 0,
            Framing::Length(length) => {
                self.skip(length).await?;
                length
            }
            Framing::Chunked => self.skip_chunks().await?,
        };
        Ok(Answer {
            status: head.status,
            location: head.location,
            length,
        })
    }

    /// Sends a request and reads the head of the answer and no more: the body stays where it is.
    pub(crate) async fn begin(&mut self, request: &Request) -> io::Result<Head> {
        self.send(request).await?;
        self.head().await
    }

    async fn send(&mut self, request: &Request) -> io::Result<()> {
        match &request.body {
            Body::Empty => self.write(&request.head).await?,
            // In one write, as a client with a buffer does.
            Body::Bytes(bytes) if bytes.len() <= BUFFER => {
                self.write(&[&request.head, &bytes[..]].concat()).await?;
            }
            Body::Bytes(bytes) => {
                self.write(&request.head).await?;
                self.write(bytes).await?;
            }
            Body::Noise(noise) => {
                let mut pieces = noise.pieces();
                let first = pieces.next().unwrap_or_default();
                self.write(&[&request.head, &first[..]].concat()).await?;
                for piece in pieces {
                    self.write(&piece).await?;
                }
            }
        }
        if let Stream::Tls(stream) = &mut self.stream {
            stream.flush().await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => stream.write_all(bytes).await,
        }
    }

    async fn head(&mut self) -> io::Result<Head> {
        loop {
            if let Some((end, body)) = head::end(&self.received) {
                let head = Head::parse(&self.received[..end])?;
                self.received.advance(body);
                return Ok(head);
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> io::Result<()> {
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.received).await?,
            Stream::Tls(stream) => stream.read_buf(&mut self.received).await?,
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    async fn skip(&mut self, length: u64) -> io::Result<()> {
        let here = usize::try_from(length).map_or(self.received.len(), |length| {
            length.min(self.received.len())
        });
        self.received.advance(here);
        let mut left = length - here as u64;
        while left > 0 {
            let most = usize::try_from(left).map_or(SCRAP, |left| left.min(SCRAP));
            let read = match &mut self.stream {
                Stream::Plain(stream) => discard(stream, &mut self.scrap[..most]).await?,
                Stream::Tls(stream) => stream.read(&mut self.scrap[..most]).await?,
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= read as u64;
        }
        Ok(())
    }

    async fn skip_chunks(&mut self) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") else {
                self.receive().await?;
                continue;
            };
            let line = std::str::from_utf8(&self.received[..end]).map_err(io::Error::other)?;
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            self.received.advance(end + 2);
            // After the chunk an empty line; after the last chunk too, as nobody sends trailers here.
            self.skip(length + 2).await?;
            total += length;
            if length == 0 {
                return Ok(total);
            }
        }
    }
}

/// Has the kernel drop bytes from a socket: with `MSG_TRUNC`, tcp(7), they are not copied.
async fn discard(stream: &TcpStream, scrap: &mut [u8]) -> io::Result<usize> {
    stream
        .async_io(Interest::READABLE, || {
            recv(
                stream.as_raw_fd(),
                scrap,
                MsgFlags::MSG_TRUNC | MsgFlags::MSG_DONTWAIT,
            )
            .map_err(|error: Errno| io::Error::from(error))
        })
        .await
}

/// Heads and small bodies.
const BUFFER: usize = 16 << 10;
/// How much is dropped at once.
const SCRAP: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::process::Meter;

    /// A server that says these words, piece by piece, to whoever connects first.
    fn saying(pieces: Vec<Vec<u8>>) -> Target {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for piece in pieces {
                let mut request = [0; 1024];
                if stream.read(&mut request).unwrap() == 0 {
                    return;
                }
                stream.write_all(&piece).unwrap();
            }
        });
        Target {
            address,
            tls: None,
            authorization: None,
            meter: Meter::of(std::process::id()).unwrap(),
        }
    }

    #[tokio::test]
    async fn bodies_of_every_framing_are_skipped_to_their_end() {
        let mut large = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n".to_vec();
        large.resize(large.len() + 5_000_000, b'x');
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n";
        let target = saying(vec![
            large,
            chunked.to_vec(),
            b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n".to_vec(),
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec(),
        ]);
        let mut connection = target.connect().await.unwrap();
        let get = target.get("/");
        let head = target.request("HEAD", "/", &[], Body::Empty);
        assert_eq!(connection.exchange(&get).await.unwrap().length, 5_000_000);
        assert_eq!(connection.exchange(&get).await.unwrap().length, 34);
        assert_eq!(connection.exchange(&head).await.unwrap().length, 0);
        let missing = connection.exchange(&get).await.unwrap();
        assert_eq!(missing.status, 404);
        assert!(missing.expect(200).is_err());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let target = saying(vec![
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab".to_vec(),
        ]);
        let mut connection = target.connect().await.unwrap();
        assert!(connection.exchange(&target.get("/")).await.is_err());
    }
}

//! Clients of a server, and their connections.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::answer::Answer;
use crate::request::Request;
use crate::wait;

/// Where a client connects to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Tcp(SocketAddr),
    Tls(SocketAddr, Arc<ClientConfig>),
    Unix(PathBuf),
}

/// A client; each of its requests has a connection of its own, unless it keeps one.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    target: Target,
    authorization: Option<String>,
}

/// A connection of HTTP/1.1.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

pub(crate) trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Client {
    pub(crate) fn of(target: Target) -> Self {
        Self {
            target,
            authorization: None,
        }
    }

    /// The same client with a name and a password.
    pub(crate) fn as_user(&self, user: &str, password: &str) -> Self {
        Self {
            authorization: Some(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{password}"))
            )),
            ..self.clone()
        }
    }

    pub(crate) fn connect(&self) -> Connection {
        let tcp = |address| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
            stream
        };
        let stream: Box<dyn Stream> = match &self.target {
            Target::Tcp(address) => Box::new(tcp(*address)),
            Target::Tls(address, config) => {
                let name = ServerName::try_from("localhost").unwrap();
                let session = ClientConnection::new(Arc::clone(config), name).unwrap();
                Box::new(StreamOwned::new(session, tcp(*address)))
            }
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
                Box::new(stream)
            }
        };
        Connection {
            stream: BufReader::new(stream),
        }
    }

    /// Sends a request on a connection of its own.
    pub(crate) fn send(&self, request: Request) -> Answer {
        self.connect().send(&self.authorized(request))
    }

    pub(crate) fn get(&self, target: impl Into<String>) -> Answer {
        self.send(Request::get(target))
    }

    /// The request with this client's credentials.
    pub(crate) fn authorized(&self, request: Request) -> Request {
        match &self.authorization {
            None => request,
            Some(authorization) => request.header("Authorization", authorization),
        }
    }
}

impl Connection {
    /// Sends a request and reads its answer; the connection goes on.
    pub(crate) fn send(&mut self, request: &Request) -> Answer {
        self.write(&request.to_bytes());
        self.answer_to(request.method)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).unwrap();
    }

    /// Writes as much as the server takes.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Reads the answer to a request by this method.
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        Answer::read(&mut self.stream, method)
    }

    /// Reads exactly so many bytes.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads until the server closes.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            // A connection that ends with bytes of ours unread is reset.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => bytes,
            Err(error) => panic!("after {} bytes: {error}", bytes.len()),
        }
    }
}

//! A server that listens.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::client::{Client, Target};
use crate::process::{Ended, Process};
use crate::store::Store;
use crate::test_registry::TestRegistry;
use crate::wait;

/// A running server and the place it runs in.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    registry: TestRegistry,
    address: Address,
}

#[derive(Debug)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Server {
    /// Waits until a process says where it listens.
    pub(crate) fn listening(registry: TestRegistry, mut process: Process) -> Self {
        let address = wait::until("the server to listen", || {
            if let Some(status) = process.ended() {
                panic!("the server ended with {status}");
            }
            after(&process.log(), "listening on ")
        });
        let address = match address.parse() {
            Ok(address) => Address::Tcp(address),
            Err(_) => Address::Unix(address.into()),
        };
        Self {
            process,
            registry,
            address,
        }
    }

    /// Waits until a process takes connections at a socket file.
    pub(crate) fn at_socket(registry: TestRegistry, mut process: Process, path: PathBuf) -> Self {
        wait::until("the socket to be listened on", || {
            if let Some(status) = process.ended() {
                panic!("the server ended with {status}");
            }
            UnixStream::connect(&path).ok()
        });
        Self {
            process,
            registry,
            address: Address::Unix(path),
        }
    }

    /// A client of this server, over TLS if the server has a certificate.
    pub(crate) fn client(&self) -> Client {
        let target = match &self.address {
            Address::Unix(path) => Target::Unix(path.clone()),
            Address::Tcp(address) => match self.registry.authority() {
                None => Target::Tcp(*address),
                Some(authority) => Target::Tls(*address, authority.trusting(&[])),
            },
        };
        Client::of(target)
    }

    /// A client of the listener for operators.
    pub(crate) fn debug_client(&self) -> Client {
        let address = after(&self.log(), "debug server listening ").unwrap();
        Client::of(Target::Tcp(address.parse().unwrap()))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.address {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("it listens on {}", path.display()),
        }
    }

    /// The registry it serves.
    pub(crate) fn registry(&self) -> &TestRegistry {
        &self.registry
    }

    /// The store it serves.
    pub(crate) fn store(&self) -> Store {
        self.registry.store()
    }

    /// The access log so far.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }

    /// The application log so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until a line of the application log contains a text; tells the line.
    #[track_caller]
    pub(crate) fn logged(&self, text: &str) -> String {
        wait::until(text, || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains(text));
            line.map(ToOwned::to_owned)
        })
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Lets the server have this many files open.
    pub(crate) fn limit_files(&self, count: u64) {
        self.process.limit_files(count);
    }

    /// Waits until nobody is let in any more.
    pub(crate) fn refuses_connections(&self) {
        wait::until("connections to be refused", || {
            TcpStream::connect(self.address()).err()
        });
    }

    /// Waits for the end that a signal brings, and leaves the place to the next server.
    pub(crate) fn ended(mut self) -> (Ended, TestRegistry) {
        (self.process.end(), self.registry)
    }

    /// Asks the server to stop, and expects that it does so in order.
    #[track_caller]
    pub(crate) fn stop(self) -> TestRegistry {
        self.signal(Signal::TERM);
        let (ended, registry) = self.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        registry
    }

    /// Takes the process away as a power cut would, but for what the kernel has.
    pub(crate) fn kill(self) -> TestRegistry {
        self.signal(Signal::KILL);
        let (ended, registry) = self.ended();
        assert_eq!(ended.code, None);
        registry
    }
}

/// The word after some text, once the line is written.
fn after(log: &str, text: &str) -> Option<String> {
    let (_, rest) = log.split_once(text)?;
    let (rest, _) = rest.split_once('\n')?;
    let end = rest.find(['"', ',', ' ']).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

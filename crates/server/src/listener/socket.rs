//! Where the server listens.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket as RawSocket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};

use super::{
    accept::Socket,
    address::{AddressFault, split},
};

/// The kind of address to listen on (`http.net`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Host and port.
    Tcp,
    /// The path of a socket file.
    Unix,
}

/// A socket that is bound and takes connections from now on.
#[derive(Debug)]
pub(crate) enum Listener {
    /// Host and port.
    Tcp(TcpListener),
    /// A socket file.
    Unix {
        /// What listens.
        listener: UnixListener,
        /// The file, if it is ours: removed again with the listener.
        _file: Option<SocketFile>,
    },
}

impl Listener {
    /// Binds `address`: `host:port`, `:port` for all interfaces, nothing for any free port, or a
    /// path.
    ///
    /// An unspecified host means all interfaces over IPv4 and IPv6, however it is written.
    pub(crate) async fn bind(network: Network, address: &str) -> Result<Self, ListenError> {
        match network {
            Network::Tcp => bind_tcp(address).await.map(Self::Tcp),
            Network::Unix => bind_unix(Path::new(address)),
        }
    }

    /// Takes the socket that a service manager opened for this process, if it opened one
    /// (`LISTEN_FDS`).
    ///
    /// Needs the runtime that will serve. Changes the environment: to be called before anything
    /// else runs that reads it.
    pub(crate) fn inherited() -> Result<Option<Self>, ListenError> {
        let mut inherited = ListenFd::from_env();
        match inherited.len() {
            0 => return Ok(None),
            1 => {}
            count => return Err(ListenError::TooManyInherited { count }),
        }
        let listener = match inherited.take_tcp_listener(0) {
            Ok(Some(listener)) => prepare_tcp(&SockRef::from(&listener)).and_then(|()| {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }),
            _ => inherited.take_unix_listener(0).and_then(|listener| {
                let listener = listener.ok_or(io::ErrorKind::NotFound)?;
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(|listener| Self::Unix {
                    listener,
                    _file: None,
                })
            }),
        };
        listener
            .map(Some)
            .map_err(|cause| ListenError::Inherited { cause })
    }

    /// The address as the kernel knows it, with the port that it chose.
    pub(crate) fn local_address(&self) -> LocalAddress {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or(LocalAddress::Unknown, LocalAddress::Tcp),
            Self::Unix { listener, .. } => listener
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(Path::to_path_buf))
                .map_or(LocalAddress::Unknown, LocalAddress::Unix),
        }
    }

    /// Waits for one connection. The peer is an IPv4 address where IPv4 was spoken, on a socket for
    /// both too.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }
}

/// The address of a [`Listener`], as log lines show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LocalAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a socket file.
    Unix(PathBuf),
    /// A socket without a name.
    Unknown,
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => path.display().fmt(formatter),
            Self::Unknown => formatter.write_str("an unnamed socket"),
        }
    }
}

/// The file of a unix socket; removes it at the end, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Takes over the file that was just bound.
    fn bound(path: &Path) -> Option<Self> {
        Some(Self {
            path: path.to_path_buf(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.identity) {
            // Whether or not this succeeds, the next start removes what is left.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Why the server cannot listen; one line that names the address and the cause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// The address is not of the form `host:port`.
    #[error("cannot listen on \"{address}\": {fault}")]
    Address {
        /// The address as configured.
        address: String,
        /// What is wrong with it.
        fault: AddressFault,
    },
    /// The system refuses the address.
    #[error("cannot listen on \"{address}\": {}", explain(.cause))]
    Bind {
        /// The address as configured.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The path of the socket belongs to something else.
    #[error("file {} exists and is not a socket", .path.display())]
    NotASocket {
        /// The path as configured.
        path: PathBuf,
    },
    /// The service manager handed over several sockets.
    #[error("found {count} socket-activation listeners, only expected 1")]
    TooManyInherited {
        /// How many there are.
        count: usize,
    },
    /// The service manager handed over something that cannot be listened on.
    #[error("cannot listen on the socket of LISTEN_FDS: {cause}")]
    Inherited {
        /// What the system said.
        cause: io::Error,
    },
}

/// Binds a host and a port.
async fn bind_tcp(address: &str) -> Result<TcpListener, ListenError> {
    let refused = |cause| ListenError::Bind {
        address: address.to_owned(),
        cause,
    };
    let (host, port) = split(address).map_err(|fault| ListenError::Address {
        address: address.to_owned(),
        fault,
    })?;
    let resolved = if host.is_empty() {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
    } else {
        let found: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(refused)?
            .collect();
        // IPv4 first, as Go resolves `localhost`: probes written as 127.0.0.1 must find the server.
        *found
            .iter()
            .find(|address| address.is_ipv4())
            .or(found.first())
            .ok_or_else(|| refused(io::ErrorKind::NotFound.into()))?
    };
    let bound = if resolved.ip().is_unspecified() {
        listen_on((Ipv6Addr::UNSPECIFIED, port).into()).or_else(|error| {
            if is_without_ipv6(&error) {
                listen_on((Ipv4Addr::UNSPECIFIED, port).into())
            } else {
                Err(error)
            }
        })
    } else {
        listen_on(resolved)
    };
    bound.and_then(TcpListener::from_std).map_err(refused)
}

/// Opens, prepares and binds a TCP socket.
fn listen_on(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = RawSocket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare_tcp(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what every accepted connection inherits from the listening socket.
fn prepare_tcp(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE_PROBE),
    )
}

/// Binds a path, in the place of the socket that a former process may have left there.
fn bind_unix(path: &Path) -> Result<Listener, ListenError> {
    let refused = |cause| ListenError::Bind {
        address: path.display().to_string(),
        cause,
    };
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {
            std::fs::remove_file(path).map_err(refused)?;
        }
        Ok(_) => {
            return Err(ListenError::NotASocket {
                path: path.to_path_buf(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    Ok(Listener::Unix {
        listener,
        _file: SocketFile::bound(path),
    })
}

/// Tells in the user's words what the system means.
fn explain(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "address already in use, another process listens there".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address".into(),
        _ => cause.to_string(),
    }
}

/// Whether the machine, or this container, has no IPv6.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED)
}

/// Device and inode of a path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// `EAFNOSUPPORT` of Linux, for which the standard library has no stable kind.
const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;

/// Connections that may wait to be accepted; the kernel caps it at its `somaxconn`.
const BACKLOG: i32 = 4096;

/// How long a silent connection goes unprobed.
const KEEP_ALIVE: Duration = Duration::from_secs(180);

/// The time between two probes that are not answered.
const KEEP_ALIVE_PROBE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use tokio::net::{TcpStream, UnixStream};

    use super::*;

    #[tokio::test]
    async fn all_interfaces_are_reached_over_both_families() {
        for address in ["", ":0", "0.0.0.0:0", "[::]:0"] {
            let listener = Listener::bind(Network::Tcp, address).await.unwrap();
            let LocalAddress::Tcp(local) = listener.local_address() else {
                panic!("not a TCP listener");
            };
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, local.port()))
                .await
                .unwrap();
            let (socket, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, Some(client.local_addr().unwrap()), "{address:?}");
            let Socket::Tcp(stream) = socket else {
                panic!("not a TCP connection");
            };
            assert!(stream.nodelay().unwrap());
            assert!(SockRef::from(&stream).keepalive().unwrap());
            if local.is_ipv6() {
                TcpStream::connect((Ipv6Addr::LOCALHOST, local.port()))
                    .await
                    .unwrap();
            }
        }
    }

    #[tokio::test]
    async fn errors_name_the_address_and_the_cause() {
        let first = Listener::bind(Network::Tcp, "localhost:0").await.unwrap();
        let taken = first.local_address().to_string();
        let error = Listener::bind(Network::Tcp, &taken).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on \"{taken}\": address already in use, another process listens there"
            )
        );

        let error = Listener::bind(Network::Tcp, "203.0.113.7:0")
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on \"203.0.113.7:0\": no interface of this machine has that address"
        );
        let error = Listener::bind(Network::Tcp, "5000").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot listen on \"5000\": missing port in address, write host:port or :port"
        );
    }

    #[tokio::test]
    async fn a_socket_file_is_replaced_and_anything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry.sock");
        let address = path.to_str().unwrap();
        let first = Listener::bind(Network::Unix, address).await.unwrap();
        let second = Listener::bind(Network::Unix, address).await.unwrap();
        drop(first);
        UnixStream::connect(&path).await.unwrap();
        assert_eq!(second.local_address().to_string(), address);
        drop(second);
        assert!(!path.exists());

        std::fs::write(&path, "kept").unwrap();
        let error = Listener::bind(Network::Unix, address).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("file {address} exists and is not a socket")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
    }
}

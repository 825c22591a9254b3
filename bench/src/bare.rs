//! What a server can be at best: one that does nothing but the part that cannot be left out.
//!
//! It runs as a process of its own (`wharf-bench bare <kind>`), so that it is loaded and measured exactly as the registries are.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use nix::sys::sendfile::sendfile64;

use crate::Outcome;
use crate::client::head;
use crate::client::target::Target;
use crate::cores::Cores;
use crate::process::Meter;

/// What the server answers every request with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `hello`, by hyper on one thread.
    Hello,
    /// This file, by sendfile(2) alone.
    Sendfile(PathBuf),
}

/// The name that the table gives to [`Kind::Hello`].
pub(crate) const HELLO: &str = "hyper hello";
/// The name that the table gives to [`Kind::Sendfile`].
pub(crate) const SENDFILE: &str = "sendfile";

/// A bare server, running; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Bare {
    process: Child,
    pub(crate) target: Target,
}

impl Bare {
    /// Starts one on the core for servers.
    pub(crate) fn start(cores: Cores, kind: &Kind) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).args(kind.words());
        // It reads its input only to learn that we are gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = cores.on_server(move || command.spawn())??;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let target = Target {
            address: line.trim().parse()?,
            tls: None,
            authorization: None,
            meter: Meter::of(process.id())?,
        };
        Ok(Self { process, target })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Kind {
    fn words(&self) -> Vec<PathBuf> {
        match self {
            Self::Hello => vec!["hello".into()],
            Self::Sendfile(file) => vec!["sendfile".into(), file.clone()],
        }
    }

    /// Reads what stands after [`COMMAND`].
    pub(crate) fn parse(words: &[String]) -> Option<Self> {
        match words {
            [kind] if kind == "hello" => Some(Self::Hello),
            [kind, file] if kind == "sendfile" => Some(Self::Sendfile(file.into())),
            _ => None,
        }
    }
}

/// The word for this server on the command line.
pub(crate) const COMMAND: &str = "bare";

/// Serves until the parent is gone: the body of the process.
pub(crate) fn serve(kind: Kind) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address: SocketAddr = listener.local_addr()?;
    writeln!(io::stdout(), "{address}")?;
    thread::spawn(move || match kind {
        Kind::Hello => hello(listener),
        Kind::Sendfile(file) => send_to_all(&listener, &file),
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Answers everybody until the process ends.
pub(crate) fn hello(listener: TcpListener) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = service_fn(async |_: Request<hyper::body::Incoming>| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                // A client that goes away is no failure of the server.
                let _ = connection.await;
            });
        }
    })
}

fn send_to_all(listener: &TcpListener, file: &Path) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let file = file.to_owned();
        thread::spawn(move || send_again_and_again(stream, &file));
    }
}

fn send_again_and_again(mut stream: TcpStream, file: &Path) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        while let Some((_, body)) = head::end(&received) {
            received.drain(..body);
            let file = File::open(file)?;
            let length = file.metadata()?.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
            )?;
            let mut left = usize::try_from(length).map_err(io::Error::other)?;
            while left > 0 {
                left -= sendfile64(&stream, &file, None, left)?;
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => received.extend_from_slice(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_whole_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, vec![7; 3_000_000]).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = Target {
            address: listener.local_addr().unwrap(),
            tls: None,
            authorization: None,
            meter: Meter::of(std::process::id()).unwrap(),
        };
        thread::spawn(move || send_to_all(&listener, &file));
        let mut connection = target.connect().await.unwrap();
        for _ in 0..2 {
            let answer = connection.exchange(&target.get("/")).await.unwrap();
            assert_eq!((answer.status, answer.length), (200, 3_000_000));
        }
    }

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in [Kind::Hello, Kind::Sendfile("file".into())] {
            let words: Vec<String> = kind
                .words()
                .iter()
                .map(|word| word.display().to_string())
                .collect();
            assert_eq!(Kind::parse(&words), Some(kind));
        }
        assert_eq!(Kind::parse(&["other".to_owned()]), None);
    }
}

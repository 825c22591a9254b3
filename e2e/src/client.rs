//! A client of the protocol's verbs over plain HTTP/1.1, for content that is made while it is sent and forgotten while it is read.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::digest;
use crate::layout::Image;

/// One connection to a server on this machine.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

/// What came back, without the bytes of a streamed body.
pub struct Reply {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, unless it was streamed.
    pub body: Vec<u8>,
}

/// An upload's place on the server, good for the next request only.
#[derive(Debug, Clone)]
pub struct Location(String);

impl Client {
    /// Connects.
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap()
    }

    /// Connects to a server that may be killed at any moment.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        let host = format!("127.0.0.1:{port}");
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(256 * 1024, stream),
            host,
        })
    }

    /// Sends a request with a whole body, and reads the whole answer.
    pub fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        self.try_request(method, path, headers, body).unwrap()
    }

    /// The same with a server that may be killed at any moment.
    pub fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Reply> {
        let length = body.len();
        let headers = format!("{headers}Content-Length: {length}\r\n");
        self.write_head(method, path, &headers)?;
        self.write(body)?;
        if method == "HEAD" {
            return self.reply_head();
        }
        self.reply()
    }

    /// Begins an upload.
    pub fn start_upload(&mut self, repository: &str) -> Location {
        let path = format!("/v2/{repository}/blobs/uploads/");
        self.request("POST", &path, "", b"").expect(202).location()
    }

    /// Appends bytes to an upload.
    pub fn append(&mut self, upload: &Location, bytes: &[u8]) -> Location {
        self.request("PATCH", &upload.0, OCTETS, bytes)
            .expect(202)
            .location()
    }

    /// Asks how far an upload has come: the `Range` and where to go on.
    pub fn offset(&mut self, upload: &Location) -> (String, Location) {
        let reply = self.request("GET", &upload.0, "", b"").expect(204);
        let range = reply.header("Range").unwrap().to_owned();
        (range, reply.location())
    }

    /// Appends noise to an upload as docker does: in one request whose length nobody knows beforehand. Returns its digest too.
    pub fn append_noise(&mut self, upload: &Location, noise: &Noise) -> (Location, String) {
        let headers = format!("{OCTETS}Transfer-Encoding: chunked\r\n");
        self.write_head("PATCH", &upload.0, &headers).unwrap();
        let mut hasher = Sha256::new();
        noise.each_block(|block| {
            hasher.update(block);
            self.write(format!("{:x}\r\n", block.len()).as_bytes())
                .unwrap();
            self.write(block).unwrap();
            self.write(b"\r\n").unwrap();
        });
        self.write(b"0\r\n\r\n").unwrap();
        let location = self.reply().unwrap().expect(202).location();
        (location, digest::written(hasher))
    }

    /// Ends an upload with nothing more to send.
    pub fn finish_upload(&mut self, upload: &Location, digest: &str) -> Reply {
        self.request("PUT", &upload.with_digest(digest), OCTETS, b"")
    }

    /// Pushes a blob in three requests; returns its digest.
    pub fn push_blob(&mut self, repository: &str, content: &[u8]) -> String {
        let digest = digest::of(content);
        let upload = self.start_upload(repository);
        let upload = self.append(&upload, content);
        let _ = self.finish_upload(&upload, &digest).expect(201);
        digest
    }

    /// Pushes a manifest by tag or digest; returns its digest.
    pub fn push_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> String {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = format!("Content-Type: {media_type}\r\n");
        let _ = self.request("PUT", &path, &headers, manifest).expect(201);
        digest::of(manifest)
    }

    /// Pushes an image with all its parts under a tag or its digest.
    pub fn push_image(&mut self, repository: &str, reference: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, blob);
        }
        self.push_manifest(
            repository,
            reference,
            crate::layout::MANIFEST,
            &image.manifest,
        );
    }

    /// Reads a blob and forgets it; returns its length and the digest of what came.
    pub fn pull_blob(&mut self, repository: &str, digest: &str) -> (u64, String) {
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.write_head("GET", &path, "").unwrap();
        let reply = self.reply_head().unwrap().expect(200);
        let length = reply.length();
        let mut hasher = Sha256::new();
        let mut left = length;
        while left > 0 {
            let buffered = self.stream.fill_buf().unwrap();
            let take = buffered.len().min(usize::try_from(left).unwrap());
            assert!(take > 0, "the blob ends {left} bytes early");
            hasher.update(&buffered[..take]);
            self.stream.consume(take);
            left -= u64::try_from(take).unwrap();
        }
        (length, digest::written(hasher))
    }

    fn write_head(&mut self, method: &str, path: &str, headers: &str) -> io::Result<()> {
        let host = &self.host;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        self.write(head.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut reply = self.reply_head()?;
        if reply.status != 204 {
            reply.body = vec![0; usize::try_from(reply.length()).unwrap()];
            self.stream.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }

    fn reply_head(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("\"{line}\" is no status line"));
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(Reply {
            status,
            headers,
            body: Vec::new(),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Location {
    /// The path, and the query that the server put there.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The path that ends the upload.
    pub fn with_digest(&self, digest: &str) -> String {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{separator}digest={digest}", self.0)
    }
}

impl Reply {
    /// Hands itself on if the status is this one.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn length(&self) -> u64 {
        let length = self.header("Content-Length").unwrap_or("0");
        length.parse().unwrap()
    }

    /// The server's absolute URL without its beginning, so that another server may go on.
    pub fn location(&self) -> Location {
        let url = self.header("Location").unwrap();
        let path = match url.split_once("://") {
            Some((_scheme, rest)) => rest.find('/').map(|at| &rest[at..]).unwrap(),
            None => url,
        };
        Location(path.to_owned())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            headers,
            body,
        } = self;
        let body = String::from_utf8_lossy(body);
        write!(formatter, "{status} {headers:?} {body:?}")
    }
}

/// Content that no two seeds share and nothing can compress, made block by block.
#[derive(Debug)]
pub struct Noise {
    seed: u64,
    blocks: u64,
}

impl Noise {
    /// So many MiB.
    pub fn new(seed: u64, mebibytes: u64) -> Self {
        Self {
            seed,
            blocks: mebibytes,
        }
    }

    /// Random once, then numbered: making it must cost little beside hashing and sending it.
    fn each_block(&self, mut take: impl FnMut(&[u8])) {
        let mut state = self.seed.wrapping_mul(2).wrapping_add(1);
        let mut block = Vec::with_capacity(MEBIBYTE);
        while block.len() < MEBIBYTE {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        for number in 0..self.blocks {
            block[..8].copy_from_slice(&number.to_le_bytes());
            take(&block);
        }
    }
}

const MEBIBYTE: usize = 1024 * 1024;
const OCTETS: &str = "Content-Type: application/octet-stream\r\n";
/// A server that says nothing for so long is taken for dead; with sixteen clients on two processors a turn can take a while.
const PATIENCE: Duration = Duration::from_secs(120);

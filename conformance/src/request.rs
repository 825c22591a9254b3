//! Requests of HTTP/1.1, framed as the client that is played frames them.

/// A request that is about to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Sized(Vec<u8>),
    Chunked(Vec<u8>),
    /// A length, and fewer bytes than that before the connection ends.
    Cut(Vec<u8>, usize),
}

impl Request {
    /// A request by any method.
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// GET, offering to take the answer compressed, as Go's client does unless told otherwise.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target).header("Accept-Encoding", "gzip")
    }

    /// HEAD.
    pub fn head(target: impl Into<String>) -> Self {
        Self::new("HEAD", target)
    }

    /// POST.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    /// PATCH.
    pub fn patch(target: impl Into<String>) -> Self {
        Self::new("PATCH", target)
    }

    /// PUT.
    pub fn put(target: impl Into<String>) -> Self {
        Self::new("PUT", target)
    }

    /// DELETE.
    pub fn delete(target: impl Into<String>) -> Self {
        Self::new("DELETE", target)
    }

    /// One more header line; the same name may come several times.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The part of the blob that the body is, as a client of chunks says it: `<first>-<last>`.
    #[must_use]
    pub fn content_range(self, first: usize, length: usize) -> Self {
        self.header("Content-Range", format!("{first}-{}", first + length - 1))
    }

    /// A body with its length.
    #[must_use]
    pub fn body(mut self, bytes: &[u8]) -> Self {
        self.body = Body::Sized(bytes.to_vec());
        self
    }

    /// A body without `Content-Length`: manifests, streamed layers and empty blobs of Go clients.
    #[must_use]
    pub fn chunked(mut self, bytes: &[u8]) -> Self {
        self.body = Body::Chunked(bytes.to_vec());
        self
    }

    /// A body that ends before the length that it announces.
    #[must_use]
    pub fn cut(mut self, bytes: &[u8], announced: usize) -> Self {
        self.body = Body::Cut(bytes.to_vec(), announced);
        self
    }

    /// Whether the client goes away in the middle of the body.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.body, Body::Cut(..))
    }

    pub(crate) fn to_bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\n",
            self.method, self.target
        );
        bytes.push_str("User-Agent: wharf-conformance\r\n");
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        let framing = match &self.body {
            Body::None if matches!(self.method, "GET" | "HEAD" | "DELETE") => None,
            Body::None => Some("Content-Length: 0\r\n".to_owned()),
            Body::Sized(body) => Some(format!("Content-Length: {}\r\n", body.len())),
            Body::Cut(_, announced) => Some(format!("Content-Length: {announced}\r\n")),
            Body::Chunked(_) => Some("Transfer-Encoding: chunked\r\n".to_owned()),
        };
        bytes.push_str(&framing.unwrap_or_default());
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        match &self.body {
            Body::None => {}
            Body::Sized(body) | Body::Cut(body, _) => bytes.extend(body),
            Body::Chunked(body) => {
                for part in body.chunks(CHUNK) {
                    bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
                    bytes.extend(part);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
        }
        bytes
    }
}

/// What Go's client copies at once.
const CHUNK: usize = 32 * 1024;

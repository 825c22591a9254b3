//! Requests of HTTP/1.1, and their bytes.

/// A request that is about to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
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
}

impl Request {
    pub(crate) fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn head(target: impl Into<String>) -> Self {
        Self::new("HEAD", target)
    }

    pub(crate) fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn patch(target: impl Into<String>) -> Self {
        Self::new("PATCH", target)
    }

    pub(crate) fn put(target: impl Into<String>) -> Self {
        Self::new("PUT", target)
    }

    pub(crate) fn delete(target: impl Into<String>) -> Self {
        Self::new("DELETE", target)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// A body with its length.
    pub(crate) fn body(mut self, bytes: &[u8]) -> Self {
        self.body = Body::Sized(bytes.to_vec());
        self
    }

    /// A body without a length, as docker sends layers.
    pub(crate) fn chunked(mut self, bytes: &[u8]) -> Self {
        self.body = Body::Chunked(bytes.to_vec());
        self
    }

    /// The head that announces a body of this length, which is sent apart or not at all.
    pub(crate) fn announcing(self, length: usize) -> Vec<u8> {
        let length = length.to_string();
        self.header("Content-Length", length).head_bytes()
    }

    /// The head and the body.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let announced = match &self.body {
            Body::None if matches!(self.method, "GET" | "HEAD" | "DELETE") => None,
            Body::None => Some(("Content-Length", "0".to_owned())),
            Body::Sized(bytes) => Some(("Content-Length", bytes.len().to_string())),
            Body::Chunked(_) => Some(("Transfer-Encoding", "chunked".to_owned())),
        };
        let mut bytes = match announced {
            None => self.head_bytes(),
            Some((name, value)) => self.clone().header(name, value).head_bytes(),
        };
        match &self.body {
            Body::None => {}
            Body::Sized(body) => bytes.extend(body),
            Body::Chunked(body) => {
                body.chunks(CHUNK)
                    .for_each(|part| bytes.extend(chunk(part)));
                bytes.extend(b"0\r\n\r\n");
            }
        }
        bytes
    }

    fn head_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// One chunk of a body without a length.
pub(crate) fn chunk(part: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", part.len()).into_bytes();
    bytes.extend(part);
    bytes.extend(b"\r\n");
    bytes
}

const CHUNK: usize = 16 * 1024;

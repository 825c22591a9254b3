//! A request, written out once and sent many times.

use bytes::Bytes;

use crate::content::Noise;

/// The bytes to send, and what to expect after them.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Everything before the body, with the empty line.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Body,
    /// Whether the answer is a head alone, whatever it says of its length.
    pub(crate) only_head: bool,
}

/// What is sent after the head.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    Noise(Noise),
}

impl Body {
    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Noise(noise) => noise.length,
        }
    }
}

impl Request {
    /// Writes the head; `headers` are whole lines without their ends.
    pub(crate) fn new(method: &str, path: &str, headers: &[String], body: Body) -> Self {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if !matches!(method, "GET" | "HEAD") {
            head.push_str(&format!("Content-Length: {}\r\n", body.length()));
        }
        head.push_str("\r\n");
        Self {
            head: head.into_bytes(),
            body,
            only_head: method == "HEAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_it_goes_out() {
        let request = Request::new(
            "PUT",
            "/v2/a/manifests/b",
            &["Content-Type: text/plain".to_owned()],
            Body::Bytes(Bytes::from_static(b"abc")),
        );
        assert_eq!(
            request.head,
            b"PUT /v2/a/manifests/b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n"
        );
        assert!(!request.only_head);
        assert!(Request::new("HEAD", "/", &[], Body::Empty).only_head);
    }
}

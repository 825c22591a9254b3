//! The head of an HTTP/1.1 answer, as far as a load client must understand it.

use std::io;

/// Status line and the headers that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// Where an upload goes on.
    pub(crate) location: Option<String>,
}

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks that say their own length.
    Chunked,
}

impl Head {
    /// Reads a head, without the empty line that ends it.
    pub(crate) fn parse(text: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(text).map_err(io::Error::other)?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|line| line.get(..3))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other(format!("not an answer: {text:?}")))?;
        let mut head = Self {
            status,
            framing: Framing::Length(0),
            location: None,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.framing = Framing::Length(value.parse().map_err(io::Error::other)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.framing = Framing::Chunked;
            } else if name.eq_ignore_ascii_case("location") {
                head.location = Some(value.to_owned());
            }
        }
        Ok(head)
    }
}

/// Where the head ends in what has been received: the offsets of the empty line and of the body.
pub(crate) fn end(received: &[u8]) -> Option<(usize, usize)> {
    let at = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((at, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read() {
        let text = b"HTTP/1.1 202 Accepted\r\nlocation: /v2/a/blobs/uploads/1?_state=x\r\nContent-Length: 0\r\n\r\nrest";
        let (head, body) = end(text).unwrap();
        assert_eq!(&text[body..], b"rest");
        assert_eq!(
            Head::parse(&text[..head]).unwrap(),
            Head {
                status: 202,
                framing: Framing::Length(0),
                location: Some("/v2/a/blobs/uploads/1?_state=x".to_owned()),
            }
        );
    }

    #[test]
    fn chunks_are_seen() {
        let head = Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked").unwrap();
        assert_eq!(head.framing, Framing::Chunked);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(Head::parse(b"HTTP/1.1").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: many").is_err());
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n"), None);
    }
}

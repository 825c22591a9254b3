//! Answers of HTTP/1.1, with the rules that hold for each of them.

use std::fmt;
use std::io::BufRead;

use serde_json::Value;

use crate::errors;

/// An answer, and the request that it belongs to.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers as they stood on the wire.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The first line of the request, for messages.
    asked: String,
}

impl Answer {
    /// Reads the answer to a request; none where the connection ends before it.
    pub(crate) fn read(stream: &mut impl BufRead, asked: &str) -> Option<Self> {
        let mut answer = Self {
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            asked: asked.to_owned(),
        };
        loop {
            answer.read_head(stream)?;
            if answer.status >= 200 {
                break;
            }
        }
        answer.read_body(stream);
        Some(answer)
    }

    /// Hands itself on if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        self.expect_one_of(&[status])
    }

    /// Hands itself on if the status is one of these.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn expect_one_of(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "expected {statuses:?}: {self:?}"
        );
        self
    }

    /// Expects a refusal by this status with this code first.
    ///
    /// # Panics
    ///
    /// If it is none, or another.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) {
        let answer = self.expect(status);
        assert_eq!(
            errors::codes(&answer).first().map(String::as_str),
            Some(code),
            "{answer:?}"
        );
    }

    /// The first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Expects a header.
    ///
    /// # Panics
    ///
    /// If it is not there.
    #[track_caller]
    pub fn required(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The values of a list header: several lines as well as one with commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.values(name)
            .flat_map(|value| value.split(','))
            .map(|value| value.trim().to_owned())
            .collect()
    }

    /// Expects a header with this value.
    ///
    /// # Panics
    ///
    /// If it is not there or has another value.
    #[track_caller]
    pub fn with(self, name: &str, value: &str) -> Self {
        assert_eq!(self.required(name), value, "{name}: {self:?}");
        self
    }

    /// Expects these bytes, their exact length announced, and nothing compressed on the way.
    ///
    /// # Panics
    ///
    /// If it is otherwise.
    #[track_caller]
    pub fn with_body(self, bytes: &[u8]) -> Self {
        assert!(self.body == bytes, "other bytes than were pushed: {self:?}");
        assert_eq!(self.header("Content-Encoding"), None, "{self:?}");
        let length = bytes.len().to_string();
        self.with("Content-Length", &length)
    }

    /// The digest header, if there is one, is this one.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn naming(self, digest: &str) -> Self {
        self.with("Docker-Content-Digest", digest)
    }

    /// Where to go on: the path and the query of `Location`, which may be absolute or relative.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn location(&self) -> String {
        let location = self.required("Location");
        match location.split_once("://") {
            None => {
                assert!(location.starts_with('/'), "{self:?}");
                location.to_owned()
            }
            Some((_scheme, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        }
    }

    /// The target of the link to the next page.
    ///
    /// # Panics
    ///
    /// If a link is no `<...>; rel="next"`.
    pub fn next_page(&self) -> Option<String> {
        let link = self.header("Link")?;
        let (target, parameters) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert!(parameters.contains("rel=\"next\""), "{self:?}");
        match target.split_once("://") {
            None => Some(target.to_owned()),
            Some((_scheme, rest)) => Some(rest[rest.find('/').unwrap()..].to_owned()),
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn read_head(&mut self, stream: &mut impl BufRead) -> Option<()> {
        let first = line(stream)?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        self.status = status.unwrap_or_else(|| panic!("\"{first}\" is no status line"));
        self.headers.clear();
        loop {
            let line = line(stream)?;
            let Some((name, value)) = line.split_once(':') else {
                return Some(());
            };
            self.headers
                .push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn read_body(&mut self, stream: &mut impl BufRead) {
        if self.asked.starts_with("HEAD ") || matches!(self.status, 204 | 304) {
            return;
        }
        if self.header("Transfer-Encoding").is_some() {
            self.read_chunks(stream);
        } else if let Some(length) = self.header("Content-Length") {
            self.body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut self.body).unwrap();
        } else {
            stream.read_to_end(&mut self.body).unwrap();
        }
    }

    fn read_chunks(&mut self, stream: &mut impl BufRead) {
        loop {
            let size = usize::from_str_radix(&line(stream).unwrap(), 16).unwrap();
            let mut part = vec![0; size];
            stream.read_exact(&mut part).unwrap();
            self.body.extend(part);
            line(stream);
            if size == 0 {
                return;
            }
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            headers,
            body,
            asked,
        } = self;
        let shown = &body[..body.len().min(LONGEST_SHOWN)];
        let body_text = String::from_utf8_lossy(shown);
        write!(
            formatter,
            "{asked}\n-> {status} {headers:?}\n   {} bytes: {body_text}",
            body.len()
        )
    }
}

fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

/// Of a body in a message.
const LONGEST_SHOWN: usize = 1500;

//! One request as data: what is sent to both servers, with places for what each of them said before.

use std::collections::HashMap;

/// A request, the same for both servers.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Unique within its scenario; the tables of expected differences name it.
    pub(super) name: String,
    /// Under which name the `Location` of the answer is kept for later requests.
    pub(super) keeps: Option<&'static str>,
    form: Form,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

/// How the head is written.
#[derive(Debug, Clone)]
enum Form {
    /// As clients write it.
    Head { method: String, target: String },
    /// Byte by byte, without anything added.
    Raw(String),
}

#[derive(Debug, Clone)]
enum Body {
    /// Neither body nor length.
    None,
    /// With its length.
    Whole(Vec<u8>),
    /// In one chunk.
    Chunked(Vec<u8>),
}

/// The `Location`s that one server has given out, by the names under which requests kept them.
pub(super) type Kept = HashMap<&'static str, String>;

/// Any method, with the target as it stands on the wire.
///
/// `{x}` in it becomes the path and query of the `Location` kept as `x`, `{x.path}` only its path, `{x.state}` only its query.
pub(super) fn send(name: impl Into<String>, method: &str, target: impl Into<String>) -> Request {
    Request {
        name: name.into(),
        keeps: None,
        form: Form::Head {
            method: method.to_owned(),
            target: target.into(),
        },
        headers: Vec::new(),
        body: Body::None,
    }
}

pub(super) fn get(name: impl Into<String>, target: impl Into<String>) -> Request {
    send(name, "GET", target)
}

pub(super) fn head(name: impl Into<String>, target: impl Into<String>) -> Request {
    send(name, "HEAD", target)
}

pub(super) fn delete(name: impl Into<String>, target: impl Into<String>) -> Request {
    send(name, "DELETE", target)
}

pub(super) fn options(name: impl Into<String>, target: impl Into<String>) -> Request {
    send(name, "OPTIONS", target)
}

pub(super) fn post(name: impl Into<String>, target: impl Into<String>) -> Request {
    send(name, "POST", target).body("")
}

pub(super) fn patch(
    name: impl Into<String>,
    target: impl Into<String>,
    body: impl Into<Vec<u8>>,
) -> Request {
    send(name, "PATCH", target).body(body)
}

pub(super) fn put(
    name: impl Into<String>,
    target: impl Into<String>,
    body: impl Into<Vec<u8>>,
) -> Request {
    send(name, "PUT", target).body(body)
}

/// Bytes that need not be a request at all.
pub(super) fn raw(name: impl Into<String>, bytes: impl Into<String>) -> Request {
    Request {
        form: Form::Raw(bytes.into()),
        ..send(name, "", "")
    }
}

impl Request {
    #[must_use]
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(super) fn accept(self, media_type: impl Into<String>) -> Self {
        self.header("Accept", media_type)
    }

    #[must_use]
    pub(super) fn content_type(self, media_type: impl Into<String>) -> Self {
        self.header("Content-Type", media_type)
    }

    #[must_use]
    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(body.into());
        self
    }

    /// Sends the body without saying its length beforehand.
    #[must_use]
    pub(super) fn chunked(mut self) -> Self {
        if let Body::Whole(body) = self.body {
            self.body = Body::Chunked(body);
        }
        self
    }

    /// Keeps the `Location` of the answer for later requests.
    #[must_use]
    pub(super) fn keep(mut self, name: &'static str) -> Self {
        self.keeps = Some(name);
        self
    }

    /// The bytes for one of the servers.
    pub(super) fn bytes(&self, kept: &Kept) -> Vec<u8> {
        let (method, target) = match &self.form {
            Form::Raw(bytes) => return bytes.clone().into_bytes(),
            Form::Head { method, target } => (method, filled(target, kept)),
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        // The same for both, so that what they make of it can be compared as it is.
        if !self.headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {HOST}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let (framing, body) = match &self.body {
            Body::None => (String::new(), Vec::new()),
            Body::Whole(body) => (format!("Content-Length: {}\r\n", body.len()), body.clone()),
            Body::Chunked(body) => {
                let mut chunks = Vec::new();
                if !body.is_empty() {
                    chunks.extend(format!("{:x}\r\n", body.len()).into_bytes());
                    chunks.extend_from_slice(body);
                    chunks.extend_from_slice(b"\r\n");
                }
                chunks.extend_from_slice(b"0\r\n\r\n");
                ("Transfer-Encoding: chunked\r\n".to_owned(), chunks)
            }
        };
        let mut bytes = format!("{head}{framing}\r\n").into_bytes();
        bytes.extend(body);
        bytes
    }
}

/// The path and query of a `Location`, absolute or not.
pub(super) fn path_of(location: &str) -> String {
    match location.split_once("://") {
        Some((_scheme, rest)) => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
        None => location.to_owned(),
    }
}

fn filled(target: &str, kept: &Kept) -> String {
    let mut filled = target.to_owned();
    for (name, location) in kept {
        let (path, state) = location.split_once('?').unwrap_or((location, ""));
        filled = filled
            .replace(&format!("{{{name}}}"), location)
            .replace(&format!("{{{name}.path}}"), path)
            .replace(&format!("{{{name}.state}}"), state);
    }
    filled
}

/// The name under which clients know both servers.
pub(super) const HOST: &str = "registry.test:5000";

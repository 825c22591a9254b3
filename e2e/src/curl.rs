//! The real curl, and its answers taken apart.

use std::fmt;

use serde_json::Value;

use crate::run::Run;

/// A request about to be sent.
#[derive(Debug)]
pub struct Curl {
    url: String,
    arguments: Vec<String>,
    body: Option<Vec<u8>>,
}

/// What came back, header names and all.
pub struct Answer {
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// Names as they stood on the wire.
    pub headers: Vec<(String, String)>,
    /// Every byte after the headers.
    pub body: Vec<u8>,
}

impl Curl {
    /// Prepares a GET.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            arguments: Vec::new(),
            body: None,
        }
    }

    /// Adds arguments of curl's own.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Sends another method.
    #[must_use]
    pub fn method(self, method: &str) -> Self {
        match method {
            "HEAD" => self.args(&["--head"]),
            _ => self.args(&["--request", method]),
        }
    }

    /// Accepts these media types, a header line each.
    #[must_use]
    pub fn accept(self, media_types: &[&str]) -> Self {
        media_types.iter().fold(self, |curl, media_type| {
            curl.args(&["--header", &format!("Accept: {media_type}")])
        })
    }

    /// Says who asks.
    #[must_use]
    pub fn user(self, user: &str, password: &str) -> Self {
        self.args(&["--user", &format!("{user}:{password}")])
    }

    /// Looks away from the certificate.
    #[must_use]
    pub fn insecure(self) -> Self {
        self.args(&["--insecure"])
    }

    /// Sends a body of this type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.args(&["--header", &format!("Content-Type: {content_type}")])
    }

    /// Sends it, whatever comes back.
    ///
    /// # Panics
    ///
    /// If nothing does.
    pub fn send(self) -> Answer {
        let Self {
            url,
            arguments,
            body,
        } = self;
        let run = Run::new("curl")
            .args(["--silent", "--show-error", "--include", "--noproxy", "*"])
            .args(&arguments);
        let run = match body {
            Some(body) => run.args(["--data-binary", "@-"]).input(body),
            None => run,
        };
        let output = run.arg(&url).output();
        assert!(output.succeeded(), "{output}");
        Answer::parse(&output.stdout)
    }
}

impl Answer {
    /// The first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The digest that the server says it answers with.
    pub fn digest(&self) -> &str {
        self.header("Docker-Content-Digest")
            .unwrap_or_else(|| panic!("no Docker-Content-Digest in {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the body of {self:?}"))
    }

    /// The code of the first error in the body.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {}", self.text()))
            .to_owned()
    }

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

    /// Takes the last answer of what `curl --include` printed: interim ones come before it.
    fn parse(mut printed: &[u8]) -> Self {
        loop {
            let end = printed
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .unwrap_or_else(|| panic!("no headers in {}", String::from_utf8_lossy(printed)));
            let head = String::from_utf8_lossy(&printed[..end]).into_owned();
            let body = &printed[end + 4..];
            let mut lines = head.split("\r\n");
            let mut first = lines.next().unwrap().split(' ');
            let version = first.next().unwrap().to_owned();
            let status = first.next().unwrap().parse().unwrap();
            if (100..200).contains(&status) {
                printed = body;
                continue;
            }
            return Self {
                version,
                status,
                headers: lines
                    .map(|line| line.split_once(": ").unwrap_or((line, "")))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                body: body.to_vec(),
            };
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            status,
            headers,
            body: _,
        } = self;
        write!(
            formatter,
            "{version} {status} {headers:?} {:?}",
            self.text()
        )
    }
}

//! Answers of HTTP/1.1, read from the wire.

use std::io::BufRead;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the headers, as they stood on the wire.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one answer to a request by this method.
    pub(crate) fn read(stream: &mut impl BufRead, method: &str) -> Self {
        let mut answer = Self {
            status: 0,
            head: String::new(),
            body: Vec::new(),
        };
        while !answer.head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut answer.head).unwrap();
            assert!(read > 0, "the connection ended after {:?}", answer.head);
        }
        let status = answer.head.split(' ').nth(1);
        answer.status = status.and_then(|status| status.parse().ok()).unwrap();
        let bodiless = method == "HEAD" || matches!(answer.status, 100..200 | 204 | 304);
        if !bodiless {
            let length = answer.header("content-length").map(str::parse);
            answer.body = vec![0; length.expect("every answer has a length").unwrap()];
            stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of the first error in the body.
    pub(crate) fn code(&self) -> String {
        let code = &self.json()["errors"][0]["code"];
        code.as_str().unwrap().to_owned()
    }

    /// Where to go on: the path and the query of `Location`.
    pub(crate) fn location(&self) -> String {
        let location = self.header("location").expect("a Location");
        match location.split_once("://") {
            None => location.to_owned(),
            Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        }
    }

    /// Expects a status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}{body}", self.head);
        self
    }
}

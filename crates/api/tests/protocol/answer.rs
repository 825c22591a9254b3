//! An answer, read to its end, and what holds for all of them.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use wharf_api::Body;

use crate::ask::HOST;

/// What a client has in hand in the end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads the body to its end.
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// What holds whatever was asked.
    pub(crate) fn check(&self, method: &Method, path: &str) {
        let version = self.header("docker-distribution-api-version");
        let expected = (path != "/").then_some("registry/2.0");
        assert_eq!(version, expected, "{method} {path}: {self:?}");

        let length = self.header("content-length");
        let bodyless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        if bodyless.contains(&self.status) {
            assert_eq!((length, self.text()), (None, ""), "{method} {path}");
        } else if method == Method::HEAD {
            assert_eq!(self.text(), "", "{method} {path}");
            assert!(length.is_some(), "{method} {path}: {self:?}");
        } else {
            let real = self.body.len().to_string();
            assert_eq!(length, Some(real.as_str()), "{method} {path}: {self:?}");
        }
        for name in self.headers.keys() {
            let twice = self.headers.get_all(name).iter().count() > 1;
            assert!(!twice, "{method} {path}: {name} stands twice in {self:?}");
        }
    }

    /// Expects a status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Expects an error: its status, and the code of the first entry.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["errors"][0]["code"], code, "{answer:?}");
        answer
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().unwrap())
    }

    /// Status and headers, sorted, but for the one that every answer has.
    pub(crate) fn head(&self) -> Vec<String> {
        let lines = self.headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap();
            format!("{name}: {value}")
        });
        let mut lines: Vec<String> = lines
            .filter(|line| !line.starts_with("docker-distribution-api-version"))
            .collect();
        lines.sort();
        lines.insert(0, self.status.as_u16().to_string());
        lines
    }

    /// The path and query of the `Location`, which begins as the client called the registry.
    #[track_caller]
    pub(crate) fn location(&self) -> String {
        let location = self.header("location").unwrap();
        let origin = format!("http://{HOST}");
        location.strip_prefix(&origin).unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The detail of the first error.
    #[track_caller]
    pub(crate) fn detail(&self) -> Value {
        self.json()["errors"][0]["detail"].clone()
    }

    /// The digest that the answer names.
    #[track_caller]
    pub(crate) fn digest(&self) -> &str {
        self.header("docker-content-digest").unwrap()
    }
}

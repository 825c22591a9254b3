//! URLs in answers: absolute, as the client sees this registry (reference, section 4.4).

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_oci::{Digest, RepositoryName};
use wharf_registry::UploadId;

use crate::{config::Config, handlers::Query};

/// Builds the URLs of one request's answer.
#[derive(Debug, Clone)]
pub(crate) struct Locations {
    /// Scheme and host, or nothing; then the prefix.
    base: String,
}

impl Locations {
    /// Finds out how the client reached this registry.
    pub(crate) fn of(config: &Config, uri: &Uri, headers: &HeaderMap, tls: bool) -> Self {
        let origin = match &config.host {
            Some(host) => host.clone(),
            None if config.relative_urls => String::new(),
            None => origin(uri, headers, tls),
        };
        Self {
            base: format!("{origin}{}", config.prefix),
        }
    }

    pub(crate) fn blob(&self, name: &RepositoryName, digest: &Digest) -> HeaderValue {
        self.header(&format!("/v2/{name}/blobs/{digest}"))
    }

    pub(crate) fn manifest(&self, name: &RepositoryName, digest: &Digest) -> HeaderValue {
        self.header(&format!("/v2/{name}/manifests/{digest}"))
    }

    pub(crate) fn upload(&self, name: &RepositoryName, id: &UploadId, state: &str) -> HeaderValue {
        let state = encode(state);
        self.header(&format!("/v2/{name}/blobs/uploads/{id}?_state={state}"))
    }

    fn header(&self, path: &str) -> HeaderValue {
        // The host came out of a header or the configuration, the path out of typed parts.
        HeaderValue::from_str(&format!("{}{path}", self.base))
            .unwrap_or_else(|_| HeaderValue::from_static("/v2/"))
    }
}

/// The `Link` to the next page of a list (RFC 5988): the request's own path, with `last` and `n`.
pub(crate) fn next_page(uri: &Uri, last: &str, n: usize) -> Option<HeaderValue> {
    let link = format!("<{}?last={}&n={n}>; rel=\"next\"", uri.path(), encode(last));
    HeaderValue::from_str(&link).ok()
}

/// The `Link` to more referrers: the request's own path and filter, after the last one listed.
pub(crate) fn more_referrers(uri: &Uri, query: &Query, last: &Digest) -> Option<HeaderValue> {
    let mut link = format!("<{}?last={}", uri.path(), encode(last.as_str()));
    for key in ["n", "artifactType"] {
        if let Some(value) = query.get(key) {
            link.push_str(&format!("&{key}={}", encode(value)));
        }
    }
    HeaderValue::from_str(&format!("{link}>; rel=\"next\"")).ok()
}

fn origin(uri: &Uri, headers: &HeaderMap, tls: bool) -> String {
    let asked = Origin {
        scheme: if tls || uri.scheme() == Some(&Scheme::HTTPS) {
            "https".to_owned()
        } else {
            "http".to_owned()
        },
        host: uri
            .authority()
            .map(ToString::to_string)
            .or_else(|| text(headers, &header::HOST).map(ToOwned::to_owned))
            .unwrap_or_default(),
    };
    let Origin { scheme, host } = match text(headers, &header::FORWARDED) {
        Some(forwarded) => asked.forwarded(forwarded),
        None => asked.x_forwarded(headers),
    };
    if host.is_empty() {
        // Without a host there is no absolute URL; one without scheme still leads here.
        return String::new();
    }
    format!("{scheme}://{host}")
}

struct Origin {
    scheme: String,
    host: String,
}

impl Origin {
    /// RFC 7239; only the first element counts: it is the proxy nearest to the client.
    fn forwarded(mut self, forwarded: &str) -> Self {
        for pair in forwarded.split(',').next().unwrap_or_default().split(';') {
            let Some((key, value)) = pair.trim().split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            if key.eq_ignore_ascii_case("proto") {
                self.set_scheme(value);
            } else if key.eq_ignore_ascii_case("host") {
                self.set_host(value);
            }
        }
        self
    }

    fn x_forwarded(mut self, headers: &HeaderMap) -> Self {
        let first = |name| text(headers, &name).and_then(|value| value.split(',').next());
        if let Some(scheme) = first(HeaderName::from_static("x-forwarded-proto")) {
            self.set_scheme(scheme.trim());
        }
        if let Some(host) = first(HeaderName::from_static("x-forwarded-host")) {
            self.set_host(host.trim());
        }
        self
    }

    fn set_scheme(&mut self, scheme: &str) {
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "http" || scheme == "https" {
            self.scheme = scheme;
        }
    }

    fn set_host(&mut self, host: &str) {
        if host.parse::<http::uri::Authority>().is_ok() {
            host.clone_into(&mut self.host);
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers
        .get(name)?
        .to_str()
        .ok()
        .filter(|text| !text.is_empty())
}

fn encode(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, QUERY)
}

/// What Go's `url.QueryEscape` leaves as it is; a space, which it writes as `+`, cannot occur.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn located(config: &Config, headers: &[(&'static str, &str)], tls: bool) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let uri = Uri::from_static("/v2/n/blobs/uploads/");
        let locations = Locations::of(config, &uri, &map, tls);
        let digest = Digest::sha256(b"");
        let header = locations.blob(&"n".parse().unwrap(), &digest);
        let suffix = format!("/v2/n/blobs/{digest}");
        let text = header.to_str().unwrap();
        text.strip_suffix(&suffix).unwrap().to_owned()
    }

    #[test]
    fn urls_are_as_the_client_sees_the_registry() {
        let plain = Config::default();
        let host = ("host", "inner:5000");
        let table = [
            (vec![host], false, "http://inner:5000"),
            (vec![host], true, "https://inner:5000"),
            (
                vec![host, ("x-forwarded-proto", "https")],
                false,
                "https://inner:5000",
            ),
            (
                vec![
                    host,
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "reg.example, b"),
                ],
                false,
                "https://reg.example",
            ),
            (
                vec![
                    host,
                    (
                        "forwarded",
                        "proto=https;host=\"reg.example:8443\", host=other",
                    ),
                ],
                false,
                "https://reg.example:8443",
            ),
            (
                vec![
                    host,
                    ("forwarded", "nonsense"),
                    ("x-forwarded-host", "reg.example"),
                ],
                false,
                "http://inner:5000",
            ),
            (
                vec![host, ("x-forwarded-proto", "gopher")],
                false,
                "http://inner:5000",
            ),
            (
                vec![host, ("x-forwarded-host", "a b")],
                false,
                "http://inner:5000",
            ),
            (vec![], false, ""),
        ];
        for (headers, tls, expected) in table {
            assert_eq!(located(&plain, &headers, tls), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_configured_host_beats_everything() {
        let config = Config {
            host: Some("https://reg.example".to_owned()),
            relative_urls: true,
            prefix: "/pre".to_owned(),
            ..Config::default()
        };
        let forwarded = [("host", "inner"), ("x-forwarded-host", "other")];
        assert_eq!(
            located(&config, &forwarded, false),
            "https://reg.example/pre"
        );
    }

    #[test]
    fn relative_urls_have_neither_scheme_nor_host() {
        let config = Config {
            relative_urls: true,
            ..Config::default()
        };
        assert_eq!(located(&config, &[("host", "inner")], true), "");
    }

    #[test]
    fn the_next_page_is_encoded_like_distributions() {
        let link = next_page(&Uri::from_static("/v2/_catalog?n=2&x=y"), "a/b", 2).unwrap();
        assert_eq!(link, "</v2/_catalog?last=a%2Fb&n=2>; rel=\"next\"");
    }
}

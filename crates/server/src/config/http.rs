//! `http`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;

use crate::config::address::HostPort;
use crate::config::cursor::Cursor;
use crate::config::duration;
use crate::config::fault::{Fault, Problem, quote};
use crate::config::secret::Secret;
use crate::config::tls::TlsSection;
use crate::config::typed;

/// Where and how to listen, and what to tell clients.
#[derive(Debug)]
pub(crate) struct HttpSection {
    /// Where to listen.
    pub(crate) listen: ListenAddress,
    /// The path under which the API is; begins and ends with a slash.
    pub(crate) prefix: String,
    /// What absolute links begin with, whatever the request says.
    pub(crate) host: Option<ExternalHost>,
    /// The key that signs the state of uploads; `None` if the server is to make one up.
    pub(crate) secret: Option<Secret<String>>,
    /// Whether links are without scheme and host.
    pub(crate) relativeurls: bool,
    /// How long requests in flight may take when the server stops; `None` leaves it to the server.
    pub(crate) draintimeout: Option<Duration>,
    /// How connections are encrypted; `None` if they are not.
    pub(crate) tls: Option<TlsSection>,
    /// The listener for operators; `None` if there is none.
    pub(crate) debug: Option<DebugSection>,
    /// The headers that every answer of the API carries.
    pub(crate) headers: HeaderMap,
    /// Whether HTTP/2 is not offered over TLS.
    pub(crate) http2_disabled: bool,
    /// Whether HTTP/2 is offered without TLS.
    pub(crate) h2c_enabled: bool,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// A TCP port.
    Tcp(HostPort),
    /// A unix socket.
    Unix(PathBuf),
}

/// How clients reach the registry from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalHost {
    /// `http` or `https`.
    pub(crate) scheme: Scheme,
    /// The host, with its port if it has one.
    pub(crate) authority: Authority,
    /// The folder below which a proxy shows the registry, without its last slash.
    pub(crate) folder: String,
}

/// The listener for operators.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DebugSection {
    /// Where it listens.
    pub(crate) addr: HostPort,
    /// The path of the metrics; `None` if there are none.
    pub(crate) prometheus_path: Option<String>,
}

impl HttpSection {
    /// Reads the section `http`.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let Keys {
            addr,
            net,
            prefix,
            host,
            secret,
            relativeurls,
            draintimeout,
            tls: serde::de::IgnoredAny,
            debug,
            headers,
            http2,
            h2c,
        } = section.read()?;
        Ok(Self {
            listen: net
                .address(&addr)
                .map_err(|problem| section.child("addr").fault(Problem::Value(problem)))?,
            prefix: normal_prefix(&section.child("prefix"), &prefix),
            host: external_host(&section.child("host"), &host)?,
            secret: secret.filter(|secret| !secret.expose().is_empty()),
            relativeurls,
            draintimeout,
            tls: TlsSection::read(&section.child("tls"))?,
            debug: debug.section(),
            headers: ours_to_give(&section.child("headers"), headers.0)?,
            http2_disabled: http2.disabled,
            h2c_enabled: h2c.enabled,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    addr: String,
    #[serde(deserialize_with = "typed::keyword")]
    net: Network,
    prefix: String,
    host: String,
    secret: Option<Secret<String>>,
    relativeurls: bool,
    #[serde(deserialize_with = "duration::deserialize_some")]
    draintimeout: Option<Duration>,
    tls: serde::de::IgnoredAny,
    debug: Debug,
    headers: Headers,
    http2: Http2,
    h2c: H2c,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Debug {
    #[serde(deserialize_with = "some_address")]
    addr: Option<HostPort>,
    prometheus: Prometheus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Prometheus {
    enabled: bool,
    path: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Http2 {
    disabled: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct H2c {
    enabled: bool,
}

/// Headers, checked as they are read.
#[derive(Default)]
pub(super) struct Headers(pub(super) HeaderMap);

#[derive(Clone, Copy, Default)]
enum Network {
    #[default]
    Tcp,
    Unix,
}

impl Network {
    fn address(self, addr: &str) -> Result<ListenAddress, String> {
        match self {
            Self::Tcp if addr.is_empty() => Ok(ListenAddress::Tcp(HostPort::default())),
            Self::Tcp => addr.parse().map(ListenAddress::Tcp),
            Self::Unix if addr.is_empty() => Err("a unix socket needs a path".to_owned()),
            Self::Unix => Ok(ListenAddress::Unix(PathBuf::from(addr))),
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "unix" => Ok(Self::Unix),
            _ => Err(format!(
                "unknown address type {}; use tcp or unix",
                quote(text)
            )),
        }
    }
}

impl Debug {
    fn section(self) -> Option<DebugSection> {
        let Prometheus { enabled, path } = self.prometheus;
        let path = if path.is_empty() {
            "/metrics".to_owned()
        } else {
            path
        };
        Some(DebugSection {
            addr: self.addr?,
            prometheus_path: enabled.then_some(path),
        })
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> serde::de::Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("header names with lists of values")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = HeaderMap::new();
        while let Some(Header(name)) = map.next_key()? {
            for HeaderText(value) in map.next_value::<Vec<HeaderText>>()? {
                headers.append(name.clone(), value);
            }
        }
        Ok(Headers(headers))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Header(HeaderName);

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = HeaderName::from_str(&text)
            .map_err(|_| format!("{} is not a header name", quote(&text)))?;
        Ok(Self(name))
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct HeaderText(HeaderValue);

impl TryFrom<String> for HeaderText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let value = HeaderValue::from_str(&text)
            .map_err(|_| format!("{} is not a header value", quote(&text)))?;
        Ok(Self(value))
    }
}

fn some_address<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<HostPort>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Refuses headers that would make answers unreadable, and leaves out, with a warning, those that
/// say of an answer what only the registry knows.
fn ours_to_give(section: &Cursor<'_>, mut headers: HeaderMap) -> Result<HeaderMap, Fault> {
    for (key, child) in section.children()? {
        let name = key.to_lowercase();
        if FRAMING.contains(&name.as_str()) {
            let problem = "clients could not read the answers, which the registry frames and encodes itself; \
                           remove this header";
            return Err(child.fault(Problem::Value(problem.to_owned())));
        }
        if OF_THE_ANSWER.contains(&name.as_str()) {
            headers.remove(&name);
            child.warn(
                "the registry sets this header itself where it belongs; this one is left out",
            );
        }
    }
    Ok(headers)
}

/// Gives a prefix the slashes that Distribution demands and never asks for.
fn normal_prefix(cursor: &Cursor<'_>, prefix: &str) -> String {
    let inner = prefix.trim_matches('/');
    let normal = if inner.is_empty() {
        "/".to_owned()
    } else {
        format!("/{inner}/")
    };
    if !prefix.is_empty() && normal != prefix {
        cursor.warn(&format!(
            "{} is read as {normal:?}; a prefix begins and ends with a slash",
            quote(prefix)
        ));
    }
    normal
}

fn external_host(cursor: &Cursor<'_>, text: &str) -> Result<Option<ExternalHost>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let parts = text.parse::<Uri>().map(Uri::into_parts).ok();
    let parts =
        parts.and_then(|parts| Some((parts.scheme?, parts.authority?, parts.path_and_query)));
    let refuse = || {
        let problem = format!(
            "could not parse http \"host\" parameter: {} is not an absolute URL; use for example https://registry.example.com",
            quote(text)
        );
        cursor.fault(Problem::Value(problem))
    };
    let (scheme, authority, path) = parts.ok_or_else(refuse)?;
    if (scheme != Scheme::HTTP && scheme != Scheme::HTTPS) || authority.as_str().contains('@') {
        return Err(refuse());
    }
    // The parser takes anything for a port.
    let port = authority.as_str().strip_prefix(authority.host());
    let port = port.and_then(|port| port.strip_prefix(':'));
    if let Some(port) = port.filter(|port| authority.port_u16().is_none() && !port.is_empty()) {
        let problem = format!(
            "could not parse http \"host\" parameter: invalid port {} in {}; use for example https://registry.example.com:5000",
            quote(port),
            quote(text)
        );
        return Err(cursor.fault(Problem::Value(problem)));
    }
    let path = path.as_ref().map_or("/", |path| path.path());
    // As a browser resolves a link on a page there: what follows the last slash is replaced.
    let (folder, page) = path.rsplit_once('/').unwrap_or_default();
    if !page.is_empty() {
        let page = quote(page);
        cursor.warn(&format!(
            "{page} is dropped, since a folder ends in a slash: {}",
            quote(&format!("{text}/"))
        ));
    }
    Ok(Some(ExternalHost {
        scheme,
        authority,
        folder: folder.to_owned(),
    }))
}

/// Headers that tell how an answer is cut into messages, or what was done to its bytes: those of
/// one connection (RFC 9110, section 7.6.1), and those that change how a body is read.
const FRAMING: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that the registry sets on the answers that they are true of. On all others they would
/// lie: a `Link` that is always there sends clients round in circles.
const OF_THE_ANSWER: [&str; 15] = [
    "accept-ranges",
    "allow",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-uuid",
    "etag",
    "link",
    "location",
    "oci-chunk-min-length",
    "oci-filters-applied",
    "oci-subject",
    "range",
    "www-authenticate",
];

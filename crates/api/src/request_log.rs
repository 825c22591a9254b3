//! The log of a request: one line for the access log, one or more for the application log,
//! written when the answer's body has ended (reference, sections 8.5 to 8.7).

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use jiff::{Timestamp, tz::TimeZone};
use tracing::Level;
use uuid::Uuid;
use wharf_oci::{Digest, Reference, RepositoryName};
use wharf_registry::UploadId;

use crate::{
    chain::Chain,
    connection::ConnectionInfo,
    endpoint::Endpoint,
    error::{Detail, ErrorEntry},
    respond::Answered,
};

/// What is known of a request, gathered on its way. Parts of it are shared, not copied, and become
/// text when a line is written: most requests may leave none.
#[derive(Debug)]
pub(crate) struct RequestLog {
    began: Instant,
    at: Timestamp,
    /// Made for the first line.
    id: OnceLock<Uuid>,
    method: Method,
    uri: Uri,
    version: Version,
    peer: Option<SocketAddr>,
    told: Told,
    route: Route,
    user: Option<String>,
    status: Option<StatusCode>,
    answer_type: Option<HeaderValue>,
    errors: Vec<ErrorEntry>,
    written: u64,
    broken_off: Option<String>,
}

/// What the client tells in headers that are logged.
#[derive(Debug)]
struct Told {
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    forwarded_for: Option<HeaderValue>,
    real_ip: Option<HeaderValue>,
}

/// The parts of a path that Distribution logs as `vars.*`.
#[derive(Debug, Default)]
struct Route {
    name: Option<RepositoryName>,
    reference: Option<Reference>,
    digest: Option<Digest>,
    upload: Option<UploadId>,
}

impl RequestLog {
    /// Notes what a request brings.
    pub(crate) fn begin<B>(request: &Request<B>, connection: &ConnectionInfo) -> Self {
        Self {
            began: Instant::now(),
            at: Timestamp::now(),
            id: OnceLock::new(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            peer: connection.peer,
            told: Told::of(request.headers()),
            route: Route::default(),
            user: None,
            status: None,
            answer_type: None,
            errors: Vec::new(),
            written: 0,
            broken_off: None,
        }
    }

    /// Notes what was asked for.
    pub(crate) fn routed(&mut self, endpoint: &Endpoint) {
        self.route.name = endpoint.repository().cloned();
        match endpoint {
            Endpoint::GetManifest { reference, .. }
            | Endpoint::PutManifest { reference, .. }
            | Endpoint::DeleteManifest { reference, .. } => {
                self.route.reference = Some(reference.clone());
            }
            Endpoint::GetBlob { digest, .. }
            | Endpoint::Referrers { digest, .. }
            | Endpoint::DeleteBlob { digest, .. } => self.route.digest = Some(digest.clone()),
            Endpoint::UploadStatus { id, .. }
            | Endpoint::AppendUpload { id, .. }
            | Endpoint::CompleteUpload { id, .. }
            | Endpoint::CancelUpload { id, .. } => self.route.upload = Some(id.clone()),
            Endpoint::Base
            | Endpoint::Catalog
            | Endpoint::ListTags { .. }
            | Endpoint::StartUpload { .. } => {}
        }
    }

    /// Notes who asks, once it is known that they may.
    pub(crate) fn authorized(&mut self, user: Option<String>) {
        if let Some(user) = &user {
            tracing::info!(http.request.id = %self.id(), auth.user.name = %user, "authorized request");
        }
        self.user = user;
    }

    /// Notes the errors that the answer carries, and logs what caused one of ours.
    pub(crate) fn failed(&mut self, error: &crate::error::Error, errors: Vec<ErrorEntry>) {
        self.errors = errors;
        let cause = error as &dyn std::error::Error;
        match error {
            crate::error::Error::Refused { refusal, .. } => {
                tracing::warn!(http.request.id = %self.id(), "error authorizing context: {}",
                    Chain(refusal));
            }
            error if error.answer().status.is_server_error() => {
                tracing::error!(http.request.id = %self.id(), "request failed: {}", Chain(cause));
            }
            _ => {}
        }
    }

    /// Notes the answer's head.
    pub(crate) fn answered(&mut self, response: &Answered) {
        self.status = Some(response.status());
        self.answer_type = response.headers().get(header::CONTENT_TYPE).cloned();
    }

    /// Notes bytes of the answer's body.
    pub(crate) fn wrote(&mut self, bytes: u64) {
        self.written += bytes;
    }

    /// Notes that the answer's body could not be read to its end.
    pub(crate) fn broke_off(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.broken_off = Some(Chain(error).to_string());
    }

    fn id(&self) -> &Uuid {
        self.id.get_or_init(Uuid::new_v4)
    }

    fn host(&self) -> Cow<'_, str> {
        match self.uri.authority() {
            Some(authority) => authority.as_str().into(),
            None => text(self.told.host.as_ref()).unwrap_or_default(),
        }
    }

    /// The client's address as the application log has it: what a proxy says, which anyone can.
    fn remote_address(&self) -> String {
        let forwarded = text(self.told.forwarded_for.as_ref());
        let first = forwarded.as_deref().and_then(|list| list.split(',').next());
        let real = text(self.told.real_ip.as_ref());
        [first, real.as_deref()]
            .into_iter()
            .flatten()
            .map(str::trim)
            .find(|text| text.parse::<IpAddr>().is_ok())
            .map(ToOwned::to_owned)
            .or_else(|| self.peer.map(|peer| peer.to_string()))
            .unwrap_or_default()
    }

    fn status_code(&self) -> u16 {
        self.status.map_or(CLIENT_GONE, |status| status.as_u16())
    }

    fn write_access_line(&self) {
        if !tracing::enabled!(target: ACCESS_LOG, Level::INFO) {
            return;
        }
        let peer = self
            .peer
            .map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
        let at = self.at.to_zoned(TimeZone::UTC);
        let at = at.strftime("%d/%b/%Y:%H:%M:%S %z");
        tracing::info!(
            target: ACCESS_LOG,
            "{peer} - - [{at}] \"{} {} {:?}\" {} {} \"{}\" \"{}\"",
            self.method,
            path_and_query(&self.uri),
            self.version,
            self.status_code(),
            self.written,
            escape(&text(self.told.referer.as_ref()).unwrap_or_default()),
            escape(&text(self.told.user_agent.as_ref()).unwrap_or_default()),
        );
    }

    fn write_line(&self, error: Option<&ErrorEntry>) {
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    http.request.id = %self.id(),
                    http.request.method = %self.method,
                    http.request.host = %self.host(),
                    http.request.uri = %path_and_query(&self.uri),
                    http.request.referer = text(self.told.referer.as_ref()).as_deref(),
                    http.request.useragent = %text(self.told.user_agent.as_ref()).unwrap_or_default(),
                    http.request.remoteaddr = %self.remote_address(),
                    http.request.contenttype = text(self.told.content_type.as_ref()).as_deref(),
                    http.response.status = self.status_code(),
                    http.response.written = self.written,
                    http.response.contenttype = text(self.answer_type.as_ref()).as_deref(),
                    http.response.duration = %GoDuration(self.began.elapsed()),
                    http.response.error = self.broken_off,
                    vars.name = self.route.name.as_ref().map(RepositoryName::as_str),
                    vars.reference = self.route.reference.as_ref().map(reference),
                    vars.digest = self.route.digest.as_ref().map(Digest::as_str),
                    vars.uuid = self.route.upload.as_ref().map(UploadId::as_str),
                    auth.user.name = self.user,
                    err.code = error.map(|error| error.code.log_text()),
                    err.message = error.map(|error| error.message),
                    err.detail = error.and_then(|error| error.detail.as_ref()).map(detail),
                    $message
                )
            };
        }
        if error.is_some() || self.broken_off.is_some() {
            line!(error, "response completed with error");
        } else {
            line!(info, "response completed");
        }
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.broken_off = Some("the connection was closed before the answer".to_owned());
        }
        self.write_access_line();
        if self.errors.is_empty() {
            self.write_line(None);
        }
        for error in &self.errors {
            self.write_line(Some(error));
        }
    }
}

impl Told {
    fn of(headers: &HeaderMap) -> Self {
        let told = |name: HeaderName| headers.get(name).cloned();
        Self {
            host: told(header::HOST),
            user_agent: told(header::USER_AGENT),
            referer: told(header::REFERER),
            content_type: told(header::CONTENT_TYPE),
            forwarded_for: told(FORWARDED_FOR),
            real_ip: told(REAL_IP),
        }
    }
}

fn text(value: Option<&HeaderValue>) -> Option<Cow<'_, str>> {
    Some(String::from_utf8_lossy(value?.as_bytes()))
}

fn reference(reference: &Reference) -> &str {
    match reference {
        Reference::Tag(tag) => tag.as_str(),
        Reference::Digest(digest) => digest.as_str(),
    }
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", |both| both.as_str())
}

fn detail(detail: &Detail) -> String {
    match detail {
        Detail::Value(serde_json::Value::String(text)) => text.clone(),
        // Values and records of access always have a JSON form.
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Keeps a header's text within its quotes, on its line.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace(char::is_control, "?")
}

/// A duration as Go prints it: `1.234567ms`, `2.5s`.
struct GoDuration(Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, name, digits) = match nanos {
            0 => return formatter.write_str("0s"),
            1..1_000 => return write!(formatter, "{nanos}ns"),
            1_000..1_000_000 => (1_000, "µs", 3),
            1_000_000..1_000_000_000 => (1_000_000, "ms", 6),
            _ => (1_000_000_000, "s", 9),
        };
        let (mut whole, rest) = (nanos / unit, nanos % unit);
        if name == "s" {
            let (hours, minutes) = (whole / 3600, whole / 60 % 60);
            if hours > 0 {
                write!(formatter, "{hours}h")?;
            }
            if hours > 0 || minutes > 0 {
                write!(formatter, "{minutes}m")?;
            }
            whole %= 60;
        }
        write!(formatter, "{whole}")?;
        if rest > 0 {
            let fraction = format!("{rest:0digits$}");
            write!(formatter, ".{}", fraction.trim_end_matches('0'))?;
        }
        formatter.write_str(name)
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What the log has as the status of a request whose client did not wait for the answer.
const CLIENT_GONE: u16 = 499;

/// The target of access log lines: whoever collects logs writes their message as it is.
pub(crate) const ACCESS_LOG: &str = "wharf::access";

#[cfg(test)]
mod tests;

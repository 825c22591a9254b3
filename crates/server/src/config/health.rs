//! `health`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, Uri};
use serde::Deserialize;

use crate::config::address::HostPort;
use crate::config::cursor::Cursor;
use crate::config::duration;
use crate::config::fault::{Fault, Problem, quote};
use crate::config::http::Headers;

/// What must be well for the registry to serve.
#[derive(Debug)]
pub(crate) struct HealthSection {
    /// Whether and how the storage is checked.
    pub(crate) storage: Option<Schedule>,
    /// Files that must not exist.
    pub(crate) files: Vec<FileCheck>,
    /// Addresses that must answer to HTTP.
    pub(crate) http: Vec<HttpCheck>,
    /// Addresses that must accept connections.
    pub(crate) tcp: Vec<TcpCheck>,
}

/// How often to check, and how many failures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// The time between two checks.
    pub(crate) interval: Duration,
    /// How many failures in a row make the registry unhealthy; at least 1.
    pub(crate) threshold: u32,
}

/// A file that must not exist.
#[derive(Debug)]
pub(crate) struct FileCheck {
    /// The file.
    pub(crate) file: PathBuf,
    /// When to look.
    pub(crate) schedule: Schedule,
}

/// An address that must answer to HTTP.
#[derive(Debug)]
pub(crate) struct HttpCheck {
    /// Where the request goes.
    pub(crate) uri: Uri,
    /// What it carries.
    pub(crate) headers: HeaderMap,
    /// The status that is well.
    pub(crate) status: u16,
    /// How long an answer may take; `None` for ever.
    pub(crate) timeout: Option<Duration>,
    /// When to ask.
    pub(crate) schedule: Schedule,
}

/// An address that must accept connections.
#[derive(Debug)]
pub(crate) struct TcpCheck {
    /// The address.
    pub(crate) addr: HostPort,
    /// How long connecting may take; `None` for as long as the system tries.
    pub(crate) timeout: Option<Duration>,
    /// When to connect.
    pub(crate) schedule: Schedule,
}

impl HealthSection {
    /// Reads the section `health`.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let Keys {
            storagedriver,
            file,
            http,
            tcp,
        } = section.read()?;
        let mut names = HashSet::new();
        let files = file.iter().map(|check| check.file.display().to_string());
        let all = files
            .chain(http.iter().map(|check| check.uri.0.to_string()))
            .chain(tcp.iter().map(|check| check.addr.to_string()));
        for name in all {
            if names.contains(&name) {
                return Err(section.fault(Problem::Value(format!("Check already exists: {name}"))));
            }
            names.insert(name);
        }
        Ok(Self {
            storage: storagedriver
                .enabled
                .then(|| schedule(storagedriver.interval, storagedriver.threshold)),
            files: file.into_iter().map(FileKeys::check).collect(),
            http: http.into_iter().map(HttpKeys::check).collect(),
            tcp: tcp.into_iter().map(TcpKeys::check).collect(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    storagedriver: StorageKeys,
    file: Vec<FileKeys>,
    http: Vec<HttpKeys>,
    tcp: Vec<TcpKeys>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StorageKeys {
    enabled: bool,
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    threshold: i64,
}

#[derive(Deserialize)]
struct FileKeys {
    file: PathBuf,
    #[serde(default, deserialize_with = "duration::deserialize")]
    interval: Duration,
    #[serde(default, rename = "threshold")]
    _threshold: i64,
}

#[derive(Deserialize)]
struct HttpKeys {
    uri: Target,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    statuscode: u16,
    #[serde(default, deserialize_with = "duration::deserialize")]
    timeout: Duration,
    #[serde(default, deserialize_with = "duration::deserialize")]
    interval: Duration,
    #[serde(default)]
    threshold: i64,
}

#[derive(Deserialize)]
struct TcpKeys {
    addr: HostPort,
    #[serde(default, deserialize_with = "duration::deserialize")]
    timeout: Duration,
    #[serde(default, deserialize_with = "duration::deserialize")]
    interval: Duration,
    #[serde(default)]
    threshold: i64,
}

impl FileKeys {
    /// A file is there or not: Distribution reads the threshold and does not use it.
    fn check(self) -> FileCheck {
        let Self {
            file,
            interval,
            _threshold: _,
        } = self;
        FileCheck {
            file,
            schedule: schedule(interval, 0),
        }
    }
}

impl HttpKeys {
    fn check(self) -> HttpCheck {
        let Self {
            uri,
            headers,
            statuscode,
            timeout,
            interval,
            threshold,
        } = self;
        HttpCheck {
            uri: uri.0,
            headers: headers.0,
            status: if statuscode == 0 { 200 } else { statuscode },
            timeout: some(timeout),
            schedule: schedule(interval, threshold),
        }
    }
}

impl TcpKeys {
    fn check(self) -> TcpCheck {
        let Self {
            addr,
            timeout,
            interval,
            threshold,
        } = self;
        TcpCheck {
            addr,
            timeout: some(timeout),
            schedule: schedule(interval, threshold),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Target(Uri);

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let uri = text.parse::<Uri>().ok();
        let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        uri.map(Self).ok_or_else(|| {
            format!(
                "{} is not an absolute URL; use for example http://host:8080/path",
                quote(&text)
            )
        })
    }
}

fn schedule(interval: Duration, threshold: i64) -> Schedule {
    Schedule {
        interval: some(interval).unwrap_or(Duration::from_secs(10)),
        threshold: u32::try_from(threshold.max(1)).unwrap_or(u32::MAX),
    }
}

/// A duration that is given, which in this section zero is not.
fn some(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

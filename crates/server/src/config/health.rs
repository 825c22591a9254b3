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
        let storage = &section.child("storagedriver");
        let [at_files, at_http, at_tcp] =
            ["file", "http", "tcp"].map(|list| section.child(list).elements());
        Ok(Self {
            storage: storagedriver
                .enabled
                .then(|| schedule(storage, storagedriver.interval, storagedriver.threshold)),
            files: each(file, &at_files?, FileKeys::check),
            http: each(http, &at_http?, HttpKeys::check),
            tcp: each(tcp, &at_tcp?, TcpKeys::check),
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
    fn check(self, at: &Cursor<'_>) -> FileCheck {
        let Self {
            file,
            interval,
            _threshold: _,
        } = self;
        FileCheck {
            file,
            schedule: schedule(at, interval, 0),
        }
    }
}

impl HttpKeys {
    fn check(self, at: &Cursor<'_>) -> HttpCheck {
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
            schedule: schedule(at, interval, threshold),
        }
    }
}

impl TcpKeys {
    fn check(self, at: &Cursor<'_>) -> TcpCheck {
        let Self {
            addr,
            timeout,
            interval,
            threshold,
        } = self;
        TcpCheck {
            addr,
            timeout: some(timeout),
            schedule: schedule(at, interval, threshold),
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

/// Makes the checks of a list, each with the place that it was read from.
fn each<K, C>(keys: Vec<K>, elements: &[Cursor<'_>], check: fn(K, &Cursor<'_>) -> C) -> Vec<C> {
    let keys = keys.into_iter().zip(elements);
    keys.map(|(keys, at)| check(keys, at)).collect()
}

/// The schedule of the check that stands at `at`.
fn schedule(at: &Cursor<'_>, interval: Duration, threshold: i64) -> Schedule {
    let given = some(interval);
    if given.is_some_and(|given| given < SHORTEST_INTERVAL) {
        at.child("interval").warn(&format!(
            "{interval:?} is raised to {SHORTEST_INTERVAL:?}: checking more often costs more than it tells"
        ));
    }
    Schedule {
        interval: given.map_or(DEFAULT_INTERVAL, |given| given.max(SHORTEST_INTERVAL)),
        threshold: u32::try_from(threshold.max(1)).unwrap_or(u32::MAX),
    }
}

/// A duration that is given, which in this section zero is not.
fn some(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// The time between two runs of a check that names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// The least time between two runs of a check: an interval of `1` is a nanosecond, which would keep
/// a processor busy, and whoever writes it means this.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

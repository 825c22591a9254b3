//! `storage`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use wharf_registry::garbage_collect::DEFAULT_LEASE;

use crate::config::cursor::Cursor;
use crate::config::duration;
use crate::config::fault::{Fault, Problem};
use crate::config::node::Place;

/// Where the bytes are, and what may be done to them.
#[derive(Debug)]
pub(crate) struct StorageSection {
    /// The place for the bytes.
    pub(crate) driver: DriverSection,
    /// Whether manifests and blobs may be deleted.
    pub(crate) delete_enabled: bool,
    /// What is remembered about blobs.
    pub(crate) cache: CacheSection,
    /// Whether clients are never sent to the storage itself.
    pub(crate) redirect_disable: bool,
    /// How abandoned uploads are removed; `None` if they are not.
    pub(crate) upload_purging: Option<UploadPurging>,
    /// How garbage is collected.
    pub(crate) garbage_collection: GarbageCollection,
    /// Whether nothing may be written.
    pub(crate) readonly: bool,
}

/// A place for bytes and its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DriverSection {
    /// A folder.
    Filesystem {
        /// The folder.
        rootdirectory: PathBuf,
        /// How many file operations may block at once; at least 25.
        maxthreads: usize,
        /// What has happened to the bytes when a client hears that they are stored.
        durability: Durability,
    },
    /// Memory, forgotten at exit.
    InMemory,
}

/// What has happened to bytes when a client hears that they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// They are on the disk, with the folder entries that lead to them.
    #[default]
    Full,
    /// The operating system has them.
    None,
}

/// What is remembered about blobs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CacheSection {
    /// Nothing.
    Off,
    /// Descriptors, in memory.
    InMemory {
        /// How many; `None` for as many as there are.
        entries: Option<usize>,
    },
}

/// How abandoned uploads are removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UploadPurging {
    /// How old an upload must be.
    pub(crate) age: Duration,
    /// How often to look.
    pub(crate) interval: Duration,
    /// Whether only to say what would be removed.
    pub(crate) dryrun: bool,
}

/// How garbage is collected: by the server itself, and by the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GarbageCollection {
    /// How often the server does it; `None` if it does not.
    pub(crate) interval: Option<Duration>,
    /// Whether manifests that no tag reaches are garbage to the server.
    pub(crate) delete_untagged: bool,
    /// Whether the server only says what it would delete.
    pub(crate) dryrun: bool,
    /// How long what was taken from beside a server is kept.
    pub(crate) lease: Duration,
}

impl StorageSection {
    /// Reads the section `storage`, which is a bare driver name, or one driver beside sections
    /// that every driver has.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let driver = DriverSection::read(section)?;
        // How many tags Distribution reads at once is checked, and has nothing to steer here: a
        // tag is read where it is asked for.
        let tag: Tag = section.child("tag").read()?;
        if tag.concurrencylimit < 0 {
            let problem = "concurrencylimit must be a non-negative integer value".to_owned();
            let limit = section.child("tag").child("concurrencylimit");
            return Err(limit.fault(Problem::Value(problem)));
        }
        let redirect: Redirect = section.child("redirect").read()?;
        let maintenance = section.child("maintenance");
        let Maintenance {
            uploadpurging,
            garbagecollect,
            readonly,
        } = maintenance.read()?;
        Ok(Self {
            driver,
            delete_enabled: section.child("delete").read::<Switch>()?.enabled,
            cache: CacheSection::read(&section.child("cache"))?,
            redirect_disable: redirect.disable,
            garbage_collection: garbagecollect.check(&maintenance.child("garbagecollect"))?,
            upload_purging: uploadpurging.check(&maintenance.child("uploadpurging"))?,
            readonly: readonly.enabled,
        })
    }
}

impl DriverSection {
    /// Its name in the configuration.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Filesystem { .. } => "filesystem",
            Self::InMemory => "inmemory",
        }
    }

    fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let (name, options) = match section.text() {
            Some("") => return Err(Fault::new(Problem::NoDriver)),
            Some(word) => (word, section.child(word)),
            None => {
                let mut drivers = section.children()?;
                drivers.retain(|(name, _)| !BESIDE_DRIVER.contains(name));
                match drivers.len() {
                    0 => return Err(Fault::new(Problem::NoDriver)),
                    1 => drivers.remove(0),
                    _ => return Err(several(section, drivers)),
                }
            }
        };
        match name {
            "inmemory" => {
                for (_, option) in options.children()? {
                    option.warn_unknown(&[]);
                }
                Ok(Self::InMemory)
            }
            "filesystem" => {
                let Filesystem {
                    rootdirectory,
                    maxthreads,
                    durability,
                } = options.read()?;
                Ok(Self::Filesystem {
                    rootdirectory: rootdirectory
                        .filter(|path| !path.as_os_str().is_empty())
                        .unwrap_or_else(|| PathBuf::from("/var/lib/registry")),
                    maxthreads: usize::try_from(maxthreads.unwrap_or(100)).unwrap_or(0).max(25),
                    durability,
                })
            }
            other if UNSUPPORTED_DRIVERS.contains(&other) => Err(options.unsupported(
                "stores on a file system or in memory only; use storage.filesystem or storage.inmemory",
            )),
            unknown => Err(options.fault(Problem::UnknownDriver(unknown.to_owned()))),
        }
    }
}

/// Where the bytes go, as it stands after `storing`.
impl fmt::Display for DriverSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filesystem { rootdirectory, .. } => {
                write!(f, "under {}", rootdirectory.display())?;
                match std::path::absolute(rootdirectory) {
                    Ok(absolute) if rootdirectory.is_relative() => {
                        write!(f, " ({})", absolute.display())
                    }
                    _ => Ok(()),
                }
            }
            Self::InMemory => f.write_str("in memory, until the process ends"),
        }
    }
}

impl CacheSection {
    fn read(section: &Cursor<'_>) -> Result<Self, Fault> {
        let Cache {
            blobdescriptor,
            layerinfo,
            blobdescriptorsize,
        } = section.read()?;
        let (key, kind) = match blobdescriptor {
            Some(kind) => ("blobdescriptor", kind),
            None => ("layerinfo", layerinfo.unwrap_or_default()),
        };
        match kind.as_str() {
            "" => Ok(Self::Off),
            "inmemory" => {
                let entries = blobdescriptorsize.unwrap_or(10_000);
                Ok(Self::InMemory {
                    entries: usize::try_from(entries).ok().filter(|entries| *entries > 0),
                })
            }
            "redis" => Err(section
                .child(key)
                .unsupported("has no cache in Redis; use inmemory or remove the key")),
            _ => {
                let kind = crate::config::fault::quote(&kind);
                section.child(key).warn(&format!(
                    "unknown cache type {kind}, caching disabled; use inmemory"
                ));
                Ok(Self::Off)
            }
        }
    }
}

/// The mistake of naming several drivers, told by where the names were found.
fn several(section: &Cursor<'_>, drivers: Vec<(&str, Cursor<'_>)>) -> Fault {
    let from_variable = drivers
        .iter()
        .map(|(_, driver)| driver)
        .find(|driver| matches!(driver.node.place, Place::Variable(_)))
        .cloned();
    let mut names: Vec<String> = drivers
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    names.sort();
    match from_variable {
        Some(driver) => driver.fault(Problem::DriverBesideFile(names)),
        None => section.fault(Problem::SeveralDrivers(names)),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Filesystem {
    rootdirectory: Option<PathBuf>,
    maxthreads: Option<i64>,
    durability: Durability,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cache {
    blobdescriptor: Option<String>,
    layerinfo: Option<String>,
    blobdescriptorsize: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Switch {
    enabled: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Redirect {
    disable: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tag {
    concurrencylimit: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Maintenance {
    uploadpurging: Purging,
    garbagecollect: Collecting,
    readonly: Switch,
}

#[derive(Deserialize)]
#[serde(default)]
struct Collecting {
    enabled: bool,
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    deleteuntagged: bool,
    dryrun: bool,
    #[serde(deserialize_with = "duration::deserialize")]
    lease: Duration,
}

impl Default for Collecting {
    fn default() -> Self {
        Self {
            enabled: false,
            interval: Duration::from_secs(24 * 3600),
            deleteuntagged: false,
            dryrun: false,
            lease: DEFAULT_LEASE,
        }
    }
}

impl Collecting {
    fn check(self, section: &Cursor<'_>) -> Result<GarbageCollection, Fault> {
        let Self {
            enabled,
            interval,
            deleteuntagged,
            dryrun,
            lease,
        } = self;
        if enabled && interval < SHORTEST_COLLECTION {
            let problem = "the interval must be at least 1m".to_owned();
            return Err(section.child("interval").fault(Problem::Value(problem)));
        }
        Ok(GarbageCollection {
            interval: enabled.then_some(interval),
            delete_untagged: deleteuntagged,
            dryrun,
            lease,
        })
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Purging {
    enabled: bool,
    #[serde(deserialize_with = "duration::deserialize")]
    age: Duration,
    #[serde(deserialize_with = "duration::deserialize")]
    interval: Duration,
    dryrun: bool,
}

impl Default for Purging {
    fn default() -> Self {
        Self {
            enabled: true,
            age: Duration::from_secs(168 * 3600),
            interval: Duration::from_secs(24 * 3600),
            dryrun: false,
        }
    }
}

impl Purging {
    fn check(self, section: &Cursor<'_>) -> Result<Option<UploadPurging>, Fault> {
        let Self {
            enabled,
            age,
            interval,
            dryrun,
        } = self;
        if enabled && interval.is_zero() {
            let problem = "the interval must be longer than 0".to_owned();
            return Err(section.child("interval").fault(Problem::Value(problem)));
        }
        Ok(enabled.then_some(UploadPurging {
            age,
            interval,
            dryrun,
        }))
    }
}

/// How often garbage is collected at most: each time the whole store is walked.
const SHORTEST_COLLECTION: Duration = Duration::from_secs(60);

/// The keys of the section that name no driver.
const BESIDE_DRIVER: [&str; 5] = ["maintenance", "cache", "delete", "redirect", "tag"];

/// Drivers that Distribution has or had.
const UNSUPPORTED_DRIVERS: [&str; 6] = ["s3", "s3aws", "azure", "gcs", "swift", "oss"];

//! The wiring: the one file that knows all rooms. Configuration in, running parts out.

use std::sync::Arc;

use http::header::HeaderMap;
use regex::{Regex, RegexSet};
use tokio::{sync::Notify, task::JoinHandle};
use tracing::level_filters::LevelFilter;
use wharf_api::{Api, Mode, schema1::SigningKey};
use wharf_auth::{AccessController, Anonymous, HtpasswdConfig};
use wharf_registry::{
    LocalRegistry, ManifestRules, PlatformRule, RequiredPlatforms, Rules, UrlRules,
};
use wharf_storage::{
    StorageDriver, StoragePath,
    config::{self as storage_config, FilesystemConfig},
    filesystem::{Filesystem, OpenError},
    inmemory::InMemory,
};

use crate::{
    announcement::Announcement,
    commands::Failure,
    config::{
        Configuration,
        auth::AuthSection,
        compatibility::Schema1Section,
        health::{HealthSection, Schedule},
        http::{DebugSection, HttpSection, ListenAddress},
        limits::Limits,
        log::{Formatter, Level, LogSection},
        storage::{
            CacheSection, DriverSection, Durability, GarbageCollection, StorageSection,
            UploadPurging,
        },
        tls::{ClientAuth, TlsSection, TlsVersion},
        validation::{IndexPlatforms, ValidationSection},
    },
    front::Front,
    health::{Check, Health, HttpProbe, debug::DebugService},
    listener::{
        self,
        socket::{Listener, Network},
        tls::{Tls, TlsError, TlsOptions, client_auth},
    },
    telemetry::{self, LogOptions},
};

/// Everything that `serve` runs.
pub(crate) struct Parts {
    pub(crate) network: Network,
    pub(crate) address: String,
    pub(crate) tls: Option<Tls>,
    pub(crate) options: listener::Options,
    pub(crate) service: Front,
    /// How collectors know of this server.
    pub(crate) announcement: Arc<Announcement>,
    /// Told when an answer says that the store is full.
    pub(crate) full: Arc<Notify>,
    pub(crate) health: Health,
    pub(crate) debug: Option<Debug>,
    pub(crate) registry: LocalRegistry,
    /// Which store that is, for the log.
    pub(crate) store: String,
    pub(crate) purging: Option<UploadPurging>,
    pub(crate) collection: GarbageCollection,
}

/// The listener for operators.
pub(crate) struct Debug {
    address: String,
    health: Health,
}

/// Builds what serves, without listening yet.
///
/// # Errors
/// When the store, the htpasswd file or a certificate cannot be used.
pub(crate) fn assemble(configuration: Configuration) -> Result<Parts, Failure> {
    let Configuration {
        log: _,
        storage,
        auth,
        http,
        health,
        limits,
        validation,
        compatibility,
    } = configuration;
    let (mode, cache) = (mode(&storage), &storage.cache);
    if matches!(cache, CacheSection::InMemory { .. }) {
        tracing::debug!(
            "storage.cache.blobdescriptor has no effect: lookups go to the store, which is as fast"
        );
    }
    if storage.redirect_disable {
        tracing::info!("backend redirection disabled");
    }
    let store = format!(
        "storage driver {}, storing {}",
        storage.driver.name(),
        storage.driver
    );
    let driver = driver(storage.driver, Filesystem::open)?;
    let rules = rules(storage.delete_enabled, validation);
    let registry = LocalRegistry::new(Arc::clone(&driver), rules);
    let health = checks(health, driver)?;
    let debug = http.debug.as_ref().map(|section| debug(section, &health));
    let (network, address) = match &http.listen {
        ListenAddress::Tcp(address) => (Network::Tcp, address.to_string()),
        ListenAddress::Unix(path) => (Network::Unix, path.display().to_string()),
    };
    let options = listener_options(&http);
    let tls = http
        .tls
        .as_ref()
        .map(|section| tls(section, !http.http2_disabled));
    let tls = tls.transpose()?;
    let schema1 = compatibility.schema1.map(signing_key).transpose()?;
    let config = api_config(http, &limits, mode, schema1);
    let api = Api::new(Arc::new(registry.clone()), access(auth)?, config);
    let full = Arc::default();
    let announcement = Arc::new(Announcement::new(registry.clone()));
    Ok(Parts {
        network,
        address,
        tls,
        options,
        service: Front::new(
            api,
            health.clone(),
            Arc::clone(&full),
            Arc::clone(&announcement),
        ),
        announcement,
        full,
        health,
        debug,
        registry,
        store,
        purging: storage.upload_purging,
        collection: storage.garbage_collection,
    })
}

/// The registry alone, for commands that work on a store that is there.
///
/// # Errors
/// When the store does not exist, or cannot be opened.
pub(crate) fn existing_registry(
    storage: StorageSection,
    validation: ValidationSection,
) -> Result<LocalRegistry, Failure> {
    let rules = rules(storage.delete_enabled, validation);
    let driver = driver(storage.driver, Filesystem::open_existing)?;
    Ok(LocalRegistry::new(driver, rules))
}

/// The threads that everything runs on.
///
/// # Errors
/// When the system gives none.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::setup)
}

fn driver(
    section: DriverSection,
    open: impl FnOnce(FilesystemConfig) -> Result<Filesystem, OpenError>,
) -> Result<Arc<dyn StorageDriver>, Failure> {
    match section {
        DriverSection::InMemory => Ok(Arc::new(InMemory::new())),
        DriverSection::Filesystem {
            rootdirectory,
            maxthreads,
            durability,
        } => {
            let config = FilesystemConfig {
                rootdirectory,
                maxthreads,
                durability: match durability {
                    Durability::Full => storage_config::Durability::Full,
                    Durability::None => storage_config::Durability::None,
                },
            };
            Ok(Arc::new(open(config).map_err(Failure::setup)?))
        }
    }
}

fn rules(deletion: bool, section: ValidationSection) -> Rules {
    let ValidationSection {
        disabled,
        urls_allow,
        urls_deny,
        platforms,
    } = section;
    let manifests = if disabled {
        ManifestRules::Unchecked
    } else {
        ManifestRules::Checked {
            urls: UrlRules {
                allow: set_of(&urls_allow),
                deny: set_of(&urls_deny),
            },
            platforms: match platforms {
                IndexPlatforms::All => RequiredPlatforms::All,
                IndexPlatforms::None => RequiredPlatforms::None,
                IndexPlatforms::List(platforms) => {
                    let rules = platforms.into_iter().map(|platform| PlatformRule {
                        architecture: platform.architecture,
                        os: platform.os,
                    });
                    RequiredPlatforms::Listed(rules.collect())
                }
            },
        }
    };
    Rules {
        deletion,
        manifests,
    }
}

/// Expressions that compiled one by one compile together.
fn set_of(expressions: &[Regex]) -> Option<RegexSet> {
    if expressions.is_empty() {
        return None;
    }
    RegexSet::new(expressions.iter().map(Regex::as_str)).ok()
}

fn access(section: AuthSection) -> Result<Arc<dyn AccessController>, Failure> {
    match section {
        AuthSection::None => Ok(Arc::new(Anonymous)),
        AuthSection::Htpasswd { realm, path } => {
            let config = HtpasswdConfig::new(realm, path).map_err(Failure::setup)?;
            Ok(Arc::new(config.build().map_err(Failure::setup)?))
        }
    }
}

fn mode(storage: &StorageSection) -> Mode {
    if storage.readonly {
        Mode::ReadOnly
    } else {
        Mode::ReadWrite
    }
}

/// The key to sign with what is converted to schema 1.
fn signing_key(section: Schema1Section) -> Result<SigningKey, Failure> {
    let Some(file) = section.signing_key_file else {
        return SigningKey::generate().map_err(Failure::setup);
    };
    let told = |error: &dyn std::error::Error| {
        let key = "compatibility.schema1.signingkeyfile";
        Failure::setup(format!("{key}: cannot use {:?}: {error}", file.display()))
    };
    let text = std::fs::read_to_string(&file).map_err(|error| told(&error))?;
    SigningKey::parse(&text).map_err(|error| told(&error))
}

fn api_config(
    http: HttpSection,
    limits: &Limits,
    mode: Mode,
    schema1: Option<SigningKey>,
) -> wharf_api::Config {
    let host = http
        .host
        .map(|host| format!("{}://{}{}", host.scheme, host.authority, host.folder));
    wharf_api::Config {
        prefix: http.prefix.trim_end_matches('/').to_owned(),
        host,
        relative_urls: http.relativeurls,
        secret: http.secret.map(|secret| secret.expose().clone()),
        headers: pairs(&http.headers),
        catalog_max_entries: limits.catalog_entries,
        tags_max: limits.tags,
        mode,
        schema1,
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(http::HeaderName, http::HeaderValue)> {
    headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn listener_options(http: &HttpSection) -> listener::Options {
    let default = listener::Options::default();
    listener::Options {
        clear_text_http2: http.h2c_enabled,
        drain: http
            .draintimeout
            .filter(|drain| !drain.is_zero())
            .unwrap_or(default.drain),
        ..default
    }
}

fn tls(section: &TlsSection, http2: bool) -> Result<Tls, Failure> {
    let options = TlsOptions {
        certificate: section.certificate.clone(),
        key: section.key.clone(),
        client_cas: section.clientcas.clone(),
        client_auth: match section.clientauth {
            ClientAuth::RequestClientCert => client_auth::ClientAuth::Request,
            ClientAuth::RequireAnyClientCert => client_auth::ClientAuth::RequireAny,
            ClientAuth::VerifyClientCertIfGiven => client_auth::ClientAuth::VerifyIfGiven,
            ClientAuth::RequireAndVerifyClientCert => client_auth::ClientAuth::RequireAndVerify,
        },
        minimum: match section.minimum {
            TlsVersion::Tls12 => listener::tls::TlsVersion::Tls12,
            TlsVersion::Tls13 => listener::tls::TlsVersion::Tls13,
        },
        cipher_suites: section
            .ciphersuites
            .iter()
            .map(|suite| suite.name())
            .collect(),
        http2,
    };
    Tls::load(options)
        .map_err(|error| Failure::setup(format!("{}: {error}", tls_key(&error, section))))
}

/// The key of the configuration that a failure to set up TLS comes from.
fn tls_key(error: &TlsError, section: &TlsSection) -> String {
    let path = match error {
        TlsError::Read { path, .. }
        | TlsError::Pem { path, .. }
        | TlsError::NoCertificate { path }
        | TlsError::BadCertificate { path, .. }
        | TlsError::NoKey { path }
        | TlsError::BadKey { path, .. }
        | TlsError::KeyMismatch { key: path, .. } => path,
        TlsError::Setup(_) => return "http.tls".to_owned(),
    };
    let is_key = matches!(
        error,
        TlsError::NoKey { .. } | TlsError::BadKey { .. } | TlsError::KeyMismatch { .. }
    );
    // One file may be all three; the certificate is read first, the authorities last.
    if *path == section.certificate && !is_key {
        return "http.tls.certificate".to_owned();
    }
    match section.clientcas.iter().position(|file| file == path) {
        Some(index) if *path != section.key => format!("http.tls.clientcas[{index}]"),
        _ => "http.tls.key".to_owned(),
    }
}

/// The health checks; everything is well until they run.
fn checks(section: HealthSection, driver: Arc<dyn StorageDriver>) -> Result<Health, Failure> {
    let HealthSection {
        storage,
        files,
        http,
        tcp,
    } = section;
    let mut checks = Vec::new();
    if let Some(schedule) = storage {
        let name = format!("storagedriver_{}", driver.name());
        checks.push(Check::new(
            name,
            schedule.interval,
            schedule.threshold,
            move || storage_is_well(Arc::clone(&driver)),
        ));
    }
    for check in files {
        checks.push(Check::file(check.file, check.schedule.interval));
    }
    for check in http {
        let probe = HttpProbe {
            uri: check.uri,
            headers: check.headers,
            status: check.status,
            timeout: check.timeout,
        };
        let Schedule {
            interval,
            threshold,
        } = check.schedule;
        checks.push(Check::http(probe, interval, threshold).map_err(Failure::setup)?);
    }
    for check in tcp {
        let Schedule {
            interval,
            threshold,
        } = check.schedule;
        let address = check.addr.to_string();
        checks.push(Check::tcp(address, check.timeout, interval, threshold));
    }
    Health::new(checks).map_err(Failure::setup)
}

/// The store answers; that there is nothing in it yet is an answer too.
async fn storage_is_well(driver: Arc<dyn StorageDriver>) -> Result<(), String> {
    match driver.stat(&StoragePath::root()).await {
        Ok(_) | Err(wharf_storage::Error::NotFound { .. }) => Ok(()),
        Err(error) => {
            let source = std::error::Error::source(&error);
            Err(source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}")))
        }
    }
}

fn debug(section: &DebugSection, health: &Health) -> Debug {
    if section.prometheus_path.is_some() {
        tracing::warn!("http.debug.prometheus: this version serves no metrics");
    }
    Debug {
        address: section.addr.to_string(),
        health: health.clone(),
    }
}

impl Debug {
    /// Listens for operators until the returned task is aborted.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub(crate) async fn listen(self) -> Result<JoinHandle<()>, Failure> {
        let listener = Listener::bind(Network::Tcp, &self.address)
            .await
            .map_err(Failure::setup)?;
        tracing::info!("debug server listening {}", listener.local_address());
        let service = DebugService::new(self.health);
        Ok(tokio::spawn(async move {
            let options = listener::Options {
                connections: MOST_OPERATORS,
                ..listener::Options::default()
            };
            let never = std::future::pending::<std::future::Pending<()>>();
            listener::serve(listener, None, service, options, never).await;
        }))
    }
}

/// How to log, as configured.
pub(crate) fn log_options(section: &LogSection) -> LogOptions {
    LogOptions {
        level: match section.level {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
        },
        formatter: match section.formatter {
            Formatter::Text => telemetry::Formatter::Text,
            Formatter::Json => telemetry::Formatter::Json,
            Formatter::Logstash => telemetry::Formatter::Logstash,
        },
        fields: section.fields.clone(),
        access_log: !section.accesslog_disabled,
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Connections of operators at a time: they shall not take from the others' files.
const MOST_OPERATORS: usize = 16;

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use crate::config::tls::OFFERED;

    #[test]
    fn the_cipher_suites_that_the_configuration_offers_are_those_that_there_are() {
        let suites = aws_lc_rs::default_provider().cipher_suites;
        let mut names: Vec<_> = suites
            .iter()
            .filter_map(|suite| suite.suite().as_str())
            // What Go and the RFCs call TLS_AES_…, rustls calls TLS13_AES_….
            .map(|name| name.replace("TLS13_", "TLS_"))
            .collect();
        names.sort();
        let mut offered = OFFERED.to_vec();
        offered.sort_unstable();
        assert_eq!(names, offered);
    }
}

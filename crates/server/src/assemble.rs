//! The wiring: the one file that knows all rooms. Configuration in, running parts out.

use std::sync::Arc;

use http::header::HeaderMap;
use regex::{Regex, RegexSet};
use tokio::task::JoinHandle;
use tracing::level_filters::LevelFilter;
use wharf_api::{Api, Mode};
use wharf_auth::{AccessController, Anonymous, HtpasswdConfig};
use wharf_registry::{
    LocalRegistry, ManifestRules, PlatformRule, RequiredPlatforms, Rules, UrlRules,
};
use wharf_storage::{
    StorageDriver, StoragePath,
    config::{self as storage_config, FilesystemConfig},
    filesystem::Filesystem,
    inmemory::InMemory,
};

use crate::{
    commands::Failure,
    config::{
        Configuration,
        auth::AuthSection,
        health::{HealthSection, Schedule},
        http::{DebugSection, HttpSection, ListenAddress},
        limits::Limits,
        log::{Formatter, Level, LogSection},
        storage::{CacheSection, DriverSection, Durability, StorageSection, UploadPurging},
        tls::{ClientAuth, TlsSection, TlsVersion},
        validation::{IndexPlatforms, ValidationSection},
    },
    front::Front,
    health::{Check, Health, HttpProbe, debug::DebugService},
    listener::{
        self,
        socket::{Listener, Network},
        tls::{Tls, TlsOptions, client_auth},
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
    pub(crate) health: Health,
    pub(crate) debug: Option<Debug>,
    pub(crate) registry: LocalRegistry,
    pub(crate) purging: Option<UploadPurging>,
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
    let driver = driver(storage.driver)?;
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
    let config = api_config(http, &limits, mode);
    let api = Api::new(Arc::new(registry.clone()), access(auth)?, config);
    Ok(Parts {
        network,
        address,
        tls,
        options,
        service: Front::new(api, health.clone()),
        health,
        debug,
        registry,
        purging: storage.upload_purging,
    })
}

/// The registry alone, for commands that work on the store.
///
/// # Errors
/// When the store cannot be opened.
pub(crate) fn registry(
    storage: StorageSection,
    validation: ValidationSection,
) -> Result<LocalRegistry, Failure> {
    let rules = rules(storage.delete_enabled, validation);
    Ok(LocalRegistry::new(driver(storage.driver)?, rules))
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

fn driver(section: DriverSection) -> Result<Arc<dyn StorageDriver>, Failure> {
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
            Ok(Arc::new(Filesystem::open(config).map_err(Failure::setup)?))
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

fn api_config(http: HttpSection, limits: &Limits, mode: Mode) -> wharf_api::Config {
    let host = http
        .host
        .map(|host| format!("{}://{}", host.scheme, host.authority));
    wharf_api::Config {
        prefix: http.prefix.trim_end_matches('/').to_owned(),
        host,
        relative_urls: http.relativeurls,
        secret: http.secret.map(|secret| secret.expose().clone()),
        headers: pairs(&http.headers),
        catalog_max_entries: limits.catalog_entries,
        tags_max: limits.tags,
        mode,
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
        limits: default.limits,
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
    Tls::load(options).map_err(Failure::setup)
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
            let options = listener::Options::default();
            listener::serve(listener, None, service, options, std::future::pending()).await;
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

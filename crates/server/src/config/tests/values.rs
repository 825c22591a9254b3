//! What keys mean when they are right.

use std::time::Duration;

use super::*;
use crate::config::compatibility::Schema1Section;
use crate::config::http::ExternalHost;
use crate::config::storage::UploadPurging;
use crate::config::tls::{ClientAuth, TlsVersion};
use crate::config::validation::{IndexPlatforms, Platform};

/// Reads a file whose section `storage` has a driver and `lines`.
fn storage(lines: &str) -> StorageSection {
    load_quietly(
        &format!("version: 0.1\nstorage:\n  inmemory:\n{lines}\n"),
        &[],
    )
    .storage
}

#[test]
fn a_driver_may_be_a_bare_word_or_a_key_without_options() {
    let defaults = DriverSection::Filesystem {
        rootdirectory: "/var/lib/registry".into(),
        maxthreads: 100,
        durability: Durability::Full,
    };
    for text in [
        "storage: filesystem",
        "storage:\n  filesystem:",
        "storage: {filesystem: {}}",
    ] {
        let configuration = load_quietly(&format!("version: 0.1\n{text}\n"), &[]);
        assert_eq!(configuration.storage.driver, defaults, "{text}");
    }
    for text in [
        "storage: inmemory",
        "storage:\n  inmemory:",
        "storage: {inmemory: {}}",
    ] {
        let configuration = load_quietly(&format!("version: 0.1\n{text}\n"), &[]);
        assert_eq!(
            configuration.storage.driver,
            DriverSection::InMemory,
            "{text}"
        );
    }
}

#[test]
fn options_of_the_file_system() {
    let table = [
        (
            "{rootdirectory: 123, maxthreads: 200, durability: none}",
            "123",
            200,
            Durability::None,
        ),
        (
            "{rootdirectory: /a b, maxthreads: '30'}",
            "/a b",
            30,
            Durability::Full,
        ),
        (
            "{rootdirectory: '', maxthreads: 5}",
            "/var/lib/registry",
            25,
            Durability::Full,
        ),
        (
            "{maxthreads: -5, durability: full}",
            "/var/lib/registry",
            25,
            Durability::Full,
        ),
    ];
    for (text, folder, maxthreads, durability) in table {
        let configuration = load_quietly(
            &format!("version: 0.1\nstorage: {{filesystem: {text}}}\n"),
            &[],
        );
        let wanted = DriverSection::Filesystem {
            rootdirectory: folder.into(),
            maxthreads,
            durability,
        };
        assert_eq!(configuration.storage.driver, wanted, "{text}");
    }
}

#[test]
fn what_storage_does_by_default() {
    let storage = storage("");
    assert!(!storage.delete_enabled && !storage.redirect_disable && !storage.readonly);
    assert_eq!(storage.cache, CacheSection::Off);
    let week = UploadPurging {
        age: Duration::from_secs(168 * 3600),
        interval: Duration::from_secs(24 * 3600),
        dryrun: false,
    };
    assert_eq!(storage.upload_purging, Some(week));
}

#[test]
fn booleans_of_storage_may_be_quoted() {
    for text in ["true", "'true'", "yes", "on", "\"true\""] {
        let storage = storage(&format!(
            "  delete: {{enabled: {text}}}\n  redirect: {{disable: {text}}}\n  maintenance: {{readonly: {{enabled: {text}}}}}"
        ));
        assert!(
            storage.delete_enabled && storage.redirect_disable && storage.readonly,
            "{text}"
        );
    }
    for text in ["false", "'false'", "no", "off", "", "~"] {
        assert!(
            !storage(&format!("  delete:\n    enabled: {text}")).delete_enabled,
            "{text}"
        );
    }
}

#[test]
fn upload_purging_fills_in_what_is_missing() {
    let purging =
        |text: &str| storage(&format!("  maintenance:\n    uploadpurging: {text}")).upload_purging;
    assert_eq!(purging("{enabled: false}"), None);
    assert_eq!(
        purging("{enabled: false, age: 1h, interval: 0s, dryrun: false}"),
        None
    );
    let wanted = |age, dryrun| {
        Some(UploadPurging {
            age: Duration::from_secs(age),
            interval: Duration::from_secs(86400),
            dryrun,
        })
    };
    assert_eq!(purging("{age: 1h30m}"), wanted(5400, false));
    assert_eq!(
        purging("{enabled: true, dryrun: true}"),
        wanted(604_800, true)
    );
    assert_eq!(purging("{}"), wanted(604_800, false));
    assert_eq!(purging(""), wanted(604_800, false));
}

#[test]
fn the_cache_has_an_older_name_and_a_size() {
    let cache = |text: &str| storage(&format!("  cache: {text}")).cache;
    let of = |entries| CacheSection::InMemory { entries };
    assert_eq!(cache("{blobdescriptor: inmemory}"), of(Some(10_000)));
    assert_eq!(cache("{layerinfo: inmemory}"), of(Some(10_000)));
    assert_eq!(
        cache("{blobdescriptor: inmemory, layerinfo: redis}"),
        of(Some(10_000))
    );
    assert_eq!(
        cache("{blobdescriptor: inmemory, blobdescriptorsize: '5'}"),
        of(Some(5))
    );
    assert_eq!(
        cache("{blobdescriptor: inmemory, blobdescriptorsize: 0}"),
        of(None)
    );
    assert_eq!(
        cache("{blobdescriptor: inmemory, blobdescriptorsize: -1}"),
        of(None)
    );
    assert_eq!(cache("{}"), CacheSection::Off);
}

#[test]
fn the_log() {
    let log = |lines: &str| load_quietly(&with(lines), &[]).log;
    assert_eq!(log("log: {level: WARN}").level, Level::Warn);
    assert_eq!(log("loglevel: error").level, Level::Error);
    assert_eq!(
        log("loglevel: error\nlog: {level: debug}").level,
        Level::Debug
    );
    assert_eq!(log("log: {level: }").level, Level::Info);
    assert_eq!(log("log: {formatter: json}").formatter, Formatter::Json);
    assert_eq!(
        log("log: {formatter: logstash}").formatter,
        Formatter::Logstash
    );
    assert_eq!(log("log: {formatter: ''}").formatter, Formatter::Text);
    let log = log(
        "log:\n  reportcaller: true\n  accesslog: {disabled: true}\n  fields: {n: 0x10, b: yes, q: 'x y', e: , d: {f: 1.50, l: [a, 2]}}",
    );
    assert!(log.accesslog_disabled);
    let fields: Vec<(&str, &str)> = log
        .fields
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("n", "0x10"),
            ("b", "yes"),
            ("q", "x y"),
            ("e", ""),
            ("d.f", "1.50"),
            ("d.l", "a 2")
        ]
    );
}

#[test]
fn authentication_may_be_none_in_several_ways() {
    for text in [
        "",
        "auth:",
        "auth: none",
        "auth: NONE",
        "auth: {None: }",
        "auth: {}",
        "auth: ''",
        "auth: ~",
    ] {
        assert_eq!(
            load_quietly(&with(text), &[]).auth,
            AuthSection::None,
            "{text}"
        );
    }
}

#[test]
fn htpasswd_takes_any_scalar_as_text() {
    let auth = load_quietly(&with("auth: {htpasswd: {realm: 123, path: yes}}"), &[]).auth;
    let wanted = AuthSection::Htpasswd {
        realm: "123".to_owned(),
        path: "yes".into(),
    };
    assert_eq!(auth, wanted);
}

#[test]
fn listening_by_default_is_on_any_port() {
    let http = load_quietly(MINIMAL, &[]).http;
    assert_eq!(http.listen, ListenAddress::Tcp(":0".parse().unwrap()));
    assert_eq!(http.prefix, "/");
    assert!(
        http.host.is_none()
            && http.secret.is_none()
            && http.draintimeout.is_none()
            && http.debug.is_none()
    );
    assert!(!http.relativeurls && !http.http2_disabled && !http.h2c_enabled);
}

#[test]
fn listening_as_told() {
    let http = load_quietly(
        &with(
            "\
http:
  addr: /run/registry.sock
  net: unix
  prefix: /a/b/
  host: https://registry.example.com:5443/behind/
  secret: 0x10
  relativeurls: true
  draintimeout: 1m30s
  http2: {disabled: true}
  h2c: {enabled: true}
  debug: {addr: 'localhost:5001', prometheus: {enabled: true}}
  headers:
    X-Content-Type-Options: [nosniff]
    X-One: bare
    X-Two: [a, 5, yes]
    X-None: ",
        ),
        &[],
    )
    .http;
    assert_eq!(
        http.listen,
        ListenAddress::Unix("/run/registry.sock".into())
    );
    assert_eq!(http.prefix, "/a/b/");
    let host = ExternalHost {
        scheme: ::http::uri::Scheme::HTTPS,
        authority: "registry.example.com:5443".parse().unwrap(),
        folder: "/behind".to_owned(),
    };
    assert_eq!(http.host, Some(host));
    assert_eq!(http.secret.unwrap().expose(), "0x10");
    assert_eq!(http.draintimeout, Some(Duration::from_secs(90)));
    assert!(http.relativeurls && http.http2_disabled && http.h2c_enabled);
    assert_eq!(
        http.debug.unwrap().prometheus_path.as_deref(),
        Some("/metrics")
    );
    let headers: Vec<(&str, &str)> = http
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("x-content-type-options", "nosniff"),
            ("x-one", "bare"),
            ("x-two", "a"),
            ("x-two", "5"),
            ("x-two", "yes")
        ]
    );
}

#[test]
fn encryption_by_default_and_as_told() {
    let tls = |text: &str| {
        load_quietly(&with(&format!("http:\n  tls: {text}")), &[])
            .http
            .tls
    };
    assert!(tls("{}").is_none());
    assert!(tls("{certificate: '', key: ''}").is_none());
    assert!(tls("{minimumtls: tls1.3}").is_none());

    let plain = tls("{certificate: a, key: b}").unwrap();
    assert_eq!(plain.minimum, TlsVersion::Tls12);
    assert_eq!(plain.clientauth, ClientAuth::RequireAndVerifyClientCert);
    assert!(plain.clientcas.is_empty() && plain.ciphersuites.is_empty());

    let full = tls(
        "{certificate: a, key: b, minimumtls: '', clientcas: ca.crt, clientauth: verify-client-cert-if-given, \
                    ciphersuites: [TLS_AES_128_GCM_SHA256]}",
    );
    let full = full.unwrap();
    assert_eq!(full.clientcas, [std::path::PathBuf::from("ca.crt")]);
    assert_eq!(full.clientauth, ClientAuth::VerifyClientCertIfGiven);
    assert_eq!(full.ciphersuites[0].name(), "TLS_AES_128_GCM_SHA256");
}

#[test]
fn health_checks() {
    let health = load_quietly(
        &with(
            "\
health:
  storagedriver: {enabled: true}
  file:
    - {file: /tmp/down, threshold: 5}
  http:
    - {uri: 'http://example.com/', headers: {Authorization: [Bearer x]}, timeout: 3s, interval: 1m, threshold: 3}
  tcp:
    - {addr: 'redis:6379', timeout: 0s}",
        ),
        &[],
    )
    .health;
    let ten = Duration::from_secs(10);
    let storage = health.storage.unwrap();
    assert_eq!((storage.interval, storage.threshold), (ten, 1));
    let file = &health.files[0];
    assert_eq!(
        (
            file.file.to_str(),
            file.schedule.interval,
            file.schedule.threshold
        ),
        (Some("/tmp/down"), ten, 1)
    );
    let http = &health.http[0];
    assert_eq!(
        (http.status, http.timeout, http.schedule.threshold),
        (200, Some(Duration::from_secs(3)), 3)
    );
    assert_eq!(http.schedule.interval, Duration::from_secs(60));
    assert_eq!(http.headers["authorization"], "Bearer x");
    let tcp = &health.tcp[0];
    assert_eq!((tcp.addr.port, tcp.timeout), (6379, None));

    assert!(
        load_quietly(&with("health: {storagedriver: {interval: 5s}}"), &[])
            .health
            .storage
            .is_none()
    );
}

#[test]
fn no_health_check_runs_without_a_pause() {
    let text = with(
        "health:\n  storagedriver: {enabled: true, interval: 1}\n  tcp: [{addr: 'a:1', interval: 1ms}]\n  http: [{uri: 'http://a/', interval: 2s}]",
    );
    let (configuration, warnings) = load(&text, &[]).unwrap();
    let health = configuration.health;
    let second = Duration::from_secs(1);
    assert_eq!(health.storage.unwrap().interval, second);
    assert_eq!(health.tcp[0].schedule.interval, second);
    assert_eq!(health.http[0].schedule.interval, 2 * second);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn headers_that_the_registry_sets_itself_are_left_out() {
    let text = with("http: {headers: {Link: [x], ETag: [y], X-Frame-Options: [DENY, a]}}");
    let (configuration, warnings) = load(&text, &[]).unwrap();
    let names: Vec<_> = configuration.http.headers.keys().cloned().collect();
    assert_eq!(names, ["x-frame-options"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn limits() {
    let table = [
        ("", 1000, 1000),
        ("catalog: {maxentries: 5}\ntags: {maxtags: 7}", 5, 7),
        ("catalog: {maxentries: 0}\ntags: {maxtags: 0}", 1000, 1000),
        ("catalog: {maxentries: -1}\ntags: {}", 1000, 1000),
    ];
    for (text, catalog_entries, tags) in table {
        let limits = load_quietly(&with(text), &[]).limits;
        assert_eq!(
            limits,
            Limits {
                catalog_entries,
                tags
            },
            "{text}"
        );
    }
}

#[test]
fn validation() {
    let none = load_quietly(MINIMAL, &[]).validation;
    assert!(!none.disabled && none.urls_allow.is_empty() && none.urls_deny.is_empty());
    assert_eq!(none.platforms, IndexPlatforms::All);
    let (configuration, warnings) = load(
        &with(
            "\
validation:
  disabled: true
  manifests:
    urls:
      allow: ['^https?://([^/]+\\.)*example\\.com/']
      deny: ['^https?://www\\.example\\.com/']
    indexes:
      platforms: list
      platformlist:
        - {architecture: amd64, os: linux}",
        ),
        &[],
    )
    .unwrap();
    let validation = configuration.validation;
    assert!(validation.disabled);
    assert!(validation.urls_allow[0].is_match("https://a.example.com/b"));
    assert!(validation.urls_deny[0].is_match("http://www.example.com/"));
    let platform = Platform {
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
    };
    assert_eq!(validation.platforms, IndexPlatforms::List(vec![platform]));
    assert_eq!(warnings.len(), 1);
}

#[test]
fn schema_1() {
    for (text, variables, expected) in [
        ("", &[][..], None),
        (
            "compatibility: {schema1: {signingkeyfile: /k.json}}",
            &[],
            None,
        ),
        ("compatibility: {schema1: {enabled: true}}", &[], Some(None)),
        (
            "compatibility: {schema1: {enabled: true, signingkeyfile: ''}}",
            &[],
            Some(None),
        ),
        (
            "compatibility: {schema1: {enabled: true, signingkeyfile: /k.json}}",
            &[],
            Some(Some("/k.json")),
        ),
        (
            "",
            &[
                ("REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED", "true"),
                ("REGISTRY_COMPATIBILITY_SCHEMA1_TRUSTKEY", "/k.pem"),
            ],
            Some(Some("/k.pem")),
        ),
        (
            "compatibility: {schema1: {enabled: true}}",
            &[("REGISTRY_COMPATIBILITY_SCHEMA1_SIGNINGKEYFILE", "/k.pem")],
            Some(Some("/k.pem")),
        ),
    ] {
        let schema1 = load_quietly(&with(text), variables).compatibility.schema1;
        let expected = expected.map(|file| Schema1Section {
            signing_key_file: file.map(Into::into),
        });
        assert_eq!(schema1, expected, "{text} {variables:?}");
    }
}

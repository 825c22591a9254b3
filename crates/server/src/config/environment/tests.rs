//! What variables do to a configuration.

use super::*;
use crate::config::auth::AuthSection;
use crate::config::health::HealthSection;
use crate::config::http::ListenAddress;
use crate::config::storage::{CacheSection, DriverSection};
use crate::config::tests::{MINIMAL, load, load_quietly, with};

/// A file as people mount it over that of an image.
const FILE: &str = "\
version: 0.1
log: {level: info, fields: {service: registry}}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
  maintenance: {readonly: {enabled: false}}
http:
  addr: :5000
  headers: {X-Content-Type-Options: [nosniff]}
";

/// The error that these variables make of [`FILE`].
fn refused(variables: &[(&str, &str)]) -> String {
    load(FILE, variables).unwrap_err()
}

/// The warnings that these variables make of [`FILE`].
fn warned(variables: &[(&str, &str)]) -> Vec<String> {
    load(FILE, variables).unwrap().1
}

#[test]
fn a_text_takes_any_value_as_its_text() {
    let secret = |value: &str| {
        let http = load_quietly(FILE, &[("REGISTRY_HTTP_SECRET", value)]).http;
        http.secret.map(|secret| secret.expose().clone())
    };
    for (value, text) in [
        ("debug", "debug"),
        ("12345", "12345"),
        ("yes", "yes"),
        ("0x10", "0x10"),
        ("\"q\"", "q"),
        ("abc # x", "abc"),
        ("a b c", "a b c"),
        ("$2y$05$x/y.z", "$2y$05$x/y.z"),
    ] {
        assert_eq!(secret(value).as_deref(), Some(text), "{value}");
    }
    assert_eq!(secret(""), None);
}

#[test]
fn a_value_that_is_no_yaml_names_its_variable() {
    let table = [
        (
            "*abc",
            "parsing environment variable REGISTRY_HTTP_SECRET: yaml: while parsing node, found unknown anchor; put the value in quotes if it is meant as a text",
        ),
        (
            "a: b: c",
            "parsing environment variable REGISTRY_HTTP_SECRET: yaml: mapping values are not allowed in this context; put the value in quotes if it is meant as a text",
        ),
        (
            "a: b",
            "parsing environment variable REGISTRY_HTTP_SECRET: http.secret: this is a section, not a text; put it in quotes if it is meant as one",
        ),
    ];
    for (value, error) in table {
        assert_eq!(refused(&[("REGISTRY_HTTP_SECRET", value)]), error);
    }
    assert_eq!(
        refused(&[("REGISTRY_HTTP_DRAINTIMEOUT", "5x")]),
        "parsing environment variable REGISTRY_HTTP_DRAINTIMEOUT: http.draintimeout: \"5x\" is not a duration; use for example 30s or 1m30s"
    );
    assert_eq!(
        refused(&[("REGISTRY_LOG_LEVEL", "loud")]),
        "parsing environment variable REGISTRY_LOG_LEVEL: log.level: invalid loglevel \"loud\": must be one of [error, warn, info, debug]"
    );
}

#[test]
fn an_address_with_brackets_needs_quotes() {
    let error = refused(&[("REGISTRY_HTTP_ADDR", "[::]:5000")]);
    assert!(
        error.ends_with("; put the value in quotes if it is meant as a text"),
        "{error}"
    );
    let http = load_quietly(FILE, &[("REGISTRY_HTTP_ADDR", "'[::]:5000'")]).http;
    assert_eq!(
        http.listen,
        ListenAddress::Tcp("[::]:5000".parse().unwrap())
    );
}

#[test]
fn a_value_may_be_a_whole_list_or_section() {
    let http = load_quietly(
        FILE,
        &[
            ("REGISTRY_HTTP_HEADERS", "{X-A: [a, b], X-B: [c]}"),
            (
                "REGISTRY_HTTP_TLS",
                "{certificate: c.crt, key: c.key, clientcas: [a.crt, b.crt]}",
            ),
        ],
    )
    .http;
    assert_eq!(http.headers.get_all("x-a").iter().count(), 2);
    assert!(!http.headers.contains_key("x-content-type-options"));
    assert_eq!(http.tls.unwrap().clientcas.len(), 2);
}

#[test]
fn an_empty_value_is_the_default() {
    let configuration = load_quietly(
        FILE,
        &[
            ("REGISTRY_LOG_LEVEL", ""),
            ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", ""),
            ("REGISTRY_STORAGE_DELETE_ENABLED", ""),
            ("REGISTRY_HTTP_TLS_CERTIFICATE", ""),
            ("REGISTRY_HTTP_TLS_KEY", ""),
            ("REGISTRY_PROXY_REMOTEURL", ""),
            ("REGISTRY_AUTH", ""),
        ],
    );
    assert!(!configuration.storage.delete_enabled);
    assert!(configuration.http.tls.is_none());
    assert_eq!(configuration.auth, AuthSection::None);
}

#[test]
fn storage_by_name_replaces_the_section() {
    let storage = load_quietly(FILE, &[("REGISTRY_STORAGE", "inmemory")]).storage;
    assert_eq!(storage.driver, DriverSection::InMemory);
    assert_eq!(storage.cache, CacheSection::Off);
    assert!(!storage.delete_enabled);

    let variables = [
        ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
        ("REGISTRY_STORAGE", "inmemory"),
    ];
    assert!(load_quietly(FILE, &variables).storage.delete_enabled);
}

#[test]
fn a_driver_beside_that_of_the_file_is_refused() {
    assert_eq!(
        refused(&[("REGISTRY_STORAGE_S3_BUCKET", "b")]),
        "parsing environment variable REGISTRY_STORAGE_S3_BUCKET: storage.s3: multiple storage drivers specified in configuration \
         or environment: filesystem, s3; a variable REGISTRY_STORAGE=<driver> replaces the whole storage section"
    );
    let error = refused(&[("REGISTRY_STORAGE_INMEMORY", "{}")]);
    assert!(error.contains(
        "multiple storage drivers specified in configuration or environment: filesystem, inmemory"
    ));
    let error = refused(&[
        ("REGISTRY_STORAGE", "inmemory"),
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/x"),
    ]);
    assert!(error.contains("filesystem, inmemory"), "{error}");
    let error = refused(&[
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_STORAGE_S3_BUCKET", "b"),
    ]);
    assert!(
        error.ends_with("use storage.filesystem or storage.inmemory"),
        "{error}"
    );
}

#[test]
fn a_bare_driver_name_in_the_file_takes_options() {
    let text = "version: 0.1\nstorage: filesystem\n";
    let storage = load_quietly(
        text,
        &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data")],
    )
    .storage;
    let DriverSection::Filesystem { rootdirectory, .. } = storage.driver else {
        panic!("another driver");
    };
    assert_eq!(rootdirectory.to_str(), Some("/data"));
    assert!(
        load_quietly(MINIMAL, &[("REGISTRY_STORAGE_DELETE_ENABLED", "true")])
            .storage
            .delete_enabled
    );
}

#[test]
fn keys_deep_inside_storage_are_reached() {
    let storage = load_quietly(
        FILE,
        &[
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
            (
                "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED",
                "false",
            ),
        ],
    )
    .storage;
    assert!(storage.readonly);
    assert_eq!(storage.upload_purging, None);

    let storage = load_quietly(
        FILE,
        &[("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{enabled: true}")],
    )
    .storage;
    assert!(storage.readonly);
    let storage = load_quietly(
        FILE,
        &[(
            "REGISTRY_STORAGE_MAINTENANCE",
            "{readonly: {enabled: true}}",
        )],
    )
    .storage;
    assert!(storage.readonly && storage.upload_purging.is_some());
}

#[test]
fn htpasswd_without_a_realm_is_refused() {
    let variables = [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
    ];
    assert_eq!(
        refused(&variables),
        "parsing environment variable REGISTRY_AUTH: auth.htpasswd: unable to configure authorization (htpasswd): \"realm\" must be \
         set for htpasswd access controller"
    );
}

#[test]
fn a_second_way_to_authenticate_is_refused() {
    let text = with("auth: {none: {}}");
    let error = load(&text, &[("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd")]).unwrap_err();
    assert!(
        error.contains("must provide exactly one type. Provided: [htpasswd none]"),
        "{error}"
    );
}

#[test]
fn a_header_replaces_the_one_of_the_file_in_any_case() {
    let http = load_quietly(
        FILE,
        &[("REGISTRY_HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS", "[other]")],
    )
    .http;
    let values: Vec<_> = http
        .headers
        .get_all("x-content-type-options")
        .iter()
        .collect();
    assert_eq!(values, ["other"]);
    let http = load_quietly(
        FILE,
        &[("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "['*']")],
    )
    .http;
    assert_eq!(http.headers["access-control-allow-origin"], "*");
}

#[test]
fn fields_of_the_log_nest() {
    let log = load_quietly(
        FILE,
        &[
            ("REGISTRY_LOG_FIELDS_A_B", "c"),
            ("REGISTRY_LOG_FIELDS_SERVICE", "mine"),
        ],
    )
    .log;
    let field = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(log.fields, [field("service", "mine"), field("a.b", "c")]);
}

#[test]
fn elements_of_lists_are_assigned_and_appended() {
    let text = with("http: {tls: {certificate: a, key: b, clientcas: [one]}}");
    let clientcas = |variables: &[(&str, &str)]| {
        let tls = load_quietly(&text, variables).http.tls.unwrap();
        tls.clientcas
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        clientcas(&[("REGISTRY_HTTP_TLS_CLIENTCAS_0", "new")]),
        ["new"]
    );
    assert_eq!(
        clientcas(&[("REGISTRY_HTTP_TLS_CLIENTCAS_1", "new")]),
        ["one", "new"]
    );
    assert_eq!(
        clientcas(&[("REGISTRY_HTTP_TLS_CLIENTCAS", "new")]),
        ["new"]
    );

    let error = load(&text, &[("REGISTRY_HTTP_TLS_CLIENTCAS_2", "new")]).unwrap_err();
    assert_eq!(
        error,
        "parsing environment variable REGISTRY_HTTP_TLS_CLIENTCAS_2: http.tls.clientcas: undefined index: 2; this list goes on with 1: the elements of a list are numbered from 0 without a gap, or given all at once as [a, b]"
    );
    let error = load(&text, &[("REGISTRY_HTTP_TLS_CLIENTCAS_FOO", "new")]).unwrap_err();
    assert_eq!(
        error,
        "parsing environment variable REGISTRY_HTTP_TLS_CLIENTCAS_FOO: http.tls.clientcas: non-numeric index: FOO; the elements of a list are numbered from 0 without a gap, or given all at once as [a, b]"
    );
}

#[test]
fn a_list_begins_with_its_element_0() {
    let rule =
        "the elements of a list are numbered from 0 without a gap, or given all at once as [a, b]";
    let text = with("http:\n  tls:\n    certificate: a\n    key: b");
    let empty = format!("{text}    clientcas:\n");
    for text in [&text, &empty] {
        for (suffix, told) in [
            ("1", "undefined index: 1; this list goes on with 0: "),
            ("A", "this is a section, not a list; "),
        ] {
            let name = format!("REGISTRY_HTTP_TLS_CLIENTCAS_{suffix}");
            let error = load(text, &[(&name, "ca.crt")]).unwrap_err();
            let place = format!("parsing environment variable {name}: http.tls.clientcas: ");
            assert_eq!(error, format!("{place}{told}{rule}"));
        }
    }
    let error = refused(&[("REGISTRY_NOTIFICATIONS_ENDPOINTS_0", "{name: x}")]);
    assert!(
        error.contains("notifications.endpoints: this version sends no notifications"),
        "{error}"
    );
    let error = refused(&[("REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME", "x")]);
    assert!(
        error.contains("notifications.endpoints: this version sends no notifications"),
        "{error}"
    );
    let error = refused(&[("REGISTRY_HTTP_TLS_LETSENCRYPT_HOSTS_0", "h")]);
    assert!(
        error.contains("http.tls.letsencrypt: this version does not obtain certificates"),
        "{error}"
    );
}

#[test]
fn names_of_fields_and_names_of_keys_are_the_same() {
    let health =
        |variables: &[(&str, &str)]| -> HealthSection { load_quietly(FILE, variables).health };
    for kind in ["FILE", "FILECHECKERS"] {
        let name = format!("REGISTRY_HEALTH_{kind}");
        assert_eq!(
            health(&[(&name, "[{file: /down}]")]).files.len(),
            1,
            "{name}"
        );
        let name = format!("REGISTRY_HEALTH_{kind}_0_FILE");
        assert_eq!(health(&[(&name, "/down")]).files.len(), 1, "{name}");
    }
    for kind in ["HTTP", "HTTPCHECKERS"] {
        let name = format!("REGISTRY_HEALTH_{kind}_0_URI");
        assert_eq!(health(&[(&name, "http://a/")]).http.len(), 1, "{name}");
    }
    for kind in ["TCP", "TCPCHECKERS"] {
        let name = format!("REGISTRY_HEALTH_{kind}_0_ADDR");
        assert_eq!(health(&[(&name, "a:1")]).tcp.len(), 1, "{name}");
    }
    load_quietly(
        FILE,
        &[
            (
                "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES",
                "true",
            ),
            ("REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES", "true"),
            ("REGISTRY_COMPATIBILITY_SCHEMA1_TRUSTKEY", "/key.json"),
            ("REGISTRY_COMPATIBILITY_SCHEMA1_SIGNINGKEYFILE", "/key.json"),
        ],
    );
    let hook = with("log: {hooks: [{type: mail, disabled: true}]}");
    load_quietly(
        &hook,
        &[("REGISTRY_LOG_HOOKS_0_MAILOPTIONS_FROM", "a@example.com")],
    );
    for name in ["REGISTRY_REDIS_ADDRS", "REGISTRY_REDIS_OPTIONS_ADDRS"] {
        let error = refused(&[(name, "[localhost:6379]")]);
        assert!(
            error.contains("redis.addrs: this version does not use Redis"),
            "{error}"
        );
    }
}

#[test]
fn the_older_log_level_counts_only_without_the_newer() {
    assert_eq!(
        load_quietly(FILE, &[("REGISTRY_LOGLEVEL", "debug")])
            .log
            .level,
        crate::config::log::Level::Info
    );
    let log = load_quietly(MINIMAL, &[("REGISTRY_LOGLEVEL", "debug")]).log;
    assert_eq!(log.level, crate::config::log::Level::Debug);
}

#[test]
fn variables_that_mean_nothing_are_named() {
    for name in [
        "REGISTRY_PORT_5000_TCP_ADDR",
        "REGISTRY_PORT",
        "REGISTRY_SERVICE_HOST",
        "REGISTRY_FQDN_AND_PORT",
        "REGISTRY_",
        "REGISTRY_HTTP_",
        "REGISTRY_HTTP__ADDR",
    ] {
        assert_eq!(
            warned(&[(name, "tcp://10.0.0.1: x: y")]),
            [format!("Ignoring unrecognized environment variable {name}")]
        );
    }
    assert_eq!(
        warned(&[("REGISTRY_HTTP_ADRR", ":80")]),
        [
            "Ignoring unrecognized environment variable REGISTRY_HTTP_ADRR: unknown key http.adrr; did you mean http.addr?"
        ]
    );
    assert_eq!(
        warned(&[("REGISTRY_HTTP_ADDR_PORT", "80")]),
        [
            "Ignoring environment variable REGISTRY_HTTP_ADDR_PORT: http.addr has a value and no keys below it"
        ]
    );
    assert_eq!(
        warned(&[("REGISTRY_VERSION", "2.8.3")]),
        ["Ignoring environment variable REGISTRY_VERSION: the version is that of the file"]
    );
    assert_eq!(
        warned(&[("REGISTRY_HTTP_DRAINTIMEOUT", "5")]),
        [
            "environment variable REGISTRY_HTTP_DRAINTIMEOUT: http.draintimeout: 5 without a unit is 5 nanoseconds; write a unit, for example 30s"
        ]
    );
}

#[test]
fn the_variable_of_the_path_and_those_of_others_are_not_looked_at() {
    load_quietly(
        FILE,
        &[
            ("REGISTRY_CONFIGURATION_PATH", "/x: y: z"),
            ("registry_http_addr", "x"),
            ("PATH", "/bin"),
        ],
    );
}

#[test]
fn the_case_of_elements_does_not_matter() {
    let http = load_quietly(FILE, &[("REGISTRY_http_Addr", ":80")]).http;
    assert_eq!(http.listen, ListenAddress::Tcp(":80".parse().unwrap()));
}

#[test]
fn only_variables_of_the_registry_are_taken_from_the_process() {
    let variables = [
        ("PATH", "/bin"),
        ("REGISTRY_HTTP_ADDR", ":80"),
        ("XREGISTRY_A", "b"),
    ];
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let taken: Vec<(String, String)> = of_registry(variables.into_iter()).collect();
    assert_eq!(taken, [("REGISTRY_HTTP_ADDR".to_owned(), ":80".to_owned())]);
}

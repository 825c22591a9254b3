//! The files that ship in images, and the ways in which people start a registry.

use super::*;

/// The file in the images of 2.6, 2.7 and 2.8.
const IMAGE_2: &str = "\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";

/// The file in the image of 3.x.
const IMAGE_3: &str = "\
version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
  tag:
    concurrencylimit: 5
http:
  addr: :5000
  debug:
    addr: :5001
    prometheus:
      enabled: true
      path: /metrics
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";

fn in_folder(folder: &str) -> DriverSection {
    DriverSection::Filesystem {
        rootdirectory: folder.into(),
        maxthreads: 100,
        durability: Durability::Full,
    }
}

#[test]
fn the_file_of_the_image_of_2_x_is_read() {
    let configuration = load_quietly(IMAGE_2, &[]);
    assert_eq!(
        configuration.log.fields,
        [("service".to_owned(), "registry".to_owned())]
    );
    assert_eq!(configuration.log.level, Level::Info);
    assert_eq!(configuration.storage.driver, in_folder("/var/lib/registry"));
    assert_eq!(
        configuration.storage.cache,
        CacheSection::InMemory {
            entries: Some(10_000)
        }
    );
    assert!(!configuration.storage.delete_enabled);
    assert_eq!(
        configuration.http.listen,
        ListenAddress::Tcp(":5000".parse().unwrap())
    );
    assert_eq!(
        configuration.http.headers["x-content-type-options"],
        "nosniff"
    );
    assert!(configuration.http.tls.is_none());
    assert!(configuration.http.debug.is_none());
    assert_eq!(configuration.auth, AuthSection::None);
    let health = configuration.health.storage.unwrap();
    assert_eq!((health.interval.as_secs(), health.threshold), (10, 3));
}

#[test]
fn the_file_of_the_image_of_3_x_is_read() {
    let configuration = load_quietly(IMAGE_3, &[]);
    assert_eq!(configuration.log.level, Level::Debug);
    assert_eq!(configuration.log.fields.len(), 2);
    assert!(configuration.storage.delete_enabled);
    assert!(configuration.http.headers.is_empty());
    let debug = configuration.http.debug.unwrap();
    assert_eq!(debug.addr, ":5001".parse().unwrap());
    assert_eq!(debug.prometheus_path.as_deref(), Some("/metrics"));
}

#[test]
fn the_built_in_configuration_is_the_image_s_with_a_folder_of_its_own() {
    let loaded = Configuration::load(ConfigSource::BuiltIn, std::iter::empty()).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.origin.to_string(), "built-in configuration");
    let image = load_quietly(
        &IMAGE_2.replace("/var/lib/registry", "./registry-data"),
        &[],
    );
    assert_eq!(format!("{:?}", loaded.configuration), format!("{image:?}"));
}

#[test]
fn the_built_in_configuration_can_be_overridden() {
    let variables = [
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/data"),
        ("REGISTRY_HTTP_ADDR", "127.0.0.1:0"),
    ];
    let loaded = Configuration::load(ConfigSource::BuiltIn, environment(&variables)).unwrap();
    assert_eq!(loaded.configuration.storage.driver, in_folder("/data"));
}

#[test]
fn tls_by_an_env_file_of_compose() {
    let variables = [
        ("REGISTRY_HTTP_ADDR", "0.0.0.0:443"),
        (
            "REGISTRY_HTTP_TLS_CERTIFICATE",
            "/certs/docker-registry.crt",
        ),
        ("REGISTRY_HTTP_TLS_KEY", "/certs/docker-registry.key"),
    ];
    let http = load_quietly(IMAGE_2, &variables).http;
    assert_eq!(
        http.listen,
        ListenAddress::Tcp("0.0.0.0:443".parse().unwrap())
    );
    let tls = http.tls.unwrap();
    assert_eq!(tls.certificate.to_str(), Some("/certs/docker-registry.crt"));
    assert_eq!(tls.key.to_str(), Some("/certs/docker-registry.key"));
}

#[test]
fn htpasswd_by_variables_with_and_without_naming_the_type() {
    let variables = [
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
    ];
    let wanted = AuthSection::Htpasswd {
        realm: "Registry Realm".to_owned(),
        path: "/auth/htpasswd".into(),
    };
    assert_eq!(load_quietly(IMAGE_2, &variables).auth, wanted);
    assert_eq!(load_quietly(IMAGE_2, &variables[1..]).auth, wanted);
}

#[test]
fn a_file_on_disk_is_read_and_named_in_warnings_and_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yml");
    std::fs::write(&path, format!("{MINIMAL}http:\n  adr: :80\n")).unwrap();
    let source = ConfigSource::File(path.clone());
    let loaded = Configuration::load(source.clone(), std::iter::empty()).unwrap();
    let path = path.display();
    assert_eq!(
        loaded.warnings,
        [format!(
            "{path}: line 4: unknown key http.adr; did you mean http.addr?"
        )]
    );
    let error = Configuration::load(source, environment(&[("REGISTRY_STORAGE", "")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "error parsing {path}: no storage configuration provided; write for example storage: {{filesystem: {{rootdirectory: /var/lib/registry}}}}"
        )
    );
}

#[test]
fn the_http_secret_shows_in_no_debug_output() {
    let configuration = load_quietly(&with("http:\n  secret: swordfish"), &[]);
    assert_eq!(
        configuration.http.secret.as_ref().unwrap().expose(),
        "swordfish"
    );
    assert!(!format!("{configuration:?}").contains("swordfish"));
}

proptest! {
    #[test]
    fn no_text_brings_the_loader_down(text in "\\PC*") {
        let _ = load(&text, &[]);
    }

    #[test]
    fn no_file_brings_the_loader_down(
        lines in prop::collection::vec("[ ]{0,6}(- )?(storage|http|tls|headers|log|level|addr|<<|&a|\\*a|'|\")?:? ?[:{}\\[\\]a-z0-9*&!|>\"',#%-]{0,8}", 0..12),
    ) {
        let text = with(&lines.join("\n"));
        let _ = load(&text, &[]);
    }

    #[test]
    fn no_variable_brings_the_loader_down(
        name in "REGISTRY_(STORAGE|HTTP|AUTH|LOG|HEALTH|NOTIFICATIONS|MIDDLEWARE)(_(0|1|9{20}|[A-Z]{1,6}|FILESYSTEM|HEADERS|TLS|FILE|ENDPOINTS)){0,4}",
        value in "\\PC{0,12}",
    ) {
        let _ = load(IMAGE_2, &[(&name, &value)]);
    }
}

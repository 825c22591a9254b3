//! What is said of a configuration that is right and odd.

use super::*;

/// Each piece, put after a minimal file, so that it starts on line 3, with all warnings.
fn warned(table: &[(&str, &[&str])]) {
    for (lines, warnings) in table {
        let (_, actual) =
            load(&with(lines), &[]).unwrap_or_else(|fault| panic!("{fault} in\n{lines}"));
        assert_eq!(actual, *warnings, "of\n{lines}");
    }
}

#[test]
fn what_is_turned_off_is_not_refused() {
    load_quietly(
        &with(
            "\
log:
  hooks:
    - {type: mail, disabled: true, levels: [panic], options: {from: a@example.com}}
notifications:
  events: {includereferences: true}
  endpoints:
    - {name: a, disabled: true, url: http://a/, headers: {}, timeout: 1s, threshold: 1, backoff: 1s, ignoredmediatypes: [],
       ignore: {actions: [pull]}}
middleware:
  registry: []
  storage:
    - {name: unknown, disabled: true, options: {a: b}}
proxy: {remoteurl: '', username: '', password: '', ttl: 168h}
redis: {addr: ''}
compatibility: {schema1: {enabled: false, signingkeyfile: /k.json}}
policy: {repository: {classes: []}}
http: {tls: {letsencrypt: {cachefile: '', email: '', hosts: []}}}
reporting: {bugsnag: {apikey: ''}}",
        ),
        &[],
    );
}

#[test]
fn unknown_keys_are_named_and_read_over() {
    warned(&[
        (
            "htp:\n  addr: x",
            &["config.yml: line 3: unknown key htp; did you mean http?"],
        ),
        (
            "HTTP: {}",
            &["config.yml: line 3: unknown key HTTP; did you mean http?"],
        ),
        (
            "services: {}",
            &["config.yml: line 3: unknown key services"],
        ),
        (
            "http:\n  adr: :80\n  tls:\n    cert: a\n    certifcate: b",
            &[
                "config.yml: line 4: unknown key http.adr; did you mean http.addr?",
                "config.yml: line 6: unknown key http.tls.cert",
                "config.yml: line 7: unknown key http.tls.certifcate; did you mean http.tls.certificate?",
            ],
        ),
        (
            "health:\n  http:\n    - {uri: http://a/, timout: 5s}",
            &[
                "config.yml: line 5: unknown key health.http[0].timout; did you mean health.http[0].timeout?",
            ],
        ),
        (
            "proxy:\n  remoteulr: https://a",
            &["config.yml: line 4: unknown key proxy.remoteulr; did you mean proxy.remoteurl?"],
        ),
        (
            "log:\n  fields: {any: thing}\n  levels: debug",
            &["config.yml: line 5: unknown key log.levels; did you mean log.level?"],
        ),
    ]);
}

#[test]
fn what_is_legal_and_odd_gives_a_warning() {
    warned(&[
        (
            "http:\n  draintimeout: 5",
            &[
                "config.yml: line 4: http.draintimeout: 5 without a unit is 5 nanoseconds; write a unit, for example 30s",
            ],
        ),
        ("http:\n  draintimeout: 0", &[]),
        (
            "http:\n  prefix: pre",
            &[
                "config.yml: line 4: http.prefix: \"pre\" is read as \"/pre/\"; a prefix begins and ends with a slash",
            ],
        ),
        ("http:\n  prefix: /pre/", &[]),
        (
            "http:\n  host: https://example.com/path",
            &[
                "config.yml: line 4: http.host: \"path\" is dropped, since a folder ends in a slash: \"https://example.com/path/\"",
            ],
        ),
        ("http:\n  host: https://example.com/", &[]),
        ("http:\n  host: https://example.com/behind/", &[]),
        ("http:\n  host: https://[::1]:5000", &[]),
        (
            "http:\n  headers: {X-Frame-Options: [DENY], Docker-Content-Digest: [x], content-type: [y]}",
            &[
                "config.yml: line 4: http.headers.Docker-Content-Digest: the registry sets this header itself where it belongs; this one is left out",
                "config.yml: line 4: http.headers.content-type: the registry sets this header itself where it belongs; this one is left out",
            ],
        ),
        (
            "health:\n  storagedriver: {enabled: true, interval: 999ms}\n  file: [{file: /a, interval: 1ms}]\n  tcp: [{addr: 'a:1'}, {addr: 'a:2', interval: 2us}]",
            &[
                "config.yml: line 4: health.storagedriver.interval: 999ms is raised to 1s: checking more often costs more than it tells",
                "config.yml: line 5: health.file[0].interval: 1ms is raised to 1s: checking more often costs more than it tells",
                "config.yml: line 6: health.tcp[1].interval: 2µs is raised to 1s: checking more often costs more than it tells",
            ],
        ),
        (
            "http:\n  tls: {certificate: a, key: b, ciphersuites: [TLS_RSA_WITH_RC4_128_SHA, TLS_AES_128_GCM_SHA256]}",
            &[
                "config.yml: line 4: http.tls.ciphersuites: these are not offered and left out: TLS_RSA_WITH_RC4_128_SHA",
            ],
        ),
        (
            "http:\n  tls: {certificate: a, key: b, minimumtls: tls1.3, ciphersuites: [TLS_RSA_WITH_RC4_128_SHA]}",
            &[
                "config.yml: line 4: http.tls.ciphersuites: this has no effect with http.tls.minimumtls tls1.3",
            ],
        ),
        (
            "http:\n  tls: {certificate: a, key: b, clientauth: request-client-cert}",
            &[
                "config.yml: line 4: http.tls.clientauth: this has no effect without http.tls.clientcas",
            ],
        ),
        (
            "validation:\n  enabled: true",
            &[
                "config.yml: line 4: validation.enabled: this key is deprecated and has no effect; see validation.disabled",
            ],
        ),
        (
            "validation: {manifests: {indexes: {platforms: none}}}",
            &[
                "config.yml: line 3: validation.manifests.indexes.platforms: an index is accepted without the manifests that it refers to",
            ],
        ),
        (
            "reporting:\n  newrelic: {licensekey: k}",
            &[
                "config.yml: line 3: reporting: errors are reported to the log only, this section is ignored",
            ],
        ),
        (
            "redis:\n  password: p",
            &[
                "config.yml: line 3: redis: this version does not use Redis, this section is ignored",
            ],
        ),
        (
            "http:\n  addr: :1\n  addr: :2",
            &["config.yml: line 5: the key http.addr is given twice; the last one counts"],
        ),
        (
            "---\nversion: 0.1",
            &["config.yml: line 1: only the first YAML document is read"],
        ),
    ]);
    let (configuration, warnings) = load(
        "version: 0.1\nstorage:\n  inmemory: {size: 5}\n  cache:\n    blobdescriptor: foo\n",
        &[],
    )
    .unwrap();
    assert_eq!(configuration.storage.cache, CacheSection::Off);
    assert_eq!(
        warnings,
        [
            "config.yml: line 3: unknown key storage.inmemory.size",
            "config.yml: line 5: storage.cache.blobdescriptor: unknown cache type \"foo\", caching disabled; use inmemory",
        ]
    );
}

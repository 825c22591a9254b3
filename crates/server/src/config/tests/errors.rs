//! What is said of a configuration that is wrong.

use super::*;

/// Each text with the whole error.
fn refused(table: &[(&str, &str)]) {
    for (text, error) in table {
        match load(text, &[]) {
            Ok(_) => panic!("accepted:\n{text}"),
            Err(fault) => assert_eq!(fault, *error, "of\n{text}"),
        }
    }
}

/// Each piece, put after a minimal file, so that it starts on line 3, with the whole error.
fn refused_after_minimal(table: &[(&str, &str)]) {
    for (lines, error) in table {
        refused(&[(&with(lines), error)]);
    }
}

#[test]
fn versions() {
    refused(&[
        (
            "",
            "unsupported version: \"\"; write version: 0.1 at the top of the file",
        ),
        (
            "# nothing\n",
            "unsupported version: \"\"; write version: 0.1 at the top of the file",
        ),
        (
            "storage: inmemory\n",
            "unsupported version: \"\"; write version: 0.1 at the top of the file",
        ),
        (
            "version:\nstorage: inmemory\n",
            "unsupported version: \"\"; write version: 0.1 at the top of the file",
        ),
        (
            "version: 0.2\n",
            "unsupported version: \"0.2\"; write version: 0.1 at the top of the file",
        ),
        (
            "version: foo\n",
            "unsupported version: \"foo\"; write version: 0.1 at the top of the file",
        ),
        (
            "version: 1\n",
            "unsupported version: \"1\"; write version: 0.1 at the top of the file",
        ),
        (
            "version: [0.1]\n",
            "line 1: version: this is a list, not a text; put it in quotes if it is meant as one",
        ),
        (
            "just text\n",
            "line 1: this is a text, not a section of keys",
        ),
        (
            "- version: 0.1\n",
            "line 1: this is a list, not a section of keys",
        ),
    ]);
    load_quietly("version: '0.1'\nstorage: inmemory\n", &[]);
}

#[test]
fn syntax() {
    refused(&[
        (
            "version: 0.1\nhttp:\n\taddr: :80\n",
            "line 3: yaml: tabs disallowed within this context (block indentation)",
        ),
        (
            "version: 0.1\na: *b\n",
            "line 2: yaml: while parsing node, found unknown anchor",
        ),
        (
            "version: 0.1\n? [a]\n: b\n",
            "line 2: yaml: a key must be a text",
        ),
    ]);
}

#[test]
fn storage() {
    refused(&[
        (
            "version: 0.1\n",
            "no storage configuration provided; write for example storage: {filesystem: {rootdirectory: /var/lib/registry}}",
        ),
        (
            "version: 0.1\nstorage:\n",
            "no storage configuration provided; write for example storage: {filesystem: {rootdirectory: /var/lib/registry}}",
        ),
        (
            "version: 0.1\nstorage: ''\n",
            "no storage configuration provided; write for example storage: {filesystem: {rootdirectory: /var/lib/registry}}",
        ),
        (
            "version: 0.1\nstorage: {delete: {enabled: true}, tag: {}, cache: {}}\n",
            "no storage configuration provided; write for example storage: {filesystem: {rootdirectory: /var/lib/registry}}",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  filesystem:\n  cache: {}\n",
            "line 2: storage: must provide exactly one storage type. Provided: [filesystem inmemory]",
        ),
        (
            "version: 0.1\nstorage: foo\n",
            "storage.foo: StorageDriver not registered: foo; use filesystem or inmemory",
        ),
        (
            "version: 0.1\nstorage:\n  foo:\n    bar: 1\n",
            "line 3: storage.foo: StorageDriver not registered: foo; use filesystem or inmemory",
        ),
        (
            "version: 0.1\nstorage:\n  s3: {bucket: b}\n",
            "line 3: storage.s3: this version stores on a file system or in memory only; use storage.filesystem or storage.inmemory",
        ),
        (
            "version: 0.1\nstorage: [inmemory]\n",
            "line 2: storage: this is a list, not a section of keys",
        ),
        (
            "version: 0.1\nstorage:\n  filesystem: /data\n",
            "line 3: storage.filesystem: this is a text, not a section of keys",
        ),
        (
            "version: 0.1\nstorage:\n  filesystem:\n    maxthreads: abc\n",
            "line 4: storage.filesystem.maxthreads: \"abc\" is not a whole number",
        ),
        (
            "version: 0.1\nstorage:\n  filesystem:\n    durability: some\n",
            "line 4: storage.filesystem.durability: \"some\" is not known; use one of full, none",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  delete:\n    enabled: 1\n",
            "line 5: storage.delete.enabled: \"1\" is not a boolean; use true or false",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  redirect: true\n",
            "line 4: storage.redirect: this is a text, not a section of keys",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  tag: {concurrencylimit: -1}\n",
            "line 4: storage.tag.concurrencylimit: concurrencylimit must be a non-negative integer value",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  maintenance:\n    readonly: true\n",
            "line 5: storage.maintenance.readonly: this is a text, not a section of keys",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  maintenance:\n    uploadpurging: {age: x}\n",
            "line 5: storage.maintenance.uploadpurging.age: \"x\" is not a duration; use for example 30s or 1m30s",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  maintenance:\n    uploadpurging: {interval: 0s}\n",
            "line 5: storage.maintenance.uploadpurging.interval: the interval must be longer than 0",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  cache:\n    blobdescriptor: redis\n",
            "line 5: storage.cache.blobdescriptor: this version has no cache in Redis; use inmemory or remove the key",
        ),
        (
            "version: 0.1\nstorage:\n  inmemory:\n  cache:\n    layerinfo: redis\n",
            "line 5: storage.cache.layerinfo: this version has no cache in Redis; use inmemory or remove the key",
        ),
    ]);
    for driver in ["s3", "s3aws", "azure", "gcs", "swift", "oss"] {
        let fault = load(&format!("version: 0.1\nstorage: {driver}\n"), &[]).unwrap_err();
        assert!(
            fault.starts_with(&format!("storage.{driver}: this version stores on")),
            "{fault}"
        );
    }
}

#[test]
fn logs() {
    refused_after_minimal(&[
        (
            "log:\n  level: foo",
            "line 4: log.level: invalid loglevel \"foo\": must be one of [error, warn, info, debug]",
        ),
        (
            "loglevel: foo",
            "line 3: loglevel: invalid loglevel \"foo\": must be one of [error, warn, info, debug]",
        ),
        (
            "log:\n  formatter: xx",
            "line 4: log.formatter: unsupported logging formatter: \"xx\"; use text, json or logstash",
        ),
        (
            "log:\n  hooks:\n    - type: mail\n      disabled: true\n    - type: mail",
            "line 4: log.hooks: this version sends no mail for log lines; remove the hooks or set disabled: true on each",
        ),
        (
            "log: debug",
            "line 3: log: this is a text, not a section of keys",
        ),
        (
            "log:\n  accesslog:\n    disabled: maybe",
            "line 5: log.accesslog.disabled: \"maybe\" is not a boolean; use true or false",
        ),
    ]);
}

#[test]
fn authentication() {
    refused_after_minimal(&[
        (
            "auth:\n  token: {}\n  htpasswd: {}\n  none:",
            "line 3: auth: must provide exactly one type. Provided: [htpasswd none token]",
        ),
        (
            "auth: foo",
            "auth.foo: unable to configure authorization (foo): no access controller registered with name: foo; use htpasswd or none",
        ),
        (
            "auth:\n  htpasswd:\n    path: /auth/htpasswd",
            "line 4: auth.htpasswd: unable to configure authorization (htpasswd): \"realm\" must be set for htpasswd access controller",
        ),
        (
            "auth:\n  htpasswd:\n    realm: R\n    path: ''",
            "line 4: auth.htpasswd: unable to configure authorization (htpasswd): \"path\" must be set for htpasswd access controller",
        ),
        (
            "auth:\n  htpasswd:\n    realm: \"a\\nb\"\n    path: /auth/htpasswd",
            "line 5: auth.htpasswd.realm: a realm must not have control characters",
        ),
        (
            "auth:\n  token:\n    realm: https://auth.example.com",
            "line 4: auth.token: this version checks passwords of an htpasswd file only; use auth.htpasswd or none",
        ),
        (
            "auth: silly",
            "auth.silly: this version checks passwords of an htpasswd file only; use auth.htpasswd or none",
        ),
    ]);
}

#[test]
fn listening() {
    refused_after_minimal(&[
        (
            "http:\n  addr: 5000",
            "line 4: http.addr: \"5000\" is not an address; use for example :5000 or 127.0.0.1:5000",
        ),
        (
            "http:\n  net: udp",
            "line 4: http.net: unknown address type \"udp\"; use tcp or unix",
        ),
        (
            "http:\n  net: unix",
            "http.addr: a unix socket needs a path",
        ),
        (
            "http:\n  host: registry.example.com:5000",
            "line 4: http.host: could not parse http \"host\" parameter: \"registry.example.com:5000\" is not an absolute URL; use for example https://registry.example.com",
        ),
        (
            "http:\n  host: ftp://registry.example.com",
            "line 4: http.host: could not parse http \"host\" parameter: \"ftp://registry.example.com\" is not an absolute URL; use for example https://registry.example.com",
        ),
        (
            "http:\n  host: https://foo:bar",
            "line 4: http.host: could not parse http \"host\" parameter: invalid port \"bar\" in \"https://foo:bar\"; use for example https://registry.example.com:5000",
        ),
        (
            "http:\n  host: https://[::1]:65536/",
            "line 4: http.host: could not parse http \"host\" parameter: invalid port \"65536\" in \"https://[::1]:65536/\"; use for example https://registry.example.com:5000",
        ),
        (
            "http:\n  draintimeout: 5x",
            "line 4: http.draintimeout: \"5x\" is not a duration; use for example 30s or 1m30s",
        ),
        (
            "http:\n  draintimeout: [5s]",
            "line 4: http.draintimeout: this is a list, not a duration",
        ),
        (
            "http:\n  draintimeout: -5s",
            "line 4: http.draintimeout: \"-5s\" is not a duration; use for example 30s or 1m30s",
        ),
        (
            "http:\n  headers:\n    'X Y': [a]",
            "line 5: http.headers.X Y: \"X Y\" is not a header name",
        ),
        (
            "http:\n  headers:\n    X-Y: [a, \"b\\nc\"]",
            "line 5: http.headers.X-Y[1]: \"b\\nc\" is not a header value",
        ),
        (
            "http:\n  headers: [a]",
            "line 4: http.headers: this is a list, not a section of keys",
        ),
        (
            "http:\n  headers:\n    X-Y: {a: b}",
            "line 5: http.headers.X-Y: this is a section, not a list",
        ),
        (
            "http:\n  secret: {a: b}",
            "line 4: http.secret: this is a section, not a text; put it in quotes if it is meant as one",
        ),
        (
            "http:\n  debug:\n    addr: localhost",
            "line 5: http.debug.addr: \"localhost\" is not an address; use for example :5000 or 127.0.0.1:5000",
        ),
    ]);
}

#[test]
fn headers_that_would_make_answers_unreadable() {
    for name in [
        "Connection",
        "Content-Encoding",
        "Content-Length",
        "Content-Range",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "upgrade",
    ] {
        let fault = load(&with(&format!("http:\n  headers:\n    {name}: [x]")), &[]).unwrap_err();
        let expected = format!(
            "line 5: http.headers.{name}: clients could not read the answers, which the registry frames and encodes itself; remove this header"
        );
        assert_eq!(fault, expected);
    }
    let name = "REGISTRY_HTTP_HEADERS_TRANSFER-ENCODING";
    let fault = load(MINIMAL, &[(name, "chunked")]).unwrap_err();
    assert!(fault.contains(name), "{fault}");
}

#[test]
fn encryption() {
    refused_after_minimal(&[
        (
            "http:\n  tls:\n    certificate: a.crt",
            "line 4: http.tls: certificate is given without key; TLS needs both",
        ),
        (
            "http:\n  tls:\n    key: a.key",
            "line 4: http.tls: key is given without certificate; TLS needs both",
        ),
        (
            "http:\n  tls:\n    clientcas: [ca.crt]",
            "line 4: http.tls: clientcas is given without certificate and key; TLS needs both",
        ),
        (
            "http:\n  tls:\n    minimumtls: tls1.1",
            "line 5: http.tls.minimumtls: tls1.1 is not offered, only tls1.2 and tls1.3 are",
        ),
        (
            "http:\n  tls:\n    minimumtls: ssl3",
            "line 5: http.tls.minimumtls: unknown minimum TLS level \"ssl3\" specified for http.tls.minimumtls; use tls1.2 or tls1.3",
        ),
        (
            "http:\n  tls:\n    ciphersuites: [TLS_FOO]",
            "line 5: http.tls.ciphersuites: unknown TLS cipher suite \"TLS_FOO\" specified for http.tls.cipherSuites",
        ),
        (
            "http:\n  tls:\n    clientauth: maybe",
            "line 5: http.tls.clientauth: \"maybe\" is not known; use one of request-client-cert, require-any-client-cert, verify-client-cert-if-given, require-and-verify-client-cert",
        ),
        (
            "http:\n  tls:\n    letsencrypt:\n      email: a@example.com",
            "line 5: http.tls.letsencrypt: this version does not obtain certificates; give certificate and key, and renew them with an ACME client",
        ),
    ]);
    let fault = load(
        &with("http:\n  tls:\n    ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
        &[],
    )
    .unwrap_err();
    let start = "line 5: http.tls.ciphersuites: this version does not offer TLS_RSA_WITH_AES_128_CBC_SHA; it offers TLS_ECDHE_";
    assert!(fault.starts_with(start), "{fault}");
}

#[test]
fn health_limits_and_validation() {
    refused_after_minimal(&[
        (
            "health:\n  file:\n    - interval: 5s",
            "line 5: health.file[0]: \"file\" must be set",
        ),
        (
            "health:\n  http:\n    - uri: localhost/",
            "line 5: health.http[0].uri: \"localhost/\" is not an absolute URL; use for example http://host:8080/path",
        ),
        (
            "health:\n  http:\n    - uri: http://a/\n      statuscode: 70000",
            "line 6: health.http[0].statuscode: 70000 is not between 0 and 65535",
        ),
        (
            "health:\n  tcp:\n    - addr: redis",
            "line 5: health.tcp[0].addr: \"redis\" is not an address; use for example :5000 or 127.0.0.1:5000",
        ),
        (
            "health:\n  file:\n    - file: /a\n    - file: /a",
            "line 3: health: Check already exists: /a",
        ),
        (
            "tags:\n  maxtags: -1",
            "line 4: tags.maxtags: maxtags limit must be a non-negative integer value",
        ),
        (
            "catalog:\n  maxentries: many",
            "line 4: catalog.maxentries: \"many\" is not a whole number",
        ),
        (
            "validation:\n  manifests:\n    urls:\n      allow: [ok, 'a(b']",
            "line 6: validation.manifests.urls.allow[1]: \"a(b\" is not a regular expression: unclosed group",
        ),
        (
            "validation:\n  manifests:\n    indexes:\n      platforms: some",
            "line 6: validation.manifests.indexes.platforms: \"some\" is not known; use one of all, none, list",
        ),
        (
            "validation:\n  manifests:\n    indexes:\n      platforms: list\n      platformlist: [{os: linux}]",
            "line 7: validation.manifests.indexes.platformlist[0]: \"architecture\" must be set",
        ),
    ]);
}

#[test]
fn what_this_version_has_not() {
    refused_after_minimal(&[
        (
            "notifications:\n  endpoints:\n    - name: a\n      disabled: false",
            "line 4: notifications.endpoints: this version sends no notifications; remove the endpoints or set disabled: true on each",
        ),
        (
            "redis:\n  addr: localhost:6379",
            "line 4: redis.addr: this version does not use Redis; remove the section redis",
        ),
        (
            "redis:\n  addrs: [localhost:6379]",
            "line 4: redis.addrs: this version does not use Redis; remove the section redis",
        ),
        (
            "proxy:\n  remoteurl: https://registry-1.docker.io",
            "line 4: proxy.remoteurl: this version is no pull-through cache; remove the section proxy",
        ),
        (
            "middleware:\n  storage:\n    - name: cloudfront",
            "line 4: middleware.storage: this version has no middleware; remove \"cloudfront\" or set disabled: true on it",
        ),
        (
            "policy:\n  repository:\n    classes: [image]",
            "line 5: policy.repository.classes: this version knows no repository classes; remove the section policy",
        ),
    ]);
}

#[test]
fn every_error_is_one_short_line() {
    let long = "x".repeat(10_000);
    let texts = [
        format!("version: {long}\n"),
        with(&format!("log:\n  level: \"a\\n{long}\"")),
        with(&format!("http:\n  host: {long}")),
        with("validation: {manifests: {urls: {allow: ['a\nb(']}}}"),
        with("http: {addr: \"a\\nb\"}"),
    ];
    for text in texts {
        let fault = load(&text, &[]).unwrap_err();
        assert!(!fault.contains('\n') && fault.len() < 400, "{fault}");
    }
}

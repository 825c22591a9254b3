//! Absolute links: what they begin with behind proxies, under a prefix, and with a host of the operator's choice.

use super::super::content::{MANIFEST, bytes, oci, push, push_parts};
use super::super::request::{Request, get, post, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let with = |http| Settings {
        http,
        ..Settings::OPEN
    };
    vec![
        Scenario::new("links", Settings::OPEN, forwarded()),
        Scenario::new(
            "links of a host",
            with("  host: https://public.test:8443\n"),
            some("/v2"),
        ),
        Scenario::new(
            "links of a host with a folder",
            with("  host: https://public.test/path/\n"),
            beginnings(),
        ),
        Scenario::new(
            "links of a host with a path",
            with("  host: https://public.test/path\n"),
            beginnings(),
        ),
        Scenario::new(
            "relative links",
            with("  relativeurls: true\n"),
            some("/v2"),
        ),
        Scenario::new(
            "relative links of a host",
            with("  relativeurls: true\n  host: https://public.test\n"),
            some("/v2"),
        ),
        Scenario::new(
            "links under a prefix",
            with("  prefix: /deep/er/\n"),
            prefixed(),
        ),
    ]
}

fn forwarded() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, headers) in [
        ("plain", &[][..]),
        ("https", &[("X-Forwarded-Proto", "https")]),
        ("two protocols", &[("X-Forwarded-Proto", "https, http")]),
        ("an odd protocol", &[("X-Forwarded-Proto", "gopher")]),
        ("an empty protocol", &[("X-Forwarded-Proto", "")]),
        ("a host", &[("X-Forwarded-Host", "public.test")]),
        (
            "two hosts",
            &[("X-Forwarded-Host", "public.test, inner.test")],
        ),
        (
            "a host and a port",
            &[
                ("X-Forwarded-Host", "public.test"),
                ("X-Forwarded-Port", "8443"),
            ],
        ),
        (
            "a host with a port",
            &[
                ("X-Forwarded-Host", "public.test:8443"),
                ("X-Forwarded-Proto", "https"),
            ],
        ),
        ("a prefix", &[("X-Forwarded-Prefix", "/registry")]),
        ("an empty host", &[("X-Forwarded-Host", "")]),
        ("a host that is none", &[("X-Forwarded-Host", "a b/\"c")]),
        (
            "a protocol by the standard",
            &[("Forwarded", "proto=https")],
        ),
        (
            "all by the standard",
            &[("Forwarded", "for=192.0.2.1; proto=https; host=public.test")],
        ),
        (
            "all by the standard, quoted",
            &[("Forwarded", "proto=\"https\";host=\"public.test:8443\"")],
        ),
        (
            "two by the standard",
            &[("Forwarded", "host=first.test, host=second.test")],
        ),
        (
            "upper case by the standard",
            &[("Forwarded", "Proto=HTTPS;Host=public.test")],
        ),
        (
            "a client alone by the standard",
            &[("Forwarded", "for=192.0.2.1")],
        ),
        ("nonsense by the standard", &[("Forwarded", "===")]),
        (
            "nonsense by the standard beside a host",
            &[("Forwarded", "==="), ("X-Forwarded-Host", "public.test")],
        ),
        (
            "both ways",
            &[
                ("Forwarded", "host=new.test"),
                ("X-Forwarded-Host", "old.test"),
            ],
        ),
        (
            "both ways in parts",
            &[
                ("Forwarded", "host=new.test"),
                ("X-Forwarded-Proto", "https"),
            ],
        ),
        ("another host", &[("Host", "other.test")]),
        ("a host in upper case", &[("Host", "REGISTRY.test")]),
        ("an address", &[("Host", "[::1]:5000")]),
    ] {
        let request = post(name, "/v2/app/blobs/uploads/");
        requests.push(headers.iter().fold(request, |request, (header, value)| {
            request.header(header, *value)
        }));
    }
    requests.extend(push_parts("app"));
    requests.extend([("manifest", "/v2/app/manifests/1")].map(|(name, path)| {
        put(format!("a {name} behind a proxy"), path, bytes(&oci()))
            .content_type(MANIFEST)
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "public.test")
    }));
    for (name, path) in [
        ("moved", "/v2/app/tags/list/"),
        ("a page", "/v2/_catalog?n=1"),
    ] {
        requests.push(
            get(format!("{name} behind a proxy"), path)
                .header("X-Forwarded-Proto", "https")
                .header("X-Forwarded-Host", "public.test"),
        );
    }
    requests
}

fn some(base: &str) -> Vec<Request> {
    let mut requests = push_parts("app");
    requests.push(push("app", "1", MANIFEST, &oci()));
    requests.extend(push_parts("other"));
    requests.push(push("other", "1", MANIFEST, &oci()));
    requests.extend([
        get("a page", format!("{base}/_catalog?n=1")),
        get("moved", format!("{base}/app/tags/list/")),
        post("behind a proxy", format!("{base}/app/blobs/uploads/"))
            .header("X-Forwarded-Host", "proxy.test"),
    ]);
    requests
}

fn beginnings() -> Vec<Request> {
    vec![
        post("an upload", "/v2/app/blobs/uploads/"),
        get("moved", "/v2/app/tags/list/"),
    ]
}

fn prefixed() -> Vec<Request> {
    let digest = wharf_e2e::digest::of(b"x");
    vec![
        get("the base", "/deep/er/v2/"),
        get("the base without its slash", "/deep/er/v2"),
        get("the base elsewhere", "/v2/"),
        get("the prefix", "/deep/er/"),
        get("the prefix without its slash", "/deep/er"),
        get("half the prefix", "/deep/v2/"),
        get("the root", "/"),
        get("the catalog", "/deep/er/v2/_catalog"),
        get("the catalog with a slash", "/deep/er/v2/_catalog/"),
        post("an upload", "/deep/er/v2/app/blobs/uploads/").keep("up"),
        put(
            "the end of an upload",
            format!("{{up}}&digest={digest}"),
            "x",
        ),
        get("the blob", format!("/deep/er/v2/app/blobs/{digest}")),
        get("an unknown manifest", "/deep/er/v2/app/manifests/1"),
        get("a double slash", "/deep//er/v2/_catalog"),
    ]
}

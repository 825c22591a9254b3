//! Manifests read by tag and by digest, with what clients say they take.

use serde_json::json;

use super::super::content::{
    INDEX, LIST, MANIFEST, SCHEMA_1, SCHEMA_2, digest_of, docker, index, list, oci, push,
    push_parts, sha512, unknown, with,
};
use super::super::request::{Request, get, head};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = stored();
    requests.extend(accepting());
    requests.extend(conditions());
    requests.extend(missing());
    let schema_1 = Settings {
        sections: "compatibility: { schema1: { enabled: true } }\n",
        ..Settings::OPEN
    };
    vec![
        Scenario::new("pull", Settings::OPEN, requests),
        Scenario::new("schema 1", schema_1, converted()),
    ]
}

fn stored() -> Vec<Request> {
    let mut requests = push_parts("app");
    requests.extend([
        push("app", "oci", MANIFEST, &oci()),
        push("app", "docker", SCHEMA_2, &docker()),
        push("app", "index", INDEX, &index()),
        push(
            "app",
            "bare",
            INDEX,
            &with(index(), "mediaType", json!(null)),
        ),
        push("app", "list", LIST, &list("amd64")),
        push("app", "foreign", LIST, &list("s390x")),
    ]);
    requests
}

fn accepting() -> Vec<Request> {
    let everything = format!("{MANIFEST}, {INDEX}, {SCHEMA_2}, {LIST}");
    let mut requests = Vec::new();
    for (kind, media_type, digest) in [
        ("oci", MANIFEST, digest_of(&oci())),
        ("docker", SCHEMA_2, digest_of(&docker())),
        ("index", INDEX, digest_of(&index())),
        (
            "bare",
            INDEX,
            digest_of(&with(index(), "mediaType", json!(null))),
        ),
        ("list", LIST, digest_of(&list("amd64"))),
        ("foreign", LIST, digest_of(&list("s390x"))),
    ] {
        for (way, reference) in [("tag", kind), ("digest", &*digest)] {
            let path = format!("/v2/app/manifests/{reference}");
            let ask = |name: &str| get(format!("{kind} by {way}, {name}"), path.clone());
            requests.extend([
                ask("accepting nothing"),
                ask("accepting anything").accept("*/*"),
                ask("accepting itself").accept(media_type),
                ask("accepting everything").accept(everything.clone()),
                ask("accepting schema 1").accept(SCHEMA_1),
                ask("accepting schema 2").accept(SCHEMA_2),
                head(format!("{kind} by {way}, by HEAD"), path.clone()).accept(everything.clone()),
            ]);
        }
    }
    for (name, accept) in [
        ("JSON", "application/json"),
        ("any application", "application/*"),
        ("itself by half", &*format!("{MANIFEST};q=0.5")),
        ("itself not at all", &*format!("{MANIFEST};q=0")),
        ("itself in upper case", &*MANIFEST.to_uppercase()),
        ("nonsense", "nonsense"),
        ("nonsense and itself", &*format!("///;;, {MANIFEST}")),
        ("an empty list", ""),
        (
            "HTML as browsers do",
            "text/html,application/xhtml+xml,*/*;q=0.8",
        ),
    ] {
        let name = format!("oci, accepting {name}");
        requests.push(get(name, "/v2/app/manifests/oci").accept(accept));
    }
    requests.extend([
        get(
            "oci, accepting itself in the second line",
            "/v2/app/manifests/oci",
        )
        .accept(SCHEMA_2)
        .accept(MANIFEST),
        head("oci by HEAD, accepting nothing", "/v2/app/manifests/oci"),
        head("list by HEAD, accepting nothing", "/v2/app/manifests/list"),
    ]);
    requests
}

fn conditions() -> Vec<Request> {
    let digest = digest_of(&oci());
    let other = unknown();
    let path = "/v2/app/manifests/oci";
    let mut requests = Vec::new();
    for (name, header, value) in [
        ("if not the same", "If-None-Match", format!("\"{digest}\"")),
        ("if not the same, bare", "If-None-Match", digest.clone()),
        (
            "if not the same, weakly",
            "If-None-Match",
            format!("W/\"{digest}\""),
        ),
        (
            "if not one of two",
            "If-None-Match",
            format!("\"{other}\", \"{digest}\""),
        ),
        ("if not there", "If-None-Match", "*".to_owned()),
        ("if not another", "If-None-Match", format!("\"{other}\"")),
        ("if the same", "If-Match", format!("\"{digest}\"")),
        ("if another", "If-Match", format!("\"{other}\"")),
        (
            "if changed",
            "If-Modified-Since",
            "Sat, 01 Jan 2022 00:00:00 GMT".to_owned(),
        ),
        ("a part", "Range", "bytes=0-9".to_owned()),
        ("compressed", "Accept-Encoding", "gzip".to_owned()),
    ] {
        requests.push(get(name, path).accept(MANIFEST).header(header, value));
    }
    let value = format!("\"{digest}\"");
    let by_digest = format!("/v2/app/manifests/{digest}");
    requests.extend([
        head("if not the same, by HEAD", path)
            .accept(MANIFEST)
            .header("If-None-Match", value.clone()),
        get("if not the same, by digest", by_digest)
            .accept(MANIFEST)
            .header("If-None-Match", value),
        get("with a query", format!("{path}?tag=x&n=1")).accept(MANIFEST),
    ]);
    requests
}

fn missing() -> Vec<Request> {
    let digest = digest_of(&oci());
    let (algorithm, hex) = digest.split_once(':').unwrap();
    let layer = wharf_e2e::digest::of(super::super::content::LAYER);
    let ask = |name: &str, reference: &str| {
        get(name, format!("/v2/app/manifests/{reference}")).accept(MANIFEST)
    };
    vec![
        ask("an unknown tag", "2.0"),
        head("an unknown tag by HEAD", "/v2/app/manifests/2.0").accept(MANIFEST),
        ask("an unknown digest", &unknown()),
        ask("an unknown digest of sha512", &sha512()),
        ask("the digest of a layer", &layer),
        get("a tag of an unknown repository", "/v2/nothing/manifests/1").accept(MANIFEST),
        get(
            "a digest of an unknown repository",
            format!("/v2/nothing/manifests/{digest}"),
        ),
        ask(
            "a digest with an encoded colon",
            &format!("{algorithm}%3A{hex}"),
        ),
        ask(
            "a digest in upper case",
            &format!("{algorithm}:{}", hex.to_uppercase()),
        ),
        ask("a digest that is too short", "sha256:abc"),
        ask("a digest that is too long", &format!("{digest}00")),
        ask("a digest without letters", "sha256:"),
        ask("a digest without an algorithm", &format!(":{hex}")),
        ask(
            "a digest of an unknown algorithm",
            &format!("md5:{}", &hex[..32]),
        ),
        ask(
            "a digest that is no hexadecimal",
            &format!("sha256:{}", "z".repeat(64)),
        ),
        ask("a tag of 128 letters", &"t".repeat(128)),
        ask("a tag of 129 letters", &"t".repeat(129)),
        ask("a tag with a leading dot", ".hidden"),
        ask("a tag with a leading dash", "-x"),
        ask("a tag with a plus", "a+b"),
        ask("a tag with a space", "a%20b"),
        ask("a tag with an encoded dot", "o%2eci"),
        ask("a tag with an at", "a@b"),
        ask("a tag in upper case", "OCI"),
        ask("a tag and a digest", &format!("oci@{digest}")),
        get("no reference", "/v2/app/manifests/"),
        get("nothing after the manifests", "/v2/app/manifests"),
        ask("a reference with a slash", "oci/"),
        ask("more than a reference", "oci/more"),
    ]
}

/// What clients of docker's first years get, where that is switched on.
fn converted() -> Vec<Request> {
    let mut requests = stored();
    for tag in ["docker", "list", "foreign", "oci", "index", "bare"] {
        let path = format!("/v2/app/manifests/{tag}");
        requests.extend([
            get(format!("{tag}, accepting nothing"), path.clone()),
            get(format!("{tag}, accepting schema 1"), path.clone()).accept(SCHEMA_1),
            get(format!("{tag}, accepting schema 1 or 2"), path.clone())
                .accept(SCHEMA_1)
                .accept(SCHEMA_2),
            head(format!("{tag} by HEAD"), path),
        ]);
    }
    let by_digest = format!("/v2/app/manifests/{}", digest_of(&docker()));
    let condition = format!("\"{}\"", digest_of(&docker()));
    requests.extend([
        get("docker by digest", by_digest),
        get("docker, if not the same", "/v2/app/manifests/docker")
            .header("If-None-Match", condition),
    ]);
    requests
}

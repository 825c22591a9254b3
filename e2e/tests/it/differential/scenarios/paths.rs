//! Names, slashes, percent signs, and paths of nothing.

use super::super::content::{MANIFEST, digest_of, oci, push, push_parts, unknown};
use super::super::request::{Request, delete, get, head, options, patch, post, put, send};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = push_parts("a/b");
    requests.push(push("a/b", "1", MANIFEST, &oci()));
    requests.extend(names());
    requests.extend(spellings());
    requests.extend(methods());
    requests.extend(nothing());
    vec![Scenario::new("paths", Settings::OPEN, requests)]
}

/// Names of repositories, good and bad, where a tag list and an upload are asked for.
fn names() -> Vec<Request> {
    let long = |length: usize| format!("a/{}", "x".repeat(length - 2));
    let mut requests = Vec::new();
    for (name, repository) in [
        ("with dots", "a.b"),
        ("with two dots", "a..b"),
        ("with underscores", "a__b"),
        ("with three underscores", "a___b"),
        ("with dashes", "a---b"),
        ("with a mixed separator", "a.-b"),
        ("with a leading dash", "-a"),
        ("with a trailing dash", "a-"),
        ("with a leading underscore", "_a"),
        ("with a leading dot", ".a"),
        ("in upper case", "UPPER"),
        ("in upper case below", "a/B"),
        ("of a host", "Foo.com/x"),
        ("of an upper-case host", "UPPER/x"),
        ("of a host with a port", "foo.com:5000/x"),
        ("of a host and nothing else", "foo.com:5000"),
        ("of an address", "[::1]:5000/x"),
        ("with a plus", "a+b"),
        ("with a tilde", "a~b"),
        ("with a space", "a%20b"),
        ("with an umlaut", "%C3%BC"),
        ("with a byte that is no text", "%FF"),
        ("with a zero", "a%00b"),
        ("with an encoded slash", "a%2Fb"),
        ("with an encoded letter", "%61/b"),
        ("with an encoded percent sign", "a%252Fb"),
        ("with an at", "a@b"),
        ("with a colon", "a:b"),
        ("of a keyword", "manifests"),
        ("of keywords", "blobs/uploads"),
        ("of tags", "tags/list"),
        ("of one letter", "x"),
        ("of 255 letters", &*long(255)),
        ("of 256 letters", &*long(256)),
        ("of many components", &*vec!["c"; 100].join("/")),
    ] {
        requests.push(get(
            format!("a name {name}"),
            format!("/v2/{repository}/tags/list"),
        ));
        if !repository.contains("keyword") {
            let path = format!("/v2/{repository}/blobs/uploads/");
            requests.push(post(format!("an upload to a name {name}"), path));
        }
    }
    requests
}

/// The same path written in other ways.
fn spellings() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, path) in [
        ("a double slash", "/v2//a/b/tags/list"),
        ("a double slash within", "/v2/a//b/tags/list"),
        ("a double slash at the beginning", "//v2/a/b/tags/list"),
        ("a dot", "/v2/./a/b/tags/list"),
        ("two dots", "/v2/x/../a/b/tags/list"),
        ("two dots above everything", "/../v2/a/b/tags/list"),
        ("encoded dots", "/v2/x/%2E%2E/a/b/tags/list"),
        ("encoded slashes", "/v2%2Fa%2Fb%2Ftags%2Flist"),
        ("an encoded keyword", "/v2/a/b/t%61gs/list"),
        ("a percent sign", "/v2/a/b/tags/list%"),
        ("half an encoding", "/v2/a/b/tags/list%2"),
        ("a slash at the end", "/v2/a/b/tags/list/"),
        ("two slashes at the end", "/v2/a/b/tags/list//"),
        ("a double slash and a query", "/v2//a/b/tags/list?n=1"),
        ("a fragment", "/v2/a/b/tags/list#top"),
        ("a backslash", "/v2/a\\b/tags/list"),
        ("two slashes and a host", "//example.test/%2e%2e"),
        ("a backslash and a host", "/\\example.test//"),
        ("upper case", "/V2/a/b/tags/list"),
        ("a semicolon", "/v2/a/b/tags/list;x"),
        ("a question mark alone", "/v2/a/b/tags/list?"),
    ] {
        requests.push(get(format!("with {name}"), path));
    }
    requests.extend([
        post("with a double slash by POST", "/v2//a/b/blobs/uploads/"),
        put(
            "with a slash at the end by PUT",
            "/v2/a/b/manifests/1/",
            "{}",
        ),
        delete("with a slash at the end by DELETE", "/v2/a/b/manifests/1/"),
        head("with a slash at the end by HEAD", "/v2/a/b/manifests/1/"),
        head("with a double slash by HEAD", "/v2//a/b/manifests/1"),
    ]);
    requests
}

fn methods() -> Vec<Request> {
    let manifest = "/v2/a/b/manifests/1";
    let unknown = format!("/v2/a/b/manifests/{}", digest_of(&oci()));
    vec![
        post("a manifest by POST", manifest),
        patch("a manifest by PATCH", manifest, "x"),
        options("a manifest by OPTIONS", manifest),
        options("a digest by OPTIONS", unknown),
        options(
            "an unknown repository's manifest by OPTIONS",
            "/v2/nothing/manifests/1",
        ),
        send("a manifest by a method of no one's", "BREW", manifest),
        send("a manifest by a method in lower case", "get", manifest),
        send("a manifest by TRACE", "TRACE", manifest),
        send(
            "a blob by a method of no one's",
            "BREW",
            format!("/v2/a/b/blobs/{}", self::unknown()),
        ),
        send(
            "an upload by a method of no one's",
            "BREW",
            "/v2/a/b/blobs/uploads/",
        ),
        options("a bad name by OPTIONS", "/v2/a..b/tags/list"),
        post("a bad name by POST", "/v2/a..b/tags/list"),
    ]
}

fn nothing() -> Vec<Request> {
    let digest = digest_of(&oci());
    let mut requests = Vec::new();
    for (name, path) in [
        ("a word", "/v2/word"),
        ("a repository", "/v2/a/b"),
        ("a repository with a slash", "/v2/a/b/"),
        ("an unknown noun", "/v2/a/b/things/1"),
        ("an underscore", "/v2/_things"),
        ("the extensions", "/v2/_oci/ext/discover"),
        ("manifests of no repository", "/v2/manifests/1"),
        ("tags of no repository", "/v2/tags/list"),
        ("uploads of no repository", "/v2/blobs/uploads/"),
        ("the catalog of a repository", "/v2/a/b/_catalog"),
        ("something below the catalog", "/v2/_catalog/x"),
        ("something below the tags", "/v2/a/b/tags/list/x"),
        ("the third version", "/v3/"),
        ("a path without a version", "/a/b/tags/list"),
        ("the store", "/docker/registry/v2/repositories"),
    ] {
        requests.push(get(format!("nothing at {name}"), path));
    }
    requests.extend([
        put("nothing by PUT", "/v2/a/b/things/1", "{}"),
        head("nothing by HEAD", "/v2/a/b/things/1"),
        get(
            "the referrers of a manifest",
            format!("/v2/a/b/referrers/{digest}"),
        ),
        get(
            "the referrers of nothing",
            format!("/v2/nothing/referrers/{}", unknown()),
        ),
        get("the referrers of no digest", "/v2/a/b/referrers/1"),
        post(
            "the referrers by POST",
            format!("/v2/a/b/referrers/{digest}"),
        ),
    ]);
    requests
}

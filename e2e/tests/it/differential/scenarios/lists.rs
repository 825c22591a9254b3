//! The catalog and the tags, in pages.

use serde_json::json;

use super::super::content::{MANIFEST, bytes, digest_of, oci, push, push_blob, push_parts, with};
use super::super::request::{Request, get, head, options, post, put, send};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("catalog", Settings::OPEN, catalog()),
        Scenario::new("tags", Settings::OPEN, tags()),
    ]
}

fn catalog() -> Vec<Request> {
    let mut requests = vec![
        get("of an empty store", "/v2/_catalog"),
        get("of an empty store, in pages", "/v2/_catalog?n=2"),
        get("of an empty store, from the middle", "/v2/_catalog?last=a"),
    ];
    for repository in ["aa", "ab/c", "a", "a/b", "a-b"] {
        requests.extend(push_parts(repository));
        requests.push(push(repository, "1", MANIFEST, &oci()));
    }
    for (name, query) in [
        ("whole", ""),
        ("two", "?n=2"),
        ("one", "?n=1"),
        ("the next two", "?n=2&last=a/b"),
        ("the next two, encoded", "?n=2&last=a%2Fb"),
        ("the next two, the other way round", "?last=a/b&n=2"),
        ("exactly all", "?n=5"),
        ("more than all", "?n=6"),
        ("none", "?n=0"),
        ("as many as are given", "?n=1000"),
        ("more than are given", "?n=1001"),
        ("fewer than none", "?n=-1"),
        ("no number", "?n=foo"),
        ("a fraction", "?n=1.5"),
        ("a number with a sign", "?n=%2B2"),
        ("an empty number", "?n="),
        ("a number too large for anything", "?n=99999999999999999999"),
        ("two numbers", "?n=1&n=2"),
        ("after the last", "?last=zzz"),
        ("after what is not there", "?last=aaa"),
        ("after an empty name", "?last="),
        ("after what is no name", "?last=%00"),
        ("after upper case", "?n=2&last=A"),
        ("with another parameter", "?n=2&foo=bar"),
        ("with a query that cannot be decoded", "?n=2&last=%zz"),
        ("with a semicolon", "?n=2;last=a"),
    ] {
        requests.push(get(name, format!("/v2/_catalog{query}")));
    }
    requests.extend([
        head("by HEAD", "/v2/_catalog"),
        post("by POST", "/v2/_catalog"),
        send("by DELETE", "DELETE", "/v2/_catalog"),
        options("by OPTIONS", "/v2/_catalog"),
        get("with a slash", "/v2/_catalog/"),
        get("with a slash and a query", "/v2/_catalog/?n=2"),
        get("compressed", "/v2/_catalog").header("Accept-Encoding", "gzip"),
        get("as HTML", "/v2/_catalog").accept("text/html"),
    ]);
    // More than Go answers in one piece.
    for number in 0..14 {
        let repository = format!("long/{}{number:02}", "x".repeat(180));
        requests.extend(push_blob("something", &repository, b"{}"));
        let document = with(
            oci(),
            "config",
            json!({ "mediaType": "a/b", "size": 2, "digest":
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" }),
        );
        let document = with(document, "layers", json!([]));
        requests.push(push(&repository, "1", MANIFEST, &document));
    }
    requests.push(get("of a store with long names", "/v2/_catalog"));
    requests.push(get("of long names, in pages", "/v2/_catalog?n=12"));
    requests
}

fn tags() -> Vec<Request> {
    let document = with(oci(), "annotations", json!({ "by": "digest" }));
    let by_digest = digest_of(&document);
    let mut requests = push_parts("one");
    requests.push(push("one", "only", MANIFEST, &oci()));
    requests.extend(push_parts("many"));
    for tag in ["m", "Z", "a.1", "z", "_", "0"] {
        requests.push(push("many", tag, MANIFEST, &oci()));
    }
    requests.extend(push_blob("the layer", "bare", b"alone"));
    requests.extend(push_parts("digests"));
    let path = format!("/v2/digests/manifests/{by_digest}");
    let by_digest = put("push digests by digest", path, bytes(&document));
    requests.push(by_digest.content_type(MANIFEST));
    for (name, query) in [
        ("of one", "one/tags/list"),
        ("of one, from before", "one/tags/list?last=a"),
        ("of one, with another parameter", "one/tags/list?foo=bar"),
        ("of one, more than all", "one/tags/list?n=2"),
        ("of one, exactly all", "one/tags/list?n=1"),
        ("of one, none", "one/tags/list?n=0"),
        ("of one, after it", "one/tags/list?last=only"),
        ("of one, fewer than none", "one/tags/list?n=-1"),
        ("of one, no number", "one/tags/list?n=foo"),
        ("of one, an empty number", "one/tags/list?n="),
        ("of one, a great many", "one/tags/list?n=100000"),
        ("of many", "many/tags/list"),
        ("of many, two", "many/tags/list?n=2"),
        ("of many, the next two", "many/tags/list?n=2&last=Z"),
        ("of many, the last two", "many/tags/list?n=2&last=a.1"),
        ("of many, after the last", "many/tags/list?n=2&last=z"),
        ("of many, after what is no tag", "many/tags/list?last=%2F"),
        ("of blobs alone", "bare/tags/list"),
        ("of manifests by digest alone", "digests/tags/list"),
        ("of nothing", "nothing/tags/list"),
        ("of nothing, in pages", "nothing/tags/list?n=1"),
        ("of nothing, no number", "nothing/tags/list?n=foo"),
    ] {
        requests.push(get(name, format!("/v2/{query}")));
    }
    requests.extend([
        get("the catalog", "/v2/_catalog"),
        head("by HEAD", "/v2/one/tags/list"),
        head("of nothing by HEAD", "/v2/nothing/tags/list"),
        post("by POST", "/v2/one/tags/list"),
        send("by DELETE", "DELETE", "/v2/one/tags/list"),
        options("by OPTIONS", "/v2/one/tags/list"),
        get("with a slash", "/v2/one/tags/list/"),
        get("without what to do", "/v2/one/tags"),
        get("by a name", "/v2/one/tags/only"),
    ]);
    requests
}

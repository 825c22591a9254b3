//! Blobs read whole, in parts, under conditions, and where they are not.

use wharf_e2e::digest;

use super::super::content::{
    CONFIG, LAYER, MANIFEST, digest_of, oci, push, push_blob, push_parts, sha512, unknown,
};
use super::super::request::{Request, get, head, options, patch, post, put};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = push_parts("app");
    requests.push(push("app", "1", MANIFEST, &oci()));
    requests.extend(push_blob("nothing", "app", b""));
    requests.extend(push_blob("a secret", "private", b"secret"));
    requests.extend(ranges());
    requests.extend(conditions());
    requests.extend(others());
    vec![Scenario::new("blobs", Settings::OPEN, requests)]
}

fn layer() -> String {
    format!("/v2/app/blobs/{}", digest::of(LAYER))
}

fn ranges() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, range) in [
        ("the middle", "bytes=2-4"),
        ("the last three", "bytes=-3"),
        ("from the sixth", "bytes=5-"),
        ("the first", "bytes=0-0"),
        ("all", "bytes=0-10"),
        ("more than all", "bytes=0-999"),
        ("the last thousand", "bytes=-1000"),
        ("the last none", "bytes=-0"),
        ("at the end", "bytes=11-"),
        ("beyond the end", "bytes=99-100"),
        ("backwards", "bytes=5-2"),
        ("nothing", "bytes="),
        ("a dash", "bytes=-"),
        ("no numbers", "bytes=a-b"),
        (
            "a number too large for anything",
            "bytes=0-99999999999999999999",
        ),
        ("no unit", "0-4"),
        ("another unit", "items=0-4"),
        ("nonsense", "foo"),
        ("with spaces", "bytes= 0-4 "),
        ("in upper case", "Bytes=0-4"),
        ("two", "bytes=0-1,3-4"),
        ("two of which one is outside", "bytes=0-1,99-100"),
        ("one and a comma", "bytes=0-4,"),
    ] {
        requests.push(get(format!("range: {name}"), layer()).header("Range", range));
    }
    let nothing = format!("/v2/app/blobs/{}", digest::of(b""));
    let value = format!("\"{}\"", digest::of(LAYER));
    requests.extend([
        head("range: the middle by HEAD", layer()).header("Range", "bytes=2-4"),
        head("range: beyond the end by HEAD", layer()).header("Range", "bytes=99-"),
        get("range: of nothing", nothing.clone()).header("Range", "bytes=0-"),
        get("range: the last of nothing", nothing).header("Range", "bytes=-1"),
        get("range: if the same", layer())
            .header("Range", "bytes=2-4")
            .header("If-Range", value.clone()),
        get("range: if weakly the same", layer())
            .header("Range", "bytes=2-4")
            .header("If-Range", format!("W/{value}")),
        get("range: if another", layer())
            .header("Range", "bytes=2-4")
            .header("If-Range", "\"x\""),
        get("range: if since", layer())
            .header("Range", "bytes=2-4")
            .header("If-Range", "Sat, 01 Jan 2022 00:00:00 GMT"),
        get("range: if changed and the same", layer())
            .header("Range", "bytes=2-4")
            .header("If-None-Match", value),
        get(
            "range: of an unknown blob",
            format!("/v2/app/blobs/{}", unknown()),
        )
        .header("Range", "bytes=0-1"),
    ]);
    requests
}

fn conditions() -> Vec<Request> {
    let same = digest::of(LAYER);
    let other = unknown();
    let mut requests = Vec::new();
    for (name, header, value) in [
        ("not the same", "If-None-Match", format!("\"{same}\"")),
        ("not the same, bare", "If-None-Match", same.clone()),
        (
            "not the same, weakly",
            "If-None-Match",
            format!("W/\"{same}\""),
        ),
        (
            "not one of two",
            "If-None-Match",
            format!("\"{other}\", \"{same}\""),
        ),
        ("not there", "If-None-Match", "*".to_owned()),
        ("not another", "If-None-Match", format!("\"{other}\"")),
        ("not nonsense", "If-None-Match", "\"".to_owned()),
        ("the same", "If-Match", format!("\"{same}\"")),
        ("the same, bare", "If-Match", same.clone()),
        ("the same, weakly", "If-Match", format!("W/\"{same}\"")),
        ("one of two", "If-Match", format!("\"{other}\", \"{same}\"")),
        ("there", "If-Match", "*".to_owned()),
        ("another", "If-Match", format!("\"{other}\"")),
        (
            "changed since",
            "If-Modified-Since",
            "Sat, 01 Jan 2022 00:00:00 GMT".to_owned(),
        ),
        (
            "not changed since",
            "If-Unmodified-Since",
            "Sat, 01 Jan 2022 00:00:00 GMT".to_owned(),
        ),
    ] {
        requests.push(get(format!("if {name}"), layer()).header(header, value));
    }
    requests.extend([
        head("if not the same, by HEAD", layer()).header("If-None-Match", format!("\"{same}\"")),
        head("if another, by HEAD", layer()).header("If-Match", format!("\"{other}\"")),
    ]);
    requests
}

fn others() -> Vec<Request> {
    let nothing = format!("/v2/app/blobs/{}", digest::of(b""));
    let (algorithm, hex) = (&digest::of(LAYER)[..6], &digest::of(LAYER)[7..]);
    let ask = |name: &str, digest: &str| get(name, format!("/v2/app/blobs/{digest}"));
    vec![
        get("whole", layer()),
        head("by HEAD", layer()),
        get(
            "whole, of two repositories",
            format!("/v2/app/blobs/{}", digest::of(CONFIG)),
        ),
        get("empty", nothing.clone()),
        head("empty by HEAD", nothing),
        get("compressed", layer()).header("Accept-Encoding", "gzip"),
        get("as JSON only", layer()).accept("application/json"),
        get("with a query", layer() + "?a=b"),
        ask("unknown", &unknown()),
        head("unknown by HEAD", format!("/v2/app/blobs/{}", unknown())),
        ask("unknown of sha512", &sha512()),
        ask("of another repository", &digest::of(b"secret")),
        get(
            "of an unknown repository",
            format!("/v2/nothing/blobs/{}", digest::of(LAYER)),
        ),
        ask("a manifest as a blob", &digest_of(&oci())),
        head(
            "a manifest as a blob by HEAD",
            format!("/v2/app/blobs/{}", digest_of(&oci())),
        ),
        ask("with an encoded colon", &format!("{algorithm}%3A{hex}")),
        ask("with an encoded letter", &format!("sh%61256:{hex}")),
        ask(
            "in upper case",
            &format!("{algorithm}:{}", hex.to_uppercase()),
        ),
        ask("too short", "sha256:abc"),
        head("too short by HEAD", "/v2/app/blobs/sha256:abc"),
        ask("too long", &format!("{algorithm}:{hex}00")),
        ask(
            "of an unknown algorithm",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
        ),
        ask("no hexadecimal", &format!("sha256:{}", "z".repeat(64))),
        ask("without letters", "sha256:"),
        ask("a tag", "latest"),
        ask("nothing", ""),
        get("nothing after the blobs", "/v2/app/blobs"),
        ask("with a slash", &format!("{algorithm}:{hex}/")),
        put("by PUT", layer(), LAYER),
        post("by POST", layer()),
        patch("by PATCH", layer(), LAYER),
        options("by OPTIONS", layer()),
    ]
}

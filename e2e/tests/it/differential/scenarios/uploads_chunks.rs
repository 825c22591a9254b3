//! Chunks: where they say they belong, and what they say of the upload.

use wharf_e2e::digest;

use super::super::content::LAYER;
use super::super::request::{Request, delete, get, options, patch, post, put, send};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut requests = ranges();
    requests.extend(types());
    requests.extend(states());
    vec![Scenario::new("chunks", Settings::OPEN, requests)]
}

/// Each to an upload of its own that has taken five bytes.
fn ranges() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, range) in [
        ("where it belongs", "5-10"),
        ("with a unit", "bytes 5-10"),
        ("with a unit and a size", "bytes 5-10/11"),
        ("with a unit and no size", "bytes 5-10/*"),
        ("with a unit and an equals sign", "bytes=5-10"),
        ("with spaces", " 5-10 "),
        ("before its place", "0-5"),
        ("after its place", "6-11"),
        ("backwards", "10-5"),
        ("too short", "5-8"),
        ("too long", "5-20"),
        ("without an end", "5-"),
        ("without a beginning", "-10"),
        ("of one number", "5"),
        ("of no numbers", "a-b"),
        ("of nothing", ""),
        ("below zero", "-1-4"),
        ("beyond all numbers", "5-99999999999999999999"),
    ] {
        requests.extend([
            post(format!("to range {name}"), "/v2/app/blobs/uploads/").keep("up"),
            patch(format!("content to range {name}"), "{up}", "hello").keep("up"),
            patch(format!("range {name}"), "{up}", " world")
                .header("Content-Range", range)
                .keep("up"),
            get(format!("the state after a range {name}"), "{up}"),
        ]);
    }
    requests.extend([
        post("to range in chunks", "/v2/app/blobs/uploads/").keep("up"),
        patch("range in chunks after its place", "{up}", "hello")
            .chunked()
            .header("Content-Range", "5-9"),
        post("to range in chunks too short", "/v2/app/blobs/uploads/").keep("up"),
        patch("range in chunks too short", "{up}", "hello")
            .chunked()
            .header("Content-Range", "0-3"),
    ]);
    requests
}

fn types() -> Vec<Request> {
    let mut requests = Vec::new();
    for (name, media_type) in [
        ("octets", "application/octet-stream"),
        ("octets with a parameter", "application/octet-stream; a=b"),
        ("octets in upper case", "Application/Octet-Stream"),
        ("text", "text/plain"),
        ("a form", "application/x-www-form-urlencoded"),
        ("nothing", ""),
    ] {
        requests.extend([
            post(format!("to send {name}"), "/v2/app/blobs/uploads/").keep("up"),
            patch(format!("send {name}"), "{up}", "hello")
                .content_type(media_type)
                .keep("up"),
            get(format!("the state after {name}"), "{up}"),
        ]);
    }
    requests
}

fn states() -> Vec<Request> {
    let digest = digest::of(LAYER);
    let mut requests = vec![
        post("the other upload", "/v2/app/blobs/uploads/").keep("other"),
        post("the upload elsewhere", "/v2/else/blobs/uploads/").keep("else"),
    ];
    for (name, target) in [
        ("without the state", "{up.path}"),
        ("with a state of nonsense", "{up.path}?_state=nonsense"),
        ("with an empty state", "{up.path}?_state="),
        (
            "with the state of another upload",
            "{up.path}?{other.state}",
        ),
        (
            "with the state of another repository",
            "{up.path}?{else.state}",
        ),
        ("with two states", "{up}&{other.state}"),
        ("with an old state", "{old}"),
    ] {
        let and = if target.contains('?') || target == "{old}" {
            '&'
        } else {
            '?'
        };
        requests.extend([
            post(
                format!("an upload to be asked for {name}"),
                "/v2/app/blobs/uploads/",
            )
            .keep("old"),
            patch(format!("a chunk before one {name}"), "{old}", "hello").keep("up"),
            get(format!("state {name}"), target),
            patch(format!("chunk {name}"), target, " world").keep("up"),
            options(format!("methods {name}"), target),
            put(
                format!("end {name}"),
                format!("{target}{and}digest={digest}"),
                "",
            ),
            post(
                format!("an upload to be cancelled {name}"),
                "/v2/app/blobs/uploads/",
            )
            .keep("old"),
            patch(format!("a chunk before a cancel {name}"), "{old}", "hello").keep("up"),
            delete(format!("cancel {name}"), target),
        ]);
    }
    requests.extend([
        post("a beginning on an upload", "{other}"),
        send("a strange method on an upload", "BREW", "{other}"),
        get(
            "the upload in another repository",
            "/v2/else/blobs/uploads/x?{other.state}",
        ),
    ]);
    requests
}

//! The base of the API, and requests as HTTP rather than as an API: methods, versions, hosts, framing.

use super::super::request::{HOST, Request, get, head, options, post, put, raw, send};
use super::super::scenario::{Scenario, Settings};

pub(super) fn scenarios() -> Vec<Scenario> {
    let requests = base().into_iter().chain(protocol()).collect();
    vec![Scenario::new("connection", Settings::OPEN, requests)]
}

fn base() -> Vec<Request> {
    let mut requests = vec![
        get("the base", "/v2/"),
        head("the base by HEAD", "/v2/"),
        post("the base by POST", "/v2/"),
        put("the base by PUT", "/v2/", "content"),
        options("the base by OPTIONS", "/v2/"),
        send("the base by a method of no one's", "BREW", "/v2/"),
        send("the base by a method in lower case", "get", "/v2/"),
        get("the base with a query", "/v2/?n=1&last=x"),
        get("the base without its slash", "/v2"),
        get("the base without its slash and with a query", "/v2?a=b"),
        head("the base without its slash by HEAD", "/v2"),
        post("the base without its slash by POST", "/v2"),
        get("the root", "/"),
        head("the root by HEAD", "/"),
        post("the root by POST", "/"),
        get("the root with a query", "/?a=b"),
        get("the first version's ping", "/v1/_ping"),
        get("the first version", "/v1/"),
        get("an icon", "/favicon.ico"),
        head("an icon by HEAD", "/favicon.ico"),
        put("an icon by PUT", "/favicon.ico", "icon"),
        options("an icon by OPTIONS", "/favicon.ico"),
        get("the debug listener's metrics", "/metrics"),
    ];
    for (name, header, value) in [
        ("compressed", "Accept-Encoding", "gzip"),
        ("from a browser's script", "Origin", "https://example.test"),
        ("as HTML", "Accept", "text/html"),
        ("with nothing acceptable", "Accept", "image/png"),
        ("for the last time", "Connection", "close"),
        ("with a header of nothing", "X-Empty", ""),
        (
            "with the version that clients know",
            "Docker-Distribution-Api-Version",
            "registry/2.0",
        ),
        (
            "with credentials that nobody asked for",
            "Authorization",
            "Basic YTpi",
        ),
        ("by another upgrade", "Upgrade", "websocket"),
    ] {
        requests.push(get(format!("the base {name}"), "/v2/").header(header, value));
    }
    let long = "x".repeat(60_000);
    requests.push(get("the base with a long header", "/v2/").header("X-Long", long.clone()));
    requests.push(get("the base with a long query", format!("/v2/?{long}")));
    requests
}

fn protocol() -> Vec<Request> {
    let lines = |lines: &[&str]| lines.join("\r\n") + "\r\n\r\n";
    let host = format!("Host: {HOST}");
    let absolute = format!("GET http://{HOST}/v2/ HTTP/1.1");
    vec![
        raw("HTTP/1.0", lines(&["GET /v2/ HTTP/1.0"])),
        raw(
            "HTTP/1.0 that stays",
            lines(&["GET /v2/ HTTP/1.0", "Connection: keep-alive"]),
        ),
        raw("HTTP/1.0 with a host", lines(&["GET /v2 HTTP/1.0", &host])),
        raw("HTTP/1.2", lines(&["GET /v2/ HTTP/1.2", &host])),
        raw("HTTP/3.0", lines(&["GET /v2/ HTTP/3.0", &host])),
        raw("no version", lines(&["GET /v2/"])),
        raw("no host", lines(&["GET /v2/ HTTP/1.1"])),
        raw("an empty host", lines(&["GET /v2/ HTTP/1.1", "Host:"])),
        raw(
            "two hosts",
            lines(&["GET /v2/ HTTP/1.1", &host, "Host: other.test"]),
        ),
        raw(
            "a host with a space",
            lines(&["GET /v2/ HTTP/1.1", "Host: a b"]),
        ),
        raw(
            "a host with a path",
            lines(&["GET /v2/ HTTP/1.1", "Host: a/b"]),
        ),
        raw(
            "an absolute target",
            lines(&[&absolute, "Host: other.test"]),
        ),
        raw(
            "a target that is an authority",
            lines(&["CONNECT registry.test:443 HTTP/1.1", &host]),
        ),
        raw(
            "a star as the target",
            lines(&["OPTIONS * HTTP/1.1", &host]),
        ),
        raw(
            "a target without a slash",
            lines(&["GET v2/ HTTP/1.1", &host]),
        ),
        raw(
            "a target with a space",
            lines(&["GET /v2/ x HTTP/1.1", &host]),
        ),
        raw("no request at all", "hello\r\n\r\n".to_owned()),
        raw(
            "lines that end in a line feed alone",
            format!("GET /v2/ HTTP/1.1\n{host}\n\n"),
        ),
        raw(
            "an empty line before",
            format!("\r\nGET /v2/ HTTP/1.1\r\n{host}\r\n\r\n"),
        ),
        raw(
            "a header without a colon",
            lines(&["GET /v2/ HTTP/1.1", &host, "nonsense"]),
        ),
        raw(
            "a space before the colon",
            lines(&["GET /v2/ HTTP/1.1", &host, "X-A : b"]),
        ),
        raw(
            "a folded header",
            lines(&["GET /v2/ HTTP/1.1", &host, "X-A: b", " c"]),
        ),
        raw(
            "header names in lower case",
            lines(&["GET /v2/ HTTP/1.1", &host.to_lowercase()]),
        ),
        raw(
            "a length that is no number",
            lines(&["PUT /v2/ HTTP/1.1", &host, "Content-Length: x"]),
        ),
        raw(
            "a negative length",
            lines(&["PUT /v2/ HTTP/1.1", &host, "Content-Length: -1"]),
        ),
        raw(
            "two lengths that differ",
            lines(&[
                "PUT /v2/ HTTP/1.1",
                &host,
                "Content-Length: 0",
                "Content-Length: 1",
            ]),
        ),
        raw(
            "a transfer encoding that nobody knows",
            lines(&["PUT /v2/ HTTP/1.1", &host, "Transfer-Encoding: zip"]),
        ),
        raw(
            "a length and chunks",
            lines(&[
                "PUT /v2/ HTTP/1.1",
                &host,
                "Content-Length: 5",
                "Transfer-Encoding: chunked",
            ]) + "0\r\n\r\n",
        ),
        raw(
            "an expectation that nobody knows",
            lines(&["GET /v2/ HTTP/1.1", &host, "Expect: the-unexpected"]),
        ),
        raw(
            "an expectation of a body that is not read",
            lines(&[
                "PUT /v2/ HTTP/1.1",
                &host,
                "Expect: 100-continue",
                "Content-Length: 3",
            ]) + "abc",
        ),
    ]
}

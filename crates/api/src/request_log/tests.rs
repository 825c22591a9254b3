//! The lines that a request leaves in the two logs.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use wharf_registry::Error as Outcome;

use super::*;
use crate::{body::Body, error::Error};

/// Keeps what is logged while a test runs.
#[derive(Debug, Clone, Default)]
struct Logged(Arc<Mutex<Vec<Line>>>);

#[derive(Debug, Clone)]
struct Line {
    level: Level,
    target: String,
    fields: BTreeMap<&'static str, String>,
}

impl Line {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            fields: BTreeMap::new(),
        };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

/// The lines of one request: the access log's, then those of the application log.
fn logged(
    request: &Request<()>,
    peer: Option<&str>,
    then: impl FnOnce(&mut RequestLog),
) -> (String, Vec<Line>) {
    let lines = Logged::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let connection = ConnectionInfo {
            peer: peer.map(|peer| peer.parse::<SocketAddr>().unwrap()),
            tls: false,
            files: None,
        };
        let mut log = RequestLog::begin(request, &connection);
        then(&mut log);
    });
    let lines = lines.0.lock().unwrap().clone();
    let (access, application): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .partition(|line| line.target == ACCESS_LOG);
    assert_eq!(access.len(), 1);
    (access[0].field("message").unwrap().to_owned(), application)
}

fn answered(status: u16, content_type: Option<&str>) -> Answered {
    let mut builder = http::Response::builder().status(status);
    if let Some(content_type) = content_type {
        builder = builder.header(header::CONTENT_TYPE, content_type);
    }
    builder.body(Body::empty()).unwrap()
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap()
}

#[test]
fn an_access_line_has_the_combined_form() {
    let request = request(
        "POST",
        "/v2/n/a/blobs/uploads/?_state=x",
        &[("user-agent", "curl \"8\""), ("referer", "http://r/")],
    );
    let (line, _) = logged(&request, Some("10.0.0.9:1234"), |log| {
        log.answered(&answered(202, None));
        log.wrote(40);
        log.wrote(2);
    });
    let (who, rest) = line.split_once(" [").unwrap();
    let (at, what) = rest.split_once("] ").unwrap();
    assert_eq!(who, "10.0.0.9 - -");
    assert_eq!((at.len(), &at[20..]), (26, " +0000"), "{at}");
    let expected = "\"POST /v2/n/a/blobs/uploads/?_state=x HTTP/1.1\" 202 42 \"http://r/\" \
                    \"curl \\\"8\\\"\"";
    assert_eq!(what, expected);
}

#[test]
fn nobody_and_nothing_have_their_places_in_an_access_line() {
    let request = request("GET", "/v2/", &[("x-forwarded-for", "1.2.3.4")]);
    let (line, _) = logged(&request, None, |log| log.answered(&answered(200, None)));
    assert!(line.starts_with("- - - ["), "{line}");
    assert!(
        line.ends_with("] \"GET /v2/ HTTP/1.1\" 200 0 \"\" \"\""),
        "{line}"
    );
}

#[test]
fn a_request_is_one_line_of_the_application_log() {
    let headers = [("host", "registry.test"), ("user-agent", "curl/8")];
    let request = request("GET", "/v2/a/b/manifests/v1?x=y", &headers);
    let (_, lines) = logged(&request, Some("10.0.0.9:1234"), |log| {
        log.routed(&Endpoint::GetManifest {
            name: "a/b".parse().unwrap(),
            reference: "v1".parse().unwrap(),
        });
        log.authorized(Some("alice".to_owned()));
        log.answered(&answered(200, Some("application/x")));
        log.wrote(7);
    });
    let [authorized, line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(authorized.field("message"), Some("authorized request"));
    assert_eq!(authorized.field("auth.user.name"), Some("alice"));
    assert_eq!(line.level, Level::INFO);
    for (field, value) in [
        ("message", Some("response completed")),
        ("http.request.id", authorized.field("http.request.id")),
        ("http.request.method", Some("GET")),
        ("http.request.host", Some("registry.test")),
        ("http.request.uri", Some("/v2/a/b/manifests/v1?x=y")),
        ("http.request.useragent", Some("curl/8")),
        ("http.request.remoteaddr", Some("10.0.0.9:1234")),
        ("http.request.referer", None),
        ("http.request.contenttype", None),
        ("http.response.status", Some("200")),
        ("http.response.written", Some("7")),
        ("http.response.contenttype", Some("application/x")),
        ("http.response.error", None),
        ("vars.name", Some("a/b")),
        ("vars.reference", Some("v1")),
        ("vars.digest", None),
        ("vars.uuid", None),
        ("auth.user.name", Some("alice")),
        ("err.code", None),
    ] {
        assert_eq!(line.field(field), value, "{field}");
    }
}

#[test]
fn every_error_of_an_answer_is_a_line_of_its_own() {
    let parts = ["config", "layer"].map(|part| {
        let digest = Digest::sha256(part.as_bytes());
        wharf_registry::MissingPart::Blob(digest)
    });
    let details = parts.clone().map(|part| part.digest().to_string());
    let error = Error::from(Outcome::ManifestPartsUnknown(parts.to_vec()));
    let (_, lines) = logged(&request("PUT", "/v2/a/manifests/v1", &[]), None, |log| {
        log.failed(&error, error.answer().errors);
        log.answered(&answered(400, None));
    });
    assert_eq!(lines.len(), 2);
    for (line, detail) in lines.iter().zip(details) {
        assert_eq!(line.level, Level::ERROR);
        assert_eq!(line.field("message"), Some("response completed with error"));
        assert_eq!(line.field("err.code"), Some("manifest blob unknown"));
        assert_eq!(line.field("err.message"), Some("blob unknown to registry"));
        assert_eq!(line.field("err.detail"), Some(detail.as_str()));
    }
}

#[test]
fn the_log_has_the_cause_that_clients_do_not_see() {
    let source = wharf_registry::StorageError::Io {
        operation: "read",
        path: wharf_storage::StoragePath::parse("/docker/x").unwrap(),
        source: std::io::Error::other("disk on fire"),
    };
    let error = Error::from(Outcome::Storage(source));
    let (_, lines) = logged(&request("GET", "/v2/_catalog", &[]), None, |log| {
        log.failed(&error, error.answer().errors);
        log.answered(&answered(500, None));
    });
    let [cause, line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(cause.level, Level::ERROR);
    let expected = "request failed: the store failed: cannot read \"/docker/x\": disk on fire";
    assert_eq!(cause.field("message"), Some(expected));
    assert_eq!(line.field("err.code"), Some("unknown"));
    assert_eq!(line.field("err.detail"), None);
}

#[test]
fn a_refusal_is_a_warning_with_its_reason() {
    let error = Error::Refused {
        refusal: wharf_auth::Refusal::Challenge {
            challenge: wharf_oci::Challenge::Basic {
                realm: "R".to_owned(),
            },
            reason: wharf_auth::ChallengeReason::CredentialsMissing,
        },
        access: vec![wharf_oci::Access::catalog()],
    };
    let (_, lines) = logged(&request("GET", "/v2/_catalog", &[]), None, |log| {
        log.failed(&error, error.answer().errors);
        log.answered(&answered(401, None));
    });
    assert_eq!(lines[0].level, Level::WARN);
    let expected = "error authorizing context: no authorization credential";
    assert_eq!(lines[0].field("message"), Some(expected));
    let detail = r#"[{"Type":"registry","Class":"","Name":"catalog","Action":"*"}]"#;
    assert_eq!(lines[1].field("err.detail"), Some(detail));
}

#[test]
fn a_client_that_did_not_wait_is_logged_as_gone() {
    let request = request("PATCH", "/v2/a/blobs/uploads/id", &[]);
    let (line, lines) = logged(&request, None, |_| {});
    assert!(line.contains(" HTTP/1.1\" 499 0 "), "{line}");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].level, Level::ERROR);
    assert_eq!(lines[0].field("http.response.status"), Some("499"));
}

#[test]
fn an_answer_that_breaks_off_is_an_error() {
    let request = request("GET", "/v2/a/blobs/x", &[]);
    let (_, lines) = logged(&request, None, |log| {
        log.answered(&answered(200, None));
        log.broke_off(&std::io::Error::other("disk on fire"));
    });
    assert_eq!(lines[0].level, Level::ERROR);
    assert_eq!(lines[0].field("http.response.error"), Some("disk on fire"));
}

#[test]
fn the_address_of_a_client_is_what_its_proxy_says() {
    for (headers, peer, expected) in [
        (&[][..], Some("10.0.0.9:1234"), "10.0.0.9:1234"),
        (&[], Some("[::1]:1234"), "[::1]:1234"),
        (&[], None, ""),
        (
            &[("x-forwarded-for", "1.2.3.4, 5.6.7.8")],
            Some("10.0.0.9:1"),
            "1.2.3.4",
        ),
        (
            &[("x-forwarded-for", "unknown"), ("x-real-ip", "::2")],
            None,
            "::2",
        ),
        (
            &[("x-forwarded-for", "a\"b")],
            Some("10.0.0.9:1"),
            "10.0.0.9:1",
        ),
    ] {
        let request = request("GET", "/v2/", headers);
        let (_, lines) = logged(&request, peer, |log| log.answered(&answered(200, None)));
        assert_eq!(lines[0].field("http.request.remoteaddr"), Some(expected));
    }
}

#[test]
fn durations_are_printed_as_go_prints_them() {
    let table = [
        (0, "0s"),
        (999, "999ns"),
        (1_000, "1µs"),
        (1_234_567, "1.234567ms"),
        (50_000_000, "50ms"),
        (2_500_000_000, "2.5s"),
        (61_000_000_000, "1m1s"),
        (3_600_000_000_001, "1h0m0.000000001s"),
    ];
    for (nanos, expected) in table {
        let duration = GoDuration(Duration::from_nanos(nanos));
        assert_eq!(duration.to_string(), expected);
    }
}

#[test]
fn a_header_cannot_break_out_of_its_quotes() {
    assert_eq!(escape("a \"b\" \\ \r\n"), "a \\\"b\\\" \\\\ ??");
}

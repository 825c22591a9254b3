//! What is logged, and where to.

use std::{
    error::Error as StdError,
    io::Write,
    sync::{Arc, Mutex},
};

use tracing::{debug, error, info, info_span, warn};

use super::*;

/// A writer that the test can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn options() -> LogOptions {
    LogOptions {
        level: LevelFilter::INFO,
        formatter: Formatter::Text,
        fields: vec![("service".into(), "registry".into())],
        access_log: true,
        version: "v0.1.0",
    }
}

/// Runs `scenario` and returns the application log and the access log.
fn logs(options: LogOptions, scenario: impl FnOnce()) -> (String, String) {
    let (log, access) = (Shared::default(), Shared::default());
    let writers = Writers::new(log.clone(), access.clone()).unwrap();
    tracing::subscriber::with_default(subscriber(options, writers), || {
        scenario();
        flush(Duration::from_secs(60));
    });
    (log.text(), access.text())
}

/// Takes the parts out of a text line that differ from run to run.
fn normalize(log: &str) -> String {
    log.lines()
        .map(|line| {
            let (time, rest) = line.split_once("Z\" ").unwrap();
            assert!(time.starts_with("time=\"20"), "{line}");
            let (before, id) = rest.split_once(" instance.id=").unwrap();
            assert!(uuid::Uuid::parse_str(&id[..36]).is_ok(), "{line}");
            format!("{before}{}\n", &id[36..])
        })
        .collect()
}

#[test]
fn a_line_carries_the_fields_of_the_process_the_spans_and_the_event() {
    let (log, access) = logs(options(), || {
        let outer = info_span!(
            "request",
            http.request.id = "r1",
            vars.name = tracing::field::Empty
        );
        let _outer = outer.enter();
        let _inner = info_span!("inner", http.request.method = %"GET").entered();
        outer.record("vars.name", "library/nginx");
        info!(http.response.status = 200, "response completed");
        let chain: &dyn StdError = &io::Error::other(fmt::Error);
        warn!(error = chain, service = "changed", "retry in {} s", 1);
    });
    assert_eq!(
        normalize(&log),
        concat!(
            "level=info msg=\"response completed\" http.request.id=r1 http.request.method=GET ",
            "http.response.status=200 service=registry vars.name=library/nginx version=v0.1.0\n",
            "level=warning msg=\"retry in 1 s\" ",
            "error=\"an error occurred when formatting an argument\" ",
            "http.request.id=r1 http.request.method=GET service=changed ",
            "vars.name=library/nginx version=v0.1.0\n",
        )
    );
    assert_eq!(access, "");
}

#[test]
fn access_lines_go_to_their_own_log_only() {
    let line = "127.0.0.1 - - [20/Nov/2026:23:18:33 +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"\"";
    let scenario = || info!(target: ACCESS, "{line}");
    assert_eq!(
        logs(options(), scenario),
        (String::new(), format!("{line}\n"))
    );
    let quiet = LogOptions {
        level: LevelFilter::ERROR,
        ..options()
    };
    assert_eq!(logs(quiet, scenario), (String::new(), format!("{line}\n")));
    let disabled = LogOptions {
        access_log: false,
        ..options()
    };
    assert_eq!(logs(disabled, scenario), (String::new(), String::new()));
}

#[test]
fn levels_are_filtered_and_what_is_not_ours_is_quieter() {
    for (level, expected) in [
        (LevelFilter::ERROR, "e,he"),
        (LevelFilter::WARN, "e,w,he,hw"),
        (LevelFilter::INFO, "e,w,i,he,hw"),
        (LevelFilter::DEBUG, "e,w,i,d,he,hw"),
    ] {
        let (log, _) = logs(LogOptions { level, ..options() }, || {
            error!(target: "wharf_registry::uploads", "e");
            warn!(target: "registry::listener", "w");
            info!(target: "wharf_api", "i");
            debug!(target: "wharf_api", "d");
            error!(target: "hyper::proto", "he");
            warn!(target: "h2", "hw");
            info!(target: "rustls", "hi");
            debug!(target: "wharfinger", "hd");
        });
        let messages: Vec<_> = log
            .split(" msg=")
            .skip(1)
            .filter_map(|rest| rest.split(' ').next())
            .collect();
        assert_eq!(messages.join(","), expected, "{level}");
    }
}

#[test]
fn the_last_line_of_a_process_is_fatal() {
    let (log, _) = logs(options(), || fatal("cannot listen on \"80\""));
    assert_eq!(
        normalize(&log),
        "level=fatal msg=\"cannot listen on \\\"80\\\"\" service=registry version=v0.1.0\n"
    );
}

#[test]
fn what_is_printed_stands_behind_what_was_logged() {
    let (log, _) = logs(options(), || {
        warn!("first");
        assert!(print("failed\n"));
    });
    assert!(log.ends_with("\nfailed\n"), "{log}");
    assert!(!print("there is no log"));
}

#[test]
fn json_lines_are_json() {
    let options = LogOptions {
        formatter: Formatter::Json,
        ..options()
    };
    let (log, _) = logs(options, || {
        error!(err.code = "manifest unknown", retries = 3, "a\nb");
    });
    let line: serde_json::Value = serde_json::from_str(log.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(line["msg"], "a\nb");
    assert_eq!(line["err.code"], "manifest unknown");
    assert_eq!(line["retries"], 3);
    assert_eq!(line["level"], "error");
    assert_eq!(line["service"], "registry");
}

#[test]
fn the_whole_chain_of_an_error_is_told() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot write link")]
    struct Outer(#[source] io::Error);

    let (log, _) = logs(options(), || {
        let error = Outer(io::ErrorKind::StorageFull.into());
        error!(error = &error as &dyn StdError, "push failed");
    });
    assert!(
        log.contains(" error=\"cannot write link: no storage space\" "),
        "{log}"
    );
}

#[test]
fn a_closed_pipe_harms_nobody() {
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    let writers = Writers::new(Closed, Closed).unwrap();
    tracing::subscriber::with_default(subscriber(options(), writers), || {
        info!("lost");
        info!(target: ACCESS, "lost");
        flush(Duration::from_secs(60));
    });
}

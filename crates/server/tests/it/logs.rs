//! What the server writes: the access log on standard output, the application log on standard
//! error.

use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex};
use std::thread;

use regex::Regex;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::image::Image;
use crate::process::Piped;
use crate::request::Request;
use crate::server::Server;
use crate::test_registry::TestRegistry;
use crate::wait;

/// Waits until the access log has so many lines.
fn access_lines(server: &Server, count: usize) -> Vec<String> {
    wait::until("the access log", || {
        let output = server.output();
        let lines: Vec<String> = output.lines().map(ToOwned::to_owned).collect();
        (output.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
}

/// Makes so many requests whose log lines are long; each must be answered.
fn make_noise(server: &Server, count: usize) {
    let request = Request::get("/v2/").header("User-Agent", "x".repeat(LONG));
    let mut connection = server.client().connect();
    for _ in 0..count {
        connection.send(&request).expect(200);
    }
}

#[test]
fn the_access_log_is_apaches_combined_format() {
    let server = TestRegistry::new().start();
    let client = server.client();
    client.get("/v2/").expect(200);
    let request = Request::get("/v2/a/b/manifests/v1?x=%20y")
        .header("User-Agent", "docker/26.1 \"go\"")
        .header("Referer", "http://referer.example/")
        .header("X-Forwarded-For", "203.0.113.9");
    let written = client.send(request).expect(404).body.len().to_string();
    client.send(Request::head("/v2/")).expect(200);
    client.get("/").expect(200);
    let upload = client.start_upload("a/b");
    client.get(&upload.location).expect(204);

    let shape = concat!(
        r#"^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "#,
        r#""(.*) HTTP/1\.1" (\d{3}) (\d+) "(.*)" "(.*)"$"#,
    );
    let shape = Regex::new(shape).unwrap();
    let lines = access_lines(&server, 6);
    let parts: Vec<[&str; 5]> = lines
        .iter()
        .map(|line| shape.captures(line).expect(line).extract().1)
        .collect();
    let status = format!("GET {}", upload.location);
    let expected = [
        ["GET /v2/", "200", "2", "", ""],
        [
            "GET /v2/a/b/manifests/v1?x=%20y",
            "404",
            &written,
            "http://referer.example/",
            r#"docker/26.1 \"go\""#,
        ],
        ["HEAD /v2/", "200", "0", "", ""],
        ["GET /", "200", "0", "", ""],
        ["POST /v2/a/b/blobs/uploads/", "202", "0", "", ""],
        [&status, "204", "0", "", ""],
    ];
    assert_eq!(parts, expected);
}

#[test]
fn a_line_of_text_has_the_fields_that_people_grep_for() {
    let server = TestRegistry::new()
        .with("log.fields", json!({"service": "registry", "rack": "b 7"}))
        .start();
    let line = Regex::new(concat!(
        r#"^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z" level=[a-z]+ msg=("[^"]*"|\S+)"#,
        r#"( [a-z.]+=("([^"\\]|\\.)*"|[A-Za-z0-9._/@^+-]*))*$"#,
    ))
    .unwrap();
    let (client, image) = (server.client(), Image::new(1));
    client.push_image("a/b", "v1", &image);
    let request = Request::get("/v2/a/b/manifests/none")
        .header("User-Agent", "say \"hi\"")
        .header("X-Forwarded-For", "203.0.113.9, 10.0.0.1");
    client.send(request).expect(404);
    let failed = server.logged("response completed with error");
    for part in [
        "level=error",
        "err.code=\"manifest unknown\"",
        "err.detail=\"unknown tag=none\"",
        "err.message=",
        "http.request.host=localhost",
        "http.request.id=",
        "http.request.method=GET",
        "http.request.remoteaddr=203.0.113.9",
        "http.request.uri=/v2/a/b/manifests/none",
        r#"http.request.useragent="say \"hi\"""#,
        "http.response.contenttype=application/json",
        "http.response.duration=",
        "http.response.status=404",
        "http.response.written=",
        "instance.id=",
        "rack=\"b 7\"",
        "service=registry",
        "vars.name=a/b",
        "vars.reference=none",
        "version=",
    ] {
        assert!(failed.contains(&format!(" {part}")), "{part} in {failed}");
    }
    let listening = server.logged("msg=\"listening on 127.0.0.1:");
    assert!(listening.contains(" level=info "), "{listening}");
    for written in server.log().lines() {
        assert!(line.is_match(written), "{written}");
        assert!(written.contains(" version="), "{written}");
    }
}

#[test]
fn lines_of_json_are_objects_with_sorted_keys() {
    for (formatter, time, message) in [
        ("json", "time", "msg"),
        ("logstash", "@timestamp", "message"),
    ] {
        let server = TestRegistry::new()
            .with("log.formatter", formatter)
            .with("log.fields.service", "registry")
            .start();
        let image = Image::new(1);
        server.client().push_image("a/b", "v1", &image);
        server.client().pull_manifest("a/b", "none").expect(404);
        server.logged("response completed with error");
        let log = server.log();
        let mut completed = 0;
        for line in log.lines() {
            let object: serde_json::Map<String, Value> = serde_json::from_str(line).expect(line);
            let written: Vec<usize> = object
                .keys()
                .map(|key| line.find(&format!("\"{key}\":")).unwrap())
                .collect();
            assert!(written.is_sorted(), "{line}");
            for key in [time, "level", message, "service", "version", "instance.id"] {
                assert!(object[key].is_string(), "{key} in {line}");
            }
            if object[message] == "response completed" {
                completed += 1;
                assert!(object["http.response.status"].is_number(), "{line}");
                assert!(object["http.request.method"].is_string(), "{line}");
            }
        }
        assert_eq!(completed, 10, "{log}");
        // The access log keeps its form.
        assert!(access_lines(&server, 11)[0].starts_with("127.0.0.1 - - ["));
    }
}

#[test]
fn the_access_log_can_be_switched_off() {
    let server = TestRegistry::new()
        .with("log.accesslog.disabled", true)
        .start();
    server.client().get("/v2/").expect(200);
    server.logged("response completed");
    assert_eq!(server.output(), "");
}

#[test]
fn the_level_silences_what_is_less_important() {
    let server = TestRegistry::new().with("log.level", "error").start_quiet();
    server.client().get("/v2/").expect(200);
    server.client().pull_manifest("a/b", "none").expect(404);
    server.logged("response completed with error");
    let log = server.log();
    assert!(
        log.lines().all(|line| line.contains("level=error")),
        "{log}"
    );
    // The access log has no level.
    assert_eq!(access_lines(&server, 2).len(), 2);
}

#[test]
fn a_broken_pipe_is_no_reason_to_stop() {
    let server = TestRegistry::new().start_unheard();
    let image = Image::new(1);
    server.client().push_image("a/b", "v1", &image);
    server.client().expect_image("a/b", "v1", &image);
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    for piped in [Piped::Output, Piped::Log] {
        let (server, pipe) = TestRegistry::new().start_piped(piped);
        make_noise(&server, 20);
        server.signal(Signal::TERM);
        let (ended, _) = server.ended();
        assert_eq!(ended.code, Some(0), "{piped:?}: {}", ended.log);
        drop(pipe);
    }
}

#[test]
fn a_reader_that_reads_on_is_told_how_many_lines_it_lost() {
    for (piped, stream, is_of_a_request) in [
        (Piped::Output, "stdout", "\"GET /v2/ HTTP/1.1\" 200"),
        (Piped::Log, "stderr", "msg=\"response completed\""),
    ] {
        let count = 200;
        let (server, pipe) = TestRegistry::new()
            .with("log.fields.rack", "b7")
            .start_piped(piped);
        make_noise(&server, count);

        let read = Arc::new(Mutex::new(String::new()));
        let reading = Arc::clone(&read);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let line = line.unwrap() + "\n";
                reading.lock().unwrap().push_str(&line);
            }
        });
        let loss = format!(
            r#"level=error msg="log lines were lost.* log\.lost=(\d+) log\.stream={stream} .*rack=b7"#
        );
        let loss = Regex::new(&loss).unwrap();
        let lost = wait::until("every line to be read or told as lost", || {
            let read = read.lock().unwrap();
            let log = match piped {
                Piped::Output => server.log(),
                Piped::Log => read.clone(),
            };
            let lost: usize = loss.captures(&log)?[1].parse().unwrap();
            let whole = read.lines().filter(|line| line.contains(is_of_a_request));
            (whole.count() + lost == count).then_some(lost)
        });
        assert!(lost > 0);
        let padding = "x".repeat(LONG);
        for line in read.lock().unwrap().lines() {
            assert!(!line.contains(is_of_a_request) || line.contains(&padding));
        }
    }
}

/// Enough for two hundred lines to be more than may wait.
const LONG: usize = 50_000;

//! Checks on a clock that stands still, and over real sockets.

use std::sync::atomic::AtomicUsize;

use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use hyper::service::Service;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};

use super::{debug::DebugService, *};

const INTERVAL: Duration = Duration::from_secs(10);

/// A check that fails on the runs that `outcomes` say, and waits for all that is left.
fn scripted(outcomes: &'static [Result<(), &'static str>], threshold: u32) -> Health {
    let runs = AtomicUsize::new(0);
    let check = Check::new("storagedriver_test", INTERVAL, threshold, move || {
        let outcome = outcomes.get(runs.fetch_add(1, Ordering::Relaxed)).copied();
        async move {
            match outcome {
                Some(outcome) => outcome.map_err(str::to_owned),
                None => std::future::pending().await,
            }
        }
    });
    Health::new(vec![check]).unwrap()
}

/// Lets the next check run.
async fn next() {
    sleep(INTERVAL).await;
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn the_threshold_counts_failures_in_a_row() {
    let health = scripted(
        &[
            Err("a"),
            Err("b"),
            Ok(()),
            Err("c"),
            Err("d"),
            Err("e"),
            Err("f"),
            Ok(()),
        ],
        3,
    );
    let checks = health.spawn_checks();
    tokio::task::yield_now().await;
    let mut seen = vec![health.failing()];
    for _ in 0..8 {
        next().await;
        seen.push(health.failing());
        if health.failing() {
            assert_eq!(health.report().len(), 1);
        }
    }
    assert_eq!(
        seen,
        [false, false, false, false, false, false, true, true, false]
    );
    checks.abort();
}

#[tokio::test(start_paused = true)]
async fn without_a_threshold_the_first_failure_counts_and_the_last_is_told() {
    for threshold in [0, 1] {
        let health = scripted(&[Err("first"), Err("second")], threshold);
        let checks = health.spawn_checks();
        next().await;
        assert_eq!(health.report()["storagedriver_test"], "first");
        next().await;
        assert_eq!(health.report()["storagedriver_test"], "second");
        checks.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_fails() {
    let health = scripted(&[], 1);
    let _checks = health.spawn_checks();
    sleep(INTERVAL + DEFAULT_LIMIT * 2).await;
    assert_eq!(
        health.report()["storagedriver_test"],
        "no answer within 30s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_makes_the_registry_unwell_while_it_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maintenance");
    let probe = Check::file(path.clone(), INTERVAL).probe;
    assert_eq!(probe().await, Ok(()));
    std::fs::write(&path, "").unwrap();
    assert_eq!(probe().await, Err("file exists".to_owned()));
}

#[test]
fn two_checks_of_one_name_are_refused() {
    let check = || Check::tcp("127.0.0.1:1".into(), None, INTERVAL, 1);
    let error = Health::new(vec![check(), check()]).unwrap_err();
    assert_eq!(error.to_string(), "check already exists: 127.0.0.1:1");
}

#[tokio::test]
async fn an_address_is_well_while_it_accepts_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let probe = Check::tcp(address.clone(), Some(INTERVAL), INTERVAL, 1).probe;
    assert_eq!(probe().await, Ok(()));
    drop(listener);
    assert_eq!(
        probe().await,
        Err(format!(
            "{address}: connection failed: Connection refused (os error 111)"
        ))
    );
}

#[tokio::test]
async fn a_service_is_well_while_it_answers_to_head_with_its_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/up?deep=1", listener.local_addr().unwrap());
    let requests = tokio::spawn(async move {
        let mut requests = String::new();
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 301 Moved\r\n\r\n",
            "",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap();
            requests.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    let probe = HttpProbe {
        uri: uri.parse().unwrap(),
        headers: HeaderMap::from_iter([(
            header::AUTHORIZATION,
            HeaderValue::from_static("secret"),
        )]),
        status: 200,
        timeout: Some(INTERVAL),
    };
    let probe = Check::http(probe, INTERVAL, 1).unwrap().probe;
    assert_eq!(probe().await, Ok(()));
    assert_eq!(
        probe().await,
        Err(format!(
            "{uri}: downstream service returned unexpected status: 301"
        ))
    );
    let error = probe().await.unwrap_err();
    assert!(
        error.starts_with(&format!("{uri}: error while checking: ")),
        "{error}"
    );
    let requests = requests.await.unwrap();
    assert!(
        requests.starts_with("HEAD /up?deep=1 HTTP/1.1\r\nhost: 127.0.0.1:"),
        "{requests}"
    );
    assert!(requests.contains("\r\nauthorization: secret\r\n"));
}

#[test]
fn https_is_refused_in_so_many_words() {
    let probe = HttpProbe {
        uri: "https://registry.test/v2/".parse().unwrap(),
        headers: HeaderMap::new(),
        status: 200,
        timeout: None,
    };
    assert_eq!(
        Check::http(probe, INTERVAL, 1).unwrap_err().to_string(),
        "health.http supports http:// only: \"https://registry.test/v2/\""
    );
}

#[tokio::test(start_paused = true)]
async fn the_debug_listener_shows_the_report_and_nothing_else() {
    let health = scripted(&[Err("disk gone")], 1);
    let service = DebugService::new(health.clone());
    let answer = async |method: Method, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        let response = service.call(request).await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()[header::CONTENT_TYPE].clone();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (
            status,
            content_type,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    };
    let (status, content_type, body) = answer(Method::GET, "/debug/health").await;
    assert_eq!((status, content_type, &*body), (200, JSON, "{}"));
    for (method, path) in [
        (Method::HEAD, "/debug/health"),
        (Method::POST, "/debug/health"),
        (Method::GET, "/debug/health/"),
        (Method::GET, "/"),
    ] {
        let (status, content_type, body) = answer(method, path).await;
        assert_eq!((status, &*body), (404, "404 page not found\n"));
        assert_eq!(content_type, "text/plain; charset=utf-8");
    }

    let _checks = health.spawn_checks();
    next().await;
    let (status, _, body) = answer(Method::GET, "/debug/health").await;
    assert_eq!(
        (status, &*body),
        (503, r#"{"storagedriver_test":"disk gone"}"#)
    );
}

#[test]
fn the_answer_of_an_unwell_registry_is_that_of_distribution() {
    let response = Health::new(Vec::new()).unwrap().unavailable();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        response.into_body(),
        concat!(
            r#"{"errors":[{"code":"UNAVAILABLE","message":"service unavailable","#,
            r#""detail":"health check failed: please see /debug/health"}]}"#,
            "\n"
        )
    );
}

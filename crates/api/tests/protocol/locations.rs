//! `Location` as the client sees the registry, through proxies and prefixes.

use crate::{
    document::Document,
    test_registry::{Setup, TestRegistry, blob, manifest, sha256},
};

/// A request's headers, whether it is encrypted, and how its URLs begin.
type Case = (&'static [(&'static str, &'static str)], bool, &'static str);

async fn check(setup: impl Fn() -> Setup, prefix: &str, cases: &[Case]) {
    let image = Document::oci_image("a");
    for (headers, tls, origin) in cases {
        let registry = setup().start();
        let ask = |method: &str, path: &str| {
            let mut ask = registry.ask(method, &format!("{prefix}{path}"));
            for (name, value) in *headers {
                ask = ask.without(name).header(name, value);
            }
            if *tls { ask.over_tls() } else { ask }
        };
        let location = |answer: &crate::answer::Answer| {
            let location = answer.header("location").unwrap();
            let path = location.strip_prefix(origin);
            path.unwrap_or_else(|| panic!("{location} for {headers:?}"))
                .to_owned()
        };

        let begun = ask("POST", "/v2/a/blobs/uploads/").send().await.expect(202);
        assert!(location(&begun).starts_with(&format!("{prefix}/v2/a/blobs/uploads/")));
        for content in ["a config", "a layer"] {
            let path = format!("/v2/a/blobs/uploads/?digest={}", sha256(content));
            let done = ask("POST", &path).body(content).send().await.expect(201);
            let expected = format!("{prefix}{}", blob("a", &sha256(content)));
            assert_eq!(location(&done), expected);
        }
        let put = ask("PUT", "/v2/a/manifests/v1").body(image.bytes.clone());
        let put = put.send().await.expect(201);
        let expected = format!("{prefix}{}", manifest("a", image.digest().as_str()));
        assert_eq!(location(&put), expected);
        let moved = ask("GET", "/v2").send().await.expect(301);
        let expected = format!("{prefix}/v2/");
        assert_eq!(moved.header("location"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn a_location_is_where_the_client_asked() {
    let cases: &[Case] = &[
        (&[], false, "http://registry.test"),
        (&[], true, "https://registry.test"),
        (
            &[("host", "other.test:5000")],
            false,
            "http://other.test:5000",
        ),
        (&[("host", "[::1]:5000")], true, "https://[::1]:5000"),
        (
            &[("x-forwarded-proto", "https")],
            false,
            "https://registry.test",
        ),
        (
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "outer.test, inner.test"),
            ],
            false,
            "https://outer.test",
        ),
        (
            &[("x-forwarded-proto", "http")],
            true,
            "http://registry.test",
        ),
        (
            &[("x-forwarded-port", "8443")],
            false,
            "http://registry.test",
        ),
        (
            &[(
                "forwarded",
                "for=10.0.0.1;host=outer.test;proto=https, host=inner.test",
            )],
            false,
            "https://outer.test",
        ),
        (
            &[
                ("forwarded", "Proto=HTTPS"),
                ("x-forwarded-host", "outer.test"),
            ],
            false,
            "https://registry.test",
        ),
        (
            &[
                ("x-forwarded-proto", "javascript"),
                ("x-forwarded-host", "a b\"><"),
            ],
            false,
            "http://registry.test",
        ),
    ];
    check(TestRegistry::set_up, "", cases).await;
    let behind_prefix = || TestRegistry::set_up().with_prefix("/pre");
    check(behind_prefix, "/pre", cases).await;
}

#[tokio::test]
async fn the_configured_host_is_in_every_location() {
    let cases: &[Case] = &[
        (&[], false, "https://fixed.test:8443"),
        (
            &[("x-forwarded-host", "outer.test")],
            true,
            "https://fixed.test:8443",
        ),
    ];
    let setup = || TestRegistry::set_up().with_host("https://fixed.test:8443");
    check(setup, "", cases).await;
    check(|| setup().with_relative_urls(), "", cases).await;
    check(|| setup().with_prefix("/pre"), "/pre", cases).await;
}

#[tokio::test]
async fn relative_locations_have_no_host() {
    let cases: &[Case] = &[
        (&[], false, ""),
        (
            &[
                ("x-forwarded-host", "outer.test"),
                ("x-forwarded-proto", "https"),
            ],
            true,
            "",
        ),
    ];
    let setup = || TestRegistry::set_up().with_relative_urls();
    check(setup, "", cases).await;
    check(|| setup().with_prefix("/pre"), "/pre", cases).await;
}

#[tokio::test]
async fn a_request_without_a_host_gets_relative_locations() {
    let registry = TestRegistry::start();
    let ask = registry.post("/v2/a/blobs/uploads/").without("host");
    let begun = ask.send().await.expect(202);
    let location = begun.header("location").unwrap();
    assert!(location.starts_with("/v2/a/blobs/uploads/"), "{location}");
    let ask = registry.post("https://authority.test/v2/a/blobs/uploads/");
    let begun = ask.without("host").send().await.expect(202);
    let location = begun.header("location").unwrap();
    assert!(
        location.starts_with("https://authority.test/v2/a/"),
        "{location}"
    );
}

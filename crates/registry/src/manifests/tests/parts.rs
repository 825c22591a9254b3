//! Which parts of a manifest must be there.

use super::*;

#[tokio::test]
async fn parts_may_be_named_by_their_sha512() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_parts(&repository, "x").await;
    let sha512 = Digest::of(Algorithm::Sha512, b"as sha512");
    let mut document = image_document("x config", &["x layer"]);
    document["layers"][0]["digest"] = json!(sha512);
    assert_eq!(
        missing(put(&repository, &manifest(&document)).await),
        [MissingPart::Blob(sha512.clone())]
    );
    let mut session = repository.uploads.start().await.unwrap();
    crate::testing::append(&mut session, "as sha512").await;
    session.commit(&sha512).await.unwrap();
    put(&repository, &manifest(&document)).await.unwrap();
}

#[tokio::test]
async fn the_children_of_an_index_must_be_there() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let (one, two, three) = (image("1"), image("2"), image("3"));
    push_image(&repository, "2", None).await;
    let both = index(&[&one, &two, &three]);
    assert_eq!(
        missing(put(&repository, &both).await),
        [&one, &three].map(|child| MissingPart::Manifest(child.digest().clone()))
    );
    push_image(&repository, "1", None).await;
    push_image(&repository, "3", None).await;
    put(&repository, &both).await.unwrap();
    put(&repository, &index(&[&both])).await.unwrap();

    // A manifest that was only pushed as a blob can be pulled as a blob only.
    let blob = image("4");
    push_blob(&repository, blob.bytes().clone()).await;
    assert_eq!(missing(put(&repository, &index(&[&blob])).await).len(), 1);
}

#[tokio::test]
async fn a_child_whose_link_or_bytes_are_gone_is_missing() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let child = push_image(&repository, "1", None).await;
    let parent = index(&[&child]);
    test.remove(&blob_path(child.digest())).await;
    assert_eq!(missing(put(&repository, &parent).await).len(), 1);
    push_image(&repository, "1", None).await;
    let revision = format!(
        "repositories/a/_manifests/revisions/{}",
        link(child.digest())
    );
    test.write(&revision, "").await;
    assert_eq!(missing(put(&repository, &parent).await).len(), 1);
    push_image(&repository, "1", None).await;
    put(&repository, &parent).await.unwrap();
}

/// An index of three images, of which the registry has the second only.
fn sparse_index(has: &Manifest) -> Manifest {
    let child = |content: &str, architecture: &str, os: &str| {
        let mut child = descriptor(&MediaType::OCI_MANIFEST, content);
        child["platform"] = json!({"architecture": architecture, "os": os});
        child
    };
    let mut there = serde_json::to_value(has.descriptor()).unwrap();
    there["platform"] = json!({"architecture": "amd64", "os": "linux", "variant": "v3"});
    manifest(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [
            child("arm", "arm64", "linux"),
            there,
            child("windows", "amd64", "windows"),
            descriptor(&MediaType::OCI_MANIFEST, "attestation"),
        ],
    }))
}

#[tokio::test]
async fn children_for_platforms_that_are_not_asked_for_may_be_missing() {
    let test = TestRegistry::new();
    let child = push_image(&test.repository("a"), "1", None).await;
    let sparse = sparse_index(&child);
    let platform = |architecture: &str, os: &str| PlatformRule {
        architecture: architecture.to_owned(),
        os: os.to_owned(),
    };
    let listed = |platforms: &[(&str, &str)]| {
        let rules = platforms.iter().map(|(a, os)| platform(a, os));
        RequiredPlatforms::Listed(rules.collect())
    };
    let table = [
        (
            RequiredPlatforms::All,
            vec!["arm", "windows", "attestation"],
        ),
        (RequiredPlatforms::None, vec![]),
        (listed(&[]), vec![]),
        (listed(&[("amd64", "linux")]), vec![]),
        (listed(&[("amd64", "linux"), ("riscv64", "linux")]), vec![]),
        (
            listed(&[("amd64", "windows"), ("arm64", "linux")]),
            vec!["arm", "windows"],
        ),
    ];
    for (platforms, expected) in table {
        let ruled = test.with_rules(rules(UrlRules::default(), platforms.clone()));
        let result = put(&ruled.repository("a"), &sparse).await;
        if expected.is_empty() {
            result.unwrap();
        } else {
            let expected: Vec<MissingPart> = expected
                .into_iter()
                .map(|content| MissingPart::Manifest(sha256(content)))
                .collect();
            assert_eq!(missing(result), expected, "{platforms:?}");
        }
    }
}

/// An image with one layer of this type, which names these URLs.
fn image_with_urls(media_type: &MediaType, urls: &[&str]) -> Manifest {
    let mut document = image_document("x config", &[]);
    let mut layer = descriptor(media_type, "elsewhere");
    if !urls.is_empty() {
        layer["urls"] = json!(urls);
    }
    document["layers"] = json!([layer]);
    manifest(&document)
}

const FOREIGN: [MediaType; 4] = [
    MediaType::DOCKER_FOREIGN_LAYER,
    MediaType::OCI_NON_DISTRIBUTABLE_LAYER,
    MediaType::OCI_NON_DISTRIBUTABLE_LAYER_GZIP,
    MediaType::OCI_NON_DISTRIBUTABLE_LAYER_ZSTD,
];

#[tokio::test]
async fn a_foreign_layer_with_urls_need_not_be_pushed() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_blob(&repository, "x config").await;
    for media_type in &FOREIGN {
        let elsewhere = image_with_urls(media_type, &["https://example.com/layer"]);
        put(&repository, &elsewhere).await.unwrap();
        let nowhere = image_with_urls(media_type, &[]);
        assert_eq!(
            missing(put(&repository, &nowhere).await),
            [MissingPart::Blob(sha256("elsewhere"))],
            "without a URL it must be here: {media_type}"
        );
    }
    let ordinary = image_with_urls(&MediaType::OCI_LAYER_GZIP, &["https://example.com/layer"]);
    assert_eq!(
        missing(put(&repository, &ordinary).await),
        [MissingPart::Blob(sha256("elsewhere"))]
    );
    push_blob(&repository, "elsewhere").await;
    put(&repository, &ordinary).await.unwrap();
    put(&repository, &image_with_urls(&FOREIGN[0], &[]))
        .await
        .unwrap();
}

#[tokio::test]
async fn urls_outside_the_rules_are_named() {
    let test = TestRegistry::new();
    push_blob(&test.repository("a"), "x config").await;
    let set = |pattern: &str| Some(RegexSet::new([pattern]).unwrap());
    let ruled = test.with_rules(rules(
        UrlRules {
            allow: set("^https://good\\.example/"),
            deny: set("secret"),
        },
        RequiredPlatforms::All,
    ));
    let repository = ruled.repository("a");
    let good = "https://good.example/layer";
    put(&repository, &image_with_urls(&FOREIGN[0], &[good]))
        .await
        .unwrap();
    for bad in [
        "https://bad.example/layer",
        "https://good.example/secret",
        "ftp://good.example/layer",
        "https://good.example/layer#x",
        "",
    ] {
        assert_eq!(
            missing(put(&repository, &image_with_urls(&FOREIGN[0], &[good, bad])).await),
            [MissingPart::UrlNotAllowed {
                digest: sha256("elsewhere"),
                url: bad.to_owned()
            }]
        );
    }
}

#[tokio::test]
async fn an_index_that_names_itself_is_accepted() {
    let test = TestRegistry::new();
    // No document can be found that holds its own hash; one that goes by the digest it names shows
    // the rule as well.
    let itself = index(&[&image("1")]).with_digest(image("1").digest().clone());
    put(&test.repository("a"), &itself).await.unwrap();
}

#[tokio::test]
async fn a_build_cache_may_list_layers_in_an_index() {
    let test = TestRegistry::new();
    let repository = test.repository("cache");
    let cache = manifest(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [
            descriptor(&MediaType::OCI_LAYER_GZIP, "layer"),
            descriptor(&"application/vnd.buildkit.cacheconfig.v0".parse().unwrap(), "cache config"),
        ],
    }));
    assert_eq!(
        missing(put(&repository, &cache).await),
        ["layer", "cache config"].map(|content| MissingPart::Manifest(sha256(content)))
    );
    push_blob(&repository, "layer").await;
    push_blob(&repository, "cache config").await;
    push_manifest(&repository, cache.clone(), Some("buildcache")).await;
    assert_eq!(pull(&repository, "buildcache").await.unwrap(), cache);
}

#[tokio::test]
async fn a_subject_need_not_exist() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_parts(&repository, "signature").await;
    put(
        &repository,
        &attached("signature", &image("not pushed yet")),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn nothing_is_checked_where_checking_is_off() {
    let test = TestRegistry::new();
    let unchecked = test.with_rules(Rules {
        deletion: false,
        manifests: ManifestRules::Unchecked,
    });
    let repository = unchecked.repository("a");
    push_manifest(&repository, index(&[&image("1")]), Some("v1")).await;
    push_manifest(&repository, image("1"), None).await;
}

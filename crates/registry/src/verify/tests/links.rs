//! Links of manifests and layers that are lost or empty.

use super::*;

#[tokio::test]
async fn a_manifest_that_a_tag_names_is_linked_again() {
    let (test, image) = one_image().await;
    let digest = image.digest();
    let remedy = "--repair writes it if the content is whole; otherwise push the image again";
    for (content, fault) in [
        (None, "there is no link to it"),
        (Some(""), "its link is empty"),
        (
            Some(sha256("other").as_str()),
            "its link does not hold its digest",
        ),
    ] {
        match content {
            None => test.remove(&revision("a", digest)).await,
            Some(content) => test.write(&revision("a", digest), content.to_owned()).await,
        }
        let line = format!("a: tags latest, v1: manifest {digest}: {fault}");
        expect_lines(&told(&test).await, &[&format!("problem: {line}; {remedy}")]);
        expect_lines(
            &repaired(&test).await,
            &[&format!("repaired: {line}; its link is written")],
        );
        test.repository("a").manifests.get(digest).await.unwrap();
        expect_lines(&told(&test).await, &[]);
    }
}

#[tokio::test]
async fn what_is_behind_a_link_that_was_repaired_is_repaired_too() {
    let (test, image) = one_image().await;
    test.remove(&revision("a", image.digest())).await;
    test.remove(&layer("a", &sha256("x layer"))).await;
    let lines = repaired(&test).await;
    assert!(
        lines.iter().all(|line| line.starts_with("repaired: ")),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
    pull_blob(&test.repository("a"), &sha256("x layer"))
        .await
        .unwrap();
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn a_manifest_without_content_loses_its_empty_link() {
    let (test, image) = one_image().await;
    test.remove(&blob_path(image.digest())).await;
    test.write(&revision("a", image.digest()), "").await;
    let removed = format!(
        "repaired: a: tags latest, v1: manifest {}: its link is empty; its link is removed: there is no content for it",
        image.digest()
    );
    let missing = format!(
        "problem: a: tags latest, v1: manifest {}: its content is missing; push the image again, or delete what names it",
        image.digest()
    );
    let lines = repaired(&test).await;
    assert!(
        lines.contains(&removed) && lines.contains(&missing),
        "{lines:?}"
    );
    assert!(!test.files().await.contains(&revision("a", image.digest())));
    expect_lines(&told(&test).await, &[&missing]);
}

#[tokio::test]
async fn a_layer_that_a_manifest_names_is_linked_again() {
    let (test, image) = one_image().await;
    let blob = sha256("x layer");
    for (content, fault) in [
        (None, "there is no link to it"),
        (Some(""), "its link is empty"),
    ] {
        match content {
            None => test.remove(&layer("a", &blob)).await,
            Some(content) => test.write(&layer("a", &blob), content).await,
        }
        let line = format!(
            "a: tags latest, v1: layer {blob}, named by {}: {fault}",
            image.digest()
        );
        let lines = told(&test).await;
        assert!(
            lines.len() == 1 && lines[0].starts_with(&format!("problem: {line}")),
            "{lines:?}"
        );
        expect_lines(
            &repaired(&test).await,
            &[&format!("repaired: {line}; its link is written")],
        );
        assert_eq!(
            pull_blob(&test.repository("a"), &blob).await.unwrap(),
            b"x layer"
        );
        expect_lines(&told(&test).await, &[]);
    }
}

/// Whoever may push a manifest that nobody checks could name what others have in it.
#[tokio::test]
async fn nothing_is_linked_for_a_manifest_that_nobody_has_checked() {
    let test = TestRegistry::new().with_rules(Rules {
        manifests: ManifestRules::Unchecked,
        ..Rules::default()
    });
    push_image(&test.repository("private"), "x", Some("v1")).await;
    push_manifest(&test.repository("thief"), image("x"), Some("v1")).await;
    let lines = repaired(&test).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert!(
            line.starts_with("problem: thief: tags v1: layer "),
            "{line}"
        );
    }
    assert!(
        !test
            .files()
            .await
            .contains(&layer("thief", &sha256("x layer")))
    );
}

#[tokio::test]
async fn an_empty_link_that_no_manifest_names_is_written_or_goes() {
    let (test, _) = one_image().await;
    let repository = test.repository("a");
    let kept = push_blob(&repository, "kept").await;
    let gone = push_blob(&repository, "gone").await;
    test.remove(&blob_path(&gone)).await;
    for digest in [&kept, &gone] {
        test.write(&layer("a", digest), "").await;
    }
    let lines = repaired(&test).await;
    let written = format!("repaired: a: layer {kept}: its link is empty; its link is written");
    let removed = format!(
        "repaired: a: layer {gone}: its link is empty; its link is removed: there is no content for it"
    );
    assert_eq!(lines.len(), 2);
    assert!(
        lines.contains(&written) && lines.contains(&removed),
        "{lines:?}"
    );
    let files = test.files().await;
    assert!(files.contains(&layer("a", &kept)) && !files.contains(&layer("a", &gone)));
    assert!(
        !files.iter().any(|file| file.starts_with("_wharf")),
        "{files:?}"
    );
    expect_lines(&told(&test).await, &[]);
}

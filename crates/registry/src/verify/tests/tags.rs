//! Tags that lost their link or their history.

use super::*;

#[tokio::test]
async fn a_tag_without_its_link_points_again_at_the_only_manifest_that_it_can_have() {
    for (content, fault) in [
        ("", "its link is empty"),
        ("sha256:", "its link does not hold its digest"),
    ] {
        let (test, image) = one_image().await;
        test.write(&current("a", "v1"), content).await;
        let lines = told(&test).await;
        let begin = format!("problem: a: tag v1: {fault}; push the tag again");
        assert!(
            lines.len() == 1 && lines[0].starts_with(&begin),
            "{lines:?}"
        );
        let digest = image.digest();
        let expected = format!(
            "repaired: a: tag v1: {fault}; it points at {digest}, the only manifest in its history"
        );
        let (lines, report) = verified(&test, REPAIR).await;
        expect_lines(&lines, &[&expected]);
        assert!(report.is_sound());
        let resolved = test.repository("a").tags.resolve(&tag("v1")).await;
        assert_eq!(resolved.unwrap(), *digest);
        expect_lines(&told(&test).await, &[]);
    }
}

#[tokio::test]
async fn a_tag_that_may_have_pointed_at_several_manifests_is_left_to_its_owner() {
    let (test, _) = one_image().await;
    push_image(&test.repository("a"), "y", Some("v1")).await;
    test.write(&current("a", "v1"), "").await;
    let expected =
        "problem: a: tag v1: its link is empty; push the tag again, or delete its folder";
    expect_lines(&repaired(&test).await, &[expected]);
    assert_eq!(test.read(&current("a", "v1")).await.unwrap(), "");
}

#[tokio::test]
async fn a_tag_is_left_where_something_of_its_manifests_may_come_back() {
    let (test, image) = one_image().await;
    test.write(&current("a", "v1"), "").await;
    test.remove(&current("a", "latest")).await;
    let damaged = blob_path(image.digest());
    let bytes = test.read(&damaged).await.unwrap();
    for (path, content) in [
        (damaged, Some("damaged")),
        (revision("a", image.digest()), None),
    ] {
        let before = test.read(&path).await.unwrap();
        match content {
            Some(content) => test.write(&path, content).await,
            None => test.remove(&path).await,
        }
        let lines = repaired(&test).await;
        for tag in ["latest", "v1"] {
            let begin = format!("problem: a: tag {tag}: ");
            let is_told = lines.iter().any(|line| line.starts_with(&begin));
            assert!(is_told, "{lines:#?}");
        }
        assert_eq!(test.read(&current("a", "v1")).await.unwrap(), "");
        test.write(&path, before).await;
    }
    assert_eq!(test.read(&blob_path(image.digest())).await.unwrap(), bytes);
    // A link that is written again at the same time counts as there.
    test.write(&revision("a", image.digest()), "").await;
    let lines = repaired(&test).await;
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("repaired: ")));
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn a_tag_that_can_have_pointed_at_nothing_goes() {
    let (test, image) = one_image().await;
    for (digest, content) in [(image.digest(), ""), (&sha256("gone"), "x")] {
        let history = format!("repositories/a/_manifests/tags/lost/index/{}", link(digest));
        test.write(&history, digest.to_string()).await;
        test.write(&current("a", "lost"), content).await;
    }
    // Only what never was in the repository is in the history now.
    let kept = format!(
        "repositories/a/_manifests/tags/lost/index/{}",
        link(image.digest())
    );
    test.remove(&kept).await;
    let expected = "repaired: a: tag lost: its link does not hold its digest; it is removed: none of the manifests in its history is there";
    expect_lines(&repaired(&test).await, &[expected]);
    let files = test.files().await;
    assert!(
        !files.iter().any(|file| file.contains("/lost/")),
        "{files:?}"
    );
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn an_entry_of_a_history_is_written_from_its_folder() {
    let (test, image) = one_image().await;
    let entry = format!(
        "repositories/a/_manifests/tags/v1/index/{}",
        link(image.digest())
    );
    test.write(&entry, "").await;
    let expected = format!(
        "repaired: a: history of tag v1, {}: its link is empty; its link is written",
        image.digest()
    );
    expect_lines(&repaired(&test).await, &[&expected]);
    assert_eq!(test.read(&entry).await.unwrap(), image.digest().as_str());
}

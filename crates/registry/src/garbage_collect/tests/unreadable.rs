//! What cannot be understood, is empty or damaged, and what that keeps.

use super::*;

#[tokio::test]
async fn what_a_manifest_might_name_that_cannot_be_understood_is_kept() {
    for damage in ["", "{}", "garbage"] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let damaged = push_image(&repository, "damaged", None).await;
        push_image(&repository, "good", Some("v1")).await;
        push_blob(&repository, "garbage, or named by what is damaged").await;
        test.write(&blob_path(damaged.digest()), damage).await;
        let before = test.files().await;
        for options in [COLLECT, DELETE_UNTAGGED] {
            let elsewhere = push_blob(&test.repository("b"), "garbage for sure").await;
            let (report, lines) = collect(&test, options).await;
            assert_eq!((report.blobs, report.bytes), (1, 16));
            assert_eq!((report.manifests, report.layer_links), (0, 1));
            assert_eq!(report.broken.len(), 1);
            let gone = format!("blob eligible: {elsewhere}");
            let told = &report.broken[0];
            assert!(told.starts_with("a: ") && told.contains(damaged.digest().as_str()));
            let eligible: Vec<_> = lines
                .iter()
                .filter(|l| l.starts_with("blob eligible"))
                .collect();
            assert_eq!(eligible, [&gone]);
            assert_eq!(test.files().await, before);
        }
        push_image(&repository, "damaged", None).await;
        assert_eq!(report(&test, COLLECT).await.blobs, 1);
    }
}

#[tokio::test]
async fn what_is_under_a_name_that_is_not_accepted_is_kept() {
    let long = format!("{}/{}/c", "a".repeat(127), "b".repeat(127));
    for foreign in ["Upper", "a/Example.com/b", "a/.hidden", &long] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        push_image(&repository, "x", Some("v1")).await;
        let manifest = push_blob(&repository, "a manifest of the other").await;
        let layer = push_blob(&repository, "a layer of the other").await;
        let garbage = push_blob(&repository, "garbage").await;
        for (links, digest) in [("_manifests/revisions", &manifest), ("_layers", &layer)] {
            let path = format!("repositories/{foreign}/{links}/{}", link(digest));
            test.write(&path, digest.to_string()).await;
        }
        let (report, _) = collect(&test, DELETE_UNTAGGED).await;
        assert_eq!(report.broken.len(), 1);
        assert!(report.broken[0].contains(foreign), "{:?}", report.broken);
        assert_eq!(report.blobs, 1);
        for kept in [&manifest, &layer] {
            assert!(test.read(&blob_path(kept)).await.is_some(), "{foreign}");
        }
        assert!(test.read(&blob_path(&garbage)).await.is_none());
    }
}

#[tokio::test]
async fn repositories_under_the_name_of_a_host_are_collected_too() {
    let test = TestRegistry::new();
    push_image(&test.repository("Example.com/app"), "x", Some("v1")).await;
    push_blob(&test.repository("Example.com/app"), "garbage").await;
    let (report, lines) = collect(&test, DELETE_UNTAGGED).await;
    assert!(report.broken.is_empty(), "{:?}", report.broken);
    assert_eq!((report.blobs, report.manifests), (1, 0));
    assert_eq!(lines[0], "Example.com/app");
}

#[tokio::test]
async fn folders_that_hold_no_manifests_are_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    push_blob(&test.repository("a"), "garbage").await;
    let repositories = folder.path().join("docker/registry/v2/repositories");
    for other in ["lost+found", "Upper/_layers/sha256", "_trash/x/_manifests"] {
        std::fs::create_dir_all(repositories.join(other)).unwrap();
    }
    assert_eq!(report(&test, COLLECT).await.blobs, 1);
}

#[tokio::test]
async fn a_link_without_content_is_passed_over_unless_a_tag_names_it() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let dangling = push_image(&repository, "dangling", Some("v1")).await;
    let kept = push_image(&repository, "kept", Some("v2")).await;
    test.remove(&blob_path(dangling.digest())).await;
    for options in [COLLECT, DELETE_UNTAGGED] {
        let (found, _) = collect(&test, options).await;
        assert_eq!((found.blobs, found.manifests, found.layer_links), (0, 0, 0));
        let digest = dangling.digest();
        let told = format!("a: tag v1: manifest {digest} has no content");
        assert_eq!(found.broken, [told]);
    }
    push_manifest(&repository, image("dangling"), Some("v1")).await;
    assert!(is_whole(&test, "a", &dangling).await);

    repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    test.remove(&blob_path(dangling.digest())).await;
    assert_eq!(report(&test, COLLECT).await.blobs, 2, "what it named");
    assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 1);
    assert!(is_gone(&test, &dangling).await);
    assert!(is_whole(&test, "a", &kept).await);
}

#[tokio::test]
async fn what_a_power_cut_left_of_a_link_still_keeps_its_manifest() {
    for damage in ["", "\0\0\0\0"] {
        for options in [COLLECT, DELETE_UNTAGGED] {
            let test = TestRegistry::new();
            let repository = test.repository("a");
            let pushed = push_image(&repository, "x", Some("v1")).await;
            let revisions = "repositories/a/_manifests/revisions";
            test.write(&format!("{revisions}/{}", link(pushed.digest())), damage)
                .await;
            let (found, _) = collect(&test, options).await;
            assert_eq!((found.marked, found.blobs, found.manifests), (3, 0, 0));
            push_manifest(&repository, image("x"), None).await;
            assert!(is_whole(&test, "a", &pushed).await);
        }
    }
}

#[tokio::test]
async fn a_tag_whose_link_is_damaged_keeps_all_that_it_ever_pointed_at() {
    for damage in ["", "\0\0\0\0"] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let first = push_image(&repository, "1", Some("v1")).await;
        let second = push_image(&repository, "2", Some("v1")).await;
        let untagged = push_image(&repository, "3", None).await;
        test.write("repositories/a/_manifests/tags/v1/current/link", damage)
            .await;
        let (found, _) = collect(&test, DELETE_UNTAGGED).await;
        assert_eq!(found.manifests, 1);
        assert_eq!(found.broken, ["a: the link of tag v1 holds no digest"]);
        assert!(is_whole(&test, "a", &first).await);
        assert!(is_whole(&test, "a", &second).await);
        assert!(is_gone(&test, &untagged).await);
    }
}

#[tokio::test]
async fn a_tag_that_was_half_deleted_keeps_nothing() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    test.remove("repositories/a/_manifests/tags/v1/current")
        .await;
    assert_eq!(report(&test, DELETE_UNTAGGED).await.manifests, 1);
    assert!(is_gone(&test, &pushed).await);
}

#[tokio::test]
async fn what_distribution_deleted_from_a_folder_is_not_marked() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let pushed = push_image(&test.repository("a"), "x", None).await;
    let revisions = "repositories/a/_manifests/revisions";
    test.remove(&format!("{revisions}/{}", link(pushed.digest())))
        .await;
    let (report, lines) = collect(&test, COLLECT).await;
    assert_eq!((report.marked, report.blobs), (0, 3));
    assert!(lines[0].starts_with("0 marked"), "{lines:?}");
}

//! Tags: listed whole and in pages, resolved and deleted.

use wharf_oci::{Reference, Tag};

use crate::{
    Error, ListRequest, Listing, Repository,
    testing::{ALWAYS, TestRegistry, image, index, link, push_image, push_manifest, sha256, tag},
};

async fn page(
    repository: &Repository,
    after: Option<&str>,
    limit: Option<usize>,
) -> (Vec<String>, bool) {
    let request = ListRequest {
        after: after.map(str::to_owned),
        limit,
    };
    let Listing { items, more } = repository.tags.list(request).await.unwrap();
    (items.iter().map(Tag::to_string).collect(), more)
}

async fn all(repository: &Repository) -> Vec<String> {
    let (tags, more) = page(repository, None, None).await;
    assert!(!more);
    tags
}

async fn assert_unknown(repository: &Repository) {
    for after in [None, Some(String::new()), Some("x".to_owned())] {
        for limit in [None, Some(0), Some(1)] {
            let request = ListRequest {
                after: after.clone(),
                limit,
            };
            let refused = repository.tags.list(request).await.unwrap_err();
            assert!(
                matches!(&refused, Error::RepositoryUnknown { name } if *name == repository.name),
                "{refused}"
            );
        }
    }
}

/// Tags as a push leaves them, without the pushes.
async fn write_tags(test: &TestRegistry, repository: &str, tags: &[String]) {
    let digest = sha256("a manifest").to_string();
    for tag in tags {
        let folder = format!("repositories/{repository}/_manifests/tags/{tag}");
        test.write(&format!("{folder}/current/link"), digest.clone())
            .await;
    }
}

#[tokio::test]
async fn tags_are_listed_in_the_order_of_their_bytes() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for name in ["b", "a", "B", "_", "10", "9", "a-b", "a.b", "latest.tmp"] {
        push_image(&repository, "x", Some(name)).await;
    }
    assert_eq!(
        all(&repository).await,
        ["10", "9", "B", "_", "a", "a-b", "a.b", "b", "latest.tmp"]
    );
}

#[tokio::test]
async fn a_page_begins_after_a_text_that_need_not_be_a_tag() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for name in ["a", "b", "d", "e"] {
        push_image(&repository, "x", Some(name)).await;
    }
    let table: [(Option<&str>, &[&str], bool); 9] = [
        (None, &["a", "b"], true),
        (Some(""), &["a", "b"], true),
        (Some("0"), &["a", "b"], true),
        (Some("a"), &["b", "d"], true),
        (Some("b"), &["d", "e"], false),
        (Some("c"), &["d", "e"], false),
        (Some("d"), &["e"], false),
        (Some("e"), &[], false),
        (Some("no tag: /../\u{e4}"), &[], false),
    ];
    for (after, expected, more) in table {
        let told = page(&repository, after, Some(2)).await;
        let expected: Vec<String> = expected.iter().map(|&tag| tag.to_owned()).collect();
        assert_eq!(told, (expected, more), "after {after:?}");
    }
}

#[tokio::test]
async fn the_last_page_knows_that_it_is_the_last() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for name in ["a", "b", "c"] {
        push_image(&repository, "x", Some(name)).await;
    }
    for (limit, count, more) in [(0, 0, false), (1, 1, true), (2, 2, true), (3, 3, false)] {
        let (tags, told) = page(&repository, None, Some(limit)).await;
        assert_eq!((tags.len(), told), (count, more), "limit {limit}");
    }
    for limit in [4, usize::MAX] {
        let (tags, more) = page(&repository, None, Some(limit)).await;
        assert_eq!((tags.len(), more), (3, false), "limit {limit}");
    }
}

#[tokio::test]
async fn pages_of_any_size_make_up_the_whole_list() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut expected: Vec<String> = (0..2500).map(|n| format!("v{n}")).collect();
    write_tags(&test, "a", &expected).await;
    // Folders without a link stand in between, so that a page of the store is not one of the list.
    for n in (0..2500).step_by(3) {
        let gone = format!("v{n}");
        let folder = format!("repositories/a/_manifests/tags/{gone}");
        test.write(&format!("{folder}/index/{}", link(&sha256("x"))), "x")
            .await;
        test.remove(&format!("{folder}/current")).await;
        expected.retain(|tag| *tag != gone);
    }
    expected.sort();
    assert_eq!(all(&repository).await, expected);
    for size in [1, 13, 500, 999, 1000, 1001, 1666, 1667] {
        let mut after: Option<String> = None;
        let mut listed = Vec::new();
        loop {
            let (tags, more) = page(&repository, after.as_deref(), Some(size)).await;
            assert!(tags.len() == size || !more, "only the last page is short");
            listed.extend(tags);
            assert_eq!(more, listed.len() < expected.len(), "size {size}");
            if !more {
                break;
            }
            after = listed.last().cloned();
            // One pass through small pages is enough to see the ends of the first few.
            if size == 1 && listed.len() > 20 {
                assert_eq!(listed, expected[..listed.len()]);
                listed.clone_from(&expected);
                break;
            }
        }
        assert_eq!(listed, expected, "size {size}");
    }
}

#[tokio::test]
async fn exactly_as_many_tags_as_are_read_at_once_are_one_page() {
    let test = TestRegistry::new();
    for count in [999, 1000, 1001, 2000] {
        let name = format!("r{count}");
        let tags: Vec<String> = (0..count).map(|n| format!("v{n}")).collect();
        write_tags(&test, &name, &tags).await;
        let repository = test.repository(&name);
        assert_eq!(all(&repository).await.len(), count);
        for limit in [count - 1, count, count + 1] {
            let (tags, more) = page(&repository, None, Some(limit)).await;
            assert_eq!((tags.len(), more), (limit.min(count), limit < count));
        }
    }
}

#[tokio::test]
async fn tags_written_and_deleted_between_two_pages_cost_no_other_tag() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    for name in ["b", "d", "f", "h"] {
        push_image(&repository, "x", Some(name)).await;
    }
    let (first, _) = page(&repository, None, Some(2)).await;
    assert_eq!(first, ["b", "d"]);
    repository.tags.delete(&tag("d"), ALWAYS).await.unwrap();
    push_image(&repository, "x", Some("a")).await;
    push_image(&repository, "x", Some("e")).await;
    let (rest, more) = page(&repository, Some("d"), Some(9)).await;
    assert_eq!(
        (rest, more),
        (["e", "f", "h"].map(str::to_owned).into(), false)
    );
}

#[tokio::test]
async fn what_does_not_point_anywhere_is_not_listed() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_image(&repository, "x", Some("good")).await;
    let tags = "repositories/a/_manifests/tags";
    let history = format!("index/{}", link(&sha256("x")));
    test.write(&format!("{tags}/phantom/{history}"), "x").await;
    test.write(&format!("{tags}/emptied/current/link"), "")
        .await;
    test.write(&format!("{tags}/garbage/current/link"), "\0\0\0")
        .await;
    test.write(&format!("{tags}/a-file"), sha256("x").to_string())
        .await;
    let folder = format!("{tags}/.not-a-tag/current/link");
    test.write(&folder, sha256("x").to_string()).await;
    assert_eq!(all(&repository).await, ["good"]);
    for gone in ["phantom", "emptied", "garbage", "a-file"] {
        for unknown in [
            repository.tags.resolve(&tag(gone)).await.map(drop),
            repository.tags.delete(&tag(gone), ALWAYS).await,
        ] {
            let unknown = unknown.unwrap_err();
            assert!(
                matches!(&unknown, Error::ManifestUnknown { reference: Reference::Tag(told), .. }
                    if *told == tag(gone)),
                "{unknown}"
            );
        }
    }
}

#[tokio::test]
async fn a_repository_pushed_by_digest_only_has_an_empty_list() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_image(&repository, "x", None).await;
    assert!(all(&repository).await.is_empty());
    assert_eq!(page(&repository, Some("x"), Some(0)).await, (vec![], false));
    let empty = test.repository("b");
    push_manifest(&empty, index(&[]), None).await;
    assert!(all(&empty).await.is_empty());
}

#[tokio::test]
async fn a_repository_without_manifests_is_unknown() {
    let test = TestRegistry::new();
    assert_unknown(&test.repository("never")).await;
    let repository = test.repository("a");
    crate::testing::push_blob(&repository, "only a blob").await;
    assert_unknown(&repository).await;
    push_image(&test.repository("a/below"), "x", Some("v1")).await;
    assert_unknown(&repository).await;
    push_image(&repository, "x", Some("v1")).await;
    repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    assert!(all(&repository).await.is_empty(), "the manifest stays");
    repository
        .manifests
        .delete(image("x").digest(), ALWAYS)
        .await
        .unwrap();
    assert_unknown(&repository).await;
}

#[tokio::test]
async fn deleting_a_tag_keeps_its_manifest_and_the_other_tags() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    push_image(&repository, "x", Some("v2")).await;
    repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    assert_eq!(all(&repository).await, ["v2"]);
    assert_eq!(
        repository.manifests.get(pushed.digest()).await.unwrap(),
        pushed
    );
    let files = test.files().await;
    assert!(!files.iter().any(|file| file.contains("/tags/v1/")));
    let again = repository
        .tags
        .delete(&tag("v1"), ALWAYS)
        .await
        .unwrap_err();
    assert!(matches!(again, Error::ManifestUnknown { .. }), "{again}");
}

#[tokio::test]
async fn letter_case_makes_another_tag() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let upper = push_image(&repository, "1", Some("V1")).await;
    let lower = push_image(&repository, "2", Some("v1")).await;
    let resolve = async |name| repository.tags.resolve(&tag(name)).await.unwrap();
    assert_eq!(resolve("V1").await, *upper.digest());
    assert_eq!(resolve("v1").await, *lower.digest());
}

#[tokio::test]
async fn a_page_in_the_middle_of_many_tags_reads_as_many_links_as_it_has() {
    let (test, faulty) = TestRegistry::faulty();
    let tags: Vec<String> = (0..2500).map(|n| format!("v{n:04}")).collect();
    write_tags(&test, "a", &tags).await;
    let repository = test.repository("a");
    for (after, limit) in [(None, 100), (Some("v1000"), 100), (Some("v2000"), 20)] {
        faulty.heal();
        let (listed, more) = page(&repository, after, Some(limit)).await;
        assert_eq!((listed.len(), more), (limit, true));
        // One more tells that there is more, and the folder is listed once.
        assert_eq!(faulty.calls(), limit as u64 + 2, "after {after:?}");
    }
    faulty.heal();
    assert_eq!(
        page(&repository, Some("v2400"), Some(100)).await.0.len(),
        99
    );
    assert_eq!(faulty.calls(), 100);
}

#[tokio::test]
async fn folders_without_a_link_are_passed_in_ever_larger_steps() {
    let (test, faulty) = TestRegistry::faulty();
    let tags: Vec<String> = (0..2000).map(|n| format!("v{n:04}")).collect();
    write_tags(&test, "a", &tags).await;
    for tag in &tags[..1990] {
        let folder = format!("repositories/a/_manifests/tags/{tag}");
        test.write(&format!("{folder}/index/{}", link(&sha256("x"))), "x")
            .await;
        test.remove(&format!("{folder}/current")).await;
    }
    faulty.heal();
    let (listed, more) = page(&test.repository("a"), None, Some(1)).await;
    assert_eq!((listed, more), (vec!["v1990".to_owned()], true));
    // A look at each link up to the second tag, and not nearly as many at the folder.
    assert!(faulty.calls() <= 1992 + 7, "{}", faulty.calls());
}

#[tokio::test]
async fn a_list_that_could_not_be_read_whole_is_an_error() {
    let (test, faulty) = TestRegistry::faulty();
    let repository = test.repository("a");
    push_image(&repository, "x", Some("v1")).await;
    push_image(&repository, "x", Some("v2")).await;
    for n in 0.. {
        faulty.fail_at(n);
        let request = ListRequest {
            after: None,
            limit: None,
        };
        let listed = repository.tags.list(request).await;
        if !faulty.has_failed() {
            assert_eq!(listed.unwrap().items, ["v1", "v2"].map(tag));
            assert!(n > 2, "calls are counted");
            break;
        }
        assert!(matches!(listed, Err(Error::Storage(_))));
    }
}

//! The catalog: one total order, in pages that lose nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wharf_oci::RepositoryName;

use crate::{
    Error, ListRequest, Registry,
    testing::{
        ALWAYS, TestRegistry, begin_upload, blob_path, image, link, name, push_blob, push_image,
        sha256,
    },
};

async fn page(
    test: &TestRegistry,
    after: Option<&str>,
    limit: Option<usize>,
) -> (Vec<String>, bool) {
    let request = ListRequest {
        after: after.map(str::to_owned),
        limit,
    };
    let listing = test.registry.catalog(request).await.unwrap();
    let names = listing.items.iter().map(RepositoryName::to_string);
    (names.collect(), listing.more)
}

async fn all(test: &TestRegistry) -> Vec<String> {
    let (names, more) = page(test, None, None).await;
    assert!(!more);
    names
}

/// A repository with one manifest, as a push leaves it.
async fn write_repository(test: &TestRegistry, name: &str) {
    let digest = sha256("a manifest");
    let revision = format!("repositories/{name}/_manifests/revisions/{}", link(&digest));
    test.write(&revision, digest.to_string()).await;
    test.write(&blob_path(&digest), "a manifest").await;
}

async fn registry_with(names: &[&str]) -> TestRegistry {
    let test = TestRegistry::new();
    for name in names {
        write_repository(&test, name).await;
    }
    test
}

/// All pages of a size, put together.
async fn in_pages(test: &TestRegistry, size: usize) -> Vec<String> {
    let mut listed: Vec<String> = Vec::new();
    loop {
        let (names, more) = page(test, listed.last().map(String::as_str), Some(size)).await;
        assert!(names.len() == size || !more, "only the last page is short");
        assert!(!more || !names.is_empty());
        listed.extend(names);
        if !more {
            return listed;
        }
    }
}

const NESTED: [&str; 9] = [
    "a", "a/b", "a/b/c", "a/b-c", "a-b", "a-b/c", "a.b", "aa", "ab/c",
];

#[tokio::test]
async fn a_name_comes_before_those_it_is_a_prefix_of_and_a_slash_before_all_else() {
    let mut shuffled = NESTED;
    shuffled.reverse();
    shuffled.swap(1, 5);
    let test = registry_with(&shuffled).await;
    assert_eq!(all(&test).await, NESTED);
}

#[tokio::test]
async fn pages_of_any_size_make_up_the_whole_catalog() {
    let test = registry_with(&NESTED).await;
    for size in 1..=10 {
        assert_eq!(in_pages(&test, size).await, NESTED, "size {size}");
    }
}

#[tokio::test]
async fn the_last_page_knows_that_it_is_the_last() {
    let test = registry_with(&["a", "a/b", "c"]).await;
    // Folders that hold no repository do not count as more.
    push_blob(&test.repository("d/e"), "only a blob").await;
    for (limit, count, more) in [(0, 0, false), (1, 1, true), (2, 2, true), (3, 3, false)] {
        let (names, told) = page(&test, None, Some(limit)).await;
        assert_eq!((names.len(), told), (count, more), "limit {limit}");
    }
    assert!(!page(&test, Some("a"), Some(2)).await.1);
    assert_eq!(page(&test, None, Some(usize::MAX)).await.0.len(), 3);
}

#[tokio::test]
async fn a_page_begins_after_a_name_that_need_not_exist() {
    let test = registry_with(&NESTED).await;
    let long = "a/".repeat(300);
    let table: [(&str, Option<&str>); 19] = [
        ("", Some("a")),
        ("/", Some("a")),
        ("0", Some("a")),
        ("a", Some("a/b")),
        ("a/", Some("a/b")),
        ("a//b", Some("a/b")),
        ("a/a", Some("a/b")),
        ("a/b", Some("a/b/c")),
        ("a/b/", Some("a/b/c")),
        ("a/b/c/d/e", Some("a/b-c")),
        ("a/UPPER", Some("a/b")),
        ("a/_layers", Some("a/b")),
        ("a/z", Some("a-b")),
        ("a/b-c", Some("a-b")),
        ("a-b/c/d", Some("a.b")),
        ("ab", Some("ab/c")),
        ("ab/c", None),
        ("z/../a", None),
        ("\u{e4} b\0", None),
    ];
    for (after, expected) in table {
        let (names, _) = page(&test, Some(after), Some(1)).await;
        let first = names.first().map(String::as_str);
        assert_eq!(first, expected, "after {after:?}");
    }
    assert_eq!(page(&test, Some(&long), Some(1)).await.0, ["a/b"]);
}

#[tokio::test]
async fn an_empty_store_has_an_empty_catalog() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        assert!(all(&test).await.is_empty());
        assert_eq!(page(&test, Some("a"), Some(5)).await, (vec![], false));
    }
}

#[tokio::test]
async fn a_repository_is_listed_while_it_holds_a_manifest() {
    let test = TestRegistry::new();
    let repository = test.repository("a/b");
    begin_upload(&repository, "bytes").await;
    push_blob(&repository, "blob").await;
    assert!(all(&test).await.is_empty());
    push_image(&repository, "x", Some("v1")).await;
    assert_eq!(all(&test).await, ["a/b"]);
    let v1 = crate::testing::tag("v1");
    repository.tags.delete(&v1, ALWAYS).await.unwrap();
    assert_eq!(all(&test).await, ["a/b"]);
    let digest = image("x").digest().clone();
    repository.manifests.delete(&digest, ALWAYS).await.unwrap();
    assert!(all(&test).await.is_empty());
}

#[tokio::test]
async fn a_folder_removed_by_hand_is_gone_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    for name in ["a", "a/b", "c"] {
        push_image(&test.repository(name), "x", Some("v1")).await;
    }
    assert_eq!(all(&test).await, ["a", "a/b", "c"]);
    let repositories = folder.path().join("docker/registry/v2/repositories");
    std::fs::remove_dir_all(repositories.join("a/b")).unwrap();
    assert_eq!(all(&test).await, ["a", "c"]);
    std::fs::remove_dir_all(repositories.join("a")).unwrap();
    assert_eq!(all(&test).await, ["c"]);
    std::fs::remove_dir_all(repositories).unwrap();
    assert!(all(&test).await.is_empty());
}

#[tokio::test]
async fn what_distribution_leaves_behind_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    push_image(&test.repository("kept"), "x", Some("v1")).await;
    push_image(&test.repository("dangling"), "y", Some("v1")).await;
    test.remove(&blob_path(image("y").digest())).await;
    let repositories = folder.path().join("docker/registry/v2/repositories");
    let digest = sha256("deleted");
    let revision = format!("_manifests/revisions/sha256/{}", digest.hex());
    for folder in [
        format!("deleted/{revision}"),
        "deleted/_manifests/tags".to_owned(),
        "emptied/_manifests/revisions/sha256".to_owned(),
        "emptied/_uploads".to_owned(),
        format!("blobs/_layers/sha256/{}", digest.hex()),
        "lost+found".to_owned(),
        "_trash/a/_manifests/revisions".to_owned(),
        format!("Upper/{revision}"),
    ] {
        std::fs::create_dir_all(repositories.join(folder)).unwrap();
    }
    let damaged = format!("repositories/damaged/{revision}/link");
    test.write(&damaged, "").await;
    std::fs::write(repositories.join("a-file"), "x").unwrap();
    assert_eq!(all(&test).await, ["kept"]);
}

#[tokio::test]
async fn one_whole_manifest_among_many_leftovers_is_enough() {
    let test = TestRegistry::new();
    for n in 0..2100 {
        let gone = sha256(&format!("gone {n}"));
        let revision = format!("repositories/a/_manifests/revisions/{}", link(&gone));
        test.write(&revision, "").await;
    }
    assert!(all(&test).await.is_empty());
    push_image(&test.repository("a"), "x", None).await;
    assert_eq!(all(&test).await, ["a"]);
}

#[tokio::test]
async fn more_repositories_than_are_read_at_once_are_all_listed() {
    let test = TestRegistry::new();
    let mut expected = Vec::new();
    for n in 0..1050 {
        for below in ["", "/x"] {
            let name = format!("r{n:04}{below}");
            write_repository(&test, &name).await;
            expected.push(name);
        }
    }
    assert_eq!(all(&test).await, expected);
    let (rest, more) = page(&test, Some("r0998/x"), Some(3)).await;
    assert_eq!((rest.as_slice(), more), (&expected[1998..2001], true));
}

#[tokio::test]
async fn a_page_in_the_middle_of_many_repositories_looks_at_as_many_as_it_has() {
    let (test, faulty) = TestRegistry::faulty();
    for n in 0..1500 {
        write_repository(&test, &format!("flat-{n:04}")).await;
        write_repository(&test, &format!("nested/{n:04}")).await;
    }
    let mut calls = Vec::new();
    for after in [None, Some("flat-0700"), Some("nested/0700")] {
        faulty.heal();
        let (listed, more) = page(&test, after, Some(20)).await;
        assert_eq!((listed.len(), more), (20, true));
        calls.push(faulty.calls());
    }
    // For each of the page and the one after it: its folder, its revisions, a link, a blob.
    let all = 4 * 21;
    // And the folder that they are in; after a name, what may lie below it too.
    assert_eq!(calls, [all + 1, all + 2, all + 3]);
}

#[tokio::test]
async fn a_manifest_of_an_unusual_algorithm_makes_a_repository() {
    let test = TestRegistry::new();
    let digest = sha256("a manifest");
    let revision = format!("_manifests/revisions/sha512/{}/link", "5".repeat(128));
    test.write(&format!("repositories/a/{revision}"), digest.to_string())
        .await;
    assert!(all(&test).await.is_empty());
    test.write(&blob_path(&digest), "a manifest").await;
    assert_eq!(all(&test).await, ["a"]);
}

#[tokio::test]
async fn names_up_to_the_longest_are_listed() {
    let longest = format!("{}/{}", "a".repeat(127), "b".repeat(127));
    let test = registry_with(&[&longest]).await;
    write_repository(&test, &format!("{longest}/c")).await;
    assert_eq!(all(&test).await, [longest]);
}

#[tokio::test]
async fn a_catalog_that_could_not_be_read_whole_is_an_error() {
    let (test, faulty) = TestRegistry::faulty();
    for name in ["a", "a/b", "c"] {
        push_image(&test.repository(name), "x", None).await;
    }
    for n in 0.. {
        faulty.fail_at(n);
        let request = ListRequest {
            after: None,
            limit: None,
        };
        let listed = test.registry.catalog(request).await;
        if !faulty.has_failed() {
            assert_eq!(listed.unwrap().items, ["a", "a/b", "c"].map(name));
            assert!(n > 10, "calls are counted");
            break;
        }
        assert!(matches!(listed, Err(Error::Storage(_))));
    }
}

const NAME: &str = "[ab]([.-][ab])?(/[ab]([._-][ab]|0)?){0,3}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_of_random_sizes_make_up_the_sorted_set(
        names in proptest::collection::btree_set(NAME, 0..30),
        sizes in proptest::collection::vec(1..7_usize, 40),
        after in proptest::option::of("[ab./_-]{0,6}|.{0,8}"),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let test = TestRegistry::new();
            for name in &names {
                write_repository(&test, name).await;
            }
            let model: BTreeSet<RepositoryName> = names.iter().map(|text| name(text)).collect();
            let model: Vec<String> = model.iter().map(RepositoryName::to_string).collect();
            let mut listed: Vec<String> = Vec::new();
            for size in sizes {
                let (names, more) = page(&test, listed.last().map(String::as_str), Some(size)).await;
                listed.extend(names);
                assert_eq!(more, listed.len() < model.len());
                if !more {
                    break;
                }
            }
            assert_eq!(listed, model);

            // The order of the catalog is that of the text with the slash before all else.
            let order = |text: &str| text.replace('/', "\0");
            if let Some(after) = after.filter(|after| !after.contains('\0')) {
                let expected = model.iter().filter(|name| order(name) > order(&after));
                let expected: Vec<String> = expected.cloned().collect();
                assert_eq!(page(&test, Some(&after), None).await.0, expected, "{after:?}");
            }
        });
    }
}

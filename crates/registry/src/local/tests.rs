//! What a registry is on a folder: the tree after each step of a push, byte for byte, and the
//! locks of its repositories.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use tempfile::TempDir;
use wharf_oci::{Algorithm, Digest};

use super::*;
use crate::{
    Chunk, Error, Rules, UploadId,
    testing::{
        ALWAYS, TestRegistry, append, begin_upload, body, image, name, pull_blob, push_blob,
        push_image, push_manifest, sha256, tag,
    },
};

/// A folder's tree as text: one line for each file with its content, and for each empty folder.
/// Digests and ids are given the names of what they stand for.
struct Tree {
    folder: TempDir,
    names: Vec<(String, String)>,
}

impl Tree {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            names: Vec::new(),
        }
    }

    fn call(&mut self, digest: &Digest, name: &str) {
        let (prefix, hex) = (&digest.hex()[..2], digest.hex());
        self.names
            .push((format!("{prefix}/{hex}"), format!("xx/<{name}>")));
        self.names.push((hex.to_owned(), format!("<{name}>")));
    }

    fn call_upload(&mut self, id: &UploadId, name: &str) {
        self.names.push((id.to_string(), format!("<{name}>")));
    }

    fn lines(&self) -> Vec<String> {
        let root = self.folder.path().join("docker/registry/v2");
        let mut lines = BTreeMap::new();
        collect(&root, "", &mut lines);
        let mut lines: Vec<String> = lines
            .into_iter()
            .map(|(path, content)| self.named(&format!("{path}{content}")))
            .collect();
        lines.sort();
        lines
    }

    fn named(&self, line: &str) -> String {
        let named = self.names.iter();
        named.fold(line.to_owned(), |line, (hex, name)| line.replace(hex, name))
    }

    fn assert(&self, expected: &[&str]) {
        let lines = self.lines();
        assert_eq!(lines, expected, "\n{}\n", lines.join("\n"));
    }
}

fn collect(folder: &Path, path: &str, lines: &mut BTreeMap<String, String>) {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    if entries.is_empty() {
        lines.insert(format!("{path}/"), String::new());
    }
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = match path {
            "" => name.clone(),
            path => format!("{path}/{name}"),
        };
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &path, lines);
        } else {
            lines.insert(path, shown(&name, &fs::read(entry.path()).unwrap()));
        }
    }
}

/// Content as it is where it is text, and what matters of it where it is not.
fn shown(name: &str, content: &[u8]) -> String {
    if content.starts_with(b"sha\x03") {
        let hashed = u64::from_be_bytes(content[100..].try_into().unwrap());
        return format!(" = state of {hashed} in {} bytes", content.len());
    }
    let text = std::str::from_utf8(content).unwrap();
    if name == "startedat" {
        let pattern: String = text
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        return format!(" = {pattern:?}");
    }
    if text.starts_with('{') {
        return " = the manifest".to_owned();
    }
    format!(" = {text:?}")
}

/// What POST leaves: a session that is let go of at once.
async fn post(repository: &Repository) -> UploadId {
    let session = repository.uploads.start().await.unwrap();
    session.suspend().await.unwrap().id
}

async fn patch(repository: &Repository, id: &UploadId, start: u64, content: &'static str) {
    let mut session = repository.uploads.resume(id).await.unwrap();
    let chunk = Chunk {
        start: Some(start),
        length: Some(content.len() as u64),
        body: body([content]),
    };
    session.append(chunk).await.unwrap();
    session.suspend().await.unwrap();
}

#[tokio::test]
async fn the_store_is_distributions_after_every_step_of_a_push() {
    let mut tree = Tree::new();
    let test = TestRegistry::in_folder(&tree.folder);
    let repository = test.repository("library/app");
    let (config, layer, image) = (sha256("x config"), sha256("x layer"), image("x"));
    tree.call(&config, "config");
    tree.call(&layer, "layer");
    tree.call(image.digest(), "image");

    let id = post(&repository).await;
    tree.call_upload(&id, "upload");
    tree.assert(&[
        "repositories/library/app/_uploads/<upload>/data = \"\"",
        "repositories/library/app/_uploads/<upload>/startedat = \"0000-00-00T00:00:00Z\"",
    ]);

    patch(&repository, &id, 0, "x l").await;
    patch(&repository, &id, 3, "aye").await;
    tree.assert(&[
        "repositories/library/app/_uploads/<upload>/data = \"x laye\"",
        "repositories/library/app/_uploads/<upload>/hashstates/sha256/3 = state of 3 in 108 bytes",
        "repositories/library/app/_uploads/<upload>/hashstates/sha256/6 = state of 6 in 108 bytes",
        "repositories/library/app/_uploads/<upload>/startedat = \"0000-00-00T00:00:00Z\"",
    ]);

    let mut session = repository.uploads.resume(&id).await.unwrap();
    append(&mut session, "r").await;
    session.commit(&layer).await.unwrap();
    tree.assert(&[
        "blobs/sha256/xx/<layer>/data = \"x layer\"",
        "repositories/library/app/_layers/sha256/<layer>/link = \"sha256:<layer>\"",
        "repositories/library/app/_uploads/",
    ]);

    push_blob(&repository, "x config").await;
    push_manifest(&repository, image.clone(), Some("v1")).await;
    push_manifest(&repository, image.clone(), Some("latest")).await;
    let blobs_and_links = [
        "blobs/sha256/xx/<config>/data = \"x config\"",
        "blobs/sha256/xx/<image>/data = the manifest",
        "blobs/sha256/xx/<layer>/data = \"x layer\"",
        "repositories/library/app/_layers/sha256/<config>/link = \"sha256:<config>\"",
        "repositories/library/app/_layers/sha256/<layer>/link = \"sha256:<layer>\"",
    ];
    let revision =
        "repositories/library/app/_manifests/revisions/sha256/<image>/link = \"sha256:<image>\"";
    let latest = [
        "repositories/library/app/_manifests/tags/latest/current/link = \"sha256:<image>\"",
        "repositories/library/app/_manifests/tags/latest/index/sha256/<image>/link = \"sha256:<image>\"",
    ];
    let v1 = [
        "repositories/library/app/_manifests/tags/v1/current/link = \"sha256:<image>\"",
        "repositories/library/app/_manifests/tags/v1/index/sha256/<image>/link = \"sha256:<image>\"",
    ];
    let uploads = "repositories/library/app/_uploads/";
    let whole = [
        blobs_and_links.as_slice(),
        &[revision],
        &latest,
        &v1,
        &[uploads],
    ];
    tree.assert(&whole.concat());

    repository.tags.delete(&tag("v1"), ALWAYS).await.unwrap();
    let with_one_tag = [blobs_and_links.as_slice(), &[revision], &latest, &[uploads]];
    tree.assert(&with_one_tag.concat());

    repository
        .manifests
        .delete(image.digest(), ALWAYS)
        .await
        .unwrap();
    let without_manifest = [
        blobs_and_links.as_slice(),
        &[
            "repositories/library/app/_manifests/revisions/sha256/",
            "repositories/library/app/_manifests/tags/",
            uploads,
        ],
    ];
    tree.assert(&without_manifest.concat());

    let other = test.repository("other");
    let source = name("library/app");
    other.uploads.mount(&source, &layer).await.unwrap();
    repository.blobs.delete(&layer).await.unwrap();
    tree.assert(&[
        "blobs/sha256/xx/<config>/data = \"x config\"",
        "blobs/sha256/xx/<image>/data = the manifest",
        "blobs/sha256/xx/<layer>/data = \"x layer\"",
        "repositories/library/app/_layers/sha256/<config>/link = \"sha256:<config>\"",
        "repositories/library/app/_manifests/revisions/sha256/",
        "repositories/library/app/_manifests/tags/",
        "repositories/library/app/_uploads/",
        "repositories/other/_layers/sha256/<layer>/link = \"sha256:<layer>\"",
    ]);
}

#[tokio::test]
async fn uploads_that_come_to_nothing_leave_an_empty_folder() {
    let tree = Tree::new();
    let test = TestRegistry::in_folder(&tree.folder);
    let repository = test.repository("a");
    let cancelled = begin_upload(&repository, "x").await;
    repository.uploads.cancel(&cancelled).await.unwrap();
    let mismatched = begin_upload(&repository, "x").await;
    let session = repository.uploads.resume(&mismatched).await.unwrap();
    session.commit(&sha256("y")).await.unwrap_err();
    tree.assert(&["repositories/a/_uploads/"]);
}

#[tokio::test]
async fn a_blob_of_another_algorithm_is_stored_once_and_linked_twice() {
    let mut tree = Tree::new();
    let test = TestRegistry::in_folder(&tree.folder);
    let repository = test.repository("a");
    let sha512 = Digest::of(Algorithm::Sha512, b"content");
    tree.call(&sha256("content"), "content");
    tree.call(&sha512, "long");
    let id = begin_upload(&repository, "content").await;
    let session = repository.uploads.resume(&id).await.unwrap();
    session.commit(&sha512).await.unwrap();
    tree.assert(&[
        "blobs/sha256/xx/<content>/data = \"content\"",
        "repositories/a/_layers/sha256/<content>/link = \"sha256:<content>\"",
        "repositories/a/_layers/sha512/<long>/link = \"sha256:<content>\"",
        "repositories/a/_uploads/",
    ]);
}

/// A store as Distribution writes it, uploads in progress and all.
#[tokio::test]
async fn a_store_of_distribution_is_served_as_it_is() {
    let test = TestRegistry::new();
    let image = image("x");
    let links = [
        ("_layers", sha256("x config")),
        ("_layers", sha256("x layer")),
        ("_manifests/revisions", image.digest().clone()),
    ];
    for (folder, digest) in &links {
        let path = format!("repositories/old/{folder}/sha256/{}/link", digest.hex());
        test.write(&path, digest.to_string()).await;
    }
    let current = "repositories/old/_manifests/tags/v1/current/link";
    test.write(current, image.digest().to_string()).await;
    for content in [
        b"x config".as_slice(),
        b"x layer",
        image.bytes(),
        b"collected later",
    ] {
        let digest = Digest::sha256(content);
        test.write(&crate::testing::blob_path(&digest), content.to_vec())
            .await;
    }
    let upload = "repositories/old/_uploads/0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e";
    test.write(&format!("{upload}/data"), "begun elsewhere")
        .await;
    test.write(&format!("{upload}/startedat"), "2026-11-20T23:04:24Z")
        .await;

    let repository = test.repository("old");
    let digest = repository.tags.resolve(&tag("v1")).await.unwrap();
    assert_eq!(repository.manifests.get(&digest).await.unwrap(), image);
    let layer = pull_blob(&repository, &sha256("x layer")).await;
    assert_eq!(layer.unwrap(), b"x layer");
    let id: UploadId = "0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e".parse().unwrap();
    let mut session = repository.uploads.resume(&id).await.unwrap();
    assert_eq!(session.status().started_at, "2026-11-20T23:04:24Z");
    append(&mut session, ", ended here").await;
    let whole = sha256("begun elsewhere, ended here");
    session.commit(&whole).await.unwrap();
}

fn repository_of(test: &TestRegistry, name: &str) -> LocalRepository {
    LocalRepository {
        name: name.parse().unwrap(),
        store: Arc::clone(&test.registry.store),
    }
}

#[tokio::test(start_paused = true)]
async fn deletions_wait_for_pushes_and_pushes_for_deletions() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let pushed = push_image(&repository, "x", Some("v1")).await;
    let local = repository_of(&test, "a");
    let a_while = Duration::from_secs(60);

    let publishing = local.publishing(ALWAYS).await;
    let also_publishing = local.publishing(ALWAYS).await;
    let deleted = repository.manifests.delete(pushed.digest(), ALWAYS);
    assert!(tokio::time::timeout(a_while, deleted).await.is_err());
    let v1 = tag("v1");
    let deleted = repository.tags.delete(&v1, ALWAYS);
    assert!(tokio::time::timeout(a_while, deleted).await.is_err());
    drop((publishing, also_publishing));

    let deleting = local.deleting().await;
    let put = repository.manifests.put(&pushed, &[], ALWAYS);
    assert!(tokio::time::timeout(a_while, put).await.is_err());
    drop(deleting);
    repository
        .manifests
        .delete(pushed.digest(), ALWAYS)
        .await
        .unwrap();
}

#[tokio::test]
async fn many_repositories_share_a_few_locks_without_standing_still() {
    let test = TestRegistry::new();
    for n in 0..LOCKS * 2 {
        let repository = test.repository(&format!("r{n}"));
        let pushed = push_image(&repository, "x", Some("v1")).await;
        repository
            .manifests
            .delete(pushed.digest(), ALWAYS)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_manifest_is_held_only_as_long_as_its_bytes_are_there() {
    let test = TestRegistry::new();
    let pushed = push_image(&test.repository("a"), "x", None).await;
    let store = &test.registry.store;
    assert!(store.has_manifests(&name("a")).await.unwrap());
    assert!(!store.has_manifests(&name("b")).await.unwrap());
    test.remove(&crate::testing::blob_path(pushed.digest()))
        .await;
    assert!(!store.has_manifests(&name("a")).await.unwrap());
}

#[test]
fn deletion_is_off_unless_it_is_asked_for() {
    assert!(!Rules::default().deletion);
    let test = TestRegistry::new().with_rules(Rules::default());
    let refused = repository_of(&test, "a").may_delete().unwrap_err();
    assert!(matches!(refused, Error::DeletionDisabled));
}

//! What the contract cannot say: the shape of files and folders, and locks between processes.

use std::fs;

use super::*;
use crate::{Put, config::DEFAULT_MAX_THREADS};

fn open(folder: &tempfile::TempDir) -> Filesystem {
    Filesystem::open(FilesystemConfig::new(folder.path())).unwrap()
}

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

#[cfg(feature = "testing")]
mod contract {
    use super::{Filesystem, open};

    fn empty_store() -> (Filesystem, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (open(&folder), folder)
    }

    crate::driver_contract!(empty_store);
}

#[tokio::test]
async fn the_root_is_made_when_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    Filesystem::open(FilesystemConfig::new(&root)).unwrap();
    assert!(root.is_dir());
}

#[tokio::test]
async fn a_store_that_is_to_exist_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b");
    let refused = Filesystem::open_existing(FilesystemConfig::new(&root)).unwrap_err();
    let path = root.display();
    assert_eq!(
        refused.to_string(),
        format!(
            "storage.filesystem.rootdirectory: the folder \"{path}\" does not exist; name the \
             folder of the store"
        )
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::create_dir_all(&root).unwrap();
    Filesystem::open_existing(FilesystemConfig::new(&root)).unwrap();
}

#[tokio::test]
async fn a_root_that_is_a_file_or_lies_below_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for root in [file.clone(), file.join("below"), file.join("far/below")] {
        for open in [Filesystem::open, Filesystem::open_existing] {
            let refused = open(FilesystemConfig::new(&root)).unwrap_err().to_string();
            let (root, file) = (root.display(), file.display());
            let expected = format!("cannot use \"{root}\": \"{file}\" is not a folder");
            let key = "storage.filesystem.rootdirectory: ";
            assert_eq!(refused, format!("{key}{expected}"));
        }
    }
}

#[tokio::test]
async fn a_root_that_leads_nowhere_keeps_what_the_system_says() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("round");
    std::os::unix::fs::symlink(&root, &root).unwrap();
    for open in [Filesystem::open, Filesystem::open_existing] {
        let refused = open(FilesystemConfig::new(&root)).unwrap_err();
        assert!(matches!(refused, OpenError::Io { .. }), "{refused}");
    }
}

#[tokio::test]
async fn temporary_files_of_a_crash_are_not_entries() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    driver
        .put_content(&path("/t/link"), Bytes::from_static(b"x"), Sync::Durable)
        .await
        .unwrap();
    fs::write(folder.path().join("t/link.1234.tmp"), "cut off").unwrap();
    fs::create_dir(folder.path().join("t/a.tmp")).unwrap();
    let entries = driver.list(&path("/t"), ListPage::all()).await.unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a.tmp", "link"], "a folder of that name is a tag");
    let leftovers = driver.leftovers(&path("/t")).await.unwrap();
    let [leftover] = leftovers.as_slice() else {
        panic!("{leftovers:?}");
    };
    assert_eq!(leftover.path, path("/t/link.1234.tmp"));
    assert!(leftover.modified.is_some());
    assert_eq!(driver.leftovers(&path("/none")).await.unwrap(), []);
}

#[tokio::test]
async fn linked_folders_are_followed_and_dangling_links_are_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    driver
        .put_content(&path("/real/x"), Bytes::new(), Sync::Lazy)
        .await
        .unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("linked")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
    let entries = driver
        .list(&StoragePath::root(), ListPage::all())
        .await
        .unwrap();
    let found: Vec<(&str, EntryKind)> = entries.iter().map(|e| (e.name.as_str(), e.kind)).collect();
    assert_eq!(
        found,
        [("linked", EntryKind::Folder), ("real", EntryKind::Folder)]
    );
}

#[tokio::test]
async fn a_write_that_cannot_be_done_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    // A folder stands where the file should go.
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let refused = driver
        .put_content(&path("/a"), Bytes::from_static(b"x"), Sync::Durable)
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "cannot write \"/a\"");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn another_process_may_not_append_to_a_locked_upload() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    let writer = driver
        .writer(&path("/u/data"), WriteMode::Create)
        .await
        .unwrap();
    // A second driver has its own file descriptions, as another process would.
    let other = open(&folder);
    let refused = other.writer(&path("/u/data"), WriteMode::Append).await;
    assert!(matches!(refused, Err(Error::Busy { .. })));
    drop(writer);
    other
        .writer(&path("/u/data"), WriteMode::Append)
        .await
        .unwrap();
}

#[tokio::test]
async fn without_durability_content_still_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let driver = Filesystem::open(FilesystemConfig {
        rootdirectory: folder.path().to_owned(),
        maxthreads: DEFAULT_MAX_THREADS,
        durability: Durability::None,
    })
    .unwrap();
    let content = Bytes::from_static(b"x");
    driver
        .put_content(&path("/a/b"), content, Sync::Durable)
        .await
        .unwrap();
    assert_eq!(driver.get_content(&path("/a/b")).await.unwrap(), "x");
}

#[tokio::test]
async fn folders_of_a_lazy_write_are_made_durable_by_the_next_durable_one() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    let known = || {
        let mut known: Vec<_> = driver.shared.disk.known_folders().into_iter().collect();
        known.sort();
        known
    };
    let put = |at: &'static str, sync| {
        let driver = &driver;
        async move { driver.put_content(&path(at), Bytes::new(), sync).await }
    };
    put("/r/n/uploads/1/startedat", Sync::Lazy).await.unwrap();
    assert!(known().is_empty());
    put("/r/n/layers/link", Sync::Durable).await.unwrap();
    let expected = ["r", "r/n", "r/n/layers"].map(|below| folder.path().join(below));
    assert_eq!(known(), expected);
    // By hand, as operators do it: what is made again is synced again.
    fs::remove_dir_all(folder.path().join("r/n")).unwrap();
    put("/r/n/uploads/2/startedat", Sync::Lazy).await.unwrap();
    assert!(!known().contains(&folder.path().join("r/n")));
    put("/r/n/layers/link", Sync::Durable).await.unwrap();
    assert_eq!(known(), expected);
}

/// Whoever writes into a folder that another deletes comes before or after, and hears nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn writing_and_deleting_at_the_same_time_fail_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let driver = driver.clone();
        let (link, above) = (path("/a/b/link"), path("/a/b"));
        tasks.spawn(async move {
            for _ in 0..200 {
                if worker % 2 == 0 {
                    let content = Bytes::from_static(b"x");
                    driver
                        .put_content(&link, content, Sync::Durable)
                        .await
                        .unwrap();
                } else if let Err(error) = driver.delete(&above, Sync::Durable).await {
                    assert!(error.is_not_found(), "{error}");
                }
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_writes_makes_the_folders_again_that_others_tidy_away() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let driver = driver.clone();
        let link = path(&format!("/a/b/c/d/{worker}/link"));
        tasks.spawn(async move {
            for _ in 0..1000 {
                if worker < 3 {
                    drop(driver.writer(&link, WriteMode::Create).await.unwrap());
                    let delete = Change::DeleteWithFolder(link.clone());
                    driver.change_all(vec![delete]).await.unwrap();
                } else {
                    let tidied = ["/a/b/c/d", "/a/b/c", "/a/b", "/a", "/a/b/c", "/a/b"].map(path);
                    let tidy = tidied.map(Change::DeleteEmpty).to_vec();
                    driver.change_all(tidy).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
}

/// A collector may find a blob that nothing names before whoever sent it hears that it is there.
#[test]
fn what_is_moved_away_before_it_is_synced_has_arrived() {
    type Write = fn(&Disk, &Path) -> std::io::Result<()>;
    let table: [(&str, Write); 3] = [
        ("rename", |disk, to| {
            let from = disk.root().path().join("upload");
            fs::write(&from, "x")?;
            disk.rename(&from, to, true)
        }),
        ("replace", |disk, to| disk.replace(to, b"x", true)),
        ("publish", |disk, to| {
            let (from, link) = (
                disk.root().path().join("upload"),
                disk.root().path().join("l"),
            );
            fs::write(&from, "x")?;
            disk.publish((&from, to), &[(link, Bytes::new())], true)
        }),
    ];
    for (name, write) in table {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path().to_owned());
        let blob = folder.path().join("blobs/ab");
        let (data, trash) = (blob.join("data"), folder.path().join("trash"));
        std::thread::scope(|scope| {
            let held_back = disk.hold_back();
            let written = scope.spawn(|| write(&disk, &data));
            while !data.exists() {
                assert!(!written.is_finished(), "{name}");
                std::thread::yield_now();
            }
            fs::rename(&data, &trash).unwrap();
            fs::remove_dir(&blob).unwrap();
            drop(held_back);
            written.join().unwrap().unwrap();
        });
        assert_eq!(fs::read(&trash).unwrap(), b"x", "{name}");
        assert!(!blob.exists(), "{name}");
    }
}

#[tokio::test]
async fn a_commit_whose_links_cannot_be_written_leaves_no_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder);
    let puts = ["/links/a", "/links/folder", "/links/z"].map(|link| Put {
        path: path(link),
        content: Bytes::from_static(b"1"),
    });
    fs::create_dir_all(folder.path().join("links/folder")).unwrap();
    let writer = driver.writer(&path("/upload"), WriteMode::Create).await;
    let failed = writer.unwrap().commit(&path("/blob"), puts.to_vec()).await;
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
    assert_eq!(driver.leftovers(&path("/links")).await.unwrap(), []);
    assert_eq!(driver.get_content(&path("/links/a")).await.unwrap(), "1");
    assert_eq!(driver.get_content(&path("/blob")).await.unwrap(), "");
    assert!(driver.stat(&path("/links/z")).await.is_err());
}

//! A store whose root goes away is no empty store, and is not begun anew somewhere else.

use bytes::Bytes;

use super::*;
use crate::{
    EntryKind, Error, FileWriter, ListPage, ReadRange, StorageDriver, StoragePath, Sync, WriteMode,
    config::FilesystemConfig, filesystem::Filesystem,
};

/// A store with one file, in a folder of a folder.
struct Store {
    driver: Filesystem,
    root: PathBuf,
    above: tempfile::TempDir,
}

impl Store {
    async fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        let root = above.path().join("root");
        let driver = Filesystem::open(FilesystemConfig::new(&root)).unwrap();
        let store = Self {
            driver,
            root,
            above,
        };
        store.put("/docker/a/link").await.unwrap();
        store
    }

    async fn put(&self, at: &str) -> Result<(), Error> {
        let content = Bytes::from_static(b"x");
        self.driver
            .put_content(&path(at), content, Sync::Durable)
            .await
    }

    async fn upload(&self, at: &str) -> Result<Box<dyn FileWriter>, Error> {
        self.driver.writer(&path(at), WriteMode::Create).await
    }

    /// What every operation says that finds nothing.
    async fn outcomes(&self) -> Vec<Result<(), Error>> {
        let (driver, file) = (&self.driver, path("/docker/a/link"));
        vec![
            driver.get_content(&file).await.map(drop),
            driver.get_all(vec![file.clone()]).await.map(drop),
            driver.reader(&file, ReadRange::Whole).await.map(drop),
            driver.stat(&file).await.map(drop),
            driver.stat(&StoragePath::root()).await.map(drop),
            driver
                .list(&path("/docker/a"), ListPage::all())
                .await
                .map(drop),
            driver
                .list(&StoragePath::root(), ListPage::first(1))
                .await
                .map(drop),
            driver
                .rename(&file, &path("/docker/b/link"), Sync::Durable)
                .await,
            driver.delete(&file, Sync::Durable).await,
            driver.writer(&file, WriteMode::Append).await.map(drop),
            self.upload("/docker/uploads/data").await.map(drop),
            self.put("/docker/a/link").await,
            self.put("/other/link").await,
            self.put("/in-the-root").await,
        ]
    }

    async fn assert_lost(&self, why: &str) {
        for (n, outcome) in self.outcomes().await.into_iter().enumerate() {
            match outcome.unwrap_err() {
                Error::Io { source, .. } => {
                    assert!(source.to_string().ends_with(why), "{n}: {source}");
                }
                other => panic!("{n}: {other}"),
            }
        }
    }

    async fn assert_served(&self) {
        assert_eq!(
            self.driver
                .get_content(&path("/docker/a/link"))
                .await
                .unwrap(),
            "x"
        );
        let root = self.driver.stat(&StoragePath::root()).await.unwrap();
        assert_eq!(root.kind, EntryKind::Folder);
        self.put("/docker/a/new").await.unwrap();
    }
}

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

#[tokio::test]
async fn a_root_that_was_moved_away_is_a_failure_until_it_is_back() {
    let store = Store::new().await;
    let elsewhere = store.above.path().join("elsewhere");
    fs::rename(&store.root, &elsewhere).unwrap();
    store.assert_lost("is gone").await;
    assert!(!store.root.exists(), "nothing makes it again");
    fs::rename(&elsewhere, &store.root).unwrap();
    store.assert_served().await;
}

#[tokio::test]
async fn an_upload_that_outlives_its_root_cannot_be_committed() {
    let store = Store::new().await;
    let mut writer = store.upload("/docker/uploads/data").await.unwrap();
    let elsewhere = store.above.path().join("elsewhere");
    fs::rename(&store.root, &elsewhere).unwrap();
    writer.write(vec![Bytes::from_static(b"x")]).await.unwrap();
    let lost = writer
        .commit(&path("/docker/blob"), Vec::new())
        .await
        .unwrap_err();
    assert!(matches!(lost, Error::Io { .. }), "{lost}");
    assert!(!store.root.exists());
}

#[tokio::test]
async fn a_root_that_became_a_file_is_a_failure() {
    let store = Store::new().await;
    fs::remove_dir_all(&store.root).unwrap();
    fs::write(&store.root, "").unwrap();
    store.assert_lost("was replaced by a file").await;
}

#[tokio::test]
async fn a_root_below_a_file_is_a_failure() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("folder");
    let driver = Filesystem::open(FilesystemConfig::new(folder.join("root"))).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    let lost = driver.stat(&StoragePath::root()).await.unwrap_err();
    assert!(matches!(lost, Error::Io { .. }), "{lost}");
}

#[tokio::test]
async fn an_emptied_root_is_an_empty_store() {
    let store = Store::new().await;
    fs::remove_dir_all(store.root.join("docker")).unwrap();
    let missing = store.driver.stat(&path("/docker")).await.unwrap_err();
    assert!(missing.is_not_found());
    let root = StoragePath::root();
    let entries = store.driver.list(&root, ListPage::all()).await;
    assert!(entries.unwrap().is_empty());
    store.put("/docker/a/link").await.unwrap();
    store.assert_served().await;
}

#[tokio::test]
async fn a_root_made_anew_by_hand_is_used() {
    let store = Store::new().await;
    fs::remove_dir_all(&store.root).unwrap();
    fs::create_dir(&store.root).unwrap();
    let missing = store.driver.stat(&path("/docker")).await.unwrap_err();
    assert!(missing.is_not_found());
    store.put("/docker/a/link").await.unwrap();
    store.assert_served().await;
}

#[tokio::test]
async fn a_root_may_be_a_link_that_is_turned_elsewhere() {
    let above = tempfile::tempdir().unwrap();
    let (root, first, second) = (
        above.path().join("root"),
        above.path().join("first"),
        above.path().join("second"),
    );
    fs::create_dir(&first).unwrap();
    std::os::unix::fs::symlink(&first, &root).unwrap();
    let driver = Filesystem::open(FilesystemConfig::new(&root)).unwrap();
    driver.stat(&StoragePath::root()).await.unwrap();
    fs::rename(&first, &second).unwrap();
    let lost = driver.stat(&StoragePath::root()).await.unwrap_err();
    assert!(matches!(lost, Error::Io { .. }), "{lost}");
    fs::remove_file(&root).unwrap();
    std::os::unix::fs::symlink(&second, &root).unwrap();
    driver.stat(&StoragePath::root()).await.unwrap();
}

#[test]
fn a_root_that_fell_to_the_file_system_beneath_its_volume_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let device = fs::metadata(folder.path()).unwrap().dev();
    let mut root = Root::new(folder.path().to_owned());
    root.check().unwrap();
    assert_ne!(root.beneath, Some(device));
    // As it is after an umount: what was beneath is at the path.
    root.beneath = Some(device);
    let lost = root.check().unwrap_err().to_string();
    assert!(lost.ends_with("is not mounted any more"), "{lost}");
}

#[test]
fn a_volume_knows_what_it_is_mounted_on() {
    // Wherever Linux runs, /proc is a file system of its own, mounted on that of the root.
    let beneath = file_system_beneath(Path::new("/proc/self")).unwrap();
    assert_eq!(beneath, Some(fs::metadata("/").unwrap().dev()));
    assert_eq!(file_system_beneath(Path::new("/")).unwrap(), None);
}

//! Listings are kept as long as they are true, and no longer.

use std::{collections::BTreeSet, path::PathBuf, thread};

use super::*;
use crate::{
    StorageDriver,
    config::FilesystemConfig,
    filesystem::{Filesystem, names::Kind},
};

/// A store with a large folder.
struct Store {
    driver: Filesystem,
    folder: PathBuf,
    root: tempfile::TempDir,
}

impl Store {
    /// A driver as it is opened: what changed a moment ago is not kept.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let driver = Filesystem::open(FilesystemConfig::new(root.path())).unwrap();
        let folder = root.path().join("large");
        fill(&folder, LARGE);
        Self {
            driver,
            folder,
            root,
        }
    }

    /// A driver that keeps what changed a moment ago too. Changes of a test are made with
    /// [`Store::change`], which sees to it that the kernel's clock moves on.
    fn trusting() -> Self {
        let mut store = Self::new();
        let shared = Arc::get_mut(&mut store.driver.shared).unwrap();
        shared.listings.settling = Duration::ZERO;
        store
    }

    async fn page(&self, after: &str, limit: usize) -> Vec<String> {
        self.list("/large", ListPage::after(after, limit)).await
    }

    async fn list(&self, folder: &str, page: ListPage) -> Vec<String> {
        let entries = self.driver.list(&path(folder), page).await.unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    fn change(&self, change: impl FnOnce(&Path)) {
        let stamp = || Stamp::of(&fs::metadata(&self.folder).unwrap());
        let before = stamp();
        change(&self.folder);
        while stamp() == before {
            fs::write(self.folder.join("x.tmp"), "").unwrap();
            fs::remove_file(self.folder.join("x.tmp")).unwrap();
        }
    }

    fn reads(&self) -> u64 {
        self.listings().reads.load(Ordering::SeqCst)
    }

    fn listings(&self) -> &Listings {
        &self.driver.shared.listings
    }

    /// How often a folder is read that is asked for so many times: where tests run on a file system
    /// that proves nothing, every time.
    fn expected_reads(&self, asked: u64) -> u64 {
        let folder = Folder::open(&self.folder).unwrap();
        match folder.proof(Duration::ZERO).unwrap() {
            Some(_) => 1,
            None => asked,
        }
    }
}

const LARGE: usize = 800;

fn fill(folder: &Path, entries: usize) {
    fs::create_dir(folder).unwrap();
    for n in 0..entries {
        fs::write(folder.join(name(n)), "").unwrap();
    }
}

fn name(n: usize) -> String {
    format!("v{n:04}")
}

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

#[tokio::test]
async fn a_large_folder_is_read_once_for_all_its_pages() {
    let store = Store::trusting();
    let expected: Vec<String> = (0..LARGE).map(name).collect();
    let (mut listed, mut asked): (Vec<String>, _) = (Vec::new(), 0);
    while listed.len() < LARGE {
        let after = listed.last().cloned().unwrap_or_default();
        listed.extend(store.page(&after, 100).await);
        asked += 1;
    }
    assert_eq!(listed, expected);
    assert_eq!(store.page("v0700", 3).await, ["v0701", "v0702", "v0703"]);
    assert_eq!(store.reads(), store.expected_reads(asked + 1));
}

#[tokio::test]
async fn what_comes_goes_or_is_renamed_between_two_pages_is_seen() {
    let store = Store::trusting();
    assert_eq!(store.page("v0700", 2).await, ["v0701", "v0702"]);
    store.change(|folder| fs::write(folder.join("v0700-b"), "").unwrap());
    assert_eq!(store.page("v0700", 2).await, ["v0700-b", "v0701"]);
    store.change(|folder| fs::remove_file(folder.join("v0701")).unwrap());
    assert_eq!(store.page("v0700", 2).await, ["v0700-b", "v0702"]);
    store.change(|folder| fs::rename(folder.join("v0000"), folder.join("v0701")).unwrap());
    assert_eq!(store.page("v0700-b", 2).await, ["v0701", "v0702"]);
    assert_eq!(store.page("", 1).await, ["v0001"]);
    // Another folder takes its place, with the same number of entries and its times.
    let other = store.root.path().join("other");
    fill(&other, LARGE);
    fs::rename(other.join("v0701"), other.join("v0700-x")).unwrap();
    let modified = fs::metadata(&store.folder).unwrap().modified().unwrap();
    fs::File::open(&other)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    fs::rename(&store.folder, store.root.path().join("away")).unwrap();
    assert!(store.page("v0700", 2).await.is_empty());
    fs::rename(&other, &store.folder).unwrap();
    assert_eq!(store.page("v0700", 2).await, ["v0700-x", "v0702"]);
}

#[tokio::test]
async fn a_change_in_the_tick_of_the_listing_is_on_the_next_page() {
    let store = Store::new();
    for n in 0..100 {
        assert_eq!(store.page("v0700", 1).await, ["v0701"]);
        let new = format!("v0700-{n}");
        fs::write(store.folder.join(&new), "").unwrap();
        assert_eq!(store.page("v0700", 1).await, [new.as_str()]);
        fs::remove_file(store.folder.join(&new)).unwrap();
    }
}

#[tokio::test]
async fn pages_under_constant_change_lose_and_repeat_nothing_that_stays() {
    let store = Store::new();
    let folder = store.folder.clone();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let writer = thread::spawn(move || {
        for n in (0..).map(|n| n % 500) {
            let coming = folder.join(format!("v{n:04}-coming"));
            fs::write(&coming, "").unwrap();
            fs::rename(&coming, folder.join(format!("v{n:04}-going"))).unwrap();
            fs::remove_file(folder.join(format!("v{n:04}-going"))).unwrap();
            if is_done.try_recv().is_ok() {
                break;
            }
        }
    });
    let staying: Vec<String> = (0..LARGE).map(name).collect();
    for _ in 0..5 {
        let mut listed: Vec<String> = Vec::new();
        loop {
            let after = listed.last().cloned().unwrap_or_default();
            let page = store.page(&after, 60).await;
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        listed.retain(|name| name.len() == 5);
        assert_eq!(listed, staying);
    }
    done.send(()).unwrap();
    writer.join().unwrap();
}

#[tokio::test]
async fn where_a_kept_link_leads_is_looked_up_for_each_page() {
    let store = Store::trusting();
    let target = store.root.path().join("target");
    std::os::unix::fs::symlink(&target, store.folder.join("v0700-link")).unwrap();
    let mut kinds = Vec::new();
    for change in [fs::create_dir, fs::remove_dir, |target: &PathBuf| {
        fs::write(target, "")
    }] {
        change(&target).unwrap();
        let page = ListPage::after("v0700", 1);
        let entries = store.driver.list(&path("/large"), page).await.unwrap();
        kinds.push((entries[0].name.clone(), entries[0].kind));
    }
    use crate::EntryKind::{File, Folder};
    let link = "v0700-link".to_owned();
    assert_eq!(
        kinds,
        [
            (link.clone(), Folder),
            ("v0701".to_owned(), File),
            (link, File)
        ]
    );
    assert_eq!(store.reads(), store.expected_reads(3));
}

#[tokio::test]
async fn what_is_small_or_taken_whole_is_not_kept() {
    let store = Store::trusting();
    fill(&store.root.path().join("small"), 100);
    assert_eq!(store.list("/small", ListPage::first(2)).await.len(), 2);
    assert_eq!(store.reads(), 0);
    assert_eq!(store.list("/large", ListPage::all()).await.len(), LARGE);
    assert_eq!(
        store.list("/large", ListPage::first(LARGE)).await.len(),
        LARGE
    );
    assert_eq!(store.reads(), 2);
    assert!(lock(&store.listings().kept).listings.is_empty());
}

#[tokio::test]
async fn the_folders_of_a_store_are_kept_within_the_budget() {
    let mut store = Store::trusting();
    for other in ["a", "b", "c"] {
        fill(&store.root.path().join(other), LARGE);
    }
    // Two of them fit.
    let budget = 2 * (LARGE * (5 + 8) + 300);
    let shared = Arc::get_mut(&mut store.driver.shared).unwrap();
    lock(&shared.listings.kept).budget = budget;
    for folder in ["/a", "/b", "/a", "/c", "/a"] {
        assert_eq!(store.list(folder, ListPage::first(1)).await, ["v0000"]);
        let kept = lock(&store.listings().kept);
        assert!(kept.bytes <= budget);
        let sum: usize = kept.listings.values().map(|listing| listing.bytes).sum();
        assert_eq!(kept.bytes, sum);
    }
    let kept = lock(&store.listings().kept);
    let folders: BTreeSet<&str> = kept.listings.keys().map(StoragePath::as_str).collect();
    let expected: &[&str] = match store.expected_reads(2) {
        1 => &["/a", "/c"],
        _ => &[],
    };
    assert!(folders.iter().eq(expected), "{folders:?}");
}

#[test]
fn the_listing_not_asked_for_the_longest_goes_first() {
    let root = tempfile::tempdir().unwrap();
    let stamp = Stamp::of(&fs::metadata(root.path()).unwrap());
    let mut names = Names::default();
    names.push(&"x".repeat(500), Kind::Folder).unwrap();
    names.shrink();
    let names = Arc::new(names);
    let mut kept = Kept {
        budget: 3 * 800,
        ..Kept::default()
    };
    let held = |kept: &Kept| {
        let mut held: Vec<_> = kept.listings.keys().map(StoragePath::to_string).collect();
        held.sort();
        held.concat()
    };
    for folder in ["/a", "/b", "/c", "/b"] {
        kept.keep(&path(folder), stamp, &names);
    }
    assert_eq!(held(&kept), "/a/b/c");
    kept.find(&path("/a"));
    kept.keep(&path("/d"), stamp, &names);
    assert_eq!(held(&kept), "/a/b/d");
    kept.budget = 100;
    kept.keep(&path("/e"), stamp, &names);
    assert_eq!(
        held(&kept),
        "/a/b/d",
        "what is too large pushes nothing out"
    );
    for folder in ["/a", "/b", "/d"] {
        kept.forget(&path(folder), stamp);
    }
    assert_eq!((held(&kept).as_str(), kept.bytes), ("", 0));
}

#[test]
fn those_who_ask_at_once_share_one_reading() {
    let store = Store::new();
    let (listings, folder) = (store.listings(), path("/large"));
    // As if somebody were reading the folder since before they asked.
    let reading = Arc::new(Reading::default());
    lock(&listings.readings).insert(folder.clone(), Arc::clone(&reading));
    let reading_now = lock(&reading.ended);
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| listings.read(&folder, &store.folder, &ListPage::first(1))))
            .collect();
        // The map, this test, and all eight.
        while Arc::strong_count(&reading) < 10 {
            thread::yield_now();
        }
        drop(reading_now);
        for names in waiting {
            assert_eq!(names.join().unwrap().unwrap().len(), LARGE);
        }
    });
    assert_eq!(store.reads(), 1);
}

#[test]
fn nobody_shares_a_reading_that_began_before_they_asked() {
    let store = Store::new();
    let (listings, folder) = (store.listings(), path("/large"));
    // Taken whole, so that nothing is kept.
    let read = || listings.read(&folder, &store.folder, &ListPage::all());
    let reading = Arc::new(Reading::default());
    lock(&listings.readings).insert(folder.clone(), Arc::clone(&reading));
    // It began, and lacks what is written before the next one asks.
    reading.begun.store(1, Ordering::SeqCst);
    *lock(&reading.ended) = Some((1, Arc::default()));
    assert_eq!(read().unwrap().len(), LARGE);
    drop(reading);
    assert_eq!(read().unwrap().len(), LARGE);
    assert_eq!(store.reads(), 2);
    assert!(
        lock(&listings.readings).is_empty(),
        "nothing is left behind"
    );
}

//! Contents are kept as long as they are true, and no longer.

use std::{io::ErrorKind, path::PathBuf, sync::atomic::Ordering};

use super::*;

/// A folder with files, and what is kept of them.
struct Store {
    contents: Contents,
    root: tempfile::TempDir,
}

impl Store {
    /// What changed a moment ago is not kept.
    fn new() -> Self {
        Self {
            contents: Contents::new(BUDGET),
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// What changed a moment ago is kept too. Changes are made with [`Store::change`], which sees to
    /// it that the kernel's clock moves on.
    fn trusting() -> Self {
        let mut store = Self::new();
        store.contents.settling = Duration::ZERO;
        store
    }

    fn located(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.located(name), content).unwrap();
    }

    fn read(&self, name: &str) -> io::Result<Bytes> {
        let path = StoragePath::parse(&format!("/{name}")).unwrap();
        self.contents.read(&path, &self.located(name))
    }

    /// Reads a file so often that it is kept.
    fn read_until_kept(&self, name: &str) {
        for _ in 0..3 {
            self.read(name).unwrap();
        }
        let before = self.reads();
        self.read(name).unwrap();
        assert_eq!(self.reads(), before, "{name} is not kept");
    }

    /// How many times any file was opened.
    fn reads(&self) -> u64 {
        self.contents.reads.load(Ordering::SeqCst)
    }

    /// How much memory is taken by what is kept, in bytes.
    fn memory(&self) -> usize {
        self.contents.kept().contents.sizes().iter().sum()
    }

    /// Repeats a change until the file's stamp shows it.
    fn change(&self, name: &str, change: impl Fn(&Path)) {
        let located = self.located(name);
        let stamp = || fs::metadata(&located).map(|metadata| Stamp::of(&metadata));
        let before = stamp().unwrap();
        while stamp().is_ok_and(|now| now == before) {
            change(&located);
        }
    }
}

#[test]
fn a_file_that_has_not_changed_is_opened_no_more() {
    let store = Store::trusting();
    store.write("link", "one");
    store.read_until_kept("link");
    assert_eq!(store.read("link").unwrap(), "one");
}

#[test]
fn every_change_by_anybody_is_seen() {
    type Change = fn(&Path);
    let table: [(&str, Change, &str); 5] = [
        (
            "replaced",
            |file| {
                fs::write(file.with_extension("tmp"), "two").unwrap();
                fs::rename(file.with_extension("tmp"), file).unwrap();
            },
            "two",
        ),
        ("written", |file| fs::write(file, "two").unwrap(), "two"),
        (
            "appended",
            |file| {
                let mut file = File::options().append(true).open(file).unwrap();
                io::Write::write_all(&mut file, b".").unwrap();
            },
            "one.",
        ),
        (
            "written, its time set back",
            |file| {
                let modified = fs::metadata(file).unwrap().modified().unwrap();
                fs::write(file, "two").unwrap();
                let opened = File::options().write(true).open(file).unwrap();
                opened.set_modified(modified).unwrap();
            },
            "two",
        ),
        ("emptied", |file| fs::write(file, "").unwrap(), ""),
    ];
    for (what, change, expected) in table {
        let store = Store::trusting();
        store.write("link", "one");
        store.read_until_kept("link");
        store.change("link", change);
        let read = store.read("link").unwrap();
        assert!(read.starts_with(expected.as_bytes()), "{what}: {read:?}");
        let on_disk = fs::read(store.located("link")).unwrap();
        assert_eq!(read, on_disk, "{what}");
    }
}

#[test]
fn what_is_deleted_or_became_a_folder_is_gone() {
    let store = Store::trusting();
    store.write("link", "one");
    store.read_until_kept("link");
    fs::remove_file(store.located("link")).unwrap();
    let missing = store.read("link").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    fs::create_dir(store.located("link")).unwrap();
    let folder = store.read("link").unwrap_err();
    assert_eq!(folder.kind(), ErrorKind::IsADirectory);
    fs::remove_dir(store.located("link")).unwrap();
    store.write("link", "two");
    assert_eq!(store.read("link").unwrap(), "two");
}

#[test]
fn what_changed_a_moment_ago_is_not_kept() {
    let store = Store::new();
    store.write("link", "one");
    for reads in 1..5 {
        store.read("link").unwrap();
        assert_eq!(store.reads(), reads);
    }
}

#[test]
fn what_is_read_once_or_is_large_is_not_kept() {
    let store = Store::trusting();
    store.write("once", "one");
    store.write("large", &"x".repeat(LARGEST + 1));
    store.read("once").unwrap();
    store.read("once").unwrap();
    let once = store.memory();
    assert!(once > 0);
    for _ in 0..5 {
        store.read("large").unwrap();
    }
    assert_eq!(store.memory(), once);
    assert_eq!(store.reads(), 7);

    let store = Store::trusting();
    store.write("once", "one");
    store.read("once").unwrap();
    assert_eq!(store.memory(), 0);
}

#[test]
fn memory_is_bounded_and_what_is_asked_for_stays() {
    let mut store = Store::trusting();
    store.contents = Contents::new(64 * 1024);
    store.contents.settling = Duration::ZERO;
    store.write("often", "here");
    store.read_until_kept("often");
    for n in 0..200 {
        let name = n.to_string();
        store.write(&name, &"x".repeat(1000));
        store.read(&name).unwrap();
        store.read(&name).unwrap();
        let before = store.reads();
        store.read("often").unwrap();
        assert_eq!(store.reads(), before, "after {n}");
    }
    let memory = store.memory();
    assert!((32 * 1024..=64 * 1024).contains(&memory), "{memory} bytes");
}

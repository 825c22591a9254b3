//! The contract of a [`StorageDriver`]: one test per clause, stamped for each driver.
//!
//! A driver's tests say `driver_contract!(open)` where `open()` gives an empty store and what must
//! live as long as it (a temporary folder, say).

#![expect(
    missing_docs,
    clippy::unwrap_used,
    reason = "each clause is a test, named by the sentence that it shows"
)]

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::{
    Change, Entry, EntryKind, Error, FileWriter, ListPage, Put, ReadRange, StorageDriver,
    StoragePath, Sync, WriteMode,
};

/// Stamps every clause as a test for one driver.
#[macro_export]
macro_rules! driver_contract {
    ($open:path) => {
        $crate::driver_contract!(@clauses $open;
            content_comes_back_as_it_was_put
            putting_replaces
            what_is_missing_is_not_found
            a_folder_is_not_a_file
            many_files_are_read_in_their_order
            ranges_are_read_exactly
            a_range_outside_is_refused
            a_writer_appends_across_sessions
            writers_exclude_each_other
            a_dropped_writer_keeps_what_it_wrote
            a_commit_replaces_the_target
            a_commit_puts_what_names_the_target
            an_empty_file_can_be_committed
            listings_are_sorted_and_paged
            a_change_is_on_the_next_page
            a_missing_folder_lists_as_empty
            writing_leaves_nothing_else_behind
            renaming_moves_files_and_folders
            deleting_takes_the_whole_subtree
            many_changes_are_made_in_their_order_and_told_of_each
            a_reader_survives_replacement_and_deletion
            many_writes_at_once_all_arrive
        );
    };
    (@clauses $open:path; $($clause:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                let (driver, _guard) = $open();
                $crate::testing::contract::$clause(&driver).await;
            }
        )*
    };
}

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

async fn put(driver: &dyn StorageDriver, at: &str, content: &'static str) {
    let content = Bytes::from_static(content.as_bytes());
    driver
        .put_content(&path(at), content, Sync::Durable)
        .await
        .unwrap();
}

async fn get(driver: &dyn StorageDriver, at: &str) -> Bytes {
    driver.get_content(&path(at)).await.unwrap()
}

async fn read(driver: &dyn StorageDriver, at: &str, range: ReadRange) -> Vec<u8> {
    let reader = driver.reader(&path(at), range).await.unwrap();
    let length = reader.length;
    let chunks: Vec<Bytes> = reader.into_stream().try_collect().await.unwrap();
    let content = chunks.concat();
    assert_eq!(content.len() as u64, length, "the length told in advance");
    content
}

async fn names(driver: &dyn StorageDriver, folder: &str, page: ListPage) -> Vec<String> {
    let entries = driver.list(&path(folder), page).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

pub async fn content_comes_back_as_it_was_put(driver: &dyn StorageDriver) {
    put(driver, "/a/b/link", "sha256:abc").await;
    put(driver, "/empty", "").await;
    assert_eq!(get(driver, "/a/b/link").await, "sha256:abc");
    assert_eq!(get(driver, "/empty").await, "");
    let info = driver.stat(&path("/a/b/link")).await.unwrap();
    assert_eq!((info.kind, info.size), (EntryKind::File, 10));
    let folder = driver.stat(&path("/a/b")).await.unwrap();
    assert_eq!((folder.kind, folder.size), (EntryKind::Folder, 0));
}

pub async fn putting_replaces(driver: &dyn StorageDriver) {
    put(driver, "/a", "the first, which is longer").await;
    put(driver, "/a", "the second").await;
    assert_eq!(get(driver, "/a").await, "the second");
    let lazy = Bytes::from_static(b"3");
    driver
        .put_content(&path("/a"), lazy, Sync::Lazy)
        .await
        .unwrap();
    assert_eq!(get(driver, "/a").await, "3");
}

pub async fn what_is_missing_is_not_found(driver: &dyn StorageDriver) {
    put(driver, "/file", "x").await;
    for missing in ["/none", "/none/deeper", "/file/below"] {
        let missing = path(missing);
        assert!(
            driver
                .get_content(&missing)
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert!(driver.stat(&missing).await.unwrap_err().is_not_found());
        assert!(
            driver
                .delete(&missing, Sync::Durable)
                .await
                .unwrap_err()
                .is_not_found()
        );
        let read = driver.reader(&missing, ReadRange::Whole).await;
        assert!(read.unwrap_err().is_not_found());
        let append = driver.writer(&missing, WriteMode::Append).await;
        assert!(append.unwrap_err().is_not_found());
        let renamed = driver
            .rename(&missing, &path("/other"), Sync::Durable)
            .await;
        assert!(renamed.unwrap_err().is_not_found());
    }
}

pub async fn a_folder_is_not_a_file(driver: &dyn StorageDriver) {
    put(driver, "/folder/file", "x").await;
    let folder = path("/folder");
    assert!(
        driver
            .get_content(&folder)
            .await
            .unwrap_err()
            .is_not_found()
    );
    let read = driver.reader(&folder, ReadRange::Whole).await;
    assert!(read.unwrap_err().is_not_found());
}

pub async fn many_files_are_read_in_their_order(driver: &dyn StorageDriver) {
    let many = 300;
    let mut files = vec![path("/a"), path("/t/7"), path("/none/at/all"), path("/t")];
    put(driver, "/a", "first").await;
    for n in 0..many {
        let file = path(&format!("/t/{n}/link"));
        if n % 3 != 0 {
            let content = Bytes::from(format!("content {n}"));
            driver
                .put_content(&file, content, Sync::Lazy)
                .await
                .unwrap();
        }
        files.push(file);
    }
    let read = driver.get_all(files).await.unwrap();
    let mut expected = vec![Some("first".to_owned()), None, None, None];
    expected.extend((0..many).map(|n| (n % 3 != 0).then(|| format!("content {n}"))));
    let expected: Vec<_> = expected.into_iter().map(|c| c.map(Bytes::from)).collect();
    assert_eq!(read, expected);
    let missing = vec![path("/none/at/all"), path("/none/at/last")];
    assert_eq!(driver.get_all(missing).await.unwrap(), [None, None]);
    assert_eq!(
        driver.get_all(Vec::new()).await.unwrap(),
        [None::<Bytes>; 0]
    );
}

pub async fn ranges_are_read_exactly(driver: &dyn StorageDriver) {
    put(driver, "/a", "0123456789").await;
    let table = [
        (ReadRange::Whole, "0123456789"),
        (ReadRange::From(7), "789"),
        (ReadRange::From(10), ""),
        (ReadRange::FromTo { first: 2, last: 4 }, "234"),
        (ReadRange::FromTo { first: 8, last: 99 }, "89"),
        (ReadRange::Last(3), "789"),
        (ReadRange::Last(99), "0123456789"),
    ];
    for (range, expected) in table {
        assert_eq!(
            read(driver, "/a", range).await,
            expected.as_bytes(),
            "{range:?}"
        );
        let reader = driver.reader(&path("/a"), range).await.unwrap();
        assert_eq!(reader.size, 10);
    }
}

pub async fn a_range_outside_is_refused(driver: &dyn StorageDriver) {
    put(driver, "/a", "0123456789").await;
    let outside = ReadRange::FromTo {
        first: 10,
        last: 12,
    };
    for range in [outside, ReadRange::From(11), ReadRange::Last(0)] {
        let refused = driver.reader(&path("/a"), range).await.unwrap_err();
        assert!(
            matches!(refused, Error::RangeOutside { size: 10, .. }),
            "{refused}"
        );
    }
}

pub async fn a_writer_appends_across_sessions(driver: &dyn StorageDriver) {
    let (upload, target) = (path("/uploads/1/data"), path("/blobs/1/data"));
    let mut writer = driver.writer(&upload, WriteMode::Create).await.unwrap();
    let chunks = vec![
        Bytes::from_static(b"one "),
        Bytes::new(),
        Bytes::from_static(b"two "),
    ];
    writer.write(chunks).await.unwrap();
    assert_eq!(writer.size(), 8);
    writer.close().await.unwrap();
    assert_eq!(driver.stat(&upload).await.unwrap().size, 8);

    let mut writer = driver.writer(&upload, WriteMode::Append).await.unwrap();
    assert_eq!(writer.size(), 8);
    writer
        .write(vec![Bytes::from_static(b"three")])
        .await
        .unwrap();
    writer.commit(&target, Vec::new()).await.unwrap();
    assert_eq!(get(driver, "/blobs/1/data").await, "one two three");
    assert!(driver.stat(&upload).await.unwrap_err().is_not_found());

    let mut again = driver.writer(&upload, WriteMode::Create).await.unwrap();
    again.write(vec![Bytes::from_static(b"x")]).await.unwrap();
    again.close().await.unwrap();
    let emptied = driver.writer(&upload, WriteMode::Create).await.unwrap();
    assert_eq!(emptied.size(), 0, "creating empties what was there");
}

pub async fn writers_exclude_each_other(driver: &dyn StorageDriver) {
    let upload = path("/uploads/1/data");
    let first = driver.writer(&upload, WriteMode::Create).await.unwrap();
    for mode in [WriteMode::Append, WriteMode::Create] {
        let second = driver.writer(&upload, mode).await.unwrap_err();
        assert!(matches!(second, Error::Busy { .. }), "{second}");
    }
    first.close().await.unwrap();
    let third = driver.writer(&upload, WriteMode::Append).await.unwrap();
    drop(third);
    driver.writer(&upload, WriteMode::Append).await.unwrap();
}

pub async fn a_dropped_writer_keeps_what_it_wrote(driver: &dyn StorageDriver) {
    let upload = path("/uploads/1/data");
    let mut writer = driver.writer(&upload, WriteMode::Create).await.unwrap();
    writer
        .write(vec![Bytes::from_static(b"kept")])
        .await
        .unwrap();
    drop(writer);
    assert_eq!(get(driver, "/uploads/1/data").await, "kept");
    let writer = driver.writer(&upload, WriteMode::Append).await.unwrap();
    assert_eq!(writer.size(), 4);
}

/// An upload whose bytes are `whole`.
async fn whole_upload(driver: &dyn StorageDriver) -> Box<dyn FileWriter> {
    let upload = path("/uploads/1/data");
    let mut writer = driver.writer(&upload, WriteMode::Create).await.unwrap();
    let bytes = Bytes::from_static(b"whole");
    writer.write(vec![bytes]).await.unwrap();
    writer
}

pub async fn a_commit_replaces_the_target(driver: &dyn StorageDriver) {
    put(driver, "/blobs/1/data", "damaged").await;
    let writer = whole_upload(driver).await;
    writer
        .commit(&path("/blobs/1/data"), Vec::new())
        .await
        .unwrap();
    assert_eq!(get(driver, "/blobs/1/data").await, "whole");
}

pub async fn a_commit_puts_what_names_the_target(driver: &dyn StorageDriver) {
    put(driver, "/links/old", "damaged").await;
    let writer = whole_upload(driver).await;
    let puts = ["/links/old", "/links/of/new"].map(|link| Put {
        path: path(link),
        content: Bytes::from_static(b"1"),
    });
    writer
        .commit(&path("/blobs/1/data"), puts.to_vec())
        .await
        .unwrap();
    assert_eq!(get(driver, "/blobs/1/data").await, "whole");
    assert_eq!(get(driver, "/links/old").await, "1");
    assert_eq!(get(driver, "/links/of/new").await, "1");
    assert_eq!(
        names(driver, "/links", ListPage::all()).await,
        ["of", "old"]
    );
}

pub async fn an_empty_file_can_be_committed(driver: &dyn StorageDriver) {
    let upload = path("/uploads/1/data");
    let writer = driver.writer(&upload, WriteMode::Create).await.unwrap();
    writer
        .commit(&path("/blobs/empty"), Vec::new())
        .await
        .unwrap();
    assert_eq!(get(driver, "/blobs/empty").await, "");
    assert_eq!(read(driver, "/blobs/empty", ReadRange::Whole).await, b"");
}

pub async fn listings_are_sorted_and_paged(driver: &dyn StorageDriver) {
    for file in [
        "/r/b/x",
        "/r/a-b/x",
        "/r/a/x",
        "/r/a.b",
        "/r/a/deeper/x",
        "/r/B",
        "/ra/x",
    ] {
        put(driver, file, "x").await;
    }
    let all = driver.list(&path("/r"), ListPage::all()).await.unwrap();
    let entry = |name: &str, kind| Entry {
        name: name.to_owned(),
        kind,
    };
    let expected = [
        entry("B", EntryKind::File),
        entry("a", EntryKind::Folder),
        entry("a-b", EntryKind::Folder),
        entry("a.b", EntryKind::File),
        entry("b", EntryKind::Folder),
    ];
    assert_eq!(all, expected);
    assert_eq!(names(driver, "/r", ListPage::first(2)).await, ["B", "a"]);
    assert_eq!(
        names(driver, "/r", ListPage::after("a", 2)).await,
        ["a-b", "a.b"]
    );
    assert_eq!(names(driver, "/r", ListPage::after("a-", 1)).await, ["a-b"]);
    assert_eq!(names(driver, "/r", ListPage::after("b", 9)).await, [""; 0]);
    assert_eq!(names(driver, "/r", ListPage::first(0)).await, [""; 0]);
    assert_eq!(names(driver, "/", ListPage::all()).await, ["r", "ra"]);
}

pub async fn a_change_is_on_the_next_page(driver: &dyn StorageDriver) {
    // So many that a driver may wish to remember them.
    for n in 100..700 {
        let at = path(&format!("/r/version-{n}"));
        let put = driver.put_content(&at, Bytes::new(), Sync::Lazy);
        put.await.unwrap();
    }
    let after = async |name: &str| {
        let page = ListPage::after(format!("version-{name}"), 2);
        names(driver, "/r", page).await.join(" ")
    };
    assert_eq!(after("400").await, "version-401 version-402");
    put(driver, "/r/version-400-b", "x").await;
    assert_eq!(after("400").await, "version-400-b version-401");
    driver
        .delete(&path("/r/version-401"), Sync::Durable)
        .await
        .unwrap();
    assert_eq!(after("400").await, "version-400-b version-402");
    let (from, to) = (path("/r/version-402"), path("/r/version-399-b"));
    driver.rename(&from, &to, Sync::Durable).await.unwrap();
    assert_eq!(after("399").await, "version-399-b version-400");
    assert_eq!(after("400-b").await, "version-403 version-404");
    driver.delete(&path("/r"), Sync::Durable).await.unwrap();
    assert_eq!(after("400").await, "");
    put(driver, "/r/version-500", "x").await;
    assert_eq!(after("400").await, "version-500");
}

pub async fn a_missing_folder_lists_as_empty(driver: &dyn StorageDriver) {
    put(driver, "/file", "x").await;
    for folder in ["/none", "/none/deeper", "/file"] {
        assert_eq!(names(driver, folder, ListPage::all()).await, [""; 0]);
    }
}

pub async fn writing_leaves_nothing_else_behind(driver: &dyn StorageDriver) {
    put(driver, "/f/a", "1").await;
    put(driver, "/f/a", "2").await;
    let writer = driver
        .writer(&path("/f/upload"), WriteMode::Create)
        .await
        .unwrap();
    writer.commit(&path("/f/b"), Vec::new()).await.unwrap();
    driver.delete(&path("/f/a"), Sync::Durable).await.unwrap();
    assert_eq!(names(driver, "/f", ListPage::all()).await, ["b"]);
}

pub async fn renaming_moves_files_and_folders(driver: &dyn StorageDriver) {
    put(driver, "/a/x", "x").await;
    put(driver, "/a/deeper/y", "y").await;
    put(driver, "/ab", "untouched").await;
    driver
        .rename(&path("/a"), &path("/trash/1/a"), Sync::Durable)
        .await
        .unwrap();
    assert_eq!(get(driver, "/trash/1/a/x").await, "x");
    assert_eq!(get(driver, "/trash/1/a/deeper/y").await, "y");
    assert_eq!(get(driver, "/ab").await, "untouched");
    assert!(driver.stat(&path("/a/x")).await.unwrap_err().is_not_found());
    put(driver, "/b", "old").await;
    driver
        .rename(&path("/ab"), &path("/b"), Sync::Durable)
        .await
        .unwrap();
    assert_eq!(get(driver, "/b").await, "untouched");
}

pub async fn deleting_takes_the_whole_subtree(driver: &dyn StorageDriver) {
    for file in ["/a/b/c", "/a/b/d/e", "/a/bc", "/a/b-d"] {
        put(driver, file, "x").await;
    }
    driver.delete(&path("/a/b"), Sync::Durable).await.unwrap();
    assert_eq!(names(driver, "/a", ListPage::all()).await, ["b-d", "bc"]);
    assert!(
        driver
            .stat(&path("/a/b/d/e"))
            .await
            .unwrap_err()
            .is_not_found()
    );
    driver.delete(&path("/a/bc"), Sync::Durable).await.unwrap();
    assert!(
        driver
            .delete(&path("/a/bc"), Sync::Durable)
            .await
            .unwrap_err()
            .is_not_found()
    );
}

pub async fn many_changes_are_made_in_their_order_and_told_of_each(driver: &dyn StorageDriver) {
    for file in [
        "/a/1/f", "/a/1/g", "/a/2/f", "/b/1/f", "/b/2/f", "/b/2/g", "/d/f", "/d/g",
    ] {
        put(driver, file, file).await;
    }
    let delete = |file| Change::DeleteWithFolder(path(file));
    let move_out = |from, to| Change::MoveOut {
        from: path(from),
        to: path(to),
    };
    let changes = vec![
        delete("/a/1/f"),
        delete("/a/1/f"),
        delete("/a/3/f"),
        move_out("/b/1/f", "/c/d/f"),
        move_out("/b/1/f", "/c/d/g"),
        move_out("/b/2/f", "/c/d/e"),
        Change::DeleteEmpty(path("/b/1")),
        Change::DeleteEmpty(path("/b/2")),
        Change::DeleteEmpty(path("/b/3")),
        Change::Delete(path("/d/f")),
        Change::Delete(path("/d/f")),
    ];
    let made = driver.change_all(changes).await.unwrap();
    assert_eq!(
        made,
        [
            true, false, false, true, false, true, true, false, true, true, false
        ]
    );
    assert_eq!(names(driver, "/a", ListPage::all()).await, ["2"]);
    assert_eq!(names(driver, "/b", ListPage::all()).await, ["2"]);
    assert_eq!(names(driver, "/b/2", ListPage::all()).await, ["g"]);
    assert_eq!(names(driver, "/c/d", ListPage::all()).await, ["e", "f"]);
    assert_eq!(get(driver, "/c/d/f").await, "/b/1/f");
    assert_eq!(names(driver, "/d", ListPage::all()).await, ["g"]);
    // What is left of a folder goes as well when its file was gone already.
    assert_eq!(
        driver.change_all(vec![delete("/b/2/f")]).await.unwrap(),
        [false]
    );
    assert_eq!(names(driver, "/b", ListPage::all()).await, [""; 0]);
    assert_eq!(driver.change_all(Vec::new()).await.unwrap(), [false; 0]);
}

pub async fn a_reader_survives_replacement_and_deletion(driver: &dyn StorageDriver) {
    put(driver, "/a", "old content").await;
    let first = driver.reader(&path("/a"), ReadRange::Whole).await.unwrap();
    put(driver, "/a", "new").await;
    let second = driver.reader(&path("/a"), ReadRange::Whole).await.unwrap();
    driver.delete(&path("/a"), Sync::Durable).await.unwrap();
    let first: Vec<Bytes> = first.into_stream().try_collect().await.unwrap();
    let second: Vec<Bytes> = second.into_stream().try_collect().await.unwrap();
    assert_eq!(first.concat(), b"old content");
    assert_eq!(second.concat(), b"new");
}

pub async fn many_writes_at_once_all_arrive(driver: &dyn StorageDriver) {
    let writes = (0..64).map(|n| {
        let at = path(&format!("/shared/{}/{n}", n % 8));
        async move {
            let content = Bytes::from(format!("content {n}"));
            driver.put_content(&at, content, Sync::Durable).await
        }
    });
    for written in futures_util::future::join_all(writes).await {
        written.unwrap();
    }
    for n in 0..64 {
        let content = get(driver, &format!("/shared/{}/{n}", n % 8)).await;
        assert_eq!(content, format!("content {n}"));
    }
}

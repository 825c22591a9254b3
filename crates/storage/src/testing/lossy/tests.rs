//! What survives which end.

use super::*;

fn empty_store() -> (Lossy, ()) {
    (Lossy::new(), ())
}

crate::driver_contract!(empty_store);

fn path(text: &str) -> StoragePath {
    StoragePath::parse(text).unwrap()
}

async fn put(store: &Lossy, at: &str, content: &'static str, sync: Sync) {
    let content = Bytes::from_static(content.as_bytes());
    store.put_content(&path(at), content, sync).await.unwrap();
}

async fn get(store: &Lossy, at: &str) -> Option<Bytes> {
    store.get_content(&path(at)).await.ok()
}

async fn upload(store: &Lossy, at: &str, content: &'static str) -> Box<dyn FileWriter> {
    let mut writer = store.writer(&path(at), WriteMode::Create).await.unwrap();
    let content = Bytes::from_static(content.as_bytes());
    writer.write(vec![content]).await.unwrap();
    writer
}

const SEEDS: std::ops::Range<u64> = 0..64;

#[tokio::test]
async fn what_is_durable_survives_every_power_cut() {
    let store = Lossy::new();
    put(&store, "/put", "put", Sync::Durable).await;
    put(&store, "/gone", "gone", Sync::Durable).await;
    put(&store, "/folder/from", "moved", Sync::Lazy).await;
    let (from, to) = (path("/folder"), path("/to"));
    store.rename(&from, &to, Sync::Durable).await.unwrap();
    store.delete(&path("/gone"), Sync::Durable).await.unwrap();
    let writer = upload(&store, "/upload", "committed").await;
    writer.commit(&path("/blob"), link()).await.unwrap();
    let somehow = SEEDS.map(Survival::Some);
    for survival in somehow.chain([Survival::Nothing, Survival::Everything]) {
        let left = store.after_power_cut(survival).await;
        assert_eq!(get(&left, "/put").await.unwrap(), "put");
        assert_eq!(get(&left, "/gone").await, None);
        assert!(get(&left, "/to/from").await.is_some(), "the name is synced");
        assert_eq!(get(&left, "/blob").await.unwrap(), "committed");
        assert_eq!(get(&left, "/link").await.unwrap(), "link");
        assert_eq!(get(&left, "/upload").await, None);
    }
}

fn link() -> Vec<Put> {
    vec![Put {
        path: path("/link"),
        content: Bytes::from_static(b"link"),
    }]
}

#[tokio::test]
async fn a_commit_that_is_cut_off_keeps_any_of_its_names() {
    let store = Lossy::new();
    let writer = upload(&store, "/upload", "committed").await;
    // After the rename and the link comes the sync.
    store.fault_at(2, Fault::Fails(Moment::Before));
    writer.commit(&path("/blob"), link()).await.unwrap_err();
    let mut seen = std::collections::BTreeSet::new();
    for seed in SEEDS {
        let left = store.after_power_cut(Survival::Some(seed)).await;
        let (blob, link) = (get(&left, "/blob").await, get(&left, "/link").await);
        assert!(blob.iter().all(|blob| blob == "committed"), "{blob:?}");
        assert!(link.iter().all(|content| content == "link"), "{link:?}");
        seen.insert((blob.is_some(), link.is_some()));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    put(&store, "/other", "x", Sync::Durable).await;
    let left = store.after_power_cut(Survival::Nothing).await;
    assert!(get(&left, "/blob").await.is_some(), "made up for");
    assert!(get(&left, "/link").await.is_some(), "made up for");
}

#[tokio::test]
async fn what_is_not_durable_is_lost_or_not() {
    let store = Lossy::new();
    put(&store, "/old", "old", Sync::Durable).await;
    put(&store, "/old", "new", Sync::Lazy).await;
    put(&store, "/other", "other", Sync::Lazy).await;
    put(&store, "/gone", "gone", Sync::Durable).await;
    store.delete(&path("/gone"), Sync::Lazy).await.unwrap();
    let nothing = store.after_power_cut(Survival::Nothing).await;
    assert_eq!(get(&nothing, "/old").await.unwrap(), "old");
    assert_eq!(get(&nothing, "/other").await, None);
    assert_eq!(get(&nothing, "/gone").await.unwrap(), "gone");
    let everything = store.after_power_cut(Survival::Everything).await;
    assert_eq!(get(&everything, "/old").await.unwrap(), "new");
    assert_eq!(get(&everything, "/other").await.unwrap(), "other");
    assert_eq!(get(&everything, "/gone").await, None);
    let mut seen = std::collections::BTreeSet::new();
    for seed in SEEDS {
        let some = store.after_power_cut(Survival::Some(seed)).await;
        let old = get(&some, "/old").await.unwrap();
        let kept = old == "old";
        assert!(kept || "new".starts_with(&*String::from_utf8_lossy(&old)) || old.ends_with(b"\0"));
        seen.insert((
            kept,
            get(&some, "/other").await.is_some(),
            get(&some, "/gone").await.is_some(),
        ));
    }
    assert_eq!(seen.len(), 8, "each change on its own: {seen:?}");
}

#[tokio::test]
async fn a_closed_file_keeps_its_bytes_and_an_open_one_a_part() {
    let store = Lossy::new();
    upload(&store, "/u", "first ").await.close().await.unwrap();
    let mut writer = store.writer(&path("/u"), WriteMode::Append).await.unwrap();
    writer
        .write(vec![Bytes::from_static(b"second")])
        .await
        .unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in SEEDS {
        let left = store.after_power_cut(Survival::Some(seed)).await;
        if let Some(content) = get(&left, "/u").await {
            assert!(content.starts_with(b"first "), "{content:?}");
            lengths.insert(content.len());
        }
    }
    assert!(lengths.len() > 3, "torn at different places: {lengths:?}");
    let killed = store.after_kill().await;
    assert_eq!(get(&killed, "/u").await.unwrap(), "first second");
    killed.writer(&path("/u"), WriteMode::Append).await.unwrap();
}

#[tokio::test]
async fn a_rename_that_is_lost_leaves_the_old_name() {
    let store = Lossy::new();
    put(&store, "/a", "content", Sync::Durable).await;
    store
        .rename(&path("/a"), &path("/b"), Sync::Lazy)
        .await
        .unwrap();
    for seed in SEEDS {
        let left = store.after_power_cut(Survival::Some(seed)).await;
        let names = (
            get(&left, "/a").await.is_some(),
            get(&left, "/b").await.is_some(),
        );
        assert!(
            names == (true, false) || names == (false, true),
            "{names:?}"
        );
    }
    // A change that follows on another takes it along.
    put(&store, "/b", "new", Sync::Durable).await;
    let left = store.after_power_cut(Survival::Nothing).await;
    assert_eq!(get(&left, "/a").await, None);
}

#[tokio::test]
async fn the_first_durable_change_takes_along_what_a_killed_process_left() {
    let store = Lossy::new();
    put(&store, "/lazy", "lazy", Sync::Lazy).await;
    let next = store.after_kill().await;
    assert_eq!(
        get(&next.after_power_cut(Survival::Nothing).await, "/lazy").await,
        None
    );
    put(&next, "/durable", "x", Sync::Durable).await;
    let left = next.after_power_cut(Survival::Nothing).await;
    assert_eq!(get(&left, "/lazy").await.unwrap(), "lazy");
}

#[tokio::test]
async fn a_fault_comes_at_its_call_and_as_far_as_it_was_asked_for() {
    let content = || Bytes::from_static(b"1234");
    for (moment, there) in [
        (Moment::Before, None),
        (Moment::Within, Some("12")),
        (Moment::After, Some("1234")),
    ] {
        for fault in [Fault::Dies(moment), Fault::Fails(moment)] {
            let store = Lossy::new();
            let mut writer = store.writer(&path("/u"), WriteMode::Create).await.unwrap();
            store.fault_at(0, fault);
            writer.write(vec![content()]).await.unwrap_err();
            assert!(store.has_failed());
            let later = store.put_content(&path("/x"), content(), Sync::Lazy).await;
            assert_eq!(later.is_ok(), matches!(fault, Fault::Fails(_)), "{fault:?}");
            store.heal();
            let written = get(&store, "/u").await.unwrap();
            assert_eq!(written, there.unwrap_or_default(), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn bytes_that_could_not_be_synced_are_gone() {
    let store = Lossy::new();
    let writer = upload(&store, "/u", "bytes").await;
    store.fault_at(0, Fault::Fails(Moment::Before));
    writer.close().await.unwrap_err();
    assert_eq!(get(&store, "/u").await, None);
}

#[tokio::test]
async fn a_full_store_lets_go_and_a_read_only_one_does_not() {
    let store = Lossy::new();
    for name in ["/a", "/b"] {
        put(&store, name, "x", Sync::Durable).await;
    }
    store.fault_at(0, Fault::Full);
    let refused = store
        .put_content(&path("/c"), Bytes::new(), Sync::Lazy)
        .await;
    assert!(matches!(refused, Err(Error::Full { .. })));
    store.delete(&path("/a"), Sync::Durable).await.unwrap();
    store.fault_at(0, Fault::ReadOnly);
    let refused = store.delete(&path("/b"), Sync::Durable).await;
    assert!(matches!(refused, Err(Error::ReadOnly { .. })));
    assert!(get(&store, "/b").await.is_some());
}

#[tokio::test]
async fn a_store_that_breaks_a_promise_loses_what_it_promised() {
    let store = Lossy::breaking(Promise::Put);
    put(&store, "/put", "x", Sync::Durable).await;
    let left = store.after_power_cut(Survival::Nothing).await;
    assert_eq!(get(&left, "/put").await, None);
    let store = Lossy::breaking(Promise::Bytes);
    let writer = upload(&store, "/u", "x").await;
    writer.commit(&path("/b"), Vec::new()).await.unwrap();
    let left = store.after_power_cut(Survival::Nothing).await;
    assert_eq!(get(&left, "/b").await.unwrap(), "");
}

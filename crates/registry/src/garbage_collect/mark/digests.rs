//! Folders whose entries are digests.

use wharf_oci::Digest;
use wharf_storage::{EntryKind, ListPage, StoragePath};

use crate::{
    Error,
    compact::Compact,
    local::{MOST_AT_ONCE, Store},
};

/// What the folders of a folder for digests are named.
#[derive(Debug, Default)]
pub(crate) struct DigestsIn {
    pub(crate) compact: Vec<Compact>,
    /// The folders whose names are no digests.
    pub(crate) others: Vec<StoragePath>,
}

impl DigestsIn {
    /// The digests, by algorithm and hex digits.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Digest> + use<'_> {
        self.compact.iter().map(Compact::digest)
    }
}

/// The digests that name the folders two levels down: `<algorithm>/<hex>`. Files in between are
/// nobody's.
pub(crate) async fn digests_in(store: &Store, folder: &StoragePath) -> Result<DigestsIn, Error> {
    let mut found = DigestsIn::default();
    for algorithm in store.list(folder, ListPage::all()).await? {
        let Ok(below) = folder.child(&algorithm.name) else {
            continue;
        };
        let mut page = ListPage::first(MOST_AT_ONCE);
        loop {
            let entries = store.list(&below, page).await?;
            for entry in &entries {
                match format!("{}:{}", algorithm.name, entry.name).parse() {
                    Ok(digest) => found.compact.push(Compact::from(&digest)),
                    Err(_) if entry.kind == EntryKind::Folder => {
                        found.others.extend(below.child(&entry.name));
                    }
                    Err(_) => {}
                }
            }
            match entries.last() {
                Some(last) if entries.len() == MOST_AT_ONCE => {
                    page = ListPage::after(last.name.clone(), MOST_AT_ONCE);
                }
                _ => break,
            }
        }
    }
    Ok(found)
}

//! The names of one folder, sorted and close together: what a page is cut out of.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Entry, EntryKind, ListPage,
    filesystem::{durable::TEMPORARY, unless_missing},
};

/// A folder's entries in order. One text holds all names, since a folder may have as many as a
/// `String` each would make dear.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    items: Vec<Item>,
}

/// One entry: where its name is in the text, and what it is.
#[derive(Debug, Clone, Copy)]
struct Item {
    start: u32,
    length: u16,
    kind: Kind,
}

/// What an entry is, as far as the folder itself tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic link, or an entry of a file system that does not tell. It is looked up for every
    /// page that it is on: what a link leads to changes without a trace in the link's folder.
    Unresolved,
}

impl Names {
    /// Adds an entry; entries come in any order until [`Names::sort`].
    ///
    /// # Errors
    /// When the names are more than 4 GiB.
    pub(super) fn push(&mut self, name: &str, kind: Kind) -> io::Result<()> {
        if is_temporary(name, kind) {
            return Ok(());
        }
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let item = Item {
            start: self.text.len().try_into().map_err(too_large)?,
            length: name.len().try_into().map_err(too_large)?,
            kind,
        };
        self.text.push_str(name);
        self.items.push(item);
        Ok(())
    }

    /// Puts the entries in the order of their names' bytes.
    pub(super) fn sort(&mut self) {
        let text = &self.text;
        let name = |item: &Item| &text.as_bytes()[item.range()];
        // Names of one folder often begin alike. Comparing the eight bytes behind that beginning
        // as a number decides most pairs without a look at the text, which is far away in memory.
        let common = common_prefix(self.items.iter().map(name));
        let mut keyed: Vec<(u64, Item)> = self
            .items
            .iter()
            .map(|item| (leading_bytes(&name(item)[common..]), *item))
            .collect();
        keyed.sort_unstable_by(|(key_a, a), (key_b, b)| {
            key_a.cmp(key_b).then_with(|| name(a).cmp(name(b)))
        });
        // An entry that is replaced while the folder is read may be told twice.
        keyed.dedup_by(|(_, a), (_, b)| name(a) == name(b));
        self.items.clear();
        self.items.extend(keyed.into_iter().map(|(_, item)| item));
    }

    /// How many entries there are, links to nowhere included.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The memory that the names take.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.items.capacity() * size_of::<Item>()
    }

    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.items.shrink_to_fit();
    }

    /// Cuts a page out of the sorted names of `folder`.
    ///
    /// # Errors
    /// When a link on the page cannot be followed now; one that leads nowhere is no entry.
    pub(super) fn page(&self, folder: &Path, page: &ListPage) -> io::Result<Vec<Entry>> {
        let begin = page.after.as_ref().map_or(0, |after| {
            self.items
                .partition_point(|item| self.name(item) <= after.as_str())
        });
        let rest = &self.items[begin..];
        let mut entries = Vec::with_capacity(rest.len().min(page.limit));
        for item in rest {
            if entries.len() == page.limit {
                break;
            }
            let name = self.name(item);
            let kind = match item.kind {
                Kind::File => EntryKind::File,
                Kind::Folder => EntryKind::Folder,
                Kind::Unresolved => match resolve(folder.join(name))? {
                    Some(EntryKind::File) if is_temporary(name, Kind::File) => continue,
                    Some(kind) => kind,
                    None => continue,
                },
            };
            let name = name.to_owned();
            entries.push(Entry { name, kind });
        }
        Ok(entries)
    }

    fn name(&self, item: &Item) -> &str {
        &self.text[item.range()]
    }
}

impl Item {
    fn range(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.length)
    }
}

/// What an entry is, or a link leads to. Operators do link folders elsewhere.
fn resolve(path: PathBuf) -> io::Result<Option<EntryKind>> {
    let metadata = unless_missing(fs::metadata(path))?;
    Ok(metadata.map(|metadata| {
        if metadata.is_dir() {
            EntryKind::Folder
        } else {
            EntryKind::File
        }
    }))
}

/// A file of a write in progress, or of one that a crash cut off, is no entry. A folder of such a
/// name is: a tag may end so.
fn is_temporary(name: &str, kind: Kind) -> bool {
    kind == Kind::File && name.ends_with(TEMPORARY)
}

/// How many bytes all names begin with alike.
fn common_prefix<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> usize {
    let Some(first) = names.next() else { return 0 };
    names.fold(first.len(), |common, name| {
        let pairs = first[..common].iter().zip(name);
        pairs.take_while(|(a, b)| a == b).count()
    })
}

/// The first eight bytes as a number that compares as they do; what is shorter comes first.
fn leading_bytes(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(bytes.len());
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[&str]) -> Names {
        let mut names = Names::default();
        for entry in entries {
            names.push(entry, Kind::Folder).unwrap();
        }
        names.sort();
        names
    }

    fn page(names: &Names, page: &ListPage) -> Vec<String> {
        let entries = names.page(Path::new("/nowhere"), page).unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn names_are_sorted_by_all_their_bytes_and_told_once() {
        let table: [&[&str]; 6] = [
            &[],
            &["only"],
            &["b", "a", "B", "_", "10", "9", "a-b", "a.b", "ab", "\u{e4}"],
            &["v", "v1", "v10", "v", "v2", "v1"],
            &["prefix-longer-than-8-b", "prefix-longer-than-8-a", "prefix"],
            &["same-eight-1", "same-eight-0", "same-eight", "same-eigh"],
        ];
        for entries in table {
            let mut expected = entries.to_vec();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(page(&names(entries), &ListPage::all()), expected);
        }
    }

    #[test]
    fn a_page_begins_after_a_name_that_need_not_exist() {
        let names = names(&["b", "d", "f"]);
        let table: [(&str, usize, &[&str]); 7] = [
            ("", 9, &["b", "d", "f"]),
            ("a", 1, &["b"]),
            ("b", 2, &["d", "f"]),
            ("c", 2, &["d", "f"]),
            ("d", 0, &[]),
            ("f", 9, &[]),
            ("z", 9, &[]),
        ];
        for (after, limit, expected) in table {
            let told = page(&names, &ListPage::after(after, limit));
            assert_eq!(told, expected, "{limit} after {after:?}");
        }
    }

    #[test]
    fn names_take_little_more_memory_than_their_text() {
        let mut names = Names::default();
        for n in 0..100_000 {
            names.push(&format!("tag-{n:06}"), Kind::Folder).unwrap();
        }
        names.sort();
        names.shrink();
        assert_eq!(names.bytes(), 100_000 * (10 + 8));
    }
}

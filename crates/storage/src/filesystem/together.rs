//! Reading many small files together: tags' links, by the ten thousand.
//!
//! Most of what opening a small file costs is the way to it. Files that are read together lie in
//! folders close to each other, so the way to the nearest folder above them all is gone once.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::future::join_all;
use rustix::fs::{Mode, OFlags};

use crate::{
    Error, StoragePath,
    filesystem::{Shared, unless_missing},
};

impl Shared {
    /// Reads files, on several threads if they are many; `None` for each that is not there.
    pub(super) async fn read_together(
        self: &Arc<Self>,
        mut files: Vec<StoragePath>,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let length = files.len().div_ceil(SIDE_BY_SIDE).max(AT_LEAST);
        let mut parts = Vec::new();
        while !files.is_empty() {
            let rest = files.split_off(length.min(files.len()));
            parts.push(self.read_part(files));
            files = rest;
        }
        let mut contents = Vec::new();
        for part in join_all(parts).await {
            contents.extend(part?);
        }
        Ok(contents)
    }

    async fn read_part(
        self: &Arc<Self>,
        files: Vec<StoragePath>,
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let root = StoragePath::root();
        self.blocking("read", &root, move |shared, root| {
            let contents = read(shared.disk.root().path(), &files)
                .map_err(|(file, source)| shared.failure("read", file, source))?;
            if contents.contains(&None) {
                let lost = |source| Error::from_io("read", root, source);
                shared.disk.root().check().map_err(lost)?;
            }
            Ok(contents)
        })
        .await
    }
}

/// Reads files below the root folder; tells of a failure at which file it was met.
fn read<'a>(
    root: &Path,
    files: &'a [StoragePath],
) -> Result<Vec<Option<Bytes>>, (&'a StoragePath, io::Error)> {
    let Some(first) = files.first() else {
        return Ok(Vec::new());
    };
    let above = folder_above(files);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(root.join(above), flags, Mode::empty());
    let Some(folder) = unless_missing(folder.map_err(Into::into)).map_err(|e| (first, e))? else {
        return Ok(vec![None; files.len()]);
    };
    let below = |file: &'a StoragePath| file.relative()[above.len()..].trim_start_matches('/');
    files
        .iter()
        .map(|file| read_in(&folder, below(file)).map_err(|error| (file, error)))
        .collect()
}

/// Reads one file, named from a folder.
fn read_in(folder: &impl rustix::fd::AsFd, file: &str) -> io::Result<Option<Bytes>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(folder, file, flags, Mode::empty());
    let Some(opened) = unless_missing(opened.map_err(io::Error::from))? else {
        return Ok(None);
    };
    let mut file = File::from(opened);
    let mut start = [0; PAGE];
    let length = match file.read(&mut start) {
        Ok(length) => length,
        // A folder is no file.
        Err(error) if error.kind() == ErrorKind::IsADirectory => return Ok(None),
        Err(error) => return Err(error),
    };
    if length < start.len() {
        // A read ends within a page only where the file does, so there is no need to ask for more.
        return Ok(Some(Bytes::copy_from_slice(&start[..length])));
    }
    let mut content = start.to_vec();
    file.read_to_end(&mut content)?;
    Ok(Some(Bytes::from(content)))
}

/// The nearest folder above all the files, from the root.
fn folder_above(files: &[StoragePath]) -> &str {
    let Some((first, others)) = files.split_first() else {
        return "";
    };
    let first = first.relative();
    let common = others.iter().fold(first.len(), |common, other| {
        let pairs = first.as_bytes()[..common]
            .iter()
            .zip(other.relative().as_bytes());
        pairs.take_while(|(a, b)| a == b).count()
    });
    first[..common]
        .rfind('/')
        .map_or("", |slash| &first[..slash])
}

/// In how many parts many files are read, and how many a part has at least: fewer take less time
/// than the way to one more thread.
const SIDE_BY_SIDE: usize = 4;
const AT_LEAST: usize = 64;
/// The smallest page of memory there is.
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Vec<StoragePath> {
        let parse = |text: &&str| StoragePath::parse(text).unwrap();
        texts.iter().map(parse).collect()
    }

    #[test]
    fn the_nearest_folder_above_files_is_above_each_of_them() {
        let table: [(&[&str], &str); 7] = [
            (&[], ""),
            (&["/a"], ""),
            (&["/a/b/c"], "a/b"),
            (&["/a/b/c", "/a/b/d"], "a/b"),
            (&["/a/b/c", "/a/bb/c"], "a"),
            (&["/a/b", "/a/b/c"], "a"),
            (&["/a/b/c", "/a/b/d", "/b"], ""),
        ];
        for (files, expected) in table {
            assert_eq!(folder_above(&paths(files)), expected, "{files:?}");
        }
    }

    #[test]
    fn files_are_read_whole_whatever_their_size() {
        let root = tempfile::tempdir().unwrap();
        let sizes = [0, 1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE];
        let mut files = Vec::new();
        for size in sizes {
            std::fs::write(root.path().join(size.to_string()), vec![b'x'; size]).unwrap();
            files.push(StoragePath::parse(&format!("/{size}")).unwrap());
        }
        let read = read(root.path(), &files).unwrap();
        let lengths: Vec<_> = read.iter().map(|c| c.as_ref().unwrap().len()).collect();
        assert_eq!(lengths, sizes);
    }
}

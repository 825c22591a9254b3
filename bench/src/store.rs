//! Stores too large to be pushed, written straight to disk in Distribution's layout.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::content;

/// A store of small images, half of which no manifest of any repository names any more.
#[derive(Debug)]
pub(crate) struct Garbage {
    /// The folders of the blobs to keep.
    pub(crate) kept: Vec<PathBuf>,
    /// The folders of the blobs that are garbage, and what is in them.
    pub(crate) garbage: Vec<(PathBuf, Vec<u8>)>,
}

impl Garbage {
    /// Writes about `blobs` blobs below `root`, the store's `docker/registry/v2`. An image is a manifest, a configuration and
    /// three layers of 6 bytes; every other one has lost its manifest's link and its tag. The same in every run.
    pub(crate) fn write(root: &Path, blobs: usize) -> io::Result<Self> {
        let mut written = Self {
            kept: Vec::new(),
            garbage: Vec::new(),
        };
        let images = blobs / BLOBS_PER_IMAGE;
        let repositories = (images / IMAGES_PER_REPOSITORY).max(1);
        for image in 0..images {
            let repository = root.join(format!("repositories/shop/r{}", image % repositories));
            let blobs = write_image(root, &repository, image)?;
            if image.is_multiple_of(2) {
                written
                    .kept
                    .extend(blobs.into_iter().map(|(folder, _)| folder));
            } else {
                written.garbage.extend(blobs);
            }
        }
        Ok(written)
    }

    /// Fails unless exactly the garbage is gone.
    pub(crate) fn check_collected(&self) -> Result<(), String> {
        let missing = self
            .kept
            .iter()
            .filter(|folder| !folder.join("data").exists())
            .count();
        let left = self
            .garbage
            .iter()
            .filter(|(folder, _)| folder.join("data").exists())
            .count();
        if missing + left == 0 {
            return Ok(());
        }
        Err(format!(
            "a collection left {left} blobs of garbage and took {missing} that are in use"
        ))
    }

    /// Deletes the garbage and nothing else: what a collection that knew everything would do.
    pub(crate) fn delete(&self) -> io::Result<()> {
        for (folder, _) in &self.garbage {
            fs::remove_file(folder.join("data"))?;
            fs::remove_dir(folder)?;
        }
        Ok(())
    }

    /// Writes the garbage again after a collection: much less than a whole store.
    pub(crate) fn restore(&self) -> io::Result<()> {
        for (folder, bytes) in &self.garbage {
            fs::create_dir_all(folder)?;
            fs::write(folder.join("data"), bytes)?;
        }
        Ok(())
    }
}

/// Writes one image and returns its blobs with their folders.
fn write_image(
    root: &Path,
    repository: &Path,
    image: usize,
) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let config = format!(r#"{{"architecture":"amd64","os":"linux","n":{image}}}"#);
    let layers: Vec<String> = (0..LAYERS)
        .map(|layer| format!("{image:05}{layer}"))
        .collect();
    let parts: Vec<&[u8]> = std::iter::once(&config)
        .chain(&layers)
        .map(|part| part.as_bytes())
        .collect();
    let manifest = manifest(&parts);
    let mut blobs = Vec::new();
    for part in &parts {
        let digest = content::digest(part);
        blobs.push((write_blob(root, &digest, part)?, part.to_vec()));
        write_link(&repository.join("_layers").join(folder(&digest)), &digest)?;
    }
    let digest = content::digest(manifest.as_bytes());
    let folder = write_blob(root, &digest, manifest.as_bytes())?;
    blobs.push((folder, manifest.into_bytes()));
    if image.is_multiple_of(2) {
        tag(repository, &format!("t{image}"), &digest)?;
    }
    Ok(blobs)
}

/// Writes a blob and returns its folder.
pub(crate) fn write_blob(root: &Path, digest: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (algorithm, hash) = digest.split_once(':').unwrap_or(("sha256", digest));
    let folder = root
        .join("blobs")
        .join(algorithm)
        .join(&hash[..2])
        .join(hash);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("data"), bytes)?;
    Ok(folder)
}

/// Writes what makes a manifest part of a repository, and a tag that points at it.
pub(crate) fn tag(repository: &Path, tag: &str, digest: &str) -> io::Result<()> {
    let manifests = repository.join("_manifests");
    write_link(&manifests.join("revisions").join(folder(digest)), digest)?;
    let tag = manifests.join("tags").join(tag);
    write_link(&tag.join("current"), digest)?;
    write_link(&tag.join("index").join(folder(digest)), digest)
}

/// Writes a link file into a folder.
pub(crate) fn write_link(folder: &Path, digest: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("link"), digest)
}

/// `sha256/<hash>`.
pub(crate) fn folder(digest: &str) -> String {
    digest.replace(':', "/")
}

fn manifest(parts: &[&[u8]]) -> String {
    let descriptors: Vec<String> = parts
        .iter()
        .map(|part| {
            format!(
                r#"{{"mediaType":"application/octet-stream","size":{},"digest":"{}"}}"#,
                part.len(),
                content::digest(part)
            )
        })
        .collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
        content::MANIFEST_TYPE,
        descriptors[0],
        descriptors[1..].join(",")
    )
}

const LAYERS: usize = 3;
const BLOBS_PER_IMAGE: usize = LAYERS + 2;
const IMAGES_PER_REPOSITORY: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_store_is_garbage() {
        let root = tempfile::tempdir().unwrap();
        let store = Garbage::write(root.path(), 100).unwrap();
        assert_eq!((store.kept.len(), store.garbage.len()), (50, 50));
        assert!(
            store
                .kept
                .iter()
                .chain(store.garbage.iter().map(|(folder, _)| folder))
                .all(|blob| blob.join("data").is_file())
        );
        assert!(store.check_collected().is_err());
        store.delete().unwrap();
        store.check_collected().unwrap();
        store.restore().unwrap();
        for (folder, bytes) in &store.garbage {
            assert_eq!(fs::read(folder.join("data")).unwrap(), *bytes);
        }
        store.delete().unwrap();
        store.check_collected().unwrap();
        fs::remove_dir_all(&store.kept[7]).unwrap();
        assert!(store.check_collected().is_err());
    }
}

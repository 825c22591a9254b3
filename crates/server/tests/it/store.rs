//! The store on disk, as an operator sees it.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_oci::Digest;

/// A root folder in Distribution's layout.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.root.clone()
    }

    /// The bytes of a blob.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        let path = format!("blobs/sha256/{}/{hex}/data", &hex[..2]);
        self.below_v2(&path)
    }

    /// The folder of a repository.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        self.below_v2(&format!("repositories/{name}"))
    }

    /// The bytes of an upload so far.
    pub(crate) fn upload(&self, name: &str, id: &str) -> PathBuf {
        self.repository(name).join("_uploads").join(id).join("data")
    }

    /// The link of a tag.
    pub(crate) fn tag(&self, name: &str, tag: &str) -> PathBuf {
        self.repository(name)
            .join("_manifests/tags")
            .join(tag)
            .join("current/link")
    }

    /// Every file, as its path below the root, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.root, &mut files);
        let below = |file: &PathBuf| {
            let path = file.strip_prefix(&self.root).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let mut files: Vec<String> = files.iter().map(below).collect();
        // What tells collectors of servers is no content.
        files.retain(|file| !file.contains("/_wharf/servers/"));
        files.sort();
        files
    }

    /// The files that hold the content of blobs and manifests.
    pub(crate) fn blobs(&self) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| file.contains("/blobs/"));
        files
    }

    /// The files of uploads that were not finished.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| file.contains("/_uploads/"));
        files
    }

    fn below_v2(&self, path: &str) -> PathBuf {
        self.root.join("docker/registry/v2").join(path)
    }
}

/// The size of a file; none while it is not there.
pub(crate) fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

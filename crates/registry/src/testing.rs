//! What the tests of this crate share: a registry on a store that can be looked into, documents,
//! and verbs that read like the specification.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use wharf_oci::{Digest, Manifest, MediaType, Precondition, RepositoryName, Tag};
use wharf_storage::{
    EntryKind, ListPage, ReadRange, StorageDriver, StoragePath, Sync,
    config::{DEFAULT_MAX_THREADS, Durability, FilesystemConfig},
    filesystem::Filesystem,
    inmemory::InMemory,
    testing::Faulty,
};

use crate::{BodyStream, Chunk, Error, LocalRegistry, Registry, Repository, Rules, UploadSession};

/// A registry and the store below it.
#[derive(Debug, Clone)]
pub(crate) struct TestRegistry {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) registry: LocalRegistry,
}

impl TestRegistry {
    /// In memory, with deletion switched on.
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(InMemory::new()))
    }

    /// In a folder.
    pub(crate) fn in_folder(folder: &tempfile::TempDir) -> Self {
        let config = FilesystemConfig {
            rootdirectory: folder.path().to_owned(),
            maxthreads: DEFAULT_MAX_THREADS,
            durability: Durability::None,
        };
        Self::on(Arc::new(Filesystem::open(config).unwrap()))
    }

    /// In memory, where the calls of the driver can be made to fail.
    pub(crate) fn faulty() -> (Self, Faulty) {
        let faulty = Faulty::new(Arc::new(InMemory::new()));
        (Self::on(Arc::new(faulty.clone())), faulty)
    }

    pub(crate) fn on(driver: Arc<dyn StorageDriver>) -> Self {
        let rules = Rules {
            deletion: true,
            ..Rules::default()
        };
        let registry = LocalRegistry::new(Arc::clone(&driver), rules);
        Self { driver, registry }
    }

    /// Another registry on the same store: a restart, or a replica.
    pub(crate) fn restarted(&self) -> Self {
        Self::on(Arc::clone(&self.driver))
    }

    /// Another registry on the same store, with other rules.
    pub(crate) fn with_rules(&self, rules: Rules) -> Self {
        Self {
            driver: Arc::clone(&self.driver),
            registry: LocalRegistry::new(Arc::clone(&self.driver), rules),
        }
    }

    pub(crate) fn repository(&self, name: &str) -> Repository {
        self.registry.repository(&name.parse().unwrap())
    }

    /// Writes a file of the store; the path is below `/docker/registry/v2`.
    pub(crate) async fn write(&self, path: &str, content: impl Into<Bytes>) {
        let path = stored(path);
        let put = self.driver.put_content(&path, content.into(), Sync::Lazy);
        put.await.unwrap();
    }

    pub(crate) async fn read(&self, path: &str) -> Option<Bytes> {
        self.driver.get_content(&stored(path)).await.ok()
    }

    pub(crate) async fn remove(&self, path: &str) {
        let path = stored(path);
        self.driver.delete(&path, Sync::Lazy).await.unwrap();
    }

    /// Every file of the store, below `/docker/registry/v2`.
    pub(crate) async fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![stored("")];
        while let Some(folder) = folders.pop() {
            for entry in self.driver.list(&folder, ListPage::all()).await.unwrap() {
                let path = folder.child(&entry.name).unwrap();
                match entry.kind {
                    EntryKind::Folder => folders.push(path),
                    EntryKind::File => {
                        files.push(path.as_str()[stored("").as_str().len() + 1..].to_owned());
                    }
                }
            }
        }
        files.sort();
        files
    }
}

fn stored(path: &str) -> StoragePath {
    StoragePath::parse(format!("/docker/registry/v2/{path}").trim_end_matches('/')).unwrap()
}

/// Where a blob's bytes are, below `/docker/registry/v2`.
pub(crate) fn blob_path(digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm(), digest.hex());
    format!("blobs/{algorithm}/{}/{hex}/data", &hex[..2])
}

/// Where a link is within a folder of links: `<algorithm>/<hex>/link`.
pub(crate) fn link(digest: &Digest) -> String {
    format!("{}/{}/link", digest.algorithm(), digest.hex())
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(crate) fn sha256(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

/// A body that arrives in these pieces.
pub(crate) fn body(pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> BodyStream {
    let pieces: Vec<_> = pieces.into_iter().map(|piece| Ok(piece.into())).collect();
    stream::iter(pieces).boxed()
}

/// A chunk of which the client told nothing in advance.
pub(crate) fn chunk(content: impl Into<Bytes>) -> Chunk {
    Chunk {
        start: None,
        length: None,
        body: body([content.into()]),
    }
}

/// Pushes a blob as one chunk.
pub(crate) async fn try_push_blob(
    repository: &Repository,
    content: impl Into<Bytes> + Send,
) -> Result<Digest, Error> {
    let content = content.into();
    let digest = Digest::sha256(&content);
    let mut session = repository.uploads.start().await?;
    session.append(chunk(content)).await?;
    session.commit(&digest).await?;
    Ok(digest)
}

pub(crate) async fn push_blob(repository: &Repository, content: impl Into<Bytes> + Send) -> Digest {
    try_push_blob(repository, content).await.unwrap()
}

/// Begins an upload with these bytes and lets it lie.
pub(crate) async fn begin_upload(
    repository: &Repository,
    content: impl Into<Bytes> + Send,
) -> crate::UploadId {
    let mut session = repository.uploads.start().await.unwrap();
    session.append(chunk(content)).await.unwrap();
    session.suspend().await.unwrap().id
}

/// The whole of a blob, read through the repository.
pub(crate) async fn pull_blob(repository: &Repository, digest: &Digest) -> Result<Vec<u8>, Error> {
    let blob = repository.blobs.open(digest, ReadRange::Whole).await?;
    let chunks: Vec<Bytes> = blob.reader.into_stream().try_collect().await.unwrap();
    Ok(chunks.concat())
}

pub(crate) fn descriptor(media_type: &MediaType, content: &str) -> Value {
    json!({"mediaType": media_type, "digest": sha256(content), "size": content.len()})
}

/// Reads a document under the media type that it gives.
pub(crate) fn manifest(document: &Value) -> Manifest {
    let media_type = document["mediaType"].as_str().unwrap().parse().unwrap();
    Manifest::parse(media_type, document.to_string().into()).unwrap()
}

/// An image's document: its config and layers have these contents.
pub(crate) fn image_document(config: &str, layers: &[&str]) -> Value {
    let layer = |content: &&str| descriptor(&MediaType::OCI_LAYER_GZIP, content);
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": descriptor(&MediaType::OCI_CONFIG, config),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

/// The image that [`push_image`] pushes.
pub(crate) fn image(seed: &str) -> Manifest {
    manifest(&image_document(
        &format!("{seed} config"),
        &[&format!("{seed} layer")],
    ))
}

/// An artifact like the image of the same name, attached to another manifest.
pub(crate) fn attached(seed: &str, subject: &Manifest) -> Manifest {
    let mut document = image_document(&format!("{seed} config"), &[&format!("{seed} layer")]);
    document["subject"] = serde_json::to_value(subject.descriptor()).unwrap();
    manifest(&document)
}

/// An index of manifests.
pub(crate) fn index(children: &[&Manifest]) -> Manifest {
    let child = |manifest: &&Manifest| serde_json::to_value(manifest.descriptor()).unwrap();
    manifest(&json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": children.iter().map(child).collect::<Vec<_>>(),
    }))
}

/// Pushes the blobs of the image or artifact of this name.
pub(crate) async fn push_parts(repository: &Repository, seed: &str) {
    push_blob(repository, format!("{seed} config")).await;
    push_blob(repository, format!("{seed} layer")).await;
}

/// Pushes an image with its blobs, under a tag or by its digest.
pub(crate) async fn push_image(repository: &Repository, seed: &str, to: Option<&str>) -> Manifest {
    push_parts(repository, seed).await;
    push_manifest(repository, image(seed), to).await
}

/// Pushes a manifest whose parts are there, under a tag or by its digest.
pub(crate) async fn push_manifest(
    repository: &Repository,
    manifest: Manifest,
    to: Option<&str>,
) -> Manifest {
    let tags: Vec<Tag> = to.map(tag).into_iter().collect();
    let put = repository.manifests.put(&manifest, &tags, ALWAYS);
    put.await.unwrap();
    manifest
}

/// Appends a chunk that is expected to be taken.
pub(crate) async fn append(session: &mut Box<dyn UploadSession>, content: impl Into<Bytes> + Send) {
    session.append(chunk(content)).await.unwrap();
}

/// The condition that always holds.
pub(crate) const ALWAYS: &Precondition = &Precondition::NONE;

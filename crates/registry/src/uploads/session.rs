//! One request's hold on an upload: chunks in, a blob out.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream::Fuse};
use sha2::{Sha384, Sha512};
use wharf_oci::{Algorithm, Descriptor, Digest, MediaType, RepositoryName};
use wharf_storage::{FileWriter, ReadRange, Sync};

use crate::{
    BodyStream, Chunk, Error, UploadId, UploadSession, UploadStatus, blobs,
    layout::PathSpec,
    links,
    local::Store,
    uploads::{hash_state::HashState, holds::HoldGuard},
};

/// An upload, held exclusively through its writer's lock.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: RepositoryName,
    pub(super) store: Arc<Store>,
    pub(super) id: UploadId,
    pub(super) started_at: String,
    pub(super) hold: HoldGuard,
    pub(super) writer: Box<dyn FileWriter>,
    /// The hash of everything that was written.
    pub(super) hash: HashState,
    /// Whether there was no space for what arrived.
    pub(super) out_of_space: bool,
}

#[async_trait]
impl UploadSession for Session {
    fn status(&self) -> UploadStatus {
        UploadStatus {
            id: self.id.clone(),
            offset: self.writer.size(),
            started_at: self.started_at.clone(),
        }
    }

    async fn append(&mut self, chunk: Chunk) -> Result<(), Error> {
        let offset = self.writer.size();
        if let Some(start) = chunk.start.filter(|start| *start != offset) {
            return Err(Error::OffsetMismatch { start, offset });
        }
        // A batch may end because the body did; whoever asks again must hear the same.
        let mut body = chunk.body.fuse();
        let mut received = 0;
        loop {
            let batch = tokio::select! {
                biased;
                batch = next_batch(&mut body) => batch,
                () = self.hold.asked_to_let_go() => {
                    let source = "another request goes on with the upload".into();
                    return Err(Error::BodyInterrupted { source });
                }
            };
            let Some((mut chunks, interrupted)) = batch else {
                break;
            };
            self.hold.arrived();
            let arrived: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
            let room = chunk
                .length
                .map_or(u64::MAX, |announced| announced - received);
            if arrived > room {
                cut_to(&mut chunks, room);
            }
            self.write(chunks).await?;
            received += arrived;
            if let Some(announced) = chunk.length.filter(|announced| received > *announced) {
                return Err(Error::LengthMismatch {
                    announced,
                    actual: received,
                });
            }
            if let Some(source) = interrupted {
                return Err(Error::BodyInterrupted { source });
            }
        }
        match chunk.length.filter(|announced| *announced != received) {
            Some(announced) => Err(Error::LengthMismatch {
                announced,
                actual: received,
            }),
            None => Ok(()),
        }
    }

    async fn suspend(self: Box<Self>) -> Result<UploadStatus, Error> {
        let status = self.status();
        let Self {
            name,
            store,
            id,
            writer,
            hash,
            out_of_space,
            ..
        } = *self;
        // Nobody else could push while it keeps what space there was.
        let upload = PathSpec::Upload(&name, &id).path();
        if out_of_space {
            drop(writer);
            links::delete_if_there(store.driver(), &upload).await?;
            return Ok(status);
        }
        // A state is trusted for the bytes before it, so they are made durable first. After a
        // failed write the two disagree; whoever continues then reads from an older state.
        let closed = writer.close().await;
        closed.map_err(|error| or_unknown(&id, error))?;
        // A state of an upload that was cancelled meanwhile would be a ghost of it for ever.
        let started_at = PathSpec::UploadStartedAt(&name, &id).path();
        let known = store.driver.stat(&started_at).await;
        known.map_err(|error| or_unknown(&id, error))?;
        // The state of nothing needs no file.
        if hash.length() == status.offset && status.offset > 0 {
            let put = put_hash_state(&store, &name, &id, &hash).await;
            if let Err(Error::Storage(wharf_storage::Error::Full { .. })) = put {
                links::delete_if_there(store.driver(), &upload).await?;
            }
            put?;
        }
        Ok(status)
    }

    async fn commit(self: Box<Self>, expected: &Digest) -> Result<Descriptor, Error> {
        let size = self.writer.size();
        if self.hash.length() != size {
            let what = format!(
                "upload {} has {size} bytes, not those that were hashed",
                self.id
            );
            return Err(Error::Damaged { what });
        }
        let content = self.hash.clone().finish();
        let actual = self.digest_as(expected.algorithm(), &content).await?;
        let upload = PathSpec::Upload(&self.name, &self.id).path();
        if actual != *expected {
            drop(self.writer);
            links::forget_if_there(self.store.driver(), &upload).await?;
            return Err(Error::DigestMismatch {
                expected: expected.clone(),
                actual,
            });
        }
        let data = PathSpec::BlobData(&content).path();
        let links = blobs::links_to(&self.store, &self.name, &content, expected);
        let moved = self.writer.commit(&data, links).await;
        moved.map_err(|error| or_unknown(&self.id, error))?;
        // Nothing of an upload must outlive a power cut, so neither must its end.
        if let Err(error) = links::forget_if_there(self.store.driver(), &upload).await {
            // The blob is there, and so is the answer; what is left is purged one day.
            tracing::warn!(error = &error as &dyn std::error::Error,
                vars.name = %self.name, vars.uuid = %self.id, "cannot clear a finished upload away");
        }
        Ok(Descriptor::new(
            MediaType::OCTET_STREAM,
            expected.clone(),
            size,
        ))
    }
}

impl Session {
    /// Writes chunks and hashes them at the same time: the write waits on another thread.
    async fn write(&mut self, chunks: Vec<Bytes>) -> Result<(), Error> {
        let hash = &mut self.hash;
        let hashed = chunks.clone();
        let (written, ()) = tokio::join!(self.writer.write(chunks), async {
            hashed.iter().for_each(|chunk| hash.update(chunk));
        });
        self.out_of_space |= matches!(written, Err(wharf_storage::Error::Full { .. }));
        written.map_err(|error| or_unknown(&self.id, error))
    }

    /// Hashes what was received after the stored state: bytes of a request that was cut off.
    pub(super) async fn catch_up(&mut self) -> Result<(), Error> {
        let behind = self.hash.length();
        if behind == self.writer.size() {
            return Ok(());
        }
        let mut bytes = self.read_from(behind).await?;
        while let Some(chunk) = bytes.try_next().await.map_err(Error::Storage)? {
            self.hash.update(&chunk);
        }
        Ok(())
    }

    /// The digest of the content under an algorithm: what was hashed on the way, or one more
    /// reading for another algorithm.
    async fn digest_as(&self, algorithm: Algorithm, content: &Digest) -> Result<Digest, Error> {
        match algorithm {
            // No upload ends with a digest that nobody can compute; this one would not match.
            Algorithm::Sha256 | Algorithm::Other => Ok(content.clone()),
            Algorithm::Sha384 => self.rehash::<Sha384>(algorithm).await,
            Algorithm::Sha512 => self.rehash::<Sha512>(algorithm).await,
        }
    }

    async fn rehash<H: sha2::Digest + Send>(&self, algorithm: Algorithm) -> Result<Digest, Error> {
        let mut hash = H::new();
        let mut bytes = self.read_from(0).await?;
        while let Some(chunk) = bytes.try_next().await.map_err(Error::Storage)? {
            hash.update(&chunk);
        }
        Ok(Digest::from_hash(algorithm, &hash.finalize()))
    }

    async fn read_from(&self, offset: u64) -> Result<wharf_storage::ByteStream, Error> {
        let data = PathSpec::UploadData(&self.name, &self.id).path();
        let range = ReadRange::From(offset);
        let reader = self.store.driver.reader(&data, range).await;
        let reader = reader.map_err(|error| or_unknown(&self.id, error))?;
        Ok(reader.into_stream())
    }
}

/// An upload whose file is missing while a session holds it was cancelled.
fn or_unknown(id: &UploadId, error: wharf_storage::Error) -> Error {
    match error {
        wharf_storage::Error::NotFound { .. } => Error::UploadUnknown { id: id.clone() },
        error => Error::Storage(error),
    }
}

/// Stores the state of a hash, for whoever continues the upload.
async fn put_hash_state(
    store: &Store,
    name: &RepositoryName,
    id: &UploadId,
    hash: &HashState,
) -> Result<(), Error> {
    let path = PathSpec::UploadHashState(name, id, Algorithm::Sha256, hash.length()).path();
    // Without it the bytes are read once more: not worth a sync.
    store
        .driver
        .put_content(&path, hash.to_stored(), Sync::Lazy)
        .await
        .map_err(Error::Storage)
}

/// What arrived together, and the error that ended it, if one did.
type Batch = (
    Vec<Bytes>,
    Option<Box<dyn std::error::Error + Send + std::marker::Sync>>,
);

/// Waits for bytes, then takes what else is there already, up to [`BATCH`]: a fast client costs
/// few writes, a slow one holds no buffer.
async fn next_batch(body: &mut Fuse<BodyStream>) -> Option<Batch> {
    let mut chunks = Vec::new();
    let mut size = 0;
    let mut next = body.next().await;
    loop {
        match next {
            None if chunks.is_empty() => return None,
            None => return Some((chunks, None)),
            Some(Err(error)) => return Some((chunks, Some(error))),
            Some(Ok(chunk)) => {
                size += chunk.len();
                chunks.push(chunk);
            }
        }
        if size >= BATCH {
            return Some((chunks, None));
        }
        match body.next().now_or_never() {
            None => return Some((chunks, None)),
            Some(ready) => next = ready,
        }
    }
}

/// Keeps the first `length` bytes.
fn cut_to(chunks: &mut Vec<Bytes>, mut length: u64) {
    for chunk in chunks.iter_mut() {
        let kept = length.min(chunk.len() as u64);
        chunk.truncate(kept as usize);
        length -= kept;
    }
    chunks.retain(|chunk| !chunk.is_empty());
}

/// How many bytes are written at once, about: a request's share of memory.
const BATCH: usize = 256 * 1024;

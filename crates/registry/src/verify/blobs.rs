//! The blobs: they are found, and each is read once.

use std::{
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Sha256, Sha384, Sha512};
use wharf_oci::{Algorithm, Digest};
use wharf_storage::{EntryKind, ReadRange, Reader, StoragePath};

use crate::{
    layout::PathSpec,
    progress::Phase,
    trash::Kept,
    verify::{
        Content, Verifier,
        finding::{Fault, Finding},
        joined,
        reading::{meaningless, unreadable},
    },
};

impl Verifier {
    /// Lists all blobs; returns what is wrong with the folders.
    pub(super) async fn find_blobs(self: &Arc<Self>) -> Vec<Finding> {
        self.progress.begin(Phase {
            doing: "finding blobs",
            ..Phase::default()
        });
        let mut findings = Vec::new();
        let mut prefixes = Vec::new();
        let blobs = PathSpec::Blobs.path();
        for algorithm in self.listed(&blobs, &mut findings).await {
            let Ok(known) = algorithm.parse::<Algorithm>() else {
                findings.extend(meaningless(&blobs, &algorithm));
                continue;
            };
            let Ok(folder) = blobs.child(&algorithm) else {
                continue;
            };
            for prefix in self.listed(&folder, &mut findings).await {
                match folder.child(&prefix) {
                    Ok(folder) => prefixes.push((known, folder)),
                    Err(_) => findings.extend(meaningless(&folder, &prefix)),
                }
            }
        }
        let tasks = prefixes.into_iter().map(|(algorithm, folder)| {
            let verifier = Arc::clone(self);
            async move { verifier.find_blobs_in(algorithm, &folder).await }
        });
        let mut done = self.in_parallel(tasks);
        while let Some(found) = done.next().await {
            findings.extend(found);
        }
        findings
    }

    /// Lists the blobs whose digests begin alike.
    async fn find_blobs_in(&self, algorithm: Algorithm, folder: &StoragePath) -> Vec<Finding> {
        let mut findings = Vec::new();
        for name in self.listed(folder, &mut findings).await {
            let digest = format!("{algorithm}:{name}").parse::<Digest>();
            let Some(digest) = digest.ok().filter(|d| d.hex().starts_with(folder.name())) else {
                findings.extend(meaningless(folder, &name));
                continue;
            };
            self.find_leftovers(&PathSpec::Blob(&digest).path(), &mut findings)
                .await;
            let data = PathSpec::BlobData(&digest).path();
            match self.store.driver.stat(&data).await {
                Ok(info) if info.kind == EntryKind::File => {
                    self.contents.found(&digest, info.size);
                    if self.options.content == Content::Sizes {
                        let verdict = judge_size(&digest, info.size);
                        self.contents.judged(&digest, &verdict);
                    }
                    self.progress.add(1);
                }
                Ok(_) => findings.extend(meaningless(&PathSpec::Blob(&digest).path(), "data")),
                // An empty folder is nobody's; a collection tidies it away.
                Err(wharf_storage::Error::NotFound { .. }) => {}
                // Reading it tells the same.
                Err(_) => self.contents.found(&digest, 0),
            }
        }
        findings
    }

    /// Reads all blobs that were found.
    pub(super) async fn read_blobs(self: &Arc<Self>) {
        if self.options.content == Content::Sizes {
            return;
        }
        let (all, bytes) = self.contents.all();
        self.progress.begin(Phase {
            doing: "reading blobs",
            count: Some(all.len() as u64),
            bytes: Some(bytes),
            bytes_are: "read",
        });
        let tasks = all.into_iter().map(|key| {
            let (verifier, digest) = (Arc::clone(self), self.contents.digest(&key));
            async move {
                let verdict = verifier.look_at(&digest).await;
                // What was deleted since it was listed is nobody's.
                if verdict != Err(Fault::Missing) {
                    verifier.contents.judged(&digest, &verdict);
                }
                verifier.progress.add(1);
            }
        });
        let mut done = self.in_parallel(tasks);
        while done.next().await.is_some() {}
    }

    /// What is known of a blob's content, or what a look at it tells: its size, or what is wrong.
    pub(super) async fn judge(&self, digest: &Digest) -> Result<u64, Fault> {
        if let Some(known) = self.contents.known(digest) {
            return known;
        }
        self.look_again(digest).await
    }

    /// Looks at a blob whatever is known of it.
    pub(super) async fn look_again(&self, digest: &Digest) -> Result<u64, Fault> {
        let verdict = self.look_at(digest).await;
        self.contents.judged(digest, &verdict);
        verdict
    }

    /// Looks a second time at a blob that is not whole, before that is told.
    pub(super) async fn confirm(&self, digest: &Digest) {
        if self.contents.is_doubtful(digest) {
            let verdict = self.look_at(digest).await;
            self.contents.judged(digest, &verdict);
            self.contents.confirmed(digest);
        }
    }

    async fn look_at(&self, digest: &Digest) -> Result<u64, Fault> {
        let place = PathSpec::BlobData(digest).path();
        if let Some(verdict) = self.look_at_file(digest, &place).await {
            return verdict;
        }
        let runs = self.store.runs(&PathSpec::Trash.path()).await;
        for run in runs.map_err(|error| unreadable(&error))? {
            let aside = Kept::Blob(digest).aside(&run);
            match self.look_at_file(digest, &aside).await {
                Some(Ok(_)) => return Err(Fault::SetAside),
                Some(fault) => return fault,
                None => {}
            }
        }
        Err(Fault::Missing)
    }

    /// Judges the content of a file; `None` when there is none.
    pub(super) async fn look_at_file(
        &self,
        digest: &Digest,
        path: &StoragePath,
    ) -> Option<Result<u64, Fault>> {
        let driver = &self.store.driver;
        let looked = match self.options.content {
            Content::Whole => match driver.reader(path, ReadRange::Whole).await {
                Ok(reader) => return Some(self.hash(digest, reader).await),
                Err(error) => Err(error),
            },
            Content::Sizes => driver.stat(path).await,
        };
        match looked {
            Ok(info) => Some(judge_size(digest, info.size)),
            Err(wharf_storage::Error::NotFound { .. }) => None,
            Err(error) => Some(Err(unreadable(&error))),
        }
    }

    async fn hash(&self, digest: &Digest, reader: Reader) -> Result<u64, Fault> {
        let size = reader.size;
        judge_size(digest, size)?;
        let algorithm = digest.algorithm();
        let actual = match algorithm {
            Algorithm::Sha256 | Algorithm::Other => {
                self.hash_with::<Sha256>(Algorithm::Sha256, reader).await
            }
            Algorithm::Sha384 => self.hash_with::<Sha384>(algorithm, reader).await,
            Algorithm::Sha512 => self.hash_with::<Sha512>(algorithm, reader).await,
        };
        let actual = actual.map_err(|error| unreadable(&error))?;
        if actual == *digest {
            Ok(size)
        } else {
            Err(Fault::Damaged { actual })
        }
    }

    async fn hash_with<H: sha2::Digest>(
        &self,
        algorithm: Algorithm,
        reader: Reader,
    ) -> Result<Digest, wharf_storage::Error> {
        let mut hash = H::new();
        let mut bytes = reader.into_stream();
        while let Some(chunk) = bytes.try_next().await? {
            hash.update(&chunk);
            self.bytes_read
                .fetch_add(chunk.len() as u64, Ordering::Relaxed);
            self.progress.add_bytes(chunk.len() as u64);
            self.throttle.wait(chunk.len()).await;
        }
        Ok(Digest::from_hash(algorithm, &hash.finalize()))
    }

    /// Runs tasks on the threads there are, so many at a time.
    fn in_parallel<T: Send + 'static>(
        &self,
        tasks: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
    ) -> impl Stream<Item = T> {
        stream::iter(tasks)
            .map(tokio::spawn)
            .buffer_unordered(self.options.jobs.get())
            .map(joined)
    }

    /// Whether something has changed so shortly before that it may be part of a push.
    pub(super) fn is_young(&self, modified: Option<SystemTime>) -> bool {
        let age = modified.and_then(|modified| modified.elapsed().ok());
        age.is_none_or(|age| age < self.options.settled)
    }
}

/// What the size tells of a content: nothing but that of no bytes has none.
fn judge_size(digest: &Digest, size: u64) -> Result<u64, Fault> {
    if size == 0 && *digest != Digest::of(digest.algorithm(), b"") {
        return Err(Fault::Empty);
    }
    Ok(size)
}

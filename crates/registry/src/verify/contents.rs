//! The content of all blobs: each is found, read and judged once, however many repositories have it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::SystemTime,
};

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use wharf_oci::{Algorithm, Digest};
use wharf_storage::{EntryKind, ReadRange, Reader, StoragePath};

use crate::{
    layout::PathSpec,
    progress::Phase,
    trash::Kept,
    verify::{
        Content, Verifier,
        finding::{Fault, Finding, Object},
        unreadable,
    },
};

/// What is known of all blobs: about 100 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Contents {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// What is wrong with those that are not whole.
    faults: HashMap<Key, Known>,
    /// The digests of another algorithm than SHA-256, which their keys do not tell: few.
    others: Vec<Digest>,
}

/// A SHA-256: that which a digest is, or else that of its text.
type Key = [u8; 32];

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    size: u64,
    is_linked: bool,
    is_manifest: bool,
    /// Whether it came so shortly before that whoever pushes it may not have linked it yet.
    is_young: bool,
}

#[derive(Debug, Clone)]
struct Known {
    fault: Fault,
    /// Whether it was looked at twice.
    is_confirmed: bool,
}

/// How something names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// As a config or layer.
    AsLayer,
    /// As a manifest.
    AsManifest,
}

/// A blob that no repository names.
#[derive(Debug)]
pub(super) struct Unnamed {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl Contents {
    /// Remembers that a repository has or names a blob.
    pub(super) fn name(&self, digest: &Digest, named: Named) {
        if let Some(entry) = self.lock().entries.get_mut(&key(digest)) {
            entry.is_linked = true;
            entry.is_manifest |= named == Named::AsManifest;
        }
    }

    /// The blobs that nobody named, but for those that have just come.
    pub(super) fn unnamed(&self) -> Vec<Unnamed> {
        self.select(|entry, _| !entry.is_linked && !entry.is_young)
    }

    /// The blobs that are damaged or empty and that no repository has as a manifest.
    pub(super) fn in_the_way(&self) -> Vec<Unnamed> {
        self.select(|entry, fault| {
            let is_damaged = matches!(fault, Some(Fault::Damaged { .. } | Fault::Empty));
            is_damaged && !entry.is_manifest
        })
    }

    fn select(&self, wanted: impl Fn(&Entry, Option<&Fault>) -> bool) -> Vec<Unnamed> {
        let table = self.lock();
        let others: HashMap<Key, &Digest> = table.others.iter().map(|d| (key(d), d)).collect();
        let mut selected: Vec<Unnamed> = table
            .entries
            .iter()
            .filter(|(key, entry)| wanted(entry, table.faults.get(*key).map(|known| &known.fault)))
            .map(|(key, entry)| Unnamed {
                digest: match others.get(key) {
                    Some(digest) => (*digest).clone(),
                    None => Digest::from_hash(Algorithm::Sha256, key),
                },
                size: entry.size,
            })
            .collect();
        selected.sort_by(|a, b| a.digest.cmp(&b.digest));
        selected
    }

    fn all(&self) -> Vec<Unnamed> {
        self.select(|_, _| true)
    }

    pub(super) fn count(&self) -> u64 {
        self.lock().entries.len() as u64
    }

    fn found(&self, digest: &Digest, size: u64, is_young: bool) {
        let mut table = self.lock();
        let entry = Entry {
            size,
            is_young,
            ..Entry::default()
        };
        if table.entries.insert(key(digest), entry).is_none()
            && digest.algorithm() != Algorithm::Sha256
        {
            table.others.push(digest.clone());
        }
    }

    fn judged(&self, digest: &Digest, verdict: &Result<u64, Fault>) {
        let is_known = self.lock().entries.contains_key(&key(digest));
        if let (Ok(size), false) = (verdict, is_known) {
            // It has come since the blobs were listed.
            self.found(digest, *size, true);
        }
        let mut table = self.lock();
        match verdict {
            Ok(size) => {
                table.faults.remove(&key(digest));
                if let Some(entry) = table.entries.get_mut(&key(digest)) {
                    entry.size = *size;
                }
            }
            Err(fault) => {
                let known = Known {
                    fault: fault.clone(),
                    is_confirmed: false,
                };
                table.faults.insert(key(digest), known);
            }
        }
    }

    /// What is known of a blob. That one is missing is never known: it may have come.
    fn known(&self, digest: &Digest) -> Option<Result<u64, Fault>> {
        let table = self.lock();
        match table.faults.get(&key(digest)) {
            Some(known) if known.fault == Fault::Missing => None,
            Some(known) => Some(Err(known.fault.clone())),
            None => table.entries.get(&key(digest)).map(|entry| Ok(entry.size)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while it holds the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
                    let is_young = self.is_young(info.modified);
                    self.contents.found(&digest, info.size, is_young);
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
                Err(_) => self.contents.found(&digest, 0, false),
            }
        }
        findings
    }

    /// Reads all blobs that were found.
    pub(super) async fn read_blobs(self: &Arc<Self>) {
        if self.options.content == Content::Sizes {
            return;
        }
        let all = self.contents.all();
        self.progress.begin(Phase {
            doing: "reading blobs",
            count: Some(all.len() as u64),
            bytes: Some(all.iter().map(|blob| blob.size).sum()),
            bytes_are: "read",
        });
        let tasks = all.into_iter().map(|blob| {
            let verifier = Arc::clone(self);
            async move {
                let verdict = verifier.look_at(&blob.digest).await;
                // What was deleted since it was listed is nobody's.
                if verdict != Err(Fault::Missing) {
                    verifier.contents.judged(&blob.digest, &verdict);
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
        let is_doubtful = {
            let mut table = self.contents.lock();
            let known = table.faults.get_mut(&key(digest));
            known.is_some_and(|known| !std::mem::replace(&mut known.is_confirmed, true))
        };
        if is_doubtful && self.look_again(digest).await.is_err() {
            let mut table = self.contents.lock();
            if let Some(known) = table.faults.get_mut(&key(digest)) {
                known.is_confirmed = true;
            }
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
            .map(super::joined)
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

/// An entry whose name means nothing in its folder.
pub(super) fn meaningless(folder: &StoragePath, name: &str) -> Option<Finding> {
    // A name that is no component of a path is told by its folder.
    let path = folder.child(name).unwrap_or_else(|_| folder.clone());
    Some(Finding {
        repository: None,
        tags: Vec::new(),
        named_by: Vec::new(),
        object: Object::Path(path),
        fault: Fault::NameMeaningless,
    })
}

fn key(digest: &Digest) -> Key {
    let mut key = [0; 32];
    let hex = digest.hex().as_bytes();
    if digest.algorithm() != Algorithm::Sha256 || hex.len() != 64 {
        key.copy_from_slice(&Sha256::digest(digest.as_str().as_bytes()));
        return key;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.wrapping_sub(b'a').wrapping_add(10),
    };
    for (byte, pair) in key.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    key
}

//! Referrers: the manifests that are about another one, found by their subject (OCI
//! distribution-spec, Listing Referrers).
//!
//! Each manifest with a subject has a link below that subject. The links are written with the
//! manifest; those of manifests that another registry stored are made when somebody first asks.
//! That covers what clients list in a fallback tag too, since all of it is in the repository.
//! A link is a hint: what is told comes out of the manifests, when it is told.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use wharf_oci::{Descriptor, Digest, Manifest, ManifestKind, RepositoryName};
use wharf_storage::{ListPage, Sync, WriteMode};

use crate::{
    Error, Listing, ReferrersRequest,
    layout::PathSpec,
    links,
    local::{LocalRepository, PAGE},
};

/// The manifests that were looked at for a subject since this process began, by the hash of
/// repository and digest.
#[derive(Debug, Default)]
pub(crate) struct Indexed {
    seen: Mutex<HashMap<RepositoryName, Seen>>,
    hasher: RandomState,
    /// How often something was forgotten: what was looked at before counts for nothing after.
    forgotten: AtomicU64,
}

/// The manifests of one repository that were looked at.
#[derive(Debug)]
struct Seen {
    /// How often something had been forgotten when this was begun.
    since: u64,
    digests: HashSet<u64>,
}

impl LocalRepository {
    /// Puts a manifest into the list of its subject, if it has one.
    pub(crate) async fn add_referrer(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(subject) = manifest.subject() else {
            return Ok(());
        };
        let digest = manifest.digest();
        let link = PathSpec::ReferrerLink(&self.name, &subject.digest, digest).path();
        links::write(self.store.driver(), &link, digest).await
    }

    /// Takes a manifest out of the list of its subject, if it has one.
    pub(crate) async fn remove_referrer(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(subject) = manifest.subject() else {
            return Ok(());
        };
        self.store.indexed.forget(&self.name, manifest.digest());
        let folder = PathSpec::Referrer(&self.name, &subject.digest, manifest.digest()).path();
        links::delete_if_there(self.store.driver(), &folder).await?;
        Ok(())
    }

    /// A page of the manifests whose subject this is.
    pub(crate) async fn list_referrers(
        &self,
        subject: &Digest,
        request: ReferrersRequest,
    ) -> Result<Listing<Descriptor>, Error> {
        self.index_what_others_stored().await?;
        let ReferrersRequest {
            after,
            limit,
            artifact_type,
        } = request;
        let mut items: Vec<Descriptor> = Vec::new();
        let mut size = 0;
        let mut links = Links::of(self, subject, after).await?;
        while let Some(digest) = links.next(self).await? {
            let Some(descriptor) = self.referrer(&digest, subject).await? else {
                continue;
            };
            if artifact_type.is_some() && descriptor.artifact_type != artifact_type {
                continue;
            }
            size += size_of(&descriptor);
            if items.len() == limit || (size > PAGE_SIZE && !items.is_empty()) {
                return Ok(Listing { items, more: true });
            }
            items.push(descriptor);
        }
        Ok(Listing { items, more: false })
    }

    /// Describes a manifest, if it is there and is about the subject.
    async fn referrer(
        &self,
        digest: &Digest,
        subject: &Digest,
    ) -> Result<Option<Descriptor>, Error> {
        let manifest = match self.stored(digest).await {
            Ok(manifest) => manifest,
            Err(Error::ManifestUnknown { .. }) => return Ok(None),
            Err(error @ Error::Damaged { .. }) => {
                tracing::warn!(error = &error as &dyn std::error::Error, vars.name = %self.name,
                    "a referrer is not listed");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let about = manifest.subject().map(|subject| &subject.digest);
        Ok((about == Some(subject)).then(|| describe(&manifest)))
    }

    /// Looks for subjects in the manifests that are not known yet. When nothing has changed since
    /// the last time, that costs two or three lookups.
    async fn index_what_others_stored(&self) -> Result<(), Error> {
        let revisions = self.revisions_state().await?;
        let marker = PathSpec::ReferrersIndexed(&self.name).path();
        let known = match self.store.driver.get_content(&marker).await {
            Ok(states) => Some(states).filter(|states| states.len() < LONGEST_MARKER),
            Err(wharf_storage::Error::NotFound { .. }) => None,
            Err(error) => return Err(Error::Storage(error)),
        };
        let last = known.as_ref().and_then(|states| last_line(states));
        if last.is_some() && last == revisions.as_deref() {
            return Ok(());
        }
        let all = self.revisions().await?;
        if all.is_empty() {
            return Ok(());
        }
        let mut since = self.store.indexed.since(&self.name);
        if known.is_none() {
            // The links may be gone as well, so all are made anew. Whoever deletes them while that
            // is done deletes this file too, and what is appended to it then is in vain.
            since = self.store.indexed.forget_all(&self.name);
            let begun = Bytes::from_static(UNSETTLED);
            let put = self.store.driver.put_content(&marker, begun, Sync::Lazy);
            if let Err(error) = put.await {
                self.not_noted(&error);
            }
        }
        let note = self.store.driver.writer(&marker, WriteMode::Append).await;
        // A link without content may get it back, and no folder's time would tell.
        let mut whole = true;
        for digest in &all {
            if !self.store.indexed.is_new(&self.name, digest, since) {
                continue;
            }
            match self.stored(digest).await {
                Ok(manifest) => self.add_missing_referrer(&manifest).await?,
                Err(Error::ManifestUnknown { .. } | Error::Damaged { .. }) => {
                    whole = false;
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.store.indexed.add(&self.name, digest, since);
        }
        // What cannot be told apart later is not noted, and looked at again.
        let Some(state) = revisions.filter(|_| whole) else {
            return Ok(());
        };
        let noted = match note {
            Ok(mut note) => note.write(vec![Bytes::from(state)]).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            self.not_noted(&error);
        }
        Ok(())
    }

    /// Whether all manifests are in the lists of their subjects, as far as anybody who asks for a
    /// list looks: what is missing then stays missing.
    pub(crate) async fn is_indexed(&self) -> Result<bool, Error> {
        let marker = PathSpec::ReferrersIndexed(&self.name).path();
        let states = match self.store.driver.get_content(&marker).await {
            Ok(states) => states,
            Err(wharf_storage::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(Error::Storage(error)),
        };
        let revisions = self.revisions_state().await?;
        let last = last_line(&states).filter(|_| states.len() < LONGEST_MARKER);
        Ok(last.is_some() && last == revisions.as_deref())
    }

    /// Puts a manifest into the list of its subject, if it is not there.
    async fn add_missing_referrer(&self, manifest: &Manifest) -> Result<(), Error> {
        let Some(subject) = manifest.subject() else {
            return Ok(());
        };
        let link = PathSpec::ReferrerLink(&self.name, &subject.digest, manifest.digest()).path();
        if self.store.exists(&link).await? {
            return Ok(());
        }
        self.add_referrer(manifest).await
    }

    /// On a full or read-only store the manifests are looked at again next time.
    fn not_noted(&self, error: &wharf_storage::Error) {
        tracing::debug!(error = error as &dyn std::error::Error,
            vars.name = %self.name, "cannot note that the referrers are indexed");
    }

    /// A text that changes whenever a manifest is added; `None` when the last change is so recent
    /// that another one could bear the same time.
    async fn revisions_state(&self) -> Result<Option<Vec<u8>>, Error> {
        let settled = SystemTime::now() - SETTLED;
        let revisions = PathSpec::Revisions(&self.name).path();
        let mut state = String::new();
        for algorithm in self.store.list(&revisions, ListPage::all()).await? {
            let Ok(folder) = revisions.child(&algorithm.name) else {
                continue;
            };
            let modified = match self.store.driver.stat(&folder).await {
                Ok(info) => info.modified,
                Err(wharf_storage::Error::NotFound { .. }) => continue,
                Err(error) => return Err(Error::Storage(error)),
            };
            let Some(modified) = modified.filter(|modified| *modified < settled) else {
                return Ok(None);
            };
            let since = modified
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            state.push_str(&format!("{} {} ", algorithm.name, since.as_nanos()));
        }
        state.push('\n');
        Ok(Some(state.into_bytes()))
    }

    /// The manifests that the repository links.
    async fn revisions(&self) -> Result<Vec<Digest>, Error> {
        let folder = PathSpec::Revisions(&self.name).path();
        let found = crate::garbage_collect::digests_in(&self.store, &folder).await?;
        Ok(found.digests().collect())
    }
}

/// The links below a subject, in the order of their digests.
#[derive(Debug)]
struct Links {
    subject: Digest,
    /// The algorithms still to be listed, last first.
    algorithms: Vec<String>,
    after: Option<String>,
    page: std::vec::IntoIter<Digest>,
}

impl Links {
    async fn of(
        local: &LocalRepository,
        subject: &Digest,
        after: Option<Digest>,
    ) -> Result<Self, Error> {
        let folder = PathSpec::Referrers(&local.name, subject).path();
        let entries = local.store.list(&folder, ListPage::all()).await?;
        let mut algorithms: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        let mut begin = None;
        if let Some(after) = after {
            let algorithm = after.algorithm().as_str();
            algorithms.retain(|listed| listed.as_str() >= algorithm);
            if algorithms.first().is_some_and(|first| first == algorithm) {
                begin = Some(after.hex().to_owned());
            }
        }
        algorithms.reverse();
        Ok(Self {
            subject: subject.clone(),
            algorithms,
            after: begin,
            page: Vec::new().into_iter(),
        })
    }

    async fn next(&mut self, local: &LocalRepository) -> Result<Option<Digest>, Error> {
        loop {
            if let Some(digest) = self.page.next() {
                return Ok(Some(digest));
            }
            let Some(algorithm) = self.algorithms.last() else {
                return Ok(None);
            };
            let folder = PathSpec::Referrers(&local.name, &self.subject).path();
            let Ok(folder) = folder.child(algorithm) else {
                self.algorithms.pop();
                continue;
            };
            let page = ListPage {
                after: self.after.take(),
                limit: PAGE,
            };
            let entries = local.store.list(&folder, page).await?;
            let digests: Vec<Digest> = entries
                .iter()
                .filter_map(|entry| format!("{algorithm}:{}", entry.name).parse().ok())
                .collect();
            match entries.last() {
                Some(last) if entries.len() == PAGE => self.after = Some(last.name.clone()),
                _ => {
                    self.algorithms.pop();
                }
            }
            self.page = digests.into_iter();
        }
    }
}

impl Indexed {
    /// What a pass over a repository is to hold its findings against.
    fn since(&self, name: &RepositoryName) -> u64 {
        let begun = || Seen {
            since: self.forgotten.load(Ordering::Relaxed),
            digests: HashSet::new(),
        };
        let mut all = self.lock();
        all.entry(name.clone()).or_insert_with(begun).since
    }

    fn is_new(&self, name: &RepositoryName, digest: &Digest, since: u64) -> bool {
        let hash = self.hasher.hash_one(digest);
        let known = |seen: &Seen| seen.since == since && seen.digests.contains(&hash);
        !self.lock().get(name).is_some_and(known)
    }

    fn add(&self, name: &RepositoryName, digest: &Digest, since: u64) {
        let hash = self.hasher.hash_one(digest);
        let mut all = self.lock();
        if all.values().map(|seen| seen.digests.len()).sum::<usize>() >= MOST_SEEN {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
            all.clear();
        }
        // A pass that began before the links were deleted has found them still there.
        if let Some(seen) = all.get_mut(name).filter(|seen| seen.since == since) {
            seen.digests.insert(hash);
        }
    }

    fn forget(&self, name: &RepositoryName, digest: &Digest) {
        let hash = self.hasher.hash_one(digest);
        if let Some(seen) = self.lock().get_mut(name) {
            seen.digests.remove(&hash);
        }
    }

    /// Forgets a repository; returns what a pass that begins now is to hold its findings against.
    fn forget_all(&self, name: &RepositoryName) -> u64 {
        let since = self.forgotten.fetch_add(1, Ordering::Relaxed) + 1;
        let begun = Seen {
            since,
            digests: HashSet::new(),
        };
        self.lock().insert(name.clone(), begun);
        since
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RepositoryName, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last whole line of a text, with its end.
fn last_line(text: &[u8]) -> Option<&[u8]> {
    let body = text.strip_suffix(b"\n")?;
    let begin = body.iter().rposition(|byte| *byte == b'\n');
    Some(&text[begin.map_or(0, |end| end + 1)..])
}

/// The entry of a list: type and annotations as the specification derives them.
fn describe(manifest: &Manifest) -> Descriptor {
    let artifact_type = match (manifest.artifact_type(), manifest.kind()) {
        (Some(told), _) => Some(told.to_owned()),
        (None, ManifestKind::Image { config, .. }) => Some(config.media_type.to_string()),
        (
            None,
            ManifestKind::Index { .. } | ManifestKind::Other { .. } | ManifestKind::Schema1 { .. },
        ) => None,
    };
    Descriptor {
        artifact_type,
        annotations: manifest.annotations().clone(),
        ..manifest.descriptor()
    }
}

/// About how many bytes a descriptor has as JSON, where a character may take six of them.
fn size_of(descriptor: &Descriptor) -> usize {
    let written = |text: &String| {
        let extra = |byte: u8| match byte {
            0..=0x1f | b'<' | b'>' | b'&' => 5,
            b'"' | b'\\' => 1,
            _ => 0,
        };
        text.len() + text.bytes().map(extra).sum::<usize>() + 4
    };
    let annotations = descriptor.annotations.iter();
    400 + annotations
        .map(|(key, value)| written(key) + written(value))
        .sum::<usize>()
}

/// How many bytes a page may have: clients take manifests of 4 MiB at least (OCI-5.6), and a list
/// is read like one.
const PAGE_SIZE: usize = 3 * 1024 * 1024;
/// How long ago a folder must have changed, so that another change would give it another time:
/// the coarsest clock of a file system ticks every two seconds.
const SETTLED: Duration = Duration::from_secs(3);
/// What stands in the note before all manifests were looked at.
const UNSETTLED: &[u8] = b"unsettled\n";
/// How long the note may become, in bytes, before all manifests are looked at again.
const LONGEST_MARKER: usize = 64 * 1024;
/// How many manifests are remembered to have been looked at: 16 bytes each, about.
const MOST_SEEN: usize = 500_000;

#[cfg(test)]
mod tests;

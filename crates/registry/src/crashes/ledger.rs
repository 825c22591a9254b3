//! What a client was told, and whether the store keeps to it.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::{Digest, Manifest, Tag};

use crate::{
    Error, ListRequest, ReferrersRequest, Registry,
    testing::{TestRegistry, pull_blob, tag},
};

/// What a client knows of the store.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    /// What each tag may point at, by repository and tag: one answer, or those before and after a
    /// change that was not acknowledged.
    tags: BTreeMap<(String, Tag), BTreeSet<Option<Digest>>>,
    manifests: BTreeMap<(String, Digest), Told>,
    blobs: BTreeMap<(String, Digest), Told>,
    /// Every manifest that was ever pushed.
    known: BTreeMap<Digest, Manifest>,
}

/// What a client was told of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It is there.
    There,
    /// It is deleted.
    Gone,
    /// Nothing for sure: something is being done, or is allowed to be done, to it.
    Nothing,
}

/// The store does not keep to what a client was told.
pub(super) type Violation = String;

impl Ledger {
    pub(super) fn blob_is_pushed(&mut self, repository: &str, digest: &Digest) {
        let told = self.blobs.entry((repository.to_owned(), digest.clone()));
        told.or_insert(Told::Nothing);
    }

    pub(super) fn blob_is_there(&mut self, repository: &str, digest: &Digest) {
        let key = (repository.to_owned(), digest.clone());
        self.blobs.insert(key, Told::There);
    }

    pub(super) fn manifest_is_pushed(
        &mut self,
        repository: &str,
        manifest: &Manifest,
        to: Option<&str>,
    ) {
        let digest = manifest.digest();
        self.known.insert(digest.clone(), manifest.clone());
        let key = (repository.to_owned(), digest.clone());
        let told = self.manifests.entry(key).or_insert(Told::Nothing);
        if *told == Told::Gone {
            *told = Told::Nothing;
        }
        if let Some(to) = to {
            let key = (repository.to_owned(), tag(to));
            let points = self.tags.entry(key);
            let points = points.or_insert_with(|| [None].into());
            points.insert(Some(digest.clone()));
        }
    }

    pub(super) fn manifest_is_there(
        &mut self,
        repository: &str,
        manifest: &Manifest,
        to: Option<&str>,
    ) {
        let digest = manifest.digest();
        let key = (repository.to_owned(), digest.clone());
        self.manifests.insert(key, Told::There);
        if let Some(to) = to {
            let key = (repository.to_owned(), tag(to));
            self.tags.insert(key, [Some(digest.clone())].into());
        }
    }

    pub(super) fn tag_is_deleted(&mut self, repository: &str, at: &str) {
        let points = self.tags.entry((repository.to_owned(), tag(at)));
        points.or_default().insert(None);
    }

    pub(super) fn tag_is_gone(&mut self, repository: &str, at: &str) {
        let key = (repository.to_owned(), tag(at));
        self.tags.insert(key, [None].into());
    }

    pub(super) fn manifest_is_deleted(&mut self, repository: &str, digest: &Digest) {
        let key = (repository.to_owned(), digest.clone());
        self.manifests.insert(key, Told::Nothing);
        for ((of, _), points) in &mut self.tags {
            if of == repository && points.contains(&Some(digest.clone())) {
                points.insert(None);
            }
        }
    }

    pub(super) fn manifest_is_gone(&mut self, repository: &str, digest: &Digest) {
        let key = (repository.to_owned(), digest.clone());
        self.manifests.insert(key, Told::Gone);
        for ((of, _), points) in &mut self.tags {
            if of == repository {
                points.remove(&Some(digest.clone()));
            }
        }
    }

    /// From here on blobs that no manifest names may go; what manifests name is still needed.
    pub(super) fn unnamed_may_go(&mut self) {
        self.blobs
            .values_mut()
            .for_each(|told| *told = Told::Nothing);
    }

    /// From here on manifests may go too that no tag reaches.
    pub(super) fn untagged_may_go(&mut self) {
        self.unnamed_may_go();
        let reached = self.reached();
        for (key, told) in &mut self.manifests {
            if *told == Told::There && !reached.contains(key) {
                *told = Told::Nothing;
            }
        }
    }

    /// The manifests that a tag reaches for sure: down an index, and from a subject to what is about it.
    fn reached(&self) -> BTreeSet<(String, Digest)> {
        let mut reached = BTreeSet::new();
        let tags = self.tags.iter().filter(|(_, points)| points.len() == 1);
        let mut pending: Vec<(String, Digest)> = tags
            .flat_map(|((of, _), points)| {
                points.iter().flatten().map(|to| (of.clone(), to.clone()))
            })
            .collect();
        while let Some((of, digest)) = pending.pop() {
            if !reached.insert((of.clone(), digest.clone())) {
                continue;
            }
            let parts = self.known[&digest].references();
            let children = parts.filter(|part| part.media_type.is_manifest());
            pending.extend(children.map(|part| (of.clone(), part.digest.clone())));
            let about = |manifest: &&Manifest| {
                let subject = manifest.subject();
                subject.is_some_and(|subject| subject.digest == digest)
            };
            let referrers = self.known.values().filter(about);
            pending.extend(referrers.map(|manifest| (of.clone(), manifest.digest().clone())));
        }
        reached
    }

    /// Looks whether the store keeps to all that was told.
    pub(super) async fn check(&self, test: &TestRegistry) -> Result<(), Violation> {
        for ((repository, digest), told) in &self.manifests {
            match told {
                Told::There => self.expect_whole(test, repository, digest).await?,
                Told::Gone => expect_gone(test, repository, digest).await?,
                Told::Nothing => {}
            }
        }
        for ((repository, digest), told) in &self.blobs {
            let pulled = pull_blob(&test.repository(repository), digest).await;
            match pulled {
                Ok(bytes) if Digest::of(digest.algorithm(), &bytes) == *digest => {}
                Err(Error::BlobUnknown { .. }) if *told != Told::There => {}
                Ok(bytes) => return Err(format!("{digest} has {} other bytes", bytes.len())),
                Err(error) => return Err(format!("{repository}: {digest}: {error:?}")),
            }
        }
        for (key, points) in &self.tags {
            self.check_tag(test, key, points).await?;
        }
        self.check_lists(test).await
    }

    async fn check_tag(
        &self,
        test: &TestRegistry,
        (repository, tag): &(String, Tag),
        points: &BTreeSet<Option<Digest>>,
    ) -> Result<(), Violation> {
        let found = match test.repository(repository).tags.resolve(tag).await {
            Ok(digest) => Some(digest),
            Err(Error::ManifestUnknown { .. }) => None,
            Err(error) => return Err(format!("{repository}:{tag}: {error:?}")),
        };
        if !points.contains(&found) {
            return Err(format!(
                "{repository}:{tag} is at {found:?}, not one of {points:?}"
            ));
        }
        match found {
            Some(digest) => self.expect_whole(test, repository, &digest).await,
            None => Ok(()),
        }
    }

    async fn check_lists(&self, test: &TestRegistry) -> Result<(), Violation> {
        let all = || ListRequest {
            after: None,
            limit: None,
        };
        let catalog = test.registry.catalog(all()).await;
        let catalog = catalog
            .map_err(|error| format!("catalog: {error:?}"))?
            .items;
        for ((repository, digest), told) in &self.manifests {
            let listed = catalog.iter().any(|name| name.as_str() == repository);
            if *told == Told::There && !listed {
                return Err(format!(
                    "{repository} is not in the catalog, but has {digest}"
                ));
            }
            let subject = self.known[digest].subject();
            let Some(subject) = subject.filter(|_| *told == Told::There) else {
                continue;
            };
            let request = ReferrersRequest {
                after: None,
                limit: 100,
                artifact_type: None,
            };
            let manifests = test.repository(repository).manifests;
            let referrers = manifests.referrers(&subject.digest, request).await;
            let referrers = referrers.map_err(|error| format!("referrers: {error:?}"))?;
            if !referrers.items.iter().any(|item| item.digest == *digest) {
                return Err(format!("{digest} is not listed as a referrer"));
            }
        }
        for name in catalog {
            let repository = test.repository(name.as_str());
            let tags = repository.tags.list(all()).await;
            let tags = tags.map_err(|error| format!("tags of {name}: {error:?}"))?;
            for tag in tags.items {
                let points = self.tags.get(&(name.to_string(), tag.clone()));
                if points.is_none_or(|points| points.iter().all(Option::is_none)) {
                    return Err(format!("{name}:{tag} is listed, and nobody pushed it"));
                }
            }
        }
        Ok(())
    }

    /// Pulls a manifest and all that it names.
    async fn expect_whole(
        &self,
        test: &TestRegistry,
        repository: &str,
        digest: &Digest,
    ) -> Result<(), Violation> {
        let of = test.repository(repository);
        let mut pending = vec![digest.clone()];
        while let Some(digest) = pending.pop() {
            let lacks = |error| format!("{repository} lacks manifest {digest}: {error:?}");
            let manifest = of.manifests.get(&digest).await.map_err(lacks)?;
            for part in manifest.references() {
                if part.media_type.is_manifest() {
                    pending.push(part.digest.clone());
                    continue;
                }
                let lacks = |error| format!("{repository} lacks {}: {error:?}", part.digest);
                let bytes = pull_blob(&of, &part.digest).await.map_err(lacks)?;
                if Digest::of(part.digest.algorithm(), &bytes) != part.digest {
                    return Err(format!("{} has {} other bytes", part.digest, bytes.len()));
                }
            }
        }
        Ok(())
    }
}

async fn expect_gone(
    test: &TestRegistry,
    repository: &str,
    digest: &Digest,
) -> Result<(), Violation> {
    match test.repository(repository).manifests.get(digest).await {
        Err(Error::ManifestUnknown { .. }) => Ok(()),
        found => Err(format!("{repository}: {digest} was deleted: {found:?}")),
    }
}

//! Marking: what is kept, found from the manifests.

use std::collections::{BTreeMap, HashMap, HashSet};

use wharf_oci::{Digest, Manifest, RepositoryName, Tag};
use wharf_storage::ListPage;

use crate::{
    Error, ListRequest, TagService, blobs,
    catalog::Walk,
    garbage_collect::{CollectEvent, Untagged},
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
};

/// The result of marking.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Everything that is kept, by the digest it is stored under.
    pub(super) kept: HashSet<Digest>,
    /// Manifests that are garbage.
    pub(super) manifests: Vec<UntaggedManifest>,
    /// The repositories that were seen.
    pub(super) repositories: Vec<RepositoryName>,
    /// Manifests that could not be understood.
    pub(super) broken: Vec<String>,
}

/// A manifest that no tag reaches.
#[derive(Debug)]
pub(super) struct UntaggedManifest {
    pub(super) name: RepositoryName,
    pub(super) digest: Digest,
    /// All tags of its repository; their histories may mention it.
    pub(super) tags: Vec<Tag>,
}

type Observer<'a> = &'a mut (dyn FnMut(CollectEvent<'_>) + Send);

impl Marks {
    /// Walks all repositories and marks what each keeps.
    pub(super) async fn find(
        store: &std::sync::Arc<Store>,
        untagged: Untagged,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let mut marks = Self::default();
        let mut walk = Walk::begin(store, None).await?;
        while let Some(folder) = walk.next_folder().await? {
            walk.push(folder.clone(), None).await?;
            let Ok(name) = folder.parse::<RepositoryName>() else {
                continue;
            };
            let local = LocalRepository {
                name,
                store: std::sync::Arc::clone(store),
            };
            marks.mark_repository(&local, untagged, observe).await?;
        }
        Ok(marks)
    }

    async fn mark_repository(
        &mut self,
        local: &LocalRepository,
        untagged: Untagged,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let revisions = revisions(local).await?;
        self.repositories.push(local.name.clone());
        if revisions.is_empty() {
            return Ok(());
        }
        observe(CollectEvent::Repository(&local.name));
        let mut marking = Marking {
            local,
            manifests: self.read_all(local, &revisions).await?,
            marked: HashSet::new(),
        };
        let tags = match untagged {
            Untagged::Keep => {
                for digest in &revisions {
                    self.follow(&mut marking, digest.clone(), observe).await?;
                }
                return Ok(());
            }
            Untagged::Delete => tags(local).await?,
        };
        if tags.is_empty() {
            observe(CollectEvent::NoTags(&local.name));
        }
        for digest in tags.values().flatten() {
            if marking.manifests.contains_key(digest) {
                self.follow(&mut marking, digest.clone(), observe).await?;
            }
        }
        self.follow_subjects(&mut marking, &revisions, observe)
            .await?;
        let names: Vec<Tag> = tags.into_keys().collect();
        for digest in revisions {
            if !marking.marked.contains(&digest) {
                self.manifests.push(UntaggedManifest {
                    name: local.name.clone(),
                    digest,
                    tags: names.clone(),
                });
            }
        }
        Ok(())
    }

    /// Reads every manifest of a repository. One whose bytes are gone names nothing; one that
    /// cannot be understood might name anything, and is kept.
    async fn read_all(
        &mut self,
        local: &LocalRepository,
        revisions: &[Digest],
    ) -> Result<HashMap<Digest, Option<Manifest>>, Error> {
        let mut manifests = HashMap::new();
        for digest in revisions {
            let read = crate::ManifestService::get(local, digest).await;
            let manifest = match read {
                Ok(manifest) => Some(manifest),
                Err(Error::ManifestUnknown { .. }) => {
                    tracing::warn!(vars.name = %local.name, vars.digest = %digest,
                        "manifest is linked but has no content");
                    None
                }
                Err(Error::Damaged { what }) => {
                    self.broken.push(format!("{}: {what}", local.name));
                    None
                }
                Err(error) => return Err(error),
            };
            manifests.insert(digest.clone(), manifest);
        }
        Ok(manifests)
    }

    /// Keeps a manifest, all it names, and the children it names to any depth.
    async fn follow(
        &mut self,
        marking: &mut Marking<'_>,
        root: Digest,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let name = &marking.local.name;
        let mut pending = vec![root];
        while let Some(digest) = pending.pop() {
            if !marking.marked.insert(digest.clone()) {
                continue;
            }
            observe(CollectEvent::MarkingManifest(name, &digest));
            self.kept.insert(digest.clone());
            let Some(Some(manifest)) = marking.manifests.get(&digest) else {
                continue;
            };
            for part in manifest.references() {
                let stored = stored_as(marking.local, &part.digest).await?;
                if self.kept.insert(stored.clone()) {
                    observe(CollectEvent::MarkingBlob(name, &stored));
                }
                if marking.manifests.contains_key(&part.digest) {
                    pending.push(part.digest.clone());
                }
            }
        }
        Ok(())
    }

    /// Keeps what is attached to something kept: signatures, attestations, and what is attached
    /// to those.
    async fn follow_subjects(
        &mut self,
        marking: &mut Marking<'_>,
        revisions: &[Digest],
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        loop {
            let attached: Vec<Digest> = revisions
                .iter()
                .filter(|digest| !marking.marked.contains(digest) && marking.is_attached(digest))
                .cloned()
                .collect();
            if attached.is_empty() {
                return Ok(());
            }
            for digest in attached {
                self.follow(marking, digest, observe).await?;
            }
        }
    }
}

/// Marking within one repository.
struct Marking<'a> {
    local: &'a LocalRepository,
    manifests: HashMap<Digest, Option<Manifest>>,
    marked: HashSet<Digest>,
}

impl Marking<'_> {
    fn is_attached(&self, digest: &Digest) -> bool {
        let manifest = self.manifests.get(digest).and_then(Option::as_ref);
        let subject = manifest.and_then(Manifest::subject);
        subject.is_some_and(|subject| self.marked.contains(&subject.digest))
    }
}

/// The manifests that a repository links.
async fn revisions(local: &LocalRepository) -> Result<Vec<Digest>, Error> {
    let folder = PathSpec::Revisions(&local.name).path();
    let mut found = Vec::new();
    for digest in digests_in(&local.store, &folder).await? {
        let link = PathSpec::RevisionLink(&local.name, &digest).path();
        if links::read(local.store.driver(), &link).await?.is_some() {
            found.push(digest);
        }
    }
    Ok(found)
}

/// The digests that name the folders two levels down: `<algorithm>/<hex>`.
pub(super) async fn digests_in(
    store: &Store,
    folder: &wharf_storage::StoragePath,
) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for algorithm in store.list(folder, ListPage::all()).await? {
        let Ok(below) = folder.child(&algorithm.name) else {
            continue;
        };
        for entry in store.list(&below, ListPage::all()).await? {
            if let Ok(digest) = format!("{}:{}", algorithm.name, entry.name).parse() {
                digests.push(digest);
            }
        }
    }
    Ok(digests)
}

async fn tags(local: &LocalRepository) -> Result<BTreeMap<Tag, Option<Digest>>, Error> {
    let every = ListRequest {
        after: None,
        limit: None,
    };
    let mut tags = BTreeMap::new();
    for tag in local.list(every).await?.items {
        let current = PathSpec::TagCurrentLink(&local.name, &tag).path();
        let digest = links::read(local.store.driver(), &current).await?;
        tags.insert(tag, digest);
    }
    Ok(tags)
}

/// The digest that the bytes of a part are stored under: content pushed as sha512 is kept by its
/// sha256.
async fn stored_as(local: &LocalRepository, digest: &Digest) -> Result<Digest, Error> {
    if digest.algorithm() == wharf_oci::Algorithm::Sha256 {
        return Ok(digest.clone());
    }
    let linked = blobs::linked(&local.store, &local.name, digest).await?;
    Ok(linked.unwrap_or_else(|| digest.clone()))
}

//! Marking: what is kept, found from the manifests.

use std::collections::{BTreeMap, HashMap, HashSet};

use wharf_oci::{Digest, Manifest, RepositoryName, Tag};
use wharf_storage::{EntryKind, ListPage, StoragePath};

use crate::{
    Error, blobs,
    catalog::Walk,
    garbage_collect::{CollectEvent, Untagged},
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
    manifests,
    trash::Kept,
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
    /// What could not be understood.
    pub(super) broken: Vec<String>,
}

/// A manifest that no tag reaches.
#[derive(Debug)]
pub(super) struct UntaggedManifest {
    pub(super) name: RepositoryName,
    pub(super) digest: Digest,
    /// All tags of its repository; their histories may mention it.
    pub(super) tags: Vec<Tag>,
    /// What it is about, whose list of referrers mentions it.
    pub(super) subject: Option<Digest>,
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
                // The name of a host alone, whose repositories are the folders in it; what is too
                // long was passed by.
                let folder = PathSpec::RepositoryFolder(&folder).path();
                let entries = store.list(&folder, ListPage::all()).await?;
                let holds_manifests = entries.iter().any(|entry| entry.name == "_manifests");
                if holds_manifests && !walk.passed_by.contains(&folder) {
                    marks.keep_foreign(store, &folder).await?;
                }
                continue;
            };
            let local = LocalRepository {
                name,
                store: std::sync::Arc::clone(store),
            };
            marks.mark_repository(&local, untagged, observe).await?;
        }
        for folder in walk.passed_by {
            for foreign in foreign_repositories(store, folder).await? {
                marks.keep_foreign(store, &foreign).await?;
            }
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
        // Looked at before the manifests: a tag that is set later was set by a push, which looks
        // after its manifest itself.
        let trash = PathSpec::RepositoryTrash(&local.name).path();
        let has_trash = !local.store.runs(&trash).await?.is_empty();
        if revisions.is_empty() && !has_trash {
            return Ok(());
        }
        observe(CollectEvent::Repository(&local.name));
        let broken = self.broken.len();
        let mut marking = Marking {
            local,
            has_trash,
            manifests: self.read_all(local, &revisions).await?,
            marked: HashSet::new(),
        };
        if self.broken.len() > broken {
            return self.keep_all(&mut marking, &revisions, observe).await;
        }
        let tags = match untagged {
            Untagged::Keep => {
                for digest in &revisions {
                    self.follow(&mut marking, digest.clone(), observe).await?;
                }
                // A push that was cut off may have tagged what was set aside.
                if marking.has_trash {
                    for digest in tags(local).await?.into_values().flatten() {
                        self.follow(&mut marking, digest, observe).await?;
                    }
                }
                return Ok(());
            }
            Untagged::Delete => tags(local).await?,
        };
        if tags.is_empty() {
            observe(CollectEvent::NoTags(&local.name));
        }
        for digest in tags.values().flatten() {
            // It may have come since the others were listed.
            if self.look_up(&mut marking, digest).await? {
                self.follow(&mut marking, digest.clone(), observe).await?;
            }
        }
        self.follow_subjects(&mut marking, &revisions, observe)
            .await?;
        let names: Vec<Tag> = tags.into_keys().collect();
        for digest in revisions {
            if !marking.marked.contains(&digest) {
                let named = marking.manifests.get(&digest);
                self.manifests.push(UntaggedManifest {
                    subject: named.and_then(|named| named.subject.clone()),
                    name: local.name.clone(),
                    digest,
                    tags: names.clone(),
                });
            }
        }
        Ok(())
    }

    /// Keeps everything that a repository has, since what cannot be read in it may name any of it.
    /// What it does not have, nobody could pull from it.
    async fn keep_all(
        &mut self,
        marking: &mut Marking<'_>,
        revisions: &[Digest],
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let local = marking.local;
        let (store, name) = (&local.store, &local.name);
        for digest in revisions {
            self.follow(marking, digest.clone(), observe).await?;
        }
        let mut folders = vec![PathSpec::Layers(name).path()];
        for run in store.runs(&PathSpec::RepositoryTrash(name).path()).await? {
            folders.push(PathSpec::TrashLayers(name, &run).path());
            for digest in digests_in(store, &PathSpec::TrashRevisions(name, &run).path()).await? {
                if self.look_up(marking, &digest).await? {
                    self.follow(marking, digest, observe).await?;
                }
            }
        }
        for folder in folders {
            for digest in digests_in(store, &folder).await? {
                let stored = stored_as(local, &digest).await?;
                if self.kept.insert(stored.clone()) {
                    observe(CollectEvent::MarkingBlob(name, &stored));
                }
            }
        }
        Ok(())
    }

    /// Keeps everything that a repository has whose name is not accepted, and names it.
    async fn keep_foreign(&mut self, store: &Store, folder: &StoragePath) -> Result<(), Error> {
        self.broken.push(not_accepted(folder));
        for links in [&["_layers"][..], &["_manifests", "revisions"]] {
            let mut links_folder = folder.clone();
            for component in links {
                // These words are components.
                links_folder = links_folder
                    .child(component)
                    .unwrap_or_else(|_| links_folder.clone());
            }
            for digest in digests_in(store, &links_folder).await? {
                // Content pushed as sha512 is kept by its sha256.
                let link = [digest.algorithm().as_str(), digest.hex(), "link"]
                    .iter()
                    .try_fold(links_folder.clone(), |path, component| {
                        path.child(component)
                    });
                if let Ok(link) = link {
                    self.kept.extend(links::read(store.driver(), &link).await?);
                }
                self.kept.insert(digest);
            }
        }
        Ok(())
    }

    /// Reads every manifest of a repository. One whose bytes are gone names nothing; one that
    /// cannot be understood might name anything, so that nothing can be deleted.
    async fn read_all(
        &mut self,
        local: &LocalRepository,
        revisions: &[Digest],
    ) -> Result<HashMap<Digest, Named>, Error> {
        let mut manifests = HashMap::new();
        for digest in revisions {
            let named = match manifests::read(&local.store, digest, digest).await {
                Ok(Some(manifest)) => Named::by(&manifest),
                Ok(None) => {
                    tracing::warn!(vars.name = %local.name, vars.digest = %digest,
                        "manifest is linked but has no content");
                    Named::default()
                }
                Err(Error::Damaged { what }) => {
                    self.broken.push(format!("{}: {what}", local.name));
                    Named::default()
                }
                Err(error) => return Err(error),
            };
            manifests.insert(digest.clone(), named);
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
        let local = marking.local;
        let name = &local.name;
        let mut pending = vec![root];
        while let Some(digest) = pending.pop() {
            if !marking.marked.insert(digest.clone()) {
                continue;
            }
            // What is not in its place can only be in the trash.
            let is_there = marking.manifests.contains_key(&digest)
                || marking.has_trash && self.look_up(marking, &digest).await?;
            if !is_there {
                continue;
            }
            observe(CollectEvent::MarkingManifest(name, &digest));
            self.kept.insert(digest.clone());
            let Some(named) = marking.manifests.get(&digest) else {
                continue;
            };
            for part in &named.parts {
                let stored = stored_as(marking.local, part).await?;
                if self.kept.insert(stored.clone()) {
                    observe(CollectEvent::MarkingBlob(name, &stored));
                }
                pending.push(part.clone());
            }
        }
        Ok(())
    }

    /// Makes sure that a manifest which is named was read, if the repository has it: it may have
    /// been set aside, and is moved back then. Tells whether there is one.
    async fn look_up(&mut self, marking: &mut Marking<'_>, digest: &Digest) -> Result<bool, Error> {
        if marking.manifests.contains_key(digest) {
            return Ok(true);
        }
        let local = marking.local;
        let link = local
            .store
            .link(Kept::Revision(&local.name, digest))
            .await?;
        if link.is_none() {
            return Ok(false);
        }
        let read = self.read_all(local, std::slice::from_ref(digest)).await?;
        marking.manifests.extend(read);
        Ok(true)
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
    has_trash: bool,
    manifests: HashMap<Digest, Named>,
    marked: HashSet<Digest>,
}

/// What a manifest names.
#[derive(Debug, Default)]
struct Named {
    parts: Vec<Digest>,
    subject: Option<Digest>,
}

impl Named {
    fn by(manifest: &Manifest) -> Self {
        Self {
            parts: manifest.references().map(|p| p.digest.clone()).collect(),
            subject: manifest.subject().map(|s| s.digest.clone()),
        }
    }
}

impl Marking<'_> {
    fn is_attached(&self, digest: &Digest) -> bool {
        let named = self.manifests.get(digest);
        let subject = named.and_then(|named| named.subject.as_ref());
        subject.is_some_and(|subject| self.marked.contains(subject))
    }
}

/// The manifests that a repository links. A link that a power cut has emptied counts as well: its
/// folder tells the digest, and whoever pushes the manifest again is to find its parts.
async fn revisions(local: &LocalRepository) -> Result<Vec<Digest>, Error> {
    let folder = PathSpec::Revisions(&local.name).path();
    let mut found = Vec::new();
    for digest in digests_in(&local.store, &folder).await? {
        let link = PathSpec::RevisionLink(&local.name, &digest).path();
        if local.store.exists(&link).await? {
            found.push(digest);
        }
    }
    Ok(found)
}

/// The digests that name the folders two levels down: `<algorithm>/<hex>`.
pub(crate) async fn digests_in(store: &Store, folder: &StoragePath) -> Result<Vec<Digest>, Error> {
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

/// Each tag, and the manifest it keeps. One whose link was emptied by a power cut may have pointed
/// at any that it ever pointed at, and keeps them all.
async fn tags(local: &LocalRepository) -> Result<BTreeMap<Tag, Vec<Digest>>, Error> {
    let (store, name) = (&local.store, &local.name);
    let mut tags = BTreeMap::new();
    for entry in store
        .list(&PathSpec::Tags(name).path(), ListPage::all())
        .await?
    {
        let Ok(tag) = entry.name.parse::<Tag>() else {
            continue;
        };
        let current = PathSpec::TagCurrentLink(name, &tag).path();
        let kept = match links::read(store.driver(), &current).await? {
            Some(digest) => vec![digest],
            None if store.exists(&current).await? => {
                digests_in(store, &PathSpec::TagHistory(name, &tag).path()).await?
            }
            None => Vec::new(),
        };
        tags.insert(tag, kept);
    }
    Ok(tags)
}

fn not_accepted(folder: &StoragePath) -> String {
    format!("{folder}: holds manifests under a name that is not accepted")
}

/// The folders with manifests, in or below one whose name is none of a repository: Distribution
/// takes more names than this registry does.
async fn foreign_repositories(
    store: &Store,
    folder: StoragePath,
) -> Result<Vec<StoragePath>, Error> {
    let (mut found, mut pending) = (Vec::new(), vec![folder]);
    while let Some(folder) = pending.pop() {
        for entry in store.list(&folder, ListPage::all()).await? {
            if entry.name == "_manifests" {
                found.push(folder.clone());
            }
            if entry.kind == EntryKind::Folder && !entry.name.starts_with('_') {
                pending.extend(folder.child(&entry.name));
            }
        }
    }
    Ok(found)
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

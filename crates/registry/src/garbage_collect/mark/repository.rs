//! Marking in one repository.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use wharf_oci::{Digest, Manifest, Tag};
use wharf_storage::{EntryKind, ListPage};

use crate::{
    Error, blobs,
    compact::{Compact, DigestSet},
    garbage_collect::{
        CollectEvent, Effect, Untagged,
        mark::{Heard, Marks, Seen, UntaggedManifests, digests_in},
    },
    layout::PathSpec,
    links::{self, Link},
    local::LocalRepository,
    manifests,
    tags::READ_AT_ONCE,
    trash::Kept,
};

/// Marking within one repository.
struct Marking<'a, 'heard> {
    local: &'a LocalRepository,
    effect: Effect,
    marks: &'a mut Marks,
    heard: &'a mut Heard<'heard>,
    /// Whether something was set aside here, and may be named.
    has_trash: bool,
    /// The manifests that are linked, sorted.
    revisions: Vec<Compact>,
    /// The manifests that are kept, and those that are named and not there.
    marked: DigestSet,
    /// How many manifests are kept.
    kept: usize,
    /// The manifests that are linked and whose bytes are gone.
    without_content: DigestSet,
    /// Whether something here might name anything.
    is_broken: bool,
    /// What could not be understood, each once.
    broken: BTreeSet<String>,
}

/// Marks what a repository keeps, and finds its untagged manifests.
pub(super) async fn mark(
    marks: &mut Marks,
    local: LocalRepository,
    untagged: Untagged,
    effect: Effect,
    heard: &mut Heard<'_>,
) -> Result<Seen, Error> {
    // Looked at before the manifests: a tag that is set later was set by a push, which looks after
    // its manifest itself.
    let trash = PathSpec::RepositoryTrash(&local.name).path();
    let mut marking = Marking {
        has_trash: !local.store.runs(&trash).await?.is_empty(),
        local: &local,
        effect,
        marks,
        heard,
        revisions: Vec::new(),
        marked: DigestSet::default(),
        kept: 0,
        without_content: DigestSet::default(),
        is_broken: false,
        broken: BTreeSet::new(),
    };
    marking.list_revisions().await?;
    if !marking.revisions.is_empty() || marking.has_trash || marking.is_broken {
        marking.heard.tell(CollectEvent::Repository(&local.name));
        match untagged {
            Untagged::Keep => marking.keep_tagged_or_not().await?,
            Untagged::Delete => marking.keep_what_tags_reach().await?,
        }
    }
    let Marking {
        marks,
        broken,
        kept: manifests,
        has_trash,
        ..
    } = marking;
    marks.broken.extend(broken);
    Ok(Seen {
        name: local.name,
        manifests,
        has_trash,
    })
}

impl Marking<'_, '_> {
    /// Lists the manifests that the repository links. A link that a power cut has emptied counts as
    /// well: its folder tells the digest, and whoever pushes the manifest again is to find its
    /// parts.
    async fn list_revisions(&mut self) -> Result<(), Error> {
        let local = self.local;
        let folder = PathSpec::Revisions(&local.name).path();
        let found = digests_in(&local.store, &folder).await?;
        for other in found.others {
            // Its link may lead to a manifest for all that anybody knows.
            self.is_broken = true;
            self.tell_broken(format_args!("{other}: the folder's name is no digest"));
        }
        for compact in found.compact {
            let digest = compact.digest();
            let link = PathSpec::RevisionLink(&local.name, &digest).path();
            match local.store.size(&link).await? {
                Some(0) => self.tell_broken(format_args!("the link of manifest {digest} is empty")),
                Some(_) => {}
                None => continue,
            }
            self.revisions.push(compact);
        }
        self.revisions.sort_unstable();
        Ok(())
    }

    async fn keep_tagged_or_not(&mut self) -> Result<(), Error> {
        self.keep_revisions().await?;
        for (tag, digest) in &tags_and_digests(&self.tags().await?) {
            self.follow_tag(tag, digest).await?;
        }
        if self.has_trash {
            self.follow_subjects().await?;
        }
        if self.is_broken {
            self.keep_links().await?;
        }
        Ok(())
    }

    async fn keep_what_tags_reach(&mut self) -> Result<(), Error> {
        let tags = self.tags().await?;
        if tags.is_empty() {
            self.heard.tell(CollectEvent::NoTags(&self.local.name));
        }
        for (tag, digest) in &tags_and_digests(&tags) {
            self.follow_tag(tag, digest).await?;
        }
        let subjects = self.follow_subjects().await?;
        if self.is_broken {
            self.keep_revisions().await?;
            return self.keep_links().await;
        }
        let mut manifests = Vec::new();
        for compact in std::mem::take(&mut self.revisions) {
            if !self.marked.contains(&compact.digest()) {
                let subject = subjects.get(&compact).cloned();
                manifests.push((compact, subject));
            }
        }
        if !manifests.is_empty() {
            self.marks.untagged.push(UntaggedManifests {
                name: self.local.name.clone(),
                tags: tags.into_keys().collect(),
                manifests,
            });
        }
        Ok(())
    }

    /// Keeps all manifests that the repository links.
    async fn keep_revisions(&mut self) -> Result<(), Error> {
        let mut next = 0;
        while let Some(revision) = self.revisions.get(next) {
            self.follow(revision.digest()).await?;
            next += 1;
        }
        Ok(())
    }

    /// Keeps every blob that the repository links, here or in the trash, since what cannot be read
    /// in it may name any of them. What it does not link, nobody could pull from it.
    async fn keep_links(&mut self) -> Result<(), Error> {
        let local = self.local;
        let (store, name) = (&local.store, &local.name);
        let mut folders = vec![PathSpec::Layers(name).path()];
        for run in store.runs(&PathSpec::RepositoryTrash(name).path()).await? {
            folders.push(PathSpec::TrashLayers(name, &run).path());
            let aside = PathSpec::TrashRevisions(name, &run).path();
            for digest in digests_in(store, &aside).await?.digests() {
                if self.is_linked(&digest).await? {
                    self.follow(digest).await?;
                }
            }
        }
        for folder in folders {
            for digest in digests_in(store, &folder).await?.digests() {
                self.keep(&stored_as(self.local, &digest).await?);
            }
        }
        Ok(())
    }

    /// Keeps a blob.
    fn keep(&mut self, stored: &Digest) {
        if self.marks.kept.insert(stored) {
            let name = &self.local.name;
            self.heard.tell(CollectEvent::MarkingBlob(name, stored));
        }
    }

    /// Keeps what a tag names. Where that is not whole, it might name anything that the repository
    /// has.
    async fn follow_tag(&mut self, tag: &Tag, digest: &Digest) -> Result<(), Error> {
        let local = self.local;
        // It may have come since the others were listed.
        if self.is_linked(digest).await? {
            self.follow(digest.clone()).await?;
            if self.without_content.contains(digest) {
                self.is_broken = true;
                self.tell_broken(format_args!("tag {tag}: manifest {digest} has no content"));
            }
            return Ok(());
        }
        let current = PathSpec::TagCurrentLink(&local.name, tag).path();
        if links::read(local.store.driver(), &current).await?.as_ref() != Some(digest) {
            // It was deleted meanwhile, as tags are before their manifest, or is one of several that
            // a damaged tag may have pointed at.
            return Ok(());
        }
        self.is_broken = true;
        self.tell_broken(format_args!(
            "tag {tag}: the repository has no link to manifest {digest}"
        ));
        if let Some(manifest) = self.read(digest).await? {
            self.keep(digest);
            for part in manifest.references() {
                self.keep(&stored_as(local, &part.digest).await?);
                self.follow(part.digest.clone()).await?;
            }
        }
        Ok(())
    }

    /// Keeps a manifest, all it names, and the children it names to any depth. Returns what is
    /// named now that was not before.
    async fn follow(&mut self, root: Digest) -> Result<Vec<Compact>, Error> {
        let local = self.local;
        let mut named = Vec::new();
        let mut pending = vec![root];
        while let Some(digest) = pending.pop() {
            if !self.marked.insert(&digest) {
                continue;
            }
            named.push(Compact::from(&digest));
            // What is not in its place can only be in the trash.
            let is_there =
                self.is_revision(&digest) || self.has_trash && self.is_linked(&digest).await?;
            if !is_there {
                continue;
            }
            let name = &local.name;
            self.heard
                .tell(CollectEvent::MarkingManifest(name, &digest));
            self.heard.progress.add(1);
            self.kept += 1;
            self.marks.kept.insert(&digest);
            let Some(manifest) = self.read(&digest).await? else {
                continue;
            };
            for part in manifest.references() {
                self.keep(&stored_as(local, &part.digest).await?);
                pending.push(part.digest.clone());
            }
        }
        Ok(named)
    }

    fn is_revision(&self, digest: &Digest) -> bool {
        self.revisions.binary_search(&digest.into()).is_ok()
    }

    /// Whether the repository has a manifest: one that is named may have been set aside, and is
    /// moved back then.
    async fn is_linked(&mut self, digest: &Digest) -> Result<bool, Error> {
        let compact = Compact::from(digest);
        let Err(place) = self.revisions.binary_search(&compact) else {
            return Ok(true);
        };
        let link = Kept::Revision(&self.local.name, digest);
        let store = &self.local.store;
        let is_linked = match self.effect {
            Effect::Delete => store.link(link).await?,
            // Nothing is moved back by who only looks.
            Effect::Report => store.peek_link(link).await?,
        };
        let is_linked = is_linked.is_some();
        if is_linked {
            self.revisions.insert(place, compact);
        }
        Ok(is_linked)
    }

    /// Reads a manifest. One whose bytes are gone names nothing; one that cannot be understood
    /// might name anything, so that all that the repository has is kept.
    async fn read(&mut self, digest: &Digest) -> Result<Option<Manifest>, Error> {
        let store = &self.local.store;
        let read = match self.effect {
            Effect::Delete => manifests::read(store, digest, digest).await,
            Effect::Report => manifests::read_in_place(store, digest).await,
        };
        match read {
            Ok(Some(manifest)) => return Ok(Some(manifest)),
            Ok(None) => {
                tracing::warn!(vars.name = %self.local.name, vars.digest = %digest,
                    "manifest is linked but has no content");
                self.without_content.insert(digest);
            }
            Err(Error::Damaged { what }) => {
                self.is_broken = true;
                self.tell_broken(format_args!("{what}"));
            }
            Err(Error::Storage(wharf_storage::Error::Io { source, .. })) => {
                self.is_broken = true;
                self.tell_broken(format_args!("manifest {digest} cannot be read: {source}"));
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    fn tell_broken(&mut self, what: fmt::Arguments<'_>) {
        self.broken.insert(format!("{}: {what}", self.local.name));
    }

    /// Keeps what is attached to something kept: signatures, attestations, and what is attached to
    /// those. Returns what each manifest is about that was not kept by a tag.
    async fn follow_subjects(&mut self) -> Result<HashMap<Compact, Compact>, Error> {
        let mut subjects = HashMap::new();
        let mut attached: HashMap<Compact, Vec<Digest>> = HashMap::new();
        let mut next = 0;
        while let Some(revision) = self.revisions.get(next) {
            next += 1;
            let digest = revision.digest();
            if self.marked.contains(&digest) {
                continue;
            }
            let manifest = self.read(&digest).await?;
            if let Some(subject) = manifest.as_ref().and_then(Manifest::subject) {
                let subject = Compact::from(&subject.digest);
                subjects.insert(Compact::from(&digest), subject.clone());
                attached.entry(subject).or_default().push(digest);
            }
        }
        // What was set aside with a subject that has come back since comes back with it.
        for (digest, subject) in self.subjects_aside().await? {
            attached.entry(subject).or_default().push(digest);
        }
        // Whoever is kept for its subject may be the subject of others, or name some that are.
        let is_kept = |subject: &&Compact| self.marked.contains(&subject.digest());
        let mut kept: Vec<Compact> = attached.keys().filter(is_kept).cloned().collect();
        while let Some(subject) = kept.pop() {
            for digest in attached.remove(&subject).unwrap_or_default() {
                kept.extend(self.follow(digest).await?);
            }
        }
        Ok(subjects)
    }

    /// The manifests in the trash that are about others, each with its subject. They are read where
    /// they are: what nobody wants back stays there, until its lease is over.
    async fn subjects_aside(&mut self) -> Result<Vec<(Digest, Compact)>, Error> {
        let mut subjects = Vec::new();
        if !self.has_trash {
            return Ok(subjects);
        }
        let (store, name) = (&self.local.store, &self.local.name);
        for run in store.runs(&PathSpec::RepositoryTrash(name).path()).await? {
            let aside = PathSpec::TrashRevisions(name, &run).path();
            for digest in digests_in(store, &aside).await?.digests() {
                if self.marked.contains(&digest) {
                    continue;
                }
                let manifest = manifests::peek(store, &digest).await?;
                if let Some(subject) = manifest.as_ref().and_then(Manifest::subject) {
                    subjects.push((digest, Compact::from(&subject.digest)));
                }
            }
        }
        Ok(subjects)
    }

    /// Each tag, and the manifest it keeps. One whose link was emptied by a power cut may have
    /// pointed at any that it ever pointed at, and keeps them all.
    async fn tags(&mut self) -> Result<BTreeMap<Tag, Vec<Digest>>, Error> {
        let local = self.local;
        let (store, name) = (&local.store, &local.name);
        let folder = PathSpec::Tags(name).path();
        let mut names = Vec::new();
        for entry in store.list(&folder, ListPage::all()).await? {
            match entry.name.parse::<Tag>() {
                Ok(tag) => names.push(tag),
                Err(_) if entry.kind == EntryKind::Folder => {
                    // It may be a tag for others.
                    self.is_broken = true;
                    let name = &entry.name;
                    self.tell_broken(format_args!("the folder {name:?} is no tag"));
                }
                Err(_) => {}
            }
        }
        let mut tags = BTreeMap::new();
        for some in names.chunks(READ_AT_ONCE) {
            for (tag, link) in some.iter().zip(local.current_links(some).await?) {
                let kept = match link {
                    Link::To(digest) => vec![digest],
                    Link::Damaged => {
                        let history = PathSpec::TagHistory(name, tag).path();
                        let history = digests_in(store, &history).await?;
                        self.is_broken |= history.compact.is_empty();
                        self.tell_broken(format_args!("the link of tag {tag} holds no digest"));
                        history.digests().collect()
                    }
                    Link::Missing => Vec::new(),
                };
                tags.insert(tag.clone(), kept);
            }
        }
        Ok(tags)
    }
}

/// Each tag with each manifest that it keeps.
fn tags_and_digests(tags: &BTreeMap<Tag, Vec<Digest>>) -> Vec<(Tag, Digest)> {
    let each = |(tag, digests): (&Tag, &Vec<Digest>)| {
        let tag = tag.clone();
        let pairs = digests
            .iter()
            .map(move |digest| (tag.clone(), digest.clone()));
        pairs.collect::<Vec<_>>()
    };
    tags.iter().flat_map(each).collect()
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

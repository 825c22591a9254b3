//! Marking: what is kept, found from the manifests.
//!
//! Of each repository one list of digests is in memory while it is marked, and nothing of a manifest
//! but what is told here; so memory does not grow with the sizes of manifests.

mod digests;
mod repository;

use std::sync::Arc;

use wharf_oci::{RepositoryName, Tag};
use wharf_storage::{EntryKind, ListPage, StoragePath};

pub(crate) use self::digests::digests_in;

use crate::{
    Error,
    catalog::Walk,
    compact::{Compact, DigestSet},
    garbage_collect::{CollectEvent, Effect, Untagged},
    layout::PathSpec,
    links,
    local::{LocalRepository, Store},
    progress::{Phase, Progress},
};

/// The result of marking.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Everything that is kept, by the digest it is stored under.
    pub(super) kept: DigestSet,
    /// Manifests that are garbage.
    pub(super) untagged: Vec<UntaggedManifests>,
    /// The repositories that were seen: each is behind the folders that it is in.
    pub(super) repositories: Vec<Seen>,
    /// The folders with the name of a host, which only hold repositories.
    pub(super) hosts: Vec<StoragePath>,
    /// What could not be understood.
    pub(super) broken: Vec<String>,
}

/// A repository that was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) name: RepositoryName,
    /// How many manifests it keeps.
    pub(super) manifests: usize,
    /// Whether something was set aside in it.
    pub(super) has_trash: bool,
}

/// The manifests of a repository that no tag reaches.
#[derive(Debug)]
pub(super) struct UntaggedManifests {
    pub(super) name: RepositoryName,
    /// All tags of the repository; their histories may mention the manifests.
    pub(super) tags: Vec<Tag>,
    /// In their order, each with what it is about, whose list of referrers mentions it.
    pub(super) manifests: Vec<(Compact, Option<Compact>)>,
}

/// Who is told what happens.
pub(super) struct Heard<'a> {
    /// Hears of each step.
    pub(super) observe: &'a mut (dyn FnMut(CollectEvent<'_>) + Send),
    /// Counts.
    pub(super) progress: &'a Progress,
}

impl Heard<'_> {
    pub(super) fn tell(&mut self, event: CollectEvent<'_>) {
        (self.observe)(event);
    }
}

impl Marks {
    /// Walks all repositories and marks what each keeps.
    pub(super) async fn find(
        store: &Arc<Store>,
        untagged: Untagged,
        effect: Effect,
        heard: &mut Heard<'_>,
    ) -> Result<Self, Error> {
        heard.progress.begin(Phase {
            doing: "marking manifests",
            ..Phase::default()
        });
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
                marks.hosts.push(folder);
                continue;
            };
            let local = LocalRepository {
                name,
                store: Arc::clone(store),
            };
            let seen = repository::mark(&mut marks, local, untagged, effect, heard).await?;
            marks.repositories.push(seen);
        }
        for folder in walk.passed_by {
            for foreign in foreign_repositories(store, folder).await? {
                marks.keep_foreign(store, &foreign).await?;
            }
        }
        Ok(marks)
    }

    /// Marks for those who want to know only what is named, whatever the tags.
    pub(super) async fn of_all_manifests(
        store: &Arc<Store>,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let observe = &mut |_: CollectEvent<'_>| {};
        Self::find(
            store,
            Untagged::Keep,
            Effect::Delete,
            &mut Heard { observe, progress },
        )
        .await
    }

    pub(super) fn manifests(&self) -> usize {
        self.untagged.iter().map(|u| u.manifests.len()).sum()
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
            for digest in digests_in(store, &links_folder).await?.digests() {
                // Content pushed as sha512 is kept by its sha256.
                let link = [digest.algorithm().as_str(), digest.hex(), "link"]
                    .iter()
                    .try_fold(links_folder.clone(), |path, component| {
                        path.child(component)
                    });
                if let Ok(link) = link
                    && let Some(content) = links::read(store.driver(), &link).await?
                {
                    self.kept.insert(&content);
                }
                self.kept.insert(&digest);
            }
        }
        Ok(())
    }
}

/// Moves back what tags reach in a repository by now, with what is attached to it.
pub(super) async fn move_back_reached(
    store: &Arc<Store>,
    name: &RepositoryName,
) -> Result<(), Error> {
    let local = LocalRepository {
        name: name.clone(),
        store: Arc::clone(store),
    };
    let (observe, progress) = (&mut |_: CollectEvent<'_>| {}, &Progress::default());
    let heard = &mut Heard { observe, progress };
    repository::mark(
        &mut Marks::default(),
        local,
        Untagged::Delete,
        Effect::Delete,
        heard,
    )
    .await?;
    Ok(())
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

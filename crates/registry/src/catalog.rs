//! The catalog: which repositories there are, found by walking their folders in order.

use std::collections::VecDeque;

use wharf_oci::RepositoryName;
use wharf_storage::{EntryKind, ListPage, StoragePath};

use crate::{
    Error, ListRequest, Listing,
    layout::PathSpec,
    local::{FIRST_LOOK, PAGE, Store, next_limit},
};

/// A folder on the way: what is left to visit in it.
#[derive(Debug)]
struct Folder {
    /// Its components joined with `/`; empty for the top.
    path: String,
    /// Names read and not visited yet.
    names: VecDeque<String>,
    /// The last name read, while more may follow it.
    continues_after: Option<String>,
    /// How many entries are read next.
    limit: usize,
}

/// Lists a page of the repositories that hold a manifest.
///
/// The walk goes straight down to where the page begins: folders that lie before it are not
/// opened, no more of a folder is asked for than the page can take, and the walk ends at the first
/// repository after the page.
pub(crate) async fn list(
    store: &Store,
    request: ListRequest,
) -> Result<Listing<RepositoryName>, Error> {
    let mut items = Vec::new();
    if request.limit == Some(0) {
        return Ok(Listing { items, more: false });
    }
    // One more than asked for tells whether more follows.
    let limit = request
        .limit
        .map_or(PAGE, |limit| limit.saturating_add(1))
        .clamp(FIRST_LOOK, PAGE);
    let mut walk = Walk::begin_reading(store, request.after.as_deref(), limit).await?;
    while let Some(name) = walk.next().await? {
        if request.limit.is_some_and(|limit| items.len() == limit) {
            return Ok(Listing { items, more: true });
        }
        items.push(name);
    }
    Ok(Listing { items, more: false })
}

/// Visits the repositories in the order of [`RepositoryName`].
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    store: &'a Store,
    stack: Vec<Folder>,
    /// How many entries of a folder are read first.
    limit: usize,
    /// Folders that were passed by, since they cannot be or hold a repository of ours.
    pub(crate) passed_by: Vec<StoragePath>,
}

impl<'a> Walk<'a> {
    /// Begins after `last`, which need not exist.
    pub(crate) async fn begin(store: &'a Store, last: Option<&str>) -> Result<Self, Error> {
        Self::begin_reading(store, last, PAGE).await
    }

    /// The same, reading so many entries of a folder first.
    async fn begin_reading(
        store: &'a Store,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Self, Error> {
        let mut walk = Self {
            store,
            stack: Vec::new(),
            limit,
            passed_by: Vec::new(),
        };
        // What follows `a/b`: first what is in a/b, then a's entries after b, then those after a.
        let mut path = String::new();
        for component in last.into_iter().flat_map(|last| last.split('/')) {
            walk.push(path.clone(), Some(component.to_owned())).await?;
            if !is_component(&path, component) {
                return Ok(walk);
            }
            join(&mut path, component);
        }
        walk.push(path, None).await?;
        Ok(walk)
    }

    /// The next repository that holds a manifest.
    pub(crate) async fn next(&mut self) -> Result<Option<RepositoryName>, Error> {
        while let Some(folder) = self.next_folder().await? {
            self.push(folder.clone(), None).await?;
            let Ok(name) = folder.parse::<RepositoryName>() else {
                continue;
            };
            if self.store.has_manifests(&name).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The next folder that could be a repository, whatever it holds.
    pub(crate) async fn next_folder(&mut self) -> Result<Option<String>, Error> {
        while let Some(folder) = self.stack.last_mut() {
            if let Some(name) = folder.names.pop_front() {
                let mut path = folder.path.clone();
                join(&mut path, &name);
                return Ok(Some(path));
            }
            match folder.continues_after.take() {
                None => {
                    self.stack.pop();
                }
                after => {
                    let (path, limit) = (folder.path.clone(), next_limit(folder.limit));
                    let read = self.read(path, after, limit).await?;
                    if let Some(folder) = self.stack.last_mut() {
                        *folder = read;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Puts a folder on the stack, to be visited before what is on it.
    pub(crate) async fn push(&mut self, path: String, after: Option<String>) -> Result<(), Error> {
        if path.len() > RepositoryName::MAX_LENGTH {
            let folder = PathSpec::RepositoryFolder(&path).path();
            self.passed_by.push(folder);
            return Ok(());
        }
        let folder = self.read(path, after, self.limit).await?;
        self.stack.push(folder);
        Ok(())
    }

    async fn read(
        &mut self,
        path: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Folder, Error> {
        let folder = PathSpec::RepositoryFolder(&path).path();
        let page = ListPage { after, limit };
        let mut entries = self.store.list(&folder, page).await?;
        let continues_after = match entries.last() {
            Some(last) if entries.len() == limit => Some(last.name.clone()),
            _ => None,
        };
        entries.retain(|entry| entry.kind == EntryKind::Folder && !entry.name.starts_with('_'));
        let mut names = VecDeque::with_capacity(entries.len());
        for entry in entries {
            if is_component(&path, &entry.name) {
                names.push_back(entry.name);
            } else {
                self.passed_by.extend(folder.child(&entry.name));
            }
        }
        Ok(Folder {
            path,
            names,
            continues_after,
            limit,
        })
    }
}

/// Whether a folder's name can be the next component of a repository's name.
fn is_component(path: &str, name: &str) -> bool {
    if path.is_empty() {
        RepositoryName::can_begin_with(name)
    } else {
        name.parse::<RepositoryName>().is_ok()
    }
}

fn join(path: &mut String, component: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(component);
}

#[cfg(test)]
mod tests;

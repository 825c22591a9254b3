//! Tags: names that point at manifests.

use async_trait::async_trait;
use wharf_oci::{Digest, Precondition, Reference, Tag};
use wharf_storage::{EntryKind, ListPage};

use crate::{
    Error, ListRequest, Listing, TagService,
    layout::PathSpec,
    links::{self, Link},
    local::{FIRST_LOOK, LocalRepository, next_limit},
    manifests,
};

#[async_trait]
impl TagService for LocalRepository {
    async fn resolve(&self, tag: &Tag) -> Result<Digest, Error> {
        let current = PathSpec::TagCurrentLink(&self.name, tag).path();
        links::read(self.store.driver(), &current)
            .await?
            .ok_or_else(|| self.unknown_tag(tag))
    }

    async fn list(&self, request: ListRequest) -> Result<Listing<Tag>, Error> {
        let ListRequest { after, limit } = request;
        let from_the_start = after.is_none();
        // One more than asked for tells whether more follows.
        let wanted = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
        let mut items = self.read_tags(after, wanted).await?;
        if items.is_empty()
            && !self.store.has_manifests(&self.name).await?
            && (from_the_start || self.read_tags(None, 1).await?.is_empty())
        {
            return Err(Error::RepositoryUnknown {
                name: self.name.clone(),
            });
        }
        let limit = limit.unwrap_or(usize::MAX);
        // An empty page has no end that the next one could begin after.
        let more = items.len() > limit && limit > 0;
        items.truncate(limit);
        Ok(Listing { items, more })
    }

    async fn delete(&self, tag: &Tag, condition: &Precondition) -> Result<(), Error> {
        self.may_delete()?;
        let _deleting = self.deleting().await;
        let current = self.resolve(tag).await?;
        manifests::expect(condition, Some(&current), || Reference::Tag(tag.clone()))?;
        let folder = PathSpec::Tag(&self.name, tag).path();
        links::delete_if_there(self.store.driver(), &folder).await?;
        Ok(())
    }
}

impl LocalRepository {
    /// The first `wanted` tags after a text; none when the repository is unknown.
    pub(crate) async fn read_tags(
        &self,
        after: Option<String>,
        wanted: usize,
    ) -> Result<Vec<Tag>, Error> {
        self.select_tags(after, wanted, |_| true).await
    }

    /// The first `wanted` of the tags after a text that point at a manifest of this kind. A tag need
    /// not point anywhere: a crash can leave its folder without a link, or with one that is damaged.
    pub(crate) async fn select_tags(
        &self,
        mut after: Option<String>,
        wanted: usize,
        is_selected: impl Fn(&Digest) -> bool + Send,
    ) -> Result<Vec<Tag>, Error> {
        let folder = PathSpec::Tags(&self.name).path();
        let mut items = Vec::new();
        let mut limit = wanted.clamp(FIRST_LOOK, MOST_AT_ONCE);
        while items.len() < wanted {
            let page = ListPage {
                after: after.take(),
                limit,
            };
            let entries = self.store.list(&folder, page).await?;
            let folders = entries.iter().filter(|e| e.kind == EntryKind::Folder);
            let mut tags = folders.filter_map(|entry| entry.name.parse::<Tag>().ok());
            while items.len() < wanted {
                let looked_at = (wanted - items.len()).min(READ_AT_ONCE);
                let tags: Vec<Tag> = tags.by_ref().take(looked_at).collect();
                if tags.is_empty() {
                    break;
                }
                let links = self.current_links(&tags).await?;
                let selected = tags
                    .into_iter()
                    .zip(links)
                    .filter_map(|(tag, link)| match link {
                        Link::To(digest) if is_selected(&digest) => Some(tag),
                        _ => None,
                    });
                items.extend(selected);
            }
            match entries.last() {
                Some(last) if entries.len() == limit => after = Some(last.name.clone()),
                _ => break,
            }
            limit = next_limit(limit);
        }
        Ok(items)
    }

    /// What each of the tags points at.
    pub(crate) async fn current_links(&self, tags: &[Tag]) -> Result<Vec<Link>, Error> {
        let path = |tag| PathSpec::TagCurrentLink(&self.name, tag).path();
        links::look_at_all(self.store.driver(), tags.iter().map(path).collect()).await
    }

    fn unknown_tag(&self, tag: &Tag) -> Error {
        Error::ManifestUnknown {
            name: self.name.clone(),
            reference: Reference::Tag(tag.clone()),
        }
    }
}

/// The most entries that are listed at once when a long list is wanted whole.
const MOST_AT_ONCE: usize = 1_000_000;
/// How many links are read at once.
pub(crate) const READ_AT_ONCE: usize = 4096;

#[cfg(test)]
mod tests;

//! Who has a blob: for mounts that name no source.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use wharf_oci::{Digest, RepositoryName};

use crate::{Error, blobs, catalog::Walk, local::Store};

/// The repositories that blobs were last pushed to or mounted into through this process: guesses,
/// which are looked up before they are believed.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    /// The repositories of each, latest first.
    by_digest: HashMap<Digest, Vec<RepositoryName>>,
    /// The digests, oldest first.
    order: VecDeque<Digest>,
}

impl Holders {
    /// Remembers that a repository has a blob.
    pub(crate) fn remember(&self, digest: &Digest, name: &RepositoryName) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let names = latest.by_digest.entry(digest.clone()).or_default();
        let is_new = names.is_empty();
        names.retain(|known| known != name);
        names.insert(0, name.clone());
        names.truncate(GUESSES);
        if is_new {
            latest.order.push_back(digest.clone());
        }
        if latest.order.len() > REMEMBERED
            && let Some(oldest) = latest.order.pop_front()
        {
            latest.by_digest.remove(&oldest);
        }
    }

    fn guesses(&self, digest: &Digest) -> Vec<RepositoryName> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.by_digest.get(digest).cloned().unwrap_or_default()
    }
}

/// Finds repositories that have a blob: those that got it last, then what a search through the
/// first repositories of the catalog finds.
pub(crate) async fn find(store: &Store, digest: &Digest) -> Result<Vec<RepositoryName>, Error> {
    let mut found = Vec::new();
    for guess in store.holders.guesses(digest) {
        if has(store, &guess, digest).await? {
            found.push(guess);
        }
    }
    let mut walk = Walk::begin(store, None).await?;
    for _ in 0..SEARCHED {
        let Some(name) = walk.next().await? else {
            break;
        };
        if !found.contains(&name) && has(store, &name, digest).await? {
            found.push(name);
        }
        if found.len() == ENOUGH {
            break;
        }
    }
    Ok(found)
}

async fn has(store: &Store, name: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
    match blobs::stat_in(store, name, digest).await {
        Ok(_) => Ok(true),
        Err(Error::BlobUnknown { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// How many repositories of a blob are remembered.
const GUESSES: usize = 4;
/// How many blobs are remembered: about 500 bytes each.
const REMEMBERED: usize = 10_000;
/// How many repositories a search goes through: a push does not wait for more.
const SEARCHED: usize = 1000;
/// How many repositories are enough; the caller may read one of them or not.
const ENOUGH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Registry,
        testing::{TestRegistry, image, name, push_blob, push_image, sha256},
    };

    #[tokio::test]
    async fn who_got_a_blob_last_comes_first_and_what_is_gone_does_not_count() {
        let test = TestRegistry::new();
        for repository in ["a", "b", "c"] {
            push_image(&test.repository(repository), "x", Some("v1")).await;
        }
        let layer = sha256("x layer");
        let found = test.registry.holders(&layer).await.unwrap();
        assert_eq!(found, ["c", "b", "a"].map(name));
        test.repository("c").blobs.delete(&layer).await.unwrap();
        let found = test.registry.holders(&layer).await.unwrap();
        assert_eq!(found, ["b", "a"].map(name));
        let restarted = test.restarted().registry.holders(&layer).await.unwrap();
        assert_eq!(restarted, ["a", "b"].map(name));
        let unknown = test.registry.holders(image("x").digest()).await.unwrap();
        assert_eq!(unknown, []);
    }

    #[tokio::test]
    async fn a_repository_without_manifests_is_found_by_what_was_pushed_to_it() {
        let test = TestRegistry::new();
        let blob = push_blob(&test.repository("only/blobs"), "x").await;
        let found = test.registry.holders(&blob).await.unwrap();
        assert_eq!(found, [name("only/blobs")]);
    }

    #[test]
    fn only_so_many_blobs_are_remembered() {
        let holders = Holders::default();
        for number in 0..REMEMBERED + 10 {
            holders.remember(&sha256(&number.to_string()), &name("a"));
        }
        assert_eq!(holders.guesses(&sha256("9")), []);
        assert_eq!(holders.guesses(&sha256("10")), [name("a")]);
        let latest = holders.latest.lock().unwrap();
        assert_eq!(
            (latest.order.len(), latest.by_digest.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}

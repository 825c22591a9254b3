//! Repairs: links are written from content, and what is in the way is moved out of it. Each looks
//! once more at what it changes. No content is deleted, and no tag that points anywhere.

use uuid::Uuid;
use wharf_oci::{Algorithm, Digest, Tag};
use wharf_storage::{ListPage, StoragePath, Sync, WriteMode};

use crate::{
    Error, ManifestRules,
    garbage_collect::digests_in,
    layout::PathSpec,
    links,
    local::LocalRepository,
    trash::Kept,
    verify::{
        Finding, Repair, Told, Verifier,
        finding::{Fault, Object},
        reading::{Link, chain, of_path},
    },
};

/// What a repair has done; `None` when there was nothing that it could do.
type Done = Result<Option<String>, Error>;

impl Verifier {
    /// Puts right what was found in a repository, if it can be.
    pub(super) async fn repair(&self, local: &LocalRepository, finding: &Finding) -> Repair {
        use Fault::{LinkEmpty, LinkMalformed, LinkMissing};
        let name = &local.name;
        let done = match (&finding.object, &finding.fault) {
            (Object::Tag(tag), LinkMissing | LinkEmpty | LinkMalformed) => {
                self.repair_tag(local, tag).await
            }
            (Object::History(tag, digest), LinkEmpty | LinkMalformed) => {
                let link = PathSpec::TagIndexLink(name, tag, digest).path();
                self.write_link_if_broken(&link, digest).await
            }
            (Object::Manifest(digest), LinkMissing | LinkEmpty | LinkMalformed) => {
                self.repair_revision(local, digest, finding).await
            }
            (Object::Layer(digest), LinkMissing | LinkEmpty | LinkMalformed) => {
                self.repair_layer(local, digest, finding).await
            }
            (Object::Manifest(digest) | Object::Child(digest), Fault::SetAside) => {
                let kept = Kept::Revision(name, digest);
                self.move_back(kept, digest).await
            }
            (Object::Layer(digest), Fault::SetAside) => {
                self.move_back(Kept::Layer(name, digest), digest).await
            }
            (Object::Referrer { subject, referrer }, Fault::NotIndexed) => {
                let link = PathSpec::ReferrerLink(name, subject, referrer).path();
                self.write_link(&link, referrer).await
            }
            (Object::Referrer { subject, referrer }, Fault::Stale) => {
                if self.is_about(local, referrer, subject).await {
                    return Repair::None;
                }
                let entry = PathSpec::Referrer(name, subject, referrer).path();
                let deleted = links::delete_if_there(self.store.driver(), &entry).await;
                deleted.map(|_| Some("it is out of the list".to_owned()))
            }
            (Object::Path(entry), Fault::Stale) => {
                let deleted = links::delete_if_there(self.store.driver(), entry).await;
                deleted.map(|_| Some("it is out of the list".to_owned()))
            }
            (Object::Path(path), Fault::Leftover) => return self.remove_leftover(path).await,
            _ => return Repair::None,
        };
        outcome(done)
    }

    /// Removes what a write left behind, unless somebody writes to it.
    pub(super) async fn remove_leftover(&self, path: &StoragePath) -> Repair {
        let lock = match self.store.driver.writer(path, WriteMode::Append).await {
            Ok(lock) => lock,
            Err(wharf_storage::Error::NotFound { .. }) => return Repair::Done(REMOVED.to_owned()),
            Err(error) => return outcome(Err(Error::Storage(error))),
        };
        let deleted = links::delete_if_there(self.store.driver(), path).await;
        drop(lock);
        outcome(deleted.map(|_| Some(REMOVED.to_owned())))
    }

    /// Points a tag at the only manifest that it can have pointed at; one that can have pointed at
    /// none goes.
    async fn repair_tag(&self, local: &LocalRepository, tag: &Tag) -> Done {
        let history = PathSpec::TagHistory(&local.name, tag).path();
        let remembered: Vec<Digest> = digests_in(&self.store, &history).await?.digests().collect();
        let (mut candidates, mut is_doubtful) = (Vec::new(), false);
        for digest in &remembered {
            let kept = Kept::Revision(&local.name, digest);
            let is_absent = self.link(&kept.place()).await == Link::Missing;
            match self.read_manifest(digest).await {
                Ok(_) if !is_absent => candidates.push(digest),
                Err(Fault::Missing) => {}
                // Something of it is there, and may come back.
                Ok(_) | Err(_) => is_doubtful = true,
            }
        }
        let current = PathSpec::TagCurrentLink(&local.name, tag).path();
        match candidates[..] {
            [] if !is_doubtful => {}
            [only] if !is_doubtful => {
                if matches!(self.link(&current).await, Link::To(_)) {
                    return Ok(None);
                }
                links::write(self.store.driver(), &current, only).await?;
                // Somebody may have pushed it in the meantime, and that push counts.
                for digest in digests_in(&self.store, &history).await?.digests() {
                    if !remembered.contains(&digest) {
                        links::write(self.store.driver(), &current, &digest).await?;
                    }
                }
                return Ok(Some(format!(
                    "it points at {only}, the only manifest in its history"
                )));
            }
            // Which of them it was, or whether it was another, only its owner can tell.
            _ => return Ok(None),
        }
        // One that is unreadable may point anywhere.
        match self.link(&current).await {
            Link::To(_) | Link::Unreadable(_) => return Ok(None),
            Link::Missing => {}
            Link::Empty | Link::Malformed => {
                if !self.remove_link(&current, None).await? {
                    return Ok(None);
                }
            }
        }
        for digest in &remembered {
            let entry = PathSpec::TagIndex(&local.name, tag, digest).path();
            if self.look_again(digest).await == Err(Fault::Missing) {
                links::delete_if_there(self.store.driver(), &entry).await?;
            }
        }
        self.tidy_below(&PathSpec::Tag(&local.name, tag).path())
            .await?;
        Ok(Some(
            "it is removed: none of the manifests in its history is there".to_owned(),
        ))
    }

    async fn repair_revision(
        &self,
        local: &LocalRepository,
        digest: &Digest,
        finding: &Finding,
    ) -> Done {
        let link = PathSpec::RevisionLink(&local.name, digest).path();
        match self.read_manifest(digest).await {
            // It may have been deleted since it was found, with its tags.
            Ok(_) if finding.fault == Fault::LinkMissing => {
                for tag in &finding.tags {
                    let current = PathSpec::TagCurrentLink(&local.name, tag).path();
                    if self.link(&current).await == Link::To(digest.clone()) {
                        return self.write_link(&link, digest).await;
                    }
                }
                Ok(None)
            }
            Ok(_) => self.write_link_if_broken(&link, digest).await,
            Err(Fault::Missing) => self.remove_useless(&link, digest).await,
            // What it names is kept by it, as long as it may be put right by a push.
            Err(_) => Ok(None),
        }
    }

    async fn repair_layer(
        &self,
        local: &LocalRepository,
        digest: &Digest,
        finding: &Finding,
    ) -> Done {
        let link = PathSpec::LayerLink(&local.name, digest).path();
        if digest.algorithm() != Algorithm::Sha256 {
            // Under which digest the content is stored, only the link has told.
            return self.remove_useless(&link, digest).await;
        }
        let is_unchecked = matches!(self.store.rules.manifests, ManifestRules::Unchecked);
        match self.look_again(digest).await {
            // A manifest that nobody has checked may name what other repositories have.
            Ok(_) if finding.fault == Fault::LinkMissing && is_unchecked => Ok(None),
            Ok(_) if finding.fault == Fault::LinkMissing => {
                for manifest in &finding.named_by {
                    let revision = PathSpec::RevisionLink(&local.name, manifest).path();
                    if matches!(self.link(&revision).await, Link::To(_)) {
                        return self.write_link(&link, digest).await;
                    }
                }
                Ok(None)
            }
            Ok(_) => self.write_link_if_broken(&link, digest).await,
            Err(Fault::Missing) => self.remove_useless(&link, digest).await,
            Err(_) => Ok(None),
        }
    }

    /// Whether a manifest of the repository is about a subject after all.
    async fn is_about(&self, local: &LocalRepository, referrer: &Digest, subject: &Digest) -> bool {
        let revision = PathSpec::RevisionLink(&local.name, referrer).path();
        if self.link(&revision).await == Link::Missing {
            return false;
        }
        match self.read_manifest(referrer).await {
            Ok(manifest) => manifest
                .subject()
                .is_some_and(|about| about.digest == *subject),
            // What cannot be read may be about anything.
            Err(_) => true,
        }
    }

    /// Writes a link that can hold nothing but this digest, so that it does not matter who else
    /// writes it.
    async fn write_link(&self, link: &StoragePath, digest: &Digest) -> Done {
        links::write(self.store.driver(), link, digest).await?;
        Ok(Some("its link is written".to_owned()))
    }

    /// The same, unless it was deleted or written since it was found.
    async fn write_link_if_broken(&self, link: &StoragePath, digest: &Digest) -> Done {
        match self.link_to(link, digest).await {
            Link::Empty | Link::Malformed => self.write_link(link, digest).await,
            Link::To(_) | Link::Missing | Link::Unreadable(_) => Ok(None),
        }
    }

    async fn remove_useless(&self, link: &StoragePath, digest: &Digest) -> Done {
        let own = (digest.algorithm() == Algorithm::Sha256).then_some(digest);
        let removed = self.remove_link(link, own).await?;
        Ok(removed.then(|| "its link is removed: there is no content for it".to_owned()))
    }

    /// Removes a link that holds nothing, or not the digest that it can only hold. Somebody may
    /// write it at the same time: so it is moved, looked at, and moved back if it is good.
    async fn remove_link(&self, link: &StoragePath, own: Option<&Digest>) -> Result<bool, Error> {
        let doubtful = PathSpec::Doubtful(&Uuid::new_v4().to_string()).path();
        let driver = self.store.driver();
        match driver.rename(link, &doubtful, Sync::Durable).await {
            Ok(()) => {}
            Err(wharf_storage::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(Error::Storage(error)),
        }
        let is_useless = match (self.link(&doubtful).await, own) {
            (Link::Empty | Link::Malformed, _) => true,
            (Link::To(digest), Some(own)) => digest != *own,
            (Link::To(_) | Link::Missing | Link::Unreadable(_), _) => false,
        };
        if is_useless {
            links::delete_if_there(driver, &doubtful).await?;
            self.store.tidy(&link.parent()).await?;
        } else if !self.store.exists(link).await? {
            let back = driver.rename(&doubtful, link, Sync::Durable).await;
            back.map_err(Error::Storage)?;
        } else {
            links::delete_if_there(driver, &doubtful).await?;
        }
        self.store.tidy(&doubtful.parent()).await?;
        Ok(is_useless)
    }

    /// Deletes the empty folders in a folder, and that if nothing else is in it.
    async fn tidy_below(&self, folder: &StoragePath) -> Result<(), Error> {
        let (mut folders, mut next) = (vec![folder.clone()], 0);
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            for entry in self.store.list(&folder, ListPage::all()).await? {
                folders.extend(folder.child(&entry.name));
            }
        }
        for folder in folders.iter().rev() {
            self.store.tidy(folder).await?;
        }
        Ok(())
    }

    /// Moves back what a collection has set aside: a link, and the content that it leads to.
    async fn move_back(&self, kept: Kept<'_>, digest: &Digest) -> Done {
        let content = self.store.link(kept).await?;
        let content = content.unwrap_or_else(|| digest.clone());
        let size = self.store.blob_size(&content).await?;
        let is_whole = self.look_again(&content).await.is_ok();
        Ok((size.is_some() && is_whole).then(|| "it is moved back".to_owned()))
    }

    /// Moves damaged bytes of configs and layers to where they keep nobody from pushing them again.
    ///
    /// Those of a manifest stay: a push replaces them without asking, and as long as they are there
    /// a collection keeps all that they might name.
    pub(super) async fn move_damaged(&self, digest: Digest) -> Option<Told> {
        let repair = match self.move_if_damaged(&digest).await {
            Ok(None) => return None,
            done => outcome(done),
        };
        let finding = Finding {
            object: Object::Blob(digest),
            ..of_path(StoragePath::root(), Fault::InTheWay)
        };
        Some(Told { finding, repair })
    }

    async fn move_if_damaged(&self, digest: &Digest) -> Done {
        let data = PathSpec::BlobData(digest).path();
        let is_damaged = |fault| matches!(fault, Err(Fault::Damaged { .. } | Fault::Empty));
        if !is_damaged(self.look_again(digest).await) {
            return Ok(None);
        }
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let random = Uuid::new_v4().simple().to_string();
        let aside = PathSpec::Damaged(digest, &format!("{time}-{}", &random[..8])).path();
        let driver = self.store.driver();
        match driver.rename(&data, &aside, Sync::Durable).await {
            Ok(()) => {}
            Err(wharf_storage::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::Storage(error)),
        }
        // Somebody may have pushed it between the look and the move.
        if let Some(Ok(_)) = self.look_at_file(digest, &aside).await {
            let back = driver.rename(&aside, &data, Sync::Durable).await;
            back.map_err(Error::Storage)?;
            return Ok(None);
        }
        self.store.tidy(&data.parent()).await?;
        Ok(Some(format!(
            "it is moved to {aside}; push the image again"
        )))
    }
}

fn outcome(done: Done) -> Repair {
    match done {
        Ok(Some(what)) => Repair::Done(what),
        Ok(None) => Repair::None,
        Err(error) => Repair::Failed(chain(&error)),
    }
}

const REMOVED: &str = "it is removed";

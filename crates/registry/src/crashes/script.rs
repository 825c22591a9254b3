//! A life of a store: pushes of every kind, deletions, collections, and the ways out of the trash.

use std::time::Duration;

use wharf_oci::{Algorithm, Digest, Manifest};

use super::ledger::Ledger;
use crate::{
    Error,
    garbage_collect::{
        CollectOptions, DEFAULT_LEASE, Effect, Trash, Untagged, empty_trash, garbage_collect,
    },
    progress::Progress,
    purge_uploads::{PurgeOptions, purge_uploads},
    testing::{ALWAYS, TestRegistry, attached, chunk, image, index, name, sha256, tag},
    trash,
};

/// One step, which a client retries when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    PushImage,
    OverwriteTagByChunks,
    PushByOtherAlgorithm,
    Mount,
    PushIndex,
    PushReferrer,
    DeleteTag,
    DeleteManifest,
    CollectBesideServer,
    PushWhatIsSetAside,
    CollectAgain,
    Restore,
    CollectOnceMore,
    EmptyTrash,
    LeaveUpload,
    PurgeUploads,
    CollectAlone,
}

impl Step {
    /// Whether it is a collection beside a server.
    pub(super) fn sets_aside(self) -> bool {
        use Step::{CollectAgain, CollectBesideServer, CollectOnceMore};
        matches!(self, CollectAgain | CollectBesideServer | CollectOnceMore)
    }
}

pub(super) const SCRIPT: [Step; 17] = [
    Step::PushImage,
    Step::OverwriteTagByChunks,
    Step::PushByOtherAlgorithm,
    Step::Mount,
    Step::PushIndex,
    Step::PushReferrer,
    Step::DeleteTag,
    Step::DeleteManifest,
    Step::CollectBesideServer,
    Step::PushWhatIsSetAside,
    Step::CollectAgain,
    Step::Restore,
    Step::CollectOnceMore,
    Step::EmptyTrash,
    Step::LeaveUpload,
    Step::PurgeUploads,
    Step::CollectAlone,
];

/// Who takes the steps, and writes down what it is told.
pub(super) struct Client<'a> {
    pub(super) test: &'a TestRegistry,
    pub(super) ledger: &'a mut Ledger,
}

impl Client<'_> {
    pub(super) async fn take(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::PushImage => {
                self.push_image("a", "one", Some("v1")).await?;
                self.push_image("a", "doomed", Some("old")).await
            }
            Step::OverwriteTagByChunks => {
                for part in ["two config", "two layer"] {
                    self.push_by_chunks("a", part).await?;
                }
                self.put("a", &image("two"), Some("v1")).await
            }
            Step::PushByOtherAlgorithm => self.push_as_sha512("a", "other").await,
            Step::Mount => {
                for part in ["two config", "two layer"] {
                    self.mount("b/c", "a", part).await?;
                }
                self.put("b/c", &image("two"), Some("copy")).await
            }
            Step::PushIndex => {
                let (one, two) = (image("one"), image("two"));
                self.put("a", &index(&[&one, &two]), Some("multi")).await?;
                self.push_image("a", "lonely", None).await?;
                self.push_image("a", "stray", None).await
            }
            Step::PushReferrer => {
                self.push_blob("a", "signature config").await?;
                self.push_blob("a", "signature layer").await?;
                let signature = attached("signature", &image("two"));
                self.put("a", &signature, None).await?;
                // A list that is asked for is noted in the store.
                let _ = self.ledger.check(self.test).await;
                Ok(())
            }
            Step::DeleteTag => self.delete_tag("a", "multi").await,
            Step::DeleteManifest => {
                self.put("a", &image("doomed"), Some("older")).await?;
                self.delete_manifest("a", &image("doomed")).await
            }
            Step::CollectBesideServer | Step::CollectAgain | Step::CollectOnceMore => {
                self.collect_beside_server().await
            }
            Step::PushWhatIsSetAside => {
                self.mount("d", "a", "lonely config").await?;
                self.push_image("d", "lonely", Some("again")).await?;
                let (one, two) = (image("one"), image("two"));
                self.put("a", &index(&[&two, &one]), Some("multi")).await
            }
            Step::Restore => trash::restore(&self.test.registry).await.map(drop),
            Step::EmptyTrash => {
                self.ledger.untagged_may_go();
                let emptied =
                    empty_trash(&self.test.registry, Trash::All, &Progress::default()).await;
                emptied.map(drop)
            }
            Step::LeaveUpload => self.leave_upload("a").await,
            Step::PurgeUploads => self.purge().await,
            Step::CollectAlone => self.collect_alone().await,
        }
    }

    async fn push_image(
        &mut self,
        repository: &str,
        seed: &str,
        to: Option<&str>,
    ) -> Result<(), Error> {
        self.push_blob(repository, &format!("{seed} config"))
            .await?;
        self.push_blob(repository, &format!("{seed} layer")).await?;
        self.put(repository, &image(seed), to).await
    }

    /// As clients do: what is there already is not sent.
    async fn push_blob(&mut self, repository: &str, content: &str) -> Result<(), Error> {
        let digest = sha256(content);
        let of = self.test.repository(repository);
        if of.blobs.stat(&digest).await.is_ok() {
            return Ok(());
        }
        self.ledger.blob_is_pushed(repository, &digest);
        let mut session = of.uploads.start().await?;
        session.append(chunk(content.to_owned())).await?;
        session.commit(&digest).await?;
        self.ledger.blob_is_there(repository, &digest);
        Ok(())
    }

    async fn push_by_chunks(&mut self, repository: &str, content: &str) -> Result<(), Error> {
        let digest = sha256(content);
        let of = self.test.repository(repository);
        if of.blobs.stat(&digest).await.is_ok() {
            return Ok(());
        }
        self.ledger.blob_is_pushed(repository, &digest);
        let (first, rest) = content.split_at(4);
        let id = of.uploads.start().await?.suspend().await?.id;
        let mut session = of.uploads.resume(&id).await?;
        session.append(chunk(first.to_owned())).await?;
        session.suspend().await?;
        let mut session = of.uploads.resume(&id).await?;
        session.append(chunk(rest.to_owned())).await?;
        session.suspend().await?;
        let session = of.uploads.resume(&id).await?;
        session.commit(&digest).await?;
        self.ledger.blob_is_there(repository, &digest);
        Ok(())
    }

    async fn push_as_sha512(&mut self, repository: &str, content: &str) -> Result<(), Error> {
        let digest = Digest::of(Algorithm::Sha512, content.as_bytes());
        self.ledger.blob_is_pushed(repository, &digest);
        let of = self.test.repository(repository);
        let mut session = of.uploads.start().await?;
        session.append(chunk(content.to_owned())).await?;
        session.commit(&digest).await?;
        self.ledger.blob_is_there(repository, &digest);
        Ok(())
    }

    /// A client that cannot mount pushes.
    async fn mount(&mut self, to: &str, from: &str, content: &str) -> Result<(), Error> {
        let digest = sha256(content);
        self.ledger.blob_is_pushed(to, &digest);
        let uploads = self.test.repository(to).uploads;
        match uploads.mount(&name(from), &digest).await {
            Ok(_) => {
                self.ledger.blob_is_there(to, &digest);
                Ok(())
            }
            Err(Error::BlobUnknown { .. }) => self.push_blob(to, content).await,
            Err(error) => Err(error),
        }
    }

    async fn put(
        &mut self,
        repository: &str,
        manifest: &Manifest,
        to: Option<&str>,
    ) -> Result<(), Error> {
        self.ledger.manifest_is_pushed(repository, manifest, to);
        let tags: Vec<_> = to.map(tag).into_iter().collect();
        let manifests = self.test.repository(repository).manifests;
        manifests.put(manifest, &tags, ALWAYS).await?;
        self.ledger.manifest_is_there(repository, manifest, to);
        Ok(())
    }

    async fn delete_tag(&mut self, repository: &str, at: &str) -> Result<(), Error> {
        self.ledger.tag_is_deleted(repository, at);
        let tags = self.test.repository(repository).tags;
        match tags.delete(&tag(at), ALWAYS).await {
            Ok(()) => self.ledger.tag_is_gone(repository, at),
            // An earlier try has come so far, though it was not acknowledged.
            Err(Error::ManifestUnknown { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn delete_manifest(
        &mut self,
        repository: &str,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let digest = manifest.digest();
        self.ledger.manifest_is_deleted(repository, digest);
        let manifests = self.test.repository(repository).manifests;
        match manifests.delete(digest, ALWAYS).await {
            Ok(_) => self.ledger.manifest_is_gone(repository, digest),
            Err(Error::ManifestUnknown { .. } | Error::ManifestGone { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What a collection takes from beside a server is promised for the time of the lease.
    async fn collect_beside_server(&mut self) -> Result<(), Error> {
        let presence = self.test.registry.announce().await?;
        let options = CollectOptions {
            uploads: None,
            untagged: Untagged::Delete,
            effect: Effect::Delete,
            lease: DEFAULT_LEASE,
        };
        garbage_collect(
            &self.test.registry,
            options,
            &Progress::default(),
            &mut |_| {},
        )
        .await?;
        match presence {
            Some(presence) => presence.end().await,
            None => Ok(()),
        }
    }

    pub(super) async fn collect_alone(&mut self) -> Result<(), Error> {
        self.ledger.untagged_may_go();
        let options = CollectOptions {
            uploads: None,
            untagged: Untagged::Delete,
            effect: Effect::Delete,
            lease: Duration::ZERO,
        };
        let collected = garbage_collect(
            &self.test.registry,
            options,
            &Progress::default(),
            &mut |_| {},
        )
        .await;
        collected.map(drop)
    }

    async fn leave_upload(&mut self, repository: &str) -> Result<(), Error> {
        let of = self.test.repository(repository);
        let mut session = of.uploads.start().await?;
        session.append(chunk("never finished")).await?;
        session.suspend().await.map(drop)
    }

    pub(super) async fn purge(&mut self) -> Result<(), Error> {
        let options = PurgeOptions {
            age: Duration::ZERO,
            dry_run: false,
        };
        let purged = purge_uploads(&self.test.registry, options).await;
        purged.map(drop)
    }
}

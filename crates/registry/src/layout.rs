//! Where everything is in the store: Distribution's layout.
//!
//! ```text
//! /docker/registry/v2
//! ├── blobs
//! │   └── <algorithm>/<first two hex>/<hex>
//! │       └── data                                  the bytes of a blob or manifest
//! ├── _wharf                                        ours: Distribution passes it by
//! │   ├── collector                                 locked while somebody collects garbage
//! │   ├── offline                                   that collector counts on there being no server
//! │   ├── servers/<id>                              locked while a server runs
//! │   ├── damaged/<algorithm>/<hex>/<time>          damaged bytes that stood in the way of a push
//! │   ├── doubtful/<id>                             a link while it is looked at before it goes
//! │   └── trash/<run>                               what one collection set aside
//! │       ├── lease                                 for how many seconds, from its last change on
//! │       └── blobs/<algorithm>/<first two hex>/<hex>    what was data
//! └── repositories
//!     └── <name>                                    a/b is two folders, a and in it b
//!         ├── _layers
//!         │   └── <algorithm>/<hex>/link            this repository has the blob
//!         ├── _manifests
//!         │   ├── revisions
//!         │   │   └── <algorithm>/<hex>/link        this repository has the manifest
//!         │   └── tags
//!         │       └── <tag>
//!         │           ├── current/link              the manifest the tag points to
//!         │           └── index/<algorithm>/<hex>/link    each it has ever pointed to
//!         ├── _uploads
//!         │   └── <id>
//!         │       ├── data                          the bytes received so far
//!         │       ├── startedat                     RFC 3339, UTC, whole seconds
//!         │       └── hashstates/<algorithm>/<offset>     the hash of data up to there
//!         ├── _referrers                            ours: Distribution passes it by
//!         │   ├── indexed                           which state of the revisions it is made from
//!         │   └── <algorithm>/<hex>                 a subject
//!         │       └── <algorithm>/<hex>/link        a manifest that is about it
//!         └── _trash                                ours likewise
//!             └── <run>                             what one collection set aside
//!                 ├── _layers/<algorithm>/<hex>     what was link
//!                 └── _manifests/revisions/<algorithm>/<hex>
//! ```
//!
//! In the trash a thing has no folder of its own: the fewer are made, the faster it is set aside,
//! and the less room that takes where there is hardly any.
//!
//! What is ours can be deleted: it is made again from the manifests, but for damaged bytes, which
//! nobody but an operator may want.
//!
//! A link is the text of a digest, with nothing after it. A component of a repository's name
//! cannot begin with `_`, so the folders of a repository never meet those of one nested in it.

use wharf_oci::{Algorithm, Digest, RepositoryName, Tag};
use wharf_storage::StoragePath;

use crate::UploadId;

/// Everything that is ever stored, as one enum; [`PathSpec::path`] is the only place where paths
/// are built.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PathSpec<'a> {
    /// All blobs.
    Blobs,
    /// A blob's folder.
    Blob(&'a Digest),
    /// A blob's bytes.
    BlobData(&'a Digest),
    /// All repositories.
    Repositories,
    /// A folder below the repositories, by its components joined with `/`.
    RepositoryFolder(&'a str),
    /// The folder of one layer link.
    Layer(&'a RepositoryName, &'a Digest),
    /// All layer links.
    Layers(&'a RepositoryName),
    /// A layer link.
    LayerLink(&'a RepositoryName, &'a Digest),
    /// All manifest links.
    Revisions(&'a RepositoryName),
    /// The folder of one manifest link.
    Revision(&'a RepositoryName, &'a Digest),
    /// A manifest link.
    RevisionLink(&'a RepositoryName, &'a Digest),
    /// All tags.
    Tags(&'a RepositoryName),
    /// A tag's folder.
    Tag(&'a RepositoryName, &'a Tag),
    /// The link to the manifest a tag points to.
    TagCurrentLink(&'a RepositoryName, &'a Tag),
    /// A tag's history: the manifests it has ever pointed to.
    TagHistory(&'a RepositoryName, &'a Tag),
    /// The folder of one entry of a tag's history.
    TagIndex(&'a RepositoryName, &'a Tag, &'a Digest),
    /// The link of one entry of a tag's history.
    TagIndexLink(&'a RepositoryName, &'a Tag, &'a Digest),
    /// All uploads.
    Uploads(&'a RepositoryName),
    /// An upload's folder.
    Upload(&'a RepositoryName, &'a UploadId),
    /// An upload's bytes.
    UploadData(&'a RepositoryName, &'a UploadId),
    /// When an upload began.
    UploadStartedAt(&'a RepositoryName, &'a UploadId),
    /// An upload's hash states.
    UploadHashStates(&'a RepositoryName, &'a UploadId, Algorithm),
    /// The hash state at one offset.
    UploadHashState(&'a RepositoryName, &'a UploadId, Algorithm, u64),
    /// What is locked while somebody collects garbage.
    Collector,
    /// What says that a collector counts on there being no server.
    CollectorOffline,
    /// All servers.
    Servers,
    /// What is locked while a server runs.
    Server(&'a str),
    /// A blob's damaged bytes, moved out of the way at some time.
    Damaged(&'a Digest, &'a str),
    /// A link that is looked at before it is deleted.
    Doubtful(&'a str),
    /// The blobs that collections set aside, by collection.
    Trash,
    /// What one collection set aside of all blobs.
    TrashRun(&'a str),
    /// How long it is to be kept.
    TrashLease(&'a str),
    /// The blobs among it.
    TrashBlobs(&'a str),
    /// A blob's bytes, set aside.
    TrashBlobData(&'a str, &'a Digest),
    /// What collections set aside of a repository, by collection.
    RepositoryTrash(&'a RepositoryName),
    /// What one collection set aside of a repository.
    RepositoryTrashRun(&'a RepositoryName, &'a str),
    /// The layer links among it.
    TrashLayers(&'a RepositoryName, &'a str),
    /// A layer link, set aside.
    TrashLayerLink(&'a RepositoryName, &'a str, &'a Digest),
    /// The manifest links among it.
    TrashRevisions(&'a RepositoryName, &'a str),
    /// A manifest link, set aside.
    TrashRevisionLink(&'a RepositoryName, &'a str, &'a Digest),
    /// Which state of the revisions the referrers are made from.
    ReferrersIndexed(&'a RepositoryName),
    /// The referrers of a subject.
    Referrers(&'a RepositoryName, &'a Digest),
    /// The folder of one referrer of a subject.
    Referrer(&'a RepositoryName, &'a Digest, &'a Digest),
    /// The link to one referrer of a subject.
    ReferrerLink(&'a RepositoryName, &'a Digest, &'a Digest),
}

impl PathSpec<'_> {
    /// The path in the store.
    pub(crate) fn path(self) -> StoragePath {
        let text = self.text();
        // Every part is a parsed name, tag, digest or id, whose grammars are narrower than that
        // of a path; the golden test shows each shape.
        StoragePath::parse(&text).unwrap_or_else(|invalid| unreachable!("{invalid}"))
    }

    fn text(self) -> String {
        match self {
            Self::Blobs => format!("{ROOT}/blobs"),
            Self::Blob(digest) => {
                let (algorithm, hex) = two(digest);
                format!("{ROOT}/blobs/{algorithm}/{}/{hex}", &hex[..2])
            }
            Self::BlobData(digest) => {
                let (algorithm, hex) = two(digest);
                format!("{ROOT}/blobs/{algorithm}/{}/{hex}/data", &hex[..2])
            }
            Self::Repositories => format!("{ROOT}/repositories"),
            Self::RepositoryFolder("") => Self::Repositories.text(),
            Self::RepositoryFolder(folder) => format!("{ROOT}/repositories/{folder}"),
            Self::Layers(name) => repository(name, "_layers"),
            Self::Layer(name, digest) => repository(name, &format!("_layers/{}", joined(digest))),
            Self::LayerLink(name, digest) => link(Self::Layer(name, digest)),
            Self::Revisions(name) => repository(name, "_manifests/revisions"),
            Self::Revision(name, digest) => {
                repository(name, &format!("_manifests/revisions/{}", joined(digest)))
            }
            Self::RevisionLink(name, digest) => link(Self::Revision(name, digest)),
            Self::Tags(name) => repository(name, "_manifests/tags"),
            Self::Tag(name, tag) => repository(name, &format!("_manifests/tags/{tag}")),
            Self::TagCurrentLink(name, tag) => {
                repository(name, &format!("_manifests/tags/{tag}/current/link"))
            }
            Self::TagHistory(name, tag) => {
                repository(name, &format!("_manifests/tags/{tag}/index"))
            }
            Self::TagIndex(name, tag, digest) => {
                format!("{}/{}", Self::TagHistory(name, tag).text(), joined(digest))
            }
            Self::TagIndexLink(name, tag, digest) => link(Self::TagIndex(name, tag, digest)),
            Self::Uploads(name) => repository(name, "_uploads"),
            Self::Upload(name, id) => repository(name, &format!("_uploads/{id}")),
            Self::UploadData(name, id) => repository(name, &format!("_uploads/{id}/data")),
            Self::UploadStartedAt(name, id) => {
                repository(name, &format!("_uploads/{id}/startedat"))
            }
            Self::UploadHashStates(name, id, algorithm) => {
                repository(name, &format!("_uploads/{id}/hashstates/{algorithm}"))
            }
            Self::UploadHashState(name, id, algorithm, offset) => {
                let states = Self::UploadHashStates(name, id, algorithm).text();
                format!("{states}/{offset}")
            }
            Self::Collector => format!("{ROOT}/_wharf/collector"),
            Self::CollectorOffline => format!("{ROOT}/_wharf/offline"),
            Self::Servers => format!("{ROOT}/_wharf/servers"),
            Self::Server(id) => format!("{ROOT}/_wharf/servers/{id}"),
            Self::Damaged(digest, time) => {
                format!("{ROOT}/_wharf/damaged/{}/{time}", joined(digest))
            }
            Self::Doubtful(id) => format!("{ROOT}/_wharf/doubtful/{id}"),
            Self::Trash => format!("{ROOT}/_wharf/trash"),
            Self::TrashRun(run) => format!("{ROOT}/_wharf/trash/{run}"),
            Self::TrashLease(run) => format!("{ROOT}/_wharf/trash/{run}/lease"),
            Self::TrashBlobs(run) => format!("{ROOT}/_wharf/trash/{run}/blobs"),
            Self::TrashBlobData(run, digest) => {
                let (algorithm, hex) = two(digest);
                let blobs = Self::TrashBlobs(run).text();
                format!("{blobs}/{algorithm}/{}/{hex}", &hex[..2])
            }
            Self::RepositoryTrash(name) => repository(name, "_trash"),
            Self::RepositoryTrashRun(name, run) => repository(name, &format!("_trash/{run}")),
            Self::TrashLayers(name, run) => repository(name, &format!("_trash/{run}/_layers")),
            Self::TrashLayerLink(name, run, digest) => {
                let layers = Self::TrashLayers(name, run).text();
                format!("{layers}/{}", joined(digest))
            }
            Self::TrashRevisions(name, run) => {
                repository(name, &format!("_trash/{run}/_manifests/revisions"))
            }
            Self::TrashRevisionLink(name, run, digest) => {
                let revisions = Self::TrashRevisions(name, run).text();
                format!("{revisions}/{}", joined(digest))
            }
            Self::ReferrersIndexed(name) => repository(name, "_referrers/indexed"),
            Self::Referrers(name, subject) => {
                repository(name, &format!("_referrers/{}", joined(subject)))
            }
            Self::Referrer(name, subject, digest) => {
                format!(
                    "{}/{}",
                    Self::Referrers(name, subject).text(),
                    joined(digest)
                )
            }
            Self::ReferrerLink(name, subject, digest) => {
                link(Self::Referrer(name, subject, digest))
            }
        }
    }
}

fn repository(name: &RepositoryName, below: &str) -> String {
    format!("{ROOT}/repositories/{name}/{below}")
}

fn link(folder: PathSpec<'_>) -> String {
    format!("{}/link", folder.text())
}

fn joined(digest: &Digest) -> String {
    let (algorithm, hex) = two(digest);
    format!("{algorithm}/{hex}")
}

/// The two folders of a digest. One of an unknown algorithm may have any letters, and goes by the
/// hash of its text.
fn two(digest: &Digest) -> (Algorithm, String) {
    match digest.algorithm() {
        Algorithm::Other => {
            let text = Digest::sha256(digest.as_str().as_bytes());
            (Algorithm::Other, text.hex().to_owned())
        }
        known => (known, digest.hex().to_owned()),
    }
}

const ROOT: &str = "/docker/registry/v2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_of_any_letters_has_a_path() {
        let digest = Digest::mentioned("multihash+base58:Q=m_-").unwrap();
        let name: RepositoryName = "a".parse().unwrap();
        let hex = Digest::sha256(digest.as_str().as_bytes());
        let expected = format!(
            "/docker/registry/v2/repositories/a/_referrers/other/{}",
            hex.hex()
        );
        assert_eq!(
            PathSpec::Referrers(&name, &digest).path().as_str(),
            expected
        );
        PathSpec::BlobData(&digest).path();
    }

    #[test]
    fn every_path_is_distributions() {
        let hex = "7".repeat(62);
        let digest: Digest = format!("sha256:ab{hex}").parse().unwrap();
        let name: RepositoryName = "a/b-c".parse().unwrap();
        let tag: Tag = "v1.0_x".parse().unwrap();
        let id: UploadId = "0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e".parse().unwrap();
        let repository = "/docker/registry/v2/repositories/a/b-c";
        let upload = format!("{repository}/_uploads/{id}");
        let blob = format!("/docker/registry/v2/blobs/sha256/ab/ab{hex}");
        let link = format!("sha256/ab{hex}/link");
        let tags = format!("{repository}/_manifests/tags");
        let table = [
            (PathSpec::Blobs, "/docker/registry/v2/blobs".to_owned()),
            (PathSpec::Blob(&digest), blob.clone()),
            (PathSpec::BlobData(&digest), format!("{blob}/data")),
            (
                PathSpec::Repositories,
                "/docker/registry/v2/repositories".to_owned(),
            ),
            (PathSpec::RepositoryFolder("a/b-c"), repository.to_owned()),
            (PathSpec::Layers(&name), format!("{repository}/_layers")),
            (
                PathSpec::LayerLink(&name, &digest),
                format!("{repository}/_layers/{link}"),
            ),
            (
                PathSpec::Revisions(&name),
                format!("{repository}/_manifests/revisions"),
            ),
            (
                PathSpec::RevisionLink(&name, &digest),
                format!("{repository}/_manifests/revisions/{link}"),
            ),
            (PathSpec::Tags(&name), tags.clone()),
            (PathSpec::Tag(&name, &tag), format!("{tags}/v1.0_x")),
            (
                PathSpec::TagCurrentLink(&name, &tag),
                format!("{tags}/v1.0_x/current/link"),
            ),
            (
                PathSpec::TagHistory(&name, &tag),
                format!("{tags}/v1.0_x/index"),
            ),
            (
                PathSpec::TagIndexLink(&name, &tag, &digest),
                format!("{tags}/v1.0_x/index/{link}"),
            ),
            (PathSpec::Uploads(&name), format!("{repository}/_uploads")),
            (PathSpec::Upload(&name, &id), upload.clone()),
            (PathSpec::UploadData(&name, &id), format!("{upload}/data")),
            (
                PathSpec::UploadStartedAt(&name, &id),
                format!("{upload}/startedat"),
            ),
            (
                PathSpec::UploadHashState(&name, &id, Algorithm::Sha256, 1024),
                format!("{upload}/hashstates/sha256/1024"),
            ),
            (
                PathSpec::ReferrersIndexed(&name),
                format!("{repository}/_referrers/indexed"),
            ),
            (
                PathSpec::Referrers(&name, &digest),
                format!("{repository}/_referrers/sha256/ab{hex}"),
            ),
            (
                PathSpec::ReferrerLink(&name, &digest, &digest),
                format!("{repository}/_referrers/sha256/ab{hex}/{link}"),
            ),
        ];
        for (spec, expected) in table {
            assert_eq!(spec.path().as_str(), expected, "{spec:?}");
        }
    }
}

//! Which manifest a client gets that does not accept what is stored (reference, section 4.6).

use wharf_oci::{Accept, Digest, Manifest, ManifestKind, MediaType, Reference};

use crate::error::{Error, NotAcceptable};

/// What to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// What is stored.
    Stored,
    /// The child of a list for the platform of clients that know no lists.
    Child(Digest),
}

/// Decides what to serve of a stored manifest. No `Accept` and `*/*` take what is stored.
///
/// # Errors
/// [`Error::NotAcceptable`], for the clients that Distribution refuses.
pub(crate) fn negotiate(
    manifest: &Manifest,
    accept: &Accept,
    reference: &Reference,
) -> Result<Served, Error> {
    let stored = manifest.media_type();
    if accept.is_any() || accept.accepts(stored) {
        return Ok(Served::Stored);
    }
    let refuse = |kind| Error::NotAcceptable {
        reference: reference.clone(),
        stored: stored.clone(),
        kind,
    };
    if *stored == MediaType::OCI_MANIFEST {
        return Err(refuse(NotAcceptable::Oci));
    }
    let by_tag = matches!(reference, Reference::Tag(_));
    match manifest.kind() {
        ManifestKind::Index { manifests } if by_tag && !is_oci(stored) => {
            let default = manifests.iter().find(|child| {
                let platform = child.platform.as_ref();
                platform.is_some_and(|p| p.os == "linux" && p.architecture == "amd64")
            });
            let child = default.ok_or_else(|| refuse(NotAcceptable::NoDefaultPlatform))?;
            Ok(Served::Child(child.digest.clone()))
        }
        ManifestKind::Index { .. }
        | ManifestKind::Image { .. }
        | ManifestKind::Other { .. }
        | ManifestKind::Schema1 { .. } => Ok(Served::Stored),
    }
}

/// Whether the child of a list may be served.
///
/// # Errors
/// [`Error::NotAcceptable`] for a schema 2 image and a client that does not name schema 2.
pub(crate) fn accept_child(
    child: &Manifest,
    accept: &Accept,
    reference: &Reference,
) -> Result<(), Error> {
    let stored = child.media_type();
    if *stored == MediaType::DOCKER_MANIFEST && !accept.names(stored) {
        return Err(Error::NotAcceptable {
            reference: reference.clone(),
            stored: stored.clone(),
            kind: NotAcceptable::Schema2,
        });
    }
    Ok(())
}

fn is_oci(media_type: &MediaType) -> bool {
    *media_type == MediaType::OCI_INDEX
}

//! What a request asks for: method and path, parsed into one enum with typed parts.
//!
//! The name of a repository stands in the middle of the path and has slashes of its own, and its
//! components may be called `blobs` or `manifests`; so paths are read from their end.

use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use wharf_oci::{Digest, Reference, RepositoryName};
use wharf_registry::UploadId;

use crate::{config::Mode, error::Error};

/// A request that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/v2/`: does this speak the protocol, and are the credentials good (end-1).
    Base,
    /// The repositories.
    Catalog,
    /// The tags of a repository (end-8).
    ListTags { name: RepositoryName },
    /// A manifest, or its headers (end-3).
    GetManifest {
        name: RepositoryName,
        reference: Reference,
    },
    /// A manifest to be stored (end-7).
    PutManifest {
        name: RepositoryName,
        reference: Reference,
    },
    /// A manifest or tag to be deleted (end-9).
    DeleteManifest {
        name: RepositoryName,
        reference: Reference,
    },
    /// A blob, or its headers (end-2).
    GetBlob {
        name: RepositoryName,
        digest: Digest,
    },
    /// The manifests that are about another (end-12).
    Referrers {
        name: RepositoryName,
        digest: Digest,
    },
    /// A blob to be deleted (end-10).
    DeleteBlob {
        name: RepositoryName,
        digest: Digest,
    },
    /// An upload to be begun, a blob in one request, or a mount (end-4, end-11).
    StartUpload { name: RepositoryName },
    /// How far an upload is (end-13).
    UploadStatus { name: RepositoryName, id: UploadId },
    /// The next chunk of an upload (end-5).
    AppendUpload { name: RepositoryName, id: UploadId },
    /// The end of an upload (end-6).
    CompleteUpload { name: RepositoryName, id: UploadId },
    /// An upload to be dropped (end-14).
    CancelUpload { name: RepositoryName, id: UploadId },
}

/// A request that no handler sees.
#[derive(Debug)]
pub(crate) enum Unrouted {
    /// No such path.
    NotFound,
    /// The canonical path is another.
    Moved { path: String },
    /// The path exists, the method does not.
    MethodNotAllowed { allow: &'static str },
    /// `OPTIONS`: the methods of the path.
    Options { allow: &'static str },
    /// A part of the path is malformed.
    Invalid(Error),
}

/// The thing that a path names.
enum Target {
    Base,
    Catalog,
    Tags(RepositoryName),
    Manifest(RepositoryName, String),
    Blob(RepositoryName, String),
    Referrers(RepositoryName, String),
    Uploads(RepositoryName),
    Upload(RepositoryName, String),
}

impl Endpoint {
    /// Parses a request; `prefix` is what stands before `/v2/`, without a slash at its end.
    pub(crate) fn parse(
        method: &Method,
        uri: &Uri,
        prefix: &str,
        mode: Mode,
    ) -> Result<Self, Unrouted> {
        let decoded = percent_decode_str(uri.path())
            .decode_utf8()
            .map_err(|_| Unrouted::NotFound)?;
        let clean = clean(&decoded);
        if clean != *decoded {
            return Err(moved(&clean));
        }
        let below = decoded.strip_prefix(prefix).ok_or(Unrouted::NotFound)?;
        let below = match below.strip_prefix("/v2") {
            Some("") => return Err(moved(&format!("{decoded}/"))),
            Some(below) => below.strip_prefix('/').ok_or(Unrouted::NotFound)?,
            None => return Err(Unrouted::NotFound),
        };
        let target = match below.strip_suffix('/') {
            // The slash belongs to this path; clients that leave it off are served all the same.
            Some(bare) if bare.ends_with("/blobs/uploads") => Target::parse(bare)?,
            Some(bare) if Target::parse(bare).is_ok() => {
                return Err(moved(decoded.trim_end_matches('/')));
            }
            _ => Target::parse(below)?,
        };
        target.endpoint(method, mode)
    }

    /// The repository that is asked.
    pub(crate) fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::ListTags { name }
            | Self::GetManifest { name, .. }
            | Self::PutManifest { name, .. }
            | Self::DeleteManifest { name, .. }
            | Self::Referrers { name, .. }
            | Self::GetBlob { name, .. }
            | Self::DeleteBlob { name, .. }
            | Self::StartUpload { name }
            | Self::UploadStatus { name, .. }
            | Self::AppendUpload { name, .. }
            | Self::CompleteUpload { name, .. }
            | Self::CancelUpload { name, .. } => Some(name),
        }
    }

    /// Whether it changes the store: such a request is carried through when its client leaves.
    pub(crate) fn changes_the_store(&self) -> bool {
        match self {
            Self::Base
            | Self::Catalog
            | Self::ListTags { .. }
            | Self::GetManifest { .. }
            | Self::GetBlob { .. }
            | Self::Referrers { .. }
            | Self::UploadStatus { .. } => false,
            Self::PutManifest { .. }
            | Self::DeleteManifest { .. }
            | Self::DeleteBlob { .. }
            | Self::StartUpload { .. }
            | Self::AppendUpload { .. }
            | Self::CompleteUpload { .. }
            | Self::CancelUpload { .. } => true,
        }
    }
}

impl Target {
    /// Parses what follows `/v2/`.
    fn parse(path: &str) -> Result<Self, Unrouted> {
        if path.is_empty() {
            return Ok(Self::Base);
        }
        if path == "_catalog" {
            return Ok(Self::Catalog);
        }
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Ok(Self::Tags(parse_name(name)?));
        }
        if let Some(name) = path.strip_suffix("/blobs/uploads") {
            return Ok(Self::Uploads(parse_name(name)?));
        }
        let (rest, last) = path.rsplit_once('/').ok_or(Unrouted::NotFound)?;
        if last.is_empty() {
            return Err(Unrouted::NotFound);
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Ok(Self::Upload(parse_name(name)?, last.to_owned()));
        }
        if let Some(name) = rest.strip_suffix("/manifests") {
            return Ok(Self::Manifest(parse_name(name)?, last.to_owned()));
        }
        if let Some(name) = rest.strip_suffix("/referrers") {
            return Ok(Self::Referrers(parse_name(name)?, last.to_owned()));
        }
        if let Some(name) = rest.strip_suffix("/blobs") {
            return Ok(Self::Blob(parse_name(name)?, last.to_owned()));
        }
        Err(Unrouted::NotFound)
    }

    fn endpoint(self, method: &Method, mode: Mode) -> Result<Endpoint, Unrouted> {
        // Distribution answers every method here.
        if matches!(self, Self::Base) {
            return Ok(Endpoint::Base);
        }
        let allow = self.allow(mode);
        if method == Method::OPTIONS {
            return Err(Unrouted::Options { allow });
        }
        let has = |methods: &str| methods.split(", ").any(|name| name == method.as_str());
        if !has(allow) && has(self.allow(Mode::ReadWrite)) {
            return Err(invalid(Error::ReadOnly { allow }));
        }
        if !has(allow) {
            return Err(Unrouted::MethodNotAllowed { allow });
        }
        let endpoint = match self {
            Self::Base => Endpoint::Base,
            Self::Catalog => Endpoint::Catalog,
            Self::Tags(name) => Endpoint::ListTags { name },
            Self::Manifest(name, reference) => {
                let reference = parse_reference(&name, &reference, method)?;
                match *method {
                    Method::PUT => Endpoint::PutManifest { name, reference },
                    Method::DELETE => Endpoint::DeleteManifest { name, reference },
                    _ => Endpoint::GetManifest { name, reference },
                }
            }
            Self::Referrers(name, digest) => Endpoint::Referrers {
                name,
                // It is only compared with what manifests mention.
                digest: Digest::mentioned(&digest)
                    .map_err(|source| invalid(Error::DigestMalformed { digest, source }))?,
            },
            Self::Blob(name, digest) => {
                let digest = parse_digest(digest)?;
                match *method {
                    Method::DELETE => Endpoint::DeleteBlob { name, digest },
                    _ => Endpoint::GetBlob { name, digest },
                }
            }
            Self::Uploads(name) => match *method {
                Method::POST => Endpoint::StartUpload { name },
                // Only a new upload can be asked for without an id.
                _ => return Err(invalid(Error::UploadMissing)),
            },
            Self::Upload(name, id) => {
                let id = id
                    .parse()
                    .map_err(|source| invalid(Error::UploadIdMalformed { source }))?;
                match *method {
                    Method::PATCH => Endpoint::AppendUpload { name, id },
                    Method::PUT => Endpoint::CompleteUpload { name, id },
                    Method::DELETE => Endpoint::CancelUpload { name, id },
                    _ => Endpoint::UploadStatus { name, id },
                }
            }
        };
        Ok(endpoint)
    }

    /// The methods of the path (reference, section 4.1; HEAD of lists is ours).
    fn allow(&self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Base | Self::Catalog | Self::Tags(_) | Self::Referrers(..), _)
            | (_, Mode::ReadOnly) => "GET, HEAD",
            (Self::Manifest(..), Mode::ReadWrite) => "DELETE, GET, HEAD, PUT",
            (Self::Blob(..), Mode::ReadWrite) => "DELETE, GET, HEAD",
            (Self::Uploads(_), Mode::ReadWrite) => "DELETE, GET, HEAD, PATCH, POST, PUT",
            // Distribution begins another upload when it gets a POST here.
            (Self::Upload(..), Mode::ReadWrite) => "DELETE, GET, HEAD, PATCH, PUT",
        }
    }
}

fn parse_name(name: &str) -> Result<RepositoryName, Unrouted> {
    if name.is_empty() {
        return Err(Unrouted::NotFound);
    }
    name.parse().map_err(|source| {
        invalid(Error::NameMalformed {
            name: name.to_owned(),
            source,
        })
    })
}

fn parse_digest(digest: String) -> Result<Digest, Unrouted> {
    digest
        .parse()
        .map_err(|source| invalid(Error::DigestMalformed { digest, source }))
}

/// A malformed tag cannot exist, which is how it is answered (OCI-3.15); it cannot be made either.
fn parse_reference(
    name: &RepositoryName,
    reference: &str,
    method: &Method,
) -> Result<Reference, Unrouted> {
    reference.parse().map_err(|source| {
        invalid(Error::ReferenceMalformed {
            name: name.clone(),
            reference: reference.to_owned(),
            source,
            creating: method == Method::PUT,
        })
    })
}

fn invalid(error: Error) -> Unrouted {
    Unrouted::Invalid(error)
}

fn moved(path: &str) -> Unrouted {
    Unrouted::Moved {
        path: utf8_percent_encode(path, PATH).to_string(),
    }
}

/// Takes out empty components, `.` and `..`; a slash at the end stays.
fn clean(path: &str) -> String {
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            component => components.push(component),
        }
    }
    let mut clean = format!("/{}", components.join("/"));
    if path.len() > 1 && path.ends_with('/') && clean.len() > 1 {
        clean.push('/');
    }
    clean
}

/// What must be encoded in a path: all that Go's `url.EscapedPath` encodes. A backslash above all,
/// since browsers take it for a slash, and two of those for the beginning of a host.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b';');

#[cfg(test)]
mod tests;

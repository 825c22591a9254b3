//! Which manifest a client gets, and in which form (reference, section 4.6).

use serde::Deserialize;
use wharf_oci::{Accept, Digest, Manifest, ManifestKind, MediaType, Reference};

use crate::{
    error::{Error, NotAcceptable},
    schema1::Converter,
};

/// What was asked for, and what the client can read.
#[derive(Debug)]
pub(crate) struct Negotiation<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) accept: &'a Accept,
    /// What gives images the form of schema 1, where that is switched on.
    pub(crate) converter: Option<Converter<'a>>,
}

/// What to serve.
#[derive(Debug)]
pub(crate) enum Served<'a> {
    /// What was found.
    Found(Form<'a>),
    /// The child of a list for the platform of clients that know no lists.
    Child(Digest),
}

/// The form to serve a manifest in.
#[derive(Debug)]
pub(crate) enum Form<'a> {
    /// As it is stored.
    Stored,
    /// Of schema 1, signed.
    Schema1(Converter<'a>),
}

impl<'a> Negotiation<'a> {
    /// Decides what to serve of a stored manifest. No `Accept` and `*/*` take what is stored; where
    /// images are converted, no `Accept` means schema 1, as in 2.x.
    ///
    /// # Errors
    /// [`Error::NotAcceptable`], for the clients that Distribution refuses.
    pub(crate) fn serve(&self, manifest: &Manifest) -> Result<Served<'a>, Error> {
        let stored = manifest.media_type();
        if *stored == MediaType::DOCKER_SCHEMA1 {
            return Ok(Served::Found(self.signed()));
        }
        if self.takes(stored) {
            return Ok(Served::Found(Form::Stored));
        }
        if *stored == MediaType::OCI_MANIFEST {
            return Err(self.refuse(stored, NotAcceptable::Oci));
        }
        // What has a digest is served as it is: anything else would have another one.
        if !self.is_by_tag() {
            return Ok(Served::Found(Form::Stored));
        }
        match manifest.kind() {
            ManifestKind::Index { .. } if *stored == MediaType::OCI_INDEX => {
                if self.knows_only_schema1() && names_its_type(manifest) {
                    return Err(self.refuse(stored, NotAcceptable::OciIndex));
                }
                Ok(Served::Found(Form::Stored))
            }
            ManifestKind::Index { manifests } => {
                let default = manifests.iter().find(|child| {
                    let platform = child.platform.as_ref();
                    platform.is_some_and(|p| p.os == "linux" && p.architecture == "amd64")
                });
                let none = || self.refuse(stored, NotAcceptable::NoDefaultPlatform);
                Ok(Served::Child(default.ok_or_else(none)?.digest.clone()))
            }
            ManifestKind::Image { .. } if *stored == MediaType::DOCKER_MANIFEST => {
                match self.converter {
                    Some(converter) if self.reads_schema1() => {
                        Ok(Served::Found(Form::Schema1(converter)))
                    }
                    None if self.knows_only_schema1() => {
                        Err(self.refuse(stored, NotAcceptable::Schema1))
                    }
                    Some(_) | None => Ok(Served::Found(Form::Stored)),
                }
            }
            ManifestKind::Image { .. }
            | ManifestKind::Other { .. }
            | ManifestKind::Schema1 { .. } => Ok(Served::Found(Form::Stored)),
        }
    }

    /// Decides in which form to serve the child of a list.
    ///
    /// # Errors
    /// [`Error::NotAcceptable`] for a schema 2 image and a client that does not name schema 2.
    pub(crate) fn serve_child(&self, child: &Manifest) -> Result<Form<'a>, Error> {
        let stored = child.media_type();
        if *stored != MediaType::DOCKER_MANIFEST || self.accept.names(stored) {
            return Ok(Form::Stored);
        }
        match self.converter {
            Some(converter) if self.reads_schema1() => Ok(Form::Schema1(converter)),
            None if self.knows_only_schema1() => {
                Err(self.refuse(stored, NotAcceptable::Schema1InList))
            }
            Some(_) | None => Err(self.refuse(stored, NotAcceptable::Schema2)),
        }
    }

    /// 2.x stores what was pushed without its signatures, and signs it anew each time.
    fn signed(&self) -> Form<'a> {
        self.converter.map_or(Form::Stored, Form::Schema1)
    }

    /// Whether the client wants the manifest as it is stored.
    fn takes(&self, stored: &MediaType) -> bool {
        self.accept.accepts(stored) && !(self.is_by_tag() && self.asks_as_of_old())
    }

    /// Whether the client can read schema 1: it says so, or asks as of old.
    fn reads_schema1(&self) -> bool {
        let schema1 = [MediaType::DOCKER_SCHEMA1, MediaType::DOCKER_SCHEMA1_SIGNED];
        self.asks_as_of_old() || schema1.iter().any(|name| self.accept.names(name))
    }

    /// Whether the client can read schema 1 and nothing else that is a manifest.
    fn knows_only_schema1(&self) -> bool {
        let mut manifests = MediaType::MANIFESTS.iter();
        self.asks_as_of_old()
            || self.reads_schema1() && !manifests.any(|name| self.accept.accepts(name))
    }

    /// Whether the client says nothing of what it can read, as those did that knew schema 1. So do
    /// scripts: only where images are converted is it taken for more than that.
    fn asks_as_of_old(&self) -> bool {
        self.converter.is_some() && *self.accept == Accept::default()
    }

    fn is_by_tag(&self) -> bool {
        matches!(self.reference, Reference::Tag(_))
    }

    fn refuse(&self, stored: &MediaType, kind: NotAcceptable) -> Error {
        Error::NotAcceptable {
            reference: self.reference.clone(),
            stored: stored.clone(),
            kind,
        }
    }
}

/// Whether a document says what it is. Distribution, which goes by that, serves an index that does
/// not to everybody.
fn names_its_type(manifest: &Manifest) -> bool {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }

    let document = serde_json::from_slice::<Typed>(manifest.bytes());
    document.is_ok_and(|typed| typed.media_type.is_some_and(|name| !name.is_empty()))
}

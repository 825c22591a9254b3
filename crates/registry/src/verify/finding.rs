//! What verifying finds: something of the store, what is wrong with it, who suffers, and the remedy.

use std::fmt;

use wharf_oci::{Digest, RepositoryName, Tag};
use wharf_storage::StoragePath;

use crate::UploadId;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The repository that it is in; none where it concerns the whole store.
    pub repository: Option<RepositoryName>,
    /// The tags that cannot be pulled whole because of it.
    pub tags: Vec<Tag>,
    /// The manifests that name it, without itself.
    pub named_by: Vec<Digest>,
    /// What it is.
    pub object: Object,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Something in a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// A tag.
    Tag(Tag),
    /// An entry of a tag's history.
    History(Tag, Digest),
    /// A manifest of a repository.
    Manifest(Digest),
    /// A child of an index.
    Child(Digest),
    /// A config or layer of a repository.
    Layer(Digest),
    /// A blob of the store.
    Blob(Digest),
    /// An entry of a subject's list of referrers.
    Referrer {
        /// The subject.
        subject: Digest,
        /// The manifest that is about it.
        referrer: Digest,
    },
    /// An upload.
    Upload(UploadId),
    /// A file or folder.
    Path(StoragePath),
}

/// What is wrong with something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// There is no link to it, though something names it.
    LinkMissing,
    /// The link to it has no bytes.
    LinkEmpty,
    /// The link to it holds something else than its digest.
    LinkMalformed,
    /// Its content is not in the store.
    Missing,
    /// Its content has no bytes.
    Empty,
    /// Its content has another digest.
    Damaged {
        /// The digest that the content has.
        actual: Digest,
    },
    /// It cannot be read.
    Unreadable {
        /// What the store said.
        error: String,
    },
    /// Its content is what its digest says, and no manifest.
    NoManifest {
        /// What is wrong with it.
        violation: String,
    },
    /// Its content has another size than a manifest says.
    SizeDiffers {
        /// The size that is named.
        named: u64,
        /// The size that it has.
        actual: u64,
    },
    /// A collection has set it aside, though something names it.
    SetAside,
    /// Damaged content that makes clients believe they need not push it.
    InTheWay,
    /// It is not in the list of its subject.
    NotIndexed,
    /// It is in a list that it does not belong to.
    Stale,
    /// A folder that should be named by a digest, or by what the store keeps there.
    NameMeaningless,
    /// Content under the name of no repository.
    NameNotAccepted,
    /// What a write left behind that was cut off.
    Leftover,
    /// A child that is not there, in an index that need not have it.
    Sparse,
    /// No repository links it.
    Orphaned {
        /// Its size.
        bytes: u64,
    },
    /// A link that no manifest names, to content that is not in the store.
    LeadsNowhere,
    /// An upload that nobody has gone on with for long.
    Abandoned,
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Something is lost or in the way.
    Problem,
    /// It may be meant so, or nobody suffers from it yet.
    Warning,
    /// It is for `garbage-collect` or for the purge of uploads.
    Note,
}

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The finding.
    pub finding: Finding,
    /// What was done about it.
    pub repair: Repair,
}

/// What was done about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: it was not asked for, or nothing can be done.
    None,
    /// It is right again.
    Done(String),
    /// It was tried, and the store did not let it.
    Failed(String),
}

impl Fault {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            // It is served from where it is, and a push beside a collection may leave it so.
            Self::Sparse | Self::SetAside => Severity::Warning,
            Self::Orphaned { .. } | Self::LeadsNowhere | Self::Abandoned => Severity::Note,
            _ => Severity::Problem,
        }
    }

    /// The word it is counted by.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LinkMissing | Self::LinkEmpty | Self::LinkMalformed => "broken links",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Damaged { .. } | Self::NoManifest { .. } => "damaged",
            Self::InTheWay => "in the way",
            Self::Unreadable { .. } => "unreadable",
            Self::SizeDiffers { .. } => "of another size",
            Self::SetAside => "set aside",
            Self::NotIndexed | Self::Stale => "wrong lists of referrers",
            Self::NameMeaningless | Self::NameNotAccepted => "meaningless names",
            Self::Leftover => "leftovers",
            Self::Sparse => "sparse children",
            Self::Orphaned { .. } | Self::LeadsNowhere => "orphaned",
            Self::Abandoned => "abandoned uploads",
        }
    }
}

impl Finding {
    /// What an operator can do about it, where there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match (&self.fault, &self.object) {
            (Fault::LinkMissing | Fault::LinkEmpty, Object::Tag(_)) => {
                "push the tag again, or delete its folder"
            }
            (Fault::LinkMalformed, Object::Tag(_)) => "push the tag again",
            (Fault::LinkMissing, Object::Child(_)) => "push the image again",
            (Fault::LinkMissing | Fault::LinkEmpty | Fault::LinkMalformed, _) => {
                "--repair writes it if the content is whole; otherwise push the image again"
            }
            (Fault::Damaged { .. } | Fault::Empty, Object::Layer(_) | Object::Blob(_)) => {
                "--repair moves it out of the way; then push the image again"
            }
            (
                Fault::Missing | Fault::Damaged { .. } | Fault::Empty | Fault::NoManifest { .. },
                _,
            ) => "push the image again, or delete what names it",
            (Fault::Unreadable { .. }, _) => "look at the disk and at the rights of the folder",
            (Fault::SizeDiffers { .. }, _) => {
                "push the image again with a manifest that tells the size"
            }
            (Fault::SetAside, _) => "the next collection moves it back, or --repair",
            (Fault::InTheWay, _) => "push the image again",
            (Fault::NotIndexed | Fault::Stale, _) => "--repair puts it right",
            (Fault::NameMeaningless, _) => "remove it by hand if nobody needs it",
            (Fault::NameNotAccepted, _) => "move it to a name that is accepted",
            (Fault::Leftover, _) => "--repair removes it",
            (Fault::Sparse, _) => return None,
            (Fault::Orphaned { .. } | Fault::LeadsNowhere, _) => "garbage-collect removes it",
            (Fault::Abandoned, _) => "storage.maintenance.uploadpurging removes it",
        })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag {tag}"),
            Self::History(tag, digest) => write!(f, "history of tag {tag}, {digest}"),
            Self::Manifest(digest) => write!(f, "manifest {digest}"),
            Self::Child(digest) => write!(f, "child {digest}"),
            Self::Layer(digest) => write!(f, "layer {digest}"),
            Self::Blob(digest) => write!(f, "blob {digest}"),
            Self::Referrer { subject, referrer } => {
                write!(f, "referrer {referrer} of {subject}")
            }
            Self::Upload(id) => write!(f, "upload {id}"),
            Self::Path(path) => write!(f, "{path}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkMissing => f.write_str("there is no link to it"),
            Self::LinkEmpty => f.write_str("its link is empty"),
            Self::LinkMalformed => f.write_str("its link does not hold its digest"),
            Self::Missing => f.write_str("its content is missing"),
            Self::Empty => f.write_str("its content is empty"),
            Self::Damaged { actual } => {
                write!(f, "its content is damaged, and has the digest {actual}")
            }
            Self::Unreadable { error } => write!(f, "it cannot be read: {error}"),
            Self::NoManifest { violation } => write!(f, "it is no manifest: {violation}"),
            Self::SizeDiffers { named, actual } => {
                write!(f, "it has {actual} bytes, where the manifest says {named}")
            }
            Self::SetAside => f.write_str("a collection has set it aside, and it is needed"),
            Self::InTheWay => f.write_str("its damaged content keeps it from being pushed"),
            Self::NotIndexed => f.write_str("it is not in the list"),
            Self::Stale => f.write_str("it is in the list, and not about the subject"),
            Self::NameMeaningless => f.write_str("a name that means nothing here"),
            Self::NameNotAccepted => {
                f.write_str("what is there is not looked at: the name is not that of a repository")
            }
            Self::Leftover => f.write_str("left behind by a write that was cut off"),
            Self::Sparse => f.write_str("it is not there, and need not be"),
            Self::Orphaned { bytes } => write!(f, "no repository has it ({bytes} bytes)"),
            Self::LeadsNowhere => f.write_str("its content is missing, and no manifest names it"),
            Self::Abandoned => f.write_str("nobody has gone on with it for long"),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One line without its end.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = &self.finding;
        match &self.repair {
            Repair::Done(_) => f.write_str("repaired: ")?,
            Repair::None | Repair::Failed(_) => write!(f, "{}: ", finding.fault.severity())?,
        }
        if let Some(name) = &finding.repository {
            write!(f, "{name}: ")?;
        }
        let is_tag = matches!(finding.object, Object::Tag(_) | Object::History(..));
        if !finding.tags.is_empty() && !is_tag {
            let tags = finding.tags.iter().map(Tag::as_str);
            write!(f, "tags {}: ", first(tags))?;
        }
        write!(f, "{}", finding.object)?;
        if !finding.named_by.is_empty() {
            let named_by = finding.named_by.iter().map(Digest::as_str);
            write!(f, ", named by {}", first(named_by))?;
        }
        write!(f, ": {}", finding.fault)?;
        match &self.repair {
            Repair::Done(what) => write!(f, "; {what}"),
            Repair::Failed(why) => write!(f, "; it cannot be repaired: {why}"),
            Repair::None => match finding.remedy() {
                Some(remedy) => write!(f, "; {remedy}"),
                None => Ok(()),
            },
        }
    }
}

/// The first of a list, and how many more there are.
fn first<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = items.len().saturating_sub(MOST_TOLD);
    let told: Vec<&str> = items.take(MOST_TOLD).collect();
    match more {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

/// How many tags or manifests a line names.
const MOST_TOLD: usize = 8;

//! A small world: what can be in the store, what is there at first, who pushes what, and what is deleted.

use crate::protocol::{Protocol, Step};
use crate::push::{Instruction, Program};
use crate::state::Push;
use crate::store::{MOST_OBJECTS, MOST_TAGS, Object, ObjectSet, Store};

/// What one object of the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The bytes of a blob or of a manifest: one for all repositories.
    Data(&'static str),
    /// "This repository has this blob."
    LayerLink(&'static str, &'static str),
    /// "This repository has this manifest."
    ManifestLink(&'static str, &'static str),
}

impl Thing {
    fn name(self) -> &'static str {
        match self {
            Self::Data(name) | Self::LayerLink(_, name) | Self::ManifestLink(_, name) => name,
        }
    }
}

/// An image by its number in the scenario: a manifest or an index in a repository.
pub type ImageId = usize;

/// A manifest or an index in a repository.
#[derive(Debug, Clone)]
pub struct Image {
    /// The link that says that the repository has the manifest.
    pub link: Object,
    /// The bytes of the manifest.
    pub bytes: Object,
    /// What the manifest names: layer links and data; for an index the links and the bytes of its children.
    pub named: ObjectSet,
    /// The same, and what those name.
    pub parts: ObjectSet,
    /// The tag it is pushed by.
    pub tag: Option<usize>,
}

impl Image {
    /// All that must be there for the image to be pulled.
    #[must_use]
    pub fn whole(&self) -> ObjectSet {
        self.parts.with(self.link).with(self.bytes)
    }
}

/// What the collector sets aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untagged {
    /// A manifest stays while its link is there.
    Stays,
    /// A manifest that no tag leads to is garbage (`--delete-untagged`).
    Goes,
    /// Each run is of the one kind or of the other.
    GoesInSomeRuns,
}

/// How much is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Full,
    /// A manifest's link and its bytes are one thing.
    ManifestsFused,
    /// So are a layer's.
    Fused,
}

/// The one layer, in scenarios that fuse what is no layer.
pub const LAYER: &str = "L";

/// What a client deletes, once and at any time.
#[derive(Debug, Clone, Copy)]
pub enum Deletion {
    /// A tag.
    Tag(usize),
    /// The link of a layer or of a manifest, and the tags that name that manifest.
    Link(Object),
}

/// How a client comes by a part.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    /// HEAD, and an upload if the answer is no; or an upload at once.
    HeadOrUpload(&'static str, &'static str),
    /// A mount, and an upload if there is nothing to mount.
    Mount {
        /// The source.
        from: &'static str,
        /// The target.
        to: &'static str,
        /// Which.
        blob: &'static str,
    },
    /// HEAD of a manifest: if the answer is yes, everything up to its PUT is skipped.
    HeadManifest(ImageId),
    /// PUT of a manifest.
    Put(ImageId),
}

/// A small world.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The steps that are taken in it.
    pub protocol: Protocol,
    /// What the collector does with untagged manifests.
    pub untagged: Untagged,
    /// What each object is.
    pub things: Vec<Thing>,
    /// What can be pushed.
    pub images: Vec<Image>,
    /// Who pushes.
    pub pushes: Vec<Program>,
    /// Who deletes.
    pub deletions: Vec<Deletion>,
    /// Whether somebody pulls, one lookup at a time.
    pub pulls: bool,
    /// What is taken for one thing, to make room for more of something else.
    pub detail: Detail,
    /// Whether all pushes are the same, so that it does not matter which is which.
    pub twins: bool,
    /// Whether a lookup is taken apart into the places it goes to. Then a run handles each thing once, and none begins within a lookup.
    pub fine: bool,
    /// What is there at first, acknowledged.
    pub standing: Vec<ImageId>,
}

impl Scenario {
    /// An empty world.
    #[must_use]
    pub fn new(untagged: Untagged, protocol: Protocol) -> Self {
        Self {
            protocol,
            untagged,
            things: Vec::new(),
            images: Vec::new(),
            pushes: Vec::new(),
            deletions: Vec::new(),
            pulls: false,
            detail: Detail::Full,
            twins: false,
            fine: false,
            standing: Vec::new(),
        }
    }

    /// A manifest of `repository` that names `layers`.
    pub fn image(
        &mut self,
        repository: &'static str,
        name: &'static str,
        layers: &[&'static str],
        tag: Option<usize>,
    ) -> ImageId {
        let mut named = ObjectSet::default();
        for &layer in layers {
            named = named.with(self.object(Thing::LayerLink(repository, layer)));
            named = named.with(self.object(Thing::Data(layer)));
        }
        self.add_image(repository, name, named, named, tag)
    }

    /// An index of `repository` that names `children`.
    pub fn index(
        &mut self,
        repository: &'static str,
        name: &'static str,
        children: &[ImageId],
        tag: Option<usize>,
    ) -> ImageId {
        let (mut named, mut parts) = (ObjectSet::default(), ObjectSet::default());
        for &child in children {
            let child = &self.images[child];
            named = named.with(child.link).with(child.bytes);
            parts = parts.and(child.whole());
        }
        self.add_image(repository, name, named, parts, tag)
    }

    fn add_image(
        &mut self,
        repository: &'static str,
        name: &'static str,
        named: ObjectSet,
        parts: ObjectSet,
        tag: Option<usize>,
    ) -> ImageId {
        assert!(tag.is_none_or(|tag| tag < MOST_TAGS), "too many tags");
        let image = Image {
            link: self.object(Thing::ManifestLink(repository, name)),
            bytes: self.object(Thing::Data(name)),
            named,
            parts,
            tag,
        };
        self.images.push(image);
        self.images.len() - 1
    }

    /// The number of a thing.
    pub fn object(&mut self, thing: Thing) -> Object {
        let fused = |name: &str| match self.detail {
            Detail::Full => false,
            Detail::ManifestsFused => name != LAYER,
            Detail::Fused => true,
        };
        let same = |known: &Thing| {
            *known == thing || (known.name() == thing.name() && fused(thing.name()))
        };
        let known = self.things.iter().position(same);
        known.unwrap_or_else(|| {
            self.things.push(thing);
            assert!(self.things.len() <= MOST_OBJECTS, "too many things");
            self.things.len() - 1
        })
    }

    /// The image was pushed before all this begins.
    pub fn stands(&mut self, image: ImageId) {
        self.standing.push(image);
    }

    /// Whether it is the link of a manifest.
    #[must_use]
    pub fn is_manifest_link(&self, object: Object) -> bool {
        matches!(self.things[object], Thing::ManifestLink(..))
    }

    /// Somebody does this, one after the other.
    pub fn push(&mut self, verbs: &[Verb]) {
        let program = Program::of(self, verbs);
        self.pushes.push(program);
    }

    /// Somebody deletes this.
    pub fn delete(&mut self, deletion: Deletion) {
        self.deletions.push(deletion);
    }

    /// The store at first.
    #[must_use]
    pub fn first_store(&self) -> Store {
        let mut store = Store::default();
        for &standing in &self.standing {
            let image = &self.images[standing];
            image.whole().iter().for_each(|object| store.write(object));
            if let Some(tag) = image.tag {
                store.tags[tag] = u8::try_from(standing).ok();
            }
        }
        store
    }

    /// The instruction that a push is at.
    #[must_use]
    pub fn instruction(&self, push: usize, at: u8) -> Instruction {
        self.pushes[push].instructions[usize::from(at)]
    }

    /// Whether the push has begun the look after which it writes its tag, and has not written it yet. Where manifest links are roots that does
    /// not matter, unless nothing is looked at between the link and the tag.
    #[must_use]
    pub fn is_about_to_tag(&self, number: usize, push: &Push) -> bool {
        let protocol = self.protocol;
        let matters = self.untagged != Untagged::Stays || !protocol.has(Step::SecondLook);
        let counts = matters && protocol.has(Step::TagInTime) && push.end.is_none();
        counts && number < self.pushes.len() && self.pushes[number].is_about_to_tag(push)
    }
}

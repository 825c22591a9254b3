//! The small worlds that are explored, each with its own bound.
//!
//! In all of them there is one layer, `L`, and a collector that runs again and again and may crash at any step.

use crate::protocol::Protocol;
use crate::scenario::{Deletion, Detail, LAYER, Scenario, Thing, Untagged, Verb};

/// One repository: an image is deleted while two pushes of another one bring the layer that both have.
#[must_use]
pub fn shared_layer(protocol: Protocol) -> Scenario {
    let mut world = Scenario::new(Untagged::Stays, protocol);
    world.twins = true;
    let old = world.image("a", "A", &[LAYER], None);
    let new = world.image("a", "B", &[LAYER], None);
    let link = world.images[old].link;
    world.stands(old);
    world.delete(Deletion::Link(link));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(new)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(new)]);
    world
}

/// An image is deleted with its tag while two pushes bring the same image with the same tag.
#[must_use]
pub fn same_image(protocol: Protocol) -> Scenario {
    let mut world = Scenario::new(Untagged::Stays, protocol);
    world.twins = true;
    let image = world.image("a", "A", &[LAYER], Some(0));
    let link = world.images[image].link;
    world.stands(image);
    world.delete(Deletion::Link(link));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world
}

/// Two repositories: one push mounts the layer from the first, where its image is deleted and pushed again.
#[must_use]
pub fn mount(protocol: Protocol) -> Scenario {
    let mut world = Scenario::new(Untagged::Stays, protocol);
    world.detail = Detail::ManifestsFused;
    let source = world.image("a", "A", &[LAYER], None);
    let target = world.image("b", "B", &[LAYER], None);
    let link = world.images[source].link;
    world.stands(source);
    world.delete(Deletion::Link(link));
    let mount = Verb::Mount {
        from: "a",
        to: "b",
        blob: LAYER,
    };
    world.push(&[mount, Verb::Put(target)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(source)]);
    world
}

/// One push of a tagged image whose tag is deleted, with every thing by itself.
#[must_use]
pub fn tagged_image(protocol: Protocol, untagged: Untagged) -> Scenario {
    let mut world = Scenario::new(untagged, protocol);
    let image = world.image("a", "A", &[LAYER], Some(0));
    world.stands(image);
    world.delete(Deletion::Tag(0));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world
}

/// The same with two pushes.
#[must_use]
pub fn tagged_twice(protocol: Protocol, untagged: Untagged) -> Scenario {
    let mut world = Scenario::new(untagged, protocol);
    world.twins = true;
    world.detail = Detail::ManifestsFused;
    let image = world.image("a", "A", &[LAYER], Some(0));
    world.stands(image);
    world.delete(Deletion::Tag(0));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world
}

/// Two pushes move one tag between two images, one of which is deleted.
#[must_use]
pub fn moved_tag(protocol: Protocol, untagged: Untagged) -> Scenario {
    let mut world = Scenario::new(untagged, protocol);
    world.detail = Detail::Fused;
    let old = world.image("a", "A", &[LAYER], Some(0));
    let new = world.image("a", "B", &[LAYER], Some(0));
    let link = world.images[old].link;
    world.stands(old);
    world.delete(Deletion::Link(link));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(new)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(old)]);
    world
}

/// One push of a tagged index whose tag is deleted: its child is asked for, and pushed if it is not there.
#[must_use]
pub fn index(protocol: Protocol, untagged: Untagged) -> Scenario {
    index_of(protocol, untagged, Detail::ManifestsFused, 1)
}

/// The same with two pushes.
#[must_use]
pub fn index_twice(protocol: Protocol, untagged: Untagged) -> Scenario {
    index_of(protocol, untagged, Detail::Fused, 2)
}

fn index_of(protocol: Protocol, untagged: Untagged, detail: Detail, pushes: usize) -> Scenario {
    let mut world = Scenario::new(untagged, protocol);
    world.twins = pushes == 2;
    world.detail = detail;
    let child = world.image("a", "M", &[LAYER], None);
    let index = world.index("a", "I", &[child], Some(0));
    world.stands(child);
    world.stands(index);
    world.delete(Deletion::Tag(0));
    for _ in 0..pushes {
        world.push(&[
            Verb::HeadManifest(child),
            Verb::HeadOrUpload("a", LAYER),
            Verb::Put(child),
            Verb::Put(index),
        ]);
    }
    world
}

/// The index and its child are deleted by digest while two pushes bring them.
#[must_use]
pub fn deleted_index(protocol: Protocol) -> Scenario {
    let mut world = index_twice(protocol, Untagged::Stays);
    world.deletions.clear();
    for image in 0..world.images.len() {
        let link = world.images[image].link;
        world.delete(Deletion::Link(link));
    }
    world
}

/// As [`shared_layer`], with one push and somebody who pulls; lookups are taken apart.
#[must_use]
pub fn pulled(protocol: Protocol) -> Scenario {
    let mut world = looked_for(protocol);
    world.twins = false;
    world.pulls = true;
    world.pushes.pop();
    world
}

/// As [`shared_layer`]; lookups are taken apart.
#[must_use]
pub fn looked_for(protocol: Protocol) -> Scenario {
    let mut world = Scenario::new(Untagged::Stays, protocol);
    world.twins = true;
    world.detail = Detail::ManifestsFused;
    world.fine = true;
    let old = world.image("a", "A", &[LAYER], None);
    let new = world.image("a", "B", &[LAYER], None);
    let link = world.images[old].link;
    world.stands(old);
    world.delete(Deletion::Link(link));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(new)]);
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(new)]);
    world
}

/// A manifest and its tag are deleted while it is asked for and pushed; lookups and deletions are taken apart.
#[must_use]
pub fn deleted_manifest(protocol: Protocol, untagged: Untagged) -> Scenario {
    let mut world = Scenario::new(untagged, protocol);
    world.detail = Detail::Fused;
    world.fine = true;
    let image = world.image("a", "A", &[LAYER], Some(0));
    let link = world.images[image].link;
    world.stands(image);
    world.delete(Deletion::Tag(0));
    world.delete(Deletion::Link(link));
    world.push(&[
        Verb::HeadManifest(image),
        Verb::HeadOrUpload("a", LAYER),
        Verb::Put(image),
    ]);
    world
}

/// A manifest and its layer are deleted while they are pushed; lookups and deletions are taken apart.
#[must_use]
pub fn deleted_layer(protocol: Protocol) -> Scenario {
    let mut world = Scenario::new(Untagged::Stays, protocol);
    world.detail = Detail::ManifestsFused;
    world.fine = true;
    let image = world.image("a", "A", &[LAYER], None);
    let link = world.images[image].link;
    let layer = world.object(Thing::LayerLink("a", LAYER));
    world.stands(image);
    world.delete(Deletion::Link(link));
    world.delete(Deletion::Link(layer));
    world.push(&[Verb::HeadOrUpload("a", LAYER), Verb::Put(image)]);
    world
}

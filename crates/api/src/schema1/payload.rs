//! What is signed: the document of schema 1, made from the manifest of an image and its config.

use std::{collections::BTreeMap, slice};

use serde_json::value::RawValue;
use wharf_oci::{Algorithm, Descriptor, Digest, RepositoryName};

use super::{
    empty_layer, go_json,
    go_json::{Object, compacted, quoted},
    image_config::{ImageConfig, Step},
};

/// Why an image has no form in schema 1; the text is meant for whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unconvertible {
    /// The repository does not have the config.
    #[error("the image's config {digest} is not in the repository")]
    ConfigUnknown {
        /// The config.
        digest: Digest,
    },
    /// The config is too large to be one.
    #[error("the image's config is of {size} bytes, which is too large to be read")]
    ConfigTooLarge {
        /// How large it is.
        size: u64,
    },
    /// The config is not what it should be.
    #[error("the image's config cannot be read: {message}")]
    ConfigMalformed {
        /// What the parser says.
        message: String,
    },
    /// There is no step to make a layer of.
    #[error("the image's config has no history")]
    NoHistory,
    /// The config and the manifest are of different images.
    #[error("the image's config has {config} layer(s) and its manifest {manifest}")]
    LayersDiffer {
        /// How many the config has.
        config: usize,
        /// How many the manifest has.
        manifest: usize,
    },
    /// There are more steps than an image has.
    #[error("the image's config has a history of {steps} steps, which is too long")]
    HistoryTooLong {
        /// How many there are.
        steps: usize,
    },
    /// There are more steps that made a layer than layers.
    #[error("the history in the image's config has more layers than the image")]
    TooManyLayers,
}

/// The document, and what it needs.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) document: String,
    /// Whether the empty layer is among its layers.
    pub(super) has_empty_layers: bool,
}

/// One image of a layer and all below it, which schema 1 has for every step.
struct Image {
    blob_sum: Digest,
    v1_compatibility: String,
}

/// Converts an image as 2.x does.
pub(super) fn convert(
    name: &RepositoryName,
    tag: &str,
    config_json: &[u8],
    layers: &[Descriptor],
) -> Result<Payload, Unconvertible> {
    let config =
        ImageConfig::parse(config_json).map_err(|error| Unconvertible::ConfigMalformed {
            message: error.to_string(),
        })?;
    let (top, below) = config
        .history
        .split_last()
        .ok_or(Unconvertible::NoHistory)?;
    if config.history.len() > MOST_STEPS {
        let steps = config.history.len();
        return Err(Unconvertible::HistoryTooLong { steps });
    }
    if config.layers != layers.len() {
        return Err(Unconvertible::LayersDiffer {
            config: config.layers,
            manifest: layers.len(),
        });
    }

    let mut layers = layers.iter();
    let mut images = Vec::with_capacity(config.history.len());
    let mut parent = String::new();
    for (index, step) in below.iter().enumerate() {
        let blob_sum = blob_sum(step, &mut layers)?;
        let id = hex(format!("{} {parent}", blob_sum.hex()).as_bytes());
        if index == 0 && !config.base_layer.is_empty() {
            parent = base_id(&config.base_layer);
        }
        images.push(Image {
            blob_sum,
            v1_compatibility: lower_image(step, &id, &parent),
        });
        parent = id;
    }
    let blob_sum = blob_sum(top, &mut layers)?;
    let mut seed = format!("{} {parent} ", blob_sum.hex()).into_bytes();
    seed.extend_from_slice(config_json);
    images.push(Image {
        blob_sum,
        v1_compatibility: topmost_image(config.fields, top, &hex(&seed), &parent),
    });
    images.reverse();

    Ok(Payload {
        document: document(name, tag, &config.architecture, &images),
        has_empty_layers: config.history.iter().any(|step| step.empty_layer),
    })
}

/// The layer of a step: the next one of the image's, unless the step made none.
fn blob_sum(
    step: &Step,
    layers: &mut slice::Iter<'_, Descriptor>,
) -> Result<Digest, Unconvertible> {
    if step.empty_layer {
        return Ok(empty_layer::digest());
    }
    let layer = layers.next().ok_or(Unconvertible::TooManyLayers)?;
    Ok(layer.digest.clone())
}

/// What stands for the base of an image of Windows.
fn base_id(base_layer: &str) -> String {
    let hash = Digest::of(Algorithm::Sha384, base_layer.as_bytes());
    hash.hex()[..64].to_owned()
}

/// An image that only has to look like one: nobody can run it by itself.
fn lower_image(step: &Step, id: &str, parent: &str) -> String {
    let command = go_json::list([quoted(&step.created_by)].into_iter());
    Object::new()
        .text("id", id)
        .text_if_any("parent", parent)
        .text_if_any("comment", &step.comment)
        .text("created", &step.created)
        .field(
            "container_config",
            &Object::new().field("Cmd", &command).finish(),
        )
        .text_if_any("author", &step.author)
        .flag("throwaway", step.empty_layer)
        .finish()
}

/// The image itself: its config, but for what schema 1 tells in other places.
fn topmost_image(
    config: BTreeMap<String, Box<RawValue>>,
    step: &Step,
    id: &str,
    parent: &str,
) -> String {
    let mut fields: BTreeMap<String, String> = config
        .into_iter()
        .filter(|(name, _)| name != "rootfs" && name != "history")
        .map(|(name, value)| (name, compacted(value.get())))
        .collect();
    fields.insert("id".to_owned(), quoted(id));
    if !parent.is_empty() {
        fields.insert("parent".to_owned(), quoted(parent));
    }
    if step.empty_layer {
        fields.insert("throwaway".to_owned(), "true".to_owned());
    }
    let fields = fields.iter();
    fields
        .fold(Object::new(), |object, (name, value)| {
            object.field(name, value)
        })
        .finish()
}

fn document(name: &RepositoryName, tag: &str, architecture: &str, images: &[Image]) -> String {
    let layers = images.iter().map(|image| {
        Object::new()
            .text("blobSum", image.blob_sum.as_str())
            .finish()
    });
    let history = images.iter().map(|image| {
        Object::new()
            .text("v1Compatibility", &image.v1_compatibility)
            .finish()
    });
    let compact = Object::new()
        .field("schemaVersion", "1")
        .text("name", name.as_str())
        .text("tag", tag)
        .text("architecture", architecture)
        .field("fsLayers", &go_json::list(layers))
        .field("history", &go_json::list(history))
        .finish();
    go_json::indented(&compact, "", INDENT)
}

fn hex(content: &[u8]) -> String {
    Digest::sha256(content).hex().to_owned()
}

/// How long a history may be. A step is written in a few bytes and becomes half a kilobyte: without a
/// limit a small config would make a huge document.
const MOST_STEPS: usize = 5000;
const INDENT: &str = "   ";

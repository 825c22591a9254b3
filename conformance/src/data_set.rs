//! What the official suite pushes, set by set.

use serde_json::{Value, json};

use crate::content::{
    ARTIFACT, EMPTY_JSON, FOREIGN, FOREIGN_GZIP, LAYER, LAYER_GZIP, OTHER_ARTIFACT, base64,
    descriptor, noise,
};
use crate::digest::Algorithm;
use crate::manifest::Manifest;

/// Manifests in the order in which they are pushed, with their tags.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// The algorithm of every digest.
    pub algorithm: Algorithm,
    /// Children before their index.
    pub manifests: Vec<(Manifest, Vec<String>)>,
    /// What the others speak of although it is never pushed.
    pub absent: Option<Manifest>,
}

impl DataSet {
    /// One image.
    pub fn image(algorithm: Algorithm) -> Self {
        let image = Manifest::image_of(algorithm, 1, LAYER_GZIP);
        Self::of(algorithm).and(image, &["image"])
    }

    /// One image whose layers are not compressed.
    pub fn image_uncompressed(algorithm: Algorithm) -> Self {
        let image = Manifest::image_of(algorithm, 2, LAYER);
        Self::of(algorithm).and(image, &["image-uncompressed"])
    }

    /// One image with 390 annotations of 10 000 characters: 3.91 MB.
    pub fn large_manifest(algorithm: Algorithm) -> Self {
        let annotations = (0..390).map(|number| {
            let key = format!("org.example.oci.conformance.{number}");
            (key, Value::from("x".repeat(10_000)))
        });
        let image = Manifest::image_by(algorithm, 3);
        let image = image.with("annotations", Value::Object(annotations.collect()));
        Self::of(algorithm).and(image, &["large-manifest"])
    }

    /// An index over two platforms.
    pub fn index(algorithm: Algorithm) -> Self {
        let images = [
            Manifest::image_by(algorithm, 4),
            Manifest::image_by(algorithm, 5),
        ];
        let index = over_platforms(algorithm, &images);
        let [first, second] = images;
        Self::of(algorithm)
            .and(first, &[])
            .and(second, &[])
            .and(index, &["index"])
    }

    /// An index over two such indexes.
    pub fn nested_index(algorithm: Algorithm) -> Self {
        let images = [6, 7, 8, 9].map(|seed| Manifest::image_by(algorithm, seed));
        let left = over_platforms(algorithm, &images[..2]);
        let right = over_platforms(algorithm, &images[2..]);
        let above = Manifest::index(algorithm, &[&left, &right]);
        let set = images
            .into_iter()
            .fold(Self::of(algorithm), |set, image| set.and(image, &[]));
        set.and(left, &[])
            .and(right, &[])
            .and(above, &["index-of-index"])
    }

    /// An index over nothing.
    pub fn empty_index(algorithm: Algorithm) -> Self {
        Self::of(algorithm).and(Manifest::index(algorithm, &[]), &["index"])
    }

    /// An artifact of one layer.
    pub fn artifact(algorithm: Algorithm) -> Self {
        let artifact = Manifest::artifact(algorithm, ARTIFACT, &noise(10, 2048));
        Self::of(algorithm).and(artifact, &["artifact"])
    }

    /// An artifact that is all said in its manifest.
    pub fn artifact_without_layers(algorithm: Algorithm) -> Self {
        let artifact = Manifest::artifact(algorithm, ARTIFACT, EMPTY_JSON);
        Self::of(algorithm).and(artifact, &["artifact-without-layers"])
    }

    /// An index with a type of its own over two artifacts.
    pub fn artifact_index(algorithm: Algorithm) -> Self {
        let artifacts =
            [11, 12].map(|seed| Manifest::artifact(algorithm, ARTIFACT, &noise(seed, 2048)));
        let index = Manifest::index(algorithm, &[&artifacts[0], &artifacts[1]]);
        let index = index.with("artifactType", ARTIFACT);
        let [first, second] = artifacts;
        Self::of(algorithm)
            .and(first, &[])
            .and(second, &[])
            .and(index, &["artifact-index"])
    }

    /// An image, and to it an image without a type of its own and two artifacts with annotations.
    pub fn artifacts_with_subject(algorithm: Algorithm) -> Self {
        let image = Manifest::image_by(algorithm, 13);
        let untyped = Manifest::image_by(algorithm, 14).to(&image);
        let annotated = |artifact_type: &str, seed: u64| {
            Manifest::artifact(algorithm, artifact_type, &noise(seed, 2048))
                .annotated(&[
                    ("org.example.fixed", "fixed"),
                    ("org.example.random", &seed.to_string()),
                ])
                .to(&image)
        };
        let first = annotated(ARTIFACT, 15);
        let second = annotated(OTHER_ARTIFACT, 16);
        Self::of(algorithm)
            .and(image, &["image"])
            .and(untyped, &[])
            .and(first, &["tagged-artifact1"])
            .and(second, &["tagged-artifact2"])
    }

    /// An index, and to it another index and its two children, all with annotations.
    pub fn index_with_subject(algorithm: Algorithm) -> Self {
        let mut set = Self::index(algorithm);
        let (subject, _) = set.manifests[2].clone();
        let artifacts = [17, 18].map(|seed| {
            Manifest::artifact(algorithm, ARTIFACT, &noise(seed, 2048))
                .annotated(&[("org.example.seed", &seed.to_string())])
                .to(&subject)
        });
        let index = Manifest::index(algorithm, &[&artifacts[0], &artifacts[1]])
            .with("artifactType", ARTIFACT)
            .annotated(&[("org.example.seed", "index")])
            .to(&subject);
        let [first, second] = artifacts;
        set = set.and(first, &[]).and(second, &[]);
        set.and(index, &["tagged-artifact"])
    }

    /// An artifact that speaks of what is never pushed.
    pub fn missing_subject(algorithm: Algorithm) -> Self {
        let subject = Manifest::image_by(algorithm, 19);
        let artifact = Manifest::artifact(algorithm, ARTIFACT, &noise(20, 2048)).to(&subject);
        let artifact = {
            let mut descriptor = artifact.document["subject"].clone();
            descriptor["size"] = 123.into();
            artifact.with("subject", descriptor)
        };
        let mut set = Self::of(algorithm).and(artifact, &["tagged-missing"]);
        set.absent = Some(subject);
        set
    }

    /// An image whose descriptors repeat the content.
    pub fn data_field(algorithm: Algorithm) -> Self {
        Self::of(algorithm).and(
            Manifest::image_by(algorithm, 21).with_data(),
            &["data-field"],
        )
    }

    /// Properties that nobody knows, in the index, the manifests and the configurations.
    pub fn custom_fields(algorithm: Algorithm) -> Self {
        let images = [22, 23].map(|seed| {
            let image = Manifest::image_by(algorithm, seed);
            let mut config: Value = serde_json::from_slice(&image.blobs[0]).unwrap();
            config["org.example.unknown"] = seed.into();
            let config = crate::content::written(&config);
            let named = descriptor(algorithm, crate::content::CONFIG, &config);
            let mut image = image.with("org.example.unknown", json!({ "deep": [seed] }));
            image.blobs[0] = config;
            image.with("config", named)
        });
        let index = over_platforms(algorithm, &images).with("org.example.unknown", "kept");
        let [first, second] = images;
        Self::of(algorithm)
            .and(first, &[])
            .and(second, &[])
            .and(index, &["custom-fields"])
    }

    /// An image of nothing but its configuration.
    pub fn no_layers(algorithm: Algorithm) -> Self {
        let mut image = Manifest::image_by(algorithm, 24).with("layers", json!([]));
        image.blobs.truncate(1);
        Self::of(algorithm).and(image, &["no-layers"])
    }

    /// An image with two layers that are found elsewhere, and one that is here.
    pub fn non_distributable_layers(algorithm: Algorithm) -> Self {
        let mut image = Manifest::image_by(algorithm, 25);
        let foreign = [(FOREIGN_GZIP, 26), (FOREIGN, 27)].map(|(media_type, seed)| {
            let mut layer = descriptor(algorithm, media_type, &noise(seed, 512));
            layer["urls"] = json!([format!("https://layers.example.com/{seed}")]);
            layer
        });
        let normal = image.document["layers"][0].clone();
        image.blobs.truncate(2);
        let [first, second] = foreign;
        let image = image.with("layers", json!([first, second, normal]));
        Self::of(algorithm).and(image, &["non-distributable-layers"])
    }

    /// An image with a layer that is nowhere.
    pub fn sparse_image(algorithm: Algorithm) -> Self {
        let mut image = Manifest::image_by(algorithm, 28);
        image.blobs.truncate(2);
        Self::of(algorithm).and(image, &["sparse-image"])
    }

    /// An index with a child that is nowhere.
    pub fn sparse_index(algorithm: Algorithm) -> Self {
        let images = [
            Manifest::image_by(algorithm, 29),
            Manifest::image_by(algorithm, 30),
        ];
        let index = over_platforms(algorithm, &images);
        let [first, _] = images;
        Self::of(algorithm)
            .and(first, &[])
            .and(index, &["sparse-index"])
    }

    /// An index over two images, by digest only.
    pub fn untagged(algorithm: Algorithm) -> Self {
        let mut set = Self::index(algorithm);
        for (_, tags) in &mut set.manifests {
            tags.clear();
        }
        set
    }

    /// An index over two images: one tag on each, two on the index.
    pub fn tag_parameters(algorithm: Algorithm) -> Self {
        let mut set = Self::index(algorithm);
        let tags: [&[&str]; 3] = [&["first"], &["second"], &["both", "all"]];
        for ((_, place), tags) in set.manifests.iter_mut().zip(tags) {
            *place = tags.iter().map(|tag| (*tag).to_owned()).collect();
        }
        set
    }

    /// All tags, sorted bytewise.
    pub fn tags(&self) -> Vec<String> {
        let tags = self
            .manifests
            .iter()
            .flat_map(|(_, tags)| tags.iter().cloned());
        let mut tags: Vec<String> = tags.collect();
        tags.sort();
        tags
    }

    /// What some of the manifests speak of: the digest, and how the list must name them.
    pub fn subjects(&self) -> Vec<(String, Vec<Value>)> {
        let mut subjects: Vec<(String, Vec<Value>)> = Vec::new();
        for (manifest, _) in &self.manifests {
            let Some(subject) = manifest.document["subject"]["digest"].as_str() else {
                continue;
            };
            let listed = manifest.listed();
            match subjects.iter_mut().find(|(digest, _)| digest == subject) {
                Some((_, entries)) => entries.push(listed),
                None => subjects.push((subject.to_owned(), vec![listed])),
            }
        }
        subjects
    }

    fn of(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            manifests: Vec::new(),
            absent: None,
        }
    }

    fn and(mut self, manifest: Manifest, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.manifests.push((manifest, tags));
        self
    }
}

/// An index that says which image is for which platform.
fn over_platforms(algorithm: Algorithm, images: &[Manifest]) -> Manifest {
    let platforms = ["amd64", "arm64"];
    let entries = images.iter().zip(platforms).map(|(image, architecture)| {
        let mut entry = image.descriptor();
        entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
        entry
    });
    let entries: Vec<Value> = entries.collect();
    Manifest::index(algorithm, &[]).with("manifests", entries)
}

/// The suite's `{}` in a descriptor that repeats it.
pub fn empty_with_data(algorithm: Algorithm) -> Value {
    let mut empty = descriptor(algorithm, crate::content::EMPTY, EMPTY_JSON);
    empty["data"] = base64(EMPTY_JSON).into();
    empty
}

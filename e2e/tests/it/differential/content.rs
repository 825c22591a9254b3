//! What the scenarios push: small documents of every kind, the same bytes each time.

use serde_json::{Value, json};

use wharf_e2e::digest;
pub(super) use wharf_e2e::layout::{INDEX, LIST, MANIFEST, SCHEMA_2};

use super::request::{Request, put};

/// Docker's manifests of the first kind, signed.
pub(super) const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// The configuration of an OCI image.
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer of an OCI image.
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The configuration of a docker image.
pub(super) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer of a docker image.
pub(super) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A layer of a docker image that stays where its owner keeps it.
pub(super) const FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/// The same for OCI.
pub(super) const RESTRICTED_LAYER: &str =
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// Eleven bytes.
pub(super) const LAYER: &[u8] = b"hello world";
/// A configuration that conversion to schema 1 can read.
pub(super) const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"]},"history":[{"created":"2020-01-01T00:00:00Z"}]}"#;

/// A digest of nothing that is ever pushed.
pub(super) fn unknown() -> String {
    digest::of(b"never pushed")
}

/// A digest of a kind that is longer, and of nothing.
pub(super) fn sha512() -> String {
    format!("sha512:{}", "ab".repeat(64))
}

/// A reference to content.
pub(super) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest::of(content), "size": content.len() })
}

/// An OCI image over [`CONFIG`] and [`LAYER`].
pub(super) fn oci() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(OCI_CONFIG, CONFIG),
        "layers": [descriptor(OCI_LAYER, LAYER)],
    })
}

/// A docker image over the same.
pub(super) fn docker() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": SCHEMA_2,
        "config": descriptor(DOCKER_CONFIG, CONFIG),
        "layers": [descriptor(DOCKER_LAYER, LAYER)],
    })
}

/// An OCI index over [`oci`].
pub(super) fn index() -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child(MANIFEST, &oci(), "amd64")] })
}

/// A list over [`docker`] for one architecture.
pub(super) fn list(architecture: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": LIST,
        "manifests": [child(SCHEMA_2, &docker(), architecture)],
    })
}

/// A child of a list.
pub(super) fn child(media_type: &str, document: &Value, architecture: &str) -> Value {
    let mut child = descriptor(media_type, &bytes(document));
    child["platform"] = json!({ "architecture": architecture, "os": "linux" });
    child
}

/// A document with one field changed, or taken out by `null`.
pub(super) fn with(mut document: Value, field: &str, value: Value) -> Value {
    if value.is_null() {
        document.as_object_mut().unwrap().remove(field);
    } else {
        document[field] = value;
    }
    document
}

/// A document as it is pushed.
pub(super) fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

/// The digest of a document.
pub(super) fn digest_of(document: &Value) -> String {
    digest::of(&bytes(document))
}

/// The two requests that push a blob.
pub(super) fn push_blob(name: &str, repository: &str, content: &[u8]) -> Vec<Request> {
    let digest = digest::of(content);
    vec![
        super::request::post(
            format!("begin to push {name} to {repository}"),
            format!("/v2/{repository}/blobs/uploads/"),
        )
        .keep("push"),
        put(
            format!("push {name} to {repository}"),
            format!("{{push}}&digest={digest}"),
            content,
        ),
    ]
}

/// The requests that push [`CONFIG`] and [`LAYER`].
pub(super) fn push_parts(repository: &str) -> Vec<Request> {
    let mut requests = push_blob("the configuration", repository, CONFIG);
    requests.extend(push_blob("the layer", repository, LAYER));
    requests
}

/// The request that pushes a document under a reference.
pub(super) fn push(
    repository: &str,
    reference: &str,
    media_type: &str,
    document: &Value,
) -> Request {
    put(
        format!("push {repository}:{reference}"),
        format!("/v2/{repository}/manifests/{reference}"),
        bytes(document),
    )
    .content_type(media_type)
}

//! Manifests as other registries left them: read as Distribution reads them, so that they neither
//! stop a collection nor lose what they name.

use serde_json::json;

use super::*;
use crate::testing::ALWAYS;
use crate::testing::link as link_of;

/// Stores bytes as a manifest of `a` that is tagged `v1`, whatever they are.
async fn store_manifest(test: &TestRegistry, document: &str) -> Digest {
    let digest = sha256(document);
    let links = "repositories/a/_manifests";
    test.write(&blob_path(&digest), document.to_owned()).await;
    let revision = format!("{links}/revisions/{}", link_of(&digest));
    for path in [revision, format!("{links}/tags/v1/current/link")] {
        test.write(&path, digest.to_string()).await;
    }
    digest
}

#[tokio::test]
async fn what_go_can_read_is_kept_with_all_that_it_names() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    push_parts(&repository, "x").await;
    let (config, layer) = (sha256("x config"), sha256("x layer"));
    let schema1 = json!({
        "schemaVersion": 1, "name": "a", "tag": "v1", "architecture": "amd64",
        "fsLayers": [{"blobSum": layer}, {"blobSum": config}],
        "history": [{"v1Compatibility": "{}"}, {"v1Compatibility": "{}"}],
    });
    let in_other_letters = format!(
        r#"{{"SchemaVersion":2,"Config":{{"Digest":"{config}"}},"LAYERS":[{{"DIGEST":"{layer}"}}]}}"#
    );
    let doubled = format!(
        r#"{{"schemaVersion":2,"schemaVersion":2,"config":{{"digest":"{config}","size":1}},
            "layers":[],"layers":[{{"digest":"{layer}","size":1}}]}}"#
    );
    for document in [schema1.to_string(), in_other_letters, doubled] {
        let digest = store_manifest(&test, &document).await;
        for options in [COLLECT, DELETE_UNTAGGED] {
            assert_eq!(report(&test, options).await.blobs, 0, "{document}");
        }
        let served = repository.manifests.get(&digest).await.unwrap();
        assert_eq!(served.bytes(), document.as_bytes());
        for part in [&config, &layer] {
            pull_blob(&repository, part).await.unwrap();
        }
        // The next document is alone again.
        repository.manifests.delete(&digest, ALWAYS).await.unwrap();
        test.remove(&format!("blobs/sha256/{}", &digest.hex()[..2]))
            .await;
    }
}

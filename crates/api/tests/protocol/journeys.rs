//! What the real clients do, request by request.

use crate::{
    document::Document,
    test_registry::{TestRegistry, blob, closing, manifest, sha256},
};

const S2: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// As `docker push` does it: look, upload what is missing, put the manifest.
#[tokio::test]
async fn docker_pushes_lists_pulls_and_deletes_an_image() {
    let registry = TestRegistry::start();
    let image = Document::docker_image("hello");
    registry.get("/v2/").send().await.expect(200);
    for content in image.blobs() {
        let path = blob("team/hello", &sha256(&content));
        registry.head(&path).send().await.expect(404);
        let location = registry.begin_upload("team/hello").await;
        let sent = registry.patch(&location).streamed([content.clone()]);
        let location = sent.send().await.expect(202).location();
        let location = closing(&location, &sha256(&content));
        registry.put(&location).send().await.expect(201);
        let there = registry.head(&path).send().await.expect(200);
        let length = content.len().to_string();
        assert_eq!(there.header("content-length"), Some(length.as_str()));
    }
    for tag in ["1.0", "latest"] {
        let pushed = registry.put_manifest("team/hello", tag, &image).await;
        assert_eq!(pushed.expect(201).digest(), image.digest().as_str());
    }

    let catalog = registry.get("/v2/_catalog").send().await;
    assert_eq!(catalog.text(), "{\"repositories\":[\"team/hello\"]}\n");
    assert_eq!(registry.tags("team/hello").await, ["1.0", "latest"]);

    let ask = registry
        .head(&manifest("team/hello", "latest"))
        .accept(&[S2]);
    let found = ask.send().await.expect(200).digest().to_owned();
    let pulled = registry.pull_manifest("team/hello", &found).await;
    assert_eq!(pulled.expect(200).body, image.bytes);
    for content in image.blobs() {
        let pulled = registry.pull_blob("team/hello", &sha256(&content)).await;
        assert_eq!(pulled.expect(200).text(), content);
    }

    let path = manifest("team/hello", &found);
    registry.delete(&path).send().await.expect(202);
    registry.get(&path).send().await.expect(404);
    let tags = registry.get("/v2/team/hello/tags/list").send().await;
    tags.expect_error(404, "NAME_UNKNOWN");
    let catalog = registry.get("/v2/_catalog").send().await;
    assert_eq!(catalog.text(), "{\"repositories\":[]}\n");
}

/// As `skopeo copy --all` does it: children first, by digest, then the list by its tag.
#[tokio::test]
async fn a_list_is_copied_with_everything_in_it() {
    let registry = TestRegistry::start();
    let images = ["amd64", "arm64"].map(Document::docker_image);
    let list = Document::docker_list(&[("linux/amd64", &images[0]), ("linux/arm64", &images[1])]);
    registry.push_manifest("source", "v1", &list).await;
    for image in &images {
        for content in image.blobs() {
            let digest = sha256(&content);
            let path = format!("/v2/copy/blobs/uploads/?mount={digest}&from=source");
            registry.post(&path).send().await.expect(201);
        }
        let reference = image.digest();
        let source = registry.pull_manifest("source", reference.as_str()).await;
        let pulled = Document::from_text(image.media_type.clone(), source.expect(200).body);
        let put = registry.put_manifest("copy", reference.as_str(), &pulled);
        put.await.expect(201);
    }
    let put = registry.put_manifest("copy", "v1", &list).await.expect(201);
    assert_eq!(put.digest(), list.digest().as_str());
    assert_eq!(registry.tags("copy").await, ["v1"], "children have no tags");
}

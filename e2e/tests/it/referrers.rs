//! Signatures and other referrers in a folder that Distribution writes to as well.

use serde_json::{Value, json};

use wharf_e2e::client::Client;
use wharf_e2e::config::Config;
use wharf_e2e::layout::{INDEX, Image, MANIFEST};
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::{digest, need};

#[test]
fn what_clients_attached_through_distribution_is_listed_here_once() {
    let distribution = need!(Program::distribution());
    let image = Image::of("amd64", &[b"layer"]);
    let [signed, scanned] = ["signature", "scan"].map(|kind| attached(&image, kind));
    let registry = Place::new(Config::new()).start(&distribution);
    let mut client = Client::connect(registry.port());
    client.push_image("shop/cart", "1", &image);
    attach(&mut client, &signed);
    // Clients list what is attached in a tag, where there is no such list.
    let fallback = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{
            "mediaType": MANIFEST,
            "digest": digest::of(&signed.to_string().into_bytes()),
            "size": signed.to_string().len(),
            "artifactType": "application/vnd.example.signature",
        }],
    });
    let tag = image.digest().replace(':', "-");
    client.push_manifest("shop/cart", &tag, INDEX, fallback.to_string().as_bytes());

    let registry = registry.stop().start(&Program::wharf());
    assert_eq!(listed(&registry, &image), sorted(&[&signed]));
    let mut client = Client::connect(registry.port());
    attach(&mut client, &scanned);
    assert_eq!(listed(&registry, &image), sorted(&[&signed, &scanned]));

    // Distribution takes no notice of the list, and what it takes out is out.
    let place = registry.stop();
    let collected = place.collect(&distribution, &[]);
    assert!(collected.succeeded(), "{collected}");
    let registry = place.start(&distribution);
    let path = format!(
        "/v2/shop/cart/manifests/{}",
        digest::of(&signed.to_string().into_bytes())
    );
    let _ = registry.curl(&path).method("DELETE").send().expect(202);
    let catalog = registry.curl("/v2/_catalog").send().expect(200).json();
    assert_eq!(catalog["repositories"], json!(["shop/cart"]));
    let registry = registry.stop().start(&Program::wharf());
    assert_eq!(listed(&registry, &image), sorted(&[&scanned]));
}

#[test]
fn a_collection_keeps_what_is_attached_to_a_tagged_image() {
    let image = Image::of("amd64", &[b"layer"]);
    let signed = attached(&image, "signature");
    let registry = Place::new(Config::new()).start(&Program::wharf());
    let mut client = Client::connect(registry.port());
    client.push_image("shop/cart", "1", &image);
    attach(&mut client, &signed);
    let place = registry.stop();
    let collected = place.collect(&Program::wharf(), &["-m"]);
    assert!(collected.succeeded(), "{collected}");
    let registry = place.start(&Program::wharf());
    assert_eq!(listed(&registry, &image), sorted(&[&signed]));

    // Without its image nobody wants it.
    let _ = registry
        .curl("/v2/shop/cart/manifests/1")
        .method("DELETE")
        .send()
        .expect(202);
    let place = registry.stop();
    let collected = place.collect(&Program::wharf(), &["-m"]);
    assert!(collected.succeeded(), "{collected}");
    assert!(
        !place
            .blob(&digest::of(&signed.to_string().into_bytes()))
            .exists()
    );
    let registry = place.start(&Program::wharf());
    assert_eq!(listed(&registry, &image), [Value::Null; 0]);
}

/// An artifact about an image; its only content is what kind it is of.
fn attached(image: &Image, kind: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": format!("application/vnd.example.{kind}"),
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor("text/plain", kind.as_bytes())],
        "subject": descriptor(MANIFEST, &image.manifest),
    })
}

/// Pushes an artifact by its digest, with its parts.
fn attach(client: &mut Client, artifact: &Value) {
    let kind = artifact["artifactType"].as_str().unwrap();
    client.push_blob("shop/cart", b"{}");
    client.push_blob("shop/cart", kind.rsplit('.').next().unwrap().as_bytes());
    let bytes = artifact.to_string().into_bytes();
    client.push_manifest("shop/cart", &digest::of(&bytes), MANIFEST, &bytes);
}

/// What the registry lists about an image.
fn listed(registry: &Registry, image: &Image) -> Vec<Value> {
    let path = format!("/v2/shop/cart/referrers/{}", image.digest());
    let answer = registry.curl(&path).send().expect(200);
    assert_eq!(answer.header("Content-Type"), Some(INDEX));
    let index: Value = serde_json::from_slice(&answer.body).unwrap();
    serde_json::from_value(index["manifests"].clone()).unwrap()
}

/// The entries of artifacts, as they are listed.
fn sorted(artifacts: &[&Value]) -> Vec<Value> {
    let mut entries: Vec<Value> = artifacts
        .iter()
        .map(|artifact| {
            let mut entry = descriptor(MANIFEST, artifact.to_string().as_bytes());
            entry["artifactType"] = artifact["artifactType"].clone();
            entry
        })
        .collect();
    entries.sort_by_key(|entry| entry["digest"].to_string());
    entries
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest::of(content), "size": content.len() })
}

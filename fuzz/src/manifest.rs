//! Manifests: what is pushed is what is read again from the store, and all that is there is read.

use bytes::Bytes;
use serde_json::{Map, Value};
use wharf_oci::{Descriptor, Digest, Manifest, MediaType};

/// The media type of the request in the first line, the document behind it.
pub fn manifest(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (media_type, document) = data.split_at(end.unwrap_or(data.len()));
    let document = Bytes::copy_from_slice(document.strip_prefix(b"\n").unwrap_or_default());

    let stored = Manifest::from_stored(document.clone());
    let is_object = serde_json::from_slice(&document).is_ok_and(|value: Value| value.is_object());
    // Go takes texts and numbers that are none, and so may stores.
    assert!(stored.is_ok() || !is_object, "{stored:?}");
    if let Ok(manifest) = &stored {
        check(manifest, &document);
    }

    let media_type = std::str::from_utf8(media_type).map(MediaType::parse);
    let Ok(Ok(media_type)) = media_type else {
        return;
    };
    let Ok(pushed) = Manifest::parse(media_type.clone(), document.clone()) else {
        return;
    };
    check(&pushed, &document);
    assert_eq!(*pushed.media_type(), media_type);
    let stored = stored.expect("what was pushed is an object");
    // What the push looked up is what a pull serves and the collector keeps.
    assert_eq!(stored.media_type(), pushed.media_type());
    assert_eq!(stored.subject(), pushed.subject());
    assert_eq!(stored.artifact_type(), pushed.artifact_type());
    assert_eq!(stored.annotations(), pushed.annotations());
    let [kept, needed] = [&stored, &pushed].map(|m| m.references().collect::<Vec<_>>());
    if has_blobs(&document) {
        // No image has such a field. Kept is what it names too, since others may have looked at it.
        assert!(needed.iter().all(|reference| kept.contains(reference)));
    } else {
        assert_eq!(kept, needed);
        assert_eq!(stored.kind(), pushed.kind());
    }
}

fn has_blobs(document: &[u8]) -> bool {
    let fields = serde_json::from_slice::<Value>(document).unwrap_or_default();
    let mut names = fields.as_object().into_iter().flat_map(Map::keys);
    names.any(|name| name.eq_ignore_ascii_case("blobs"))
}

/// What holds for every manifest, wherever it comes from.
fn check(manifest: &Manifest, document: &Bytes) {
    assert_eq!(manifest.bytes(), document);
    assert_eq!(*manifest.digest(), Digest::sha256(document));
    assert_eq!(manifest.size(), document.len() as u64);
    assert_eq!(manifest.descriptor().digest, *manifest.digest());
    let media_type = manifest.media_type();
    assert_eq!(media_type.as_str().parse().as_ref(), Ok(media_type));
    // No browser must take a manifest for a page.
    assert!(media_type.is_vendors(), "{media_type}");
    for descriptor in manifest.references().chain(manifest.subject()) {
        assert_eq!(
            Digest::mentioned(descriptor.digest.as_str()).as_ref(),
            Ok(&descriptor.digest)
        );
        assert!(i64::try_from(descriptor.size).is_ok(), "{descriptor:?}");
        let json = serde_json::to_value(descriptor).expect("a descriptor has a JSON form");
        let again: Descriptor = serde_json::from_value(json).expect("which is a descriptor's");
        assert_eq!(again, *descriptor);
    }
}

//! Names, tags, digests, references and media types: what is read is exactly what the written
//! grammar allows, and prints back as it was.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use wharf_oci::{Access, Action, Digest, MediaType, Reference, RepositoryName, Tag};

use crate::input;

/// Repository names.
pub fn name(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let expected = text.len() <= RepositoryName::MAX_LENGTH && NAME.is_match(text);
    let Some(name) = read::<RepositoryName>(text, expected) else {
        return;
    };
    let joined = name.components().collect::<Vec<_>>().join("/");
    assert_eq!(joined, text);
    assert!(
        name.components()
            .all(|part| !part.is_empty() && part != "." && part != "..")
    );
    let first = name.components().next().unwrap_or_default();
    assert!(RepositoryName::can_begin_with(first), "{text:?}");
    // A scope is cut at its colons by whoever reads it.
    let scope = Access::repository(name, Action::Pull).to_string();
    assert_eq!(
        scope.split(':').collect::<Vec<_>>(),
        ["repository", text, "pull"]
    );
}

/// Tags.
pub fn tag(data: &[u8]) {
    if let Some(text) = input::text(data) {
        read::<Tag>(text, TAG.is_match(text));
    }
}

/// Digests.
pub fn digest(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    if let Some(digest) = read::<Digest>(text, DIGEST.is_match(text)) {
        assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), text);
        assert_eq!(digest.hex().len(), digest.algorithm().hex_length());
    }
    let digest = Digest::sha256(data);
    assert_eq!(digest.as_str().parse(), Ok(digest));
}

/// References.
pub fn reference(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (is_tag, is_digest) = (TAG.is_match(text), DIGEST.is_match(text));
    match read::<Reference>(text, is_tag || is_digest) {
        Some(Reference::Tag(_)) => assert!(is_tag, "{text:?}"),
        Some(Reference::Digest(_)) => assert!(is_digest, "{text:?}"),
        None => {}
    }
}

/// Media types, in a document and in a header.
pub fn media_type(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let in_document = read::<MediaType>(text, MEDIA_TYPE.is_match(text));
    let in_header = MediaType::parse(text);
    assert!(in_document.is_none() || in_header.is_ok(), "{text:?}");
    if let Ok(media_type) = in_header {
        assert_eq!(media_type.as_str(), media_type.as_str().to_lowercase());
        let shouted = format!(" {} ;q=0.5", media_type.as_str().to_uppercase());
        assert_eq!(MediaType::parse(&shouted), Ok(media_type));
    }
}

/// Reads a text, and checks that it prints as it was, in JSON too.
fn read<T>(text: &str, expected: bool) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Debug + PartialEq,
    T: Serialize + DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert!(expected, "{text:?} is outside the grammar");
            assert_eq!(value.to_string(), text);
            let json = Value::String(text.to_owned());
            assert_eq!(serde_json::to_value(&value).ok(), Some(json.clone()));
            assert_eq!(serde_json::from_value(json).ok().as_ref(), Some(&value));
            Some(value)
        }
        Err(error) => {
            assert!(!expected, "{text:?} is in the grammar: {error}");
            None
        }
    }
}

/// OCI distribution-spec, Pulling manifests: `<name>`; before it, as in Distribution, a host.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    let component = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    whole(&format!(
        r"(?:{label}(?:\.{label})*/)?{component}(?:/{component})*"
    ))
});

/// OCI distribution-spec, Pulling manifests: `<reference>` as a tag.
static TAG: LazyLock<Regex> = LazyLock::new(|| whole("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"));

/// OCI image-spec, Digests: the algorithms that are known here.
static DIGEST: LazyLock<Regex> =
    LazyLock::new(|| whole("sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"));

/// RFC 6838, section 4.2.
static MEDIA_TYPE: LazyLock<Regex> = LazyLock::new(|| {
    let half = "[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}";
    whole(&format!("{half}/{half}"))
});

fn whole(pattern: &str) -> Regex {
    Regex::new(&format!(r"\A(?:{pattern})\z")).expect("the pattern is a constant")
}

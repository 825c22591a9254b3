//! The names of a document's fields: as they are written, and as Go reads them.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::ManifestViolation;

/// The known fields of a stored document, under the names that they are known by; what else is in
/// it need not be readable.
#[derive(Debug)]
pub(super) struct Known(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KnownVisitor)
    }
}

struct KnownVisitor;

impl<'de> Visitor<'de> for KnownVisitor {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Known, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if known_as(&name, &FIELDS).is_some() {
                fields.insert(name, entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Known(canonical(fields, &FIELDS)))
    }
}

/// Gives fields the names that they are known by, where they have them in other letters.
pub(super) fn canonical(fields: Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    let (mut canonical, others): (Map<_, _>, Map<_, _>) = fields
        .into_iter()
        .partition(|(name, _)| known.contains(&name.as_str()));
    for (name, value) in others {
        let name = known_as(&name, known).map_or(name, ToOwned::to_owned);
        canonical.entry(name).or_insert(value);
    }
    canonical
}

/// Checks that no field of a pushed object differs from a known one in nothing but its letters:
/// readers would disagree whether it is that field.
pub(super) fn check_names(
    path: &str,
    value: &Value,
    known: &[&str],
) -> Result<(), ManifestViolation> {
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if let Some(expected) = known_as(name, known).filter(|expected| expected != name) {
            return Err(ManifestViolation::FieldName {
                path: path.to_owned(),
                found: name.clone(),
                expected: expected.to_owned(),
            });
        }
    }
    Ok(())
}

/// The known field that a name stands for, whatever its letters.
fn known_as<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(name));
    found.copied()
}

/// The fields of a document that are looked at.
pub(super) const FIELDS: [&str; 11] = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "fsLayers",
    "signatures",
    "subject",
    "artifactType",
    "annotations",
];
/// The fields of a descriptor.
pub(super) const DESCRIPTOR_FIELDS: [&str; 8] = [
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
];

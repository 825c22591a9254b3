//! The names of a document's fields: as they are written, and as Go reads them.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
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

/// A whole document, in which no object has a field twice.
#[derive(Debug)]
pub(super) struct Whole(pub(super) Value);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl<'de> Visitor<'de> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Whole, E> {
        Ok(Whole(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Whole, E> {
        Ok(Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Whole, E> {
        Ok(Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Whole, E> {
        Ok(Whole(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Whole, E> {
        Ok(Whole(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Whole, E> {
        Ok(Whole(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Whole, A::Error> {
        let mut list = Vec::new();
        while let Some(Whole(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Whole(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Whole, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if fields.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate field {name:?}")));
            }
            let Whole(value) = entries.next_value()?;
            fields.insert(name, value);
        }
        Ok(Whole(fields.into()))
    }
}

/// Puts the sign for what cannot be read in the place of halves of characters, as Go does: `\\ud800`
/// alone stands for no character.
pub(super) fn mend_texts(json: &str) -> String {
    let unit = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::with_capacity(json.len());
    let mut at = 0;
    while let Some(next) = json[at..].find('\\') {
        mended.push_str(&json[at..at + next]);
        at += next;
        let (first, second) = (unit(at), unit(at + 6));
        let is_low = |unit: Option<u16>| unit.is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        let length = match first {
            Some(0xd800..0xdc00) if is_low(second) => 12,
            Some(0xd800..0xe000) => {
                mended.push('\u{fffd}');
                at += 6;
                continue;
            }
            Some(_) => 6,
            // An escape of one character, which is never the beginning of another.
            None => 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&json[at..at + length]);
        at += length;
    }
    mended.push_str(&json[at..]);
    mended
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

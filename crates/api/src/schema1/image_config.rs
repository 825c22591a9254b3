//! The config of an image, as far as schema 1 is made from it.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
};
use serde_json::{Error, value::RawValue};

use super::go_time;

/// What an image's config says.
#[derive(Debug)]
pub(super) struct ImageConfig {
    pub(super) architecture: String,
    /// How the image came to be, lowest first.
    pub(super) history: Vec<Step>,
    /// How many layers the image has.
    pub(super) layers: usize,
    /// What an image of Windows stands on, which is no layer of it.
    pub(super) base_layer: String,
    /// All that the config says, for schema 1 keeps most of it.
    pub(super) fields: BTreeMap<String, Box<RawValue>>,
}

/// One step of a history.
#[derive(Debug)]
pub(super) struct Step {
    /// When, as Go writes it.
    pub(super) created: String,
    pub(super) created_by: String,
    pub(super) author: String,
    pub(super) comment: String,
    /// Whether it left the files as they were.
    pub(super) empty_layer: bool,
}

impl ImageConfig {
    /// Reads a config.
    ///
    /// # Errors
    /// When it is not JSON, or a field that counts is not of its type.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Error> {
        let fields: Fields = serde_json::from_slice(json)?;
        let root_fs: Fields = fields.read("rootfs")?;
        let diff_ids: Vec<String> = root_fs.read("diff_ids")?;
        let steps: Vec<Option<Fields>> = fields.read("history")?;
        let steps = steps.into_iter().map(Option::unwrap_or_default);
        Ok(Self {
            architecture: fields.read("architecture")?,
            history: steps
                .map(|step| Step::read(&step))
                .collect::<Result<_, _>>()?,
            layers: diff_ids.len(),
            base_layer: root_fs.read("base_layer")?,
            fields: fields.0.into_iter().collect(),
        })
    }
}

impl Step {
    fn read(fields: &Fields) -> Result<Self, Error> {
        let created = match fields.read::<Option<String>>("created")? {
            None => go_time::ZERO.to_owned(),
            Some(text) => go_time::rewritten(&text)
                .ok_or_else(|| Error::custom(format!("{text:?} is not a time of RFC 3339")))?,
        };
        Ok(Self {
            created,
            created_by: fields.read("created_by")?,
            author: fields.read("author")?,
            comment: fields.read("comment")?,
            empty_layer: fields.read("empty_layer")?,
        })
    }
}

/// An object's fields in their order, the values as they stand there.
#[derive(Debug, Default)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Reads a field as Go does: letter case does not count, of several the last one does, and
    /// `null` is what is not there.
    fn read<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, Error> {
        let mut same = self.0.iter().rev();
        let found = same.find(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = match found {
            Some((_, raw)) => serde_json::from_str::<Option<T>>(raw.get())
                .map_err(|error| Error::custom(format!("{name}: {error}")))?,
            None => None,
        };
        Ok(value.unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_go_reads_them() {
        let config = br#"{"Architecture": "a", "architecture": "b", "ARCHITECTURE": "c",
            "history": [{}, {}], "history": [null, {"Empty_Layer": true, "author": null}],
            "rootfs": null}"#;
        let config = ImageConfig::parse(config).unwrap();
        assert_eq!(config.architecture, "c");
        assert_eq!((config.layers, config.base_layer.as_str()), (0, ""));
        let steps: Vec<_> = config
            .history
            .iter()
            .map(|step| (step.created.as_str(), step.empty_layer))
            .collect();
        assert_eq!(steps, [(go_time::ZERO, false), (go_time::ZERO, true)]);
        let names: Vec<_> = config.fields.keys().collect();
        let expected = [
            "ARCHITECTURE",
            "Architecture",
            "architecture",
            "history",
            "rootfs",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_not_of_its_type_is_named() {
        for (config, expected) in [
            ("nope", "expected ident at line 1 column 2"),
            (
                "[]",
                "invalid type: sequence, expected an object at line 1 column 0",
            ),
            (
                "null",
                "invalid type: null, expected an object at line 1 column 4",
            ),
            (r#"{"history": 5}"#, "history: invalid type: integer `5`"),
            (
                r#"{"history": [{"author": 5}]}"#,
                "author: invalid type: integer `5`",
            ),
            (
                r#"{"history": [{"created": "today"}]}"#,
                "\"today\" is not a time of RFC 3339",
            ),
            (
                r#"{"rootfs": {"diff_ids": [5]}}"#,
                "diff_ids: invalid type: integer `5`",
            ),
        ] {
            let error = ImageConfig::parse(config.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(expected), "{config}: {error}");
        }
    }
}

//! A line of the application log, in the three shapes that Distribution writes.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Formatter, quote::push_quoted};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number that is not negative.
    Unsigned(u64),
    /// A whole number.
    Signed(i64),
    /// Any number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(value) => formatter.write_str(value),
            Self::Unsigned(value) => value.fmt(formatter),
            Self::Signed(value) => value.fmt(formatter),
            Self::Float(value) => value.fmt(formatter),
            Self::Bool(value) => value.fmt(formatter),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(value) => serializer.serialize_str(value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

/// What a line says.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// When.
    pub(super) time: Timestamp,
    /// How important it is.
    pub(super) level: &'static str,
    /// What happened.
    pub(super) message: &'a str,
    /// With what; of two values for one key, the later counts.
    pub(super) fields: Vec<(&'a str, &'a Value)>,
}

impl Line<'_> {
    /// Gives the line its shape, without its end.
    pub(super) fn render(&self, formatter: Formatter) -> String {
        let time = Value::Text(self.time.to_string());
        let level = Value::Text(self.level.to_owned());
        let message = Value::Text(self.message.to_owned());
        let version = Value::Text("1".to_owned());
        match formatter {
            Formatter::Text => self.text(),
            Formatter::Json => self.json(&[("time", &time), ("level", &level), ("msg", &message)]),
            Formatter::Logstash => self.json(&[
                ("@timestamp", &time),
                ("@version", &version),
                ("level", &level),
                ("message", &message),
            ]),
        }
    }

    /// Key and value pairs, for people and grep.
    fn text(&self) -> String {
        let mut line = format!("time=\"{}\" level={}", self.time, self.level);
        if !self.message.is_empty() {
            line.push_str(" msg=");
            push_quoted(&mut line, self.message);
        }
        for (key, value) in self.fields_beside(&["time", "level", "msg"]) {
            line.push(' ');
            line.push_str(&key);
            line.push('=');
            match value {
                Value::Text(text) => push_quoted(&mut line, text),
                value => push_quoted(&mut line, &value.to_string()),
            }
        }
        line
    }

    /// An object with sorted keys, for machines; `own` is what the line itself says.
    fn json(&self, own: &[(&str, &Value)]) -> String {
        let names: Vec<_> = own.iter().map(|(key, _)| *key).collect();
        let mut entries = self.fields_beside(&names);
        entries.extend(own.iter().map(|(key, value)| (Cow::Borrowed(*key), *value)));
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        // Texts and numbers are always JSON.
        serde_json::to_string(&Object(&entries)).unwrap_or_default()
    }

    /// The fields by key, apart from what the line itself has under such a key.
    fn fields_beside<'a>(&'a self, reserved: &[&str]) -> Vec<(Cow<'a, str>, &'a Value)> {
        let mut fields: Vec<_> = self
            .fields
            .iter()
            .map(|(key, value)| {
                if reserved.contains(key) {
                    (Cow::Owned(format!("fields.{key}")), *value)
                } else {
                    (Cow::Borrowed(*key), *value)
                }
            })
            .collect();
        // The sort is stable: of a run of equal keys, the value that counts is the last.
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        fields
    }
}

/// Entries in their order, as a JSON object.
struct Object<'a>(&'a [(Cow<'a, str>, &'a Value)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(formatter: Formatter) -> String {
        let text = |text: &str| Value::Text(text.to_owned());
        let values = [
            ("version", text("v0.1.0")),
            ("service", text("registry")),
            ("http.request.uri", text("/v2/?n=1")),
            ("http.response.written", Value::Unsigned(2)),
            ("http.request.useragent", text("docker/26 \"go\" <x>")),
            ("empty", text("")),
            ("offset", Value::Signed(-1)),
            ("ratio", Value::Float(0.5)),
            ("retried", Value::Bool(false)),
            ("service", text("mirror")),
            ("level", text("own")),
        ];
        Line {
            time: "2026-11-20T23:18:32.769189650Z".parse().unwrap(),
            level: "info",
            message: "listening on 127.0.0.1:5000",
            fields: values.iter().map(|(key, value)| (*key, value)).collect(),
        }
        .render(formatter)
    }

    #[test]
    fn text_is_that_of_logrus() {
        assert_eq!(
            render(Formatter::Text),
            concat!(
                r#"time="2026-11-20T23:18:32.76918965Z" level=info "#,
                r#"msg="listening on 127.0.0.1:5000" empty= fields.level=own "#,
                r#"http.request.uri="/v2/?n=1" http.request.useragent="docker/26 \"go\" <x>" "#,
                r#"http.response.written=2 offset=-1 ratio=0.5 retried=false service=mirror "#,
                r#"version=v0.1.0"#,
            )
        );
    }

    #[test]
    fn json_has_sorted_keys_and_typed_values() {
        assert_eq!(
            render(Formatter::Json),
            concat!(
                r#"{"empty":"","fields.level":"own","http.request.uri":"/v2/?n=1","#,
                r#""http.request.useragent":"docker/26 \"go\" <x>","http.response.written":2,"#,
                r#""level":"info","msg":"listening on 127.0.0.1:5000","offset":-1,"ratio":0.5,"#,
                r#""retried":false,"service":"mirror","time":"2026-11-20T23:18:32.76918965Z","#,
                r#""version":"v0.1.0"}"#,
            )
        );
    }

    #[test]
    fn logstash_has_its_own_marks() {
        assert_eq!(
            render(Formatter::Logstash),
            concat!(
                r#"{"@timestamp":"2026-11-20T23:18:32.76918965Z","@version":"1","empty":"","#,
                r#""fields.level":"own","http.request.uri":"/v2/?n=1","#,
                r#""http.request.useragent":"docker/26 \"go\" <x>","http.response.written":2,"#,
                r#""level":"info","message":"listening on 127.0.0.1:5000","offset":-1,"#,
                r#""ratio":0.5,"retried":false,"service":"mirror","version":"v0.1.0"}"#,
            )
        );
    }

    #[test]
    fn a_line_without_a_message_or_a_fraction_is_shorter() {
        let line = Line {
            time: "2026-11-20T23:18:32Z".parse().unwrap(),
            level: "warning",
            message: "",
            fields: Vec::new(),
        };
        assert_eq!(
            line.render(Formatter::Text),
            r#"time="2026-11-20T23:18:32Z" level=warning"#
        );
    }
}

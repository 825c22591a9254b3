//! A line of the application log, in the three shapes that Distribution writes.

use std::fmt::{self, Write};

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
    pub(super) fn render(mut self, formatter: Formatter) -> String {
        // The sort is stable: in a run of equal keys the last one came last.
        self.fields.sort_by_key(|(key, _)| *key);
        let fields = self
            .fields
            .iter()
            .enumerate()
            .filter_map(|(index, (key, value))| {
                let is_last = self
                    .fields
                    .get(index + 1)
                    .is_none_or(|(next, _)| next != key);
                is_last.then_some((*key, *value))
            });
        match formatter {
            Formatter::Text => self.text(fields),
            Formatter::Json => {
                let time = Value::Text(self.time.to_string());
                self.json(fields, &[("time", &time)], "msg")
            }
            Formatter::Logstash => {
                let time = Value::Text(self.time.to_string());
                let version = Value::Text("1".to_owned());
                let marks = [("@timestamp", &time), ("@version", &version)];
                self.json(fields, &marks, "message")
            }
        }
    }

    /// Key and value pairs, for people and grep.
    fn text<'f>(&self, fields: impl Iterator<Item = (&'f str, &'f Value)>) -> String {
        let mut line = format!("time=\"{}\" level={}", self.time, self.level);
        if !self.message.is_empty() {
            line.push_str(" msg=");
            push_quoted(&mut line, self.message);
        }
        for (key, value) in fields {
            let prefix = prefix(key, &["time", "level", "msg"]);
            // Writing to a string succeeds.
            let _ = write!(line, " {prefix}{key}=");
            match value {
                Value::Text(text) => push_quoted(&mut line, text),
                value => push_quoted(&mut line, &value.to_string()),
            }
        }
        line
    }

    /// An object, for machines.
    fn json<'f>(
        &self,
        fields: impl Iterator<Item = (&'f str, &'f Value)>,
        marks: &[(&str, &Value)],
        message_key: &str,
    ) -> String {
        let level = Value::Text(self.level.to_owned());
        let message = Value::Text(self.message.to_owned());
        let mut reserved = marks.to_vec();
        reserved.push(("level", &level));
        reserved.push((message_key, &message));
        let names: Vec<_> = reserved.iter().map(|(key, _)| *key).collect();
        let mut entries: Vec<_> = fields
            .map(|(key, value)| (format!("{}{key}", prefix(key, &names)), value))
            .chain(
                reserved
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value)),
            )
            .collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        // Texts and numbers are always JSON.
        serde_json::to_string(&Object(&entries)).unwrap_or_default()
    }
}

/// Entries in their order, as a JSON object.
struct Object<'a>(&'a [(String, &'a Value)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Keeps a field apart from the part of the line that has the same name.
fn prefix(key: &str, reserved: &[&str]) -> &'static str {
    if reserved.contains(&key) {
        "fields."
    } else {
        ""
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
                r#"time="2026-11-20T23:18:32.76918965Z" level=info msg="listening on 127.0.0.1:5000" empty= "#,
                r#"http.request.uri="/v2/?n=1" http.request.useragent="docker/26 \"go\" <x>" http.response.written=2 "#,
                r#"fields.level=own offset=-1 ratio=0.5 retried=false service=mirror version=v0.1.0"#,
            )
        );
    }

    #[test]
    fn json_has_sorted_keys_and_typed_values() {
        assert_eq!(
            render(Formatter::Json),
            concat!(
                r#"{"empty":"","fields.level":"own","http.request.uri":"/v2/?n=1","#,
                r#""http.request.useragent":"docker/26 \"go\" <x>","http.response.written":2,"level":"info","#,
                r#""msg":"listening on 127.0.0.1:5000","offset":-1,"ratio":0.5,"retried":false,"service":"mirror","#,
                r#""time":"2026-11-20T23:18:32.76918965Z","version":"v0.1.0"}"#,
            )
        );
    }

    #[test]
    fn logstash_has_its_own_marks() {
        assert_eq!(
            render(Formatter::Logstash),
            concat!(
                r#"{"@timestamp":"2026-11-20T23:18:32.76918965Z","@version":"1","empty":"","fields.level":"own","#,
                r#""http.request.uri":"/v2/?n=1","http.request.useragent":"docker/26 \"go\" <x>","#,
                r#""http.response.written":2,"level":"info","message":"listening on 127.0.0.1:5000","offset":-1,"#,
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

//! `log` and the older `loglevel`.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, Problem, quote};
use crate::config::node::{Node, Value};
use crate::config::typed;

/// The application log on standard error and the access log on standard output.
#[derive(Debug)]
pub(crate) struct LogSection {
    /// Whether no access log is written.
    pub(crate) accesslog_disabled: bool,
    /// What is not worth a line.
    pub(crate) level: Level,
    /// What a line looks like.
    pub(crate) formatter: Formatter,
    /// Fields that every line carries, in the order of the file; nested keys are joined with dots.
    pub(crate) fields: Vec<(String, String)>,
}

/// The least severe messages that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Level {
    /// Failures only.
    Error,
    /// And what may become one.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And how.
    Debug,
}

/// The shape of a line of the application log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Formatter {
    /// `time=… level=… msg=…`.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// A JSON object with the names that Logstash wants.
    Logstash,
}

impl LogSection {
    /// Reads the section from the top of the tree.
    pub(super) fn read(root: &Cursor<'_>) -> Result<Self, Fault> {
        let section = root.child("log");
        let Keys {
            accesslog,
            level,
            formatter,
            fields: _,
            reportcaller: _,
            hooks,
        } = section.read()?;
        if hooks.iter().any(|hook| !hook.disabled) {
            let hooks = section.child("hooks");
            return Err(hooks.unsupported(
                "sends no mail for log lines; remove the hooks or set disabled: true on each",
            ));
        }
        let older = root.child("loglevel").read::<OlderLevel>()?.0;
        let mut fields = Vec::new();
        flatten(&section.child("fields"), "", &mut fields)?;
        Ok(Self {
            accesslog_disabled: accesslog.disabled,
            level: level.or(older).unwrap_or_default(),
            formatter,
            fields,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    accesslog: AccessLog,
    #[serde(deserialize_with = "some_level")]
    level: Option<Level>,
    #[serde(deserialize_with = "typed::keyword")]
    formatter: Formatter,
    fields: IgnoredAny,
    /// There is no caller to report: a line names what it is about.
    reportcaller: bool,
    hooks: Vec<Hook>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AccessLog {
    disabled: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Hook {
    disabled: bool,
    #[serde(rename = "type")]
    _type: IgnoredAny,
    #[serde(rename = "levels")]
    _levels: IgnoredAny,
    #[serde(rename = "options")]
    _options: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct OlderLevel(#[serde(deserialize_with = "some_level")] Option<Level>);

fn some_level<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Level>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_lowercase().as_str() {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            _ => Err(format!(
                "invalid loglevel {}: must be one of [error, warn, info, debug]",
                quote(text)
            )),
        }
    }
}

impl FromStr for Formatter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "logstash" => Ok(Self::Logstash),
            _ => Err(format!(
                "unsupported logging formatter: {}; use text, json or logstash",
                quote(text)
            )),
        }
    }
}

/// Collects the texts below `cursor` under dotted names.
fn flatten(
    cursor: &Cursor<'_>,
    prefix: &str,
    fields: &mut Vec<(String, String)>,
) -> Result<(), Fault> {
    for (key, child) in cursor.children()? {
        let name = format!("{prefix}{key}");
        match &child.node.value {
            Value::Section(_) => flatten(&child, &format!("{name}."), fields)?,
            Value::List(items) => fields.push((name, join(items, &child)?)),
            Value::Scalar(_) => fields.push((name, child.read()?)),
        }
    }
    Ok(())
}

/// The texts of a list, with spaces between them.
fn join(items: &[Node], cursor: &Cursor<'_>) -> Result<String, Fault> {
    let texts: Result<Vec<&str>, Fault> = items
        .iter()
        .map(|item| match &item.value {
            Value::Scalar(scalar) => Ok(scalar.text.as_str()),
            Value::List(_) | Value::Section(_) => Err(cursor.fault(Problem::Value(
                "a field of the log is a text or a list of texts".to_owned(),
            ))),
        })
        .collect();
    Ok(texts?.join(" "))
}

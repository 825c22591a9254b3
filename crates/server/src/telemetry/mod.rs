//! Telemetry: the application log on standard error, the access log on standard output.
//!
//! Rooms log with `tracing` and know nothing of this. In reading order: [`LogOptions`] and [`init`]
//! here, `layer` turns events into lines, `line` gives them their shape, `quote` is Go's quoting,
//! `outlet` writes them, [`panics`] brings panics here.

use std::{
    fmt,
    io::{self, Write},
    time::Duration,
};

use jiff::Timestamp;
use tracing::{Dispatch, Subscriber, dispatcher, level_filters::LevelFilter};
use tracing_subscriber::{Registry, layer::SubscriberExt};

use self::{
    layer::{LogLayer, Writers},
    line::{Line, Value},
};

mod layer;
mod line;
mod outlet;
pub(crate) mod panics;
mod quote;
#[cfg(test)]
mod tests;

/// How to log.
#[derive(Debug, Clone)]
pub(crate) struct LogOptions {
    /// The least important level that is logged. What is not ours is never logged below warnings.
    pub(crate) level: LevelFilter,
    /// The shape of a line.
    pub(crate) formatter: Formatter,
    /// What every line of the application log carries (`log.fields`).
    pub(crate) fields: Vec<(String, String)>,
    /// Whether there is an access log.
    pub(crate) access_log: bool,
    /// The version of the server, which every line of the application log carries too.
    pub(crate) version: &'static str,
}

/// The shape of a line in the application log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Formatter {
    /// `time="…" level=info msg="…" key=value`.
    #[default]
    Text,
    /// One JSON object with `time`, `level` and `msg`.
    Json,
    /// One JSON object with `@timestamp`, `@version`, `level` and `message`.
    Logstash,
}

/// Logs from now on, panics too. The first call counts.
///
/// # Errors
/// When the system has no threads or files to give.
pub(crate) fn init(options: LogOptions) -> io::Result<()> {
    let subscriber = subscriber(options, Writers::of_the_process()?);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        panics::log();
    }
    Ok(())
}

/// Sends on their way, when it is dropped at the end of the process, the lines that still wait.
///
/// A stream that nobody reads does not hold up the end.
#[derive(Debug)]
pub(crate) struct FlushAtEnd;

impl Drop for FlushAtEnd {
    fn drop(&mut self) {
        flush(PATIENCE_AT_END);
    }
}

/// Prints a text to standard error as it is, behind the log lines that wait for it; tells whether
/// there is a log that does so.
pub(crate) fn print(text: &str) -> bool {
    with_writers(|writers| writers.log(text.trim_end_matches('\n').to_owned())).is_some()
}

/// Logs, at the level `fatal`, why the process is about to end; to standard error if there is no
/// log yet.
pub(crate) fn fatal(reason: impl fmt::Display) {
    if dispatcher::has_been_set() {
        tracing::error!(target: FATAL, "{reason}");
        return;
    }
    let line = Line {
        time: Timestamp::now(),
        level: "fatal",
        message: &reason.to_string(),
        fields: Vec::new(),
    };
    let mut text = line.render(Formatter::Text);
    text.push('\n');
    // Whoever closed standard error does not want to hear.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Waits until the log is written, see [`Writers::flush`].
fn flush(patience: Duration) {
    with_writers(|writers| writers.flush(patience));
}

/// Does something with the writers of the log, if there is one.
fn with_writers<T>(act: impl FnOnce(&Writers) -> T) -> Option<T> {
    let mut act = Some(act);
    dispatcher::get_default(|dispatch: &Dispatch| {
        let layer = dispatch.downcast_ref::<LogLayer>()?;
        act.take().map(|act| act(&layer.writers))
    })
}

/// Makes the subscriber that writes to `writers`.
fn subscriber(options: LogOptions, writers: Writers) -> impl Subscriber + Send + Sync {
    let LogOptions {
        level,
        formatter,
        fields,
        access_log,
        version,
    } = options;
    let mut fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| (key, Value::Text(value)))
        .collect();
    let instance = uuid::Uuid::new_v4().to_string();
    fields.push(("instance.id".to_owned(), Value::Text(instance)));
    fields.push(("version".to_owned(), Value::Text(version.to_owned())));
    Registry::default().with(LogLayer {
        level,
        formatter,
        fields,
        access_log,
        writers,
    })
}

/// How long the end of the process waits for a stream that takes nothing: together with the time to
/// drain, less than the ten seconds that `docker stop` waits before it kills.
const PATIENCE_AT_END: Duration = Duration::from_secs(1);

/// The target of events whose message is a line of the access log.
pub(crate) const ACCESS: &str = "wharf::access";

/// The target of events at the level `fatal`.
const FATAL: &str = "wharf::fatal";

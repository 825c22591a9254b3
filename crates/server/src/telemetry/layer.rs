//! From events to lines: what is logged, with which fields, and where.

use std::{
    error::Error as StdError,
    fmt::{self, Write as _},
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    ACCESS, FATAL, Formatter,
    line::{Line, Value},
    outlet::Outlet,
};

/// Writes each event as one line.
pub(super) struct LogLayer {
    pub(super) level: LevelFilter,
    pub(super) formatter: Formatter,
    pub(super) fields: Vec<(String, Value)>,
    pub(super) access_log: bool,
    pub(super) writers: Writers,
}

impl LogLayer {
    /// Whether events from here are written. Asked once per place in the code.
    fn is_written(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == ACCESS {
            return self.access_log;
        }
        let level = if is_ours(metadata.target()) {
            self.level
        } else {
            self.level.min(LevelFilter::WARN)
        };
        *metadata.level() <= level
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.is_written(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.access_log {
            self.level.max(LevelFilter::INFO)
        } else {
            self.level
        })
    }

    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let metadata = event.metadata();
        if metadata.target() == ACCESS {
            self.writers.access(own.message);
            return;
        }

        let mut of_spans = Vec::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                of_spans.extend(fields.named.iter().cloned());
            }
        }
        let line = Line {
            time: Timestamp::now(),
            level: level(metadata),
            message: &own.message,
            fields: self
                .fields
                .iter()
                .map(|(key, value)| (key.as_str(), value))
                .chain(
                    of_spans
                        .iter()
                        .chain(&own.named)
                        .map(|(key, value)| (*key, value)),
                )
                .collect(),
        };
        self.writers.log(line.render(self.formatter));
    }
}

impl fmt::Debug for LogLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogLayer")
            .field("level", &self.level)
            .field("formatter", &self.formatter)
            .finish_non_exhaustive()
    }
}

/// Where lines go. A line that cannot be written is lost, and nobody suffers for it.
#[derive(Debug)]
pub(super) struct Writers {
    log: Outlet,
    access: Outlet,
}

impl Writers {
    /// Writes to the streams of the process.
    ///
    /// # Errors
    /// When the system has no threads or files to give.
    pub(super) fn of_the_process() -> io::Result<Self> {
        // Not the standard library's streams: they are locked while they write, also against those
        // who only want to print a last word.
        let unlocked = |stream: BorrowedFd<'_>| stream.try_clone_to_owned().map(File::from);
        Self::new(
            unlocked(io::stderr().as_fd())?,
            unlocked(io::stdout().as_fd())?,
        )
    }

    /// Writes the application log and the access log to anything.
    ///
    /// # Errors
    /// When the system has no threads to give.
    pub(super) fn new(
        log: impl Write + Send + 'static,
        access: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self {
            log: Outlet::start("log", log, |lost| tell_lost("stderr", lost))?,
            access: Outlet::start("access-log", access, |lost| tell_lost("stdout", lost))?,
        })
    }

    /// Writes a line of the application log.
    pub(super) fn log(&self, line: String) {
        self.log.push(line);
    }

    /// Writes a line of the access log.
    fn access(&self, line: String) {
        self.access.push(line);
    }

    /// Waits until all is written, but not longer than `patience` for a stream that takes nothing,
    /// nor half as much again in any case.
    pub(super) fn flush(&self, patience: Duration) {
        let start = Instant::now();
        // The losses of the access log are told in the application log.
        self.access.flush(start, patience);
        self.log.flush(start, patience);
    }
}

/// The message and the other fields of an event or a span.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    named: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Sets a field, in the place of an earlier value.
    fn set(&mut self, field: &Field, value: Value) {
        self.named.retain(|(name, _)| *name != field.name());
        self.named.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.message.push_str(value);
        } else {
            self.set(field, Value::Text(value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            // Writing to a string succeeds.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.set(field, Value::Text(format!("{value:?}")));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn StdError + 'static)) {
        let mut chain = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            // Writing to a string succeeds.
            let _ = write!(chain, ": {error}");
            source = error.source();
        }
        self.set(field, Value::Text(chain));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Unsigned(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Signed(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Bool(value));
    }
}

/// Logs that a stream did not take its lines in time. An error, since no level silences those.
fn tell_lost(stream: &'static str, lost: u64) {
    tracing::error!(
        log.stream = stream,
        log.lost = lost,
        "log lines were lost, because nobody took them in time"
    );
}

/// Whether an event comes from a crate of this workspace; the binary is named `registry`.
fn is_ours(target: &str) -> bool {
    let krate = target.split("::").next().unwrap_or_default();
    krate == "registry" || krate == "wharf" || krate.starts_with("wharf_")
}

/// The name of a level, as Distribution's log library spells it.
fn level(metadata: &Metadata<'_>) -> &'static str {
    if metadata.target() == FATAL {
        return "fatal";
    }
    match *metadata.level() {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The field that `tracing` keeps the message in.
const MESSAGE: &str = "message";

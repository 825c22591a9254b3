//! The commands, a file each, and what they have in common: how they end.

pub(crate) mod completion;
pub(crate) mod garbage_collect;
pub(crate) mod serve;
pub(crate) mod trash;
pub(crate) mod verify;

use std::{
    error::Error as StdError,
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use wharf_api::Chain;

use crate::{
    assemble,
    cli::{CliExit, Stream},
    config::{
        ConfigError, Configuration, Loaded,
        environment::{self, PATH_VARIABLE},
        source::{ConfigSource, Unreadable},
    },
    telemetry,
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is no configuration.
    #[error("configuration error: {0}")]
    Configuration(#[from] ConfigError),
    /// Something that the configuration asks for cannot be had.
    #[error("{0}")]
    Setup(#[source] Box<dyn StdError + Send + Sync>),
    /// The command failed on its way.
    #[error("{0}")]
    Failed(String),
    /// What the command has to say cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
}

impl Failure {
    /// Something that the configuration asks for cannot be had.
    pub(crate) fn setup(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Setup(error.into())
    }
}

/// The file that the command line or else the environment names.
pub(crate) fn named_configuration(argument: Option<PathBuf>) -> Option<ConfigSource> {
    let variable = std::env::var_os(PATH_VARIABLE).map(PathBuf::from);
    ConfigSource::named(argument, variable)
}

/// Loads the configuration that a command is to work with.
pub(crate) fn load_configuration(source: ConfigSource) -> Result<Loaded, Failure> {
    let environment = environment::of_registry(std::env::vars_os());
    Ok(Configuration::load(source, environment)?)
}

/// Loads the configuration of a command that works on a store which is there, and begins its log:
/// the file must be named, since a built-in one would name a store by chance.
///
/// # Errors
/// When no file is named, or it cannot be used.
pub(crate) fn configure(config: Option<PathBuf>) -> Result<Configuration, Failure> {
    let source =
        named_configuration(config).ok_or(ConfigError::Unreadable(Unreadable::Unspecified))?;
    let Loaded {
        configuration,
        warnings,
        ..
    } = load_configuration(source)?;
    telemetry::init(assemble::log_options(&configuration.log)).map_err(Failure::setup)?;
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(configuration)
}

/// Tells a failure on one line of standard error: what the configuration asks for in vain is the
/// log's last line, as in Distribution.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Setup(error) => telemetry::fatal(Chain(&**error)),
        Failure::Configuration(_) | Failure::Failed(_) | Failure::Output(_) => {
            let line = failure.to_string().replace('\n', " ");
            // Where standard error cannot be written to, the exit code has to do.
            let _ = write_out(Stream::Error, format_args!("{line}\n"));
        }
    }
    ExitCode::FAILURE
}

/// Prints what the command line answers by itself.
pub(crate) fn print_exit(exit: &CliExit) -> ExitCode {
    match write_out(exit.stream, format_args!("{}", exit.text)) {
        Ok(()) => ExitCode::from(exit.code),
        Err(error) => report(&Failure::Output(error)),
    }
}

/// Writes to a stream of the process, to the last byte; whoever closed it does not want to hear.
///
/// # Errors
/// When the stream leads to a full disk, say: what was asked for is not there then.
pub(crate) fn write_out(stream: Stream, text: fmt::Arguments<'_>) -> io::Result<()> {
    // Once there is a log, standard error is the log's: it keeps the order and does not block.
    if matches!(stream, Stream::Error) && telemetry::print(&text.to_string()) {
        return Ok(());
    }
    let mut stream: Box<dyn Write> = match stream {
        Stream::Output => Box::new(io::stdout()),
        Stream::Error => Box::new(io::stderr()),
    };
    heard(stream.write_fmt(text).and_then(|()| stream.flush()))
}

/// The result of writing to a stream, where a closed pipe (`| head`) is no failure.
pub(crate) fn heard(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

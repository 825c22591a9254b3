//! The commands, a file each, and what they have in common: how they end.

pub(crate) mod completion;
pub(crate) mod garbage_collect;
pub(crate) mod serve;

use std::{
    error::Error as StdError,
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use crate::{
    cli::{CliExit, Stream},
    config::{
        ConfigError, Configuration, Loaded,
        environment::{self, PATH_VARIABLE},
        source::ConfigSource,
    },
    telemetry,
};

/// Why a command did not do what it was asked; printed as one line.
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
}

impl Failure {
    /// Something that the configuration asks for cannot be had.
    pub(crate) fn setup(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Setup(error.into())
    }
}

/// Loads the configuration that a command is to work with.
pub(crate) fn load_configuration(argument: Option<PathBuf>) -> Result<Loaded, Failure> {
    let variable = std::env::var_os(PATH_VARIABLE).map(PathBuf::from);
    let source = ConfigSource::from(argument, variable);
    let environment = environment::of_registry(std::env::vars_os());
    Ok(Configuration::load(source, environment)?)
}

/// Tells a failure on one line of standard error: what the configuration asks for in vain is the
/// log's last line, as in Distribution.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Setup(error) => telemetry::fatal(Chain(&**error)),
        Failure::Configuration(_) | Failure::Failed(_) => {
            let line = failure.to_string().replace('\n', " ");
            write_out(Stream::Error, format_args!("{line}\n"));
        }
    }
    ExitCode::FAILURE
}

/// An error with all its sources.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Prints what the command line answers by itself.
pub(crate) fn print_exit(exit: &CliExit) -> ExitCode {
    write_out(exit.stream, format_args!("{}", exit.text));
    ExitCode::from(exit.code)
}

/// Writes to a stream of the process; whoever closed it does not want to hear.
pub(crate) fn write_out(stream: Stream, text: fmt::Arguments<'_>) {
    let _ = match stream {
        Stream::Output => io::stdout().write_fmt(text),
        Stream::Error => io::stderr().write_fmt(text),
    };
}

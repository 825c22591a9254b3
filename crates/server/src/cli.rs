//! The command line: its grammar, and what it answers by itself (help, version, mistakes).

use std::env;
use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{ArgAction, OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::byte_rate;
use crate::config::duration;

/// A request to do something.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// `serve` stores and distributes Docker images
    Serve(ServeArgs),
    /// `garbage-collect` deletes layers not referenced by any manifests
    GarbageCollect(GarbageCollectArgs),
    /// `trash` shows and empties what garbage collections have set aside
    Trash(TrashArgs),
    /// `verify` reads every link and blob of the store, and lists what is missing or damaged
    Verify(VerifyArgs),
    /// Generate the autocompletion script for the specified shell
    Completion(CompletionArgs),
}

/// What `serve` is told.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file, if one is named.
    #[arg(value_name = "CONFIG", value_parser = any_path(), value_hint = ValueHint::FilePath, help = CONFIG_HELP)]
    pub(crate) config: Option<PathBuf>,
    /// More arguments are read over, as in CNCF Distribution.
    #[arg(hide = true, value_name = "IGNORED")]
    ignored: Vec<OsString>,
}

/// What `garbage-collect` is told.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct GarbageCollectArgs {
    /// The configuration file, if one is named.
    #[arg(value_name = "CONFIG", value_parser = any_path(), value_hint = ValueHint::FilePath, help = STORE_CONFIG_HELP)]
    pub(crate) config: Option<PathBuf>,
    /// do everything except remove the blobs
    #[arg(short = 'd', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) dry_run: bool,
    /// delete manifests that are not currently referenced via tag
    #[arg(short = 'm', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) delete_untagged: bool,
    /// how long what is deleted beside a running server can still be pulled and named, such as 30m; 0s deletes it now [default: storage.maintenance.garbagecollect.lease, or 1h]
    #[arg(long, value_name = "DURATION", value_parser = lease)]
    pub(crate) lease: Option<Duration>,
    /// silence output
    #[arg(short = 'q', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) quiet: bool,
    /// More arguments are read over, as in CNCF Distribution.
    #[arg(hide = true, value_name = "IGNORED")]
    ignored: Vec<OsString>,
}

/// What `trash` is told.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct TrashArgs {
    #[command(subcommand)]
    pub(crate) command: TrashCommand,
}

/// What is to be done with the trash.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum TrashCommand {
    /// show what each collection has set aside, and for how long it is kept
    List(StoreArgs),
    /// move everything back into its place
    Restore(StoreArgs),
    /// delete now what no manifest names, however long it was to be kept
    Empty(StoreArgs),
}

impl TrashCommand {
    /// The configuration file, if one is named.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        match self {
            Self::List(store) | Self::Restore(store) | Self::Empty(store) => store.config.clone(),
        }
    }
}

/// Where the store is.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct StoreArgs {
    /// The configuration file, if one is named.
    #[arg(value_name = "CONFIG", value_parser = any_path(), value_hint = ValueHint::FilePath, help = STORE_CONFIG_HELP)]
    pub(crate) config: Option<PathBuf>,
}

/// What `verify` is told.
#[derive(Debug, PartialEq, Eq, Args)]
#[command(after_help = VERIFY_CODES)]
pub(crate) struct VerifyArgs {
    /// The configuration file, if one is named.
    #[arg(value_name = "CONFIG", value_parser = any_path(), value_hint = ValueHint::FilePath, help = STORE_CONFIG_HELP)]
    pub(crate) config: Option<PathBuf>,
    /// put right what can be: write links from content, remove empty links and leftovers of writes, move damaged content out of the way; deletes no content
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) repair: bool,
    /// look at links, manifests and the sizes of blobs, and do not read blobs
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) sizes_only: bool,
    /// how many blobs to read at a time [default: the number of processors, at least 2]
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// how many bytes to read in a second at the most, such as 50MB (powers of 1000) or 50MiB (of 1024)
    #[arg(long, value_name = "BYTES/s", value_parser = byte_rate::parse)]
    pub(crate) rate_limit: Option<NonZeroU64>,
    /// print problems and repairs only
    #[arg(short = 'q', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true,
          value_name = "BOOL")]
    pub(crate) quiet: bool,
}

/// What `completion` is told.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// The end of the program before it began: something to print, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CliExit {
    /// What to print, with its line ends.
    pub(crate) text: String,
    /// Where to print it.
    pub(crate) stream: Stream,
    /// The code to exit with.
    pub(crate) code: u8,
}

/// A stream of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Command {
    /// Reads the command line of this process.
    pub(crate) fn parse_from_env() -> Result<Self, CliExit> {
        Self::parse_from(env::args_os())
    }

    /// Reads a command line; the first argument is the program's own name.
    pub(crate) fn parse_from(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, CliExit> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let program = arguments
            .first()
            .map(|name| name.to_string_lossy().into_owned());
        let command = command_of(&arguments);
        let cli = Cli::try_parse_from(arguments).map_err(|error| exit_for(&error, &command))?;
        if cli.version {
            let program = program.unwrap_or_else(|| NAME.to_owned());
            let version = env!("CARGO_PKG_VERSION");
            return Err(CliExit::answer(format!("{program} wharf {version}\n")));
        }
        // No command at all is a question, not a mistake: the usage goes to standard error, the
        // code is 0.
        cli.command.ok_or_else(|| CliExit {
            text: Cli::command().render_help().to_string(),
            stream: Stream::Error,
            code: 0,
        })
    }
}

impl CompletionArgs {
    /// The script that teaches the shell this command line.
    pub(crate) fn script(&self) -> String {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}

impl CliExit {
    fn answer(text: String) -> Self {
        Self {
            text,
            stream: Stream::Output,
            code: 0,
        }
    }

    fn mistake(what: &str, command: &str) -> Self {
        Self {
            text: format!("Error: {what}\nRun '{command} --help' for usage.\n"),
            stream: Stream::Error,
            // Scripts that check stores tell a mistake from a store that is not whole.
            code: if command == VERIFY { 2 } else { 1 },
        }
    }
}

/// `registry`
#[derive(Debug, Parser)]
#[command(name = NAME, bin_name = NAME, disable_version_flag = true)]
struct Cli {
    /// show the version and exit
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Reads a path, the empty one too: what a script means by it is for the configuration to refuse.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn lease(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "not a duration; use for example 30m, 1h or 0s".to_owned())
}

/// Turns what the parser cannot go on with into what is printed.
fn exit_for(error: &clap::Error, command: &str) -> CliExit {
    let text_of = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::DisplayHelp => CliExit::answer(error.render().to_string()),
        ErrorKind::InvalidSubcommand => {
            let command = text_of(ContextKind::InvalidSubcommand).unwrap_or_default();
            CliExit::mistake(&format!("unknown command {command:?} for {NAME:?}"), NAME)
        }
        ErrorKind::UnknownArgument => {
            let argument = text_of(ContextKind::InvalidArg).unwrap_or_default();
            let what = match argument.strip_prefix('-') {
                None => format!("unknown command {argument:?} for {NAME:?}"),
                Some(long) if long.starts_with('-') => format!("unknown flag: {argument}"),
                Some(short) => {
                    let letter = short.chars().next().unwrap_or_default();
                    format!("unknown shorthand flag: {letter:?} in {argument}")
                }
            };
            CliExit::mistake(&what, command)
        }
        _ => {
            let rendered = error.render().to_string();
            let line = rendered.lines().next().unwrap_or_default();
            let line = line.trim_start_matches("error: ");
            let details = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::Strings(missing)) => format!(" {}", missing.join(" ")),
                _ => String::new(),
            };
            let values = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) if !values.is_empty() => {
                    format!("; use one of {}", values.join(", "))
                }
                _ => String::new(),
            };
            CliExit::mistake(&format!("{line}{details}{values}"), command)
        }
    }
}

/// The words after which `--help` helps with this command line.
fn command_of(arguments: &[OsString]) -> String {
    let word = arguments.get(1).and_then(|word| word.to_str());
    match word.filter(|word| Cli::command().find_subcommand(word).is_some()) {
        Some(word) => format!("{NAME} {word}"),
        None => NAME.to_owned(),
    }
}

/// What stands beside `CONFIG` in the help of `serve`.
const CONFIG_HELP: &str = "the configuration file; without it that of $REGISTRY_CONFIGURATION_PATH, or else a built-in configuration";

/// And in that of `garbage-collect`, which guesses at no store.
const STORE_CONFIG_HELP: &str =
    "the configuration file; without it that of $REGISTRY_CONFIGURATION_PATH";

/// The command whose code 1 says that something is wrong with the store.
const VERIFY: &str = "registry verify";

/// What stands at the end of its help.
const VERIFY_CODES: &str = "Exit codes: 0 nothing is wrong, 1 something is, or is left after a repair, 2 the store could not be verified";

/// The program's name in messages.
const NAME: &str = "registry";

#[cfg(test)]
mod tests;

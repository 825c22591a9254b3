//! `registry completion`: the script that teaches a shell this command line.

use crate::{
    cli::{CompletionArgs, Stream},
    commands::{Failure, write_out},
};

/// Prints the script.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn run(arguments: &CompletionArgs) -> Result<(), Failure> {
    write_out(Stream::Output, format_args!("{}", arguments.script())).map_err(Failure::Output)
}

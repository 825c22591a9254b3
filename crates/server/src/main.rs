//! The `registry` binary: it parses the command line, runs the command, and maps its outcome to an
//! exit code.
//!
//! Reading order: [`cli`], [`commands`], [`config`], [`assemble`] (the wiring), then [`front`],
//! [`listener`], [`telemetry`], [`health`], [`announcement`], [`maintenance`] and [`progress`].

mod announcement;
mod assemble;
mod byte_rate;
mod cli;
mod commands;
mod config;
mod front;
mod health;
mod listener;
mod maintenance;
mod progress;
mod telemetry;

use std::process::ExitCode;

use crate::cli::Command;

fn main() -> ExitCode {
    let _log = telemetry::FlushAtEnd;
    let command = match Command::parse_from_env() {
        Ok(command) => command,
        Err(exit) => return commands::print_exit(&exit),
    };
    let outcome = match command {
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::GarbageCollect(arguments) => commands::garbage_collect::run(arguments),
        Command::Trash(arguments) => commands::trash::run(arguments),
        Command::Verify(arguments) => return commands::verify::run(arguments),
        Command::Completion(arguments) => commands::completion::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => commands::report(&failure),
    }
}

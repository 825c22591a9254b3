//! The project's chores: `cargo xtask help` lists them.
//!
//! In reading order: `command` (what was asked), `checks` (the test command) with `packages` and `steps` below it, `tidy` (the shape of the
//! tree), `image` and `base_image` (the container image), `bench` (the benchmark), and `workspace` and `program`, which everything else stands on.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the terminal"
)]

mod base_image;
mod bench;
mod checks;
mod command;
mod image;
mod packages;
mod program;
mod steps;
mod tidy;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use crate::command::Command;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1))
        .map_err(Into::into)
        .and_then(run)
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    if command == Command::Help {
        println!("{}", command::HELP);
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match command {
        Command::Help => Ok(()),
        Command::Test => checks::test(&workspace),
        Command::Check => checks::check(&workspace),
        Command::Tidy => tidy::run(&workspace),
        Command::Image(options) => image::build(&workspace, &options),
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::Count { write } => bench::count(&workspace, write),
        Command::BaseImage { tag } => base_image::build(&workspace, &tag),
    }
}

/// How every chore ends: silently, or with one line that says why not.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

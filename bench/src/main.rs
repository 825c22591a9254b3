//! The benchmark: this registry and Distribution under the same load, and what the machine could do at best.
//!
//! `cargo xtask bench` builds and calls it. In reading order: `options`, `bench` (one run), `scenarios` (what is measured),
//! `stage` (the two registries), `bare` and `limits` (what is possible at best), `load` and `client` (what they are loaded with),
//! `push`, `content` and `store` (what is in them), `page_cache`, `process`, `command` and `cores` (what a process used, and where
//! it ran), `sample` (figures and medians), `report` (targets, table, machine, document); and by itself `counts` (instructions).

mod bare;
mod bench;
mod client;
mod command;
mod content;
mod cores;
mod counts;
mod limits;
mod load;
mod options;
mod page_cache;
mod process;
mod push;
mod report;
mod sample;
mod scenarios;
mod stage;
mod store;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wharf_e2e::program::Program;

use crate::bench::{Bench, Size};
use crate::cores::Cores;
use crate::options::Options;
use crate::report::document;
use crate::report::machine::Machine;
use crate::report::table;
use crate::stage::Programs;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(clippy::print_stderr, reason = "a tool for the terminal")]
        Err(error) => {
            eprintln!("wharf-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Outcome {
    match words {
        [word, rest @ ..] if word == command::COMMAND => command::measure(rest),
        [word, rest @ ..] if word == bare::COMMAND => {
            bare::serve(bare::Kind::parse(rest).ok_or("bare serves `hello` or `sendfile FILE`")?)
        }
        [word, rest @ ..] if word == counts::COMMAND => counts::run(rest),
        words => measure(Options::parse(words)?),
    }
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn measure(options: Options) -> Outcome {
    let machine = Machine::look(&std::env::temp_dir())?;
    let programs = Programs {
        ours: Program::Wharf(program(&options.ours)?),
        peer: Program::Distribution(program(&options.peer)?),
        cores: Cores::divide()?,
    };
    println!("{machine}; Wharf with `durability: full`\n");
    if options.size == Size::Quick {
        println!("quick: everything is small and done once, so the figures mean nothing\n");
    }
    print!("{}", table::HEAD);
    let bench = Bench::new(programs, options.size, options.filters)?;
    scenarios::run(&bench)?;
    let rows = bench.into_rows();
    if rows.is_empty() {
        return Err("no scenario has such a name".into());
    }
    if let Some(file) = options.document {
        document::update(&file, &machine, &rows)?;
    }
    Ok(())
}

/// The whole path of a programme: servers run in folders of their own.
fn program(file: &Path) -> Result<PathBuf, String> {
    file.canonicalize()
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// How everything ends: with what was asked for, or with the reason why not.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

//! The benchmark, and the counts of instructions: everything they look at is built or installed first.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::command::BenchOptions;
use crate::packages;
use crate::program;
use crate::workspace::Workspace;

/// Runs the benchmark, and has it write the document if it ran as a whole.
pub(crate) fn run(workspace: &Workspace, options: &BenchOptions) -> Outcome {
    let [distribution, _] = packages::require(["docker-registry", "curl"])?;
    let [registry, bench] = build(workspace)?;
    let mut bench = Command::new(bench);
    bench.arg("--ours").arg(registry);
    bench.arg("--peer").arg(distribution);
    if options.quick {
        bench.arg("--quick");
    } else if options.filters.is_empty() {
        bench.arg("--document").arg(workspace.root.join(DOCUMENT));
    }
    in_own_folder(workspace, bench.args(&options.filters))
}

/// Counts the instructions of a few requests, and compares or accepts them.
pub(crate) fn count(workspace: &Workspace, write: bool) -> Outcome {
    packages::require(["valgrind"])?;
    let [registry, bench] = build(workspace)?;
    let mut bench = Command::new(bench);
    bench.arg("count").arg(registry);
    bench.arg(workspace.root.join(COUNTS));
    if write {
        bench.arg("--write");
    }
    in_own_folder(workspace, &mut bench)
}

/// Runs it with its stores in the target folder: on a disk, whatever lies under the folder for temporary files, and where the next
/// run removes what one that was interrupted has left.
fn in_own_folder(workspace: &Workspace, bench: &mut Command) -> Outcome {
    let folder = workspace.target.join("bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let outcome = program::run(bench.env("TMPDIR", &folder));
    fs::remove_dir_all(&folder)?;
    outcome
}

/// Builds the server and the benchmark as they are measured.
fn build(workspace: &Workspace) -> Outcome<[PathBuf; 2]> {
    // One by one: built together, the server would get the features that only the benchmark switches on.
    for package in ["wharf-server", "wharf-bench"] {
        program::run(&mut workspace.cargo(&["build", "--release", "--package", package]))?;
    }
    let built = workspace.target.join("release");
    Ok([built.join("registry"), built.join("wharf-bench")])
}

const DOCUMENT: &str = "docs/performance.md";
const COUNTS: &str = "bench/counts.txt";

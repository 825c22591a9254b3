//! The benchmark: everything it compares is built or installed first.

use crate::Outcome;
use crate::command::BenchOptions;
use crate::packages;
use crate::program;
use crate::workspace::Workspace;

/// Runs it, and has it write the document if it ran as a whole.
pub(crate) fn run(workspace: &Workspace, options: &BenchOptions) -> Outcome {
    let distribution = packages::provide_distribution()?;
    // One by one: built together, the server would get the features that only the benchmark switches on.
    for package in ["wharf-server", "wharf-bench"] {
        program::run(&mut workspace.cargo(&["build", "--release", "--package", package]))?;
    }
    let built = workspace.target.join("release");
    let mut bench = std::process::Command::new(built.join("wharf-bench"));
    bench.arg("--ours").arg(built.join("registry"));
    bench.arg("--peer").arg(distribution);
    if options.quick {
        bench.arg("--quick");
    } else if options.filters.is_empty() {
        bench.arg("--document").arg(workspace.root.join(DOCUMENT));
    }
    program::run(bench.args(&options.filters))
}

const DOCUMENT: &str = "docs/performance.md";

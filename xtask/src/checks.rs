//! The test command and its smaller sister: which checks run, in which order.

use crate::Outcome;
use crate::bench;
use crate::packages;
use crate::program;
use crate::steps::Steps;
use crate::tidy;
use crate::workspace::Workspace;

/// Everything, on a machine that may have nothing but Rust and a package manager.
pub(crate) fn test(workspace: &Workspace) -> Outcome {
    let mut steps = Steps::default();
    steps.take("packages", packages::provide)?;
    in_process(&mut steps, workspace)?;
    steps.take("end-to-end tests", || end_to_end(workspace))?;
    steps.take("instructions", || instructions(workspace))?;
    steps.finish();
    Ok(())
}

/// What needs nothing installed.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut steps = Steps::default();
    in_process(&mut steps, workspace)?;
    steps.finish();
    Ok(())
}

/// The quick ones first, so that a slip shows early.
fn in_process(steps: &mut Steps, workspace: &Workspace) -> Outcome {
    let cargo = |arguments: &[&str]| program::run(&mut workspace.cargo(arguments));
    steps.take("formatting", || cargo(&["fmt", "--all", "--check"]))?;
    steps.take("shape", || tidy::run(workspace))?;
    steps.take("lints", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    steps.take("tests", || {
        cargo(&["test", "--workspace", "--exclude", END_TO_END])
    })?;
    steps.take("documentation", || {
        program::run(
            workspace
                .cargo(&["doc", "--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })
}

/// The tests that start the built binary beside real clients and a real Distribution.
fn end_to_end(workspace: &Workspace) -> Outcome {
    // Built by itself: together with the tests it would get the features that only they switch on.
    program::run(&mut workspace.cargo(&["build", "--package", "wharf-server"]))?;
    program::run(&mut workspace.cargo(&["test", "--package", END_TO_END]))
}

/// What one request costs, in instructions. Without valgrind it is left out, which was said when it could not be installed.
fn instructions(workspace: &Workspace) -> Outcome {
    if program::find("valgrind").is_none() {
        println!("left out: there is no valgrind");
        return Ok(());
    }
    bench::count(workspace, false)
}

/// The package of the end-to-end tests, which need more than Rust.
const END_TO_END: &str = "wharf-e2e";

//! The container image, made from a binary that cargo builds here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::command::{ImageOptions, Profile};
use crate::program;
use crate::workspace::Workspace;

/// Builds the static binary, lays it beside the `Dockerfile`, and has docker put it on the base.
pub(crate) fn build(workspace: &Workspace, options: &ImageOptions) -> Outcome {
    let ImageOptions { base, tag, profile } = options;
    let binary = static_binary(workspace, *profile)?;
    let context = workspace.target.join("image");
    lay_out(workspace, &binary, &context)?;

    let mut docker = Command::new("docker");
    docker.args(["build", "--tag", tag]);
    if let Some(base) = base {
        docker.arg("--build-arg").arg(format!("BASE={base}"));
    }
    // The first stage only hands on the binary that is there, so the base serves as its builder, and no step needs the network.
    docker.arg("--build-arg").arg(format!(
        "BUILDER={}",
        base.as_deref().unwrap_or(DEFAULT_BASE)
    ));
    docker.args(["--network", "none"]).arg(&context);
    program::run(&mut docker)?;
    println!("built the image {tag}");
    Ok(())
}

/// A binary that runs on any base, whatever C library that has, or none.
fn static_binary(workspace: &Workspace, profile: Profile) -> Outcome<PathBuf> {
    // Named even though it is the host's: flags then reach the binary alone and not the compiler's plug-ins, which cannot be static.
    let target = host()?;
    let (profile, folder) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("release", "release"),
    };
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut cargo = workspace.cargo(&[
        "build",
        "--package",
        "wharf-server",
        "--profile",
        profile,
        "--target",
        &target,
    ]);
    program::run(cargo.env(
        "RUSTFLAGS",
        format!("{flags} -C target-feature=+crt-static"),
    ))?;
    Ok(workspace.target.join(target).join(folder).join(BINARY))
}

fn host() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = program::output(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`rustc -vV` names no host")?.to_owned())
}

/// The smallest context that the `Dockerfile` is content with.
fn lay_out(workspace: &Workspace, binary: &Path, context: &Path) -> Outcome {
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context.join("image"))?;
    fs::copy(binary, context.join(BINARY))
        .map_err(|error| format!("cannot copy {}: {error}", binary.display()))?;
    for file in ["Dockerfile", "image/entrypoint.sh", "image/config.yml"] {
        fs::copy(workspace.root.join(file), context.join(file))
            .map_err(|error| format!("cannot copy {file}: {error}"))?;
    }
    Ok(())
}

const BINARY: &str = "registry";

/// The default of `BASE` in the `Dockerfile`.
const DEFAULT_BASE: &str = "debian:bookworm-slim";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_base_is_the_dockerfiles() {
        let dockerfile = include_str!("../../Dockerfile");
        assert!(dockerfile.contains(&format!("ARG BASE={DEFAULT_BASE}\n")));
    }
}

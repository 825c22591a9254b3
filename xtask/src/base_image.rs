//! A base for the image that needs no network: this machine's static busybox and nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::program;
use crate::workspace::Workspace;

/// Imports a root folder of busybox, its applets, and the three files without which a shell feels lost.
pub(crate) fn build(workspace: &Workspace, tag: &str) -> Outcome {
    let busybox = program::find("busybox")
        .ok_or("there is no busybox here (Debian package busybox-static)")?;
    let root = workspace.target.join("base-image");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(root.join("bin"))?;
    fs::copy(&busybox, root.join("bin/busybox"))?;
    link_applets(
        &root,
        &program::output(Command::new(&busybox).arg("--list-full"))?,
    )?;

    fs::create_dir_all(root.join("etc"))?;
    fs::create_dir_all(root.join("root"))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    fs::write(
        root.join("etc/os-release"),
        "NAME=\"busybox\"\nPRETTY_NAME=\"busybox\"\nID=busybox\n",
    )?;
    fs::create_dir_all(root.join("tmp"))?;
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;

    let archive = workspace.target.join("base-image.tar");
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--file",
    ])
    .arg(&archive);
    program::run(tar.arg("--directory").arg(&root).arg("."))?;
    program::run(Command::new("docker").arg("import").arg(&archive).arg(tag))?;
    println!("built the image {tag}");
    Ok(())
}

fn link_applets(root: &Path, applets: &str) -> Outcome {
    for applet in applets.lines().filter(|applet| *applet != "bin/busybox") {
        let link = root.join(applet);
        if let Some(folder) = link.parent() {
            fs::create_dir_all(folder)?;
        }
        symlink("/bin/busybox", link)?;
    }
    Ok(())
}

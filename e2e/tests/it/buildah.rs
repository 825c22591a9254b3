//! buildah: images of both formats built and pushed without an engine, and an index assembled from them.

use std::path::PathBuf;

use tempfile::TempDir;

use wharf_e2e::config::Config;
use wharf_e2e::layout::{INDEX, LIST, MANIFEST, SCHEMA_2};
use wharf_e2e::needs::{self, Missing};
use wharf_e2e::registry::Registry;
use wharf_e2e::run::Run;
use wharf_e2e::{digest, image, need};

#[test]
fn buildah_pushes_both_formats_and_pulls_them() {
    let buildah = need!(Buildah::new());
    let registry = Registry::start(Config::new());
    for (format, media_type) in [("oci", MANIFEST), ("docker", SCHEMA_2)] {
        let name = registry.image(&format!("built/{format}:1"));
        buildah.commit(&name, format);

        buildah.push(&name).ok();

        let path = format!("/v2/built/{format}/manifests/1");
        let answer = registry.curl(&path).accept(&[media_type]).send();
        let answer = answer.expect(200);
        assert_eq!(answer.header("Content-Type"), Some(media_type));
        assert_eq!(answer.digest(), digest::of(&answer.body));
        buildah.run(["rmi", "--force", &name]).ok();
        let pull = ["pull", "--quiet", "--tls-verify=false", &name];
        buildah.run(pull).ok();
    }
}

#[test]
fn buildah_pushes_a_list_of_images_with_all_of_them() {
    let buildah = need!(Buildah::new());
    let registry = Registry::start(Config::new());
    for (architecture, format) in [("amd64", "oci"), ("arm64", "docker")] {
        let name = registry.image(&format!("parts:{architecture}"));
        buildah.commit(&name, format);
        buildah.push(&name).ok();
    }
    buildah.run(["manifest", "create", "all"]).ok();
    for architecture in ["amd64", "arm64"] {
        let name = format!(
            "docker://{}",
            registry.image(&format!("parts:{architecture}"))
        );
        buildah
            .run(["manifest", "add", "--tls-verify=false"])
            .args(["--arch", architecture, "all", &name])
            .ok();
    }
    for (format, media_type) in [("oci", INDEX), ("v2s2", LIST)] {
        let name = format!("docker://{}", registry.image(&format!("whole:{format}")));

        buildah
            .run(["manifest", "push", "--all", "--tls-verify=false"])
            .args(["--format", format, "all", &name])
            .ok();

        let path = format!("/v2/whole/manifests/{format}");
        let answer = registry.curl(&path).accept(&[INDEX, LIST]).send();
        let answer = answer.expect(200);
        assert_eq!(answer.header("Content-Type"), Some(media_type));
        let children = answer.json()["manifests"].as_array().unwrap().clone();
        assert_eq!(children.len(), 2);
        for child in children {
            let (digest, media_type) = (&child["digest"], &child["mediaType"]);
            let path = format!("/v2/whole/manifests/{}", digest.as_str().unwrap());
            let answer = registry.curl(&path).accept(&[media_type.as_str().unwrap()]);
            assert_eq!(answer.send().expect(200).digest(), digest);
        }
    }
}

/// buildah with its own storage.
#[derive(Debug)]
struct Buildah {
    folder: TempDir,
    busybox: PathBuf,
}

impl Buildah {
    fn new() -> Result<Self, Missing> {
        needs::program("buildah")?;
        Ok(Self {
            busybox: image::busybox()?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        let folder = self.folder.path();
        Run::new("buildah")
            .args(["--storage-driver", "vfs", "--root"])
            .arg(folder.join("root"))
            .arg("--runroot")
            .arg(folder.join("runroot"))
            .args(arguments)
            .env("HOME", folder)
    }

    /// Makes an image with nothing in it but busybox.
    fn commit(&self, name: &str, format: &str) {
        let container = self.run(["from", "scratch"]).ok();
        let container = container.trim();
        let copy = self.run(["copy", "--quiet", container]);
        copy.arg(&self.busybox).arg("/bin/busybox").ok();
        self.run(["config", "--label", &format!("format={format}"), container])
            .ok();
        self.run(["commit", "--quiet", "--rm", "--format", format])
            .args([container, name])
            .ok();
    }

    fn push(&self, name: &str) -> Run {
        self.run(["push", "--quiet", "--tls-verify=false", name])
    }
}

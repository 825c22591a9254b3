//! skopeo: images of both formats in and out, whole indexes, listings, deletion, and a mirror of a repository.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use wharf_e2e::config::Config;
use wharf_e2e::layout::{self, INDEX, Image, LIST, MANIFEST, SCHEMA_2};
use wharf_e2e::needs::{self, Missing};
use wharf_e2e::registry::{Registry, entries};
use wharf_e2e::run::Run;
use wharf_e2e::{digest, need};

#[test]
fn skopeo_copies_a_docker_archive_in_and_out() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let archive = skopeo.path("archive.tar");
    let archive = format!("docker-archive:{}:greet:1", archive.display());
    skopeo.run(["copy", &skopeo.source(), &archive]).ok();
    let remote = format!("docker://{}", registry.image("team/greet:1"));

    skopeo.copy(&archive, &remote).ok();

    let answer = registry.curl("/v2/team/greet/manifests/1");
    let answer = answer.accept(&[SCHEMA_2]).send().expect(200);
    assert_eq!(answer.header("Content-Type"), Some(SCHEMA_2));
    assert_eq!(answer.digest(), digest::of(&answer.body));
    let copy = skopeo.path("copy");
    let directory = format!("dir:{}", copy.display());
    skopeo.copy(&remote, &directory).ok();
    assert_eq!(fs::read(copy.join("manifest.json")).unwrap(), answer.body);
}

#[test]
fn skopeo_copies_a_directory_in_as_an_oci_image() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let directory = format!("dir:{}", skopeo.path("directory").display());
    skopeo
        .run(["copy", "--format", "v2s2", &skopeo.source(), &directory])
        .ok();
    let remote = format!("docker://{}", registry.image("greet:oci"));

    skopeo
        .copy(&directory, &remote)
        .args(["--format", "oci"])
        .ok();

    let answer = registry.curl("/v2/greet/manifests/oci");
    let answer = answer.accept(&[MANIFEST]).send().expect(200);
    assert_eq!(answer.header("Content-Type"), Some(MANIFEST));
    let raw = skopeo.inspect(&remote).arg("--raw").output();
    assert_eq!(raw.stdout, answer.body, "{raw}");
}

#[test]
fn skopeo_copies_an_index_with_all_its_images() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let remote = format!("docker://{}", registry.image("multiplat:latest"));

    skopeo.copy(&skopeo.source(), &remote).arg("--all").ok();

    let path = "/v2/multiplat/manifests/latest";
    let accepted = registry.curl(path).accept(&[MANIFEST, INDEX]).send();
    let accepted = accepted.expect(200);
    assert_eq!(accepted.body, skopeo.index);
    assert_eq!(accepted.header("Content-Type"), Some(INDEX));
    assert_eq!(accepted.digest(), digest::of(&skopeo.index));
    for image in &skopeo.images {
        let path = format!("/v2/multiplat/manifests/{}", image.digest());
        let answer = registry.curl(&path).accept(&[MANIFEST]).send();
        assert_eq!(answer.expect(200).body, image.manifest);
    }
    let back = skopeo.path("back");
    let layout = format!("oci:{}:latest", back.display());
    skopeo.copy(&remote, &layout).arg("--all").ok();
    let (there, here) = (skopeo.path("layout"), back);
    assert_eq!(
        entries(&here.join("blobs/sha256")),
        entries(&there.join("blobs/sha256"))
    );
}

#[test]
fn skopeo_copies_one_image_of_an_index() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let remote = format!("docker://{}", registry.image("multiplat:latest"));
    skopeo.copy(&skopeo.source(), &remote).arg("--all").ok();

    let directory = skopeo.path("arm");
    skopeo
        .copy(&remote, &format!("dir:{}", directory.display()))
        .args(["--override-arch", "arm64"])
        .ok();

    let manifest = fs::read(directory.join("manifest.json")).unwrap();
    assert_eq!(manifest, skopeo.images[1].manifest);
}

#[test]
fn skopeo_copies_from_repository_to_repository_as_a_docker_list() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let from = format!("docker://{}", registry.image("from/multiplat:1"));
    let to = format!("docker://{}", registry.image("to/multiplat:1"));
    skopeo.copy(&skopeo.source(), &from).arg("--all").ok();

    let copy = skopeo.copy(&from, &to).args(["--all", "--format", "v2s2"]);
    copy.ok();

    let answer = registry.curl("/v2/to/multiplat/manifests/1");
    let answer = answer.accept(&[LIST]).send().expect(200);
    assert_eq!(answer.header("Content-Type"), Some(LIST));
    let children = answer.json()["manifests"].as_array().unwrap().clone();
    assert_eq!(children.len(), 2);
    for child in children {
        let path = format!(
            "/v2/to/multiplat/manifests/{}",
            child["digest"].as_str().unwrap()
        );
        let answer = registry.curl(&path).accept(&[SCHEMA_2]).send();
        assert_eq!(answer.expect(200).header("Content-Type"), Some(SCHEMA_2));
    }
}

#[test]
fn skopeo_inspects_lists_and_deletes() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    let remote = |tag: &str| format!("docker://{}", registry.image(&format!("greet:{tag}")));
    for tag in ["1", "2", "latest"] {
        skopeo.copy(&skopeo.source(), &remote(tag)).ok();
    }

    let inspected = skopeo.inspect(&remote("1")).ok();
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Digest"], skopeo.images[0].digest());
    assert_eq!(inspected["Architecture"], "amd64");
    assert_eq!(skopeo.tags(&registry), ["1", "2", "latest"]);

    // skopeo deletes the manifest that the tag names, and with it every other tag of that manifest.
    skopeo
        .run(["delete", "--tls-verify=false", &remote("2")])
        .ok();
    skopeo.inspect(&remote("latest")).fails();
    let answer = registry.curl("/v2/greet/manifests/1");
    assert_eq!(
        answer.accept(&[MANIFEST]).send().expect(404).code(),
        "MANIFEST_UNKNOWN"
    );
}

#[test]
fn skopeo_mirrors_every_tag_of_a_repository() {
    let skopeo = need!(Skopeo::new());
    let registry = Registry::start(Config::new());
    for tag in ["1", "1-slim", "2"] {
        let remote = format!("docker://{}", registry.image(&format!("greet:{tag}")));
        skopeo.copy(&skopeo.source(), &remote).ok();
    }
    let mirror = skopeo.path("mirror");
    fs::create_dir(&mirror).unwrap();

    skopeo
        .run(["sync", "--src", "docker", "--dest", "dir"])
        .args(["--src-tls-verify=false", &registry.image("greet")])
        .arg(&mirror)
        .ok();

    assert_eq!(entries(&mirror), ["greet:1", "greet:1-slim", "greet:2"]);
}

/// skopeo, a folder for it to work in, and an OCI index of two images there to copy from.
#[derive(Debug)]
struct Skopeo {
    folder: TempDir,
    images: Vec<Image>,
    index: Vec<u8>,
}

impl Skopeo {
    fn new() -> Result<Self, Missing> {
        needs::program("skopeo")?;
        let folder = tempfile::tempdir().unwrap();
        let images = ["amd64", "arm64"].map(|architecture| {
            let root = folder.path().join(architecture);
            fs::create_dir_all(root.join("etc")).unwrap();
            fs::write(root.join("etc/greeting"), architecture).unwrap();
            Image::packed(architecture, &root)
        });
        let images = images.to_vec();
        let references: Vec<&Image> = images.iter().collect();
        layout::write(&folder.path().join("layout"), "1", &references);
        Ok(Self {
            index: layout::index(&references),
            folder,
            images,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The index as skopeo names it.
    fn source(&self) -> String {
        format!("oci:{}:1", self.path("layout").display())
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Run {
        Run::new("skopeo")
            .arg("--insecure-policy")
            .args(arguments)
            .env("HOME", self.folder.path())
    }

    fn copy(&self, from: &str, to: &str) -> Run {
        self.run(["copy", "--src-tls-verify=false", "--dest-tls-verify=false"])
            .args([from, to])
    }

    fn inspect(&self, image: &str) -> Run {
        self.run(["inspect", "--tls-verify=false", image])
    }

    fn tags(&self, registry: &Registry) -> Vec<String> {
        let repository = format!("docker://{}", registry.image("greet"));
        let listed = self
            .run(["list-tags", "--tls-verify=false", &repository])
            .ok();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let mut tags: Vec<String> = serde_json::from_value(listed["Tags"].clone()).unwrap();
        tags.sort();
        tags
    }
}

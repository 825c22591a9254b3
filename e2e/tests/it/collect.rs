//! `registry garbage-collect`: what it prints, what it removes, and how it ends.

use std::fs;

use wharf_e2e::client::Client;
use wharf_e2e::config::Config;
use wharf_e2e::layout::{self, INDEX, Image, MANIFEST};
use wharf_e2e::program::Program;
use wharf_e2e::registry::Registry;
use wharf_e2e::run::{Output, Run};

#[test]
fn what_no_manifest_names_is_removed() {
    let shop = Shop::new();
    let mut marked = vec![
        "shop/cart".to_owned(),
        String::new(),
        "10 blobs marked, 3 blobs and 0 manifests eligible for deletion".to_owned(),
    ];
    marked.extend(shop.marking(&[&shop.old, &shop.lost, &shop.new]));
    marked.extend(shop.eligible(&[&shop.deleted]));

    let dry = shop.registry.collect(&["--dry-run"]);
    assert_eq!(dry.code(), Some(0), "{dry}");
    let (lines, summary) = parted(&dry);
    assert_eq!(lines, in_order(marked.clone()));
    let bytes = shop.bytes(&[&shop.deleted]);
    let found = format!("3 blobs ({bytes} bytes), 0 manifests, 2 layer links");
    assert_eq!(summary, [format!("would delete {found}")]);
    shop.assert_there(&[&shop.old, &shop.lost, &shop.new, &shop.deleted]);

    let real = shop.registry.collect(&[]);
    assert_eq!(real.code(), Some(0), "{real}");
    let (lines, summary) = parted(&real);
    assert_eq!(lines, in_order(marked));
    assert_eq!(summary, beside_a_server(&found, bytes));
    shop.assert_there(&[&shop.old, &shop.lost, &shop.new]);
    shop.assert_gone(&[&shop.deleted]);
    let digest = shop.deleted.digest();
    let (_, hex) = digest.split_once(':').unwrap();
    let line = format!(
        "Deleting blob: /docker/registry/v2/blobs/sha256/{}/{hex}",
        &hex[..2]
    );
    assert!(real.stderr.contains(&line), "{real}");

    let again = shop.registry.collect(&["-d"]);
    let summary = "10 blobs marked, 0 blobs and 0 manifests eligible for deletion";
    assert!(again.text().contains(summary), "{again}");
}

#[test]
fn the_lines_come_in_the_order_that_people_read() {
    let shop = Shop::new();
    let collected = shop.registry.collect(&["--dry-run"]);
    let text = collected.text();
    let at = |line: &str| {
        text.lines()
            .position(|candidate| candidate == line)
            .unwrap_or_else(|| panic!("no line \"{line}\" in {collected}"))
    };
    let manifest = at(&format!(
        "shop/cart: marking manifest {} ",
        shop.new.digest()
    ));
    let config = at(&format!("shop/cart: marking blob {}", shop.new.parts()[0]));
    let summary = at("10 blobs marked, 3 blobs and 0 manifests eligible for deletion");
    let blob = at(&format!(
        "blob eligible for deletion: {}",
        shop.deleted.digest()
    ));
    let link = shop.deleted.parts()[0].clone();
    let link = at(&format!(
        "shop/cart: layer link eligible for deletion: {link}"
    ));

    assert_eq!(at("shop/cart"), 0);
    assert!(manifest < config && config < summary, "{text}");
    assert_eq!(text.lines().nth(summary - 1), Some(""), "{text}");
    assert!(summary < blob && blob < link, "{text}");
}

#[test]
fn manifests_without_a_tag_are_removed_when_asked() {
    let shop = Shop::new();
    let mut marked = vec![
        "shop/cart".to_owned(),
        format!(
            "manifest eligible for deletion: {{shop/cart {} [1 2]}}",
            shop.lost.digest()
        ),
        String::new(),
        "7 blobs marked, 6 blobs and 1 manifests eligible for deletion".to_owned(),
    ];
    marked.extend(shop.marking(&[&shop.old, &shop.new]));
    marked.extend(shop.eligible(&[&shop.deleted, &shop.lost]));

    let real = shop.registry.collect(&["--delete-untagged"]);

    assert_eq!(real.code(), Some(0), "{real}");
    let (lines, summary) = parted(&real);
    assert_eq!(lines, in_order(marked));
    let bytes = shop.bytes(&[&shop.deleted, &shop.lost]);
    let found = format!("6 blobs ({bytes} bytes), 1 manifests, 4 layer links");
    assert_eq!(summary, beside_a_server(&found, bytes));
    shop.assert_there(&[&shop.old, &shop.new]);
    shop.assert_gone(&[&shop.lost, &shop.deleted]);
    let path = format!("/v2/shop/cart/manifests/{}", shop.lost.digest());
    // Who read the tag before it was moved can still pull, for as long as the lease lasts.
    let answer = shop.registry.curl(&path).accept(&[MANIFEST]).send();
    assert_eq!(answer.expect(200).body, shop.lost.manifest);

    let real = shop.registry.collect(&["-m", "--lease", "0s"]);

    assert_eq!(real.code(), Some(0), "{real}");
    let (_, summary) = parted(&real);
    assert!(
        summary.contains(&format!("{bytes} bytes are free now")),
        "{real}"
    );
    shop.assert_gone(&[&shop.lost, &shop.deleted]);
    let answer = shop.registry.curl(&path).accept(&[MANIFEST]).send();
    assert_eq!(answer.expect(404).code(), "MANIFEST_UNKNOWN");
}

#[test]
fn the_images_of_a_tagged_index_stay() {
    let registry = Registry::start(Config::new());
    let mut client = Client::connect(registry.port());
    let images = ["amd64", "arm64"].map(|name| Image::of(name, &[name.as_bytes()]));
    for image in &images {
        client.push_image("multi", &image.digest(), image);
    }
    let index = layout::index(&images.each_ref());
    let digest = client.push_manifest("multi", "latest", INDEX, &index);

    let collected = registry.collect(&["-m"]);

    assert_eq!(collected.code(), Some(0), "{collected}");
    let summary = "7 blobs marked, 0 blobs and 0 manifests eligible for deletion";
    assert!(collected.text().contains(summary), "{collected}");
    for image in &images {
        for part in image.parts().iter().chain([&image.digest(), &digest]) {
            assert!(registry.blob(part).exists(), "{part}: {collected}");
        }
        let path = format!("/v2/multi/manifests/{}", image.digest());
        let answer = registry.curl(&path).accept(&[MANIFEST]).send();
        assert_eq!(answer.expect(200).body, image.manifest);
    }
}

#[test]
fn quiet_is_quiet() {
    let shop = Shop::new();
    let collected = shop.registry.collect(&["--quiet", "-m"]);

    assert_eq!(collected.code(), Some(0), "{collected}");
    assert_eq!(collected.text(), "");
    shop.assert_gone(&[&shop.lost, &shop.deleted]);
}

#[test]
fn an_empty_store_is_no_error() {
    let registry = Registry::start(Config::new());
    let collected = registry.collect(&[]);

    assert_eq!(collected.code(), Some(0), "{collected}");
    let summary = "0 blobs marked, 0 blobs and 0 manifests eligible for deletion";
    assert!(collected.text().contains(summary), "{collected}");
}

#[test]
fn collection_needs_no_server() {
    let shop = Shop::new();
    let deleted = shop.deleted.digest();
    let bytes = shop.bytes(&[&shop.deleted]);
    let place = shop.registry.stop();

    let collected = place.collect(&Program::wharf(), &[]);

    assert_eq!(collected.code(), Some(0), "{collected}");
    assert!(!place.blob(&deleted).exists(), "{collected}");
    let (_, summary) = parted(&collected);
    let found = format!("3 blobs ({bytes} bytes), 0 manifests, 2 layer links");
    let free = format!("{bytes} bytes are free now");
    assert_eq!(summary, [format!("took {found} out of the store"), free]);
    assert!(!place.stored("_wharf/trash").exists(), "{collected}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.yml");
    fs::write(&broken, "version: 0.1\nstorage: [\n").unwrap();
    let missing = folder.path().join("missing.yml");
    let (broken, missing) = (broken.to_str().unwrap(), missing.to_str().unwrap());
    for (arguments, named) in [
        (&["garbage-collect", missing], "missing.yml"),
        (&["garbage-collect", broken], "broken.yml"),
        (&["serve", missing], "missing.yml"),
        (&["serve", broken], "broken.yml"),
    ] {
        let run = Run::new(Program::wharf().path()).args(arguments);
        let failed = run.dir(folder.path()).fails();

        assert_eq!(failed.code(), Some(1), "{failed}");
        let first = failed.stderr.lines().next().unwrap_or_default();
        assert!(first.contains("configuration error: "), "{failed}");
        assert!(first.contains(named), "{failed}");
        assert!(!failed.stderr.contains("panicked"), "{failed}");
    }
}

#[test]
fn an_unknown_flag_fails() {
    let run = Run::new(Program::wharf().path()).args(["garbage-collect", "--frobnicate"]);
    let failed = run.fails();
    assert!(failed.stderr.contains("--frobnicate"), "{failed}");
}

/// A repository with a past: four images over one common layer.
#[derive(Debug)]
struct Shop {
    registry: Registry,
    /// Under the tag `1`.
    old: Image,
    /// Was under the tag `2`, until `new` was pushed there.
    lost: Image,
    /// Under the tag `2`.
    new: Image,
    /// Deleted by its digest.
    deleted: Image,
}

impl Shop {
    fn new() -> Self {
        let registry = Registry::start(Config::new());
        let image = |name: &str| Image::of("amd64", &[b"common", name.as_bytes()]);
        let shop = Self {
            registry,
            old: image("old"),
            lost: image("lost"),
            new: image("new"),
            deleted: image("deleted"),
        };
        let mut client = Client::connect(shop.registry.port());
        client.push_image("shop/cart", "1", &shop.old);
        client.push_image("shop/cart", "2", &shop.lost);
        client.push_image("shop/cart", "2", &shop.new);
        client.push_image("shop/cart", "3", &shop.deleted);
        let path = format!("/v2/shop/cart/manifests/{}", shop.deleted.digest());
        let _ = client.request("DELETE", &path, "", b"").expect(202);
        shop
    }

    /// The lines that name what is kept: each digest once.
    fn marking(&self, images: &[&Image]) -> Vec<String> {
        let manifests = images.iter().map(|image| image.digest());
        let mut parts: Vec<String> = images.iter().flat_map(|image| image.parts()).collect();
        parts.sort();
        parts.dedup();
        manifests
            .map(|digest| format!("shop/cart: marking manifest {digest} "))
            .chain(
                parts
                    .iter()
                    .map(|digest| format!("shop/cart: marking blob {digest}")),
            )
            .collect()
    }

    /// The lines that name what goes: all but the common layer.
    fn eligible(&self, images: &[&Image]) -> Vec<String> {
        let mut lines = Vec::new();
        for image in images {
            lines.push(format!("blob eligible for deletion: {}", image.digest()));
            for part in self.own_parts(image) {
                lines.push(format!("blob eligible for deletion: {part}"));
                lines.push(format!(
                    "shop/cart: layer link eligible for deletion: {part}"
                ));
            }
        }
        lines
    }

    fn own_parts(&self, image: &Image) -> Vec<String> {
        let kept = self.old.parts();
        let parts = image.parts().into_iter();
        parts.filter(|part| !kept.contains(part)).collect()
    }

    /// What goes with the images, in bytes.
    fn bytes(&self, images: &[&Image]) -> u64 {
        let kept: Vec<&[u8]> = self.old.blobs().collect();
        let blobs = images.iter().flat_map(|image| {
            let own = image.blobs().filter(|blob| !kept.contains(blob));
            own.chain([&*image.manifest])
        });
        blobs.map(|blob| blob.len() as u64).sum()
    }

    fn assert_there(&self, images: &[&Image]) {
        for image in images {
            for digest in image.parts().iter().chain([&image.digest()]) {
                assert!(self.registry.blob(digest).exists(), "{digest} is gone");
            }
        }
    }

    fn assert_gone(&self, images: &[&Image]) {
        for image in images {
            for digest in self.own_parts(image).iter().chain([&image.digest()]) {
                assert!(!self.registry.blob(digest).exists(), "{digest} is there");
            }
            for part in self.own_parts(image) {
                let (_, hex) = part.split_once(':').unwrap();
                let link = format!("repositories/shop/cart/_layers/sha256/{hex}/link");
                assert!(!self.registry.stored(&link).exists(), "{link} is there");
            }
        }
    }
}

/// The lines that scripts know, sorted, and the summary after them.
fn parted(output: &Output) -> (Vec<String>, Vec<String>) {
    let text = output.text();
    let (lines, summary) = text.rsplit_once("\n\n").unwrap();
    let owned = |text: &str| text.lines().map(str::to_owned).collect();
    (in_order(owned(lines)), owned(&without_time(summary)))
}

/// Takes out the time at which the rest will be free.
fn without_time(summary: &str) -> String {
    let Some((before, rest)) = summary.split_once(", at 20") else {
        return summary.to_owned();
    };
    let (time, after) = rest.split_once(',').unwrap();
    assert!(
        time.len() == "26-01-01T00:00:00Z".len() && time.ends_with('Z'),
        "{time}"
    );
    format!("{before},{after}")
}

/// How a collection beside a server ends.
fn beside_a_server(found: &str, bytes: u64) -> [String; 3] {
    [
        format!("took {found} out of the store"),
        "0 bytes are free now".to_owned(),
        format!(
            "{bytes} bytes will be free in 1h, unless somebody asks for them: a server is \
             running on the store, and its clients may have been told that they are there"
        ),
    ]
}

fn in_order(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

//! `registry verify`: its lines, its exit codes, and that it finds nothing where nothing is wrong.

use std::fs::{self, File};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use wharf_oci::Digest;

use crate::client::Client;
use crate::image::Image;
use crate::process::Ended;
use crate::request::Request;
use crate::test_registry::{CONFIGURATION, TestRegistry};

/// A store with one image, in two repositories.
fn pushed() -> (TestRegistry, Image) {
    let server = TestRegistry::new().start();
    let image = Image::new(1);
    server.client().push_image("team/app", "v1", &image);
    server.client().push_image("team/copy", "v2", &image);
    (server.stop(), image)
}

fn verify(registry: &TestRegistry, flags: &[&str]) -> Ended {
    let mut arguments = vec!["verify"];
    arguments.extend(flags);
    arguments.push(CONFIGURATION);
    registry.run(&arguments)
}

fn bytes_of(image: &Image) -> usize {
    image.manifest.len() + image.blobs.iter().map(Vec::len).sum::<usize>()
}

#[test]
fn a_whole_store_is_said_to_be_one() {
    let (registry, image) = pushed();
    let before = registry.store().files();
    for flags in [
        &[][..],
        &["--repair"],
        &["-j", "1", "--rate-limit", "1GiB/s"],
    ] {
        let ended = verify(&registry, flags);
        assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.log);
        let expected = format!(
            "\n2 repositories, 2 tags, 2 manifests, 4 blobs, {} bytes read\n\
             0 problems, 0 warnings, 0 notes, 0 repaired\n",
            bytes_of(&image)
        );
        assert_eq!(ended.output, expected);
        assert_eq!(registry.store().files(), before);
        // Where there is no terminal, each phase has a line when it ends, on standard error.
        for phase in [
            "finding blobs: 4 (",
            "reading blobs: 4 of 4 (",
            "checking repositories: 2 (",
        ] {
            let lines = ended.log.lines();
            let told = lines.filter(|line| line.starts_with(phase)).count();
            assert_eq!(told, 1, "{phase}: {}", ended.log);
        }
        assert!(!ended.log.contains('\u{1b}') && !ended.log.contains('\r'));
    }
    let quiet = verify(&registry, &["--quiet"]);
    let told = (quiet.code, quiet.output.as_str(), quiet.log.as_str());
    assert_eq!(told, (Some(0), "", ""));
    let sizes = verify(&registry, &["--sizes-only"]);
    assert!(
        sizes.output.contains(", 0 bytes read\n"),
        "{}",
        sizes.output
    );
}

#[test]
fn damaged_content_is_told_moved_away_and_healed_by_a_push() {
    let (registry, image) = pushed();
    let layer = Digest::sha256(&image.blobs[1]);
    let path = registry.store().blob(&layer);
    let mut bytes = image.blobs[1].clone();
    bytes[1000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let actual = Digest::sha256(&bytes);
    let problem = |name: &str, tag: &str| {
        let manifest = image.digest();
        format!(
            "problem: {name}: tags {tag}: layer {layer}, named by {manifest}: its content is damaged, and has the digest {actual}; \
             --repair moves it out of the way; then push the image again\n"
        )
    };
    let problems = problem("team/app", "v1") + &problem("team/copy", "v2");
    let ended = verify(&registry, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    let (lines, summary) = ended.output.split_once("\n\n").unwrap();
    assert_eq!(format!("{lines}\n"), problems);
    assert!(
        summary.ends_with("2 problems (2 damaged), 0 warnings, 0 notes, 0 repaired\n"),
        "{summary}"
    );
    let quiet = verify(&registry, &["-q"]);
    let told = (quiet.code, quiet.output.as_str(), quiet.log.as_str());
    assert_eq!(told, (Some(1), problems.as_str(), ""));

    // With the damaged bytes in the way, a client would not send them again.
    let ended = verify(&registry, &["--repair", "-q"]);
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    let moved = format!(
        "repaired: blob {layer}: its damaged content keeps it from being pushed; it is moved to "
    );
    assert!(ended.output.contains(&moved), "{}", ended.output);
    assert!(!path.exists());
    let server = registry.start();
    let client = server.client();
    let head = Request::head(format!("/v2/team/app/blobs/{layer}"));
    client.send(head).expect(404);
    client.push_image("team/app", "v1", &image);
    let ended = verify(server.registry(), &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    client.expect_image("team/copy", "v2", &image);
}

#[test]
fn broken_links_are_put_right_and_the_image_can_be_pulled_again() {
    let (registry, image) = pushed();
    let repository = registry.store().repository("team/app");
    let digest = image.digest();
    let revision = format!("_manifests/revisions/sha256/{}/link", digest.hex());
    let layer = Digest::sha256(&image.blobs[2]);
    let layer = format!("_layers/sha256/{}/link", layer.hex());
    fs::write(registry.store().tag("team/app", "v1"), "").unwrap();
    fs::write(repository.join(&revision), "").unwrap();
    fs::remove_file(repository.join(&layer)).unwrap();
    assert_eq!(verify(&registry, &["-q"]).code, Some(1));
    assert_eq!(fs::read_to_string(repository.join(&revision)).unwrap(), "");
    let ended = verify(&registry, &["--repair"]);
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    let repaired = ended
        .output
        .lines()
        .filter(|line| line.starts_with("repaired: team/app: "));
    assert_eq!(repaired.count(), 3, "{}", ended.output);
    assert!(
        ended
            .output
            .ends_with("0 problems, 0 warnings, 0 notes, 3 repaired\n")
    );
    assert_eq!(verify(&registry, &[]).code, Some(0));
    let server = registry.start();
    server.client().expect_image("team/app", "v1", &image);
}

#[test]
fn what_could_not_be_verified_has_a_code_of_its_own() {
    let registry = TestRegistry::new();
    registry.write_configuration();
    for (arguments, told) in [
        (
            &["verify"][..],
            "configuration error: configuration path unspecified",
        ),
        (&["verify", "missing.yml"], "configuration error: "),
        (
            &["verify", CONFIGURATION],
            "does not exist; name the folder",
        ),
        (
            &["verify", "--bogus"],
            "Error: unknown flag: --bogus\nRun 'registry verify --help'",
        ),
        (
            &["verify", "--rate-limit", "fast", CONFIGURATION],
            "use for example 50MB or 50MiB",
        ),
        (&["verify", "--jobs", "0", CONFIGURATION], "Error: "),
    ] {
        let ended = registry.run(arguments);
        assert_eq!(
            (ended.code, ended.output.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(ended.log.contains(told), "{arguments:?}: {}", ended.log);
    }
    let (registry, _) = pushed();
    let ended = registry.run_on_full_disk(&["verify", CONFIGURATION]);
    assert_eq!(ended.code, Some(2), "{}", ended.log);
    assert!(
        ended
            .log
            .contains("cannot write to standard output: No space left")
    );
    assert_eq!(
        registry.run_unheard(&["verify", CONFIGURATION]).code,
        Some(0)
    );
}

#[test]
fn nothing_is_wrong_while_images_are_pushed_moved_and_deleted() {
    let server = TestRegistry::new()
        .with("storage.delete.enabled", true)
        .start();
    thread::scope(|scope| {
        let pushing = Pushing::default();
        for pusher in 0..3 {
            let (client, pushing) = (server.client(), pushing.clone());
            scope.spawn(move || push_until(&client, pusher, &pushing));
        }
        let mut flags = [&[][..], &["--repair"], &["-j", "8"]].into_iter().cycle();
        while pushing.pushes() < ENOUGH {
            expect_nothing_wrong(&verify(server.registry(), flags.next().unwrap()));
        }
    });
}

#[test]
fn nothing_is_wrong_while_garbage_is_collected() {
    let server = TestRegistry::new()
        .with("storage.delete.enabled", true)
        .start();
    thread::scope(|scope| {
        let pushing = Pushing::default();
        for pusher in 0..2 {
            let (client, pushing) = (server.client(), pushing.clone());
            scope.spawn(move || push_until(&client, pusher, &pushing));
        }
        let (registry, collector) = (server.registry(), pushing.clone());
        scope.spawn(move || {
            while !collector.is_over() {
                let ended = registry.run(&["garbage-collect", "-q", "-m", CONFIGURATION]);
                assert_eq!(ended.code, Some(0), "{}", ended.log);
            }
        });
        while pushing.pushes() < ENOUGH {
            let ended = verify(registry, &[]);
            assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.log);
            // What is pushed beside a collection may be in the trash until the next.
            let mut lines = ended.output.lines().take_while(|line| !line.is_empty());
            assert!(
                lines.all(|line| line.contains(": a collection has set it aside")),
                "{}",
                ended.output
            );
        }
    });
}

/// What is pushed, until somebody has seen enough or has failed.
#[derive(Clone, Default)]
struct Pushing {
    is_over: Arc<AtomicBool>,
    pushes: Arc<AtomicU64>,
}

impl Pushing {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn pushes(&self) -> u64 {
        // Whoever pushes is never the first to say that it is over, unless it has failed.
        assert!(!self.is_over(), "a push failed");
        self.pushes.load(Ordering::Relaxed)
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Pushes what others push too, and what only this one does, which it deletes again.
fn push_until(client: &Client, pusher: u64, pushing: &Pushing) {
    for round in 0.. {
        if pushing.is_over() {
            return;
        }
        let image = Image::new(10 * (round % 3) + 1000 * (pusher % 2));
        let name = format!("team/{}", (pusher + round) % 2);
        client.push_image(&name, &format!("v{pusher}"), &image);
        pushing.pushes.fetch_add(1, Ordering::Relaxed);
        if round % 4 == 3 {
            let own = format!("own/{pusher}");
            let image = Image::new(5000 + 100 * pusher + round);
            let digest = client.push_image(&own, "gone", &image);
            let target = format!("/v2/{own}/manifests/{digest}");
            client.send(Request::delete(target)).expect(202);
        }
    }
}

#[track_caller]
fn expect_nothing_wrong(ended: &Ended) {
    let (lines, _) = ended.output.split_once("\n\n").unwrap_or_default();
    assert_eq!(ended.code, Some(0), "{lines}\n{}", ended.log);
    assert!(ended.output.starts_with('\n'), "{lines}");
}

#[test]
fn a_terminal_gets_a_bar_and_standard_output_nothing_of_it() {
    let (registry, _) = pushed();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let screen = File::options()
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let reader = thread::spawn(move || {
        let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
        let mut terminal = File::from(terminal);
        // The end of the process is an error here.
        while let Ok(count) = terminal.read(&mut buffer) {
            if count == 0 {
                break;
            }
            shown.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let ended = registry
        .with_env("TERM", "xterm")
        .run_before(&["verify", "--rate-limit", "500kB", CONFIGURATION], screen);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.output.starts_with("\n2 repositories"),
        "{}",
        ended.output
    );
    let shown = reader.join().unwrap();
    assert!(
        shown.contains("reading blobs: ") && shown.contains(" of 4 ("),
        "{shown}"
    );
    assert!(shown.contains('\u{1b}'), "{shown}");
    assert!(!shown.contains("done in"), "{shown}");
}

/// How many pushes there are while a store is verified again and again.
const ENOUGH: u64 = 40;

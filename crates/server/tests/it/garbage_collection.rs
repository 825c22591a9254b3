//! `registry garbage-collect`, on the store of a server that was stopped.

use std::fs;

use wharf_oci::Digest;

use crate::image::Image;
use crate::process::Ended;
use crate::request::Request;
use crate::store::Store;
use crate::test_registry::{CONFIGURATION, TestRegistry, text};

/// A store with one tagged image, one that lost its tag, and a blob that no manifest names.
struct Littered {
    registry: TestRegistry,
    tagged: Image,
    untagged: Image,
    orphan: Digest,
}

impl Littered {
    fn new() -> Self {
        let server = TestRegistry::new().start();
        let client = server.client();
        let (tagged, untagged) = (Image::new(1), Image::new(50));
        client.push_image("team/app", "v1", &untagged);
        client.push_image("team/app", "v1", &tagged);
        let orphan = client.push_blob("team/app", b"nobody names this");
        Self {
            registry: server.stop(),
            tagged,
            untagged,
            orphan,
        }
    }

    fn collect(&self, flags: &[&str]) -> Ended {
        let mut arguments = vec!["garbage-collect"];
        arguments.extend(flags);
        arguments.push(CONFIGURATION);
        self.registry.run(&arguments)
    }

    fn store(&self) -> Store {
        self.registry.store()
    }
}

#[track_caller]
fn expect_success(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert!(!ended.log.contains("level=error"), "{}", ended.log);
}

#[test]
fn what_no_manifest_names_is_deleted_and_said() {
    let littered = Littered::new();
    let before = littered.store().files();
    let dry = littered.collect(&["--dry-run"]);
    expect_success(&dry);
    assert_eq!(littered.store().files(), before);

    let collected = littered.collect(&[]);
    expect_success(&collected);
    let (lines, summary) = collected.output.split_once("\n\ntook ").unwrap();
    let (dry_lines, would) = dry.output.split_once("\n\nwould delete ").unwrap();
    assert_eq!(lines, dry_lines);
    assert_eq!(would, "1 blobs (17 bytes), 0 manifests, 1 layer links\n");
    let expected =
        "1 blobs (17 bytes), 0 manifests, 1 layer links out of the store\n17 bytes are free now\n";
    assert_eq!(summary, expected);
    let output = &collected.output;
    assert!(
        output.starts_with("team/app\nteam/app: marking manifest sha256:"),
        "{output}"
    );
    let tagged = littered.tagged.digest();
    assert!(
        output.contains(&format!("team/app: marking manifest {tagged} \n")),
        "{output}"
    );
    let summary = "\n\n8 blobs marked, 1 blobs and 0 manifests eligible for deletion\n";
    assert!(output.contains(summary), "{output}");
    let eligible = format!("\nblob eligible for deletion: {}\n", littered.orphan);
    assert!(output.contains(&eligible), "{output}");
    assert!(!littered.store().blob(&littered.orphan).exists());

    let server = littered.registry.start();
    let client = server.client();
    client.expect_image("team/app", "v1", &littered.tagged);
    let untagged = littered.untagged.digest();
    client.expect_image("team/app", untagged.as_str(), &littered.untagged);
    client.pull_blob("team/app", &littered.orphan).expect(404);
}

#[test]
fn what_no_tag_reaches_is_deleted_when_asked_for() {
    let littered = Littered::new();
    let digest = littered.untagged.digest();
    let collected = littered.collect(&["-m"]);
    expect_success(&collected);
    let line = format!("manifest eligible for deletion: {{team/app {digest} [v1]}}\n");
    assert!(collected.output.contains(&line), "{}", collected.output);
    assert_eq!(littered.store().blobs().len(), 4);

    let server = littered.registry.start();
    let client = server.client();
    client.expect_image("team/app", "v1", &littered.tagged);
    client
        .pull_manifest("team/app", digest.as_str())
        .expect(404);
    // What was deleted can be pushed again.
    client.push_image("team/app", "v2", &littered.untagged);
    client.expect_image("team/app", "v2", &littered.untagged);
}

#[test]
fn quiet_prints_nothing_and_flags_may_be_together() {
    let littered = Littered::new();
    let before = littered.store().files();
    let dry = littered.collect(&["-d", "-m", "-q"]);
    expect_success(&dry);
    assert_eq!(dry.output, "");
    assert_eq!(littered.store().files(), before);
    let quiet = littered.collect(&["-mq"]);
    expect_success(&quiet);
    assert_eq!(quiet.output, "");
    assert_eq!(littered.store().blobs().len(), 4);
    let again = littered.collect(&["--delete-untagged=true", "--quiet=false"]);
    expect_success(&again);
    let summary = "\n\n4 blobs marked, 0 blobs and 0 manifests eligible for deletion\n";
    assert!(again.output.ends_with(summary), "{}", again.output);
}

#[test]
fn a_manifest_that_cannot_be_read_keeps_all_of_its_repository() {
    for damage in ["", "{\"half a manif"] {
        let littered = Littered::new();
        let manifest = littered.store().blob(&littered.tagged.digest());
        fs::write(manifest, damage).unwrap();
        let before = littered.store().files();
        for flags in [&["-d"][..], &[], &["-m"], &["-q", "-m"]] {
            let ended = littered.collect(flags);
            assert_eq!(ended.code, Some(1), "{damage:?} {flags:?}: {}", ended.log);
            let lines: Vec<&str> = ended.log.lines().collect();
            let [broken, reason] = lines[..] else {
                panic!("{}", ended.log);
            };
            let start = format!("team/app: manifest {} ", littered.tagged.digest());
            assert!(broken.starts_with(&start), "{broken}");
            assert_eq!(reason, NOT_ALL);
            assert_eq!(littered.store().files(), before);
        }
    }
}

#[test]
fn each_thing_that_cannot_be_read_has_its_line() {
    let littered = Littered::new();
    let store = littered.store();
    for image in [&littered.tagged, &littered.untagged] {
        fs::write(store.blob(&image.digest()), "").unwrap();
    }
    fs::create_dir_all(store.repository("Upper").join("_manifests")).unwrap();
    let ended = littered.collect(&[]);
    assert_eq!(ended.code, Some(1));
    let mut lines: Vec<&str> = ended.log.lines().collect();
    assert_eq!(lines.pop(), Some(NOT_ALL));
    assert_eq!(lines.len(), 3, "{}", ended.log);
    assert!(
        ended.log.contains("/Upper: holds manifests under a name"),
        "{}",
        ended.log
    );
}

#[test]
fn a_full_disk_below_the_output_does_not_stop_the_collection() {
    let littered = Littered::new();
    let ended = littered
        .registry
        .run_on_full_disk(&["garbage-collect", "-m", CONFIGURATION]);
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    let line = "the collection is complete, but what it did cannot be written to standard output: \
                No space left on device (os error 28)\n";
    assert!(ended.log.ends_with(line), "{}", ended.log);
    assert_eq!(littered.store().blobs().len(), 4);
}

#[test]
fn a_closed_pipe_does_not_stop_the_collection() {
    let littered = Littered::new();
    let ended = littered
        .registry
        .run_unheard(&["garbage-collect", "-m", CONFIGURATION]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(littered.store().blobs().len(), 4);
}

#[test]
fn an_upload_in_progress_is_left_alone() {
    let server = TestRegistry::new().start();
    let mut upload = server.client().start_upload("a/b");
    upload.append(b"half of it, ");
    let registry = server.stop();
    let ended = registry.run(&["garbage-collect", "-m", CONFIGURATION]);
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let server = registry.start();
    let mut upload = upload.through(server.client());
    upload.append(b"the other half");
    upload
        .complete(&Digest::sha256(b"half of it, the other half"))
        .expect(201);
}

#[test]
fn the_configuration_is_found_as_by_serve() {
    let littered = Littered::new();
    let path = littered.registry.file(CONFIGURATION);
    let registry = littered
        .registry
        .with_env("REGISTRY_CONFIGURATION_PATH", text(&path));
    let ended = registry.run(&["garbage-collect", "-m"]);
    expect_success(&ended);
    assert_eq!(registry.store().blobs().len(), 4);

    let ended = registry.run(&["garbage-collect", "missing.yml"]);
    assert_eq!(ended.code, Some(1));
    let line = "configuration error: open missing.yml: no such file or directory\n";
    assert_eq!((ended.output.as_str(), ended.log.as_str()), ("", line));
}

#[test]
fn without_a_file_nothing_is_collected_and_no_store_is_made() {
    for registry in [
        TestRegistry::new().with_env("REGISTRY_CONFIGURATION_PATH", ""),
        TestRegistry::new(),
    ] {
        for arguments in [&["garbage-collect"][..], &["garbage-collect", "-d"]] {
            let ended = registry.run(arguments);
            assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""));
            let start = "configuration error: configuration path unspecified; ";
            assert!(ended.log.starts_with(start), "{}", ended.log);
        }
        let folder = registry.file(".");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}

#[test]
fn a_root_that_does_not_exist_is_refused_and_not_made() {
    let registry = TestRegistry::new();
    registry.write_configuration();
    let root = registry.store().root();
    let told = format!(
        "storage.filesystem.rootdirectory: the folder \\\"{}\\\" does not exist; name the folder",
        root.display()
    );
    for arguments in [
        &["garbage-collect", CONFIGURATION][..],
        &["garbage-collect", "-d", "-q", CONFIGURATION],
    ] {
        let ended = registry.run(arguments);
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""));
        assert!(ended.log.contains(&told), "{}", ended.log);
        assert!(!root.exists());
    }
}

#[test]
fn a_collection_beside_a_server_takes_nothing_that_is_asked_for() {
    let littered = Littered::new();
    let server = littered.registry.start();
    let client = server.client();
    let collect = |flags: &[&str]| {
        let mut arguments = vec!["garbage-collect", "-m"];
        arguments.extend(flags);
        arguments.push(CONFIGURATION);
        let ended = server.registry().run(&arguments);
        expect_success(&ended);
        ended.output
    };
    let untagged = littered.untagged.digest();
    let output = collect(&[]);
    assert!(output.contains("\n0 bytes are free now\n"), "{output}");
    assert!(output.contains(" will be free in 1h, at 20"), "{output}");
    assert!(!server.store().blob(&littered.orphan).exists());
    // The next push names what was taken, without sending it again.
    let pushed = client.push_manifest("team/app", "v3", &littered.untagged.manifest);
    pushed.expect(201);
    client.expect_image("team/app", "v3", &littered.untagged);
    client.pull_blob("team/app", &littered.orphan).expect(200);
    let output = collect(&["--lease", "0s"]);
    assert!(output.contains("\n17 bytes are free now\n"), "{output}");
    client.pull_blob("team/app", &littered.orphan).expect(404);
    client.expect_image("team/app", untagged.as_str(), &littered.untagged);
    client.expect_image("team/app", "v1", &littered.tagged);
}

#[test]
fn what_was_taken_is_listed_brought_back_and_deleted_on_demand() {
    let littered = Littered::new();
    let server = littered.registry.start();
    let client = server.client();
    let run = |arguments: &[&str]| {
        let ended = server
            .registry()
            .run(&[arguments, &[CONFIGURATION]].concat());
        expect_success(&ended);
        ended.output
    };
    assert_eq!(run(&["trash", "list"]), "the trash is empty\n");
    run(&["garbage-collect", "-q"]);
    let listed = run(&["trash", "list"]);
    assert!(
        listed.contains(": 1 blobs, 17 bytes, kept for 59m")
            || listed.ends_with(": 1 blobs, 17 bytes, kept for 1h yet\n"),
        "{listed}"
    );
    assert!(!server.store().blob(&littered.orphan).exists());
    let restored = run(&["trash", "restore"]);
    assert_eq!(restored, "2 blobs and links are back in their place\n");
    assert!(server.store().blob(&littered.orphan).exists());
    run(&["garbage-collect", "-q"]);
    let emptied = run(&["trash", "empty"]);
    assert!(
        emptied.starts_with("1 blobs deleted, 17 bytes are free now; 0 "),
        "{emptied}"
    );
    client.pull_blob("team/app", &littered.orphan).expect(404);
    client.expect_image("team/app", "v1", &littered.tagged);
    let ended = server.registry().run(&["trash"]);
    assert_eq!(ended.code, Some(1), "{}", ended.log);
}

#[test]
fn an_empty_store_is_no_failure() {
    let registry = TestRegistry::new();
    registry.write_configuration();
    fs::create_dir(registry.store().root()).unwrap();
    let ended = registry.run(&["garbage-collect", CONFIGURATION]);
    expect_success(&ended);
    let summary = "\n0 blobs marked, 0 blobs and 0 manifests eligible for deletion\n";
    assert_eq!(ended.output, summary);
}

#[test]
fn a_repository_that_was_deleted_by_requests_gives_its_space_back() {
    let server = TestRegistry::new()
        .with("storage.delete.enabled", true)
        .start();
    let (client, image) = (server.client(), Image::new(1));
    let digest = client.push_image("a/b", "v1", &image);
    let target = format!("/v2/a/b/manifests/{digest}");
    client.send(Request::delete(target)).expect(202);
    assert_eq!(server.store().blobs().len(), 4);
    let registry = server.stop();
    let ended = registry.run(&["garbage-collect", CONFIGURATION]);
    expect_success(&ended);
    assert_eq!(registry.store().blobs(), Vec::<String>::new());
}

/// The last line of a collection that did not dare to delete.
const NOT_ALL: &str = "not all garbage was collected: what these might name was kept; push each again, or delete it \
     from the store, then collect again";

//! Lists of referrers, and what writes leave behind: on a file system, whose times tell.

use std::{
    fs::{self, File},
    path::PathBuf,
    time::SystemTime,
};

use tempfile::TempDir;

use super::*;
use crate::ReferrersRequest;

/// A store in a folder with an image and a signature of it, as others left it long ago.
async fn signed() -> (TempDir, TestRegistry, Manifest, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let test = TestRegistry::in_folder(&folder);
    let repository = test.repository("a");
    let image = push_image(&repository, "x", Some("v1")).await;
    push_parts(&repository, "signature").await;
    let signature = attached("signature", &image);
    push_manifest(&repository, signature.clone(), None).await;
    (folder, test, image, signature)
}

fn below(folder: &TempDir, path: &str) -> PathBuf {
    folder.path().join("docker/registry/v2").join(path)
}

fn set_back(path: &PathBuf) {
    let past = SystemTime::now() - Duration::from_secs(7200);
    File::open(path).unwrap().set_modified(past).unwrap();
}

/// Asks for the referrers of an image, so that the store notes that all are listed.
async fn ask(test: &TestRegistry, image: &Manifest) -> usize {
    let request = ReferrersRequest {
        after: None,
        limit: 10,
        artifact_type: None,
    };
    let manifests = test.repository("a").manifests;
    let listed = manifests.referrers(image.digest(), request).await.unwrap();
    listed.items.len()
}

#[tokio::test]
async fn a_referrer_that_nobody_would_list_any_more_is_put_into_the_list() {
    let (folder, test, image, signature) = signed().await;
    let list = format!("repositories/a/_referrers/sha256/{}", image.digest().hex());
    let entry = format!("{list}/sha256/{}", signature.digest().hex());
    // What was never asked for is listed by whoever asks first.
    test.remove(&entry).await;
    expect_lines(&told(&test).await, &[]);

    set_back(&below(
        &folder,
        "repositories/a/_manifests/revisions/sha256",
    ));
    assert_eq!(ask(&test, &image).await, 1);
    expect_lines(&told(&test).await, &[]);
    test.remove(&entry).await;
    assert_eq!(ask(&test, &image).await, 0, "it stays lost");
    let line = format!(
        "a: referrer {} of {}: it is not in the list",
        signature.digest(),
        image.digest()
    );
    expect_lines(
        &told(&test).await,
        &[&format!("problem: {line}; --repair puts it right")],
    );
    expect_lines(
        &repaired(&test).await,
        &[&format!("repaired: {line}; its link is written")],
    );
    assert_eq!(ask(&test, &image).await, 1);
    expect_lines(&told(&test).await, &[]);
}

#[tokio::test]
async fn an_entry_that_is_about_nothing_goes() {
    let (_folder, test, image, signature) = signed().await;
    let gone = sha256("gone");
    let list = |subject: &Digest| format!("repositories/a/_referrers/sha256/{}", subject.hex());
    for (subject, referrer) in [(image.digest(), &gone), (&gone, signature.digest())] {
        let entry = format!("{}/{}", list(subject), link(referrer));
        test.write(&entry, referrer.to_string()).await;
    }
    let lines = repaired(&test).await;
    let stale = |subject: &Digest, referrer: &Digest| {
        format!(
            "repaired: a: referrer {referrer} of {subject}: it is in the list, and not about the subject; it is out of the list"
        )
    };
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.contains(&stale(image.digest(), &gone)), "{lines:?}");
    assert!(
        lines.contains(&stale(&gone, signature.digest())),
        "{lines:?}"
    );
    expect_lines(&told(&test).await, &[]);
    assert_eq!(ask(&test, &image).await, 1);
}

#[tokio::test]
async fn leftovers_of_writes_go_when_they_are_old_and_nobody_holds_them() {
    let (folder, test, image, _) = signed().await;
    let blob = blob_path(&sha256("x layer"));
    let leftover = |beside: &str, id: char| {
        let id = id.to_string().repeat(8);
        format!("{beside}.{id}-0000-4000-8000-000000000000.tmp")
    };
    let old = [
        leftover(&blob, 'a'),
        leftover(&revision("a", image.digest()), 'a'),
        leftover(&current("a", "v1"), 'a'),
        leftover("repositories/a/_referrers/indexed", 'a'),
    ];
    let (young, held) = (leftover(&blob, 'b'), leftover(&blob, 'c'));
    for path in old.iter().chain([&young, &held]) {
        fs::create_dir_all(below(&folder, path).parent().unwrap()).unwrap();
        fs::write(below(&folder, path), "half").unwrap();
    }
    for path in old.iter().chain([&held]) {
        set_back(&below(&folder, path));
    }
    let file = File::open(below(&folder, &held)).unwrap();
    file.lock().unwrap();
    let settled = VerifyOptions {
        settled: SETTLED,
        ..REPAIR
    };
    let (lines, report) = verified(&test, settled).await;
    for path in &old {
        let found = |line: &&String| {
            line.contains(&format!(
                "/docker/registry/v2/{path}: left behind by a write that was cut off; it is removed"
            ))
        };
        assert!(lines.iter().any(|line| found(&line)), "{path}\n{lines:#?}");
        assert!(!below(&folder, path).exists());
    }
    assert!(below(&folder, &young).exists() && below(&folder, &held).exists());
    assert_eq!((report.repaired, lines.len()), (4, 5), "{lines:#?}");
    let in_use = "left behind by a write that was cut off; it cannot be repaired: ";
    let is_held = |line: &String| line.contains(&held) && line.contains(in_use);
    assert!(lines.iter().any(is_held), "{lines:#?}");
    drop(file);
    let (_, report) = verified(&test, settled).await;
    assert_eq!(report.repaired, 1);
    expect_lines(&verified(&test, settled).await.0, &[]);
}

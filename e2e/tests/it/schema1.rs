//! Schema 1 for clients of long ago: the same documents as Distribution's, with signatures that Distribution and docker verify.

use serde_json::{Value, json};

use wharf_e2e::client::Client;
use wharf_e2e::config::Config;
use wharf_e2e::curl::Answer;
use wharf_e2e::layout::{LIST, SCHEMA_2};
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::run::Run;
use wharf_e2e::{digest, need, needs};

use crate::user::{REPOSITORY, TAG, User};

#[test]
fn images_are_converted_to_the_bytes_that_distribution_makes() {
    let distribution = need!(Program::distribution());
    let openssl = need!(needs::program("openssl"));
    let key = tempfile::NamedTempFile::with_suffix(".pem").unwrap();
    Run::new(openssl)
        .args(["ecparam", "-name", "prime256v1", "-genkey", "-noout"])
        .arg("-out")
        .arg(key.path())
        .ok();
    let config = converting(&format!(", signingkeyfile: {}", key.path().display()));
    let theirs = Place::new(config.clone()).start(&distribution);
    let ours = Registry::start(config);

    let tags = images().into_iter().chain(oddities());
    for (tag, image) in tags {
        let [theirs, ours] = [&theirs, &ours].map(|registry| {
            push(registry, &tag, &image);
            pull(registry, "team/app", &tag)
        });
        assert_eq!(ours.status, theirs.status, "{tag}: {ours:?} {theirs:?}");
        if theirs.status != 200 {
            assert_eq!(ours.code(), theirs.code(), "{tag}");
            continue;
        }
        assert_same(&ours, &theirs, &tag);
    }

    // Of a list, the first image for linux/amd64.
    let children = images();
    let entries = ["arm64", "amd64", "amd64"].iter().zip(&children);
    let list = json!({
        "schemaVersion": 2,
        "mediaType": LIST,
        "manifests": entries.map(|(architecture, (_, image))| {
            let mut child = descriptor(SCHEMA_2, image.manifest().as_bytes());
            child["platform"] = json!({ "architecture": architecture, "os": "linux" });
            child
        }).collect::<Vec<_>>(),
    });
    let [theirs, ours] = [&theirs, &ours].map(|registry| {
        let mut client = Client::connect(registry.port());
        client.push_manifest("team/app", "list", LIST, list.to_string().as_bytes());
        pull(registry, "team/app", "list")
    });
    assert_same(&ours, &theirs, "list");
}

#[test]
fn distribution_and_docker_verify_what_is_signed_here() {
    let distribution = need!(Program::distribution());
    let user = need!(User::new());
    let wharf = Program::wharf();
    let registry = Place::new(converting("")).start(&wharf);
    let pushed = user.push(&registry);
    let converted = pull(&registry, REPOSITORY, TAG).expect(200);
    assert_eq!(converted.digest(), digest::of(&payload(&converted.body)));

    // Distribution takes no document of schema 1 whose signature does not fit.
    let registry = registry.stop().start(&distribution);
    let put = |body: &[u8]| {
        let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
        registry
            .curl(&path)
            .method("PUT")
            .body(SCHEMA_1, body)
            .send()
    };
    let text = String::from_utf8(converted.body.clone()).unwrap();
    let (before, signature) = text.split_once("\"signature\": \"").unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{before}\"signature\": \"{other}{}", &signature[1..]);
    let refused = put(forged.as_bytes()).expect(400);
    assert_eq!(refused.code(), "MANIFEST_UNVERIFIED");
    let taken = put(&converted.body).expect(201);
    assert_eq!(taken.digest(), converted.digest());

    // What it has stored without the signature is signed anew, which docker verifies.
    let registry = registry.stop().start(&wharf);
    let served = pull(&registry, REPOSITORY, TAG).expect(200);
    assert_eq!(served.header("Content-Type"), Some(SCHEMA_1));
    assert_eq!(served.digest(), converted.digest());
    user.forget(&[&pushed.name]);
    let said = user.docker.run(["pull", &pushed.name]).ok();
    assert!(said.contains(converted.digest()), "{said}");
    assert_eq!(user.run(&pushed.name), pushed.greeting);
}

/// An image of schema 2.
struct Image {
    config: String,
    layers: Vec<&'static str>,
}

impl Image {
    fn manifest(&self) -> String {
        let layers = self.layers.iter();
        json!({
            "schemaVersion": 2,
            "mediaType": SCHEMA_2,
            "config": descriptor("application/vnd.docker.container.image.v1+json", self.config.as_bytes()),
            "layers": layers.map(|layer| {
                descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer.as_bytes())
            }).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// Images as builders make them, each with a tag.
fn images() -> Vec<(String, Image)> {
    let diff_ids = ["1", "2", "3"].map(|digit| format!("sha256:{}", digit.repeat(64)));
    let steps = [
        json!({"created": "2023-05-04T17:37:03.872958712Z", "created_by": "/bin/sh -c #(nop) ADD file:0 in / "}),
        json!({"created": "2023-05-04T17:37:04Z", "created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": true}),
        json!({"created": "2023-05-05T00:00:00.5+02:00", "created_by": "RUN echo '<a>' & \"b\" \u{2028} é 日 \u{8}\n", "comment": "buildkit.dockerfile.v0"}),
        json!({"author": "A <a@example.com>", "created_by": "COPY . .", "comment": "<&>"}),
        json!({"created": "2023-05-06T00:00:00Z", "empty_layer": true}),
    ];
    let image = |steps: &[Value], layers: &[&'static str], base: Value| {
        let mut config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh", "-c", "echo <a> & \u{2029}"], "Env": null, "Labels": {"<&>": "é"}},
            "created": "2023-05-06T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": diff_ids[..layers.len()]},
            "history": steps,
        });
        if !base.is_null() {
            config["rootfs"]["base_layer"] = base;
        }
        // Not all on one line, so that what is kept of it has to be compacted.
        let config = serde_json::to_string_pretty(&config).unwrap();
        let layers = layers.to_vec();
        Image { config, layers }
    };
    let none = Value::Null;
    [
        ("one", image(&steps[..1], &["one"], none.clone())),
        ("empty-top", image(&steps[..2], &["one"], none.clone())),
        (
            "several.layers",
            image(&steps[..4], &["one", "two", "three"], none.clone()),
        ),
        ("all", image(&steps, &["one", "two", "three"], none.clone())),
        ("nothing-but-empty", image(&steps[1..2], &[], none)),
        (
            "windows",
            image(&steps, &["one", "two", "three"], json!("windowsservercore")),
        ),
    ]
    .map(|(tag, image)| (tag.to_owned(), image))
    .into()
}

/// Configs as nobody makes them, some of which cannot be converted.
fn oddities() -> Vec<(String, Image)> {
    let root = r#""rootfs":{"diff_ids":["sha256:1111111111111111111111111111111111111111111111111111111111111111"]}"#;
    let mut configs: Vec<String> = [
        r#"{ROOT,"history":[{}]}"#,
        r#"{ROOT,"history":[null]}"#,
        r#"{ROOT,"HISTORY":[{"Created_By":"x","EMPTY_LAYER":true},{}],"ARCHITECTURE":"arm"}"#,
        r#"{ROOT,"history":[{},{}],"history":[{}],"architecture":"a","architecture":"b"}"#,
        r#"{ROOT,"history":[{}],"architecture":null,"id":"its own","parent":"p","throwaway":1}"#,
        r#"{ROOT,"history":[{"empty_layer":true}]}"#,
        r#"{ROOT,"history":[{}],"a":1.50e+3,"b":"\u00e9\/\b","\u003c\b":{"<":[ ]}, "c" : -0.0}"#,
        r#"{ROOT,"history":[]}"#,
        r#"{ROOT}"#,
        r#"{ROOT,"history":[{},{}]}"#,
        r#"{"rootfs":{},"history":[{"empty_layer":true}]}"#,
        r#"{ROOT,"history":[{"author":5}]}"#,
        r#"{ROOT,"history":{}}"#,
        "nope",
        "[]",
        "{",
        "",
    ]
    .map(|config| config.replace("ROOT", root))
    .into();
    for created in [
        "2020-01-01T00:00:00+00:00",
        "2020-01-01T00:00:00-00:00",
        "2020-01-01T00:00:00-23:59",
        "2020-01-01T00:00:00.1200Z",
        "2020-01-01T00:00:00.000Z",
        "2020-01-01T00:00:00.1234567899Z",
        "2020-01-01T00:00:00,5Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "2020-02-30T00:00:00Z",
        "2020-01-01t00:00:00z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00.Z",
        "",
    ] {
        configs.push(format!(
            r#"{{{root},"history":[{{"created":"{created}"}},{{"empty_layer":true}}]}}"#
        ));
    }
    let numbered = configs.into_iter().enumerate().map(|(number, config)| {
        let layers = vec!["one"];
        (format!("odd-{number}"), Image { config, layers })
    });
    numbered.collect()
}

fn push(registry: &Registry, tag: &str, image: &Image) {
    let mut client = Client::connect(registry.port());
    for blob in image.layers.iter().copied().chain([&*image.config]) {
        client.push_blob("team/app", blob.as_bytes());
    }
    client.push_manifest("team/app", tag, SCHEMA_2, image.manifest().as_bytes());
}

/// Pulls a manifest as docker did before it knew schema 2: without a word on what it can read.
fn pull(registry: &Registry, repository: &str, tag: &str) -> Answer {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let head = registry.curl(&path).args(&["--header", "Accept:"]);
    let head = head.method("HEAD").send();
    let get = registry.curl(&path).args(&["--header", "Accept:"]).send();
    assert_eq!(told(&head), told(&get), "{path}");
    get
}

/// What the headers tell of a document.
fn told(answer: &Answer) -> [Option<String>; 4] {
    [
        "Content-Type",
        "Content-Length",
        "Docker-Content-Digest",
        "Etag",
    ]
    .map(|name| answer.header(name).map(str::to_owned))
}

/// The same headers and the same document, but for the time and the numbers of the signature.
fn assert_same(ours: &Answer, theirs: &Answer, tag: &str) {
    assert_eq!(ours.header("Content-Type"), Some(SCHEMA_1), "{tag}");
    assert_eq!(told(ours), told(theirs), "{tag}");
    let text = |answer: &Answer| String::from_utf8(payload(&answer.body)).unwrap();
    assert_eq!(text(ours), text(theirs), "{tag}");
    assert_eq!(digest::of(&payload(&ours.body)), ours.digest(), "{tag}");
    let layout = |answer: &Answer| {
        let mut text = answer.text();
        let document: Value = serde_json::from_str(&text).unwrap();
        for part in ["signature", "protected"] {
            let value = document["signatures"][0][part].as_str().unwrap();
            text = text.replace(value, part);
        }
        text
    };
    assert_eq!(layout(ours), layout(theirs), "{tag}");
}

/// What is signed: the document up to its signature, which our own and Distribution's are laid out to have on lines of its own.
fn payload(signed: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(signed).unwrap();
    let (payload, _) = text.rsplit_once(",\n   \"signatures\": [").unwrap();
    format!("{payload}\n}}").into_bytes()
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest::of(content), "size": content.len() })
}

/// A configuration that both servers understand, with the conversion switched on and these further options.
fn converting(options: &str) -> Config {
    Config::written(format!(
        "\
version: 0.1
storage: {{filesystem: {{rootdirectory: '{{store}}'}}}}
http: {{addr: '{{address}}'}}
compatibility: {{schema1: {{enabled: true{options}}}}}
"
    ))
}

/// Docker's manifests of the first kind, signed.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

//! Pushes beside collections that never end, of servers and collectors that are killed: what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use wharf_e2e::client::{Client, Reply};
use wharf_e2e::config::Config;
use wharf_e2e::layout::{Image, MANIFEST};
use wharf_e2e::program::Program;
use wharf_e2e::registry::{Place, Registry};
use wharf_e2e::{digest, wait};

#[test]
fn pushes_beside_endless_collections_all_succeed_and_stay() {
    push_beside_collections(&["-m", "-q"], Refusals::None, Duration::from_secs(20));
}

#[test]
fn pushes_beside_collections_without_a_lease_are_refused_or_stay() {
    let flags = ["-m", "-q", "--lease", "0s"];
    push_beside_collections(&flags, Refusals::OfMissingParts, Duration::ZERO);
}

#[test]
fn what_was_acknowledged_survives_twelve_kills_and_collections() {
    let place = Place::new(Config::new());
    let collections = Collections::of(&place);
    let mut registry = place.start(&Program::wharf());
    let mut pushers: Vec<Pusher> = (0..PUSHERS)
        .map(|number| Pusher::new(number, Refusals::None))
        .collect();

    let registry = thread::scope(|scope| {
        let collector = scope.spawn(|| collections.run());
        let end = End(&collections);
        for round in 0..12 {
            for pusher in &mut pushers {
                pusher.connect(&[&registry]);
                pusher.pull_all();
            }
            // Each round ends at another place of the pushes.
            let answers = 100 + 7 * round;
            registry = thread::scope(|scope| {
                let (answered, answer) = mpsc::channel();
                for pusher in &mut pushers {
                    let answered = answered.clone();
                    scope.spawn(|| pusher.push_until_killed(answered));
                }
                drop(answered);
                for _ in 0..answers {
                    answer.recv().unwrap();
                }
                if round % 4 == 1 {
                    collections.kill();
                }
                let place = registry.kill();
                if round % 4 == 3 {
                    collections.kill();
                }
                place.start(&Program::wharf())
            });
        }
        // What was cut off last is pushed again.
        for pusher in &mut pushers {
            pusher.connect(&[&registry]);
            pusher.turn().unwrap();
        }
        drop(end);
        let ended = collector.join().unwrap();
        assert!(ended > 12, "{ended} collections");
        registry
    });

    assert_whole_without_garbage(registry, &pushers);
}

/// Six clients push beside collections for so long, and until there were some of each.
fn push_beside_collections(flags: &[&str], refusals: Refusals, length: Duration) {
    let registry = Registry::start(Config::new());
    let another = Config::new().env(
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
        registry.store(),
    );
    let another = Registry::start(another);
    let collections = AtomicUsize::new(0);
    let mut pushers: Vec<Pusher> = (0..PUSHERS)
        .map(|number| Pusher::new(number, refusals))
        .collect();
    for pusher in &mut pushers {
        pusher.connect(&[&registry, &another]);
    }

    let began = Instant::now();
    thread::scope(|scope| {
        let pushing: Vec<_> = pushers
            .iter_mut()
            .map(|pusher| {
                scope.spawn(|| {
                    let few = || collections.load(Ordering::Relaxed) < COLLECTIONS;
                    // More than asked for, if collections take their time.
                    while began.elapsed() < length
                        || pusher.turn < PUSHES
                        || few() && pusher.turn < 10 * PUSHES
                    {
                        pusher.turn().unwrap();
                    }
                })
            })
            .collect();
        while pushing.iter().any(|pusher| !pusher.is_finished()) {
            let collected = registry.collect(flags);
            let succeeded = collected.succeeded() || collected.stderr.contains(BUSY);
            assert!(succeeded, "{collected}");
            collections.fetch_add(1, Ordering::Relaxed);
        }
    });

    // Each deletion was acknowledged as well.
    let acknowledged: BTreeSet<String> = pushers
        .iter()
        .flat_map(|pusher| pusher.kept.keys().map(|tag| pusher.name(tag)))
        .collect();
    let tagged: BTreeSet<String> = walk(&another).into_keys().collect();
    assert_eq!(tagged, acknowledged);
    another.stop();
    assert_whole_without_garbage(registry, &pushers);
}

/// Holds that what was acknowledged is there, that every tag names an image that is whole, and that a collection without a server leaves
/// exactly those.
fn assert_whole_without_garbage(registry: Registry, pushers: &[Pusher]) {
    let tagged = walk(&registry);
    for pusher in pushers {
        for (tag, image) in &pusher.kept {
            let name = pusher.name(tag);
            assert_eq!(tagged.get(&name), Some(&image.digest()), "{name}");
        }
    }
    let place = registry.stop();
    let collected = place.collect(&Program::wharf(), &["-m", "-q"]);
    assert!(collected.succeeded(), "{collected}");

    assert_eq!(files(&place.stored("_wharf")), Vec::<PathBuf>::new());
    let mut left = files(&place.stored("repositories"));
    left.retain(|file| file.components().any(|part| part.as_os_str() == "_trash"));
    assert_eq!(left, Vec::<PathBuf>::new());
    let blobs: BTreeSet<PathBuf> = files(&place.stored("blobs"))
        .into_iter()
        .filter(|file| file.ends_with("data"))
        .collect();
    let registry = place.start(&Program::wharf());
    assert_eq!(walk(&registry), tagged);
    let mut named = BTreeSet::new();
    for (name, manifest) in &tagged {
        let (repository, _) = name.split_once(':').unwrap();
        named.insert(registry.blob(manifest));
        let mut client = Client::connect(registry.port());
        let parts = pull(&mut client, repository, manifest).unwrap().parts;
        named.extend(parts.iter().map(|part| registry.blob(part)));
    }
    assert_eq!(blobs, named);
}

/// Pulls every image under every tag of every repository; returns their digests by `repository:tag`.
fn walk(registry: &Registry) -> BTreeMap<String, String> {
    let mut client = Client::connect(registry.port());
    let list = |path: &str, name: &str| -> Vec<String> {
        let answer = registry.curl(path).send().expect(200);
        assert_eq!(answer.header("Link"), None);
        serde_json::from_value(answer.json()[name].clone()).unwrap()
    };
    let mut images = BTreeMap::new();
    for repository in list("/v2/_catalog", "repositories") {
        for tag in list(&format!("/v2/{repository}/tags/list"), "tags") {
            let pulled = pull(&mut client, &repository, &tag).unwrap();
            images.insert(format!("{repository}:{tag}"), pulled.digest);
        }
    }
    images
}

/// Pulls an image with all its parts.
fn pull(client: &mut Client, repository: &str, reference: &str) -> io::Result<Pulled> {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let accept = format!("Accept: {MANIFEST}\r\n");
    let reply = client.try_request("GET", &path, &accept, b"")?;
    assert_eq!(reply.status, 200, "GET {path}: {reply:?}");
    let digest = digest::of(&reply.body);
    assert_eq!(reply.header("Docker-Content-Digest"), Some(&*digest));
    let manifest: Value = serde_json::from_slice(&reply.body).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let parts: Vec<String> = [&manifest["config"]]
        .into_iter()
        .chain(layers)
        .map(|part| part["digest"].as_str().unwrap().to_owned())
        .collect();
    for part in &parts {
        let path = format!("/v2/{repository}/blobs/{part}");
        let reply = client.try_request("GET", &path, "", b"")?;
        assert_eq!(reply.status, 200, "{reference}: GET {path}: {reply:?}");
        assert_eq!(digest::of(&reply.body), *part, "{reference}: GET {path}");
    }
    Ok(Pulled { digest, parts })
}

struct Pulled {
    digest: String,
    parts: Vec<String>,
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(folder) = pending.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

/// A client that pushes one image after the other, and deletes some again.
///
/// Two share a repository, and some images, each under a tag of its own. All share some layers, of which some are garbage again and again.
#[derive(Debug)]
struct Pusher {
    number: usize,
    refusals: Refusals,
    /// To each server a connection; they take turns, request by request.
    servers: Vec<Client>,
    answered: Option<Sender<()>>,
    requests: usize,
    /// How many images it has pushed.
    turn: usize,
    /// What was acknowledged and is not deleted, by its tag.
    kept: BTreeMap<String, Image>,
}

/// Whether a manifest may be refused, with what it names gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusals {
    None,
    OfMissingParts,
}

impl Pusher {
    fn new(number: usize, refusals: Refusals) -> Self {
        Self {
            number,
            refusals,
            servers: Vec::new(),
            answered: None,
            requests: 0,
            turn: 0,
            kept: BTreeMap::new(),
        }
    }

    fn connect(&mut self, registries: &[&Registry]) {
        self.servers = registries
            .iter()
            .map(|registry| Client::connect(registry.port()))
            .collect();
    }

    fn repository(&self) -> String {
        format!("team{}/app", self.number % REPOSITORIES)
    }

    /// `repository:tag`.
    fn name(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository())
    }

    fn tag(&self, turn: usize) -> String {
        format!("{}-{turn}", self.number)
    }

    /// Pushes until the connection breaks; tells of each request that was answered.
    fn push_until_killed(&mut self, answered: Sender<()>) {
        self.answered = Some(answered);
        while self.turn().is_ok() {}
        self.answered = None;
    }

    /// Pushes the next image; may pull or delete an earlier one.
    fn turn(&mut self) -> io::Result<()> {
        let turn = self.turn;
        let (tag, image) = (self.tag(turn), self.image(turn));
        self.push(&tag, &image)?;
        self.kept.insert(tag, image);
        self.turn += 1;

        let Some(earlier) = turn.checked_sub(2) else {
            return Ok(());
        };
        let tag = self.tag(earlier);
        match Kind::of(earlier) {
            Kind::Kept => {
                let repository = self.repository();
                let server = turn % self.servers.len();
                let client = &mut self.servers[server];
                let digest = pull(client, &repository, &tag)?.digest;
                assert_eq!(digest, self.kept[&tag].digest(), "{tag}");
                Ok(())
            }
            Kind::Deleted => {
                // From here on nobody knows whether it is there, until there is an answer.
                let digest = self.kept.remove(&tag).unwrap().digest();
                self.delete(&digest)
            }
            Kind::Twin if self.number >= REPOSITORIES => {
                self.kept.remove(&tag);
                self.delete(&tag)
            }
            Kind::Twin => Ok(()),
        }
    }

    fn image(&self, turn: usize) -> Image {
        let Self { number, .. } = self;
        let (shared, own) = match Kind::of(turn) {
            Kind::Kept => (format!("kept {}", turn % 4), format!("{number} {turn}")),
            Kind::Deleted => (format!("passing {}", turn % 2), format!("{number} {turn}")),
            Kind::Twin => (
                format!("both {}", turn % 4),
                format!("{} {turn}", number % REPOSITORIES),
            ),
        };
        let own = own.repeat(1000);
        Image::of("amd64", &[shared.as_bytes(), own.as_bytes()])
    }

    fn push(&mut self, tag: &str, image: &Image) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            for blob in image.blobs() {
                self.push_blob(blob)?;
            }
            let path = format!("/v2/{}/manifests/{tag}", self.repository());
            let media_type = format!("Content-Type: {MANIFEST}\r\n");
            let reply = self.request("PUT", &path, &media_type, &image.manifest)?;
            let body = String::from_utf8_lossy(&reply.body);
            let missing_parts = reply.status == 400 && body.contains("MANIFEST_BLOB_UNKNOWN");
            if self.refusals == Refusals::OfMissingParts && missing_parts {
                continue;
            }
            assert_eq!(reply.status, 201, "PUT {path}: {reply:?}");
            return Ok(());
        }
        panic!("{tag} was refused {ATTEMPTS} times");
    }

    /// As clients do: what is there is not sent, what another repository has may be mounted.
    fn push_blob(&mut self, blob: &[u8]) -> io::Result<()> {
        let (repository, digest) = (self.repository(), digest::of(blob));
        let path = format!("/v2/{repository}/blobs/{digest}");
        let reply = self.request("HEAD", &path, "", b"")?;
        match reply.status {
            200 => return Ok(()),
            404 => {}
            _ => panic!("HEAD {path}: {reply:?}"),
        }
        let mut path = format!("/v2/{repository}/blobs/uploads/");
        if (self.turn + self.number).is_multiple_of(2) {
            let from = (self.number + 1) % REPOSITORIES;
            path += &format!("?mount={digest}&from=team{from}/app");
        }
        let reply = self.request("POST", &path, "", b"")?;
        match reply.status {
            201 if path.contains("mount") => return Ok(()),
            202 => {}
            _ => panic!("POST {path}: {reply:?}"),
        }
        let path = reply.location().with_digest(&digest);
        let octets = "Content-Type: application/octet-stream\r\n";
        let reply = self.request("PUT", &path, octets, blob)?;
        assert_eq!(reply.status, 201, "PUT {path}: {reply:?}");
        Ok(())
    }

    fn delete(&mut self, reference: &str) -> io::Result<()> {
        let path = format!("/v2/{}/manifests/{reference}", self.repository());
        let reply = self.request("DELETE", &path, "", b"")?;
        assert_eq!(reply.status, 202, "DELETE {path}: {reply:?}");
        Ok(())
    }

    /// Pulls everything that was acknowledged.
    fn pull_all(&mut self) {
        let repository = self.repository();
        for (tag, image) in &self.kept {
            let pulled = pull(&mut self.servers[0], &repository, tag).unwrap();
            assert_eq!(pulled.digest, image.digest(), "{repository}:{tag}");
        }
    }

    fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Reply> {
        let turn = self.requests % self.servers.len();
        self.requests += 1;
        let reply = self.servers[turn].try_request(method, path, headers, body)?;
        if let Some(answered) = &self.answered {
            // Nobody counts any more once the round is over.
            let _ = answered.send(());
        }
        Ok(reply)
    }
}

/// What becomes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It stays.
    Kept,
    /// It is deleted by its digest.
    Deleted,
    /// Two push it, and one of them deletes its tag.
    Twin,
}

impl Kind {
    fn of(turn: usize) -> Self {
        match turn % 3 {
            0 => Self::Kept,
            1 => Self::Deleted,
            _ => Self::Twin,
        }
    }
}

/// One collection after the other, in processes that can be killed.
#[derive(Debug)]
struct Collections {
    configuration: PathBuf,
    log: PathBuf,
    running: Mutex<Running>,
    over: AtomicBool,
}

#[derive(Debug)]
struct Running {
    process: Option<Child>,
    killed: bool,
}

impl Collections {
    fn of(place: &Place) -> Self {
        let configuration = place.configuration();
        Self {
            log: configuration.with_file_name("collection.log"),
            configuration,
            running: Mutex::new(Running {
                process: None,
                killed: false,
            }),
            over: AtomicBool::new(false),
        }
    }

    /// Collects until told to end; returns how many collections came to their end.
    fn run(&self) -> usize {
        let mut ended = 0;
        while !self.over.load(Ordering::Relaxed) {
            let process = Command::new(Program::wharf().path())
                .args(["garbage-collect", "-m", "-q"])
                .arg(&self.configuration)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(&self.log).unwrap())
                .spawn()
                .unwrap();
            *self.running() = Running {
                process: Some(process),
                killed: false,
            };
            let (status, killed) = wait::until("the collection to end", PATIENCE, || {
                let mut running = self.running();
                let status = running.process.as_mut().unwrap().try_wait().unwrap()?;
                running.process = None;
                Some((status, running.killed))
            });
            let log = fs::read_to_string(&self.log).unwrap();
            let expected = status.success() || killed || log.contains(BUSY);
            assert!(expected, "a collection ended with {status}:\n{log}");
            ended += usize::from(status.success());
        }
        ended
    }

    /// Kills the one that is running.
    fn kill(&self) {
        let mut running = self.running();
        if let Some(process) = &mut running.process {
            process.kill().unwrap();
            running.killed = true;
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap()
    }
}

/// Ends collections when the test is done with them, or fails.
struct End<'a>(&'a Collections);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What a collection says that finds another one at work; the server looks into the trash once in a while.
const BUSY: &str = "garbage is being collected already";
const PUSHERS: usize = 6;
const REPOSITORIES: usize = 3;
/// How many images each client pushes at least, beside how many collections.
const PUSHES: usize = 25;
const COLLECTIONS: usize = 10;
/// How often a push without a lease is tried again.
const ATTEMPTS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

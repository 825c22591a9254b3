//! The controller as a whole, over real files.

use std::error::Error as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span;

use super::*;

/// A controller over a file in a folder of its own.
struct Fixture {
    folder: TempDir,
    controller: Htpasswd,
}

impl Fixture {
    fn new(content: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("htpasswd");
        std::fs::write(&path, content).unwrap();
        let controller = Htpasswd::open("Registry Realm".to_owned(), path).unwrap();
        Self { folder, controller }
    }

    /// Replaces the file as editors and orchestrators do, so that nobody sees half of it.
    fn replace(&self, content: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("htpasswd")
    }

    async fn log_in(&self, user: &str, password: &str) -> Result<Grant, Refusal> {
        let header = header(user, password);
        self.controller
            .authorize(Some(&header), &[Access::catalog()])
            .await
    }

    fn verifications(&self) -> usize {
        self.controller
            .verified
            .verifications
            .load(Ordering::SeqCst)
    }
}

fn header(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn entry(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
}

fn granted(user: &str) -> Option<Grant> {
    Some(Grant {
        user: Some(user.to_owned()),
    })
}

fn reason(result: Result<Grant, Refusal>) -> ChallengeReason {
    match result {
        Err(Refusal::Challenge { challenge, reason }) => {
            assert_eq!(challenge.to_string(), "Basic realm=\"Registry Realm\"");
            reason
        }
        other => panic!("not a challenge: {other:?}"),
    }
}

fn failed(user: &str) -> ChallengeReason {
    ChallengeReason::AuthenticationFailed {
        user: user.to_owned(),
    }
}

#[tokio::test]
async fn who_is_in_the_file_is_let_in() {
    let fixture = Fixture::new(&format!(
        "# people\n{}\n{}",
        entry("alice", "secret"),
        entry("bob", "p:w")
    ));
    assert_eq!(
        fixture.log_in("alice", "secret").await.ok(),
        granted("alice")
    );
    assert_eq!(fixture.log_in("bob", "p:w").await.ok(), granted("bob"));
    assert_eq!(
        reason(fixture.log_in("alice", "p:w").await),
        failed("alice")
    );
    assert_eq!(reason(fixture.log_in("alice", "").await), failed("alice"));
}

#[tokio::test]
async fn credentials_that_are_missing_or_malformed_are_asked_for() {
    let fixture = Fixture::new(&entry("alice", "secret"));
    let controller = &fixture.controller;
    let missing = controller.authorize(None, &[]).await;
    assert_eq!(reason(missing), ChallengeReason::CredentialsMissing);
    for authorization in ["", "Basic", "Basic !!", "Bearer abc"] {
        let malformed = controller.authorize(Some(authorization), &[]).await;
        assert_eq!(reason(malformed), ChallengeReason::CredentialsInvalid);
    }
}

#[tokio::test]
async fn a_stranger_costs_one_check_like_a_wrong_password() {
    let fixture = Fixture::new(&format!("{}plain:secret\n", entry("alice", "secret")));
    assert_eq!(
        reason(fixture.log_in("alice", "wrong").await),
        failed("alice")
    );
    assert_eq!(fixture.verifications(), 1);
    assert_eq!(
        reason(fixture.log_in("mallory", "wrong").await),
        failed("mallory")
    );
    assert_eq!(fixture.verifications(), 2);
    assert_eq!(
        reason(fixture.log_in("plain", "secret").await),
        failed("plain")
    );
    assert_eq!(fixture.verifications(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_requests_of_one_push_cost_one_check() {
    let fixture = Arc::new(Fixture::new(&entry("alice", "secret")));
    let requests: Vec<_> = (0..100)
        .map(|_| Arc::clone(&fixture))
        .map(|fixture| tokio::spawn(async move { fixture.log_in("alice", "secret").await.is_ok() }))
        .collect();
    for request in requests {
        assert!(request.await.unwrap());
    }
    assert_eq!(fixture.verifications(), 1);
}

#[tokio::test]
async fn a_changed_file_counts_at_once() {
    let fixture = Fixture::new(&entry("alice", "secret"));
    assert!(fixture.log_in("alice", "secret").await.is_ok());
    fixture.replace(&entry("alice", "changed"));
    assert_eq!(
        reason(fixture.log_in("alice", "secret").await),
        failed("alice")
    );
    assert_eq!(
        fixture.log_in("alice", "changed").await.ok(),
        granted("alice")
    );
    std::fs::write(
        fixture.path(),
        format!("# longer than before\n{}", entry("bob", "secret")),
    )
    .unwrap();
    assert_eq!(
        reason(fixture.log_in("alice", "changed").await),
        failed("alice")
    );
    assert_eq!(fixture.log_in("bob", "secret").await.ok(), granted("bob"));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_no_fault_of_the_client() {
    let fixture = Fixture::new(&entry("alice", "secret"));
    fixture.replace(&format!("{}hunter2\n", entry("alice", "secret")));
    let Err(Refusal::Unavailable(error)) = fixture.log_in("alice", "secret").await else {
        panic!("a line without a colon is an error");
    };
    let expected = format!("htpasswd file has no ':' in line 2: {:?}", fixture.path());
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("hunter2"));

    std::fs::remove_file(fixture.path()).unwrap();
    let Err(refusal @ Refusal::Unavailable(Error::Unreadable { .. })) =
        fixture.log_in("alice", "secret").await
    else {
        panic!("a missing file is an error");
    };
    assert!(refusal.source().is_some());

    fixture.replace(&entry("alice", "secret"));
    assert!(fixture.log_in("alice", "secret").await.is_ok());
}

#[test]
fn a_file_that_cannot_be_used_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let open = |path: &Path| Htpasswd::open("R".to_owned(), path.to_owned()).unwrap_err();
    assert!(matches!(open(folder.path()), Error::IsDirectory { .. }));
    let path = folder.path().join("htpasswd");
    std::fs::write(&path, "alice\n").unwrap();
    assert!(matches!(open(&path), Error::Entry { line: 1, .. }));
    assert!(matches!(
        open(&path.join("below")),
        Error::Unreadable { .. } | Error::NotCreated { .. }
    ));
}

#[tokio::test]
async fn a_missing_file_is_created_and_its_password_told_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("auth/htpasswd");
    let log = Log::default();
    let open = || Htpasswd::open("Registry Realm".to_owned(), path.clone()).unwrap();
    let controller = tracing::subscriber::with_default(log.clone(), || {
        drop(open());
        open()
    });
    let [(message, user, password)] = &log.lines()[..] else {
        panic!("one line expected");
    };
    assert_eq!(
        message,
        "htpasswd is missing, provisioning with default user"
    );
    assert_eq!((user.as_str(), password.len()), ("docker", 43));
    let authorization = header(user, password);
    assert!(
        controller
            .authorize(Some(&authorization), &[])
            .await
            .is_ok()
    );

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    let content = std::fs::read_to_string(&path).unwrap();
    assert!(
        content.starts_with("docker:$2b$10$") && content.len() == 67,
        "{content}"
    );
}

#[tokio::test]
async fn entries_that_let_nobody_in_are_warned_of_whenever_the_file_is_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("htpasswd");
    let log = Log::default();
    let warned = || {
        log.0
            .lock()
            .unwrap()
            .drain(..)
            .map(|[message, ..]| message)
            .next()
    };
    let _guard = tracing::subscriber::set_default(log.clone());
    // The log takes the quotes off the ends.
    let shown = path.display();
    let bob = entry("bob", "secret");
    let md5 = "alice:$apr1$x$y\n";
    let several = format!("{md5}carol:{{SHA}}x\n{bob}");

    std::fs::write(&path, md5).unwrap();
    let controller = Htpasswd::open("R".to_owned(), path.clone()).unwrap();
    let log_in = || async {
        let authorization = header("bob", "secret");
        controller
            .authorize(Some(&authorization), &[])
            .await
            .is_ok()
    };
    let all = format!(
        "1 of the 1 entries of the htpasswd file are of no use, as only bcrypt is understood, so nobody can \
         log in; make them anew with htpasswd -B: \"{shown}"
    );
    assert_eq!(warned(), Some(all));

    std::fs::write(&path, &several).unwrap();
    assert!(log_in().await);
    let some = format!(
        "2 of the 3 entries of the htpasswd file are of no use, as only bcrypt is understood; make them \
         anew with htpasswd -B: \"{shown}"
    );
    assert_eq!(warned(), Some(some));
    assert!(log_in().await);
    assert_eq!(warned(), None);

    std::fs::write(&path, "# nobody yet\n").unwrap();
    assert!(!log_in().await);
    let empty = format!(
        "the htpasswd file has no entries, so nobody can log in; add users with htpasswd -B: \"{shown}"
    );
    assert_eq!(warned(), Some(empty));
    std::fs::write(&path, bob).unwrap();
    assert!(log_in().await);
    assert_eq!(warned(), None);
}

#[tokio::test]
async fn no_secret_is_shown() {
    let fixture = Fixture::new(&entry("alice", "secret"));
    fixture.log_in("alice", "secret").await.unwrap();
    let refusal = fixture.log_in("alice", "wrong-secret").await.unwrap_err();
    let shown = format!("{:?} {refusal:?} {refusal}", fixture.controller);
    assert!(
        !shown.contains("secret") && !shown.contains("$2"),
        "{shown}"
    );
}

/// A log that keeps what is told of the user and the password.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<[String; 3]>>>);

impl Log {
    fn lines(&self) -> Vec<(String, String, String)> {
        let lines = self.0.lock().unwrap();
        lines
            .iter()
            .cloned()
            .map(|[message, user, password]| (message, user, password))
            .collect()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line([String; 3]);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let names = ["message", "user", "password"];
        let index = names.iter().position(|name| *name == field.name()).unwrap();
        self.0[index] = format!("{value:?}").trim_matches('"').to_owned();
    }
}

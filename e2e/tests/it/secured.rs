//! The private registry of the notes: TLS with a self-signed certificate, passwords from htpasswd, and everything by environment variables.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use wharf_e2e::certificate::Certificate;
use wharf_e2e::config::Config;
use wharf_e2e::curl::Curl;
use wharf_e2e::layout::{LIST, SCHEMA_2};
use wharf_e2e::needs::{self, Missing};
use wharf_e2e::registry::{Registry, entries};
use wharf_e2e::run::Run;
use wharf_e2e::{digest, need};

use crate::user::{REPOSITORY, TAG, User};

const USER: &str = "alice";
const PASSWORD: &str = "open-sesame-7";

#[test]
fn docker_logs_in_with_the_right_password_only() {
    let private = need!(Private::new());
    let user = need!(User::new());
    let host = format!("https://localhost:{}", private.registry.port());
    let login = |password: &str| {
        user.docker
            .run(["login", "--username", USER, "--password-stdin", &host])
            .input(password)
    };

    let refused = login("wrong").fails();
    assert!(
        refused.everything().contains("401 Unauthorized"),
        "{refused}"
    );
    assert!(login(PASSWORD).ok().contains("Login Succeeded"));
}

#[test]
fn docker_pushes_and_pulls_after_login_and_not_before() {
    let private = need!(Private::new());
    let user = need!(User::new());
    let name = private.registry.image(&format!("{REPOSITORY}:{TAG}"));
    let greeting = wharf_e2e::image::build(&user.docker, &user.busybox, &name);
    let refused = user.docker.run(["push", &name]).fails();
    assert!(
        refused.stderr.contains("no basic auth credentials"),
        "{refused}"
    );

    private.login(&user);
    user.docker.run(["push", &name]).ok();
    user.forget(&[&name]);
    user.docker.run(["pull", &name]).ok();

    assert_eq!(user.run(&name), greeting);
    let host = private.registry.host();
    user.docker.run(["logout", &host]).ok();
    user.forget(&[&name]);
    user.docker.run(["pull", &name]).fails();
}

#[test]
fn a_request_without_credentials_is_challenged() {
    let private = need!(Private::new());
    for curl in [
        private.curl("/v2/"),
        private.curl("/v2/_catalog"),
        private.curl("/v2/greet/tags/list"),
        private.curl("/v2/").user(USER, "wrong"),
        private.curl("/v2/").user("nobody", PASSWORD),
    ] {
        let answer = curl.args(&["--http1.1"]).send().expect(401);
        assert_eq!(answer.version, "HTTP/1.1");
        for (name, value) in [
            ("Www-Authenticate", "Basic realm=\"Registry Realm\""),
            ("Docker-Distribution-Api-Version", "registry/2.0"),
        ] {
            let expected = (name.to_owned(), value.to_owned());
            assert!(answer.headers.contains(&expected), "{answer:?}");
        }
        assert_eq!(answer.code(), "UNAUTHORIZED");
    }
}

#[test]
fn curl_lists_with_the_certificate_and_without_looking_at_it() {
    let private = need!(Private::new());
    let user = need!(User::new());
    private.login(&user);
    user.push(&private.registry);
    let url = private.registry.url("/v2/_catalog");
    for curl in [
        private.curl("/v2/_catalog"),
        Curl::new(&url).insecure().method("GET"),
        // By name instead of by address, as certificates are made for names.
        private.curl_localhost("/v2/_catalog"),
    ] {
        let answer = curl.user(USER, PASSWORD).send().expect(200);
        assert_eq!(answer.text(), "{\"repositories\":[\"greet\"]}\n");
    }
    let untrusted = Run::new("curl").args(["--silent", "--noproxy", "*", &url]);
    assert_eq!(untrusted.fails().code(), Some(60));
}

#[test]
fn header_names_are_in_title_case_on_http_1_and_lower_case_on_http_2() {
    let private = need!(Private::new());
    let user = need!(User::new());
    private.login(&user);
    let pushed = user.push(&private.registry);
    let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
    for (flag, version, name) in [
        ("--http1.1", "HTTP/1.1", "Docker-Content-Digest"),
        ("--http2", "HTTP/2", "docker-content-digest"),
    ] {
        let answer = private.curl(&path).user(USER, PASSWORD).args(&[flag]);
        let answer = answer.accept(&[SCHEMA_2, LIST]).send().expect(200);
        assert_eq!(answer.version, version);
        assert_eq!(digest::of(&answer.body), pushed.digest);
        let expected = (name.to_owned(), pushed.digest.clone());
        assert!(answer.headers.contains(&expected), "{answer:?}");
    }

    let url = private.registry.url(&path);
    let ask = format!("curl -skIX GET -u {USER}:{PASSWORD} -H 'Accept: {SCHEMA_2}' {url}");
    for line in [
        format!("{ask} --http1.1 | awk '/^Docker-Content-Digest/ {{print $2}}'"),
        format!("{ask} --http2 | awk '/^docker-content-digest/ {{print $2}}'"),
        // What curl does when nobody tells it which version to speak.
        format!("{ask} | sed -e '/docker-content-digest/!d; s/docker-content-digest: //; s/\\r//'"),
    ] {
        assert_eq!(Run::shell(&line).ok().trim(), pushed.digest, "{line}");
    }
}

#[test]
fn a_digest_and_a_tag_are_deleted_as_the_notes_do_it() {
    let private = need!(Private::new());
    let user = need!(User::new());
    private.login(&user);
    let pushed = user.push(&private.registry);
    user.push_again(&private.registry, &pushed, "1.0");
    let delete = |reference: &str| {
        private
            .curl(&format!("/v2/{REPOSITORY}/manifests/{reference}"))
            .user(USER, PASSWORD)
            .accept(&[SCHEMA_2, LIST])
            .args(&["-X", "DELETE", "--head"])
            .send()
    };
    let tags = || private.curl("/v2/greet/tags/list").user(USER, PASSWORD);

    let _ = delete("1.0").expect(202);
    assert_eq!(tags().send().json()["tags"], json!([TAG]));
    let _ = delete(&pushed.digest).expect(202);
    let _ = delete(&pushed.digest).expect(404);
    assert_eq!(tags().send().expect(404).code(), "NAME_UNKNOWN");
}

#[test]
fn a_repository_removed_from_the_store_is_gone_at_once() {
    let private = need!(Private::new());
    let user = need!(User::new());
    private.login(&user);
    user.push(&private.registry);
    let registry = &private.registry;
    let catalog = || private.curl("/v2/_catalog").user(USER, PASSWORD).send();
    assert_eq!(catalog().text(), "{\"repositories\":[\"greet\"]}\n");

    let repositories = registry.stored("repositories");
    let found = Run::shell(&format!("find {}/ -maxdepth 2", repositories.display())).ok();
    assert_eq!(found.lines().count(), 5, "{found}");
    assert_eq!(
        entries(&repositories.join(REPOSITORY)),
        ["_layers", "_manifests", "_uploads"]
    );
    fs::remove_dir_all(repositories.join(REPOSITORY)).unwrap();

    assert_eq!(catalog().text(), "{\"repositories\":[]}\n");
    let tags = private.curl("/v2/greet/tags/list").user(USER, PASSWORD);
    assert_eq!(tags.send().expect(404).code(), "NAME_UNKNOWN");
    // And the user who noticed too late can push it again.
    user.push(&private.registry);
    assert_eq!(catalog().text(), "{\"repositories\":[\"greet\"]}\n");
}

#[test]
fn a_user_added_to_the_password_file_gets_in_at_once() {
    let private = need!(Private::new());
    let ask = || private.curl("/v2/").user("bob", "another-secret").send();
    let _ = ask().expect(401);

    let line = Run::new("htpasswd").args(["-Bbn", "bob", "another-secret"]);
    let users = fs::read_to_string(private.users()).unwrap();
    fs::write(private.users(), format!("{users}{}", line.ok())).unwrap();

    let _ = ask().expect(200);
    let alice = private.curl("/v2/").user(USER, PASSWORD).send();
    let _ = alice.expect(200);
}

#[test]
fn plain_http_at_the_tls_port_is_turned_away() {
    let private = need!(Private::new());
    let host = private.registry.host();
    let answer = Run::new("curl")
        .args(["--silent", "--max-time", "20", "--noproxy", "*"])
        .args(["--write-out", "%{http_code}", "--output", "/dev/null"])
        .arg(format!("http://{host}/v2/"))
        .output();
    // An answer in plain text or a closed connection; not silence.
    assert_ne!(answer.code(), Some(28), "{answer}");
    assert!(["400", "000"].contains(&&*answer.text()), "{answer}");
    let after = private.curl("/v2/").user(USER, PASSWORD).send();
    let _ = after.expect(200);
}

/// A registry as the notes set it up.
#[derive(Debug)]
struct Private {
    registry: Registry,
    certificate: Certificate,
    folder: TempDir,
}

impl Private {
    fn new() -> Result<Self, Missing> {
        let certificate = Certificate::new()?;
        let htpasswd = needs::program("htpasswd")?;
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("registry.password");
        Run::new(htpasswd)
            .args(["-B", "-i", "-c"])
            .arg(&users)
            .arg(USER)
            .input(PASSWORD)
            .ok();
        let config = Config::shipped()
            .env("REGISTRY_HTTP_TLS_CERTIFICATE", certificate.file())
            .env("REGISTRY_HTTP_TLS_KEY", certificate.key())
            .env("REGISTRY_AUTH", "htpasswd")
            .env("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm")
            .env("REGISTRY_AUTH_HTPASSWD_PATH", &users);
        Ok(Self {
            registry: Registry::start(config),
            certificate,
            folder,
        })
    }

    fn login(&self, user: &User) {
        let host = self.registry.host();
        user.docker
            .run(["login", "--username", USER, "--password-stdin", &host])
            .input(PASSWORD)
            .ok();
    }

    fn users(&self) -> PathBuf {
        self.folder.path().join("registry.password")
    }

    /// A curl that trusts the certificate and says no name.
    fn curl(&self, path: &str) -> Curl {
        self.trusting(&self.registry.url(path))
    }

    fn curl_localhost(&self, path: &str) -> Curl {
        let port = self.registry.port();
        self.trusting(&format!("https://localhost:{port}{path}"))
    }

    fn trusting(&self, url: &str) -> Curl {
        let certificate = self.certificate.file().display().to_string();
        Curl::new(url).args(&["--cacert", &certificate])
    }
}

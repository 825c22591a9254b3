//! `Authorization` headers of HTTP Basic authentication, looked at through the controller: a
//! refusal names the user that was read.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::{Builder, Runtime};
use wharf_auth::{AccessController as _, ChallengeReason, Htpasswd, Refusal};

use crate::input;

/// A header's value; and the same bytes as user name in the first line and password behind it.
pub fn basic(data: &[u8]) {
    if let Some(header) = input::text(data) {
        let (scheme, encoded) = header.trim_ascii().split_once(' ').unwrap_or_default();
        let user = read(header);
        assert!(
            user.is_none() || scheme.eq_ignore_ascii_case("basic"),
            "{header:?}"
        );
        if let Ok(decoded) = STANDARD.decode(encoded.trim_ascii_start()) {
            let basic = scheme.eq_ignore_ascii_case("basic");
            assert_eq!(user, named(&decoded).filter(|_| basic), "{header:?}");
        }
    }

    let line = data.iter().position(|byte| *byte == b'\n');
    let mut credentials = data.to_owned();
    if let Some(line) = line {
        credentials[line] = b':';
    }
    let encoded = STANDARD.encode(&credentials);
    let user = named(&credentials);
    for header in [
        format!("Basic {encoded}"),
        format!(" bASIC  {} ", encoded.trim_end_matches('=')),
    ] {
        assert_eq!(read(&header), user, "{header:?}");
    }
}

/// The user in front of the first colon.
fn named(credentials: &[u8]) -> Option<String> {
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    String::from_utf8(credentials[..colon].to_owned()).ok()
}

/// The user that the controller found in a header. The only one it knows is `alice`.
fn read(header: &str) -> Option<String> {
    let (runtime, controller) = &*CONTROLLER;
    let outcome = runtime.block_on(controller.authorize(Some(header), &[]));
    match outcome {
        Ok(grant) => {
            assert_eq!(grant.user.as_deref(), Some("alice"), "{header:?}");
            grant.user
        }
        Err(Refusal::Challenge { challenge, reason }) => {
            assert_eq!(challenge.to_string(), "Basic realm=\"fuzz\"");
            match reason {
                ChallengeReason::AuthenticationFailed { user } => Some(user),
                ChallengeReason::CredentialsInvalid => None,
                ChallengeReason::CredentialsMissing => panic!("{header:?} is a header"),
            }
        }
        Err(Refusal::Unavailable(error)) => panic!("the controller is in trouble: {error}"),
    }
}

/// A hash of the lowest cost, since every header that can be read costs one.
static CONTROLLER: LazyLock<(Runtime, Htpasswd)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build();
    let controller = Htpasswd::open("fuzz".to_owned(), PASSWORDS.into());
    (
        runtime.expect("a runtime without drivers needs nothing"),
        controller.expect("the password file is beside the seeds"),
    )
});

const PASSWORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/htpasswd");

//! The `_state` of uploads: what was signed is read, and nothing else is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use wharf_api::fuzzing::{self, StateError};
use wharf_oci::RepositoryName;
use wharf_registry::{UploadId, UploadStatus};

use crate::input;

/// A repository, an upload, its offset and its beginning in one line each; behind them what an
/// attacker sends, as a token and as what another registry with the same secret signed.
pub fn state(data: &[u8]) {
    let Some(text) = input::text(data) else {
        return;
    };
    let (name, rest) = input::first_line(text);
    let (id, rest) = input::first_line(rest);
    let (offset, rest) = input::first_line(rest);
    let (started_at, sent) = input::first_line(rest);
    let (Ok(name), Ok(id)) = (name.parse::<RepositoryName>(), id.parse::<UploadId>()) else {
        return;
    };
    let status = UploadStatus {
        id: id.clone(),
        offset: offset.parse().unwrap_or_default(),
        started_at: started_at.to_owned(),
    };
    let token = fuzzing::sign(SECRET, &name, &status);
    let check = |token: &str| fuzzing::check(SECRET, token, &name, &id);
    assert_eq!(check(&token), Ok(Some(status.offset)));
    assert_eq!(
        fuzzing::check("another secret", &token, &name, &id),
        Err(StateError::Unsigned)
    );
    let (other_name, other_id) = (format!("{name}x").parse(), format!("{id}x").parse());
    let refused = |name, id| fuzzing::check(SECRET, &token, name, id);
    if let Ok(other) = &other_name {
        assert_eq!(refused(other, &id), Err(StateError::OtherUpload));
    }
    if let Ok(other) = &other_id {
        assert_eq!(refused(&name, other), Err(StateError::OtherUpload));
    }
    forged(&token, sent, check);
    signed_elsewhere(sent, &name, &id, check);
}

/// What passes was signed: not just any text, nor this token with one character changed.
fn forged(token: &str, sent: &str, check: impl Fn(&str) -> Result<Option<u64>, StateError>) {
    if check(sent) != Err(StateError::Unsigned) {
        let signed = URL_SAFE.decode(sent).expect("a signed token is encoded");
        assert_eq!(sent, sign(&signed[32..]));
    }
    let at = sent.len() % token.len();
    for other in "AQgw9_-=+/"
        .chars()
        .filter(|c| !token[at..].starts_with(*c))
    {
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(check(&changed), Err(StateError::Unsigned), "{changed}");
    }
}

/// Whatever a signature stands over, it counts only where it is about this upload.
fn signed_elsewhere(
    json: &str,
    name: &RepositoryName,
    id: &UploadId,
    check: impl Fn(&str) -> Result<Option<u64>, StateError>,
) {
    let Ok(Some(offset)) = check(&sign(json.as_bytes())) else {
        return;
    };
    let json: Value = serde_json::from_str(json).expect("a state that is read is JSON");
    let found = [&json["Name"], &json["UUID"], &json["Offset"]];
    let expected = [
        Value::from(name.as_str()),
        Value::from(id.as_str()),
        Value::from(offset),
    ];
    assert_eq!(found, expected.each_ref());
}

/// The form of a token: the signature, then what was signed (reference, section 4.8).
fn sign(json: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    let mut signed = mac.chain_update(json).finalize().into_bytes().to_vec();
    signed.extend(json);
    URL_SAFE.encode(signed)
}

/// What this registry, and others beside it, sign with.
const SECRET: &str = "secret";

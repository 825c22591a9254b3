//! The `_state` of an upload's URL: signed, so that a request made for an older state of the
//! upload is told from one that continues it.
//!
//! The form is Distribution's (reference, section 4.8), so that an upload begun by one registry
//! can be continued through the other when both have the same `http.secret`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use wharf_oci::RepositoryName;
use wharf_registry::{UploadId, UploadStatus};

/// Signs and checks states.
#[derive(Clone)]
pub(crate) struct UploadStates {
    key: Hmac<Sha256>,
    /// Whether the key is of this process alone. Tokens of an earlier process cannot be checked
    /// then, and an upload shall go on after a restart.
    ephemeral: bool,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    name: String,
    #[serde(rename = "UUID")]
    id: String,
    offset: u64,
    started_at: String,
}

/// A token that does not belong to the upload it was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The signature is not that of `http.secret`, or it is no token at all.
    #[error("invalid secret")]
    Unsigned,
    /// It was made for another upload.
    #[error("the state belongs to another upload")]
    OtherUpload,
}

impl UploadStates {
    /// States signed with a secret, or with a random one.
    pub(crate) fn new(secret: Option<&str>) -> Self {
        let random = || {
            let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
            halves.map(uuid::Uuid::into_bytes).concat()
        };
        let key = secret.map_or_else(random, |secret| secret.as_bytes().to_vec());
        Self {
            // An HMAC takes keys of every length.
            key: Hmac::new_from_slice(&key).unwrap_or_else(|_| unreachable!("any key will do")),
            ephemeral: secret.is_none(),
        }
    }

    /// The token for an upload as it is now.
    pub(crate) fn sign(&self, name: &RepositoryName, status: &UploadStatus) -> String {
        let state = State {
            name: name.to_string(),
            id: status.id.to_string(),
            offset: status.offset,
            started_at: status.started_at.clone(),
        };
        // A struct of texts and a number always has a JSON form.
        let json = serde_json::to_vec(&state).unwrap_or_default();
        let mut signed = self
            .key
            .clone()
            .chain_update(&json)
            .finalize()
            .into_bytes()
            .to_vec();
        signed.extend(json);
        URL_SAFE.encode(signed)
    }

    /// The offset that a token was made for; `None` when there is nothing to hold it against.
    ///
    /// # Errors
    /// When the token is another's, or forged.
    pub(crate) fn check(
        &self,
        token: Option<&str>,
        name: &RepositoryName,
        id: &UploadId,
    ) -> Result<Option<u64>, StateError> {
        let Some(token) = token else {
            return Ok(None);
        };
        let Some(state) = self.verify(token) else {
            return if self.ephemeral {
                Ok(None)
            } else {
                Err(StateError::Unsigned)
            };
        };
        if state.name != name.as_str() || state.id != id.as_str() {
            return Err(StateError::OtherUpload);
        }
        Ok(Some(state.offset))
    }

    fn verify(&self, token: &str) -> Option<State> {
        let signed = URL_SAFE.decode(token).ok()?;
        let (signature, json) = signed.split_at_checked(32)?;
        let mac = self.key.clone().chain_update(json);
        mac.verify_slice(signature).ok()?;
        serde_json::from_slice(json).ok()
    }
}

impl std::fmt::Debug for UploadStates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("UploadStates")
            .field("ephemeral", &self.ephemeral)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(offset: u64) -> UploadStatus {
        UploadStatus {
            id: "0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e".parse().unwrap(),
            offset,
            started_at: "2026-11-20T23:04:24Z".to_owned(),
        }
    }

    #[test]
    fn a_token_tells_its_offset_to_whoever_has_the_secret() {
        let (name, status) = ("a/b".parse().unwrap(), status(42));
        let token = UploadStates::new(Some("secret")).sign(&name, &status);
        let other_process = UploadStates::new(Some("secret"));
        assert_eq!(
            other_process.check(Some(&token), &name, &status.id),
            Ok(Some(42))
        );
        assert_eq!(other_process.check(None, &name, &status.id), Ok(None));
    }

    #[test]
    fn a_token_of_another_upload_or_secret_is_refused() {
        let (name, status) = ("a/b".parse().unwrap(), status(0));
        let states = UploadStates::new(Some("secret"));
        let token = states.sign(&name, &status);
        let other = "c".parse().unwrap();
        let refused = states.check(Some(&token), &other, &status.id);
        assert_eq!(refused, Err(StateError::OtherUpload));
        let strict = UploadStates::new(Some("another secret"));
        for forged in [token.as_str(), "", "AAAA", "%%%"] {
            let refused = strict.check(Some(forged), &name, &status.id);
            assert_eq!(refused, Err(StateError::Unsigned), "{forged:?}");
        }
    }

    #[test]
    fn without_a_configured_secret_an_upload_survives_a_restart() {
        let (name, status) = ("a/b".parse().unwrap(), status(7));
        let token = UploadStates::new(None).sign(&name, &status);
        let restarted = UploadStates::new(None);
        assert_eq!(restarted.check(Some(&token), &name, &status.id), Ok(None));
    }

    #[test]
    fn the_form_is_distributions() {
        let token = UploadStates::new(Some("s")).sign(&"n/a".parse().unwrap(), &status(5));
        let signed = URL_SAFE.decode(token).unwrap();
        let json = std::str::from_utf8(&signed[32..]).unwrap();
        let expected = r#"{"Name":"n/a","UUID":"0b37acc6-6fd7-4b84-a6d2-5a5f0f1c3a0e","Offset":5,"StartedAt":"2026-11-20T23:04:24Z"}"#;
        assert_eq!(json, expected);
    }
}

//! The seam: a request's credentials and wishes in, a grant or a refusal out.

use std::fmt::Debug;

use async_trait::async_trait;
use wharf_oci::{Access, Challenge};

use crate::error::Error;

/// Decides whether a request may do what it wants to do.
#[async_trait]
pub trait AccessController: Debug + Send + Sync + 'static {
    /// Checks the value of the `Authorization` header against the access that the request needs.
    ///
    /// An empty list asks for valid credentials and nothing more.
    async fn authorize(
        &self,
        authorization: Option<&str>,
        access: &[Access],
    ) -> Result<Grant, Refusal>;
}

/// What was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Who was recognised, where the controller knows people.
    pub user: Option<String>,
}

/// Why nothing was allowed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The client may try again with other credentials.
    #[error("{reason}")]
    Challenge {
        /// What the client has to bring.
        challenge: Challenge,
        /// Why what it brought is not enough.
        reason: ChallengeReason,
    },
    /// Nobody can be let in, because the controller itself is in trouble.
    #[error("access controller is unavailable")]
    Unavailable(#[from] Error),
}

/// Why credentials are not enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeReason {
    /// The request has none.
    #[error("no authorization credential")]
    CredentialsMissing,
    /// They are of another scheme, or malformed.
    #[error("invalid authorization credential")]
    CredentialsInvalid,
    /// The user is not known, or the password is wrong; which of the two is not told.
    #[error("authentication failure for user {user:?}")]
    AuthenticationFailed {
        /// Who the request claims to come from.
        user: String,
    },
}

/// The controller of a registry without authentication: everybody may do everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

#[async_trait]
impl AccessController for Anonymous {
    async fn authorize(
        &self,
        _authorization: Option<&str>,
        _access: &[Access],
    ) -> Result<Grant, Refusal> {
        Ok(Grant::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_may_do_everything_without_authentication() {
        for authorization in [None, Some("Basic eDp5"), Some("nonsense")] {
            let grant = Anonymous
                .authorize(authorization, &[Access::catalog()])
                .await
                .unwrap();
            assert_eq!(grant, Grant { user: None });
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let challenge = Challenge::Basic {
            realm: "R".to_owned(),
        };
        let reason = ChallengeReason::AuthenticationFailed {
            user: "a\nb".to_owned(),
        };
        let refusal = Refusal::Challenge { challenge, reason };
        assert_eq!(
            refusal.to_string(),
            "authentication failure for user \"a\\nb\""
        );
    }
}

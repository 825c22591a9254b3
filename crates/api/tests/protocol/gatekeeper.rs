//! Access controllers for tests: one with a list of who may do what, one that is out of order.

use async_trait::async_trait;
use wharf_auth::{AccessController, ChallengeReason, Error, Grant, Refusal};
use wharf_oci::{Access, Challenge};

/// Lets in whoever brings a known `Authorization`, and lets them do what is listed for it.
#[derive(Debug)]
pub(crate) struct Gatekeeper(pub(crate) &'static [(&'static str, &'static [&'static str])]);

#[async_trait]
impl AccessController for Gatekeeper {
    async fn authorize(
        &self,
        authorization: Option<&str>,
        access: &[Access],
    ) -> Result<Grant, Refusal> {
        let refuse = |reason| Refusal::Challenge {
            challenge: Challenge::Basic {
                realm: "Registry \"Realm\"".to_owned(),
            },
            reason,
        };
        let given = authorization.ok_or_else(|| refuse(ChallengeReason::CredentialsMissing))?;
        let known = self.0.iter().find(|(credentials, _)| *credentials == given);
        let (user, scopes) = known.ok_or_else(|| refuse(ChallengeReason::CredentialsInvalid))?;
        let allowed = |access: &Access| scopes.contains(&access.to_string().as_str());
        if access.iter().all(allowed) {
            let user = Some((*user).to_owned());
            Ok(Grant { user })
        } else {
            Err(refuse(ChallengeReason::CredentialsInvalid))
        }
    }
}

/// Cannot tell anything about anybody.
#[derive(Debug)]
pub(crate) struct OutOfOrder;

#[async_trait]
impl AccessController for OutOfOrder {
    async fn authorize(&self, _: Option<&str>, _: &[Access]) -> Result<Grant, Refusal> {
        Err(Refusal::Unavailable(Error::Interrupted))
    }
}

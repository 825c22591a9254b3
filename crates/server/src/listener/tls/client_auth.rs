//! What is asked of clients: nothing, any certificate, or one that an authority vouches for.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::TlsError;

/// How client certificates are treated (`http.tls.clientauth`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// Asked for, not needed, not verified.
    Request,
    /// Needed, not verified.
    RequireAny,
    /// Not needed, verified when there is one.
    VerifyIfGiven,
    /// Needed and verified.
    #[default]
    RequireAndVerify,
}

/// Makes the judge of client certificates.
pub(super) fn verifier(
    client_auth: ClientAuth,
    authorities: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let builder = match client_auth {
        ClientAuth::Request | ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
        ClientAuth::RequireAny | ClientAuth::RequireAndVerify => builder,
    };
    let verifier = builder
        .build()
        .map_err(|error| TlsError::Setup(Error::General(error.to_string())))?;
    Ok(match client_auth {
        ClientAuth::Request | ClientAuth::RequireAny => Arc::new(AnyAuthority { verifier }),
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => verifier,
    })
}

/// Takes a certificate of any authority, if only the client has the key of it.
#[derive(Debug)]
struct AnyAuthority {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for AnyAuthority {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // With hints, clients would keep back what the hints do not name.
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

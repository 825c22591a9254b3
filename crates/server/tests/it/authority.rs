//! A certificate authority of the tests, and the one certificate that it signed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// The authority, with a certificate for this machine.
#[derive(Debug)]
pub(crate) struct Authority {
    own: Certificate,
    signed: Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own_key = KeyPair::generate().unwrap();
        let own = params.self_signed(&own_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &Issuer::new(params, own_key))
            .unwrap();
        Self { own, signed, key }
    }

    /// Writes the certificate and its key for a server.
    pub(crate) fn write(&self, certificate: &Path, key: &Path) {
        fs::write(certificate, self.signed.pem()).unwrap();
        fs::write(key, self.key.serialize_pem()).unwrap();
    }

    /// A client that trusts this authority and offers these protocols.
    pub(crate) fn trusting(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Arc::new(config)
    }
}

//! Encryption: what the configuration says about TLS, made into an acceptor.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem, pem::PemObject},
    server::danger::ClientCertVerifier,
};
use tokio_rustls::TlsAcceptor;

use self::{certificate::CertificateFiles, client_auth::ClientAuth};

mod certificate;
pub(crate) mod client_auth;

/// The section `http.tls` of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct TlsOptions {
    /// The file with the certificate and those that vouch for it.
    pub(crate) certificate: PathBuf,
    /// The file with the private key of the certificate.
    pub(crate) key: PathBuf,
    /// Files with the authorities of client certificates; empty: clients need none.
    pub(crate) client_cas: Vec<PathBuf>,
    /// What is asked of clients when there are authorities.
    pub(crate) client_auth: ClientAuth,
    /// The oldest version to speak.
    pub(crate) minimum: TlsVersion,
    /// The cipher suites of TLS 1.2 to offer, by their names in Go; empty: all that are safe. Those
    /// of TLS 1.3 are always offered, as in Go: there is nothing to choose among them.
    pub(crate) cipher_suites: Vec<&'static str>,
    /// Whether to offer HTTP/2.
    pub(crate) http2: bool,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Encryption, ready to use. A changed certificate is picked up while serving.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the files and checks that they fit.
    pub(crate) fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let TlsOptions {
            certificate,
            key,
            client_cas,
            client_auth,
            minimum,
            cipher_suites,
            http2,
        } = options;
        let mut provider = aws_lc_rs::default_provider();
        if !cipher_suites.is_empty() {
            provider.cipher_suites.retain(|suite| {
                let name = suite.suite().as_str();
                suite.tls13().is_some() || name.is_some_and(|name| cipher_suites.contains(&name))
            });
        }
        let provider = Arc::new(provider);
        let certificate = CertificateFiles::load(certificate, key, Arc::clone(&provider))?;

        let versions: &[_] = match minimum {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(TlsError::Setup)?;
        let builder = match client_verifier(client_auth, &client_cas, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificate));
        // Clients come back without a full handshake, and it costs no memory here.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?;
        if http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// Does handshakes.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why there is no encryption; one line that names the file or the setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read \"{}\": {cause}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not PEM.
    #[error("cannot parse \"{}\" as PEM: {cause}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        cause: pem::Error,
    },
    /// A file holds no certificate.
    #[error("no certificate in \"{}\"", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no private key, or only an encrypted one.
    #[error("no unencrypted private key in \"{}\"", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// What looks like a certificate is none, or not one of an authority.
    #[error("unusable certificate in \"{}\": {cause}", .path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rustls::Error,
    },
    /// What looks like a private key is none, or of an unknown kind.
    #[error("unusable private key in \"{}\": {cause}", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rustls::Error,
    },
    /// Certificate and key are not a pair.
    #[error(
        "the private key in \"{}\" does not belong to the certificate in \"{}\"",
        .key.display(),
        .certificate.display()
    )]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The library refuses the combination.
    #[error("cannot set up TLS: {0}")]
    Setup(rustls::Error),
}

/// Makes the judge of client certificates, if clients are asked for any.
fn client_verifier(
    client_auth: ClientAuth,
    files: &[PathBuf],
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut authorities = RootCertStore::empty();
    for path in files {
        for certificate in certificates(path)? {
            authorities
                .add(certificate)
                .map_err(|cause| TlsError::BadCertificate {
                    path: path.clone(),
                    cause,
                })?;
        }
    }
    client_auth::verifier(client_auth, authorities, provider).map(Some)
}

/// Reads all certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|cause| TlsError::Pem {
            path: path.to_path_buf(),
            cause,
        })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate {
            path: path.to_path_buf(),
        });
    }
    Ok(certificates)
}

/// Reads a file whole.
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Read {
        path: path.to_path_buf(),
        cause,
    })
}

//! The server's certificate, read again when its files change.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    CertificateError, Error, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{TlsError, certificates, read};

/// A certificate and its key in files.
#[derive(Debug)]
pub(super) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    loaded: Mutex<Loaded>,
}

/// What was last read.
#[derive(Debug)]
struct Loaded {
    certified: Arc<CertifiedKey>,
    stamps: [Stamp; 2],
    looked: Instant,
}

/// What tells two versions of a file apart, symbolic links followed: secrets of Docker and
/// Kubernetes change by swapping one.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl CertificateFiles {
    /// Reads both files and checks that they are a pair. An expired certificate is as good as any.
    pub(super) fn load(
        certificate: PathBuf,
        key: PathBuf,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let stamps = [stamp(&certificate), stamp(&key)];
        let certified = load(&certificate, &key, &provider)?;
        Ok(Self {
            certificate,
            key,
            provider,
            loaded: Mutex::new(Loaded {
                certified: Arc::new(certified),
                stamps,
                looked: Instant::now(),
            }),
        })
    }

    /// Hands out the certificate; looks whether there is a new one when the last look was `age`
    /// ago.
    ///
    /// New files that are of no use leave the old certificate where it is. The two files rarely
    /// change in the same moment, so that is the usual course: it is logged once for each change,
    /// and mended by the next.
    fn current(&self, age: Duration) -> Arc<CertifiedKey> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.looked.elapsed() < age {
            return Arc::clone(&loaded.certified);
        }
        loaded.looked = Instant::now();
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        if stamps != loaded.stamps {
            loaded.stamps = stamps;
            match load(&self.certificate, &self.key, &self.provider) {
                Ok(certified) => {
                    loaded.certified = Arc::new(certified);
                    let certificate = self.certificate.display();
                    tracing::info!(%certificate, "TLS certificate read again");
                }
                Err(error) => {
                    tracing::warn!(%error, "TLS certificate changed, going on with the old one");
                }
            }
        }
        Arc::clone(&loaded.certified)
    }
}

impl ResolvesServerCert for CertificateFiles {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(LOOK_INTERVAL))
    }
}

/// Reads a certificate and its key.
fn load(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|cause| match cause {
        pem::Error::NoItemsFound => TlsError::NoKey {
            path: key.to_path_buf(),
        },
        cause => TlsError::Pem {
            path: key.to_path_buf(),
            cause,
        },
    })?;
    let private = provider
        .key_provider
        .load_private_key(private)
        .map_err(|cause| TlsError::BadKey {
            path: key.to_path_buf(),
            cause,
        })?;
    let certified = CertifiedKey::new(chain, private);
    let is_pair = match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => true,
        Err(Error::InconsistentKeys(_)) => false,
        Err(cause @ Error::InvalidCertificate(CertificateError::BadEncoding)) => {
            return Err(TlsError::BadCertificate {
                path: certificate.to_path_buf(),
                cause,
            });
        }
        // A certificate that the library cannot judge, such as one of X.509 version 1, is for the
        // clients to judge.
        Err(_) => holds_key(&certified),
    };
    if is_pair {
        Ok(certified)
    } else {
        Err(TlsError::KeyMismatch {
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
        })
    }
}

/// Whether the public half of the key is anywhere in the certificate.
fn holds_key(certified: &CertifiedKey) -> bool {
    let Some(public) = certified.key.public_key() else {
        return true;
    };
    let of_server = certified.cert.first();
    of_server.is_some_and(|of_server| {
        of_server
            .windows(public.len())
            .any(|bytes| bytes == public.as_ref())
    })
}

/// Looks at a file.
fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    ))
}

/// How long a certificate is used without a look at its files.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustls::crypto::aws_lc_rs;

    use super::*;

    /// Writes a new pair into `folder`.
    fn write_pair(folder: &Path) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("tls.crt"), pair.cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), pair.signing_key.serialize_pem()).unwrap();
    }

    fn load_from(folder: &Path) -> Result<CertificateFiles, TlsError> {
        CertificateFiles::load(
            folder.join("tls.crt"),
            folder.join("tls.key"),
            Arc::new(aws_lc_rs::default_provider()),
        )
    }

    #[test]
    fn a_new_pair_is_used_and_half_a_pair_is_not() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let files = load_from(folder.path()).unwrap();
        let first = files.current(Duration::ZERO);
        let old_key = std::fs::read(folder.path().join("tls.key")).unwrap();

        write_pair(folder.path());
        let new_key = std::fs::read(folder.path().join("tls.key")).unwrap();
        assert_eq!(files.current(Duration::from_secs(3600)).cert, first.cert);
        std::fs::write(folder.path().join("tls.key"), old_key).unwrap();
        assert_eq!(files.current(Duration::ZERO).cert, first.cert);
        std::fs::remove_file(folder.path().join("tls.key")).unwrap();
        assert_eq!(files.current(Duration::ZERO).cert, first.cert);
        std::fs::write(folder.path().join("tls.key"), new_key).unwrap();
        assert_ne!(files.current(Duration::ZERO).cert, first.cert);
    }

    #[test]
    fn a_pair_is_known_by_the_bytes_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        write_pair(folder.path());
        let one = load_from(folder.path()).unwrap().current(Duration::ZERO);
        write_pair(folder.path());
        let other = load_from(folder.path()).unwrap().current(Duration::ZERO);
        assert!(holds_key(&one));
        let mixed = CertifiedKey::new(one.cert.clone(), Arc::clone(&other.key));
        assert!(!holds_key(&mixed));
    }

    #[test]
    fn a_swapped_link_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["one", "two"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            write_pair(&folder.path().join(version));
        }
        symlink("one", folder.path().join("data")).unwrap();
        for name in ["tls.crt", "tls.key"] {
            symlink(format!("data/{name}"), folder.path().join(name)).unwrap();
        }
        let files = load_from(folder.path()).unwrap();
        let first = files.current(Duration::ZERO);
        symlink("two", folder.path().join("next")).unwrap();
        std::fs::rename(folder.path().join("next"), folder.path().join("data")).unwrap();
        assert_ne!(files.current(Duration::ZERO).cert, first.cert);
    }

    #[test]
    fn errors_name_the_file_and_what_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("tls.crt");
        let key = folder.path().join("tls.key");
        let error = || load_from(folder.path()).unwrap_err().to_string();
        let (certificate_name, key_name) = (certificate.display(), key.display());

        assert_eq!(
            error(),
            format!("cannot read \"{certificate_name}\": No such file or directory (os error 2)")
        );
        std::fs::write(&certificate, "nothing of use").unwrap();
        assert_eq!(error(), format!("no certificate in \"{certificate_name}\""));
        write_pair(folder.path());
        let first_key = std::fs::read(&key).unwrap();
        write_pair(folder.path());
        std::fs::write(&key, first_key).unwrap();
        assert_eq!(
            error(),
            format!(
                "the private key in \"{key_name}\" does not belong to the certificate in \
                 \"{certificate_name}\""
            )
        );
        std::fs::write(&key, "").unwrap();
        assert_eq!(
            error(),
            format!("no unencrypted private key in \"{key_name}\"")
        );
        std::fs::write(
            &key,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(error().starts_with(&format!("unusable private key in \"{key_name}\": ")));
        std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n").unwrap();
        assert!(error().starts_with(&format!("cannot parse \"{key_name}\" as PEM: ")));
    }
}

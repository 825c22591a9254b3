//! A self-signed certificate, as users make one for a registry on their own machine.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::needs::{self, Missing};
use crate::run::Run;

/// A certificate for `localhost` and `127.0.0.1`, and its key.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// Has openssl make one.
    pub fn new() -> Result<Self, Missing> {
        let openssl = needs::program("openssl")?;
        let folder = tempfile::tempdir().unwrap();
        let certificate = Self { folder };
        Run::new(openssl)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256"])
            .args(["-days", "30", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-out")
            .arg(certificate.file())
            .arg("-keyout")
            .arg(certificate.key())
            .ok();
        Ok(certificate)
    }

    /// The certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("registry.crt")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("registry.key")
    }
}

//! `http.tls`.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, Problem, quote};
use crate::config::typed;

/// How connections are encrypted.
#[derive(Debug)]
pub(crate) struct TlsSection {
    /// The PEM file of the certificate and its chain.
    pub(crate) certificate: PathBuf,
    /// The PEM file of the private key.
    pub(crate) key: PathBuf,
    /// PEM files of the authorities that sign clients' certificates; none if clients need no
    /// certificate.
    pub(crate) clientcas: Vec<PathBuf>,
    /// What is asked of a client, if there are authorities.
    pub(crate) clientauth: ClientAuth,
    /// The oldest version that is spoken.
    pub(crate) minimum: TlsVersion,
    /// The cipher suites that are offered; none for the default ones.
    pub(crate) ciphersuites: Vec<CipherSuite>,
}

/// What is asked of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClientAuth {
    /// A certificate if it has one, which nobody checks.
    RequestClientCert,
    /// A certificate, which nobody checks.
    RequireAnyClientCert,
    /// A certificate if it has one, which must be signed by an authority.
    VerifyClientCertIfGiven,
    /// A certificate signed by an authority.
    #[default]
    RequireAndVerifyClientCert,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A cipher suite that this version offers, by the name that Go and the RFCs give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CipherSuite(&'static str);

impl CipherSuite {
    /// Its name, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub(crate) fn name(self) -> &'static str {
        self.0
    }
}

impl TlsSection {
    /// Reads the section; `None` if it asks for no encryption.
    pub(super) fn read(section: &Cursor<'_>) -> Result<Option<Self>, Fault> {
        let Keys {
            certificate,
            key,
            clientcas,
            clientauth,
            minimumtls: minimum,
            ciphersuites,
            _letsencrypt: IgnoredAny,
        } = section.read()?;
        if !section.child("letsencrypt").node.is_blank() {
            return Err(section.child("letsencrypt").unsupported(
                "does not obtain certificates; give certificate and key, and renew them with an ACME client",
            ));
        }
        let ciphersuites = cipher_suites(&section.child("ciphersuites"), &ciphersuites, minimum)?;
        let half = |given: &str, missing: &str| {
            let problem = format!("{given} is given without {missing}; TLS needs both");
            section.fault(Problem::Value(problem))
        };
        match (
            certificate.as_os_str().is_empty(),
            key.as_os_str().is_empty(),
        ) {
            (false, false) => {}
            (false, true) => return Err(half("certificate", "key")),
            (true, false) => return Err(half("key", "certificate")),
            (true, true) => {
                if !clientcas.is_empty() {
                    return Err(half("clientcas", "certificate and key"));
                }
                return Ok(None);
            }
        }
        if clientcas.is_empty() && section.child("clientauth").text().is_some() {
            section
                .child("clientauth")
                .warn("this has no effect without http.tls.clientcas");
        }
        Ok(Some(Self {
            certificate,
            key,
            clientcas,
            clientauth,
            minimum,
            ciphersuites,
        }))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Keys {
    certificate: PathBuf,
    key: PathBuf,
    clientcas: Vec<PathBuf>,
    #[serde(deserialize_with = "typed::keyword")]
    clientauth: ClientAuth,
    #[serde(deserialize_with = "typed::keyword")]
    minimumtls: TlsVersion,
    ciphersuites: Vec<String>,
    #[serde(rename = "letsencrypt")]
    _letsencrypt: IgnoredAny,
}

impl FromStr for ClientAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "request-client-cert" => Ok(Self::RequestClientCert),
            "require-any-client-cert" => Ok(Self::RequireAnyClientCert),
            "verify-client-cert-if-given" => Ok(Self::VerifyClientCertIfGiven),
            "require-and-verify-client-cert" => Ok(Self::RequireAndVerifyClientCert),
            _ => Err(format!(
                "{} is not known; use one of request-client-cert, require-any-client-cert, verify-client-cert-if-given, \
                 require-and-verify-client-cert",
                quote(text)
            )),
        }
    }
}

impl FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tls1.2" => Ok(Self::Tls12),
            "tls1.3" => Ok(Self::Tls13),
            "tls1.0" | "tls1.1" => {
                Err(format!("{text} is not offered, only tls1.2 and tls1.3 are"))
            }
            _ => Err(format!(
                "unknown minimum TLS level {} specified for http.tls.minimumtls; use tls1.2 or tls1.3",
                quote(text)
            )),
        }
    }
}

/// The suites that are known and offered; those that are known only are warned of, unless nothing
/// else remains.
fn cipher_suites(
    list: &Cursor<'_>,
    names: &[String],
    minimum: TlsVersion,
) -> Result<Vec<CipherSuite>, Fault> {
    let mut suites = Vec::new();
    let mut absent = Vec::new();
    for name in names {
        if let Some(known) = OFFERED.iter().find(|offered| *offered == name) {
            suites.push(CipherSuite(known));
        } else if NOT_OFFERED.contains(&name.as_str()) {
            absent.push(name.as_str());
        } else {
            let problem = format!(
                "unknown TLS cipher suite {} specified for http.tls.cipherSuites",
                quote(name)
            );
            return Err(list.fault(Problem::Value(problem)));
        }
    }
    if minimum == TlsVersion::Tls13 && !names.is_empty() {
        list.warn("this has no effect with http.tls.minimumtls tls1.3");
        return Ok(Vec::new());
    }
    if !absent.is_empty() {
        let absent = absent.join(", ");
        if suites.is_empty() {
            let offered = OFFERED.join(", ");
            return Err(list.unsupported(&format!("does not offer {absent}; it offers {offered}")));
        }
        list.warn(&format!("these are not offered and left out: {absent}"));
    }
    Ok(suites)
}

/// The suites of TLS 1.2 and 1.3 with forward secrecy and authenticated encryption.
pub(crate) const OFFERED: [&str; 9] = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// The suites that Distribution also knows, up to 2.8.
const NOT_OFFERED: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

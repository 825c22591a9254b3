//! Cipher suites by the names that Go gives them.

use rustls::crypto::CryptoProvider;

use super::{TlsError, TlsVersion};

/// Takes from `provider` what `names` does not list; returns what the operator should know.
///
/// The suites of TLS 1.3 stay, as they do in Go: there is nothing to choose among them.
pub(super) fn restrict(
    provider: &mut CryptoProvider,
    names: &[String],
    minimum: TlsVersion,
) -> Result<Vec<String>, TlsError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let is_supported = |name: &str| {
        TLS13.contains(&name)
            || provider
                .cipher_suites
                .iter()
                .any(|suite| suite.suite().as_str() == Some(name))
    };
    let mut warnings = Vec::new();
    let mut any = false;
    for name in names {
        if is_supported(name) {
            any = true;
        } else if UNSUPPORTED.contains(&name.as_str()) {
            warnings.push(format!(
                "TLS cipher suite {name} is not safe and not supported, ignoring it"
            ));
        } else {
            return Err(TlsError::UnknownCipherSuite { name: name.clone() });
        }
    }
    if minimum == TlsVersion::Tls13 {
        return Ok(vec![
            "http.tls.ciphersuites has no effect as TLS 1.3 is the minimum, ignoring it".to_owned(),
        ]);
    }
    if !any {
        return Err(TlsError::NoCipherSuite);
    }
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || names
                .iter()
                .any(|name| suite.suite().as_str() == Some(name.as_str()))
    });
    Ok(warnings)
}

/// The suites of TLS 1.3.
const TLS13: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Suites that Distribution knows and that are not here: RC4, 3DES, CBC, or without forward
/// secrecy.
const UNSUPPORTED: [&str; 16] = [
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

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;

    fn restricted(names: &[&str], minimum: TlsVersion) -> Result<(usize, Vec<String>), TlsError> {
        let mut provider = aws_lc_rs::default_provider();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let warnings = restrict(&mut provider, &names, minimum)?;
        Ok((provider.cipher_suites.len(), warnings))
    }

    #[test]
    fn every_safe_suite_has_its_name_of_go() {
        for name in [
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ] {
            assert_eq!(
                restricted(&[name], TlsVersion::Tls12).unwrap(),
                (4, vec![]),
                "{name}"
            );
        }
        for name in TLS13 {
            assert_eq!(
                restricted(&[name], TlsVersion::Tls12).unwrap(),
                (3, vec![]),
                "{name}"
            );
        }
        assert_eq!(restricted(&[], TlsVersion::Tls12).unwrap(), (9, vec![]));
    }

    #[test]
    fn what_is_not_safe_is_left_out_with_a_warning() {
        let names = [
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ];
        let (suites, warnings) = restricted(&names, TlsVersion::Tls12).unwrap();
        assert_eq!((suites, warnings.len()), (4, 1));
        assert!(warnings[0].contains("TLS_RSA_WITH_AES_128_CBC_SHA"));
        let error = restricted(&names[..1], TlsVersion::Tls12).unwrap_err();
        assert!(matches!(error, TlsError::NoCipherSuite));
    }

    #[test]
    fn an_unknown_name_is_an_error_and_tls13_has_no_choice() {
        let error = restricted(&["TLS_MAGIC"], TlsVersion::Tls12).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown TLS cipher suite 'TLS_MAGIC' specified for http.tls.cipherSuites"
        );
        let (suites, warnings) = restricted(&UNSUPPORTED, TlsVersion::Tls13).unwrap();
        assert_eq!((suites, warnings.len()), (9, 1));
    }
}

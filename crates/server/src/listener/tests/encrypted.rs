//! The listener with TLS.

use std::path::Path;

use http::Version;
use http_body_util::BodyExt;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::listener::tls::{TlsOptions, TlsVersion, client_auth::ClientAuth};

/// A server that offers HTTP/2 or does not, and a client of it.
async fn connected(authority: &Authority, http2: bool) -> (TestServer, TlsStream<TcpStream>) {
    let folder = tempfile::tempdir().unwrap();
    let options = TlsOptions {
        http2,
        ..authority.server_options(folder.path())
    };
    let tls = Tls::load(options).unwrap();
    let server = TestServer::start(Some(tls), Options::default()).await;
    let client = authority.connect(&server, None).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn tls_offers_http2_unless_it_is_off() {
    let authority = Authority::new("server");
    for http2 in [true, false] {
        let (_server, client) = connected(&authority, http2).await;
        if http2 {
            let peer = client.get_ref().0.local_addr().unwrap();
            assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let response = get_over_http2(client, "/connection").await;
            assert_eq!(response.version(), Version::HTTP_2);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, format!("Some({peer}) true"));
        } else {
            assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let response = exchange(client, &get_and_close("/")).await;
            assert!(
                response.contains("\r\nDocker-Content-Digest: "),
                "{response}"
            );
        }
    }
}

#[tokio::test]
async fn a_large_answer_is_whole_over_both_protocols() {
    let authority = Authority::new("server");
    for http2 in [true, false] {
        let (_server, client) = connected(&authority, http2).await;
        let expected = LARGE.repeat(1_000_000);
        if http2 {
            let response = get_over_http2(client, "/large").await;
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body == expected);
        } else {
            let response = exchange(client, &get_and_close("/large")).await;
            assert!(response.ends_with(&format!("\r\n\r\n{expected}")));
        }
    }
}

#[tokio::test]
async fn a_stalled_handshake_holds_up_nobody_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let tls = Tls::load(authority.server_options(folder.path())).unwrap();
    let options = Options {
        limits: Limits {
            handshake: SHORT * 10,
            ..Limits::default()
        },
        ..Options::default()
    };
    let server = TestServer::start(Some(tls), options).await;
    let stalled = server.connect().await;
    let client = authority.connect(&server, None).await.unwrap();
    assert_eq!(get_over_http2(client, "/").await.status(), StatusCode::OK);
    assert_eq!(exchange(stalled, "").await, "");
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::load(Authority::new("server").server_options(folder.path())).unwrap();
    let server = TestServer::start(Some(tls), Options::default()).await;
    let response = exchange(server.connect().await, &get("/v2/")).await;
    assert_eq!(
        response,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    );
}

#[tokio::test]
async fn client_certificates_are_treated_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let trusted = Authority::new("trusted");
    let other = Authority::new("other");
    let client_ca = folder.path().join("ca.pem");
    std::fs::write(&client_ca, trusted.issuer_pem()).unwrap();
    for (client_auth, none, stranger) in [
        (ClientAuth::Request, true, true),
        (ClientAuth::RequireAny, false, true),
        (ClientAuth::VerifyIfGiven, true, false),
        (ClientAuth::RequireAndVerify, false, false),
    ] {
        let options = TlsOptions {
            client_cas: vec![client_ca.clone()],
            client_auth,
            http2: false,
            ..authority.server_options(folder.path())
        };
        let tls = Tls::load(options).unwrap();
        let server = TestServer::start(Some(tls), Options::default()).await;
        for (identity, expected) in [
            (None, none),
            (Some(&other), stranger),
            (Some(&trusted), true),
        ] {
            // In TLS 1.3 the client is done first: a refusal comes with the first read.
            let mut served = false;
            if let Ok(mut client) = authority.connect(&server, identity).await {
                let mut response = String::new();
                served = client
                    .write_all(get_and_close("/").as_bytes())
                    .await
                    .is_ok()
                    && client.read_to_string(&mut response).await.is_ok()
                    && response.ends_with("hello");
            }
            let name = identity.map(|identity| identity.name);
            assert_eq!(served, expected, "{client_auth:?} {name:?}");
        }
    }
}

#[tokio::test]
async fn tls_files_of_no_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("server");
    let missing = folder.path().join("missing.pem");
    let options = TlsOptions {
        client_cas: vec![missing.clone()],
        ..authority.server_options(folder.path())
    };
    let error = Tls::load(options).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read \"{}\": No such file or directory (os error 2)",
            missing.display()
        )
    );
}

/// An authority with one certificate that serves both sides.
struct Authority {
    name: &'static str,
    issuer: rcgen::Certificate,
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new(name: &'static str) -> Self {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let issuer_key = rcgen::KeyPair::generate().unwrap();
        let issuer = params.self_signed(&issuer_key).unwrap();
        let issuing = rcgen::Issuer::new(params, issuer_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".into()])
            .unwrap()
            .signed_by(&key, &issuing)
            .unwrap();
        Self {
            name,
            issuer,
            certificate,
            key,
        }
    }

    fn issuer_pem(&self) -> String {
        self.issuer.pem()
    }

    fn server_options(&self, folder: &Path) -> TlsOptions {
        let certificate = folder.join("tls.crt");
        let key = folder.join("tls.key");
        std::fs::write(&certificate, self.certificate.pem()).unwrap();
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        TlsOptions {
            certificate,
            key,
            client_cas: Vec::new(),
            client_auth: ClientAuth::default(),
            minimum: TlsVersion::Tls12,
            cipher_suites: Vec::new(),
            http2: true,
        }
    }

    /// Connects as a client that trusts this authority, with the certificate of `identity`.
    async fn connect(
        &self,
        server: &TestServer,
        identity: Option<&Self>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from(identity.certificate.der().to_vec())];
                let key = PrivateKeyDer::from_pem_slice(identity.key.serialize_pem().as_bytes());
                builder.with_client_auth_cert(chain, key.unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
            .connect(
                ServerName::try_from("localhost").unwrap(),
                server.connect().await,
            )
            .await
    }
}

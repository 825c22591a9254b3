//! The key that manifests of schema 1 are signed with. Nobody trusts it: clients only check that the
//! signature fits the key beside it.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::Deserialize;
use wharf_oci::Digest;

use super::go_json::Object;

/// A private key on one of the elliptic curves that Docker's libtrust knows.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<EcdsaKeyPair>,
    curve: &'static Curve,
    id: String,
    jwk: String,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is neither a JWK nor a PEM of the right kind.
    #[error("this is neither a JWK of type EC nor a PEM with an EC PRIVATE KEY")]
    NotAKey,
    /// The curve is none of those that clients know.
    #[error("the key is on the curve {curve:?}; use P-256, P-384 or P-521")]
    Curve {
        /// The curve's name.
        curve: String,
    },
    /// The numbers make no key.
    #[error("the key is damaged, or on a curve that is not P-256, P-384 or P-521")]
    Damaged,
    /// No key could be made.
    #[error("no key could be made")]
    Generating,
}

/// A signature could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest could not be signed")]
pub struct SigningFailed;

/// A curve, by the names of RFC 7518.
struct Curve {
    name: &'static str,
    algorithm: &'static str,
    /// The length of a coordinate, and of a private key.
    length: usize,
    signing: &'static EcdsaSigningAlgorithm,
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(P256.signing).map_err(|_| KeyError::Generating)?;
        Self::new(pair, &P256)
    }

    /// Reads a key from the text of a file: a JWK, or a PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with('{') {
            Self::from_jwk(text)
        } else {
            Self::from_pem(text)
        }
    }

    fn from_jwk(text: &str) -> Result<Self, KeyError> {
        // What the parser says might quote the key.
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| KeyError::NotAKey)?;
        if jwk.kty != "EC" {
            return Err(KeyError::NotAKey);
        }
        let curve = CURVES.iter().find(|curve| curve.name == jwk.crv);
        let curve = *curve.ok_or(KeyError::Curve { curve: jwk.crv })?;
        let [x, y, d] = [jwk.x, jwk.y, jwk.d].map(|number| curve.decode(&number));
        let public_key = [&[UNCOMPRESSED], &*x?, &*y?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing, &d?, &public_key)
            .map_err(|_| KeyError::Damaged)?;
        Self::new(pair, curve)
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = PEM_LABELS.iter().find_map(|label| pem_block(text, label));
        let der = STANDARD
            .decode(der.ok_or(KeyError::NotAKey)?)
            .map_err(|_| KeyError::Damaged)?;
        CURVES
            .into_iter()
            .find_map(|curve| {
                let pair = EcdsaKeyPair::from_private_key_der(curve.signing, &der).ok()?;
                Some(Self::new(pair, curve))
            })
            .ok_or(KeyError::Damaged)?
    }

    fn new(pair: EcdsaKeyPair, curve: &'static Curve) -> Result<Self, KeyError> {
        let public_key = pair.public_key();
        let der: PublicKeyX509Der<'_> = public_key.as_der().map_err(|_| KeyError::Damaged)?;
        let id = fingerprint(der.as_ref());
        let (x, y) = public_key.as_ref()[1..].split_at(curve.length);
        let jwk = Object::new()
            .text("crv", curve.name)
            .text("kid", &id)
            .text("kty", "EC")
            .text("x", &URL_SAFE_NO_PAD.encode(x))
            .text("y", &URL_SAFE_NO_PAD.encode(y))
            .finish();
        Ok(Self {
            pair: Arc::new(pair),
            curve,
            id,
            jwk,
        })
    }

    /// The public key, as JSON.
    pub(super) fn jwk(&self) -> &str {
        &self.jwk
    }

    /// The name of the algorithm that [`SigningKey::sign`] goes by.
    pub(super) fn algorithm(&self) -> &'static str {
        self.curve.algorithm
    }

    /// Signs a message: two numbers of fixed length, so that all signatures are equally long.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| SigningFailed)?.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.id)
    }
}

impl Curve {
    /// Reads a number of this curve; leading zeros may have been left off.
    fn decode(&self, base64: &str) -> Result<Vec<u8>, KeyError> {
        let number = URL_SAFE_NO_PAD.decode(base64.trim_end_matches('='));
        let number = number.map_err(|_| KeyError::Damaged)?;
        let missing = self.length.checked_sub(number.len());
        let mut padded = vec![0; missing.ok_or(KeyError::Damaged)?];
        padded.extend(number);
        Ok(padded)
    }
}

/// The name that libtrust gives a public key: 240 bits of its hash, in groups of four letters.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let digest = Digest::sha256(der);
    let digits: Vec<u32> = digest.hex()[..60]
        .chars()
        .filter_map(|c| c.to_digit(16))
        .collect();
    // Five hexadecimal digits are four of base 32.
    let groups = digits.chunks(5).map(|digits| {
        let number = digits.iter().fold(0, |number, digit| number << 4 | digit);
        [15, 10, 5, 0].map(|shift| char::from(BASE_32[(number >> shift & 31) as usize]))
    });
    let groups: Vec<String> = groups.map(String::from_iter).collect();
    groups.join(":")
}

/// The base64 text between the lines of a PEM block.
fn pem_block(text: &str, label: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (block, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some(block.split_ascii_whitespace().collect())
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    d: String,
}

static P256: Curve = Curve {
    name: "P-256",
    algorithm: "ES256",
    length: 32,
    signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
};
static P384: Curve = Curve {
    name: "P-384",
    algorithm: "ES384",
    length: 48,
    signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
};
static P521: Curve = Curve {
    name: "P-521",
    algorithm: "ES512",
    length: 66,
    signing: &ECDSA_P521_SHA512_FIXED_SIGNING,
};
static CURVES: [&Curve; 3] = [&P256, &P384, &P521];

/// The first is libtrust's, the second what `openssl genpkey` writes.
const PEM_LABELS: [&str; 2] = ["EC PRIVATE KEY", "PRIVATE KEY"];
/// Before the coordinates of a public key (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;
const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

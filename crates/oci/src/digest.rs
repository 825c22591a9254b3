//! Digests: the names of content.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::text::{is_separated_runs, text_form};

/// A hash algorithm that content can be named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, which every registry knows.
    Sha256,
    /// SHA-384, not registered by OCI but accepted by Distribution.
    Sha384,
    /// SHA-512.
    Sha512,
    /// One that is not known here. Its digests can be mentioned, and never verified (OCI-2.7).
    Other,
}

impl Algorithm {
    /// Returns the name in front of the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Other => "other",
        }
    }

    /// Returns how many hex digits a digest of this algorithm has; 0 when that is not known.
    pub const fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
            Self::Other => 0,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(DigestError::UnsupportedAlgorithm {
                algorithm: text.to_owned(),
            }),
        }
    }
}

/// A digest: an algorithm and the lower-case hex digits of a hash, checked (OCI distribution-spec,
/// Digests).
///
/// A clone shares the text. The order is that of the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    text: Arc<str>,
    algorithm: Algorithm,
}

impl Digest {
    /// Reads a digest that is only mentioned: its algorithm need not be known.
    ///
    /// # Errors
    /// When it is outside the grammar, or its algorithm is known and it is none of its digests.
    pub fn mentioned(text: &str) -> Result<Self, DigestError> {
        match text.parse() {
            Err(DigestError::UnsupportedAlgorithm { .. }) if text.len() <= LONGEST => Ok(Self {
                text: text.into(),
                algorithm: Algorithm::Other,
            }),
            digest => digest,
        }
    }

    /// Returns the digest of these bytes. Where the algorithm is not known that is the SHA-256,
    /// which is none of its digests.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha256 | Algorithm::Other => {
                Self::from_hash(Algorithm::Sha256, &Sha256::digest(bytes))
            }
            Algorithm::Sha384 => Self::from_hash(algorithm, &Sha384::digest(bytes)),
            Algorithm::Sha512 => Self::from_hash(algorithm, &Sha512::digest(bytes)),
        }
    }

    /// Returns the SHA-256 digest of these bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, bytes)
    }

    /// Returns the digest that a finished hash stands for.
    ///
    /// The hash has to have the length of the algorithm.
    pub fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        debug_assert_eq!(hash.len() * 2, algorithm.hex_length());
        let mut text = String::with_capacity(algorithm.as_str().len() + 1 + hash.len() * 2);
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in hash {
            for nibble in [byte >> 4, byte & 0xf] {
                text.push(char::from(HEX_DIGITS[usize::from(nibble)]));
            }
        }
        Self {
            text: text.into(),
            algorithm,
        }
    }

    /// Returns the whole text, algorithm and hex digits.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns what stands behind the colon: hex digits, where the algorithm is known.
    pub fn hex(&self) -> &str {
        self.text.split_once(':').unwrap_or_default().1
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        // Nearly all are of this algorithm, and no grammar is to be looked at.
        if let Some(hex) = text.strip_prefix("sha256:")
            && hex.len() == Algorithm::Sha256.hex_length()
            && is_lower_hex(hex)
        {
            return Ok(Self {
                text: text.into(),
                algorithm: Algorithm::Sha256,
            });
        }
        let (algorithm, encoded) = text.split_once(':').ok_or(DigestError::Format)?;
        let is_encoded = |b: u8| b.is_ascii_alphanumeric() || b"=_-".contains(&b);
        if !is_separated_runs(algorithm, |s| matches!(s, "+" | "." | "_" | "-"))
            || encoded.is_empty()
            || !encoded.bytes().all(is_encoded)
        {
            return Err(DigestError::Format);
        }
        let algorithm: Algorithm = algorithm.parse()?;
        if encoded.len() != algorithm.hex_length() {
            return Err(DigestError::Length {
                algorithm,
                length: encoded.len(),
            });
        }
        if !is_lower_hex(encoded) {
            return Err(DigestError::Format);
        }
        Ok(Self {
            text: text.into(),
            algorithm,
        })
    }
}

text_form!(Digest);

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// How long a digest of an unknown algorithm may be: it stands in headers.
const LONGEST: usize = 512;

/// Why a text is not a digest we can work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The text is outside the grammar, or its hex digits are not lower-case hex.
    #[error("invalid checksum digest format")]
    Format,
    /// The text is well formed, but names an algorithm that is not known here.
    #[error("unsupported digest algorithm {algorithm:?}")]
    UnsupportedAlgorithm {
        /// The name in front of the colon.
        algorithm: String,
    },
    /// The number of hex digits is not that of the algorithm.
    #[error("invalid checksum digest length: {algorithm} has {} hex digits, found {length}", algorithm.hex_length())]
    Length {
        /// The algorithm named.
        algorithm: Algorithm,
        /// How many digits were found.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_hashes_print_as_the_specification_lists_them() {
        assert_eq!(Digest::sha256(b"").as_str(), EMPTY);
        assert_eq!(
            Digest::sha256(b"{}").hex(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            let digest = Digest::of(algorithm, b"x");
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(digest.hex().len(), algorithm.hex_length());
            assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        }
    }

    #[test]
    fn texts_outside_the_grammar_are_refused() {
        let upper = format!("sha256:{}", "A".repeat(64));
        let not_hex = format!("sha256:{}", "g".repeat(64));
        for text in [
            "",
            ":",
            "sha256",
            "sha256:",
            ":abc",
            "SHA256:abc",
            "sha256:ab/c",
            "sha256:abc:def",
            "sha256+:abc",
            "+sha256:abc",
            "sha+_256:abc",
            "sha256:é",
            " sha256:abc",
            &upper,
            &not_hex,
        ] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError::Format), "{text}");
        }
    }

    #[test]
    fn a_digest_of_another_algorithm_or_length_says_so() {
        assert_eq!(
            "blake3:abc=_-Z".parse::<Digest>().unwrap_err().to_string(),
            "unsupported digest algorithm \"blake3\""
        );
        assert!(matches!(
            "multihash+base58:Qm".parse::<Digest>(),
            Err(DigestError::UnsupportedAlgorithm { .. })
        ));
        assert_eq!(
            "sha256:abc".parse::<Digest>().unwrap_err().to_string(),
            "invalid checksum digest length: sha256 has 64 hex digits, found 3"
        );
    }

    #[test]
    fn a_digest_of_another_algorithm_may_be_mentioned() {
        for text in ["blake3:abc=_-Z", "multihash+base58:Qm", "other:x"] {
            let digest = Digest::mentioned(text).unwrap();
            assert_eq!(
                (digest.as_str(), digest.algorithm()),
                (text, Algorithm::Other)
            );
            assert_eq!(digest.hex(), text.split_once(':').unwrap().1);
            assert_ne!(Digest::of(digest.algorithm(), b""), digest);
        }
        assert_eq!(Digest::mentioned(EMPTY), EMPTY.parse());
        let long = format!("blake3:{}", "a".repeat(LONGEST));
        for text in [
            "sha256:abc",
            "blake3:",
            "Blake3:a",
            "blake3:a/b",
            "../x:y",
            &long,
        ] {
            assert!(Digest::mentioned(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_holds_the_text() {
        let digest: Digest = EMPTY.parse().unwrap();
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{EMPTY}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:1\"").is_err());
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in "(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})") {
            prop_assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        }

        #[test]
        fn any_text_gets_an_answer(text in ".{0,100}") {
            let _ = text.parse::<Digest>();
        }
    }
}

//! One bcrypt hash of a password file.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;

/// A bcrypt hash, taken apart.
#[derive(Clone)]
pub(super) struct PasswordHash {
    cost: u32,
    salt: [u8; 16],
    encoded: [u8; 31],
}

impl PasswordHash {
    /// Reads `$2y$05$<salt><hash>`; hashes of other kinds, which nobody can log in with, give
    /// `None`.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 60] = text.try_into().ok()?;
        let [
            b'$',
            b'2',
            b'a' | b'b' | b'y',
            b'$',
            tens,
            units,
            b'$',
            rest @ ..,
        ] = text
        else {
            return None;
        };
        let (salt, encoded) = rest.split_at(22);
        let [tens, units] = [*tens, *units].map(|digit| char::from(digit).to_digit(10));
        let cost = tens? * 10 + units?;
        let salt = BASE64.decode(salt).ok()?.try_into().ok()?;
        (MINIMUM_COST..=MAXIMUM_COST)
            .contains(&cost)
            .then_some(Self {
                cost,
                salt,
                encoded: encoded.try_into().ok()?,
            })
    }

    /// Returns a hash that no password matches, and that takes as long to find that out as one of
    /// this cost.
    pub(super) fn decoy(cost: u32) -> Self {
        // The last digit of a real hash has its two lowest bits unset, `9` is `0b111111`.
        Self {
            cost,
            salt: [0; 16],
            encoded: [b'9'; 31],
        }
    }

    /// Returns the base-2 logarithm of the rounds.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Returns everything that tells this hash from another.
    pub(super) fn fingerprint(&self) -> impl Iterator<Item = u8> {
        self.cost
            .to_be_bytes()
            .into_iter()
            .chain(self.salt)
            .chain(self.encoded)
    }

    /// Computes the hash of the password and compares; this takes long, by design.
    ///
    /// Only the first 72 bytes of a password count, as for `htpasswd -B` and Go.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match bcrypt::hash_with_salt_bytes(password, self.cost, self.salt) {
            Ok(computed) => computed[60 - self.encoded.len()..]
                .ct_eq(&self.encoded)
                .into(),
            Err(_) => false,
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// The cost assumed where a file has no hash to take it from; that of Go's library.
pub(super) const DEFAULT_COST: u32 = 10;

const MINIMUM_COST: u32 = 4;
const MAXIMUM_COST: u32 = 31;

/// The alphabet of bcrypt; some writers leave random bits behind the salt, which Go ignores too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_every_writer_are_verified() {
        for (password, text) in [
            (
                "secret",
                "$2y$04$znIMnyEK1sVGX/HA.ZCJb.lx4RAHNogMhuOB9ckkKGerKp3pXSPFC",
            ),
            (
                "secret",
                "$2y$05$Fzrl91HuGiVRWmuSkRvME.4.rGf62qmOoT7aLh6YboNHLFvYkDET.",
            ),
            (
                "a",
                "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
            ),
            (
                "",
                "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.",
            ),
            ("secret", &bcrypt::hash("secret", 4).unwrap()),
        ] {
            let hash = PasswordHash::parse(text.as_bytes()).unwrap();
            assert!(hash.verify(password.as_bytes()), "{text}");
            assert!(!hash.verify(b"Secret"), "{text}");
        }
    }

    #[test]
    fn only_bcrypt_is_read() {
        for text in [
            "",
            "secret",
            "$apr1$XJ3Xf4zH$Jx0aPOiCqeN9dr2a1vOPh1",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "$2y$05$short",
            "$2x$05$......................9999999999999999999999999999999",
            "$2y$03$......................9999999999999999999999999999999",
            "$2y$32$......................9999999999999999999999999999999",
            "$2y$+5$......................9999999999999999999999999999999",
            "$2y$05$*.....................9999999999999999999999999999999",
        ] {
            assert!(PasswordHash::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn bytes_behind_the_72nd_do_not_count() {
        let long = [b'p'; 100];
        let text = bcrypt::hash(&long[..72], 4).unwrap();
        let hash = PasswordHash::parse(text.as_bytes()).unwrap();
        assert!(hash.verify(&long));
        assert!(hash.verify(&long[..72]));
        assert!(!hash.verify(&long[..71]));
    }

    #[test]
    fn nothing_matches_a_decoy() {
        for password in [&b""[..], b"secret", &[0], &[b'9'; 72]] {
            assert!(!PasswordHash::decoy(4).verify(password));
        }
    }

    #[test]
    fn random_bits_behind_the_salt_are_ignored() {
        let text = bcrypt::hash("secret", 4).unwrap();
        let mut bytes = text.into_bytes();
        // Of the last character of the salt only two bits count, so the next character in the
        // alphabet is as good.
        bytes[28] = match bytes[28] {
            b'.' => b'/',
            b'O' => b'P',
            b'e' => b'f',
            b'u' => b'v',
            other => panic!("not canonical: {other}"),
        };
        assert!(PasswordHash::parse(&bytes).unwrap().verify(b"secret"));
    }

    #[test]
    fn a_hash_is_not_shown() {
        let hash = PasswordHash::decoy(12);
        assert_eq!(format!("{hash:?}"), "PasswordHash { cost: 12, .. }");
    }
}

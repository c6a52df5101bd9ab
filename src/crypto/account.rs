//! The keys of an account in a workspace. They follow from the token's secret *and* the workspace's id: a
//! store that shows another workspace under the same name meets other public keys, which nobody
//! enrolled there.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use hpke::{Kem as _, Serializable};

use super::grant::Kem;
use super::{Key32, hash};
use crate::error::{Error, Result, Status};
use crate::ids::{KeyId, LogId};

/// The public keys of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// Ed25519: checks what the account signs.
    pub sign: [u8; 32],
    /// X25519: what is granted to the account is sealed to it.
    pub kem: [u8; 32],
}

impl PublicKeys {
    /// The id of the key pair.
    pub fn key_id(&self) -> KeyId {
        let hash = hash("lucidlink/key-id/v1", &[&self.sign, &self.kem]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.0[..16]);
        KeyId(id)
    }

    /// Whether the Ed25519 key may be enrolled.
    pub fn is_acceptable(&self) -> bool {
        is_acceptable(&self.sign)
    }
}

/// Whether an Ed25519 key is canonical and not of small order, so that a signature under it binds a message, and
/// all libraries agree about it.
fn is_acceptable(public: &[u8; 32]) -> bool {
    let mut y = *public;
    y[31] &= 0x7f;
    is_below_p(&y) && !SMALL_ORDER.contains(&y)
}

/// The y coordinates of the eight points of small order (their sign bit cleared), all canonical.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
];

/// Whether 32 little-endian bytes are less than 2^255 - 19.
fn is_below_p(y: &[u8; 32]) -> bool {
    y[31] < 0x7f || y[1..31].iter().any(|b| *b != 0xff) || y[0] < 0xed
}

/// Whether this is the Ed25519 signature (RFC 8032, cofactorless equation, canonical S) of a message, under a key
/// that may be enrolled.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    is_acceptable(public) && UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// A key that signs, and nothing else.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key of this seed.
    pub fn from_seed(seed: &Key32) -> Result<SigningKey> {
        Ed25519KeyPair::from_seed_unchecked(seed.as_bytes())
            .map(SigningKey)
            .map_err(|e| Error::new(Status::Internal, "cannot derive a signing key").caused_by(e.to_string()))
    }

    /// The root key of a workspace, which signs its genesis and enrols its first admin.
    pub fn root(secret: &Key32) -> Result<SigningKey> {
        SigningKey::from_seed(&secret.derive(b"", &[b"lucidlink/root/v1"]))
    }

    /// Its public half.
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.0.public_key().as_ref());
        public
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

/// All keys of an account in a workspace.
pub struct AccountKeys {
    signing: SigningKey,
    kem: <Kem as hpke::Kem>::PrivateKey,
    public: PublicKeys,
    key_id: KeyId,
}

impl AccountKeys {
    /// The keys that follow from a secret in a workspace.
    pub fn derive(secret: &Key32, workspace: &LogId) -> Result<AccountKeys> {
        let signing = SigningKey::from_seed(&secret.derive(&workspace.0, &[b"lucidlink/sign/v1"]))?;
        let seed = secret.derive(&workspace.0, &[b"lucidlink/kem/v1"]);
        let (kem, kem_public) = Kem::derive_keypair(seed.as_bytes());
        let mut public = PublicKeys { sign: signing.public(), kem: [0; 32] };
        public.kem.copy_from_slice(&kem_public.to_bytes());
        Ok(AccountKeys { signing, kem, public, key_id: public.key_id() })
    }

    /// The public halves.
    pub fn public(&self) -> PublicKeys {
        self.public
    }

    /// The id of the key pair.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message)
    }

    pub(super) fn kem(&self) -> &<Kem as hpke::Kem>::PrivateKey {
        &self.kem
    }
}

impl fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKeys({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<u8> =
            (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    }

    /// RFC 8032, section 7.1, tests 1 and 2.
    #[test]
    fn signatures_follow_rfc_8032() {
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                &[][..],
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                &[0x72][..],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
        ] {
            let key = SigningKey::from_seed(&Key32::new(hex(seed))).unwrap();
            assert_eq!(key.public(), hex::<32>(public));
            assert_eq!(key.sign(message), hex::<64>(signature));
            assert!(verify(&hex(public), message, &hex(signature)));
        }
    }

    #[test]
    fn a_changed_signature_message_or_key_is_refused() {
        let key = SigningKey::from_seed(&Key32::new([7; 32])).unwrap();
        let signature = key.sign(b"message");
        for bit in 0..512 {
            let mut bad = signature;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&key.public(), b"message", &bad), "bit {bit}");
        }
        assert!(!verify(&key.public(), b"massage", &signature));
        // S + L signs the same equation and must not be accepted.
        let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut malleable = signature;
        let mut carry = 0;
        for (s, l) in malleable[32..].iter_mut().zip(order) {
            let sum = u16::from(*s) + u16::from(l) + carry;
            *s = sum as u8;
            carry = sum >> 8;
        }
        assert!(!verify(&key.public(), b"message", &malleable));
    }

    #[test]
    fn keys_of_small_order_or_unusual_form_are_not_enrolled() {
        let acceptable = |sign| PublicKeys { sign, kem: [1; 32] }.is_acceptable();
        for mut y in SMALL_ORDER {
            assert!(!acceptable(y));
            y[31] |= 0x80;
            assert!(!acceptable(y));
        }
        let mut p = [0xff; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        assert!(!acceptable(p));
        assert!(acceptable(SigningKey::from_seed(&Key32::new([7; 32])).unwrap().public()));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // [0]B - [h]A is the neutral element for every message, if A is.
        let (public, mut signature) = (SMALL_ORDER[1], [0; 64]);
        signature[0] = 1;
        assert!(UnparsedPublicKey::new(&ED25519, &public).verify(b"anything", &signature).is_ok());
        assert!(!verify(&public, b"anything", &signature));
    }

    #[test]
    fn keys_depend_on_the_workspace() {
        let secret = Key32::new([3; 32]);
        let a = AccountKeys::derive(&secret, &LogId([1; 32])).unwrap();
        let b = AccountKeys::derive(&secret, &LogId([2; 32])).unwrap();
        assert_ne!(a.key_id(), b.key_id());
        assert_eq!(a.key_id(), AccountKeys::derive(&secret, &LogId([1; 32])).unwrap().key_id());
    }
}

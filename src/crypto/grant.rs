//! A grant: the key of a log, sealed for one account (HPKE base mode, RFC 9180: X25519, HKDF-SHA256,
//! AES-256-GCM) and signed by an admin.

use bytes::Bytes;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use prost::Message;

use super::account::{AccountKeys, PublicKeys, verify};
use super::{Key32, hash};
use crate::error::{Error, Result, Status};
use crate::ids::{KeyId, LogId};

pub(super) type Kem = X25519HkdfSha256;

const MAX_LEN: usize = 1024;

/// What is granted to whom; the seal and the signature bind it.
#[derive(Clone, Copy, Debug)]
pub struct GrantScope {
    /// The workspace.
    pub workspace: LogId,
    /// The log whose key it is: a filespace, or the workspace itself.
    pub log: LogId,
    /// The generation of the key.
    pub generation: u32,
    /// The account.
    pub recipient: KeyId,
}

/// A stored grant.
#[derive(Clone, PartialEq, Message)]
pub struct Grant {
    /// The admin who signed it; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub granter: Bytes,
    /// The encapsulated key; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub encapsulated: Bytes,
    /// The sealed key; 48 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub sealed: Bytes,
    /// The admin's signature; 64 bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub signature: Bytes,
}

impl GrantScope {
    fn info(&self) -> Vec<u8> {
        let mut info = b"lucidlink/grant/v1".to_vec();
        info.extend_from_slice(&self.workspace.0);
        info.extend_from_slice(&self.log.0);
        info.extend_from_slice(&self.generation.to_le_bytes());
        info.extend_from_slice(&self.recipient.0);
        info
    }

    fn signed(&self, grant: &Grant) -> [u8; 32] {
        let parts = [&self.info()[..], &grant.granter, &grant.encapsulated, &grant.sealed];
        hash("lucidlink/grant-signed/v1", &parts).0
    }

    /// Seals a key for the recipient.
    pub fn seal(&self, key: &Key32, recipient: &PublicKeys, granter: &AccountKeys) -> Result<Grant> {
        let failed = |what: &str| Error::new(Status::Internal, format!("cannot seal a grant: {what}"));
        let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&recipient.kem)
            .map_err(|_| failed("the account's key is not valid"))?;
        let (encapsulated, sealed) = single_shot_seal::<AesGcm256, HkdfSha256, Kem>(
            &OpModeS::Base,
            &public,
            &self.info(),
            key.as_bytes(),
            b"",
        )
        .map_err(|_| failed("the account's key is not usable"))?;
        let mut grant = Grant {
            granter: Bytes::copy_from_slice(&granter.key_id().0),
            encapsulated: Bytes::copy_from_slice(&encapsulated.to_bytes()),
            sealed: sealed.into(),
            signature: Bytes::new(),
        };
        grant.signature = Bytes::copy_from_slice(&granter.sign(&self.signed(&grant)));
        Ok(grant)
    }

    fn bad(&self, what: &str) -> Error {
        let scope =
            format!("generation {} of log {} for account {}", self.generation, self.log, self.recipient);
        Error::new(Status::Integrity, format!("the grant of {scope} {what}"))
    }

    /// Checks a stored grant. `admin_key` gives the Ed25519 key of an account that may grant.
    pub fn verify(&self, stored: &[u8], admin_key: impl FnOnce(KeyId) -> Option<[u8; 32]>) -> Result<Grant> {
        let bad = |what| self.bad(what);
        if stored.len() > MAX_LEN {
            return Err(bad("is too large"));
        }
        let grant = Grant::decode(stored).map_err(|e| bad("does not decode").caused_by(e))?;
        let granter = KeyId::from_slice(&grant.granter).ok_or_else(|| bad("names no granter"))?;
        let public = admin_key(granter).ok_or_else(|| bad("is not signed by an admin"))?;
        let signature = grant.signature[..].try_into().map_err(|_| bad("has no signature"))?;
        if !verify(&public, &self.signed(&grant), &signature) {
            return Err(bad("has a false signature"));
        }
        Ok(grant)
    }

    /// Opens a stored grant, once it is checked.
    pub fn open(
        &self,
        stored: &[u8],
        account: &AccountKeys,
        admin_key: impl FnOnce(KeyId) -> Option<[u8; 32]>,
    ) -> Result<Key32> {
        self.unseal(&self.verify(stored, admin_key)?, account)
    }

    /// The same without asking who signed it: for whoever can tell the key by its hash.
    pub fn open_unsigned(&self, stored: &[u8], account: &AccountKeys) -> Result<Key32> {
        let too_large = (stored.len() > MAX_LEN).then(|| self.bad("is too large"));
        too_large.map_or(Ok(()), Err)?;
        let grant = Grant::decode(stored).map_err(|e| self.bad("does not decode").caused_by(e))?;
        self.unseal(&grant, account)
    }

    fn unseal(&self, grant: &Grant, account: &AccountKeys) -> Result<Key32> {
        let bad = |what| self.bad(what);
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(&grant.encapsulated)
            .map_err(|_| bad("is malformed"))?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, Kem>(
            &OpModeR::Base,
            account.kem(),
            &encapsulated,
            &self.info(),
            &grant.sealed,
            b"",
        )
        .map_err(|_| bad("does not open for this account"))?;
        let opened = zeroize::Zeroizing::new(opened);
        opened[..].try_into().map(Key32::new).map_err(|_| bad("does not hold a key"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_recipient_opens_it_and_only_in_its_scope() {
        let workspace = LogId([1; 32]);
        let account = |n: u8| AccountKeys::derive(&Key32::new([n; 32]), &workspace).unwrap();
        let (admin, user, other) = (account(1), account(2), account(3));
        let scope = GrantScope { workspace, log: LogId([4; 32]), generation: 0, recipient: user.key_id() };
        let key = Key32::new([42; 32]);
        let stored = scope.seal(&key, &user.public(), &admin).unwrap().encode_to_vec();
        let admins = |id| (id == admin.key_id()).then_some(admin.public().sign);
        assert_eq!(scope.open(&stored, &user, admins).unwrap().as_bytes(), key.as_bytes());
        assert!(scope.open(&stored, &other, admins).is_err());
        assert!(scope.open(&stored, &user, |_| None).is_err());
        assert!(scope.open(&stored, &user, |_| Some(other.public().sign)).is_err());
        for wrong in [
            GrantScope { generation: 1, ..scope },
            GrantScope { log: LogId([5; 32]), ..scope },
            GrantScope { recipient: other.key_id(), ..scope },
        ] {
            assert!(wrong.open(&stored, &user, admins).is_err());
        }
        for at in 0..stored.len() {
            let mut bad = stored.clone();
            bad[at] ^= 1;
            assert!(scope.open(&bad, &user, admins).is_err(), "byte {at}");
            assert!(scope.open(&stored[..at], &user, admins).is_err(), "cut at {at}");
        }
    }
}

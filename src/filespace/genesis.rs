//! The first slot of a filespace's log: what it is, who its first admin is, and the hash of its key. Its
//! own hash is the filespace's id, so nothing in it can be exchanged.

use bytes::Bytes;
use prost::Message;

use crate::crypto::account::{self, AccountKeys, PublicKeys};
use crate::crypto::{self, Key32};
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, LogId};
use crate::state::replica::Birth;

/// The largest genesis, in bytes.
const MAX_LEN: usize = 4096;
const FORMAT_VERSION: u32 = 1;

/// What a filespace is born with.
#[derive(Clone, PartialEq, Message)]
pub struct Genesis {
    /// Version of the format of everything in this log.
    #[prost(uint32, tag = "1")]
    pub format_version: u32,
    /// The workspace it belongs to; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub workspace: Bytes,
    /// 32 random bytes: two filespaces never have the same id.
    #[prost(bytes = "bytes", tag = "3")]
    pub random: Bytes,
    /// When, nanoseconds since 1970.
    #[prost(int64, tag = "4")]
    pub created: i64,
    /// The first admin's Ed25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "5")]
    pub admin_sign: Bytes,
    /// The first admin's X25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "6")]
    pub admin_kem: Bytes,
    /// Hash of the key of generation 0; 32 bytes.
    #[prost(bytes = "bytes", tag = "7")]
    pub key_hash: Bytes,
    /// Plain bytes of a full block of file content.
    #[prost(uint32, tag = "8")]
    pub block_size: u32,
    /// The first admin's signature over the encoding of all of the above; 64 bytes.
    #[prost(bytes = "bytes", tag = "15")]
    pub signature: Bytes,
}

impl Genesis {
    /// Signs a new one.
    pub fn new(
        workspace: LogId,
        random: [u8; 32],
        created: i64,
        admin: &AccountKeys,
        key: &Key32,
        block_size: u32,
    ) -> Genesis {
        let public = admin.public();
        let mut genesis = Genesis {
            format_version: FORMAT_VERSION,
            workspace: Bytes::copy_from_slice(&workspace.0),
            random: Bytes::copy_from_slice(&random),
            created,
            admin_sign: Bytes::copy_from_slice(&public.sign),
            admin_kem: Bytes::copy_from_slice(&public.kem),
            key_hash: Bytes::copy_from_slice(&key_hash(key).0),
            block_size,
            signature: Bytes::new(),
        };
        let signature = admin.sign(&genesis.signed_part());
        genesis.signature = Bytes::copy_from_slice(&signature);
        genesis
    }

    /// Checks a slot 0: it must hash to the id that the workspace names.
    pub fn open(bytes: &[u8], id: LogId) -> Result<Genesis> {
        let broken =
            |what: &str| Error::new(Status::Integrity, format!("the genesis of filespace {id} {what}"));
        if bytes.len() > MAX_LEN || log_id(bytes) != id {
            return Err(broken("does not hash to its id; the store shows another log"));
        }
        let genesis = Genesis::decode(bytes).map_err(|e| broken("does not decode").caused_by(e))?;
        if genesis.format_version != FORMAT_VERSION {
            return Err(Error::new(
                Status::UpgradeRequired,
                format!("filespace {id} has format version {}; this library reads 1", genesis.format_version),
            ));
        }
        let admin = genesis.admin().filter(PublicKeys::is_acceptable);
        let admin = admin.ok_or_else(|| broken("has no valid admin"))?;
        let lengths = genesis.workspace.len() == 32 && genesis.key_hash.len() == 32;
        let block_size = (64 << 10..=4 << 20).contains(&genesis.block_size);
        let signature = <&[u8; 64]>::try_from(&genesis.signature[..]).ok();
        let signed = signature.is_some_and(|s| account::verify(&admin.sign, &genesis.signed_part(), s));
        let canonical = genesis.encode_to_vec() == bytes;
        if !lengths || !block_size || !signed || !canonical {
            return Err(broken("breaks a rule of the format"));
        }
        Ok(genesis)
    }

    /// The first admin.
    pub fn admin(&self) -> Option<PublicKeys> {
        Some(PublicKeys {
            sign: self.admin_sign[..].try_into().ok()?,
            kem: self.admin_kem[..].try_into().ok()?,
        })
    }

    /// Whether this is the key of generation 0.
    pub fn has_key(&self, key: &Key32) -> bool {
        key_hash(key).0[..] == self.key_hash[..]
    }

    /// What the first state is made of.
    pub fn birth(&self) -> Result<Birth> {
        let admin = self.admin().ok_or_else(|| Error::new(Status::Integrity, "the genesis has no admin"))?;
        Ok(Birth { chain: Hash(log_id(&self.encode_to_vec()).0), admin, created: self.created })
    }

    fn signed_part(&self) -> Vec<u8> {
        let unsigned = Genesis { signature: Bytes::new(), ..self.clone() };
        crypto::hash("lucidlink/filespace-genesis-signed/v1", &[&unsigned.encode_to_vec()]).0.to_vec()
    }
}

/// The id of the log that starts with these bytes.
pub fn log_id(genesis: &[u8]) -> LogId {
    LogId(crypto::hash("lucidlink/filespace-genesis/v1", &[genesis]).0)
}

/// The hash by which a key is recognised.
pub fn key_hash(key: &Key32) -> Hash {
    crypto::hash("lucidlink/key-hash/v1", &[key.as_bytes()])
}

//! The one sealing rule. An object has a salt of 32 random bytes; its key is HKDF of the filespace's key, the
//! salt and what the object is; its chunks are sealed with AES-256-GCM under that key, the chunk's number
//! as nonce. So no nonce repeats, and nothing can be cut, swapped or shown elsewhere without being noticed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use parking_lot::RwLock;

use super::Key32;
use crate::error::{Error, Status};
use crate::ids::LogId;

/// Version of the format of sealed objects.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes of a stored chunk before its ciphertext: codec, plain length, sealed length.
pub const CHUNK_HEADER: usize = 9;
/// What sealing adds to the bytes of a chunk: header and tag.
pub const CHUNK_OVERHEAD: usize = CHUNK_HEADER + TAG;
const TAG: usize = 16;

/// What a sealed object is; part of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Payload of a commit; the id is session and k.
    Commit = 1,
    /// Pack of blocks.
    Pack = 2,
    /// Part of a checkpoint.
    Part = 3,
    /// Name in a workspace.
    Name = 4,
    /// Manifest of a checkpoint.
    Manifest = 5,
    /// Journal of a link.
    Journal = 6,
    /// Key of a log, under the one that followed it; the id is the generation of that.
    Key = 7,
}

/// How the plain bytes of a chunk are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// Not at all.
    None = 0,
    /// LZ4 block format.
    Lz4 = 1,
    /// Zstandard.
    Zstd = 2,
}

/// What keeps a chunk from being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is cut, or its lengths contradict each other.
    #[error("a sealed chunk is cut or malformed")]
    Malformed,
    /// The tag does not fit: damaged, forged, or not the object that was asked for.
    #[error("a sealed chunk is damaged, forged or in the wrong place")]
    Forged,
    /// The chunk is larger than any.
    #[error("a chunk would be larger than 4 GiB")]
    TooLarge,
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Error {
        Error::new(Status::Integrity, "stored data cannot be trusted").caused_by(error)
    }
}

/// The keys of a log, by generation. More can come while it is used.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: RwLock<BTreeMap<u32, Key32>>,
    /// The generation under which is sealed.
    current: AtomicU32,
}

impl Clone for Keyring {
    fn clone(&self) -> Keyring {
        Keyring { keys: RwLock::new(self.keys.read().clone()), current: AtomicU32::new(self.current()) }
    }
}

impl Keyring {
    /// A keyring with one key, which is the current one.
    pub fn new(generation: u32, key: Key32) -> Keyring {
        let keyring = Keyring::default();
        keyring.insert(generation, key);
        keyring.set_current(generation);
        keyring
    }

    /// The key of a generation.
    pub fn get(&self, generation: u32) -> Option<Key32> {
        self.keys.read().get(&generation).cloned()
    }

    /// Whether it has the key of a generation.
    pub fn has(&self, generation: u32) -> bool {
        self.keys.read().contains_key(&generation)
    }

    /// Adds a key.
    pub fn insert(&self, generation: u32, key: Key32) {
        self.keys.write().insert(generation, key);
    }

    /// The generations that it has, in ascending order.
    pub fn generations(&self) -> Vec<u32> {
        self.keys.read().keys().copied().collect()
    }

    /// The generation under which is sealed.
    pub fn current(&self) -> u32 {
        self.current.load(Ordering::Acquire)
    }

    /// From now on is sealed under this generation.
    pub fn set_current(&self, generation: u32) {
        self.current.store(generation, Ordering::Release);
    }
}

/// What a stored chunk says of itself, in the clear; bound by the seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// How the plain bytes are compressed.
    pub codec: Codec,
    /// Plain bytes after decompression.
    pub plain_len: u32,
    /// Ciphertext and tag.
    pub sealed_len: u32,
}

impl ChunkHeader {
    /// Reads the header of a chunk that is at the start of `stored` as a whole.
    pub fn parse(stored: &[u8]) -> Result<ChunkHeader, SealError> {
        let head: &[u8; CHUNK_HEADER] = stored.first_chunk().ok_or(SealError::Malformed)?;
        let codec = match head[0] {
            0 => Codec::None,
            1 => Codec::Lz4,
            2 => Codec::Zstd,
            _ => return Err(SealError::Malformed),
        };
        let plain_len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let sealed_len = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
        let header = ChunkHeader { codec, plain_len, sealed_len };
        let fits = sealed_len as usize >= TAG && header.stored_len() <= stored.len();
        fits.then_some(header).ok_or(SealError::Malformed)
    }

    /// Bytes of the whole stored chunk.
    pub fn stored_len(&self) -> usize {
        CHUNK_HEADER + self.sealed_len as usize
    }
}

/// Where a chunk is in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Its number.
    pub number: u32,
    /// Where it starts.
    pub offset: u64,
    /// Bytes that it takes.
    pub length: u32,
}

/// The key of one object.
pub struct ObjectKey {
    key: LessSafeKey,
    /// The part of the associated data that all chunks share.
    identity: Vec<u8>,
}

impl ObjectKey {
    /// The key of the object `id` of a log, sealed under a generation's key with this salt.
    pub fn derive(key: &Key32, salt: &[u8; 32], kind: Kind, log: &LogId, id: &[u8]) -> ObjectKey {
        let mut identity = Vec::with_capacity(2 + 1 + 32 + 1 + id.len());
        identity.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        identity.push(kind as u8);
        identity.extend_from_slice(&log.0);
        identity.push(id.len() as u8);
        identity.extend_from_slice(id);
        let key = key.derive(salt, &[b"lucidlink/seal/v1", &identity[2..]]);
        // AES-256-GCM takes any 32 bytes.
        #[allow(clippy::expect_used)]
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("32 bytes are an AES-256 key");
        ObjectKey { key: LessSafeKey::new(key), identity }
    }

    /// Seals chunk `n` behind what is in `out`: `data` are the compressed bytes of `plain_len` plain ones. Each number
    /// must be sealed once only. Returns the bytes that the stored chunk takes.
    pub fn seal_chunk(
        &self,
        n: u64,
        codec: Codec,
        plain_len: u32,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<u32, SealError> {
        let start = out.len();
        out.resize(start + data.len() + CHUNK_OVERHEAD, 0);
        self.seal_chunk_into(n, codec, plain_len, data, &mut out[start..])
    }

    /// The same into `out`, which has [`CHUNK_OVERHEAD`] bytes more than `data`.
    pub fn seal_chunk_into(
        &self,
        n: u64,
        codec: Codec,
        plain_len: u32,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<u32, SealError> {
        let tagged_len = u32::try_from(data.len() + TAG).map_err(|_| SealError::TooLarge)?;
        let (header, tagged) = out.split_at_mut(CHUNK_HEADER);
        header[0] = codec as u8;
        header[1..5].copy_from_slice(&plain_len.to_le_bytes());
        header[5..].copy_from_slice(&tagged_len.to_le_bytes());
        let (sealed, place_of_tag) = tagged.split_at_mut(data.len());
        sealed.copy_from_slice(data);
        let aad = self.associated_data(n, plain_len, codec);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(n), Aad::from(aad), sealed)
            .map_err(|_| SealError::TooLarge)?;
        place_of_tag.copy_from_slice(tag.as_ref());
        Ok(CHUNK_HEADER as u32 + tagged_len)
    }

    /// Opens chunk `n`, which is at the start of `stored`; what follows it is ignored. Returns its header and
    /// the bytes that its codec made of the plain ones.
    pub fn open_chunk(&self, n: u64, stored: &[u8]) -> Result<(ChunkHeader, Vec<u8>), SealError> {
        let header = ChunkHeader::parse(stored)?;
        let mut data = stored[CHUNK_HEADER..header.stored_len()].to_vec();
        let aad = self.associated_data(n, header.plain_len, header.codec);
        let len =
            self.key.open_in_place(nonce(n), Aad::from(aad), &mut data).map_err(|_| SealError::Forged)?.len();
        data.truncate(len);
        Ok((header, data))
    }

    /// The same into `out`, which has as many bytes at least; says how many of them are the chunk's.
    pub fn open_chunk_into(
        &self,
        n: u64,
        stored: &[u8],
        out: &mut [u8],
    ) -> Result<(ChunkHeader, usize), SealError> {
        let header = ChunkHeader::parse(stored)?;
        let sealed = &stored[CHUNK_HEADER..header.stored_len()];
        let (sealed, tag) = sealed.split_at(sealed.len() - TAG);
        let Some(data) = out.get_mut(..sealed.len()) else { return Err(SealError::Malformed) };
        let aad = self.associated_data(n, header.plain_len, header.codec);
        self.key
            .open_separate_gather(nonce(n), Aad::from(aad), sealed, tag, data)
            .map_err(|_| SealError::Forged)?;
        Ok((header, sealed.len()))
    }

    fn associated_data(&self, n: u64, plain_len: u32, codec: Codec) -> Vec<u8> {
        let mut aad = Vec::with_capacity(self.identity.len() + 13);
        aad.extend_from_slice(&self.identity);
        aad.extend_from_slice(&n.to_le_bytes());
        aad.extend_from_slice(&plain_len.to_le_bytes());
        aad.push(codec as u8);
        aad
    }
}

fn nonce(n: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&n.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn key(salt: u8, kind: Kind, log: u8, id: &[u8]) -> ObjectKey {
        ObjectKey::derive(&Key32::new([9; 32]), &[salt; 32], kind, &LogId([log; 32]), id)
    }

    proptest! {
        #[test]
        fn a_chunk_opens_only_as_what_it_was_sealed(data: Vec<u8>, n in 0..1u64 << 40, tail: Vec<u8>) {
            let own = key(1, Kind::Pack, 1, b"id");
            let mut stored = Vec::new();
            let len = own.seal_chunk(n, Codec::Lz4, 77, &data, &mut stored).unwrap();
            prop_assert_eq!(len as usize, stored.len());
            prop_assert_eq!(stored.len(), data.len() + CHUNK_OVERHEAD);
            stored.extend(&tail);
            let (header, opened) = own.open_chunk(n, &stored).unwrap();
            prop_assert_eq!((header.codec, header.plain_len), (Codec::Lz4, 77));
            prop_assert_eq!(opened, data);
            prop_assert!(own.open_chunk(n + 1, &stored).is_err());
            for other in [
                key(2, Kind::Pack, 1, b"id"),
                key(1, Kind::Part, 1, b"id"),
                key(1, Kind::Pack, 2, b"id"),
                key(1, Kind::Pack, 1, b"ie"),
            ] {
                prop_assert_eq!(other.open_chunk(n, &stored).unwrap_err(), SealError::Forged);
            }
        }

        #[test]
        fn a_changed_or_cut_chunk_does_not_open(data in prop::collection::vec(any::<u8>(), 0..64), at: prop::sample::Index, bit in 0..8) {
            let own = key(1, Kind::Pack, 1, b"id");
            let mut stored = Vec::new();
            own.seal_chunk(5, Codec::None, data.len() as u32, &data, &mut stored).unwrap();
            let at = at.index(stored.len());
            prop_assert!(own.open_chunk(5, &stored[..at]).is_err());
            stored[at] ^= 1u8 << bit;
            prop_assert!(own.open_chunk(5, &stored).is_err());
        }
    }
}

//! A pack: many sealed blocks in one immutable object, an index, a footer (`docs/format.md`, "Pack"). The
//! parts of a checkpoint have the same form under another kind.

use std::fmt::Write;

use bytes::Bytes;

use super::buffers::Buffer;
use super::store::{Store, StoreError};
use crate::codec;
use crate::crypto::seal::{CHUNK_OVERHEAD, ChunkPlace, Codec, FORMAT_VERSION, ObjectKey, SealError};
use crate::crypto::sha256;
use crate::ids::Hash;

/// A pack is full at this many bytes.
pub const PACK_TARGET: usize = 16 << 20;
/// A pack is full at this many blocks.
const PACK_BLOCKS: usize = 1 << 16;
/// The largest block, in plain bytes.
pub const MAX_BLOCK: u32 = 4 << 20;
/// No pack has more bytes, whatever its author says: so many full blocks have less.
pub const MAX_PACK: u64 = 1 << 40;
/// Bytes of the header.
pub const HEADER: usize = 4 + 2 + 4 + 16 + 32;
/// Bytes of the footer, and of a block's entry in the index.
const FOOTER: usize = 8 + 4 + 4 + 4;
const INDEX_ENTRY: usize = 8 + 4 + 4 + 32;

const MAGIC: &[u8; 4] = b"LLPK";
const FOOTER_MAGIC: &[u8; 4] = b"LLPF";

/// Collects blocks into a pack, in memory.
pub struct PackWriter {
    key: ObjectKey,
    id: [u8; 16],
    generation: u32,
    salt: [u8; 32],
    bytes: Buffer,
    /// Where each block is, and its plain length.
    blocks: Vec<(ChunkPlace, u32)>,
}

/// A finished pack.
pub struct SealedPack {
    /// Its id.
    pub id: [u8; 16],
    /// The generation of the key.
    pub generation: u32,
    /// The salt of the seal.
    pub salt: [u8; 32],
    /// How many blocks it holds.
    pub blocks: u32,
    /// SHA-256 of the index as stored.
    pub index_hash: Hash,
    /// The object.
    pub bytes: Buffer,
}

impl PackWriter {
    /// A pack under a key that was derived for exactly this id and salt.
    pub fn new(key: ObjectKey, id: [u8; 16], generation: u32, salt: [u8; 32]) -> PackWriter {
        let mut bytes = Buffer::empty();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(&salt);
        PackWriter { key, id, generation, salt, bytes, blocks: Vec::new() }
    }

    /// Its id.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// Whether it is as large as a pack should be.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= PACK_TARGET || self.blocks.len() >= PACK_BLOCKS
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no block yet.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds a block: compressed bytes of `plain_len` plain ones.
    pub fn add(&mut self, codec: Codec, plain_len: u32, data: &[u8]) -> Result<ChunkPlace, SealError> {
        if self.bytes.len() > PACK_TARGET / 16 {
            // It is going to be full: not to be moved again and again while it grows.
            self.bytes.reserve(PACK_TARGET + PACK_TARGET / 16);
        }
        let (number, offset) = (self.blocks.len() as u32, self.bytes.len() as u64);
        let length = self.seal(number, codec, plain_len, data)?;
        let place = ChunkPlace { number, offset, length };
        self.blocks.push((place, plain_len));
        Ok(place)
    }

    fn seal(&mut self, number: u32, codec: Codec, plain_len: u32, data: &[u8]) -> Result<u32, SealError> {
        let out = self.bytes.grow(data.len() + CHUNK_OVERHEAD);
        self.key.seal_chunk_into(number.into(), codec, plain_len, data, out)
    }

    /// A block that was added.
    pub fn read(&self, place: ChunkPlace) -> Result<Bytes, SealError> {
        let stored = self.bytes.get(place.offset as usize..).ok_or(SealError::Malformed)?;
        open_block(&self.key, place.number.into(), stored)
    }

    /// Adds index and footer.
    pub fn finish(mut self) -> Result<SealedPack, SealError> {
        let index = self.index();
        let (offset, blocks) = (self.bytes.len(), self.blocks.len() as u32);
        let (codec, data) = codec::compress(&index);
        let plain_len = index.len() as u32;
        let length = self.seal(blocks, codec, plain_len, &data)?;
        let index_hash = sha256(&self.bytes[offset..]);
        self.bytes.extend_from_slice(&(offset as u64).to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&blocks.to_le_bytes());
        self.bytes.extend_from_slice(FOOTER_MAGIC);
        Ok(SealedPack {
            id: self.id,
            generation: self.generation,
            salt: self.salt,
            blocks,
            index_hash,
            bytes: self.bytes,
        })
    }

    /// Offset, stored length, plain length and SHA-256 of each block. Made at the end, on the thread that stores the
    /// pack: hashing is half of what writing costs.
    fn index(&self) -> Vec<u8> {
        let mut index = Vec::with_capacity(self.blocks.len() * INDEX_ENTRY);
        for (place, plain_len) in &self.blocks {
            let stored = &self.bytes[place.offset as usize..][..place.length as usize];
            index.extend_from_slice(&place.offset.to_le_bytes());
            index.extend_from_slice(&place.length.to_le_bytes());
            index.extend_from_slice(&plain_len.to_le_bytes());
            index.extend_from_slice(&sha256(stored).0);
        }
        index
    }
}

/// What the header of a pack says: generation, id, salt. None if it is no pack.
pub fn parse_header(bytes: &[u8]) -> Option<(u32, [u8; 16], [u8; 32])> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let known = header[..4] == MAGIC[..] && header[4..6] == FORMAT_VERSION.to_le_bytes();
    let generation = u32::from_le_bytes(header[6..10].try_into().ok()?);
    known.then_some((generation, header[10..26].try_into().ok()?, header[26..].try_into().ok()?))
}

/// The plain bytes of a block, given its stored bytes.
pub fn open_block(key: &ObjectKey, number: u64, stored: &[u8]) -> Result<Bytes, SealError> {
    let (header, data) = key.open_chunk(number, stored)?;
    codec::decompress(header.codec, data, header.plain_len, MAX_BLOCK).map(Bytes::from)
}

/// The same into a buffer that is used again.
pub fn open_large_block(key: &ObjectKey, number: u64, stored: &[u8]) -> Result<Buffer, SealError> {
    let mut data = Buffer::new(stored.len());
    let (header, len) = key.open_chunk_into(number, stored, &mut data)?;
    data.truncate(len);
    if header.plain_len > MAX_BLOCK {
        return Err(SealError::Malformed);
    }
    if header.codec == Codec::None && len == header.plain_len as usize {
        return Ok(data);
    }
    let mut plain = Buffer::new(header.plain_len as usize);
    codec::decompress_into(header.codec, &data, &mut plain)?;
    Ok(plain)
}

/// Whether a pack is as it was made: its index is the one of this hash, and each block the one of the index.
pub fn is_whole(key: &ObjectKey, index_hash: &[u8], pack: &[u8]) -> bool {
    let index = read_index(key, index_hash, pack);
    index.is_some_and(|index| index.iter().all(|entry| block_of(pack, entry).is_some()))
}

/// Adds the blocks of a pack, which must be as it was made, to another one, where they have the same places. None: it
/// is not.
pub fn copy_blocks(
    key: &ObjectKey,
    index_hash: &[u8],
    pack: &[u8],
    to: &mut PackWriter,
) -> Option<Result<(), SealError>> {
    let index = read_index(key, index_hash, pack)?;
    let blocks = index.iter().map(|entry| block_of(pack, entry)).collect::<Option<Vec<_>>>()?;
    let copy = |(number, stored): (u64, &[u8])| {
        let (header, data) = key.open_chunk(number, stored)?;
        to.add(header.codec, header.plain_len, &data).map(drop)
    };
    Some((0..).zip(blocks).try_for_each(copy))
}

/// The entries of a pack's index, if it is the one of this hash.
fn read_index(key: &ObjectKey, index_hash: &[u8], pack: &[u8]) -> Option<Vec<[u8; INDEX_ENTRY]>> {
    let (rest, footer) = pack.split_last_chunk::<FOOTER>()?;
    let Footer { offset, blocks, .. } = Footer::parse(footer)?;
    open_index(key, index_hash, blocks, rest.get(usize::try_from(offset).ok()?..)?)
}

/// The entries of an index that is stored in these bytes, if they have this hash.
fn open_index(
    key: &ObjectKey,
    index_hash: &[u8],
    blocks: u32,
    stored: &[u8],
) -> Option<Vec<[u8; INDEX_ENTRY]>> {
    if sha256(stored).0 != *index_hash {
        return None;
    }
    let (header, data) = key.open_chunk(blocks.into(), stored).ok()?;
    let max = (PACK_BLOCKS * INDEX_ENTRY) as u32;
    let index = codec::decompress(header.codec, data, header.plain_len, max).ok()?;
    let (entries, rest) = index.as_chunks();
    rest.is_empty().then(|| entries.to_vec())
}

/// What the last bytes of a pack say.
struct Footer {
    /// Where the index is.
    offset: u64,
    /// What it takes.
    length: u32,
    blocks: u32,
}

impl Footer {
    fn parse(bytes: &[u8; FOOTER]) -> Option<Footer> {
        Some(Footer {
            offset: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            length: u32::from_le_bytes(bytes[8..12].try_into().ok()?),
            blocks: u32::from_le_bytes(bytes[12..16].try_into().ok()?),
        })
    }
}

/// Where a block of a pack is, and what it is, as the pack's index says.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    /// Where it starts.
    pub offset: u64,
    /// What it takes.
    pub length: u32,
    /// Its plain bytes.
    pub plain_len: u32,
    /// SHA-256 of what is stored.
    hash: [u8; 32],
}

impl IndexEntry {
    fn parse(bytes: &[u8; INDEX_ENTRY]) -> Option<IndexEntry> {
        Some(IndexEntry {
            offset: u64::from_le_bytes(bytes[..8].try_into().ok()?),
            length: u32::from_le_bytes(bytes[8..12].try_into().ok()?),
            plain_len: u32::from_le_bytes(bytes[12..16].try_into().ok()?),
            hash: bytes[16..].try_into().ok()?,
        })
    }

    /// Whether these are the stored bytes of the block with this number, and open to what they should.
    pub fn is_block(&self, key: &ObjectKey, number: u32, stored: &[u8]) -> bool {
        let opened = || open_block(key, number.into(), stored).ok();
        sha256(stored).0 == self.hash && opened().is_some_and(|plain| plain.len() == self.plain_len as usize)
    }
}

/// The index of a stored pack of this size, by two small reads. None: it is not the one of this hash.
pub fn fetch_index(
    store: &dyn Store,
    key: &ObjectKey,
    index_hash: &[u8],
    name: &str,
    size: u64,
) -> Result<Option<Vec<IndexEntry>>, StoreError> {
    let Some(end) = size.checked_sub(FOOTER as u64).filter(|_| size <= MAX_PACK) else { return Ok(None) };
    let bytes = store.get_range(name, end, FOOTER)?;
    let footer = bytes.first_chunk().and_then(Footer::parse);
    let most = (PACK_BLOCKS * INDEX_ENTRY + CHUNK_OVERHEAD) as u32;
    let fits = |f: &Footer| f.length <= most && f.offset.checked_add(f.length.into()) == Some(end);
    let Some(footer) = footer.filter(fits) else { return Ok(None) };
    let stored = store.get_range(name, footer.offset, footer.length as usize)?;
    let entries = open_index(key, index_hash, footer.blocks, &stored);
    Ok(entries.and_then(|entries| entries.iter().map(IndexEntry::parse).collect()))
}

/// The stored bytes of a block, if they are those of its entry in the index.
fn block_of<'a>(pack: &'a [u8], entry: &[u8; INDEX_ENTRY]) -> Option<&'a [u8]> {
    let start = u64::from_le_bytes(entry[..8].try_into().ok()?);
    let length = u32::from_le_bytes(entry[8..12].try_into().ok()?);
    let block = pack.get(usize::try_from(start).ok()?..)?.get(..length as usize)?;
    (sha256(block).0 == entry[16..]).then_some(block)
}

/// Where a pack of file content is stored.
pub fn pack_key(id: &[u8; 16]) -> String {
    object_key("packs", id)
}

/// Where a part of a checkpoint is stored.
pub fn part_key(id: &[u8; 16]) -> String {
    object_key("parts", id)
}

/// Packs of one session share their first bytes, so the last one spreads them over folders.
fn object_key(folder: &str, id: &[u8; 16]) -> String {
    let mut key = format!("{folder}/{:02x}/", id[15]);
    for byte in id {
        let _ = write!(key, "{byte:02x}"); // writing to a string does not fail
    }
    key
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::crypto::Key32;
    use crate::crypto::seal::Kind;
    use crate::ids::LogId;
    use proptest::prelude::*;

    fn key(id: [u8; 16]) -> ObjectKey {
        ObjectKey::derive(&Key32::new([1; 32]), &[2; 32], Kind::Pack, &LogId([3; 32]), &id)
    }

    proptest! {
        #[test]
        fn blocks_come_back_and_damage_is_seen(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8), at: prop::sample::Index) {
            let id = [9; 16];
            let mut writer = PackWriter::new(key(id), id, 0, [2; 32]);
            let mut places = Vec::new();
            for block in &blocks {
                let (codec, data) = codec::compress(block);
                places.push(writer.add(codec, block.len() as u32, &data).unwrap());
            }
            let pack = writer.finish().unwrap();
            prop_assert_eq!(parse_header(&pack.bytes), Some((0, id, [2; 32])));
            prop_assert!(is_whole(&key(id), &pack.index_hash.0, &pack.bytes));
            let mut bad = pack.bytes.to_vec();
            let at = at.index(bad.len());
            bad[at] ^= 1;
            // The header is checked by whoever needs it, length and magic of the footer by nobody.
            let unused = [pack.bytes.len() - 12..pack.bytes.len() - 8, pack.bytes.len() - 4..pack.bytes.len()];
            let needed = at >= HEADER && !unused.iter().any(|range| range.contains(&at));
            prop_assert_eq!(is_whole(&key(id), &pack.index_hash.0, &bad), !needed);
            prop_assert!(!is_whole(&key(id), &pack.index_hash.0, &pack.bytes[..at]));
            for (place, block) in places.iter().zip(&blocks) {
                let range = place.offset as usize..place.offset as usize + place.length as usize;
                let opened = open_block(&key(id), place.number.into(), &pack.bytes[range.clone()]).unwrap();
                prop_assert_eq!(&opened[..], &block[..]);
                prop_assert!(open_block(&key(id), u64::from(place.number) + 1, &pack.bytes[range.clone()]).is_err());
                prop_assert!(open_block(&key([8; 16]), place.number.into(), &pack.bytes[range.clone()]).is_err());
                let damaged = open_block(&key(id), place.number.into(), &bad[range.clone()]);
                prop_assert_eq!(damaged.is_err(), range.contains(&at));
            }
        }
    }
}

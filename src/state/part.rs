//! Sorted parts: the form in which a checkpoint stores the state. A part is a run of sorted blocks and an
//! index of their first keys; here are their encodings and the search in them. Fetching, sealing and
//! compression are the caller's (`filespace::checkpoint`).

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes};
use prost::Message;

use super::source::{Range, Source, Stop};
use crate::ids::PartId;

/// Plain bytes after which a block is full.
pub const BLOCK_TARGET: usize = 32 << 10;
/// Plain bytes after which a part is full.
pub const PART_TARGET: usize = 16 << 20;
/// The number under which the loader knows a part's index.
pub const INDEX: u32 = u32::MAX;

/// A checkpoint: the state at a position as sorted parts.
#[derive(Clone, PartialEq, Message)]
pub struct Manifest {
    /// The position whose state it is.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// Chain and state hash of the positions up to it, 64 bytes each, oldest first, at most a window.
    #[prost(bytes = "bytes", tag = "2")]
    pub window: Bytes,
    /// The parts, in key order.
    #[prost(message, repeated, tag = "3")]
    pub parts: Vec<PartRef>,
}

/// A part of a checkpoint.
#[derive(Clone, PartialEq, Message)]
pub struct PartRef {
    /// Its id; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// The key generation under which it is sealed.
    #[prost(uint32, tag = "2")]
    pub generation: u32,
    /// The 32 random bytes of its header.
    #[prost(bytes = "bytes", tag = "3")]
    pub salt: Bytes,
    /// Its first key.
    #[prost(bytes = "bytes", tag = "4")]
    pub first_key: Bytes,
    /// The block that holds its [`PartIndex`]: number, place and length in the object.
    #[prost(message, optional, tag = "5")]
    pub index: Option<StoredBlock>,
    /// Plain bytes of its blocks.
    #[prost(uint64, tag = "6")]
    pub plain_len: u64,
}

/// Where a block of a part is.
#[derive(Clone, PartialEq, Message)]
pub struct StoredBlock {
    /// Its number in the object.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Where it starts.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    /// What it occupies.
    #[prost(uint32, tag = "3")]
    pub length: u32,
    /// Its first key; empty for an index.
    #[prost(bytes = "bytes", tag = "4")]
    pub first_key: Bytes,
}

/// The blocks of a part, in key order.
#[derive(Clone, PartialEq, Message)]
pub struct PartIndex {
    /// At least one.
    #[prost(message, repeated, tag = "1")]
    pub blocks: Vec<StoredBlock>,
}

/// Collects sorted pairs into the encoding of one block: pairs (key length u16, value length u32, key,
/// value), the offset of each as u32, their number as u32; all little-endian.
#[derive(Default)]
pub struct BlockBuilder {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    first_key: Bytes,
}

impl BlockBuilder {
    /// Adds a pair; keys ascend.
    pub fn push(&mut self, key: &Bytes, value: &[u8]) {
        if self.offsets.is_empty() {
            self.first_key = key.clone();
        }
        self.offsets.push(self.bytes.len() as u32);
        self.bytes.put_u16_le(key.len() as u16);
        self.bytes.put_u32_le(value.len() as u32);
        self.bytes.put_slice(key);
        self.bytes.put_slice(value);
    }

    /// Whether it has nothing yet.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether it is as large as a block should be.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_TARGET
    }

    /// The encoding and the first key; empty again afterwards.
    pub fn finish(&mut self) -> (Vec<u8>, Bytes) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let offsets = std::mem::take(&mut self.offsets);
        for offset in &offsets {
            bytes.put_u32_le(*offset);
        }
        bytes.put_u32_le(offsets.len() as u32);
        (bytes, std::mem::take(&mut self.first_key))
    }
}

/// A block, checked once and searched in place.
#[derive(Clone, Debug)]
pub struct SortedBlock {
    bytes: Bytes,
    count: usize,
}

impl SortedBlock {
    /// The block in these bytes, if they are the encoding of one.
    pub fn parse(bytes: Bytes) -> Option<SortedBlock> {
        let count = u32::from_le_bytes(bytes.last_chunk().copied()?) as usize;
        let table = count.checked_mul(4)?.checked_add(4)?;
        let data = bytes.len().checked_sub(table)?;
        let block = SortedBlock { bytes, count };
        let mut expected = 0;
        let mut last: Option<&[u8]> = None;
        for index in 0..count {
            let offset = block.offset(index)?;
            let (key_start, key_len, value_len) = block.entry(index)?;
            let key = block.bytes.get(key_start..key_start + key_len)?;
            if offset != expected || last.is_some_and(|l| l >= key) {
                return None;
            }
            last = Some(key);
            expected = key_start.checked_add(key_len)?.checked_add(value_len)?;
        }
        (expected == data).then_some(block)
    }

    /// A block that was parsed before.
    pub fn parsed(bytes: Bytes) -> Option<SortedBlock> {
        let count = u32::from_le_bytes(bytes.last_chunk().copied()?) as usize;
        (count.checked_mul(4)?.checked_add(4)? <= bytes.len()).then_some(SortedBlock { bytes, count })
    }

    fn offset(&self, index: usize) -> Option<usize> {
        let at = self.bytes.len().checked_sub(4 + 4 * (self.count - index))?;
        Some(u32::from_le_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    }

    /// Where the key starts, its length and the value's.
    fn entry(&self, index: usize) -> Option<(usize, usize, usize)> {
        let at = self.offset(index)?;
        let head = self.bytes.get(at..at.checked_add(6)?)?;
        let key_len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let value_len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
        Some((at + 6, key_len, value_len))
    }

    fn key(&self, index: usize) -> &[u8] {
        self.entry(index).and_then(|(at, len, _)| self.bytes.get(at..at + len)).unwrap_or_default()
    }

    fn pair(&self, index: usize) -> Option<(Bytes, Bytes)> {
        let (at, key_len, value_len) = self.entry(index)?;
        let value = at + key_len;
        Some((self.bytes.slice(at..value), self.bytes.slice(value..value + value_len)))
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (Bytes, Bytes)> {
        (0..self.count).filter_map(|index| self.pair(index))
    }

    /// The index of the first key that is not less.
    fn lower_bound(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle) < key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    fn get(&self, key: &[u8]) -> Option<Bytes> {
        let index = self.lower_bound(key);
        (index < self.count && self.key(index) == key).then(|| self.pair(index)).flatten().map(|(_, v)| v)
    }
}

/// The blocks of parts that are local.
pub trait Blocks: Send + Sync {
    /// A block, if it is local.
    fn cached(&self, part: PartId, block: u32) -> Option<SortedBlock>;
}

/// The parts of a checkpoint, read block by block.
pub struct Parts {
    parts: Vec<Part>,
    blocks: Arc<dyn Blocks>,
}

struct Part {
    id: PartId,
    reference: PartRef,
    index: OnceLock<PartIndex>,
}

impl Parts {
    /// No checkpoint: an empty state.
    pub fn none() -> Parts {
        struct NoBlocks;
        impl Blocks for NoBlocks {
            fn cached(&self, _: PartId, _: u32) -> Option<SortedBlock> {
                None
            }
        }
        Parts { parts: Vec::new(), blocks: Arc::new(NoBlocks) }
    }

    /// The parts of a manifest; none if it breaks a rule.
    pub fn new(references: Vec<PartRef>, blocks: Arc<dyn Blocks>) -> Option<Parts> {
        let sorted = references.windows(2).all(|p| p[0].first_key < p[1].first_key);
        let parts = references.into_iter().map(|reference| {
            let id = PartId::from_slice(&reference.id)?;
            (reference.salt.len() == 32 && reference.index.is_some()).then(|| Part {
                id,
                reference,
                index: OnceLock::new(),
            })
        });
        let parts: Option<Vec<Part>> = parts.collect();
        parts.filter(|_| sorted).map(|parts| Parts { parts, blocks })
    }

    /// What the loader needs to fetch a block of a part.
    pub fn locate(&self, part: PartId, block: u32) -> Option<(&PartRef, &StoredBlock)> {
        let part = self.parts.iter().find(|p| p.id == part)?;
        let stored = match block {
            INDEX => part.reference.index.as_ref()?,
            _ => part.index.get()?.blocks.get(block as usize)?,
        };
        Some((&part.reference, stored))
    }

    /// Keeps a part's index; false if it breaks a rule.
    pub fn set_index(&self, part: PartId, index: PartIndex) -> bool {
        let sorted = index.blocks.windows(2).all(|b| b[0].first_key < b[1].first_key);
        match self.parts.iter().find(|p| p.id == part) {
            Some(part) if sorted && !index.blocks.is_empty() => {
                // Another thread may have loaded the same index.
                let _ = part.index.set(index);
                true
            }
            _ => false,
        }
    }

    /// Plain bytes of all of them.
    pub fn plain_len(&self) -> u64 {
        self.parts.iter().fold(0, |sum, p| sum.saturating_add(p.reference.plain_len))
    }

    /// The references of the parts, for a manifest that reuses them.
    pub fn references(&self) -> impl Iterator<Item = &PartRef> {
        self.parts.iter().map(|p| &p.reference)
    }

    /// The part and block where a key would be.
    fn position_of(&self, key: &[u8]) -> Result<Option<(usize, u32)>, Stop> {
        let after = self.parts.partition_point(|p| p.reference.first_key[..] <= *key);
        let Some(part) = after.checked_sub(1) else { return Ok(None) };
        let index = self.index(part)?;
        let after = index.blocks.partition_point(|b| b.first_key[..] <= *key);
        Ok(Some((part, after.saturating_sub(1) as u32)))
    }

    fn index(&self, part: usize) -> Result<&PartIndex, Stop> {
        let part = &self.parts[part];
        part.index.get().ok_or(Stop::Missing { part: part.id, block: INDEX })
    }

    fn block(&self, part: usize, block: u32) -> Result<SortedBlock, Stop> {
        let id = self.parts[part].id;
        self.blocks.cached(id, block).ok_or(Stop::Missing { part: id, block })
    }
}

impl Source for Parts {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        match self.position_of(key)? {
            Some((part, block)) => Ok(self.block(part, block)?.get(key)),
            None => Ok(None),
        }
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a> {
        if self.parts.is_empty() || from >= to {
            return Box::new(std::iter::empty());
        }
        let start = match self.position_of(from) {
            Ok(found) => found.unwrap_or((0, 0)),
            Err(stop) => return Box::new(std::iter::once(Err(stop))),
        };
        Box::new(Cursor { parts: self, next: Some(start), block: None, from: from.to_vec(), to: to.to_vec() })
    }
}

/// Walks over blocks in order.
struct Cursor<'a> {
    parts: &'a Parts,
    /// The block to open next.
    next: Option<(usize, u32)>,
    block: Option<(SortedBlock, usize)>,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Cursor<'_> {
    /// Opens the next block at the first key of the range; false at the end.
    fn advance(&mut self) -> Result<bool, Stop> {
        let Some((part, block)) = self.next else { return Ok(false) };
        if part >= self.parts.parts.len() {
            return Ok(false);
        }
        let count = self.parts.index(part)?.blocks.len() as u32;
        let opened = self.parts.block(part, block)?;
        let first = opened.lower_bound(&self.from);
        self.block = Some((opened, first));
        self.next = Some(if block + 1 < count { (part, block + 1) } else { (part + 1, 0) });
        Ok(true)
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<(Bytes, Bytes), Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((block, index)) = &mut self.block
                && *index < block.count
            {
                let pair = block.pair(*index)?;
                *index += 1;
                return (pair.0[..] < self.to[..]).then_some(Ok(pair));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(stop) => {
                    self.next = None;
                    self.block = None;
                    return Some(Err(stop));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_block_gives_back_what_was_put_in(map: BTreeMap<Vec<u8>, Vec<u8>>, probe: Vec<u8>) {
            let mut builder = BlockBuilder::default();
            for (k, v) in &map {
                builder.push(&Bytes::from(k.clone()), v);
            }
            let (bytes, _) = builder.finish();
            let block = SortedBlock::parse(bytes.into()).unwrap();
            for (k, v) in &map {
                let found = block.get(k);
                prop_assert_eq!(found.as_deref(), Some(&v[..]));
            }
            let found = block.get(&probe);
            prop_assert_eq!(found.as_deref(), map.get(&probe).map(|v| &v[..]));
        }

        #[test]
        fn hostile_bytes_are_refused_or_harmless(bytes: Vec<u8>, probe: Vec<u8>) {
            if let Some(block) = SortedBlock::parse(bytes.into()) {
                block.get(&probe);
            }
        }
    }
}

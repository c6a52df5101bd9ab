//! Content on its way to the caller: from extents to bytes, through the block cache.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;

use crate::codec;
use crate::content::buffers::Buffer;
use crate::content::cache::{Block, BlockCache, BlockKey};
use crate::content::pack::{MAX_BLOCK, open_large_block, pack_key};
use crate::content::store::StoreError;
use crate::error::{Error, Result, Status};
use crate::filespace::{LateFailure, Link, PendingBlocks, ReadError, View, pack_object_key};
use crate::ids::{Hash, Ino, PackId};
use crate::metrics::count;
use crate::state::extents::coalesce;
use crate::state::ops::Extent;
use crate::state::value::Pack;
use crate::state::{Stop, Tables};

/// Bytes of a pack fetched by one request at most.
const MAX_FETCH: u64 = 4 << 20;

/// One version of a file's content.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    pub(super) size: u64,
    /// Sorted, disjoint.
    pub(super) extents: Vec<Extent>,
    /// The packs that they are in. Kept here, because the state forgets a commit's blocks once they are
    /// overwritten; the log still has them.
    packs: HashMap<PackId, Pack>,
    /// The blocks of those that are not committed yet.
    pending: HashMap<PackId, PendingBlocks>,
}

impl Version {
    /// The content of a file as the state has it; none if there is no such file.
    pub(super) fn load(state: &View, ino: Ino) -> Result<Option<Version>, ReadError> {
        let Some(inode) = state.inode(ino)? else { return Ok(None) };
        let extents = coalesce(state.extents(ino, 0, u64::MAX)?);
        let (mut packs, mut pending) = (HashMap::new(), HashMap::new());
        for extent in &extents {
            let id = PackId::from_slice(&extent.pack).ok_or(Stop::Corrupt("extent"))?;
            if let Entry::Vacant(place) = packs.entry(id) {
                place.insert(state.pack(id)?.ok_or(Stop::Corrupt("an extent without its pack"))?);
                pending.extend(state.pending_blocks(id).map(|blocks| (id, blocks.clone())));
            }
        }
        Ok(Some(Version { size: inode.size, extents, packs, pending }))
    }

    /// One of the contents that a change was to write which the log refused.
    pub(super) fn of_late_failure(failure: &LateFailure, nth: usize) -> Option<Version> {
        let (transaction, blocks, packs_of_it) = failure.content();
        let content = transaction.contents().nth(nth)?;
        let own = |extent: &Extent| match extent.pack[..] == PackId::INLINE.0[..] {
            true => Extent { pack: Bytes::copy_from_slice(&failure.pack().0), ..extent.clone() },
            false => extent.clone(),
        };
        let extents = coalesce(content.extents.iter().map(own).collect());
        let mut packs = HashMap::from([(failure.pack(), Pack::default())]);
        packs.extend(packs_of_it.iter().filter_map(|new| {
            let (generation, salt) = (new.generation, new.salt.clone());
            Some((PackId::from_slice(&new.id)?, Pack { generation, salt, size: new.size, ..Pack::default() }))
        }));
        let size = extents.last().map_or(0, Extent::end).max(content.size);
        let pending = HashMap::from([(failure.pack(), blocks)]);
        Some(Version { size, extents, packs, pending })
    }

    /// The first range at or behind an offset that is no hole.
    pub(super) fn data_from(&self, offset: u64) -> Option<(u64, u64)> {
        let extent = self.extents.get(self.extents.partition_point(|e| e.end() <= offset))?;
        Some((extent.offset.max(offset), extent.end()))
    }

    /// Puts what another version has in `[from, to)` in the place of what this one has there.
    pub(super) fn take_range(&mut self, newer: &Version, from: u64, to: u64) {
        let own = self.extents.iter();
        let kept = own.flat_map(|e| [e.slice(0, from), e.slice(to, u64::MAX)]).flatten();
        let taken = newer.extents.iter().filter_map(|e| e.slice(from, to));
        let mut extents: Vec<Extent> = kept.chain(taken).collect();
        extents.sort_by_key(|e| e.offset);
        self.extents = coalesce(extents);
        self.packs.extend(newer.packs.iter().map(|(id, pack)| (*id, pack.clone())));
        self.pending.extend(newer.pending.iter().map(|(id, blocks)| (*id, blocks.clone())));
        self.size = self.size.max(to.min(newer.size));
    }

    /// Fills `out` with the bytes from `offset` on, which are all inside the file.
    pub(super) fn read(&self, link: &Link, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset + out.len() as u64;
        let mut at = offset;
        let first = self.extents.partition_point(|e| e.end() <= offset);
        for extent in &self.extents[first..] {
            if extent.offset >= end {
                break;
            }
            let (from, to) = (extent.offset.max(at), extent.end().min(end));
            out[(at - offset) as usize..(from - offset) as usize].fill(0);
            self.read_extent(link, extent, from, &mut out[(from - offset) as usize..(to - offset) as usize])?;
            at = to;
        }
        out[(at - offset) as usize..].fill(0);
        Ok(())
    }

    /// Whether the block with the byte at `at` needs not be fetched.
    pub(super) fn is_warm(&self, link: &Link, at: u64) -> bool {
        let n = self.extents.partition_point(|e| e.end() <= at);
        let Some(extent) = self.extents.get(n).filter(|e| e.offset <= at) else { return true };
        let Some(pack) = PackId::from_slice(&extent.pack) else { return true };
        let index = (u64::from(extent.skip) + at - extent.offset) / u64::from(extent.block_length.max(1));
        let key = BlockKey { instance: link.instance(), pack, number: extent.block + index as u32 };
        BlockCache::process().has(&key)
    }

    /// Brings the blocks of `[from, to)` into the cache.
    pub(super) fn warm(&self, link: &Link, from: u64, to: u64) -> Result<()> {
        let first = self.extents.partition_point(|e| e.end() <= from);
        for extent in self.extents[first..].iter().take_while(|e| e.offset < to) {
            let (from, to) = (extent.offset.max(from), extent.end().min(to));
            self.for_blocks(link, extent, from, to - from, |_, _, _| Ok(()))?;
        }
        Ok(())
    }

    /// Fills `out` with the bytes of an extent from the file offset `from` on.
    fn read_extent(&self, link: &Link, extent: &Extent, from: u64, out: &mut [u8]) -> Result<()> {
        let mut done = 0;
        self.for_blocks(link, extent, from, out.len() as u64, |block, skip, wanted| {
            let bytes: &[u8] = block.as_ref();
            let piece = bytes
                .get(skip..skip + wanted)
                .ok_or_else(|| damaged("a block is shorter than its extent"))?;
            out[done..done + wanted].copy_from_slice(piece);
            done += wanted;
            Ok(())
        })
    }

    /// Each block of `len` bytes of an extent from the file offset `from` on, with the part of it that is meant.
    fn for_blocks(
        &self,
        link: &Link,
        extent: &Extent,
        from: u64,
        len: u64,
        mut each: impl FnMut(&Block, usize, usize) -> Result<()>,
    ) -> Result<()> {
        let pack = PackId::from_slice(&extent.pack).ok_or_else(|| damaged("an extent without a pack"))?;
        let record = self.packs.get(&pack).ok_or_else(|| damaged("an extent without its pack"))?;
        let unit = u64::from(extent.block_length.max(1));
        let start = u64::from(extent.skip) + (from - extent.offset);
        let last = (start + len - 1) / unit;
        let pending = self.pending.get(&pack);
        let mut run = Run { link, extent, pack, record, pending, last, fetched: None };
        let mut done = 0;
        while done < len {
            let at = start + done;
            let (index, skip) = (at / unit, (at % unit) as usize);
            let key = BlockKey { instance: link.instance(), pack, number: extent.block + index as u32 };
            let block = match BlockCache::process().get(&key) {
                Some(block) => {
                    count(&link.metrics().cache_hits);
                    block
                }
                None => BlockCache::process().get_or_load(&key, || run.load(index))?,
            };
            let wanted = (unit - skip as u64).min(len - done);
            each(&block, skip, wanted as usize)?;
            done += wanted;
        }
        Ok(())
    }
}

/// Consecutive blocks, fetched by as few requests as possible.
struct Run<'a> {
    link: &'a Link,
    extent: &'a Extent,
    pack: PackId,
    record: &'a Pack,
    /// Its blocks, if it is not committed yet.
    pending: Option<&'a PendingBlocks>,
    /// The last block that the caller wants.
    last: u64,
    fetched: Option<Fetched>,
}

struct Fetched {
    /// Where `bytes` starts in the object.
    offset: u64,
    bytes: Buffer,
    /// Where it is from.
    from: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The log or the store: what is wrong with it is wrong for everybody.
    Stored,
    /// The cache on the local disk.
    DiskCache,
}

impl Run<'_> {
    fn load(&mut self, index: u64) -> Result<std::sync::Arc<Block>> {
        count(&self.link.metrics().cache_misses);
        if let Some(blocks) = self.pending {
            // Chunk 0 is the body's.
            let at = u64::from(self.extent.block) + index;
            let block = at.checked_sub(1).and_then(|at| blocks.get(at as usize));
            let block = block.ok_or_else(|| damaged("a block that waits to be committed is nowhere"))?;
            let plain = codec::decompress(block.codec, block.data.to_vec(), block.plain_len, MAX_BLOCK)?;
            return Ok(Block::new(plain));
        }
        loop {
            match self.fetch_and_open(index) {
                Err(_) if self.forget_cached(index)? => {}
                loaded => return loaded,
            }
        }
    }

    /// Whether a block's bytes came from the cache on disk; they are forgotten there.
    fn forget_cached(&mut self, index: u64) -> Result<bool> {
        let (offset, length) = self.place(index)?;
        let Some(cache) = self.link.disk_cache() else { return Ok(false) };
        let cached = self.fetched.take_if(|f| f.from == Source::DiskCache).is_some();
        if cached {
            cache.distrust(self.pack, offset, length);
        }
        Ok(cached)
    }

    fn fetch_and_open(&mut self, index: u64) -> Result<std::sync::Arc<Block>> {
        let (offset, length) = self.place(index)?;
        let held = |f: &Fetched| {
            let start = offset.checked_sub(f.offset)? as usize;
            f.bytes.get(start..start.checked_add(length as usize)?).map(|_| start)
        };
        let start = match self.fetched.as_ref().and_then(held) {
            Some(start) => start,
            None => {
                self.fetch(index)?;
                0
            }
        };
        let Some(Fetched { bytes, .. }) = &self.fetched else {
            return Err(damaged("a block could not be fetched"));
        };
        let key = pack_object_key(self.link, self.record, self.pack)?;
        let number = u64::from(self.extent.block) + index;
        let stored = bytes.get(start..start + length as usize).ok_or_else(|| damaged("a block is cut"))?;
        let plain = open_large_block(&key, number, stored).map_err(|e| {
            let what = format!("block {number} of {} cannot be trusted", describe(self.pack));
            Error::new(Status::Integrity, what).caused_by(e)
        })?;
        Ok(Block::new(plain))
    }

    /// Fetches a block and those behind it that are wanted too.
    fn fetch(&mut self, index: u64) -> Result<()> {
        self.fetched = None;
        let (offset, length) = self.place(index)?;
        let mut end = offset + u64::from(length);
        for next in index + 1..=self.last {
            let (_, length) = self.place(next)?;
            if end + u64::from(length) - offset > MAX_FETCH {
                break;
            }
            end += u64::from(length);
        }
        // What a slot carries is found by its position, which is no name outside its filespace.
        let cache = self.link.disk_cache().filter(|_| self.pack.slot().is_none());
        let cached = cache.and_then(|cache| cache.get(self.pack, offset, length, end - offset));
        let (bytes, from) = match cached {
            Some(bytes) => (bytes, Source::DiskCache),
            None => (self.fetch_range(offset, end - offset)?, Source::Stored),
        };
        if let (Some(cache), Source::Stored) = (cache, from) {
            cache.put(self.pack, offset, &bytes);
        }
        self.fetched = Some(Fetched { offset, bytes, from });
        Ok(())
    }

    fn fetch_range(&self, offset: u64, length: u64) -> Result<Buffer> {
        let key = match (self.pack.slot(), Hash::from_slice(&self.record.out_of_line)) {
            (Some(slot), None) => {
                return Ok(Vec::from(self.link.read_slot(slot, offset, length as u32)?).into());
            }
            (Some(_), Some(hash)) => crate::filespace::payload_key(&hash),
            (None, _) => pack_key(&self.pack.0),
        };
        let mut bytes = Buffer::new(length as usize);
        match self.link.store().get_range_into(&key, offset, &mut bytes) {
            Err(error @ StoreError::NotFound { .. }) => Err(if self.link.is_gone(self.pack)? {
                stale(self.pack).caused_by(error)
            } else {
                error.into()
            }),
            other => Ok(other.map(|()| bytes)?),
        }
    }

    fn place(&self, index: u64) -> Result<(u64, u32)> {
        self.extent.stored(index as usize).ok_or_else(|| damaged("an extent without a place"))
    }
}

fn describe(pack: PackId) -> String {
    match pack.slot() {
        Some(slot) => format!("the commit at position {slot}"),
        None => format!("pack {pack}"),
    }
}

fn damaged(what: &str) -> Error {
    Error::new(Status::Integrity, format!("the content of the file is damaged: {what}"))
}

fn stale(pack: PackId) -> Error {
    let what = format!("{} is gone: the file was changed; refresh the handle", describe(pack));
    Error::new(Status::Stale, what)
}

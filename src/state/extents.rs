//! The content of a file: disjoint extents over a size. A write cuts what it overlaps and needs to read
//! nothing; every cut is charged to its pack, so that the live bytes of each pack stay exact.

use bytes::Bytes;

use super::apply::Judge;
use super::ops::{AsId, Content, Extent, Punch, Truncate};
use super::source::Tables;
use super::value::{Inode, Kind, Pack};
use super::{Failure, Refusal, key};
use crate::crypto::seal::CHUNK_OVERHEAD;
use crate::ids::{Ino, PackId};

/// The largest file: what offsets of other systems can express.
pub const MAX_FILE_SIZE: u64 = i64::MAX as u64;

/// The largest block: bytes of a file, and bytes in a pack.
const MAX_BLOCK: u32 = 4 << 20;
const MAX_STORED: u32 = MAX_BLOCK + CHUNK_OVERHEAD as u32;

/// When that was published what new extents refer to.
#[derive(Clone, Copy)]
enum Published {
    /// This commit.
    Now,
    /// This one or an earlier one.
    Before,
}

impl Extent {
    /// Where it ends in the file.
    pub fn end(&self) -> u64 {
        self.offset + self.length
    }

    /// How many blocks the run has.
    pub fn blocks(&self) -> u64 {
        (u64::from(self.skip) + self.length).div_ceil(u64::from(self.block_length.max(1)))
    }

    /// Where a block of the run is stored: offset and length.
    pub fn stored(&self, index: usize) -> Option<(u64, u32)> {
        if let [length] = self.stored_lengths[..] {
            return Some((self.stored_offset.checked_add(index as u64 * u64::from(length))?, length));
        }
        let length = *self.stored_lengths.get(index)?;
        let before: u64 = self.stored_lengths[..index].iter().copied().map(u64::from).sum();
        Some((self.stored_offset.checked_add(before)?, length))
    }

    /// The part of it inside `[from, to)`, without the blocks that are no longer touched.
    pub fn slice(&self, from: u64, to: u64) -> Option<Extent> {
        let (from, to) = (from.max(self.offset), to.min(self.end()));
        if from >= to {
            return None;
        }
        let unit = u64::from(self.block_length.max(1));
        let into_run = u64::from(self.skip) + (from - self.offset);
        let first = into_run / unit;
        let (stored_offset, _) = self.stored(first as usize)?;
        let mut part = Extent {
            offset: from,
            length: to - from,
            block: self.block.checked_add(u32::try_from(first).ok()?)?,
            skip: (into_run % unit) as u32,
            stored_offset,
            ..self.clone()
        };
        if part.stored_lengths.len() > 1 {
            part.stored_lengths = self.stored_lengths[first as usize..][..part.blocks() as usize].to_vec();
            if part.stored_lengths.iter().all(|l| *l == part.stored_lengths[0]) {
                part.stored_lengths.truncate(1);
            }
        }
        Some(part)
    }

    /// Whether it describes a run of blocks at all.
    fn is_sound(&self) -> bool {
        let lengths = self.stored_lengths.len() as u64;
        self.length > 0
            && self.offset.checked_add(self.length).is_some_and(|end| end <= MAX_FILE_SIZE)
            && (1..=MAX_BLOCK).contains(&self.block_length)
            && self.skip < self.block_length
            && (lengths == 1 || lengths == self.blocks())
            && self.stored_lengths.iter().all(|length| *length <= MAX_STORED)
            && u64::from(self.block).checked_add(self.blocks()).is_some_and(|n| n <= u64::from(u32::MAX))
            && self.stored_offset.checked_add(self.blocks() * u64::from(MAX_STORED)).is_some()
    }
}

impl Judge<'_> {
    pub(super) fn replace(&mut self, op: &Content) -> Result<(), Failure> {
        self.replace_with(op, Published::Now)
    }

    /// The content that a file had once.
    pub(super) fn restore(&mut self, op: &Content) -> Result<(), Failure> {
        self.replace_with(op, Published::Before)
    }

    fn replace_with(&mut self, op: &Content, published: Published) -> Result<(), Failure> {
        let (ino, inode) = self.content_target(op.ino)?;
        if op.size > MAX_FILE_SIZE
            || op.extents.last().is_some_and(|e| e.offset.saturating_add(e.length) > op.size)
        {
            return Err(Refusal::TooLarge.into());
        }
        self.cut(ino, 0, u64::MAX)?;
        self.place(ino, &op.extents, 0, published)?;
        self.resize(ino, inode, op.size, op.time)
    }

    pub(super) fn write(&mut self, op: &Content) -> Result<(), Failure> {
        let (ino, inode) = self.content_target(op.ino)?;
        for extent in &op.extents {
            self.cut(ino, extent.offset, extent.offset.saturating_add(extent.length))?;
        }
        self.place(ino, &op.extents, 0, Published::Now)?;
        let end = op.extents.last().map_or(0, Extent::end);
        let size = inode.size.max(end);
        self.resize(ino, inode, size, op.time)
    }

    pub(super) fn append(&mut self, op: &Content) -> Result<u64, Failure> {
        let (ino, inode) = self.content_target(op.ino)?;
        let start = inode.size;
        self.place(ino, &op.extents, start, Published::Now)?;
        let added = op.extents.last().map_or(0, Extent::end);
        let size = start.checked_add(added).filter(|s| *s <= MAX_FILE_SIZE).ok_or(Refusal::TooLarge)?;
        self.resize(ino, inode, size, op.time)?;
        Ok(start)
    }

    pub(super) fn truncate(&mut self, op: &Truncate) -> Result<(), Failure> {
        let (ino, inode) = self.content_target(op.ino)?;
        if op.size > MAX_FILE_SIZE {
            return Err(Refusal::TooLarge.into());
        }
        self.cut(ino, op.size, u64::MAX)?;
        self.resize(ino, inode, op.size, op.time)
    }

    pub(super) fn punch(&mut self, op: &Punch) -> Result<(), Failure> {
        let (ino, inode) = self.content_target(op.ino)?;
        let size = inode.size;
        self.cut(ino, op.offset, op.offset.saturating_add(op.length))?;
        self.resize(ino, inode, size, op.time)
    }

    /// Frees the content of a file that has lost its last name.
    pub(super) fn discard_content(&mut self, ino: Ino) -> Result<(), Failure> {
        self.cut(ino, 0, u64::MAX)
    }

    pub(super) fn content_target(&self, number: u64) -> Result<(Ino, Inode), Failure> {
        let ino = self.redirected(Ino(number));
        let inode = self.scratch.inode(ino)?.ok_or(Refusal::Deleted)?;
        match inode.kind() {
            Kind::File => Ok((ino, inode)),
            Kind::Directory => Err(Refusal::IsADirectory.into()),
            Kind::Symlink | Kind::None => Err(Refusal::Invalid.into()),
        }
    }

    fn resize(&mut self, ino: Ino, mut inode: Inode, size: u64, time: i64) -> Result<(), Failure> {
        self.counters.add_bytes(i128::from(size) - i128::from(inode.size));
        inode.size = size;
        inode.version = self.at.0;
        inode.mtime = time;
        inode.ctime = time;
        self.scratch.put_message(key::inode(ino), &inode);
        Ok(())
    }

    /// Removes what the file has in `[from, to)`.
    fn cut(&mut self, ino: Ino, from: u64, to: u64) -> Result<(), Failure> {
        for old in self.scratch.extents(ino, from, to)? {
            let (left, right) = (old.slice(0, from), old.slice(to, u64::MAX));
            let kept = left.iter().chain(&right).map(|e| e.length).sum::<u64>();
            self.charge(&old.pack, -((old.length - kept) as i64))?;
            self.scratch.remove(key::extent(ino, old.end()));
            for part in left.into_iter().chain(right) {
                self.put_extent(ino, part);
            }
        }
        Ok(())
    }

    /// Puts new extents, which must be sorted, disjoint and in packs that may be referred to.
    fn place(
        &mut self,
        ino: Ino,
        extents: &[Extent],
        base: u64,
        published: Published,
    ) -> Result<(), Failure> {
        let mut end = 0;
        for extent in extents {
            let mut extent = extent.clone();
            if extent.offset < end || !extent.is_sound() {
                return Err(Refusal::Invalid.into());
            }
            end = extent.end();
            extent.offset = extent.offset.checked_add(base).ok_or(Refusal::TooLarge)?;
            if extent.offset.saturating_add(extent.length) > MAX_FILE_SIZE {
                return Err(Refusal::TooLarge.into());
            }
            let mut id = extent.pack.pack().ok_or(Refusal::Invalid)?;
            if id == PackId::INLINE {
                id = self.inline_pack()?;
                extent.pack = Bytes::copy_from_slice(&id.0);
                let stored = extent.stored_offset.checked_add(self.inline_base);
                extent.stored_offset = stored.ok_or(Refusal::Invalid)?;
            }
            let pack = match (self.published(id)?, published) {
                (Some(pack), _) => pack,
                (None, Published::Now) => return Err(Refusal::DeadPack.into()),
                (None, Published::Before) => self.not_dead(id)?.ok_or(Refusal::ContentGone)?,
            };
            if u64::from(extent.block) + extent.blocks() > u64::from(pack.blocks) {
                return Err(Refusal::Invalid.into());
            }
            self.charge(&extent.pack, extent.length as i64)?;
            self.put_extent(ino, extent);
        }
        Ok(())
    }

    /// The record of a pack that was not dead before this commit. (Until the commit's end it is not, whatever is cut.)
    fn not_dead(&self, id: PackId) -> Result<Option<Pack>, Failure> {
        Ok(self.scratch.base().pack(id)?.filter(|pack| pack.live > 0))
    }

    pub(super) fn put_extent(&mut self, ino: Ino, extent: Extent) {
        let key = key::extent(ino, extent.end());
        self.scratch.put_message(key, &Extent { offset: 0, ..extent });
    }

    /// Adds to (or takes from) the live bytes of a pack. They must not wrap: a pack that is referred to would be taken
    /// for dead.
    pub(super) fn charge(&mut self, pack: &Bytes, bytes: i64) -> Result<(), Failure> {
        let id = pack.pack().ok_or(Refusal::Invalid)?;
        let mut record = self.scratch.pack(id)?.ok_or(Refusal::DeadPack)?;
        record.live = record.live.checked_add_signed(bytes).ok_or(Refusal::TooLarge)?;
        self.counters.add_live(bytes.into());
        self.scratch.put_message(key::pack(id), &record);
        self.touched_packs.insert(id);
        Ok(())
    }
}

/// The extents of a file as one would read it, for whoever keeps a copy: sorted, merged where one run
/// continues another.
pub fn coalesce(extents: Vec<Extent>) -> Vec<Extent> {
    let mut merged: Vec<Extent> = Vec::with_capacity(extents.len());
    for next in extents {
        match merged.last_mut() {
            Some(last) if continues(last, &next) => {
                let run = last.blocks() as usize;
                let mut lengths = expand(last, run);
                // The block that both have a part of.
                let shared = usize::from(next.block == last.block + run as u32 - 1);
                lengths.extend(expand(&next, next.blocks() as usize).into_iter().skip(shared));
                if lengths.iter().all(|l| *l == lengths[0]) {
                    lengths.truncate(1);
                }
                last.length += next.length;
                last.stored_lengths = lengths;
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Whether `next` goes on where `last` ends: in the file, and in the same block or the next of the pack.
fn continues(last: &Extent, next: &Extent) -> bool {
    if last.end() != next.offset || last.pack != next.pack {
        return false;
    }
    let blocks = last.blocks();
    let used = (u64::from(last.skip) + last.length) % u64::from(last.block_length.max(1));
    let Some((offset, length)) = last.stored(blocks as usize - 1) else { return false };
    let final_block = u64::from(last.block) + blocks - 1;
    if used > 0 {
        return last.block_length == next.block_length
            && u64::from(next.block) == final_block
            && u64::from(next.skip) == used
            && next.stored(0) == Some((offset, length));
    }
    (last.block_length == next.block_length || next.blocks() == 1 && next.block_length < last.block_length)
        && next.skip == 0
        && u64::from(next.block) == final_block + 1
        && next.stored_offset == offset + u64::from(length)
}

fn expand(extent: &Extent, blocks: usize) -> Vec<u32> {
    match extent.stored_lengths[..] {
        [length] => vec![length; blocks],
        _ => extent.stored_lengths.clone(),
    }
}

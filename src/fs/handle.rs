//! One handle of an open file: what it has written and not published, in memory or in packs that no commit
//! has registered yet.

use std::sync::Arc;

use bytes::Bytes;

use super::Path;
use super::file::Mode;
use super::locks::Locks;
use super::open::Place;
use super::publish::Sent;
use super::read::Version;
use super::segments::{Data, Run, Segment, Segments};
use crate::content::memory::{MemoryBudget, Reservation};
use crate::content::pack::{open_block, pack_key};
use crate::content::writer::{BlockWriter, StoredPack};
use crate::crypto::seal::{ChunkPlace, Kind};
use crate::error::{Error, Result, Status};
use crate::filespace::{Link, block_extent};
use crate::ids::{Ino, PackId};
use crate::state::ops::Extent;

/// Unpublished bytes of one handle that stay in memory; more go into packs.
const MAX_MEMORY: usize = 8 << 20;

const NOT_STORED: &str = "earlier writes through this handle could not be stored; write the file again";

const LOCK_LOST: &str = "the lock was lost: this client gave no sign of life for longer than session.lease; what was \
                         written since is not published; close the file and open it again";

/// What one handle has of its own.
pub(super) struct Handle {
    id: u64,
    /// The file.
    pub(super) ino: Ino,
    pub(super) mode: Mode,
    /// Where it was opened; what `w` and `a` publish appears there.
    pub(super) path: Path,
    /// Permission bits of a file that it makes.
    pub(super) permissions: u32,
    pub(super) position: u64,
    /// The content it was opened on.
    pub(super) base: Arc<Version>,
    /// The name, if it is not committed yet: this handle makes it.
    pub(super) unnamed: Option<Place>,
    /// It replaces the content: what was there before this order does not count.
    pub(super) replaces: Option<u64>,
    /// Nobody looks through it any more.
    pub(super) closing: bool,
    /// Something is to be published, be it only an empty file.
    pub(super) dirty: bool,
    /// What was sent to the log and has no known outcome yet. Nothing is written before that is known.
    pub(super) unsettled: Option<Sent>,
    /// What was published could not be looked at yet: `base` is older.
    pub(super) outdated: bool,
    pub(super) segments: Segments,
    /// The range that is being written at the moment, behind all segments in order.
    tail: Option<Tail>,
    /// The least size that the content has (a hole at the end).
    pub(super) min_size: u64,
    pub(super) writer: Option<BlockWriter>,
    /// Packs in the store that no commit has registered yet.
    pub(super) packs: Vec<StoredPack>,
    /// For what is in memory.
    memory: Reservation,
    /// What it has locked, and may have.
    pub(super) locks: Option<Locks>,
    /// Why nothing is published any more, if that is so.
    lost: Option<(Status, &'static str)>,
}

/// How a handle is opened.
pub(super) struct Opening {
    pub(super) mode: Mode,
    pub(super) permissions: u32,
    pub(super) base: Arc<Version>,
    pub(super) unnamed: Option<Place>,
    pub(super) replaces: bool,
    pub(super) locks: Option<Locks>,
}

/// See [`Handle::placement`].
pub(super) struct Placement {
    /// Where each segment starts as the handle sees it, and where it is put.
    starts: Vec<(u64, u64)>,
}

impl Placement {
    /// Where what the handle has at an offset is put.
    pub(super) fn of(&self, offset: u64) -> u64 {
        let behind = self.starts.partition_point(|(start, _)| *start <= offset);
        match behind.checked_sub(1).map(|n| self.starts[n]) {
            Some((start, put)) => put + (offset - start),
            None => offset,
        }
    }
}

struct Tail {
    start: u64,
    order: u64,
    bytes: Vec<u8>,
}

impl Tail {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Whether a write goes on where this one ended, and nobody wrote in between.
    fn goes_on(&self, offset: u64, order: u64) -> bool {
        self.end() == offset && order - self.order <= 1
    }

    fn overlapping(&self, from: u64, to: u64) -> Option<(u64, Segment)> {
        let (low, high) = (from.max(self.start), to.min(self.end()));
        let range = (low < high).then(|| (low - self.start) as usize..(high - self.start) as usize)?;
        let data = Data::Memory(Bytes::copy_from_slice(&self.bytes[range]));
        Some((low, Segment { order: self.order, data }))
    }
}

impl Handle {
    pub(super) fn new(id: u64, ino: Ino, path: &Path, opening: Opening) -> Handle {
        let Opening { mode, permissions, base, unnamed, replaces, locks } = opening;
        let dirty = unnamed.is_some() || replaces;
        Handle {
            id,
            ino,
            mode,
            path: path.clone(),
            permissions,
            position: 0,
            base,
            unnamed,
            replaces: replaces.then_some(id),
            closing: false,
            dirty,
            unsettled: None,
            outdated: false,
            segments: Segments::default(),
            tail: None,
            min_size: 0,
            writer: None,
            packs: Vec::new(),
            memory: MemoryBudget::process().reserve_nothing(),
            locks,
            lost: None,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn has_writes(&self) -> bool {
        !self.segments.is_empty() || self.tail.is_some()
    }

    /// What it wrote into `[from, to)` and did not publish.
    pub(super) fn written(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Segment)> {
        let tail = self.tail.as_ref().and_then(|t| t.overlapping(from, to));
        self.segments.overlapping(from, to).chain(tail)
    }

    /// Where its writes end.
    pub(super) fn end(&self) -> u64 {
        self.segments.end().max(self.tail.as_ref().map_or(0, Tail::end)).max(self.min_size)
    }

    /// Where those of its writes end that came at this order or later.
    pub(super) fn end_since(&self, order: u64) -> u64 {
        if self.replaces.is_some_and(|r| r >= order) {
            return self.end();
        }
        let tail = self.tail.as_ref().filter(|t| t.order >= order).map_or(0, Tail::end);
        let later = self.segments.iter().filter(|(_, s)| s.order >= order);
        later.map(|(start, s)| start + s.data.len()).fold(tail, u64::max)
    }

    /// Takes bytes in: all, or, when memory is short, none. A range that goes on where the last write ended grows; a
    /// full block is sealed. If something cannot be stored, the handle never publishes: half a write is none.
    pub(super) fn write(
        &mut self,
        link: &Arc<Link>,
        offset: u64,
        order: u64,
        buffers: &[&[u8]],
    ) -> Result<()> {
        let block = link.block_size() as usize;
        let end = offset + buffers.iter().map(|b| b.len() as u64).sum::<u64>();
        let mut before = Segments::default();
        self.written(offset, end).for_each(|(start, segment)| before.insert(start, segment));
        let mut at = offset;
        for mut data in buffers.iter().copied() {
            while !data.is_empty() {
                if self.tail.as_ref().is_some_and(|t| !t.goes_on(at, order)) {
                    self.finish_tail();
                }
                let held = self.tail.as_ref().map_or(0, |t| t.bytes.len());
                let (piece, rest) = data.split_at((block - held).min(data.len()));
                if !self.memory.try_grow(piece.len()) {
                    self.undo(offset, at, &before);
                    let what = "the memory limit does not leave room for this write; raise memory.limit or \
                                flush other files";
                    return Err(Error::new(Status::NoMemory, what).on_path(self.path.text()));
                }
                let tail = self.tail.get_or_insert_with(|| Tail { start: at, order, bytes: Vec::new() });
                tail.bytes.extend_from_slice(piece);
                tail.order = order;
                at += piece.len() as u64;
                data = rest;
                if tail.bytes.len() == block {
                    self.seal_tail(link).or_else(|error| self.keep(error))?;
                }
            }
        }
        if self.memory.bytes() > MAX_MEMORY {
            self.finish_tail();
            self.seal_memory(link).or_else(|error| self.keep(error))?;
        }
        Ok(())
    }

    /// What could not be sealed is still in memory and is sealed later; only what was on its way is lost.
    fn keep(&mut self, error: Error) -> Result<()> {
        if !self.writer.as_ref().is_some_and(BlockWriter::has_lost) {
            return Ok(());
        }
        self.lose(NOT_STORED);
        Err(error)
    }

    /// Takes back what a write put into `[from, to)`; there is again what was there before.
    fn undo(&mut self, from: u64, to: u64, before: &Segments) {
        self.cut(from, to);
        before.overlapping(from, to).for_each(|(start, segment)| self.segments.insert(start, segment));
        self.fit_memory();
    }

    /// Takes back what it wrote into a range.
    pub(super) fn cut(&mut self, from: u64, to: u64) {
        self.finish_tail();
        self.segments.cut(from, to);
        self.fit_memory();
    }

    /// The first range at or behind an offset that it wrote at this order or later.
    pub(super) fn data_from(&self, offset: u64, order: u64) -> Option<(u64, u64)> {
        let written = self.written(offset, u64::MAX).filter(|(_, s)| s.order >= order);
        written.map(|(start, s)| (start, start + s.data.len())).min()
    }

    /// Reserves as much as is in memory.
    fn fit_memory(&mut self) {
        self.memory.shrink_to(self.segments.memory() + self.tail.as_ref().map_or(0, |t| t.bytes.len()));
    }

    /// Where its segments are when they are published: as they are, or, appended, one behind the other. (In
    /// between, other handles of the link may have written to where the end seemed to be.)
    pub(super) fn placement(&self) -> Placement {
        let mut starts = Vec::new();
        if self.mode.appends() {
            let mut end = 0;
            for (start, segment) in self.segments.iter() {
                starts.push((start, end));
                end += segment.data.len();
            }
        }
        Placement { starts }
    }

    /// The range being written becomes a segment.
    pub(super) fn finish_tail(&mut self) {
        if let Some(Tail { start, order, bytes }) = self.tail.take() {
            self.segments.insert(start, Segment { order, data: Data::Memory(bytes.into()) });
        }
    }

    fn seal_tail(&mut self, link: &Arc<Link>) -> Result<()> {
        let Some(Tail { start, order, bytes }) = self.tail.take() else { return Ok(()) };
        let bytes = Bytes::from(bytes);
        let sealed = self.seal_run(link, &Run::new(start, order, bytes.clone()));
        if sealed.is_err() {
            self.segments.insert(start, Segment { order, data: Data::Memory(bytes) });
        }
        self.fit_memory();
        sealed
    }

    /// Writes all that is in memory out into packs. What fails stays in memory.
    pub(super) fn seal_memory(&mut self, link: &Arc<Link>) -> Result<()> {
        let runs = self.segments.memory_runs(link.block_size() as usize);
        let sealed = runs.iter().try_for_each(|run| self.seal_run(link, run));
        self.fit_memory();
        if self.writer.as_ref().is_some_and(BlockWriter::has_lost) {
            self.lose(NOT_STORED);
        }
        sealed
    }

    /// A run becomes one block; each piece of it keeps its place in the order of writes.
    fn seal_run(&mut self, link: &Arc<Link>, run: &Run) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(link.block_writer()?),
        };
        let bytes = run.bytes();
        let (pack, place) = writer.write(&bytes)?;
        let block = block_extent(run.start, bytes.len() as u32, pack, place);
        let mut at = run.start;
        for (order, piece) in &run.pieces {
            let end = at + piece.len() as u64;
            if let Some(piece) = block.slice(at, end) {
                self.segments.insert(at, Segment { order: *order, data: Data::Stored(piece) });
            }
            at = end;
        }
        Ok(())
    }

    /// Nothing is published any more, for this reason.
    pub(super) fn lose(&mut self, why: &'static str) {
        self.lost.get_or_insert((Status::Io, why));
    }

    /// Its locks are gone, and with them the right to what it wrote since. What it has been granted after that is given
    /// up.
    pub(super) fn lose_locks(&mut self) {
        self.lost = Some((Status::LockLost, LOCK_LOST));
        self.locks = None;
    }

    /// Fails if it has lost locks.
    pub(super) fn check_locks(&self) -> Result<()> {
        match self.lost {
            Some((Status::LockLost, _)) => self.check_whole(),
            _ => Ok(()),
        }
    }

    /// Whether it may publish.
    pub(super) fn check_whole(&self) -> Result<()> {
        match self.lost {
            Some((status, why)) => Err(Error::new(status, why).on_path(self.path.text())),
            None => Ok(()),
        }
    }

    /// Waits until all packs are in the store. If one could not be stored, what it held is lost, and every
    /// later attempt to publish says so.
    pub(super) fn store_packs(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let stored = writer.finish().inspect_err(|_| self.lose(NOT_STORED))?;
            self.packs.extend(stored);
        }
        Ok(())
    }

    /// The bytes of an extent, if this handle sealed it: from the open pack, or from the store.
    pub(super) fn read_sealed(&mut self, link: &Link, extent: &Extent) -> Result<Option<Bytes>> {
        let Some((offset, length)) = extent.stored(0) else { return Ok(None) };
        let Some(pack) = PackId::from_slice(&extent.pack) else { return Ok(None) };
        let place = ChunkPlace { number: extent.block, offset, length };
        let part = |plain: Bytes| {
            let range = extent.skip as usize..extent.skip as usize + extent.length as usize;
            plain.get(range.clone()).is_some().then(|| plain.slice(range))
        };
        if let Some(writer) = &mut self.writer
            && let Some(plain) = writer.read_open(pack, place)?
        {
            return Ok(part(plain));
        }
        let stored = match (self.packs.iter().find(|p| p.id == pack), &mut self.writer) {
            (Some(stored), _) => Some(stored.clone()),
            // It is here that an upload is found to have failed.
            (None, Some(writer)) => {
                writer.stored(pack).inspect_err(|_| _ = self.lost.get_or_insert((Status::Io, NOT_STORED)))?
            }
            (None, None) => None,
        };
        let Some(stored) = stored else { return Ok(None) };
        let key = link.object_key(stored.generation, &stored.salt, Kind::Pack, &pack.0)?;
        let bytes = link.store().get_range(&pack_key(&pack.0), offset, length as usize)?;
        Ok(part(open_block(&key, place.number.into(), &bytes)?))
    }

    /// What it appended ends here, wherever it seemed to: a position behind it moves along.
    pub(super) fn appended_until(&mut self, end: u64) {
        if self.position == self.end() {
            self.position = end;
        }
    }

    /// Nothing is left to publish.
    pub(super) fn clear(&mut self) {
        self.segments = Segments::default();
        self.tail = None;
        self.min_size = 0;
        self.replaces = None;
        self.dirty = false;
        self.packs.clear();
        self.memory.release();
    }
}

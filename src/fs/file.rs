//! Open files. A handle sees one version of the content, pinned when it was opened, and what handles of the
//! same link wrote since; others see its writes once they are published, as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::read::Version;
use super::resolve::{Last, resolve};
use super::segments::{Data, Segment, Segments};
use super::{FileSystem, Path};
use crate::content::memory::{MemoryBudget, Reservation};
use crate::content::pack::{open_block, pack_key};
use crate::content::writer::{BlockWriter, StoredPack};
use crate::crypto::seal::{ChunkPlace, Kind};
use crate::error::{Error, Result, Status};
use crate::filespace::{Draft, Link, block_extent};
use crate::ids::{Ino, PackId};
use crate::state::extents::MAX_FILE_SIZE;
use crate::state::ops::{Create, Extent, Op, Transaction};
use crate::state::{Replica, value};

/// Unpublished bytes of one handle that stay in memory; more go into packs.
const MAX_MEMORY: usize = 8 << 20;

/// How a file is opened, in the vocabulary of C's `fopen`; always binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    pub(super) kind: ModeKind,
    /// `+`: the other direction too.
    pub(super) plus: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModeKind {
    Read,
    Write,
    Append,
    Exclusive,
}

impl Mode {
    /// Reads `r`, `w`, `a` or `x`, with or without `+` and `b`.
    pub fn parse(text: &str) -> Result<Mode> {
        let mut kind = None;
        let (mut plus, mut binary) = (false, false);
        for c in text.chars() {
            let next = match c {
                'r' => Some(ModeKind::Read),
                'w' => Some(ModeKind::Write),
                'a' => Some(ModeKind::Append),
                'x' => Some(ModeKind::Exclusive),
                '+' if !plus => {
                    plus = true;
                    continue;
                }
                'b' if !binary => {
                    binary = true;
                    continue;
                }
                _ => None,
            };
            kind = match (kind, next) {
                (None, Some(kind)) => Some(kind),
                _ => return Err(bad_mode(text)),
            };
        }
        Ok(Mode { kind: kind.ok_or_else(|| bad_mode(text))?, plus })
    }

    fn reads(self) -> bool {
        self.kind == ModeKind::Read || self.plus
    }

    pub(super) fn writes(self) -> bool {
        self.kind != ModeKind::Read || self.plus
    }
}

fn bad_mode(text: &str) -> Error {
    let what = format!("mode {text:?} is not one of r, w, a, x, with or without '+' and 'b'");
    Error::new(Status::InvalidArgument, what)
}

/// What an offset is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// The start of the file.
    Start,
    /// The handle's position.
    Current,
    /// The end of the file.
    End,
}

/// The open files of a link.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<HashMap<Ino, Weak<Shared>>>);

impl OpenFiles {
    /// All that are open.
    pub(super) fn all(&self) -> Vec<Arc<Shared>> {
        self.0.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn share(&self, ino: Ino) -> Arc<Shared> {
        let mut files = self.0.lock();
        if let Some(shared) = files.get(&ino).and_then(Weak::upgrade) {
            return shared;
        }
        if files.len().is_power_of_two() {
            files.retain(|_, shared| shared.strong_count() > 0);
        }
        let shared = Arc::new(Shared(Mutex::new(State { ino, handles: Vec::new(), next: 1 })));
        files.insert(ino, Arc::downgrade(&shared));
        shared
    }

    /// The file is known under another number from now on.
    pub(super) fn renumber(&self, from: Ino, to: Ino) {
        let mut files = self.0.lock();
        if let Some(shared) = files.remove(&from) {
            files.entry(to).or_insert(shared);
        }
    }
}

/// A file that is open, through one handle or several.
pub(super) struct Shared(pub(super) Mutex<State>);

pub(super) struct State {
    pub(super) ino: Ino,
    pub(super) handles: Vec<Handle>,
    /// The order of the next write, and the id of the next handle.
    next: u64,
}

/// What one handle has of its own.
pub(super) struct Handle {
    id: u64,
    pub(super) mode: Mode,
    /// Where it was opened; what `w` and `a` publish appears there.
    pub(super) path: Path,
    /// Permission bits of a file that it makes.
    pub(super) permissions: u32,
    position: u64,
    /// The content it was opened on.
    pub(super) base: Arc<Version>,
    /// The name is not committed yet: this handle makes it.
    pub(super) unnamed: bool,
    /// It replaces the content: what was there before this order does not count.
    pub(super) replaces: Option<u64>,
    /// Something is to be published, be it only an empty file.
    pub(super) dirty: bool,
    pub(super) segments: Segments,
    /// The range that is being written at the moment, behind all segments in order.
    tail: Option<Tail>,
    /// The least size that the content has (a hole at the end).
    pub(super) min_size: u64,
    /// Where the handle's first unpublished append went, provisionally.
    pub(super) append_base: Option<u64>,
    pub(super) writer: Option<BlockWriter>,
    /// Packs in the store that no commit has registered yet.
    pub(super) packs: Vec<StoredPack>,
    memory: Vec<Reservation>,
    /// A pack could not be stored.
    lost: bool,
}

struct Tail {
    start: u64,
    order: u64,
    bytes: Vec<u8>,
}

/// An open file.
pub struct File {
    pub(super) fs: Arc<FileSystem>,
    pub(super) shared: Arc<Shared>,
    id: u64,
}

impl FileSystem {
    /// Opens a file. `w`, `a` and their kind ask nothing of the log: what is published is the check.
    /// `permissions` are those of a file that is made.
    pub fn open(self: &Arc<FileSystem>, path: &Path, mode: Mode, permissions: u32) -> Result<File> {
        self.link.check_usable()?;
        if mode.writes() && self.link.is_read_only() {
            return Err(
                Error::new(Status::ReadOnly, "the filespace is linked read-only").on_path(path.text())
            );
        }
        if mode.kind == ModeKind::Exclusive {
            return self.open_exclusive(path, mode, permissions);
        }
        let look = |state: &Replica| {
            let resolved = resolve(state, &self.root, path, Last::Follow)?;
            let must_be_dir = resolved.must_be_dir();
            let Some((ino, inode)) = resolved.found else {
                let vacant = resolved.vacant(path, false)?;
                return Ok((None, Some((vacant.parent, vacant.name))));
            };
            if inode.kind() != value::Kind::File || must_be_dir {
                let what = "it is a directory, not a file";
                return Err(Error::new(Status::IsADirectory, what).on_path(path.text()).into());
            }
            let version = Version::load(state, ino)?.unwrap_or_default();
            Ok((Some((ino, version)), None))
        };
        let (found, _) = match mode.kind {
            ModeKind::Write => self.link.read(look).or_else(|_| self.link.read_fresh(look))?,
            _ => self.link.read_fresh(look)?,
        };
        match (found, mode.kind) {
            (Some((ino, version)), kind) => {
                let replaces = kind == ModeKind::Write;
                Ok(self.handle(ino, path, mode, permissions, Arc::new(version), false, replaces))
            }
            (None, ModeKind::Read) => match self.unpublished(path) {
                Some(ino) => Ok(self.handle(ino, path, mode, permissions, Arc::default(), false, false)),
                None => Err(Error::new(Status::NotFound, "no such file").on_path(path.text())),
            },
            (None, kind) => {
                let ino = match self.unpublished(path) {
                    Some(ino) => ino,
                    None => self.link.new_ino()?,
                };
                let replaces = kind == ModeKind::Write;
                Ok(self.handle(ino, path, mode, permissions, Arc::default(), true, replaces))
            }
        }
    }

    /// The name is committed at once, so that only one can have it.
    fn open_exclusive(self: &Arc<FileSystem>, path: &Path, mode: Mode, permissions: u32) -> Result<File> {
        let ino = self.link.new_ino()?;
        let time = self.link.env().clock.now();
        self.mutate(path, |state| {
            let place = resolve(state, &self.root, path, Last::NoFollow)?.vacant(path, false)?;
            let create = Create {
                parent: place.parent.0,
                name: place.name,
                ino: ino.0,
                mode: permissions,
                uid: 0,
                gid: 0,
                time,
                exclusive: true,
            };
            let ops = vec![Op::Create(create).wrap()];
            Ok(Draft::new(Transaction { hops: place.hops, ops }))
        })?;
        Ok(self.handle(ino, path, mode, permissions, Arc::default(), false, false))
    }

    #[allow(clippy::too_many_arguments)]
    fn handle(
        self: &Arc<FileSystem>,
        ino: Ino,
        path: &Path,
        mode: Mode,
        permissions: u32,
        base: Arc<Version>,
        unnamed: bool,
        replaces: bool,
    ) -> File {
        let shared = self.open.share(ino);
        let mut state = shared.0.lock();
        let id = state.next;
        state.next += 1;
        state.handles.push(Handle {
            id,
            mode,
            path: path.clone(),
            permissions,
            position: 0,
            base,
            unnamed,
            replaces: replaces.then_some(id),
            dirty: unnamed || replaces,
            segments: Segments::default(),
            tail: None,
            min_size: 0,
            append_base: None,
            writer: None,
            packs: Vec::new(),
            memory: Vec::new(),
            lost: false,
        });
        drop(state);
        File { fs: self.clone(), shared, id }
    }

    /// The number of a file that a handle of this link makes at a path and has not published.
    fn unpublished(&self, path: &Path) -> Option<Ino> {
        self.open.all().into_iter().find_map(|shared| {
            let state = shared.0.lock();
            let here = |h: &Handle| h.unnamed && h.path.components() == path.components();
            state.handles.iter().any(here).then_some(state.ino)
        })
    }
}

impl State {
    pub(super) fn handle(&mut self, id: u64) -> Result<&mut Handle> {
        let handle = self.handles.iter_mut().find(|h| h.id == id);
        handle.ok_or_else(|| Error::new(Status::InvalidHandle, "the file is closed"))
    }

    /// Where the content that counts begins in the order of writes.
    fn replaced(&self) -> Option<u64> {
        self.handles.iter().filter_map(|h| h.replaces).max()
    }

    /// The size of the content as a handle with this base sees it.
    fn size(&self, base: &Version) -> u64 {
        let from = self.replaced();
        let committed = if from.is_some() { 0 } else { base.size };
        let counted = self.handles.iter().filter(|h| from.is_none_or(|f| h.counts_from(f)));
        counted.map(Handle::end).fold(committed, u64::max)
    }

    /// What unpublished writes cover of `[from, to)`, as one.
    fn written(&self, from: u64, to: u64) -> Segments {
        let replaced = self.replaced().unwrap_or(0);
        let mut pieces: Vec<(u64, Segment)> = Vec::new();
        for handle in &self.handles {
            pieces.extend(handle.segments.overlapping(from, to));
            pieces.extend(handle.tail.as_ref().and_then(|t| t.overlapping(from, to)));
        }
        pieces.retain(|(_, s)| s.order >= replaced);
        pieces.sort_by_key(|(_, s)| s.order);
        let mut all = Segments::default();
        pieces.into_iter().for_each(|(start, segment)| all.insert(start, segment));
        all
    }
}

impl State {
    /// The bytes of an extent that a handle has sealed and not published.
    fn read_sealed(&mut self, link: &Link, extent: &Extent) -> Result<Bytes> {
        for handle in &mut self.handles {
            if let Some(bytes) = handle.read_sealed(link, extent)? {
                return Ok(bytes);
            }
        }
        Err(Error::new(Status::Internal, "a block that was written is nowhere"))
    }
}

impl Tail {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn overlapping(&self, from: u64, to: u64) -> Option<(u64, Segment)> {
        let (low, high) = (from.max(self.start), to.min(self.end()));
        let range = (low < high).then(|| (low - self.start) as usize..(high - self.start) as usize)?;
        let data = Data::Memory(Bytes::copy_from_slice(&self.bytes[range]));
        Some((low, Segment { order: self.order, data }))
    }
}

impl Handle {
    fn has_writes(&self) -> bool {
        !self.segments.is_empty() || self.tail.is_some()
    }

    fn counts_from(&self, order: u64) -> bool {
        self.replaces.is_some_and(|r| r >= order) || self.has_writes()
    }

    /// Where its writes end.
    pub(super) fn end(&self) -> u64 {
        self.segments.end().max(self.tail.as_ref().map_or(0, Tail::end)).max(self.min_size)
    }

    /// Takes bytes in. A range that goes on where the last write ended grows; a full block is sealed.
    fn write(&mut self, link: &Arc<Link>, mut offset: u64, order: u64, mut data: &[u8]) -> Result<()> {
        let block = link.block_size() as usize;
        while !data.is_empty() {
            let mut tail = match self.tail.take() {
                Some(tail) if tail.end() == offset => tail,
                other => {
                    self.tail = other;
                    self.finish_tail();
                    Tail { start: offset, order, bytes: Vec::new() }
                }
            };
            let (now, later) = data.split_at((block - tail.bytes.len()).min(data.len()));
            if let Err(error) = self.reserve(now.len()) {
                self.tail = Some(tail);
                return Err(error);
            }
            tail.bytes.extend_from_slice(now);
            tail.order = order;
            if tail.bytes.len() == block {
                self.seal_block(link, tail.start, order, &tail.bytes)?;
                if self.segments.memory() == 0 {
                    self.memory.clear();
                }
            } else {
                self.tail = Some(tail);
            }
            offset += now.len() as u64;
            data = later;
        }
        self.spill(link)
    }

    /// Charges bytes that will be held in memory.
    fn reserve(&mut self, bytes: usize) -> Result<()> {
        let reservation = MemoryBudget::process().try_reserve(bytes).ok_or_else(|| {
            let what = "the memory limit does not leave room for this write; raise memory.limit or \
                        flush other files";
            Error::new(Status::NoMemory, what)
        })?;
        self.memory.push(reservation);
        Ok(())
    }

    /// The range being written becomes a segment.
    pub(super) fn finish_tail(&mut self) {
        if let Some(Tail { start, order, bytes }) = self.tail.take() {
            self.segments.insert(start, Segment { order, data: Data::Memory(bytes.into()) });
        }
    }

    /// Writes too much for memory out into packs.
    fn spill(&mut self, link: &Arc<Link>) -> Result<()> {
        let reserved: usize = self.memory.iter().map(Reservation::bytes).sum();
        if self.segments.memory().max(reserved) > MAX_MEMORY {
            self.finish_tail();
            self.seal_memory(link)?;
        }
        Ok(())
    }

    /// Writes all that is in memory out into packs.
    pub(super) fn seal_memory(&mut self, link: &Arc<Link>) -> Result<()> {
        for (start, order, bytes) in self.segments.memory_runs(link.block_size() as usize) {
            self.seal_block(link, start, order, &bytes)?;
        }
        self.memory.clear();
        Ok(())
    }

    fn seal_block(&mut self, link: &Arc<Link>, start: u64, order: u64, bytes: &[u8]) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(link.block_writer()?),
        };
        let (pack, place) = writer.write(bytes)?;
        let extent = block_extent(start, bytes.len() as u32, pack, place);
        self.segments.insert(start, Segment { order, data: Data::Stored(extent) });
        Ok(())
    }

    /// Waits until all packs are in the store. If one could not be stored, what it held is lost, and every
    /// later attempt to publish says so.
    pub(super) fn store_packs(&mut self) -> Result<()> {
        if self.lost {
            let what = "earlier writes through this handle could not be stored; write the file again";
            return Err(Error::new(Status::Io, what).on_path(self.path.text()));
        }
        if let Some(writer) = self.writer.take() {
            self.packs.extend(writer.finish().inspect_err(|_| self.lost = true)?);
        }
        Ok(())
    }

    /// The bytes of an extent, if this handle sealed it: from the open pack, or from the store.
    fn read_sealed(&mut self, link: &Link, extent: &Extent) -> Result<Option<Bytes>> {
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
        let stored = match &mut self.writer {
            Some(writer) => writer.stored(pack)?,
            None => self.packs.iter().find(|p| p.id == pack).cloned(),
        };
        let Some(stored) = stored else { return Ok(None) };
        let key = link.object_key(stored.generation, &stored.salt, Kind::Pack, &pack.0)?;
        let bytes = link.store().get_range(&pack_key(&pack.0), offset, length as usize)?;
        Ok(part(open_block(&key, place.number.into(), &bytes)?))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn is(&self, id: u64) -> bool {
        self.id == id
    }

    /// An append went elsewhere than it seemed: the position moves along.
    pub(super) fn moved_by(&mut self, provisional: u64, actual: u64) {
        if self.append_base.is_some() {
            self.position = self.position.wrapping_sub(provisional).wrapping_add(actual);
        }
    }

    /// Nothing is left to publish.
    pub(super) fn clear(&mut self) {
        self.segments = Segments::default();
        self.tail = None;
        self.min_size = 0;
        self.append_base = None;
        self.replaces = None;
        self.unnamed = false;
        self.dirty = false;
        self.packs.clear();
        self.memory.clear();
    }
}

impl File {
    /// The link that it belongs to.
    pub fn link(&self) -> &Arc<Link> {
        &self.fs.link
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock()
    }

    /// The handle, if it may do this.
    fn check(&self, state: &mut State, allowed: impl Fn(Mode) -> bool, what: &str) -> Result<()> {
        self.fs.link.check_usable()?;
        let handle = state.handle(self.id)?;
        if allowed(handle.mode) {
            return Ok(());
        }
        let what = format!("the file was not opened for {what}");
        Err(Error::new(Status::WrongMode, what).on_path(handle.path.text()))
    }

    /// Reads from the handle's position on and moves it. Fewer bytes than asked for only at the end of the
    /// file.
    pub fn read(&self, out: &mut [u8]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::reads, "reading")?;
        let handle = state.handle(self.id)?;
        let offset = handle.position;
        let base = handle.base.clone();
        let len = available(offset, state.size(&base), out.len());
        state.handle(self.id)?.position = offset + len as u64;
        self.fill(state, &base, offset, &mut out[..len])?;
        Ok(len)
    }

    /// Reads at an offset, without the handle's position.
    pub fn pread(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::reads, "reading")?;
        let base = state.handle(self.id)?.base.clone();
        let len = available(offset, state.size(&base), out.len());
        self.fill(state, &base, offset, &mut out[..len])?;
        Ok(len)
    }

    /// Gathers bytes; only what is in memory is looked at under the lock.
    fn fill(
        &self,
        mut state: MutexGuard<'_, State>,
        base: &Version,
        offset: u64,
        out: &mut [u8],
    ) -> Result<()> {
        let end = offset + out.len() as u64;
        let quiet = !state.handles.iter().any(|h| h.has_writes() || h.replaces.is_some());
        if quiet {
            drop(state);
            let within = (base.size.saturating_sub(offset) as usize).min(out.len());
            out[within..].fill(0);
            return base.read(&self.fs.link, offset, &mut out[..within]);
        }
        let link = &self.fs.link;
        let mut written = Vec::new();
        for (start, segment) in state.written(offset, end).iter() {
            let bytes = match &segment.data {
                Data::Memory(bytes) => bytes.clone(),
                Data::Stored(extent) => state.read_sealed(link, extent)?,
            };
            written.push(((start - offset) as usize, bytes));
        }
        let replaced = state.replaced().is_some();
        drop(state);
        if replaced {
            out.fill(0);
        } else {
            let within = (base.size.saturating_sub(offset) as usize).min(out.len());
            out[within..].fill(0);
            base.read(link, offset, &mut out[..within])?;
        }
        for (from, bytes) in written {
            out[from..from + bytes.len()].copy_from_slice(&bytes);
        }
        Ok(())
    }

    /// Writes at the handle's position and moves it; at the end of the file in append mode.
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::writes, "writing")?;
        let handle = state.handle(self.id)?;
        let offset = match handle.mode.kind {
            ModeKind::Append => {
                let base = handle.base.clone();
                state.size(&base)
            }
            _ => handle.position,
        };
        self.write_at(&mut state, offset, data)?;
        state.handle(self.id)?.position = offset + data.len() as u64;
        Ok(data.len())
    }

    /// Writes at an offset, without the handle's position; refused in append mode.
    pub fn pwrite(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let mut state = self.lock();
        let positioned = |m: Mode| m.writes() && m.kind != ModeKind::Append;
        self.check(&mut state, positioned, "writing at an offset")?;
        self.write_at(&mut state, offset, data)?;
        Ok(data.len())
    }

    fn write_at(&self, state: &mut State, offset: u64, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let order = state.next;
        state.next += 1;
        let handle = state.handle(self.id)?;
        offset.checked_add(data.len() as u64).filter(|end| *end <= MAX_FILE_SIZE).ok_or_else(|| {
            let what = "the file would be larger than 2^63-1 bytes";
            Error::new(Status::FileTooLarge, what).on_path(handle.path.text())
        })?;
        handle.dirty = true;
        if handle.mode.kind == ModeKind::Append {
            handle.append_base.get_or_insert(offset);
        }
        handle.write(&self.fs.link, offset, order, data)
    }

    /// Moves the handle's position and returns it.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let base = state.handle(self.id)?.base.clone();
        let from = match whence {
            Whence::Start => 0,
            Whence::Current => state.handle(self.id)?.position,
            Whence::End => state.size(&base),
        };
        let to = from.checked_add_signed(offset).filter(|to| *to <= MAX_FILE_SIZE).ok_or_else(|| {
            Error::new(Status::InvalidArgument, "offset: the position would be negative or above 2^63-1")
        })?;
        state.handle(self.id)?.position = to;
        Ok(to)
    }

    /// The handle's position.
    pub fn tell(&self) -> Result<u64> {
        self.seek(0, Whence::Current)
    }

    /// The size of the content as this handle sees it, in bytes.
    pub fn size(&self) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let base = state.handle(self.id)?.base.clone();
        Ok(state.size(&base))
    }

    /// Sets the size: publishes what the handle wrote and cuts or extends the file, in one commit. Content
    /// that is being replaced is cut before anybody sees it.
    pub fn truncate(&self, size: u64) -> Result<()> {
        let mut state = self.lock();
        let positioned = |m: Mode| m.writes() && m.kind != ModeKind::Append;
        self.check(&mut state, positioned, "setting its size")?;
        let handle = state.handle(self.id)?;
        if size > MAX_FILE_SIZE {
            let what = "size: at most 2^63-1 bytes";
            return Err(Error::new(Status::FileTooLarge, what).on_path(handle.path.text()));
        }
        if handle.replaces.is_some() {
            handle.finish_tail();
            handle.segments.cut(size, u64::MAX);
            handle.min_size = size;
            handle.dirty = true;
            return Ok(());
        }
        self.fs.publish(&mut state, self.id, Some(size))
    }

    /// Publishes what the handle wrote: committed, and visible to all, when it returns.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        self.fs.publish(&mut state, self.id, None)
    }

    /// Publishes what the handle wrote and makes it survive power loss.
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        self.fs.link.sync().map(drop)
    }

    /// Moves the handle to the newest version of the content. What it wrote stays.
    pub fn refresh(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let ino = state.ino;
        let newest = self.fs.link.read_fresh(|s| Version::load(s, ino))?;
        let handle = state.handle(self.id)?;
        match newest {
            Some(version) => handle.base = Arc::new(version),
            None if handle.unnamed => {}
            None => {
                return Err(Error::new(Status::Deleted, "the file was deleted").on_path(handle.path.text()));
            }
        }
        Ok(())
    }

    /// Publishes what the handle wrote and ends it, whether that works or not.
    pub fn close(self) -> Result<()> {
        self.flush()
        // Dropping ends the handle.
    }
}

impl Drop for File {
    /// Ends the handle; what was not published is dropped.
    fn drop(&mut self) {
        self.shared.0.lock().handles.retain(|h| h.id != self.id);
    }
}

fn available(offset: u64, size: u64, wanted: usize) -> usize {
    usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(wanted)
}

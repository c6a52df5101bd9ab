//! Files as their user sees them. A handle sees one version of the content, pinned when it was opened, and
//! what handles of the same link wrote since; others see its writes once they are published, as a whole.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::ahead::ReadAhead;
use super::change::{Means, create_exclusive};
use super::handle::{Handle, Opening};
use super::open::{Locked, Place, Shared, State};
use super::publish::Also;
use super::read::Version;
use super::resolve::{Last, resolve};
use super::segments::Data;
use super::{FileSystem, Path};
use crate::error::{Error, Result, Status};
use crate::filespace::{Draft, Link, View};
use crate::ids::Ino;
use crate::state::extents::MAX_FILE_SIZE;
use crate::state::locks::TO_THE_END;
use crate::state::ops::Transaction;
use crate::state::value;

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

    pub(super) fn reads(self) -> bool {
        self.kind == ModeKind::Read || self.plus
    }

    pub(super) fn appends(self) -> bool {
        self.kind == ModeKind::Append
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

/// An open file.
pub struct File {
    pub(super) fs: Arc<FileSystem>,
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    ahead: ReadAhead,
    /// Held by whoever asks for a lock through it: an open file waits for one at a time.
    pub(super) asking: Mutex<()>,
}

impl FileSystem {
    /// Opens a file. `w`, `a` and their kind ask nothing of the log: what is published is the check.
    /// `permissions` are those of a file that is made.
    pub fn open(self: &Arc<FileSystem>, path: &Path, mode: Mode, permissions: u32) -> Result<File> {
        self.link.check_usable()?;
        if mode.writes() {
            self.link.check_writable().map_err(|e| e.on_path(path.text()))?;
        }
        if mode.kind == ModeKind::Exclusive {
            return self.open_exclusive(path, mode, permissions);
        }
        let replaces = mode.kind == ModeKind::Write;
        let look = |state: &View| {
            let resolved = resolve(state, &self.root, path, Last::Follow)?;
            let must_be_dir = resolved.must_be_dir();
            let Some((ino, inode)) = resolved.found else {
                let vacant = resolved.vacant(path, false)?;
                return Ok(Err(Place { parent: vacant.parent, name: vacant.name }));
            };
            check_is_file(&inode, must_be_dir, path)?;
            let version = if replaces { None } else { Version::load(state, ino)? };
            Ok(Ok((ino, version.unwrap_or_default())))
        };
        let found = match replaces {
            true => self.link.read(look).or_else(|_| self.link.read_fresh(look))?,
            false => self.link.read_fresh(look)?,
        };
        let opening = |base, unnamed| Opening { mode, permissions, base, unnamed, replaces, locks: None };
        match found {
            Ok((ino, version)) => Ok(self.handle(ino, path, opening(Arc::new(version), None))),
            Err(place) if mode.kind == ModeKind::Read => match self.open.promised(&place) {
                Some(ino) => Ok(self.handle(ino, path, opening(Arc::default(), None))),
                None => Err(Error::new(Status::NotFound, "no such file").on_path(path.text())),
            },
            Err(place) => {
                let ino = self.open.promise(&place, self.link.new_ino()?);
                Ok(self.handle(ino, path, opening(Arc::default(), Some(place))))
            }
        }
    }

    /// What a late failure was to write, for reading: the `nth` of its contents, counted from 0.
    pub fn open_late_failure(self: &Arc<FileSystem>, number: u64, nth: usize) -> Result<File> {
        self.link.check_usable()?;
        let failure = self.link.late_failures().into_iter().find(|failure| failure.number == number);
        let Some(failure) = failure else {
            let what = format!("number: there is no late failure {number}");
            return Err(Error::new(Status::InvalidArgument, what));
        };
        let Some(version) = Version::of_late_failure(&failure, nth) else {
            let what = match failure.contents() {
                0 => format!("number: late failure {number} was not to write content"),
                some => format!("nth: late failure {number} has {some} contents; they are counted from 0"),
            };
            return Err(Error::new(Status::InvalidArgument, what).on_path(&failure.path));
        };
        let mode = Mode { kind: ModeKind::Read, plus: false };
        let path = Path::parse(&failure.path)?;
        let base = Arc::new(version);
        let opening = Opening { mode, permissions: 0, base, unnamed: None, replaces: false, locks: None };
        Ok(self.handle(self.link.new_ino()?, &path, opening))
    }

    fn open_exclusive(self: &Arc<FileSystem>, path: &Path, mode: Mode, permissions: u32) -> Result<File> {
        let ino = self.create_exclusive(path, permissions)?;
        let base = Arc::default();
        let opening = Opening { mode, permissions, base, unnamed: None, replaces: false, locks: None };
        Ok(self.handle(ino, path, opening))
    }

    /// The name is committed at once, so that only one can have it.
    pub(super) fn create_exclusive(&self, path: &Path, permissions: u32) -> Result<Ino> {
        let ino = self.link.new_ino()?;
        let inos = [ino];
        let means = Means { inos: &inos, ..self.means(&[]) };
        self.change(path, path, true, |state| {
            let (hops, create) = create_exclusive(state, path, permissions, &means)?;
            Ok(Draft::new(Transaction { hops, ops: vec![create.wrap()] }))
        })?;
        Ok(ino)
    }

    pub(super) fn handle(self: &Arc<FileSystem>, ino: Ino, path: &Path, mut opening: Opening) -> File {
        let shared = self.open.share(ino);
        let mut state = shared.lock(&self.open);
        // Another thread may have published it meanwhile.
        if state.ino != ino
            && let Some(place) = opening.unnamed.take()
        {
            self.open.settle(&place, ino);
        }
        let (id, ino) = (state.next, state.ino);
        state.next += 1;
        state.handles.push(Handle::new(id, ino, path, opening));
        drop(state);
        File { fs: self.clone(), shared, id, ahead: ReadAhead::default(), asking: Mutex::default() }
    }
}

impl File {
    /// The link that it belongs to.
    pub fn link(&self) -> &Arc<Link> {
        &self.fs.link
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        self.shared.lock(&self.fs.open)
    }

    /// The file's number and the content that the handle looks at.
    fn base(&self, state: &mut State) -> Result<(Ino, Arc<Version>)> {
        let handle = state.handle(self.id)?;
        if handle.outdated {
            let ino = self.fs.link.renumbered(handle.ino);
            handle.base = Arc::new(self.fs.link.read(|s| Version::load(s, ino))?.unwrap_or_default());
            handle.outdated = false;
        }
        Ok((handle.ino, handle.base.clone()))
    }

    /// The handle, if it may do this.
    pub(super) fn check(&self, state: &mut State, allowed: impl Fn(Mode) -> bool, what: &str) -> Result<()> {
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
        self.read_vectored(&mut [out])
    }

    /// Reads into several buffers, one after the other, as one read.
    pub fn read_vectored(&self, buffers: &mut [&mut [u8]]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::reads, "reading")?;
        let (ino, base) = self.base(&mut state)?;
        let offset = state.handle(self.id)?.position;
        let wanted = buffers.iter().map(|b| b.len()).fold(0, usize::saturating_add);
        let len = available(offset, state.size(ino, &base), wanted);
        // Moved first: another thread that reads meanwhile goes on behind this.
        let end = offset + len as u64;
        state.handle(self.id)?.position = end;
        let filled = self.look(state, ino, base, offset, end).and_then(|seen| {
            let mut at = offset;
            for buffer in buffers {
                let piece = buffer.len().min((end - at) as usize);
                seen.fill(&self.fs.link, at, &mut buffer[..piece])?;
                at += piece as u64;
            }
            Ok(())
        });
        if filled.is_err()
            && let Ok(handle) = self.lock().handle(self.id)
            && handle.position == end
        {
            handle.position = offset;
        }
        filled.map(|()| len).map_err(|error| self.on_its_path(error))
    }

    /// Reads at an offset, without the handle's position.
    pub fn pread(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::reads, "reading")?;
        let (ino, base) = self.base(&mut state)?;
        let len = available(offset, state.size(ino, &base), out.len());
        let seen = self.look(state, ino, base, offset, offset + len as u64);
        let filled = seen.and_then(|seen| seen.fill(&self.fs.link, offset, &mut out[..len]));
        filled.map(|()| len).map_err(|error| self.on_its_path(error))
    }

    /// A failure to read, with the path that the file was opened by: the store knows objects only.
    fn on_its_path(&self, error: Error) -> Error {
        if error.path().is_some() {
            return error;
        }
        match self.lock().handle(self.id) {
            Ok(handle) => error.on_path(handle.path.text()),
            Err(_) => error,
        }
    }

    /// What there is in `[from, to)`. Only what is in memory is looked at under the lock.
    fn look(&self, mut state: Locked<'_>, ino: Ino, base: Arc<Version>, from: u64, to: u64) -> Result<Seen> {
        let mut written = Vec::new();
        let is_quiet = state.is_quiet(ino);
        if !is_quiet {
            for (start, segment) in state.written(ino, from, to).iter() {
                let bytes = match &segment.data {
                    Data::Memory(bytes) => bytes.clone(),
                    Data::Stored(extent) => state.read_sealed(&self.fs.link, extent)?,
                };
                written.push((start, bytes));
            }
        }
        let base = if state.replaced(ino).is_some() { Arc::default() } else { base };
        drop(state);
        if is_quiet {
            self.ahead.begin(&self.fs.link, &base, from, to);
        }
        Ok(Seen { base, written })
    }

    /// Writes at the handle's position and moves it; at the end of the file in append mode.
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        self.write_vectored(&[data])
    }

    /// Writes what several buffers have, one after the other, as one write.
    pub fn write_vectored(&self, buffers: &[&[u8]]) -> Result<usize> {
        let len = buffers.iter().map(|b| b.len()).fold(0, usize::saturating_add);
        let mut state = self.lock();
        self.check(&mut state, Mode::writes, "writing")?;
        let handle = state.handle(self.id)?;
        let offset = match handle.mode.kind {
            ModeKind::Append => {
                let own_end = handle.end();
                let (ino, base) = self.base(&mut state)?;
                state.size(ino, &base).max(own_end)
            }
            _ => handle.position,
        };
        self.write_at(&mut state, offset, buffers, len)?;
        state.handle(self.id)?.position = offset + len as u64;
        Ok(len)
    }

    /// Writes at an offset, without the handle's position; refused in append mode.
    pub fn pwrite(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let mut state = self.lock();
        let positioned = |m: Mode| m.writes() && m.kind != ModeKind::Append;
        self.check(&mut state, positioned, "writing at an offset")?;
        self.write_at(&mut state, offset, &[data], data.len())?;
        Ok(data.len())
    }

    fn write_at(&self, state: &mut State, offset: u64, buffers: &[&[u8]], len: usize) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        self.fs.learn_outcome(state, self.id)?;
        let order = state.next;
        state.next += 1;
        let handle = state.handle(self.id)?;
        offset.checked_add(len as u64).filter(|end| *end <= MAX_FILE_SIZE).ok_or_else(|| {
            let what = "the file would be larger than 2^63-1 bytes";
            Error::new(Status::FileTooLarge, what).on_path(handle.path.text())
        })?;
        let written = handle.write(&self.fs.link, offset, order, buffers);
        // A write that was lost is told when the handle is published.
        handle.dirty |= written.is_ok() || handle.check_whole().is_err();
        written
    }

    /// Moves the handle's position and returns it.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let (ino, base) = self.base(&mut state)?;
        let position = state.handle(self.id)?.position;
        let from = match whence {
            Whence::Start => 0,
            Whence::Current => position,
            Whence::End => state.size(ino, &base),
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
        let (ino, base) = self.base(&mut state)?;
        Ok(state.size(ino, &base))
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
        self.fs.learn_outcome(&mut state, self.id)?;
        let handle = state.handle(self.id)?;
        if handle.replaces.is_some() {
            handle.cut(size, u64::MAX);
            handle.min_size = size;
            handle.dirty = true;
            return Ok(());
        }
        self.fs.publish(&mut state, self.id, Some(Also::Truncate(size)))
    }

    /// Makes a hole of a range: it reads as zeros and takes no room, the size stays. Publishes what the handle wrote,
    /// in the same commit. In content that is being replaced there is a hole before anybody sees it.
    pub fn punch_hole(&self, offset: u64, length: u64) -> Result<()> {
        let mut state = self.lock();
        let positioned = |m: Mode| m.writes() && m.kind != ModeKind::Append;
        self.check(&mut state, positioned, "making a hole")?;
        if length == 0 {
            let what = "length: a hole has at least one byte";
            return Err(Error::new(Status::InvalidArgument, what).on_path(state.handle(self.id)?.path.text()));
        }
        // What is behind the largest file is no hole in any.
        let (from, to) = (offset.min(MAX_FILE_SIZE), offset.saturating_add(length).min(MAX_FILE_SIZE));
        self.fs.learn_outcome(&mut state, self.id)?;
        let handle = state.handle(self.id)?;
        if handle.replaces.is_some() {
            handle.min_size = handle.end();
            handle.cut(from, to);
            return Ok(());
        }
        self.fs.publish(&mut state, self.id, Some(Also::Punch { offset: from, length: to - from }))
    }

    /// Where from `offset` on the next byte is that was written; `NotFound` if there is none.
    pub fn seek_data(&self, offset: u64) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let (ino, base) = self.base(&mut state)?;
        let size = state.size(ino, &base);
        let data = state.data_from(ino, &base, offset).filter(|range| range.0 < size);
        match data {
            Some((from, _)) => Ok(from),
            None => self.not_found(&mut state, "there is no data from the offset on"),
        }
    }

    fn not_found(&self, state: &mut State, what: &str) -> Result<u64> {
        Err(Error::new(Status::NotFound, what).on_path(state.handle(self.id)?.path.text()))
    }

    /// Where from `offset` on the next hole is; the end of the file is one. `NotFound` at or behind the end.
    pub fn seek_hole(&self, offset: u64) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let (ino, base) = self.base(&mut state)?;
        let size = state.size(ino, &base);
        if offset >= size {
            return self.not_found(&mut state, "the offset is at or behind the end of the file");
        }
        let mut at = offset;
        while let Some((from, to)) = state.data_from(ino, &base, at)
            && from == at
        {
            at = to;
        }
        Ok(at.min(size))
    }

    /// Publishes what the handle wrote: as a change of the link's mode, committed or acknowledged when it returns.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        self.fs.publish(&mut state, self.id, None)
    }

    /// Publishes what the handle wrote and makes it survive power loss. Of late failures only those to write to this
    /// file are looked at.
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        self.fs.link.sync()?;
        let ino = self.fs.link.renumbered(self.lock().handle(self.id)?.ino);
        self.fs.link.check_late_of(ino)
    }

    /// Moves the handle to the newest version of the content. What it wrote stays.
    pub fn refresh(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let ino = self.fs.link.renumbered(state.handle(self.id)?.ino);
        let newest = self.fs.link.read_fresh(|s| Version::load(s, ino))?;
        let handle = state.handle(self.id)?;
        match newest {
            Some(version) => handle.base = Arc::new(version),
            None if handle.unnamed.is_some() => {}
            None => {
                return Err(Error::new(Status::Deleted, "the file was deleted").on_path(handle.path.text()));
            }
        }
        Ok(())
    }

    /// Publishes what the handle wrote, gives up its locks and ends it, whether that works or not.
    pub fn close(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        state.handle(self.id)?.closing = true;
        let published = match state.handle(self.id)?.locks {
            Some(_) => self.fs.unlock(&mut state, self.id, 0, TO_THE_END),
            None => self.fs.publish(&mut state, self.id, None),
        };
        let published = published.and_then(|()| state.handle(self.id)?.check_locks());
        state.end(self.id, &self.fs.open);
        published
    }
}

impl File {
    /// Ends the handle and drops what was not published; waits for nobody. Calls of other threads fail.
    pub fn end(&self) {
        self.shared.end(self.id, &self.fs.open);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a handle sees of a range.
struct Seen {
    base: Arc<Version>,
    /// What is not published, in order of its place.
    written: Vec<(u64, Bytes)>,
}

impl Seen {
    /// Fills `out` with the bytes from `offset` on.
    fn fill(&self, link: &Link, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset + out.len() as u64;
        let within = (self.base.size.saturating_sub(offset) as usize).min(out.len());
        out[within..].fill(0);
        self.base.read(link, offset, &mut out[..within])?;
        for (start, bytes) in &self.written {
            let (from, to) = (offset.max(*start), end.min(start + bytes.len() as u64));
            if from < to {
                let piece = &bytes[(from - start) as usize..(to - start) as usize];
                out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(piece);
            }
        }
        Ok(())
    }
}

/// Whether what a path leads to can be opened.
pub(super) fn check_is_file(inode: &value::Inode, must_be_dir: bool, path: &Path) -> Result<()> {
    let (status, what) = match inode.kind() {
        value::Kind::File if !must_be_dir => return Ok(()),
        value::Kind::File => (Status::NotADirectory, "the path ends in '/' but is a file"),
        _ => (Status::IsADirectory, "it is a directory, not a file"),
    };
    Err(Error::new(status, what).on_path(path.text()))
}

fn available(offset: u64, size: u64, wanted: usize) -> usize {
    usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(wanted)
}

//! Files as their user sees them. A handle sees one version of the content, pinned when it was opened, and
//! what handles of the same link wrote since; others see its writes once they are published, as a whole.

use std::sync::Arc;

use parking_lot::MutexGuard;

use super::ahead::ReadAhead;
use super::handle::{Handle, Opening};
use super::open::{Shared, State};
use super::read::Version;
use super::resolve::{Last, resolve};
use super::segments::Data;
use super::{FileSystem, Path};
use crate::error::{Error, Result, Status};
use crate::filespace::{Draft, Link, View};
use crate::ids::Ino;
use crate::state::extents::MAX_FILE_SIZE;
use crate::state::ops::{Create, Op, Transaction};
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
    id: u64,
    ahead: ReadAhead,
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
        let replaces = mode.kind == ModeKind::Write;
        let look = |state: &View| {
            let resolved = resolve(state, &self.root, path, Last::Follow)?;
            let must_be_dir = resolved.must_be_dir();
            let Some((ino, inode)) = resolved.found else {
                resolved.vacant(path, false)?;
                return Ok(None);
            };
            if inode.kind() != value::Kind::File {
                let what = "it is a directory, not a file";
                return Err(Error::new(Status::IsADirectory, what).on_path(path.text()).into());
            }
            if must_be_dir {
                let what = "the path ends in '/' but is a file";
                return Err(Error::new(Status::NotADirectory, what).on_path(path.text()).into());
            }
            let version = if replaces { None } else { Version::load(state, ino)? };
            Ok(Some((ino, version.unwrap_or_default())))
        };
        let found = match replaces {
            true => self.link.read(look).or_else(|_| self.link.read_fresh(look))?,
            false => self.link.read_fresh(look)?,
        };
        let opening = |base, unnamed| Opening { mode, permissions, base, unnamed, replaces };
        match (found, self.open.promised(path)) {
            (Some((ino, version)), _) => Ok(self.handle(ino, path, opening(Arc::new(version), false))),
            (None, promised) if mode.kind == ModeKind::Read => match promised {
                Some(ino) => Ok(self.handle(ino, path, opening(Arc::default(), false))),
                None => Err(Error::new(Status::NotFound, "no such file").on_path(path.text())),
            },
            (None, _) => {
                let ino = self.open.promise(path, self.link.new_ino()?);
                Ok(self.handle(ino, path, opening(Arc::default(), true)))
            }
        }
    }

    /// What a late failure was to write, for reading.
    pub fn open_late_failure(self: &Arc<FileSystem>, number: u64) -> Result<File> {
        self.link.check_usable()?;
        let failure = self.link.late_failures().into_iter().find(|failure| failure.number == number);
        let Some(failure) = failure else {
            let what = format!("number: there is no late failure {number}");
            return Err(Error::new(Status::InvalidArgument, what));
        };
        let Some(version) = Version::of_late_failure(&failure) else {
            let what = format!("number: late failure {number} was not to write content");
            return Err(Error::new(Status::InvalidArgument, what).on_path(&failure.path));
        };
        let mode = Mode { kind: ModeKind::Read, plus: false };
        let path = Path::parse(&failure.path)?;
        let base = Arc::new(version);
        let opening = Opening { mode, permissions: 0, base, unnamed: false, replaces: false };
        Ok(self.handle(self.link.new_ino()?, &path, opening))
    }

    /// The name is committed at once, so that only one can have it.
    fn open_exclusive(self: &Arc<FileSystem>, path: &Path, mode: Mode, permissions: u32) -> Result<File> {
        let ino = self.link.new_ino()?;
        let time = self.link.env().clock.now();
        self.change(path, true, |state| {
            let place = resolve(state, &self.root, path, Last::Name)?.vacant(path, false)?;
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
        let opening = Opening { mode, permissions, base: Arc::default(), unnamed: false, replaces: false };
        Ok(self.handle(ino, path, opening))
    }

    fn handle(self: &Arc<FileSystem>, ino: Ino, path: &Path, mut opening: Opening) -> File {
        let shared = self.open.share(ino);
        let mut state = shared.0.lock();
        // Another thread may have published it meanwhile.
        if opening.unnamed && state.ino != ino {
            opening.unnamed = false;
            self.open.settle(path, ino);
        }
        let (id, ino) = (state.next, state.ino);
        state.next += 1;
        state.handles.push(Handle::new(id, ino, path, opening));
        drop(state);
        File { fs: self.clone(), shared, id, ahead: ReadAhead::default() }
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
        let (offset, ino, base) = (handle.position, handle.ino, handle.base.clone());
        let len = available(offset, state.size(ino, &base), out.len());
        // Moved first: another thread that reads meanwhile goes on behind this.
        let end = offset + len as u64;
        state.handle(self.id)?.position = end;
        let filled = self.fill(state, ino, &base, offset, &mut out[..len]);
        if filled.is_err()
            && let Ok(handle) = self.lock().handle(self.id)
            && handle.position == end
        {
            handle.position = offset;
        }
        filled.map(|()| len)
    }

    /// Reads at an offset, without the handle's position.
    pub fn pread(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let mut state = self.lock();
        self.check(&mut state, Mode::reads, "reading")?;
        let handle = state.handle(self.id)?;
        let (ino, base) = (handle.ino, handle.base.clone());
        let len = available(offset, state.size(ino, &base), out.len());
        self.fill(state, ino, &base, offset, &mut out[..len])?;
        Ok(len)
    }

    /// Gathers bytes; only what is in memory is looked at under the lock.
    fn fill(
        &self,
        mut state: MutexGuard<'_, State>,
        ino: Ino,
        base: &Arc<Version>,
        offset: u64,
        out: &mut [u8],
    ) -> Result<()> {
        let end = offset + out.len() as u64;
        if state.is_quiet(ino) {
            drop(state);
            let within = (base.size.saturating_sub(offset) as usize).min(out.len());
            out[within..].fill(0);
            self.ahead.begin(&self.fs.link, base, offset, end);
            return base.read(&self.fs.link, offset, &mut out[..within]);
        }
        let link = &self.fs.link;
        let mut written = Vec::new();
        for (start, segment) in state.written(ino, offset, end).iter() {
            let bytes = match &segment.data {
                Data::Memory(bytes) => bytes.clone(),
                Data::Stored(extent) => state.read_sealed(link, extent)?,
            };
            written.push(((start - offset) as usize, bytes));
        }
        let replaced = state.replaced(ino).is_some();
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
                let (ino, base, own_end) = (handle.ino, handle.base.clone(), handle.end());
                state.size(ino, &base).max(own_end)
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
        handle.write(&self.fs.link, offset, order, data)
    }

    /// Moves the handle's position and returns it.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        let handle = state.handle(self.id)?;
        let (position, ino, base) = (handle.position, handle.ino, handle.base.clone());
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
        let handle = state.handle(self.id)?;
        let (ino, base) = (handle.ino, handle.base.clone());
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
        let ino = state.handle(self.id)?.ino;
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
    pub fn close(&self) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        state.handle(self.id)?.closing = true;
        let published = self.fs.publish(&mut state, self.id, None);
        self.end(&mut state);
        published
    }

    /// Ends the handle; what was not published is dropped.
    fn end(&self, state: &mut State) {
        let Some(at) = state.handles.iter().position(|h| h.id() == self.id) else { return };
        let handle = state.handles.remove(at);
        let same_name = |h: &Handle| h.unnamed && h.path.key() == handle.path.key();
        if handle.unnamed && !state.handles.iter().any(same_name) {
            self.fs.open.settle(&handle.path, handle.ino);
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.end(&mut self.lock());
    }
}

fn available(offset: u64, size: u64, wanted: usize) -> usize {
    usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(wanted)
}

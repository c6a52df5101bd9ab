//! Locks of open files: advisory, of ranges of bytes. What is written under a lock is published while it is still held,
//! or not at all.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::change::{Means, create, create_exclusive};
use super::file::{File, Mode, ModeKind, check_is_file};
use super::handle::Opening;
use super::open::State;
use super::publish::Also;
use super::read::Version;
use super::resolve::{Last, resolve};
use super::{FileSystem, Path, failed};
use crate::error::{Error, Result, Status};
use crate::filespace::{CommitError, Draft, Link, LockRange, ReadError, Standing, View};
use crate::ids::{Ino, Seq};
use crate::state::locks::TO_THE_END;
use crate::state::ops::{self, Hop, Op, Operation, Transaction};

/// How long to wait for a lock that others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until then.
    Until(Instant),
    /// Until it is granted, or the filespace is not linked any more.
    ForEver,
}

/// A lock that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Nobody else has one of any byte of the range.
    pub exclusive: bool,
    /// How long to wait for it.
    pub wait: Wait,
}

/// What a handle has locked. When it goes, whatever the way, its locks are given up.
pub(super) struct Locks {
    link: Arc<Link>,
    ino: Ino,
    /// None: there is nothing to give up.
    owner: Option<u64>,
    /// Where the first lock that it has was asked for; none as long as it only asks.
    since: Option<Seq>,
}

impl Locks {
    /// What this owner may have by now.
    fn of(request: &Request<'_>) -> Locks {
        let LockRange { ino, .. } = request.range;
        Locks { link: request.link.clone(), ino, owner: Some(request.owner), since: None }
    }

    /// Where the first lock that it has was asked for.
    pub(super) fn since(&self) -> Option<Seq> {
        self.since
    }

    /// The log knows that there are none.
    pub(super) fn forget(mut self) {
        self.owner = None;
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        if let Some(owner) = self.owner {
            self.link.give_up_locks(self.ino, owner);
        }
    }
}

/// A lock that an open file asks for.
struct Request<'a> {
    link: &'a Arc<Link>,
    path: &'a Path,
    owner: u64,
    range: LockRange,
    lock: Lock,
}

/// A request that came to nothing.
struct NotGranted {
    error: Error,
    /// Whether something of it may be in the log.
    is_left: bool,
}

impl Request<'_> {
    fn op(&self, ino: Ino) -> Operation {
        let (LockRange { start, end, .. }, Lock { exclusive, wait }) = (self.range, self.lock);
        let (ino, owner, wait) = (ino.0, self.owner, wait != Wait::No);
        Op::Lock(ops::Lock { ino, owner, start, end, exclusive, wait }).wrap()
    }

    /// How it stands, or has come to stand at the end of the wait.
    fn await_grant(&self, asked: Seq) -> Result<(), NotGranted> {
        let until = match self.lock.wait {
            Wait::No => Some(Instant::now()),
            Wait::Until(until) => Some(until),
            Wait::ForEver => None,
        };
        match self.link.await_lock(&self.range, self.owner, self.lock.exclusive, asked, until) {
            Ok(Standing::Granted) => Ok(()),
            Ok(standing) => Err(NotGranted { error: self.refused(standing), is_left: false }),
            Err(error) => Err(NotGranted { error: error.on_path(self.path.text()), is_left: true }),
        }
    }

    fn refused(&self, standing: Standing) -> Error {
        standing.refused().on_path(self.path.text())
    }
}

impl FileSystem {
    /// Opens a file and locks all of it until it is closed. A file that is not there is made by the same commit, where
    /// the mode makes one.
    pub fn open_locked(
        self: &Arc<FileSystem>,
        path: &Path,
        mode: Mode,
        permissions: u32,
        lock: Lock,
    ) -> Result<File> {
        self.link.check_usable()?;
        self.check_lockable(path)?;
        self.publish_below(path, Last::Follow, false)?;
        let new = if mode.kind == ModeKind::Read { Ino(0) } else { self.link.new_ino()? };
        let (link, owner) = (&self.link, self.link.new_lock_owner());
        let range = LockRange { ino: new, start: 0, end: TO_THE_END };
        let mut request = Request { link, path, owner, range, lock };
        let inos = [new];
        let means = Means { inos: &inos, ..self.means(&[]) };
        let granted = self.obtain(&mut request, |request, state| {
            let resolved = resolve(state, &self.root, path, Last::Follow)?;
            if mode.kind == ModeKind::Exclusive {
                let (hops, create) = create_exclusive(state, path, permissions, &means)?;
                return Ok((hops, vec![create.wrap(), request.op(new)], new));
            }
            let must_be_dir = resolved.must_be_dir();
            if let Some((ino, inode)) = &resolved.found {
                check_is_file(inode, must_be_dir, path)?;
                let (mut hops, last) = (resolved.hops, Hop::new(resolved.parent, &resolved.name, *ino));
                hops.push(last);
                return Ok((hops, vec![request.op(*ino)], *ino));
            }
            if mode.kind == ModeKind::Read {
                return Err(Error::new(Status::NotFound, "no such file").on_path(path.text()).into());
            }
            let (hops, create) = create(state, path, permissions, &means)?;
            Ok((hops, vec![create.wrap(), request.op(new)], new))
        });
        let mut locks = Locks::of(&request);
        match granted {
            Ok(asked) => locks.since = Some(asked),
            Err(NotGranted { error, is_left }) => {
                if !is_left {
                    locks.forget();
                }
                return Err(error);
            }
        }
        let (ino, replaces) = (request.range.ino, mode.kind == ModeKind::Write);
        let version = if replaces { None } else { self.link.read(|state| Version::load(state, ino))? };
        let base = Arc::new(version.unwrap_or_default());
        let opening = Opening { mode, permissions, base, unnamed: None, replaces, locks: Some(locks) };
        Ok(self.handle(ino, path, opening))
    }

    /// Asks for a lock and waits for it; where it was asked for. The file is the one that the plan leads to. Who is
    /// refused has looked at those in the way: once they have been silent for a lease, they are not in the way any more.
    fn obtain(
        &self,
        request: &mut Request<'_>,
        mut plan: impl FnMut(&Request<'_>, &View) -> Result<(Vec<Hop>, Vec<Operation>, Ino), ReadError>,
    ) -> Result<Seq, NotGranted> {
        loop {
            let mut target = request.range.ino;
            let asked = self.attempt(request.path, request.path, true, |state| {
                let (hops, ops, ino) = plan(request, state)?;
                target = ino;
                Ok(Draft::new(Transaction { hops, ops }))
            });
            request.range.ino = self.link.renumbered(target);
            match asked {
                Ok(committed) => {
                    request.range.ino = self.link.renumbered(committed.ino(target));
                    self.link.keep_locks();
                    return request.await_grant(committed.at).map(|()| committed.at);
                }
                Err(CommitError::Failed(error))
                    if error.status() == Status::Locked
                        && self.link.drop_silent(request.range.ino).unwrap_or(false) => {}
                Err(error) => {
                    let is_left = matches!(error, CommitError::Unsettled(..));
                    return Err(NotGranted { error: failed(error, request.path), is_left });
                }
            }
        }
    }

    /// Locks are written to the log.
    fn check_lockable(&self, path: &Path) -> Result<()> {
        self.link.check_writable().map_err(|error| {
            let what = match error.status() {
                Status::ReadOnly if self.link.is_snapshot() => "what is in a snapshot cannot be locked, and needs no lock",
                Status::ReadOnly => "a lock is written to the log: link the filespace without read_only",
                Status::AccessDenied => {
                    "a lock is written to the log, and the account's role does not allow that; ask an admin for a \
                     grant as writer"
                }
                _ => return error.on_path(path.text()),
            };
            Error::new(error.status(), what).on_path(path.text())
        })
    }

    /// Publishes what a handle wrote and gives up what it has locked of a range, in one commit. What cannot be published
    /// does not keep the lock: that is given up by a commit of its own, and the handle publishes nothing any more.
    pub(super) fn unlock(&self, state: &mut State, id: u64, start: u64, end: u64) -> Result<()> {
        let handle = state.handle(id)?;
        handle.check_locks()?;
        let Some(Locks { owner: Some(owner), since, .. }) = handle.locks else { return Ok(()) };
        let published = self.publish(state, id, Some(Also::Unlock { owner, start, end }));
        let handle = state.handle(id)?;
        let ino = self.link.renumbered(handle.ino);
        // There is no time left to give it up in a commit of its own.
        if published.as_ref().is_err_and(|error| error.status() == Status::Timeout) {
            return published;
        }
        let is_refused = published.as_ref().is_err_and(|error| !error.is_maybe_applied());
        if is_refused && handle.locks.is_some() {
            let unlock = Op::Unlock(ops::Unlock { ino: ino.0, owner, start, end });
            if self.link.commit(Draft::of(unlock), self.link.deadline()).is_err() {
                return published;
            }
        }
        if handle.locks.is_some()
            && since.is_some_and(|since| self.link.has_lost_locks(since).unwrap_or(false))
        {
            handle.lose_locks();
        }
        if self.link.holds_lock(ino, owner).is_ok_and(|holds| !holds) {
            handle.locks.take().into_iter().for_each(Locks::forget);
        }
        if is_refused && since.is_some() {
            handle.give_up_unpublished();
        }
        published.and_then(|()| handle.check_locks())
    }
}

/// The range that a caller means.
fn range(ino: Ino, offset: u64, length: u64) -> Result<LockRange> {
    let end = match length {
        0 => Some(TO_THE_END),
        _ => offset.checked_add(length).filter(|end| *end < TO_THE_END),
    };
    let end = end.ok_or_else(|| {
        let what = "length: the range ends behind 2^64-2; 0 is to the end of the file, however long it gets";
        Error::new(Status::InvalidArgument, what)
    })?;
    match offset < end {
        true => Ok(LockRange { ino, start: offset, end }),
        false => Err(Error::new(Status::InvalidArgument, "offset: at most 2^64-2")),
    }
}

impl File {
    /// Locks a range of the file, in the place of what this handle has locked of it; a length of 0 is to the end. The
    /// handle looks at the newest content then. A file that is yet to be made is published first.
    pub fn lock_range(&self, offset: u64, length: u64, lock: Lock) -> Result<()> {
        let range = range(Ino(0), offset, length)?;
        let _asking = self.ask_alone(lock.wait)?;
        let (link, path) = (&self.fs.link, self.lock().handle(self.id)?.path.clone());
        let owner = link.new_lock_owner();
        let mut request = Request { link, path: &path, owner, range, lock };
        self.prepare(&mut request)?;
        let granted = self.fs.obtain(&mut request, |request, _| {
            let ino = request.range.ino;
            Ok((vec![], vec![request.op(ino)], ino))
        });
        self.conclude(&request, granted)
    }

    /// The right to ask for a lock through this handle.
    fn ask_alone(&self, wait: Wait) -> Result<MutexGuard<'_, ()>> {
        let asking = match wait {
            Wait::No => self.asking.try_lock(),
            Wait::Until(until) => self.asking.try_lock_until(until),
            Wait::ForEver => Some(self.asking.lock()),
        };
        let status = if wait == Wait::No { Status::Locked } else { Status::Timeout };
        asking.ok_or_else(|| Error::new(status, "another call waits for a lock through the same open file"))
    }

    /// From here on a handle that ends gives up what is asked for.
    fn prepare(&self, request: &mut Request<'_>) -> Result<()> {
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        state.handle(self.id)?.check_locks()?;
        self.fs.check_lockable(request.path)?;
        match state.handle(self.id)?.unnamed {
            Some(_) => self.fs.publish(&mut state, self.id, None)?,
            None => self.fs.learn_outcome(&mut state, self.id)?,
        }
        let handle = state.handle(self.id)?;
        request.range.ino = self.fs.link.renumbered(handle.ino);
        let locks = handle.locks.get_or_insert_with(|| Locks::of(request));
        request.owner = locks.owner.unwrap_or(request.owner);
        Ok(())
    }

    fn conclude(&self, request: &Request<'_>, granted: Result<Seq, NotGranted>) -> Result<()> {
        let link = request.link;
        let mut state = self.lock();
        let (LockRange { ino, .. }, owner) = (request.range, request.owner);
        let Ok(handle) = state.handle(self.id) else {
            // It was closed meanwhile.
            drop(Locks::of(request));
            let not_linked = granted.err().filter(|not| not.error.status() == Status::NotLinked);
            return Err(not_linked.map_or_else(closed, |not| not.error));
        };
        let since = handle.locks.as_ref().and_then(Locks::since);
        let is_lost = handle.check_locks().is_err()
            || since.is_some_and(|since| link.has_lost_locks(since).unwrap_or(false));
        let locks = handle.locks.get_or_insert_with(|| Locks::of(request));
        if is_lost {
            // What it had before does not come back with what was granted now.
            handle.lose_locks();
            return handle.check_locks();
        }
        let granted = granted.and_then(|asked| {
            // Another call may have given it up since.
            match link.standing(&request.range, owner, request.lock.exclusive, asked) {
                Ok(Standing::Granted) => Ok(asked),
                Ok(standing) => Err(NotGranted { error: request.refused(standing), is_left: false }),
                Err(error) => Err(NotGranted { error, is_left: true }),
            }
        });
        match granted {
            Ok(asked) => {
                locks.since = Some(since.map_or(asked, |since| since.min(asked)));
                match link.read(|state| Version::load(state, ino)) {
                    Ok(Some(newest)) => handle.base = Arc::new(newest),
                    // It was deleted: what is there to see is what was there.
                    Ok(None) => {}
                    Err(_) => handle.outdated = true,
                }
                Ok(())
            }
            Err(NotGranted { error, is_left }) => {
                if locks.since.is_none()
                    && let Some(locks) = handle.locks.take()
                {
                    if is_left { drop(locks) } else { locks.forget() }
                }
                Err(error)
            }
        }
    }

    /// Publishes what the handle wrote and gives up what it has locked of a range, in one commit.
    pub fn unlock_range(&self, offset: u64, length: u64) -> Result<()> {
        let LockRange { start, end, .. } = range(Ino(0), offset, length)?;
        let mut state = self.lock();
        self.check(&mut state, |_| true, "")?;
        self.fs.unlock(&mut state, self.id, start, end)
    }

    /// The same with all that it has locked.
    pub fn unlock_all(&self) -> Result<()> {
        self.unlock_range(0, 0)
    }
}

fn closed() -> Error {
    Error::new(Status::InvalidHandle, "the file was closed while it waited for a lock")
}

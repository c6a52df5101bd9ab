//! Judging locks: who has which range of a file, who waits for one, and whose turn it is when one is given up. They are
//! advisory: nothing here hinders a write. Who waits is in the state, so that whoever gives a lock up hands it on in
//! the same commit.
//!
//! An owner is one open file of a session. It has at most one request that waits, so who has just got a lock waits for
//! nothing: only a new request can close a circle of owners that wait for each other, and that one is refused.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;

use super::apply::Judge;
use super::ops::{DropLocks, Guard, Lock, Unlock, Withdraw};
use super::source::{Source, Stop, Tables};
use super::value::Session;
use super::{Failure, Refusal, key};
use crate::ids::{Ino, SessionNo};

/// The end of a range that ends with the file, however long that gets.
pub const TO_THE_END: u64 = u64::MAX;

/// Locks of a file, and requests that wait for some, together.
pub const MAX_RANGES: usize = 1024;

/// A session, and the number of an open file of it.
pub type Owner = (SessionNo, u64);

/// A range of a file that an owner has, or waits for.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct RangeLock {
    /// The owner's session.
    #[prost(uint32, tag = "1")]
    pub session: u32,
    /// Which open file of it.
    #[prost(uint64, tag = "2")]
    pub owner: u64,
    /// Where the range starts.
    #[prost(uint64, tag = "3")]
    pub start: u64,
    /// Where it ends.
    #[prost(uint64, tag = "4")]
    pub end: u64,
    /// Nobody else has a lock of any byte of it.
    #[prost(bool, tag = "5")]
    pub exclusive: bool,
}

/// What there is of locks in one file.
#[derive(Clone, PartialEq, Message)]
pub struct FileLocks {
    /// Those that owners have, by start, session and owner. Ranges of one owner do not overlap, and two of one kind do
    /// not touch.
    #[prost(message, repeated, tag = "1")]
    pub held: Vec<RangeLock>,
    /// Requests that wait, in the order in which they came.
    #[prost(message, repeated, tag = "2")]
    pub waiting: Vec<RangeLock>,
}

impl RangeLock {
    /// Whose it is.
    pub fn owner(&self) -> Owner {
        (SessionNo(self.session), self.owner)
    }

    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end
    }

    fn conflicts(&self, other: &RangeLock) -> bool {
        self.owner() != other.owner()
            && (self.exclusive || other.exclusive)
            && self.overlaps(other.start, other.end)
    }
}

impl FileLocks {
    /// Whether an owner has all of a range, exclusively or at least shared.
    pub fn has(&self, owner: Owner, start: u64, end: u64, exclusive: bool) -> bool {
        let mut from = start;
        for held in self.held.iter().filter(|held| held.owner() == owner && held.exclusive >= exclusive) {
            if (held.start..held.end).contains(&from) {
                from = held.end;
            }
        }
        from >= end
    }

    /// Whether an owner has anything of the file.
    pub fn holds(&self, owner: Owner) -> bool {
        self.held.iter().any(|held| held.owner() == owner)
    }

    /// Whether an owner has a request that waits.
    pub fn waits(&self, owner: Owner) -> bool {
        self.waiting.iter().any(|waiting| waiting.owner() == owner)
    }

    /// The sessions that have locks here or wait for some.
    pub fn sessions(&self) -> BTreeSet<SessionNo> {
        self.held.iter().chain(&self.waiting).map(|range| SessionNo(range.session)).collect()
    }

    /// Whether a request cannot be granted now. Who has nothing of the file waits for locks, and for requests of others
    /// that came before (the first so many), so that nobody waits for ever; who has something waits for locks alone, or
    /// the others would wait for him and he for them.
    fn must_wait(&self, wanted: &RangeLock, before: usize) -> bool {
        let is_held = self.held.iter().any(|held| held.conflicts(wanted));
        is_held || !self.holds(wanted.owner()) && self.waiting[..before].iter().any(|w| w.conflicts(wanted))
    }

    /// Whether somebody who has a lock that a request is to wait for waits for its owner, perhaps through others.
    fn closes_circle(&self, wanted: &RangeLock) -> bool {
        let blocking = |waits: RangeLock| self.held.iter().filter(move |held| held.conflicts(&waits));
        let mut reached: BTreeSet<Owner> = blocking(*wanted).map(RangeLock::owner).collect();
        let mut to_follow: Vec<Owner> = reached.iter().copied().collect();
        while let Some(owner) = to_follow.pop() {
            for waits in self.waiting.iter().filter(|waiting| waiting.owner() == owner) {
                for next in blocking(*waits).map(RangeLock::owner) {
                    if next == wanted.owner() {
                        return true;
                    }
                    if reached.insert(next) {
                        to_follow.push(next);
                    }
                }
            }
        }
        false
    }

    /// Gives an owner a range, in the place of what it had of it.
    fn grant(&mut self, wanted: RangeLock) {
        let mut granted = wanted;
        self.cut(wanted.owner(), wanted.start, wanted.end);
        self.held.retain(|held| {
            let is_same = held.owner() == wanted.owner() && held.exclusive == wanted.exclusive;
            let touches = held.end == wanted.start || held.start == wanted.end;
            if is_same && touches {
                (granted.start, granted.end) = (granted.start.min(held.start), granted.end.max(held.end));
            }
            !(is_same && touches)
        });
        let place = |range: &RangeLock| (range.start, range.session, range.owner);
        let at = self.held.partition_point(|held| place(held) < place(&granted));
        self.held.insert(at, granted);
    }

    /// Takes a range from an owner.
    fn cut(&mut self, owner: Owner, start: u64, end: u64) {
        let (cut, mut kept): (Vec<RangeLock>, Vec<RangeLock>) =
            self.held.iter().partition(|held| held.owner() == owner && held.overlaps(start, end));
        for held in cut {
            let front = RangeLock { end: held.end.min(start), ..held };
            let behind = RangeLock { start: held.start.max(end), ..held };
            kept.extend([front, behind].into_iter().filter(|part| part.start < part.end));
        }
        kept.sort_by_key(|range| (range.start, range.session, range.owner));
        self.held = kept;
    }

    /// Grants what can be granted, in the order of the requests; again until nothing is left that can.
    fn serve(&mut self) {
        loop {
            let (mut at, before) = (0, self.waiting.len());
            while let Some(wanted) = self.waiting.get(at).copied() {
                if self.must_wait(&wanted, at) {
                    at += 1;
                } else {
                    self.waiting.remove(at);
                    self.grant(wanted);
                }
            }
            if self.waiting.len() == before {
                return;
            }
        }
    }
}

impl Judge<'_> {
    pub(super) fn lock(&mut self, op: &Lock) -> Result<(), Failure> {
        let Lock { owner, start, end, exclusive, wait, .. } = *op;
        let (ino, _) = self.content_target(op.ino)?;
        if start >= end {
            return Err(Refusal::Invalid.into());
        }
        let wanted = RangeLock { session: self.author.0, owner, start, end, exclusive };
        let mut locks = self.scratch.locks(ino)?;
        locks.waiting.retain(|waiting| waiting.owner() != wanted.owner());
        if !locks.must_wait(&wanted, locks.waiting.len()) {
            locks.grant(wanted);
        } else if !wait {
            return Err(Refusal::Locked.into());
        } else if locks.closes_circle(&wanted) {
            return Err(Refusal::Deadlock.into());
        } else {
            locks.waiting.push(wanted);
        }
        self.hand_on(ino, locks)
    }

    /// What an owner does not have is given up too: nothing changes.
    pub(super) fn unlock(&mut self, op: &Unlock) -> Result<(), Failure> {
        let (ino, owner) = (self.redirected(Ino(op.ino)), (self.author, op.owner));
        if op.start >= op.end {
            return Err(Refusal::Invalid.into());
        }
        let mut locks = self.scratch.locks(ino)?;
        locks.cut(owner, op.start, op.end);
        locks.waiting.retain(|waits| waits.owner() != owner || !waits.overlaps(op.start, op.end));
        self.hand_on(ino, locks)
    }

    pub(super) fn withdraw(&mut self, op: &Withdraw) -> Result<(), Failure> {
        let (ino, owner) = (self.redirected(Ino(op.ino)), (self.author, op.owner));
        let mut locks = self.scratch.locks(ino)?;
        if !locks.waits(owner) {
            // It was granted, or dropped.
            return Err(Refusal::NotFound.into());
        }
        locks.waiting.retain(|waits| waits.owner() != owner);
        self.hand_on(ino, locks)
    }

    /// A session that has been silent for too long loses its locks, and does not wait any more.
    pub(super) fn drop_locks(&mut self, op: &DropLocks) -> Result<(), Failure> {
        let (id, session) = self.silent_session(&op.session, op.last_k)?;
        if !self.release_all(session.number())? {
            return Err(Refusal::NotFound.into());
        }
        self.scratch.put_message(key::session(id), &Session { dropped: self.at.0, ..session });
        Ok(())
    }

    /// A session loses its locks all at once, or none; so one position says of all of them whether they are still held.
    /// Another session than the one that got them is a younger one.
    pub(super) fn guard(&self, op: &Guard) -> Result<(), Failure> {
        let session = self.scratch.session(self.envelope.session)?;
        let dropped = session.map_or(0, |session| session.dropped);
        match op.since <= dropped || op.since < self.author.0.into() {
            true => Err(Refusal::LockLost.into()),
            false => Ok(()),
        }
    }

    /// Takes away all that a session has, and hands it on; whether it had anything.
    pub(super) fn release_all(&mut self, session: SessionNo) -> Result<bool, Stop> {
        let files = locked_files(&self.scratch, session)?;
        for ino in &files {
            let mut locks = self.scratch.locks(*ino)?;
            locks.held.retain(|held| held.session != session.0);
            locks.waiting.retain(|waiting| waiting.session != session.0);
            locks.serve();
            self.put_locks(*ino, &locks)?;
        }
        Ok(!files.is_empty())
    }

    /// What an owner has given up, others get. Only what the owner itself did counts against the limit.
    fn hand_on(&mut self, ino: Ino, mut locks: FileLocks) -> Result<(), Failure> {
        let count = |locks: &FileLocks| locks.held.len() + locks.waiting.len();
        if count(&locks) > MAX_RANGES.max(count(&self.scratch.locks(ino)?)) {
            return Err(Refusal::TooManyLocks.into());
        }
        locks.serve();
        Ok(self.put_locks(ino, &locks)?)
    }

    fn put_locks(&mut self, ino: Ino, locks: &FileLocks) -> Result<(), Stop> {
        let (before, now) = (self.scratch.locks(ino)?.sessions(), locks.sessions());
        for gone in before.difference(&now) {
            self.scratch.remove(key::locked_by(*gone, ino));
        }
        for new in now.difference(&before) {
            self.scratch.put(key::locked_by(*new, ino), Vec::new());
        }
        match now.is_empty() {
            true if before.is_empty() => {}
            true => self.scratch.remove(key::locks(ino)),
            false => self.scratch.put_message(key::locks(ino), locks),
        }
        Ok(())
    }
}

/// The files in which a session has locks or waits for some.
pub fn locked_files(state: &dyn Source, session: SessionNo) -> Result<Vec<Ino>, Stop> {
    let (from, to) = key::locked_files(session);
    let file = |pair: Result<(Bytes, Bytes), Stop>| key::locked_file(&pair?.0).ok_or(Stop::Corrupt("locks"));
    state.range(&from, &to).map(file).collect()
}

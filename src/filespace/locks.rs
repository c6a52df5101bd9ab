//! Locks of a link's session. Apply decides who gets what; here is what takes time: waiting until a request is granted,
//! keeping what is held by a sign of life, and telling who is silent for too long.
//!
//! Nobody waits for a lock in a thread of its own, and a look at the log is what shows that one was granted. While a
//! session has locks, a timer sees to it that it writes something in each third of its lease.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;

use super::commit::CommitError;
use super::draft::Draft;
use super::link::{Link, ReadError};
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, Seq, SessionId, SessionNo};
use crate::state::locks::{TO_THE_END, locked_files};
use crate::state::ops::{DropLocks, Op, Transaction, Unlock, Withdraw};
use crate::state::value::Session;
use crate::state::{Refusal, Replica, Source, Stop, Tables, key};

/// How long a session that is silent keeps its locks, if nothing else is wanted.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);

/// A session is silent if so many looks, spread over a lease, found nothing new of it.
const LOOKS: u32 = 3;
/// So often who waits sees whether the link has ended.
const SLICE: Duration = Duration::from_millis(100);
/// Between two attempts to look at a log that fails.
const RETRY: Duration = Duration::from_millis(200);

/// What a link knows of its locks, and of those who are in its way.
pub(super) struct Locks {
    /// Open files that have asked for locks are numbered, from a random number on: an earlier process of the same session
    /// had others.
    owners: AtomicU64,
    /// When the session wrote last.
    wrote: Mutex<Instant>,
    /// Whether the timer runs.
    is_kept: Mutex<bool>,
    /// Open files that have ended, with the file that each had locks of; the log does not know that yet.
    given_up: Mutex<Vec<(Ino, u64)>>,
    /// A session whose locks an earlier process had.
    inherited: Mutex<Option<SessionId>>,
    /// Sessions that were in the way, and since when nothing new is known of them.
    sightings: Mutex<HashMap<SessionNo, Sighting>>,
}

impl Locks {
    /// Open files are numbered from here on.
    pub(super) fn new(first: u32) -> Locks {
        Locks {
            owners: AtomicU64::new(u64::from(first) << 32),
            wrote: Mutex::new(Instant::now()),
            is_kept: Mutex::default(),
            given_up: Mutex::default(),
            inherited: Mutex::default(),
            sightings: Mutex::default(),
        }
    }

    /// The session is one that an earlier process had.
    pub(super) fn inherit(&self, session: SessionId) {
        *self.inherited.lock() = Some(session);
    }

    /// The session has written something.
    pub(super) fn wrote(&self) {
        *self.wrote.lock() = Instant::now();
    }
}

/// A range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// The file.
    pub ino: Ino,
    /// Where it starts.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The range is its owner's.
    Granted,
    /// Others are in the way.
    Waits,
    /// Its owner has given it up.
    GivenUp,
    /// The session has lost its locks since.
    Lost,
}

/// What was seen of a session in the way.
struct Sighting {
    id: SessionId,
    /// Its last commit.
    k: u64,
    since: Duration,
    last: Duration,
    looks: u32,
}

impl Link {
    /// A number for an open file that is going to ask for locks.
    pub fn new_lock_owner(&self) -> u64 {
        self.locks.owners.fetch_add(1, Ordering::Relaxed)
    }

    /// How a request stands that the log took at `asked`.
    pub fn standing(&self, range: &LockRange, owner: u64, exclusive: bool, asked: Seq) -> Result<Standing> {
        let Some((id, number)) = self.lock_session() else { return Ok(Standing::Lost) };
        let owner = (number, owner);
        self.read_committed(|state| {
            if has_lost(state.session(id)?, asked) {
                return Ok(Standing::Lost);
            }
            let locks = state.locks(range.ino)?;
            Ok(match locks.waits(owner) {
                true => Standing::Waits,
                false if locks.has(owner, range.start, range.end, exclusive) => Standing::Granted,
                false => Standing::GivenUp,
            })
        })
    }

    /// Whether an open file has any lock of a file.
    pub fn holds_lock(&self, ino: Ino, owner: u64) -> Result<bool> {
        let Some((_, number)) = self.lock_session() else { return Ok(false) };
        self.read_committed(|state| Ok(state.locks(ino)?.holds((number, owner))))
    }

    /// Whether the session has lost its locks since a position.
    pub fn has_lost_locks(&self, since: Seq) -> Result<bool> {
        let Some((id, _)) = self.lock_session() else { return Ok(true) };
        self.read_committed(|state| Ok(has_lost(state.session(id)?, since)))
    }

    /// Waits until a request that the log took at `asked` does not wait any more, or for ever. At the deadline it is
    /// taken back, unless it was granted by then. Whether the log answers meanwhile does not matter.
    pub fn await_lock(
        &self,
        range: &LockRange,
        owner: u64,
        exclusive: bool,
        asked: Seq,
        until: Option<Instant>,
    ) -> Result<Standing> {
        let between_looks = self.lease() / (LOOKS + 1);
        let mut next_look = Instant::now();
        loop {
            self.check_usable()?;
            let standing = self.standing(range, owner, exclusive, asked)?;
            let now = Instant::now();
            if standing != Standing::Waits {
                return Ok(standing);
            }
            if until.is_some_and(|until| until <= now) {
                return self.withdraw(range, owner, exclusive, asked);
            }
            let until = until.unwrap_or(now + SLICE);
            if next_look <= now {
                let looked = self.refresh().is_ok();
                // No look says nothing of anybody.
                if looked && self.drop_silent(range.ino)? {
                    continue;
                }
                next_look = now + if looked { between_looks } else { RETRY };
            }
            let slice = until.min(now + SLICE).min(next_look);
            if self.wait_for_more(slice).is_err() {
                std::thread::sleep(slice.saturating_duration_since(Instant::now()));
            }
        }
    }

    /// Takes a request back that waits.
    fn withdraw(&self, range: &LockRange, owner: u64, exclusive: bool, asked: Seq) -> Result<Standing> {
        let withdraw = Op::Withdraw(Withdraw { ino: range.ino.0, owner });
        match self.commit_in_turn(Draft::of(withdraw), self.deadline()) {
            Ok(_) => Ok(Standing::Waits),
            Err(CommitError::Refused(Refusal::NotFound)) => self.standing(range, owner, exclusive, asked),
            Err(CommitError::Refused(refusal)) => {
                Err(Error::new(refusal.status(), "the request for a lock cannot be taken back"))
            }
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
        }
    }

    /// Gives up all that an open file has of a file, soon; waits for nobody. It is tried until the log takes it, or the
    /// session ends, and its locks with it.
    pub fn give_up_locks(self: &Arc<Link>, ino: Ino, owner: u64) {
        if self.is_closed() {
            return;
        }
        self.locks.given_up.lock().push((ino, owner));
        let (link, runtime) = (Arc::downgrade(self), self.runtime().clone());
        self.runtime().spawn(async move {
            while let Some(link) = link.upgrade() {
                let done = runtime.spawn_blocking(move || link.commit_given_up()).await;
                if done.unwrap_or(true) {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    /// Whether there is nothing left to commit.
    fn commit_given_up(&self) -> bool {
        let given_up = std::mem::take(&mut *self.locks.given_up.lock());
        if given_up.is_empty() || self.is_closed() {
            return true;
        }
        let unlock = |(ino, owner): &(Ino, u64)| {
            Op::Unlock(Unlock { ino: self.renumbered(*ino).0, owner: *owner, start: 0, end: TO_THE_END })
                .wrap()
        };
        let ops = given_up.iter().map(unlock).collect();
        let committed = self.commit_in_turn(Draft::new(Transaction { hops: vec![], ops }), self.deadline());
        let failed = matches!(committed, Err(CommitError::Failed(_) | CommitError::Unsettled(..)));
        if failed {
            self.locks.given_up.lock().extend(given_up);
        }
        !failed
    }

    /// The process that had this session before is gone, and nobody has its locks any more. What it had acknowledged
    /// under them is committed first.
    pub(super) fn drop_inherited_locks(&self) {
        let Some(id) = self.locks.inherited.lock().take() else { return };
        let drop = || -> Result<()> {
            let session = self.read_committed(|state| Ok(state.session(id)?))?;
            let Some(session) = session.filter(|session| !session.closed) else { return Ok(()) };
            if self.read_committed(|state| Ok(locked_files(state, session.number())?))?.is_empty() {
                return Ok(());
            }
            self.drain(self.deadline())?;
            let last_k = self.read_committed(|state| Ok(state.session(id)?))?.map_or(0, |s| s.last_k);
            // A session that drops its own names the commit that does so.
            let own = self.lock_session().is_some_and(|(own, _)| own == id);
            let drop = DropLocks { session: Bytes::copy_from_slice(&id.0), last_k: last_k + u64::from(own) };
            match self.commit_in_turn(Draft::of(Op::DropLocks(drop)), self.deadline()) {
                Ok(_) | Err(CommitError::Refused(_)) => Ok(()),
                Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
            }
        };
        if let Err(error) = drop() {
            // They end with their lease.
            crate::report::warn(|| format!("locks of an earlier process cannot be dropped now: {error}"));
        }
    }

    /// The session has locks, or waits for some: from now on it gives signs of life.
    pub fn keep_locks(self: &Arc<Link>) {
        if std::mem::replace(&mut *self.locks.is_kept.lock(), true) {
            return;
        }
        let (link, runtime) = (Arc::downgrade(self), self.runtime().clone());
        self.runtime().spawn(async move {
            while let Some(pause) = until_sign_of_life(&link) {
                tokio::time::sleep(pause).await;
                let Some(link) = link.upgrade() else { return };
                let given = runtime.spawn_blocking(move || link.give_sign_of_life()).await;
                if !given.unwrap_or(false) {
                    return;
                }
            }
        });
    }

    /// Writes something if that is due; whether it will be due again.
    fn give_sign_of_life(&self) -> bool {
        if self.is_closed() || !self.still_has_locks() {
            return false;
        }
        if self.locks.wrote.lock().elapsed() >= self.lease() / 3
            && let Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) =
                self.commit_in_turn(Draft::default(), self.deadline())
        {
            crate::report::warn(|| format!("the locks of filespace {} may be lost: {error}", self.id));
        }
        true
    }

    /// Under the lock: who gets a lock after that starts the timer again.
    fn still_has_locks(&self) -> bool {
        let mut is_kept = self.locks.is_kept.lock();
        let has_any = |number| self.read_committed(|state| Ok(!locked_files(state, number)?.is_empty()));
        // If that cannot be read now, it can be later.
        *is_kept = self.lock_session().is_some_and(|(_, number)| has_any(number).unwrap_or(true));
        *is_kept
    }

    /// Looks at the sessions that have locks in a file or wait for some, as of now, and takes the locks away from those
    /// that have been silent for a lease; whether there were any.
    pub fn drop_silent(&self, ino: Ino) -> Result<bool> {
        let mut dropped = false;
        for (id, last_k) in self.look_for_silent(ino)? {
            let drop = DropLocks { session: Bytes::copy_from_slice(&id.0), last_k };
            match self.commit_in_turn(Draft::of(Op::DropLocks(drop)), self.deadline()) {
                Ok(_) => {
                    let lease = self.lease();
                    crate::report::warn(|| {
                        format!("session {id} of filespace {} lost its locks: silent for {lease:?}", self.id)
                    });
                    dropped = true;
                }
                // It went on, or somebody else was faster.
                Err(CommitError::Refused(_)) => dropped = true,
                Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => {
                    crate::report::warn(|| format!("locks of session {id} cannot be dropped now: {error}"));
                }
            }
        }
        Ok(dropped)
    }

    fn look_for_silent(&self, ino: Ino) -> Result<Vec<(SessionId, u64)>> {
        let (now, lease) = (self.env.clock.uptime(), self.lease());
        let own = self.lock_session().map(|(_, number)| number);
        let mut sightings = self.locks.sightings.lock();
        self.read_committed(|state| {
            let in_the_way = state.locks(ino)?.sessions().into_iter().filter(|number| Some(*number) != own);
            let mut silent = Vec::new();
            for number in in_the_way {
                let id = match sightings.get(&number) {
                    Some(known) => known.id,
                    None => match session_id(state, number)? {
                        Some(id) => id,
                        None => continue,
                    },
                };
                let k = state.session(id)?.map_or(0, |session| session.last_k);
                let first = || Sighting { id, k, since: now, last: now, looks: 1 };
                let seen = sightings.entry(number).or_insert_with(first);
                if seen.k != k {
                    *seen = first();
                } else if now.saturating_sub(seen.last) >= lease / (LOOKS + 1) {
                    (seen.last, seen.looks) = (now, seen.looks + 1);
                }
                if seen.looks >= LOOKS && now.saturating_sub(seen.since) >= lease {
                    silent.push((id, k));
                }
            }
            // Of who has no locks any more nothing needs to be known.
            for number in sightings.keys().copied().collect::<Vec<_>>() {
                if locked_files(state, number)?.is_empty() {
                    sightings.remove(&number);
                }
            }
            Ok(silent)
        })
    }

    fn lock_session(&self) -> Option<(SessionId, SessionNo)> {
        self.committer.queue.lock().session.map(|session| (session.id, session.number))
    }
}

/// How long until the session has to write something; none: the link is gone.
fn until_sign_of_life(link: &Weak<Link>) -> Option<Duration> {
    let link = link.upgrade()?;
    let third = link.lease() / 3;
    let since = link.locks.wrote.lock().elapsed();
    // Not at once again, should the log fail.
    Some(third.saturating_sub(since).max(third / 8))
}

/// Whether a session has lost the locks that it asked for at a position.
fn has_lost(session: Option<Session>, asked: Seq) -> bool {
    session.is_none_or(|session| {
        session.closed || session.dropped >= asked.0 || u64::from(session.number) > asked.0
    })
}

/// The session with a number.
fn session_id(state: &Replica, number: SessionNo) -> Result<Option<SessionId>, ReadError> {
    let (from, to) = key::sessions();
    for pair in state.range(&from, &to) {
        let (key, value) = pair?;
        let session = Session::decode(value).map_err(|_| Stop::Corrupt("session"))?;
        if session.number() == number {
            return Ok(key::session_id(&key));
        }
    }
    Ok(None)
}

impl Standing {
    /// What a request that is not granted is to its caller.
    pub fn refused(self) -> Error {
        match self {
            Standing::Waits => Error::new(Status::Timeout, "others did not give up the lock in time"),
            Standing::GivenUp => {
                let what = "another call of the same open file gave up what this one waited for";
                Error::new(Status::Locked, what)
            }
            Standing::Lost => {
                let what = "the locks of this client were dropped: it gave no sign of life for longer than session.lease";
                Error::new(Status::LockLost, what)
            }
            Standing::Granted => Error::new(Status::Internal, "a lock that was granted is refused"),
        }
    }
}

//! The session and its commits. One append is in flight; what arrives meanwhile is the next commit, so that
//! calls that wait at the same time share one (group commit). The thread that finds nothing in flight
//! commits for all that wait: a lone caller never waits for another thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::draft::Draft;
use super::link::Link;
use super::offer::Offer;
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, PackId, Seq, SessionId, SessionNo};
use crate::state::Refusal;
use crate::state::ops::{CloseSession, Op, OpenSession};
use crate::state::value::{Outcome, Session};

/// A commit takes no more transactions than this, and no more bytes of blocks unless one alone has more.
const MAX_TRANSACTIONS: usize = 4096;
const MAX_BLOCK_BYTES: usize = 16 << 20;

/// What became of a transaction that took effect.
#[derive(Debug)]
pub struct Committed {
    /// Where.
    pub at: Seq,
    outcome: Outcome,
}

impl Committed {
    /// The inode that a number of the transaction stands for.
    pub fn ino(&self, number: Ino) -> Ino {
        let pairs = self.outcome.redirects.chunks_exact(2);
        pairs.filter(|p| p[0] == number.0).map(|p| Ino(p[1])).next().unwrap_or(number)
    }

    /// Where the `n`-th append of the transaction went.
    pub fn appended_at(&self, n: usize) -> Option<u64> {
        self.outcome.appended_at.get(n).copied()
    }
}

/// A transaction that apply refused.
#[derive(Debug)]
pub enum CommitError {
    /// It is void, for this reason.
    Refused(Refusal),
    /// It could not be brought to the log, or its outcome is not known.
    Failed(Error),
}

impl From<Error> for CommitError {
    fn from(error: Error) -> CommitError {
        CommitError::Failed(error)
    }
}

/// The waiting transactions and the session.
#[derive(Default)]
pub(super) struct Committer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Somebody has the turn at the moment.
    busy: bool,
    session: Option<OwnSession>,
    /// A commit of the session whose outcome is not known: settled before anything else is offered.
    unsettled: Option<Offer>,
}

struct Waiting {
    draft: Draft,
    ticket: Arc<Mutex<Ticket>>,
}

enum Ticket {
    Queued,
    Taken,
    Done(Result<(Seq, Outcome), Arc<Error>>),
}

/// This link's session.
#[derive(Clone, Copy)]
struct OwnSession {
    id: SessionId,
    number: SessionNo,
    /// The last commit that was consumed.
    k: u64,
    next_ino: u32,
}

/// The right to commit, which one thread has at a time. When it ends, whatever happens, who waits is woken.
struct Turn<'a> {
    committer: &'a Committer,
    session: Option<OwnSession>,
    unsettled: Option<Offer>,
}

impl Committer {
    /// Takes the turn, which nobody has.
    fn take_turn(&self, queue: &mut Queue) -> Turn<'_> {
        queue.busy = true;
        Turn { committer: self, session: queue.session, unsettled: queue.unsettled.take() }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.committer.queue.lock();
        if std::thread::panicking() {
            // What became of the session is not known; the next call opens another.
            (self.session, self.unsettled) = (None, None);
        }
        // Numbers were given while the commit was on its way.
        let given = queue.session.filter(|q| self.session.is_some_and(|s| s.id == q.id));
        if let (Some(session), Some(given)) = (&mut self.session, given) {
            session.next_ino = session.next_ino.max(given.next_ino);
        }
        queue.busy = false;
        queue.session = self.session;
        queue.unsettled = self.unsettled.take();
        self.committer.changed.notify_all();
    }
}

impl Link {
    /// Commits a transaction and waits for its true outcome. Past the deadline it fails with
    /// `Timeout`; if it was already on its way it may still take effect, and the error says so.
    pub fn commit(self: &Arc<Link>, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        let committed = self.commit_in_turn(draft, deadline)?;
        self.start_housekeeping();
        Ok(committed)
    }

    fn commit_in_turn(&self, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        let ticket = Arc::new(Mutex::new(Ticket::Queued));
        let committer = &self.committer;
        let mut queue = self.writable_queue()?;
        queue.waiting.push(Waiting { draft, ticket: ticket.clone() });
        loop {
            match &*ticket.lock() {
                Ticket::Done(result) => return settle(result),
                // Whoever took it failed in a way that left nobody to answer.
                Ticket::Taken if !queue.busy => return Err(no_outcome().maybe_applied().into()),
                Ticket::Queued | Ticket::Taken => {}
            }
            if !queue.busy {
                let batch = take_batch(&mut queue.waiting);
                let mut turn = committer.take_turn(&mut queue);
                drop(queue);
                self.commit_batch(&mut turn, batch);
                drop(turn);
                queue = committer.queue.lock();
                continue;
            }
            if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                let taken = match &*ticket.lock() {
                    Ticket::Done(result) => return settle(result),
                    Ticket::Taken => true,
                    Ticket::Queued => false,
                };
                queue.waiting.retain(|w| !Arc::ptr_eq(&w.ticket, &ticket));
                let error = Error::new(Status::Timeout, "the log did not take the change in time");
                return Err(if taken { error.maybe_applied() } else { error }.into());
            }
        }
    }

    /// A new inode number of this link's session, which is opened if it is not.
    pub fn new_ino(&self) -> Result<Ino> {
        let mut queue = self.queue_with_session()?;
        let session = queue.session.as_mut().ok_or_else(no_session)?;
        session.next_ino = session.next_ino.checked_add(1).ok_or_else(|| {
            Error::new(Status::NoSpace, "this session has created 2^32 files; link the filespace again")
        })?;
        Ok(Ino::new(session.number, session.next_ino))
    }

    /// A new pack id of this link's session, which is opened if it is not.
    pub fn new_pack_id(&self) -> Result<PackId> {
        let number = self.queue_with_session()?.session.ok_or_else(no_session)?.number;
        Ok(PackId::new(number, self.env.random_bytes()?))
    }

    fn queue_with_session(&self) -> Result<MutexGuard<'_, Queue>> {
        let committer = &self.committer;
        let deadline = self.deadline();
        let mut queue = self.writable_queue()?;
        while queue.session.is_none() {
            if !queue.busy {
                let mut turn = committer.take_turn(&mut queue);
                drop(queue);
                turn.session = Some(self.open_session(deadline)?);
                drop(turn);
                queue = committer.queue.lock();
            } else if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                return Err(Error::new(Status::Timeout, "the log did not open a session in time"));
            }
        }
        Ok(queue)
    }

    /// The queue, if something may be put into it. Checked under its lock: what is in it before the link
    /// closes is committed, and nothing comes after.
    fn writable_queue(&self) -> Result<MutexGuard<'_, Queue>> {
        let queue = self.committer.queue.lock();
        self.check_usable()?;
        match self.is_read_only() {
            true => Err(Error::new(Status::ReadOnly, "the filespace is linked read-only")),
            false => Ok(queue),
        }
    }

    /// Commits a batch and tells everybody in it what became of it.
    fn commit_batch(&self, turn: &mut Turn<'_>, mut batch: Vec<Waiting>) {
        let drafts = batch.iter_mut().map(|w| &mut w.draft).collect();
        match self.commit_drafts(turn, drafts, self.deadline()) {
            Ok(consumed) => {
                let at = Seq(consumed.last_seq);
                let mut outcomes = consumed.outcomes.into_iter();
                for waiting in batch {
                    // A body that this link sealed decodes here, so there is an outcome for each.
                    let outcome = outcomes.next().ok_or_else(|| Arc::new(no_outcome()));
                    *waiting.ticket.lock() = Ticket::Done(outcome.map(|o| (at, o)));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for waiting in batch {
                    *waiting.ticket.lock() = Ticket::Done(Err(error.clone()));
                }
            }
        }
    }

    /// Commits drafts as the next commit of the session, which is opened if it is not.
    fn commit_drafts(
        &self,
        turn: &mut Turn<'_>,
        drafts: Vec<&mut Draft>,
        deadline: Instant,
    ) -> Result<Session> {
        self.settle_last(turn, deadline)?;
        let session = match &mut turn.session {
            Some(session) => session,
            none => none.insert(self.open_session(deadline)?),
        };
        let mut offer = self.make_offer(session.id, session.number, session.k + 1, drafts)?;
        match self.bring(&mut offer, deadline) {
            Ok(consumed) => {
                session.k = consumed.last_k;
                Ok(consumed)
            }
            Err(error) => {
                turn.unsettled = error.is_maybe_applied().then_some(offer);
                Err(error)
            }
        }
    }

    /// Finds out what became of the session's last commit, if that is not known: its number cannot be used
    /// again before.
    fn settle_last(&self, turn: &mut Turn<'_>, deadline: Instant) -> Result<()> {
        let Some(mut offer) = turn.unsettled.take() else { return Ok(()) };
        match (self.bring(&mut offer, deadline), &mut turn.session) {
            (Ok(consumed), Some(session)) => session.k = consumed.last_k,
            (Err(error), _) if error.is_maybe_applied() => {
                turn.unsettled = Some(offer);
                let what = "an earlier change is still on its way to the log; nothing of this one was sent";
                return Err(Error::new(error.status(), what).caused_by(error));
            }
            // It is void for good, or the session is gone: its number is free.
            (Ok(_) | Err(_), _) => {}
        }
        Ok(())
    }

    /// Opens a session. If the answer is lost, another one is opened next time: nothing is in it yet.
    fn open_session(&self, deadline: Instant) -> Result<OwnSession> {
        let id = SessionId(self.env.random_bytes()?);
        let mut open = Draft::of(Op::OpenSession(OpenSession {}));
        let mut offer = self.make_offer(id, SessionNo(0), 1, vec![&mut open])?;
        let opened = self.bring(&mut offer, deadline)?;
        Ok(OwnSession { id, number: opened.number(), k: opened.last_k, next_ino: 0 })
    }

    /// Waits for what is in the queue, then closes the session, if there is one. Nothing may be put into the
    /// queue any more.
    pub(super) fn close_session(&self) -> Result<()> {
        let committer = &self.committer;
        let deadline = self.deadline();
        let mut queue = committer.queue.lock();
        while queue.busy || !queue.waiting.is_empty() {
            if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                return Err(Error::new(Status::Timeout, "the log did not take the last changes in time"));
            }
        }
        let mut turn = committer.take_turn(&mut queue);
        drop(queue);
        self.settle_last(&mut turn, deadline)?;
        let Some(session) = turn.session.take() else { return Ok(()) };
        let close = CloseSession { session: Bytes::copy_from_slice(&session.id.0), last_k: session.k + 1 };
        let mut close = Draft::of(Op::CloseSession(close));
        let mut offer = self.make_offer(session.id, session.number, session.k + 1, vec![&mut close])?;
        self.bring(&mut offer, deadline).map(drop)
    }
}

/// The next commit's transactions, in order: as many as fit.
fn take_batch(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut bytes = 0;
    let fits = |w: &&Waiting| {
        bytes += w.draft.inline_bytes();
        bytes <= MAX_BLOCK_BYTES
    };
    let count = waiting.iter().take(MAX_TRANSACTIONS).take_while(fits).count().max(1);
    let batch: Vec<Waiting> = waiting.drain(..count.min(waiting.len())).collect();
    batch.iter().for_each(|w| *w.ticket.lock() = Ticket::Taken);
    batch
}

/// What the caller is told.
fn settle(result: &Result<(Seq, Outcome), Arc<Error>>) -> Result<Committed, CommitError> {
    match result {
        Ok((at, outcome)) => match Refusal::from_code(outcome.refusal) {
            None if outcome.refusal == 0 => Ok(Committed { at: *at, outcome: outcome.clone() }),
            Some(refusal) => Err(CommitError::Refused(refusal)),
            None => Err(CommitError::Failed(Error::new(
                Status::UpgradeRequired,
                "the change was refused for a reason that this version does not know",
            ))),
        },
        Err(error) => Err(CommitError::Failed(error.repeat())),
    }
}

fn no_session() -> Error {
    Error::new(Status::Internal, "the session vanished while it was used")
}

fn no_outcome() -> Error {
    Error::new(Status::Internal, "a transaction got no outcome")
}

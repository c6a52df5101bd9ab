//! The session and its commits. One append is in flight; what arrives meanwhile is the next commit, so that
//! calls that wait at the same time share one (group commit). The thread that finds nothing in flight
//! commits for all that wait: a lone caller never waits for another thread. In relaxed mode a thread in the
//! background does it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::draft::Draft;
use super::journal::JournaledSession;
use super::link::{Link, ReadError};
use super::offer::Offer;
use super::pending::{Answer, Pending, Queue, Ticket, envelope};
use super::view::{View, pending_position};
use crate::error::{Error, Result, Status};
use crate::ids::{Incarnation, Ino, PackId, Seq, SessionId, SessionNo};
use crate::log::envelope::Envelope;
use crate::metrics::count;
use crate::state::ops::{CloseSession, Op, OpenSession};
use crate::state::value::{Outcome, Role, Session};
use crate::state::{Refusal, Tables};

/// What became of a transaction that took effect.
#[derive(Debug)]
pub struct Committed {
    /// Where; in relaxed mode a position that stands for "not yet".
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

/// A transaction that did not take effect.
#[derive(Debug)]
pub enum CommitError {
    /// It is void, for this reason.
    Refused(Refusal),
    /// It could not be brought to the log.
    Failed(Error),
    /// It is on its way, and its outcome is not known yet.
    Unsettled(Error, Unsettled),
}

/// A transaction whose outcome can be asked for later, with [`Link::outcome`].
#[derive(Clone)]
pub struct Unsettled(Arc<Ticket>);

impl std::fmt::Debug for Unsettled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unsettled")
    }
}

impl From<Error> for CommitError {
    fn from(error: Error) -> CommitError {
        CommitError::Failed(error)
    }
}

/// The author of a commit that does not exist yet.
pub struct Author {
    /// Where it seems to be.
    pub at: Seq,
    /// What it says in the clear.
    pub envelope: Envelope,
    /// The session's number.
    pub number: SessionNo,
}

/// When a call that changes something returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitMode {
    /// When its change is committed, with the true outcome.
    Wait,
    /// When this link's view shows it; it is committed a little later.
    Background,
}

/// The queue, and how to hear of its changes.
#[derive(Default)]
pub(super) struct Committer {
    pub(super) queue: Mutex<Queue>,
    pub(super) changed: Condvar,
}

/// This link's session.
#[derive(Clone, Copy)]
pub(super) struct OwnSession {
    pub(super) id: SessionId,
    pub(super) number: SessionNo,
    /// The life of the log in which it was opened.
    incarnation: Incarnation,
    /// The last commit that was consumed.
    pub(super) k: u64,
    next_ino: u32,
}

impl OwnSession {
    pub(super) fn journaled(&self) -> JournaledSession {
        let OwnSession { id, number, incarnation, k, next_ino: inos } = *self;
        JournaledSession { id, number, incarnation, k, inos }
    }

    /// Inode numbers up to one are taken.
    pub(super) fn skip_inos(&mut self, upto: u32) {
        self.next_ino = self.next_ino.max(upto);
    }

    pub(super) fn resumed(session: JournaledSession) -> OwnSession {
        let JournaledSession { id, number, incarnation, k, inos } = session;
        OwnSession { id, number, incarnation, k, next_ino: inos }
    }
}

/// The right to commit, which one thread has at a time. When it ends, whatever happens, who waits is woken.
pub(super) struct Turn<'a> {
    committer: &'a Committer,
    pub(super) session: Option<OwnSession>,
    pub(super) unsettled: Option<Offer>,
}

impl Committer {
    /// Takes the turn, which nobody has.
    pub(super) fn take_turn(&self, queue: &mut Queue) -> Turn<'_> {
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
            queue.fail(&Arc::new(no_outcome().maybe_applied()), true);
        }
        // Numbers were given while the commit was on its way.
        let given = queue.session.filter(|q| self.session.is_some_and(|s| s.id == q.id));
        if let (Some(session), Some(given)) = (&mut self.session, given) {
            session.next_ino = session.next_ino.max(given.next_ino);
        }
        queue.busy = false;
        if queue.session.map(|s| s.id) != self.session.map(|s| s.id) {
            queue.forget_journal();
        }
        queue.session = self.session;
        queue.unsettled = self.unsettled.take();
        self.committer.changed.notify_all();
    }
}

impl Link {
    /// Plans a transaction on the state at hand and commits it, as the link's mode says; `wait`: whatever the mode
    /// says, the outcome is the true one. Past the deadline it fails with `Timeout`; if it was already on its way it
    /// may still take effect, and the error says so. `path` is what it is about. The outer error is the plan's.
    pub fn transact(
        self: &Arc<Link>,
        path: &str,
        wait: bool,
        deadline: Instant,
        mut plan: impl FnMut(&View) -> Result<Draft, ReadError>,
    ) -> Result<Result<Committed, CommitError>> {
        count(&self.metrics().changes);
        let committed = match self.commit_mode() {
            CommitMode::Wait => self.commit_in_turn(self.read(plan)?, deadline),
            CommitMode::Background => self.show(path, wait, deadline, &mut plan)?,
        };
        self.start_housekeeping();
        Ok(committed)
    }

    /// Commits a transaction whatever the state is, and waits for its true outcome.
    pub fn commit(self: &Arc<Link>, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        let committed = match self.commit_mode() {
            CommitMode::Wait => self.commit_in_turn(draft, deadline),
            CommitMode::Background => self.show("", true, deadline, &mut |_| Ok(draft.clone()))?,
        };
        self.start_housekeeping();
        committed
    }

    pub(super) fn commit_in_turn(&self, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        self.commit_from(self.writable_queue()?, draft, deadline)
    }

    /// The same even behind a fork.
    pub(super) fn commit_here(&self, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        self.commit_from(self.committer.queue.lock(), draft, deadline)
    }

    fn commit_from(
        &self,
        mut queue: MutexGuard<'_, Queue>,
        draft: Draft,
        deadline: Instant,
    ) -> Result<Committed, CommitError> {
        let ticket = Arc::new(Ticket::default());
        queue.push(Pending::new(draft, ticket.clone()));
        self.wait_for_answer(queue, &ticket, deadline)
    }

    /// Waits for the outcome of a transaction; commits it, with all that waits, if nobody else does.
    pub(super) fn wait_for_answer<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        ticket: &Arc<Ticket>,
        deadline: Instant,
    ) -> Result<Committed, CommitError> {
        loop {
            if let Some(answer) = ticket.answer() {
                return told(&answer, ticket);
            }
            if !queue.busy {
                let mut turn = self.committer.take_turn(&mut queue);
                drop(queue);
                // Its own transaction's error is on the ticket.
                let _ = self.commit_next(&mut turn);
                drop(turn);
                queue = self.committer.queue.lock();
            } else if self.committer.changed.wait_until(&mut queue, deadline).timed_out() {
                if let Some(answer) = ticket.answer() {
                    return told(&answer, ticket);
                }
                let error = Error::new(Status::Timeout, "the log did not take the change in time");
                if !queue.withdraw(ticket) {
                    return Err(CommitError::Unsettled(error.maybe_applied(), Unsettled(ticket.clone())));
                }
                drop(queue);
                self.rebuild_view()?;
                return Err(error.into());
            }
        }
    }

    /// What became of a transaction that was on its way. If nobody finds that out at the moment, this does.
    pub fn outcome(&self, of: &Unsettled, deadline: Instant) -> Result<Committed, CommitError> {
        let (Unsettled(ticket), committer) = (of, &self.committer);
        let still_open = |error: &Error| {
            let what = "an earlier change of this file is still on its way to the log";
            let error = Error::new(error.status(), what).caused_by(error.repeat()).maybe_applied();
            Err(CommitError::Unsettled(error, of.clone()))
        };
        let mut queue = committer.queue.lock();
        loop {
            let error = match ticket.answer() {
                Some(Err(error)) if error.is_maybe_applied() => error,
                Some(answer) => return told(&answer, ticket),
                None => Arc::new(Error::new(Status::Timeout, "the log did not answer in time")),
            };
            if queue.busy {
                if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                    return still_open(&error);
                }
                continue;
            }
            if queue.unsettled.is_none() {
                return still_open(&error);
            }
            let mut turn = committer.take_turn(&mut queue);
            drop(queue);
            let settled = self.settle_last(&mut turn, deadline);
            drop(turn);
            if let Err(error) = settled {
                return still_open(&error);
            }
            queue = committer.queue.lock();
        }
    }

    /// A new inode number of this link's session, which is opened if it is not.
    pub fn new_ino(&self) -> Result<Ino> {
        let mut queue = self.queue_with_session()?;
        let session = queue.session.as_mut().ok_or_else(no_session)?;
        let (number, next) = (session.number, session.next_ino.checked_add(1));
        let next = next.ok_or_else(|| {
            Error::new(Status::NoSpace, "this session has created 2^32 files; link the filespace again")
        })?;
        session.next_ino = next;
        queue.record_inos(next)?;
        Ok(Ino::new(number, next))
    }

    /// A new pack id of this link's session, which is opened if it is not.
    pub fn new_pack_id(&self) -> Result<PackId> {
        let number = self.queue_with_session()?.session.ok_or_else(no_session)?.number;
        Ok(PackId::new(number, self.env.random_bytes()?))
    }

    /// Who this link's commits are by, to try changes with before they are committed. The session is opened if it is
    /// not.
    pub fn author(&self) -> Result<Author> {
        let session = self.queue_with_session()?.session.ok_or_else(no_session)?;
        let envelope = envelope(self.account.key_id(), &session);
        Ok(Author { at: pending_position(0), envelope, number: session.number })
    }

    pub(super) fn queue_with_session(&self) -> Result<MutexGuard<'_, Queue>> {
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
            true => Err(read_only()),
            false => Ok(queue),
        }
    }

    /// Commits what waits, as much as fits, and tells everybody concerned what became of it.
    pub(super) fn commit_next(&self, turn: &mut Turn<'_>) -> Result<()> {
        let deadline = self.deadline();
        if let Err(error) = self.settle_last(turn, deadline) {
            let error = Arc::new(error);
            self.committer.queue.lock().refuse_waiting(&error);
            self.rebuild_view()?;
            return Err(error.repeat());
        }
        let drafts = self.committer.queue.lock().take();
        if drafts.is_empty() {
            return Ok(());
        }
        match self.commit_drafts(turn, drafts, deadline) {
            Ok(consumed) => {
                self.settle(consumed);
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                {
                    let mut queue = self.committer.queue.lock();
                    match error.is_maybe_applied() {
                        true => queue.leave_open(&error),
                        false => queue.fail(&error, !may_work_later(&error)),
                    }
                }
                self.rebuild_view()?;
                Err(error.repeat())
            }
        }
    }

    /// A commit of the queue's was consumed.
    fn settle(&self, consumed: Session) {
        let mut queue = self.committer.queue.lock();
        // Whoever renewed the view may have seen it already.
        if queue.in_flight.is_some_and(|(_, k)| k == consumed.last_k) {
            queue.settle(Seq(consumed.last_seq), consumed.outcomes, None);
            self.spoil_view();
        }
    }

    /// Commits drafts as the next commit of the session, which is opened if it is not.
    fn commit_drafts(&self, turn: &mut Turn<'_>, drafts: Vec<Draft>, deadline: Instant) -> Result<Session> {
        let session = match &mut turn.session {
            Some(session) => session,
            none => none.insert(self.open_session(deadline)?),
        };
        let mut offer = self.make_offer(session.id, session.number, session.k + 1, drafts)?;
        self.record_offer(&offer)?;
        match self.bring(&mut offer, deadline) {
            Ok(consumed) => {
                count(&self.metrics().commits);
                self.locks.wrote();
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
    /// again before. Who asked for what is in it is told.
    pub(super) fn settle_last(&self, turn: &mut Turn<'_>, deadline: Instant) -> Result<()> {
        let Some(mut offer) = turn.unsettled.take() else { return Ok(()) };
        match (self.bring(&mut offer, deadline), &mut turn.session) {
            (Ok(consumed), Some(session)) => {
                session.k = consumed.last_k;
                self.settle(consumed);
            }
            (Err(error), _) if error.is_maybe_applied() => {
                turn.unsettled = Some(offer);
                let what = "an earlier change is still on its way to the log; nothing of this one was sent";
                return Err(Error::new(error.status(), what).caused_by(error));
            }
            // It is void for good, or the session is gone: its number is free.
            (Ok(_), None) => {
                self.committer.queue.lock().fail(&Arc::new(no_outcome()), false);
                self.spoil_view();
            }
            (Err(error), _) => {
                let is_final = !may_work_later(&error);
                self.committer.queue.lock().fail(&Arc::new(error), is_final);
                self.spoil_view();
            }
        }
        self.renew_view()
    }

    /// Whether something may be written through this link. While nothing was, the account's role is looked at: what
    /// the log would refuse is not sent.
    pub fn check_writable(&self) -> Result<()> {
        if self.is_read_only() {
            return Err(read_only());
        }
        let has_session = self.committer.queue.lock().session.is_some();
        if has_session { Ok(()) } else { self.check_role() }
    }

    /// The role may be newer than what is known of it.
    fn check_role(&self) -> Result<()> {
        let key_id = self.account.key_id();
        let may_write = || {
            self.read_committed(|state| Ok(state.member(key_id)?.is_some_and(|m| m.role() >= Role::Writer)))
        };
        if !may_write()? {
            self.catch_up(None)?;
            if !may_write()? {
                return Err(self.denied());
            }
        }
        Ok(())
    }

    /// Opens a session. If the answer is lost, another one is opened next time: nothing is in it yet.
    pub(super) fn open_session(&self, deadline: Instant) -> Result<OwnSession> {
        self.check_role()?;
        let id = SessionId(self.env.random_bytes()?);
        let open = Draft::of(Op::OpenSession(OpenSession {}));
        let drafts = [open].into_iter().chain(self.new_life()?).collect();
        let mut offer = self.make_offer(id, SessionNo(0), 1, drafts)?;
        let opened = self.bring(&mut offer, deadline).map_err(|error| {
            // Whether the session is there or not, nothing of the caller's is in it.
            Error::new(error.status(), "the link cannot begin to write").caused_by(error)
        })?;
        let incarnation = self.read_committed(|state| Ok(state.incarnation()?))?;
        Ok(OwnSession { id, number: opened.number(), incarnation, k: opened.last_k, next_ino: 0 })
    }

    /// Waits for what is in the queue, then closes the session, if there is one. Nothing may be put into the
    /// queue any more.
    pub(super) fn close_session(&self) -> Result<()> {
        let committer = &self.committer;
        let deadline = self.deadline();
        let mut queue = committer.queue.lock();
        while queue.busy || !queue.is_empty() && queue.unsettled.is_none() {
            if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                return Err(Error::new(Status::Timeout, "the log did not take the last changes in time"));
            }
        }
        let mut turn = committer.take_turn(&mut queue);
        drop(queue);
        self.settle_last(&mut turn, deadline)?;
        let Some(session) = turn.session.take() else { return Ok(()) };
        let close = CloseSession { session: Bytes::copy_from_slice(&session.id.0), last_k: session.k + 1 };
        let close = Draft::of(Op::CloseSession(close));
        let mut offer = self.make_offer(session.id, session.number, session.k + 1, vec![close])?;
        self.bring(&mut offer, deadline).map(drop)
    }
}

/// Whether the same commit may work when log and store do again.
fn may_work_later(error: &Error) -> bool {
    error.status().is_retryable() || error.status() == Status::NoSpace
}

/// What the caller is told.
fn told(answer: &Answer, ticket: &Arc<Ticket>) -> Result<Committed, CommitError> {
    match answer {
        Ok((at, outcome)) => judged(*at, outcome),
        Err(error) if error.is_maybe_applied() => {
            Err(CommitError::Unsettled(error.repeat(), Unsettled(ticket.clone())))
        }
        Err(error) => Err(CommitError::Failed(error.repeat())),
    }
}

pub(super) fn judged(at: Seq, outcome: &Outcome) -> Result<Committed, CommitError> {
    match Refusal::from_code(outcome.refusal) {
        None if outcome.refusal == 0 => Ok(Committed { at, outcome: outcome.clone() }),
        Some(refusal) => Err(CommitError::Refused(refusal)),
        None => Err(CommitError::Failed(Error::new(
            Status::UpgradeRequired,
            "the change was refused for a reason that this version does not know",
        ))),
    }
}

fn read_only() -> Error {
    Error::new(Status::ReadOnly, "the filespace is linked read-only")
}

fn no_session() -> Error {
    Error::new(Status::Internal, "the session vanished while it was used")
}

pub(super) fn no_outcome() -> Error {
    Error::new(Status::Internal, "a transaction got no outcome")
}

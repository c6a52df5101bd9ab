//! The session and its commits. One append is in flight; what arrives meanwhile is the next commit, so that
//! calls that wait at the same time share one (group commit). The thread that finds nothing in flight
//! commits for all that wait: a lone caller never waits for another thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use prost::Message;

use super::draft::Draft;
use super::follow::{Own, commit_object, payload_key};
use super::link::Link;
use crate::content::pack::PackWriter;
use crate::content::writer::{StoredPack, put_pack};
use crate::crypto::seal::Kind;
use crate::crypto::sha256;
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, PackId, Seq, SessionId, SessionNo};
use crate::log::Append;
use crate::log::envelope::{self, Envelope, HEAD, InlineLayout, MAX_SLOT};
use crate::state::ops::{Body, CloseSession, NewPack, Op, OpenSession, Transaction};
use crate::state::value::{Outcome, Session};
use crate::state::{Refusal, Tables};

/// A commit takes no more transactions than this, and no more bytes of blocks unless one alone has more.
const MAX_TRANSACTIONS: usize = 4096;
const MAX_BLOCK_BYTES: usize = 16 << 20;
/// Blocks of one commit stay inline up to this many bytes; more go into a pack.
const MAX_INLINE: usize = 128 << 10;

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
pub(super) struct Committer {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Somebody commits at the moment.
    busy: bool,
    session: Option<OwnSession>,
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

impl Committer {
    pub(super) fn new() -> Committer {
        Committer { queue: Mutex::default(), changed: Condvar::new() }
    }
}

impl Link {
    /// Commits a transaction and waits for its true outcome. Past the deadline it fails with
    /// `Timeout`; if it was already on its way it may still take effect, and the error says so.
    pub fn commit(self: &Arc<Link>, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        let committed = self.commit_in_turn(draft, deadline)?;
        self.maybe_checkpoint();
        Ok(committed)
    }

    fn commit_in_turn(&self, draft: Draft, deadline: Instant) -> Result<Committed, CommitError> {
        self.check_usable()?;
        self.check_writable()?;
        let ticket = Arc::new(Mutex::new(Ticket::Queued));
        let committer = &self.committer;
        let mut queue = committer.queue.lock();
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
                queue.busy = true;
                let mut busy = Busy { committer, session: queue.session };
                drop(queue);
                busy.session = self.commit_batch(busy.session, batch);
                drop(busy);
                queue = committer.queue.lock();
                continue;
            }
            if committer.changed.wait_until(&mut queue, deadline).timed_out() {
                let taken = !matches!(*ticket.lock(), Ticket::Queued);
                if !taken {
                    queue.waiting.retain(|w| !Arc::ptr_eq(&w.ticket, &ticket));
                }
                if let Ticket::Done(result) = &*ticket.lock() {
                    return settle(result);
                }
                let error = Error::new(Status::Timeout, "the log did not take the change in time");
                return Err(if taken { error.maybe_applied() } else { error }.into());
            }
        }
    }

    /// A new inode number of this link's session, which is opened if it is not.
    pub fn new_ino(&self) -> Result<Ino> {
        let mut queue = self.session_lock()?;
        let session = queue.session.as_mut().ok_or_else(no_session)?;
        session.next_ino = session.next_ino.checked_add(1).ok_or_else(|| {
            Error::new(Status::NoSpace, "this session has created 2^32 files; link the filespace again")
        })?;
        Ok(Ino::new(session.number, session.next_ino))
    }

    /// A new pack id of this link's session, which is opened if it is not.
    pub fn new_pack_id(&self) -> Result<PackId> {
        let number = self.session_lock()?.session.ok_or_else(no_session)?.number;
        Ok(PackId::new(number, self.env.random_bytes()?))
    }

    /// The queue with a session in it.
    fn session_lock(&self) -> Result<parking_lot::MutexGuard<'_, Queue>> {
        self.check_usable()?;
        self.check_writable()?;
        let committer = &self.committer;
        let mut queue = committer.queue.lock();
        while queue.session.is_none() {
            if queue.busy {
                if committer.changed.wait_until(&mut queue, self.deadline()).timed_out() {
                    return Err(Error::new(Status::Timeout, "the log did not open a session in time"));
                }
                continue;
            }
            queue.busy = true;
            let mut busy = Busy { committer, session: None };
            drop(queue);
            busy.session = Some(self.open_session()?);
            drop(busy);
            queue = committer.queue.lock();
        }
        Ok(queue)
    }

    fn check_writable(&self) -> Result<()> {
        if self.is_read_only() {
            return Err(Error::new(Status::ReadOnly, "the filespace is linked read-only"));
        }
        Ok(())
    }

    /// Commits a batch, tells everybody in it what became of it, and returns the session as it is then.
    fn commit_batch(&self, session: Option<OwnSession>, mut batch: Vec<Waiting>) -> Option<OwnSession> {
        let attempt = (|| {
            let session = match session {
                Some(session) => session,
                None => self.open_session()?,
            };
            Ok((session, self.commit_drafts(session, batch.iter_mut().map(|w| &mut w.draft).collect())))
        })();
        let (session, result) = match attempt {
            Ok((session, result)) => (Some(session), result),
            Err(error) => (session, Err(error)),
        };
        match result {
            Ok(consumed) => {
                let at = Seq(consumed.last_seq);
                let mut outcomes = consumed.outcomes.into_iter();
                for waiting in batch {
                    // A body that this link sealed decodes here, so there is an outcome for each.
                    let outcome = outcomes.next().ok_or_else(|| Arc::new(no_outcome()));
                    *waiting.ticket.lock() = Ticket::Done(outcome.map(|o| (at, o)));
                }
                session.map(|s| OwnSession { k: consumed.last_k, ..s })
            }
            Err(error) => {
                // Whether the commit landed is not known, so its number cannot be used again: the next
                // call opens a new session.
                let unknown = error.is_maybe_applied();
                let error = Arc::new(error);
                for waiting in batch {
                    *waiting.ticket.lock() = Ticket::Done(Err(error.clone()));
                }
                session.filter(|_| !unknown)
            }
        }
    }

    fn open_session(&self) -> Result<OwnSession> {
        let id = SessionId(self.env.random_bytes()?);
        let session = OwnSession { id, number: SessionNo(0), k: 0, next_ino: 0 };
        let open =
            Draft::new(Transaction { hops: vec![], ops: vec![Op::OpenSession(OpenSession {}).wrap()] });
        let opened = self.commit_drafts(session, vec![&mut { open }])?;
        Ok(OwnSession { number: opened.number(), k: opened.last_k, ..session })
    }

    /// Closes the session, if there is one.
    pub(super) fn close_session(&self) -> Result<()> {
        let session = self.committer.queue.lock().session.take();
        let Some(session) = session else { return Ok(()) };
        let close = CloseSession { session: Bytes::copy_from_slice(&session.id.0), last_k: session.k + 1 };
        let draft = Draft::new(Transaction { hops: vec![], ops: vec![Op::CloseSession(close).wrap()] });
        self.commit_drafts(session, vec![&mut { draft }]).map(drop)
    }

    /// Seals the drafts as the session's next commit and offers it until it is consumed.
    fn commit_drafts(&self, session: OwnSession, drafts: Vec<&mut Draft>) -> Result<Session> {
        let mut prepared = self.prepare(session, drafts)?;
        let k = session.k + 1;
        let (mut slot, mut basis) = self.seal(session, k, &mut prepared)?;
        // Whether an earlier offer may have landed without this link knowing.
        let mut unknown = false;
        loop {
            let own = Own { bytes: &slot, body: &prepared.body };
            let mark = |e: Error| if unknown { e.maybe_applied() } else { e };
            let answer = self.append_own(&own).map_err(mark)?;
            let landed = matches!(answer, Append::Landed(_));
            unknown |= matches!(answer, Append::Unknown(_));
            let mark = |e: Error| if unknown || landed { e.maybe_applied() } else { e };
            if !landed {
                self.catch_up(Some(&own)).map_err(mark)?;
            }
            match self.read(|state| Ok(state.session(session.id)?)).map_err(mark)? {
                Some(consumed) if consumed.last_k == k && landed => return Ok(consumed),
                Some(consumed) if consumed.last_k >= k => return self.check_own(consumed, k, &slot),
                Some(_) | None => {}
            }
            // Sealed again only when the old bytes are void wherever they land.
            if self.is_outdated(&basis)? {
                (slot, basis) = self.seal(session, k, &mut prepared)?;
            } else if landed {
                return Err(self.why_void(session.id)?);
            }
        }
    }

    /// Gives the blocks of the drafts a place: inline, or in packs that they share.
    fn prepare(&self, session: OwnSession, mut drafts: Vec<&mut Draft>) -> Result<Prepared> {
        let mut packs: Vec<NewPack> = drafts.iter_mut().flat_map(|d| std::mem::take(&mut d.packs)).collect();
        let mut inline = Vec::new();
        if drafts.iter().map(|d| d.inline_bytes()).sum::<usize>() <= MAX_INLINE {
            // Chunk 0 of the payload is the body.
            let mut layout = InlineLayout::default();
            for draft in &mut drafts {
                let places: Vec<_> = draft.inline.iter().map(|b| layout.add(b.data.len())).collect();
                draft.place(PackId::INLINE, &places);
                inline.append(&mut draft.inline);
            }
        } else {
            self.pack_blocks(session.number, &mut drafts, &mut packs)?;
        }
        let transactions = drafts.into_iter().map(|d| std::mem::take(&mut d.transaction)).collect();
        Ok(Prepared { body: Body { state_hash: Bytes::new(), packs, transactions }, inline })
    }

    fn pack_blocks(
        &self,
        session: SessionNo,
        drafts: &mut [&mut Draft],
        packs: &mut Vec<NewPack>,
    ) -> Result<()> {
        let mut open: Option<PackWriter> = None;
        for draft in drafts.iter_mut().filter(|d| !d.inline.is_empty()) {
            if open.as_ref().is_some_and(|w| w.is_full()) {
                self.store_pack(open.take(), packs)?;
            }
            let writer = match &mut open {
                Some(writer) => writer,
                None => open.insert(self.new_pack(PackId::new(session, self.env.random_bytes()?))?),
            };
            let blocks = std::mem::take(&mut draft.inline);
            let places: Vec<_> =
                blocks.iter().map(|b| writer.add(b.codec, b.plain_len, &b.data)).collect::<Result<_, _>>()?;
            draft.place(PackId(writer.id()), &places);
        }
        self.store_pack(open, packs)
    }

    /// A pack writer under a fresh key.
    pub(crate) fn new_pack(&self, id: PackId) -> Result<PackWriter> {
        let new = self.new_object_key(Kind::Pack, &id.0)?;
        Ok(PackWriter::new(new.key, id.0, new.generation, new.salt))
    }

    fn store_pack(&self, writer: Option<PackWriter>, packs: &mut Vec<NewPack>) -> Result<()> {
        let Some(writer) = writer else { return Ok(()) };
        packs.push(registration(&put_pack(&*self.store, &writer.finish()?)?));
        Ok(())
    }

    /// Seals body and blocks; a payload that is too large for a slot is stored first.
    fn seal(&self, session: OwnSession, k: u64, prepared: &mut Prepared) -> Result<(Vec<u8>, Basis)> {
        let (seen, chain_at_seen, state_hash, header) =
            self.read(|state| Ok((state.position(), state.chain(), state.state_hash(), state.header()?)))?;
        if header.fork != 0 {
            let what = format!("the log has a fork at position {}; an admin must accept it", header.fork);
            return Err(Error::new(Status::LogForked, what));
        }
        if header.ended {
            return Err(Error::new(Status::FilespaceDeleted, "the filespace was deleted"));
        }
        let generation = header.generation;
        let salt = self.env.random_bytes()?;
        let key = self.object_key(generation, &salt, Kind::Commit, &commit_object(session.id.0, k))?;
        prepared.body.state_hash = Bytes::copy_from_slice(&state_hash.0);
        let inline = prepared.inline.iter().map(|b| (b.codec, b.plain_len, &b.data[..]));
        let payload = envelope::seal_payload(&key, &prepared.body.encode_to_vec(), inline)?;
        let out_of_line = payload.len() > MAX_SLOT - HEAD;
        let incarnation = crate::ids::Incarnation::from_slice(&header.incarnation)
            .ok_or_else(|| Error::new(Status::Integrity, "the state has no valid incarnation"))?;
        let envelope = Envelope {
            incarnation,
            session: session.id,
            k,
            seen,
            chain_at_seen,
            key_id: self.account.key_id(),
            generation,
            salt,
            clear: Bytes::new(),
            payload_len: payload.len() as u32,
            payload_hash: sha256(&payload),
            out_of_line,
        };
        if out_of_line {
            self.store.put(&payload_key(&envelope.payload_hash), &payload)?;
        }
        let slot = envelope.encode_signed(&payload, |message| self.account.sign(message));
        Ok((slot, Basis { seen, generation, incarnation }))
    }

    /// Whether bytes sealed on this basis are void wherever they land from now on.
    fn is_outdated(&self, basis: &Basis) -> Result<bool> {
        self.read(|state| {
            let header = state.header()?;
            Ok(header.generation != basis.generation
                || header.incarnation[..] != basis.incarnation.0[..]
                || basis.seen.0 + crate::state::WINDOW < state.position().0 + 1)
        })
    }

    /// The commit that was consumed under this link's session and number must be the one it wrote.
    fn check_own(&self, consumed: Session, k: u64, slot: &[u8]) -> Result<Session> {
        let at = Seq(consumed.last_seq);
        let there = self.log.read(at, 1, usize::MAX)?;
        let same = consumed.last_k == k && there.first().is_some_and(|(n, bytes)| *n == at && bytes == slot);
        if same {
            return Ok(consumed);
        }
        let message =
            "another process uses this link's session (a cloned machine?); link the filespace again";
        self.break_with(Status::Poisoned, message.to_owned());
        Err(Error::new(Status::Poisoned, message))
    }

    /// Why a commit of this link landed and was not consumed.
    fn why_void(&self, session: SessionId) -> Result<Error> {
        let key_id = self.account.key_id();
        let (member, header, own) =
            self.read(|state| Ok((state.member(key_id)?, state.header()?, state.session(session)?)))?;
        Ok(if header.ended {
            Error::new(Status::FilespaceDeleted, "the filespace was deleted")
        } else if member.is_none_or(|m| m.role() < crate::state::value::Role::Writer) {
            Error::new(
                Status::AccessDenied,
                format!("account {key_id} may not write to filespace {}", self.id),
            )
        } else if header.fork != 0 {
            Error::new(Status::LogForked, format!("the log has a fork at position {}", header.fork))
        } else if own.is_some_and(|s| s.closed) {
            session_ended()
        } else {
            Error::new(Status::Internal, "a commit of this link was void for no known reason")
        })
    }
}

/// How a commit registers a pack.
pub(crate) fn registration(pack: &StoredPack) -> NewPack {
    NewPack {
        id: Bytes::copy_from_slice(&pack.id.0),
        generation: pack.generation,
        salt: Bytes::copy_from_slice(&pack.salt),
        size: pack.size,
        blocks: pack.blocks,
        index_hash: Bytes::copy_from_slice(&pack.index_hash.0),
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

/// A commit before it is sealed.
struct Prepared {
    body: Body,
    inline: Vec<super::InlineBlock>,
}

/// What a sealed commit was made for.
struct Basis {
    seen: Seq,
    generation: u32,
    incarnation: crate::ids::Incarnation,
}

/// Held by whoever commits; says, whatever happens, that nobody does any more and wakes who waits.
struct Busy<'a> {
    committer: &'a Committer,
    /// The session as it is then.
    session: Option<OwnSession>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut queue = self.committer.queue.lock();
        // Numbers were given while the commit was on its way.
        let given = queue.session.filter(|q| self.session.is_some_and(|s| s.id == q.id));
        if let (Some(session), Some(given)) = (&mut self.session, given) {
            session.next_ino = session.next_ino.max(given.next_ino);
        }
        queue.busy = false;
        queue.session = self.session;
        self.committer.changed.notify_all();
    }
}

fn session_ended() -> Error {
    Error::new(Status::NotLinked, "this link's session was ended by another client; link the filespace again")
}

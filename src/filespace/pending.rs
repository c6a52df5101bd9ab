//! What waits to be committed, in order. In strict mode each entry has a caller that waits for its outcome. In
//! relaxed mode most have none: they were judged on the view, which shows their effect until the log has them, and
//! one that the log then refuses is a late failure, kept until it is acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::commit::{OwnSession, no_outcome};
use super::draft::{Draft, InlineBlock};
use super::offer::Offer;
use super::view::{PendingBlocks, View, pending_position};
use crate::crypto::seal::ChunkPlace;
use crate::error::Error;
use crate::ids::{Hash, Incarnation, Ino, KeyId, PackId, Seq, SessionId};
use crate::log::envelope::{Envelope, InlineLayout};
use crate::state::apply;
use crate::state::ops::Transaction;
use crate::state::value::Outcome;
use crate::state::{Refusal, Stop};

/// A commit takes no more transactions than this, and no more bytes of blocks unless one alone has more. Twice as
/// much may wait.
const MAX_TRANSACTIONS: usize = 4096;
const MAX_BYTES: usize = 16 << 20;
/// As many late failures are kept; then nothing is taken in until some are acknowledged.
const MAX_FAILURES: usize = 4096;

/// What became of a transaction.
pub(super) type Answer = Result<(Seq, Outcome), Arc<Error>>;

/// Where a caller finds what became of its transaction.
#[derive(Default)]
pub(super) struct Ticket(Mutex<Option<Answer>>);

impl Ticket {
    pub(super) fn answer(&self) -> Option<Answer> {
        self.0.lock().clone()
    }

    fn set(&self, answer: Answer) {
        *self.0.lock() = Some(answer);
    }
}

/// One transaction.
pub(super) struct Pending {
    draft: Draft,
    /// Who waits for its outcome.
    ticket: Option<Arc<Ticket>>,
    /// On a link in relaxed mode: how the view shows it.
    shown: Option<Shown>,
}

struct Shown {
    number: u64,
    /// Which path it is about.
    path: String,
    /// With its blocks in places of their own.
    transaction: Transaction,
    blocks: PendingBlocks,
    /// What it came to on the view.
    outcome: Outcome,
}

impl Pending {
    pub(super) fn new(draft: Draft, ticket: Arc<Ticket>) -> Pending {
        Pending { draft, ticket: Some(ticket), shown: None }
    }
}

/// A transaction that was acknowledged in relaxed mode and then refused by the log.
#[derive(Clone)]
pub struct LateFailure {
    /// Its number, in the order of the calls.
    pub number: u64,
    /// The path that the call was about.
    pub path: String,
    /// Why it has no effect.
    pub error: Arc<Error>,
    /// What it was to do, blocks of content included.
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) packs: Arc<Vec<crate::state::ops::NewPack>>,
    pub(crate) blocks: PendingBlocks,
}

impl LateFailure {
    /// The id of the pack that its blocks seem to be in.
    pub(crate) fn pack(&self) -> PackId {
        PackId::of_slot(pending_position(self.number))
    }
}

/// The waiting transactions and the session.
#[derive(Default)]
pub(super) struct Queue {
    list: VecDeque<Pending>,
    /// So many of the first are in the commit under way, or in the one whose outcome is not known.
    taken: usize,
    /// The commit that they are in.
    pub(super) in_flight: Option<(SessionId, u64)>,
    /// Bytes of blocks in the list.
    bytes: usize,
    /// Pending transactions are counted from 1.
    number: u64,
    /// Somebody has the turn at the moment.
    pub(super) busy: bool,
    /// A thread commits in the background.
    pub(super) flusher: bool,
    pub(super) session: Option<OwnSession>,
    /// A commit of the session whose outcome is not known: settled before anything else is offered.
    pub(super) unsettled: Option<Offer>,
    failures: VecDeque<LateFailure>,
    /// Numbers of inodes of this link that turned out to stand for others.
    renumbered: HashMap<Ino, Ino>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a commit is worth its while.
    pub(super) fn is_large(&self) -> bool {
        self.list.len() >= MAX_TRANSACTIONS / 4 || self.bytes >= MAX_BYTES / 4
    }

    /// Whether nothing more is taken in for now.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= 2 * MAX_TRANSACTIONS || self.bytes >= 2 * MAX_BYTES
    }

    /// Whether too many late failures wait to be acknowledged.
    pub(super) fn has_too_many_failures(&self) -> bool {
        self.failures.len() >= MAX_FAILURES
    }

    /// The number behind which nothing has been asked for yet.
    pub(super) fn last_number(&self) -> u64 {
        self.number
    }

    /// Whether everything up to a number has its outcome.
    pub(super) fn is_settled(&self, upto: u64) -> bool {
        let first = self.list.front().and_then(|p| p.shown.as_ref());
        self.list.is_empty() || first.is_some_and(|shown| shown.number > upto)
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.bytes += pending.draft.inline_bytes();
        self.list.push_back(pending);
    }

    /// Judges a draft on the view; if it takes effect there, the view shows it from now on, and it waits.
    pub(super) fn show(
        &mut self,
        view: &mut View,
        key_id: KeyId,
        path: &str,
        draft: Draft,
        ticket: Option<Arc<Ticket>>,
    ) -> Result<(Seq, Outcome), Stop> {
        let (transaction, blocks) = in_place(&draft);
        let number = self.number + 1;
        let mut pending = Pending {
            draft,
            ticket,
            shown: Some(Shown {
                number,
                path: path.to_owned(),
                transaction,
                blocks,
                outcome: Outcome::default(),
            }),
        };
        let outcome = pending.put_on(view, key_id, self.session)?;
        if outcome.refusal == 0 {
            self.number = number;
            self.push(pending);
        }
        Ok((pending_position(number), outcome))
    }

    /// Shows on the view what the list has.
    pub(super) fn show_all(&mut self, view: &mut View, key_id: KeyId) -> Result<(), Stop> {
        view.clear();
        for pending in &mut self.list {
            if let Err(stop) = pending.put_on(view, key_id, self.session) {
                view.is_stale = true;
                return Err(stop);
            }
        }
        Ok(())
    }

    /// The next commit's transactions, in order: as many as fit. Nothing is taken yet.
    pub(super) fn take(&mut self) -> Vec<Draft> {
        let mut bytes = 0;
        let fits = |p: &&Pending| {
            bytes += p.draft.inline_bytes();
            bytes <= MAX_BYTES
        };
        let count = self.list.iter().take(MAX_TRANSACTIONS).take_while(fits).count();
        self.taken = count.max(1).min(self.list.len());
        self.list.iter_mut().take(self.taken).map(Pending::take).collect()
    }

    /// The commit under way was consumed: everybody in it is told what became of it.
    pub(super) fn settle(&mut self, at: Seq, outcomes: Vec<Outcome>) {
        self.in_flight = None;
        let mut outcomes = outcomes.into_iter();
        for pending in self.remove_taken() {
            // A body that this link sealed decodes here, so there is an outcome for each.
            let answer = outcomes.next().map(|o| (at, o)).ok_or_else(|| Arc::new(no_outcome()));
            if let Ok((_, outcome)) = &answer {
                self.heed_redirects(&pending, outcome);
            }
            self.tell(pending, answer);
        }
    }

    /// The commit under way has no effect, and never will. Who waits is told; what nobody waits for is tried again,
    /// or, if that is of no use, has failed.
    pub(super) fn fail(&mut self, error: &Arc<Error>, is_final: bool) {
        self.in_flight = None;
        let concerned = if is_final { self.list.len() } else { self.taken };
        self.taken = concerned;
        let (told, kept): (Vec<_>, Vec<_>) =
            self.remove_taken().into_iter().partition(|p| is_final || p.ticket.is_some());
        for pending in kept.into_iter().rev() {
            self.bytes += pending.draft.inline_bytes();
            self.list.push_front(pending);
        }
        told.into_iter().for_each(|pending| self.tell(pending, Err(error.clone())));
    }

    /// The outcome of the commit under way is not known: who waits is told that, and once more when it is.
    pub(super) fn leave_open(&mut self, error: &Arc<Error>) {
        for pending in self.list.iter().take(self.taken) {
            if let Some(ticket) = &pending.ticket {
                ticket.set(Err(error.clone()));
            }
        }
    }

    /// What is not in a commit yet and has a caller cannot be sent now.
    pub(super) fn refuse_waiting(&mut self, error: &Arc<Error>) {
        let behind = self.list.split_off(self.taken);
        let (told, kept): (VecDeque<_>, VecDeque<_>) = behind.into_iter().partition(|p| p.ticket.is_some());
        self.list.extend(kept);
        self.bytes -= told.iter().map(|p| p.draft.inline_bytes()).sum::<usize>();
        told.into_iter().for_each(|pending| self.tell(pending, Err(error.clone())));
    }

    /// Its caller does not wait any longer. False: it is in a commit.
    pub(super) fn withdraw(&mut self, ticket: &Arc<Ticket>) -> bool {
        let own = |p: &Pending| p.ticket.as_ref().is_some_and(|t| Arc::ptr_eq(t, ticket));
        let at = self.list.iter().skip(self.taken).position(own);
        let withdrawn = at.and_then(|at| self.list.remove(self.taken + at));
        self.bytes -= withdrawn.as_ref().map_or(0, |p| p.draft.inline_bytes());
        withdrawn.is_some()
    }

    /// The inode that a number of this link stands for.
    pub(super) fn renumbered(&self, ino: Ino) -> Ino {
        self.renumbered.get(&ino).copied().unwrap_or(ino)
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = &LateFailure> {
        self.failures.iter()
    }

    /// Forgets the late failures up to a number.
    pub(super) fn acknowledge(&mut self, upto: u64) {
        self.failures.retain(|f| f.number > upto);
    }

    fn remove_taken(&mut self) -> Vec<Pending> {
        let removed: Vec<Pending> = self.list.drain(..std::mem::take(&mut self.taken)).collect();
        self.bytes = self.list.iter().map(|p| p.draft.inline_bytes()).sum();
        removed
    }

    fn tell(&mut self, pending: Pending, answer: Answer) {
        match (pending.ticket, pending.shown) {
            (Some(ticket), _) => ticket.set(answer),
            (None, Some(shown)) => {
                let error = match answer {
                    Ok((_, outcome)) if outcome.refusal == 0 => return,
                    Ok((_, outcome)) => Arc::new(late(Refusal::from_code(outcome.refusal))),
                    Err(error) => error,
                };
                self.failures.push_back(LateFailure {
                    number: shown.number,
                    path: shown.path,
                    error,
                    transaction: Arc::new(shown.transaction),
                    packs: Arc::new(pending.draft.packs),
                    blocks: shown.blocks,
                });
            }
            (None, None) => {}
        }
    }

    /// Inodes that the log gave another number than the view did: what waits says so from now on.
    fn heed_redirects(&mut self, pending: &Pending, outcome: &Outcome) {
        let foreseen = pending.shown.as_ref().map(|shown| &shown.outcome.redirects);
        if foreseen.is_none_or(|foreseen| *foreseen == outcome.redirects) {
            return;
        }
        let pairs = outcome.redirects.chunks_exact(2);
        self.renumbered.extend(pairs.map(|pair| (Ino(pair[0]), Ino(pair[1]))));
        let renumbered = &self.renumbered;
        let now = |ino: Ino| renumbered.get(&ino).copied().unwrap_or(ino);
        for pending in &mut self.list {
            pending.draft.transaction.renumber(now);
            if let Some(shown) = &mut pending.shown {
                shown.transaction.renumber(now);
            }
        }
    }
}

impl Pending {
    /// Its draft for a commit. The view goes on showing it, if it does.
    fn take(&mut self) -> Draft {
        match &self.shown {
            Some(_) => self.draft.clone(),
            None => std::mem::take(&mut self.draft),
        }
    }

    fn put_on(
        &mut self,
        view: &mut View,
        key_id: KeyId,
        session: Option<OwnSession>,
    ) -> Result<Outcome, Stop> {
        let (Some(shown), Some(session)) = (&mut self.shown, session) else { return Ok(Outcome::default()) };
        let at = pending_position(shown.number);
        let hash_at = |seq| view.committed.state_hash_at(seq);
        let changes = apply::preview(
            &*view,
            at,
            &envelope(key_id, &session),
            session.number,
            &self.draft.packs,
            &shown.transaction,
            hash_at,
        )?;
        shown.outcome = view.add(shown.number, changes, &shown.blocks).unwrap_or_default();
        Ok(shown.outcome.clone())
    }
}

/// The draft's transaction and blocks, as if each block had its index as its place.
fn in_place(draft: &Draft) -> (Transaction, Arc<Vec<InlineBlock>>) {
    let mut shown = Draft::new(draft.transaction.clone());
    let mut layout = InlineLayout::default();
    let places: Vec<(PackId, ChunkPlace)> =
        draft.inline.iter().map(|b| (PackId::INLINE, layout.add(b.data.len()))).collect();
    shown.place(&places);
    (shown.transaction, Arc::new(draft.inline.clone()))
}

/// Of a commit that does not exist yet.
fn envelope(key_id: KeyId, session: &OwnSession) -> Envelope {
    Envelope {
        incarnation: Incarnation([0; 16]),
        session: session.id,
        k: 0,
        seen: Seq(0),
        chain_at_seen: Hash([0; 32]),
        key_id,
        generation: u32::MAX,
        salt: [0; 32],
        clear: bytes::Bytes::new(),
        payload_len: 0,
        payload_hash: Hash([0; 32]),
        out_of_line: false,
    }
}

fn late(refusal: Option<Refusal>) -> Error {
    let status = refusal.map_or(crate::error::Status::UpgradeRequired, Refusal::status);
    Error::new(status, "another client's change came first, and this one has no effect")
}

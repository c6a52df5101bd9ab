//! What waits to be committed, in order. In strict mode each entry has a caller that waits for its outcome. In
//! relaxed mode most have none: they were judged on the view, which shows their effect until the log has them, and
//! one that the log then refuses is a late failure, kept until it is acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::commit::{OwnSession, no_outcome};
use super::draft::{Draft, InlineBlock};
use super::journal::{Entry, Journal, JournaledSession, Place, Recovered};
use super::link::ReadError;
use super::offer::Offer;
use super::view::{PendingBlocks, View, pending_position};
use crate::crypto::seal::ChunkPlace;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, Incarnation, Ino, KeyId, PackId, Seq, SessionId};
use crate::log::envelope::{Envelope, InlineLayout};
use crate::state::apply;
use crate::state::ops::{NewPack, Transaction};
use crate::state::value::Outcome;
use crate::state::{Refusal, Stop};

/// A commit takes no more transactions than this, and no more bytes unless one alone has more. Twice as much may wait.
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
    /// The redirects that its caller knows of: those of the first time that the view showed it.
    told: Vec<u64>,
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
    draft: Arc<Draft>,
}

impl LateFailure {
    /// What it was to do: its operations, with its blocks as if they were in a pack of their own; the packs that it
    /// was to publish.
    pub(crate) fn content(&self) -> (Transaction, PendingBlocks, &[NewPack]) {
        let (transaction, blocks) = in_place(&self.draft);
        (transaction, blocks, &self.draft.packs)
    }

    /// How many contents it was to write: a batch may have several.
    pub fn contents(&self) -> usize {
        self.draft.transaction.contents().count()
    }

    /// Whether one of its contents was for a file of one of these numbers.
    pub(crate) fn writes_to(&self, numbers: &[Ino]) -> bool {
        self.draft.transaction.contents().any(|content| numbers.contains(&Ino(content.ino)))
    }

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
    /// Bytes in the list.
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
    /// Those that the view says will, as long as it says so.
    foreseen: HashMap<Ino, Ino>,
    /// Where what is acknowledged is kept until the log has it, if anywhere.
    place: Option<Place>,
    /// None: to be written anew.
    journal: Option<Journal>,
    /// The journal is the next link's: what waits is not offered any more.
    is_handed_over: bool,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
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
        // Whoever asked for what is not shown waits for it.
        let first = self.list.iter().find_map(|p| p.shown.as_ref());
        first.is_none_or(|shown| shown.number > upto)
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.bytes += pending.draft.bytes();
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
    ) -> Result<(Seq, Outcome), ReadError> {
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
                told: Vec::new(),
            }),
        };
        let outcome = pending.put_on(view, key_id, self.session)?;
        if outcome.refusal == 0 {
            if let Some(shown) = &mut pending.shown {
                shown.told.clone_from(&outcome.redirects);
            }
            if let Err(error) = self.record(&pending) {
                view.spoil();
                return Err(error.into());
            }
            self.number = number;
            self.push(pending);
        }
        Ok((pending_position(number), outcome))
    }

    /// Puts a transaction that nobody waits for into the journal.
    fn record(&mut self, pending: &Pending) -> Result<()> {
        if let (None, Some(shown), Some(journal)) = (&pending.ticket, &pending.shown, self.journal()?) {
            journal.acknowledged(shown.number, &shown.path, &pending.draft)?;
        }
        Ok(())
    }

    /// A sealed commit with what was taken is about to be offered.
    pub(super) fn record_offer(&mut self, session: SessionId, k: u64, slot: &[u8]) -> Result<()> {
        if self.is_handed_over {
            let what = "the filespace is not linked any more; what waits is in the journal";
            return Err(Error::new(Status::NotLinked, what));
        }
        let numbers: Vec<u64> = self.list.iter().take(self.taken).map(Pending::journaled_number).collect();
        if let Some(journal) = self.journal()? {
            journal.offered(k, &numbers, slot)?;
        }
        self.in_flight = Some((session, k));
        Ok(())
    }

    /// Inode numbers up to one are going to be given.
    pub(super) fn record_inos(&mut self, upto: u32) -> Result<()> {
        match self.journal()? {
            Some(journal) => journal.give_inos(upto),
            None => Ok(()),
        }
    }

    /// The journal names another session: it is written anew.
    pub(super) fn forget_journal(&mut self) {
        self.journal = None;
    }

    /// The journal, if there is to be one; written anew when it is large, or missed something.
    fn journal(&mut self) -> Result<Option<&mut Journal>> {
        let Some(place) = &self.place else { return Ok(self.journal.as_mut()) };
        let is_wanted = self.in_flight.is_none() && self.journal.as_ref().is_none_or(Journal::is_large);
        if is_wanted {
            let session = match &self.session {
                Some(session) => session.journaled(),
                None => JournaledSession::none(),
            };
            let failed = self.failures.iter().map(|f| (f.number, f.path.as_str(), &*f.draft));
            let waiting = self.list.iter().filter(|p| p.ticket.is_none());
            let waiting =
                waiting.filter_map(|p| p.shown.as_ref().map(|s| (s.number, s.path.as_str(), &p.draft)));
            let failures = self.failures.iter().map(|f| (f.number, &*f.error));
            self.journal = Some(Journal::create(place, session, failed.chain(waiting), failures)?);
        }
        Ok(self.journal.as_mut())
    }

    /// So many of the first in the journal are settled, the last `failed` late failures among them.
    fn record_settled(&mut self, k: u64, count: usize, failed: usize) {
        let Some(journal) = self.journal.as_mut().filter(|_| !self.is_handed_over) else { return };
        let known = self.failures.len() - failed;
        let failures = self.failures.iter().skip(known).map(|f| (f.number, &*f.error));
        if journal.settled(k, count, failures).is_err() {
            // It is written anew before anything else is acknowledged or offered.
            self.journal = None;
        }
    }

    /// What a link of the same place left behind when its process died.
    pub(super) fn recover(&mut self, place: Place, recovered: Recovered) {
        let last = recovered.pending.iter().chain(&recovered.failed).map(|entry| entry.number).max();
        self.number = last.unwrap_or(0);
        self.place = Some(place);
        self.failures = recovered.failed.into_iter().map(LateFailure::recovered).collect();
        let mut waiting = recovered.pending.into_iter().map(Pending::recovered);
        if let Some(in_flight) = &recovered.in_flight {
            for number in &in_flight.numbers {
                let next = match number {
                    0 => Some(Pending::new(Draft::default(), Arc::default())),
                    _ => waiting.next(),
                };
                next.into_iter().for_each(|pending| self.push(pending));
            }
            self.taken = self.list.len();
        }
        waiting.for_each(|pending| self.push(pending));
        self.session = recovered.session.filter(|_| !self.list.is_empty()).map(OwnSession::resumed);
    }

    /// Blocks of what was taken.
    pub(super) fn taken_blocks(&self) -> Vec<InlineBlock> {
        self.list.iter().take(self.taken).flat_map(|p| p.draft.inline.iter().cloned()).collect()
    }

    /// The link ends, or will not need it: it goes when nothing waits in it, else it says what does.
    pub(super) fn leave_journal(&mut self) -> Result<()> {
        if !self.failures.is_empty() || !self.list.is_empty() {
            return self.journal().map(drop);
        }
        self.journal = None;
        self.place.take().map_or(Ok(()), |place| Journal::remove(&place))
    }

    /// The link has ended: another one may go on with its journal, and must be the only one.
    pub(super) fn hand_over_journal(&mut self) {
        self.is_handed_over |= self.place.take().is_some();
    }

    /// Shows on the view what the list has.
    pub(super) fn show_all(&mut self, view: &mut View, key_id: KeyId) -> Result<(), Stop> {
        if view.is_right() && !self.list.is_empty() {
            view.is_stale = false;
            return Ok(());
        }
        view.clear();
        self.foreseen.clear();
        for pending in &mut self.list {
            match pending.put_on(view, key_id, self.session) {
                Ok(outcome) => {
                    let told = pending.shown.as_ref().is_some_and(|shown| shown.told == outcome.redirects);
                    let news = outcome.redirects.chunks_exact(2).filter(|_| !told);
                    self.foreseen.extend(news.map(|pair| (Ino(pair[0]), Ino(pair[1]))));
                }
                Err(stop) => {
                    view.spoil();
                    return Err(stop);
                }
            }
        }
        Ok(())
    }

    /// The next commit's transactions, in order: as many as fit. Nothing is taken yet.
    pub(super) fn take(&mut self) -> Vec<Draft> {
        let mut bytes = 0;
        let fits = |p: &&Pending| {
            bytes += p.draft.bytes();
            bytes <= MAX_BYTES
        };
        let count = self.list.iter().take(MAX_TRANSACTIONS).take_while(fits).count();
        self.taken = count.max(1).min(self.list.len());
        self.list.iter_mut().take(self.taken).map(Pending::take).collect()
    }

    /// The commit under way was consumed: everybody in it is told what became of it, and so is the view.
    pub(super) fn settle(&mut self, at: Seq, outcomes: Vec<Outcome>, view: Option<&mut View>) {
        let in_flight = self.in_flight.take();
        let k = in_flight.map_or(0, |(_, k)| k);
        if let Some(session) = self.session.as_mut().filter(|s| in_flight.is_some_and(|(id, _)| id == s.id)) {
            // Its turn may not have ended yet, and a journal that is written anew says where the session is.
            session.k = k;
        }
        let mut outcomes = outcomes.into_iter();
        let (taken, known) = (self.remove_taken(), self.failures.len());
        let journaled = taken.iter().filter(|p| p.journaled_number() != 0).count();
        if let Some(view) = view {
            let foreseen = taken.iter().map(|p| p.shown.as_ref().map(|shown| &shown.outcome));
            let as_foreseen = foreseen.eq(outcomes.as_slice().iter().map(Some));
            view.settle(taken.len(), taken.iter().map(|p| p.draft.inline_bytes()).sum(), as_foreseen);
        }
        for pending in taken {
            // A body that this link sealed decodes here, so there is an outcome for each.
            let answer = outcomes.next().map(|o| (at, o)).ok_or_else(|| Arc::new(no_outcome()));
            if let Ok((_, outcome)) = &answer {
                self.heed_redirects(&pending, outcome);
            }
            self.tell(pending, answer);
        }
        self.record_settled(k, journaled, self.failures.len() - known);
    }

    /// The commit under way has no effect, and never will. Who waits is told; what nobody waits for is tried again,
    /// or, if that is of no use, has failed.
    pub(super) fn fail(&mut self, error: &Arc<Error>, is_final: bool) {
        self.in_flight = None;
        let known = self.failures.len();
        let concerned = if is_final { self.list.len() } else { self.taken };
        self.taken = concerned;
        let (told, kept): (Vec<_>, Vec<_>) =
            self.remove_taken().into_iter().partition(|p| is_final || p.ticket.is_some());
        for pending in kept.into_iter().rev() {
            self.bytes += pending.draft.bytes();
            self.list.push_front(pending);
        }
        let journaled = told.iter().filter(|p| p.journaled_number() != 0).count();
        told.into_iter().for_each(|pending| self.tell(pending, Err(error.clone())));
        let k = self.session.map_or(0, |session| session.journaled().k);
        self.record_settled(k, journaled, self.failures.len() - known);
    }

    /// What waits, in order.
    pub(super) fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.list.iter().map(|pending| &pending.draft)
    }

    /// Nobody will ever know what became of the commit under way.
    pub(super) fn give_up_taken(&mut self, error: &Arc<Error>) {
        self.in_flight = None;
        self.remove_taken().into_iter().for_each(|pending| self.tell(pending, Err(error.clone())));
    }

    /// What waits becomes part of another session; what cannot has failed.
    pub(super) fn take_up(&mut self, mut change: impl FnMut(&mut Draft) -> Result<()>) {
        // It has the old session.
        self.journal = None;
        for mut pending in std::mem::take(&mut self.list) {
            match change(&mut pending.draft) {
                Ok(()) => {
                    pending.place_anew();
                    self.list.push_back(pending);
                }
                Err(error) => self.tell(pending, Err(Arc::new(error))),
            }
        }
        self.bytes = self.list.iter().map(|p| p.draft.bytes()).sum();
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
        self.bytes -= told.iter().map(|p| p.draft.bytes()).sum::<usize>();
        told.into_iter().for_each(|pending| self.tell(pending, Err(error.clone())));
    }

    /// Its caller does not wait any longer. False: it is in a commit.
    pub(super) fn withdraw(&mut self, ticket: &Arc<Ticket>) -> bool {
        let own = |p: &Pending| p.ticket.as_ref().is_some_and(|t| Arc::ptr_eq(t, ticket));
        let at = self.list.iter().skip(self.taken).position(own);
        let withdrawn = at.and_then(|at| self.list.remove(self.taken + at));
        self.bytes -= withdrawn.as_ref().map_or(0, |p| p.draft.bytes());
        withdrawn.is_some()
    }

    /// The inode that a number of this link stands for.
    pub(super) fn renumbered(&self, ino: Ino) -> Ino {
        self.renumbered.get(&ino).or_else(|| self.foreseen.get(&ino)).copied().unwrap_or(ino)
    }

    /// Every number of this link that stands for an inode.
    pub(super) fn numbers_of(&self, ino: Ino) -> Vec<Ino> {
        let known = self.renumbered.keys().chain(self.foreseen.keys()).copied();
        let mut numbers: Vec<Ino> = known.filter(|number| self.renumbered(*number) == ino).collect();
        numbers.push(ino);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = &LateFailure> {
        self.failures.iter()
    }

    /// Forgets the late failures up to a number.
    pub(super) fn acknowledge(&mut self, upto: u64) -> Result<()> {
        self.failures.retain(|f| f.number > upto);
        match self.journal()? {
            Some(journal) => journal.forgotten(upto),
            None => Ok(()),
        }
    }

    fn remove_taken(&mut self) -> Vec<Pending> {
        let removed: Vec<Pending> = self.list.drain(..std::mem::take(&mut self.taken)).collect();
        self.bytes = self.list.iter().map(|p| p.draft.bytes()).sum();
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
                let (number, path, draft) = (shown.number, shown.path, Arc::new(pending.draft));
                self.failures.push_back(LateFailure { number, path, error, draft });
            }
            (None, None) => {}
        }
    }

    /// Inodes that the log gave another number than their caller was told: what waits says so from now on.
    fn heed_redirects(&mut self, pending: &Pending, outcome: &Outcome) {
        let told = pending.shown.as_ref().map(|shown| &shown.told);
        if told.is_none_or(|told| *told == outcome.redirects) {
            return;
        }
        // The journal has the old numbers.
        self.journal = None;
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

impl LateFailure {
    fn recovered(entry: Entry) -> LateFailure {
        let (status, message) = entry.failure.unwrap_or((Status::Internal, String::new()));
        let error = Arc::new(Error::new(status, message));
        LateFailure { number: entry.number, path: entry.path, error, draft: Arc::new(entry.draft) }
    }
}

impl Pending {
    fn recovered(entry: Entry) -> Pending {
        let Entry { number, path, draft, failure: _ } = entry;
        let (transaction, blocks) = in_place(&draft);
        let outcome = Outcome::default();
        let shown = Some(Shown { number, path, transaction, blocks, outcome, told: Vec::new() });
        Pending { draft, ticket: None, shown }
    }

    /// Its draft was changed: the view shows that.
    fn place_anew(&mut self) {
        if let Some(shown) = &mut self.shown {
            (shown.transaction, shown.blocks) = in_place(&self.draft);
        }
    }

    /// Its number in the journal; 0: it is not in it.
    fn journaled_number(&self) -> u64 {
        self.shown.as_ref().filter(|_| self.ticket.is_none()).map_or(0, |shown| shown.number)
    }

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
pub(super) fn envelope(key_id: KeyId, session: &OwnSession) -> Envelope {
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
    let status = refusal.map_or(Status::UpgradeRequired, Refusal::status);
    Error::new(status, "another client's change came first, and this one has no effect")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::crypto::Key32;
    use crate::crypto::seal::Keyring;
    use crate::env::Env;
    use crate::ids::{LogId, SessionNo};
    use crate::state::ops::{MakeDir, Op};

    fn place(folder: &Path) -> Place {
        let keyring = Arc::new(Keyring::new(0, Key32::new([7; 32])));
        Place { folder: folder.to_owned(), id: LogId([1; 32]), keyring, env: Env::seeded(1) }
    }

    fn acknowledged(number: u64) -> Pending {
        let draft = Draft::of(Op::MakeDir(MakeDir { name: number.to_string(), ..MakeDir::default() }));
        Pending::recovered(Entry { number, path: String::new(), draft, failure: None })
    }

    #[test]
    fn a_journal_that_is_written_anew_before_the_turn_ends_knows_the_last_commit() {
        let folder = tempfile::tempdir().unwrap();
        let (id, incarnation) = (SessionId([2; 16]), Incarnation([3; 16]));
        let session = JournaledSession { id, number: SessionNo(5), incarnation, k: 1, inos: 0 };
        let mut queue = Queue { session: Some(OwnSession::resumed(session)), ..Queue::default() };
        queue.place = Some(place(folder.path()));
        queue.push(acknowledged(1));
        queue.take();
        queue.record_offer(id, 2, b"slot").unwrap();
        // Its caller was told another number: the journal is written anew.
        let outcome = Outcome { redirects: vec![10, 11], ..Outcome::default() };
        queue.settle(Seq(9), vec![outcome], None);
        queue.record(&acknowledged(2)).unwrap();
        let recovered = Journal::read(&place(folder.path())).unwrap();
        assert_eq!(recovered.pending.len(), 1);
        assert_eq!(recovered.session.unwrap().k, 2);
    }
}

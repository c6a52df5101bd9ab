//! What a link does with its journal: each commit is recorded before it is offered, and what an earlier process left is
//! taken up again.

use std::collections::HashSet;
use std::sync::Arc;

use super::commit::{CommitMode, OwnSession};
use super::journal::{InFlight, Journal, JournaledSession, Place};
use super::link::Link;
use super::offer::{Offer, registration};
use crate::content::pack::{self, pack_key};
use crate::content::writer::put_pack;
use crate::crypto::seal::Kind;
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, PackId, Seq, SessionNo};
use crate::log::envelope::SlotView;
use crate::state::ops::NewPack;
use crate::state::value::Session;
use crate::state::{Tables, WINDOW};

/// What became of the session in which something was acknowledged.
enum Fate {
    /// It goes on.
    GoesOn,
    /// It was ended, by somebody or by power loss.
    Over(Last),
    /// Somebody else wrote in it.
    Taken,
}

/// What became of the commit in flight of a session that is over.
enum Last {
    Consumed(Session),
    /// It has no effect, and never will.
    Void,
    /// The log does not say it any more.
    Unknown,
}

impl Link {
    /// A commit of the queue's is about to be offered.
    pub(super) fn record_offer(&self, offer: &Offer) -> Result<()> {
        let (session, k, slot) = offer.sealed();
        self.committer.queue.lock().record_offer(session, k, slot)
    }

    /// Whether an offer is that of the queue's first.
    pub(super) fn is_in_flight(&self, offer: &Offer) -> bool {
        let (session, k, _) = offer.sealed();
        self.committer.queue.lock().in_flight == Some((session, k))
    }

    /// Goes on where a link of the same storage was when its process died: what it had acknowledged waits again, and
    /// what became of its last commit is found out. If its session is over, another one takes that up.
    pub(super) fn recover(&self, place: Place) -> Result<()> {
        let recovered = Journal::read(&place)?;
        let (session, in_flight) = (recovered.session, recovered.in_flight.as_ref());
        let slot = in_flight.map(|in_flight| in_flight.slot.clone());
        let own =
            session.map(|s| self.read_committed(|state| Ok(state.session(s.id)?))).transpose()?.flatten();
        if own.as_ref().is_some_and(|own| !own.belongs_to(self.account.key_id())) {
            let what = format!(
                "{} holds changes that another account has not committed yet; link the filespace with its token first",
                place.folder.display()
            );
            return Err(Error::new(Status::AccessDenied, what));
        }
        let fate = session.map(|session| self.fate(&session, in_flight, own)).transpose()?;
        if let (Some(Fate::GoesOn), Some(session)) = (&fate, session) {
            self.locks.inherit(session.id);
        }
        let is_strict = self.commit_mode() == CommitMode::Wait;
        let mut queue = self.committer.queue.lock();
        queue.recover(place, recovered);
        if queue.is_empty() {
            return if is_strict { queue.leave_journal() } else { Ok(()) };
        }
        self.foreign.inherit(queue.drafts().flat_map(|draft| &draft.packs), None);
        let blocks = queue.taken_blocks();
        let mut turn = self.committer.take_turn(&mut queue);
        drop(queue);
        match (fate, session) {
            (Some(Fate::GoesOn), _) => {
                if let Some(slot) = slot {
                    let offer = self.restore_offer(slot, blocks)?;
                    let (session, k, _) = offer.sealed();
                    self.committer.queue.lock().in_flight = Some((session, k));
                    turn.unsettled = Some(offer);
                }
                self.settle_last(&mut turn, self.deadline())?;
            }
            (Some(Fate::Over(last)), Some(session)) => {
                self.settle_ended(&session, last);
                turn.session = Some(self.take_up(&session)?);
            }
            _ => {
                let what =
                    "somebody else went on with the session in which it was acknowledged (a cloned machine?)";
                self.committer.queue.lock().fail(&Arc::new(Error::new(Status::NotLinked, what)), true);
                turn.session = None;
            }
        }
        drop(turn);
        if !is_strict {
            return self.rebuild_view();
        }
        self.drain(self.deadline())?;
        self.committer.queue.lock().leave_journal()
    }

    /// What became of a journal's session, of which the log's state says `own`.
    fn fate(
        &self,
        session: &JournaledSession,
        in_flight: Option<&InFlight>,
        own: Option<Session>,
    ) -> Result<Fate> {
        let k = in_flight.map(|in_flight| in_flight.k);
        let end = self.end_of_life(session.incarnation)?;
        let is_lost = end.is_some_and(|end| u64::from(session.number.0) > end.0);
        let Some(own) = own else {
            let last = match k {
                Some(_) if !is_lost => Last::Unknown,
                _ => Last::Void,
            };
            return Ok(Fate::Over(last));
        };
        // A log that was set back: what was sealed for the other one would be a fork.
        let is_elsewhere = in_flight.is_some_and(|in_flight| !self.continues_this_log(&in_flight.slot));
        let is_over = own.closed || end.is_some() || is_elsewhere;
        Ok(match is_over {
            true if k == Some(own.last_k) => Fate::Over(Last::Consumed(own)),
            true if own.last_k <= session.k => Fate::Over(Last::Void),
            false if k == Some(own.last_k) || own.last_k == session.k => Fate::GoesOn,
            _ => Fate::Taken,
        })
    }

    fn continues_this_log(&self, slot: &[u8]) -> bool {
        let Ok(view) = SlotView::parse(slot) else { return false };
        let envelope = view.envelope();
        let replica = &self.view.read().committed;
        let is_known = envelope.seen.0 + WINDOW > replica.position().0;
        !is_known || replica.chain_at(envelope.seen) == Some(envelope.chain_at_seen)
    }

    /// Tells what became of the last commit of a session that is over. The rest waits for another session.
    fn settle_ended(&self, session: &JournaledSession, last: Last) {
        let mut queue = self.committer.queue.lock();
        match last {
            Last::Consumed(own) => {
                queue.in_flight = Some((session.id, own.last_k));
                queue.settle(Seq(own.last_seq), own.outcomes, None);
            }
            Last::Void => {
                let what = "nothing of it is in the log, which has lost its end with the power";
                queue.fail(&Arc::new(Error::new(Status::Io, what)), false);
            }
            Last::Unknown => {
                let what =
                    "its session ended so long ago that the log does not say any more what became of it";
                queue.give_up_taken(&Arc::new(Error::new(Status::Io, what).maybe_applied()));
            }
        }
    }

    /// Opens a session, and makes what waits part of it: inodes and packs have numbers of their session.
    fn take_up(&self, old: &JournaledSession) -> Result<OwnSession> {
        let mut session = self.open_session(self.deadline())?;
        session.skip_inos(old.inos);
        let number = session.number;
        let mut queue = self.committer.queue.lock();
        // Those that the old session has brought into the log stay what they are.
        let made: HashSet<u64> = queue.drafts().flat_map(|draft| draft.transaction.new_numbers()).collect();
        let now = |ino: Ino| if made.contains(&ino.0) { Ino::new(number, ino.0 as u32) } else { ino };
        queue.take_up(|draft| {
            draft.transaction.renumber(now);
            draft.transaction.renumber_new(now);
            let moved = draft.packs.iter().map(|pack| self.copy_pack(pack, number));
            let moved = moved.collect::<Result<Vec<_>>>()?;
            draft.replace_packs(moved);
            Ok(())
        });
        Ok(session)
    }

    /// A pack with the same blocks, of a session of this number.
    fn copy_pack(&self, pack: &NewPack, number: SessionNo) -> Result<NewPack> {
        let damaged =
            || Error::new(Status::Integrity, "a pack that the journal names is not as it was written");
        let id = PackId::from_slice(&pack.id).ok_or_else(damaged)?;
        let salt = pack.salt[..].try_into().map_err(|_| damaged())?;
        let key = self.object_key(pack.generation, &salt, Kind::Pack, &id.0)?;
        let bytes = self.store.get(&pack_key(&id.0))?;
        let mut copy = self.new_pack(PackId::new(number, self.env.random_bytes()?))?;
        pack::copy_blocks(&key, &pack.index_hash, &bytes, &mut copy).ok_or_else(damaged)??;
        Ok(registration(&put_pack(&*self.store, &copy.finish()?)?))
    }

    /// The link has ended: nothing is left in its journal, or it is kept.
    pub(super) fn end_journal(&self) -> Result<()> {
        let mut queue = self.committer.queue.lock();
        let kept = queue.leave_journal();
        queue.hand_over_journal();
        kept
    }

    /// The link has ended without a word to the log: the next one of the same storage goes on with the journal.
    pub(super) fn hand_over_journal(&self) {
        self.committer.queue.lock().hand_over_journal();
    }
}

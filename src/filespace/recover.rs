//! What a link does with its journal: each commit is recorded before it is offered, and what an earlier process left is
//! taken up again.

use std::sync::Arc;

use super::commit::CommitMode;
use super::journal::{Journal, Place};
use super::link::Link;
use super::offer::Offer;
use crate::error::{Error, Result, Status};
use crate::state::Tables;

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
    /// what became of its last commit is found out.
    pub(super) fn recover(&self, place: Place) -> Result<()> {
        let recovered = Journal::read(&place)?;
        let (session, in_flight) = (recovered.session, &recovered.in_flight);
        let slot = in_flight.as_ref().map(|in_flight| in_flight.slot.clone());
        let own =
            session.map(|s| self.read_committed(|state| Ok(state.session(s.id)?))).transpose()?.flatten();
        if own.as_ref().is_some_and(|own| !own.belongs_to(self.account.key_id())) {
            let what = format!(
                "{} holds changes that another account has not committed yet; link the filespace with its token first",
                place.folder.display()
            );
            return Err(Error::new(Status::AccessDenied, what));
        }
        let goes_on = own.is_some_and(|own| {
            let known = session.map_or(0, |s| s.k);
            !own.closed && (own.last_k == known || in_flight.as_ref().is_some_and(|f| f.k == own.last_k))
        });
        let is_strict = self.commit_mode() == CommitMode::Wait;
        let mut queue = self.committer.queue.lock();
        queue.recover(place, recovered);
        if queue.is_empty() {
            return if is_strict { queue.leave_journal() } else { Ok(()) };
        }
        if !goes_on {
            let what = "the session in which it was acknowledged was ended, or somebody else went on with it";
            queue.fail(&Arc::new(Error::new(Status::NotLinked, what)), true);
            queue.session = None;
            return Ok(());
        }
        let blocks = queue.taken_blocks();
        let mut turn = self.committer.take_turn(&mut queue);
        drop(queue);
        if let Some(slot) = slot {
            let offer = self.restore_offer(slot, blocks)?;
            let (session, k, _) = offer.sealed();
            self.committer.queue.lock().in_flight = Some((session, k));
            turn.unsettled = Some(offer);
        }
        self.settle_last(&mut turn, self.deadline())?;
        drop(turn);
        if !is_strict {
            return self.rebuild_view();
        }
        self.drain(self.deadline())?;
        self.committer.queue.lock().leave_journal()
    }

    /// The link has ended: nothing is left in its journal, or it is kept.
    pub(super) fn end_journal(&self) -> Result<()> {
        self.committer.queue.lock().leave_journal()
    }
}

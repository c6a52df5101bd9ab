//! Following the log: reading slots, judging each in order, loading what a judgement misses.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::MutexGuard;

use super::checks::Checked;
use super::link::Link;
use super::position::Position;
use super::watch::Batch;
use crate::crypto::seal::{Kind, ObjectKey};
use crate::crypto::sha256;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, Incarnation, KeyId, Seq, SessionId};
use crate::log::envelope::{self, Envelope, SlotView};
use crate::log::{Append, chain};
use crate::state::apply::{self, InlineArea, Judgement, Void};
use crate::state::ops::Body;
use crate::state::replica::Prepared;
use crate::state::source::Stop;
use crate::state::value::Header;
use crate::state::{Changes, Replica, Tables};

/// Slots read at once while catching up, and about how many bytes.
const READ_SLOTS: u64 = 256;
pub(super) const READ_BYTES: usize = 8 << 20;

/// A slot whose bytes this link sealed itself: its signature and body need no check.
pub(super) struct Own<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) body: &'a Body,
    /// Where its inline blocks start: in the slot, or in the object that holds its payload.
    pub(super) inline_base: u64,
}

/// Before a log that cannot show what it has is asked again.
const A_MOMENT: Duration = Duration::from_millis(5);

/// The next slot.
struct Coming<'a> {
    at: Seq,
    bytes: &'a Bytes,
    /// None: it is no commit.
    view: Option<SlotView<'a>>,
    own: Option<&'a Own<'a>>,
    checked: Checked,
    /// What it does is to be told, and this is the link's own session.
    watched: Option<Option<SessionId>>,
}

impl<'a> Coming<'a> {
    fn new(
        at: Seq,
        bytes: &'a Bytes,
        own: Option<&'a Own<'a>>,
        checked: Checked,
        watched: Option<Option<SessionId>>,
    ) -> Coming<'a> {
        let own = own.filter(|own| own.bytes == bytes);
        let is_known = own.is_some() || checked.is_some();
        let view = if is_known { SlotView::parse_own(bytes) } else { SlotView::parse(bytes) }.ok();
        Coming { at, bytes, view, own, checked, watched }
    }
}

/// What it does, before it takes effect.
struct Step {
    prepared: Prepared,
    /// The filespace's new header, if it changes.
    header: Option<Header>,
    chain: Hash,
    diverged: bool,
    takes_snapshot: bool,
    batch: Option<Batch>,
}

impl Link {
    /// Applies what the log holds beyond the replica, if anything: one look at the log's head when there
    /// is nothing.
    pub fn refresh(&self) -> Result<()> {
        if self.is_snapshot() {
            return Ok(());
        }
        let head = self.log.head()?;
        if head > self.position() {
            self.catch_up_to(head, None)?;
            self.check_usable()?;
        }
        Ok(())
    }

    /// Waits until the log goes on behind what this link has applied, and applies that; false: it did not until the
    /// deadline.
    pub(super) fn wait_for_more(&self, deadline: Instant) -> Result<bool> {
        let before = self.position();
        if self.is_snapshot() {
            // Nothing comes behind it.
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
            return Ok(false);
        }
        let Some(head) = self.log.wait_beyond(before, deadline)? else { return Ok(false) };
        if head > self.position() {
            self.catch_up_to(head, None)?;
        }
        if self.position() == before {
            // The log said more than it can show yet.
            std::thread::sleep(A_MOMENT);
        }
        Ok(true)
    }

    /// Applies slots to the end of the log.
    pub(super) fn catch_up(&self, own: Option<&Own<'_>>) -> Result<()> {
        self.catch_up_to(Seq(u64::MAX), own)
    }

    /// Applies slots up to one, or to the end of the log. A replica that differs from what the log records is built
    /// anew, once; if the new one differs too, the link stops.
    fn catch_up_to(&self, upto: Seq, own: Option<&Own<'_>>) -> Result<()> {
        if self.is_snapshot() {
            return Ok(());
        }
        let _applying = self.take_applying()?;
        let followed = match self.follow_to(upto, own) {
            Err(FollowError::Diverged(at)) => {
                crate::report::warn(|| format!("the state of filespace {} is built anew at {at}", self.id));
                self.rebuild()
            }
            followed => followed.map_err(Error::from),
        };
        followed.and(self.renew_view())
    }

    /// Applies slots to the end of the log. The caller holds `applying`.
    pub(super) fn follow(&self, own: Option<&Own<'_>>) -> Result<(), FollowError> {
        self.follow_to(Seq(u64::MAX), own)
    }

    pub(super) fn follow_to(&self, upto: Seq, own: Option<&Own<'_>>) -> Result<(), FollowError> {
        loop {
            let left = upto.0.saturating_sub(self.position().0).min(READ_SLOTS);
            let slots = self.log.read(self.position().next(), left as usize, READ_BYTES);
            let slots = slots.map_err(Error::from)?;
            let bytes: usize = slots.iter().map(|(_, bytes)| bytes.len()).sum();
            let is_end = (slots.len() as u64) < left && bytes < READ_BYTES;
            let checked = self.check_signatures(&slots)?;
            for ((at, bytes), checked) in slots.into_iter().zip(checked) {
                self.apply_slot(at, &bytes, own, checked)?;
            }
            if is_end || self.position() >= upto {
                self.heed(&self.read_committed(|state| Ok(state.header()?))?);
                return Ok(());
            }
        }
    }

    /// Whoever has it may be waiting for the log.
    pub(super) fn take_applying(&self) -> Result<MutexGuard<'_, ()>> {
        self.applying.try_lock_until(self.deadline()).ok_or_else(|| {
            Error::new(Status::Timeout, "the log did not answer another call of this link in time")
        })
    }

    /// Appends a commit after the current position and, if it lands, applies it without reading it back.
    pub(super) fn append_own(&self, own: &Own<'_>) -> Result<Append> {
        let _applying = self.take_applying()?;
        let answer = self.log.append(own.bytes, self.position())?;
        if let Append::Landed(at) = answer {
            let applied = match at == self.position().next() {
                true => self.apply_slot(at, &Bytes::copy_from_slice(own.bytes), Some(own), None),
                // Others were faster: theirs come first.
                false => self.follow(Some(own)),
            };
            let applied = applied.map_err(Error::from).and(self.renew_view());
            applied.map_err(Error::maybe_applied)?;
        }
        Ok(answer)
    }

    /// Applies one slot, which must be the next one. The caller holds `applying`.
    fn apply_slot(
        &self,
        at: Seq,
        bytes: &Bytes,
        own: Option<&Own<'_>>,
        checked: Checked,
    ) -> Result<(), FollowError> {
        if at != self.position().next() {
            let what = format!("the log of filespace {} skips from {} to {at}", self.id, self.position());
            return Err(Error::new(Status::Integrity, what).into());
        }
        let watched = self.watches.is_any().then(|| self.own_session());
        let slot = Coming::new(at, bytes, own, checked, watched);
        if let Some(view) = &slot.view {
            self.ensure_key(view.envelope().generation)?;
        }
        let mut stalled = None;
        loop {
            let attempt = self.step(&self.view.read().committed, &slot);
            match attempt {
                Ok(step) => {
                    if step.diverged {
                        return Err(FollowError::Diverged(at));
                    }
                    {
                        let mut view = self.view.write();
                        view.advance(step.chain, step.prepared, slot.own.is_some());
                        if step.takes_snapshot {
                            self.snapshot_was_taken(at, slot.own.is_some().then_some(&mut view.committed));
                        }
                    }
                    self.position.store(at.0, Ordering::Release);
                    step.header.iter().for_each(|header| self.heed(header));
                    step.batch.iter().for_each(|batch| self.watches.tell(batch));
                    return Ok(());
                }
                Err(JudgeError::Stop(stop)) => {
                    stalled.get_or_insert_with(|| self.part_blocks.stall());
                    self.resolve_stop(stop)?;
                }
                Err(JudgeError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Applies a slot to a replica that follows the log behind this link; what it did, if it is to be told.
    pub(super) fn apply_behind(
        &self,
        replica: &mut Replica,
        at: Seq,
        bytes: &Bytes,
        checked: Checked,
        is_told: bool,
    ) -> Result<Option<Batch>> {
        let slot = Coming::new(at, bytes, None, checked, is_told.then(|| self.own_session()));
        let mut stalled = None;
        loop {
            match self.step(replica, &slot) {
                Ok(step) if step.diverged => return Err(FollowError::Diverged(at).into()),
                Ok(step) => {
                    replica.advance(step.chain, step.prepared);
                    return Ok(step.batch);
                }
                Err(JudgeError::Stop(stop)) => {
                    stalled.get_or_insert_with(|| self.part_blocks.stall());
                    self.load(&replica.parts(), stop)?;
                }
                Err(JudgeError::Error(error)) => return Err(error),
            }
        }
    }

    /// What a slot does to a replica that is built of old slots: its changes, and whether the state that its author saw
    /// is another one.
    pub(super) fn judge_old(
        &self,
        replica: &Replica,
        at: Seq,
        bytes: &Bytes,
        checked: Checked,
    ) -> Result<(Changes, bool), JudgeError> {
        self.judge_slot(replica, &Coming::new(at, bytes, None, checked, None))
    }

    /// The session of this link, which tells what it did itself. Asked for before the view is locked.
    fn own_session(&self) -> Option<SessionId> {
        self.committer.queue.lock().session.map(|session| session.id)
    }

    /// What the next slot of a replica does.
    fn step(&self, replica: &Replica, slot: &Coming<'_>) -> Result<Step, JudgeError> {
        let (changes, diverged) = self.judge_slot(replica, slot)?;
        let (prepared, header) = (replica.prepare(&changes)?, changes.header());
        let takes_snapshot = changes.takes_snapshot(slot.at);
        let chain = chain::next(&replica.chain(), slot.at, slot.bytes);
        let Some(own) = slot.watched else {
            return Ok(Step { prepared, header, chain, diverged, takes_snapshot, batch: None });
        };
        let incarnation = match &header {
            Some(header) => Incarnation::from_slice(&header.incarnation),
            None => Some(replica.incarnation()?),
        };
        let incarnation = incarnation.ok_or(Stop::Corrupt("incarnation"))?;
        let envelope = slot.view.as_ref().map(SlotView::envelope);
        let batch = Batch {
            position: Position { seq: slot.at, incarnation, chain },
            author: envelope.map_or(KeyId([0; 16]), |envelope| envelope.key_id),
            is_own: envelope.is_some_and(|envelope| own == Some(envelope.session)),
            events: changes.events,
        };
        Ok(Step { prepared, header, chain, diverged, takes_snapshot, batch: Some(batch) })
    }

    /// Stops what cannot go on in a filespace that has a fork, or has ended.
    fn heed(&self, header: &Header) {
        self.keyring.set_current(header.generation);
        self.fork.store(header.fork, Ordering::Relaxed);
        self.ended.store(header.ended, Ordering::Relaxed);
    }

    /// The changes of a slot, and whether its author's state hash differs from this replica's at the position that it
    /// has seen.
    fn judge_slot(&self, replica: &Replica, coming: &Coming<'_>) -> Result<(Changes, bool), JudgeError> {
        let Coming { at, own, checked, .. } = *coming;
        let slot = coming.view.as_ref();
        let is_signed = |public: &[u8; 32]| slot.is_some_and(|slot| slot.verify(public));
        let verify = |public: &[u8; 32]| own.is_some() || checked == Some(*public) || is_signed(public);
        let envelope = slot.map(SlotView::envelope);
        let judgement = apply::judge(replica, at, envelope, |seq| replica.chain_at(seq), verify)?;
        let (author, slot, envelope) = match (judgement, slot, envelope) {
            (Judgement::Consume(author), Some(slot), Some(envelope)) => (author, slot, envelope),
            (Judgement::Void(reason), _, _) => {
                if reason != Void::OutOfOrder && at > self.position() {
                    crate::report::warn(|| {
                        format!("slot {at} of filespace {} has no effect: {reason:?}", self.id)
                    });
                }
                return Ok((apply::void(replica, at, reason)?, false));
            }
            (Judgement::Consume(_), _, _) => return Err(Stop::Corrupt("a slot that is no commit").into()),
        };
        let opened = match own {
            Some(own) => Some((own.body.clone(), own.inline_base)),
            None => self.open_body(slot, envelope)?,
        };
        // What is replayed was noted when it was applied.
        if own.is_none() && at > self.position() {
            self.foreign.note(at, envelope, opened.as_ref().map(|(body, _)| body));
        }
        let (body, inline_base) = opened.map_or((None, 0), |(body, base)| (Some(body), base));
        let diverged = body.as_ref().is_some_and(|body| {
            let here = replica.state_hash_at(envelope.seen);
            here.is_some_and(|hash| hash.0[..] != body.state_hash[..])
        });
        let changes = apply::consume(
            replica,
            at,
            envelope,
            &author.watched(coming.watched.is_some()),
            body.as_ref(),
            InlineArea { base: inline_base },
            |seq| replica.state_hash_at(seq),
        )?;
        Ok((changes, diverged))
    }

    /// The body of a commit and where its inline blocks start. None: it does not open or decode, for
    /// anybody. An error: the payload cannot be had now.
    fn open_body(&self, slot: &SlotView<'_>, envelope: &Envelope) -> Result<Option<(Body, u64)>, JudgeError> {
        let (payload, base) = match slot.payload() {
            Some(payload) => (Bytes::copy_from_slice(payload), slot.payload_offset() as u64),
            None => (self.fetch_payload(&envelope.payload_hash)?, 0),
        };
        let key = self.commit_key(envelope)?;
        let Ok((plain, stored)) = envelope::open_body(&key, &payload) else { return Ok(None) };
        Ok(Body::decode_canonical(&plain).map(|body| (body, base + stored as u64)))
    }

    /// The same of a slot that this link's account sealed.
    pub(super) fn open_own_body(&self, slot: &SlotView<'_>) -> Result<Option<(Body, u64)>> {
        self.open_body(slot, slot.envelope()).map_err(|error| match error {
            JudgeError::Error(error) => error,
            JudgeError::Stop(stop) => Error::new(Status::Internal, "the state was asked").caused_by(stop),
        })
    }

    /// The key under which a commit is sealed.
    fn commit_key(&self, envelope: &Envelope) -> Result<ObjectKey> {
        let object = commit_object(envelope.session.0, envelope.k);
        self.object_key(envelope.generation, &envelope.salt, Kind::Commit, &object)
    }

    /// A payload that is too large for its slot.
    pub(crate) fn fetch_payload(&self, hash: &Hash) -> Result<Bytes> {
        let key = payload_key(hash);
        let payload = self.store.get(&key)?;
        if sha256(&payload) != *hash {
            return Err(Error::new(
                Status::Integrity,
                format!("object {key} does not have the content it was stored with"),
            ));
        }
        Ok(payload)
    }
}

/// Why the log could not be followed to its end.
pub(super) enum FollowError {
    /// The replica's state hash is not the one that the commit at this position records.
    Diverged(Seq),
    /// It is an error.
    Error(Error),
}

impl From<Error> for FollowError {
    fn from(error: Error) -> FollowError {
        FollowError::Error(error)
    }
}

impl From<FollowError> for Error {
    fn from(error: FollowError) -> Error {
        match error {
            FollowError::Error(error) => error,
            FollowError::Diverged(at) => {
                let what = format!(
                    "the state differs from the one that the commit at position {at} records; \
                     unlink, update the library and report it"
                );
                Error::new(Status::StateDiverged, what)
            }
        }
    }
}

/// The object id under which a commit is sealed: session and k.
pub(super) fn commit_object(session: [u8; 16], k: u64) -> [u8; 24] {
    let mut id = [0; 24];
    id[..16].copy_from_slice(&session);
    id[16..].copy_from_slice(&k.to_le_bytes());
    id
}

/// Where a payload that is too large for its slot is stored.
pub(crate) fn payload_key(hash: &Hash) -> String {
    format!("bodies/{hash}")
}

/// Why a slot could not be judged.
pub(super) enum JudgeError {
    /// A part of the state must be loaded first.
    Stop(Stop),
    /// It is an error.
    Error(Error),
}

impl From<Stop> for JudgeError {
    fn from(stop: Stop) -> JudgeError {
        JudgeError::Stop(stop)
    }
}

impl From<Error> for JudgeError {
    fn from(error: Error) -> JudgeError {
        JudgeError::Error(error)
    }
}

//! One commit on its way: its blocks get a place, it is sealed, and the same bytes are offered to slot after
//! slot until they are consumed. Sealed again only when the old bytes are void wherever they land, so it takes
//! effect once, whatever answers are lost.

use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;

use super::InlineBlock;
use super::draft::Draft;
use super::follow::{Own, commit_object, payload_key};
use super::link::{Link, deleted, forked};
use crate::content::pack::PackWriter;
use crate::content::writer::{StoredPack, put_pack};
use crate::crypto::seal::{CHUNK_OVERHEAD, Kind};
use crate::crypto::sha256;
use crate::error::{Error, Result, Status};
use crate::ids::{Incarnation, PackId, Seq, SessionId, SessionNo};
use crate::log::Append;
use crate::log::envelope::{self, Envelope, HEAD, InlineLayout, MAX_SLOT, SlotView};
use crate::state::ops::{Body, NewPack};
use crate::state::value::{Role, Session};
use crate::state::{Tables, WINDOW};

/// Blocks of one commit stay inline up to this many bytes; more go into a pack.
const MAX_INLINE: usize = 128 << 10;
/// Between two offers that got no answer.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// A sealed commit of a session.
pub(super) struct Offer {
    session: SessionId,
    k: u64,
    body: Body,
    inline: Vec<InlineBlock>,
    slot: Vec<u8>,
    /// Where the inline blocks start: in the slot, or in the object that holds its payload.
    inline_base: u64,
    /// What the sealed bytes were made for.
    seen: Seq,
    generation: u32,
    incarnation: Incarnation,
    /// An answer was lost: the bytes may be in the log, or arrive there later.
    unknown: bool,
}

impl Offer {
    /// Session, number and bytes.
    pub(super) fn sealed(&self) -> (SessionId, u64, &[u8]) {
        (self.session, self.k, &self.slot)
    }
}

/// Says of an error that what was offered may be in the log, if that is so.
fn mark_if(is_open: bool) -> impl Fn(Error) -> Error + Copy {
    move |error| if is_open { error.maybe_applied() } else { error }
}

impl Link {
    /// Gives the blocks of the drafts a place and seals them as commit `k` of a session.
    pub(super) fn make_offer(
        &self,
        session: SessionId,
        number: SessionNo,
        k: u64,
        mut drafts: Vec<Draft>,
    ) -> Result<Offer> {
        let mut packs: Vec<NewPack> = drafts.iter_mut().flat_map(|d| std::mem::take(&mut d.packs)).collect();
        let mut inline = Vec::new();
        if drafts.iter().map(Draft::inline_bytes).sum::<usize>() <= MAX_INLINE {
            let mut layout = InlineLayout::default();
            for draft in &mut drafts {
                let place = |b: &InlineBlock| (PackId::INLINE, layout.add(b.data.len()));
                let places: Vec<_> = draft.inline.iter().map(place).collect();
                draft.place(&places);
                inline.append(&mut draft.inline);
            }
        } else {
            self.pack_blocks(number, &mut drafts, &mut packs)?;
        }
        let transactions = drafts.into_iter().map(|d| d.transaction).collect();
        let mut offer = Offer {
            session,
            k,
            body: Body { state_hash: Bytes::new(), packs, transactions },
            inline,
            slot: Vec::new(),
            inline_base: 0,
            seen: Seq(0),
            generation: 0,
            incarnation: Incarnation([0; 16]),
            unknown: false,
        };
        self.seal(&mut offer)?;
        Ok(offer)
    }

    /// A commit that was sealed by an earlier process of this session, with the blocks of its transactions.
    pub(super) fn restore_offer(&self, slot: Bytes, blocks: Vec<InlineBlock>) -> Result<Offer> {
        let broken = || Error::new(Status::Integrity, "the journal holds a commit that does not open");
        let view = SlotView::parse(&slot).map_err(|e| broken().caused_by(e))?;
        let envelope = view.envelope().clone();
        let (body, inline_base) = self.open_own_body(&view)?.ok_or_else(broken)?;
        self.foreign.inherit(&body.packs, Some(&envelope));
        let is_inline = blocks.iter().map(|b| b.data.len() + CHUNK_OVERHEAD).sum::<usize>() <= MAX_INLINE;
        Ok(Offer {
            session: envelope.session,
            k: envelope.k,
            body,
            inline: if is_inline { blocks } else { Vec::new() },
            slot: slot.into(),
            inline_base,
            seen: envelope.seen,
            generation: envelope.generation,
            incarnation: envelope.incarnation,
            unknown: true,
        })
    }

    /// Offers a commit until it is consumed, and returns its session as it is then. An error that is marked as
    /// perhaps applied leaves the offer open: it must be offered again before the session goes on.
    pub(super) fn bring(&self, offer: &mut Offer, deadline: Instant) -> Result<Session> {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.position();
            let (answer, consumed) = {
                let own = Own { bytes: &offer.slot, body: &offer.body, inline_base: offer.inline_base };
                let answer = self.append_own(&own).map_err(mark_if(offer.unknown))?;
                offer.unknown |= matches!(answer, Append::Unknown(_));
                let answer = match answer {
                    // No time is left to look for it.
                    Append::Unknown(cause) if Instant::now() >= deadline => {
                        return Err(Error::from(cause).maybe_applied());
                    }
                    answer => answer,
                };
                let mark = mark_if(offer.unknown || matches!(answer, Append::Landed(_)));
                if !matches!(answer, Append::Landed(_)) {
                    self.catch_up(Some(&own)).map_err(mark)?;
                }
                (answer, self.read_committed(|state| Ok(state.session(offer.session)?)).map_err(mark)?)
            };
            let landed = match answer {
                Append::Landed(at) => Some(at),
                Append::Occupied | Append::Unknown(_) => None,
            };
            match consumed {
                Some(consumed) if consumed.last_k == offer.k && landed == Some(Seq(consumed.last_seq)) => {
                    return Ok(consumed);
                }
                Some(consumed) if consumed.last_k >= offer.k => return self.check_own(consumed, offer),
                Some(_) | None => {}
            }
            if self.is_outdated(offer).map_err(mark_if(offer.unknown))? {
                self.seal(offer)?;
                if self.is_in_flight(offer) {
                    self.record_offer(offer)?;
                }
                // Nothing is left of the bytes that were on their way.
                offer.unknown = false;
            } else if landed.is_some() {
                return Err(self.why_void(offer.session)?);
            }
            let late = Instant::now() + pause >= deadline;
            match answer {
                Append::Unknown(cause) if late => return Err(Error::from(cause).maybe_applied()),
                Append::Landed(_) | Append::Occupied if late => {
                    let what = "other clients took every slot of the log until the deadline";
                    return Err(mark_if(offer.unknown)(Error::new(Status::Timeout, what)));
                }
                // Others took the slot, and were applied.
                Append::Occupied if self.position() > before => {}
                Append::Landed(_) | Append::Occupied | Append::Unknown(_) => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(LAST_PAUSE);
                }
            }
        }
    }

    fn pack_blocks(&self, session: SessionNo, drafts: &mut [Draft], packs: &mut Vec<NewPack>) -> Result<()> {
        let mut open: Option<PackWriter> = None;
        for draft in drafts.iter_mut().filter(|d| !d.inline.is_empty()) {
            let mut places = Vec::with_capacity(draft.inline.len());
            for block in std::mem::take(&mut draft.inline) {
                if open.as_ref().is_some_and(|w| w.is_full()) {
                    self.store_pack(open.take(), packs)?;
                }
                let writer = match &mut open {
                    Some(writer) => writer,
                    None => open.insert(self.new_pack(PackId::new(session, self.env.random_bytes()?))?),
                };
                let place = writer.add(block.codec, block.plain_len, &block.data)?;
                places.push((PackId(writer.id()), place));
            }
            draft.place(&places);
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

    /// Seals body and blocks for the log as it is now; a payload that is too large for a slot is stored first.
    fn seal(&self, offer: &mut Offer) -> Result<()> {
        let (seen, chain_at_seen, state_hash, header, incarnation) = self.read_committed(|state| {
            let (header, incarnation) = (state.header()?, state.incarnation()?);
            Ok((state.position(), state.chain(), state.state_hash(), header, incarnation))
        })?;
        if header.ended {
            return Err(deleted(&self.name));
        }
        let generation = header.generation;
        self.ensure_key(generation)?;
        let salt = self.env.random_bytes()?;
        let key =
            self.object_key(generation, &salt, Kind::Commit, &commit_object(offer.session.0, offer.k))?;
        offer.body.state_hash = Bytes::copy_from_slice(&state_hash.0);
        let inline = offer.inline.iter().map(|b| (b.codec, b.plain_len, &b.data[..]));
        let payload = envelope::seal_payload(&key, &offer.body.encode_to_vec(), inline)?;
        let out_of_line = payload.len() > MAX_SLOT - HEAD;
        let envelope = Envelope {
            incarnation,
            session: offer.session,
            k: offer.k,
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
        offer.slot = envelope.encode_signed(&payload, |message| self.account.sign(message));
        let payload_offset = if out_of_line { 0 } else { offer.slot.len() - payload.len() };
        offer.inline_base = (payload_offset + envelope::body_len(&payload)?) as u64;
        (offer.seen, offer.generation, offer.incarnation) = (seen, generation, incarnation);
        Ok(())
    }

    /// Whether the offer's bytes are void wherever they land from now on.
    fn is_outdated(&self, offer: &Offer) -> Result<bool> {
        self.read_committed(|state| {
            let header = state.header()?;
            Ok(header.generation != offer.generation
                || header.incarnation[..] != offer.incarnation.0[..]
                || offer.seen.0 + WINDOW < state.position().0 + 1)
        })
    }

    /// The commit that was consumed under this link's session and number must be the one it wrote.
    fn check_own(&self, consumed: Session, offer: &Offer) -> Result<Session> {
        let at = Seq(consumed.last_seq);
        let there = self.log.read(at, 1, usize::MAX).map_err(|e| Error::from(e).maybe_applied())?;
        let same = there.first().is_some_and(|(n, bytes)| *n == at && *bytes == offer.slot);
        if consumed.last_k == offer.k && same {
            return Ok(consumed);
        }
        let message =
            "another process uses this link's session (a cloned machine?); link the filespace again";
        self.break_with(Status::Poisoned, message.to_owned());
        Err(Error::new(Status::Poisoned, message))
    }

    /// The account's role is not enough.
    pub(super) fn denied(&self) -> Error {
        let what = format!(
            "account {} may not write to filespace {}: its role is reader or none",
            self.account.key_id(),
            self.name
        );
        Error::new(Status::AccessDenied, what)
    }

    /// Why a commit of this link landed and was not consumed.
    fn why_void(&self, session: SessionId) -> Result<Error> {
        let key_id = self.account.key_id();
        let (member, header, own) = self
            .read_committed(|state| Ok((state.member(key_id)?, state.header()?, state.session(session)?)))?;
        Ok(if header.ended {
            deleted(&self.name)
        } else if member.is_none_or(|m| m.role() < Role::Writer) {
            self.denied()
        } else if header.fork != 0 {
            forked(header.fork)
        } else if own.is_some_and(|s| s.closed) {
            let what = "this link's session was ended by another client; link the filespace again";
            Error::new(Status::NotLinked, what)
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

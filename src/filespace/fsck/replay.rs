//! The state built anew from the log, and compared: with the checkpoints on the way, with what each commit says of it,
//! and with this link's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::{Frozen, Fsck, damage};
use crate::content::pack::{open_block, parse_header, part_key};
use crate::crypto::seal::Kind;
use crate::error::{Error, Result, Status};
use crate::filespace::checkpoint::{CHECKPOINTS, checkpoint_name, checkpoint_position};
use crate::filespace::follow::JudgeError;
use crate::ids::{Hash, PartId, Seq};
use crate::log::chain;
use crate::log::envelope::SlotView;
use crate::state::hash::StateHash;
use crate::state::part::{PartIndex, PartRef, Parts, SortedBlock};
use crate::state::replica::{Replica, Snapshot};
use crate::state::snapshots::snapshots;
use crate::state::source::between;
use crate::state::value::{CheckpointRecord, SnapshotRecord};
use crate::state::{Changes, key};

/// Slots read at once, and about how many bytes.
const READ_SLOTS: u64 = 256;
const READ_BYTES: usize = 8 << 20;

/// What a slot did.
enum Step {
    Done(Changes),
    /// It is damaged, or what is before it was changed.
    Broken {
        object: String,
        what: String,
    },
}

/// Building the state.
struct Replay {
    replica: Replica,
    /// The state where a checkpoint may be, until it is known whether it was accepted.
    frozen: Option<Snapshot>,
    /// Checkpoints that are there, by position.
    listed: BTreeMap<Seq, Vec<String>>,
    /// The last one that was accepted.
    accepted: Option<CheckpointRecord>,
    /// Parts that were checked.
    parts: HashMap<PartId, Option<StateHash>>,
    first_fork: Option<Seq>,
}

impl<'a> Fsck<'a> {
    /// Builds the state of this link's position; compares; returns it. If the log is too damaged for that, it is the
    /// link's own.
    pub(super) fn replay(&mut self) -> Result<Frozen<'a>> {
        let link = self.link;
        let own = {
            let _one = link.checkpointing.lock();
            link.view.write().committed.freeze()
        };
        self.checkup.position = own.position;
        let mut replay = Replay {
            replica: Replica::new(&link.genesis.birth()?),
            frozen: None,
            listed: BTreeMap::new(),
            accepted: None,
            parts: HashMap::new(),
            first_fork: None,
        };
        for name in link.store.list(CHECKPOINTS)? {
            if let Some(position) = checkpoint_position(&name).filter(|at| *at <= own.position) {
                replay.listed.entry(position).or_default().push(name);
            }
        }
        let whole = self.follow(&mut replay, own.position)?;
        let (position, chain, hash) = (own.position, own.chain(), own.hash);
        let rebuilt = (replay.replica.chain(), replay.replica.state_hash());
        if whole && rebuilt != (chain, hash) {
            let what = match replay.first_fork {
                Some(at) => {
                    format!("it was changed before position {at}: what its author saw was another log")
                }
                None => format!("it gives another state at position {position} than this link has"),
            };
            self.checkup.note("log", what);
        }
        let state = match whole {
            true => {
                let (parts, birth) = (replay.replica.parts(), link.genesis.birth()?);
                let state = std::mem::replace(&mut replay.replica, Replica::new(&birth));
                Frozen { link, state: Box::new(state), parts }
            }
            false => Frozen { link, parts: own.parts().clone(), state: Box::new(own) },
        };
        if let Err(error) = self.check_last_checkpoints(&replay, &state) {
            self.checkup.note("state", damage(error)?);
        }
        Ok(state)
    }

    /// Applies slots up to a position, around those that are damaged if a checkpoint leads there; false if none does.
    fn follow(&mut self, replay: &mut Replay, upto: Seq) -> Result<bool> {
        while replay.replica.position() < upto {
            let next = replay.replica.position().next();
            let slots = match self.read(next, (upto.0 - next.0 + 1).min(READ_SLOTS))? {
                Ok(slots) => slots,
                Err(what) => {
                    self.damaged_slots.insert(next);
                    if !self.go_around(replay, next, format!("slot {next}"), what, upto)? {
                        return Ok(false);
                    }
                    continue;
                }
            };
            let checked = self.link.check_signatures(&slots)?;
            for ((at, bytes), checked) in slots.into_iter().zip(checked) {
                if at != replay.replica.position().next() {
                    break;
                }
                self.checkup.slots += 1;
                match self.step(replay, at, &bytes, checked)? {
                    Step::Done(changes) => self.checkpoints(replay, &changes)?,
                    Step::Broken { object, what } => {
                        if !self.go_around(replay, at, object, what, upto)? {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    /// Slots from one on; or what is wrong with that one.
    fn read(&self, from: Seq, count: u64) -> Result<Result<Vec<(Seq, Bytes)>, String>> {
        for limit in [count as usize, 1] {
            match self.link.log.read(from, limit, READ_BYTES).map_err(Error::from) {
                Ok(slots) if slots.is_empty() => return Ok(Err("it is missing".to_owned())),
                Ok(slots) => return Ok(Ok(slots)),
                Err(error) if limit == 1 => return damage(error).map(Err),
                // It may be one behind it.
                Err(error) => damage(error)?,
            };
        }
        Ok(Err("it cannot be read".to_owned()))
    }

    /// Takes the next checkpoint behind a slot that cannot be applied; what lies in between is only read.
    fn go_around(
        &mut self,
        replay: &mut Replay,
        at: Seq,
        object: String,
        what: String,
        upto: Seq,
    ) -> Result<bool> {
        self.checkup.note(object, what);
        let names: Vec<String> = replay.listed.range(at..).flat_map(|(_, names)| names.clone()).collect();
        let mut taken = None;
        for name in names {
            match self.link.load_checkpoint(&name) {
                Ok((replica, _)) => {
                    let sum = self.sum_parts(&replica.parts(), &mut replay.parts)?;
                    if sum == Some(replica.state_hash()) {
                        taken = Some(replica);
                        break;
                    }
                }
                Err(error) => drop(damage(error)?),
            }
        }
        let end = taken.as_ref().map_or(upto, Replica::position);
        let mut next = at.next();
        while next <= end {
            match self.read(next, (end.0 - next.0 + 1).min(READ_SLOTS))? {
                Ok(slots) => next = Seq(next.0 + slots.len() as u64),
                Err(what) => {
                    self.checkup.note(format!("slot {next}"), what);
                    self.damaged_slots.insert(next);
                    next = next.next();
                }
            }
        }
        let Some(replica) = taken else { return Ok(false) };
        (replay.replica, replay.frozen) = (replica, None);
        Ok(true)
    }

    /// Applies one slot.
    fn step(
        &mut self,
        replay: &mut Replay,
        at: Seq,
        bytes: &Bytes,
        checked: Option<[u8; 32]>,
    ) -> Result<Step> {
        let link = self.link;
        let slot = SlotView::parse(bytes).ok();
        let _stalled = link.part_blocks.stall();
        let (prepared, changes, diverged) = loop {
            let replica = &replay.replica;
            let judged = link
                .judge_old(replica, at, bytes, checked)
                .and_then(|(changes, diverged)| Ok((replica.prepare(&changes)?, changes, diverged)));
            match judged {
                Ok(done) => break done,
                Err(JudgeError::Stop(stop)) => link.load(&replica.parts(), stop)?,
                Err(JudgeError::Error(error)) => {
                    let what = damage(error)?;
                    self.damaged_slots.insert(at);
                    let body = slot.as_ref().filter(|slot| slot.payload().is_none());
                    let object = body.map_or_else(
                        || format!("slot {at}"),
                        |slot| crate::filespace::payload_key(&slot.envelope().payload_hash),
                    );
                    return Ok(Step::Broken { object, what });
                }
            }
        };
        let session = slot.as_ref().map(|slot| key::session(slot.envelope().session));
        let is_consumed = session.is_some_and(|session| changes.entries.contains_key(&session[..]));
        self.checkup.void_slots += u64::from(!is_consumed);
        if changes.header().is_some_and(|header| header.fork == at.0) {
            replay.first_fork.get_or_insert(at);
        }
        if diverged {
            let what = "the state that its author saw is not the one that the log gives".to_owned();
            return Ok(Step::Broken { object: format!("slot {at}"), what });
        }
        replay.replica.advance(chain::next(&replay.replica.chain(), at, bytes), prepared);
        Ok(Step::Done(changes))
    }

    /// Sets the state apart where a checkpoint may be; checks the checkpoint that a slot has announced, and goes on from
    /// it, so that less is kept in memory.
    fn checkpoints(&mut self, replay: &mut Replay, changes: &Changes) -> Result<()> {
        let mut announced = snapshots_given(changes)?;
        if let Some(Some(value)) = changes.entries.get(&key::checkpoint()[..]) {
            let record: CheckpointRecord = super::decode(value)?;
            // The same may be for a snapshot too.
            announced.retain(|given| *given != record);
            if let Some(parts) = self.check_checkpoint(replay, &record)?
                && let Some(frozen) = replay.frozen.take_if(|f| f.position.0 == record.position)
            {
                replay.replica.rebase(&frozen, parts);
            }
            replay.accepted = Some(record);
        }
        for record in announced {
            self.check_checkpoint(replay, &record)?;
        }
        if replay.listed.contains_key(&replay.replica.position()) {
            replay.frozen = Some(replay.replica.freeze());
        }
        Ok(())
    }

    /// Whether the objects of an accepted checkpoint hold the state of its position. One that is not there is none: only
    /// the last must be.
    fn check_checkpoint(&mut self, replay: &mut Replay, record: &CheckpointRecord) -> Result<Option<Parts>> {
        let name = name_of(record);
        if !replay.listed.values().flatten().any(|listed| *listed == name) {
            return Ok(None);
        }
        self.checkup.checkpoints += 1;
        let loaded = match self.link.load_checkpoint(&name) {
            Ok((replica, hash)) if hash.0[..] == record.manifest_hash[..] => replica,
            Ok(_) => {
                self.checkup.note(name, "it is not the one that the log announces");
                return Ok(None);
            }
            Err(error) => {
                self.checkup.note(name, damage(error)?);
                return Ok(None);
            }
        };
        let at = Seq(record.position);
        let expected = (replay.replica.chain_at(at), replay.replica.state_hash_at(at));
        if (Some(loaded.chain()), Some(loaded.state_hash())) != expected {
            self.checkup.note(name, "it has another state than the log gives");
            return Ok(None);
        }
        let parts = loaded.parts();
        match self.sum_parts(&parts, &mut replay.parts)? {
            Some(sum) if sum == loaded.state_hash() => {
                let references = parts.references().cloned().collect();
                Ok(Parts::new(references, self.link.part_blocks.clone()))
            }
            Some(_) => {
                self.checkup.note(name, "its parts hold another state than the log gives");
                Ok(None)
            }
            // Which part it is has been noted.
            None => Ok(None),
        }
    }

    /// The last accepted one must be there: newcomers start from it. So must those of snapshots.
    fn check_last_checkpoints(&mut self, replay: &Replay, state: &Frozen<'_>) -> Result<()> {
        let record = |taken: crate::state::snapshots::Snapshot| {
            let (manifest, hash) = taken.checkpoint?;
            Some(CheckpointRecord {
                position: taken.position.0,
                manifest: Bytes::copy_from_slice(&manifest.0),
                manifest_hash: Bytes::copy_from_slice(&hash.0),
            })
        };
        let of_snapshots = state.read(snapshots)?.into_iter().filter_map(record);
        let needed: BTreeSet<String> =
            replay.accepted.iter().cloned().chain(of_snapshots).map(|record| name_of(&record)).collect();
        for name in needed {
            if !replay.listed.values().flatten().any(|listed| *listed == name) {
                self.checkup.note(name, "it is missing");
            }
        }
        Ok(())
    }

    /// The state hash of what parts hold; none if one of them is damaged.
    fn sum_parts(
        &mut self,
        parts: &Arc<Parts>,
        known: &mut HashMap<PartId, Option<StateHash>>,
    ) -> Result<Option<Hash>> {
        let mut all = Some(StateHash::default());
        for part in parts.references() {
            let id = PartId::from_slice(&part.id)
                .ok_or_else(|| Error::new(Status::Integrity, "a part without an id"))?;
            let sum = match known.get(&id) {
                Some(sum) => *sum,
                None => {
                    let sum = match self.link.store.get(&part_key(&id.0)).map_err(Error::from) {
                        Ok(object) => self.sum_part(part, &object),
                        Err(error) => Err(damage(error)?),
                    };
                    let sum = sum.map_err(|what| self.checkup.note(part_key(&id.0), what)).ok();
                    *known.entry(id).or_insert(sum)
                }
            };
            all = all.zip(sum).map(|(mut all, sum)| {
                all.add_sum(&sum);
                all
            });
        }
        Ok(all.map(StateHash::to_hash))
    }

    /// The state hash of what a part holds, or what is wrong with it.
    fn sum_part(&self, part: &PartRef, object: &[u8]) -> Result<StateHash, String> {
        let damaged = |what: &str| what.to_owned();
        let header = parse_header(object).ok_or_else(|| damaged("it is no part of a checkpoint"))?;
        let (generation, id, salt) = header;
        if (generation, &id[..], &salt[..]) != (part.generation, &part.id[..], &part.salt[..]) {
            return Err(damaged("it is another object than the one that was stored"));
        }
        let key = self.link.object_key(generation, &salt, Kind::Part, &id).map_err(|e| e.to_string())?;
        let open = |number: u32, offset: u64, length: u32| {
            let stored = object.get(offset as usize..)?.get(..length as usize)?;
            open_block(&key, number.into(), stored).ok()
        };
        let place = part.index.as_ref().ok_or_else(|| damaged("it has no index"))?;
        let index = open(place.number, place.offset, place.length)
            .and_then(|plain| PartIndex::decode(plain).ok())
            .ok_or_else(|| damaged("its index is damaged"))?;
        let mut sum = StateHash::default();
        let mut last = None;
        for block in &index.blocks {
            let sorted = open(block.number, block.offset, block.length)
                .and_then(SortedBlock::parse)
                .ok_or_else(|| format!("its block {} is damaged", block.number))?;
            for (key, value) in sorted.pairs() {
                if last.as_ref().is_some_and(|last| *last >= key) {
                    return Err(damaged("it is not sorted"));
                }
                sum.add(&key, &value);
                last = Some(key);
            }
        }
        Ok(sum)
    }
}

/// The checkpoints that a slot has given to snapshots.
fn snapshots_given(changes: &Changes) -> Result<Vec<CheckpointRecord>> {
    let mut given = Vec::new();
    for (key, value) in between(&changes.entries, b"N", b"O") {
        let (Some((at, _)), Some(value)) = (key::snapshot_parts(key), value) else { continue };
        let SnapshotRecord { manifest, manifest_hash, .. } = super::decode(value)?;
        let record = CheckpointRecord { position: at.0, manifest, manifest_hash };
        if !record.manifest.is_empty() && !given.contains(&record) {
            given.push(record);
        }
    }
    Ok(given)
}

/// What an accepted checkpoint is called.
fn name_of(record: &CheckpointRecord) -> String {
    checkpoint_name(Seq(record.position), &record.manifest)
}

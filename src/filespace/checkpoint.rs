//! Checkpoints: the state at a position written as sorted parts, and read back block by block as it is
//! needed. A newcomer takes the newest and follows the log from there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;

use super::draft::Draft;
use super::link::Link;
use crate::codec;
use crate::content::cache::{Block, BlockCache, BlockKey};
use crate::content::pack::{PackWriter, open_block, parse_header, part_key};
use crate::crypto::seal::{Kind, ObjectKey};
use crate::crypto::sha256;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, PackId, PartId, Seq};
use crate::log::chain;
use crate::state::ops::{Checkpoint, Op};
use crate::state::part::{
    BlockBuilder, Blocks, INDEX, Manifest, PART_TARGET, PartIndex, PartRef, Parts, SortedBlock, StoredBlock,
};
use crate::state::replica::{Replica, Snapshot};
use crate::state::source::Stop;
use crate::state::value::CheckpointRecord;
use crate::state::{Tables, key};

/// Commits behind the last checkpoint below which nobody writes one (and up to a quarter more, by chance, so
/// that several writers do not start at once).
const SHORT_TAIL: u64 = 512;
/// Commits behind it above which a writer starts one whatever it costs: a newcomer replays about 20,000 a second.
/// In between, one is due when what changed is no longer small beside the state: so all checkpoints together
/// write a few times what the last one holds, however small the commits are.
const LONG_TAIL: u64 = 16 << 10;
/// Commits behind it above which a link that ends writes one: it has the time, and the next newcomer would not.
const TAIL_AT_END: u64 = 2048;
const SMALL: u64 = 2;

/// Blocks of parts, kept in the process-wide cache as they were stored; the last few also here. While a judgement or
/// read is tried again because of one that it missed, none is let go: however small the cache is, it has all that it
/// needs at once in the end.
pub struct PartBlocks {
    instance: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    blocks: HashMap<(PartId, u32), SortedBlock>,
    /// The oldest first.
    order: VecDeque<(PartId, u32)>,
    /// How many attempts wait for blocks.
    stalled: usize,
}

/// As long as it lives, no block is let go.
pub(super) struct Stalled<'a>(&'a PartBlocks);

const RECENT: usize = 64;
/// Blocks fetched at once when a scan misses the one behind another.
const AHEAD: u32 = 16;

/// Where checkpoints are stored.
pub(super) const CHECKPOINTS: &str = "checkpoints/";

/// What the checkpoint of a position with this manifest is called. Sorted by name they are sorted by position.
pub(super) fn checkpoint_name(position: Seq, manifest: &[u8]) -> String {
    let id: String = manifest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{CHECKPOINTS}{:016x}-{id}", position.0)
}

/// The position in the name of a checkpoint.
pub(super) fn checkpoint_position(name: &str) -> Option<Seq> {
    let (position, _) = name.strip_prefix(CHECKPOINTS)?.split_once('-')?;
    u64::from_str_radix(position, 16).ok().map(Seq)
}

impl PartBlocks {
    pub(super) fn new(instance: u64) -> PartBlocks {
        PartBlocks { instance, held: Mutex::default() }
    }

    pub(super) fn stall(&self) -> Stalled<'_> {
        self.held.lock().stalled += 1;
        Stalled(self)
    }

    fn key(&self, part: PartId, block: u32) -> BlockKey {
        BlockKey { instance: self.instance, pack: PackId(part.0), number: block }
    }

    fn keep(&self, part: PartId, block: u32, plain: Bytes, parsed: SortedBlock) {
        BlockCache::process().insert(self.key(part, block), Block::new(plain.to_vec()));
        let mut held = self.held.lock();
        if held.blocks.insert((part, block), parsed).is_none() {
            held.order.push_back((part, block));
        }
        held.trim();
    }

    fn holds(&self, part: PartId, block: u32) -> bool {
        self.held.lock().blocks.contains_key(&(part, block))
    }
}

impl Held {
    fn trim(&mut self) {
        while self.stalled == 0 && self.order.len() > RECENT {
            if let Some(oldest) = self.order.pop_front() {
                self.blocks.remove(&oldest);
            }
        }
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held.lock();
        held.stalled -= 1;
        held.trim();
    }
}

impl Blocks for PartBlocks {
    fn cached(&self, part: PartId, block: u32) -> Option<SortedBlock> {
        if let Some(parsed) = self.held.lock().blocks.get(&(part, block)) {
            return Some(parsed.clone());
        }
        let block = BlockCache::process().get(&self.key(part, block))?;
        SortedBlock::parsed(block.bytes())
    }
}

impl Link {
    /// Loads what a read or a judgement misses.
    pub(super) fn resolve_stop(&self, stop: Stop) -> Result<()> {
        // The parts may have been replaced meanwhile; then the repeated read asks for something else.
        let parts = self.view.read().committed.parts();
        self.load(&parts, stop)
    }

    /// Loads what a read of these parts misses.
    pub(super) fn load(&self, parts: &Parts, stop: Stop) -> Result<()> {
        let Stop::Missing { part, block } = stop else {
            let what = format!("the state of filespace {} is damaged", self.id);
            return Err(Error::new(Status::Integrity, what).caused_by(stop));
        };
        let Some((reference, first)) = parts.locate(part, block) else { return Ok(()) };
        let damaged = || Error::new(Status::Integrity, format!("part {part} of a checkpoint is damaged"));
        if block == INDEX {
            let plain = self.read_part_blocks(reference, &[first])?.remove(0);
            let index = PartIndex::decode(plain).map_err(|e| damaged().caused_by(e))?;
            return if parts.set_index(part, index) { Ok(()) } else { Err(damaged()) };
        }
        let is_scan = block.checked_sub(1).is_some_and(|before| self.part_blocks.holds(part, before));
        let last = if is_scan { block.saturating_add(AHEAD - 1) } else { block };
        let wanted: Vec<_> = (block..=last).map_while(|b| Some(parts.locate(part, b)?.1)).collect();
        for (number, plain) in (block..).zip(self.read_part_blocks(reference, &wanted)?) {
            let parsed = SortedBlock::parse(plain.clone()).ok_or_else(damaged)?;
            self.part_blocks.keep(part, number, plain, parsed);
        }
        Ok(())
    }

    /// Consecutive blocks of a part, by one request.
    fn read_part_blocks(&self, part: &PartRef, blocks: &[&StoredBlock]) -> Result<Vec<Bytes>> {
        let (Ok(id), Ok(salt)) = (part.id[..].try_into(), part.salt[..].try_into()) else {
            return Err(Error::new(Status::Integrity, "a checkpoint names a part without an id"));
        };
        let key = self.object_key(part.generation, &salt, Kind::Part, &part.id)?;
        let name = part_key(&id);
        let damaged = || Error::new(Status::Integrity, format!("object {name} is damaged"));
        let start = blocks.first().map_or(0, |b| b.offset);
        let end = blocks.last().map_or(0, |b| b.offset.saturating_add(b.length.into()));
        let length = end.checked_sub(start).filter(|length| *length <= MAX_READ).ok_or_else(damaged)?;
        let bytes = self.store.get_range(&name, start, length as usize)?;
        let open = |block: &&StoredBlock| {
            let from = block.offset.checked_sub(start).ok_or_else(damaged)? as usize;
            let stored = bytes.get(from..).ok_or_else(damaged)?;
            open_block(&key, block.number.into(), stored).map_err(|e| damaged().caused_by(e))
        };
        blocks.iter().map(open).collect()
    }

    /// Builds the replica anew: from the newest checkpoint that can be read and fits the log, else from the
    /// genesis; then from the log. The caller holds `applying`.
    pub(super) fn rebuild(&self) -> Result<()> {
        let mut names = self.store.list(CHECKPOINTS)?;
        names.sort();
        let mut unusable = None;
        for name in names.iter().rev() {
            let taken = self.load_checkpoint(name).map(|(replica, hash)| {
                let position = replica.position();
                self.foreign.skip(position);
                self.set_replica(replica);
                (position, hash)
            });
            let followed = taken.and_then(|(position, hash)| {
                self.follow(None)?;
                self.is_announced(position, hash)
            });
            match followed {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let what = format!("the log does not know checkpoint {name}");
                    unusable = Some(Error::new(Status::Integrity, what));
                }
                Err(error) => unusable = Some(error),
            }
        }
        self.set_replica(Replica::new(&self.genesis.birth()?));
        self.follow(None).map_err(|error| {
            let error = Error::from(error);
            if error.status() == Status::StateDiverged {
                self.break_with(error.status(), error.to_string());
            }
            match unusable {
                Some(cause) => Error::new(error.status(), error.to_string()).caused_by(cause),
                None => error,
            }
        })
    }

    /// What the stored checkpoints of a position and before it are called, the newest first.
    pub(super) fn checkpoints_upto(&self, position: Seq) -> Result<Vec<String>> {
        let mut names = self.store.list(CHECKPOINTS)?;
        names.retain(|name| checkpoint_position(name).is_some_and(|at| at <= position));
        names.sort_by(|a, b| b.cmp(a));
        Ok(names)
    }

    /// The state at a position or, as near as checkpoints go, before it.
    pub(super) fn replica_before(&self, position: Seq) -> Result<Replica> {
        for name in &self.checkpoints_upto(position)? {
            match self.load_checkpoint_of_log(name) {
                Ok(replica) => return Ok(replica),
                Err(error) => crate::report::warn(|| format!("{name} is passed over: {error}")),
            }
        }
        Ok(Replica::new(&self.genesis.birth()?))
    }

    /// Whether this is the last checkpoint that a commit behind it has announced, and the log behind it goes on from
    /// there.
    fn is_announced(&self, position: Seq, hash: Hash) -> Result<bool> {
        let (record, header) = self.read_committed(|state| {
            let record: Option<CheckpointRecord> = state.message(&key::checkpoint(), "checkpoint")?;
            Ok((record, state.header()?))
        })?;
        let known = record.is_some_and(|r| r.position == position.0 && r.manifest_hash[..] == hash.0[..]);
        Ok(known && header.fork == 0)
    }

    /// A stored checkpoint that the log led to, whether it was announced or not. One that was written before the log
    /// lost its end, or was set back, may be of slots that have other commits now.
    pub(super) fn load_checkpoint_of_log(&self, name: &str) -> Result<Replica> {
        let (replica, _) = self.load_checkpoint(name)?;
        let at = replica.position();
        let unknown = || Error::new(Status::Integrity, format!("the log does not know checkpoint {name}"));
        // What this link has applied lately it knows without the log, which may not reach back so far.
        if let Some(chain) = self.read_committed(|state| Ok(state.chain_at(at)))? {
            return if chain == replica.chain() { Ok(replica) } else { Err(unknown()) };
        }
        let Some(before) = at.0.checked_sub(1).and_then(|before| replica.chain_at(Seq(before))) else {
            return Ok(replica);
        };
        let slots = self.log.read(at, 1, usize::MAX)?;
        match slots.first() {
            Some((slot, bytes)) if *slot == at && chain::next(&before, at, bytes) == replica.chain() => {
                Ok(replica)
            }
            _ => Err(unknown()),
        }
    }

    /// A stored checkpoint, and the hash of its manifest.
    pub(super) fn load_checkpoint(&self, name: &str) -> Result<(Replica, Hash)> {
        let damaged = || Error::new(Status::Integrity, format!("object {name} is damaged"));
        let bytes = self.store.get(name)?;
        let (generation, id, salt) = parse_header(&bytes).ok_or_else(damaged)?;
        if !name.ends_with(&PartId(id).to_string()) {
            return Err(damaged());
        }
        let key = self.object_key(generation, &salt, Kind::Manifest, &id)?;
        let (header, data) = key.open_chunk(0, &bytes[crate::content::pack::HEADER..])?;
        let plain = codec::decompress(header.codec, data, header.plain_len, MAX_MANIFEST)?;
        let manifest = Manifest::decode(&plain[..]).map_err(|e| damaged().caused_by(e))?;
        if Seq(manifest.position) > self.log.head()? {
            return Err(Error::new(Status::LogRolledBack, format!("the log ends before checkpoint {name}")));
        }
        let parts = Parts::new(manifest.parts.clone(), self.part_blocks.clone()).ok_or_else(damaged)?;
        let replica = Replica::from_checkpoint(&manifest, parts).ok_or_else(damaged)?;
        Ok((replica, sha256(&bytes)))
    }

    /// Whether the tail of the log behind the last checkpoint has become long.
    pub(super) fn checkpoint_is_due(&self) -> bool {
        if self.position().0 < self.checkpoint_from.load(Ordering::Relaxed) {
            return false;
        }
        let replica = &self.view.read().committed;
        let (tail, bytes) = replica.tail();
        tail > LONG_TAIL || tail > SHORT_TAIL && SMALL * bytes as u64 > replica.parts().plain_len()
    }

    /// Whether a newcomer would have much to replay.
    pub(super) fn is_tail_long(&self) -> bool {
        self.view.read().committed.tail().0 > TAIL_AT_END
    }

    /// Writes a checkpoint now, of all that the log has, whether one is due or not.
    pub fn checkpoint(self: &Arc<Link>) -> Result<()> {
        self.check_usable()?;
        self.check_writable()?;
        self.refresh()?;
        self.write_checkpoint()
    }

    /// Writes a checkpoint of the current state and announces it.
    pub fn write_checkpoint(self: &Arc<Link>) -> Result<()> {
        let _one = self.checkpointing.lock();
        self.postpone_checkpoint()?;
        let snapshot = self.view.write().committed.freeze();
        self.write_checkpoint_of(&snapshot)
    }

    /// The same of a state that this link's was, if no newer one was written meanwhile.
    pub(super) fn write_checkpoint_of(self: &Arc<Link>, snapshot: &Snapshot) -> Result<()> {
        let (announcement, parts) = self.store_state(snapshot)?;
        self.announce(announcement)?;
        let parts = Parts::new(parts, self.part_blocks.clone())
            .ok_or_else(|| Error::new(Status::Internal, "a new checkpoint is not sorted"))?;
        self.view.write().committed.rebase(snapshot, parts);
        Ok(())
    }

    /// Writes parts and manifest of a state; what is to be committed then.
    pub(super) fn store_state(&self, snapshot: &Snapshot) -> Result<(Checkpoint, Vec<PartRef>)> {
        let parts = self.write_parts(snapshot)?;
        let manifest =
            Manifest { position: snapshot.position.0, window: snapshot.window_bytes(), parts: parts.clone() };
        let plain = manifest.encode_to_vec();
        let id: [u8; 16] = self.env.random_bytes()?;
        let new = self.new_object_key(Kind::Manifest, &id)?;
        let mut writer = PackWriter::new(new.key, id, new.generation, new.salt);
        let (codec, data) = codec::compress(&plain);
        writer.add(codec, plain.len() as u32, &data)?;
        let object = writer.finish()?;
        let name = checkpoint_name(snapshot.position, &id);
        self.store.put(&name, &object.bytes)?;
        let announce = Checkpoint {
            position: snapshot.position.0,
            state_hash: Bytes::copy_from_slice(&snapshot.hash.0),
            manifest: Bytes::copy_from_slice(&id),
            manifest_hash: Bytes::copy_from_slice(&sha256(&object.bytes).0),
        };
        Ok((announce, parts))
    }

    pub(super) fn announce(self: &Arc<Link>, checkpoint: Checkpoint) -> Result<()> {
        match self.commit(Draft::of(Op::Checkpoint(checkpoint)), self.deadline()) {
            Ok(_) => Ok(()),
            // Somebody else's newer one stands; the parts serve this replica all the same.
            Err(super::CommitError::Refused(_)) => Ok(()),
            Err(super::CommitError::Failed(error) | super::CommitError::Unsettled(error, _)) => Err(error),
        }
    }

    /// The next one comes a short tail later at the earliest, also if this one fails.
    fn postpone_checkpoint(&self) -> Result<()> {
        let [chance] = self.env.random_bytes()?;
        let next = self.position().0 + SHORT_TAIL + u64::from(chance) * SHORT_TAIL / 1024;
        self.checkpoint_from.store(next, Ordering::Relaxed);
        Ok(())
    }

    /// Writes the parts whose key range has changed; the others are reused.
    fn write_parts(&self, snapshot: &Snapshot) -> Result<Vec<PartRef>> {
        let old: Vec<&PartRef> = snapshot.parts().references().collect();
        let mut references = Vec::new();
        let mut writer = PartsWriter { link: self, open: None, done: Vec::new() };
        let mut from: Bytes = Bytes::new();
        for (n, part) in old.iter().enumerate() {
            let to = old.get(n + 1).map(|next| next.first_key.clone());
            if snapshot.is_changed(&from, to.as_deref()) {
                self.copy_pairs(snapshot, &from, to.as_deref(), &mut writer)?;
            } else {
                references.append(&mut writer.finish()?);
                references.push((*part).clone());
            }
            from = to.unwrap_or_default();
        }
        if old.is_empty() {
            self.copy_pairs(snapshot, &[], None, &mut writer)?;
        }
        references.append(&mut writer.finish()?);
        Ok(references)
    }

    fn copy_pairs(
        &self,
        snapshot: &Snapshot,
        from: &[u8],
        to: Option<&[u8]>,
        writer: &mut PartsWriter<'_>,
    ) -> Result<()> {
        let mut from = from.to_vec();
        loop {
            let mut stopped = None;
            for pair in snapshot.pairs(&from, to) {
                match pair {
                    Ok((key, value)) => {
                        writer.push(&key, &value)?;
                        from.clear();
                        from.extend_from_slice(&key);
                        from.push(0);
                    }
                    Err(stop) => {
                        stopped = Some(stop);
                        break;
                    }
                }
            }
            match stopped {
                Some(stop) => self.resolve_stop(stop)?,
                None => return Ok(()),
            }
        }
    }
}

/// The largest request for blocks of a part.
const MAX_READ: u64 = 64 << 20;
/// The largest manifest, in plain bytes.
const MAX_MANIFEST: u32 = 64 << 20;

/// Writes sorted pairs into parts.
struct PartsWriter<'a> {
    link: &'a Link,
    open: Option<OpenPart>,
    done: Vec<PartRef>,
}

struct OpenPart {
    writer: PackWriter,
    generation: u32,
    salt: [u8; 32],
    block: BlockBuilder,
    index: PartIndex,
    plain: usize,
}

impl PartsWriter<'_> {
    fn push(&mut self, key: &Bytes, value: &[u8]) -> Result<()> {
        let part = match &mut self.open {
            Some(part) => part,
            none => {
                let id: [u8; 16] = self.link.env.random_bytes()?;
                let new = self.link.new_object_key(Kind::Part, &id)?;
                none.insert(OpenPart {
                    writer: PackWriter::new(new.key, id, new.generation, new.salt),
                    generation: new.generation,
                    salt: new.salt,
                    block: BlockBuilder::default(),
                    index: PartIndex::default(),
                    plain: 0,
                })
            }
        };
        part.block.push(key, value);
        if part.block.is_full() {
            part.close_block()?;
            if part.plain >= PART_TARGET {
                self.close_part()?;
            }
        }
        Ok(())
    }

    fn close_part(&mut self) -> Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        part.close_block()?;
        let index = part.index.encode_to_vec();
        let (codec, data) = codec::compress(&index);
        let place = part.writer.add(codec, index.len() as u32, &data)?;
        let first_key = part.index.blocks.first().map(|b| b.first_key.clone()).unwrap_or_default();
        let object = part.writer.finish()?;
        self.link.store.put(&part_key(&object.id), &object.bytes)?;
        self.done.push(PartRef {
            id: Bytes::copy_from_slice(&object.id),
            generation: part.generation,
            salt: Bytes::copy_from_slice(&part.salt),
            plain_len: part.plain as u64,
            first_key,
            index: Some(StoredBlock {
                number: place.number,
                offset: place.offset,
                length: place.length,
                first_key: Bytes::new(),
            }),
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<PartRef>> {
        self.close_part()?;
        Ok(std::mem::take(&mut self.done))
    }
}

impl OpenPart {
    fn close_block(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let (plain, first_key) = self.block.finish();
        let (codec, data) = codec::compress(&plain);
        let place = self.writer.add(codec, plain.len() as u32, &data)?;
        self.plain += plain.len();
        let (number, offset, length) = (place.number, place.offset, place.length);
        self.index.blocks.push(StoredBlock { number, offset, length, first_key });
        Ok(())
    }
}

/// The key under which an object of this filespace is sealed, for whoever reads packs.
pub(crate) fn pack_object_key(
    link: &Link,
    pack: &crate::state::value::Pack,
    id: PackId,
) -> Result<ObjectKey> {
    let salt =
        pack.salt[..].try_into().map_err(|_| Error::new(Status::Integrity, "a pack without a salt"))?;
    match id.slot() {
        Some(_) => link.object_key(pack.generation, &salt, Kind::Commit, &pack.sealed_as),
        None => link.object_key(pack.generation, &salt, Kind::Pack, &id.0),
    }
}

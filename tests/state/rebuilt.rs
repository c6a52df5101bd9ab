//! A replica that is put on a checkpoint now and then: of its own, or anew from somebody's. The blocks of its parts are
//! tiny, and it forgets them between slots, so that judging a slot stops again and again and starts anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use lucidlink::env::SeededRandom;
use lucidlink::ids::PartId;
use lucidlink::state::Replica;
use lucidlink::state::part::{
    BlockBuilder, Blocks, INDEX, Manifest, PartIndex, PartRef, Parts, SortedBlock, StoredBlock,
};
use lucidlink::state::replica::{Birth, Snapshot};
use lucidlink::state::source::Stop;
use parking_lot::Mutex;
use prost::Message;

use super::model::Verdict;
use super::slot::Slot;

/// Blocks that were written, and those of them that are local.
#[derive(Default)]
struct Shelf(Mutex<Shelved>);

#[derive(Default)]
struct Shelved {
    written: BTreeMap<(PartId, u32), SortedBlock>,
    indexes: BTreeMap<PartId, PartIndex>,
    local: BTreeSet<(PartId, u32)>,
}

impl Blocks for Shelf {
    fn cached(&self, part: PartId, block: u32) -> Option<SortedBlock> {
        let shelved = self.0.lock();
        shelved.local.contains(&(part, block)).then(|| shelved.written[&(part, block)].clone())
    }
}

pub struct Rebuilt {
    pub replica: Replica,
    shelf: Arc<Shelf>,
    /// A checkpoint that is written and not in use yet.
    written: Option<(Snapshot, Vec<PartRef>)>,
    /// How often judging a slot stopped.
    pub stops: u64,
}

impl Rebuilt {
    pub fn new(birth: &Birth) -> Rebuilt {
        let shelf = Arc::default();
        Rebuilt { replica: Replica::new(birth), shelf, written: None, stops: 0 }
    }

    /// Applies a slot, however often it takes.
    pub fn apply(&mut self, slot: &Slot) -> Verdict {
        let applied = loop {
            match slot.judge(&self.replica) {
                Ok(applied) => break applied,
                Err(stop) => self.resolve(&self.replica.parts(), stop),
            }
            self.stops += 1;
        };
        let verdict = applied.verdict.clone();
        slot.advance(&mut self.replica, applied);
        self.shelf.0.lock().local.clear();
        verdict
    }

    /// Loads all that it has, and does something with it.
    pub fn read<T>(&mut self, read: impl Fn(&Replica) -> Result<T, Stop>) -> T {
        loop {
            match read(&self.replica) {
                Ok(value) => return value,
                Err(stop) => self.resolve(&self.replica.parts(), stop),
            }
        }
    }

    /// Freezes the current state and writes its parts; [`Rebuilt::rebase`] takes them in use later.
    pub fn write_checkpoint(&mut self, random: &SeededRandom) {
        let snapshot = self.replica.freeze();
        let parts = self.write_parts(&snapshot, random);
        self.written = Some((snapshot, parts));
    }

    pub fn rebase(&mut self) {
        if let Some((snapshot, parts)) = self.written.take() {
            self.replica.rebase(&snapshot, Parts::new(parts, self.shelf.clone()).expect("sorted parts"));
        }
    }

    /// Starts anew from a checkpoint of the current state.
    pub fn restart(&mut self, random: &SeededRandom) {
        self.written = None;
        let snapshot = self.replica.freeze();
        let (position, window) = (snapshot.position.0, snapshot.window_bytes());
        let manifest = Manifest { position, window, parts: self.write_parts(&snapshot, random) };
        let manifest = Manifest::decode(&manifest.encode_to_vec()[..]).expect("a manifest");
        let parts = Parts::new(manifest.parts.clone(), self.shelf.clone()).expect("sorted parts");
        self.replica = Replica::from_checkpoint(&manifest, parts).expect("a whole manifest");
    }

    fn resolve(&self, parts: &Parts, stop: Stop) {
        let Stop::Missing { part, block } = stop else { panic!("{stop}") };
        assert!(parts.locate(part, block).is_some(), "a block of another checkpoint is missing");
        let mut shelved = self.shelf.0.lock();
        match block {
            INDEX => assert!(parts.set_index(part, shelved.indexes[&part].clone()), "a sound index"),
            _ => assert!(shelved.local.insert((part, block)), "a local block is missing"),
        }
    }

    fn write_parts(&self, snapshot: &Snapshot, random: &SeededRandom) -> Vec<PartRef> {
        let pairs = loop {
            match snapshot.pairs(&[], None).collect::<Result<Vec<_>, _>>() {
                Ok(pairs) => break pairs,
                Err(stop) => self.resolve(snapshot.parts(), stop),
            }
        };
        let mut shelved = self.shelf.0.lock();
        let below = |limit: usize| random.next_u64() as usize % limit;
        let mut references = Vec::new();
        let mut left = &pairs[..];
        while !left.is_empty() {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&random.next_u64().to_le_bytes());
            let mut index = PartIndex::default();
            for number in 0..1 + below(8) as u32 {
                let (block, rest) = left.split_at(left.len().min(1 + below(32)));
                left = rest;
                let mut builder = BlockBuilder::default();
                block.iter().for_each(|(key, value)| builder.push(key, value));
                if builder.is_empty() {
                    break;
                }
                let (bytes, first_key) = builder.finish();
                let parsed = SortedBlock::parse(bytes.into()).expect("a block");
                shelved.written.insert((PartId(id), number), parsed);
                index.blocks.push(StoredBlock { number, first_key, ..StoredBlock::default() });
            }
            references.push(PartRef {
                id: Bytes::copy_from_slice(&id),
                salt: Bytes::from_static(&[0; 32]),
                first_key: index.blocks[0].first_key.clone(),
                index: Some(StoredBlock::default()),
                ..PartRef::default()
            });
            shelved.indexes.insert(PartId(id), index);
        }
        references
    }
}

//! The library's own replica: sealed, compressed parts of a checkpoint, and what changed since in memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use lucidlink::codec;
use lucidlink::content::pack::{PackWriter, open_block};
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::PublicKeys;
use lucidlink::crypto::seal::{Kind, ObjectKey};
use lucidlink::ids::{Hash, LogId, PartId};
use lucidlink::state::part::{
    BlockBuilder, Blocks, INDEX, Manifest, PART_TARGET, PartIndex, PartRef, Parts, SortedBlock, StoredBlock,
};
use lucidlink::state::replica::{Birth, Replica};
use lucidlink::state::{Changes, Source, Stop};
use prost::Message;

use crate::entries::Pair;
use crate::store::Store;

const SALT: [u8; 32] = [3; 32];

fn object_key(id: &[u8; 16]) -> ObjectKey {
    ObjectKey::derive(&Key32::new([7; 32]), &SALT, Kind::Part, &LogId([5; 32]), id)
}

/// Writes the parts of a checkpoint, as the library does it.
pub fn build(folder: &Path, pairs: Vec<Pair>) {
    let mut parts = Vec::new();
    let mut pairs = pairs.into_iter().peekable();
    while pairs.peek().is_some() {
        let id = [parts.len() as u8; 16];
        let mut part = OpenPart {
            writer: PackWriter::new(object_key(&id), id, 0, SALT),
            index: PartIndex::default(),
            plain: 0,
        };
        let mut block = BlockBuilder::default();
        while part.plain < PART_TARGET
            && let Some((key, value)) = pairs.next()
        {
            block.push(&key.into(), &value);
            if block.is_full() || pairs.peek().is_none() {
                part.add(&mut block);
            }
        }
        parts.push(part.finish(folder));
    }
    // Chain and state hash of the position: any will do.
    let manifest = Manifest { position: 1, window: vec![0; 64].into(), parts };
    fs::write(folder.join("manifest"), manifest.encode_to_vec()).expect("write the manifest");
}

struct OpenPart {
    writer: PackWriter,
    index: PartIndex,
    plain: usize,
}

impl OpenPart {
    fn add(&mut self, block: &mut BlockBuilder) {
        let (plain, first_key) = block.finish();
        self.plain += plain.len();
        let stored = self.store(&plain, first_key);
        self.index.blocks.push(stored);
    }

    fn store(&mut self, plain: &[u8], first_key: Bytes) -> StoredBlock {
        let (codec, data) = codec::compress(plain);
        let place = self.writer.add(codec, plain.len() as u32, &data).expect("seal a block");
        StoredBlock { number: place.number, offset: place.offset, length: place.length, first_key }
    }

    fn finish(mut self, folder: &Path) -> PartRef {
        let index = self.store(&self.index.encode_to_vec(), Bytes::new());
        let object = self.writer.finish().expect("finish a part");
        fs::write(part_path(folder, PartId(object.id)), &object.bytes).expect("write a part");
        PartRef {
            id: Bytes::copy_from_slice(&object.id),
            generation: 0,
            salt: Bytes::copy_from_slice(&SALT),
            first_key: self.index.blocks[0].first_key.clone(),
            index: Some(index),
            plain_len: self.plain as u64,
        }
    }
}

fn part_path(folder: &Path, id: PartId) -> PathBuf {
    folder.join(id.to_string())
}

#[derive(Default)]
struct Loaded(RwLock<HashMap<(PartId, u32), SortedBlock>>);

impl Blocks for Loaded {
    fn cached(&self, part: PartId, block: u32) -> Option<SortedBlock> {
        self.0.read().expect("the lock").get(&(part, block)).cloned()
    }
}

/// A replica; the blocks of its parts are loaded when they are first touched.
pub struct Local {
    replica: Replica,
    loaded: Arc<Loaded>,
    files: HashMap<PartId, File>,
}

impl Local {
    /// The replica of the checkpoint in a folder.
    pub fn open(folder: &Path) -> Local {
        let manifest = fs::read(folder.join("manifest")).expect("read the manifest");
        let manifest = Manifest::decode(&manifest[..]).expect("a manifest");
        let loaded = Arc::new(Loaded::default());
        let ids = manifest.parts.iter().map(|p| PartId::from_slice(&p.id).expect("an id"));
        let files = ids.map(|id| (id, File::open(part_path(folder, id)).expect("a part"))).collect();
        let parts = Parts::new(manifest.parts.clone(), loaded.clone()).expect("parts");
        let replica = Replica::from_checkpoint(&manifest, parts).expect("a checkpoint");
        Local { replica, loaded, files }
    }

    /// A replica without parts: everything changed since.
    pub fn in_memory(pairs: Vec<Pair>) -> Local {
        let birth =
            Birth { chain: Hash([0; 32]), admin: PublicKeys { sign: [1; 32], kem: [2; 32] }, created: 0 };
        let mut local =
            Local { replica: Replica::new(&birth), loaded: Arc::default(), files: HashMap::new() };
        for some in pairs.chunks(1000) {
            local.apply(some);
        }
        local
    }

    fn read<T>(&self, f: impl Fn(&Replica) -> Result<T, Stop>) -> T {
        loop {
            match f(&self.replica) {
                Ok(value) => return value,
                Err(Stop::Missing { part, block }) => self.load(part, block),
                Err(stop) => panic!("{stop}"),
            }
        }
    }

    fn load(&self, part: PartId, block: u32) {
        let parts = self.replica.parts();
        let (_, stored) = parts.locate(part, block).expect("a place");
        let mut bytes = vec![0; stored.length as usize];
        self.files[&part].read_exact_at(&mut bytes, stored.offset).expect("read a block");
        let plain = open_block(&object_key(&part.0), stored.number.into(), &bytes).expect("open a block");
        if block == INDEX {
            assert!(parts.set_index(part, PartIndex::decode(plain).expect("an index")));
            return;
        }
        let checked = SortedBlock::parse(plain).expect("a block");
        self.loaded.0.write().expect("the lock").insert((part, block), checked);
    }

    fn apply(&mut self, pairs: &[Pair]) {
        let entries = pairs.iter().map(|(k, v)| (k.clone().into(), Some(v.clone().into()))).collect();
        let changes = Changes { entries, outcomes: Vec::new() };
        let prepared = self.read(|replica| replica.prepare(&changes));
        self.replica.advance(Hash([0; 32]), prepared);
    }
}

impl Store for Local {
    fn get(&self, keys: &mut dyn Iterator<Item = Vec<u8>>) -> usize {
        keys.map(|key| self.read(|replica| replica.get(&key)).expect("it is there").len()).sum()
    }

    fn scan(&self, from: &mut dyn Iterator<Item = Vec<u8>>, count: usize) -> usize {
        let one = |from: Vec<u8>| {
            self.read(|replica| {
                let pairs = replica.range(&from, &[0xff]).take(count);
                pairs.map(|pair| pair.map(|(k, v)| k.len() + v.len())).sum::<Result<usize, Stop>>()
            })
        };
        from.map(one).sum()
    }

    fn commit(&mut self, changes: &[Pair; 3]) {
        self.apply(changes);
    }
}

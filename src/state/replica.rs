//! The replica: the committed state at a position, as this client holds it. The parts of a checkpoint
//! below, what changed since in memory above. It can always be rebuilt from the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::apply::{APPLY_VERSION, Changes, WINDOW};
use super::hash::StateHash;
use super::hot::Hot;
use super::key;
use super::part::{Manifest, Parts};
use super::source::{Range, Source, Stop, between, merge};
use super::value::{Counters, Header, Inode, Kind, Member, Role};
use crate::crypto::account::PublicKeys;
use crate::ids::{Hash, Ino, Seq};

type Layer = BTreeMap<Bytes, Option<Bytes>>;

/// The committed state at a position.
pub struct Replica {
    parts: Arc<Parts>,
    /// The position whose state the parts hold.
    base: Seq,
    /// What changed since the parts, frozen for a checkpoint that is being written.
    frozen: Arc<Layer>,
    /// What changed since then.
    delta: Layer,
    delta_bytes: usize,
    position: Seq,
    hash: StateHash,
    /// Chain and state hash of the last positions, the current one last.
    window: VecDeque<(Hash, Hash)>,
    hot: Hot,
}

/// What a genesis says of the first state.
pub struct Birth {
    /// The chain at position 0: the log's id.
    pub chain: Hash,
    /// The first admin.
    pub admin: PublicKeys,
    /// When, nanoseconds since 1970.
    pub created: i64,
}

/// The state at a position, which no longer changes: what a checkpoint is written from.
pub struct Snapshot {
    parts: Arc<Parts>,
    frozen: Arc<Layer>,
    /// The position.
    pub position: Seq,
    /// The state hash there.
    pub hash: Hash,
    window: VecDeque<(Hash, Hash)>,
}

/// Changes that fit the replica they were made for.
pub struct Prepared {
    entries: Layer,
    hash: StateHash,
}

impl Replica {
    /// The state at position 0.
    pub fn new(birth: &Birth) -> Replica {
        let root = Inode {
            kind: Kind::Directory.into(),
            mode: 0o755,
            links: 1,
            mtime: birth.created,
            ctime: birth.created,
            btime: birth.created,
            atime: birth.created,
            parent: Ino::ROOT.0,
            ..Inode::default()
        };
        let header = Header {
            apply_version: APPLY_VERSION,
            incarnation: Bytes::from_static(&[0; 16]),
            ..Header::default()
        };
        let admin = Member {
            sign: Bytes::copy_from_slice(&birth.admin.sign),
            kem: Bytes::copy_from_slice(&birth.admin.kem),
            role: Role::Admin.into(),
        };
        let mut replica = Replica {
            parts: Arc::new(Parts::none()),
            base: Seq(0),
            frozen: Arc::default(),
            delta: Layer::new(),
            delta_bytes: 0,
            position: Seq(0),
            hash: StateHash::default(),
            window: VecDeque::new(),
            hot: Hot::default(),
        };
        replica.seed(key::header(), &header);
        replica.seed(key::counters(), &Counters { directories: 1, ..Counters::default() });
        replica.seed(key::inode(Ino::ROOT), &root);
        replica.seed(key::member(birth.admin.key_id()), &admin);
        replica.window.push_back((birth.chain, replica.hash.to_hash()));
        replica
    }

    fn seed(&mut self, key: key::Key, value: &impl prost::Message) {
        let value = value.encode_to_vec();
        self.hash.add(&key, &value);
        self.delta.insert(key.into(), Some(value.into()));
    }

    /// The state that a checkpoint holds; none if the manifest breaks a rule.
    pub fn from_checkpoint(manifest: &Manifest, parts: Parts) -> Option<Replica> {
        let entries = manifest.window.chunks_exact(64);
        let complete = entries.remainder().is_empty() && !manifest.window.is_empty();
        let window: VecDeque<_> = entries
            .filter_map(|e| Some((Hash::from_slice(&e[..32])?, Hash::from_slice(&e[32..])?)))
            .collect();
        let reaches = manifest.position.min(WINDOW) as usize;
        let (_, hash) = *window.back().filter(|_| complete && window.len() >= reaches)?;
        Some(Replica {
            parts: Arc::new(parts),
            base: Seq(manifest.position),
            frozen: Arc::default(),
            delta: Layer::new(),
            delta_bytes: 0,
            position: Seq(manifest.position),
            hash: StateHash::from_hash(&hash),
            window,
            hot: Hot::default(),
        })
    }

    /// The last position applied.
    pub fn position(&self) -> Seq {
        self.position
    }

    /// The chain at the current position.
    pub fn chain(&self) -> Hash {
        self.window.back().map_or(Hash([0; 32]), |(chain, _)| *chain)
    }

    /// The state hash at the current position.
    pub fn state_hash(&self) -> Hash {
        self.hash.to_hash()
    }

    /// The chain at a position of the window.
    pub fn chain_at(&self, at: Seq) -> Option<Hash> {
        self.remembered(at).map(|(chain, _)| *chain)
    }

    /// The state hash at a position of the window.
    pub fn state_hash_at(&self, at: Seq) -> Option<Hash> {
        self.remembered(at).map(|(_, hash)| *hash)
    }

    fn remembered(&self, at: Seq) -> Option<&(Hash, Hash)> {
        let back = self.position.0.checked_sub(at.0)?;
        self.window.get(self.window.len().checked_sub(1 + back as usize)?)
    }

    /// How much has come since the parts: positions, and bytes that changed, roughly.
    pub fn tail(&self) -> (u64, usize) {
        (self.position.0 - self.base.0, self.delta_bytes)
    }

    /// The parts below.
    pub fn parts(&self) -> Arc<Parts> {
        self.parts.clone()
    }

    /// Works out the state hash behind some changes. It reads what they replace, so it can stop.
    pub fn prepare(&self, changes: &Changes) -> Result<Prepared, Stop> {
        let mut hash = self.hash;
        let mut entries = Layer::new();
        for (key, value) in &changes.entries {
            let before = self.get(key)?;
            if before == *value {
                continue;
            }
            if let Some(before) = &before {
                hash.remove(key, before);
            }
            if let Some(value) = value {
                hash.add(key, value);
            }
            entries.insert(key.clone(), value.clone());
        }
        Ok(Prepared { entries, hash })
    }

    /// Moves to the next position: state and position together.
    pub fn advance(&mut self, chain: Hash, prepared: Prepared) {
        for (key, value) in prepared.entries {
            self.delta_bytes += 64 + key.len() + value.as_ref().map_or(0, Bytes::len);
            self.hot.put(key.clone(), value.clone());
            self.delta.insert(key, value);
        }
        self.hash = prepared.hash;
        self.position = self.position.next();
        self.window.push_back((chain, self.hash.to_hash()));
        if self.window.len() as u64 > WINDOW {
            self.window.pop_front();
        }
    }

    /// The current state, set apart for a checkpoint: costs nothing that grows with the state unless an
    /// earlier checkpoint failed.
    pub fn freeze(&mut self) -> Snapshot {
        let mut delta = std::mem::take(&mut self.delta);
        if !self.frozen.is_empty() {
            let mut merged = (*self.frozen).clone();
            merged.append(&mut delta);
            delta = merged;
        }
        self.frozen = Arc::new(delta);
        Snapshot {
            parts: self.parts.clone(),
            frozen: self.frozen.clone(),
            position: self.position,
            hash: self.hash.to_hash(),
            window: self.window.clone(),
        }
    }

    /// Puts the parts that were written from the last frozen state in its place.
    pub fn rebase(&mut self, snapshot: &Snapshot, parts: Parts) {
        if Arc::ptr_eq(&self.frozen, &snapshot.frozen) {
            self.parts = Arc::new(parts);
            self.base = snapshot.position;
            self.frozen = Arc::default();
            self.delta_bytes =
                self.delta.iter().map(|(k, v)| 64 + k.len() + v.as_ref().map_or(0, Bytes::len)).sum();
        }
    }
}

impl Source for Replica {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        if let Some(known) = self.hot.get(key) {
            return Ok(known);
        }
        if let Some((key, value)) = self.delta.get_key_value(key).or_else(|| self.frozen.get_key_value(key)) {
            self.hot.put(key.clone(), value.clone());
            return Ok(value.clone());
        }
        let value = self.parts.get(key)?;
        self.hot.put_copy(key, value.as_deref());
        Ok(value)
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a> {
        let layer = |layer: &'a Layer| between(layer, from, to).map(|(k, v)| (k.clone(), v.clone()));
        let frozen = merge(layer(&self.frozen), self.parts.range(from, to));
        merge(layer(&self.delta), frozen)
    }
}

impl Source for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        match self.frozen.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.parts.get(key),
        }
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a> {
        self.pairs(from, Some(to))
    }
}

impl Snapshot {
    /// The pairs of the state from `from` on and before `to` (the end, if none), in order.
    pub fn pairs(&self, from: &[u8], to: Option<&[u8]>) -> Range<'_> {
        // No table's letter is 0xff, so this is behind every key.
        let to = to.unwrap_or(&[0xff]);
        let top = between(&self.frozen, from, to).map(|(k, v)| (k.clone(), v.clone()));
        merge(top, self.parts.range(from, to))
    }

    /// The parts below.
    pub fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// The chain at the position.
    pub fn chain(&self) -> Hash {
        self.window.back().map_or(Hash([0; 32]), |(chain, _)| *chain)
    }

    /// Whether something between two keys differs from the parts.
    pub fn is_changed(&self, from: &[u8], to: Option<&[u8]>) -> bool {
        let from = std::ops::Bound::Included(from);
        let to = to.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.frozen.range::<[u8], _>((from, to)).next().is_some()
    }

    /// The window, as a manifest carries it.
    pub fn window_bytes(&self) -> Bytes {
        self.window.iter().flat_map(|(chain, hash)| [chain.0, hash.0]).flatten().collect()
    }
}

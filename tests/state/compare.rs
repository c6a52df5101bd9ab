//! The state of a replica, held against the model's: every pair that there should be and no other, and every byte of
//! every file.

use std::collections::BTreeMap;

use bytes::Bytes;
use lucidlink::ids::{Incarnation, Ino};
use lucidlink::state::ops::Extent;
use lucidlink::state::value::{Counters, Dentry, Header, Inode, Kind, Pack, PastLife};
use lucidlink::state::{Source, key};
use prost::Message;

use super::content::{Cell, cells};
use super::model::{Model, State};

pub type Pairs = BTreeMap<Bytes, Bytes>;

/// All pairs of a state.
pub fn pairs(state: &dyn Source) -> Pairs {
    state.range(&[0], &[0xff]).collect::<Result<_, _>>().expect("all of it is in memory")
}

/// Panics where a state is not the model's.
pub fn check(model: &Model, found: &Pairs) {
    let expected = model.state.pairs();
    let extents = (key::extent(Ino(0), 0), vec![b'X' + 1]);
    let is_extent = |key: &Bytes| extents.0[..1] <= key[..] && key[..] < extents.1[..];
    for (key, value) in found.iter().filter(|(key, _)| !is_extent(key)) {
        assert_eq!(Some(value), expected.get(key), "the value of {}", key.escape_ascii());
    }
    for key in expected.keys() {
        assert!(found.contains_key(key), "no {}", key.escape_ascii());
    }
    let mut content: BTreeMap<u64, BTreeMap<u64, Cell>> = BTreeMap::new();
    for (key, value) in found.iter().filter(|(key, _)| is_extent(key)) {
        let ino = key::ino_of(key).expect("an inode in the key of an extent").0;
        let end = key::extent_end(key).expect("an end in the key of an extent");
        let extent = Extent::decode(value.clone()).expect("an extent");
        let extent = Extent { offset: end - extent.length, ..extent };
        let lengths = extent.stored_lengths.len() as u64;
        assert!([1, extent.blocks()].contains(&lengths), "stored lengths of {extent:?}");
        for (offset, cell) in cells(&extent) {
            let before = content.entry(ino).or_default().insert(offset, cell);
            assert_eq!(before, None, "two extents hold byte {offset} of inode {ino:x}");
        }
    }
    for (ino, node) in &model.state.nodes {
        let found = content.remove(ino).unwrap_or_default();
        assert_eq!(found, node.cells, "the content of inode {ino:x}");
    }
    assert!(content.is_empty(), "content without a file");
}

impl State {
    /// The life of the log that goes on.
    pub fn life(&self) -> Incarnation {
        Incarnation(self.lives.last().expect("one life").0)
    }

    /// Every pair but the extents.
    fn pairs(&self) -> Pairs {
        let mut pairs = Pairs::new();
        let mut put = |key: key::Key, value: Vec<u8>| drop(pairs.insert(key.into(), value.into()));
        let header = Header {
            apply_version: 1,
            incarnation: Bytes::copy_from_slice(&self.life().0),
            generation: self.generation,
            fork: self.fork,
            ended: self.ended,
            quota_bytes: self.quota.0,
            quota_entries: self.quota.1,
        };
        put(key::header(), header.encode_to_vec());
        put(key::counters(), self.counters().encode_to_vec());
        if let Some(checkpoint) = &self.checkpoint {
            put(key::checkpoint(), checkpoint.encode_to_vec());
        }
        for (ino, node) in &self.nodes {
            let links = if node.inode.kind() == Kind::Directory { 1 } else { self.names(*ino) };
            let xattrs = node.xattrs.len() as u32;
            let xattr_bytes = node.xattrs.iter().map(|(name, v)| name.len() + v.len()).sum::<usize>() as u32;
            let inode = Inode { links, xattrs, xattr_bytes, ..node.inode.clone() };
            put(key::inode(Ino(*ino)), inode.encode_to_vec());
            for (name, value) in &node.xattrs {
                put(key::xattr(Ino(*ino), name), value.to_vec());
            }
            for (name, found) in &node.entries {
                let dentry = Dentry::new(Ino(*found), self.kind(*found));
                put(key::dentry(Ino(*ino), name), dentry.encode_to_vec());
            }
        }
        let live = self.live();
        for (id, pack) in &self.packs {
            let live = live.get(id).copied().unwrap_or_default();
            put(key::pack(*id), Pack { live, ..pack.clone() }.encode_to_vec());
        }
        for (ino, cells) in &self.locks {
            put(key::locks(Ino(*ino)), cells.ranges().encode_to_vec());
            for session in cells.sessions() {
                put(key::locked_by(lucidlink::ids::SessionNo(session), Ino(*ino)), Vec::new());
            }
        }
        let seq = lucidlink::ids::Seq;
        self.members.iter().for_each(|(id, member)| put(key::member(*id), member.encode_to_vec()));
        self.sessions.iter().for_each(|(id, session)| put(key::session(*id), session.encode_to_vec()));
        self.detached.iter().for_each(|ino| put(key::detached(Ino(*ino)), Vec::new()));
        self.dead.iter().for_each(|(at, id)| put(key::freed(seq(*at), *id), Vec::new()));
        self.closed.iter().for_each(|(at, id)| put(key::expiry(seq(*at), *id), Vec::new()));
        for (number, record) in &self.generations {
            put(key::generation(*number), record.encode_to_vec());
        }
        for ((at, name), record) in &self.snapshots {
            put(key::snapshot(seq(*at), name), record.encode_to_vec());
        }
        for (life, last) in &self.lives[..self.lives.len() - 1] {
            put(key::past_life(Incarnation(*life)), PastLife { last: *last }.encode_to_vec());
        }
        pairs
    }

    /// What a quota limits: the sizes of all files together, and how many inodes there are.
    pub fn weight(&self) -> (u128, u64) {
        let files = self.nodes.values().filter(|node| node.inode.kind() == Kind::File);
        (files.map(|node| u128::from(node.inode.size)).sum(), self.nodes.len() as u64)
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for node in self.nodes.values() {
            match node.inode.kind() {
                Kind::File => counters.files += 1,
                Kind::Directory => counters.directories += 1,
                _ => counters.symlinks += 1,
            }
        }
        let live = self.live();
        let stored = self.packs.iter().filter(|(id, _)| live.contains_key(id));
        let stored: u128 = stored.map(|(_, pack)| u128::from(pack.size)).sum();
        let halves = |sum: u128| (sum as u64, (sum >> 64) as u64);
        (counters.bytes_low, counters.bytes_high) = halves(self.weight().0);
        (counters.live_low, counters.live_high) = halves(live.values().map(|n| u128::from(*n)).sum());
        (counters.stored_low, counters.stored_high) = halves(stored);
        counters
    }
}

//! What must hold of every state, worked out anew from its keys and values.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lucidlink::state::hash::StateHash;
use lucidlink::state::ops::Extent;
use lucidlink::state::source::Stop;
use lucidlink::state::value::{Counters, Dentry, Inode, Kind, Pack};
use lucidlink::state::{Replica, Source, Tables};
use prost::Message;

/// Panics if a counter, the state hash, a link count or the live bytes of a pack are not what they should be.
pub fn check(state: &Replica) -> Result<(), Stop> {
    let pairs: Vec<(Bytes, Bytes)> = state.range(&[0], &[0xff]).collect::<Result<_, _>>()?;
    let mut hash = StateHash::default();
    let mut counters = Counters::default();
    let mut live: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut packs: BTreeMap<Vec<u8>, Pack> = BTreeMap::new();
    let mut names: BTreeMap<u64, u32> = BTreeMap::new();
    let mut inodes: BTreeMap<u64, Inode> = BTreeMap::new();
    // What has no name: the root, and what waits to be reaped.
    let mut nameless = BTreeSet::from([1]);
    for (key, value) in &pairs {
        hash.add(key, value);
        let number = || u64::from_be_bytes(key[1..9].try_into().unwrap());
        match key[0] {
            b'D' => *names.entry(Dentry::decode(value.clone()).unwrap().ino).or_default() += 1,
            b'I' => drop(inodes.insert(number(), Inode::decode(value.clone()).unwrap())),
            b'P' => drop(packs.insert(key[1..].to_vec(), Pack::decode(value.clone()).unwrap())),
            b'R' => drop(nameless.insert(number())),
            b'X' => {
                let extent = Extent::decode(value.clone()).unwrap();
                *live.entry(extent.pack.to_vec()).or_default() += extent.length;
                assert!(inodes.contains_key(&number()), "an extent of a file that is gone");
            }
            _ => {}
        }
    }
    assert_eq!(hash.to_hash(), state.state_hash(), "state hash");
    for (number, inode) in &inodes {
        match inode.kind() {
            Kind::File => {
                counters.files += 1;
                counters.bytes = counters.bytes.wrapping_add(inode.size);
            }
            Kind::Directory => counters.directories += 1,
            Kind::Symlink => counters.symlinks += 1,
            Kind::None => panic!("an inode without a kind"),
        }
        let expected = if nameless.contains(number) { 0 } else { inode.links };
        assert_eq!(names.remove(number).unwrap_or_default(), expected, "names of inode {number:x}");
    }
    assert!(names.is_empty(), "names that lead nowhere");
    for (id, pack) in &packs {
        assert_eq!(pack.live, live.remove(id).unwrap_or_default(), "live bytes of a pack");
        counters.live += pack.live;
        if pack.live > 0 {
            counters.stored = counters.stored.wrapping_add(pack.size);
        }
    }
    assert!(live.is_empty(), "extents in packs that nobody registered");
    assert_eq!(counters, state.counters()?, "counters");
    Ok(())
}

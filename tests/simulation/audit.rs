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
    let mut xattrs: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    let mut dead: BTreeSet<Vec<u8>> = BTreeSet::new();
    // What has no name: the root, and what waits to be reaped.
    let mut nameless = BTreeSet::from([1]);
    for (key, value) in &pairs {
        hash.add(key, value);
        let number = || u64::from_be_bytes(key[1..9].try_into().unwrap());
        match key[0] {
            b'D' => *names.entry(Dentry::decode(value.clone()).unwrap().ino).or_default() += 1,
            b'I' => drop(inodes.insert(number(), Inode::decode(value.clone()).unwrap())),
            b'F' => drop(dead.insert(key[9..].to_vec())),
            b'P' => drop(packs.insert(key[1..].to_vec(), Pack::decode(value.clone()).unwrap())),
            b'R' => drop(nameless.insert(number())),
            b'X' => {
                let extent = Extent::decode(value.clone()).unwrap();
                *live.entry(extent.pack.to_vec()).or_default() += extent.length;
                assert!(inodes.contains_key(&number()), "an extent of a file that is gone");
            }
            b'Y' => {
                let (count, bytes) = xattrs.entry(number()).or_default();
                *count += 1;
                *bytes += (key.len() - 9 + value.len()) as u32;
            }
            _ => {}
        }
    }
    assert_eq!(hash.to_hash(), state.state_hash(), "state hash");
    for (number, inode) in &inodes {
        match inode.kind() {
            Kind::File => {
                counters.files += 1;
                counters.add_bytes(inode.size.into());
            }
            Kind::Directory => counters.directories += 1,
            Kind::Symlink => counters.symlinks += 1,
            Kind::None => panic!("an inode without a kind"),
        }
        let counted = (inode.xattrs, inode.xattr_bytes);
        assert_eq!(xattrs.remove(number).unwrap_or_default(), counted, "attributes of inode {number:x}");
        let expected = if nameless.contains(number) { 0 } else { inode.links };
        assert_eq!(names.remove(number).unwrap_or_default(), expected, "names of inode {number:x}");
    }
    assert!(names.is_empty(), "names that lead nowhere");
    assert!(xattrs.is_empty(), "attributes of nothing");
    for (id, pack) in &packs {
        assert_eq!(pack.live, live.remove(id).unwrap_or_default(), "live bytes of a pack");
        counters.add_live(pack.live.into());
        if pack.live > 0 {
            counters.add_stored(pack.size.into());
        }
        // Dead is final, and what is dead is known.
        assert_eq!(pack.live == 0, dead.remove(id), "a pack is dead if nothing refers to it");
    }
    assert!(dead.is_empty(), "dead packs that nobody registered");
    assert!(live.is_empty(), "extents in packs that nobody registered");
    assert_eq!(counters, state.counters()?, "counters");
    Ok(())
}

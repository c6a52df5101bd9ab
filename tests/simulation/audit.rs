//! What must hold of every state, worked out anew from its keys and values.

use std::collections::BTreeMap;

use lucidlink::filespace::Link;
use lucidlink::state::hash::StateHash;
use lucidlink::state::ops::Extent;
use lucidlink::state::value::{Counters, Inode, Kind, Pack};
use lucidlink::state::{Source, Tables};
use prost::Message;

/// Panics if a counter, the state hash, a link count or the live bytes of a pack are not what they should be.
pub fn check(link: &Link) {
    let pairs: Vec<(bytes::Bytes, bytes::Bytes)> =
        link.read(|state| Ok(state.range(&[0], &[0xff]).collect::<Result<_, _>>()?)).unwrap();
    let mut hash = StateHash::default();
    let mut counters = Counters::default();
    let mut live: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut packs: BTreeMap<Vec<u8>, Pack> = BTreeMap::new();
    let mut names: BTreeMap<u64, u32> = BTreeMap::new();
    let mut inodes: BTreeMap<u64, Inode> = BTreeMap::new();
    let mut detached = 0;
    for (key, value) in &pairs {
        hash.add(key, value);
        let number = || u64::from_be_bytes(key[1..9].try_into().unwrap());
        match key[0] {
            b'D' => {
                let dentry = lucidlink::state::value::Dentry::decode(value.clone()).unwrap();
                *names.entry(dentry.ino).or_default() += 1;
            }
            b'I' => drop(inodes.insert(number(), Inode::decode(value.clone()).unwrap())),
            b'P' => drop(packs.insert(key[1..].to_vec(), Pack::decode(value.clone()).unwrap())),
            b'R' => detached += 1,
            b'X' => {
                let extent = Extent::decode(value.clone()).unwrap();
                *live.entry(extent.pack.to_vec()).or_default() += extent.length;
                assert!(inodes.contains_key(&number()), "an extent of a file that is gone");
            }
            _ => {}
        }
    }
    assert_eq!(hash.to_hash(), link.state_hash().1, "state hash");
    for (number, inode) in &inodes {
        match inode.kind() {
            Kind::File => {
                counters.files += 1;
                counters.bytes += inode.size;
            }
            Kind::Directory => counters.directories += 1,
            Kind::Symlink => counters.symlinks += 1,
            Kind::None => panic!("an inode without a kind"),
        }
        let named = names.get(number).copied().unwrap_or_default();
        let expected = if *number == 1 || detached > 0 && named == 0 { named } else { inode.links };
        assert_eq!(named, expected, "names of inode {number:x}");
    }
    for (id, pack) in &packs {
        assert_eq!(pack.live, live.remove(id).unwrap_or_default(), "live bytes of a pack");
        counters.live += pack.live;
        if pack.live > 0 {
            counters.stored += pack.size;
        }
    }
    assert!(live.is_empty(), "extents in packs that nobody registered");
    assert_eq!(counters, link.read(|state| Ok(state.counters()?)).unwrap(), "counters");
}

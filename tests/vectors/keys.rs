//! A new key generation, on the state after slot 2: a log of its own.

use bytes::Bytes;
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::AccountKeys;
use lucidlink::crypto::seal::{Kind, ObjectKey};
use lucidlink::filespace::genesis::key_hash;
use lucidlink::state::ops::{NewGeneration, Op, RevokeMember, SetMember};

use super::branch::Branch;
use super::{Vectors, World, counting};

pub fn keys(world: &World, out: &mut Vectors) {
    let next = Key32::new(counting(0xd0));
    out.bytes("keys.next", next.as_bytes());
    out.bytes("keys.next_hash", &key_hash(&next).0);
    let stored = out.given("keys.object");
    let (head, chunk) = stored.split_at(36);
    assert_eq!(head[..4], 0u32.to_le_bytes());
    let id = [5u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
    let sealing = ObjectKey::derive(&next, &head[4..].try_into().unwrap(), Kind::Key, &world.filespace, &id);
    assert_eq!(sealing.open_chunk(0, chunk).unwrap().1, world.key.as_bytes());

    let other = AccountKeys::derive(&Key32::new(counting(0x01)), &world.workspace).unwrap().public();
    let id = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    let set = |generation| {
        vec![Op::SetMember(SetMember { sign: id(&other.sign), kem: id(&other.kem), role: 2, generation })]
    };
    let begin = |generation, previous, members: &[[u8; 16]]| {
        let members = members.iter().map(|member| id(member)).collect();
        let key_hash = id(&key_hash(&next).0);
        vec![Op::NewGeneration(NewGeneration { generation, previous, key_hash, members })]
    };
    let revoke = vec![Op::RevokeMember(RevokeMember { key_id: id(&other.key_id().0) })];
    let own = world.account.key_id().0;
    let mut both = [own, other.key_id().0];
    both.sort_unstable();
    let ops = vec![
        set(1),
        set(0),
        begin(5, 0, &[own]),
        revoke,
        begin(5, 0, &both),
        begin(5, 4, &[own]),
        begin(0, 0, &[own]),
        begin(5, 0, &[own]),
    ];
    Branch::new(world, out, "keys", b"G").commit(3, ops, &[33, 0, 32, 0, 32, 33, 12, 0]);
}

//! Snapshots and what is restored, on the state after slot 2: a log of its own.

use bytes::Bytes;
use lucidlink::filespace::inline_extent;
use lucidlink::ids::{Ino, PackId, Seq, SessionNo};
use lucidlink::state::ops::{
    Body, Checkpoint, Content, Create, DropSnapshot, Extent, Op, Remove, Snapshot, Transaction,
};
use lucidlink::state::{Replica, Source, Tables};
use prost::Message;

use super::{CREATED, Vectors, World, hash_of, hex, unhex};

const TIME: i64 = CREATED + 5;

pub fn snapshots(world: &World, out: &mut Vectors) {
    let mut replica = Replica::new(&world.genesis.birth().unwrap());
    for slot in ["slot.1", "slot.2"] {
        world.apply(&mut replica, &unhex(out.find(slot)));
    }
    let hello = Ino::new(SessionNo(1), 1);
    let stored = replica.extents(hello, 0, u64::MAX).unwrap();
    let take = |name: &str| Op::Snapshot(Snapshot { name: name.to_owned(), time: TIME });
    let drop = |name: &str| Op::DropSnapshot(DropSnapshot { name: name.to_owned() });
    let alone = |op: Op| vec![op];
    // A new file with the content of the old one, which goes in the same transaction.
    let restore = |extents: Vec<Extent>| {
        let (parent, name, ino) = (Ino::ROOT.0, "hello".to_owned(), Ino::new(SessionNo(1), 2).0);
        let (mode, size) = (0o644, stored[0].length);
        let unlink = Remove { parent, name: name.clone(), ino: hello.0, time: TIME };
        let create = Create { parent, name, ino, mode, uid: 0, gid: 0, time: TIME, exclusive: true };
        let content = Content { ino, extents, size, time: TIME };
        vec![Op::Unlink(unlink), Op::Create(create), Op::Restore(content)]
    };
    let unknown = Bytes::copy_from_slice(&PackId::new(SessionNo(1), [0xcc; 12]).0);
    let gone = vec![Extent { pack: unknown, stored_lengths: vec![1], ..inline_extent(0, 14, 0) }];
    let ops = vec![
        alone(take("s")),
        alone(take("s")),
        alone(take("a:b")),
        alone(take("\u{e9}")),
        alone(drop("t")),
        alone(drop("\u{e9}")),
        restore(gone),
        restore(stored.clone()),
    ];
    commit(world, &mut replica, out, ("snapshots", b'N'), 3, ops, &[0, 2, 12, 0, 3, 0, 30, 0]);

    let checkpoint = |replica: &Replica, position: u64| {
        let state_hash = Bytes::copy_from_slice(&replica.state_hash_at(Seq(position)).unwrap().0);
        let (manifest, manifest_hash) = (vec![0xee; 16].into(), vec![0xef; 32].into());
        alone(Op::Checkpoint(Checkpoint { position, state_hash, manifest, manifest_hash }))
    };
    let ops = vec![checkpoint(&replica, 3), checkpoint(&replica, 3), checkpoint(&replica, 2)];
    commit(world, &mut replica, out, ("snapshots", b'N'), 4, ops, &[0, 15, 15]);
}

/// Commits transactions, each with the refusal that it must have; of the state, one table is told.
pub fn commit(
    world: &World,
    replica: &mut Replica,
    out: &mut Vectors,
    (group, table): (&str, u8),
    k: u64,
    transactions: Vec<Vec<Op>>,
    refusals: &[u32],
) {
    let wrap = |ops: Vec<Op>| Transaction { hops: vec![], ops: ops.into_iter().map(Op::wrap).collect() };
    let transactions = transactions.into_iter().map(wrap).collect();
    let body = Body { state_hash: hash_of(replica), packs: vec![], transactions };
    let name = format!("{group}.slot.{k}");
    out.bytes(&format!("{name}.body"), &body.encode_to_vec());
    let slot = out.slot(&name, || world.commit(replica, k, &body, &[]));
    let (opened, outcomes) = world.apply(replica, &slot);
    assert_eq!(opened, body);
    assert_eq!(outcomes.iter().map(|outcome| outcome.refusal).collect::<Vec<_>>(), refusals);
    out.bytes(&format!("{group}.state.{k}.hash"), &replica.state_hash().0);
    for pair in replica.range(&[table], &[table + 1]) {
        let (key, value) = pair.unwrap();
        out.bytes(&format!("{group}.state.{k}.pair.{}", hex(&key)), &value);
    }
}

//! Snapshots and what is restored, on the state after slot 2: a log of its own.

use bytes::Bytes;
use lucidlink::filespace::inline_extent;
use lucidlink::ids::{Ino, PackId, Seq, SessionNo};
use lucidlink::state::ops::{Checkpoint, Content, Create, DropSnapshot, Extent, Op, Remove, Snapshot};
use lucidlink::state::{Replica, Tables};

use super::branch::Branch;
use super::{CREATED, Vectors, World};

const TIME: i64 = CREATED + 5;

pub fn snapshots(world: &World, out: &mut Vectors) {
    let mut log = Branch::new(world, out, "snapshots", b"N");
    let hello = Ino::new(SessionNo(1), 1);
    let stored = log.replica.extents(hello, 0, u64::MAX).unwrap();
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
    log.commit(3, ops, &[0, 2, 12, 0, 3, 0, 30, 0]);

    let checkpoint = |replica: &Replica, position: u64| {
        let state_hash = Bytes::copy_from_slice(&replica.state_hash_at(Seq(position)).unwrap().0);
        let (manifest, manifest_hash) = (vec![0xee; 16].into(), vec![0xef; 32].into());
        alone(Op::Checkpoint(Checkpoint { position, state_hash, manifest, manifest_hash }))
    };
    let ops = vec![checkpoint(&log.replica, 3), checkpoint(&log.replica, 3), checkpoint(&log.replica, 2)];
    log.commit(4, ops, &[0, 15, 15]);
}

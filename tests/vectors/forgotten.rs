//! A pack that dies, is kept for a snapshot, and is forgotten, on the state after slot 2: a log of its own.

use bytes::Bytes;
use lucidlink::ids::{Ino, SessionNo};
use lucidlink::state::ops::{
    Content, DropSnapshot, Extent, ForgetPacks, ForgottenPack, NewPack, Op, Snapshot, Truncate,
};
use prost::Message;

use super::branch::Branch;
use super::{CREATED, HELLO, Vectors, World, unhex};

const TIME: i64 = CREATED + 5;

pub fn forgotten(world: &World, out: &mut Vectors) {
    let mut log = Branch::new(world, out, "forgotten", b"FNP");
    let ino = Ino::new(SessionNo(1), 1).0;
    let pack = NewPack::decode(&unhex(log.out.find("pack.offered"))[..]).unwrap();
    let extents = vec![Extent::decode(&unhex(log.out.find("pack.extent"))[..]).unwrap()];
    let id = pack.id.clone();
    let forget = |position: u64, pack: &Bytes| {
        vec![Op::ForgetPacks(ForgetPacks { packs: vec![ForgottenPack { position, pack: pack.clone() }] })]
    };

    let replace = Op::Replace(Content { ino, extents, size: HELLO.len() as u64, time: TIME });
    let take = Op::Snapshot(Snapshot { name: "s".to_owned(), time: TIME });
    log.commit_in((0xa0, 3), vec![pack], vec![vec![replace], vec![take]], &[0, 0]);

    let cut = Op::Truncate(Truncate { ino, size: 0, time: TIME });
    log.commit(4, vec![forget(4, &id), vec![cut]], &[0, 0]);

    // The snapshot has it.
    log.commit(5, vec![forget(4, &id), forget(3, &id), forget(4, &id.slice(1..))], &[0, 0, 12]);

    let drop = vec![Op::DropSnapshot(DropSnapshot { name: "s".to_owned() })];
    log.commit(6, vec![drop, forget(3, &id), forget(4, &id), forget(4, &id)], &[0, 0, 0, 0]);
}

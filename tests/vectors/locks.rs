//! Locks of two sessions, on the state after slot 2: a log of its own. (Refusal 25 takes more than vectors should have.)

use bytes::Bytes;
use lucidlink::ids::Ino;
use lucidlink::state::locks::TO_THE_END;
use lucidlink::state::ops::{
    CloseSession, DropLocks, Guard, Lock, Op, OpenSession, Truncate, Unlock, Withdraw,
};

use super::branch::Branch;
use super::{CREATED, Vectors, World, counting};

/// The number of `/hello`.
const HELLO: u64 = 1 << 32 | 1;

fn lock(owner: u64, range: (u64, u64), exclusive: bool, wait: bool) -> Op {
    lock_of(HELLO, owner, range, exclusive, wait)
}

fn lock_of(ino: u64, owner: u64, (start, end): (u64, u64), exclusive: bool, wait: bool) -> Op {
    Op::Lock(Lock { ino, owner, start, end, exclusive, wait })
}

fn unlock(owner: u64, start: u64, end: u64) -> Op {
    Op::Unlock(Unlock { ino: HELLO, owner, start, end })
}

fn withdraw(owner: u64) -> Op {
    Op::Withdraw(Withdraw { ino: HELLO, owner })
}

fn drop_locks(session: &[u8], last_k: u64) -> Op {
    Op::DropLocks(DropLocks { session: Bytes::copy_from_slice(session), last_k })
}

fn guard(since: u64) -> Op {
    Op::Guard(Guard { since })
}

pub fn locks(world: &World, out: &mut Vectors) {
    let mut log = Branch::new(world, out, "locks", b"KSW");
    let alone = |ops: Vec<Op>| ops.into_iter().map(|op| vec![op]).collect::<Vec<_>>();
    let [a, b] = [0xa0, 0xb0].map(counting::<16>);

    let ops = alone(vec![
        lock(7, (0, 10), true, false),
        lock(8, (5, 6), false, false),
        lock(7, (10, 20), true, false),
        lock(7, (4, 6), false, false),
        lock(8, (4, 6), false, false),
        lock(8, (3, 3), true, false),
        lock_of(99, 8, (0, 1), true, false),
        lock_of(Ino::ROOT.0, 8, (0, 1), true, false),
        unlock(8, 3, 3),
        unlock(8, 100, 200),
        withdraw(7),
        guard(3),
        guard(0),
        drop_locks(&a[..15], 3),
        drop_locks(&b, 3),
        drop_locks(&a, 0),
        drop_locks(&a, 2),
    ]);
    log.commit(3, ops, &[0, 22, 0, 0, 0, 12, 9, 5, 12, 0, 3, 0, 24, 12, 3, 12, 14]);

    // Another session: it has a range, waits for three, and overtakes nobody.
    let ops = alone(vec![
        Op::OpenSession(OpenSession {}),
        lock(4, (200, 201), true, false),
        lock(1, (0, TO_THE_END), true, true),
        lock(2, (6, 8), false, true),
        lock(4, (0, 1), true, true),
        lock(3, (100, 101), true, false),
        drop_locks(&a, 2),
    ]);
    log.commit_in((0xb0, 1), vec![], ops, &[0, 0, 0, 0, 0, 22, 14]);

    // A circle; and what is given up goes to none of those who wait behind another.
    let ops = alone(vec![lock(7, (200, 201), true, true), unlock(7, 6, 20)]);
    log.commit(4, ops, &[23, 0]);

    // That one waits no more; then the first session is taken to be dead.
    let ops = alone(vec![withdraw(1), drop_locks(&a, 4), drop_locks(&a, 4)]);
    log.commit_in((0xb0, 2), vec![], ops, &[0, 0, 3]);

    let truncate = Op::Truncate(Truncate { ino: HELLO, size: 3, time: CREATED + 6 });
    let close = Op::CloseSession(CloseSession { session: Bytes::copy_from_slice(&b), last_k: 2 });
    let ops = vec![
        vec![guard(3), truncate],
        vec![guard(6)],
        vec![guard(7)],
        vec![lock(7, (0, 1), true, false)],
        vec![close],
        vec![lock(7, (0, TO_THE_END), true, false)],
    ];
    log.commit(5, ops, &[24, 24, 0, 22, 0, 0]);
}

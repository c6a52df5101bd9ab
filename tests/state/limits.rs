//! Limits that random operations do not reach: each is tried at its edge.

use bytes::Bytes;
use lucidlink::ids::{Ino, PackId};
use lucidlink::state::copy::MAX_COPIED_EXTENTS;
use lucidlink::state::locks::{MAX_RANGES, TO_THE_END};
use lucidlink::state::ops::{
    Content, Copy, Extent, Lock, MakeDir, Op, Remove, RemoveXattr, Rename, SetQuota, SetXattr, Truncate,
    Unlock,
};
use lucidlink::state::xattrs::{MAX_XATTR_BYTES, MAX_XATTR_VALUE, MAX_XATTRS};
use lucidlink::state::{Refusal, Replica, Tables};

use super::audit;
use super::judging::{ADMIN, ADMINS, WRITER, WRITERS, commit, create, refusals, world};
use super::model::ROOT;

const FILE: u32 = 2;

/// The world, with an empty file, and one who writes in it.
struct Author {
    replica: Replica,
}

impl Author {
    fn new() -> Author {
        let mut author = Author { replica: world() };
        let file = create("file", author.ino(FILE));
        assert_eq!(author.tries(vec![vec![file]]), [0]);
        author
    }

    fn ino(&self, n: u32) -> Ino {
        Ino::new(self.replica.session(WRITERS).unwrap().unwrap().number(), n)
    }

    /// What becomes of transactions of one commit.
    fn tries(&mut self, transactions: Vec<Vec<Op>>) -> Vec<u32> {
        let slot = commit(&self.replica, WRITER, WRITERS, transactions);
        let refused = refusals(&mut self.replica, &slot);
        audit::check(&self.replica).unwrap();
        refused
    }

    /// The same for one operation.
    fn tries_one(&mut self, op: Op) -> Option<Refusal> {
        Refusal::from_code(self.tries(vec![vec![op]])[0])
    }

    fn set_quota(&mut self, bytes: u64, entries: u64) {
        let quota = Op::SetQuota(SetQuota { bytes, entries });
        let slot = commit(&self.replica, ADMIN, ADMINS, vec![vec![quota]]);
        assert_eq!(refusals(&mut self.replica, &slot), [0]);
    }

    fn truncate(&self, n: u32, size: u64) -> Op {
        Op::Truncate(Truncate { ino: self.ino(n).0, size, time: 0 })
    }

    fn copy(&self, from: u32, name: &str, n: u32, replace: bool) -> Op {
        let (from, ino) = (self.ino(from).0, self.ino(n).0);
        Op::Copy(Copy { from, parent: ROOT, name: name.to_owned(), ino, replace, time: 0 })
    }

    fn unlink(&self, name: &str, n: u32) -> Op {
        Op::Unlink(Remove { parent: ROOT, name: name.to_owned(), ino: self.ino(n).0, time: 0 })
    }
}

fn set(ino: u64, name: &str, length: usize) -> Op {
    let (name, value) = (name.to_owned(), Bytes::from(vec![7; length]));
    Op::SetXattr(SetXattr { ino, name, value, ..SetXattr::default() })
}

#[test]
fn an_inode_has_so_many_attributes_and_no_more() {
    let mut author = Author::new();
    let file = author.ino(FILE).0;
    let all = (0..MAX_XATTRS).map(|n| set(file, &n.to_string(), 1)).collect();
    assert_eq!(author.tries(vec![all]), [0]);
    assert_eq!(author.tries_one(set(file, "more", 1)), Some(Refusal::TooManyAttributes));
    assert_eq!(author.tries_one(set(file, "0", 2)), None, "one that is there is replaced");
    let remove = Op::RemoveXattr(RemoveXattr { ino: file, name: "1".to_owned(), time: 0 });
    assert_eq!(author.tries_one(remove), None);
    assert_eq!(author.tries_one(set(file, "more", 1)), None);
    // A copy has them too, and has them alone.
    assert_eq!(
        author.tries(vec![vec![author.copy(FILE, "copy", 3, false), author.unlink("file", FILE)]]),
        [0]
    );
    assert_eq!(author.tries_one(set(author.ino(3).0, "another", 1)), Some(Refusal::TooManyAttributes));
    assert_eq!(author.replica.xattrs(author.ino(3)).count() as u32, MAX_XATTRS);
    assert_eq!(author.replica.xattrs(author.ino(FILE)).count(), 0);
}

#[test]
fn attributes_have_so_many_bytes_and_no_more() {
    let mut author = Author::new();
    let file = author.ino(FILE).0;
    let full = (MAX_XATTR_BYTES as usize - 100) / (MAX_XATTR_VALUE + 2);
    let all = (0..full).map(|n| set(file, &format!("{n:02}"), MAX_XATTR_VALUE)).collect();
    assert_eq!(author.tries(vec![all]), [0]);
    let left = MAX_XATTR_BYTES as usize - full * (MAX_XATTR_VALUE + 2);
    assert_eq!(author.tries_one(set(file, "x", left)), Some(Refusal::TooManyAttributes), "its name counts");
    assert_eq!(author.tries_one(set(file, "x", left - 1)), None);
    assert_eq!(author.tries_one(set(file, "x", left)), Some(Refusal::TooManyAttributes));
    assert_eq!(author.replica.inode(Ino(file)).unwrap().unwrap().xattr_bytes, MAX_XATTR_BYTES);
}

#[test]
fn a_file_of_too_many_extents_is_not_copied() {
    let mut author = Author::new();
    let byte = |n: usize| Extent {
        offset: 2 * n as u64,
        length: 1,
        pack: Bytes::from_static(&PackId::INLINE.0),
        block_length: 1,
        stored_lengths: vec![26],
        ..Extent::default()
    };
    let extents = (0..=MAX_COPIED_EXTENTS).map(byte).collect();
    let content = Content { ino: author.ino(FILE).0, extents, size: 0, time: 0 };
    assert_eq!(author.tries_one(Op::Write(content)), None);
    assert_eq!(author.tries_one(author.copy(FILE, "copy", 3, false)), Some(Refusal::TooFragmented));
    assert_eq!(author.tries_one(author.truncate(FILE, 2 * MAX_COPIED_EXTENTS as u64)), None);
    assert_eq!(author.tries_one(author.copy(FILE, "copy", 3, false)), None);
    // The blocks live as long as one of the two.
    let live = |author: &Author| author.replica.counters().unwrap().live();
    assert_eq!(live(&author), 2 * MAX_COPIED_EXTENTS as u128);
    assert_eq!(author.tries_one(author.unlink("file", FILE)), None);
    assert_eq!(live(&author), MAX_COPIED_EXTENTS as u128);
    assert_eq!(author.tries_one(author.unlink("copy", 3)), None);
    assert_eq!(live(&author), 0);
}

#[test]
fn a_quota_stops_growth_at_its_edge_and_nothing_else() {
    let mut author = Author::new();
    // The root, the file, and one more.
    author.set_quota(100, 3);
    assert_eq!(author.tries_one(author.truncate(FILE, 101)), Some(Refusal::OverQuota));
    assert_eq!(author.tries_one(author.truncate(FILE, 100)), None);
    assert_eq!(author.tries_one(author.copy(FILE, "copy", 3, false)), Some(Refusal::OverQuota), "its bytes");
    assert_eq!(author.tries_one(author.copy(FILE, "file", 3, true)), None, "in the place of what it copies");
    assert_eq!(author.tries_one(create("b", author.ino(4))), None);
    assert_eq!(author.tries_one(create("c", author.ino(5))), Some(Refusal::OverQuota));
    let dir = MakeDir { parent: ROOT, name: "d".to_owned(), ino: author.ino(5).0, ..MakeDir::default() };
    assert_eq!(author.tries_one(Op::MakeDir(dir.clone())), Some(Refusal::OverQuota));
    // Each operation is judged by itself: what makes room comes first.
    let room = author.truncate(3, 50);
    let grow = author.truncate(4, 50);
    assert_eq!(author.tries(vec![vec![grow.clone(), room.clone()], vec![room, grow]]), [17, 0]);
    // Below what there is: nothing grows, all else goes on.
    author.set_quota(10, 1);
    assert_eq!(author.tries_one(author.truncate(3, 51)), Some(Refusal::OverQuota));
    assert_eq!(author.tries_one(author.truncate(3, 49)), None, "it shrinks, and is above the quota still");
    assert_eq!(author.tries_one(set(author.ino(3).0, "attribute", 9)), None);
    let rename = Op::Rename(Rename {
        from_parent: ROOT,
        from_name: "file".to_owned(),
        ino: author.ino(3).0,
        to_parent: ROOT,
        to_name: "b".to_owned(),
        replace: true,
        time: 0,
    });
    assert_eq!(author.tries_one(rename), None);
    assert_eq!(author.tries_one(author.unlink("b", 3)), None);
    author.set_quota(0, 0);
    assert_eq!(author.tries_one(Op::MakeDir(dir)), None);
}

#[test]
fn sums_above_64_bits_are_exact() {
    let mut author = Author::new();
    let largest = i64::MAX as u64;
    assert_eq!(author.tries_one(author.truncate(FILE, largest)), None);
    for n in 3..6 {
        assert_eq!(author.tries_one(author.copy(FILE, &n.to_string(), n, false)), None);
    }
    let bytes = |author: &Author| author.replica.counters().unwrap().bytes();
    assert_eq!(bytes(&author), 4 * u128::from(largest));
    author.set_quota(u64::MAX, 0);
    assert_eq!(author.tries_one(author.copy(FILE, "6", 6, false)), Some(Refusal::OverQuota));
    for n in 3..6 {
        assert_eq!(author.tries_one(author.unlink(&n.to_string(), n)), None);
    }
    assert_eq!(bytes(&author), u128::from(largest));
}

#[test]
fn a_file_has_so_many_locks_and_no_more() {
    let mut author = Author::new();
    let file = author.ino(FILE).0;
    let lock =
        |owner, start, end| Op::Lock(Lock { ino: file, owner, start, end, exclusive: true, wait: true });
    let unlock = |owner, start, end| Op::Unlock(Unlock { ino: file, owner, start, end });
    // Two others wait for what the first has, all of it.
    assert_eq!(author.tries(vec![vec![lock(1, 0, TO_THE_END), lock(2, 0, 1), lock(3, 9, 10)]]), [0]);
    // Each hole makes a range more.
    let holes = (0..MAX_RANGES as u64 - 3).map(|n| unlock(1, 100 + 2 * n, 101 + 2 * n)).collect();
    assert_eq!(author.tries(vec![holes]), [0]);
    let full = 1 << 20;
    assert_eq!(author.tries_one(unlock(1, full, full + 1)), Some(Refusal::TooManyLocks));
    assert_eq!(author.tries_one(lock(4, 100, 101)), Some(Refusal::TooManyLocks));
    assert_eq!(author.tries_one(unlock(1, full, TO_THE_END)), None, "no more than there were");
    assert_eq!(author.tries_one(unlock(1, 0, 50)), None, "others get what they wait for");
    let locks = author.replica.locks(Ino(file)).unwrap();
    assert_eq!((locks.held.len(), locks.waiting.len()), (MAX_RANGES, 0));
    assert_eq!(author.tries_one(unlock(1, 0, TO_THE_END)), None);
    assert_eq!(author.replica.locks(Ino(file)).unwrap().held.len(), 2);
}

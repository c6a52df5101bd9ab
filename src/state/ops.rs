//! What a commit says: transactions of operations, encoded as Protocol Buffers (`docs/format.md`).
//!
//! The encoding is canonical: a body whose re-encoding differs from its bytes carries fields that this
//! version does not know, or bytes that no author of ours writes, and is void as a whole.

use bytes::Bytes;
use prost::Message;

use crate::ids::{Hash, Ino, KeyId, PackId, PartId, SessionId};

/// The sealed part of a commit.
#[derive(Clone, PartialEq, Message)]
pub struct Body {
    /// The author's state hash at the position that the envelope names as seen; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub state_hash: Bytes,
    /// The packs whose blocks this commit publishes. One is registered by the first transaction that
    /// refers to it and takes effect; if none does, a later commit of the session may offer it again.
    #[prost(message, repeated, tag = "2")]
    pub packs: Vec<NewPack>,
    /// Each takes effect as a whole or not at all, in this order.
    #[prost(message, repeated, tag = "3")]
    pub transactions: Vec<Transaction>,
}

impl Body {
    /// The body in these bytes, if they are its canonical encoding.
    pub fn decode_canonical(bytes: &[u8]) -> Option<Body> {
        let body = Body::decode(bytes).ok()?;
        (body.encode_to_vec() == bytes).then_some(body)
    }
}

/// A pack object that holds blocks of this commit alone.
#[derive(Clone, PartialEq, Message)]
pub struct NewPack {
    /// Its id; the session in it is the author's.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// The key generation under which it is sealed.
    #[prost(uint32, tag = "2")]
    pub generation: u32,
    /// The 32 random bytes of its header.
    #[prost(bytes = "bytes", tag = "3")]
    pub salt: Bytes,
    /// Its size in the store, in bytes.
    #[prost(uint64, tag = "4")]
    pub size: u64,
    /// How many blocks it holds.
    #[prost(uint32, tag = "5")]
    pub blocks: u32,
    /// SHA-256 of its index chunk; 32 bytes.
    #[prost(bytes = "bytes", tag = "6")]
    pub index_hash: Bytes,
}

/// A list of operations that take effect together.
#[derive(Clone, PartialEq, Message)]
pub struct Transaction {
    /// The steps of each path that the author resolved; if one does not hold, the transaction is void
    /// with [`Refusal::StalePath`](super::Refusal::StalePath) and the author resolves again.
    #[prost(message, repeated, tag = "1")]
    pub hops: Vec<Hop>,
    /// The operations, in order.
    #[prost(message, repeated, tag = "2")]
    pub ops: Vec<Operation>,
}

impl Transaction {
    /// What it writes, in order.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        self.ops.iter().filter_map(|operation| match &operation.op {
            Some(Op::Replace(content) | Op::Write(content) | Op::Append(content)) => Some(content),
            _ => None,
        })
    }

    /// Says of inodes whose numbers turned out to stand for others what they are.
    pub fn renumber(&mut self, now: impl Fn(Ino) -> Ino) {
        let change = |number: &mut u64| *number = now(Ino(*number)).0;
        for hop in &mut self.hops {
            change(&mut hop.directory);
            change(&mut hop.found);
        }
        for op in self.ops.iter_mut().filter_map(|operation| operation.op.as_mut()) {
            match op {
                Op::MakeDir(op) => change(&mut op.parent),
                Op::Create(op) => change(&mut op.parent),
                Op::Symlink(op) => change(&mut op.parent),
                Op::Link(op) => [&mut op.parent, &mut op.ino].into_iter().for_each(change),
                Op::Unlink(op) | Op::RemoveDir(op) | Op::RemoveTree(op) => {
                    [&mut op.parent, &mut op.ino].into_iter().for_each(change);
                }
                Op::Reap(op) => change(&mut op.root),
                Op::Rename(op) => {
                    [&mut op.from_parent, &mut op.to_parent, &mut op.ino].into_iter().for_each(change);
                }
                Op::SetAttributes(op) => change(&mut op.ino),
                Op::Replace(op) | Op::Write(op) | Op::Append(op) | Op::Restore(op) => change(&mut op.ino),
                Op::Truncate(op) => change(&mut op.ino),
                Op::Punch(op) => change(&mut op.ino),
                Op::SetXattr(op) => change(&mut op.ino),
                Op::RemoveXattr(op) => change(&mut op.ino),
                Op::Copy(op) => [&mut op.from, &mut op.parent].into_iter().for_each(change),
                Op::Lock(op) => change(&mut op.ino),
                Op::Unlock(op) => change(&mut op.ino),
                Op::Withdraw(op) => change(&mut op.ino),
                Op::SetMember(_)
                | Op::SetQuota(_)
                | Op::RevokeMember(_)
                | Op::CloseSession(_)
                | Op::Checkpoint(_)
                | Op::OpenSession(_)
                | Op::NewIncarnation(_)
                | Op::AcceptFork(_)
                | Op::DropLocks(_)
                | Op::Guard(_)
                | Op::Snapshot(_)
                | Op::DropSnapshot(_)
                | Op::NewGeneration(_)
                | Op::End(_) => {}
            }
        }
    }

    /// Gives the inodes that it makes other numbers.
    pub fn renumber_new(&mut self, now: impl Fn(Ino) -> Ino) {
        for op in self.ops.iter_mut().filter_map(|operation| operation.op.as_mut()) {
            match op {
                Op::MakeDir(MakeDir { ino, .. })
                | Op::Create(Create { ino, .. })
                | Op::Symlink(Symlink { ino, .. })
                | Op::Copy(Copy { ino, .. }) => *ino = now(Ino(*ino)).0,
                _ => {}
            }
        }
    }

    /// The numbers of the inodes that it makes.
    pub fn new_numbers(&self) -> impl Iterator<Item = u64> {
        self.ops.iter().filter_map(|operation| match operation.op.as_ref()? {
            Op::MakeDir(MakeDir { ino, .. })
            | Op::Create(Create { ino, .. })
            | Op::Symlink(Symlink { ino, .. })
            | Op::Copy(Copy { ino, .. }) => Some(*ino),
            _ => None,
        })
    }
}

/// "In this directory, this name leads to this inode."
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Hop {
    /// The directory's inode.
    #[prost(uint64, tag = "1")]
    pub directory: u64,
    /// The name in it.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The inode found.
    #[prost(uint64, tag = "3")]
    pub found: u64,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct Operation {
    /// Which one; absent in no valid body.
    #[prost(
        oneof = "Op",
        tags = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,40,41,42,44"
    )]
    pub op: Option<Op>,
}

/// The operations of version 1.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Op {
    /// Makes a directory.
    #[prost(message, tag = "1")]
    MakeDir(MakeDir),
    /// Makes an empty file, or leads to the one that is there.
    #[prost(message, tag = "2")]
    Create(Create),
    /// Makes a symbolic link.
    #[prost(message, tag = "3")]
    Symlink(Symlink),
    /// Gives a file another name.
    #[prost(message, tag = "4")]
    Link(Link),
    /// Removes a name of a file or symbolic link.
    #[prost(message, tag = "5")]
    Unlink(Remove),
    /// Removes an empty directory.
    #[prost(message, tag = "6")]
    RemoveDir(Remove),
    /// Detaches a directory with all that is below it; [`Op::Reap`] frees it in bounded steps.
    #[prost(message, tag = "7")]
    RemoveTree(Remove),
    /// Frees some of a detached tree.
    #[prost(message, tag = "8")]
    Reap(Reap),
    /// Moves a file, symbolic link or directory to another name.
    #[prost(message, tag = "9")]
    Rename(Rename),
    /// Sets mode, owner or times.
    #[prost(message, tag = "10")]
    SetAttributes(SetAttributes),
    /// Replaces the whole content of a file.
    #[prost(message, tag = "11")]
    Replace(Content),
    /// Writes byte ranges; the file grows as needed.
    #[prost(message, tag = "12")]
    Write(Content),
    /// Writes behind the end, wherever that is; extents are relative to it.
    #[prost(message, tag = "13")]
    Append(Content),
    /// Sets the size; what is cut is gone, what is added reads as zeros.
    #[prost(message, tag = "14")]
    Truncate(Truncate),
    /// Adds a member or changes its role. Admins only.
    #[prost(message, tag = "15")]
    SetMember(SetMember),
    /// Ends a member's rights. Admins only.
    #[prost(message, tag = "16")]
    RevokeMember(RevokeMember),
    /// Ends a session; void if it went on meanwhile.
    #[prost(message, tag = "17")]
    CloseSession(CloseSession),
    /// Announces a checkpoint.
    #[prost(message, tag = "18")]
    Checkpoint(Checkpoint),
    /// Opens the author's session; the first operation of its first commit.
    #[prost(message, tag = "19")]
    OpenSession(OpenSession),
    /// Ends the filespace: everything later is void. Admins only.
    #[prost(message, tag = "20")]
    End(End),
    /// Gives an extended attribute a value.
    #[prost(message, tag = "21")]
    SetXattr(SetXattr),
    /// Removes an extended attribute.
    #[prost(message, tag = "22")]
    RemoveXattr(RemoveXattr),
    /// Makes a file (or symbolic link) with the content of another; both refer to the same blocks.
    #[prost(message, tag = "23")]
    Copy(Copy),
    /// Limits how much there may be. Admins only.
    #[prost(message, tag = "24")]
    SetQuota(SetQuota),
    /// Makes a hole of a byte range; the size stays.
    #[prost(message, tag = "25")]
    Punch(Punch),
    /// The log lost slots: it has a new life, and who wrote in the old one is gone.
    #[prost(message, tag = "26")]
    NewIncarnation(NewIncarnation),
    /// What is behind a fork is trusted again. Admins only.
    #[prost(message, tag = "27")]
    AcceptFork(AcceptFork),
    /// Locks a range of a file, or waits for it.
    #[prost(message, tag = "28")]
    Lock(Lock),
    /// Gives a range of a file up.
    #[prost(message, tag = "29")]
    Unlock(Unlock),
    /// Takes back a request that waits.
    #[prost(message, tag = "30")]
    Withdraw(Withdraw),
    /// Takes a session's locks away; void if it went on meanwhile.
    #[prost(message, tag = "31")]
    DropLocks(DropLocks),
    /// The author's session must not have lost its locks since then.
    #[prost(message, tag = "32")]
    Guard(Guard),
    /// Gives the state as it is behind this commit a name.
    #[prost(message, tag = "40")]
    Snapshot(Snapshot),
    /// Takes that name away. The one who gave it, and admins.
    #[prost(message, tag = "41")]
    DropSnapshot(DropSnapshot),
    /// Replaces the whole content of a file; what it refers to may be in packs that were published before and are not
    /// dead.
    #[prost(message, tag = "42")]
    Restore(Content),
    /// From the next commit on, everything is sealed under another key. Admins only.
    #[prost(message, tag = "44")]
    NewGeneration(NewGeneration),
}

/// See [`Op::MakeDir`].
#[derive(Clone, PartialEq, Message)]
pub struct MakeDir {
    /// The directory that gets the name.
    #[prost(uint64, tag = "1")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// A new inode number of the author's session.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// Permission bits.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Owner.
    #[prost(uint32, tag = "5")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "6")]
    pub gid: u32,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "7")]
    pub time: i64,
    /// A directory of this name stands for the new one (the number is redirected to it).
    #[prost(bool, tag = "8")]
    pub existing_ok: bool,
}

/// See [`Op::Create`].
#[derive(Clone, PartialEq, Message)]
pub struct Create {
    /// The directory that gets the name.
    #[prost(uint64, tag = "1")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// A new inode number of the author's session.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// Permission bits.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Owner.
    #[prost(uint32, tag = "5")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "6")]
    pub gid: u32,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "7")]
    pub time: i64,
    /// An existing name is an error; otherwise the number is redirected to the file of that name.
    #[prost(bool, tag = "8")]
    pub exclusive: bool,
}

/// See [`Op::Symlink`].
#[derive(Clone, PartialEq, Message)]
pub struct Symlink {
    /// The directory that gets the name.
    #[prost(uint64, tag = "1")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// A new inode number of the author's session.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// Where it leads; 1 to 4096 bytes.
    #[prost(string, tag = "4")]
    pub target: String,
    /// Owner.
    #[prost(uint32, tag = "5")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "6")]
    pub gid: u32,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "7")]
    pub time: i64,
}

/// See [`Op::Link`].
#[derive(Clone, PartialEq, Message)]
pub struct Link {
    /// The directory that gets the name.
    #[prost(uint64, tag = "1")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The file.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "4")]
    pub time: i64,
}

/// The name to remove, and what the author saw under it.
#[derive(Clone, PartialEq, Message)]
pub struct Remove {
    /// The directory that has the name.
    #[prost(uint64, tag = "1")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The inode under it; another one is a stale path.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "4")]
    pub time: i64,
}

/// See [`Op::Reap`].
#[derive(Clone, PartialEq, Message)]
pub struct Reap {
    /// A detached directory.
    #[prost(uint64, tag = "1")]
    pub root: u64,
    /// At most so many entries are freed.
    #[prost(uint32, tag = "2")]
    pub limit: u32,
}

/// See [`Op::Rename`].
#[derive(Clone, PartialEq, Message)]
pub struct Rename {
    /// The directory that has the name.
    #[prost(uint64, tag = "1")]
    pub from_parent: u64,
    /// The name.
    #[prost(string, tag = "2")]
    pub from_name: String,
    /// The inode under it; another one is a stale path.
    #[prost(uint64, tag = "3")]
    pub ino: u64,
    /// The directory that gets the name.
    #[prost(uint64, tag = "4")]
    pub to_parent: u64,
    /// The new name.
    #[prost(string, tag = "5")]
    pub to_name: String,
    /// What has the new name is replaced, as POSIX rename does; otherwise it is an error.
    #[prost(bool, tag = "6")]
    pub replace: bool,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "7")]
    pub time: i64,
}

/// See [`Op::SetAttributes`]; what is absent stays.
#[derive(Clone, PartialEq, Message)]
pub struct SetAttributes {
    /// The file, directory or symbolic link.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// Permission bits.
    #[prost(uint32, optional, tag = "2")]
    pub mode: Option<u32>,
    /// Owner.
    #[prost(uint32, optional, tag = "3")]
    pub uid: Option<u32>,
    /// Group.
    #[prost(uint32, optional, tag = "4")]
    pub gid: Option<u32>,
    /// Access time, nanoseconds since 1970.
    #[prost(int64, optional, tag = "5")]
    pub atime: Option<i64>,
    /// Modification time, nanoseconds since 1970.
    #[prost(int64, optional, tag = "6")]
    pub mtime: Option<i64>,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "7")]
    pub time: i64,
}

/// New content of a file.
#[derive(Clone, PartialEq, Message)]
pub struct Content {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// Where the bytes are; sorted by offset, disjoint.
    #[prost(message, repeated, tag = "2")]
    pub extents: Vec<Extent>,
    /// [`Op::Replace`]: the size. Otherwise 0.
    #[prost(uint64, tag = "3")]
    pub size: u64,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "4")]
    pub time: i64,
}

/// A range of a file and the run of consecutive blocks of one pack that holds it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Extent {
    /// Where it starts in the file. In the state it is part of the key, and 0 here.
    #[prost(uint64, tag = "1")]
    pub offset: u64,
    /// How many bytes of the file.
    #[prost(uint64, tag = "2")]
    pub length: u64,
    /// The pack; [`PackId::INLINE`] for this commit's own blocks.
    #[prost(bytes = "bytes", tag = "3")]
    pub pack: Bytes,
    /// The number of the first block in the pack.
    #[prost(uint32, tag = "4")]
    pub block: u32,
    /// Bytes of the first block that come before the extent.
    #[prost(uint32, tag = "5")]
    pub skip: u32,
    /// Plain bytes of each block of the run; the last may have fewer.
    #[prost(uint32, tag = "6")]
    pub block_length: u32,
    /// Where the first block starts in the pack (inline: behind the commit's body).
    #[prost(uint64, tag = "7")]
    pub stored_offset: u64,
    /// What each block occupies in the pack; a single value stands for all.
    #[prost(uint32, repeated, tag = "8")]
    pub stored_lengths: Vec<u32>,
}

/// See [`Op::Truncate`].
#[derive(Clone, PartialEq, Message)]
pub struct Truncate {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The new size in bytes.
    #[prost(uint64, tag = "2")]
    pub size: u64,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "3")]
    pub time: i64,
}

/// See [`Op::Punch`].
#[derive(Clone, PartialEq, Message)]
pub struct Punch {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// Where the hole starts.
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    /// How long it is, in bytes.
    #[prost(uint64, tag = "3")]
    pub length: u64,
    /// The author's time.
    #[prost(int64, tag = "4")]
    pub time: i64,
}

/// See [`Op::SetMember`].
#[derive(Clone, PartialEq, Message)]
pub struct SetMember {
    /// Its Ed25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub sign: Bytes,
    /// Its X25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub kem: Bytes,
    /// 1 reader, 2 writer, 3 admin.
    #[prost(uint32, tag = "3")]
    pub role: u32,
    /// The generation whose key it was granted.
    #[prost(uint32, tag = "4")]
    pub generation: u32,
}

/// See [`Op::RevokeMember`].
#[derive(Clone, PartialEq, Message)]
pub struct RevokeMember {
    /// Its key id; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_id: Bytes,
}

/// See [`Op::CloseSession`].
#[derive(Clone, PartialEq, Message)]
pub struct CloseSession {
    /// The session's id; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub session: Bytes,
    /// The last commit of it that the author knows (its own closing commit included).
    #[prost(uint64, tag = "2")]
    pub last_k: u64,
}

/// See [`Op::Lock`]. The owner is the author's session and a number that stands for one open file of it.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Lock {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The open file that gets the lock.
    #[prost(uint64, tag = "2")]
    pub owner: u64,
    /// Where the range starts.
    #[prost(uint64, tag = "3")]
    pub start: u64,
    /// Where it ends; 2^64-1: with the file, however long that gets.
    #[prost(uint64, tag = "4")]
    pub end: u64,
    /// Nobody else has a lock of any byte of it; otherwise others may share it.
    #[prost(bool, tag = "5")]
    pub exclusive: bool,
    /// If it cannot be had now, the request waits; otherwise it is refused.
    #[prost(bool, tag = "6")]
    pub wait: bool,
}

/// See [`Op::Unlock`].
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Unlock {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The open file.
    #[prost(uint64, tag = "2")]
    pub owner: u64,
    /// Where the range starts.
    #[prost(uint64, tag = "3")]
    pub start: u64,
    /// Where it ends.
    #[prost(uint64, tag = "4")]
    pub end: u64,
}

/// See [`Op::Withdraw`].
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Withdraw {
    /// The file.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The open file whose request it is.
    #[prost(uint64, tag = "2")]
    pub owner: u64,
}

/// See [`Op::DropLocks`].
#[derive(Clone, PartialEq, Message)]
pub struct DropLocks {
    /// The session's id; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub session: Bytes,
    /// The last commit of it that the author knows (this one included, if it is the author's own).
    #[prost(uint64, tag = "2")]
    pub last_k: u64,
}

/// See [`Op::Guard`].
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Guard {
    /// The position where the first of the locks was asked for that the rest of the transaction relies on.
    #[prost(uint64, tag = "1")]
    pub since: u64,
}

/// See [`Op::Checkpoint`].
#[derive(Clone, PartialEq, Message)]
pub struct Checkpoint {
    /// The position whose state it holds.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// The state hash there; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub state_hash: Bytes,
    /// The id of its manifest; 16 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub manifest: Bytes,
    /// SHA-256 of the manifest object; 32 bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub manifest_hash: Bytes,
}

/// See [`Op::OpenSession`].
#[derive(Clone, PartialEq, Message)]
pub struct OpenSession {}

/// See [`Op::End`].
#[derive(Clone, PartialEq, Message)]
pub struct End {}

/// See [`Op::SetXattr`].
#[derive(Clone, PartialEq, Message)]
pub struct SetXattr {
    /// The file, directory or symbolic link.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The attribute's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its new value.
    #[prost(bytes = "bytes", tag = "3")]
    pub value: Bytes,
    /// 0: whether it is there or not; 1: it must not be there; 2: it must be there.
    #[prost(enumeration = "XattrMode", tag = "4")]
    pub mode: i32,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "5")]
    pub time: i64,
}

/// What [`SetXattr`] expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum XattrMode {
    /// Nothing: the attribute is made or replaced.
    Either = 0,
    /// That the attribute is not there.
    Create = 1,
    /// That the attribute is there.
    Replace = 2,
}

/// See [`Op::RemoveXattr`].
#[derive(Clone, PartialEq, Message)]
pub struct RemoveXattr {
    /// The file, directory or symbolic link.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// The attribute's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "3")]
    pub time: i64,
}

/// See [`Op::Copy`].
#[derive(Clone, PartialEq, Message)]
pub struct Copy {
    /// The file or symbolic link whose content, attributes and times are copied.
    #[prost(uint64, tag = "1")]
    pub from: u64,
    /// The directory that gets the name.
    #[prost(uint64, tag = "2")]
    pub parent: u64,
    /// The name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// A new inode number of the author's session.
    #[prost(uint64, tag = "4")]
    pub ino: u64,
    /// A file or symbolic link that has the name loses it; otherwise it is an error.
    #[prost(bool, tag = "5")]
    pub replace: bool,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub time: i64,
}

/// See [`Op::SetQuota`].
#[derive(Clone, PartialEq, Message)]
pub struct SetQuota {
    /// The most that the sizes of all files may add up to; 0: no limit.
    #[prost(uint64, tag = "1")]
    pub bytes: u64,
    /// The most files, directories and symbolic links that there may be, the root included; 0: no limit.
    #[prost(uint64, tag = "2")]
    pub entries: u64,
}

/// See [`Op::NewIncarnation`].
#[derive(Clone, PartialEq, Message)]
pub struct NewIncarnation {
    /// The new life, which the log chose when it was cut; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub incarnation: Bytes,
    /// The last slot that was not lost. Sessions that were opened up to there are closed.
    #[prost(uint64, tag = "2")]
    pub survived: u64,
}

/// See [`Op::AcceptFork`].
#[derive(Clone, PartialEq, Message)]
pub struct AcceptFork {
    /// Where the fork is.
    #[prost(uint64, tag = "1")]
    pub position: u64,
}

/// See [`Op::Snapshot`].
#[derive(Clone, PartialEq, Message)]
pub struct Snapshot {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The author's time, nanoseconds since 1970.
    #[prost(int64, tag = "2")]
    pub time: i64,
}

/// See [`Op::DropSnapshot`].
#[derive(Clone, PartialEq, Message)]
pub struct DropSnapshot {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// See [`Op::NewGeneration`].
#[derive(Clone, PartialEq, Message)]
pub struct NewGeneration {
    /// Its number, above the current one.
    #[prost(uint32, tag = "1")]
    pub generation: u32,
    /// The current one, whose key is stored under the new key.
    #[prost(uint32, tag = "2")]
    pub previous: u32,
    /// Hash of the new key; 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub key_hash: Bytes,
    /// The key ids of all members, which were granted the new key; 16 bytes each, ascending.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub members: Vec<Bytes>,
}

impl Op {
    /// The operation as the transaction carries it.
    pub fn wrap(self) -> Operation {
        Operation { op: Some(self) }
    }
}

impl Hop {
    /// A step of a resolved path.
    pub fn new(directory: Ino, name: &str, found: Ino) -> Hop {
        Hop { directory: directory.0, name: name.to_owned(), found: found.0 }
    }
}

/// Identifiers travel as raw bytes; these give them back, or nothing if the length is wrong.
pub(super) trait AsId {
    fn pack(&self) -> Option<PackId>;
    fn part(&self) -> Option<PartId>;
    fn key_id(&self) -> Option<KeyId>;
    fn session(&self) -> Option<SessionId>;
    fn hash(&self) -> Option<Hash>;
}

impl AsId for Bytes {
    fn pack(&self) -> Option<PackId> {
        PackId::from_slice(self)
    }
    fn part(&self) -> Option<PartId> {
        PartId::from_slice(self)
    }
    fn key_id(&self) -> Option<KeyId> {
        KeyId::from_slice(self)
    }
    fn session(&self) -> Option<SessionId> {
        SessionId::from_slice(self)
    }
    fn hash(&self) -> Option<Hash> {
        Hash::from_slice(self)
    }
}

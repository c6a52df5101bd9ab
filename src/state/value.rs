//! The values of the state, encoded as Protocol Buffers.

use bytes::Bytes;
use prost::Message;

use crate::ids::{Ino, KeyId, SessionNo};

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// Never stored.
    None = 0,
    /// A regular file.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
}

/// A file, directory or symbolic link.
#[derive(Clone, PartialEq, Message)]
pub struct Inode {
    /// What it is.
    #[prost(enumeration = "Kind", tag = "1")]
    pub kind: i32,
    /// Permission bits.
    #[prost(uint32, tag = "2")]
    pub mode: u32,
    /// Owner.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "4")]
    pub gid: u32,
    /// How many names it has; 1 for a directory.
    #[prost(uint32, tag = "5")]
    pub links: u32,
    /// Bytes of content (of the target for a symbolic link).
    #[prost(uint64, tag = "6")]
    pub size: u64,
    /// Last change of content, author's time.
    #[prost(int64, tag = "7")]
    pub mtime: i64,
    /// Last change of anything, author's time.
    #[prost(int64, tag = "8")]
    pub ctime: i64,
    /// Creation, author's time.
    #[prost(int64, tag = "9")]
    pub btime: i64,
    /// Access time as last set; reading does not move it.
    #[prost(int64, tag = "10")]
    pub atime: i64,
    /// The position of the last change of content.
    #[prost(uint64, tag = "11")]
    pub version: u64,
    /// The directory that has [`Inode::name`]; the root's is itself.
    #[prost(uint64, tag = "12")]
    pub parent: u64,
    /// Where a symbolic link leads.
    #[prost(string, tag = "13")]
    pub target: String,
    /// How many extended attributes it has (their own table).
    #[prost(uint32, tag = "14")]
    pub xattrs: u32,
    /// Bytes of their names and values.
    #[prost(uint32, tag = "15")]
    pub xattr_bytes: u32,
    /// The name that it was given last. Empty for the root, and for a file that has lost it and has others.
    #[prost(string, tag = "16")]
    pub name: String,
}

/// What a name leads to.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Dentry {
    /// The inode.
    #[prost(uint64, tag = "1")]
    pub ino: u64,
    /// What it is.
    #[prost(enumeration = "Kind", tag = "2")]
    pub kind: i32,
}

impl Dentry {
    /// A name for an inode.
    pub fn new(ino: Ino, kind: Kind) -> Dentry {
        Dentry { ino: ino.0, kind: kind.into() }
    }

    /// The inode.
    pub fn ino(&self) -> Ino {
        Ino(self.ino)
    }
}

/// The filespace as a whole.
#[derive(Clone, PartialEq, Message)]
pub struct Header {
    /// The rules of apply in force.
    #[prost(uint32, tag = "1")]
    pub apply_version: u32,
    /// The log's current life; 16 bytes, all zero for the first.
    #[prost(bytes = "bytes", tag = "2")]
    pub incarnation: Bytes,
    /// The current key generation.
    #[prost(uint32, tag = "3")]
    pub generation: u32,
    /// Where a fork was met that no admin has accepted; 0 if none.
    #[prost(uint64, tag = "4")]
    pub fork: u64,
    /// Whether the filespace was deleted.
    #[prost(bool, tag = "5")]
    pub ended: bool,
    /// The most that the sizes of all files may add up to; 0: no limit.
    #[prost(uint64, tag = "6")]
    pub quota_bytes: u64,
    /// The most files, directories and symbolic links that there may be, the root included; 0: no limit.
    #[prost(uint64, tag = "7")]
    pub quota_entries: u64,
}

/// How much there is. Two sparse files can have more bytes together than 64 bits count, so each sum has two fields.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Counters {
    /// Regular files.
    #[prost(uint64, tag = "1")]
    pub files: u64,
    /// Directories, the root included.
    #[prost(uint64, tag = "2")]
    pub directories: u64,
    /// Symbolic links.
    #[prost(uint64, tag = "3")]
    pub symlinks: u64,
    /// [`Counters::bytes`], modulo 2^64.
    #[prost(uint64, tag = "4")]
    pub bytes_low: u64,
    /// [`Counters::live`], modulo 2^64.
    #[prost(uint64, tag = "5")]
    pub live_low: u64,
    /// [`Counters::stored`], modulo 2^64.
    #[prost(uint64, tag = "6")]
    pub stored_low: u64,
    /// [`Counters::bytes`], in units of 2^64.
    #[prost(uint64, tag = "7")]
    pub bytes_high: u64,
    /// [`Counters::live`], in units of 2^64.
    #[prost(uint64, tag = "8")]
    pub live_high: u64,
    /// [`Counters::stored`], in units of 2^64.
    #[prost(uint64, tag = "9")]
    pub stored_high: u64,
}

impl Counters {
    /// The sum of the sizes of all files.
    pub fn bytes(&self) -> u128 {
        wide(self.bytes_low, self.bytes_high)
    }

    /// Bytes of files that packs and commits hold and the state refers to; those of a copy count again.
    pub fn live(&self) -> u128 {
        wide(self.live_low, self.live_high)
    }

    /// Bytes of the packs that are not dead.
    pub fn stored(&self) -> u128 {
        wide(self.stored_low, self.stored_high)
    }

    /// Files, directories and symbolic links, the root included.
    pub fn entries(&self) -> u64 {
        self.files.saturating_add(self.directories).saturating_add(self.symlinks)
    }

    /// Changes [`Counters::bytes`].
    pub fn add_bytes(&mut self, change: i128) {
        (self.bytes_low, self.bytes_high) = halves(self.bytes().wrapping_add_signed(change));
    }

    /// Changes [`Counters::live`].
    pub fn add_live(&mut self, change: i128) {
        (self.live_low, self.live_high) = halves(self.live().wrapping_add_signed(change));
    }

    /// Changes [`Counters::stored`].
    pub fn add_stored(&mut self, change: i128) {
        (self.stored_low, self.stored_high) = halves(self.stored().wrapping_add_signed(change));
    }
}

fn wide(low: u64, high: u64) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

fn halves(sum: u128) -> (u64, u64) {
    (sum as u64, (sum >> 64) as u64)
}

/// A pack, or a commit with inline blocks.
#[derive(Clone, PartialEq, Message)]
pub struct Pack {
    /// The key generation under which it is sealed.
    #[prost(uint32, tag = "1")]
    pub generation: u32,
    /// The 32 random bytes of its header.
    #[prost(bytes = "bytes", tag = "2")]
    pub salt: Bytes,
    /// Its size in the store, in bytes.
    #[prost(uint64, tag = "3")]
    pub size: u64,
    /// How many blocks it holds.
    #[prost(uint32, tag = "4")]
    pub blocks: u32,
    /// SHA-256 of its index chunk; empty for a commit.
    #[prost(bytes = "bytes", tag = "5")]
    pub index_hash: Bytes,
    /// Bytes of files that refer to it. None left: it is dead, and that is final.
    #[prost(uint64, tag = "6")]
    pub live: u64,
    /// A commit: the object id under which it is sealed (session and k); empty for a pack.
    #[prost(bytes = "bytes", tag = "7")]
    pub sealed_as: Bytes,
    /// A commit whose payload is out of line: the hash that names it; empty otherwise.
    #[prost(bytes = "bytes", tag = "8")]
    pub out_of_line: Bytes,
}

/// Rights in a filespace, each including the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Role {
    /// None.
    None = 0,
    /// May read.
    Reader = 1,
    /// May write.
    Writer = 2,
    /// May grant and revoke.
    Admin = 3,
}

/// Who may do what.
#[derive(Clone, PartialEq, Message)]
pub struct Member {
    /// Its Ed25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub sign: Bytes,
    /// Its X25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub kem: Bytes,
    /// What it may do; `None` once revoked.
    #[prost(enumeration = "Role", tag = "3")]
    pub role: i32,
}

/// A writer's session.
#[derive(Clone, PartialEq, Message)]
pub struct Session {
    /// Its number: the position where it was opened.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// The account that opened it; 16 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub key_id: Bytes,
    /// The last commit of it that was consumed.
    #[prost(uint64, tag = "3")]
    pub last_k: u64,
    /// The position of that commit.
    #[prost(uint64, tag = "4")]
    pub last_seq: u64,
    /// What became of that commit's transactions.
    #[prost(message, repeated, tag = "5")]
    pub outcomes: Vec<Outcome>,
    /// Whether it ended.
    #[prost(bool, tag = "6")]
    pub closed: bool,
    /// The position where its locks were taken away last; 0: never.
    #[prost(uint64, tag = "7")]
    pub dropped: u64,
}

impl Session {
    /// Its number as a type.
    pub fn number(&self) -> SessionNo {
        SessionNo(self.number)
    }

    /// Whether this account opened it.
    pub fn belongs_to(&self, key_id: KeyId) -> bool {
        self.key_id[..] == key_id.0[..]
    }
}

/// A life of the log that ended because slots were lost.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct PastLife {
    /// The last position that it has in common with the life that followed.
    #[prost(uint64, tag = "1")]
    pub last: u64,
}

/// What became of a transaction.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Outcome {
    /// 0: it took effect; otherwise a [`Refusal`](super::Refusal).
    #[prost(uint32, tag = "1")]
    pub refusal: u32,
    /// The index of the operation that was refused (the number of operations: a hop).
    #[prost(uint32, tag = "2")]
    pub op: u32,
    /// New inode numbers that existing inodes stand for: number, inode, number, inode, ...
    #[prost(uint64, repeated, tag = "3")]
    pub redirects: Vec<u64>,
    /// Where each append of the transaction went.
    #[prost(uint64, repeated, tag = "4")]
    pub appended_at: Vec<u64>,
}

/// A checkpoint that apply has accepted.
#[derive(Clone, PartialEq, Message)]
pub struct CheckpointRecord {
    /// The position whose state it holds.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// The id of its manifest; 16 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub manifest: Bytes,
    /// SHA-256 of the manifest object; 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub manifest_hash: Bytes,
}

/// A snapshot; its position and name are in the key.
#[derive(Clone, PartialEq, Message)]
pub struct SnapshotRecord {
    /// The account that took it; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub author: Bytes,
    /// When, author's time, nanoseconds since 1970.
    #[prost(int64, tag = "2")]
    pub time: i64,
    /// The id of the manifest of an accepted checkpoint of its position, 16 bytes; empty: there is none.
    #[prost(bytes = "bytes", tag = "3")]
    pub manifest: Bytes,
    /// SHA-256 of that manifest object, 32 bytes; empty: there is none.
    #[prost(bytes = "bytes", tag = "4")]
    pub manifest_hash: Bytes,
}

/// A key generation.
#[derive(Clone, PartialEq, Message)]
pub struct GenerationRecord {
    /// Hash of the key; empty for generation 0, whose hash is in the genesis.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_hash: Bytes,
    /// The generation before.
    #[prost(uint32, tag = "2")]
    pub previous: u32,
    /// Where it began.
    #[prost(uint64, tag = "3")]
    pub position: u64,
    /// Somebody who has the key is no member any more.
    #[prost(bool, tag = "4")]
    pub is_known_outside: bool,
}

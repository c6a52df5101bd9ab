//! The state machine: what a filespace is after each commit. Names, never bytes: no I/O happens here.
//!
//! - [`ops`]: what a commit says.
//! - [`key`], [`value`]: what the state consists of.
//! - [`source`]: reading it, layer over layer.
//! - [`apply`]: judging a commit; `tree` judges names, [`extents`] content, [`xattrs`] extended attributes, [`copy`]
//!   copies, [`locks`] locks, `sessions` what ends, [`snapshots`] snapshots and what is restored from them,
//!   [`generations`] keys. [`events`] says what a commit did to the tree.
//! - [`replica`]: the state at a position, in memory, on top of the parts of a checkpoint.
//!   `hot` holds what was read or written lately.
//! - [`part`]: sorted parts, the form in which a checkpoint stores the state.
//! - [`hash`]: the hash that clients compare.

pub mod apply;
pub mod copy;
pub mod events;
pub mod extents;
pub mod generations;
pub mod hash;
mod hot;
pub mod key;
pub mod locks;
pub mod ops;
pub mod part;
pub mod replica;
mod sessions;
pub mod snapshots;
pub mod source;
mod tree;
pub mod value;
pub mod xattrs;

pub use apply::{APPLY_VERSION, Changes, WINDOW};
pub use replica::Replica;
pub use source::{Source, Stop, Tables};
pub use tree::{MAX_NAME, MAX_TARGET, MODE_MASK, is_valid_name};

use crate::error::Status;

/// Why apply refused a transaction. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Refusal {
    /// A path leads elsewhere by now; the author resolves it again.
    StalePath = 1,
    /// The name exists.
    Exists = 2,
    /// What the operation names does not exist.
    NotFound = 3,
    /// A directory was needed.
    NotADirectory = 4,
    /// A file was needed.
    IsADirectory = 5,
    /// The directory has entries.
    NotEmpty = 6,
    /// A directory cannot be moved below itself.
    MoveIntoItself = 7,
    /// The author's role does not allow it.
    Denied = 8,
    /// The file was deleted.
    Deleted = 9,
    /// The inode number is not the author's to give.
    BadInode = 10,
    /// The content is in a pack that the commit does not publish.
    DeadPack = 11,
    /// The operation breaks a rule that every author knows.
    Invalid = 12,
    /// The file, or the number of its names, would be too large.
    TooLarge = 13,
    /// The session went on, or ended, meanwhile.
    SessionMoved = 14,
    /// The checkpoint is not of this state, or not newer than the last.
    WrongCheckpoint = 15,
    /// The last admin cannot lose its role.
    LastAdmin = 16,
    /// The filespace's quota does not allow it to grow so far.
    OverQuota = 17,
    /// There is no extended attribute of this name.
    NoAttribute = 18,
    /// The file would have more extended attributes, or more bytes of them, than one may have.
    TooManyAttributes = 19,
    /// The file has more extents than one operation copies.
    TooFragmented = 20,
    /// The log has a fork that no admin has accepted.
    Forked = 21,
    /// Another owner has a lock that conflicts, and the author does not want to wait.
    Locked = 22,
    /// Waiting would never end: somebody on whom it depends waits for the author's owner.
    Deadlock = 23,
    /// The session has lost the locks that the transaction relies on.
    LockLost = 24,
    /// The file would have more locks and requests than one may have.
    TooManyLocks = 25,
    /// There are as many snapshots as there may be.
    TooManySnapshots = 29,
    /// The content is in a pack that is dead by now.
    ContentGone = 30,
    /// A new key was granted to others than the members.
    WrongMembers = 32,
    /// It was meant for another key generation.
    OldGeneration = 33,
}

impl Refusal {
    const ALL: [Refusal; 29] = [
        Refusal::StalePath,
        Refusal::Exists,
        Refusal::NotFound,
        Refusal::NotADirectory,
        Refusal::IsADirectory,
        Refusal::NotEmpty,
        Refusal::MoveIntoItself,
        Refusal::Denied,
        Refusal::Deleted,
        Refusal::BadInode,
        Refusal::DeadPack,
        Refusal::Invalid,
        Refusal::TooLarge,
        Refusal::SessionMoved,
        Refusal::WrongCheckpoint,
        Refusal::LastAdmin,
        Refusal::OverQuota,
        Refusal::NoAttribute,
        Refusal::TooManyAttributes,
        Refusal::TooFragmented,
        Refusal::Forked,
        Refusal::Locked,
        Refusal::Deadlock,
        Refusal::LockLost,
        Refusal::TooManyLocks,
        Refusal::TooManySnapshots,
        Refusal::ContentGone,
        Refusal::WrongMembers,
        Refusal::OldGeneration,
    ];

    /// The refusal with this number.
    pub fn from_code(code: u32) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|r| *r as u32 == code)
    }

    /// What it is to a caller.
    pub fn status(self) -> Status {
        match self {
            Refusal::Exists => Status::Exists,
            Refusal::StalePath | Refusal::NotFound => Status::NotFound,
            Refusal::NotADirectory => Status::NotADirectory,
            Refusal::IsADirectory => Status::IsADirectory,
            Refusal::NotEmpty => Status::NotEmpty,
            Refusal::MoveIntoItself => Status::MoveIntoItself,
            Refusal::Denied | Refusal::LastAdmin => Status::AccessDenied,
            Refusal::Deleted => Status::Deleted,
            Refusal::TooLarge | Refusal::TooFragmented => Status::FileTooLarge,
            Refusal::OverQuota
            | Refusal::TooManyAttributes
            | Refusal::TooManyLocks
            | Refusal::TooManySnapshots => Status::NoSpace,
            Refusal::ContentGone => Status::Stale,
            Refusal::NoAttribute => Status::NoAttribute,
            Refusal::Forked => Status::LogForked,
            Refusal::Locked => Status::Locked,
            Refusal::Deadlock => Status::Deadlock,
            Refusal::LockLost => Status::LockLost,
            Refusal::BadInode
            | Refusal::DeadPack
            | Refusal::Invalid
            | Refusal::SessionMoved
            | Refusal::WrongMembers
            | Refusal::OldGeneration
            | Refusal::WrongCheckpoint => Status::Internal,
        }
    }
}

/// Why an operation could not be judged to its end.
enum Failure {
    /// It breaks a rule: the transaction is void.
    Refused(Refusal),
    /// A key is not local: judged again once it is.
    Stopped(Stop),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(refusal)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure::Stopped(stop)
    }
}

//! What a commit of a workspace's log says, in the clear: keys, roles, ids. Names are sealed.

use bytes::Bytes;
use prost::Message;

/// The first slot of a workspace's log; its hash is the workspace's id.
#[derive(Clone, PartialEq, Message)]
pub struct WorkspaceGenesis {
    /// Version of the format of everything in the workspace.
    #[prost(uint32, tag = "1")]
    pub format_version: u32,
    /// 32 random bytes: two workspaces never have the same id.
    #[prost(bytes = "bytes", tag = "2")]
    pub random: Bytes,
    /// When, nanoseconds since 1970.
    #[prost(int64, tag = "3")]
    pub created: i64,
    /// The root's Ed25519 key, which may sign this and slot 1; 32 bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub root: Bytes,
    /// What the store was found to keep, where that had to be tried.
    #[prost(message, optional, tag = "5")]
    pub probe: Option<Probe>,
    /// The root's signature over the encoding of all of the above; 64 bytes.
    #[prost(bytes = "bytes", tag = "15")]
    pub signature: Bytes,
}

/// A probe of a bucket: of each race of conditional PUTs one writer was the winner.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Probe {
    /// Writers of one race.
    #[prost(uint32, tag = "1")]
    pub writers: u32,
    /// Races.
    #[prost(uint32, tag = "2")]
    pub rounds: u32,
}

/// The payload of a commit: takes effect as a whole or not at all.
#[derive(Clone, PartialEq, Message)]
pub struct WorkspaceBody {
    /// The operations, in order.
    #[prost(message, repeated, tag = "1")]
    pub ops: Vec<WorkspaceOperation>,
}

impl WorkspaceBody {
    /// The body in these bytes, if they are its canonical encoding.
    pub fn decode_canonical(bytes: &[u8]) -> Option<WorkspaceBody> {
        let body = WorkspaceBody::decode(bytes).ok()?;
        (body.encode_to_vec() == bytes).then_some(body)
    }
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct WorkspaceOperation {
    /// Which one; absent in no valid body.
    #[prost(oneof = "WorkspaceOp", tags = "1,2,3,4,5,6,7")]
    pub op: Option<WorkspaceOp>,
}

/// The operations of version 1. Admins only.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum WorkspaceOp {
    /// Names the workspace.
    #[prost(message, tag = "1")]
    SetName(SealedName),
    /// Enrols an account.
    #[prost(message, tag = "2")]
    AddAccount(AddAccount),
    /// Ends an account.
    #[prost(message, tag = "3")]
    RevokeAccount(RevokeAccount),
    /// Adds a filespace.
    #[prost(message, tag = "4")]
    AddFilespace(AddFilespace),
    /// Gives a filespace another name.
    #[prost(message, tag = "5")]
    RenameFilespace(RenameFilespace),
    /// Removes a filespace; its id is never used again.
    #[prost(message, tag = "6")]
    DropFilespace(DropFilespace),
    /// Puts an account in the place of another one, which ends.
    #[prost(message, tag = "7")]
    RotateAccount(RotateAccount),
}

/// A name under the workspace's key.
#[derive(Clone, PartialEq, Message)]
pub struct SealedName {
    /// Salt (32 bytes) and one sealed chunk of the name, padded.
    #[prost(bytes = "bytes", tag = "1")]
    pub sealed: Bytes,
    /// A keyed hash of the name, for finding equal names; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub tag: Bytes,
}

/// See [`WorkspaceOp::AddAccount`].
#[derive(Clone, PartialEq, Message)]
pub struct AddAccount {
    /// Its Ed25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub sign: Bytes,
    /// Its X25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub kem: Bytes,
    /// 1 reader, 2 writer, 3 admin.
    #[prost(uint32, tag = "3")]
    pub role: u32,
    /// When it ends, nanoseconds since 1970; 0: never.
    #[prost(int64, tag = "4")]
    pub expiry: i64,
    /// What it is called.
    #[prost(message, optional, tag = "5")]
    pub name: Option<SealedName>,
    /// When it was made, nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub created: i64,
}

/// See [`WorkspaceOp::RevokeAccount`].
#[derive(Clone, PartialEq, Message)]
pub struct RevokeAccount {
    /// Its key id; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_id: Bytes,
}

/// See [`WorkspaceOp::AddFilespace`].
#[derive(Clone, PartialEq, Message)]
pub struct AddFilespace {
    /// Its id; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// What it is called.
    #[prost(message, optional, tag = "2")]
    pub name: Option<SealedName>,
    /// When it was made, nanoseconds since 1970.
    #[prost(int64, tag = "3")]
    pub created: i64,
}

/// See [`WorkspaceOp::RenameFilespace`].
#[derive(Clone, PartialEq, Message)]
pub struct RenameFilespace {
    /// Its id; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// What it is called from now on.
    #[prost(message, optional, tag = "2")]
    pub name: Option<SealedName>,
}

/// See [`WorkspaceOp::DropFilespace`].
#[derive(Clone, PartialEq, Message)]
pub struct DropFilespace {
    /// Its id; 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
}

/// See [`WorkspaceOp::RotateAccount`]. Role and expiry are those of the old account.
#[derive(Clone, PartialEq, Message)]
pub struct RotateAccount {
    /// The key id of the old account; 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_id: Bytes,
    /// The Ed25519 key of the new one; 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub sign: Bytes,
    /// Its X25519 key; 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub kem: Bytes,
    /// What both are called, sealed for the new one.
    #[prost(message, optional, tag = "4")]
    pub name: Option<SealedName>,
    /// When, nanoseconds since 1970.
    #[prost(int64, tag = "5")]
    pub created: i64,
}

impl WorkspaceOp {
    /// The operation as the body carries it.
    pub fn wrap(self) -> WorkspaceOperation {
        WorkspaceOperation { op: Some(self) }
    }
}

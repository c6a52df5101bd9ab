//! The names of things: every identifier has a type of its own, so that a slot number can never be
//! passed where an inode is wanted. Nothing here knows what the things are.

use std::fmt;

/// A position in a log: the number of a slot. The genesis is slot 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// The slot after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

/// An inode number: the number of the session that created it in the high 32 bits, a counter of
/// that session in the low 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ino(pub u64);

impl Ino {
    /// The root directory of every filespace. No session has number 0.
    pub const ROOT: Ino = Ino(1);

    /// The `n`-th inode of a session.
    pub fn new(session: SessionNo, n: u32) -> Ino {
        Ino(u64::from(session.0) << 32 | u64::from(n))
    }

    /// The session that created it.
    pub fn session(self) -> SessionNo {
        SessionNo((self.0 >> 32) as u32)
    }
}

/// The number of a session: the position where its `OpenSession` landed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNo(pub u32);

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The identifier in these bytes, if there are exactly as many as it has.
            pub fn from_slice(bytes: &[u8]) -> Option<$name> {
                bytes.try_into().ok().map($name)
            }

            /// The identifier whose lower-case hexadecimal form this is.
            pub fn from_hex(text: &str) -> Option<$name> {
                from_hex(text).as_deref().and_then($name::from_slice)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

byte_id!(
    /// SHA-256 of something, always under a domain of its own.
    Hash, 32
);
byte_id!(
    /// A log (workspace or filespace): the hash of its genesis.
    LogId, 32
);
byte_id!(
    /// An account's key pair: the first half of the hash of its public keys.
    KeyId, 16
);
byte_id!(
    /// A session of one writer: random.
    SessionId, 16
);
byte_id!(
    /// A life of a log: zero at first, random after a cut that power loss made necessary.
    Incarnation, 16
);
byte_id!(
    /// A sorted part of a checkpoint: random.
    PartId, 16
);
byte_id!(
    /// A pack of blocks: its session's number (big-endian), then 96 random bits. Two forms are
    /// reserved: a commit that carries blocks inline ([`PackId::of_slot`]) and, inside such a
    /// commit, "this commit" ([`PackId::INLINE`]).
    PackId, 16
);

impl PackId {
    /// The commit that mentions it; apply puts the commit's slot in its place.
    pub const INLINE: PackId = PackId([0; 16]);

    /// A new pack of a session.
    pub fn new(session: SessionNo, random: [u8; 12]) -> PackId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&session.0.to_be_bytes());
        id[4..].copy_from_slice(&random);
        PackId(id)
    }

    /// The blocks carried inline by the commit in a slot.
    pub fn of_slot(slot: Seq) -> PackId {
        let mut id = [0xff; 16];
        id[8..].copy_from_slice(&slot.0.to_be_bytes());
        PackId(id)
    }

    /// The slot, if this is the inline form.
    pub fn slot(self) -> Option<Seq> {
        let (tag, slot) = self.0.split_at(8);
        (tag == [0xff; 8]).then(|| Seq(u64::from_be_bytes(slot.try_into().unwrap_or([0; 8]))))
    }

    /// The session that wrote it; meaningless for the inline form.
    pub fn session(self) -> SessionNo {
        SessionNo(u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seq({})", self.0)
    }
}

impl fmt::Debug for Ino {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ino({}:{})", self.0 >> 32, self.0 as u32)
    }
}

impl fmt::Debug for SessionNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionNo({})", self.0)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

//! The records of the files of a log, to the byte (`docs/format.md`, "Log in a folder"). All numbers are
//! little-endian; each record ends in a checksum, so that one that is half written or damaged is not taken.

use crate::ids::{Incarnation, Seq};
use crate::log::Life;

/// The largest slot, in bytes. Commits are smaller (`envelope::MAX_SLOT`).
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Slots and bytes beyond this are in no log: numbers of a hostile file are not to overflow.
const MAX_SLOTS: u64 = 1 << 48;
const MAX_END: u64 = 1 << 56;

/// The head file: [`Head`], and the two copies of [`Durability`], each in a disk sector of its own.
pub(super) const HEAD_FILE: usize = 1536;
/// Where the copies are.
pub(super) const COPIES: [u64; 2] = [512, 1024];

/// The first bytes of the file of slots.
pub(super) const SLOTS_HEADER: [u8; 8] = *b"LLSL\x01\0\0\0";

/// Where the log ends: what is beyond is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) last: Seq,
    /// Where its bytes end in the file of slots.
    pub(super) end: u64,
}

impl Head {
    pub(super) const LEN: usize = 20;

    pub(super) fn encode(self) -> [u8; Head::LEN] {
        let mut bytes = [0; Head::LEN];
        bytes[..8].copy_from_slice(&self.last.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.end.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; Head::LEN]) -> Option<Head> {
        let mut fields = open(bytes)?;
        let head = Head { last: Seq(fields.u64()), end: fields.u64() };
        let sane = head.last.0 < MAX_SLOTS && head.end >= SLOTS_HEADER.len() as u64 && head.end < MAX_END;
        sane.then_some(head)
    }
}

/// Where the bytes of a slot are, and their checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) length: u32,
    sum: u32,
}

impl Entry {
    pub(super) const LEN: usize = 16;

    pub(super) fn of(slot: Seq, offset: u64, bytes: &[u8]) -> Entry {
        let length = bytes.len() as u32;
        Entry { offset, length, sum: Entry::sum(slot, offset, length, bytes) }
    }

    fn sum(slot: Seq, offset: u64, length: u32, bytes: &[u8]) -> u32 {
        let mut place = [0; 20];
        place[..8].copy_from_slice(&slot.0.to_le_bytes());
        place[8..16].copy_from_slice(&offset.to_le_bytes());
        place[16..].copy_from_slice(&length.to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&place);
        sum.update(bytes);
        sum.finalize()
    }

    /// Where the entry of a slot is in the index.
    pub(super) fn place(slot: Seq) -> u64 {
        slot.0 * Entry::LEN as u64
    }

    pub(super) fn encode(self) -> [u8; Entry::LEN] {
        let mut bytes = [0; Entry::LEN];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..].copy_from_slice(&self.sum.to_le_bytes());
        bytes
    }

    /// None: no slot can be there.
    pub(super) fn decode(bytes: &[u8; Entry::LEN]) -> Option<Entry> {
        let mut fields = Fields(bytes);
        let entry = Entry { offset: fields.u64(), length: fields.u32(), sum: fields.u32() };
        let sane = entry.length as usize <= MAX_BYTES
            && entry.offset >= SLOTS_HEADER.len() as u64
            && entry.offset < MAX_END;
        sane.then_some(entry)
    }

    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.length)
    }

    /// Whether these are the slot's bytes, and this is its entry.
    pub(super) fn is_of(&self, slot: Seq, bytes: &[u8]) -> bool {
        self.sum == Entry::sum(slot, self.offset, self.length, bytes)
    }
}

/// What is known to be on the disk, not only in the system's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Durability {
    /// Of two copies the one with the larger number counts.
    pub(super) serial: u64,
    /// The position up to which log and objects survive power loss.
    pub(super) position: Seq,
    /// The boot of the machine in which that was so; all that was written since is on the disk, or in the memory
    /// of that boot.
    pub(super) boot: Boot,
    /// A sync has failed: the system may have dropped what is beyond the position.
    pub(super) doubtful: bool,
    /// The life that the log is in: each boot in which it was opened is one, because nobody can tell what the last
    /// one has lost.
    pub(super) life: Life,
}

/// A boot of the machine, as the system names it; zeros if it does not.
pub(super) type Boot = [u8; 36];

impl Durability {
    pub(super) const LEN: usize = 84;

    pub(super) fn encode(&self) -> [u8; Durability::LEN] {
        let mut bytes = [0; Durability::LEN];
        bytes[..8].copy_from_slice(&self.serial.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.position.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.life.survived.0.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.life.incarnation.0);
        bytes[40..44].copy_from_slice(&u32::from(self.doubtful).to_le_bytes());
        bytes[44..80].copy_from_slice(&self.boot);
        seal(&mut bytes);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; Durability::LEN]) -> Option<Durability> {
        let mut fields = open(bytes)?;
        let record = Durability {
            serial: fields.u64(),
            position: Seq(fields.u64()),
            life: Life { survived: Seq(fields.u64()), incarnation: Incarnation(fields.array()) },
            doubtful: fields.u32() != 0,
            boot: fields.array(),
        };
        (record.position.0 < MAX_SLOTS && record.serial < u64::MAX).then_some(record)
    }
}

/// Puts the checksum of a record behind it.
fn seal(record: &mut [u8]) {
    if let Some((fields, sum)) = record.split_last_chunk_mut::<4>() {
        *sum = crc32fast::hash(fields).to_le_bytes();
    }
}

/// The fields of a record, if its checksum is right.
fn open(record: &[u8]) -> Option<Fields<'_>> {
    let (fields, sum) = record.split_last_chunk::<4>()?;
    (crc32fast::hash(fields).to_le_bytes() == *sum).then_some(Fields(fields))
}

/// Takes the fields of a record of known length.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((taken, rest)) => {
                self.0 = rest;
                *taken
            }
            None => [0; N],
        }
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}

//! The keys of the state: one letter for the table, then its parts, big-endian so that byte order is
//! the order that scans want.

use crate::ids::{Incarnation, Ino, KeyId, PackId, Seq, SessionId, SessionNo};

/// An encoded key.
pub type Key = Vec<u8>;

/// The filespace as a whole: [`Header`](super::value::Header).
pub fn header() -> Key {
    vec![b'A']
}

/// How much there is of everything: [`Counters`](super::value::Counters).
pub fn counters() -> Key {
    vec![b'B']
}

/// The last accepted checkpoint: [`CheckpointRecord`](super::value::CheckpointRecord).
pub fn checkpoint() -> Key {
    vec![b'C']
}

/// A name in a directory: [`Dentry`](super::value::Dentry).
pub fn dentry(parent: Ino, name: &str) -> Key {
    let mut key = Vec::with_capacity(9 + name.len());
    key.push(b'D');
    key.extend_from_slice(&parent.0.to_be_bytes());
    key.extend_from_slice(name.as_bytes());
    key
}

/// Every name in a directory, as a range.
pub fn dentries(parent: Ino) -> (Key, Key) {
    (prefix(b'D', parent.0), after(b'D', parent.0))
}

/// The name in a key that [`dentry`] made.
pub fn dentry_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(9..)?).ok()
}

/// The closed session to forget at a position: empty values.
pub fn expiry(at: Seq, session: SessionId) -> Key {
    let mut key = prefix(b'E', at.0);
    key.extend_from_slice(&session.0);
    key
}

/// The sessions to forget up to a position, as a range.
pub fn expiries(until: Seq) -> (Key, Key) {
    (vec![b'E'], after(b'E', until.0))
}

/// The session in a key that [`expiry`] made.
pub fn expiry_session(key: &[u8]) -> Option<SessionId> {
    SessionId::from_slice(key.get(9..)?)
}

/// A dead pack, by the position that freed it: empty values.
pub fn freed(at: Seq, pack: PackId) -> Key {
    let mut key = prefix(b'F', at.0);
    key.extend_from_slice(&pack.0);
    key
}

/// A key generation: [`GenerationRecord`](super::value::GenerationRecord).
pub fn generation(number: u32) -> Key {
    let mut key = vec![b'G'];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// An inode: [`Inode`](super::value::Inode).
pub fn inode(ino: Ino) -> Key {
    prefix(b'I', ino.0)
}

/// Locks of a file and requests for them: [`FileLocks`](super::locks::FileLocks).
pub fn locks(ino: Ino) -> Key {
    prefix(b'K', ino.0)
}

/// A life of the log that is over: [`PastLife`](super::value::PastLife).
pub fn past_life(incarnation: Incarnation) -> Key {
    id16(b'L', &incarnation.0)
}

/// A member: [`Member`](super::value::Member).
pub fn member(key_id: KeyId) -> Key {
    id16(b'M', &key_id.0)
}

/// Every member, as a range.
pub fn members() -> (Key, Key) {
    (vec![b'M'], vec![b'M' + 1])
}

/// A snapshot: [`SnapshotRecord`](super::value::SnapshotRecord).
pub fn snapshot(at: Seq, name: &str) -> Key {
    let mut key = prefix(b'N', at.0);
    key.extend_from_slice(name.as_bytes());
    key
}

/// Every snapshot, as a range: the oldest first.
pub fn snapshots() -> (Key, Key) {
    (vec![b'N'], vec![b'N' + 1])
}

/// Position and name in a key that [`snapshot`] made.
pub fn snapshot_parts(key: &[u8]) -> Option<(Seq, &str)> {
    let position = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    Some((Seq(position), std::str::from_utf8(key.get(9..)?).ok()?))
}

/// A pack that holds live blocks or is not collected yet: [`Pack`](super::value::Pack).
pub fn pack(id: PackId) -> Key {
    id16(b'P', &id.0)
}

/// Every pack, as a range.
pub fn packs() -> (Key, Key) {
    (vec![b'P'], vec![b'P' + 1])
}

/// A detached directory that waits to be reaped: empty values.
pub fn detached(ino: Ino) -> Key {
    prefix(b'R', ino.0)
}

/// Every detached directory, as a range.
pub fn detached_all() -> (Key, Key) {
    (vec![b'R'], vec![b'R' + 1])
}

/// The inode in a key that [`detached`] or [`inode`] made.
pub fn ino_of(key: &[u8]) -> Option<Ino> {
    Some(Ino(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?)))
}

/// A session: [`Session`](super::value::Session).
pub fn session(id: SessionId) -> Key {
    id16(b'S', &id.0)
}

/// Every session, as a range.
pub fn sessions() -> (Key, Key) {
    (vec![b'S'], vec![b'S' + 1])
}

/// The session in a key that [`session`] made.
pub fn session_id(key: &[u8]) -> Option<SessionId> {
    SessionId::from_slice(key.get(1..)?)
}

/// A file in which a session has locks or waits for some: empty values.
pub fn locked_by(session: SessionNo, ino: Ino) -> Key {
    let mut key = session_files(session);
    key.extend_from_slice(&ino.0.to_be_bytes());
    key
}

/// Every file in which a session has locks or waits for some, as a range.
pub fn locked_files(session: SessionNo) -> (Key, Key) {
    let to = match session.0.checked_add(1) {
        Some(next) => session_files(SessionNo(next)),
        None => vec![b'W' + 1],
    };
    (session_files(session), to)
}

/// The file in a key that [`locked_by`] made.
pub fn locked_file(key: &[u8]) -> Option<Ino> {
    Some(Ino(u64::from_be_bytes(key.get(5..)?.try_into().ok()?)))
}

/// A range of a file, by its *end*: [`Extent`](super::ops::Extent). So the extent that covers a byte is
/// the first one behind it, and no scan ever goes backwards.
pub fn extent(ino: Ino, end: u64) -> Key {
    let mut key = prefix(b'X', ino.0);
    key.extend_from_slice(&end.to_be_bytes());
    key
}

/// The extents of a file that end behind an offset, as a range.
pub fn extents_behind(ino: Ino, offset: u64) -> (Key, Key) {
    let mut from = extent(ino, offset);
    from.push(0);
    (from, after(b'X', ino.0))
}

/// The end of the range in a key that [`extent`] made.
pub fn extent_end(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(9..17)?.try_into().ok()?))
}

/// An extended attribute: its value, as it is.
pub fn xattr(ino: Ino, name: &str) -> Key {
    let mut key = prefix(b'Y', ino.0);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The extended attributes of an inode, as a range.
pub fn xattrs(ino: Ino) -> (Key, Key) {
    (prefix(b'Y', ino.0), after(b'Y', ino.0))
}

/// The name in a key that [`xattr`] made.
pub fn xattr_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(9..)?).ok()
}

fn session_files(session: SessionNo) -> Key {
    let mut key = Vec::with_capacity(13);
    key.push(b'W');
    key.extend_from_slice(&session.0.to_be_bytes());
    key
}

fn prefix(table: u8, number: u64) -> Key {
    let mut key = Vec::with_capacity(33);
    key.push(table);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The first key behind all that start with this table and number.
fn after(table: u8, number: u64) -> Key {
    match number.checked_add(1) {
        Some(next) => prefix(table, next),
        None => vec![table + 1],
    }
}

fn id16(table: u8, id: &[u8; 16]) -> Key {
    let mut key = Vec::with_capacity(17);
    key.push(table);
    key.extend_from_slice(id);
    key
}

//! The journal of a link in relaxed mode whose storage keeps files: what was acknowledged and is not in the log yet
//! survives the death of the process, and is committed by the next link, in order, once.
//!
//! A file of records, each sealed and appended by one write before its call returns. It needs no sync: what survives
//! power loss is what `sync_all` acknowledged, and that is in the log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::draft::{Draft, InlineBlock};
use crate::crypto::seal::{CHUNK_OVERHEAD, Codec, FORMAT_VERSION, Keyring, Kind, ObjectKey};
use crate::crypto::sha256;
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::files;
use crate::ids::{Incarnation, LogId, SessionId, SessionNo};
use crate::state::ops::{NewPack, Transaction};

/// Its file in the folder of a filespace.
pub(crate) const JOURNAL: &str = "journal";
const MAGIC: &[u8; 4] = b"LLJN";
const HEADER: usize = 4 + 2 + 4 + 16 + 32;
const PREFIX: usize = 8 + 4 + 4;
/// A file that has grown by so much is written anew without what is settled.
const LARGE: u64 = 64 << 20;
/// Inode numbers are set apart so many at a time.
const INOS: u32 = 1 << 16;

/// One record.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(oneof = "What", tags = "1,2,3,4,5,6")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    /// A session was opened, or goes on in this file.
    #[prost(message, tag = "1")]
    Session(Session),
    /// Inode numbers up to this one may have been given.
    #[prost(uint32, tag = "2")]
    Inos(u32),
    /// A transaction was acknowledged.
    #[prost(message, tag = "3")]
    Acknowledged(Acknowledged),
    /// A commit with the first of them is offered.
    #[prost(message, tag = "4")]
    Offered(Offered),
    /// So many of the first are settled, and the session is at `k`.
    #[prost(message, tag = "5")]
    Settled(Settled),
    /// Late failures up to this number are forgotten.
    #[prost(uint64, tag = "6")]
    Forgotten(u64),
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(bytes = "bytes", tag = "1")]
    id: Bytes,
    #[prost(uint32, tag = "2")]
    number: u32,
    #[prost(uint64, tag = "3")]
    k: u64,
    #[prost(bytes = "bytes", tag = "4")]
    incarnation: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Acknowledged {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(string, tag = "2")]
    path: String,
    #[prost(message, optional, tag = "3")]
    transaction: Option<Transaction>,
    #[prost(message, repeated, tag = "4")]
    packs: Vec<NewPack>,
    #[prost(message, repeated, tag = "5")]
    blocks: Vec<Block>,
}

#[derive(Clone, PartialEq, Message)]
struct Block {
    #[prost(uint32, tag = "1")]
    codec: u32,
    #[prost(uint32, tag = "2")]
    plain_len: u32,
    #[prost(bytes = "bytes", tag = "3")]
    data: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Offered {
    #[prost(uint64, tag = "1")]
    k: u64,
    /// The number of each transaction in it; 0 for one that a caller waited for.
    #[prost(uint64, repeated, tag = "2")]
    numbers: Vec<u64>,
    #[prost(bytes = "bytes", tag = "3")]
    slot: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Settled {
    #[prost(uint64, tag = "1")]
    k: u64,
    #[prost(uint64, tag = "2")]
    count: u64,
    #[prost(message, repeated, tag = "3")]
    failures: Vec<Failure>,
}

#[derive(Clone, PartialEq, Message)]
struct Failure {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(int32, tag = "2")]
    status: i32,
    #[prost(string, tag = "3")]
    message: String,
}

/// What a journal says of a session.
#[derive(Clone, Copy)]
pub(super) struct JournaledSession {
    pub(super) id: SessionId,
    pub(super) number: SessionNo,
    /// The life of the log in which it was opened.
    pub(super) incarnation: Incarnation,
    pub(super) k: u64,
    /// Inode numbers up to this one may have been given.
    pub(super) inos: u32,
}

impl JournaledSession {
    /// Of a journal that has late failures only.
    pub(super) fn none() -> JournaledSession {
        let (id, incarnation) = (SessionId([0; 16]), Incarnation([0; 16]));
        JournaledSession { id, number: SessionNo(0), incarnation, k: 0, inos: 0 }
    }
}

/// An acknowledged transaction.
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) path: String,
    pub(super) draft: Draft,
    /// Why it has no effect, if that is known.
    pub(super) failure: Option<(Status, String)>,
}

/// The sealed commit that the first entries are in, and whose outcome is not recorded.
pub(super) struct InFlight {
    pub(super) k: u64,
    /// The number of each transaction in it; 0 for one that a caller waited for.
    pub(super) numbers: Vec<u64>,
    pub(super) slot: Bytes,
}

/// What a journal holds.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) session: Option<JournaledSession>,
    /// In order.
    pub(super) pending: Vec<Entry>,
    pub(super) in_flight: Option<InFlight>,
    /// In order.
    pub(super) failed: Vec<Entry>,
}

/// Where a link keeps its journal.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) id: LogId,
    pub(super) keyring: Arc<Keyring>,
    pub(super) env: Env,
}

/// An open journal.
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    key: ObjectKey,
    /// The number of the next record.
    next: u64,
    /// Where it goes.
    end: u64,
    /// Where what was known ended when it was made.
    known: u64,
    /// Inode numbers up to this one are recorded as given.
    inos: u32,
}

impl Journal {
    /// Reads the journal of a place, if it has one.
    pub(super) fn read(place: &Place) -> Result<Recovered> {
        match files::read(&place.folder.join(JOURNAL)) {
            // Power loss can leave a new file with its name and nothing in it. What was in it nobody was promised.
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => Ok(Recovered::default()),
            Ok(bytes) => replay(&bytes, place.id, &place.keyring),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Recovered::default()),
            Err(error) => Err(failed("read", &place.folder, error)),
        }
    }

    /// A new journal in the place of the one that is there, with what still matters.
    pub(super) fn create<'a>(
        place: &Place,
        session: JournaledSession,
        entries: impl Iterator<Item = (u64, &'a str, &'a Draft)>,
        failures: impl Iterator<Item = (u64, &'a Error)>,
    ) -> Result<Journal> {
        let Place { folder, id, keyring, env } = place;
        let generation = keyring.current();
        let (object, salt): ([u8; 16], [u8; 32]) = (env.random_bytes()?, env.random_bytes()?);
        let key = object_key(keyring, generation, &salt, *id, &object)?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        header.extend_from_slice(&generation.to_le_bytes());
        header.extend_from_slice(&object);
        header.extend_from_slice(&salt);
        let new = folder.join(format!("{JOURNAL}.new"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = files::open(&new, &mut options).map_err(|e| failed("make", folder, e))?;
        file.write_all_at(&header, 0).map_err(|e| failed("write", folder, e))?;
        let (next, end) = (0, header.len() as u64);
        let mut journal = Journal { folder: folder.clone(), file, key, next, end, known: end, inos: 0 };
        let JournaledSession { id, number, incarnation, k, inos } = session;
        let (id, incarnation) = (Bytes::copy_from_slice(&id.0), Bytes::copy_from_slice(&incarnation.0));
        journal.append(What::Session(Session { id, number: number.0, k, incarnation }))?;
        journal.set_inos_apart(inos)?;
        for (number, path, draft) in entries {
            journal.acknowledged(number, path, draft)?;
        }
        journal.settled(k, 0, failures)?;
        journal.known = journal.end;
        std::fs::rename(&new, folder.join(JOURNAL)).map_err(|e| failed("make", folder, e))?;
        Ok(journal)
    }

    /// Nothing waits any more.
    pub(super) fn remove(place: &Place) -> Result<()> {
        match std::fs::remove_file(place.folder.join(JOURNAL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &place.folder, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether it should be written anew.
    pub(super) fn is_large(&self) -> bool {
        self.end - self.known > LARGE
    }

    /// Inode numbers up to one are going to be given.
    pub(super) fn give_inos(&mut self, upto: u32) -> Result<()> {
        if upto <= self.inos {
            return Ok(());
        }
        self.set_inos_apart(upto.saturating_add(INOS))
    }

    fn set_inos_apart(&mut self, upto: u32) -> Result<()> {
        self.append(What::Inos(upto))?;
        self.inos = upto;
        Ok(())
    }

    /// A transaction is about to be acknowledged.
    pub(super) fn acknowledged(&mut self, number: u64, path: &str, draft: &Draft) -> Result<()> {
        let block =
            |b: &InlineBlock| Block { codec: b.codec as u32, plain_len: b.plain_len, data: b.data.clone() };
        self.append(What::Acknowledged(Acknowledged {
            number,
            path: path.to_owned(),
            transaction: Some(draft.transaction.clone()),
            packs: draft.packs.clone(),
            blocks: draft.inline.iter().map(block).collect(),
        }))
    }

    /// A sealed commit with transactions of these numbers is about to be offered.
    pub(super) fn offered(&mut self, k: u64, numbers: &[u64], slot: &[u8]) -> Result<()> {
        let slot = Bytes::copy_from_slice(slot);
        self.append(What::Offered(Offered { k, numbers: numbers.to_vec(), slot }))
    }

    /// The first `count` are settled, these of them with no effect.
    pub(super) fn settled<'a>(
        &mut self,
        k: u64,
        count: usize,
        failures: impl Iterator<Item = (u64, &'a Error)>,
    ) -> Result<()> {
        let failures = failures.map(|(number, error)| Failure {
            number,
            status: error.status().code(),
            message: error.to_string(),
        });
        self.append(What::Settled(Settled { k, count: count as u64, failures: failures.collect() }))
    }

    /// Late failures up to a number are forgotten.
    pub(super) fn forgotten(&mut self, upto: u64) -> Result<()> {
        self.append(What::Forgotten(upto))
    }

    fn append(&mut self, what: What) -> Result<()> {
        let plain = Record { what: Some(what) }.encode_to_vec();
        let mut bytes = Vec::with_capacity(PREFIX + plain.len() + CHUNK_OVERHEAD);
        bytes.extend_from_slice(&prefix(self.next, (plain.len() + CHUNK_OVERHEAD) as u32));
        let number = self.next;
        // Whatever becomes of the write: no number is used twice.
        self.next += 1;
        self.key.seal_chunk(number, Codec::None, plain.len() as u32, &plain, &mut bytes)?;
        if let Err(error) = self.file.write_all_at(&bytes, self.end) {
            let _ = self.file.set_len(self.end);
            return Err(failed("write", &self.folder, error));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }
}

fn object_key(
    keyring: &Keyring,
    generation: u32,
    salt: &[u8; 32],
    id: LogId,
    object: &[u8; 16],
) -> Result<ObjectKey> {
    let key = keyring.get(generation).ok_or_else(|| {
        Error::new(Status::AccessDenied, "the key of the journal's generation is not granted")
    })?;
    Ok(ObjectKey::derive(&key, salt, Kind::Journal, &id, object))
}

/// What the records of a file come to. The last one may be cut: its call never returned.
fn replay(bytes: &[u8], id: LogId, keyring: &Keyring) -> Result<Recovered> {
    let damaged = || {
        let what = format!(
            "the journal of filespace {id} is damaged; move the file away to go on without what it holds"
        );
        Error::new(Status::Integrity, what)
    };
    let header: &[u8; HEADER] = bytes.first_chunk().ok_or_else(damaged)?;
    if header[..4] != MAGIC[..] || header[4..6] != FORMAT_VERSION.to_le_bytes() {
        return Err(damaged());
    }
    let (generation, object, salt) = (&header[6..10], &header[10..26], &header[26..]);
    let (Ok(generation), Ok(object), Ok(salt)) = (generation.try_into(), object.try_into(), salt.try_into())
    else {
        return Err(damaged());
    };
    let key = object_key(keyring, u32::from_le_bytes(generation), salt, id, object)?;
    let mut recovered = Recovered::default();
    let (mut rest, mut least) = (&bytes[HEADER..], 0);
    while let Some((given, behind)) = rest.split_first_chunk::<PREFIX>() {
        let (number, length) = rest.split_at(8);
        let (Ok(number), Some(length)) = (number.try_into(), length.first_chunk()) else { break };
        let (number, length) = (u64::from_le_bytes(number), u32::from_le_bytes(*length));
        if *given != prefix(number, length) {
            // Power loss can leave a tail of zeros.
            return if rest.iter().all(|b| *b == 0) { Ok(recovered) } else { Err(damaged()) };
        }
        let Some((chunk, behind)) = behind.split_at_checked(length as usize) else { break };
        let (_, plain) = key.open_chunk(number, chunk).map_err(|e| damaged().caused_by(e))?;
        let record = Record::decode(&plain[..]).map_err(|e| damaged().caused_by(e))?;
        if number < least || !recovered.take(record) {
            return Err(damaged());
        }
        least = number + 1;
        rest = behind;
    }
    Ok(recovered)
}

/// What stands before a record: its number, how long it is, and 4 bytes of the hash of both, so that one that is cut is
/// told from one that is damaged.
fn prefix(number: u64, length: u32) -> [u8; PREFIX] {
    let mut prefix = [0; PREFIX];
    prefix[..8].copy_from_slice(&number.to_le_bytes());
    prefix[8..12].copy_from_slice(&length.to_le_bytes());
    let check = sha256(&prefix[..12]);
    prefix[12..].copy_from_slice(&check.0[..4]);
    prefix
}

impl Recovered {
    /// Takes in a record; false if it cannot be.
    fn take(&mut self, record: Record) -> bool {
        match record.what {
            Some(What::Session(session)) => {
                let Session { id, number, k, incarnation } = session;
                let (id, incarnation) = (SessionId::from_slice(&id), Incarnation::from_slice(&incarnation));
                let (Some(id), Some(incarnation)) = (id, incarnation) else { return false };
                let number = SessionNo(number);
                self.session = Some(JournaledSession { id, number, incarnation, k, inos: 0 });
                true
            }
            Some(What::Inos(upto)) => self.session.as_mut().map(|s| s.inos = upto).is_some(),
            Some(What::Acknowledged(entry)) => {
                let Some(entry) = entry.restore() else { return false };
                self.pending.push(entry);
                true
            }
            Some(What::Offered(Offered { k, numbers, slot })) => {
                let own: Vec<u64> = numbers.iter().copied().filter(|number| *number != 0).collect();
                self.in_flight = Some(InFlight { k, numbers, slot });
                own.len() <= self.pending.len() && self.pending.iter().zip(&own).all(|(p, n)| p.number == *n)
            }
            Some(What::Settled(settled)) => self.settle(settled),
            Some(What::Forgotten(upto)) => {
                self.failed.retain(|entry| entry.number > upto);
                true
            }
            None => false,
        }
    }

    fn settle(&mut self, settled: Settled) -> bool {
        let Some(session) = &mut self.session else { return false };
        let count = settled.count as usize;
        if count > self.pending.len() {
            return false;
        }
        session.k = settled.k;
        self.in_flight = None;
        let done = self.pending.drain(..count).collect::<Vec<_>>();
        for failure in settled.failures {
            // At the head of a file written anew, what had failed before is among the pending.
            let pending = self.pending.iter().position(|entry| entry.number == failure.number);
            let entry = match done.iter().position(|entry| entry.number == failure.number) {
                Some(at) => Some(done[at].repeat()),
                None => pending.map(|at| self.pending.remove(at)),
            };
            let status = Status::from_code(failure.status).unwrap_or(Status::Internal);
            let failure = Some((status, failure.message));
            self.failed.extend(entry.map(|entry| Entry { failure, ..entry }));
        }
        true
    }
}

impl Entry {
    fn repeat(&self) -> Entry {
        let (number, path, draft) = (self.number, self.path.clone(), self.draft.clone());
        Entry { number, path, draft, failure: None }
    }
}

impl Acknowledged {
    fn restore(self) -> Option<Entry> {
        let block = |b: Block| {
            let codec = match b.codec {
                0 => Codec::None,
                1 => Codec::Lz4,
                2 => Codec::Zstd,
                _ => return None,
            };
            Some(InlineBlock { codec, plain_len: b.plain_len, data: b.data })
        };
        let inline = self.blocks.into_iter().map(block).collect::<Option<Vec<_>>>()?;
        let draft = Draft { transaction: self.transaction?, packs: self.packs, inline };
        Some(Entry { number: self.number, path: self.path, draft, failure: None })
    }
}

fn failed(what: &str, folder: &Path, error: io::Error) -> Error {
    let status = match error.kind() {
        io::ErrorKind::StorageFull => Status::NoSpace,
        _ => Status::Io,
    };
    Error::new(status, format!("cannot {what} the journal in {}", folder.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::crypto::Key32;
    use crate::state::ops::{MakeDir, Op};

    fn draft(name: &str) -> Draft {
        let make = MakeDir { name: name.to_owned(), ..MakeDir::default() };
        let block = InlineBlock { codec: Codec::None, plain_len: 3, data: Bytes::from_static(b"abc") };
        Draft { inline: vec![block], ..Draft::of(Op::MakeDir(make)) }
    }

    fn place(folder: &Path) -> Place {
        let keyring = Arc::new(Keyring::new(0, Key32::new([7; 32])));
        Place { folder: folder.to_owned(), id: LogId([1; 32]), keyring, env: Env::seeded(1) }
    }

    fn session(k: u64) -> JournaledSession {
        let (id, incarnation) = (SessionId([2; 16]), Incarnation([3; 16]));
        JournaledSession { id, number: SessionNo(5), incarnation, k, inos: 9 }
    }

    fn numbers(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.number).collect()
    }

    /// Four acknowledged, the first two settled, the second of them with no effect, the third in a commit.
    fn write(place: &Place) -> Journal {
        let mut journal = Journal::create(place, session(1), std::iter::empty(), std::iter::empty()).unwrap();
        for number in 1..=4 {
            journal.acknowledged(number, &format!("/{number}"), &draft("d")).unwrap();
        }
        journal.offered(2, &[1, 0, 2], b"slot").unwrap();
        let error = Error::new(Status::Exists, "taken");
        journal.settled(2, 2, [(2, &error)].into_iter()).unwrap();
        journal.give_inos(100_000).unwrap();
        journal.offered(3, &[3], b"slot 3").unwrap();
        journal
    }

    #[test]
    fn what_was_recorded_is_recovered() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        assert!(Journal::read(&place).unwrap().session.is_none());
        let mut journal = write(&place);
        let recovered = Journal::read(&place).unwrap();
        assert_eq!(numbers(&recovered.pending), [3, 4]);
        assert_eq!(recovered.pending[0].draft.inline[0].data, "abc");
        assert_eq!(recovered.pending[0].draft.transaction, draft("d").transaction);
        assert_eq!(numbers(&recovered.failed), [2]);
        assert_eq!(recovered.failed[0].failure, Some((Status::Exists, "taken".to_owned())));
        let in_flight = recovered.in_flight.unwrap();
        assert_eq!((in_flight.k, &in_flight.slot[..]), (3, &b"slot 3"[..]));
        let session = recovered.session.unwrap();
        assert_eq!((session.k, session.id), (2, SessionId([2; 16])));
        assert_eq!(session.incarnation, Incarnation([3; 16]));
        assert!(session.inos >= 100_000);
        journal.forgotten(2).unwrap();
        assert!(Journal::read(&place).unwrap().failed.is_empty());
        Journal::remove(&place).unwrap();
        assert!(Journal::read(&place).unwrap().pending.is_empty());
    }

    #[test]
    fn one_that_is_written_anew_holds_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let (lost, waiting) = (draft("lost"), draft("waiting"));
        let error = Error::new(Status::NotFound, "gone");
        let entries = [(3, "/lost", &lost), (7, "/waiting", &waiting)];
        Journal::create(&place, session(4), entries.into_iter(), [(3, &error)].into_iter()).unwrap();
        let recovered = Journal::read(&place).unwrap();
        assert_eq!((numbers(&recovered.pending), numbers(&recovered.failed)), (vec![7], vec![3]));
        assert_eq!(recovered.session.unwrap().k, 4);
    }

    #[test]
    fn one_that_has_much_to_keep_is_not_written_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let block = InlineBlock { codec: Codec::None, plain_len: 0, data: vec![0; LARGE as usize].into() };
        let large = Draft { inline: vec![block], ..draft("large") };
        let entries = [(1, "/large", &large)].into_iter();
        let mut journal =
            Journal::create(&place(folder.path()), session(1), entries, [].into_iter()).unwrap();
        assert!(!journal.is_large());
        journal.acknowledged(2, "/large", &large).unwrap();
        assert!(journal.is_large());
    }

    #[test]
    fn one_that_is_cut_loses_its_last_record_and_one_that_is_damaged_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        drop(write(&place));
        let whole = std::fs::read(folder.path().join(JOURNAL)).unwrap();
        let mut least = 0;
        for cut in HEADER..whole.len() {
            let recovered = replay(&whole[..cut], place.id, &place.keyring).unwrap();
            let last = recovered.pending.iter().chain(&recovered.failed).map(|e| e.number).max().unwrap_or(0);
            assert!(last >= least, "cut at {cut}");
            least = last;
        }
        assert_eq!(least, 4);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            let error = replay(&damaged, place.id, &place.keyring).err();
            let status = error.unwrap_or_else(|| panic!("byte {at}")).status();
            assert!(matches!(status, Status::Integrity | Status::AccessDenied), "byte {at}");
        }
        let mut zeros = whole.clone();
        zeros.extend([0; 100]);
        assert_eq!(numbers(&replay(&zeros, place.id, &place.keyring).unwrap().pending), [3, 4]);
        assert!(replay(&whole, LogId([3; 32]), &place.keyring).is_err(), "another filespace's");
        for nothing in [&[][..], &[0; 500]] {
            std::fs::write(folder.path().join(JOURNAL), nothing).unwrap();
            assert!(Journal::read(&place).unwrap().session.is_none());
        }
    }
}

//! A log in a folder, for all processes of one host: three files that only grow.
//!
//! - `slots` has the bytes of the slots, one behind the other; `index` says where each is, with a checksum; `head` says
//!   which slot is the last, so that "is there anything new" is one `pread`.
//! - A writer holds a lock on `head`, writes the bytes behind the last slot, then the entry, then the head. What a
//!   writer leaves that dies before that is behind the end; the next one writes over it.
//! - Readers take no lock: up to the head, nothing changes any more.
//! - `head` also records what is on the disk (`durable`), which is all that counts after power loss (`recover`).
//!
//! `docs/format.md`, "Log in a folder", has the bytes. No file is mapped into memory: an I/O error on a mapping would
//! kill the host process.

mod create;
mod durable;
mod lock;
mod records;
mod recover;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use self::durable::Syncing;
use self::lock::Locked;
use self::records::{Entry, Head, MAX_BYTES, SLOTS_HEADER};
use super::waiting::Waiting;
use super::{Append, CHEAP_LOOKS, CommitLog, Life, LogError};
use crate::ids::Seq;

/// The folder of a log, inside the folder that it is in, and its files. Sorted by name they are copied in an order in
/// which a copy never says that there is more than it has.
const FOLDER: &str = "log";
const HEAD: &str = "head";
const INDEX: &str = "index";
const SLOTS: &str = "slots";

/// Entries read at once, and about how many bytes of slots.
const READ_ENTRIES: u64 = 256;
const READ_BYTES: usize = 1 << 20;
/// Looks at a head that is being written at the same moment, before its lock is waited for.
const LOOKS: u32 = 3;

/// A log in a folder.
pub struct FolderLog {
    /// Where its files are.
    files: PathBuf,
    head: File,
    index: File,
    slots: File,
    /// Threads of this process take turns before they take the lock.
    turn: Mutex<()>,
    syncing: Mutex<Syncing>,
    timeout: Duration,
    /// A position that the log has reached.
    reached: AtomicU64,
    waiting: Waiting,
}

/// The right to append.
struct Turn<'a> {
    _lock: Locked<'a>,
    _thread: MutexGuard<'a, ()>,
}

impl FolderLog {
    /// Opens the log in a folder. `timeout` bounds how long any call waits for other processes.
    ///
    /// The first to open it after the machine was started decides what has survived: the slots that are known to be
    /// on the disk, and those behind them up to the first that is not as it was written, or of which `whole` says
    /// that something is missing that it refers to. What comes behind is cut.
    pub fn open(
        folder: &Path,
        timeout: Duration,
        mut whole: impl FnMut(&[u8]) -> Result<bool, LogError>,
    ) -> Result<FolderLog, LogError> {
        create::refuse_old(folder)?;
        let files = folder.join(FOLDER);
        let open = |name| {
            let mut options = OpenOptions::new();
            crate::files::open(&files.join(name), options.read(true).write(true)).map_err(|e| {
                match e.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => {
                        LogError::NotFound(folder.display().to_string())
                    }
                    _ => LogError::Folder { place: folder.display().to_string(), source: e },
                }
            })
        };
        let log = FolderLog {
            head: open(HEAD)?,
            index: open(INDEX)?,
            slots: open(SLOTS)?,
            files,
            turn: Mutex::new(()),
            syncing: Mutex::default(),
            timeout,
            reached: AtomicU64::new(0),
            waiting: Waiting::new(CHEAP_LOOKS),
        };
        create::refuse_network(folder)?;
        let mut header = [0; SLOTS_HEADER.len()];
        if !read_exact(&log.slots, &mut header, 0)? {
            return Err(damaged("its file of slots has no header"));
        }
        if header != SLOTS_HEADER {
            let why = "its format is not version 1; it is damaged or was made by a newer library";
            return Err(LogError::Unsuitable { place: folder.display().to_string(), why });
        }
        log.recover(folder, &mut whole)?;
        log.check_length()?;
        Ok(log)
    }

    /// A log that is shorter than it was is not taken for one that never was longer.
    fn check_length(&self) -> Result<(), LogError> {
        let durable = self.durability()?.position;
        let head = self.look()?;
        if head.last < durable {
            return Err(damaged(format!("it ends at slot {}, but {durable} is on the disk", head.last)));
        }
        let entries = Entry::place(head.last.next());
        if self.index.metadata()?.len() < entries || self.slots.metadata()?.len() < head.end {
            return Err(damaged(format!("slot {} is missing", head.last)));
        }
        Ok(())
    }

    /// Whether the files that are written to are those that the next one to open the log finds.
    fn check_place(&self) -> Result<(), LogError> {
        let own = self.head.metadata()?;
        match self.files.join(HEAD).metadata() {
            Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => Ok(()),
            Ok(_) => Err(damaged("it was replaced while it was used; unlink and link again")),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(removed()),
            Err(e) => Err(e.into()),
        }
    }

    /// What is written to files that have no name any more, nobody finds.
    fn check_named(&self) -> Result<(), LogError> {
        match self.head.metadata()?.nlink() {
            0 => Err(removed()),
            _ => Ok(()),
        }
    }

    /// Waits for the right to append.
    fn take_turn(&self) -> Result<Turn<'_>, LogError> {
        let deadline = Instant::now() + self.timeout;
        let thread = self.turn.try_lock_until(deadline).ok_or_else(lock::busy)?;
        Ok(Turn { _lock: lock::lock(&self.head, deadline)?, _thread: thread })
    }

    /// The head as it is in the file: none if it is not one.
    fn head_as_it_is(&self) -> Result<Option<Head>, LogError> {
        let mut bytes = [0; Head::LEN];
        Ok(if read_exact(&self.head, &mut bytes, 0)? { Head::decode(&bytes) } else { None })
    }

    /// The head, for who has the right to append.
    fn head_in_turn(&self, _: &Turn<'_>) -> Result<Head, LogError> {
        self.head_as_it_is()?.ok_or_else(|| damaged("its head is not as it was written"))
    }

    /// The head, without a lock.
    fn look(&self) -> Result<Head, LogError> {
        let head = match (0..LOOKS).find_map(|_| self.head_as_it_is().transpose()) {
            Some(head) => head?,
            None => self.head_in_turn(&self.take_turn()?)?,
        };
        self.reached.fetch_max(head.last.0, Ordering::Relaxed);
        Ok(head)
    }

    /// The entries from a slot on; each is where a slot can be.
    fn entries(&self, from: Seq, count: u64) -> Result<Vec<Entry>, LogError> {
        let mut bytes = vec![0; count as usize * Entry::LEN];
        let there = read_most(&self.index, &mut bytes, Entry::place(from))? / Entry::LEN;
        if (there as u64) < count {
            return Err(damaged(format!("slot {} is missing", from.0 + there as u64)));
        }
        let (entries, _) = bytes.as_chunks();
        let decoded = (from.0..).zip(entries).map(|(slot, bytes)| {
            Entry::decode(bytes).ok_or_else(|| damaged(format!("the entry of slot {slot} is damaged")))
        });
        decoded.collect()
    }

    /// The bytes of the slots from a slot on that have these entries, each checked.
    fn run(&self, from: Seq, entries: &[Entry], slots: &mut Vec<(Seq, Bytes)>) -> Result<(), LogError> {
        let start = entries.first().map_or(0, |e| e.offset);
        let len: usize = entries.iter().map(|e| e.length as usize).sum();
        let mut bytes = vec![0; len];
        // Short, if a length is wrong; then the checksum says which.
        let there = read_most(&self.slots, &mut bytes, start)?;
        let bytes = Bytes::from(bytes).slice(..there);
        let (mut slot, mut at) = (from, 0);
        for entry in entries {
            let end = at + entry.length as usize;
            let own = if end <= bytes.len() { bytes.slice(at..end) } else { Bytes::new() };
            if entry.offset != start + at as u64
                || own.len() != entry.length as usize
                || !entry.is_of(slot, &own)
            {
                return Err(damaged(format!("slot {slot} is not as it was written")));
            }
            slots.push((slot, own));
            (slot, at) = (slot.next(), end);
        }
        Ok(())
    }
}

impl CommitLog for FolderLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        if bytes.len() > MAX_BYTES {
            return Err(LogError::Io(format!("a slot has at most {MAX_BYTES} bytes").into()));
        }
        let turn = self.take_turn()?;
        self.check_named()?;
        let before = self.head_in_turn(&turn)?;
        if before.last < after {
            return Ok(Append::Occupied);
        }
        let slot = before.last.next();
        let entry = Entry::of(slot, before.end, bytes);
        let head = Head { last: slot, end: entry.end() };
        self.slots.write_all_at(bytes, before.end)?;
        self.index.write_all_at(&entry.encode(), Entry::place(slot))?;
        if let Err(error) = self.head.write_all_at(&head.encode(), 0) {
            // Looked up under the lock: it is there, or never will be.
            return match self.head_in_turn(&turn) {
                Ok(now) if now == before => Err(error.into()),
                Ok(now) if now == head => Ok(Append::Landed(slot)),
                _ => Ok(Append::Unknown(error.into())),
            };
        }
        self.waiting.reach(slot);
        Ok(Append::Landed(slot))
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let last = self.look()?.last;
        let (mut slots, mut next, mut left) = (Vec::new(), from, max_bytes);
        while next <= last && slots.len() < limit && (left > 0 || slots.is_empty()) {
            let count = (last.0 - next.0 + 1).min((limit - slots.len()) as u64).min(READ_ENTRIES);
            let entries = self.entries(next, count)?;
            let (mut taken, mut bytes) = (0, 0);
            while taken < entries.len() && (taken == 0 || bytes < left.min(READ_BYTES)) {
                bytes += entries[taken].length as usize;
                taken += 1;
            }
            self.run(next, &entries[..taken], &mut slots)?;
            next = Seq(next.0 + taken as u64);
            left = left.saturating_sub(bytes);
        }
        Ok(slots)
    }

    /// Not checked: that would take the whole slot. What is asked for is sealed.
    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        let missing = || LogError::NoSuchRange { slot, offset, len };
        if slot.0 > self.reached.load(Ordering::Relaxed) && slot > self.look()?.last {
            return Err(missing());
        }
        let entry = self.entries(slot, 1)?.pop().ok_or_else(missing)?;
        if offset.checked_add(len.into()).is_none_or(|end| end > entry.length.into()) {
            return Err(missing());
        }
        let mut bytes = vec![0; len as usize];
        match read_exact(&self.slots, &mut bytes, entry.offset + offset)? {
            true => Ok(bytes.into()),
            false => Err(damaged(format!("slot {slot} is not as it was written"))),
        }
    }

    fn head(&self) -> Result<Seq, LogError> {
        Ok(self.look()?.last)
    }

    fn durable(&self) -> Result<Seq, LogError> {
        Ok(self.durability()?.position)
    }

    fn life(&self) -> Result<Life, LogError> {
        Ok(self.durability()?.life)
    }

    fn sync(&self, upto: Seq) -> Result<(), LogError> {
        self.make_durable(upto)
    }

    fn wait_beyond(&self, position: Seq, deadline: Instant) -> Result<Option<Seq>, LogError> {
        self.waiting.wait_beyond(position, deadline, || self.head())
    }
}

/// Fills the buffer; false if the file ends before.
fn read_exact(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, offset) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// Reads up to the end of the file; how many bytes there were.
fn read_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

fn removed() -> LogError {
    damaged("it was removed while it was used")
}

fn damaged(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LogError {
    LogError::Damaged(what.into())
}

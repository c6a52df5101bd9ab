//! A log in a bucket: an object for each slot, put where there is none. Nothing else is shared by those who write it,
//! and no object of it is ever changed.
//!
//! - An append is one PUT and nothing else. Whether it landed is what its answer says; without one, only reading the slot
//!   does.
//! - The head is where the next slot is missing: a look is one GET, which brings the slot along if it is there. Who comes
//!   anew finds the end by steps and a listing.
//! - `looks`: calls that look at the same time share one request.

mod looks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;

use self::looks::Looks;
use super::waiting::Waiting;
use super::{Append, CommitLog, DEAR_LOOKS, Life, LogError};
use crate::bucket::{Bucket, BucketError, LIST_PAGE, Put};
use crate::ids::Seq;

/// Digits of a slot's number in its key: keys are in the order of the slots.
const DIGITS: usize = 20;
const FOLDER: &str = "log/";
/// Slots that are fetched at the same time.
const PARALLEL: u64 = 32;
/// Bytes of slots that are kept in memory, at most.
const KEPT_BYTES: usize = 4 << 20;

/// A log in a bucket.
pub struct BucketLog {
    bucket: Arc<Bucket>,
    /// Of the keys of its slots.
    folder: String,
    known: Mutex<Known>,
    looks: Looks,
    waiting: Waiting,
}

/// What is known of the log.
#[derive(Default)]
struct Known {
    /// A slot that is there; all before it are.
    last: Option<Seq>,
    /// Slots that looks brought along, and those that were read or put last.
    kept: BTreeMap<Seq, Bytes>,
    kept_bytes: usize,
    /// All before this one were read.
    read: Seq,
}

impl Known {
    fn reach(&mut self, slot: Seq) {
        self.last = self.last.max(Some(slot));
    }

    fn keep(&mut self, slot: Seq, bytes: Bytes) {
        self.kept_bytes += bytes.len();
        if let Some(same) = self.kept.insert(slot, bytes) {
            self.kept_bytes -= same.len();
        }
        while self.kept_bytes > KEPT_BYTES {
            // What was read before goes first, then what will be read last.
            let has_old = self.kept.first_key_value().is_some_and(|(slot, _)| *slot < self.read);
            let dropped = if has_old { self.kept.pop_first() } else { self.kept.pop_last() };
            self.kept_bytes -= dropped.map_or(0, |(_, bytes)| bytes.len());
        }
    }
}

impl BucketLog {
    /// Makes a log whose slot 0 is `genesis`.
    pub fn create(bucket: Arc<Bucket>, path: &str, genesis: &[u8]) -> Result<BucketLog, LogError> {
        let log = BucketLog::new(bucket, path);
        let bytes = Bytes::copy_from_slice(genesis);
        match log.bucket.put_surely(&log.key(Seq(0)), bytes, log.bucket.deadline())? {
            Put::Made => {
                log.known.lock().reach(Seq(0));
                Ok(log)
            }
            Put::Taken => Err(LogError::Exists(path.to_owned())),
        }
    }

    /// Opens the log at a path.
    pub fn open(bucket: Arc<Bucket>, path: &str) -> Result<BucketLog, LogError> {
        let log = BucketLog::new(bucket, path);
        match log.bucket.get(&log.key(Seq(0)), log.bucket.deadline()) {
            Ok(genesis) => {
                log.known.lock().keep(Seq(0), genesis);
                Ok(log)
            }
            Err(BucketError::NotFound) => Err(LogError::NotFound(path.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what is there of a log that nobody has seen.
    pub fn remove(bucket: &Arc<Bucket>, path: &str) {
        let log = BucketLog::new(bucket.clone(), path);
        let deadline = bucket.deadline();
        let found = bucket.list_page(&log.folder, None, deadline);
        for key in found.map(|page| page.keys).unwrap_or_default() {
            let _ = bucket.delete(&key, deadline);
        }
    }

    fn new(bucket: Arc<Bucket>, path: &str) -> BucketLog {
        let folder = if path.is_empty() { FOLDER.to_owned() } else { format!("{path}/{FOLDER}") };
        let (known, looks, waiting) = (Mutex::default(), Looks::default(), Waiting::new(DEAR_LOOKS));
        BucketLog { bucket, folder, known, looks, waiting }
    }

    fn key(&self, slot: Seq) -> String {
        format!("{}{:0DIGITS$}", self.folder, slot.0)
    }

    /// The slots that are there of a run, up to the first that is not; all of them if that is known.
    fn fetch(&self, from: Seq, count: u64, deadline: Instant) -> Result<Vec<(Seq, Bytes)>, BucketError> {
        let run = (from.0..from.0.saturating_add(count)).map(Seq);
        let mut slots: BTreeMap<Seq, Bytes> = {
            let known = self.known.lock();
            run.clone().filter_map(|slot| Some((slot, known.kept.get(&slot)?.clone()))).collect()
        };
        let missing: Vec<Seq> = run.clone().filter(|slot| !slots.contains_key(slot)).collect();
        if !missing.is_empty() {
            let keys = missing.iter().map(|slot| self.key(*slot)).collect();
            let fetched = self.bucket.get_each(keys, deadline)?;
            slots.extend(missing.into_iter().zip(fetched).filter_map(|(slot, bytes)| Some((slot, bytes?))));
        }
        let there: Vec<(Seq, Bytes)> = run.map_while(|slot| slots.remove_entry(&slot)).collect();
        let mut known = self.known.lock();
        there.iter().for_each(|(slot, bytes)| known.keep(*slot, bytes.clone()));
        match (there.last(), known.last) {
            // A slot is gone that was there: the log ends before it.
            (_, Some(last)) if (there.len() as u64) < count && from.0 + there.len() as u64 <= last.0 => {
                known.last = (from.0 + there.len() as u64).checked_sub(1).map(Seq);
            }
            (Some((slot, _)), _) => known.reach(*slot),
            (None, _) => {}
        }
        Ok(there)
    }

    /// The last slot, as of now.
    fn look(&self, deadline: Instant) -> Result<Seq, BucketError> {
        let Some(known) = self.known.lock().last else { return self.find_end(deadline) };
        let (mut last, mut count) = (known, 1);
        loop {
            let found = self.fetch(last.next(), count, deadline)?.len() as u64;
            last = Seq(last.0 + found);
            if found < count {
                return Ok(last);
            }
            if count == PARALLEL {
                return self.find_end(deadline);
            }
            // As many again as were found so far.
            count = (last.0 - known.0).min(PARALLEL);
        }
    }

    /// The last slot of a log of which little is known.
    fn find_end(&self, deadline: Instant) -> Result<Seq, BucketError> {
        let mut last = self.known.lock().last.unwrap_or(Seq(0));
        loop {
            let page = self.bucket.list_page(&self.folder, Some(&self.key(last)), deadline)?;
            let (before, mut is_gap) = (last, false);
            for key in page.keys {
                if key != self.key(last.next()) {
                    is_gap = true;
                    break;
                }
                last = last.next();
            }
            if page.is_last || is_gap || last == before {
                self.known.lock().reach(last);
                return Ok(last);
            }
            last = self.near_end(last, deadline)?;
        }
    }

    /// A slot less than a page before the last one. There is no gap in a log: steps that double find a slot that is
    /// missing, halves bring it near.
    fn near_end(&self, from: Seq, deadline: Instant) -> Result<Seq, BucketError> {
        let page = LIST_PAGE as u64;
        let (mut there, mut step) = (from.0, page);
        while self.bucket.has(&self.key(Seq(there + step)), deadline)? {
            (there, step) = (there + step, 2 * step);
        }
        let mut missing = there + step;
        while missing - there > page {
            let middle = there + (missing - there) / 2;
            match self.bucket.has(&self.key(Seq(middle)), deadline)? {
                true => there = middle,
                false => missing = middle,
            }
        }
        Ok(Seq(there))
    }
}

impl CommitLog for BucketLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        // Nobody may put a slot that does not follow one that is there.
        if self.known.lock().last < Some(after) && self.head()? < after {
            return Ok(Append::Occupied);
        }
        if self.known.lock().last > Some(after) {
            return Ok(Append::Occupied);
        }
        let slot = after.next();
        let (bytes, deadline) = (Bytes::copy_from_slice(bytes), self.bucket.deadline());
        match self.bucket.put_new(&self.key(slot), bytes.clone(), deadline) {
            Ok(Put::Made) => {
                let mut known = self.known.lock();
                known.reach(slot);
                known.keep(slot, bytes);
                drop(known);
                self.waiting.reach(slot);
                Ok(Append::Landed(slot))
            }
            Ok(Put::Taken) => Ok(Append::Occupied),
            Err(error) if error.is_without_effect() => Err(error.into()),
            Err(error) => Ok(Append::Unknown(error.into())),
        }
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let deadline = self.bucket.deadline();
        let (mut slots, mut total) = (Vec::new(), 0);
        while slots.len() < limit && (slots.is_empty() || total < max_bytes) {
            let next = Seq(from.0 + slots.len() as u64);
            let known = self.known.lock().last.map_or(0, |last| (last.0 + 1).saturating_sub(next.0));
            // Behind what is known to be there, carefully: most often nothing is.
            let count = known.max(slots.len() as u64).clamp(1, PARALLEL).min((limit - slots.len()) as u64);
            let there = self.fetch(next, count, deadline)?;
            let is_end = (there.len() as u64) < count;
            for slot in there {
                if slots.is_empty() || total < max_bytes {
                    total += slot.1.len();
                    slots.push(slot);
                }
            }
            if is_end {
                break;
            }
        }
        let mut known = self.known.lock();
        known.read = known.read.max(Seq(from.0 + slots.len() as u64));
        Ok(slots)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        let missing = || LogError::NoSuchRange { slot, offset, len };
        let end = offset.checked_add(len.into()).ok_or_else(missing)?;
        if let Some(bytes) = self.known.lock().kept.get(&slot) {
            return if end <= bytes.len() as u64 {
                Ok(bytes.slice(offset as usize..end as usize))
            } else {
                Err(missing())
            };
        }
        if len == 0 {
            return Ok(Bytes::new());
        }
        match self.bucket.get_range(&self.key(slot), offset..end, self.bucket.deadline()) {
            Ok(bytes) if bytes.len() == len as usize => Ok(bytes),
            Ok(_) | Err(BucketError::OutOfRange | BucketError::NotFound) => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    fn head(&self) -> Result<Seq, LogError> {
        let deadline = self.bucket.deadline();
        Ok(self.looks.share(deadline, || self.look(deadline))?)
    }

    /// What is there stays: that is the store's business.
    fn durable(&self) -> Result<Seq, LogError> {
        match self.known.lock().last {
            Some(last) => Ok(last),
            None => self.head(),
        }
    }

    fn life(&self) -> Result<Life, LogError> {
        Ok(Life::FIRST)
    }

    fn sync(&self, _: Seq) -> Result<(), LogError> {
        Ok(())
    }

    /// Only the next slot is asked for: whoever hears of it reads on from there.
    fn wait_beyond(&self, position: Seq, deadline: Instant) -> Result<Option<Seq>, LogError> {
        self.waiting.wait_beyond(position, deadline, || {
            let known = self.known.lock().last.unwrap_or(position);
            if known > position {
                return Ok(known);
            }
            let there = self.fetch(position.next(), 1, self.bucket.deadline())?;
            Ok(there.last().map_or(known, |(slot, _)| *slot))
        })
    }
}

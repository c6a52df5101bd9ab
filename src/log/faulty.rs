//! A log that fails as logs do: requests that fail before anything was sent, answers that are lost after the
//! bytes landed, and bytes that land late, when the author has given up on the slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Append, CommitLog, Life, LogError};
use crate::env::SeededRandom;
use crate::ids::Seq;

/// Wraps a log; each request fails with a chance of one in `odds` (never, if 0), in one of the ways.
pub struct FaultyLog {
    inner: Arc<dyn CommitLog>,
    random: SeededRandom,
    odds: AtomicU64,
    late: Mutex<Option<Bytes>>,
}

impl FaultyLog {
    /// A log that fails as the seed says.
    pub fn new(inner: Arc<dyn CommitLog>, seed: u64, odds: u64) -> FaultyLog {
        let odds = AtomicU64::new(odds);
        FaultyLog { inner, random: SeededRandom::new(seed), odds, late: Mutex::new(None) }
    }

    /// From now on it fails with another chance.
    pub fn set_odds(&self, odds: u64) {
        self.odds.store(odds, Ordering::Relaxed);
    }

    fn fails(&self) -> bool {
        let odds = self.odds.load(Ordering::Relaxed);
        odds > 0 && self.random.next_u64().is_multiple_of(odds)
    }

    fn lost() -> LogError {
        LogError::Io("injected: no answer".into())
    }

    /// A delayed request arrives: it takes whatever slot is free, as a late PUT to a slot would.
    fn deliver_late(&self) -> Result<(), LogError> {
        if let Some(bytes) = self.late.lock().take() {
            let mut head = self.inner.head()?;
            while let Append::Occupied = self.inner.append(&bytes, head)? {
                head = self.inner.head()?;
            }
        }
        Ok(())
    }
}

impl CommitLog for FaultyLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        if self.random.next_u64().is_multiple_of(4) {
            self.deliver_late()?;
        }
        if !self.fails() {
            return self.inner.append(bytes, after);
        }
        match self.random.next_u64() % 4 {
            0 => Err(FaultyLog::lost()),                 // it was not even sent
            1 => Ok(Append::Unknown(FaultyLog::lost())), // it never arrived
            2 => match self.inner.append(bytes, after)? {
                Append::Landed(_) => Ok(Append::Unknown(FaultyLog::lost())),
                other => Ok(other),
            },
            _ => {
                *self.late.lock() = Some(Bytes::copy_from_slice(bytes));
                Ok(Append::Unknown(FaultyLog::lost()))
            }
        }
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        if self.fails() {
            return Err(FaultyLog::lost());
        }
        self.inner.read(from, limit, max_bytes)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        self.inner.read_range(slot, offset, len)
    }

    fn head(&self) -> Result<Seq, LogError> {
        self.inner.head()
    }

    fn durable(&self) -> Result<Seq, LogError> {
        self.inner.durable()
    }

    fn life(&self) -> Result<Life, LogError> {
        self.inner.life()
    }

    fn sync(&self, upto: Seq) -> Result<(), LogError> {
        self.inner.sync(upto)
    }
}

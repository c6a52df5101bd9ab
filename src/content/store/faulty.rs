//! A store that fails as stores do, and that counts what is asked of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::{Store, StoreError};
use crate::env::SeededRandom;

/// Wraps a store; each request fails with a chance of one in `odds` (never, if 0): before anything
/// happened, or after it did, so that the answer is lost.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    random: SeededRandom,
    odds: AtomicU64,
    /// Objects put.
    pub puts: AtomicU64,
    /// Objects or ranges read.
    pub gets: AtomicU64,
    /// Bytes read.
    pub bytes_read: AtomicU64,
}

impl FaultyStore {
    /// A store that fails as the seed says.
    pub fn new(inner: Arc<dyn Store>, seed: u64, odds: u64) -> FaultyStore {
        FaultyStore {
            inner,
            random: SeededRandom::new(seed),
            odds: AtomicU64::new(odds),
            puts: AtomicU64::new(0),
            gets: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
        }
    }

    fn fails(&self) -> bool {
        let odds = self.odds.load(Ordering::Relaxed);
        odds > 0 && self.random.next_u64().is_multiple_of(odds)
    }

    /// From now on it fails with another chance.
    pub fn set_odds(&self, odds: u64) {
        self.odds.store(odds, Ordering::Relaxed);
    }

    fn lost(key: &str) -> StoreError {
        StoreError::io(key, io::Error::new(io::ErrorKind::TimedOut, "injected: no answer"))
    }
}

impl Store for FaultyStore {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.puts.fetch_add(1, Ordering::Relaxed);
        if self.fails() {
            return Err(FaultyStore::lost(key));
        }
        self.inner.put(key, bytes)?;
        if self.fails() { Err(FaultyStore::lost(key)) } else { Ok(()) }
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        if self.fails() {
            return Err(FaultyStore::lost(key));
        }
        let bytes = self.inner.get(key)?;
        self.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        if self.fails() {
            return Err(FaultyStore::lost(key));
        }
        self.bytes_read.fetch_add(len as u64, Ordering::Relaxed);
        self.inner.get_range(key, offset, len)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        if self.fails() {
            return Err(FaultyStore::lost(prefix));
        }
        self.inner.list(prefix)
    }

    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        if self.fails() {
            return Err(FaultyStore::lost(prefix));
        }
        self.inner.list_aged(prefix, each)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        if self.fails() {
            return Err(FaultyStore::lost(key));
        }
        self.inner.delete(key)?;
        if self.fails() { Err(FaultyStore::lost(key)) } else { Ok(()) }
    }

    fn sweep(&self, age: Duration, remove: bool) -> Result<u64, StoreError> {
        self.inner.sweep(age, remove)
    }

    fn sync(&self, others: &[String]) -> Result<(), StoreError> {
        self.inner.sync(others)
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        self.inner.sync_all()
    }
}

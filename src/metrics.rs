//! What a daemon has done, counted: as numbers, and as text that Prometheus reads.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;

use crate::content::store::{Store, StoreError};
use crate::ids::Seq;
use crate::log::{Append, CommitLog, Life, LogError};

macro_rules! counters {
    ($($name:ident: $help:literal;)*) => {
        /// The counters of a daemon. They only grow.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $name: AtomicU64,)*
        }

        /// Counters and gauges at a moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Reading {
            $(#[doc = $help] pub $name: u64,)*
            /// Filespaces linked.
            pub linked: u64,
            /// Changes that were acknowledged in relaxed mode and are not committed yet.
            pub pending: u64,
            /// Late failures that were not acknowledged.
            pub late_failures: u64,
            /// Bytes of the block cache of this process.
            pub cache_bytes: u64,
            /// Bytes of this process's memory limit that are set apart for data on its way.
            pub reserved_bytes: u64,
            /// The memory limit of this process, in bytes.
            pub memory_limit: u64,
            /// Bytes of the cache on disk.
            pub disk_cache_bytes: u64,
        }

        impl Metrics {
            /// The counters as they are.
            pub fn read(&self) -> Reading {
                Reading { $($name: self.$name.load(Ordering::Relaxed),)* ..Reading::default() }
            }
        }

        impl Reading {
            /// In the text format of Prometheus.
            pub fn to_prometheus(&self) -> String {
                let mut text = String::new();
                $(line(&mut text, "counter", concat!(stringify!($name), "_total"), $help, self.$name);)*
                line(&mut text, "gauge", "linked", "Filespaces linked.", self.linked);
                line(&mut text, "gauge", "pending", "Changes acknowledged and not committed yet.", self.pending);
                line(&mut text, "gauge", "late_failures", "Late failures not acknowledged.", self.late_failures);
                line(&mut text, "gauge", "cache_bytes", "Bytes of the block cache.", self.cache_bytes);
                line(&mut text, "gauge", "reserved_bytes", "Bytes set apart for data on its way.", self.reserved_bytes);
                line(&mut text, "gauge", "memory_limit_bytes", "The memory limit.", self.memory_limit);
                line(&mut text, "gauge", "disk_cache_bytes", "Bytes of the cache on disk.", self.disk_cache_bytes);
                text
            }
        }
    };
}

counters! {
    looks: "Calls that looked at the state.";
    changes: "Calls that changed something.";
    commits: "Commits of this daemon's sessions.";
    log_appends: "Requests to append to a log.";
    log_reads: "Requests for commits of a log.";
    log_read_bytes: "Bytes of commits read from logs.";
    store_puts: "Objects stored.";
    store_put_bytes: "Bytes of objects stored.";
    store_gets: "Requests for objects or ranges of them.";
    store_get_bytes: "Bytes of objects read.";
    cache_hits: "Blocks of files that were in memory.";
    cache_misses: "Blocks of files that were fetched.";
    disk_cache_hits: "Ranges of packs that were in the cache on disk.";
    disk_cache_misses: "Ranges of packs that were not in the cache on disk, while there is one.";
    disk_cache_failures: "Failures of the cache on disk, and ranges in it that were damaged.";
}

fn line(text: &mut String, kind: &str, name: &str, help: &str, value: u64) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "# HELP lucidlink_{name} {help}\n# TYPE lucidlink_{name} {kind}\nlucidlink_{name} {value}\n"
    );
}

/// One more.
pub fn count(counter: &AtomicU64) {
    add(counter, 1);
}

fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// A store whose requests are counted.
pub struct CountedStore {
    inner: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl CountedStore {
    /// Counts the requests to a store.
    pub fn new(inner: Arc<dyn Store>, metrics: Arc<Metrics>) -> CountedStore {
        CountedStore { inner, metrics }
    }

    fn got(&self, bytes: usize) {
        count(&self.metrics.store_gets);
        add(&self.metrics.store_get_bytes, bytes);
    }
}

impl Store for CountedStore {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        count(&self.metrics.store_puts);
        add(&self.metrics.store_put_bytes, bytes.len());
        self.inner.put(key, bytes)
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let bytes = self.inner.get(key);
        self.got(bytes.as_ref().map_or(0, Bytes::len));
        bytes
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        self.got(len);
        self.inner.get_range(key, offset, len)
    }

    fn get_range_into(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.got(out.len());
        self.inner.get_range_into(key, offset, out)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix)
    }

    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        self.inner.list_aged(prefix, each)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key)
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

/// A log whose requests are counted; a look at its head is none.
pub struct CountedLog {
    inner: Arc<dyn CommitLog>,
    metrics: Arc<Metrics>,
}

impl CountedLog {
    /// Counts the requests to a log.
    pub fn new(inner: Arc<dyn CommitLog>, metrics: Arc<Metrics>) -> CountedLog {
        CountedLog { inner, metrics }
    }
}

impl CommitLog for CountedLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        count(&self.metrics.log_appends);
        self.inner.append(bytes, after)
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let slots = self.inner.read(from, limit, max_bytes)?;
        count(&self.metrics.log_reads);
        add(&self.metrics.log_read_bytes, slots.iter().map(|(_, bytes)| bytes.len()).sum());
        Ok(slots)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        count(&self.metrics.log_reads);
        add(&self.metrics.log_read_bytes, len as usize);
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

    fn wait_beyond(&self, position: Seq, deadline: Instant) -> Result<Option<Seq>, LogError> {
        self.inner.wait_beyond(position, deadline)
    }
}

//! Where objects are kept: immutable bytes under a key.
//!
//! - [`folder`]: a directory.
//! - [`bucket`]: a bucket.
//! - [`memory`] and [`faulty`]: doubles for tests.
//! - [`conformance`]: what every implementation is tested for.

pub mod bucket;
#[doc(hidden)]
pub mod conformance;
#[doc(hidden)]
pub mod faulty;
pub mod folder;
#[doc(hidden)]
pub mod memory;

use std::time::Duration;

use bytes::Bytes;

use crate::bucket::BucketError;
use crate::error::{Error, Status};

/// Immutable objects under `/`-separated keys of lower-case letters, digits and `-`. Calls block and may
/// come from any thread.
pub trait Store: Send + Sync {
    /// Stores an object. The same bytes under a key that exists are a repeated request and succeed; other
    /// bytes fail with [`StoreError::Exists`]. An object is there whole or not at all.
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// An object as a whole.
    fn get(&self, key: &str) -> Result<Bytes, StoreError>;

    /// A range of an object, exactly `len` bytes.
    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError>;

    /// The same into the caller's bytes.
    fn get_range_into(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let bytes = self.get_range(key, offset, out.len())?;
        if bytes.len() != out.len() {
            return Err(StoreError::Short { key: key.to_owned(), offset, len: out.len() });
        }
        out.copy_from_slice(&bytes);
        Ok(())
    }

    /// The keys that start with `prefix`, which ends in `/`; in no order.
    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Goes over the keys that start with `prefix`, which ends in `/`, in no order, with how long each object has been
    /// there by the store's own clock; zero if the store does not say.
    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError>;

    /// Removes an object; that there is none is no error. Nothing but collection may do this.
    fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Finds what writers that died left of objects that were never whole, if it is as old as this, and removes it if
    /// that is wanted; how many there were.
    fn sweep(&self, _age: Duration, _remove: bool) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Makes everything that was put through this object survive power loss, and these other objects.
    fn sync(&self, others: &[String]) -> Result<(), StoreError>;

    /// Makes everything in the store survive power loss, whoever put it.
    fn sync_all(&self) -> Result<(), StoreError>;
}

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such object.
    #[error("object {key} is not in the store")]
    NotFound {
        /// Its key.
        key: String,
    },
    /// There is another object of that key.
    #[error("object {key} exists with other content")]
    Exists {
        /// Its key.
        key: String,
    },
    /// The object is shorter than asked for.
    #[error("object {key} does not have bytes {offset}..+{len}")]
    Short {
        /// Its key.
        key: String,
        /// The first byte.
        offset: u64,
        /// How many.
        len: usize,
    },
    /// The store is full.
    #[error("there is no space left for object {key}")]
    Full {
        /// Its key.
        key: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The bucket it is in cannot be used.
    #[error("object {key}: {source}")]
    Bucket {
        /// Its key.
        key: String,
        /// The cause.
        source: BucketError,
    },
    /// Anything else.
    #[error("the store failed on object {key}")]
    Io {
        /// Its key.
        key: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl StoreError {
    /// An I/O error on an object.
    pub fn io(key: &str, source: std::io::Error) -> StoreError {
        let key = key.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => StoreError::NotFound { key },
            std::io::ErrorKind::StorageFull => StoreError::Full { key, source },
            _ => StoreError::Io { key, source },
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        let status = match &error {
            // The state refers to it: it should be there.
            StoreError::NotFound { .. } | StoreError::Short { .. } | StoreError::Exists { .. } => {
                Status::Integrity
            }
            StoreError::Full { .. } => Status::NoSpace,
            StoreError::Io { .. } => Status::Io,
            StoreError::Bucket { key, source } => {
                return Error::new(source.status(), format!("the store cannot serve object {key}: {source}"));
            }
        };
        Error::new(status, "the store cannot serve this").caused_by(error)
    }
}

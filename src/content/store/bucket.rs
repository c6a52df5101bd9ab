//! Objects in a bucket. What was put there survives power loss: that is the store's business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Store, StoreError};
use crate::bucket::{Bucket, BucketError, Put};

/// The objects below a path of a bucket.
pub struct BucketStore {
    bucket: Arc<Bucket>,
    /// Empty, or ends in `/`.
    path: String,
}

impl BucketStore {
    /// The store at a path, without a `/` at its end.
    pub fn new(bucket: Arc<Bucket>, path: &str) -> BucketStore {
        let path = if path.is_empty() { String::new() } else { format!("{path}/") };
        BucketStore { bucket, path }
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }
}

fn failed(key: &str, error: BucketError) -> StoreError {
    let key = key.to_owned();
    match error {
        BucketError::NotFound => StoreError::NotFound { key },
        source => StoreError::Bucket { key, source },
    }
}

impl Store for BucketStore {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let deadline = self.bucket.deadline();
        let fail = |e| failed(key, e);
        match self
            .bucket
            .put_surely(&self.name(key), Bytes::copy_from_slice(bytes), deadline)
            .map_err(fail)?
        {
            Put::Made => Ok(()),
            Put::Taken => Err(StoreError::Exists { key: key.to_owned() }),
        }
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.bucket.get(&self.name(key), self.bucket.deadline()).map_err(|e| failed(key, e))
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        let short = || StoreError::Short { key: key.to_owned(), offset, len };
        let end = offset.checked_add(len as u64).ok_or_else(short)?;
        if len == 0 {
            return Ok(Bytes::new());
        }
        match self.bucket.get_range(&self.name(key), offset..end, self.bucket.deadline()) {
            Ok(bytes) if bytes.len() == len => Ok(bytes),
            Ok(_) | Err(BucketError::OutOfRange) => Err(short()),
            Err(error) => Err(failed(key, error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let folder = self.name(prefix);
        let mut keys: Vec<String> = Vec::new();
        loop {
            // Each page has the time of a call.
            let deadline = self.bucket.deadline();
            let page = self.bucket.list_page(&folder, keys.last().map(String::as_str), deadline);
            let mut page = page.map_err(|e| failed(prefix, e))?;
            keys.append(&mut page.keys);
            if page.is_last {
                let own = keys.iter().filter_map(|key| key.strip_prefix(&self.path));
                return Ok(own.map(str::to_owned).collect());
            }
        }
    }

    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        let folder = self.name(prefix);
        let mut last: Option<String> = None;
        loop {
            let page = self.bucket.list_page(&folder, last.as_deref(), self.bucket.deadline());
            let page = page.map_err(|e| failed(prefix, e))?;
            for (key, age) in page.keys.iter().zip(&page.ages) {
                if let Some(key) = key.strip_prefix(&self.path) {
                    each(key, *age);
                }
            }
            if page.is_last {
                return Ok(());
            }
            last = page.keys.last().cloned().or(last);
        }
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        let deleted = self.bucket.delete(&self.name(key), self.bucket.deadline());
        deleted.map_err(|e| failed(key, e))
    }

    fn sync(&self, _: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

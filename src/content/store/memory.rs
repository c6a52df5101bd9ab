//! Objects in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Store, StoreError};

/// A store that lives as long as its object.
#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Bytes>>);

impl MemoryStore {
    /// Changes an object behind everybody's back.
    pub fn tamper(&self, key: &str, f: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.0.lock().get_mut(key) {
            let mut changed = bytes.to_vec();
            f(&mut changed);
            *bytes = changed.into();
        }
    }

    /// Removes an object behind everybody's back.
    pub fn lose(&self, key: &str) {
        self.0.lock().remove(key);
    }
}

impl Store for MemoryStore {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut objects = self.0.lock();
        match objects.get(key) {
            Some(there) if there != bytes => Err(StoreError::Exists { key: key.to_owned() }),
            Some(_) => Ok(()),
            None => {
                objects.insert(key.to_owned(), Bytes::copy_from_slice(bytes));
                Ok(())
            }
        }
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.0.lock().get(key).cloned().ok_or_else(|| StoreError::NotFound { key: key.to_owned() })
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        let bytes = self.get(key)?;
        let end = offset.checked_add(len as u64).filter(|end| *end <= bytes.len() as u64);
        let end = end.ok_or_else(|| StoreError::Short { key: key.to_owned(), offset, len })?;
        Ok(bytes.slice(offset as usize..end as usize))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.0.lock().keys().filter(|k| k.starts_with(prefix)).cloned().collect())
    }

    /// It has no clock.
    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        self.list(prefix)?.iter().for_each(|key| each(key, Duration::ZERO));
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.lose(key);
        Ok(())
    }

    fn sync(&self, _: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn conforms() {
        super::super::conformance::check(&super::MemoryStore::default());
    }
}

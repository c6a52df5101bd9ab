//! A log in memory.

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Append, CommitLog, Life, LogError};
use crate::ids::Seq;

/// A log that lives as long as its object.
pub struct MemoryLog(Mutex<Vec<Bytes>>);

impl MemoryLog {
    /// A log whose slot 0 is `genesis`.
    pub fn new(genesis: &[u8]) -> MemoryLog {
        MemoryLog(Mutex::new(vec![Bytes::copy_from_slice(genesis)]))
    }
}

impl CommitLog for MemoryLog {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        let mut slots = self.0.lock();
        if slots.len() as u64 != after.0 + 1 {
            return Ok(Append::Occupied);
        }
        slots.push(Bytes::copy_from_slice(bytes));
        Ok(Append::Landed(after.next()))
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        let slots = self.0.lock();
        let mut total = 0;
        let numbered = slots.iter().enumerate().skip(from.0 as usize).take(limit);
        let within = numbered.take_while(|(_, bytes)| {
            let fits = total < max_bytes;
            total += bytes.len();
            fits
        });
        Ok(within.map(|(n, bytes)| (Seq(n as u64), bytes.clone())).collect())
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        let slots = self.0.lock();
        let range = || {
            let bytes = slots.get(slot.0 as usize)?;
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(len as usize).filter(|end| *end <= bytes.len())?;
            Some(bytes.slice(start..end))
        };
        range().ok_or(LogError::NoSuchRange { slot, offset, len })
    }

    fn head(&self) -> Result<Seq, LogError> {
        Ok(Seq(self.0.lock().len() as u64 - 1))
    }

    fn durable(&self) -> Result<Seq, LogError> {
        self.head()
    }

    fn life(&self) -> Result<Life, LogError> {
        Ok(Life::FIRST)
    }

    fn sync(&self, _: Seq) -> Result<(), LogError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn conforms() {
        super::super::conformance::check(|genesis| {
            let log = Arc::new(MemoryLog::new(genesis)) as Arc<dyn CommitLog>;
            let again = log.clone();
            (log, Box::new(move || again.clone()))
        });
    }
}

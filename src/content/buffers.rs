//! Large buffers that are used again: pages that are fresh from the system cost more than the work that is done in
//! them.

use std::ops::{Deref, DerefMut};

use parking_lot::Mutex;
use zeroize::Zeroize;

/// Buffers of these sizes are kept.
const SIZES: std::ops::RangeInclusive<usize> = (32 << 10)..=(5 << 20);
/// Bytes that are kept at most.
const KEPT: usize = 8 << 20;

static FREE: Pool = Pool(Mutex::new(Free { buffers: Vec::new(), bytes: 0 }));

struct Pool(Mutex<Free>);

struct Free {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pool {
    /// A kept buffer with room for so many bytes, and not for many more.
    fn take(&self, len: usize) -> Option<Vec<u8>> {
        if !SIZES.contains(&len) {
            return None;
        }
        let mut free = self.0.lock();
        let at = free.buffers.iter().rposition(|b| (len..=2 * len).contains(&b.capacity()))?;
        let buffer = free.buffers.swap_remove(at);
        free.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps a buffer, or wipes it.
    fn give(&self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if SIZES.contains(&size) {
            let mut free = self.0.lock();
            if free.bytes + size <= KEPT {
                free.bytes += size;
                free.buffers.push(buffer);
                return;
            }
        }
        buffer.zeroize();
    }

    fn wipe(&self) {
        let mut free = self.0.lock();
        free.bytes = 0;
        free.buffers.drain(..).for_each(|mut buffer| buffer.zeroize());
    }
}

/// Bytes of a buffer that goes back when it is dropped.
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// A buffer of so many bytes; what is in them is of no meaning.
    pub fn new(len: usize) -> Buffer {
        let mut buffer = FREE.take(len).unwrap_or_else(|| vec![0; len]);
        buffer.resize(len, 0);
        Buffer(buffer)
    }

    /// Cuts it to so many bytes.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Buffer {
        Buffer(bytes)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        FREE.give(std::mem::take(&mut self.0));
    }
}

/// Wipes what is kept.
pub fn wipe() {
    FREE.wipe();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_no_more_is_kept_than_allowed() {
        let pool = Pool(Mutex::new(Free { buffers: Vec::new(), bytes: 0 }));
        assert!(pool.take(300 << 10).is_none());
        let first = vec![0; 300 << 10];
        let address = first.as_ptr();
        pool.give(first);
        assert!(pool.take(100 << 10).is_none(), "too large for that");
        let again = pool.take(290 << 10).unwrap();
        assert_eq!(again.as_ptr(), address);
        assert!(pool.take(290 << 10).is_none());
        (0..20).for_each(|_| pool.give(vec![0; 1 << 20]));
        assert_eq!(pool.0.lock().bytes, KEPT);
        pool.wipe();
        assert_eq!(pool.0.lock().bytes, 0);
    }

    #[test]
    fn a_buffer_has_the_size_that_was_asked_for() {
        let mut buffer = Buffer::new(290 << 10);
        assert_eq!(buffer.len(), 290 << 10);
        buffer.truncate(5);
        assert_eq!(buffer.len(), 5);
    }
}

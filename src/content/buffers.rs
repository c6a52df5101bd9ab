//! Large buffers that are used again: pages that are fresh from the system cost more than the work that is done in
//! them.

use std::ops::{Deref, DerefMut};

use parking_lot::Mutex;
use zeroize::Zeroize;

/// Buffers of these sizes are kept.
const SIZES: std::ops::RangeInclusive<usize> = (32 << 10)..=(5 << 20);
/// Bytes that are kept at most.
const KEPT: usize = 8 << 20;

static FREE: Mutex<Free> = Mutex::new(Free { buffers: Vec::new(), bytes: 0 });

struct Free {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// Bytes of a buffer that goes back when it is dropped.
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// A buffer of so many bytes; what is in them is of no meaning.
    pub fn new(len: usize) -> Buffer {
        let mut buffer = take(len).unwrap_or_else(|| vec![0; len]);
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
        let mut buffer = std::mem::take(&mut self.0);
        let size = buffer.capacity();
        if SIZES.contains(&size) {
            let mut free = FREE.lock();
            if free.bytes + size <= KEPT {
                free.bytes += size;
                free.buffers.push(buffer);
                return;
            }
        }
        buffer.zeroize();
    }
}

/// Wipes what is kept.
pub fn wipe() {
    let mut free = FREE.lock();
    free.bytes = 0;
    free.buffers.drain(..).for_each(|mut buffer| buffer.zeroize());
}

/// A kept buffer with room for so many bytes, and not for many more.
fn take(len: usize) -> Option<Vec<u8>> {
    if !SIZES.contains(&len) {
        return None;
    }
    let mut free = FREE.lock();
    let at = free.buffers.iter().rposition(|b| (len..=2 * len).contains(&b.capacity()))?;
    let buffer = free.buffers.swap_remove(at);
    free.bytes -= buffer.capacity();
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_no_more_is_kept_than_allowed() {
        let first = Buffer::new(300 << 10);
        let address = first.as_ptr();
        drop(first);
        let mut again = Buffer::new(290 << 10);
        assert_eq!((again.as_ptr(), again.len()), (address, 290 << 10));
        again.truncate(5);
        assert_eq!(again.len(), 5);
        drop((0..20).map(|_| Buffer::new(1 << 20)).collect::<Vec<_>>());
        assert!(FREE.lock().bytes <= KEPT);
        assert_ne!(Buffer::new(4 << 20).len(), 0);
        wipe();
        assert_eq!(FREE.lock().bytes, 0);
    }
}

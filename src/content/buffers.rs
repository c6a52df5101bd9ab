//! Buffers that are used again: pages that are fresh from the system cost more than the work that is done in
//! them. Large ones are pages of their own: in a heap they leave holes, for they come and go in many threads.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;
use parking_lot::Mutex;
use zeroize::Zeroize;

/// Buffers of these sizes are kept.
const SIZES: std::ops::RangeInclusive<usize> = (32 << 10)..=(18 << 20);
/// Bytes that are kept at most: of a pack on its way, and some blocks.
const KEPT: usize = 24 << 20;
/// Buffers from this size on are pages of their own.
const OWN_PAGES: usize = 128 << 10;
const PAGE: usize = 4 << 10;
/// What a buffer that grows begins with.
const SMALLEST: usize = 4 << 10;

static FREE: Pool = Pool(Mutex::new(Free { kept: Vec::new(), bytes: 0 }));

enum Memory {
    Heap(Vec<u8>),
    Pages(MmapMut),
}

impl Memory {
    const NONE: Memory = Memory::Heap(Vec::new());

    fn new(size: usize) -> Memory {
        // Without pages of its own it works too.
        let pages =
            if size >= OWN_PAGES { MmapMut::map_anon(size.next_multiple_of(PAGE)).ok() } else { None };
        pages.map_or_else(|| Memory::Heap(vec![0; size]), Memory::Pages)
    }

    fn whole(&self) -> &[u8] {
        match self {
            Memory::Heap(bytes) => bytes,
            Memory::Pages(pages) => pages,
        }
    }

    fn whole_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Heap(bytes) => bytes,
            Memory::Pages(pages) => pages,
        }
    }

    fn size(&self) -> usize {
        self.whole().len()
    }

    /// The system wipes pages that it takes back.
    fn wipe(self) {
        if let Memory::Heap(mut bytes) = self {
            bytes.zeroize();
        }
    }
}

struct Pool(Mutex<Free>);

struct Free {
    kept: Vec<Memory>,
    bytes: usize,
}

impl Pool {
    /// Kept memory of this size or more, and not of much more.
    fn take(&self, size: usize) -> Option<Memory> {
        if !SIZES.contains(&size) {
            return None;
        }
        let mut free = self.0.lock();
        let at = free.kept.iter().rposition(|memory| (size..=size + size / 8).contains(&memory.size()))?;
        let memory = free.kept.swap_remove(at);
        free.bytes -= memory.size();
        Some(memory)
    }

    /// Keeps memory, or wipes it.
    fn give(&self, memory: Memory) {
        let size = memory.size();
        if SIZES.contains(&size) {
            let mut free = self.0.lock();
            if free.bytes + size <= KEPT {
                free.bytes += size;
                free.kept.push(memory);
                return;
            }
        }
        memory.wipe();
    }

    fn wipe(&self) {
        let mut free = self.0.lock();
        free.bytes = 0;
        free.kept.drain(..).for_each(Memory::wipe);
    }
}

/// Bytes in memory that goes back when they are dropped.
pub struct Buffer {
    memory: Memory,
    len: usize,
}

impl Buffer {
    /// A buffer of so many bytes; what is in them is of no meaning.
    pub fn new(len: usize) -> Buffer {
        Buffer { memory: FREE.take(len).unwrap_or_else(|| Memory::new(len)), len }
    }

    /// A buffer that is to grow.
    pub fn empty() -> Buffer {
        Buffer { memory: Memory::NONE, len: 0 }
    }

    /// The memory that it takes, in bytes.
    pub fn size(&self) -> usize {
        self.memory.size()
    }

    /// Cuts it to so many bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Makes room for so many bytes in all.
    pub fn reserve(&mut self, size: usize) {
        if size > self.memory.size() {
            let mut larger = Buffer::new(size);
            larger[..self.len].copy_from_slice(self);
            larger.len = self.len;
            *self = larger;
        }
    }

    /// Appends so many bytes, which the caller fills.
    pub fn grow(&mut self, by: usize) -> &mut [u8] {
        let start = self.len;
        if start + by > self.memory.size() {
            self.reserve((start + by).next_power_of_two().max(SMALLEST));
        }
        self.len += by;
        &mut self[start..]
    }

    /// Appends bytes.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.grow(bytes.len()).copy_from_slice(bytes);
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Buffer {
        let len = bytes.len();
        Buffer { memory: Memory::Heap(bytes), len }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory.whole()[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory.whole_mut()[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        FREE.give(std::mem::replace(&mut self.memory, Memory::NONE));
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
    fn memory_is_used_again_and_no_more_is_kept_than_allowed() {
        let pool = Pool(Mutex::new(Free { kept: Vec::new(), bytes: 0 }));
        for size in [300 << 10, 3 << 20] {
            assert!(pool.take(size).is_none());
            let first = Memory::new(size);
            let address = first.whole().as_ptr();
            pool.give(first);
            assert!(pool.take(size - size / 4).is_none(), "too large for that");
            let again = pool.take(size - 10_000).unwrap();
            assert_eq!(again.whole().as_ptr(), address);
            assert!(pool.take(size).is_none());
        }
        (0..30).for_each(|_| pool.give(Memory::new(1 << 20)));
        assert_eq!(pool.0.lock().bytes, KEPT);
        pool.wipe();
        assert_eq!(pool.0.lock().bytes, 0);
    }

    #[test]
    fn a_buffer_has_the_size_that_was_asked_for() {
        for size in [290 << 10, 1 << 20] {
            let mut buffer = Buffer::new(size);
            assert_eq!(buffer.len(), size);
            buffer.truncate(5);
            assert_eq!(buffer.len(), 5);
        }
    }

    #[test]
    fn a_buffer_grows_and_keeps_what_is_in_it() {
        let mut buffer = Buffer::empty();
        for n in 0..3000u32 {
            buffer.extend_from_slice(&[n as u8; 1000]);
            if n == 2000 {
                buffer.reserve(4 << 20);
            }
        }
        assert_eq!(buffer.len(), 3_000_000);
        assert!(buffer.chunks(1000).enumerate().all(|(n, bytes)| bytes == [n as u8; 1000]));
    }
}

//! The memory budget: one per process, a hard ceiling for everything large. What is reserved (data that
//! waits to be stored) comes first; the block cache has the rest.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cache::BlockCache;

/// The limit unless it is configured, in bytes.
pub const DEFAULT_LIMIT: usize = 512 << 20;
/// The least that a limit can be: below it not even one pack can be written.
pub const MIN_LIMIT: usize = 32 << 20;

const STEP: usize = 4 << 20;

/// The budget.
pub struct MemoryBudget {
    limit: AtomicUsize,
    reserved: AtomicUsize,
}

impl MemoryBudget {
    /// The budget of this process.
    pub fn process() -> &'static MemoryBudget {
        static PROCESS: OnceLock<MemoryBudget> = OnceLock::new();
        PROCESS.get_or_init(|| MemoryBudget {
            limit: AtomicUsize::new(DEFAULT_LIMIT),
            reserved: AtomicUsize::new(0),
        })
    }

    /// Sets the limit in bytes, at least [`MIN_LIMIT`]. The cache shrinks at once; what is reserved stays
    /// until it is released.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes.max(MIN_LIMIT), Ordering::Relaxed);
        self.fit_cache();
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Bytes reserved.
    pub fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Bytes that the cache may have; in coarse steps, so that it is not resized at every reservation.
    pub(super) fn left_for_cache(&self) -> usize {
        self.limit().saturating_sub(self.reserved()) / STEP * STEP
    }

    /// Reserves bytes, at the cache's expense. None if the limit does not allow it.
    pub fn try_reserve(&'static self, bytes: usize) -> Option<Reservation> {
        let mut reservation = self.reserve_nothing();
        reservation.try_grow(bytes).then_some(reservation)
    }

    /// A reservation that has nothing yet.
    pub fn reserve_nothing(&'static self) -> Reservation {
        Reservation { budget: self, bytes: 0 }
    }

    fn take(&self, bytes: usize) -> bool {
        let limit = self.limit();
        let more = |reserved: usize| reserved.checked_add(bytes).filter(|sum| *sum <= limit);
        let taken = self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if taken {
            self.fit_cache();
        }
        taken
    }

    fn fit_cache(&self) {
        BlockCache::process().fit(self.left_for_cache());
    }
}

/// Bytes set apart until this is dropped.
pub struct Reservation {
    budget: &'static MemoryBudget,
    bytes: usize,
}

impl Reservation {
    /// How many.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more; false, and nothing changes, if the limit does not allow it.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let grown = self.budget.take(bytes);
        if grown {
            self.bytes += bytes;
        }
        grown
    }

    /// Gives all of it back.
    pub fn release(&mut self) {
        self.shrink_to(0);
    }

    /// Gives back what is above so many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let above = self.bytes.saturating_sub(bytes);
        if above > 0 {
            self.bytes -= above;
            self.budget.reserved.fetch_sub(above, Ordering::Relaxed);
            self.budget.fit_cache();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

//! How long ago the log was looked at.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

use crate::error::Result;

static START: Lazy<Instant> = Lazy::new(Instant::now);

/// When the log was looked at last, in microseconds since the first look of the process.
#[derive(Default)]
pub(super) struct Freshness(AtomicU64);

impl Freshness {
    /// Looks if the last look is as old as `age` or older; whether it did.
    pub(super) fn keep(&self, age: Duration, look: impl FnOnce() -> Result<()>) -> Result<bool> {
        if age.is_zero() {
            return look().map(|()| true);
        }
        // 0: never looked.
        let now = START.elapsed().as_micros() as u64 + 1;
        let last = self.0.load(Ordering::Relaxed);
        if last != 0 && now.saturating_sub(last) < age.as_micros() as u64 {
            return Ok(false);
        }
        look()?;
        self.0.store(now, Ordering::Relaxed);
        Ok(true)
    }
}

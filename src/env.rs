//! Time and chance, injected: everything that needs them takes an [`Env`], so that a test can replay
//! a run from its seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use parking_lot::Mutex;

/// The clock and the source of randomness of one daemon.
#[derive(Clone)]
pub struct Env {
    /// Wall clock time, for file times and expiry; time that passes, for leases.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids, keys and salts.
    pub random: Arc<dyn Random>,
}

/// Wall clock time, and time that passes.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Time since some moment in the past. It never goes back, and goes on while the machine sleeps.
    fn uptime(&self) -> Duration;
}

/// Randomness. Outside tests it is the operating system's.
pub trait Random: Send + Sync {
    /// Fills the buffer; an error means that the system has no randomness to give.
    fn fill(&self, buf: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system gave no randomness; nothing can be sealed safely without it.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

impl Env {
    /// The system's clock and randomness.
    pub fn system() -> Env {
        Env { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
    }

    /// A clock that moves only by hand and randomness that follows from a seed. For tests: what is
    /// sealed under it is not secret.
    pub fn seeded(seed: u64) -> Env {
        Env {
            clock: Arc::new(ManualClock::new(1_700_000_000_000_000_000)),
            random: Arc::new(SeededRandom::new(seed)),
        }
    }

    /// A random array.
    pub fn random_bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(d) => i64::try_from(d.as_nanos()).unwrap_or(i64::MAX),
            Err(e) => i64::try_from(e.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        }
    }

    fn uptime(&self) -> Duration {
        // Linux has had this clock since 2.6.39.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buf: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(buf).map_err(|_| NoRandomness)
    }
}

/// A clock that moves only when told to, by one nanosecond a reading otherwise.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start` nanoseconds since 1970.
    pub fn new(start: i64) -> ManualClock {
        ManualClock(AtomicI64::new(start))
    }

    /// Moves it by so many nanoseconds.
    pub fn advance(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn uptime(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed).unsigned_abs())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): reproducible, not secret.
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// The stream of this seed.
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom(Mutex::new(seed))
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&self, buf: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in buf.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

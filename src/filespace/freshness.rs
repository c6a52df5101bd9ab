//! How long ago the log was looked at, and whether it answers.
//!
//! A link in strict mode looks in each call, and fails if there is no answer. A link that may be stale looks now and
//! then, in the background: callers wait a moment for the answer, and go on with what the link has if there is none.
//! So a link that is cut off from its log still reads what it knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use parking_lot::{Condvar, Mutex};

use super::link::Link;
use crate::error::{Error, Result};

/// How long callers wait for an answer before they go on without.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at a log that does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// A read that finds nothing looks again, this often at most.
const AFTER_A_MISS: Duration = Duration::from_millis(100);

static START: Lazy<Instant> = Lazy::new(Instant::now);

/// Microseconds since the first look of the process, at least 1.
fn now() -> u64 {
    START.elapsed().as_micros() as u64 + 1
}

/// What is known of the looks of a link.
#[derive(Default)]
pub(super) struct Freshness {
    /// When the last look began that was answered; 0: none was.
    answered: AtomicU64,
    looks: Mutex<Looks>,
    changed: Condvar,
}

#[derive(Default)]
struct Looks {
    under_way: bool,
    /// Since when there has been no answer.
    silent_since: Option<u64>,
    /// Not before this is there another look.
    pause_until: u64,
    /// When the last look began whose answer was an error that no later one mends, and the error.
    refused: Option<(u64, Arc<Error>)>,
}

impl Freshness {
    /// Sees to it that a look was begun at `oldest` or later and answered, if the log answers; whether it has been.
    /// `start` begins one in the background, which calls [`Freshness::end`].
    fn keep(&self, oldest: u64, patience: Duration, start: impl Fn()) -> Result<bool> {
        let is_fresh = || self.answered.load(Ordering::Acquire) >= oldest;
        let deadline = Instant::now() + patience;
        let mut looks = self.looks.lock();
        loop {
            match &looks.refused {
                Some((begun, error)) if *begun >= oldest => return Err(error.repeat()),
                _ if is_fresh() => return Ok(true),
                _ => {}
            }
            if !looks.under_way && now() >= looks.pause_until {
                looks.under_way = true;
                start();
            }
            if looks.silent_since.is_some() {
                return Ok(false);
            }
            if self.changed.wait_until(&mut looks, deadline).timed_out() {
                looks.silent_since.get_or_insert_with(now);
                return Ok(false);
            }
        }
    }

    /// A look that began at that time has ended so.
    fn end(&self, begun: u64, outcome: Result<()>) {
        let mut looks = self.looks.lock();
        looks.under_way = false;
        self.note(&mut looks, begun, outcome);
    }

    /// The log was used, with this outcome.
    pub(super) fn hear(&self, outcome: Result<()>) {
        self.note(&mut self.looks.lock(), 0, outcome);
    }

    fn note(&self, looks: &mut Looks, begun: u64, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                self.answered.fetch_max(begun, Ordering::Release);
                (looks.silent_since, looks.pause_until) = (None, 0);
            }
            Err(error) if error.status().is_retryable() => {
                looks.silent_since.get_or_insert_with(now);
                looks.pause_until = now() + RETRY.as_micros() as u64;
            }
            Err(error) => looks.refused = Some((begun, Arc::new(error))),
        }
        self.changed.notify_all();
    }

    /// How long the log has not answered; zero if it does, as far as is known.
    pub(super) fn silence(&self) -> Duration {
        let since = self.looks.lock().silent_since;
        since.map_or(Duration::ZERO, |since| Duration::from_micros((now() - since).max(1)))
    }
}

/// A look in the background; however it ends, that is noted.
struct Look<'a> {
    link: &'a Link,
    begun: u64,
    outcome: Option<Result<()>>,
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        if self.outcome.is_none() {
            // It panicked: memory may not be what it should be.
            self.link.poison();
        }
        let outcome = self.outcome.take().unwrap_or_else(|| self.link.check_usable());
        self.link.freshness.end(self.begun, outcome);
    }
}

impl Link {
    /// Sees to it that the state is as new as the link promises; whether the log said so just now.
    pub(super) fn freshen(self: &Arc<Link>) -> Result<bool> {
        self.look(self.max_staleness())
    }

    /// Looks at the log because something is not as expected: somebody may have changed it a moment ago. Whether there
    /// was an answer.
    pub fn look_again(self: &Arc<Link>) -> Result<bool> {
        self.look(Duration::ZERO)
    }

    /// The same for what may be asked for very often.
    pub(super) fn look_after_a_miss(self: &Arc<Link>) -> Result<bool> {
        self.look(AFTER_A_MISS.min(self.max_staleness()))
    }

    fn look(self: &Arc<Link>, age: Duration) -> Result<bool> {
        if self.max_staleness().is_zero() {
            return self.refresh().map(|()| true);
        }
        let oldest = now().saturating_sub(age.as_micros() as u64).max(1);
        if self.freshness.answered.load(Ordering::Acquire) >= oldest {
            return Ok(false);
        }
        self.freshness.keep(oldest, PATIENCE.min(self.timeout()), || {
            let link = self.clone();
            self.runtime().spawn_blocking(move || {
                let mut look = Look { link: &link, begun: now(), outcome: None };
                look.outcome = Some(link.refresh());
            });
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::error::Status;

    const LONG: Duration = Duration::from_secs(60);

    fn failed(status: Status) -> Result<()> {
        Err(Error::new(status, "no"))
    }

    #[test]
    fn one_look_serves_all_that_may_be_as_old() {
        let (fresh, looks) = (Freshness::default(), Cell::new(0));
        let look = || looks.set(looks.get() + 1);
        let begun = now();
        let answer = || {
            look();
            // As if it came back at once; the lock is held, so what is noted is only that it did.
            fresh.answered.store(now(), Ordering::Release);
            fresh.changed.notify_all();
        };
        fresh.looks.lock().silent_since = Some(begun);
        assert!(!fresh.keep(begun, LONG, answer).unwrap(), "a silent log is not waited for");
        assert!(fresh.keep(begun, LONG, answer).unwrap(), "but asked");
        assert_eq!(looks.get(), 1);
    }

    #[test]
    fn silence_lasts_until_an_answer_and_is_not_asked_too_often() {
        let (fresh, looks) = (Freshness::default(), Cell::new(0));
        let look = || looks.set(looks.get() + 1);
        assert!(!fresh.keep(now(), Duration::ZERO, look).unwrap(), "nobody answers");
        assert!(fresh.silence() > Duration::ZERO);
        assert!(!fresh.keep(now(), LONG, look).unwrap());
        assert_eq!(looks.get(), 1, "it is still under way");
        fresh.end(now(), failed(Status::Timeout));
        assert!(!fresh.keep(now(), LONG, look).unwrap());
        assert_eq!(looks.get(), 1, "there is a pause");
        fresh.hear(Ok(()));
        assert_eq!(fresh.silence(), Duration::ZERO);
        let begun = now();
        fresh.end(begun, Ok(()));
        assert!(fresh.keep(begun, LONG, look).unwrap());
    }

    #[test]
    fn what_no_later_look_mends_is_an_error() {
        let fresh = Freshness::default();
        let begun = now();
        fresh.end(begun, failed(Status::Integrity));
        let error = fresh.keep(begun, LONG, || ()).err().unwrap();
        assert_eq!(error.status(), Status::Integrity);
    }
}

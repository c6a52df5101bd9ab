//! Those who wait for a log to go on. One of them looks for all, less and less often while nothing happens; where
//! somebody tells what is new, nobody looks at all.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::LogError;
use crate::ids::Seq;

/// Those who wait for one log.
pub(super) struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
    /// The first and the longest pause between two looks.
    pauses: (Duration, Duration),
}

struct State {
    /// A slot that is known to be there.
    reached: Seq,
    is_looking: bool,
    /// When the last look began, or whoever came first said that it had looked.
    last: Option<Instant>,
    /// How long to wait behind it.
    pause: Duration,
    /// Since when every new slot is told.
    told: Option<Instant>,
    /// When the last look began that was one.
    looked: Option<Instant>,
}

impl State {
    /// When the next look is due; none: never, for what is new is told.
    fn due(&mut self, now: Instant, (first, longest): (Duration, Duration)) -> Option<Instant> {
        if let Some(told) = self.told {
            // One look is due for what came before.
            return self.looked.is_none_or(|looked| looked < told).then_some(now);
        }
        let last = match self.last {
            Some(last) if now.saturating_duration_since(last) <= 2 * longest => last,
            // Nobody has waited for a while.
            _ => {
                (self.last, self.pause) = (Some(now), first);
                now
            }
        };
        Some(last + self.pause)
    }
}

impl Waiting {
    pub(super) fn new(pauses: (Duration, Duration)) -> Waiting {
        let state = State {
            reached: Seq(0),
            is_looking: false,
            last: None,
            pause: pauses.0,
            told: None,
            looked: None,
        };
        Waiting { state: Mutex::new(state), changed: Condvar::new(), pauses }
    }

    /// A slot is there.
    pub(super) fn reach(&self, slot: Seq) {
        let mut state = self.state.lock();
        if slot > state.reached {
            (state.reached, state.pause) = (slot, self.pauses.0);
            self.changed.notify_all();
        }
    }

    /// From now on every new slot is told, or is not any more.
    pub(super) fn set_told(&self, is_told: bool) {
        self.state.lock().told = is_told.then(Instant::now);
        self.changed.notify_all();
    }

    /// Waits until a slot behind `position` is known; none: it was not until the deadline.
    pub(super) fn wait_beyond(
        &self,
        position: Seq,
        deadline: Instant,
        look: impl Fn() -> Result<Seq, LogError>,
    ) -> Result<Option<Seq>, LogError> {
        let mut state = self.state.lock();
        loop {
            if state.reached > position {
                return Ok(Some(state.reached));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            let due = state.due(now, self.pauses);
            if state.is_looking || due.is_none_or(|due| due > now) {
                let until = due.filter(|_| !state.is_looking).map_or(deadline, |due| due.min(deadline));
                self.changed.wait_until(&mut state, until);
                continue;
            }
            state.is_looking = true;
            (state.last, state.looked) = (Some(now), Some(now));
            drop(state);
            let looking = Looking(self);
            let found = look();
            state = self.state.lock();
            match &found {
                Ok(found) if *found > state.reached => {
                    (state.reached, state.pause) = (*found, self.pauses.0);
                }
                _ => state.pause = (2 * state.pause).min(self.pauses.1),
            }
            drop(state);
            drop(looking);
            found?;
            state = self.state.lock();
        }
    }
}

/// A look for all; when it ends, whatever happens, the others are woken.
struct Looking<'a>(&'a Waiting);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_looking = false;
        self.0.changed.notify_all();
    }
}

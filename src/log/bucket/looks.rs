//! Looks at the head, shared: who wants to know the head as of now cannot take the answer to a question that was asked
//! before, but all who come while one is under way can share the next.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::bucket::BucketError;
use crate::ids::Seq;

/// The looks of one log.
#[derive(Default)]
pub(super) struct Looks {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// Looks that were begun; each has a number.
    begun: u64,
    is_under_way: bool,
    /// The answer to the last one.
    answer: Option<(u64, Result<Seq, BucketError>)>,
}

impl Looks {
    /// The answer to a look that begins after this call: this one, or one that others share.
    pub(super) fn share(
        &self,
        deadline: Instant,
        look: impl FnOnce() -> Result<Seq, BucketError>,
    ) -> Result<Seq, BucketError> {
        let mut state = self.state.lock();
        let wanted = state.begun + 1;
        loop {
            if let Some((number, answer)) = &state.answer
                && *number >= wanted
            {
                return answer.clone();
            }
            if !state.is_under_way {
                break;
            }
            if self.done.wait_until(&mut state, deadline).timed_out() {
                return Err(BucketError::Timeout);
            }
        }
        (state.begun, state.is_under_way) = (state.begun + 1, true);
        let number = state.begun;
        drop(state);
        let under_way = UnderWay { looks: self, number };
        under_way.end(look())
    }
}

/// A look; it ends also when it panics.
struct UnderWay<'a> {
    looks: &'a Looks,
    number: u64,
}

impl UnderWay<'_> {
    fn end(self, answer: Result<Seq, BucketError>) -> Result<Seq, BucketError> {
        self.looks.state.lock().answer = Some((self.number, answer.clone()));
        answer
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.looks.state.lock().is_under_way = false;
        self.looks.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_shares_a_look_that_began_later() {
        let (looks, asked) = (Looks::default(), AtomicU64::new(0));
        let deadline = Instant::now() + Duration::from_secs(60);
        let (started, begun) = channel();
        let (go_on, waits) = channel::<()>();
        let (looks, asked) = (&looks, &asked);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let first = looks.share(deadline, || {
                    let _ = started.send(());
                    let _ = waits.recv();
                    Ok(Seq(1))
                });
                assert!(matches!(first, Ok(Seq(1))));
            });
            let _ = begun.recv();
            for _ in 0..8 {
                scope.spawn(|| {
                    let later = looks.share(deadline, || {
                        asked.fetch_add(1, Ordering::Relaxed);
                        Ok(Seq(2))
                    });
                    assert!(matches!(later, Ok(Seq(2))), "the answer of the look before is too old");
                });
            }
            let late = looks.share(Instant::now() + Duration::from_millis(20), || Ok(Seq(3)));
            assert!(matches!(late, Err(BucketError::Timeout)), "nobody waits beyond its deadline");
            let _ = go_on.send(());
        });
        // All that waited for the first share the second, unless a thread came later still.
        assert!((1..=8).contains(&asked.load(Ordering::Relaxed)));
    }
}

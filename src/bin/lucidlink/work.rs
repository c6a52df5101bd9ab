//! Work that makes more work, done by several threads, depth first: what was found last is done first, so
//! that little is waiting at any time.

use std::vec;

use parking_lot::{Condvar, Mutex};

use crate::output::Failure;

/// Does a list of things with `step`, which may find more to do. The first failure ends it.
pub(crate) fn run<T: Send>(
    threads: usize,
    first: Vec<T>,
    step: impl Fn(T) -> Result<Vec<T>, Failure> + Sync,
) -> Result<(), Failure> {
    let queue = Queue {
        pending: Mutex::new(Pending { lists: vec![first.into_iter()], busy: 0, failure: None }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((item, turn)) = queue.take() {
                    let found = step(item);
                    turn.end(found);
                }
            });
        }
    });
    queue.pending.into_inner().failure.map_or(Ok(()), Err)
}

struct Queue<T> {
    pending: Mutex<Pending<T>>,
    changed: Condvar,
}

struct Pending<T> {
    /// The last one is done first.
    lists: Vec<vec::IntoIter<T>>,
    /// Threads that may still find more.
    busy: usize,
    failure: Option<Failure>,
}

/// A thread is busy with an item; also if that panics, the others hear of its end.
struct Turn<'a, T>(&'a Queue<T>);

impl<T> Queue<T> {
    /// The next thing to do; none once there is nothing and nobody finds more.
    fn take(&self) -> Option<(T, Turn<'_, T>)> {
        let mut pending = self.pending.lock();
        loop {
            while let Some(list) = pending.lists.last_mut() {
                if let Some(item) = list.next() {
                    pending.busy += 1;
                    return Some((item, Turn(self)));
                }
                pending.lists.pop();
            }
            if pending.busy == 0 {
                return None;
            }
            self.changed.wait(&mut pending);
        }
    }
}

impl<T> Turn<'_, T> {
    fn end(self, found: Result<Vec<T>, Failure>) {
        let mut pending = self.0.pending.lock();
        match found {
            Ok(more) if pending.failure.is_none() => pending.lists.push(more.into_iter()),
            Ok(_) => {}
            Err(failure) => {
                pending.lists.clear();
                pending.failure.get_or_insert(failure);
            }
        }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.pending.lock().busy -= 1;
        self.0.changed.notify_all();
    }
}

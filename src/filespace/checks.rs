//! Checking signatures of many slots on all cores: the larger part of what it costs to catch up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::link::Link;
use crate::error::Result;
use crate::ids::{KeyId, Seq};
use crate::log::envelope::SlotView;
use crate::state::Tables;

/// Fewer slots than this are not worth a second thread.
const WORTH_IT: usize = 32;
/// Slots that a thread takes at once.
const PIECE: usize = 8;

/// The key under which a slot is known to be well formed and signed; none: that is not known.
pub(super) type Checked = Option<[u8; 32]>;

/// Slots that several threads check together.
struct Checks {
    slots: Vec<(Bytes, [u8; 32])>,
    next: AtomicUsize,
    good: Vec<AtomicBool>,
    /// Threads that are at it, beside the one that waits for them.
    helpers: Mutex<usize>,
    left: Condvar,
}

struct Helper<'a>(&'a Checks);

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        *self.0.helpers.lock() -= 1;
        self.0.left.notify_all();
    }
}

impl Checks {
    /// Checks pieces until none is left.
    fn work(&self) {
        loop {
            let from = self.next.fetch_add(PIECE, Ordering::Relaxed);
            let Some(rest) = self.slots.get(from..).filter(|rest| !rest.is_empty()) else { return };
            for ((slot, public), good) in rest.iter().zip(&self.good[from..]).take(PIECE) {
                let is_good = SlotView::parse(slot).is_ok_and(|view| view.verify(public));
                good.store(is_good, Ordering::Relaxed);
            }
        }
    }

    fn help(&self) {
        *self.helpers.lock() += 1;
        let helper = Helper(self);
        self.work();
        drop(helper);
    }
}

impl Link {
    /// Checks slots that are about to be judged, each under the key that its author has at this moment.
    pub(super) fn check_signatures(&self, slots: &[(Seq, Bytes)]) -> Result<Vec<Checked>> {
        let mut checked = vec![None; slots.len()];
        if slots.len() < WORTH_IT {
            return Ok(checked);
        }
        let mut keys: HashMap<KeyId, Option<[u8; 32]>> = HashMap::new();
        let (mut places, mut work) = (Vec::new(), Vec::new());
        for (place, (_, slot)) in slots.iter().enumerate() {
            let Ok(view) = SlotView::parse_own(slot) else { continue };
            let id = view.envelope().key_id;
            let key = match keys.get(&id) {
                Some(key) => *key,
                None => {
                    let member = self.read_committed(|state| Ok(state.member(id)?))?;
                    *keys.entry(id).or_insert(member.and_then(|m| m.sign[..].try_into().ok()))
                }
            };
            if let Some(key) = key {
                places.push(place);
                work.push((slot.clone(), key));
            }
        }
        let good = work.iter().map(|_| AtomicBool::new(false)).collect();
        let (next, helpers, left) = (AtomicUsize::new(0), Mutex::new(0), Condvar::new());
        let checks = Arc::new(Checks { slots: work, next, good, helpers, left });
        for _ in 1..cores() {
            let checks = checks.clone();
            self.runtime().spawn_blocking(move || checks.help());
        }
        // Whoever does not get to it in time finds nothing left to do: only those are waited for that are at it.
        checks.work();
        let mut helpers = checks.helpers.lock();
        while *helpers > 0 {
            checks.left.wait(&mut helpers);
        }
        for ((place, (_, key)), good) in places.into_iter().zip(&checks.slots).zip(&checks.good) {
            checked[place] = good.load(Ordering::Relaxed).then_some(*key);
        }
        Ok(checked)
    }
}

/// How many threads run at the same time. The system is asked once: it reads files to answer.
fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

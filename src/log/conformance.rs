//! What every log must do, as one suite that each implementation runs.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Append, CommitLog};
use crate::ids::Seq;

type Reopen = Box<dyn Fn() -> Arc<dyn CommitLog>>;

/// Runs the suite; `make` gives a new log with this genesis, and a way to open it again.
pub fn check(make: impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen)) {
    check_in_races(make, 50);
}

/// The same with another number of appends for each of the writers that are at it at the same time.
pub fn check_in_races(make: impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen), each: usize) {
    slots_are_put_once_and_in_order(&make);
    reads_keep_their_limits(&make);
    ranges_are_exact(&make);
    one_of_many_writers_wins(&make, each);
    who_waits_hears_of_it(&make);
}

fn landed(append: Append) -> Seq {
    match append {
        Append::Landed(seq) => seq,
        other => panic!("{other:?}"),
    }
}

fn slots_are_put_once_and_in_order(make: &impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen)) {
    let (log, reopen) = make(b"genesis");
    assert_eq!(log.head().unwrap(), Seq(0));
    assert_eq!(landed(log.append(b"one", Seq(0)).unwrap()), Seq(1));
    assert!(matches!(log.append(b"far", Seq(7)).unwrap(), Append::Occupied));
    match log.append(b"", Seq(0)).unwrap() {
        Append::Landed(at) => assert_eq!(at, Seq(2), "no slot is put twice"),
        Append::Occupied => assert_eq!(landed(log.append(b"", Seq(1)).unwrap()), Seq(2)),
        Append::Unknown(error) => panic!("{error}"),
    }
    assert_eq!(log.head().unwrap(), Seq(2));
    log.sync(Seq(2)).unwrap();
    assert_eq!(log.durable().unwrap(), Seq(2));
    let again = reopen();
    assert_eq!(again.head().unwrap(), Seq(2));
    let slots: Vec<_> = again.read(Seq(0), 10, 1000).unwrap();
    let bytes: Vec<&[u8]> = slots.iter().map(|(_, b)| &b[..]).collect();
    assert_eq!(bytes, [&b"genesis"[..], b"one", b""]);
    assert_eq!(landed(again.append(b"three", Seq(2)).unwrap()), Seq(3));
    assert_eq!(log.head().unwrap(), Seq(3), "another opener's append is seen");
    assert_eq!(log.read(Seq(3), 10, 1000).unwrap().len(), 1);
}

fn reads_keep_their_limits(make: &impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen)) {
    let (log, _place) = make(b"genesis");
    for n in 0..20 {
        landed(log.append(&[n as u8; 100], Seq(n)).unwrap());
    }
    assert_eq!(log.read(Seq(1), 5, usize::MAX).unwrap().len(), 5);
    assert_eq!(log.read(Seq(1), 100, 250).unwrap().len(), 3, "up to the slot that fills it");
    assert_eq!(log.read(Seq(1), 100, 1).unwrap().len(), 1, "at least one");
    assert!(log.read(Seq(21), 100, 1000).unwrap().is_empty());
}

fn ranges_are_exact(make: &impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen)) {
    let (log, _place) = make(b"genesis");
    landed(log.append(b"0123456789", Seq(0)).unwrap());
    assert_eq!(&log.read_range(Seq(1), 3, 4).unwrap()[..], b"3456");
    assert_eq!(&log.read_range(Seq(1), 0, 10).unwrap()[..], b"0123456789");
    assert!(log.read_range(Seq(1), 7, 4).is_err());
    assert!(log.read_range(Seq(2), 0, 1).is_err());
}

fn one_of_many_writers_wins(make: &impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen), each: usize) {
    const THREADS: u8 = 4;
    let (log, reopen) = make(b"genesis");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let log = if thread % 2 == 0 { log.clone() } else { reopen() };
            scope.spawn(move || {
                for n in 0..each {
                    while let Append::Occupied = log.append(&[thread, n as u8], log.head().unwrap()).unwrap()
                    {
                    }
                }
            });
        }
    });
    let slots = log.read(Seq(1), usize::MAX, usize::MAX).unwrap();
    assert_eq!(slots.len(), usize::from(THREADS) * each);
    for thread in 0..THREADS {
        let own: Vec<u8> = slots.iter().filter(|(_, b)| b[0] == thread).map(|(_, b)| b[1]).collect();
        assert_eq!(own, (0..each as u8).collect::<Vec<_>>(), "each once, in its thread's order");
    }
}

fn who_waits_hears_of_it(make: &impl Fn(&[u8]) -> (Arc<dyn CommitLog>, Reopen)) {
    let (log, reopen) = make(b"genesis");
    let soon = || Instant::now() + Duration::from_millis(20);
    let late = || Instant::now() + Duration::from_secs(60);
    assert_eq!(log.wait_beyond(Seq(0), soon()).unwrap(), None);
    assert_eq!(landed(log.append(b"one", Seq(0)).unwrap()), Seq(1));
    assert_eq!(log.wait_beyond(Seq(0), late()).unwrap(), Some(Seq(1)), "what it appended itself");
    assert_eq!(log.wait_beyond(Seq(1), soon()).unwrap(), None);
    let others: Vec<_> = (0..2).map(|_| reopen()).collect();
    std::thread::scope(|scope| {
        for waiter in [&log, &log, &others[0]] {
            scope.spawn(move || {
                let mut at = Seq(1);
                while at < Seq(4) {
                    at = waiter.wait_beyond(at, late()).unwrap().unwrap();
                }
            });
        }
        for n in 1..4 {
            assert_eq!(landed(others[1].append(b"more", Seq(n)).unwrap()), Seq(n + 1));
        }
    });
}

//! Locks over a log whose answers are lost, and leases by clocks that are set by hand.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lucidlink::error::{Result, Status};
use lucidlink::filespace::{CommitMode, LinkOptions};
use lucidlink::fs::{File, Lock, Mode, Path, Wait};

use super::seeds;
use super::simulated::{Place, Simulated};

fn open(client: &Simulated, mode: &str) -> Result<File> {
    client.fs.open(&Path::parse("/counter")?, Mode::parse(mode)?, 0o644)
}

fn exclusive(wait: Wait) -> Lock {
    Lock { exclusive: true, wait }
}

fn number(file: &File) -> Result<u64> {
    let mut bytes = [0; 8];
    file.pread(0, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// What became of the attempts to add one.
#[derive(Default)]
struct Counted {
    inside: AtomicBool,
    done: AtomicU64,
    unknown: AtomicU64,
}

impl Counted {
    /// Adds one under a lock, as far as log and store let it. An error leaves the file closed.
    fn attempt(&self, client: &Simulated, wait: Wait) -> Result<()> {
        let file = open(client, "r+")?;
        file.lock_range(0, 0, exclusive(wait))?;
        assert!(!self.inside.swap(true, Ordering::SeqCst), "two have the lock");
        let written = number(&file).and_then(|n| file.pwrite(0, &(n + 1).to_le_bytes()));
        self.inside.store(false, Ordering::SeqCst);
        written?;
        let closed = file.close();
        match &closed {
            Ok(()) => self.done.fetch_add(1, Ordering::SeqCst),
            Err(error) => self.unknown.fetch_add(error.is_maybe_applied().into(), Ordering::SeqCst),
        };
        closed
    }
}

#[test]
fn locks_are_exclusive_whatever_answers_are_lost() {
    let mut lost = 0;
    for seed in seeds(60_000, 6) {
        let place = Place::new(seed);
        let relaxed = if seed % 2 == 0 { CommitMode::Wait } else { CommitMode::Background };
        let clients: Vec<Simulated> = (0..3)
            .map(|n| {
                let commit = if n == 2 { relaxed } else { CommitMode::Wait };
                let options = LinkOptions { commit, ..LinkOptions::strict(Duration::from_secs(2)) };
                place.open_as(seed * 100 + n * 10, 0, "/", options)
            })
            .collect();
        let file = open(&clients[0], "w").unwrap();
        file.write(&[0; 8]).unwrap();
        file.close().unwrap();
        clients.iter().for_each(|client| client.log.set_odds(4));
        let counted = Counted::default();
        std::thread::scope(|scope| {
            for (n, client) in clients.iter().enumerate() {
                let counted = &counted;
                scope.spawn(move || {
                    for round in 0..12 {
                        let wait = match (n + round) % 3 {
                            0 => Wait::No,
                            1 => Wait::Until(Instant::now() + Duration::from_millis(200)),
                            _ => Wait::Until(Instant::now() + Duration::from_secs(20)),
                        };
                        let _ = counted.attempt(client, wait);
                    }
                });
            }
        });
        clients.iter().for_each(Simulated::heal);
        for client in &clients {
            client.fs.link().sync().unwrap();
        }
        let newcomer = place.open(seed + 77, 0, Duration::from_secs(5));
        let file = open(&newcomer, "r").unwrap();
        let (found, done) = (number(&file).unwrap(), counted.done.load(Ordering::SeqCst));
        let unknown = counted.unknown.load(Ordering::SeqCst);
        assert!((done..=done + unknown).contains(&found), "seed {seed}: {found} of {done} and {unknown}");
        lost += unknown;
        assert!(done > 0, "seed {seed}: nobody ever got it");
        // Whoever gave up has left nothing that holds others up.
        file.lock_range(0, 0, exclusive(Wait::Until(Instant::now() + Duration::from_secs(60)))).unwrap();
    }
    assert!(lost > 0, "no answer was lost");
}

/// One that gives no sign of life by itself, and one that waits.
fn silent_and_waiting(place: &Place, lease: Duration) -> [Simulated; 2] {
    let strict = LinkOptions::strict(Duration::from_secs(30));
    let never = Duration::from_secs(3600);
    [(1, never), (2, lease)]
        .map(|(seed, lease)| place.open_as(seed, 0, "/", LinkOptions { lease, ..strict.clone() }))
}

#[test]
fn who_is_silent_for_a_lease_loses_the_lock_and_publishes_nothing() {
    let place = Place::new(1);
    let [silent, waiting] = silent_and_waiting(&place, Duration::from_millis(400));
    let file = open(&silent, "w").unwrap();
    file.write(&7u64.to_le_bytes()).unwrap();
    file.flush().unwrap();
    file.close().unwrap();
    let held = open(&silent, "r+").unwrap();
    held.lock_range(0, 0, exclusive(Wait::No)).unwrap();
    held.pwrite(0, &8u64.to_le_bytes()).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let file = open(&waiting, "r+").unwrap();
            file.lock_range(0, 0, exclusive(Wait::ForEver)).unwrap();
            assert_eq!(number(&file).unwrap(), 7);
            file.pwrite(0, &9u64.to_le_bytes()).unwrap();
            file.close().unwrap();
        });
        while !waits.is_finished() {
            waiting.clock.advance(1_000_000);
            std::thread::yield_now();
        }
        waits.join().unwrap();
    });
    for _ in 0..2 {
        assert_eq!(held.flush().unwrap_err().status(), Status::LockLost);
        assert_eq!(held.unlock_all().unwrap_err().status(), Status::LockLost);
        assert_eq!(held.lock_range(0, 1, exclusive(Wait::No)).unwrap_err().status(), Status::LockLost);
    }
    assert_eq!(number(&held).unwrap(), 8, "what it wrote can be read");
    assert_eq!(held.close().unwrap_err().status(), Status::LockLost);
    assert_eq!(number(&open(&silent, "r").unwrap()).unwrap(), 9);
    // Another open file is not concerned.
    let file = open(&silent, "r+").unwrap();
    file.lock_range(0, 0, exclusive(Wait::No)).unwrap();
    file.pwrite(0, &10u64.to_le_bytes()).unwrap();
    file.close().unwrap();
    assert_eq!(number(&open(&waiting, "r").unwrap()).unwrap(), 10);
}

/// An open file that asks for another lock before it notices that it has lost one gets none, and leaves none behind.
#[test]
fn who_has_lost_a_lock_gets_no_other() {
    let place = Place::new(4);
    let [silent, waiting] = silent_and_waiting(&place, Duration::from_millis(400));
    open(&silent, "w").unwrap().close().unwrap();
    let held = open(&silent, "r+").unwrap();
    held.lock_range(0, 8, exclusive(Wait::No)).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let file = open(&waiting, "r").unwrap();
            file.lock_range(0, 8, exclusive(Wait::ForEver)).unwrap();
        });
        while !waits.is_finished() {
            waiting.clock.advance(1_000_000);
            std::thread::yield_now();
        }
        waits.join().unwrap();
    });
    let lost = |result: Result<()>| assert_eq!(result.unwrap_err().status(), Status::LockLost);
    lost(held.lock_range(8, 8, exclusive(Wait::No)));
    lost(held.unlock_all());
    lost(held.close());
    // Its session lives, so nobody could take a lock away from it.
    let asks = open(&waiting, "r").unwrap();
    asks.lock_range(8, 8, exclusive(Wait::Until(Instant::now() + Duration::from_secs(30)))).unwrap();
}

/// A machine that slept for an hour has not looked for an hour.
#[test]
fn a_clock_that_jumps_says_nothing_of_others() {
    let place = Place::new(2);
    let [silent, waiting] = silent_and_waiting(&place, Duration::from_millis(200));
    open(&silent, "w").unwrap().close().unwrap();
    let held = open(&silent, "r+").unwrap();
    held.lock_range(0, 0, exclusive(Wait::No)).unwrap();
    let asks = open(&waiting, "r").unwrap();
    for _ in 0..6 {
        waiting.clock.advance(3_600_000_000_000);
        let until = Wait::Until(Instant::now() + Duration::from_millis(120));
        assert_eq!(asks.lock_range(0, 0, exclusive(until)).unwrap_err().status(), Status::Timeout);
        // It goes on, and that is seen at the next look.
        silent
            .fs
            .create_dir(&Path::parse(&format!("/{}", silent.fs.link().position())).unwrap(), 0o755)
            .unwrap();
    }
    held.pwrite(0, &8u64.to_le_bytes()).unwrap();
    held.close().unwrap();
    asks.lock_range(0, 0, exclusive(Wait::No)).unwrap();
}

#[test]
fn a_process_that_died_leaves_no_lock_to_the_next_of_its_storage() {
    for acknowledged in [false, true] {
        let (place, folder) = (Place::new(3), tempfile::tempdir().unwrap());
        let other = place.open(1, 0, Duration::from_secs(30));
        open(&other, "w").unwrap().close().unwrap();
        let dead = place.open_journaled(2, folder.path());
        let file = open(&dead, "r+").unwrap();
        file.lock_range(0, 0, exclusive(Wait::No)).unwrap();
        file.pwrite(0, &7u64.to_le_bytes()).unwrap();
        if acknowledged {
            file.flush().unwrap();
        }
        dead.fs.link().abandon();
        let asks = open(&other, "r+").unwrap();
        assert_eq!(asks.lock_range(0, 0, exclusive(Wait::No)).unwrap_err().status(), Status::Locked);
        let next = place.open_journaled(4, folder.path());
        asks.lock_range(0, 0, exclusive(Wait::No)).unwrap();
        // What was acknowledged under the lock was committed under it.
        assert_eq!(number(&asks).unwrap(), if acknowledged { 7 } else { 0 });
        assert_eq!(next.fs.link().late_failures().len(), 0);
        drop((file, asks));
    }
}

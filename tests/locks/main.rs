//! Locks through the C interface: between handles, threads, links and processes, on a workspace in a folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "../support/abi.rs"]
mod abi;
#[path = "../support/counter.rs"]
mod counter;
mod ends;
mod processes;
mod ranges;
mod world;

use world::{DEADLOCK, LOCKED, TIMEOUT, World, status};

#[test]
fn a_lock_is_exclusive_between_handles_threads_and_links() {
    let world = World::new();
    let other = world.other();
    counter::make(&world.abi, world.fs);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (world, fs) = (&world, if number % 2 == 0 { world.fs } else { other.fs });
            scope.spawn(move || {
                for n in 0..25 {
                    let file = match n % 2 {
                        0 => world.abi.open_locked(fs, counter::PATH, "r+", true, 60_000).unwrap(),
                        _ => {
                            let file = world.abi.open(fs, counter::PATH, "r+").unwrap();
                            world.abi.lock(file, 0, 0, true, u64::MAX).unwrap();
                            file
                        }
                    };
                    counter::increment(&world.abi, file, number).unwrap();
                    // Each way to give it up publishes what was written.
                    match n % 3 {
                        0 => world.abi.unlock_all(file).unwrap(),
                        1 => world.abi.unlock(file, 0, 0).unwrap(),
                        _ => {}
                    }
                    world.abi.close(file).unwrap();
                }
            });
        }
    });
    let sum = world.abi.read_file(world.fs, counter::PATH).unwrap();
    assert_eq!(sum[..8], 100u64.to_le_bytes());
    world.abi.stop(other.daemon).unwrap();
}

#[test]
fn who_does_not_wait_is_refused_and_who_waits_too_long_leaves_nothing() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    let holder = abi.open_locked(world.fs, "/f", "w", true, 0).unwrap();
    for exclusive in [false, true] {
        assert_eq!(status(abi.open_locked(other.fs, "/f", "r", exclusive, 0)), LOCKED);
    }
    let file = abi.open(other.fs, "/f", "r").unwrap();
    assert_eq!(status(abi.lock(file, 5, 1, false, 0)), LOCKED);
    let began = std::time::Instant::now();
    assert_eq!(status(abi.lock(file, 5, 1, false, 300)), TIMEOUT);
    assert!((300..5000).contains(&began.elapsed().as_millis()));
    abi.close(holder).unwrap();
    // Its request would be granted by now.
    abi.close(abi.open_locked(world.fs, "/f", "r+", true, 0).unwrap()).unwrap();
    abi.lock(file, 5, 1, false, 0).unwrap();
    abi.close(file).unwrap();
    abi.stop(other.daemon).unwrap();
}

#[test]
fn who_would_wait_for_ever_is_told() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    abi.write_file(world.fs, "/f", b"abc").unwrap();
    let (a, b) = (abi.open(world.fs, "/f", "r+").unwrap(), abi.open(other.fs, "/f", "r+").unwrap());
    abi.lock(a, 0, 10, true, 0).unwrap();
    abi.lock(b, 10, 10, true, 0).unwrap();
    std::thread::scope(|scope| {
        let before = world.seq();
        let waits = scope.spawn(|| abi.lock(a, 10, 10, true, u64::MAX));
        world.wait_beyond(before);
        assert_eq!(status(abi.lock(b, 0, 10, false, u64::MAX)), DEADLOCK);
        abi.unlock_all(b).unwrap();
        waits.join().unwrap().unwrap();
    });
    abi.stop(other.daemon).unwrap();
}

#[test]
fn who_came_first_is_served_first() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    let holder = abi.open_locked(world.fs, "/f", "w", true, 0).unwrap();
    let (turn, order) = (std::sync::atomic::AtomicUsize::new(0), parking_lot::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for n in 0..6 {
            let before = world.seq();
            let fs = if n % 2 == 0 { world.fs } else { other.fs };
            let (turn, order) = (&turn, &order);
            scope.spawn(move || {
                let file = abi.open_locked(fs, "/f", "r", true, u64::MAX).unwrap();
                order.lock().push(n);
                turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                abi.close(file).unwrap();
            });
            world.wait_beyond(before);
        }
        abi.close(holder).unwrap();
    });
    assert_eq!(*order.lock(), [0, 1, 2, 3, 4, 5]);
    abi.stop(other.daemon).unwrap();
}

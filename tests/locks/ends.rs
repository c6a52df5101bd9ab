//! How locks and waits end.

use crate::world::{LOCKED, World, status};

const INVALID_HANDLE: i32 = -102;
const NOT_LINKED: i32 = -204;
const NO_SPACE: i32 = -409;
const LOCK_LOST: i32 = -215;

#[test]
fn a_handle_that_is_freed_gives_its_locks_up() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    let holder = abi.open_locked(world.fs, "/f", "w", true, 0).unwrap();
    abi.write(holder, b"dropped").unwrap();
    std::thread::scope(|scope| {
        let before = world.seq();
        let waits = scope.spawn(|| abi.open_locked(other.fs, "/f", "r", true, u64::MAX));
        world.wait_beyond(before);
        abi.free(holder);
        let file = waits.join().unwrap().unwrap();
        assert_eq!(abi.read(file, 9).unwrap(), b"");
        abi.close(file).unwrap();
    });
    abi.stop(other.daemon).unwrap();
}

/// What ends a wait of another thread.
fn ends_a_wait(end: impl FnOnce(&World, &crate::world::Other, u64), expected: &[i32]) {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    let holder = abi.open_locked(world.fs, "/f", "w", true, 0).unwrap();
    let file = abi.open(other.fs, "/f", "r").unwrap();
    std::thread::scope(|scope| {
        let before = world.seq();
        let waits = scope.spawn(|| abi.lock(file, 0, 0, true, u64::MAX));
        world.wait_beyond(before);
        end(&world, &other, file);
        let ended = status(waits.join().unwrap());
        assert!(expected.contains(&ended), "{ended}");
    });
    abi.close(holder).unwrap();
    // Nothing is left of the request.
    abi.close(abi.open_locked(world.fs, "/f", "r", true, 0).unwrap()).unwrap();
    let _ = abi.stop(other.daemon);
}

#[test]
fn freeing_the_handle_ends_its_wait() {
    ends_a_wait(|world, _, file| world.abi.free(file), &[INVALID_HANDLE]);
}

#[test]
fn closing_the_handle_ends_its_wait() {
    ends_a_wait(|world, _, file| world.abi.close(file).unwrap(), &[INVALID_HANDLE]);
}

#[test]
fn unlocking_ends_the_wait_of_another_thread() {
    ends_a_wait(|world, _, file| world.abi.unlock_all(file).unwrap(), &[LOCKED]);
}

#[test]
fn unlinking_ends_waits() {
    ends_a_wait(|world, other, _| world.abi.unlink(other.fs).unwrap(), &[NOT_LINKED]);
}

#[test]
fn stopping_ends_waits_and_gives_locks_up() {
    ends_a_wait(
        |world, other, _| {
            // It has a lock of another file.
            let file = world.abi.open_locked(other.fs, "/g", "w", true, 0).unwrap();
            world.abi.write(file, b"published").unwrap();
            world.abi.stop(other.daemon).unwrap();
            let file = world.abi.open_locked(world.fs, "/g", "r", true, 0).unwrap();
            assert_eq!(world.abi.read(file, 99).unwrap(), b"published");
            world.abi.close(file).unwrap();
        },
        &[NOT_LINKED],
    );
}

#[test]
fn what_cannot_be_published_does_not_keep_the_lock() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    for (path, close) in [("/unlocked", false), ("/closed", true)] {
        let file = abi.open_locked(world.fs, path, "w", true, 0).unwrap();
        abi.set_quota(world.fs, 1, 0).unwrap();
        abi.write(file, b"too much").unwrap();
        assert_eq!(status(if close { abi.close(file) } else { abi.unlock_all(file) }), NO_SPACE);
        abi.set_quota(world.fs, 0, 0).unwrap();
        let next = abi.open_locked(other.fs, path, "r+", true, 0).unwrap();
        abi.write(next, b"counted").unwrap();
        abi.close(next).unwrap();
        if !close {
            // What others did under the lock since stays.
            for _ in 0..2 {
                assert_eq!(status(abi.flush(file)), LOCK_LOST);
                assert_eq!(status(abi.lock(file, 0, 0, true, 0)), LOCK_LOST);
            }
            assert_eq!(status(abi.close(file)), LOCK_LOST);
        }
        assert_eq!(abi.read_file(world.fs, path).unwrap(), b"counted");
    }
    abi.stop(other.daemon).unwrap();
}

#[test]
fn a_file_that_is_deleted_stays_locked_for_those_who_have_it_open() {
    let world = World::new();
    let abi = &world.abi;
    let holder = abi.open_locked(world.fs, "/f", "w", true, 0).unwrap();
    let waiter = abi.open(world.fs, "/f", "r").unwrap();
    std::thread::scope(|scope| {
        let before = world.seq();
        let waits = scope.spawn(|| abi.lock(waiter, 0, 0, true, u64::MAX));
        world.wait_beyond(before);
        abi.delete(world.fs, "/f").unwrap();
        assert_eq!(status(abi.lock(holder, 5, 1, true, 0)), -411);
        abi.free(holder);
        waits.join().unwrap().unwrap();
    });
    abi.close(waiter).unwrap();
}

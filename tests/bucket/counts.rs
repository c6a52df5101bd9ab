//! Requests, counted in front of the server: each is paid for, in money and in time.

use std::time::Instant;

use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

use crate::program::Program;

fn counts(program: &Program) -> Vec<(String, usize)> {
    program.proxy.take_counts()
}

fn only(kind: &str, count: usize) -> Vec<(String, usize)> {
    vec![(kind.to_owned(), count)]
}

#[test]
fn a_strict_small_file_is_one_put() {
    let program = Program::new("one-put", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/first", b"opens the session").unwrap();
    counts(&program);
    for n in 0..5 {
        let file = abi.open(filespace, &format!("/file-{n}"), "w").unwrap();
        abi.write(file, &[7; 4096]).unwrap();
        abi.close(file).unwrap();
        assert_eq!(counts(&program), only("PUT log", 1), "file {n}");
    }
    assert_eq!(abi.read_dir(filespace, "/").unwrap().len(), 6);
    assert_eq!(counts(&program), only("GET log", 1), "a listing with attributes is one look");
    assert_eq!(abi.read_file(filespace, "/file-3").unwrap(), vec![7; 4096]);
    assert_eq!(
        counts(&program),
        only("GET log", 2),
        "a look for the size, one for the content, which is in memory"
    );
    program.stop();
}

#[test]
fn what_another_wrote_is_fetched_once() {
    let program = Program::new("news", LL_CONSISTENCY_STRICT);
    let other = Program::another("news", LL_CONSISTENCY_STRICT);
    program.abi.read_dir(program.filespace, "/").unwrap();
    other.abi.write_file(other.filespace, "/a", b"x").unwrap();
    program.abi.read_dir(program.filespace, "/").unwrap();
    counts(&program);
    other.abi.write_file(other.filespace, "/b", b"x").unwrap();
    assert_eq!(program.abi.read_dir(program.filespace, "/").unwrap().len(), 2);
    // The slot, and that there is none behind it.
    assert_eq!(counts(&program), only("GET log", 2));
    program.stop();
    other.stop();
}

#[test]
fn many_small_files_share_their_requests() {
    let program = Program::new("many", LL_CONSISTENCY_RELAXED);
    let (abi, filespace) = (&program.abi, program.filespace);
    counts(&program);
    for n in 0..10_000 {
        abi.write_file(filespace, &format!("/file-{n}"), b"a small file").unwrap();
    }
    abi.sync_all(filespace).unwrap();
    let counted = counts(&program);
    let puts: usize = counted.iter().filter(|(kind, _)| kind.starts_with("PUT")).map(|(_, n)| n).sum();
    assert!(puts <= 50, "{counted:?}");
    let all: usize = counted.iter().map(|(_, n)| n).sum();
    assert!(all <= 100, "{counted:?}");
    program.stop();
}

#[test]
fn who_waits_for_a_position_does_not_ask_all_the_time() {
    let program = Program::new("waiting", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/first", b"x").unwrap();
    let mut position = abi.sync_all(filespace).unwrap();
    position.seq += 1;
    counts(&program);
    assert!(abi.wait_for(filespace, &position, 1000).is_err(), "nobody writes");
    // After 0, 50, 150, 350 and 750 ms.
    assert!(counts(&program).iter().map(|(_, n)| n).sum::<usize>() <= 6);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(abi.wait_for(filespace, &position, 1000).is_err()));
        }
    });
    // Each looks once, and then one of them for all.
    assert!(counts(&program).iter().map(|(_, n)| n).sum::<usize>() <= 4 + 5);
    program.stop();
}

#[test]
fn who_watches_costs_a_look_now_and_then_however_many_watch() {
    let program = Program::new("watched", LL_CONSISTENCY_STRICT);
    let other = Program::another("watched", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/first", b"opens the session").unwrap();
    let watches: Vec<u64> = (0..4).map(|_| abi.watch(filespace, None, None, 0).unwrap()).collect();
    let all: usize = {
        counts(&program);
        assert!(abi.next_events(watches[0], 1, 2000).unwrap().is_empty());
        counts(&program).iter().map(|(_, n)| n).sum()
    };
    // After 50, 150, 350, 750 and 1550 ms.
    assert!(all <= 6, "{all} requests in two idle seconds");
    // Its own change costs what it does without a watch, and is told.
    let before = Instant::now();
    abi.write_file(filespace, "/own", b"x").unwrap();
    for watch in &watches {
        assert_eq!(abi.next_events(*watch, 10, 10_000).unwrap().len(), 1);
    }
    let (counted, looks) = (counts(&program), before.elapsed().as_millis() as usize / 50 + 1);
    let of = |kind: &str| counted.iter().filter(|(k, _)| k.starts_with(kind)).map(|(_, n)| n).sum::<usize>();
    assert_eq!(of("PUT"), 1, "{counted:?}");
    assert!(of("GET") <= looks, "{counted:?} in {:?}", before.elapsed());
    // Another's is the look that finds it.
    let before = Instant::now();
    other.abi.write_file(other.filespace, "/other", b"x").unwrap();
    for watch in &watches {
        assert_eq!(abi.next_events(*watch, 10, 10_000).unwrap()[0].path, "/other");
    }
    let (counted, looks) = (counts(&program), before.elapsed().as_millis() as usize / 50 + 2);
    assert!(counted.iter().map(|(_, n)| n).sum::<usize>() <= looks, "{counted:?} in {:?}", before.elapsed());
    program.stop();
    other.stop();
}

#[test]
fn a_lock_is_one_put_and_its_release_another() {
    let program = Program::new("locks", LL_CONSISTENCY_STRICT);
    let (abi, filespace) = (&program.abi, program.filespace);
    abi.write_file(filespace, "/f", b"first").unwrap();
    let file = abi.open(filespace, "/f", "r+").unwrap();
    counts(&program);
    for n in 0..3 {
        abi.lock(file, 0, 0, true, 1000).unwrap();
        assert_eq!(counts(&program), only("PUT log", 1), "lock {n}");
        abi.pwrite(file, 0, b"again").unwrap();
        abi.unlock_all(file).unwrap();
        assert_eq!(
            counts(&program),
            only("PUT log", 1),
            "what was written is published with the release {n}"
        );
    }
    abi.close(file).unwrap();
    assert_eq!(counts(&program), [], "there is nothing to give up");
    let file = abi.open_locked(filespace, "/new", "w", true, 0).unwrap();
    assert_eq!(counts(&program), only("PUT log", 1), "the name and the lock");
    abi.close(file).unwrap();
    assert_eq!(counts(&program), only("PUT log", 1), "the content and the release");
    program.stop();
}

#[test]
fn a_lock_is_handed_on_by_one_put() {
    let program = Program::new("hand-off", LL_CONSISTENCY_STRICT);
    let other = Program::another("hand-off", LL_CONSISTENCY_STRICT);
    let abi = &program.abi;
    let file = abi.open_locked(program.filespace, "/f", "w", true, 0).unwrap();
    let waiting = other.abi.open(other.filespace, "/f", "r").unwrap();
    // It has a session by then, so that its request is the next thing in the log.
    other.abi.create_dir(other.filespace, "/other").unwrap();
    let before = abi.sync_all(program.filespace).unwrap().seq;
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| other.abi.lock(waiting, 0, 0, true, 60_000));
        // Until the request is in the log.
        while abi.sync_all(program.filespace).unwrap().seq == before {
            abi.exists(program.filespace, "/f", false).unwrap();
        }
        counts(&program);
        counts(&other);
        abi.unlock_all(file).unwrap();
        waits.join().unwrap().unwrap();
    });
    let released = counts(&program);
    assert_eq!(released, only("PUT log", 1), "whoever gives it up");
    let seen = counts(&other);
    assert!(seen.iter().all(|(kind, n)| kind == "GET log" && *n <= 8), "whoever waits looks: {seen:?}");
    program.stop();
    other.stop();
}

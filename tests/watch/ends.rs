//! How news wakes somebody, and how a watch ends.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::World;

fn is_readable(fd: i32, timeout_ms: u16) -> bool {
    // SAFETY: the descriptor is the watch's, which is not freed here.
    #[allow(unsafe_code)]
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(timeout_ms)).unwrap() == 1
}

#[test]
fn the_descriptor_is_readable_as_long_as_there_is_something() {
    let world = World::new();
    let (writer, watcher) = (world.client(), world.client());
    let abi = &watcher.abi;
    let watch = abi.watch(watcher.filespace, None, None, 0).unwrap();
    let fd = abi.watch_fd(watch).unwrap();
    assert_eq!(abi.watch_fd(watch).unwrap(), fd);
    for round in 0..3 {
        assert!(!is_readable(fd, 0), "round {round}");
        for n in 0..2 {
            writer.abi.write_file(writer.filespace, &format!("/{round}-{n}"), b"").unwrap();
        }
        assert!(is_readable(fd, 10_000) && is_readable(fd, 0));
        let mut taken = 0;
        while taken < 2 {
            taken += abi.next_events(watch, 1, 10_000).unwrap().len();
        }
        assert!(abi.next_events(watch, 1, 0).unwrap().is_empty());
    }
    // What there was before it was asked for counts too.
    let late = abi.watch(watcher.filespace, None, None, 0).unwrap();
    writer.abi.delete(writer.filespace, "/0-0").unwrap();
    assert!(is_readable(fd, 10_000));
    assert!(is_readable(abi.watch_fd(late).unwrap(), 10_000));
    abi.free_watch(late);
    writer.stop();
    watcher.stop();
}

/// What a callback counts.
#[derive(Default)]
struct Counts {
    called: AtomicUsize,
    freed: AtomicUsize,
}

#[allow(unsafe_code)]
unsafe extern "C" fn called(user: *mut c_void) {
    // SAFETY: the test's, which lives until the callback is gone.
    unsafe { &*user.cast::<Counts>() }.called.fetch_add(1, Ordering::SeqCst);
}

#[allow(unsafe_code)]
unsafe extern "C" fn freed(user: *mut c_void) {
    // SAFETY: as above.
    unsafe { &*user.cast::<Counts>() }.freed.fetch_add(1, Ordering::SeqCst);
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never was so");
        std::thread::yield_now();
    }
}

#[test]
fn a_callback_is_called_when_there_is_news_and_freed_once() {
    let world = World::new();
    let (writer, watcher) = (world.client(), world.client());
    let abi = &watcher.abi;
    let watch = abi.watch(watcher.filespace, None, None, 0).unwrap();
    let (first, second) = (Counts::default(), Counts::default());
    let user = |counts: &Counts| std::ptr::from_ref(counts).cast_mut().cast();
    abi.set_watch_callback(watch, Some(called), user(&first), Some(freed)).unwrap();
    for round in 1..=3 {
        writer.abi.write_file(writer.filespace, "/file", b"").unwrap();
        wait_until(|| first.called.load(Ordering::SeqCst) == round);
        assert_eq!(abi.next_events(watch, 10, 10_000).unwrap().len(), 1);
    }
    writer.abi.write_file(writer.filespace, "/file", b"").unwrap();
    wait_until(|| first.called.load(Ordering::SeqCst) == 4);
    abi.set_watch_callback(watch, Some(called), user(&second), Some(freed)).unwrap();
    assert_eq!(first.freed.load(Ordering::SeqCst), 1);
    // What there is already, the new one is told at once.
    wait_until(|| second.called.load(Ordering::SeqCst) == 1);
    abi.free_watch(watch);
    assert_eq!(second.freed.load(Ordering::SeqCst), 1);
    writer.abi.write_file(writer.filespace, "/file", b"").unwrap();
    let refused = Counts::default();
    let failed = abi.set_watch_callback(watch, Some(called), user(&refused), Some(freed)).unwrap_err();
    assert_eq!((failed.status, refused.freed.load(Ordering::SeqCst)), (-102, 1));
    writer.stop();
    watcher.stop();
    assert_eq!((first.called.into_inner(), second.called.into_inner()), (4, 1));
    assert_eq!((first.freed.into_inner(), second.freed.into_inner()), (1, 1));
}

#[test]
fn whatever_ends_a_watch_ends_who_waits_for_it() {
    let world = World::new();
    for (way, status) in [("free", -102), ("unlink", -204), ("stop", -204)] {
        let client = world.client();
        let watch = client.abi.watch(client.filespace, None, None, 0).unwrap();
        let fd = client.abi.watch_fd(watch).unwrap();
        let own = crate::abi::Abi::load();
        std::thread::scope(|scope| {
            let waits = scope.spawn(move || own.next_events(watch, 10, 60_000).map(|events| events.len()));
            assert!(!is_readable(fd, 50));
            let before = Instant::now();
            match way {
                "free" => client.abi.free_watch(watch),
                "unlink" => client.abi.unlink(client.filespace).unwrap(),
                _ => client.abi.stop(client.daemon).unwrap(),
            }
            assert_eq!(waits.join().unwrap().unwrap_err().status, status, "{way}");
            assert!(before.elapsed() < Duration::from_secs(10), "{way}");
        });
        assert_eq!(client.abi.next_events(watch, 10, 0).unwrap_err().status, -102, "{way}");
        if way != "stop" {
            client.stop();
        }
    }
}

#[test]
fn a_position_of_another_log_is_refused() {
    let world = World::new();
    let client = world.client();
    let (abi, filespace) = (&client.abi, client.filespace);
    abi.write_file(filespace, "/file", b"").unwrap();
    let mut position = abi.sync_all(filespace).unwrap();
    position.seq += 1000;
    let ahead = abi.watch(filespace, None, Some(&abi.position_text(&position)), 0).unwrap_err();
    position.seq -= 1000;
    position.hash[0] ^= 1;
    let other = abi.watch(filespace, None, Some(&abi.position_text(&position)), 0).unwrap_err();
    assert_eq!((ahead.status, other.status), (-210, -210));
    assert_eq!(abi.watch(filespace, None, Some("7"), 0).unwrap_err().status, -101);
    assert_eq!(abi.watch(filespace, Some("relative"), None, 0).unwrap_err().status, -107);
    assert_eq!(abi.watch(filespace, None, None, 2).unwrap_err().status, -104);
    client.stop();
}

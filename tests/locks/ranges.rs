//! Which ranges are in each other's way, and what a handle has of a file.

use crate::world::{LOCKED, READ_ONLY, World, status};

#[test]
fn ranges_conflict_where_they_overlap_and_one_is_exclusive() {
    let world = World::new();
    let abi = &world.abi;
    abi.write_file(world.fs, "/f", b"abc").unwrap();
    let [a, b] = [(); 2].map(|()| abi.open(world.fs, "/f", "r+").unwrap());
    abi.lock(a, 0, 10, true, 0).unwrap();
    abi.lock(b, 10, 10, true, 0).unwrap();
    let refused = abi.lock(b, 9, 1, false, 0).unwrap_err();
    assert!(
        refused.status == LOCKED && refused.message.contains("others have locked it"),
        "{}",
        refused.message
    );
    abi.lock(a, 20, 5, false, 0).unwrap();
    abi.lock(b, 20, 5, false, 0).unwrap();
    assert_eq!(status(abi.lock(b, 22, 1, true, 0)), LOCKED);
    // A part of a lock is given up, and the rest is held.
    abi.unlock(a, 3, 4).unwrap();
    abi.lock(b, 3, 4, true, 0).unwrap();
    assert_eq!(status(abi.lock(b, 2, 1, false, 0)), LOCKED);
    assert_eq!(status(abi.lock(b, 7, 1, false, 0)), LOCKED);
    // Exclusive becomes shared, and shared exclusive.
    abi.lock(a, 0, 3, false, 0).unwrap();
    abi.lock(b, 0, 3, false, 0).unwrap();
    assert_eq!(status(abi.lock(a, 0, 3, true, 0)), LOCKED);
    abi.unlock(b, 0, 3).unwrap();
    abi.lock(a, 0, 3, true, 0).unwrap();
    // To the end: behind all that is there, and ever will be.
    abi.unlock_all(a).unwrap();
    abi.unlock_all(b).unwrap();
    abi.lock(a, 100, 0, true, 0).unwrap();
    assert_eq!(status(abi.lock(b, u64::MAX - 2, 1, false, 0)), LOCKED);
    abi.lock(b, 99, 1, true, 0).unwrap();
    for (offset, length) in [(u64::MAX, 0), (u64::MAX - 1, 1), (2, u64::MAX - 1)] {
        assert_eq!(status(abi.lock(a, offset, length, true, 0)), -101, "{offset}, {length}");
    }
    [a, b].into_iter().for_each(|file| abi.close(file).unwrap());
}

#[test]
fn an_open_file_is_locked_in_any_mode_and_made_where_the_mode_makes_one() {
    let world = World::new();
    let other = world.other();
    let abi = &world.abi;
    assert_eq!(status(abi.open_locked(world.fs, "/none", "r", true, 0)), -401);
    assert_eq!(status(abi.open_locked(world.fs, "/none", "r+", false, 0)), -401);
    for mode in ["w", "a+", "x"] {
        let path = format!("/{}", &mode[..1]);
        let file = abi.open_locked(world.fs, &path, mode, true, 0).unwrap();
        // It is there, and empty, and nobody else gets its lock.
        assert_eq!(abi.read_file(other.fs, &path).unwrap(), b"");
        assert_eq!(status(abi.open_locked(other.fs, &path, "r", false, 0)), LOCKED);
        abi.write(file, b"written").unwrap();
        assert_eq!(abi.read_file(other.fs, &path).unwrap(), b"");
        abi.close(file).unwrap();
        assert_eq!(abi.read_file(other.fs, &path).unwrap(), b"written");
    }
    assert_eq!(status(abi.open_locked(world.fs, "/x", "x", true, 0)), -402);
    // What is replaced under a lock is the file that is locked, wherever its name leads.
    let file = abi.open_locked(world.fs, "/w", "w", true, 0).unwrap();
    assert_eq!(
        abi.read_file(other.fs, "/w").unwrap(),
        b"written",
        "nothing is replaced before it is published"
    );
    abi.rename(other.fs, "/w", "/moved", false).unwrap();
    abi.write(file, b"again").unwrap();
    abi.unlock_all(file).unwrap();
    assert_eq!(abi.read_file(other.fs, "/moved").unwrap(), b"again");
    abi.close(file).unwrap();
    let readers = [world.fs, other.fs].map(|fs| abi.open_locked(fs, "/a", "r", false, 0).unwrap());
    assert_eq!(status(abi.open_locked(world.fs, "/a", "w", true, 0)), LOCKED);
    readers.into_iter().for_each(|file| abi.close(file).unwrap());
    // A file that another handle of the link is going to make.
    let promised = abi.open(world.fs, "/new", "w").unwrap();
    abi.write(promised, b"first").unwrap();
    let file = abi.open_locked(world.fs, "/new", "r+", true, 0).unwrap();
    assert_eq!(abi.read(file, 9).unwrap(), b"first");
    assert_eq!(status(abi.lock(promised, 0, 1, true, 0)), LOCKED);
    abi.close(file).unwrap();
    abi.close(promised).unwrap();
    abi.stop(other.daemon).unwrap();
}

#[test]
fn a_lock_shows_the_newest_content_and_unlocking_publishes() {
    for consistency in
        [lucidlink::ffi::workspace::LL_CONSISTENCY_STRICT, lucidlink::ffi::workspace::LL_CONSISTENCY_RELAXED]
    {
        let world = World::new();
        let abi = &world.abi;
        abi.write_file(world.fs, "/f", b"0").unwrap();
        let (one, two) = (world.other_as(consistency), world.other_as(consistency));
        let files = [one.fs, two.fs].map(|fs| abi.open(fs, "/f", "r+").unwrap());
        for n in 1..20u8 {
            let file = files[usize::from(n) % 2];
            abi.lock(file, 0, 0, true, 0).unwrap();
            assert_eq!(abi.pread(file, 0, 9).unwrap(), [b'0' + n - 1]);
            abi.pwrite(file, 0, b"x").unwrap();
            abi.flush(file).unwrap();
            abi.pwrite(file, 0, &[b'0' + n]).unwrap();
            abi.unlock_all(file).unwrap();
        }
        files.into_iter().for_each(|file| abi.close(file).unwrap());
        abi.stop(one.daemon).unwrap();
        abi.stop(two.daemon).unwrap();
    }
}

#[test]
fn who_may_not_write_cannot_lock() {
    let world = World::new();
    let abi = &world.abi;
    abi.write_file(world.fs, "/f", b"abc").unwrap();
    let daemon = abi.daemon(&world.settings()).unwrap();
    let workspace = abi.authenticate(daemon, &world.token).unwrap();
    let fs = abi.link_read_only(workspace, crate::counter::FILESPACE).unwrap();
    let file = abi.open(fs, "/f", "r").unwrap();
    let refused = [abi.lock(file, 0, 1, false, 0), abi.open_locked(fs, "/f", "r", false, 0).map(drop)];
    for refused in refused.map(Result::unwrap_err) {
        assert_eq!(refused.status, READ_ONLY);
        assert!(refused.message.contains("without read_only"), "{}", refused.message);
    }
    abi.close(file).unwrap();
    abi.stop(daemon).unwrap();
}

//! What open files and directories can do, through the C interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "support/abi.rs"]
mod abi;

use std::collections::BTreeSet;

use abi::Abi;

const GIB: u64 = 1 << 30;
const NOT_FOUND: i32 = -401;
const DELETED: i32 = -411;

struct World {
    abi: Abi,
    url: String,
    token: String,
    daemon: u64,
    fs: u64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "handles").unwrap();
        let mut world = World { abi, url, token, daemon: 0, fs: 0, _folder: folder };
        let daemon = world.daemon();
        let workspace = world.abi.authenticate(daemon, &world.token).unwrap();
        world.abi.create_filespace(workspace, "demo").unwrap();
        (world.daemon, world.fs) = (daemon, world.abi.link(workspace, "demo").unwrap());
        world
    }

    fn daemon(&self) -> u64 {
        self.abi.daemon(&[("workspace.url", &self.url), ("daemon.allow_multiple", "true")]).unwrap()
    }

    /// Another client of the same filespace.
    fn other(&self) -> (u64, u64) {
        let daemon = self.daemon();
        let workspace = self.abi.authenticate(daemon, &self.token).unwrap();
        (daemon, self.abi.link(workspace, "demo").unwrap())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.abi.stop(self.daemon);
    }
}

#[test]
fn the_last_write_of_several_handles_is_seen() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    abi.write_file(fs, "/f", b"").unwrap();
    let [one, two] = ["r+", "r+"].map(|mode| abi.open(fs, "/f", mode).unwrap());
    abi.pwrite(one, 0, &[b'1'; 1000]).unwrap();
    abi.pwrite(two, 0, &[b'2'; 100]).unwrap();
    // It adjoins the first, and is newer than the second.
    abi.pwrite(one, 1000, &[b'1'; 1000]).unwrap();
    // More than stays in memory.
    for n in 1..150 {
        abi.pwrite(one, n * 200_000, &[b'-'; 65_536]).unwrap();
        assert_eq!(abi.pread(one, 0, 101).unwrap(), [&[b'2'; 100][..], b"1"].concat(), "after {n} writes");
    }
    abi.close(one).unwrap();
    abi.close(two).unwrap();
    assert_eq!(abi.read_file(fs, "/f").unwrap()[..101], [&[b'2'; 100][..], b"1"].concat());
}

#[test]
fn a_name_that_is_to_be_made_is_found_through_every_spelling() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    abi.create_dir(fs, "/d").unwrap();
    abi.symlink(fs, "/d", "/s").unwrap();
    abi.symlink(fs, "/d/dangling", "/to").unwrap();
    let file = abi.open(fs, "/d/f", "w").unwrap();
    abi.write(file, b"not published").unwrap();
    let reader = abi.open(fs, "/s/f", "r").unwrap();
    assert_eq!(abi.read(reader, 99).unwrap(), b"not published");
    let appender = abi.open(fs, "/s/../d/f", "a").map_err(|failed| failed.status);
    assert_eq!(appender, Err(-107), "a path has no '..'");
    abi.delete(fs, "/s/f").unwrap();
    assert!(!abi.exists(fs, "/d/f", false).unwrap());

    let file = abi.open(fs, "/d/dangling", "w").unwrap();
    abi.write(file, b"12345").unwrap();
    abi.truncate(fs, "/to", 3).unwrap();
    assert_eq!(abi.read_file(fs, "/d/dangling").unwrap(), b"123");
    let file = abi.open(fs, "/d/moved", "w").unwrap();
    abi.write(file, b"moved with its directory").unwrap();
    abi.rename(fs, "/d", "/e", false).unwrap();
    assert_eq!(abi.read_file(fs, "/e/moved").unwrap(), b"moved with its directory");
}

/// Of a world with a directory `/n` and, in it, a file of three bytes that a handle is going to make.
fn promise(world: &World, n: usize) -> (String, String, u64) {
    let (abi, fs) = (&world.abi, world.fs);
    let dir = format!("/{n}");
    let path = format!("{dir}/f");
    abi.create_dir(fs, &dir).unwrap();
    let file = abi.open(fs, &path, "w").unwrap();
    abi.write(file, b"abc").unwrap();
    (dir, path, file)
}

#[test]
fn what_looks_at_a_file_that_is_to_be_made_does_not_publish_it() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let (other_daemon, other) = world.other();
    let (dir, path, file) = promise(&world, 1);
    assert_eq!(abi.entry(fs, &path, true).err().unwrap().status, NOT_FOUND);
    assert_eq!(abi.get_xattr(fs, &path, "user.a", true).unwrap_err().status, NOT_FOUND);
    assert_eq!(abi.list_xattrs(fs, &path, true).unwrap_err().status, NOT_FOUND);
    assert!(!abi.exists(fs, &path, false).unwrap());
    assert!(abi.read_dir(fs, &dir).unwrap().is_empty());
    assert_eq!(abi.read_file(fs, &path).unwrap(), b"abc");
    for mode in ["r", "r+"] {
        let reader = abi.open(fs, &path, mode).unwrap();
        assert_eq!(abi.read(reader, 9).unwrap(), b"abc");
        abi.close(reader).unwrap();
    }
    assert!(!abi.exists(other, &path, false).unwrap(), "it was published");
    abi.delete_dir(fs, &dir, false).unwrap();
    assert_eq!(abi.close(file).unwrap_err().status, NOT_FOUND);

    // The name is free, and the file that gets it is the one that is replaced.
    let (_, path, file) = promise(&world, 2);
    abi.create(fs, &path, 0o600).unwrap();
    assert_eq!(abi.read_file(other, &path).unwrap(), b"");
    abi.close(file).unwrap();
    assert_eq!(abi.read_file(other, &path).unwrap(), b"abc");
    assert_eq!(abi.entry(other, &path, true).unwrap().mode, 0o600);
    abi.stop(other_daemon).unwrap();
}

#[test]
fn what_changes_a_file_that_is_to_be_made_publishes_it() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let (other_daemon, other) = world.other();
    // Where the file is found afterwards; what is done, given its directory and its path.
    type Change<'a> = (&'a str, &'a dyn Fn(&str, &str) -> abi::Res<()>);
    let changes: [Change<'_>; 9] = [
        ("/1/f", &|_, path| abi.set_mode(fs, path, 0o600)),
        ("/2/f", &|_, path| abi.set_xattr(fs, path, "user.a", b"1", 0, true)),
        ("/3/f", &|_, path| abi.hard_link(fs, path, "/3/g")),
        ("/4/f", &|_, path| abi.copy(fs, path, "/4/g", false, true)),
        ("/5/g", &|_, path| abi.rename(fs, path, "/5/g", false)),
        ("/moved/f", &|dir, _| abi.rename(fs, dir, "/moved", false)),
        ("/7/f", &|_, path| abi.truncate(fs, path, 3)),
        ("", &|_, path| abi.delete(fs, path)),
        ("", &|dir, _| abi.delete_dir(fs, dir, true)),
    ];
    for (n, (found, change)) in changes.iter().enumerate() {
        let n = n + 1;
        let (dir, path, file) = promise(&world, n);
        change(&dir, &path).unwrap();
        if found.is_empty() {
            assert!(!abi.exists(other, &path, false).unwrap(), "{n}");
        } else {
            assert_eq!(abi.read_file(other, found).unwrap(), b"abc", "{n}");
        }
        abi.close(file).unwrap();
        assert!(found.ends_with('f') || !abi.exists(other, &path, false).unwrap(), "{n}: it was made again");
    }
    abi.stop(other_daemon).unwrap();
}

#[test]
fn what_replaces_makes_the_name_anew_once() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let (other_daemon, other) = world.other();
    let written = |path: &str| {
        let file = abi.open(fs, path, "w").unwrap();
        abi.write(file, b"new").unwrap();
        file
    };
    // Nothing was published yet, also if something else was done to the file.
    for change_first in [false, true] {
        abi.write_file(other, "/there", b"old").unwrap();
        let file = written("/there");
        if change_first {
            abi.set_mode(fs, "/there", 0o600).unwrap();
        }
        abi.delete(other, "/there").unwrap();
        abi.close(file).unwrap();
        assert_eq!(abi.read_file(other, "/there").unwrap(), b"new");
    }
    // It was published, by the handle itself or by a call that had to find the file.
    type Publish<'a> = (&'a str, &'a dyn Fn(u64, &str) -> abi::Res<()>);
    let publish: [Publish<'_>; 3] = [
        ("/flushed", &|file, _| abi.flush(file)),
        ("/synced", &|_, _| abi.sync_all(fs).map(drop)),
        ("/changed", &|_, path| abi.set_mode(fs, path, 0o600)),
    ];
    for (path, publish) in publish {
        let file = written(path);
        publish(file, path).unwrap();
        abi.delete(other, path).unwrap();
        abi.write(file, b"more").unwrap();
        assert_eq!(abi.close(file).unwrap_err().status, DELETED, "{path}");
        assert!(!abi.exists(other, path, false).unwrap(), "{path}");
    }
    abi.stop(other_daemon).unwrap();
}

#[test]
fn files_may_be_sparse_and_very_large() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let file = abi.open(fs, "/large", "w+").unwrap();
    abi.pwrite(file, 0, b"start").unwrap();
    abi.pwrite(file, 5 * GIB, b"middle").unwrap();
    abi.pwrite(file, 100 * GIB, b"end").unwrap();
    let look = |file| {
        assert_eq!(abi.size(file).unwrap(), 100 * GIB + 3);
        assert_eq!(abi.pread(file, 5 * GIB - 2, 10).unwrap(), b"\0\0middle\0\0");
        assert_eq!(abi.pread(file, 100 * GIB - 1, 10).unwrap(), b"\0end");
        assert_eq!(abi.seek_data(file, 0).unwrap(), 0);
        assert_eq!(abi.seek_data(file, 3).unwrap(), 3);
        assert_eq!(abi.seek_hole(file, 0).unwrap(), 5);
        assert_eq!(abi.seek_hole(file, 9).unwrap(), 9);
        assert_eq!(abi.seek_data(file, 5).unwrap(), 5 * GIB);
        assert_eq!(abi.seek_hole(file, 5 * GIB).unwrap(), 5 * GIB + 6);
        assert_eq!(abi.seek_data(file, 5 * GIB + 6).unwrap(), 100 * GIB);
        assert_eq!(abi.seek_hole(file, 100 * GIB).unwrap(), 100 * GIB + 3);
        assert_eq!(abi.seek_hole(file, 100 * GIB + 3).unwrap_err().status, NOT_FOUND);
        assert_eq!(abi.seek_data(file, 100 * GIB + 3).unwrap_err().status, NOT_FOUND);
        assert_eq!(abi.seek_data(file, u64::MAX).unwrap_err().status, NOT_FOUND);
    };
    look(file);
    abi.close(file).unwrap();
    let file = abi.open(fs, "/large", "r+").unwrap();
    look(file);
    assert_eq!(abi.statistics(fs).unwrap().content_bytes, 100 * GIB + 3);

    abi.set_size(file, 5 * GIB + 3).unwrap();
    abi.set_size(file, 1 << 62).unwrap();
    assert_eq!(abi.pread(file, 5 * GIB - 1, 9).unwrap(), b"\0mid\0\0\0\0\0");
    assert_eq!(abi.seek_data(file, 5 * GIB + 3).unwrap_err().status, NOT_FOUND);
    assert_eq!(abi.pread(file, (1 << 62) - 2, 9).unwrap(), b"\0\0");
    abi.pwrite(file, i64::MAX as u64 - 2, b"zz").unwrap();
    abi.flush(file).unwrap();
    assert_eq!(abi.size(file).unwrap(), i64::MAX as u64);
    assert_eq!(abi.pread(file, i64::MAX as u64 - 3, 9).unwrap(), b"\0zz");
    abi.close(file).unwrap();
}

#[test]
fn a_hole_is_punched_with_what_was_written_in_one_commit() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    abi.write_file(fs, "/f", &[b'x'; 300_000]).unwrap();
    let file = abi.open(fs, "/f", "r+").unwrap();
    abi.pwrite(file, 299_999, b"yyy").unwrap();
    let before = abi.entry(fs, "/f", true).unwrap();
    abi.punch_hole(file, 1000, 200_000).unwrap();
    let after = abi.entry(fs, "/f", true).unwrap();
    assert_eq!((before.size, after.size), (300_000, 300_002));
    assert_eq!(after.version, abi.entry(fs, "/f", true).unwrap().version);
    let mut expected = vec![b'x'; 300_002];
    expected[299_999..].fill(b'y');
    expected[1000..201_000].fill(0);
    assert!(abi.read_file(fs, "/f").unwrap() == expected);
    assert_eq!((abi.seek_hole(file, 0).unwrap(), abi.seek_data(file, 1000).unwrap()), (1000, 201_000));
    // Behind the end it changes nothing.
    abi.punch_hole(file, 300_000, u64::MAX).unwrap();
    abi.punch_hole(file, u64::MAX, u64::MAX).unwrap();
    expected[300_000..].fill(0);
    assert!(abi.read_file(fs, "/f").unwrap() == expected);
    assert_eq!(abi.punch_hole(file, 0, 0).unwrap_err().status, -101);
    let appender = abi.open(fs, "/f", "a").unwrap();
    let refused = abi.punch_hole(appender, 0, 1).unwrap_err();
    assert!(refused.message.contains("hole"), "{}", refused.message);

    // In content that is not there yet.
    let file = abi.open(fs, "/new", "w+").unwrap();
    abi.write(file, &[b'n'; 5000]).unwrap();
    abi.punch_hole(file, 4000, 9000).unwrap();
    assert!(!abi.exists(fs, "/new", false).unwrap());
    assert_eq!((abi.size(file).unwrap(), abi.seek_hole(file, 0).unwrap()), (5000, 4000));
    abi.close(file).unwrap();
    assert!(abi.read_file(fs, "/new").unwrap() == [&[b'n'; 4000][..], &[0; 1000]].concat());
}

#[test]
fn several_buffers_are_one_read_or_write() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let file = abi.open(fs, "/f", "w+").unwrap();
    assert_eq!(abi.writev(file, &[b"one", b"", b"two", b"three"]).unwrap(), 11);
    assert_eq!(abi.tell(file).unwrap(), 11);
    abi.seek(file, 1, 0).unwrap();
    assert_eq!(abi.readv(file, &[2, 0, 4, 99]).unwrap(), b"netwothree");
    assert_eq!(abi.tell(file).unwrap(), 11);
    assert_eq!(abi.readv(file, &[5, 5]).unwrap(), b"");
    assert_eq!(abi.readv(file, &[]).unwrap(), b"");
    let many = vec![&b"ab"[..]; 1024];
    assert_eq!(abi.writev(file, &many).unwrap(), 2048);
    let refused = abi.writev(file, &vec![&b"ab"[..]; 1025]).unwrap_err();
    assert!(refused.status == -101 && refused.message.contains("1024"), "{refused:?}");
    assert_eq!(abi.readv(file, &[0; 1025]).unwrap_err().status, -101);
    assert_eq!(abi.size(file).unwrap(), 2059);
    abi.close(file).unwrap();
}

#[test]
fn appends_of_many_handles_are_all_there() {
    let world = World::new();
    let abi = &world.abi;
    abi.write_file(world.fs, "/journal", b"").unwrap();
    let (other_daemon, other) = world.other();
    // Where each record ended, as the handle said after the flush.
    let ends = std::sync::Mutex::new(Vec::new());
    let append = |fs: u64, who: u8| {
        let file = abi.open(fs, "/journal", "a").unwrap();
        for n in 0..30u8 {
            let record = vec![who, n, b'.', b'.', b'\n'];
            abi.write(file, &record).unwrap();
            abi.flush(file).unwrap();
            ends.lock().unwrap().push((abi.tell(file).unwrap() as usize, record));
        }
        abi.close(file).unwrap();
    };
    std::thread::scope(|scope| {
        let (append, fs) = (&append, world.fs);
        for who in 0..3 {
            scope.spawn(move || append(fs, 2 * who));
            scope.spawn(move || append(other, 2 * who + 1));
        }
    });
    let journal = abi.read_file(world.fs, "/journal").unwrap();
    let records: BTreeSet<&[u8]> = journal.chunks(5).collect();
    assert_eq!((journal.len(), records.len()), (6 * 30 * 5, 6 * 30));
    for (end, record) in ends.into_inner().unwrap() {
        assert_eq!(journal[end - 5..end], record);
    }
    abi.stop(other_daemon).unwrap();
}

/// `LUCIDLINK_ENTRIES` says how many entries the directory has.
#[test]
fn a_directory_is_read_entry_by_entry() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let count: usize = std::env::var("LUCIDLINK_ENTRIES").map_or(2500, |n| n.parse().unwrap());
    let name = |n: usize| format!("{:08}", n * 2);
    abi.create_dir(fs, "/d").unwrap();
    std::thread::scope(|scope| {
        for part in 0..16 {
            scope.spawn(move || {
                let mine = (part..count).step_by(16);
                mine.for_each(|n| abi.symlink(fs, "target", &format!("/d/{}", name(n))).unwrap());
            });
        }
    });
    let start = std::time::Instant::now();
    let dir = abi.open_dir(fs, "/d").unwrap();
    let mut seen = Vec::new();
    let (first, attributes) = abi.next_entry(dir).unwrap().unwrap();
    assert_eq!((first.as_str(), attributes.size, attributes.r#type), ("00000000", 6, 3));
    let listed = abi.entry(fs, "/d/00000000", false).unwrap();
    assert_eq!(
        (attributes.file_id, attributes.version, attributes.mtime_ns, attributes.mode),
        (listed.file_id, listed.version, listed.mtime_ns, listed.mode)
    );
    seen.push(first);
    // What changes meanwhile: names before and behind the cursor go and come.
    abi.delete(fs, "/d/00000000").unwrap();
    abi.delete(fs, &format!("/d/{}", name(count - 1))).unwrap();
    abi.write_file(fs, "/d/00000000-new", b"").unwrap();
    abi.write_file(fs, "/d/99999999", b"").unwrap();
    while let Some((name, _)) = abi.next_entry(dir).unwrap() {
        seen.push(name);
    }
    assert!(abi.next_entry(dir).unwrap().is_none(), "the end stays the end");
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]));
    let stayed: Vec<String> = (0..count - 1).map(name).collect();
    let own: Vec<&String> = seen.iter().filter(|name| name.len() == 8 && *name != "99999999").collect();
    assert_eq!(own, stayed.iter().collect::<Vec<_>>());
    assert!(seen.contains(&"99999999".to_owned()));
    eprintln!("{count} entries in {:?}", start.elapsed());

    assert_eq!(abi.open_dir(fs, "/d/99999999").unwrap_err().status, -403);
    assert_eq!(abi.open_dir(fs, "/nothing").unwrap_err().status, NOT_FOUND);
    abi.free_dir(dir);
    assert_eq!(abi.next_entry(dir).err().unwrap().status, -102);
    let empty = abi.open_dir(fs, "/d").unwrap();
    abi.delete_dir(fs, "/d", true).unwrap();
    // What is freed by then has no entries; that of a million takes longer than the call waits.
    let left = abi.next_entry(empty).unwrap();
    assert!(left.is_none() || count > 50_000, "a directory that is gone has no entries");
    abi.unlink(fs).unwrap();
    assert_eq!(abi.next_entry(empty).err().unwrap().status, -102);
}

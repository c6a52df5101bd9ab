//! Snapshots through the C interface: what they keep, who may, and what is restored from them.
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

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use abi::{Abi, Failed};
use lucidlink::ffi::workspace::{LL_CONSISTENCY_RELAXED, LL_CONSISTENCY_STRICT};

const INVALID_ARGUMENT: i32 = -101;
const ACCESS_DENIED: i32 = -303;
const READ_ONLY: i32 = -304;
const NOT_FOUND: i32 = -401;
const EXISTS: i32 = -402;
const NOT_A_DIRECTORY: i32 = -403;
const IS_A_DIRECTORY: i32 = -404;
const NO_SPACE: i32 = -409;
const WRITER: u32 = 2;
const BLOCK: usize = 256 << 10;

struct World {
    abi: Abi,
    url: String,
    token: String,
    daemon: u64,
    workspace: u64,
    fs: u64,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World::with(LL_CONSISTENCY_STRICT)
    }

    fn with(consistency: u32) -> World {
        let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "snapshots").unwrap();
        let mut world = World { abi, url, token, daemon: 0, workspace: 0, fs: 0, _folder: folder };
        (world.daemon, world.workspace) = world.client(&world.token);
        world.abi.create_filespace(world.workspace, "demo").unwrap();
        world.fs = world.abi.link_as(world.workspace, "demo", consistency).unwrap();
        world
    }

    /// A daemon and its workspace.
    fn client(&self, token: &str) -> (u64, u64) {
        let daemon =
            self.abi.daemon(&[("workspace.url", &self.url), ("daemon.allow_multiple", "true")]).unwrap();
        (daemon, self.abi.authenticate(daemon, token).unwrap())
    }

    fn checkpoints(&self) -> usize {
        let filespaces = self._folder.path().join("ws/filespaces");
        let only = filespaces.read_dir().unwrap().next().unwrap().unwrap().path();
        only.join("checkpoints").read_dir().map_or(0, Iterator::count)
    }

    /// Commits that change little.
    fn commits(&self, count: usize) {
        for n in 0..count {
            self.abi.set_mode(self.fs, "/", 0o700 + n as u32 % 8).unwrap();
        }
        self.abi.set_mode(self.fs, "/", 0o755).unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.abi.stop(self.daemon);
    }
}

fn status<T>(result: Result<T, Failed>) -> i32 {
    result.err().expect("it should fail").status
}

/// What can be seen of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    mode: u32,
    owner: (u32, u32),
    times: (i64, i64),
    links: u32,
    /// The first name of the same file.
    same_as: String,
    content: Option<Vec<u8>>,
    /// Where its first hole is.
    hole: Option<u64>,
    target: Option<String>,
    xattrs: Vec<(String, Vec<u8>)>,
}

/// Everything below a directory, by its path from there.
fn tree(abi: &Abi, fs: u64, root: &str) -> BTreeMap<String, Seen> {
    let (mut seen, mut ids, mut pending) = (BTreeMap::new(), BTreeMap::new(), vec![String::new()]);
    while let Some(at) = pending.pop() {
        for (name, entry) in abi.read_dir(fs, &format!("{root}{at}/")).unwrap() {
            let path = format!("{at}/{name}");
            let full = format!("{root}{path}");
            let kind = entry.r#type;
            let is_file = kind == lucidlink::ffi::fs::LL_TYPE_FILE;
            if kind == lucidlink::ffi::fs::LL_TYPE_DIRECTORY {
                pending.push(path.clone());
            }
            let mut hole = None;
            if is_file {
                let file = abi.open(fs, &full, "r").unwrap();
                hole = abi.seek_hole(file, 0).ok();
                abi.close(file).unwrap();
            }
            let xattrs = abi.list_xattrs(fs, &full, false).unwrap().into_iter();
            let value = |(name, _): (String, u64)| {
                let value = abi.get_xattr(fs, &full, &name, false).unwrap();
                (name, value)
            };
            let first = ids.entry(entry.file_id).or_insert_with(|| path.clone()).clone();
            let new = Seen {
                mode: entry.mode,
                owner: (entry.uid, entry.gid),
                times: (entry.atime_ns, entry.mtime_ns),
                links: entry.link_count,
                same_as: first,
                content: is_file.then(|| abi.read_file(fs, &full).unwrap()),
                hole,
                target: abi.read_link(fs, &full).ok(),
                xattrs: xattrs.map(value).collect(),
            };
            seen.insert(path, new);
        }
    }
    seen
}

fn bytes(seed: u8, len: usize) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A bit of everything, in `/d`.
fn populate(abi: &Abi, fs: u64) {
    abi.create_dir(fs, "/d/sub/deep").unwrap();
    abi.create_dir(fs, "/d/empty").unwrap();
    for n in 0..20 {
        abi.write_file(fs, &format!("/d/small-{n:02}"), &bytes(n, 100 + usize::from(n))).unwrap();
    }
    abi.write_file(fs, "/d/none", b"").unwrap();
    abi.write_file(fs, "/d/sub/large", &bytes(200, 5 * BLOCK + 77)).unwrap();
    abi.write_file(fs, "/d/sub/deep/largest", &bytes(201, 20 * BLOCK)).unwrap();
    let sparse = abi.open(fs, "/d/sparse", "w").unwrap();
    abi.pwrite(sparse, 0, &bytes(202, 1000)).unwrap();
    abi.pwrite(sparse, 10 * BLOCK as u64, &bytes(203, 70_000)).unwrap();
    abi.close(sparse).unwrap();
    abi.hard_link(fs, "/d/sub/large", "/d/another name").unwrap();
    abi.hard_link(fs, "/d/sub/large", "/d/sub/deep/third").unwrap();
    abi.symlink(fs, "../nowhere", "/d/sub/link").unwrap();
    abi.set_xattr(fs, "/d/small-03", "user.colour", b"blue", 0, true).unwrap();
    abi.set_xattr(fs, "/d/sub", "user.kind", b"folder", 0, true).unwrap();
    abi.set_xattr(fs, "/d/sub/link", "user.kind", b"link", 0, false).unwrap();
    abi.set_mode(fs, "/d/small-04", 0o4751).unwrap();
    abi.set_mode(fs, "/d/empty", 0o500).unwrap();
    abi.set_times(fs, "/d/small-05", 1, -2).unwrap();
    abi.set_times(fs, "/d/sub/link", 3, 4).unwrap();
    abi.set_times(fs, "/d/sub", 5, 6).unwrap();
}

/// Changes all of it in some way.
fn ruin(abi: &Abi, fs: u64) {
    abi.rename(fs, "/d/sub/large", "/moved", false).unwrap();
    abi.write_file(fs, "/d/small-00", b"overwritten").unwrap();
    abi.truncate(fs, "/d/small-01", 7).unwrap();
    abi.truncate(fs, "/moved", 100).unwrap();
    let file = abi.open(fs, "/d/small-02", "r+").unwrap();
    abi.pwrite(file, 3, b"XYZ").unwrap();
    abi.close(file).unwrap();
    abi.remove_xattr(fs, "/d/small-03", "user.colour", true).unwrap();
    abi.set_mode(fs, "/d/small-04", 0).unwrap();
    let sparse = abi.open(fs, "/d/sparse", "r+").unwrap();
    abi.punch_hole(sparse, 0, 20 << 20).unwrap();
    abi.close(sparse).unwrap();
    abi.delete_dir(fs, "/d/sub", true).unwrap();
    for n in 5..20 {
        abi.delete(fs, &format!("/d/small-{n:02}")).unwrap();
    }
    abi.delete(fs, "/moved").unwrap();
    abi.delete(fs, "/d/another name").unwrap();
    abi.delete_dir(fs, "/d/empty", false).unwrap();
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    populate(abi, fs);
    world.commits(700);
    let before = tree(abi, fs, "");
    let position = abi.create_snapshot(fs, "first").unwrap();
    assert_eq!(abi.snapshots(fs).unwrap(), [("first".to_owned(), position.seq)]);
    let then = abi.link_snapshot(world.workspace, "demo", "first").unwrap();
    let file = abi.open(then, "/d/sub/deep/largest", "r").unwrap();
    assert_eq!(abi.pread(file, 0, 10).unwrap(), bytes(201, 10));
    ruin(abi, fs);
    world.commits(700);
    // Of a link that was there, of a new one, of one in another process's place.
    assert_eq!(tree(abi, then, ""), before);
    assert_eq!(abi.pread(file, 0, 20 * BLOCK).unwrap(), bytes(201, 20 * BLOCK), "an open handle");
    abi.close(file).unwrap();
    abi.unlink(then).unwrap();
    let (daemon, workspace) = world.client(&world.token);
    let then = abi.link_snapshot(workspace, "demo", "first").unwrap();
    let live = abi.link(workspace, "demo").unwrap();
    assert_eq!(tree(abi, then, ""), before);
    assert_ne!(tree(abi, live, ""), before);
    // It is not written to, and does not go on.
    for refused in
        [abi.create_dir(then, "/new"), abi.delete(then, "/d/none"), abi.delete_snapshot(then, "first")]
    {
        assert_eq!(status(refused), READ_ONLY);
    }
    assert_eq!(status(abi.open(then, "/d/none", "w")), READ_ONLY);
    let refused = abi.open_locked(then, "/d/sub/deep/largest", "r", false, 0).unwrap_err();
    assert_eq!(refused.status, READ_ONLY);
    assert!(refused.message.contains("in a snapshot"), "{}", refused.message);
    let later = abi.sync_all(fs).unwrap();
    assert_eq!(status(abi.wait_for(then, &later, 60_000)), INVALID_ARGUMENT);
    abi.wait_for(then, &position, 0).unwrap();
    assert_eq!(abi.sync_all(then).unwrap().seq, position.seq);
    abi.stop(daemon).unwrap();
}

#[test]
fn its_checkpoint_is_of_exactly_its_position() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    populate(abi, fs);
    let before = tree(abi, fs, "");
    let position = abi.create_snapshot(fs, "s").unwrap();
    ruin(abi, fs);
    abi.unlink(fs).unwrap();
    assert_eq!(world.checkpoints(), 1, "whoever takes a snapshot writes its checkpoint");
    let only = world._folder.path().join("ws/filespaces").read_dir().unwrap().next().unwrap().unwrap().path();
    let name = only.join("checkpoints").read_dir().unwrap().next().unwrap().unwrap().file_name();
    assert!(name.to_str().unwrap().starts_with(&format!("{:016x}-", position.seq)), "{name:?}");
    let then = abi.link_snapshot(world.workspace, "demo", "s").unwrap();
    assert_eq!(tree(abi, then, ""), before);
    abi.unlink(then).unwrap();
    // Without it the log says the same.
    std::fs::remove_dir_all(only.join("checkpoints")).unwrap();
    std::fs::create_dir(only.join("checkpoints")).unwrap();
    let then = abi.link_snapshot(world.workspace, "demo", "s").unwrap();
    assert_eq!(tree(abi, then, ""), before);
}

#[test]
fn what_was_acknowledged_before_is_in_it() {
    let world = World::with(LL_CONSISTENCY_RELAXED);
    let (abi, fs) = (&world.abi, world.fs);
    let open = abi.open(fs, "/open", "w").unwrap();
    abi.write(open, b"written, not closed").unwrap();
    for n in 0..300u16 {
        abi.write_file(fs, &format!("/f{n}"), &n.to_le_bytes()).unwrap();
    }
    abi.create_snapshot(fs, "s").unwrap();
    for n in 0..300u16 {
        abi.delete(fs, &format!("/f{n}")).unwrap();
    }
    abi.write(open, b" and more").unwrap();
    abi.close(open).unwrap();
    let then = abi.link_snapshot(world.workspace, "demo", "s").unwrap();
    for n in 0..300u16 {
        assert_eq!(abi.read_file(then, &format!("/f{n}")).unwrap(), n.to_le_bytes());
    }
    assert_eq!(abi.read_file(then, "/open").unwrap(), b"written, not closed");
    assert_eq!(abi.read_file(fs, "/open").unwrap(), b"written, not closed and more");
}

#[test]
fn names_are_taken_once_and_only_some_take_them_away() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    let token = abi.create_account(world.workspace, "ann", WRITER).unwrap();
    abi.grant(world.workspace, "demo", "ann", WRITER).unwrap();
    let (daemon, workspace) = world.client(&token);
    let ann = abi.link(workspace, "demo").unwrap();
    for bad in ["", ".", "..", "a/b", "a:b", "a@b", "a\nb", &"x".repeat(256)] {
        assert_eq!(status(abi.create_snapshot(fs, bad)), INVALID_ARGUMENT, "{bad:?}");
    }
    let longest = "ü".repeat(127);
    for name in ["one", &longest, "with blank"] {
        abi.create_snapshot(fs, name).unwrap();
        assert_eq!(status(abi.create_snapshot(ann, name)), EXISTS);
    }
    abi.create_snapshot(ann, "of ann").unwrap();
    let names = |fs| abi.snapshots(fs).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(ann), ["one", &longest, "with blank", "of ann"]);
    assert_eq!(names(fs), names(ann));
    assert_eq!(status(abi.delete_snapshot(ann, "one")), ACCESS_DENIED);
    assert_eq!(status(abi.delete_snapshot(ann, "none")), NOT_FOUND);
    abi.create_snapshot(ann, "another of ann").unwrap();
    abi.delete_snapshot(ann, "another of ann").unwrap();
    abi.delete_snapshot(fs, "of ann").unwrap();
    abi.delete_snapshot(fs, "one").unwrap();
    assert_eq!(names(ann), [&longest, "with blank"]);
    assert_eq!(status(abi.link_snapshot(world.workspace, "demo", "one")), NOT_FOUND);
    abi.create_snapshot(ann, "one").unwrap();
    // Who may only read takes none.
    abi.grant(world.workspace, "demo", "ann", 1).unwrap();
    abi.sync_all(fs).unwrap();
    assert_eq!(status(abi.create_snapshot(ann, "late")), ACCESS_DENIED);
    // It cannot end its session any more.
    let _ = abi.stop(daemon);
}

#[test]
fn a_tree_is_restored_as_it_was() {
    for consistency in [LL_CONSISTENCY_STRICT, LL_CONSISTENCY_RELAXED] {
        let world = World::with(consistency);
        let (abi, fs) = (&world.abi, world.fs);
        populate(abi, fs);
        let before = tree(abi, fs, "/d");
        abi.create_snapshot(fs, "s").unwrap();
        // What lives is shared.
        abi.sync_all(fs).unwrap();
        let stored = abi.statistics(fs).unwrap().stored_bytes;
        abi.restore(fs, "s", "/d", "/shared/below", false).unwrap();
        assert_eq!(tree(abi, fs, "/shared/below"), before);
        assert_eq!(abi.statistics(fs).unwrap().stored_bytes, stored, "no content is stored again");
        abi.delete_dir(fs, "/shared", true).unwrap();
        // What is dead is written anew.
        ruin(abi, fs);
        abi.sync_all(fs).unwrap();
        abi.restore(fs, "s", "/d", "/copy", false).unwrap();
        assert_eq!(tree(abi, fs, "/copy"), before);
        // Into what is there: what was not in the snapshot stays.
        abi.write_file(fs, "/d/later", b"stays").unwrap();
        abi.set_xattr(fs, "/d/small-00", "user.later", b"goes", 0, true).unwrap();
        assert_eq!(status(abi.restore(fs, "s", "/d", "/d", false)), EXISTS);
        abi.restore(fs, "s", "/d/", "/d", true).unwrap();
        let mut now = tree(abi, fs, "/d");
        assert_eq!(now.remove("/later").unwrap().content.unwrap(), b"stays");
        assert_eq!(now, before);
        // All of it is in the log.
        let (daemon, workspace) = world.client(&world.token);
        let other = abi.link(workspace, "demo").unwrap();
        assert_eq!(tree(abi, other, "/copy"), before);
        abi.stop(daemon).unwrap();
    }
}

/// More than one transaction can hold.
#[test]
fn a_tree_with_many_extended_attributes_is_restored() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    abi.create_dir(fs, "/d").unwrap();
    abi.write_file(fs, "/d/first", b"content").unwrap();
    for n in 0..16 {
        abi.set_xattr(fs, "/d/first", &format!("user.{n}"), &[n; 65_000], 0, true).unwrap();
    }
    (0..70).for_each(|n| abi.copy(fs, "/d/first", &format!("/d/{n}"), false, true).unwrap());
    abi.create_snapshot(fs, "s").unwrap();
    abi.restore(fs, "s", "/d", "/copy", false).unwrap();
    assert_eq!(abi.list_xattrs(fs, "/copy/69", true).unwrap().len(), 16);
    assert_eq!(abi.read_dir(fs, "/copy").unwrap().len(), 71);
}

#[test]
fn a_file_is_restored_as_a_whole_or_not_at_all() {
    let world = World::new();
    let (abi, fs) = (&world.abi, world.fs);
    populate(abi, fs);
    let before = tree(abi, fs, "/d");
    abi.create_snapshot(fs, "s").unwrap();
    // Half of it lives in packs that are shared, half is dead.
    let file = abi.open(fs, "/d/sub/deep/largest", "r+").unwrap();
    abi.pwrite(file, 3 * BLOCK as u64 + 5, &bytes(9, 7 * BLOCK)).unwrap();
    abi.close(file).unwrap();
    let held = abi.open(fs, "/d/sub/deep/largest", "r").unwrap();
    abi.restore(fs, "s", "/d/sub/deep/largest", "/d/sub/deep/largest", true).unwrap();
    assert_eq!(tree(abi, fs, "/d")["/sub/deep/largest"], before["/sub/deep/largest"]);
    assert_ne!(abi.pread(held, 0, 20 * BLOCK).unwrap(), bytes(201, 20 * BLOCK), "a handle keeps its version");
    abi.free(held);

    for (from, to, replace, expected) in [
        ("/d/none", "/d/none", false, EXISTS),
        ("/gone", "/x", false, NOT_FOUND),
        ("/d/none", "/d/sub", true, IS_A_DIRECTORY),
        ("/d/sub", "/d/none", true, NOT_A_DIRECTORY),
        ("/d/none", "/d/none/below", false, NOT_A_DIRECTORY),
    ] {
        assert_eq!(status(abi.restore(fs, "s", from, to, replace)), expected, "{from} to {to}");
    }
    assert_eq!(status(abi.restore(fs, "none", "/d", "/x", false)), NOT_FOUND);
    assert!(!abi.exists(fs, "/x", true).unwrap());
    // A link at the end of a path is what is restored, and replaced.
    abi.symlink(fs, "/d/small-00", "/d/points").unwrap();
    abi.restore(fs, "s", "/d/sub/link", "/d/points", true).unwrap();
    assert_eq!(abi.read_link(fs, "/d/points").unwrap(), "../nowhere");
    assert_eq!(abi.read_file(fs, "/d/small-00").unwrap(), bytes(0, 100));
    // A quota holds.
    let used = abi.statistics(fs).unwrap().content_bytes;
    abi.set_quota(fs, used + 1000, 0).unwrap();
    assert_eq!(status(abi.restore(fs, "s", "/d/sub/large", "/x", false)), NO_SPACE);
    assert!(!abi.exists(fs, "/x", false).unwrap());
    abi.restore(fs, "s", "/d/sub/deep/largest", "/d/sub/deep/largest", true).unwrap();
}

/// Takes snapshots until it is killed, and says which it took. Not a test: see below.
#[test]
#[ignore = "it is run by another test"]
fn child_takes_snapshots() {
    let (Ok(url), Ok(token)) = (std::env::var("SNAPSHOTS_URL"), std::env::var("SNAPSHOTS_TOKEN")) else {
        return;
    };
    let abi = Abi::load();
    let daemon = abi.daemon(&[("workspace.url", &url)]).unwrap();
    let workspace = abi.authenticate(daemon, &token).unwrap();
    let fs = abi.link(workspace, "demo").unwrap();
    let first = abi.snapshots(fs).unwrap().len();
    for n in first..first + 10_000 {
        abi.write_file(fs, "/counter", &bytes(n as u8, 200_000)).unwrap();
        abi.write_file(fs, "/number", n.to_string().as_bytes()).unwrap();
        abi.create_snapshot(fs, &format!("s{n}")).unwrap();
        eprintln!("took {n}");
    }
}

#[test]
fn snapshots_survive_kill_9() {
    let world = World::new();
    let abi = &world.abi;
    let mut taken = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_takes_snapshots", "--ignored", "--nocapture", "--test-threads=1"])
            .envs([("SNAPSHOTS_URL", &world.url), ("SNAPSHOTS_TOKEN", &world.token)])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        for line in lines.map_while(Result::ok).filter(|line| line.starts_with("took ")).take(5 + 3 * round) {
            taken = line[5..].parse::<usize>().unwrap() + 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let known = abi.snapshots(world.fs).unwrap();
    assert!(known.len() >= taken && taken > 50, "{} of {taken}", known.len());
    for (n, (name, _)) in known.iter().enumerate() {
        assert_eq!(*name, format!("s{n}"));
        let then = abi.link_snapshot(world.workspace, "demo", name).unwrap();
        assert_eq!(abi.read_file(then, "/counter").unwrap(), bytes(n as u8, 200_000), "{name}");
        assert_eq!(abi.read_file(then, "/number").unwrap(), n.to_string().as_bytes(), "{name}");
        abi.unlink(then).unwrap();
    }
    // Whoever goes on writes the checkpoints of those that the dead took.
    world.commits(300);
    abi.unlink(world.fs).unwrap();
    assert!(world.checkpoints() >= known.len(), "{} of {}", world.checkpoints(), known.len());
}

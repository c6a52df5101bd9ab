//! The cache on disk, through the C interface: what it saves, what it may cost, and that nothing goes wrong with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stdout
)]

#[path = "support/abi.rs"]
mod abi;

use std::io::{BufRead, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use abi::Abi;
use lucidlink::ffi::daemon::ll_metrics;

const MB: u64 = 1 << 20;
const INVALID_VALUE: i32 = -106;
const INTEGRITY: i32 = -601;
/// What tells a child process where its world is.
const WORLD: &str = "LL_TEST_DISK_CACHE";
/// And how much of its file it reads.
const BYTES: &str = "LL_TEST_DISK_CACHE_BYTES";

struct World {
    abi: Abi,
    folder: PathBuf,
    url: String,
    token: String,
    _made: Option<tempfile::TempDir>,
}

/// A daemon with a cache, and the filespace.
struct Client<'a> {
    world: &'a World,
    daemon: u64,
    fs: u64,
}

impl World {
    fn new() -> World {
        let (abi, made) = (Abi::load(), tempfile::tempdir().unwrap());
        let folder = made.path().to_owned();
        let url = url(&folder);
        let token = abi.workspace_create(&url, "cached").unwrap();
        std::fs::write(folder.join("token"), &token).unwrap();
        let world = World { abi, folder, url, token, _made: Some(made) };
        let daemon = world.abi.daemon(&world.settings("0")).unwrap();
        let workspace = world.abi.authenticate(daemon, &world.token).unwrap();
        world.abi.create_filespace(workspace, "demo").unwrap();
        world.abi.stop(daemon).unwrap();
        world
    }

    fn settings<'a>(&'a self, size: &'a str) -> [(&'a str, &'a str); 3] {
        [("workspace.url", &self.url), ("daemon.allow_multiple", "true"), ("fs.cache.size", size)]
    }

    fn storage(&self) -> PathBuf {
        self.folder.join("storage")
    }

    fn cache(&self) -> PathBuf {
        self.storage().join(".lucid/cache")
    }

    /// A client whose storage stays.
    fn client(&self, size: &str) -> Client<'_> {
        std::fs::create_dir_all(self.storage()).unwrap();
        self.started(self.abi.daemon_in(&self.storage(), true, &self.settings(size)).unwrap())
    }

    fn started(&self, daemon: u64) -> Client<'_> {
        let workspace = self.abi.authenticate(daemon, &self.token).unwrap();
        Client { world: self, daemon, fs: self.abi.link(workspace, "demo").unwrap() }
    }

    /// Writes a file that ends up in packs, by a client without a cache.
    fn put(&self, path: &str, content: &[u8]) {
        let writer = self.started(self.abi.daemon(&self.settings("0")).unwrap());
        self.abi.write_file(writer.fs, path, content).unwrap();
        writer.stop();
    }

    /// The store has its packs, or has none.
    fn show_packs(&self, show: bool) {
        let mut folders = vec![self.folder.join("ws")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let (from, to) = if show { ("hidden", "packs") } else { ("packs", "hidden") };
                if entry.file_name() == from {
                    std::fs::rename(entry.path(), entry.path().with_file_name(to)).unwrap();
                } else if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
    }

    /// The segments, the oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn on_disk(&self) -> u64 {
        self.segments().iter().map(|path| std::fs::metadata(path).unwrap().len()).sum()
    }
}

impl Client<'_> {
    fn read(&self, path: &str) -> Vec<u8> {
        self.world.abi.read_file(self.fs, path).unwrap()
    }

    fn metrics(&self) -> ll_metrics {
        self.world.abi.metrics(self.daemon)
    }

    fn stop(self) {
        self.world.abi.stop(self.daemon).unwrap();
    }
}

fn url(folder: &Path) -> String {
    format!("file://{}/ws", folder.display())
}

/// Bytes that do not compress.
fn noise(seed: u64, len: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(len as usize / 8).flatten().collect()
}

#[test]
fn what_was_read_once_is_read_without_the_store() {
    let world = World::new();
    let content = noise(1, 6 * MB);
    world.put("/film.mov", &content);

    let first = world.client("64");
    assert!(first.read("/film.mov") == content);
    let filled = first.metrics();
    assert!(filled.disk_cache_misses > 0 && filled.store_gets >= filled.disk_cache_misses);
    assert!(filled.disk_cache_bytes > 6 * MB && filled.disk_cache_bytes == world.on_disk());
    first.stop();

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.cache()), 0o700);
    assert!(world.segments().iter().all(|path| mode(path) == 0o600));

    world.show_packs(false);
    let second = world.client("64");
    assert!(second.read("/film.mov") == content);
    let cached = second.metrics();
    assert_eq!((cached.store_gets, cached.disk_cache_misses, cached.disk_cache_failures), (0, 0, 0));
    assert!(cached.disk_cache_hits > 0);
    second.stop();

    // Without the cache it is what it was: missing.
    let third = world.client("0");
    assert!(!world.cache().exists(), "0 removes what an earlier daemon left");
    let missing = world.abi.read_file(third.fs, "/film.mov").unwrap_err();
    assert_eq!(missing.status, INTEGRITY, "{}", missing.message);
    let off = third.metrics();
    assert_eq!((off.disk_cache_hits, off.disk_cache_misses, off.disk_cache_bytes), (0, 0, 0));
    third.stop();
}

#[test]
fn where_the_cache_ends_the_store_s_error_is_told() {
    let world = World::new();
    let content = noise(10, 12 * MB);
    world.put("/film.mov", &content);
    let client = world.client("64");
    let file = world.abi.open(client.fs, "/film.mov", "r").unwrap();
    assert!(world.abi.pread(file, 0, 1 << 20).unwrap() == content[..1 << 20]);
    client.stop();
    world.show_packs(false);
    let client = world.client("64");
    let file = world.abi.open(client.fs, "/film.mov", "r").unwrap();
    let missing = world.abi.pread(file, 0, content.len()).unwrap_err();
    assert_eq!(missing.status, INTEGRITY, "{}", missing.message);
    let metrics = client.metrics();
    assert!(metrics.disk_cache_hits > 0 && metrics.disk_cache_misses > 0);
    assert_eq!(metrics.disk_cache_failures, 0, "the cache is not to blame");
    world.show_packs(true);
    assert!(world.abi.pread(file, 0, content.len()).unwrap() == content);
    client.stop();
}

#[test]
fn the_limit_holds_however_much_is_read() {
    let world = World::new();
    let content = noise(2, 160 * MB);
    world.put("/large", &content);
    let client = world.client("32");
    let file = world.abi.open(client.fs, "/large", "r").unwrap();
    for _ in 0..2 {
        for (n, piece) in content.chunks(4 << 20).enumerate() {
            assert!(world.abi.pread(file, 4 * MB * n as u64, piece.len()).unwrap() == piece);
            assert!(world.on_disk() <= 32 * MB);
        }
    }
    assert!(world.on_disk() > 16 * MB, "and is used");
    assert_eq!(client.metrics().disk_cache_failures, 0);
    client.stop();
}

#[test]
fn a_damaged_cache_costs_a_fetch_and_nothing_else() {
    let world = World::new();
    let (content, other) = (noise(3, 6 * MB), noise(4, 6 * MB));
    world.put("/a", &content);
    world.put("/b", &other);
    let client = world.client("256");
    assert!(client.read("/a") == content && client.read("/b") == other);
    client.stop();
    let whole: Vec<_> = world.segments().iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(whole.len(), 1);
    let whole = &whole[0];

    // A record begins with LLDR, pack, offset, length, sum.
    let records: Vec<usize> = (0..whole.len() - 36).filter(|at| whole[*at..].starts_with(b"LLDR")).collect();
    let record_len = |at: usize| u32::from_le_bytes(whole[at + 28..at + 32].try_into().unwrap()) as usize;
    let like_first = |at: &&usize| **at != records[0] && record_len(**at) == record_len(records[0]);
    let twin = *records.iter().find(like_first).expect("two ranges of the same length");
    let body = |at: usize| at + 36..at + 36 + record_len(at);

    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut swapped = whole.clone();
    swapped[body(records[0])].copy_from_slice(&whole[body(twin)]);
    swapped[body(twin)].copy_from_slice(&whole[body(records[0])]);
    let mut replayed = whole.clone();
    replayed[body(twin)].copy_from_slice(&whole[body(records[0])]);
    let mut wiped = whole.clone();
    wiped[records[1]..].fill(0);

    let cases: [(&str, Vec<u8>, bool); 8] = [
        ("a flipped bit", flipped(records[0] + 5000), true),
        ("a flipped bit in a header", flipped(records[0] + 10), false),
        ("a flipped bit at the start", flipped(3), false),
        ("two ranges swapped", swapped, true),
        ("one range for another", replayed, true),
        ("cut in the middle", whole[..whole.len() / 2].to_vec(), false),
        ("zeroes behind the first record", wiped, false),
        ("nothing", Vec::new(), false),
    ];
    for (case, bytes, seen) in cases {
        for path in world.segments() {
            std::fs::remove_file(path).unwrap();
        }
        std::fs::write(world.cache().join(format!("{:016x}", 7)), bytes).unwrap();
        let client = world.client("256");
        assert!(client.read("/a") == content && client.read("/b") == other, "{case}");
        let metrics = client.metrics();
        assert_eq!(metrics.disk_cache_failures > 0, seen, "{case}");
        assert!(metrics.store_gets > 0, "{case}: it had to fetch");
        client.stop();
        let again = world.client("256");
        assert!(again.read("/a") == content && again.read("/b") == other, "{case}, again");
        assert_eq!(again.metrics().disk_cache_failures, 0, "{case}: what was fetched anew is what is cached");
        assert_eq!(again.metrics().store_gets, 0, "{case}, again");
        again.stop();
    }
}

#[test]
fn nothing_in_it_can_be_read() {
    let world = World::new();
    let line = b"The quick brown fox of the secret filespace. ";
    let mut content = line.repeat(30_000);
    content.extend(noise(5, 2 * MB));
    world.put("/a name that nobody may see", &content);
    let client = world.client("64");
    assert!(client.read("/a name that nobody may see") == content);
    client.stop();
    let cached: Vec<u8> = world.segments().iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
    assert!(cached.len() as u64 > 2 * MB);
    for secret in [&line[..20], b"nobody may see", &content[content.len() - 1000..][..16]] {
        assert!(!cached.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn it_goes_with_its_folder() {
    let world = World::new();
    world.put("/a", &noise(6, 3 * MB));
    for persist in [true, false] {
        std::fs::create_dir_all(world.storage()).unwrap();
        let daemon = world.abi.daemon_in(&world.storage(), persist, &world.settings("64")).unwrap();
        let client = world.started(daemon);
        client.read("/a");
        assert!(world.on_disk() > 3 * MB);
        client.stop();
        assert_eq!(world.cache().exists(), persist);
    }
    assert!(!world.storage().join(".lucid").exists());
    // SANDBOXED: in the temporary folder, and gone with it.
    let temporary = tempfile::tempdir().unwrap();
    let mut settings = world.settings("64").to_vec();
    settings.push(("fs.cache.location", temporary.path().to_str().unwrap()));
    let client = world.started(world.abi.daemon(&settings).unwrap());
    client.read("/a");
    assert!(client.metrics().disk_cache_bytes > 3 * MB);
    client.stop();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn its_size_is_checked() {
    let world = World::new();
    for bad in ["31", "-1", "1048577", "64 MB", ""] {
        let refused = world.abi.daemon(&world.settings(bad)).unwrap_err();
        assert_eq!(refused.status, INVALID_VALUE, "{bad:?}");
        assert!(refused.message.contains("fs.cache.size"), "{}", refused.message);
    }
}

/// A small file system of its own, gone when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, size: &str) -> SmallDisk {
        std::fs::create_dir_all(&at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a tmpfs: run it as root");
        SmallDisk(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_cache_and_no_read() {
    let world = World::new();
    let content = noise(7, 24 * MB);
    world.put("/a", &content);
    let disk = SmallDisk::mount(world.storage(), "8m");
    let client = world.client("64");
    assert!(client.read("/a") == content);
    let metrics = client.metrics();
    assert_eq!(metrics.disk_cache_failures, 1);
    assert!(metrics.disk_cache_bytes <= 8 * MB && metrics.disk_cache_bytes == world.on_disk());
    client.stop();
    // What it took before is of use.
    let client = world.client("64");
    assert!(client.read("/a") == content && client.metrics().disk_cache_hits > 0);
    client.stop();
    drop(disk);
}

#[test]
fn a_folder_that_is_deleted_underneath_stops_no_read() {
    let world = World::new();
    let content = noise(8, 12 * MB);
    world.put("/a", &content);
    let client = world.client("64");
    let file = world.abi.open(client.fs, "/a", "r").unwrap();
    assert!(world.abi.pread(file, 0, 4 << 20).unwrap() == content[..4 << 20]);
    std::fs::remove_dir_all(world.cache()).unwrap();
    // Another link has nothing in memory.
    world.abi.unlink(client.fs).unwrap();
    let workspace = world.abi.authenticate(client.daemon, &world.token).unwrap();
    let fs = world.abi.link(workspace, "demo").unwrap();
    assert!(world.abi.read_file(fs, "/a").unwrap() == content);
    assert_eq!(client.metrics().disk_cache_failures, 1);
    client.stop();
}

/// Reads the first bytes of a file again and again, by one read for each megabyte, and says so.
fn fill_for_ever(folder: PathBuf, bytes: u64) -> ! {
    let token = std::fs::read_to_string(folder.join("token")).unwrap();
    let url = url(&folder);
    let world = World { abi: Abi::load(), folder, url, token, _made: None };
    let client = world.client("32");
    world.abi.unlink(client.fs).unwrap();
    loop {
        // A new link has nothing in memory.
        let workspace = world.abi.authenticate(client.daemon, &world.token).unwrap();
        let fs = world.abi.link(workspace, "demo").unwrap();
        let file = world.abi.open(fs, "/large", "r").unwrap();
        for at in (0..bytes).step_by(MB as usize) {
            world.abi.pread(file, at, MB as usize).unwrap();
            println!("read");
            std::io::stdout().flush().unwrap();
        }
        world.abi.unlink(fs).unwrap();
    }
}

fn filler(world: &World, bytes: u64) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "a_process_that_is_killed_while_it_fills_leaves_a_cache_of_use";
    child.args(["--exact", name, "--nocapture"]).env(WORLD, &world.folder).env(BYTES, bytes.to_string());
    child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_process_that_is_killed_while_it_fills_leaves_a_cache_of_use() {
    if let (Some(folder), Ok(bytes)) = (std::env::var_os(WORLD), std::env::var(BYTES)) {
        fill_for_ever(folder.into(), bytes.parse().unwrap());
    }
    let world = World::new();
    let content = noise(9, 64 * MB);
    world.put("/large", &content);
    // With a cache that all of it fits into, and one that must make room all the time.
    for (bytes, reads) in [(24, 3), (64, 50), (24, 11), (64, 130), (24, 17), (64, 77)] {
        let fits = bytes == 24;
        if fits && world.cache().exists() {
            std::fs::remove_dir_all(world.cache()).unwrap();
        }
        let mut child = filler(&world, bytes * MB);
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let read = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.ends_with("read"));
        assert_eq!(out.by_ref().filter(read).take(reads).count(), reads);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(world.on_disk() <= 32 * MB);
        if reads > 16 {
            // Power loss would leave it torn, too.
            let file = std::fs::OpenOptions::new().write(true).open(world.segments().pop().unwrap()).unwrap();
            let len = file.metadata().unwrap().len();
            file.write_all_at(&[0; 1000], len.saturating_sub(1000)).unwrap();
        }
        let client = world.client("32");
        assert!(client.metrics().disk_cache_bytes == world.on_disk());
        assert!(client.read("/large") == content);
        assert!(world.on_disk() <= 32 * MB);
        assert!(!fits || client.metrics().disk_cache_hits > 0);
        client.stop();
    }
}

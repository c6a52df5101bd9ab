//! A store that is damaged or hostile: every stored object of every kind is flipped, cut, exchanged, replayed or lost,
//! and a new client looks at everything. It sees the right bytes or an error that says what is wrong, never other
//! bytes, and it does not crash. Through the C ABI of the built library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "support/abi.rs"]
mod abi;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use abi::{Abi, Failed};
use lucidlink::env::{Random, SeededRandom};

const AUTHENTICATION: i32 = -302;
const ACCESS_DENIED: i32 = -303;
const LOG_FORKED: i32 = -208;
const LOG_ROLLED_BACK: i32 = -210;
const NOT_FOUND: i32 = -401;
const IO: i32 = -501;
const INTEGRITY: i32 = -601;

struct Place {
    abi: Abi,
    folder: tempfile::TempDir,
    token: String,
    files: BTreeMap<String, Vec<u8>>,
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SeededRandom::new(seed).fill(&mut bytes).unwrap();
    bytes
}

impl Place {
    fn url(&self) -> String {
        format!("file://{}/ws", self.folder.path().display())
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("ws")
    }

    /// The folder of the filespace.
    fn filespace(&self) -> PathBuf {
        fs::read_dir(self.root().join("filespaces")).unwrap().next().unwrap().unwrap().path()
    }

    /// The objects of a kind, by path.
    fn objects(&self, kind: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&self.filespace().join(kind), &mut found);
        found.sort();
        found
    }

    /// A workspace with objects of every kind.
    fn new() -> Place {
        let abi = Abi::load();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "studio").unwrap();
        let mut place = Place { abi, folder, token, files: BTreeMap::new() };
        let abi = &place.abi;
        let daemon = abi.daemon(&[("workspace.url", &url), ("daemon.allow_multiple", "true")]).unwrap();
        let workspace = abi.authenticate(daemon, &place.token).unwrap();
        abi.create_filespace(workspace, "projects").unwrap();
        let fs = abi.link(workspace, "projects").unwrap();
        for (name, len) in [("/large", 700_000), ("/larger", 1_500_000)] {
            let content = noise(len as u64, len);
            abi.write_file(fs, name, &content).unwrap();
            place.files.insert(name.to_owned(), content);
        }
        // Many fragments: a body that is too large for its slot.
        let file = abi.open(fs, "/scattered", "w").unwrap();
        let mut content = vec![0; 30_000 * 40];
        for n in 0..30_000 {
            let piece = noise(n, 8 + n as usize % 9);
            abi.pwrite(file, n * 40, &piece).unwrap();
            content[n as usize * 40..][..piece.len()].copy_from_slice(&piece);
        }
        content.truncate(29_999 * 40 + 8 + 29_999 % 9);
        abi.close(file).unwrap();
        place.files.insert("/scattered".to_owned(), content);
        // Small files, inline in their commits, until a checkpoint is there.
        for n in 0.. {
            let (name, content) = (format!("/small{n}"), format!("content of {n}").into_bytes());
            abi.write_file(fs, &name, &content).unwrap();
            place.files.insert(name, content);
            if n >= 600 && !place.objects("checkpoints").is_empty() {
                break;
            }
            assert!(n < 50_000, "no checkpoint came");
        }
        abi.sync_all(fs).unwrap();
        abi.stop(daemon).unwrap();
        place
    }

    /// What a new client makes of it: everything is right, or the first error. Other bytes: a panic.
    fn look(&self) -> Result<(), Failed> {
        let abi = &self.abi;
        let daemon = abi.daemon(&[("workspace.url", &self.url()), ("daemon.allow_multiple", "true")])?;
        let looked = (|| {
            let workspace = abi.authenticate(daemon, &self.token)?;
            let fs = abi.link(workspace, "projects")?;
            let names: Vec<String> =
                abi.read_dir(fs, "/")?.into_iter().map(|(name, _)| format!("/{name}")).collect();
            let expected = self.files.keys();
            assert!(names.iter().eq(expected), "the listing is wrong and nobody said so");
            for (name, content) in &self.files {
                assert!(abi.read_file(fs, name)? == *content, "{name} has other bytes and nobody said so");
            }
            Ok(())
        })();
        let _ = abi.stop(daemon);
        looked
    }

    /// Changes a file, looks, and puts it back.
    fn with(&self, path: &Path, what: &str, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failed> {
        let before = fs::read(path).unwrap();
        let mut bytes = before.clone();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
        let looked = self.look();
        fs::write(path, before).unwrap();
        if let Err(failed) = &looked {
            let known = [INTEGRITY, LOG_FORKED, LOG_ROLLED_BACK, AUTHENTICATION, ACCESS_DENIED];
            assert!(known.contains(&failed.status), "{what} of {}: {failed:?}", path.display());
        }
        looked
    }
}

fn flip(bytes: &mut [u8], random: &SeededRandom) {
    if !bytes.is_empty() {
        let at = random.next_u64() as usize % bytes.len();
        bytes[at] ^= 1 << (random.next_u64() % 8);
    }
}

#[test]
fn no_object_can_be_changed_unnoticed() {
    let place = Place::new();
    place.look().expect("the store is whole");
    let random = SeededRandom::new(4);
    for kind in ["packs", "bodies", "parts", "checkpoints", "grants"] {
        let objects = place.objects(kind);
        assert!(!objects.is_empty(), "no {kind} to change");
        let mut noticed = 0;
        for path in objects.iter().take(6) {
            // A reader of the content needs every block, but not a pack's index; and without a usable checkpoint
            // it replays the log. So some changes are seen by nobody, and hurt nobody.
            noticed += u32::from(place.with(path, "flip", |bytes| flip(bytes, &random)).is_err());
            noticed += u32::from(place.with(path, "cut", |bytes| bytes.truncate(bytes.len() / 2)).is_err());
            noticed += u32::from(place.with(path, "nothing left", Vec::clear).is_err());
            for other in objects.iter().filter(|other| *other != path).take(2) {
                let swapped = fs::read(other).unwrap();
                noticed += u32::from(place.with(path, "exchange", |bytes| *bytes = swapped).is_err());
            }
            let hidden = path.with_extension("hidden");
            fs::rename(path, &hidden).unwrap();
            noticed += u32::from(place.look().is_err());
            fs::rename(&hidden, path).unwrap();
        }
        // A checkpoint stands for the bodies before it, and the log for a checkpoint and its parts.
        let needed = !["checkpoints", "parts", "bodies"].contains(&kind);
        assert!(noticed > 0 || !needed, "nobody noticed any change of {kind}");
    }
    place.look().expect("everything was put back");
}

#[test]
fn what_is_damaged_is_named() {
    let place = Place::new();
    for (kind, name) in [("packs", "packs/"), ("grants", "grant"), ("bodies", "bodies/")] {
        if kind == "bodies" {
            // A checkpoint stands for the bodies before it.
            place.objects("checkpoints").iter().for_each(|checkpoint| fs::remove_file(checkpoint).unwrap());
        }
        let path = place.objects(kind).remove(0);
        let failed = place.with(&path, "cut", |bytes| bytes.truncate(20)).unwrap_err();
        assert_eq!(failed.status, INTEGRITY, "{kind}");
        assert!(failed.message.contains(name), "{kind}: {}", failed.message);
    }
}

#[test]
fn nobody_waits_for_a_pipe_in_place_of_a_file() {
    let place = Place::new();
    place.objects("checkpoints").iter().for_each(|checkpoint| fs::remove_file(checkpoint).unwrap());
    let mut files: Vec<PathBuf> =
        ["grants", "bodies", "packs"].iter().map(|kind| place.objects(kind).remove(0)).collect();
    for log in [place.root(), place.filespace()] {
        files.extend(["head", "index", "slots"].map(|name| log.join("log").join(name)));
    }
    for path in files {
        let hidden = path.with_extension("hidden");
        fs::rename(&path, &hidden).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let failed = place.look().expect_err("a pipe is no file");
        assert!([IO, INTEGRITY].contains(&failed.status), "{}: {failed:?}", path.display());
        fs::rename(&hidden, &path).unwrap();
    }
    place.look().expect("everything was put back");
}

/// The slots of a log, changed behind everybody's back.
struct Slots(PathBuf);

impl Slots {
    fn file(&self, name: &str) -> fs::File {
        fs::OpenOptions::new().read(true).write(true).open(self.0.join("log").join(name)).unwrap()
    }

    fn last(&self) -> u64 {
        let mut last = [0; 8];
        self.file("head").read_exact_at(&mut last, 0).unwrap();
        u64::from_le_bytes(last)
    }

    /// Where a slot is.
    fn place(&self, n: u64) -> (u64, u32) {
        let mut entry = [0; 12];
        self.file("index").read_exact_at(&mut entry, 16 * n).unwrap();
        let (offset, length) = entry.split_at(8);
        (u64::from_le_bytes(offset.try_into().unwrap()), u32::from_le_bytes(length.try_into().unwrap()))
    }

    fn get(&self, n: u64) -> Vec<u8> {
        let (offset, length) = self.place(n);
        let mut bytes = vec![0; length as usize];
        self.file("slots").read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    /// Other bytes in the place of a slot, as far as they fit.
    fn put(&self, n: u64, bytes: &[u8]) {
        let (offset, length) = self.place(n);
        let fitting = &bytes[..bytes.len().min(length as usize)];
        self.file("slots").write_all_at(fitting, offset).unwrap();
    }

    /// Makes the checksum that of the bytes.
    fn vouch(&self, n: u64) {
        let (offset, length) = self.place(n);
        let place = [&n.to_le_bytes()[..], &offset.to_le_bytes(), &length.to_le_bytes()].concat();
        let sum = crc32fast::hash(&[place, self.get(n)].concat());
        self.file("index").write_all_at(&sum.to_le_bytes(), 16 * n + 12).unwrap();
    }
}

#[test]
fn no_slot_of_the_log_can_be_changed_unnoticed() {
    let place = Place::new();
    // The checkpoint would stand for the slots before it.
    for checkpoint in place.objects("checkpoints") {
        fs::remove_file(checkpoint).unwrap();
    }
    let log = Slots(place.filespace());
    let last = log.last();
    let random = SeededRandom::new(5);
    for n in [0, 1, 2, 3, last / 2, last - 1, last] {
        let bytes = log.get(n);
        let mut flipped = bytes.clone();
        flip(&mut flipped, &random);
        log.put(n, &flipped);
        let failed = place.look().unwrap_err();
        assert_eq!(failed.status, INTEGRITY, "slot {n} was flipped: {failed:?}");
        assert!(failed.message.contains(&format!("slot {n}")), "{}", failed.message);
        // Somebody who wants to hide it puts the sum right. (Behind the last commit nobody vouches for one.)
        if n < last {
            log.vouch(n);
            let failed = place.look().unwrap_err();
            assert!([INTEGRITY, LOG_FORKED].contains(&failed.status), "slot {n}: {failed:?}");
            log.put(n, &log.get(n + 1));
            log.vouch(n);
            let failed = place.look().unwrap_err();
            assert!([INTEGRITY, LOG_FORKED].contains(&failed.status), "slot {n} was replaced: {failed:?}");
        }
        log.put(n, &bytes);
        log.vouch(n);
    }
    place.look().expect("everything was put back");
    log.file("index").write_all_at(&[0; 16], 16 * (last / 2)).unwrap();
    let failed = place.look().unwrap_err();
    assert_eq!(failed.status, INTEGRITY, "a slot is missing");
    assert!(failed.message.contains(&format!("slot {}", last / 2)), "{}", failed.message);
}

#[test]
fn the_log_of_the_workspace_cannot_be_changed_unnoticed() {
    let place = Place::new();
    let log = Slots(place.root());
    for n in 0..3 {
        let bytes = log.get(n);
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 4;
        log.put(n, &flipped);
        assert_eq!(place.look().unwrap_err().status, INTEGRITY, "slot {n}");
        log.vouch(n);
        let failed = place.look().unwrap_err();
        let known = [INTEGRITY, AUTHENTICATION, NOT_FOUND];
        assert!(known.contains(&failed.status), "slot {n}: {failed:?}");
        log.put(n, &bytes);
        log.vouch(n);
    }
    place.look().expect("everything was put back");
}

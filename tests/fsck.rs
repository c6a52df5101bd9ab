//! A check of the whole filespace finds what is damaged, names the files concerned and no others, and finds nothing
//! where nothing is. Through the C ABI of the built library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "support/abi.rs"]
mod abi;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use abi::{Abi, Finding};
use lucidlink::env::{Random, SeededRandom};

/// Too few for a checkpoint in the background.
const INLINE: u64 = 400;

struct Place {
    abi: Abi,
    folder: tempfile::TempDir,
    token: String,
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SeededRandom::new(seed).fill(&mut bytes).unwrap();
    bytes
}

impl Place {
    /// Files in packs, in commits and in both; names of all kinds; and checkpoints.
    fn new() -> Place {
        let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
        let url = format!("file://{}/ws", folder.path().display());
        let token = abi.workspace_create(&url, "studio").unwrap();
        let place = Place { abi, folder, token };
        place.with_workspace(|abi, workspace| abi.create_filespace(workspace, "projects").unwrap());
        place.with_link(|abi, fs| {
            abi.write_file(fs, "/large", &noise(1, 700_000)).unwrap();
            abi.create_dir(fs, "/deep/er").unwrap();
            abi.write_file(fs, "/deep/er/larger", &noise(2, 1_500_000)).unwrap();
            abi.hard_link(fs, "/deep/er/larger", "/alias").unwrap();
            abi.write_file(fs, "/gone", &noise(3, 900_000)).unwrap();
            let file = abi.open(fs, "/deep/er/larger", "r+").unwrap();
            abi.pwrite(file, 300_000, &noise(4, 200_000)).unwrap();
            abi.close(file).unwrap();
            // Many fragments: a body that is too large for its slot.
            let file = abi.open(fs, "/scattered", "w").unwrap();
            for n in 0..30_000 {
                abi.pwrite(file, n * 40, &noise(n, 8 + n as usize % 9)).unwrap();
            }
            abi.close(file).unwrap();
            for n in 0..INLINE {
                abi.write_file(fs, &format!("/small{n}"), format!("content of {n}").as_bytes()).unwrap();
            }
            abi.delete(fs, "/gone").unwrap();
            abi.checkpoint(fs).unwrap();
            abi.write_file(fs, "/late", b"behind the checkpoint").unwrap();
            abi.sync_all(fs).unwrap();
        });
        place
    }

    fn with_workspace<T>(&self, work: impl FnOnce(&Abi, u64) -> T) -> T {
        let url = format!("file://{}/ws", self.folder.path().display());
        let daemon = self.abi.daemon(&[("workspace.url", &url), ("daemon.allow_multiple", "true")]).unwrap();
        let done = work(&self.abi, self.abi.authenticate(daemon, &self.token).unwrap());
        self.abi.stop(daemon).unwrap();
        done
    }

    fn with_link<T>(&self, work: impl FnOnce(&Abi, u64) -> T) -> T {
        self.with_workspace(|abi, workspace| work(abi, abi.link(workspace, "projects").unwrap()))
    }

    fn root(&self) -> PathBuf {
        let filespaces = self.folder.path().join("ws/filespaces");
        fs::read_dir(filespaces).unwrap().next().unwrap().unwrap().path()
    }

    /// The objects of a kind, by key.
    fn objects(&self, kind: &str) -> Vec<String> {
        let (root, mut found, mut pending) = (self.root(), Vec::new(), vec![kind.to_owned()]);
        while let Some(key) = pending.pop() {
            for entry in fs::read_dir(root.join(&key)).unwrap() {
                let entry = entry.unwrap();
                let key = format!("{key}/{}", entry.file_name().to_str().unwrap());
                if entry.path().is_dir() { pending.push(key) } else { found.push(key) }
            }
        }
        found.sort();
        found
    }

    fn check(&self, quick: bool) -> Vec<Finding> {
        self.with_link(|abi, fs| {
            let (report, findings) = abi.fsck(fs, quick).unwrap();
            assert_eq!(report.findings.min(10_000), findings.len() as u64);
            findings
        })
    }

    /// What is found while an object is changed.
    fn with(&self, key: &str, quick: bool, change: impl FnOnce(&Path)) -> Vec<Finding> {
        let path = self.root().join(key);
        let before = fs::read(&path).unwrap();
        change(&path);
        let found = self.check(quick);
        fs::write(path, before).unwrap();
        found
    }

    /// Where a slot is in the file of slots.
    fn slot(&self, n: u64) -> (u64, u32) {
        let mut entry = [0; 12];
        let index = fs::File::open(self.root().join("log/index")).unwrap();
        index.read_exact_at(&mut entry, 16 * n).unwrap();
        let (offset, length) = entry.split_at(8);
        (u64::from_le_bytes(offset.try_into().unwrap()), u32::from_le_bytes(length.try_into().unwrap()))
    }

    fn flip(&self, file: &str, at: u64) {
        let file = fs::OpenOptions::new().read(true).write(true).open(self.root().join(file)).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }
}

fn paths(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|finding| &finding.path[..]).filter(|path| !path.is_empty()).collect()
}

fn is_in(findings: &[Finding], object: &str) -> bool {
    !findings.is_empty() && findings.iter().all(|finding| finding.object == object)
}

fn flipped(at: usize) -> impl FnOnce(&Path) {
    move |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn what_is_damaged_is_named_by_file_offset_and_length() {
    let place = Place::new();
    let report = place.with_link(|abi, fs| {
        let (report, findings) = abi.fsck(fs, false).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        report
    });
    assert_eq!((report.findings, report.checkpoints), (0, 1), "all is well");
    assert!(report.slots > INLINE && report.position == report.slots && report.blocks > INLINE);
    assert_eq!(report.entries, INLINE + 7, "the root, two directories, four files and the small ones");
    assert!(place.check(true).is_empty());

    // The packs by the files that have them. Nobody has the one of the file that was deleted.
    let mut owners = Vec::new();
    for key in place.objects("packs") {
        let found = place.with(&key, false, |path| fs::remove_file(path).unwrap());
        let quickly = place.with(&key, true, |path| fs::remove_file(path).unwrap());
        assert_eq!(paths(&found), paths(&quickly), "{key}");
        assert!(found.is_empty() || is_in(&found, &key), "{found:?}");
        owners.push((key, found));
    }
    let of = |name: &'static str| owners.iter().filter(move |(_, found)| paths(found).contains(name));
    assert_eq!(owners.iter().filter(|(_, found)| found.is_empty()).count(), 1, "that of /gone");
    assert_eq!(of("/large").count(), 1);
    assert_eq!(of("/deep/er/larger").count(), 2);

    let (key, found) = of("/large").next().unwrap();
    assert_eq!(paths(found), BTreeSet::from(["/large"]));
    assert_eq!(found.iter().map(|f| f.length).sum::<u64>(), 700_000);
    // A byte in the second block.
    let found = place.with(key, false, flipped(300_000));
    assert!(found.len() == 1 && is_in(&found, key), "{found:?}");
    assert_eq!((&found[0].path[..], found[0].offset, found[0].length), ("/large", 262_144, 262_144));
    assert!(place.with(key, true, flipped(300_000)).is_empty(), "quick: not looked at");
    // The index: the content is there all the same.
    let size = fs::metadata(place.root().join(key)).unwrap().len() as usize;
    let found = place.with(key, false, flipped(size - 40));
    assert!(is_in(&found, key) && paths(&found).is_empty(), "{found:?}");
    assert_eq!(paths(&place.with(key, true, flipped(size - 40))), BTreeSet::from(["/large"]));

    for (key, found) in of("/deep/er/larger") {
        let names = BTreeSet::from(["/alias", "/deep/er/larger"]);
        assert_eq!(paths(found), names, "{key}");
        let lost: u64 = found.iter().filter(|f| f.path == "/alias").map(|f| f.length).sum();
        assert!(lost == 200_000 || lost == 1_300_000, "{lost}");
        if lost == 200_000 {
            let mut named = found.iter().filter(|f| !f.path.is_empty());
            assert!(named.all(|f| (f.offset, f.length) == (300_000, 200_000)), "{found:?}");
        }
    }
}

#[test]
fn damage_of_the_log_and_of_checkpoints_does_not_stop_the_check() {
    let place = Place::new();
    // Found by what it is: the slots are those of the small files, in order, before the two last.
    let slots = place.with_link(|abi, fs| abi.fsck(fs, false).unwrap().0.slots);
    let mut damaged = BTreeSet::new();
    for n in slots - 300..slots - 297 {
        let (offset, length) = place.slot(n);
        // Its last byte is one of the file's content.
        place.flip("log/slots", offset + u64::from(length) - 1);
        let (found, quickly) = (place.check(false), place.check(true));
        place.flip("log/slots", offset + u64::from(length) - 1);
        for found in [found, quickly] {
            assert!(is_in(&found, &format!("slot {n}")), "{found:?}");
            let names = paths(&found);
            assert_eq!(names.len(), 1, "{names:?}");
            let name = names.first().unwrap().to_string();
            let lost = found.iter().find(|f| f.path == name).unwrap();
            let content = format!("content of {}", name.strip_prefix("/small").unwrap());
            assert_eq!((lost.offset, lost.length), (0, content.len() as u64));
            damaged.insert(name);
        }
    }
    assert_eq!(damaged.len(), 3, "{damaged:?}");

    let body = place.objects("bodies").remove(0);
    let found = place.with(&body, false, |path| fs::remove_file(path).unwrap());
    assert!(is_in(&found, &body) && paths(&found).is_empty(), "the content is elsewhere: {found:?}");
    let found = place.with(&body, false, flipped(1000));
    assert!(is_in(&found, &body), "{found:?}");

    for kind in ["checkpoints", "parts"] {
        for key in place.objects(kind) {
            let found = place.with(&key, false, |path| fs::remove_file(path).unwrap());
            assert!(is_in(&found, &key) && paths(&found).is_empty(), "{found:?}");
            let found = place.with(&key, true, flipped(200));
            assert!(is_in(&found, &key) && paths(&found).is_empty(), "{found:?}");
        }
    }
    // All of it at once.
    let part = place.objects("parts").remove(0);
    let pack = place.objects("packs").remove(0);
    let found = place.with(&body, false, |path| {
        fs::remove_file(path).unwrap();
        let n = slots - 200;
        place.flip("log/slots", place.slot(n).0 + 300);
        place.flip(&pack, 5000);
    });
    let objects: BTreeSet<&str> = found.iter().map(|finding| &finding.object[..]).collect();
    let slot = format!("slot {}", slots - 200);
    assert!([&body[..], &slot[..]].iter().all(|object| objects.contains(object)), "{found:?}");
    assert!(!objects.contains(&part[..]), "{found:?}");
    place.flip("log/slots", place.slot(slots - 200).0 + 300);
    place.flip(&pack, 5000);
    assert!(place.check(false).is_empty());

    // The checkpoint of a snapshot, with a newer one behind it.
    let before = place.objects("checkpoints");
    place.with_link(|abi, fs| abi.create_snapshot(fs, "then").unwrap());
    let made: Vec<String> =
        place.objects("checkpoints").into_iter().filter(|key| !before.contains(key)).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    place.with_link(|abi, fs| {
        abi.create_dir(fs, "/behind").unwrap();
        abi.checkpoint(fs).unwrap();
    });
    assert!(place.check(true).is_empty());
    for found in [
        place.with(&made[0], true, |path| fs::remove_file(path).unwrap()),
        place.with(&made[0], true, flipped(200)),
    ] {
        assert!(is_in(&found, &made[0]), "{found:?}");
    }
}

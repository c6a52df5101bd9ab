//! Relaxed clients over a log and a store that fail: what was acknowledged is there in the end, once and in order, or
//! is a late failure; nothing else is.

use std::time::Duration;

use lucidlink::content::store::Store;
use lucidlink::env::SeededRandom;
use lucidlink::error::Status;
use lucidlink::fs::{Attributes, Batch, Mode, Path};

use super::call::{Call, Calls, Client};
use super::model::{Model, Opened, Tree};
use super::simulated::{Place, Simulated};
use super::worlds::Outcome;
use super::{CALLS, CLIENTS, audit, next_call, seeds};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn write(client: &Simulated, at: &str, content: &[u8]) {
    let file = client.fs.open(&path(at), Mode::parse("w").unwrap(), 0o644).unwrap();
    file.write(content).unwrap();
    file.close().unwrap();
}

fn read(client: &Simulated, at: &str) -> Vec<u8> {
    let file = client.fs.open(&path(at), Mode::parse("r").unwrap(), 0).unwrap();
    let mut content = vec![0; file.size().unwrap() as usize];
    file.pread(0, &mut content).unwrap();
    content
}

fn sync(client: &Simulated) {
    client.fs.link().sync().unwrap();
}

/// Each client has a directory of its own and sees nothing else, so each has a model of its own.
#[test]
fn what_was_acknowledged_is_there_in_the_end() {
    for seed in seeds(30_000, 30) {
        let place = Place::new(seed);
        let random = SeededRandom::new(seed);
        let source = Calls { random: &random };
        let owner = place.open(seed * 100 + 99, 0, Duration::from_secs(5));
        let roots: Vec<String> = (0..CLIENTS).map(|n| format!("/client{n}")).collect();
        for root in &roots {
            assert!(matches!(owner.call(&Call::CreateDir(root.clone())), Outcome::Answered(Ok(_))));
        }
        let mut clients: Vec<Simulated> = roots
            .iter()
            .zip(0..)
            .map(|(root, n)| place.open_relaxed(seed * 100 + n * 10, 12, root))
            .collect();
        let mut trees = vec![Tree::default(); CLIENTS];
        for n in 0..2 * CALLS {
            let client = (random.next_u64() % CLIENTS as u64) as usize;
            match random.next_u64() % 80 {
                // May fail: what waits, waits on.
                0 => drop(clients[client].fs.link().sync()),
                1 => drop(clients[client].fs.link().write_checkpoint()),
                2 => drop(clients[client].fs.link().refresh()),
                3 => {
                    clients[client].heal();
                    clients[client].fs.link().close().unwrap();
                    clients[client] =
                        place.open_relaxed(seed * 100 + n as u64 * 1000 + 7, 12, &roots[client]);
                }
                _ => {}
            }
            let mut call = next_call(&source);
            // Waits for the log in relaxed mode too, as `x` does.
            while matches!(call, Call::Create(..)) {
                call = next_call(&source);
            }
            let before = trees[client].clone();
            let expected = Model { tree: &mut trees[client], opened: &mut Opened::default() }.call(&call);
            match clients[client].call(&call) {
                Outcome::Answered(found) if call.opens_blindly() && expected.is_err() => {
                    assert!(found.is_err(), "seed {seed}, call {n}: {call:?}");
                }
                Outcome::Answered(found) => {
                    assert_eq!(found, expected, "seed {seed}, call {n} of client {client}: {call:?}");
                }
                Outcome::Failed => trees[client] = before,
                Outcome::Unknown => panic!("seed {seed}, call {n}: {call:?} waits for the log"),
            }
        }
        for client in &clients {
            client.heal();
            sync(client);
            assert!(client.fs.link().late_failures().is_empty(), "seed {seed}: nobody was in the way");
        }
        let newcomer = place.open(seed + 77, 0, Duration::from_secs(5));
        newcomer.fs.link().read(|state| Ok(audit::check(state)?)).unwrap();
        for client in &clients {
            client.fs.link().refresh().unwrap();
            assert_eq!(client.fs.link().state_hash(), newcomer.fs.link().state_hash(), "seed {seed}");
        }
        for ((root, tree), n) in roots.iter().zip(&trees).zip(0..) {
            let client = place.open_relaxed(seed + 1000 + n, 0, root);
            let mut looked = tree.clone();
            for at in tree.paths() {
                for look in
                    [Call::Stat(at.clone(), false), Call::List(at.clone()), Call::ReadFile(at.clone())]
                {
                    let expected = Model { tree: &mut looked, opened: &mut Opened::default() }.call(&look);
                    let found = client.call(&look);
                    let same = matches!(&found, Outcome::Answered(found) if *found == expected);
                    assert!(same, "seed {seed}: {root}: {look:?}: found {found:?}, expected {expected:?}");
                }
            }
        }
    }
}

/// Two clients make the same names without knowing of each other: one file, one directory, no failure.
#[test]
fn the_same_names_made_by_two_become_one() {
    let place = Place::new(1);
    let [one, two] = [10, 20].map(|seed| place.open_relaxed(seed, 0, "/"));
    for (client, name) in [(&one, "one"), (&two, "two")] {
        client.fs.create_dir(&path("/shared/deep"), 0o755).unwrap();
        write(client, &format!("/shared/deep/{name}"), name.as_bytes());
        write(client, "/shared/file", name.as_bytes());
    }
    // Opened before anything is committed: a handle on a number that is going to be another's.
    let handle = two.fs.open(&path("/shared/file"), Mode::parse("r+").unwrap(), 0).unwrap();
    sync(&one);
    sync(&two);
    handle.pwrite(3, b"!").unwrap();
    handle.close().unwrap();
    two.fs
        .set_attributes(&path("/shared/deep"), Attributes { mode: Some(0o700), ..Default::default() }, true)
        .unwrap();
    sync(&two);
    assert!(one.fs.link().late_failures().is_empty() && two.fs.link().late_failures().is_empty());
    let newcomer = place.open(30, 0, Duration::from_secs(5));
    assert_eq!(newcomer.fs.list_dir(&path("/shared/deep")).unwrap(), ["one", "two"]);
    assert_eq!(read(&newcomer, "/shared/file"), b"two!", "the later content, whole");
    assert_eq!(read(&newcomer, "/shared/deep/one"), b"one");
    assert_eq!(newcomer.fs.usage().unwrap().counters.directories, 3);
}

/// The same, but the second hears of the first before it commits anything.
#[test]
fn a_handle_on_a_file_that_turns_out_to_be_anothers_goes_on() {
    let place = Place::new(3);
    let [one, two] = [10, 20].map(|seed| place.open_relaxed(seed, 0, "/"));
    write(&one, "/file", b"one");
    write(&two, "/file", b"two");
    let handle = two.fs.open(&path("/file"), Mode::parse("r+").unwrap(), 0).unwrap();
    sync(&one);
    two.fs.link().refresh().unwrap();
    handle.pwrite(3, b"!").unwrap();
    two.fs.copy(&path("/file"), &path("/copy"), false, true).unwrap();
    handle.pwrite(3, b"?").unwrap();
    handle.close().unwrap();
    sync(&two);
    assert!(two.fs.link().late_failures().is_empty());
    let newcomer = place.open(30, 0, Duration::from_secs(5));
    assert_eq!(read(&newcomer, "/file"), b"two?");
    assert_eq!(read(&newcomer, "/copy"), b"two!", "a copy has what open files wrote");
}

/// What lost to another client is reported with its number and its content, until it is acknowledged.
#[test]
fn what_lost_is_reported_and_its_content_is_kept() {
    let place = Place::new(2);
    let [slow, fast] = [10, 20].map(|seed| place.open_relaxed(seed, 0, "/"));
    fast.fs.create_dir(&path("/inbox"), 0o755).unwrap();
    sync(&fast);
    slow.fs.link().refresh().unwrap();
    // Small content travels in the commit, large content in a pack.
    let large: Vec<u8> = (0..900_000u64).map(|n| (n * n % 251) as u8).collect();
    write(&slow, "/inbox/small", b"small");
    write(&slow, "/inbox/large", &large);
    write(&slow, "/mine", b"mine");
    let mut batch = Batch::new(&slow.fs).unwrap();
    batch.create_dir(&path("/inbox/both"), 0o755).unwrap();
    batch.write_file(&path("/inbox/both/large"), &large, 0o644).unwrap();
    batch.write_file(&path("/inbox/both/small"), b"small", 0o644).unwrap();
    batch.commit().unwrap();
    fast.fs.rename(&path("/inbox"), &path("/archive"), false).unwrap();
    sync(&fast);
    sync(&slow);
    let failures = slow.fs.link().late_failures();
    let about: Vec<_> = failures.iter().map(|f| (f.path.as_str(), f.error.status())).collect();
    assert_eq!(about, ["/inbox/small", "/inbox/large", "/inbox/both"].map(|path| (path, Status::NotFound)));
    assert_eq!(slow.fs.link().check_late().unwrap_err().status(), Status::LateFailure);
    for (failure, contents) in failures.iter().zip([&[&b"small"[..]][..], &[&large], &[&large, b"small"]]) {
        for (nth, content) in contents.iter().enumerate() {
            let file = slow.fs.open_late_failure(failure.number, nth).unwrap();
            let mut found = vec![0; file.size().unwrap() as usize];
            file.pread(0, &mut found).unwrap();
            assert!(found == *content, "{} {nth}", failure.path);
        }
        assert!(slow.fs.open_late_failure(failure.number, contents.len()).is_err(), "{}", failure.path);
    }
    assert_eq!(slow.fs.list_dir(&path("/")).unwrap(), ["archive", "mine"], "the view has what the log has");
    let first = failures[0].number;
    slow.fs.link().acknowledge_failures(first).unwrap();
    assert_eq!(slow.fs.link().late_failures().len(), 2);
    assert_eq!(slow.fs.open_late_failure(first, 0).err().unwrap().status(), Status::InvalidArgument);
    slow.fs.link().acknowledge_failures(failures[2].number).unwrap();
    slow.fs.link().check_late().unwrap();
    assert!(place.open(30, 0, Duration::from_secs(5)).fs.list_dir(&path("/archive")).unwrap().is_empty());
}

/// A link that ends commits what it acknowledged; a reader of pending content keeps it.
#[test]
fn pending_content_is_read_before_and_after_it_is_committed() {
    let place = Place::new(3);
    let client = place.open_relaxed(10, 0, "/");
    write(&client, "/f", b"first");
    let before = client.fs.open(&path("/f"), Mode::parse("r").unwrap(), 0).unwrap();
    let content = |file: &lucidlink::fs::File| {
        let mut bytes = [0; 5];
        file.pread(0, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(&content(&before), b"first");
    sync(&client);
    assert_eq!(&content(&before), b"first");
    // Once more after the cache has forgotten it.
    lucidlink::content::cache::BlockCache::process().remove_instance(client.fs.link().instance());
    assert_eq!(&content(&before), b"first");
    let appended = client.fs.open(&path("/f"), Mode::parse("a").unwrap(), 0).unwrap();
    appended.write(b"+").unwrap();
    appended.close().unwrap();
    client.fs.link().close().unwrap();
    assert_eq!(read(&place.open(20, 0, Duration::from_secs(5)), "/f"), b"first+");
}

/// A commit that is too large for its slot, with small content in it: author and others find the content at the same
/// place.
#[test]
fn small_content_of_a_large_commit_is_where_everybody_looks() {
    let place = Place::new(4);
    let client = place.open_relaxed(10, 0, "/");
    let random = SeededRandom::new(4);
    let mut batch = Batch::new(&client.fs).unwrap();
    batch.write_file(&path("/f"), b"content", 0o644).unwrap();
    for _ in 0..5000 {
        let name: String = (0..6).map(|_| format!("{:016x}", random.next_u64())).collect();
        batch.create_dir(&path(&format!("/{name}")), 0o755).unwrap();
    }
    batch.commit().unwrap();
    sync(&client);
    // It records the author's state behind the large one.
    client.fs.create_dir(&path("/last"), 0o755).unwrap();
    sync(&client);
    let newcomer = place.open(20, 0, Duration::from_secs(5));
    assert_eq!(newcomer.fs.link().state_hash(), client.fs.link().state_hash());
    assert!(place.store.list("bodies/").unwrap().len() == 1, "the large one is not in its slot");
    for client in [&client, &newcomer] {
        lucidlink::content::cache::BlockCache::process().remove_instance(client.fs.link().instance());
        assert_eq!(read(client, "/f"), b"content");
    }
}

/// A batch whose content could not be stored says so again, or stores it; it never commits without.
#[test]
fn a_batch_that_lost_content_is_not_committed() {
    let place = Place::new(8);
    let client = place.open(10, 0, Duration::from_secs(5));
    let random = SeededRandom::new(8);
    let large: Vec<u8> = (0..200_000).flat_map(|_| random.next_u64().to_le_bytes()).collect();
    let mut batch = Batch::new(&client.fs).unwrap();
    batch.write_file(&path("/large"), &large, 0o644).unwrap();
    client.store.set_odds(1);
    let first = batch.commit().unwrap_err();
    client.heal();
    let again = batch.commit().unwrap_err();
    assert_eq!((first.error.status(), again.error.status()), (Status::Io, Status::Io), "{:?}", again.error);
}

/// Late failures of a link, by their paths.
fn late(client: &Simulated) -> Vec<String> {
    client.fs.link().late_failures().into_iter().map(|failure| failure.path).collect()
}

/// Cuts the last record off a journal: the process died before it was written.
fn cut_last_record(journal: &std::path::Path) {
    let bytes = std::fs::read(journal).unwrap();
    let (mut at, mut last) = (58, 58);
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        (last, at) = (at, at + 16 + length as usize);
    }
    std::fs::write(journal, &bytes[..last]).unwrap();
}

/// What one link leaves in its journal is what the next one finds: the late failure that nobody acknowledged, and
/// nothing that took effect.
#[test]
fn a_late_failure_waits_in_the_journal_for_the_next_link() {
    let (place, folder) = (Place::new(5), tempfile::tempdir().unwrap());
    let slow = place.open_journaled(10, folder.path());
    let fast = place.open(20, 0, Duration::from_secs(5));
    fast.fs.create_dir(&path("/inbox"), 0o755).unwrap();
    slow.fs.create_dir(&path("/session"), 0o755).unwrap();
    sync(&slow);
    fast.fs.rename(&path("/inbox"), &path("/archive"), false).unwrap();
    write(&slow, "/inbox/letter", b"letter");
    slow.fs.create_dir(&path("/shared"), 0o755).unwrap();
    write(&slow, "/shared/mine", b"mine");
    sync(&slow);
    slow.fs.link().abandon();
    cut_last_record(&folder.path().join("journal"));
    let second = place.open_journaled(25, folder.path());
    assert_eq!(late(&second), ["/inbox/letter"]);
    assert_eq!(second.fs.link().close().unwrap_err().status(), Status::LateFailure);

    let next = place.open_journaled(30, folder.path());
    assert_eq!(late(&next), ["/inbox/letter"]);
    // Before it has a session.
    let number = next.fs.link().late_failures()[0].number;
    next.fs.link().acknowledge_failures(number).unwrap();
    next.fs.create_dir(&path("/more"), 0o755).unwrap();
    sync(&next);
    next.fs.link().abandon();
    cut_last_record(&folder.path().join("journal"));
    let last = place.open_journaled(40, folder.path());
    assert!(late(&last).is_empty(), "it is in the log: {:?}", late(&last));
    assert_eq!(last.fs.list_dir(&path("/")).unwrap(), ["archive", "more", "session", "shared"]);
    last.fs.link().close().unwrap();
    assert!(!folder.path().join("journal").exists());
}

/// A link that was given up while much waits commits nothing behind the back of the one that goes on with its journal.
#[test]
fn a_journal_has_one_link_at_a_time() {
    let (place, folder) = (Place::new(6), tempfile::tempdir().unwrap());
    for round in 0..20 {
        let client = place.open_journaled(100 + round, folder.path());
        for n in 0..1500 {
            client.fs.create_dir(&path(&format!("/{round} {n}")), 0o755).unwrap();
        }
        client.fs.link().abandon();
    }
    let last = place.open_journaled(200, folder.path());
    sync(&last);
    assert!(late(&last).is_empty());
    assert_eq!(last.fs.usage().unwrap().counters.directories, 1 + 20 * 1500);
}

/// A handle on a file whose number turned out to be another one looks at that.
#[test]
fn a_handle_is_refreshed_to_the_file_that_its_name_became() {
    let place = Place::new(7);
    let [one, two] = [10, 20].map(|seed| place.open_relaxed(seed, 0, "/"));
    write(&one, "/f", b"one");
    write(&two, "/f", b"second");
    let handle = two.fs.open(&path("/f"), Mode::parse("r+").unwrap(), 0).unwrap();
    sync(&one);
    // Its view shows what it is going to be before it is that.
    two.fs.link().refresh().unwrap();
    two.fs.list_dir(&path("/")).unwrap();
    sync(&two);
    handle.refresh().unwrap();
    let mut content = [0; 6];
    assert_eq!((handle.pread(0, &mut content).unwrap(), &content), (6, b"second"));
    handle.pwrite(0, b"S").unwrap();
    handle.close().unwrap();
    sync(&two);
    assert!(late(&two).is_empty());
    assert_eq!(read(&place.open(30, 0, Duration::from_secs(5)), "/f"), b"Second");
}

/// Every file below a path, by name.
fn walk(client: &Simulated, at: &str, found: &mut std::collections::BTreeMap<String, Vec<Vec<u8>>>) {
    for entry in client.fs.read_dir(&path(at)).unwrap() {
        let below = format!("{}/{}", at.trim_end_matches('/'), entry.name);
        match entry.kind {
            lucidlink::state::value::Kind::Directory => walk(client, &below, found),
            _ => found.entry(entry.name).or_default().push(read(client, &below)),
        }
    }
}

/// Clients write files of their own into directories that all of them rename all the time. In the end each file that was
/// acknowledged is there exactly once, with its content, wherever its directory went, or it is a late failure.
#[test]
fn what_was_acknowledged_is_there_or_is_a_late_failure() {
    for seed in seeds(40_000, 30) {
        let place = Place::new(seed);
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let clients: Vec<Simulated> =
            (0..CLIENTS as u64).map(|n| place.open_relaxed(seed * 100 + n * 10, 15, "/")).collect();
        let directory = |n: u64| format!("/{}", ["a", "b", "c", "a/x", "b/y", "c/z"][n as usize]);
        let mut acknowledged: Vec<(usize, String, Vec<u8>)> = Vec::new();
        for n in 0..250 {
            let at = below(CLIENTS as u64) as usize;
            let client = &clients[at];
            match below(10) {
                0 => drop(client.fs.create_dir(&path(&directory(below(6))), 0o755)),
                1 | 2 => {
                    let (from, to) = (directory(below(6)), directory(below(6)));
                    drop(client.fs.rename(&path(&from), &path(&to), below(2) == 0));
                }
                3 => drop(client.fs.link().sync()),
                _ => {
                    let name = format!("file {at} {n}");
                    let content = vec![n as u8; if below(12) == 0 { 700_000 } else { below(3000) as usize }];
                    let target = format!("{}/{name}", directory(below(6)));
                    let Ok(file) = client.fs.open(&path(&target), Mode::parse("w").unwrap(), 0o644) else {
                        continue;
                    };
                    if file.write(&content).is_ok() && file.close().is_ok() {
                        acknowledged.push((at, name, content));
                    }
                }
            }
        }
        let mut late = std::collections::BTreeMap::new();
        for (n, client) in clients.iter().enumerate() {
            client.heal();
            sync(client);
            for failure in client.fs.link().late_failures() {
                let name = failure.path.rsplit('/').next().unwrap().to_owned();
                if let Ok(file) = client.fs.open_late_failure(failure.number, 0) {
                    let mut content = vec![0; file.size().unwrap() as usize];
                    file.pread(0, &mut content).unwrap();
                    assert!(late.insert((n, name), content).is_none(), "seed {seed}: one failure each");
                }
            }
        }
        let newcomer = place.open(seed + 77, 0, Duration::from_secs(5));
        newcomer.fs.link().read(|state| Ok(audit::check(state)?)).unwrap();
        let mut found = std::collections::BTreeMap::new();
        walk(&newcomer, "/", &mut found);
        for (client, name, content) in acknowledged {
            let there = found.remove(&name).unwrap_or_default();
            match late.remove(&(client, name.clone())) {
                Some(kept) => assert!(there.is_empty() && kept == content, "seed {seed}: {name} failed late"),
                None => assert!(there == [content], "seed {seed}: {name} is there {} times", there.len()),
            }
        }
        assert!(found.is_empty(), "seed {seed}: nobody was told of {:?}", found.keys());
    }
}

//! The log in a folder under processes that are killed while they append: what was acknowledged is there, once and in
//! order, whatever else they were doing.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lucidlink::env::SeededRandom;
use lucidlink::ids::Seq;
use lucidlink::log::folder::FolderLog;
use lucidlink::log::{Append, CommitLog};

const TIMEOUT: Duration = Duration::from_secs(30);
const FOLDER: &str = "LUCIDLINK_TEST_LOG";
const WRITER: &str = "LUCIDLINK_TEST_WRITER";

/// What a writer appends as its `n`th: of many lengths, and told from all others.
fn slot(writer: u64, n: u64) -> Vec<u8> {
    let len = 16 + (n * 7919 % 40) as usize * (n * 31 % 97) as usize;
    let mut bytes = vec![(writer + n) as u8; len];
    bytes[..8].copy_from_slice(&writer.to_le_bytes());
    bytes[8..16].copy_from_slice(&n.to_le_bytes());
    bytes
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

fn open(folder: &Path) -> FolderLog {
    FolderLog::open(folder, TIMEOUT, |_| Ok(true)).unwrap()
}

/// Appends until it is killed; says of each on stderr where it landed, once it has.
fn append_for_ever(folder: &Path, writer: u64) -> ! {
    let log = open(folder);
    let mut out = std::io::stderr();
    for n in 0.. {
        match log.append(&slot(writer, n), Seq(0)).unwrap() {
            Append::Landed(at) => out.write_all(&at.0.to_le_bytes()).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    unreachable!("it is killed before")
}

fn start(folder: &Path, writer: u64) -> Child {
    let name = "what_killed_processes_have_appended_is_there_in_order";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env(FOLDER, folder).env(WRITER, writer.to_string());
    child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_killed_processes_have_appended_is_there_in_order() {
    if let (Ok(folder), Ok(writer)) = (std::env::var(FOLDER), std::env::var(WRITER)) {
        append_for_ever(folder.as_ref(), writer.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    drop(FolderLog::create(folder.path(), &slot(0, 0), TIMEOUT).unwrap());
    let random = SeededRandom::new(std::process::id().into());
    let mut acknowledged = BTreeMap::new();
    for round in 0..30 {
        let writers = [3 * round + 1, 3 * round + 2, 3 * round + 3];
        let mut children = writers.map(|writer| start(folder.path(), writer));
        for (writer, child) in writers.into_iter().zip(&mut children) {
            let mut some = vec![0; 8 * (random.next_u64() % 300) as usize];
            child.stderr.as_mut().unwrap().read_exact(&mut some).unwrap();
            // Somewhere in the middle of the next.
            (0..random.next_u64() % 4000).for_each(|_| std::hint::spin_loop());
            child.kill().unwrap();
            child.stderr.as_mut().unwrap().read_to_end(&mut some).unwrap();
            child.wait().unwrap();
            let known = some.as_chunks::<8>().0.iter().map(|at| Seq(number(at)));
            acknowledged.insert(writer, known.collect::<Vec<_>>());
        }
    }
    // Another reads what each appended, in order: all that was acknowledged, and one more at most.
    let log = open(folder.path());
    let mut landed: BTreeMap<u64, Vec<Seq>> = BTreeMap::new();
    for (at, bytes) in log.read(Seq(1), usize::MAX, usize::MAX).unwrap() {
        let writer = number(&bytes);
        let own = landed.entry(writer).or_default();
        assert!(
            bytes == slot(writer, own.len() as u64),
            "slot {at} is not what writer {writer} appended next"
        );
        own.push(at);
    }
    for (writer, known) in acknowledged {
        let own = landed.remove(&writer).unwrap_or_default();
        assert_eq!(own[..known.len()], known, "writer {writer}");
        assert!(own.len() <= known.len() + 1, "writer {writer} said nothing of {:?}", &own[known.len()..]);
    }
    assert!(landed.is_empty());
}

/// Idle, it is looked at 200 times a second; so half of the waits end within 2.5 ms, if the machine has time for it.
#[test]
fn who_waits_for_another_process_wakes_within_5_ms() {
    let folder = tempfile::tempdir().unwrap();
    FolderLog::create(folder.path(), b"genesis", TIMEOUT).unwrap();
    let (log, other) = (open(folder.path()), open(folder.path()));
    let mut waits: Vec<Duration> = (0..40)
        .map(|n| {
            let quiet = Instant::now() + Duration::from_millis(15);
            assert_eq!(log.wait_beyond(Seq(n), quiet).unwrap(), None);
            std::thread::scope(|scope| {
                let heard = scope.spawn(|| {
                    let found = log.wait_beyond(Seq(n), Instant::now() + TIMEOUT).unwrap();
                    (found, Instant::now())
                });
                assert!(matches!(other.append(b"news", Seq(n)).unwrap(), Append::Landed(_)));
                let landed = Instant::now();
                let (found, heard) = heard.join().unwrap();
                assert_eq!(found, Some(Seq(n + 1)));
                heard.saturating_duration_since(landed)
            })
        })
        .collect();
    waits.sort();
    assert!(waits[20] < Duration::from_millis(6), "{waits:?}");
}

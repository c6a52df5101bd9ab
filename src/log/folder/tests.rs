#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use super::create::head_file;
use super::records::HEAD_FILE;
use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

fn create(folder: &Path) -> FolderLog {
    FolderLog::create(folder, b"genesis", TIMEOUT).unwrap()
}

fn open(folder: &Path) -> Result<FolderLog, LogError> {
    FolderLog::open(folder, TIMEOUT, |_| Ok(true))
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(FOLDER).join(name)
}

fn append(log: &FolderLog, bytes: &[u8]) -> Seq {
    match log.append(bytes, Seq(0)).unwrap() {
        Append::Landed(slot) => slot,
        other => panic!("{other:?}"),
    }
}

/// Slots from 1 on, each of ten bytes with its number.
fn fill(log: &FolderLog, count: u8) {
    for n in 1..=count {
        append(log, &[n; 10]);
    }
}

/// All slots, read at once.
fn all(log: &FolderLog) -> Vec<Vec<u8>> {
    log.read(Seq(0), usize::MAX, usize::MAX).unwrap().into_iter().map(|(_, bytes)| bytes.to_vec()).collect()
}

/// As if the machine had been started again since: the record is of another boot.
fn another_boot(log: &FolderLog) {
    let (head, record) = (log.look().unwrap(), log.durability().unwrap());
    let record = records::Durability { boot: [b'x'; 36], ..record };
    log.head.write_all_at(&head_file(head, &record), 0).unwrap();
}

fn is_damaged<T>(result: Result<T, LogError>, words: &str) {
    match result {
        Err(LogError::Damaged(what)) => assert!(what.to_string().contains(words), "{what}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("nobody noticed; expected: {words}"),
    }
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn conforms() {
    super::super::conformance::check(|genesis| {
        let folder = tempfile::tempdir().unwrap();
        let log = FolderLog::create(folder.path(), genesis, TIMEOUT).unwrap();
        let path = folder.path().to_owned();
        let reopen = move || {
            let _keep = &folder;
            Arc::new(open(&path).unwrap()) as Arc<dyn CommitLog>
        };
        (Arc::new(log) as Arc<dyn CommitLog>, Box::new(reopen))
    });
}

#[test]
fn long_reads_are_the_same_as_short_ones() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    let mut expected = vec![b"genesis".to_vec()];
    for n in 0..600usize {
        let bytes = vec![n as u8; if n % 50 == 0 { 200_000 + n } else { n % 7 }];
        append(&log, &bytes);
        expected.push(bytes);
    }
    assert_eq!(all(&log), expected);
    let one_by_one = (0..=600).map(|n| log.read(Seq(n), 1, 1).unwrap().remove(0).1.to_vec());
    assert!(one_by_one.eq(expected));
}

/// A writer that dies leaves bytes behind the end, at most all of them and a whole entry. Nobody sees them, in this boot
/// or the next, and the next append writes over them.
#[test]
fn what_a_killed_writer_left_is_not_there() {
    let (bytes, torn) = (b"after", [b't'; 40]);
    for written in 0..=torn.len() + Entry::LEN {
        for machine_stops in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let log = create(folder.path());
            append(&log, b"one");
            let head = log.look().unwrap();
            let entry = Entry::of(Seq(2), head.end, &torn).encode();
            log.slots.write_all_at(&torn[..written.min(torn.len())], head.end).unwrap();
            log.index
                .write_all_at(&entry[..written.saturating_sub(torn.len())], Entry::place(Seq(2)))
                .unwrap();
            if machine_stops {
                another_boot(&log);
            }
            let log = open(folder.path()).unwrap();
            assert_eq!(all(&log), [&b"genesis"[..], b"one"]);
            assert!(log.read_range(Seq(2), 0, 1).is_err());
            assert_eq!(append(&log, bytes), Seq(2));
            assert_eq!(all(&open(folder.path()).unwrap()), [&b"genesis"[..], b"one", bytes]);
        }
    }
}

#[test]
fn power_loss_cuts_from_the_first_slot_that_is_not_whole() {
    // What the disk has of the last slots: less of their bytes, less of their entries, other bytes.
    let losses: [fn(&FolderLog, &Head); 4] = [
        |log, _| log.slots.set_len(log.entries(Seq(5), 1).unwrap()[0].offset + 3).unwrap(),
        |log, _| log.index.set_len(Entry::place(Seq(5)) + 7).unwrap(),
        |log, _| log.slots.write_all_at(&[0; 2], log.entries(Seq(5), 1).unwrap()[0].offset).unwrap(),
        |log, _| log.index.write_all_at(&[0; Entry::LEN], Entry::place(Seq(5))).unwrap(),
    ];
    for lose in losses {
        let folder = tempfile::tempdir().unwrap();
        let log = create(folder.path());
        fill(&log, 7);
        log.sync(Seq(3)).unwrap();
        lose(&log, &log.look().unwrap());
        let life = log.life().unwrap();
        another_boot(&log);
        let log = open(folder.path()).unwrap();
        assert_eq!(all(&log)[1..], [[1; 10], [2; 10], [3; 10], [4; 10]]);
        assert_eq!(log.life().unwrap().survived, Seq(4));
        assert_ne!(log.life().unwrap(), life);
        assert_eq!(log.durable().unwrap(), Seq(4), "it was read from the disk");
        assert_eq!(log.index.metadata().unwrap().len(), Entry::place(Seq(5)));
        assert_eq!(log.slots.metadata().unwrap().len(), log.look().unwrap().end);
        assert_eq!(append(&log, b"new"), Seq(5));
        assert_eq!(all(&open(folder.path()).unwrap())[5], b"new");
    }
}

#[test]
fn power_loss_that_took_nothing_cuts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    fill(&log, 7);
    log.sync(Seq(3)).unwrap();
    another_boot(&log);
    let mut asked = Vec::new();
    let log = FolderLog::open(folder.path(), TIMEOUT, |bytes| {
        asked.push(bytes[0]);
        Ok(true)
    });
    assert_eq!(asked, [4, 5, 6, 7], "about what is not known to be on the disk");
    let log = log.unwrap();
    assert_eq!((all(&log).len(), log.life().unwrap().survived), (8, Seq(7)));
    assert_ne!(log.life().unwrap(), Life::FIRST, "what was behind an old head is not known");
    let life = log.life().unwrap();
    let log = FolderLog::open(folder.path(), TIMEOUT, |_| panic!("asked again in the same boot")).unwrap();
    assert_eq!(log.life().unwrap(), life);
}

#[test]
fn a_slot_that_refers_to_what_is_lost_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    fill(&log, 7);
    another_boot(&log);
    let failed = FolderLog::open(folder.path(), TIMEOUT, |_| Err(io::Error::other("disk").into()));
    assert!(matches!(failed, Err(LogError::Io(_))), "that it cannot be told is no reason to cut");
    assert_eq!(all(&log).len(), 8);
    let log = FolderLog::open(folder.path(), TIMEOUT, |bytes| Ok(bytes[0] != 6)).unwrap();
    assert_eq!(all(&log).len(), 6);
    assert_eq!(log.life().unwrap().survived, Seq(5));
}

/// Sectors reach the disk one by one, or not.
#[test]
fn a_head_that_power_loss_left_behind_is_put_right() {
    let heads: [fn(&FolderLog) -> [u8; Head::LEN]; 2] =
        [|_| Head { last: Seq(1), end: 25 }.encode(), |_| [7; Head::LEN]];
    for head in heads {
        let folder = tempfile::tempdir().unwrap();
        let log = create(folder.path());
        fill(&log, 4);
        log.sync(Seq(4)).unwrap();
        another_boot(&log);
        log.head.write_all_at(&head(&log), 0).unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!((all(&log).len(), append(&log, b"next")), (5, Seq(5)));
    }
}

#[test]
fn what_was_on_the_disk_and_is_gone_is_damage_in_every_boot() {
    type Loss = fn(&FolderLog);
    let losses: [(&str, Loss); 4] = [
        ("slot 4", |log| log.slots.set_len(30).unwrap()),
        ("slot 4", |log| log.index.set_len(Entry::place(Seq(2))).unwrap()),
        ("4 is on the disk", |log| {
            log.head.write_all_at(&Head { last: Seq(2), end: 35 }.encode(), 0).unwrap()
        }),
        ("head", |log| log.head.write_all_at(&[0; Head::LEN], 0).unwrap()),
    ];
    for (n, (words, lose)) in losses.into_iter().enumerate() {
        for machine_stops in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let log = create(folder.path());
            fill(&log, 4);
            log.sync(Seq(4)).unwrap();
            if machine_stops {
                another_boot(&log);
            }
            lose(&log);
            match (n < 2, machine_stops) {
                (_, false) | (true, _) => is_damaged(open(folder.path()), words),
                // The slots are there: the head is made anew.
                (false, true) => assert_eq!(all(&open(folder.path()).unwrap()).len(), 5),
            }
        }
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    fill(&log, 3);
    let expected = all(&log);
    let look = || open(folder.path()).and_then(|log| log.read(Seq(0), usize::MAX, usize::MAX));
    for (name, length) in [(SLOTS, log.look().unwrap().end), (INDEX, Entry::place(Seq(4)))] {
        for at in 0..length {
            flip(&file(folder.path(), name), at);
            let refused = match look() {
                Err(LogError::Damaged(what)) => what.to_string(),
                Err(LogError::Unsuitable { why, .. }) => why.to_owned(),
                Err(other) => panic!("{other:?}"),
                Ok(_) => panic!("nobody noticed byte {at} of {name}"),
            };
            assert!(name == SLOTS && at < 8 || refused.contains("slot "), "byte {at} of {name}: {refused}");
            flip(&file(folder.path(), name), at);
        }
    }
    for at in 0..HEAD_FILE as u64 {
        flip(&file(folder.path(), HEAD), at);
        match look() {
            Err(LogError::Damaged(_)) => assert!(at < Head::LEN as u64, "byte {at}"),
            Err(other) => panic!("{other:?}"),
            // There are two copies of the record; the rest is padding.
            Ok(slots) => assert!(at >= Head::LEN as u64 && slots.iter().map(|(_, b)| b).eq(&expected)),
        }
        flip(&file(folder.path(), HEAD), at);
    }
}

#[test]
fn hostile_numbers_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    append(&log, b"one");
    let far = [Seq(u64::MAX), Seq(1 << 47), Seq(1000)];
    let ends = [0, 8, u64::MAX, 1 << 55];
    for head in far.into_iter().flat_map(|last| ends.map(|end| Head { last, end })) {
        log.head.write_all_at(&head.encode(), 0).unwrap();
        assert!(matches!(open(folder.path()), Err(LogError::Damaged(_))), "{head:?}");
        assert!(matches!(log.read(Seq(0), usize::MAX, usize::MAX), Err(LogError::Damaged(_))), "{head:?}");
    }
    log.head.write_all_at(&Head { last: Seq(1), end: 18 }.encode(), 0).unwrap();
    for (offset, length) in [(u64::MAX, 1), (8, u32::MAX), (1 << 55, 1 << 20), (0, 3)] {
        let entry = [&u64::to_le_bytes(offset)[..], &u32::to_le_bytes(length), &[0; 4]].concat();
        log.index.write_all_at(&entry, Entry::place(Seq(1))).unwrap();
        is_damaged(log.read(Seq(0), usize::MAX, usize::MAX), "slot 1");
        let range = log.read_range(Seq(1), 0, length);
        assert!(matches!(range, Err(LogError::Damaged(_) | LogError::NoSuchRange { .. })), "{range:?}");
    }
}

#[test]
fn durability_moves_forward_only() {
    let folder = tempfile::tempdir().unwrap();
    let (log, other) = (create(folder.path()), open(folder.path()).unwrap());
    fill(&log, 4);
    other.sync(Seq(3)).unwrap();
    log.sync(Seq(2)).unwrap();
    assert_eq!((log.durable().unwrap(), other.durable().unwrap()), (Seq(3), Seq(3)));
    log.sync(Seq(99)).unwrap();
    assert_eq!(other.durable().unwrap(), Seq(4), "not beyond the end");
}

#[test]
fn after_a_failed_sync_nothing_is_called_durable_until_it_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    append(&log, b"one");
    // A descriptor that cannot be synced stands for a disk that fails.
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let broken =
        FolderLog { slots: File::from(std::os::fd::OwnedFd::from(socket)), ..open(folder.path()).unwrap() };
    assert!(matches!(broken.sync(Seq(1)), Err(LogError::Io(_))));
    let broken = FolderLog { slots: log.slots.try_clone().unwrap(), ..broken };
    assert!(matches!(broken.sync(Seq(1)), Err(LogError::Io(_))), "it would succeed now");
    assert_eq!(log.durable().unwrap(), Seq(0));
    assert!(log.durability().unwrap().doubtful);
    let log = open(folder.path()).unwrap();
    assert!(!log.durability().unwrap().doubtful);
    log.sync(Seq(1)).unwrap();
    assert_eq!((log.durable().unwrap(), all(&log).len()), (Seq(1), 2));
    // What the system has dropped meanwhile cannot be written again.
    append(&log, b"two");
    log.doubt().unwrap();
    flip(&file(folder.path(), SLOTS), log.look().unwrap().end - 1);
    is_damaged(open(folder.path()), "slot 2");
}

#[test]
fn a_lock_that_is_held_is_waited_for_until_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    let hasty = FolderLog { timeout: Duration::from_millis(1), ..open(folder.path()).unwrap() };
    let turn = log.take_turn().unwrap();
    assert!(matches!(hasty.append(b"x", Seq(0)), Err(LogError::Busy(_))));
    // This process opens, reads and closes the file meanwhile: the lock stays.
    std::fs::read(file(folder.path(), HEAD)).unwrap();
    assert!(matches!(hasty.append(b"x", Seq(0)), Err(LogError::Busy(_))));
    assert_eq!(hasty.head().unwrap(), Seq(0), "readers do not wait");
    drop(turn);
    append(&hasty, b"x");
}

#[test]
fn only_the_owner_can_read_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("made/too");
    append(&create(&inner), b"x");
    for folder in [inner.clone(), inner.join(FOLDER)] {
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    let files: Vec<_> = std::fs::read_dir(inner.join(FOLDER)).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn what_is_no_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::NotFound(_))));
    std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::NotFound(_))));
    for name in [HEAD, INDEX, SLOTS] {
        std::fs::write(file(folder.path(), name), b"").unwrap();
    }
    assert!(matches!(open(folder.path()), Err(LogError::Damaged(_))));
    assert!(matches!(FolderLog::create(folder.path(), b"g", TIMEOUT), Err(LogError::Exists(_))));
    let newer = [b"LLSL\x02\0\0\0", &b"genesis"[..]].concat();
    std::fs::write(file(folder.path(), SLOTS), newer).unwrap();
    assert!(matches!(open(folder.path()), Err(LogError::Unsuitable { .. })));
    std::fs::write(folder.path().join("log.sqlite"), b"").unwrap();
    for refused in [open(folder.path()), FolderLog::create(folder.path(), b"g", TIMEOUT)] {
        let Err(LogError::Unsuitable { why, .. }) = refused else { panic!("an old workspace is not known") };
        assert!(why.contains("earlier version"), "{why}");
    }
}

#[test]
fn of_many_that_make_a_log_one_does_and_nothing_is_left_over() {
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let make = |n: u8| {
            let folder = folder.path();
            scope.spawn(move || FolderLog::create(folder, &[n], TIMEOUT).map(|_| n))
        };
        (0..8).map(make).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners: Vec<u8> = made.iter().filter_map(|made| made.as_ref().ok().copied()).collect();
    assert!(made.iter().all(|made| matches!(made, Ok(_) | Err(LogError::Exists(_)))), "{made:?}");
    assert_eq!(all(&open(folder.path()).unwrap()), [winners]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_was_written_to_files_that_are_not_there_any_more_is_not_called_durable() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    fill(&log, 1);
    log.sync(Seq(1)).unwrap();
    let (files, away) = (folder.path().join(FOLDER), folder.path().join("away"));
    std::fs::rename(&files, &away).unwrap();
    is_damaged(log.sync(Seq(1)), "removed");
    std::fs::create_dir(&files).unwrap();
    for name in [HEAD, INDEX, SLOTS] {
        std::fs::copy(away.join(name), files.join(name)).unwrap();
    }
    append(&log, b"lost");
    is_damaged(log.sync(Seq(2)), "replaced");
}

#[test]
fn nothing_is_acknowledged_that_was_written_to_a_removed_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = create(folder.path());
    fill(&log, 1);
    std::fs::remove_dir_all(folder.path().join(FOLDER)).unwrap();
    is_damaged(log.append(b"lost", Seq(1)), "removed");
}

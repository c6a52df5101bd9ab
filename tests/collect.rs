//! Collection deletes what is dead and nothing else, while others write, read and copy, wherever it is killed. Through
//! the C ABI of the built library.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "support/abi.rs"]
mod abi;

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use abi::Abi;
use lucidlink::env::{Random, SeededRandom};

const NOT_FOUND: i32 = -401;
const DELETED: i32 = -411;
const STALE: i32 = -412;
/// Larger than what goes into a commit.
const LARGE: usize = 300_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

struct Place {
    abi: Abi,
    folder: PathBuf,
    token: String,
}

/// Content that says what it is.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SeededRandom::new(seed).fill(&mut bytes).unwrap();
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

fn is_whole(content: &[u8]) -> bool {
    let seed = u64::from_le_bytes(*content.first_chunk().unwrap());
    content.len() <= LARGE && *content == noise(seed, LARGE)[..content.len()]
}

impl Place {
    fn new(folder: &Path) -> Place {
        let (abi, folder) = (Abi::load(), folder.to_owned());
        let url = format!("file://{}/ws", folder.display());
        let token = abi.workspace_create(&url, "studio").unwrap();
        let place = Place { abi, folder, token };
        place.with_workspace(|abi, workspace| abi.create_filespace(workspace, "projects").unwrap());
        place
    }

    fn with_workspace<T>(&self, work: impl FnOnce(&Abi, u64) -> T) -> T {
        let url = format!("file://{}/ws", self.folder.display());
        let daemon = self.abi.daemon(&[("workspace.url", &url), ("daemon.allow_multiple", "true")]).unwrap();
        let done = work(&self.abi, self.abi.authenticate(daemon, &self.token).unwrap());
        self.abi.stop(daemon).unwrap();
        done
    }

    fn with_link<T>(&self, work: impl FnOnce(&Abi, u64) -> T) -> T {
        self.with_workspace(|abi, workspace| work(abi, abi.link(workspace, "projects").unwrap()))
    }

    fn root(&self) -> PathBuf {
        fs::read_dir(self.folder.join("ws/filespaces")).unwrap().next().unwrap().unwrap().path()
    }

    /// The files below a folder of the filespace.
    fn objects(&self, kind: &str) -> Vec<PathBuf> {
        let (mut found, mut pending) = (Vec::new(), vec![self.root().join(kind)]);
        while let Some(folder) = pending.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { pending.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// Bytes of packs on the disk.
    fn stored(&self) -> u64 {
        self.objects("packs").iter().map(|path| path.metadata().unwrap().len()).sum()
    }

    /// Nothing is missing, nothing dead is left.
    fn check_tidy(&self) {
        self.with_link(|abi, fs| {
            assert!(abi.fsck(fs, false).unwrap().1.is_empty());
            assert_eq!(self.stored(), abi.statistics(fs).unwrap().stored_bytes);
        });
    }
}

fn age(path: &Path, by: Duration) {
    let times = FileTimes::new().set_modified(SystemTime::now() - by);
    File::options().write(true).open(path).unwrap().set_times(times).unwrap();
}

#[test]
fn what_is_dead_is_deleted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    place.with_link(|abi, fs| {
        for (n, name) in ["/kept", "/deleted", "/replaced", "/copied", "/cut", "/linked"].iter().enumerate() {
            abi.write_file(fs, name, &noise(n as u64, LARGE)).unwrap();
        }
        abi.copy(fs, "/copied", "/copy", false, false).unwrap();
        abi.hard_link(fs, "/linked", "/alias").unwrap();
        let old = abi.open(fs, "/replaced", "r").unwrap();
        place.with_link(|abi, fs| abi.write_file(fs, "/replaced", &noise(7, LARGE)).unwrap());
        abi.truncate(fs, "/cut", 10).unwrap();
        ["/deleted", "/copied", "/linked"].iter().for_each(|name| abi.delete(fs, name).unwrap());

        let (before, names) = (place.stored(), place.objects("packs").len());
        assert_eq!(names, 7);
        let plan = abi.gc(fs, true, 0).unwrap();
        assert_eq!((plan.dead_packs, place.stored()), (2, before), "a plan deletes nothing");
        let done = abi.gc(fs, false, 0).unwrap();
        assert_eq!((done.dead_packs, done.dead_bytes), (plan.dead_packs, plan.dead_bytes));
        assert_eq!((place.stored(), place.objects("packs").len()), (before - done.dead_bytes, 5));
        assert_eq!(abi.gc(fs, false, 0).unwrap().dead_packs, 0, "they are forgotten");

        for (n, name) in [(0, "/kept"), (7, "/replaced"), (3, "/copy"), (5, "/alias")] {
            assert_eq!(abi.read_file(fs, name).unwrap(), noise(n, LARGE), "{name}");
        }
        assert_eq!(abi.read_file(fs, "/cut").unwrap(), noise(4, LARGE)[..10]);
        let failed = abi.pread(old, 0, 10).unwrap_err();
        assert_eq!(failed.status, STALE, "{failed:?}");
        abi.refresh(old).unwrap();
        assert_eq!(abi.pread(old, 0, 100).unwrap(), noise(7, LARGE)[..100]);
        abi.free(old);
        // The last copy goes.
        abi.delete(fs, "/copy").unwrap();
        assert_eq!(abi.gc(fs, false, 0).unwrap().dead_packs, 1);
    });
    place.check_tidy();
}

#[test]
fn the_grace_counts_by_the_clock_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    place.with_link(|abi, fs| {
        let grace = 3600;
        let put_and_delete = |name| {
            abi.write_file(fs, name, &noise(1, LARGE)).unwrap();
            abi.delete(fs, name).unwrap();
        };
        let counts = |dry_run| {
            let report = abi.gc(fs, dry_run, grace).unwrap();
            (report.dead_packs, report.waiting_packs)
        };
        assert_eq!(counts(false), (0, 0));
        assert!(place.objects("marks").is_empty(), "there is nothing to wait for");
        put_and_delete("/first");
        assert_eq!(counts(true), (0, 1));
        assert!(place.objects("marks").is_empty(), "a plan leaves no mark");
        assert_eq!(counts(false), (0, 1));
        put_and_delete("/second");
        let first = place.objects("marks").remove(0);
        age(&first, Duration::from_secs(grace - 60));
        assert_eq!(counts(false), (0, 2), "not yet");
        age(&first, Duration::from_secs(grace + 60));
        assert_eq!(counts(true), (1, 1), "the second died behind the mark");
        assert_eq!(counts(false), (1, 1));
        assert_eq!(place.objects("packs").len(), 1);
        age(&place.objects("marks").pop().unwrap(), Duration::from_secs(grace + 60));
        assert_eq!(counts(false), (1, 0));
        assert_eq!(place.objects("marks").len(), 1, "an older mark says nothing more");
        assert!(place.objects("packs").is_empty());
        // A mark of a log that was longer is none.
        put_and_delete("/third");
        let future = place.root().join("marks/00000000ffffffff");
        fs::write(&future, b"").unwrap();
        age(&future, 2 * DAY);
        assert_eq!(counts(false), (0, 1));
    });
}

#[test]
fn what_was_never_committed_goes_when_its_session_is_over_and_a_month_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    place.with_link(|abi, fs| abi.write_file(fs, "/file", &noise(1, LARGE)).unwrap());
    place.with_link(|abi, fs| {
        abi.write_file(fs, "/other", &noise(2, LARGE)).unwrap();
        // Packs of the closed session and of this one, which no commit knows.
        let mut made = Vec::new();
        for pack in place.objects("packs") {
            let name = pack.file_name().unwrap().to_str().unwrap();
            for (n, days) in [(0, 29), (1, 31)] {
                let orphan = pack.with_file_name(format!("{}{n:022x}{}", &name[..8], &name[30..]));
                fs::copy(&pack, &orphan).unwrap();
                age(&orphan, days * DAY);
                made.push((orphan, name[..8].to_owned()));
            }
            age(&pack, 100 * DAY);
        }
        let unfinished: Vec<PathBuf> = [(".put-old", 2), (".put-new", 0)]
            .map(|(name, days)| {
                let path = place.objects("packs")[0].with_file_name(name);
                fs::write(&path, b"half").unwrap();
                age(&path, days * DAY);
                path
            })
            .into();
        // A session that begins later has a larger number.
        let closed = made.iter().map(|(_, session)| session.clone()).min().unwrap();
        assert_eq!(abi.gc(fs, true, 0).unwrap().orphans, 1);
        let report = abi.gc(fs, false, 0).unwrap();
        assert_eq!((report.orphans, report.unfinished, report.dead_packs), (1, 1, 0));
        for (n, (orphan, session)) in made.iter().enumerate() {
            let is_gone = *session == closed && n % 2 == 1;
            assert_eq!(orphan.exists(), !is_gone, "{orphan:?} of {session}");
        }
        assert_eq!(unfinished.iter().map(|path| path.exists()).collect::<Vec<_>>(), [false, true]);
        assert!(abi.fsck(fs, false).unwrap().1.is_empty(), "what is registered stays, however old it is");
    });
}

/// What is not an orphan does not keep those from being found that are, however much there is of it.
#[test]
fn orphans_are_found_among_many_old_packs() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let session_of = |pack: &Path| pack.file_name().unwrap().to_str().unwrap()[..8].to_owned();
    place.with_link(|abi, fs| abi.write_file(fs, "/file", &noise(1, LARGE)).unwrap());
    let closed = session_of(&place.objects("packs")[0]);
    place.with_link(|abi, fs| {
        abi.write_file(fs, "/other", &noise(2, LARGE)).unwrap();
        let sessions: Vec<String> = place.objects("packs").iter().map(|pack| session_of(pack)).collect();
        let open = sessions.iter().find(|session| **session != closed).unwrap();
        let packs = place.root().join("packs/aa");
        fs::create_dir_all(&packs).unwrap();
        for n in 0..20_000 {
            let session = if n % 500 == 499 { &closed } else { open };
            let pack = packs.join(format!("{session}{n:022x}aa"));
            fs::write(&pack, b"").unwrap();
            age(&pack, 31 * DAY);
        }
        assert_eq!(abi.gc(fs, false, 0).unwrap().orphans, 40);
        assert_eq!(abi.gc(fs, false, 0).unwrap().orphans, 0);
    });
}

#[test]
fn what_a_snapshot_has_stays_as_long_as_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let content = noise(1, LARGE);
    place.with_link(|abi, fs| {
        abi.write_file(fs, "/early", &noise(0, LARGE)).unwrap();
        abi.delete(fs, "/early").unwrap();
        abi.write_file(fs, "/kept", &content).unwrap();
        abi.create_snapshot(fs, "then").unwrap();
        abi.delete(fs, "/kept").unwrap();
        abi.write_file(fs, "/late", &noise(2, LARGE)).unwrap();
    });
    place.with_link(|abi, fs| {
        abi.write_file(fs, "/later", &noise(3, LARGE)).unwrap();
        abi.delete(fs, "/later").unwrap();
        let report = abi.gc(fs, false, 0).unwrap();
        assert_eq!((report.dead_packs, report.pinned_packs), (2, 1), "/early and /later");
    });
    let at_snapshot = || {
        place.with_workspace(|abi, workspace| {
            let fs = abi.link_snapshot(workspace, "projects", "then").unwrap();
            let findings = abi.fsck(fs, false).unwrap().1;
            (findings, abi.read_file(fs, "/kept"))
        })
    };
    let (findings, read) = at_snapshot();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(read.unwrap(), content);
    // Each check looks at what its state has.
    let mut damaged = Vec::new();
    for pack in place.objects("packs") {
        let bytes = fs::read(&pack).unwrap();
        fs::write(&pack, &bytes[..100]).unwrap();
        let now = place.with_link(|abi, fs| abi.fsck(fs, false).unwrap().1);
        for (which, found) in [("then", at_snapshot().0), ("now", now)] {
            let lost = found.iter().find(|finding| !finding.path.is_empty());
            damaged.extend(lost.map(|lost| format!("{which}:{}", lost.path)));
            assert!(lost.is_some() || found.is_empty(), "{found:?}");
        }
        fs::write(&pack, bytes).unwrap();
    }
    damaged.sort();
    assert_eq!(damaged, ["now:/late", "then:/kept"]);
    place.with_link(|abi, fs| {
        assert!(abi.fsck(fs, false).unwrap().1.is_empty());
        abi.delete_snapshot(fs, "then").unwrap();
        let report = abi.gc(fs, false, 0).unwrap();
        assert_eq!((report.dead_packs, report.pinned_packs), (1, 0));
        assert_eq!(abi.read_file(fs, "/late").unwrap(), noise(2, LARGE));
    });
    place.check_tidy();
}

/// This test as a process of its own, in a role.
fn start(place: &Place, role: &str, number: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_role_of_another_test"])
        .env("LUCIDLINK_ROLE", role)
        .env("LUCIDLINK_NUMBER", number.to_string())
        .env("LUCIDLINK_PLACE", &place.folder)
        .env("LUCIDLINK_TOKEN", &place.token)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn end(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_role_of_another_test() {
    let Ok(role) = std::env::var("LUCIDLINK_ROLE") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let (folder, token) = (PathBuf::from(variable("LUCIDLINK_PLACE")), variable("LUCIDLINK_TOKEN"));
    let number: u64 = variable("LUCIDLINK_NUMBER").parse().unwrap();
    let place = Place { abi: Abi::load(), folder, token };
    place.with_link(|abi, fs| match &role[..] {
        "writer" => write_much(abi, fs, number),
        "collector" => {
            let mut dead = 0;
            while !place.folder.join("enough").exists() {
                dead += abi.gc(fs, false, 0).unwrap().dead_packs;
            }
            assert!(dead > 0, "there was something to collect");
        }
        "checker" => {
            while !place.folder.join("enough").exists() {
                let findings = abi.fsck(fs, number == 0).unwrap().1;
                assert!(findings.is_empty(), "{findings:?}");
            }
        }
        "reader" => {
            while !place.folder.join("enough").exists() {
                read_all(abi, fs);
            }
        }
        role => panic!("no such role: {role}"),
    });
}

/// Writes, overwrites, deletes, copies and reads.
fn write_much(abi: &Abi, fs: u64, number: u64) {
    let random = SeededRandom::new(number);
    let below = |limit: u64| random.next_u64() % limit;
    let mut own: Vec<Option<(u64, usize)>> = vec![None; 6];
    for n in 0..120 {
        let at = below(6) as usize;
        let path = format!("/{number}-{at}");
        let seed = number << 32 | n;
        match below(6) {
            0 if own[at].is_some() => {
                abi.delete(fs, &path).unwrap();
                own[at] = None;
            }
            // Of somebody else, who may delete it at any moment.
            1 => {
                let from = format!("/{}-{}", below(3), below(6));
                match abi.copy(fs, &from, &format!("/copy-{number}-{at}"), true, false) {
                    Err(failed) if failed.status != NOT_FOUND => panic!("{failed:?}"),
                    _ => {}
                }
            }
            2 if own[at].is_some() => {
                // Half of it: the pack lives on.
                abi.truncate(fs, &path, LARGE as u64 / 2).unwrap();
                own[at] = own[at].map(|(seed, _)| (seed, LARGE / 2));
            }
            _ => {
                abi.write_file(fs, &path, &noise(seed, LARGE)).unwrap();
                own[at] = Some((seed, LARGE));
            }
        }
        for (at, file) in own.iter().enumerate().filter(|_| n % 10 == 0) {
            let Some((seed, len)) = *file else { continue };
            let content = abi.read_file(fs, &format!("/{number}-{at}")).unwrap();
            assert!(content == noise(seed, LARGE)[..len], "/{number}-{at}");
        }
    }
}

/// What can be read is what was written; what cannot was changed meanwhile.
fn read_all(abi: &Abi, fs: u64) {
    for (name, _) in abi.read_dir(fs, "/").unwrap() {
        match abi.read_file(fs, &format!("/{name}")) {
            Ok(content) => assert!(is_whole(&content), "{name}"),
            Err(failed) => {
                assert!([NOT_FOUND, STALE, DELETED].contains(&failed.status), "{name}: {failed:?}")
            }
        }
    }
}

#[test]
fn collection_harms_nobody_who_writes_reads_or_copies() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let collectors: Vec<Child> = (0..2).map(|n| start(&place, "collector", n)).collect();
    let others = ["reader", "checker"].map(|role| start(&place, role, 0));
    let checker = start(&place, "checker", 1);
    let writers: Vec<Child> = (0..3).map(|n| start(&place, "writer", n)).collect();
    writers.into_iter().for_each(end);
    fs::write(folder.path().join("enough"), b"").unwrap();
    collectors.into_iter().for_each(end);
    others.into_iter().chain([checker]).for_each(end);
    place.with_link(|abi, fs| {
        abi.gc(fs, false, 0).unwrap();
        let names = abi.read_dir(fs, "/").unwrap();
        assert!(!names.is_empty());
        for (name, _) in names {
            assert!(is_whole(&abi.read_file(fs, &format!("/{name}")).unwrap()), "{name}");
        }
    });
    place.check_tidy();
}

#[test]
fn a_collection_that_is_killed_is_taken_up_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let random = SeededRandom::new(11);
    let mut dead = 0;
    for round in 0..12 {
        place.with_link(|abi, fs| {
            for n in 0..30 {
                abi.write_file(fs, &format!("/{n}"), &noise(round << 32 | n, LARGE)).unwrap();
            }
        });
        let before = place.objects("packs").len();
        let mut collector = start(&place, "collector", round);
        // When it has begun, and a little later; or it was faster.
        let wanted = before.saturating_sub(1 + random.next_u64() as usize % 25);
        while round > 0 && place.objects("packs").len() > wanted.max(30) {
            std::thread::yield_now();
        }
        collector.kill().unwrap();
        collector.wait().unwrap();
        dead += before - place.objects("packs").len();
        place.with_link(|abi, fs| {
            for n in 0..30 {
                let content = abi.read_file(fs, &format!("/{n}")).unwrap();
                assert!(content == noise(round << 32 | n, LARGE), "/{n} in round {round}");
            }
        });
    }
    assert!(dead > 0);
    place.with_link(|abi, fs| abi.gc(fs, false, 0).unwrap());
    place.check_tidy();
}

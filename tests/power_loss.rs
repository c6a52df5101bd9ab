//! Power loss, simulated: a disk that keeps only what was synced. What a barrier acknowledged is there afterwards,
//! whole, whoever wrote it; the log is never durable beyond the objects that it refers to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lucidlink::content::store::memory::MemoryStore;
use lucidlink::content::store::{Store, StoreError};
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::AccountKeys;
use lucidlink::crypto::seal::Keyring;
use lucidlink::crypto::token::Token;
use lucidlink::env::{Env, Random, SeededRandom};
use lucidlink::error::Status;
use lucidlink::filespace::genesis::{Genesis, log_id};
use lucidlink::filespace::{CommitMode, Link, LinkOptions, LinkParts};
use lucidlink::fs::{FileSystem, Mode, Path};
use lucidlink::ids::{LogId, Seq};
use lucidlink::log::memory::MemoryLog;
use lucidlink::log::{Append, CommitLog, Life, LogError};
use lucidlink::state::value::Role;
use lucidlink::workspace::{Location, Workspace};
use parking_lot::Mutex;
use prost::Message;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What the processes of a host share.
struct Host {
    objects: MemoryStore,
    log: MemoryLog,
    synced: Mutex<BTreeSet<String>>,
    durable: Mutex<Seq>,
    /// The log takes nothing.
    is_away: AtomicBool,
    /// The store takes no checkpoint.
    has_no_room: AtomicBool,
    /// What happens when somebody lists objects with their age.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

/// The host's disk as one process sees it: it syncs what it wrote, and what it names.
struct Disk {
    host: Arc<Host>,
    own: Mutex<Vec<String>>,
}

impl Store for Disk {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        if key.starts_with("checkpoints/") && self.host.has_no_room.load(Ordering::Relaxed) {
            return Err(StoreError::io(key, std::io::ErrorKind::StorageFull.into()));
        }
        self.own.lock().push(key.to_owned());
        self.host.objects.put(key, bytes)
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.host.objects.get(key)
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        self.host.objects.get_range(key, offset, len)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.host.objects.list(prefix)
    }

    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        let meanwhile = self.host.meanwhile.lock().take();
        meanwhile.into_iter().for_each(|happens| happens());
        self.host.objects.list_aged(prefix, each)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.host.objects.delete(key)
    }

    fn sync(&self, others: &[String]) -> Result<(), StoreError> {
        let mut synced = self.host.synced.lock();
        synced.extend(self.own.lock().drain(..));
        synced.extend(others.iter().cloned());
        Ok(())
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        for folder in ["packs/", "bodies/", "parts/", "checkpoints/"] {
            self.host.synced.lock().extend(self.host.objects.list(folder)?);
        }
        Ok(())
    }
}

impl CommitLog for Host {
    fn append(&self, bytes: &[u8], after: Seq) -> Result<Append, LogError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(LogError::Io("it is away".into())),
            false => self.log.append(bytes, after),
        }
    }

    fn read(&self, from: Seq, limit: usize, max_bytes: usize) -> Result<Vec<(Seq, Bytes)>, LogError> {
        self.log.read(from, limit, max_bytes)
    }

    fn read_range(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes, LogError> {
        self.log.read_range(slot, offset, len)
    }

    fn head(&self) -> Result<Seq, LogError> {
        self.log.head()
    }

    fn durable(&self) -> Result<Seq, LogError> {
        Ok(*self.durable.lock())
    }

    fn life(&self) -> Result<Life, LogError> {
        Ok(Life::FIRST)
    }

    fn sync(&self, upto: Seq) -> Result<(), LogError> {
        let mut durable = self.durable.lock();
        *durable = upto.max(*durable);
        Ok(())
    }
}

struct World {
    id: LogId,
    key: Key32,
    account: Arc<AccountKeys>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(seed: u64) -> (World, Arc<Host>) {
        let env = Env::seeded(seed);
        let workspace = LogId(env.random_bytes().unwrap());
        let account = AccountKeys::derive(&Key32::random(&env).unwrap(), &workspace).unwrap();
        let key = Key32::random(&env).unwrap();
        let genesis = Genesis::new(workspace, env.random_bytes().unwrap(), 0, &account, &key, 64 << 10);
        let genesis = genesis.encode_to_vec();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let world = World { id: log_id(&genesis), key, account: Arc::new(account), runtime };
        let (synced, durable) = (Mutex::default(), Mutex::new(Seq(0)));
        (
            world,
            Arc::new(Host {
                objects: MemoryStore::default(),
                log: MemoryLog::new(&genesis),
                synced,
                durable,
                is_away: AtomicBool::new(false),
                has_no_room: AtomicBool::new(false),
                meanwhile: Mutex::default(),
            }),
        )
    }

    fn open(&self, host: &Arc<Host>, seed: u64) -> Arc<FileSystem> {
        self.open_with(host, seed, LinkOptions::strict(TIMEOUT))
    }

    fn open_with(&self, host: &Arc<Host>, seed: u64, options: LinkOptions) -> Arc<FileSystem> {
        let parts = LinkParts {
            id: self.id,
            name: self.id.to_string(),
            env: Env::seeded(seed),
            log: host.clone(),
            store: Arc::new(Disk { host: host.clone(), own: Mutex::default() }),
            account: self.account.clone(),
            keyring: Arc::new(Keyring::new(0, self.key.clone())),
            runtime: self.runtime.handle().clone(),
        };
        FileSystem::new(Link::open(parts, options).unwrap(), Path::parse("/").unwrap()).unwrap()
    }
}

impl Host {
    /// The disk after the power came back.
    fn after_power_loss(&self) -> Arc<Host> {
        let slots = self.log.read(Seq(0), self.durable.lock().0 as usize + 1, usize::MAX).unwrap();
        let log = MemoryLog::new(&slots[0].1);
        for (n, slot) in &slots[1..] {
            assert!(matches!(log.append(slot, Seq(n.0 - 1)).unwrap(), Append::Landed(_)));
        }
        let objects = MemoryStore::default();
        for key in self.synced.lock().iter() {
            // It may have been collected.
            self.objects.get(key).iter().for_each(|bytes| objects.put(key, bytes).unwrap());
        }
        let (synced, durable) = (Mutex::new(self.synced.lock().clone()), Mutex::new(*self.durable.lock()));
        let (is_away, has_no_room) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Host { objects, log, synced, durable, is_away, has_no_room, meanwhile: Mutex::default() })
    }
}

fn run(seed: u64) {
    let (world, host) = World::new(seed);
    let random = SeededRandom::new(seed);
    let below = |n: u64| random.next_u64() % n;
    let mut clients: Vec<_> = (0..3).map(|n| world.open(&host, seed * 1000 + n)).collect();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut synced = files.clone();
    for n in 0..60 {
        let client = below(3) as usize;
        let fs = &clients[client];
        match below(12) {
            0 => {
                fs.link().sync().unwrap();
                synced.clone_from(&files);
            }
            1 => drop(fs.link().write_checkpoint()),
            // A newcomer, which may start from a checkpoint and never see what others wrote before.
            2 => clients[client] = world.open(&host, seed * 1000 + 100 + n),
            _ => {
                // Inline, a pack of its own, several packs' worth of blocks.
                let len = [50, 90_000, 200_000, 700_000][below(4) as usize] + below(50) as usize;
                let (name, mut content) = (format!("/file{}", below(20)), vec![0; len]);
                random.fill(&mut content).unwrap();
                let file = fs.open(&Path::parse(&name).unwrap(), Mode::parse("w").unwrap(), 0o644).unwrap();
                file.write(&content).unwrap();
                file.close().unwrap();
                files.insert(name, content);
            }
        }
    }
    let after = host.after_power_loss();
    let fs = world.open(&after, seed * 1000 + 999);
    // Later commits may be there too; what was acknowledged must be, unless they changed it.
    for (name, content) in &synced {
        let file = fs.open(&Path::parse(name).unwrap(), Mode::parse("r").unwrap(), 0).unwrap();
        let mut found = vec![0; file.size().unwrap() as usize];
        file.read(&mut found).unwrap_or_else(|e| panic!("seed {seed}: {name}: {e}"));
        assert!(found == *content, "seed {seed}: {name} is not as it was acknowledged");
    }
    assert_eq!(
        fs.list_dir(&Path::parse("/").unwrap()).unwrap(),
        synced.keys().cloned().map(strip).collect::<Vec<_>>()
    );
}

fn strip(path: String) -> String {
    path.trim_start_matches('/').to_owned()
}

#[test]
fn what_a_barrier_acknowledged_survives_power_loss() {
    (0..25).for_each(run);
}

/// What a process had acknowledged and not committed is committed by the next one, which has not put its packs.
#[test]
fn what_a_journal_brings_survives_power_loss_once_a_barrier_says_so() {
    let ((world, host), journal) = (World::new(7), tempfile::tempdir().unwrap());
    let relaxed = || LinkOptions {
        commit: CommitMode::Background,
        folder: Some(journal.path().to_owned()),
        ..LinkOptions::strict(TIMEOUT)
    };
    let fs = world.open_with(&host, 1, relaxed());
    put(&fs, "/before", 100);
    fs.link().sync().unwrap();
    host.is_away.store(true, Ordering::Relaxed);
    put(&fs, "/large", 700_000);
    fs.link().abandon();
    host.is_away.store(false, Ordering::Relaxed);
    let next = world.open_with(&host, 2, relaxed());
    next.link().sync().unwrap();
    has(&world.open(&host.after_power_loss(), 3), "/large", 700_000);
}

/// A checkpoint may reach the disk before the commits that it is of, and be left when they are lost.
#[test]
fn a_snapshot_is_read_past_a_checkpoint_of_commits_that_were_lost() {
    let (world, host) = World::new(8);
    let fs = world.open(&host, 1);
    put(&fs, "/kept", 100);
    fs.link().sync().unwrap();
    put(&fs, "/lost", 200);
    fs.link().write_checkpoint().unwrap();
    Disk { host: host.clone(), own: Mutex::default() }.sync_all().unwrap();
    let host = host.after_power_loss();
    let left = host.objects.list("checkpoints/").unwrap();
    assert_eq!(left.len(), 1);
    let fs = world.open(&host, 2);
    put(&fs, "/first", 300);
    put(&fs, "/second", 400);
    fs.link().take_snapshot("then").unwrap();
    fs.link().close().unwrap();
    // As if its author had died before it wrote its own.
    for name in host.objects.list("checkpoints/").unwrap().iter().filter(|name| !left.contains(name)) {
        host.objects.lose(name);
    }
    let then = world.open(&host, 3).link().at_snapshot("then").unwrap();
    let then = FileSystem::new(then, Path::parse("/").unwrap()).unwrap();
    assert_eq!(then.list_dir(&Path::parse("/").unwrap()).unwrap(), ["first", "kept", "second"]);
    has(&then, "/second", 400);
}

/// However often others take snapshots.
#[test]
fn a_snapshot_whose_author_died_gets_a_checkpoint() {
    let (world, host) = World::new(9);
    host.has_no_room.store(true, Ordering::Relaxed);
    let author = world.open(&host, 1);
    author.link().take_snapshot("left").unwrap();
    author.link().close().unwrap();
    host.has_no_room.store(false, Ordering::Relaxed);
    let fs = world.open(&host, 2);
    let has_one = || {
        let snapshots = fs.link().snapshots().unwrap();
        snapshots.iter().any(|snapshot| snapshot.name == "left" && snapshot.checkpoint.is_some())
    };
    assert!(!has_one());
    for round in 0..40 {
        (0..50).for_each(|n| put(&fs, "/file", 100 + n));
        fs.link().take_snapshot(&format!("s{round}")).unwrap();
        if has_one() {
            return;
        }
    }
    panic!("nobody wrote it");
}

/// A snapshot is there again if its deletion is lost.
#[test]
fn what_a_snapshot_had_is_collected_when_its_deletion_survives_power_loss() {
    let (world, host) = World::new(10);
    let fs = world.open(&host, 1);
    put(&fs, "/large", 700_000);
    fs.link().take_snapshot("then").unwrap();
    fs.delete(&Path::parse("/large").unwrap()).unwrap();
    let link = fs.link().clone();
    *host.meanwhile.lock() = Some(Box::new(move || link.drop_snapshot("then").unwrap()));
    assert_eq!(fs.link().collect(false, Duration::ZERO).unwrap().dead, 1);
    let error = world.open(&host.after_power_loss(), 2).link().at_snapshot("then").err().unwrap();
    assert_eq!(error.status(), Status::NotFound, "{error}");
}

/// A workspace in a folder, after the machine was started again: the records of its logs are of another boot.
fn start_the_machine_again(workspace: &std::path::Path) {
    let filespaces = std::fs::read_dir(workspace.join("filespaces")).unwrap();
    let folders = filespaces.map(|entry| entry.unwrap().path()).chain([workspace.to_owned()]);
    for head in folders.map(|folder| folder.join("log/head")) {
        let mut bytes = std::fs::read(&head).unwrap();
        for record in [512, 1024] {
            bytes[record + 44..record + 80].fill(b'x');
            let sum = crc32fast::hash(&bytes[record..record + 80]);
            bytes[record + 80..record + 84].copy_from_slice(&sum.to_le_bytes());
        }
        std::fs::write(head, bytes).unwrap();
    }
}

struct Folder {
    place: tempfile::TempDir,
    token: Token,
    runtime: tokio::runtime::Runtime,
}

impl Folder {
    fn new() -> Folder {
        let place = tempfile::tempdir().unwrap();
        let location = Location::from(place.path().to_owned());
        let token = Workspace::create(&location, "studio", &Env::system(), TIMEOUT).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let folder = Folder { place, token, runtime };
        folder.workspace().create_filespace("projects").unwrap();
        folder
    }

    fn workspace(&self) -> Arc<Workspace> {
        let location = Location::from(self.place.path().to_owned());
        let runtime = self.runtime.handle().clone();
        Workspace::open(&location, &self.token, &Env::system(), TIMEOUT, runtime).unwrap()
    }

    fn link(&self) -> Arc<FileSystem> {
        self.link_with(LinkOptions::strict(TIMEOUT))
    }

    /// In relaxed mode, with a journal in a folder.
    fn link_relaxed(&self, journal: &std::path::Path) -> Arc<FileSystem> {
        self.link_with(LinkOptions {
            commit: CommitMode::Background,
            folder: Some(journal.to_owned()),
            ..LinkOptions::strict(TIMEOUT)
        })
    }

    fn link_with(&self, options: LinkOptions) -> Arc<FileSystem> {
        let workspace = self.workspace();
        let id = workspace.filespace_named("projects").unwrap().id;
        FileSystem::new(workspace.link(id, options).unwrap(), Path::parse("/").unwrap()).unwrap()
    }

    /// The machine as the disk has it at this moment: a workspace that is started anew, and a copy of a journal.
    fn after_power_loss(&self, journal: &std::path::Path) -> (Folder, tempfile::TempDir) {
        let (place, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy_tree(self.place.path(), place.path());
        copy_tree(journal, kept.path());
        start_the_machine_again(place.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let token = Token { key_id: self.token.key_id, secret: self.token.secret.clone() };
        (Folder { place, token, runtime }, kept)
    }

    /// Keeps everybody from appending to the filespace's log until the file is closed.
    fn hold_the_log(&self) -> std::fs::File {
        let head = self.filespace().join("log/head");
        let file = std::fs::OpenOptions::new().read(true).write(true).open(head).unwrap();
        let whole = nix::libc::flock {
            l_type: nix::libc::F_WRLCK as nix::libc::c_short,
            l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_SETLKW(&whole)).unwrap();
        file
    }

    fn filespace(&self) -> std::path::PathBuf {
        std::fs::read_dir(self.place.path().join("filespaces")).unwrap().next().unwrap().unwrap().path()
    }

    /// The packs, or the bodies, of the filespace.
    fn objects(&self, kind: &str) -> Vec<std::path::PathBuf> {
        let mut pending = vec![self.filespace().join(kind)];
        let mut found = Vec::new();
        while let Some(path) = pending.pop() {
            match path.is_dir() {
                true => pending.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path())),
                false => found.extend(path.exists().then_some(path)),
            }
        }
        found
    }
}

fn copy_tree(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => {
                std::fs::create_dir(&target).unwrap();
                copy_tree(&entry.path(), &target);
            }
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn put(fs: &Arc<FileSystem>, name: &str, len: usize) {
    let mut content = vec![0; len];
    SeededRandom::new(len as u64).fill(&mut content).unwrap();
    let file = fs.open(&Path::parse(name).unwrap(), Mode::parse("w").unwrap(), 0o644).unwrap();
    file.write(&content).unwrap();
    file.close().unwrap();
}

fn has(fs: &Arc<FileSystem>, name: &str, len: usize) {
    let file = fs.open(&Path::parse(name).unwrap(), Mode::parse("r").unwrap(), 0).unwrap();
    let (mut content, mut found) = (vec![0; len], vec![0; len]);
    SeededRandom::new(len as u64).fill(&mut content).unwrap();
    assert_eq!((file.size().unwrap(), file.read(&mut found).unwrap()), (len as u64, len));
    assert!(found == content, "{name}");
}

/// What power loss does to an object that was not synced: it is gone, short, or full of zeros.
#[test]
fn a_commit_whose_objects_did_not_survive_is_cut_with_all_behind_it() {
    type Loss = fn(&std::path::Path);
    let losses: [Option<Loss>; 5] = [
        None,
        Some(|pack| std::fs::remove_file(pack).unwrap()),
        Some(|pack| std::fs::write(pack, b"").unwrap()),
        Some(|pack| std::fs::write(pack, vec![0; pack.metadata().unwrap().len() as usize]).unwrap()),
        Some(|pack| {
            let mut bytes = std::fs::read(pack).unwrap();
            bytes[4096..8192].fill(0);
            std::fs::write(pack, bytes).unwrap();
        }),
    ];
    for lose in losses {
        let folder = Folder::new();
        let fs = folder.link();
        put(&fs, "/synced", 600_000);
        fs.link().sync().unwrap();
        let safe = folder.objects("packs");
        put(&fs, "/small", 100);
        put(&fs, "/large", 700_000);
        put(&fs, "/later", 200);
        fs.link().abandon();
        let objects: Vec<_> = folder.objects("packs").into_iter().filter(|p| !safe.contains(p)).collect();
        assert_eq!(objects.len(), 1, "the pack of the large file");
        lose.iter().for_each(|lose| lose(&objects[0]));
        start_the_machine_again(folder.place.path());
        let fs = folder.link();
        has(&fs, "/synced", 600_000);
        has(&fs, "/small", 100);
        let names = fs.list_dir(&Path::parse("/").unwrap()).unwrap();
        match lose {
            None => {
                has(&fs, "/large", 700_000);
                has(&fs, "/later", 200);
            }
            Some(_) => assert_eq!(names, ["small", "synced"]),
        }
        // It goes on from there, for all.
        put(&fs, "/next", 300);
        has(&folder.link(), "/next", 300);
        fs.link().sync().unwrap();
        start_the_machine_again(folder.place.path());
        has(&folder.link(), "/next", 300);
    }
}

/// A log that has lost the revocation is damaged, not one in which it never was.
#[test]
fn a_role_that_was_taken_away_stays_away_after_power_loss() {
    let folder = Folder::new();
    let workspace = folder.workspace();
    workspace.create_account("ann", Role::Writer, 0).unwrap();
    workspace.grant("projects", "ann", Role::Writer).unwrap();
    let segments = || {
        let files = std::fs::read_dir(folder.filespace().join("log")).unwrap().map(|e| e.unwrap().path());
        files.filter(|file| !file.ends_with("head")).collect::<Vec<_>>()
    };
    let before: Vec<_> = segments().into_iter().map(|file| (std::fs::read(&file).unwrap(), file)).collect();
    workspace.revoke_grant("projects", "ann").unwrap();
    drop(workspace);

    for (bytes, file) in before {
        std::fs::write(file, bytes).unwrap();
    }
    start_the_machine_again(folder.place.path());
    let workspace = folder.workspace();
    let id = workspace.filespace_named("projects").unwrap().id;
    let refused = workspace.link(id, LinkOptions::strict(TIMEOUT)).err().unwrap();
    assert_eq!(refused.status(), Status::Integrity, "{refused}");
}

/// A commit that is too large for its slot.
#[test]
fn what_was_collected_is_missed_by_nobody_after_power_loss() {
    let folder = Folder::new();
    let fs = folder.link();
    put(&fs, "/first", 300_000);
    fs.delete(&Path::parse("/first").unwrap()).unwrap();
    put(&fs, "/second", 300_000);
    let collected = fs.link().collect(false, Duration::ZERO).unwrap();
    assert_eq!((collected.dead, folder.objects("packs").len()), (1, 1));
    drop(fs);
    start_the_machine_again(folder.place.path());
    let fs = folder.link();
    has(&fs, "/second", 300_000);
    assert!(fs.link().fsck(false).unwrap().findings.is_empty());
}

#[test]
fn a_commit_whose_payload_did_not_survive_is_cut_with_all_behind_it() {
    let losses: [fn(&std::path::Path); 2] =
        [|body| std::fs::remove_file(body).unwrap(), |body| std::fs::write(body, [0; 9]).unwrap()];
    for lose in losses {
        let folder = Folder::new();
        let fs = folder.link();
        put(&fs, "/small", 100);
        // Many fragments.
        let scattered = Path::parse("/scattered").unwrap();
        let file = fs.open(&scattered, Mode::parse("w").unwrap(), 0o644).unwrap();
        let random = SeededRandom::new(8);
        for n in 0..30_000 {
            file.pwrite(n * 40, &random.next_u64().to_le_bytes()[..1 + n as usize % 8]).unwrap();
        }
        file.close().unwrap();
        put(&fs, "/later", 200);
        fs.link().abandon();
        let bodies = folder.objects("bodies");
        assert_eq!(bodies.len(), 1, "the payload is too large for a slot");
        lose(&bodies[0]);
        start_the_machine_again(folder.place.path());
        let fs = folder.link();
        assert_eq!(fs.list_dir(&Path::parse("/").unwrap()).unwrap(), ["small"]);
        put(&fs, "/next", 300);
        has(&folder.link(), "/next", 300);
    }
}

fn append(fs: &Arc<FileSystem>, name: &str, bytes: &[u8]) {
    let file = fs.open(&Path::parse(name).unwrap(), Mode::parse("a").unwrap(), 0o644).unwrap();
    file.write(bytes).unwrap();
    file.close().unwrap();
}

/// What a relaxed client had acknowledged and not brought to the log yet, its journal keeps. Its session is over with
/// the log's life; another one takes it up, once.
#[test]
fn what_a_journal_kept_is_taken_up_in_the_next_life() {
    // Whether the commit was on its way already.
    for in_flight in [false, true] {
        let (folder, journal) = (Folder::new(), tempfile::tempdir().unwrap());
        let fs = folder.link_relaxed(journal.path());
        put(&fs, "/old", 100);
        let synced = fs.link().sync().unwrap();
        let synced = fs.link().describe(synced).unwrap();
        let safe = folder.objects("packs");
        put(&fs, "/lost", 700_000);
        while fs.link().backlog().0 > 0 {
            std::thread::yield_now();
        }
        let lost = fs.link().describe(fs.link().position()).unwrap();
        let pack: Vec<_> = folder.objects("packs").into_iter().filter(|p| !safe.contains(p)).collect();
        let lock = folder.hold_the_log();
        put(&fs, "/kept", 300);
        put(&fs, "/large", 800_000);
        append(&fs, "/old", b"more");
        fs.create_dir(&Path::parse("/dir").unwrap(), 0o755).unwrap();
        put(&fs, "/dir/inside", 400);
        append(&fs, "/lost", b"in vain");
        let acknowledged = std::fs::metadata(journal.path().join("journal")).unwrap().len();
        while in_flight && std::fs::metadata(journal.path().join("journal")).unwrap().len() == acknowledged {
            std::thread::yield_now();
        }
        let (after, journal) = folder.after_power_loss(journal.path());
        std::fs::remove_file(after.place.path().join(pack[0].strip_prefix(folder.place.path()).unwrap()))
            .unwrap();
        drop(lock);
        fs.link().abandon();

        let fs = after.link_relaxed(journal.path());
        fs.link().sync().unwrap();
        let failures = fs.link().late_failures();
        let paths: Vec<_> = failures.iter().map(|failure| &failure.path[..]).collect();
        assert_eq!(paths, ["/lost"], "what it was to be appended to is gone");
        fs.link().acknowledge_failures(u64::MAX).unwrap();
        fs.link().close().unwrap();
        for fs in [after.link(), after.link_relaxed(journal.path())] {
            let root = fs.list_dir(&Path::parse("/").unwrap()).unwrap();
            assert_eq!(root, ["dir", "kept", "large", "old"]);
            has(&fs, "/kept", 300);
            has(&fs, "/large", 800_000);
            has(&fs, "/dir/inside", 400);
            let file = fs.open(&Path::parse("/old").unwrap(), Mode::parse("r").unwrap(), 0).unwrap();
            assert_eq!(file.size().unwrap(), 104, "once");
        }
        let known = |at_least| {
            let workspace = after.workspace();
            let id = workspace.filespace_named("projects").unwrap().id;
            workspace.link(id, LinkOptions { at_least: Some(at_least), ..LinkOptions::strict(TIMEOUT) })
        };
        known(synced).unwrap();
        assert_eq!(known(lost).err().unwrap().status(), Status::LogRolledBack);
        let waited = after.link().link().wait_for(&lost, Instant::now() + TIMEOUT);
        assert_eq!(waited.unwrap_err().status(), Status::LogRolledBack);
    }
}

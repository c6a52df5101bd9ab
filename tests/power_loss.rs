//! Power loss, simulated: a disk that keeps only what was synced. What a barrier acknowledged is there afterwards,
//! whole, whoever wrote it; the log is never durable beyond the objects that it refers to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lucidlink::content::store::memory::MemoryStore;
use lucidlink::content::store::{Store, StoreError};
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::AccountKeys;
use lucidlink::crypto::seal::Keyring;
use lucidlink::env::{Env, Random, SeededRandom};
use lucidlink::filespace::genesis::{Genesis, log_id};
use lucidlink::filespace::{Link, LinkOptions, LinkParts};
use lucidlink::fs::{FileSystem, Mode, Path};
use lucidlink::ids::{LogId, Seq};
use lucidlink::log::memory::MemoryLog;
use lucidlink::log::{Append, CommitLog, LogError};
use parking_lot::Mutex;
use prost::Message;

/// What the processes of a host share.
struct Host {
    objects: MemoryStore,
    log: MemoryLog,
    synced: Mutex<BTreeSet<String>>,
    durable: Mutex<Seq>,
}

/// The host's disk as one process sees it: it syncs what it wrote, and what it names.
struct Disk {
    host: Arc<Host>,
    own: Mutex<Vec<String>>,
}

impl Store for Disk {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
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
        self.log.append(bytes, after)
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
            }),
        )
    }

    fn open(&self, host: &Arc<Host>, seed: u64) -> Arc<FileSystem> {
        let parts = LinkParts {
            id: self.id,
            env: Env::seeded(seed),
            log: host.clone(),
            store: Arc::new(Disk { host: host.clone(), own: Mutex::default() }),
            account: self.account.clone(),
            keyring: Keyring::new(0, self.key.clone()),
            runtime: self.runtime.handle().clone(),
        };
        let options = LinkOptions::strict(Duration::from_secs(5));
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
            objects.put(key, &self.objects.get(key).unwrap()).unwrap();
        }
        let (synced, durable) = (Mutex::new(self.synced.lock().clone()), Mutex::new(*self.durable.lock()));
        Arc::new(Host { objects, log, synced, durable })
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

//! A client in memory, over a log and a store that fail.

use std::sync::Arc;
use std::time::Duration;

use lucidlink::content::store::Store;
use lucidlink::content::store::faulty::FaultyStore;
use lucidlink::content::store::memory::MemoryStore;
use lucidlink::crypto::Key32;
use lucidlink::crypto::account::AccountKeys;
use lucidlink::crypto::seal::Keyring;
use lucidlink::env::{Env, ManualClock, SeededRandom};
use lucidlink::error::{Error, Result, Status};
use lucidlink::filespace::genesis::{Genesis, log_id};
use lucidlink::filespace::{CommitMode, Link, LinkOptions, LinkParts};
use lucidlink::fs::batch::BatchFailure;
use lucidlink::fs::{Attributes, Batch, Entry as Found, FileSystem, Mode, Path};
use lucidlink::ids::LogId;
use lucidlink::log::CommitLog;
use lucidlink::log::faulty::FaultyLog;
use lucidlink::log::memory::MemoryLog;
use lucidlink::state::ops::XattrMode;
use lucidlink::state::value::Kind;
use prost::Message;

use super::call::{Call, Entry, Reply};
use super::worlds::Outcome;

/// A filespace that lives in memory.
pub struct Place {
    pub id: LogId,
    pub log: Arc<MemoryLog>,
    pub store: Arc<MemoryStore>,
    pub key: Key32,
    pub account: Arc<AccountKeys>,
    runtime: tokio::runtime::Runtime,
}

pub struct Simulated {
    pub fs: Arc<FileSystem>,
    pub log: Arc<FaultyLog>,
    pub store: Arc<FaultyStore>,
    /// Its own.
    pub clock: Arc<ManualClock>,
}

impl Place {
    pub fn new(seed: u64) -> Place {
        let env = Env::seeded(seed);
        let workspace = LogId(env.random_bytes().unwrap());
        let account = AccountKeys::derive(&Key32::random(&env).unwrap(), &workspace).unwrap();
        let key = Key32::random(&env).unwrap();
        let genesis =
            Genesis::new(workspace, env.random_bytes().unwrap(), env.clock.now(), &account, &key, 64 << 10);
        let genesis = genesis.encode_to_vec();
        Place {
            id: log_id(&genesis),
            log: Arc::new(MemoryLog::new(&genesis)),
            store: Arc::new(MemoryStore::default()),
            key,
            account: Arc::new(account),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_time()
                .build()
                .unwrap(),
        }
    }

    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// A client whose requests fail once in so many; it gives up after `timeout`.
    pub fn open(&self, seed: u64, odds: u64, timeout: Duration) -> Simulated {
        self.open_as(seed, odds, "/", LinkOptions::strict(timeout))
    }

    /// The same in relaxed mode, seeing a subtree as all there is.
    pub fn open_relaxed(&self, seed: u64, odds: u64, root: &str) -> Simulated {
        let strict = LinkOptions::strict(Duration::from_secs(30));
        let options = LinkOptions {
            commit: CommitMode::Background,
            max_staleness: Duration::from_millis(20),
            ..strict
        };
        self.open_as(seed, odds, root, options)
    }

    /// In relaxed mode with a journal in a folder; nothing is seen before it is asked for.
    pub fn open_journaled(&self, seed: u64, folder: &std::path::Path) -> Simulated {
        let (commit, max_staleness) = (CommitMode::Background, Duration::from_secs(3600));
        let strict = LinkOptions::strict(Duration::from_secs(30));
        let folder = Some(folder.to_owned());
        self.open_as(seed, 0, "/", LinkOptions { commit, max_staleness, folder, ..strict })
    }

    pub fn open_as(&self, seed: u64, odds: u64, root: &str, options: LinkOptions) -> Simulated {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000_000_000));
        let log = Arc::new(FaultyLog::new(self.log.clone() as Arc<dyn CommitLog>, seed, 0));
        let store = Arc::new(FaultyStore::new(self.store.clone() as Arc<dyn Store>, seed + 1, 0));
        let parts = LinkParts {
            id: self.id,
            name: self.id.to_string(),
            env: Env { clock: clock.clone(), random: Arc::new(SeededRandom::new(seed + 2)) },
            log: log.clone(),
            store: store.clone(),
            account: self.account.clone(),
            keyring: Arc::new(Keyring::new(0, self.key.clone())),
            runtime: self.runtime.handle().clone(),
        };
        let link = Link::open(parts, options).unwrap();
        let fs = FileSystem::new(link, Path::parse(root).unwrap()).unwrap();
        log.set_odds(odds);
        store.set_odds(odds);
        Simulated { fs, log, store, clock }
    }
}

impl Simulated {
    pub fn heal(&self) {
        self.log.set_odds(0);
        self.store.set_odds(0);
    }

    pub fn call(&self, call: &Call) -> Outcome {
        let result = self.run(call);
        if let (Err(error), Some(_)) = (&result, std::env::var_os("LUCIDLINK_TRACE")) {
            eprintln!("{error:?}");
        }
        match result {
            Ok(reply) => Outcome::Answered(Ok(reply)),
            Err(error) if error.is_maybe_applied() => Outcome::Unknown,
            Err(error) if matches!(error.status(), Status::Io | Status::Timeout) => Outcome::Failed,
            Err(error) => Outcome::Answered(Err(error.status().code())),
        }
    }

    fn run(&self, call: &Call) -> Result<Reply> {
        let fs = &self.fs;
        let path = |text: &String| Path::parse(text);
        let done = |()| Reply::Done;
        match call {
            Call::Batch(calls) => {
                let mut batch = Batch::new(fs)?;
                calls.iter().try_for_each(|call| add(&mut batch, call))?;
                match batch.commit() {
                    Ok(()) => Ok(Reply::Done),
                    Err(BatchFailure { index: Some(at), error }) => {
                        Ok(Reply::Failed(at, error.status().code()))
                    }
                    Err(failure) => Err(failure.error),
                }
            }
            Call::CreateDir(at) => fs.create_dir(&path(at)?, 0o755).map(done),
            Call::DeleteDir(at, recursive) => fs.delete_dir(&path(at)?, *recursive).map(done),
            Call::Delete(at) => fs.delete(&path(at)?).map(done),
            Call::Move(from, to, replace) => fs.rename(&path(from)?, &path(to)?, *replace).map(done),
            Call::Symlink(target, at) => fs.create_symlink(target, &path(at)?).map(done),
            Call::HardLink(existing, at) => fs.create_hard_link(&path(existing)?, &path(at)?).map(done),
            Call::Create(at, mode) => fs.create(&path(at)?, *mode).map(done),
            Call::Copy(from, to, replace, follow) => {
                fs.copy(&path(from)?, &path(to)?, *replace, *follow).map(done)
            }
            Call::SetXattr(at, name, data, mode, follow) => {
                let mode = XattrMode::try_from(*mode as i32).unwrap();
                fs.set_xattr(&path(at)?, name, &data.bytes(), mode, *follow).map(done)
            }
            Call::RemoveXattr(at, name, follow) => fs.remove_xattr(&path(at)?, name, *follow).map(done),
            Call::GetXattr(at, name, follow) => {
                fs.xattr(&path(at)?, name, *follow).map(|value| Reply::Bytes(value.to_vec()))
            }
            Call::ListXattrs(at, follow) => {
                let found = fs.list_xattrs(&path(at)?, *follow)?;
                Ok(Reply::Xattrs(found.into_iter().map(|x| (x.name, x.size as u64)).collect()))
            }
            Call::SetMode(at, mode) => {
                let set = Attributes { mode: Some(*mode), ..Attributes::default() };
                fs.set_attributes(&path(at)?, set, true).map(done)
            }
            Call::Truncate(at, size) => fs.truncate(&path(at)?, *size).map(done),
            Call::WriteFile(at, data) | Call::AppendFile(at, data) => {
                let mode = if matches!(call, Call::WriteFile(..)) { "w" } else { "a" };
                let file = fs.open(&path(at)?, Mode::parse(mode)?, 0o644)?;
                file.write(&data.bytes())?;
                file.close().map(done)
            }
            Call::ReadFile(at) => {
                let file = fs.open(&path(at)?, Mode::parse("r")?, 0)?;
                let mut bytes = vec![0; file.size()? as usize];
                let read = file.pread(0, &mut bytes)?;
                assert_eq!(read, bytes.len());
                Ok(Reply::Bytes(bytes))
            }
            Call::Stat(at, follow) => fs.entry(&path(at)?, *follow).map(|e| Reply::Entry(entry(&e))),
            Call::List(at) => {
                let list = fs.read_dir(&path(at)?)?;
                Ok(Reply::Entries(list.iter().map(|e| (e.name.clone(), entry(e))).collect()))
            }
            Call::IsFile(at) => fs.exists(&path(at)?, Kind::File).map(Reply::Yes),
            Call::IsDir(at) => fs.exists(&path(at)?, Kind::Directory).map(Reply::Yes),
            Call::ReadLink(at) => fs.read_symlink(&path(at)?).map(Reply::Text),
            Call::Counts => {
                let c = fs.usage()?.counters;
                Ok(Reply::Counts([c.files, c.directories, c.symlinks, c.bytes() as u64]))
            }
            _ => Err(Error::new(Status::Internal, "quotas and calls on open files are not simulated")),
        }
    }
}

/// Adds a call to a batch.
fn add(batch: &mut Batch, call: &Call) -> Result<()> {
    let path = |text: &String| Path::parse(text);
    match call {
        Call::CreateDir(at) => batch.create_dir(&path(at)?, 0o755),
        Call::DeleteDir(at, recursive) => batch.delete_dir(&path(at)?, *recursive),
        Call::Delete(at) => batch.delete(&path(at)?),
        Call::Move(from, to, replace) => batch.rename(&path(from)?, &path(to)?, *replace),
        Call::Symlink(target, at) => batch.create_symlink(target, &path(at)?),
        Call::Copy(from, to, replace, follow) => batch.copy(&path(from)?, &path(to)?, *replace, *follow),
        Call::SetMode(at, mode) => {
            let set = Attributes { mode: Some(*mode), ..Attributes::default() };
            batch.set_attributes(&path(at)?, set, true)
        }
        Call::SetXattr(at, name, value, mode, follow) => {
            let mode = [XattrMode::Either, XattrMode::Create, XattrMode::Replace][*mode as usize];
            batch.set_xattr(&path(at)?, name, &value.bytes(), mode, *follow)
        }
        Call::RemoveXattr(at, name, follow) => batch.remove_xattr(&path(at)?, name, *follow),
        Call::Truncate(at, size) => batch.truncate(&path(at)?, *size),
        Call::WriteFile(at, data) => batch.write_file(&path(at)?, &data.bytes(), 0o644),
        other => panic!("{other:?} does not go into a batch"),
    }
}

fn entry(found: &Found) -> Entry {
    let kind = match found.kind {
        Kind::Directory => 2,
        Kind::Symlink => 3,
        Kind::File | Kind::None => 1,
    };
    Entry { kind, size: found.size, mode: found.mode, links: found.links }
}

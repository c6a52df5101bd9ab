//! The daemon: what a process starts before it can use filespaces, and stops afterwards. It owns the
//! runtime, the local storage, the workspace and the links.
//!
//! - [`config`]: its settings.
//! - [`storage`]: its folder.
//! - [`filespace`]: what it has linked.

pub mod config;
pub mod filespace;
pub mod storage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::content::cache::BlockCache;
use crate::content::disk::DiskCache;
use crate::content::memory::MemoryBudget;
use crate::crypto::token::Token;
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::ids::LogId;
use crate::metrics::{Metrics, Reading, count};
use crate::report;
use crate::workspace::Workspace;
use config::Config;
use filespace::{Filespace, LinkRequest};
use storage::{Storage, StorageMode};

/// How long stop waits for work in the background.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// Threads for work in the background, at most.
const BACKGROUND_THREADS: usize = 8;

/// The daemon of this process that wants to be the only one; 0: none.
static ACTIVE: AtomicU64 = AtomicU64::new(0);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A daemon. Every method may be called from any thread; start and stop wait for each other.
pub struct Daemon {
    id: u64,
    config: Config,
    storage: StorageMode,
    env: Env,
    /// Held while it starts, stops or links, which may take time; looking at it does not wait for that.
    changing: Mutex<()>,
    running: Mutex<Option<Running>>,
    metrics: Arc<Metrics>,
}

struct Running {
    runtime: Runtime,
    storage: Storage,
    disk_cache: Option<Arc<DiskCache>>,
    workspace: Option<Arc<Workspace>>,
    links: Vec<Arc<Filespace>>,
}

/// What a daemon does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonStatus {
    /// Whether it was started and not stopped.
    pub running: bool,
    /// Whether a workspace is open.
    pub authenticated: bool,
    /// How many filespaces are linked.
    pub linked: usize,
    /// Its storage folder while it runs.
    pub root: Option<PathBuf>,
}

impl Daemon {
    /// A daemon that is not running.
    pub fn new(config: Config, storage: StorageMode, env: Env) -> Daemon {
        Daemon {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            config,
            storage,
            env,
            changing: Mutex::new(()),
            running: Mutex::new(None),
            metrics: Arc::default(),
        }
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts it: takes its storage and starts its threads. Again: nothing happens.
    pub fn start(&self) -> Result<()> {
        let _changing = self.changing.lock();
        if self.is_running() {
            return Ok(());
        }
        let exclusive = !self.config.allow_multiple();
        if exclusive {
            let taken = ACTIVE.compare_exchange(0, self.id, Ordering::AcqRel, Ordering::Acquire);
            taken.map_err(|_| {
                let what =
                    "another daemon runs in this process; stop it, or set daemon.allow_multiple to true";
                Error::new(Status::DaemonActive, what)
            })?;
        }
        let started = self.run();
        match started {
            Ok(started) => {
                *self.running.lock() = Some(started);
                Ok(())
            }
            Err(error) => {
                self.release();
                Err(error)
            }
        }
    }

    fn run(&self) -> Result<Running> {
        let storage = Storage::open(&self.storage)?;
        let runtime = runtime().map_err(|e| Error::new(Status::Io, "cannot start threads").caused_by(e))?;
        MemoryBudget::process().set_limit(self.config.memory_limit());
        let disk_cache = self.open_disk_cache(&storage);
        Ok(Running { runtime, storage, disk_cache, workspace: None, links: Vec::new() })
    }

    /// The cache on disk, if one is wanted. One that cannot be opened keeps nobody from reading.
    fn open_disk_cache(&self, storage: &Storage) -> Option<Arc<DiskCache>> {
        let folder = storage.cache();
        let opened = match self.config.disk_cache() {
            Some(limit) => {
                DiskCache::open(&folder, limit, self.metrics.clone()).map(|cache| Some(Arc::new(cache)))
            }
            // What an earlier daemon left.
            None if folder.exists() => std::fs::remove_dir_all(&folder).map(|()| None),
            None => Ok(None),
        };
        opened.unwrap_or_else(|error| {
            count(&self.metrics.disk_cache_failures);
            report::warn(|| format!("the cache on disk cannot be used: {error}"));
            None
        })
    }

    /// Stops it: unlinks every filespace, with the final sync that its mode asks for, and cleans up. The first
    /// failure of a sync is returned after that. Again: nothing happens.
    pub fn stop(&self) -> Result<()> {
        let _changing = self.changing.lock();
        let Some(running) = self.running.lock().take() else { return Ok(()) };
        let mut unlinked = Ok(());
        for link in running.links {
            unlinked = unlinked.and(link.unlink());
        }
        drop(running.workspace);
        running.runtime.shutdown_timeout(SHUTDOWN);
        if let Some(cache) = running.disk_cache {
            cache.close();
        }
        let cleaned = running.storage.close();
        self.release();
        unlinked.and(cleaned)
    }

    fn release(&self) {
        let _ = ACTIVE.compare_exchange(self.id, 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.running.lock().is_some()
    }

    /// What it does at the moment.
    pub fn status(&self) -> DaemonStatus {
        match &*self.running.lock() {
            None => DaemonStatus { running: false, authenticated: false, linked: 0, root: None },
            Some(running) => DaemonStatus {
                running: true,
                authenticated: running.workspace.is_some(),
                linked: running.links.iter().filter(|l| l.is_linked()).count(),
                root: Some(running.storage.folder().to_owned()),
            },
        }
    }

    /// What it has done since it was made, and what it holds at the moment.
    pub fn metrics(&self) -> Reading {
        let links = self.linked();
        let backlog = links.iter().map(|link| link.fs().link().backlog());
        let (pending, late) = backlog.fold((0, 0), |(p, f), (pending, late)| (p + pending, f + late));
        let budget = MemoryBudget::process();
        let disk_cache_bytes = {
            let running = self.running.lock();
            running.as_ref().and_then(|r| r.disk_cache.as_ref()).map_or(0, |cache| cache.bytes())
        };
        Reading {
            linked: links.len() as u64,
            pending: pending as u64,
            late_failures: late as u64,
            cache_bytes: BlockCache::process().bytes(),
            reserved_bytes: budget.reserved() as u64,
            memory_limit: budget.limit() as u64,
            disk_cache_bytes,
            ..self.metrics.read()
        }
    }

    /// Opens the configured workspace with a token.
    pub fn authenticate(&self, token: &Token) -> Result<Arc<Workspace>> {
        let handle = match &*self.running.lock() {
            Some(running) => running.runtime.handle().clone(),
            None => return Err(not_running()),
        };
        let location = self.config.location()?;
        let workspace = Workspace::open(&location, token, &self.env, self.config.timeout(), handle)?;
        let mut running = self.running.lock();
        running.as_mut().ok_or_else(not_running)?.workspace = Some(workspace.clone());
        Ok(workspace)
    }

    /// Links a filespace of a workspace that this daemon has opened. The same one twice is the same link.
    pub fn link(
        &self,
        workspace: &Arc<Workspace>,
        id: LogId,
        request: LinkRequest,
    ) -> Result<Arc<Filespace>> {
        let _changing = self.changing.lock();
        let is_same =
            |link: &Arc<Filespace>| link.info().id == id && link.request().snapshot == request.snapshot;
        if let Some(linked) = self.linked().into_iter().find(is_same) {
            if *linked.request() == request {
                return Ok(linked);
            }
            let what =
                format!("filespace {:?} is linked with other options; unlink it first", linked.info().name);
            return Err(Error::new(Status::InvalidArgument, what));
        }
        let (folder, disk_cache) = match &*self.running.lock() {
            Some(running) => (running.storage.filespace(id)?, running.disk_cache.clone()),
            None => return Err(not_running()),
        };
        let folder = matches!(self.storage, StorageMode::Physical { .. }).then_some(folder);
        let filespace = Filespace::link(
            workspace,
            workspace.filespace_with_id(id)?,
            request,
            folder,
            disk_cache,
            self.metrics.clone(),
            self.config.lease(),
        )?;
        // Only stop takes it away, and that waits.
        let mut running = self.running.lock();
        let links = &mut running.as_mut().ok_or_else(not_running)?.links;
        links.retain(|link| link.is_linked());
        links.push(filespace.clone());
        Ok(filespace)
    }

    /// What is linked.
    pub fn linked(&self) -> Vec<Arc<Filespace>> {
        let guard = self.running.lock();
        let links = guard.iter().flat_map(|r| r.links.iter());
        links.filter(|l| l.is_linked()).cloned().collect()
    }
}

impl Drop for Daemon {
    /// Freed without stop: threads end, the folder is removed, nothing is published.
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().take() {
            running.links.iter().for_each(|link| link.fs().link().abandon());
            if let Some(cache) = &running.disk_cache {
                cache.close();
            }
            running.runtime.shutdown_background();
        }
        self.release();
    }
}

/// Threads for work in the background.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BACKGROUND_THREADS)
        .thread_name("lucidlink")
        .on_thread_start(|| {
            // The host's signals are the host's business.
            let _ = nix::sys::signal::SigSet::all().thread_block();
        })
        .enable_all()
        .build()
}

fn not_running() -> Error {
    Error::new(Status::DaemonNotRunning, "the daemon is not running; start it first")
}

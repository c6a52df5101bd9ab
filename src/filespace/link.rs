//! The parts of a linked filespace, and how reads see its state.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::Handle;

use super::checkpoint::PartBlocks;
use super::commit::{CommitMode, Committer};
use super::durable::Foreign;
use super::freshness::Freshness;
use super::genesis::Genesis;
use super::journal::Place;
use super::locks::{DEFAULT_LEASE, Locks};
use super::position::Position;
use super::snapshots::SnapshotWork;
use super::view::View;
use super::watch::Watches;
use crate::content::cache::BlockCache;
use crate::content::disk::DiskCache;
use crate::content::store::Store;
use crate::content::writer::BlockWriter;
use crate::crypto::account::AccountKeys;
use crate::crypto::seal::{Keyring, Kind, ObjectKey};
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::ids::{Hash, LogId, Seq};
use crate::log::CommitLog;
use crate::metrics::{CountedLog, CountedStore, Metrics, count};
use crate::state::{Replica, Stop, Tables};

/// A linked filespace: one log, one store, one account, one session. Every method may be called from any
/// thread at the same time.
pub struct Link {
    pub(super) id: LogId,
    pub(super) name: String,
    pub(super) env: Env,
    pub(super) log: Arc<dyn CommitLog>,
    pub(super) store: Arc<dyn Store>,
    pub(super) account: Arc<AccountKeys>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) genesis: Genesis,
    pub(super) view: RwLock<View>,
    /// The replica's position, readable without its lock.
    pub(super) position: AtomicU64,
    /// Held by whoever applies slots; guards against applying one twice.
    pub(super) applying: Mutex<()>,
    pub(super) committer: Committer,
    pub(super) locks: Locks,
    pub(super) freshness: Freshness,
    pub(super) foreign: Foreign,
    pub(super) watches: Watches,
    pub(super) part_blocks: Arc<PartBlocks>,
    /// Held while a checkpoint is written.
    pub(super) checkpointing: Mutex<()>,
    /// The position below which none is due.
    pub(super) checkpoint_from: AtomicU64,
    /// What is to be done for snapshots.
    pub(super) snapshot_work: SnapshotWork,
    /// A background thread is at it.
    housekeeping: AtomicBool,
    pub(super) runtime: Handle,
    /// This link in the process-wide block cache.
    instance: u64,
    pub(super) options: LinkOptions,
    /// Where the log has a fork, once that is known; 0 if it has none.
    pub(super) fork: AtomicU64,
    /// The filespace was deleted.
    pub(super) ended: AtomicBool,
    /// Why nothing works any more, once that is so.
    broken: RwLock<Option<Broken>>,
    closed: AtomicBool,
}

/// What a link is asked to be.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Refuse everything that writes.
    pub read_only: bool,
    /// The snapshot whose state is seen, read-only, for as long as the link lasts; none: the newest state.
    pub snapshot: Option<String>,
    /// How long a call may wait for the log or the store.
    pub timeout: Duration,
    /// How long a session that is silent keeps its locks.
    pub lease: Duration,
    /// When a call that changes something returns.
    pub commit: CommitMode,
    /// How old what a read sees may be; zero: as of the moment of the call.
    pub max_staleness: Duration,
    /// A position that the log must have, because somebody has seen it there.
    pub at_least: Option<Position>,
    /// Where files may be kept that outlive the process; none: nowhere.
    pub folder: Option<PathBuf>,
    /// Where ranges of packs are kept on the local disk, if they are.
    pub disk_cache: Option<Arc<DiskCache>>,
    /// How long collection keeps what is dead, unless it is told otherwise.
    pub grace: Duration,
    /// Where what is done is counted.
    pub metrics: Arc<Metrics>,
}

/// `gc.grace` if nobody sets it.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);

impl LinkOptions {
    /// To read and write, in strict mode.
    pub fn strict(timeout: Duration) -> LinkOptions {
        LinkOptions {
            read_only: false,
            snapshot: None,
            timeout,
            lease: DEFAULT_LEASE,
            commit: CommitMode::Wait,
            max_staleness: Duration::ZERO,
            at_least: None,
            folder: None,
            disk_cache: None,
            grace: DEFAULT_GRACE,
            metrics: Arc::default(),
        }
    }
}

/// What a link is made of.
pub struct LinkParts {
    /// The filespace.
    pub id: LogId,
    /// What messages call it.
    pub name: String,
    /// Clock and randomness.
    pub env: Env,
    /// Its log.
    pub log: Arc<dyn CommitLog>,
    /// Its objects.
    pub store: Arc<dyn Store>,
    /// Who links it.
    pub account: Arc<AccountKeys>,
    /// Its keys.
    pub keyring: Arc<Keyring>,
    /// Where work in the background runs.
    pub runtime: Handle,
}

#[derive(Clone)]
struct Broken {
    status: Status,
    message: String,
}

/// A read that could not be finished.
#[derive(Debug)]
pub enum ReadError {
    /// A part of the state must be loaded first.
    Stop(Stop),
    /// It is an error.
    Error(Error),
}

impl From<Stop> for ReadError {
    fn from(stop: Stop) -> ReadError {
        ReadError::Stop(stop)
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> ReadError {
        ReadError::Error(error)
    }
}

static INSTANCES: AtomicU64 = AtomicU64::new(1);

impl Link {
    /// Opens a filespace: checks its genesis, takes the newest checkpoint and follows the log to its end.
    pub fn open(parts: LinkParts, options: LinkOptions) -> Result<Arc<Link>> {
        let LinkParts { id, name, env, log, store, account, keyring, runtime } = parts;
        let metrics = options.metrics.clone();
        let log: Arc<dyn CommitLog> = Arc::new(CountedLog::new(log, metrics.clone()));
        let store: Arc<dyn Store> = Arc::new(CountedStore::new(store, metrics));
        let slots = log.read(Seq(0), 1, usize::MAX)?;
        let (_, genesis) = slots.first().filter(|(n, _)| *n == Seq(0)).ok_or_else(|| {
            Error::new(Status::Integrity, format!("the log of filespace {id} has no genesis"))
        })?;
        let genesis = Genesis::open(genesis, id)?;
        if keyring.get(0).is_some_and(|key| !genesis.has_key(&key)) {
            return Err(Error::new(
                Status::Integrity,
                format!("the key granted for filespace {id} is not the one of its genesis"),
            ));
        }
        let instance = INSTANCES.fetch_add(1, Ordering::Relaxed);
        let link = Link {
            id,
            name,
            part_blocks: Arc::new(PartBlocks::new(instance)),
            checkpointing: Mutex::new(()),
            checkpoint_from: AtomicU64::new(0),
            snapshot_work: SnapshotWork::default(),
            housekeeping: AtomicBool::new(false),
            runtime,
            view: RwLock::new(View::new(Replica::new(&genesis.birth()?))),
            position: AtomicU64::new(0),
            applying: Mutex::new(()),
            committer: Committer::default(),
            locks: Locks::new(u32::from_le_bytes(env.random_bytes()?)),
            freshness: Freshness::default(),
            foreign: Foreign::new(log.durable()?),
            watches: Watches::default(),
            keyring,
            genesis,
            env,
            log,
            store,
            account,
            instance,
            options,
            fork: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            broken: RwLock::new(None),
            closed: AtomicBool::new(false),
        };
        {
            let _applying = link.applying.lock();
            link.rebuild()?;
        }
        link.check_remembered()?;
        if let Some(position) = &link.options.at_least {
            link.check_has(position)?;
        }
        link.check_keys()?;
        let key_id = link.account.key_id();
        if link.ended.load(Ordering::Relaxed) {
            return Err(deleted(&link.name));
        }
        let role = link.read(|state| Ok(state.member(key_id)?.map(|m| m.role())))?;
        if role.is_none_or(|r| r == crate::state::value::Role::None) {
            return Err(Error::new(
                Status::AccessDenied,
                format!("account {key_id} is not a member of filespace {id}; ask an admin for a grant"),
            ));
        }
        match &link.options.snapshot {
            Some(name) => link.enter_snapshot(name)?,
            None => link.expect_bare_snapshots(),
        }
        if let Some(folder) = link.folder().map(PathBuf::from).filter(|_| !link.is_read_only()) {
            let (keyring, env) = (link.keyring.clone(), link.env.clone());
            link.recover(Place { folder, id, keyring, env })?;
        }
        let link = Arc::new(link);
        link.resume_background();
        link.drop_inherited_locks();
        Ok(link)
    }

    /// Reads the state as it is, without asking the log. What is not local is loaded and the read repeated, so
    /// the closure must not have effects.
    pub fn read<T>(&self, mut f: impl FnMut(&View) -> Result<T, ReadError>) -> Result<T> {
        loop {
            let read = self.read_view(|view| match view.is_stale {
                true => Ok(None),
                false => f(view).map(Some),
            })?;
            match read {
                Some(value) => return Ok(value),
                None => self.freshen_view()?,
            }
        }
    }

    /// Reads the committed state alone.
    pub(super) fn read_committed<T>(&self, mut f: impl FnMut(&Replica) -> Result<T, ReadError>) -> Result<T> {
        self.read_view(|view| f(&view.committed))
    }

    fn read_view<T>(&self, mut f: impl FnMut(&View) -> Result<T, ReadError>) -> Result<T> {
        let mut stalled = None;
        loop {
            let attempt = f(&self.view.read());
            match attempt {
                Ok(value) => return Ok(value),
                Err(ReadError::Error(error)) => return Err(error),
                Err(ReadError::Stop(stop)) => {
                    stalled.get_or_insert_with(|| self.part_blocks.stall());
                    self.resolve_stop(stop)?;
                }
            }
        }
    }

    /// Waits until the view shows this link's own changes on the newest committed state that it has.
    pub(super) fn freshen_view(&self) -> Result<()> {
        let _applying = self.take_applying()?;
        let is_stale = self.view.read().is_stale;
        if is_stale { self.renew_view() } else { Ok(()) }
    }

    /// Reads the state as fresh as the link promises: by default never staler than the moment of the call.
    pub fn read_fresh<T>(self: &Arc<Link>, mut f: impl FnMut(&View) -> Result<T, ReadError>) -> Result<T> {
        self.check_usable()?;
        count(&self.options.metrics.looks);
        let is_of_now = self.freshen()?;
        match self.read(&mut f) {
            Err(error) if error.status() == Status::NotFound && !is_of_now => {
                match self.look_after_a_miss()? {
                    true => self.read(f),
                    false => Err(error),
                }
            }
            read => read,
        }
    }

    /// The position up to which this link has applied the log.
    pub fn position(&self) -> Seq {
        Seq(self.position.load(Ordering::Acquire))
    }

    /// The position and the state hash there.
    pub fn state_hash(&self) -> (Seq, Hash) {
        let replica = &self.view.read().committed;
        (replica.position(), replica.state_hash())
    }

    /// Commits what was acknowledged, ends the link's session, if it has one, and refuses everything afterwards.
    /// Calling it again does nothing.
    pub fn close(self: &Arc<Link>) -> Result<()> {
        if self.check_usable().is_ok() && !self.is_read_only() {
            if self.snapshots_are_due() {
                self.report("a snapshot's checkpoint", self.serve_snapshots());
            }
            if self.is_tail_long() {
                self.report("a checkpoint", self.write_checkpoint());
            }
        }
        let drained = self.drain(self.deadline());
        if !self.shut() {
            return Ok(());
        }
        self.watches.join();
        if self.broken.read().is_some() {
            self.hand_over_journal();
            return Ok(());
        }
        let ended = drained.and(self.close_session());
        let kept = self.end_journal();
        ended.and(kept).and(self.check_late())
    }

    /// Refuses everything from now on, without a word to the log: the session is left to expire. What was
    /// acknowledged in relaxed mode is still committed in the background; with a journal, by the next link.
    pub fn abandon(&self) {
        if self.shut() {
            self.hand_over_journal();
        }
    }

    /// Refuses everything from now on; false if that is so already.
    fn shut(&self) -> bool {
        let first = !self.closed.swap(true, Ordering::AcqRel);
        if first {
            BlockCache::process().remove_instance(self.instance);
            self.watches.end(&not_linked());
        }
        first
    }

    /// Whether it was closed or abandoned.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether it can still be used.
    pub fn check_usable(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(not_linked());
        }
        if let Some(broken) = &*self.broken.read() {
            return Err(Error::new(broken.status, broken.message.clone()));
        }
        if self.ended.load(Ordering::Relaxed) {
            return Err(deleted(&self.name));
        }
        match self.fork.load(Ordering::Relaxed) {
            0 => Ok(()),
            at => Err(forked(at)),
        }
    }

    /// Refuses all further work: memory may not be what it should be.
    pub fn poison(&self) {
        self.break_with(
            Status::Poisoned,
            "an internal failure was caught; unlink the filespace and link it again".to_owned(),
        );
    }

    /// Puts another replica in the place of the one that is there.
    pub(super) fn set_replica(&self, replica: Replica) {
        let mut view = self.view.write();
        self.position.store(replica.position().0, Ordering::Release);
        view.replace(replica);
    }

    /// Starts a checkpoint in the background, if one is due.
    pub(super) fn start_housekeeping(self: &Arc<Link>) {
        let is_due = self.snapshots_are_due() || self.checkpoint_is_due();
        if !is_due || self.housekeeping.swap(true, Ordering::AcqRel) {
            return;
        }
        let link = self.clone();
        self.runtime.spawn_blocking(move || {
            if link.snapshots_are_due() {
                link.report("a snapshot's checkpoint", link.serve_snapshots());
            }
            if link.checkpoint_is_due() {
                link.report("a checkpoint", link.write_checkpoint());
            }
            link.housekeeping.store(false, Ordering::Release);
        });
    }

    fn report(&self, what: &str, result: Result<()>) {
        if let Err(error) = result {
            crate::report::warn(|| format!("{what} of filespace {} failed: {error}", self.id));
        }
    }

    pub(super) fn break_with(&self, status: Status, message: String) {
        self.broken.write().get_or_insert(Broken { status, message });
    }

    /// The filespace's id.
    pub fn id(&self) -> LogId {
        self.id
    }

    /// Clock and randomness.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The store of its packs.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// A writer of blocks into new packs of this link's session.
    pub fn block_writer(self: &Arc<Link>) -> Result<BlockWriter> {
        let link = self.clone();
        let new_pack = move || link.new_pack(link.new_pack_id()?);
        Ok(BlockWriter::new(Box::new(new_pack), self.store.clone(), self.runtime.clone()))
    }

    /// A range of a slot's bytes.
    pub(crate) fn read_slot(&self, slot: Seq, offset: u64, len: u32) -> Result<Bytes> {
        Ok(self.log.read_range(slot, offset, len)?)
    }

    /// The number of this link in the process-wide block cache.
    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// Plain bytes of a full block of file content.
    pub fn block_size(&self) -> u32 {
        self.genesis.block_size
    }

    /// Where work in the background runs.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// How long a call may wait for the log or the store.
    pub(super) fn timeout(&self) -> Duration {
        self.options.timeout
    }

    /// When a call that starts now must end.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }

    /// How old what a read sees may be.
    pub(super) fn max_staleness(&self) -> Duration {
        self.options.max_staleness
    }

    /// Whether the log does not answer, as far as this link knows.
    pub(super) fn is_silent(&self) -> bool {
        !self.silence().is_zero()
    }

    /// For how long it has not; zero if it does.
    pub fn silence(&self) -> Duration {
        self.freshness.silence()
    }

    /// How long a session that is silent keeps its locks.
    pub(super) fn lease(&self) -> Duration {
        self.options.lease
    }

    /// Where files may be kept that outlive the process.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.options.folder.as_deref()
    }

    /// The cache on disk, if there is one.
    pub(crate) fn disk_cache(&self) -> Option<&DiskCache> {
        self.options.disk_cache.as_deref()
    }

    /// How long collection keeps what is dead, unless it is told otherwise.
    pub fn grace(&self) -> Duration {
        self.options.grace
    }

    /// Where what is done is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.options.metrics
    }

    /// When a call that changes something returns.
    pub fn commit_mode(&self) -> CommitMode {
        self.options.commit
    }

    /// Whether writing is refused.
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// The key of an object of this filespace, for reading it.
    pub(crate) fn object_key(
        &self,
        generation: u32,
        salt: &[u8; 32],
        kind: Kind,
        object: &[u8],
    ) -> Result<ObjectKey> {
        let key = self.keyring.get(generation).ok_or_else(|| self.no_key(generation))?;
        Ok(ObjectKey::derive(&key, salt, kind, &self.id, object))
    }

    /// A new object key: the current generation and a fresh salt.
    pub(crate) fn new_object_key(&self, kind: Kind, object: &[u8]) -> Result<NewObjectKey> {
        let generation = self.keyring.current();
        self.ensure_key(generation)?;
        let salt = self.env.random_bytes()?;
        Ok(NewObjectKey { generation, salt, key: self.object_key(generation, &salt, kind, object)? })
    }
}

fn not_linked() -> Error {
    Error::new(Status::NotLinked, "the filespace is not linked any more; link it again")
}

pub(super) fn deleted(name: &str) -> Error {
    Error::new(Status::FilespaceDeleted, format!("filespace {name} was deleted"))
}

/// Nothing behind a fork can be trusted: what is missing there is not known.
pub(super) fn forked(at: u64) -> Error {
    let what = format!(
        "the log has a fork at position {at}: a slot before it was changed, or its author saw another log; an admin \
         must restore the log or accept it"
    );
    Error::new(Status::LogForked, what)
}

/// The key of an object that is about to be sealed, and what its header says.
pub(crate) struct NewObjectKey {
    pub(crate) generation: u32,
    pub(crate) salt: [u8; 32],
    pub(crate) key: ObjectKey,
}

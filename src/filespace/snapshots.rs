//! Snapshots: taking one, keeping its state readable by a checkpoint of exactly its position, and links that see it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::checkpoint::checkpoint_name;
use super::commit::CommitError;
use super::draft::Draft;
use super::link::{Link, LinkOptions, LinkParts};
use crate::error::{Error, Result, Status};
use crate::ids::{PackId, Seq};
use crate::state::ops::{self, Op};
use crate::state::replica;
use crate::state::snapshots::{MAX_SNAPSHOTS, Snapshot, is_valid_snapshot_name, snapshots};
use crate::state::{Refusal, Replica, Tables, WINDOW};

/// So many commits behind a snapshot others leave its checkpoint to whoever took it.
const GRACE: u64 = 256;

/// What a link has to do for snapshots.
#[derive(Default)]
pub(super) struct SnapshotWork {
    /// States of snapshots that this link took, until their checkpoints are written.
    own: Mutex<VecDeque<Arc<replica::Snapshot>>>,
    /// From here on, or before a link was opened here, there may be snapshots without a checkpoint; 0: there are none.
    bare: AtomicU64,
}

impl Link {
    /// The snapshots that there are now, the oldest first.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        self.check_usable()?;
        self.refresh()?;
        self.known_snapshots()
    }

    fn known_snapshots(&self) -> Result<Vec<Snapshot>> {
        self.read_committed(|state| Ok(snapshots(state)?))
    }

    fn snapshot_named(&self, name: &str) -> Result<Snapshot> {
        let found = self.known_snapshots()?.into_iter().find(|snapshot| snapshot.name == name);
        found.ok_or_else(|| no_snapshot(&self.name, name))
    }

    /// Takes a snapshot of all that was acknowledged before; where.
    pub fn take_snapshot(self: &Arc<Link>, name: &str) -> Result<Seq> {
        self.check_writable()?;
        if !is_valid_snapshot_name(name) {
            let what = "name: a snapshot's name has 1 to 255 bytes, no control character, none of '/', ':' and '@', \
                        and is not '.' or '..'";
            return Err(Error::new(Status::InvalidArgument, what));
        }
        let op = ops::Snapshot { name: name.to_owned(), time: self.env.clock.now() };
        match self.commit(Draft::of(Op::Snapshot(op)), self.deadline()) {
            Ok(committed) => Ok(committed.at),
            Err(CommitError::Refused(refusal)) => Err(match refusal {
                Refusal::Exists => {
                    Error::new(Status::Exists, format!("there is a snapshot {name:?} already"))
                }
                Refusal::TooManySnapshots => {
                    let what = format!("there are {MAX_SNAPSHOTS} snapshots; delete one first");
                    Error::new(refusal.status(), what)
                }
                _ => Error::new(refusal.status(), format!("the snapshot was refused ({refusal:?})")),
            }),
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
        }
    }

    /// Deletes a snapshot.
    pub fn drop_snapshot(self: &Arc<Link>, name: &str) -> Result<()> {
        self.check_writable()?;
        let op = ops::DropSnapshot { name: name.to_owned() };
        match self.commit(Draft::of(Op::DropSnapshot(op)), self.deadline()) {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refusal::NotFound)) => Err(no_snapshot(&self.name, name)),
            Err(CommitError::Refused(Refusal::Denied)) => {
                let what = "only the account that took a snapshot and admins of the filespace delete it";
                Err(Error::new(Status::AccessDenied, what))
            }
            Err(CommitError::Refused(refusal)) => {
                Err(Error::new(refusal.status(), format!("the deletion was refused ({refusal:?})")))
            }
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
        }
    }

    /// Whether this link sees a snapshot, and so does not follow the log.
    pub fn is_snapshot(&self) -> bool {
        self.options.snapshot.is_some()
    }

    /// A link of the same account that sees a snapshot; to be abandoned when it is not needed any more.
    pub fn at_snapshot(&self, name: &str) -> Result<Arc<Link>> {
        self.another(Some(name.to_owned()))
    }

    /// Whether a pack may be gone because what this link sees of it was deleted since.
    pub(crate) fn is_gone(&self, pack: PackId) -> Result<bool> {
        let Some(name) = &self.options.snapshot else {
            self.refresh()?;
            return self.read(|state| Ok(state.pack(pack)?.is_none_or(|pack| pack.live == 0)));
        };
        let newest = self.another(None)?;
        let now = newest.known_snapshots();
        newest.abandon();
        Ok(!now?.iter().any(|snapshot| snapshot.name == *name && snapshot.position == self.position()))
    }

    fn another(&self, snapshot: Option<String>) -> Result<Arc<Link>> {
        let parts = LinkParts {
            id: self.id,
            name: self.name.clone(),
            env: self.env.clone(),
            log: self.log.clone(),
            store: self.store.clone(),
            account: self.account.clone(),
            keyring: Arc::new((*self.keyring).clone()),
            runtime: self.runtime.clone(),
        };
        let disk_cache = self.options.disk_cache.clone();
        let options = LinkOptions {
            read_only: true,
            snapshot,
            disk_cache,
            ..LinkOptions::strict(self.options.timeout)
        };
        Link::open(parts, options)
    }

    /// Goes from the newest state to that of a snapshot, and stays there.
    pub(super) fn enter_snapshot(&self, name: &str) -> Result<()> {
        self.check_usable()?;
        let snapshot = self.snapshot_named(name)?;
        let at = snapshot.position;
        let expected = self.read_committed(|state| Ok(state.chain_at(at).zip(state.state_hash_at(at))))?;
        let _applying = self.applying.lock();
        self.load_state_at(&snapshot)?;
        let found =
            self.read_committed(|state| Ok((state.position(), (state.chain(), state.state_hash()))))?;
        match found.0 == at && expected.is_none_or(|expected| expected == found.1) {
            true => Ok(()),
            false => Err(Error::new(
                Status::Integrity,
                format!(
                    "the state of snapshot {name:?} of filespace {} is not the one that was taken",
                    self.name
                ),
            )),
        }
    }

    /// From its own checkpoint, else from the newest one before it that can be read, or the genesis, and the log.
    fn load_state_at(&self, snapshot: &Snapshot) -> Result<()> {
        let mut unusable = None;
        if let Some((manifest, hash)) = snapshot.checkpoint {
            match self.load_checkpoint(&checkpoint_name(snapshot.position, &manifest.0)) {
                Ok((replica, found)) if found == hash => {
                    self.set_replica(replica);
                    return Ok(());
                }
                Ok(_) => {
                    unusable = Some(Error::new(Status::Integrity, "a snapshot's checkpoint is another one"))
                }
                Err(error) => unusable = Some(error),
            }
        }
        for name in &self.checkpoints_upto(snapshot.position)? {
            let followed = self.load_checkpoint_of_log(name).and_then(|replica| {
                self.set_replica(replica);
                Ok(self.follow_to(snapshot.position, None)?)
            });
            match followed {
                Ok(()) => return Ok(()),
                Err(error) => unusable = Some(error),
            }
        }
        self.set_replica(Replica::new(&self.genesis.birth()?));
        self.follow_to(snapshot.position, None).map_err(|error| {
            let error = Error::from(error);
            match unusable {
                Some(cause) => Error::new(error.status(), error.to_string()).caused_by(cause),
                None => error,
            }
        })
    }

    /// A commit took a snapshot. If it is this link's own, its state is set apart.
    pub(super) fn snapshot_was_taken(&self, at: Seq, own: Option<&mut Replica>) {
        // One that waits already is older, and must not wait longer for this one.
        let _ = self.snapshot_work.bare.compare_exchange(0, at.0, Ordering::Relaxed, Ordering::Relaxed);
        if let Some(replica) = own.filter(|_| !self.is_read_only()) {
            self.snapshot_work.own.lock().push_back(Arc::new(replica.freeze()));
        }
    }

    /// An earlier process may have died before it had written the checkpoint of a snapshot. That is looked at later:
    /// most links end before.
    pub(super) fn expect_bare_snapshots(&self) {
        self.snapshot_work.bare.store(self.position().0, Ordering::Relaxed);
    }

    /// Whether there is a snapshot whose checkpoint this link should write.
    pub(super) fn snapshots_are_due(&self) -> bool {
        let bare = self.snapshot_work.bare.load(Ordering::Relaxed);
        bare != 0 && (bare + GRACE <= self.position().0 || !self.snapshot_work.own.lock().is_empty())
    }

    /// Writes the checkpoints of this link's own snapshots, and of those whose author did not. What was tried is not tried
    /// again, but of own ones by others.
    pub(super) fn serve_snapshots(self: &Arc<Link>) -> Result<()> {
        let _one = self.checkpointing.lock();
        loop {
            let own = self.snapshot_work.own.lock().front().cloned();
            let Some(state) = own else { break };
            let written = self.write_checkpoint_of(&state);
            self.snapshot_work.own.lock().pop_front();
            written?;
        }
        let bare = self.snapshot_work.bare.load(Ordering::Relaxed);
        if bare == 0 || bare + GRACE > self.position().0 {
            return Ok(());
        }
        // What is taken from now on is noted again.
        self.snapshot_work.bare.store(0, Ordering::Relaxed);
        let now = self.position().0;
        let bare = self.known_snapshots()?.into_iter().filter(|snapshot| snapshot.checkpoint.is_none());
        let (left, recent): (Vec<_>, Vec<_>) = bare.partition(|snapshot| snapshot.position.0 + GRACE <= now);
        if let Some(first) = recent.first() {
            self.snapshot_work.bare.store(first.position.0, Ordering::Relaxed);
        }
        let left = left.iter().filter(|snapshot| snapshot.position.0 + WINDOW > now);
        left.map(|snapshot| self.serve(snapshot)).fold(Ok(()), Result::and)
    }

    /// Writes the checkpoint of a snapshot whose author did not.
    fn serve(self: &Arc<Link>, snapshot: &Snapshot) -> Result<()> {
        let then = self.at_snapshot(&snapshot.name)?;
        let state = then.view.write().committed.freeze();
        let stored = then.store_state(&state);
        then.abandon();
        self.announce(stored?.0)
    }
}

fn no_snapshot(filespace: &str, name: &str) -> Error {
    Error::new(Status::NotFound, format!("filespace {filespace} has no snapshot {name:?}"))
}

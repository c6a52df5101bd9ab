//! A filespace as a daemon has it linked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::{Result, Status};
use crate::filespace::{CommitMode, LinkOptions, Position};
use crate::fs::{FileSystem, Path};
use crate::ids::Seq;
use crate::workspace::{FilespaceInfo, Workspace};

/// What unlinking does with what open files wrote and nobody published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Publishes it and makes everything survive power loss.
    All,
    /// Drops it.
    None,
}

/// How a filespace is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// The subtree that is seen as `/`: a convenience, not access control.
    pub root: Path,
    /// What unlinking does.
    pub sync_mode: SyncMode,
    /// Refuse everything that writes.
    pub read_only: bool,
    /// The snapshot that is linked; none: the filespace as it is.
    pub snapshot: Option<String>,
    /// When a call that changes something returns.
    pub commit: CommitMode,
    /// How old what a read sees may be.
    pub max_staleness: Duration,
    /// A position that the filespace's log must have.
    pub at_least: Option<Position>,
}

/// How old what a relaxed link's read sees may be.
pub const RELAXED_STALENESS: Duration = Duration::from_secs(1);

impl LinkRequest {
    /// All of a filespace, in strict mode, synced at its end.
    pub fn strict() -> LinkRequest {
        LinkRequest {
            root: Path::root(),
            sync_mode: SyncMode::All,
            read_only: false,
            snapshot: None,
            commit: CommitMode::Wait,
            max_staleness: Duration::ZERO,
            at_least: None,
        }
    }

    /// The same in relaxed mode.
    pub fn relaxed() -> LinkRequest {
        let (commit, max_staleness) = (CommitMode::Background, RELAXED_STALENESS);
        LinkRequest { commit, max_staleness, ..LinkRequest::strict() }
    }

    /// A snapshot of it. How it is written and how stale it may be does not matter then.
    pub fn snapshot(self, name: String) -> LinkRequest {
        let LinkRequest { root, at_least, .. } = self;
        let (read_only, snapshot, sync_mode) = (true, Some(name), SyncMode::None);
        LinkRequest { root, at_least, read_only, snapshot, sync_mode, ..LinkRequest::strict() }
    }
}

/// A linked filespace.
pub struct Filespace {
    info: FilespaceInfo,
    workspace: Arc<Workspace>,
    request: LinkRequest,
    fs: Arc<FileSystem>,
    linked: AtomicBool,
}

impl Filespace {
    /// Links a filespace as a request asks for; what it does not say is `given`.
    pub(super) fn link(
        workspace: &Arc<Workspace>,
        info: FilespaceInfo,
        request: LinkRequest,
        given: LinkOptions,
    ) -> Result<Arc<Filespace>> {
        let options = LinkOptions {
            read_only: request.read_only,
            snapshot: request.snapshot.clone(),
            commit: request.commit,
            max_staleness: request.max_staleness,
            at_least: request.at_least,
            ..given
        };
        let link = workspace.link(info.id, options)?;
        // A link that nobody gets must not go on with the journal: the next one does.
        let fs = FileSystem::new(link.clone(), request.root.clone()).inspect_err(|_| link.abandon())?;
        let workspace = workspace.clone();
        Ok(Arc::new(Filespace { info, workspace, request, fs, linked: AtomicBool::new(true) }))
    }

    /// What it is.
    pub fn info(&self) -> &FilespaceInfo {
        &self.info
    }

    /// How it was linked.
    pub fn request(&self) -> &LinkRequest {
        &self.request
    }

    /// Its name and its workspace's: `filespace.workspace`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.info.name, self.workspace.name())
    }

    /// The workspace that it is in.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Its files.
    pub fn fs(&self) -> &Arc<FileSystem> {
        &self.fs
    }

    /// Whether it can be used.
    pub fn is_linked(&self) -> bool {
        self.linked.load(Ordering::Acquire)
    }

    /// The barrier: what was acknowledged before is visible to all and survives power loss, or is a late failure.
    pub fn sync_all(&self) -> Result<Seq> {
        let published = self.fs.publish_all();
        let synced = self.fs.link().sync();
        let synced = published.and(synced)?;
        self.fs.link().check_late().map(|()| synced)
    }

    /// Takes a snapshot of what was acknowledged before, and of what open files of this link wrote.
    pub fn take_snapshot(&self, name: &str) -> Result<Seq> {
        self.fs.publish_all()?;
        self.fs.link().take_snapshot(name)
    }

    /// Ends the link, with the final sync that its mode asks for. It is unlinked whatever that sync says. Again: nothing
    /// happens.
    pub fn unlink(&self) -> Result<()> {
        if !self.linked.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let synced = match self.request.sync_mode {
            SyncMode::All if !self.request.read_only => self.final_sync(),
            SyncMode::All | SyncMode::None => Ok(()),
        };
        synced.and(self.fs.link().close())
    }

    fn final_sync(&self) -> Result<()> {
        let published = self.fs.publish_all();
        let synced = match self.fs.link().sync() {
            // There is nothing left to keep.
            Err(error) if error.status() == Status::FilespaceDeleted => Ok(()),
            synced => synced.map(drop),
        };
        published.and(synced)
    }
}

impl Drop for Filespace {
    /// Freed without unlink: nothing is published, nothing blocks; the session is left to expire.
    fn drop(&mut self) {
        self.fs.link().abandon();
    }
}

//! Paths and operations on a linked filespace, with the semantics of `docs/semantics.md`.
//!
//! - [`path`]: what a path is.
//! - `resolve`: from a path to an inode, noting each step.
//! - [`entry`]: what there is to know about a name; listing and looking.
//! - `change`: what a call changes: from paths to operations.
//! - `namespace`: making, moving and removing names; attributes.
//! - [`batch`]: many changes in one transaction.
//! - `xattrs`: extended attributes.
//! - `restore`: what was, from a snapshot.
//! - `quota`: how much there is and may be.
//! - [`mod@locks`]: locks of open files.
//! - `watch`: what happens at a path and below it.
//! - [`mod@file`]: files as their user sees them; `open` knows which are open, `handle` what each has written (in
//!   `segments`), `publish` brings it to the log, `read` brings content from the store, `ahead` before
//!   it is asked for.

mod ahead;
pub mod batch;
mod change;
pub mod entry;
pub mod file;
mod handle;
pub mod locks;
mod namespace;
mod open;
pub mod path;
mod publish;
mod quota;
mod read;
mod resolve;
mod restore;
mod segments;
mod watch;
mod xattrs;

pub use batch::Batch;
pub use change::Attributes;
pub use entry::{Directory, Entry};
pub use file::{File, Mode, Whence};
pub use locks::{Lock, Wait};
pub use path::Path;
pub use quota::Usage;
pub use xattrs::Xattr;

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Result, Status};
use crate::filespace::{CommitError, CommitMode, Committed, Draft, Link, ReadError, View};
use crate::state::Refusal;

/// A filespace as its user sees it: the tree below the link's root.
pub struct FileSystem {
    link: Arc<Link>,
    root: Path,
    open: open::OpenFiles,
}

impl FileSystem {
    /// The tree of a linked filespace below `root`, which must be a directory.
    pub fn new(link: Arc<Link>, root: Path) -> Result<Arc<FileSystem>> {
        let fs = Arc::new(FileSystem { link, root, open: open::OpenFiles::default() });
        let top = fs
            .entry(&Path::parse("/")?, true)
            .map_err(|error| error.about("root_path").on_path(fs.root.text()))?;
        if top.kind != crate::state::value::Kind::Directory {
            return Err(
                Error::new(Status::NotADirectory, "root_path is not a directory").on_path(fs.root.text())
            );
        }
        Ok(fs)
    }

    /// The link below.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Plans a transaction on the state at hand, commits it as the link's mode says, and plans again when a path turns
    /// out to lead elsewhere by now. No request is made before the commit: its hops are the check. Only an error is
    /// checked against the newest state before it is believed. The call gives what is at `from` the path `to`: a refusal
    /// names the path that it is about. With `wait` the outcome is the true one whatever the link's mode.
    fn change(
        &self,
        from: &Path,
        to: &Path,
        wait: bool,
        plan: impl FnMut(&View) -> Result<Draft, ReadError>,
    ) -> Result<Committed> {
        self.attempt(from, to, wait, plan).map_err(|error| failed(error, from))
    }

    /// The same for a caller that wants to learn later what became of it, should that not be known. No refusal is
    /// returned as such.
    fn attempt(
        &self,
        from: &Path,
        to: &Path,
        wait: bool,
        mut plan: impl FnMut(&View) -> Result<Draft, ReadError>,
    ) -> Result<Committed, CommitError> {
        let deadline = self.link.deadline();
        self.link.check_usable()?;
        // Whether the state is one that was asked for since the call began.
        let mut fresh = false;
        loop {
            let error = match self.link.transact(from.text(), wait, deadline, &mut plan) {
                Ok(Ok(committed)) => return Ok(committed),
                Ok(Err(error @ (CommitError::Failed(_) | CommitError::Unsettled(..)))) => return Err(error),
                Ok(Err(CommitError::Refused(Refusal::StalePath))) => {
                    fresh = true;
                    check_deadline(deadline, from)?;
                    continue;
                }
                Ok(Err(CommitError::Refused(refusal))) => {
                    let error = refused(refusal, if is_about_target(refusal) { to } else { from });
                    if self.link.commit_mode() == CommitMode::Wait {
                        // The log's own judgement.
                        return Err(error.into());
                    }
                    error
                }
                Err(error) => error,
            };
            if fresh {
                return Err(error.into());
            }
            self.link.look_again()?;
            fresh = true;
        }
    }
}

fn check_deadline(deadline: Instant, path: &Path) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    let what = "the path was changed by others again and again until the deadline";
    Err(Error::new(Status::Timeout, what).on_path(path.text()))
}

/// What a transaction that did not take effect is to the caller of an operation on a path.
fn failed(error: CommitError, path: &Path) -> Error {
    match error {
        CommitError::Refused(refusal) => refused(refusal, path),
        CommitError::Failed(error) | CommitError::Unsettled(error, _) => error,
    }
}

/// Whether it is the path that something gets which is to blame, not the path that it has.
fn is_about_target(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Exists
            | Refusal::NotEmpty
            | Refusal::IsADirectory
            | Refusal::NotADirectory
            | Refusal::MoveIntoItself
            | Refusal::OverQuota
    )
}

/// What a refusal is to the caller of an operation on a path.
fn refused(refusal: Refusal, path: &Path) -> Error {
    let status = refusal.status();
    let text = match refusal {
        Refusal::Exists => "the name exists already",
        Refusal::NotEmpty => "the directory is not empty",
        Refusal::MoveIntoItself => "a directory cannot be moved below itself",
        Refusal::IsADirectory => "it is a directory",
        Refusal::NotADirectory => "it is not a directory",
        Refusal::Deleted => "the file was deleted meanwhile",
        Refusal::Denied => "the account's role does not allow it; ask an admin for a grant",
        Refusal::TooLarge => "the file would be larger than 2^63-1 bytes",
        Refusal::OverQuota => {
            "the filespace's quota is reached; delete something, or ask an admin to raise it"
        }
        Refusal::TooManyAttributes => "a file has at most 1024 extended attributes, and 1 MiB of them",
        Refusal::Locked => "others have locked it; try again later, or say how long to wait",
        Refusal::Deadlock => {
            "waiting would never end: who has the lock waits for one of this open file; give that up, and try again"
        }
        Refusal::TooManyLocks => "the file has 1024 locks and requests for some; unlock larger ranges",
        Refusal::ContentGone => "what it refers to was deleted meanwhile; call again",
        Refusal::TooFragmented => "the file has more than 65536 fragments; copy it by reading and writing",
        _ if status == Status::Internal => {
            let what = format!("a rule of the log was broken ({refusal:?}); please report it");
            return Error::new(status, what).on_path(path.text());
        }
        _ => status.text(),
    };
    Error::new(status, text).on_path(path.text())
}

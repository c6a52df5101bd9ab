//! Making, moving and removing names; attributes. Each call is one transaction.

use super::change::{Attributes, Change};
use super::path::Path;
use super::resolve::Last;
use super::{FileSystem, check_deadline, failed};
use crate::error::{Error, Result, Status};
use crate::filespace::Draft;
use crate::state::ops::{Op, Reap};
use crate::state::{MAX_TARGET, Source, key};

/// Entries freed by one operation when a tree is removed.
const REAP_LIMIT: u32 = 1024;

impl FileSystem {
    /// Makes a directory and the directories above it that are missing. The path itself must not exist.
    pub fn create_dir(&self, path: &Path, mode: u32) -> Result<()> {
        self.carry_out(&Change::MakeDir { path: path.clone(), mode })
    }

    /// Makes an empty file. The path must not exist.
    pub fn create(&self, path: &Path, mode: u32) -> Result<()> {
        self.create_exclusive(path, mode).map(drop)
    }

    /// Removes a directory: an empty one, or with everything below it at once.
    pub fn delete_dir(&self, path: &Path, recursive: bool) -> Result<()> {
        self.carry_out(&Change::RemoveDir { path: path.clone(), recursive })?;
        if recursive {
            self.reap(path);
        }
        Ok(())
    }

    /// Frees detached trees, whoever detached them, in bounded steps. They are gone; this is housekeeping that whoever
    /// removes the next one goes on with.
    pub(super) fn reap(&self, path: &Path) {
        if let Err(error) = self.reap_all(path) {
            crate::report::warn(|| format!("a removed directory is not freed yet: {error}"));
        }
    }

    fn reap_all(&self, path: &Path) -> Result<()> {
        let deadline = self.link.deadline();
        loop {
            let (from, to) = key::detached_all();
            let root = self.link.read(|state| Ok(state.first(&from, &to)?))?;
            let Some(root) = root.and_then(|(key, _)| key::ino_of(&key)) else { return Ok(()) };
            let reap = Draft::of(Op::Reap(Reap { root: root.0, limit: REAP_LIMIT }));
            match self.link.transact(path.text(), false, deadline, |_| Ok(reap.clone()))? {
                Ok(_) => {}
                Err(error) => return Err(failed(error, path)),
            }
            check_deadline(deadline, path)?;
        }
    }

    /// Removes a name of a file or symbolic link.
    pub fn delete(&self, path: &Path) -> Result<()> {
        self.carry_out(&Change::Remove { path: path.clone() })
    }

    /// Gives a file, directory or symbolic link another path. What has it already is an error, or is
    /// replaced as POSIX `rename` does.
    pub fn rename(&self, from: &Path, to: &Path, replace: bool) -> Result<()> {
        self.carry_out(&Change::Rename { from: from.clone(), to: to.clone(), replace })
    }

    /// Makes a symbolic link to `target`, which need not exist; 1 to 4096 bytes.
    pub fn create_symlink(&self, target: &str, path: &Path) -> Result<()> {
        self.carry_out(&symlink(target, path)?)
    }

    /// Gives a file or symbolic link another name.
    pub fn create_hard_link(&self, existing: &Path, path: &Path) -> Result<()> {
        self.carry_out(&Change::HardLink { existing: existing.clone(), path: path.clone() })
    }

    /// Sets attributes; `follow` says whether a symbolic link at the end of the path is followed.
    pub fn set_attributes(&self, path: &Path, set: Attributes, follow: bool) -> Result<()> {
        self.carry_out(&Change::SetAttributes { path: path.clone(), set, last: Last::of(follow) })
    }

    /// Sets the size of a file; what is cut is gone, what is added reads as zeros.
    pub fn truncate(&self, path: &Path, size: u64) -> Result<()> {
        self.carry_out(&Change::Truncate { path: path.clone(), size })
    }

    /// Makes a file with the content, attributes and times of another, which shares its blocks: it costs the same
    /// whatever the size. A symbolic link at the end of `from` is copied itself unless `follow`. What has the path `to`
    /// already is an error, or loses that name with `replace`.
    pub fn copy(&self, from: &Path, to: &Path, replace: bool, follow: bool) -> Result<()> {
        let (from, to, last) = (from.clone(), to.clone(), Last::of(follow));
        self.carry_out(&Change::Copy { from, to, replace, last })
    }
}

/// A symbolic link to a target that it can have.
pub(super) fn symlink(target: &str, path: &Path) -> Result<Change> {
    if !(1..=MAX_TARGET).contains(&target.len()) || target.contains('\0') {
        let what = "the target of a symbolic link has 1 to 4096 bytes and no NUL";
        return Err(Error::new(Status::InvalidArgument, what).on_path(path.text()));
    }
    Ok(Change::Symlink { target: target.to_owned(), path: path.clone() })
}

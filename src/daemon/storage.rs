//! Where a daemon keeps what it keeps on the local disk, and how that is cleaned up.
//!
//! SANDBOXED: a temporary folder, removed at stop; what a killed process left behind is removed by the
//! next start. PHYSICAL: `.lucid/<filespace id>/` under a root, removed at stop unless it is to persist or a journal in it
//! holds something. In both, `cache` is for content that was read, and a `lock` file is held locked while the daemon
//! runs.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Status};
use crate::files;
use crate::filespace::JOURNAL;
use crate::ids::LogId;

const SANDBOX_PREFIX: &str = "lucidlink-";
const PHYSICAL_FOLDER: &str = ".lucid";
const LOCK: &str = "lock";
const CACHE: &str = "cache";

/// What storage is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageMode {
    /// A temporary folder inside this one.
    Sandboxed {
        /// Where to make it.
        parent: PathBuf,
    },
    /// `.lucid` under this folder.
    Physical {
        /// The folder.
        root: PathBuf,
        /// Whether it stays after stop.
        persist: bool,
    },
}

/// The storage of a running daemon.
pub struct Storage {
    folder: PathBuf,
    persist: bool,
    /// Locked while it is in use.
    lock: Option<File>,
}

impl Storage {
    /// Makes the folder and takes it.
    pub fn open(mode: &StorageMode) -> Result<Storage> {
        match mode {
            StorageMode::Sandboxed { parent } => sandbox(parent).map_err(|e| cannot("make", parent, e)),
            StorageMode::Physical { root, persist } => {
                let folder = root.join(PHYSICAL_FOLDER);
                let failed = |e| cannot("make", &folder, e);
                DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
                match try_lock(&folder).map_err(failed)? {
                    Some(lock) => Ok(Storage { folder, persist: *persist, lock: Some(lock) }),
                    None => Err(Error::new(
                        Status::StorageBusy,
                        format!("{} is in use by another daemon; choose another root_path", folder.display()),
                    )),
                }
            }
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of a filespace in it, made if it is missing.
    pub fn filespace(&self, id: LogId) -> Result<PathBuf> {
        let folder = self.folder.join(id.to_string());
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map(|()| folder.clone()).map_err(|e| cannot("make", &folder, e))
    }

    /// The folder of the cache of content.
    pub fn cache(&self) -> PathBuf {
        self.folder.join(CACHE)
    }

    /// Gives the folder back, and removes it unless it is to stay.
    pub fn close(mut self) -> Result<()> {
        let removed = self.remove();
        self.unlock();
        removed.map_err(|e| cannot("remove", &self.folder, e))
    }
}

impl Storage {
    /// Whether it stays: because that was asked for, or because a journal in it holds what the log does not have.
    fn is_kept(&self) -> bool {
        let filespaces = || std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        self.persist || filespaces().any(|filespace| filespace.path().join(JOURNAL).exists())
    }

    /// Removes what is not to stay: of a folder that only a journal keeps, the cache.
    fn remove(&self) -> io::Result<()> {
        if !self.is_kept() {
            return std::fs::remove_dir_all(&self.folder);
        }
        let cache = self.cache();
        if self.persist || !cache.exists() { Ok(()) } else { std::fs::remove_dir_all(cache) }
    }

    /// Said aloud: a forked child may hold the file open for longer.
    fn unlock(&mut self) {
        if let Some(lock) = self.lock.take() {
            let _ = lock.unlock();
        }
    }
}

impl Drop for Storage {
    /// A daemon that is dropped without stop still leaves nothing behind.
    fn drop(&mut self) {
        if self.lock.is_some() {
            let _ = self.remove();
        }
        self.unlock();
    }
}

fn sandbox(parent: &Path) -> io::Result<Storage> {
    remove_abandoned(parent);
    loop {
        let private = Permissions::from_mode(0o700);
        let made = tempfile::Builder::new().prefix(SANDBOX_PREFIX).permissions(private).tempdir_in(parent)?;
        let folder = made.keep();
        // Before it was locked, another daemon that starts may have taken it for abandoned.
        let lock = match try_lock(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            lock => lock?,
        };
        let there = std::fs::metadata(folder.join(LOCK)).map(|m| m.ino()).ok();
        if let Some(lock) = lock
            && there == Some(lock.metadata()?.ino())
        {
            return Ok(Storage { folder, persist: false, lock: Some(lock) });
        }
    }
}

/// Removes the folders of processes that were killed: those whose lock nobody holds. What cannot be
/// looked at or removed belongs to somebody else.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|n| n.starts_with(SANDBOX_PREFIX));
        // Without a lock file it is being made at this moment.
        let Some(Ok(lock)) = ours.then(|| files::open_to_read(&entry.path().join(LOCK))) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The lock of a folder; none if somebody else has it.
fn try_lock(folder: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = files::open(&folder.join(LOCK), &mut options)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

fn cannot(what: &str, folder: &Path, error: io::Error) -> Error {
    Error::new(Status::Io, format!("cannot {what} the storage folder {}", folder.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sandbox_is_removed_also_when_its_owner_was_killed() {
        let parent = tempfile::tempdir().unwrap();
        let mode = StorageMode::Sandboxed { parent: parent.path().to_owned() };
        let storage = Storage::open(&mode).unwrap();
        assert!(storage.filespace(LogId([1; 32])).unwrap().is_dir());
        let alive = Storage::open(&mode).unwrap();
        let abandoned = parent.path().join("lucidlink-killed");
        std::fs::create_dir(&abandoned).unwrap();
        std::fs::write(abandoned.join(LOCK), b"").unwrap();
        // Anybody can put something into the folder for temporary files. Nobody waits for it.
        let trap = parent.path().join("lucidlink-trap");
        std::fs::create_dir(&trap).unwrap();
        nix::unistd::mkfifo(&trap.join(LOCK), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let other = Storage::open(&mode).unwrap();
        assert!(!abandoned.exists() && alive.folder().exists() && storage.folder().exists());
        for storage in [storage, alive, other] {
            storage.close().unwrap();
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "the trap");
    }

    #[test]
    fn a_physical_folder_has_one_user_and_stays_if_asked() {
        let root = tempfile::tempdir().unwrap();
        let mode = |persist| StorageMode::Physical { root: root.path().to_owned(), persist };
        let storage = Storage::open(&mode(true)).unwrap();
        let folder = storage.filespace(LogId([1; 32])).unwrap();
        assert!(folder.starts_with(root.path().join(".lucid")));
        assert_eq!(Storage::open(&mode(true)).err().unwrap().status(), Status::StorageBusy);
        storage.close().unwrap();
        assert!(folder.is_dir());
        Storage::open(&mode(false)).unwrap().close().unwrap();
        assert!(!root.path().join(".lucid").exists());
    }

    #[test]
    fn a_journal_keeps_the_folder_and_not_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let mode = |persist| StorageMode::Physical { root: root.path().to_owned(), persist };
        let storage = Storage::open(&mode(true)).unwrap();
        let (journal, cache) = (storage.filespace(LogId([1; 32])).unwrap().join(JOURNAL), storage.cache());
        std::fs::write(&journal, b"something").unwrap();
        std::fs::create_dir(&cache).unwrap();
        storage.close().unwrap();
        assert!(journal.exists() && cache.exists());
        Storage::open(&mode(false)).unwrap().close().unwrap();
        assert!(journal.exists() && !cache.exists());
    }
}

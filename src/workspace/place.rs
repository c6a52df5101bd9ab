//! The place that a workspace is in: it makes and opens the logs and stores in it, by their path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::location::Location;
use crate::content::store::Store;
use crate::content::store::folder::FolderStore;
use crate::error::{Error, Result, Status};
use crate::log::folder::FolderLog;
use crate::log::{CommitLog, LogError};

/// The path of the workspace itself; a filespace's is `filespaces/<id>`.
pub(super) const ROOT: &str = "";

/// A place.
pub(super) enum Place {
    /// A folder of this host.
    Folder {
        /// The workspace's.
        root: PathBuf,
        /// How long a call may wait for other processes.
        timeout: Duration,
    },
}

impl Place {
    /// The place at a location.
    pub(super) fn new(location: &Location, timeout: Duration) -> Place {
        Place::Folder { root: location.folder().to_owned(), timeout }
    }

    /// Refuses a place with something in it that is no workspace's.
    pub(super) fn check_vacant(&self) -> Result<()> {
        match self {
            Place::Folder { root, .. } => check_vacant(root),
        }
    }

    /// Makes a log whose slot 0 is `genesis`.
    pub(super) fn create_log(&self, path: &str, genesis: &[u8]) -> Result<Arc<dyn CommitLog>, LogError> {
        match self {
            Place::Folder { timeout, .. } => {
                Ok(Arc::new(FolderLog::create(&self.folder(path), genesis, *timeout)?))
            }
        }
    }

    /// Opens a log. `whole` says of a slot whether everything is there that it refers to; it is asked where slots may
    /// have been lost.
    pub(super) fn open_log(
        &self,
        path: &str,
        whole: impl FnMut(&[u8]) -> Result<bool, LogError>,
    ) -> Result<Arc<dyn CommitLog>, LogError> {
        match self {
            Place::Folder { timeout, .. } => {
                Ok(Arc::new(FolderLog::open(&self.folder(path), *timeout, whole)?))
            }
        }
    }

    /// Removes a log that nobody has seen.
    pub(super) fn remove_log(&self, path: &str) {
        match self {
            Place::Folder { .. } => FolderLog::remove(&self.folder(path)),
        }
    }

    /// The store at a path; it is made when something is put.
    pub(super) fn store(&self, path: &str) -> Arc<dyn Store> {
        match self {
            Place::Folder { .. } => Arc::new(FolderStore::new(&self.folder(path))),
        }
    }

    fn folder(&self, path: &str) -> PathBuf {
        match self {
            Place::Folder { root, .. } if path.is_empty() => root.clone(),
            Place::Folder { root, .. } => root.join(path),
        }
    }
}

/// Refuses a folder with files that are no workspace's. One that cannot be listed, or made, is left to
/// whoever makes the log in it.
fn check_vacant(folder: &Path) -> Result<()> {
    // A log, also an old one, is looked at when this one is made. The next are what an attempt leaves that
    // died, or makes beside this one; the last is what a new file system has.
    const OWN: [&str; 5] = ["log", "log.sqlite", "grants", "filespaces", "lost+found"];
    let is_foreign =
        |name: &OsStr| !OWN.iter().any(|own| name == *own) && !name.as_encoded_bytes().starts_with(b".log-");
    let listed = folder.read_dir().into_iter().flatten().flatten();
    let Some(found) = listed.map(|entry| entry.file_name()).find(|name| is_foreign(name)) else {
        return Ok(());
    };
    let (place, found) = (folder.display(), Path::new(&found).display());
    let what = format!("{place} is not empty (there is {found}) and is no workspace; name a new folder");
    Err(Error::new(Status::NotEmpty, what))
}

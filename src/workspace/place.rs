//! The place that a workspace is in: it makes and opens the logs and stores in it, by their path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::location::Location;
use super::ops::Probe;
use crate::bucket::Bucket;
use crate::content::store::Store;
use crate::content::store::bucket::BucketStore;
use crate::content::store::folder::FolderStore;
use crate::database::Database;
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::log::bucket::BucketLog;
use crate::log::folder::FolderLog;
use crate::log::postgres::PostgresLog;
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
    /// A prefix in a bucket.
    Bucket {
        /// The bucket.
        bucket: Arc<Bucket>,
        /// Where the logs are, if they are not in the bucket.
        logs: Option<Logs>,
    },
}

/// The logs of a workspace in a database.
pub(super) struct Logs {
    database: Arc<Database>,
    /// The workspace's URL: what their names start with.
    workspace: String,
}

impl Logs {
    fn name(&self, path: &str) -> String {
        format!("{} {path}", self.workspace)
    }
}

impl Place {
    /// The place at a location. Where there is no runtime yet, what needs one has its own.
    pub(super) fn new(location: &Location, timeout: Duration, runtime: Option<Handle>) -> Result<Place> {
        Ok(match location {
            Location::Folder(folder) => Place::Folder { root: folder.clone(), timeout },
            Location::Bucket { bucket, prefix, settings, logs } => {
                let database = match logs.url() {
                    Some(url) => Some(Arc::new(Database::new(&url, logs, timeout, runtime.clone())?)),
                    None => None,
                };
                Place::Bucket {
                    bucket: Arc::new(Bucket::new(bucket, prefix, settings, timeout, runtime)?),
                    logs: database.map(|database| Logs { database, workspace: location.to_string() }),
                }
            }
        })
    }

    /// Tries whether the place is fit for logs, if that is not known of its kind; what it was found to keep.
    pub(super) fn probe(&self, env: &Env) -> Result<Option<Probe>> {
        match self {
            Place::Folder { .. } | Place::Bucket { logs: Some(_), .. } => Ok(None),
            Place::Bucket { bucket, logs: None } => {
                let found = bucket.probe(env)?;
                Ok(Some(Probe { writers: found.writers, rounds: found.rounds }))
            }
        }
    }

    /// Refuses a place with something in it that is no workspace's.
    pub(super) fn check_vacant(&self) -> Result<()> {
        match self {
            Place::Folder { root, .. } => check_folder(root),
            Place::Bucket { bucket, .. } => check_bucket(bucket),
        }
    }

    /// Makes a log whose slot 0 is `genesis`.
    pub(super) fn create_log(&self, path: &str, genesis: &[u8]) -> Result<Arc<dyn CommitLog>, LogError> {
        Ok(match self {
            Place::Folder { root, timeout } => {
                Arc::new(FolderLog::create(&folder(root, path), genesis, *timeout)?)
            }
            Place::Bucket { logs: Some(logs), .. } => {
                Arc::new(PostgresLog::create(logs.database.clone(), &logs.name(path), genesis)?)
            }
            Place::Bucket { bucket, logs: None } => {
                Arc::new(BucketLog::create(bucket.clone(), path, genesis)?)
            }
        })
    }

    /// Opens a log. `whole` says of a slot whether everything is there that it refers to; it is asked where slots may
    /// have been lost.
    pub(super) fn open_log(
        &self,
        path: &str,
        whole: impl FnMut(&[u8]) -> Result<bool, LogError>,
    ) -> Result<Arc<dyn CommitLog>, LogError> {
        Ok(match self {
            Place::Folder { root, timeout } => {
                Arc::new(FolderLog::open(&folder(root, path), *timeout, whole)?)
            }
            Place::Bucket { logs: Some(logs), .. } => {
                Arc::new(PostgresLog::open(logs.database.clone(), &logs.name(path))?)
            }
            Place::Bucket { bucket, logs: None } => Arc::new(BucketLog::open(bucket.clone(), path)?),
        })
    }

    /// Removes a log that nobody has seen.
    pub(super) fn remove_log(&self, path: &str) {
        match self {
            Place::Folder { root, .. } => FolderLog::remove(&folder(root, path)),
            Place::Bucket { logs: Some(logs), .. } => PostgresLog::remove(&logs.database, &logs.name(path)),
            Place::Bucket { bucket, logs: None } => BucketLog::remove(bucket, path),
        }
    }

    /// The store at a path; it is made when something is put.
    pub(super) fn store(&self, path: &str) -> Arc<dyn Store> {
        match self {
            Place::Folder { root, .. } => Arc::new(FolderStore::new(&folder(root, path))),
            Place::Bucket { bucket, .. } => Arc::new(BucketStore::new(bucket.clone(), path)),
        }
    }
}

fn folder(root: &Path, path: &str) -> PathBuf {
    if path.is_empty() { root.to_owned() } else { root.join(path) }
}

/// Refuses a folder with files that are no workspace's. One that cannot be listed, or made, is left to
/// whoever makes the log in it.
fn check_folder(folder: &Path) -> Result<()> {
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

/// The same of a bucket's prefix.
fn check_bucket(bucket: &Bucket) -> Result<()> {
    const OWN: [&str; 4] = ["log/", "grants/", "filespaces/", "probe/"];
    let keys = bucket.list_page("", None, bucket.deadline())?.keys;
    let Some(found) = keys.iter().find(|key| !OWN.iter().any(|own| key.starts_with(own))) else {
        return Ok(());
    };
    let what = format!("{bucket:?} is not empty (there is {found}) and is no workspace; name a new prefix");
    Err(Error::new(Status::NotEmpty, what))
}

//! Objects as files of a folder.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use super::{Store, StoreError};
use crate::files;

/// What the names of files begin with that are being written.
const UNFINISHED: &str = ".put-";
/// Files kept open for reading.
const OPEN_FILES: usize = 64;
/// Files that wait to be synced at most; more are synced at once.
const UNSYNCED: usize = 128;

/// A store in a folder; files 0600, folders 0700.
pub struct FolderStore {
    root: PathBuf,
    open: Cache<String, Arc<File>>,
    unsynced: Mutex<Unsynced>,
}

#[derive(Default)]
struct Unsynced {
    files: Vec<(String, File)>,
    folders: BTreeSet<PathBuf>,
    /// What could not be synced. The system says so once and may have dropped it: nothing that is synced later makes
    /// that good.
    failed: Option<String>,
}

impl Unsynced {
    /// The folders that lead to a file.
    fn add_folders(&mut self, root: &Path, file: &Path) {
        let above = file.ancestors().skip(1).take_while(|f| f.starts_with(root));
        self.folders.extend(above.map(Path::to_owned));
    }

    fn check(&self) -> Result<(), StoreError> {
        let Some(name) = &self.failed else { return Ok(()) };
        let what = "it could not be synced before; link the filespace or open the workspace again, and write anew \
                    what it held";
        Err(StoreError::io(name, io::Error::other(what)))
    }

    /// Something could not be synced: no later sync may succeed, so nothing waits for one any more.
    fn fail(&mut self, name: &str, error: io::Error) -> StoreError {
        *self = Unsynced { failed: Some(name.to_owned()), ..Unsynced::default() };
        StoreError::io(name, error)
    }

    /// Syncs the files that wait for it, and closes them.
    fn sync_files(&mut self) -> Result<(), StoreError> {
        while let Some((key, file)) = self.files.pop() {
            file.sync_all().map_err(|e| self.fail(&key, e))?;
        }
        Ok(())
    }
}

impl FolderStore {
    /// The store in a folder, which is made when something is put.
    pub fn new(root: &Path) -> FolderStore {
        FolderStore { root: root.to_owned(), open: Cache::new(OPEN_FILES), unsynced: Mutex::default() }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.root);
        let mut file = match new_file(folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                self.unsynced.lock().add_folders(&self.root, &path);
                new_file(folder)?
            }
            made => made?,
        };
        // In pieces: some kernels take a large write at a fraction of the speed.
        for piece in bytes.chunks(1 << 20) {
            file.write_all(piece)?;
        }
        match file.persist_noclobber(&path) {
            Ok(file) => {
                let mut unsynced = self.unsynced.lock();
                if unsynced.failed.is_none() {
                    unsynced.folders.insert(folder.to_owned());
                    unsynced.files.push((key.to_owned(), file));
                }
                Ok(true)
            }
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e.error),
        }
    }

    /// The files below a folder whose names are wanted, by key; into folders with a dot it does not go.
    fn walk(&self, prefix: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let mut pending = vec![prefix.to_owned()];
        while let Some(folder) = pending.pop() {
            let entries = match std::fs::read_dir(self.path(&folder)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(|e| StoreError::io(&folder, e))?,
            };
            for entry in entries {
                let entry = entry.map_err(|e| StoreError::io(&folder, e))?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                match entry.file_type().map_err(|e| StoreError::io(&folder, e))?.is_dir() {
                    true if !name.starts_with('.') => pending.push(format!("{folder}{name}/")),
                    false if wanted(name) => keys.push(format!("{folder}{name}")),
                    _ => {}
                }
            }
        }
        Ok(keys)
    }

    /// What time it is where the files get theirs; none if there is no folder yet.
    fn now(&self) -> Result<Option<SystemTime>, StoreError> {
        let made = new_file(&self.root).and_then(|file| file.as_file().metadata()?.modified());
        match made {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            made => made.map(Some).map_err(|e| StoreError::io("", e)),
        }
    }

    /// How long a file has been there; none if it is gone.
    fn age(&self, key: &str, now: SystemTime) -> Result<Option<Duration>, StoreError> {
        match std::fs::metadata(self.path(key)).and_then(|metadata| metadata.modified()) {
            Ok(since) => Ok(Some(now.duration_since(since).unwrap_or_default())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(StoreError::io(key, e)),
        }
    }

    fn opened(&self, key: &str) -> io::Result<Arc<File>> {
        self.open.get_or_insert_with(key, || files::open_to_read(&self.path(key)).map(Arc::new))
    }

    /// Does something that needs descriptors. If there is none left, those that the store keeps are given back, and it
    /// is tried again.
    fn with_descriptors<T>(&self, key: &str, work: impl Fn() -> io::Result<T>) -> Result<T, StoreError> {
        match work() {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                self.open.clear();
                self.unsynced.lock().sync_files()?;
                work().map_err(|e| StoreError::io(key, e))
            }
            done => done.map_err(|e| StoreError::io(key, e)),
        }
    }
}

/// A file without a final name, readable by its owner only.
fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    // Not `tempfile_in`, whose errors hide the number of the system's.
    let open = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    tempfile::Builder::new().prefix(UNFINISHED).make_in(folder, open)
}

impl Store for FolderStore {
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let written = self.with_descriptors(key, || self.write(key, bytes))?;
        if !written && self.get(key)? != bytes {
            return Err(StoreError::Exists { key: key.to_owned() });
        }
        if self.unsynced.lock().files.len() > UNSYNCED {
            self.sync(&[])?;
        }
        Ok(())
    }

    fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.with_descriptors(key, || files::read(&self.path(key))).map(Bytes::from)
    }

    fn get_range(&self, key: &str, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        let mut bytes = vec![0; len];
        self.get_range_into(key, offset, &mut bytes)?;
        Ok(bytes.into())
    }

    fn get_range_into(&self, key: &str, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        let file = self.with_descriptors(key, || self.opened(key))?;
        match file.read_exact_at(out, offset) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                Err(StoreError::Short { key: key.to_owned(), offset, len: out.len() })
            }
            Err(e) => Err(StoreError::io(key, e)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.walk(prefix, |name| !name.starts_with('.'))
    }

    fn list_aged(&self, prefix: &str, each: &mut dyn FnMut(&str, Duration)) -> Result<(), StoreError> {
        let Some(now) = self.now()? else { return Ok(()) };
        for key in self.list(prefix)? {
            if let Some(age) = self.age(&key, now)? {
                each(&key, age);
            }
        }
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.open.remove(key);
        match std::fs::remove_file(self.path(key)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io(key, e)),
            _ => Ok(()),
        }
    }

    fn sweep(&self, age: Duration, remove: bool) -> Result<u64, StoreError> {
        let Some(now) = self.now()? else { return Ok(0) };
        let mut found = 0;
        for key in self.walk("", |name| name.starts_with(UNFINISHED))? {
            if self.age(&key, now)?.is_some_and(|there| there >= age) {
                found += 1;
                if remove {
                    self.delete(&key)?;
                }
            }
        }
        Ok(found)
    }

    fn sync(&self, others: &[String]) -> Result<(), StoreError> {
        let mut unsynced = self.unsynced.lock();
        unsynced.check()?;
        unsynced.sync_files()?;
        for key in others {
            let file = match files::open_to_read(&self.path(key)) {
                Ok(file) => file,
                // It was collected meanwhile: nothing refers to it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(StoreError::io(key, e)),
            };
            file.sync_all().map_err(|e| unsynced.fail(key, e))?;
            unsynced.add_folders(&self.root, &self.path(key));
        }
        while let Some(folder) = unsynced.folders.last() {
            let name = folder.to_string_lossy().into_owned();
            let opened = File::open(folder).map_err(|e| StoreError::io(&name, e))?;
            opened.sync_all().map_err(|e| unsynced.fail(&name, e))?;
            unsynced.folders.pop_last();
        }
        Ok(())
    }

    fn sync_all(&self) -> Result<(), StoreError> {
        let mut unsynced = self.unsynced.lock();
        unsynced.check()?;
        unsynced.sync_files()?;
        let name = self.root.to_string_lossy();
        let root = File::open(&self.root).map_err(|e| StoreError::io(&name, e))?;
        nix::unistd::syncfs(root).map_err(|e| unsynced.fail(&name, e.into()))?;
        *unsynced = Unsynced::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        super::super::conformance::check(&FolderStore::new(&folder.path().join("inner")));
    }

    #[test]
    fn only_the_owner_can_read_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(&folder.path().join("store"));
        store.put("packs/ab/abcd", b"x").unwrap();
        store.put("packs/ab/abcd", b"x").unwrap();
        store.sync(&[]).unwrap();
        let path = folder.path().join("store/packs/ab");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let files: Vec<_> = std::fs::read_dir(&path).unwrap().map(|f| f.unwrap()).collect();
        assert_eq!(files.len(), 1, "no temporary file stays");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// The limit is that of the process, so the test runs in one of its own.
    #[test]
    fn descriptors_are_given_back_when_there_are_none_left() {
        const NAME: &str =
            "content::store::folder::tests::descriptors_are_given_back_when_there_are_none_left";
        if std::env::var_os("LUCIDLINK_FEW_DESCRIPTORS").is_none() {
            let alone = std::process::Command::new("sh")
                .args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", NAME])
                .env("LUCIDLINK_FEW_DESCRIPTORS", "1")
                .output()
                .unwrap();
            assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        let key = |n: usize| format!("packs/{:02}/{n}", n % 10);
        for n in 0..200 {
            store.put(&key(n), b"content").unwrap();
        }
        for n in 0..200 {
            assert_eq!(store.get_range(&key(n), 3, 4).unwrap(), &b"tent"[..]);
        }
        let keys: Vec<String> = (0..200).map(key).collect();
        store.sync(&keys).unwrap();
    }
}

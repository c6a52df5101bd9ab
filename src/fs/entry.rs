//! Looking: what there is to know about a name, and which there are in a directory.

use std::sync::Arc;

use parking_lot::Mutex;

use super::FileSystem;
use super::path::Path;
use super::resolve::{Last, look};
use crate::error::{Error, Result, Status};
use crate::filespace::{Link, ReadError, View};
use crate::ids::Ino;
use crate::state::value::{Inode, Kind};
use crate::state::{Stop, Tables};

/// A file, directory or symbolic link. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last name of the path; empty for the root.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of content (of the target for a symbolic link; 0 for a directory).
    pub size: u64,
    /// Its number, which never changes and is never given twice.
    pub file_id: u64,
    /// Last change of content.
    pub mtime: i64,
    /// Last change of anything.
    pub ctime: i64,
    /// Creation.
    pub btime: i64,
    /// Access time as last set.
    pub atime: i64,
    /// The position of the last change of content.
    pub version: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names it has.
    pub links: u32,
}

impl Entry {
    /// An entry of which only the name is known.
    pub fn name_only(name: String) -> Entry {
        Entry::new(name, Ino(0), &Inode::default())
    }

    fn new(name: String, ino: Ino, inode: &Inode) -> Entry {
        Entry {
            name,
            kind: inode.kind(),
            size: inode.size,
            file_id: ino.0,
            mtime: inode.mtime,
            ctime: inode.ctime,
            btime: inode.btime,
            atime: inode.atime,
            version: inode.version,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            links: inode.links,
        }
    }
}

/// Entries that an open directory reads at a time.
const BATCH: usize = 512;

/// A directory that is read entry by entry. It goes on behind the last name that it gave, so it needs the same
/// memory however many entries there are.
pub struct Directory {
    fs: Arc<FileSystem>,
    ino: Ino,
    cursor: Mutex<Cursor>,
}

#[derive(Default)]
struct Cursor {
    /// Read and not given yet, from the last to the first.
    batch: Vec<Entry>,
    /// The last name that was read.
    last: Option<String>,
    at_end: bool,
}

impl Directory {
    /// The link that it belongs to.
    pub fn link(&self) -> &Arc<Link> {
        &self.fs.link
    }

    /// The next entry, in byte order of the names; none behind the last. What is there all the while is given
    /// exactly once.
    pub fn next(&self) -> Result<Option<Entry>> {
        self.fs.link.check_usable()?;
        let cursor = &mut *self.cursor.lock();
        if cursor.batch.is_empty() && !cursor.at_end {
            let last = cursor.last.take();
            let ino = self.fs.link.renumbered(self.ino);
            let read = self.fs.link.read_fresh(|state| entries(state, ino, last.as_deref(), BATCH));
            cursor.last = last;
            cursor.batch = read?;
            cursor.at_end = cursor.batch.len() < BATCH;
            if let Some(entry) = cursor.batch.last() {
                cursor.last = Some(entry.name.clone());
            }
            cursor.batch.reverse();
        }
        Ok(cursor.batch.pop())
    }
}

/// Entries of a directory behind a name, in byte order of their names.
fn entries(
    state: &View,
    directory: Ino,
    behind: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>, ReadError> {
    let mut entries = Vec::new();
    for item in state.dentries(directory, behind).take(limit) {
        let (name, dentry) = item?;
        let inode = state.inode(dentry.ino())?.ok_or(Stop::Corrupt("a name without an inode"))?;
        entries.push(Entry::new(utf8(&name)?, dentry.ino(), &inode));
    }
    Ok(entries)
}

impl FileSystem {
    /// Opens a directory to be read entry by entry.
    pub fn open_dir(self: &Arc<FileSystem>, path: &Path) -> Result<Directory> {
        let ino = self.link.read_fresh(|state| self.directory(state, path))?;
        Ok(Directory { fs: self.clone(), ino, cursor: Mutex::default() })
    }

    /// What a path leads to; `follow` says whether a symbolic link at its end is followed.
    pub fn entry(&self, path: &Path, follow: bool) -> Result<Entry> {
        let last = Last::of(follow);
        self.link.read_fresh(|state| {
            let (ino, inode) = look(state, &self.root, path, last)?;
            Ok(Entry::new(path.names().next_back().unwrap_or_default().to_owned(), ino, &inode))
        })
    }

    /// The entries of a directory with their attributes, in byte order of their names, all of one moment.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<Entry>> {
        self.link.read_fresh(|state| {
            let directory = self.directory(state, path)?;
            entries(state, directory, None, usize::MAX)
        })
    }

    /// The names in a directory, in byte order, all of one moment.
    pub fn list_dir(&self, path: &Path) -> Result<Vec<String>> {
        self.link.read_fresh(|state| {
            let directory = self.directory(state, path)?;
            state.dentries(directory, None).map(|item| Ok(utf8(&item?.0)?)).collect()
        })
    }

    /// Whether a path leads to a file (`Kind::File`) or directory. What keeps it from being looked at is
    /// an error; that nothing is there is not.
    pub fn exists(&self, path: &Path, kind: Kind) -> Result<bool> {
        match self.entry(path, true) {
            Ok(entry) => Ok(entry.kind == kind),
            Err(e) if matches!(e.status(), Status::NotFound | Status::NotADirectory) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Where a symbolic link leads, as it was written.
    pub fn read_symlink(&self, path: &Path) -> Result<String> {
        self.link.read_fresh(|state| {
            let (_, inode) = look(state, &self.root, path, Last::NoFollow)?;
            if inode.kind() != Kind::Symlink {
                return Err(Error::new(Status::NotASymlink, "not a symbolic link")
                    .on_path(path.text())
                    .into());
            }
            Ok(inode.target)
        })
    }

    fn directory(&self, state: &View, path: &Path) -> Result<Ino, ReadError> {
        let (ino, inode) = look(state, &self.root, path, Last::Follow)?;
        match inode.kind() {
            Kind::Directory => Ok(ino),
            _ => Err(Error::new(Status::NotADirectory, "not a directory").on_path(path.text()).into()),
        }
    }
}

fn utf8(name: &[u8]) -> Result<String, Stop> {
    String::from_utf8(name.to_vec()).map_err(|_| Stop::Corrupt("name"))
}

//! Looking: what there is to know about a name.

use super::FileSystem;
use super::path::Path;
use super::resolve::{Last, look};
use crate::error::{Error, Result, Status};
use crate::filespace::{ReadError, View};
use crate::ids::Ino;
use crate::state::value::{Counters, Inode, Kind};
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

impl FileSystem {
    /// What a path leads to; `follow` says whether a symbolic link at its end is followed.
    pub fn entry(&self, path: &Path, follow: bool) -> Result<Entry> {
        let last = if follow { Last::Follow } else { Last::NoFollow };
        self.link.read_fresh(|state| {
            let (ino, inode) = look(state, &self.root, path, last)?;
            Ok(Entry::new(path.names().next_back().unwrap_or_default().to_owned(), ino, &inode))
        })
    }

    /// The entries of a directory with their attributes, in byte order of their names, all of one moment.
    pub fn read_dir(&self, path: &Path) -> Result<Vec<Entry>> {
        self.link.read_fresh(|state| {
            let directory = self.directory(state, path)?;
            let mut entries = Vec::new();
            for item in state.dentries(directory, None) {
                let (name, dentry) = item?;
                let inode = state.inode(dentry.ino())?.ok_or(Stop::Corrupt("a name without an inode"))?;
                entries.push(Entry::new(utf8(&name)?, dentry.ino(), &inode));
            }
            Ok(entries)
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

    /// How much there is in the filespace, kept by the state.
    pub fn counters(&self) -> Result<Counters> {
        self.link.read_fresh(|state| Ok(state.counters()?))
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

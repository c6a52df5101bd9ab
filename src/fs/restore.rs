//! Restoring from a snapshot. What is restored shares the blocks of the snapshot, as a copy does; content whose packs
//! are dead by now is read and written anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::batch::Batch;
use super::change::Attributes;
use super::path::Path;
use super::read::Version;
use super::{Entry, FileSystem};
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, PackId};
use crate::state::ops::{
    Content, Create, Extent, Op, Operation, SetAttributes, SetXattr, Symlink, XattrMode,
};
use crate::state::value::{Inode, Kind};
use crate::state::{Stop, Tables};

/// Mode of directories that are missing above a target.
const DIRECTORY_MODE: u32 = 0o755;
/// Changes, and blocks of content, of one transaction.
const MANY: u64 = 4096;
/// So many bytes of extended attributes count as one change more: a transaction holds them all.
const MUCH: u64 = 8 << 10;

/// A file or symbolic link as it was.
pub(super) struct Former {
    inode: Inode,
    /// Where its content is now.
    pub(super) extents: Vec<Extent>,
    xattrs: Vec<(String, Bytes)>,
}

impl Former {
    /// Bytes of what it carries beside its content.
    pub(super) fn value_len(&self) -> usize {
        let xattrs = self.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        xattrs + self.inode.target.len()
    }

    /// The operations that make it.
    pub(super) fn plan(&self, parent: Ino, name: String, ino: Ino, time: i64, ops: &mut Vec<Operation>) {
        let Inode { mode, uid, gid, size, .. } = self.inode;
        let (parent, ino) = (parent.0, ino.0);
        ops.push(match self.inode.kind() {
            Kind::Symlink => {
                let target = self.inode.target.clone();
                Op::Symlink(Symlink { parent, name, ino, target, uid, gid, time }).wrap()
            }
            _ => Op::Create(Create { parent, name, ino, mode, uid, gid, time, exclusive: true }).wrap(),
        });
        if self.inode.kind() == Kind::File && size > 0 {
            let extents = self.extents.clone();
            ops.push(Op::Restore(Content { ino, extents, size, time }).wrap());
        }
        for (name, value) in &self.xattrs {
            let (name, value, mode) = (name.clone(), value.clone(), XattrMode::Either.into());
            ops.push(Op::SetXattr(SetXattr { ino, name, value, mode, time }).wrap());
        }
        // The last: content sets times.
        let (atime, mtime) = (Some(self.inode.atime), Some(self.inode.mtime));
        let (mode, uid, gid) = (Some(mode), Some(uid), Some(gid));
        ops.push(Op::SetAttributes(SetAttributes { ino, mode, uid, gid, atime, mtime, time }).wrap());
    }
}

/// One step of a restoration. All that is in one transaction can be taken again if what it shares has died meanwhile.
enum Step {
    MakeDir {
        path: Path,
        mode: u32,
    },
    /// A directory's extended attributes.
    Xattrs {
        path: Path,
        from: Path,
        is_new: bool,
    },
    Node {
        path: Path,
        ino: Ino,
        replaces: bool,
    },
    /// One more name.
    Link {
        first: Path,
        path: Path,
        replaces: bool,
    },
    Attributes {
        path: Path,
        set: Attributes,
    },
}

struct Restoration<'a> {
    fs: &'a Arc<FileSystem>,
    then: Arc<FileSystem>,
    steps: Vec<Step>,
    weight: u64,
    /// Attributes of directories, which are set last: what is put into them changes their times.
    folders: Vec<Step>,
    /// The first restored name of each file with several.
    names: HashMap<u64, Path>,
}

/// A directory to be restored.
struct Folder {
    from: Path,
    to: Path,
    /// Whether the target was there before.
    is_there: bool,
}

impl FileSystem {
    /// Makes a file, symbolic link, or directory with all that is below it, as it was in a snapshot. What has the path
    /// `to` already is an error; with `replace` a file or symbolic link there loses that name, and a directory is merged
    /// into. Directories above `to` that are missing are made. A file is restored as a whole or not at all.
    pub fn restore(
        self: &Arc<FileSystem>,
        snapshot: &str,
        from: &Path,
        to: &Path,
        replace: bool,
    ) -> Result<()> {
        self.link.check_usable()?;
        self.link.check_writable().map_err(|error| error.on_path(to.text()))?;
        self.link.refresh()?;
        let then = self.link.at_snapshot(snapshot)?;
        let restored = FileSystem::new(then.clone(), self.root.clone()).and_then(|then| {
            let (steps, folders, names) = (Vec::new(), Vec::new(), HashMap::new());
            let mut restoration = Restoration { fs: self, then, steps, weight: 0, folders, names };
            restoration.run(from, to, replace)
        });
        then.abandon();
        restored
    }
}

impl Restoration<'_> {
    fn run(&mut self, from: &Path, to: &Path, replace: bool) -> Result<()> {
        let entry = self.then.entry(from, false)?;
        let there = found(self.fs.entry(to, false))?;
        if there.is_some() && !replace {
            return Err(Error::new(Status::Exists, "the target exists already").on_path(to.text()));
        }
        if there.is_none() {
            self.make_parents(to)?;
        }
        self.check_kinds(&entry, there.as_ref().map(|there| there.kind), to)?;
        let is_there = there.is_some();
        if entry.kind == Kind::Directory {
            let mut pending =
                vec![self.folder(&entry, Folder { from: from.clone(), to: to.clone(), is_there })?];
            while let Some(folder) = pending.pop() {
                self.fill(&folder, &mut pending)?;
            }
        } else {
            self.node(&entry, to.clone(), is_there)?;
        }
        self.flush()?;
        for folder in std::mem::take(&mut self.folders) {
            self.step(folder, 1)?;
        }
        self.flush()
    }

    fn make_parents(&mut self, to: &Path) -> Result<()> {
        let depth = to.names().len().saturating_sub(1);
        let above = to.prefix(depth);
        match depth > 0 && found(self.fs.entry(&above, true))?.is_none() {
            true => self.step(Step::MakeDir { path: above, mode: DIRECTORY_MODE }, 1),
            false => Ok(()),
        }
    }

    fn check_kinds(&self, entry: &Entry, there: Option<Kind>, to: &Path) -> Result<()> {
        let (status, what) = match (entry.kind, there) {
            (Kind::Directory, Some(kind)) if kind != Kind::Directory => {
                (Status::NotADirectory, "the target is there and is not a directory, what is restored is one")
            }
            (kind, Some(Kind::Directory)) if kind != Kind::Directory => {
                (Status::IsADirectory, "the target is a directory, what is restored is not")
            }
            _ => return Ok(()),
        };
        Err(Error::new(status, what).on_path(to.text()))
    }

    fn folder(&mut self, entry: &Entry, folder: Folder) -> Result<Folder> {
        let Entry { mode, uid, gid, atime, mtime, .. } = *entry;
        let path = folder.to.clone();
        if !folder.is_there {
            self.step(Step::MakeDir { path: path.clone(), mode }, 1)?;
        }
        let (from, is_new) = (folder.from.clone(), !folder.is_there);
        let weight = 1 + self.weight_of_xattrs(entry)?;
        self.step(Step::Xattrs { path: path.clone(), from, is_new }, weight)?;
        let (mode, uid, gid) = (Some(mode), Some(uid), Some(gid));
        let set = Attributes { mode, uid, gid, atime: Some(atime), mtime: Some(mtime) };
        self.folders.push(Step::Attributes { path, set });
        Ok(folder)
    }

    fn fill(&mut self, folder: &Folder, pending: &mut Vec<Folder>) -> Result<()> {
        let there: HashMap<String, Kind> = match folder.is_there {
            true => self.fs.read_dir(&folder.to)?.into_iter().map(|entry| (entry.name, entry.kind)).collect(),
            false => HashMap::new(),
        };
        for entry in self.then.read_dir(&folder.from)? {
            let (from, to) = (below(&folder.from, &entry.name)?, below(&folder.to, &entry.name)?);
            let existing = there.get(&entry.name).copied();
            self.check_kinds(&entry, existing, &to)?;
            let is_there = existing.is_some();
            match entry.kind {
                Kind::Directory => pending.push(self.folder(&entry, Folder { from, to, is_there })?),
                _ => self.node(&entry, to, is_there)?,
            }
        }
        Ok(())
    }

    fn node(&mut self, entry: &Entry, path: Path, replaces: bool) -> Result<()> {
        if entry.links > 1 {
            if let Some(first) = self.names.get(&entry.file_id).cloned() {
                return self.step(Step::Link { first, path, replaces }, 1);
            }
            self.names.insert(entry.file_id, path.clone());
        }
        let blocks = entry.size / u64::from(self.fs.link.block_size());
        let weight = 1 + blocks + self.weight_of_xattrs(entry)?;
        self.step(Step::Node { path, ino: Ino(entry.file_id), replaces }, weight)
    }

    fn weight_of_xattrs(&self, entry: &Entry) -> Result<u64> {
        let inode = self.then.link.read(|state| Ok(state.inode(Ino(entry.file_id))?))?;
        Ok(inode.map_or(0, |inode| u64::from(inode.xattr_bytes) / MUCH))
    }

    fn step(&mut self, step: Step, weight: u64) -> Result<()> {
        self.steps.push(step);
        self.weight += weight;
        if self.weight >= MANY { self.flush() } else { Ok(()) }
    }

    /// Commits the steps so far, in one transaction.
    fn flush(&mut self) -> Result<()> {
        let deadline = self.fs.link.deadline();
        loop {
            let mut batch = Batch::new(self.fs)?;
            for step in &self.steps {
                self.add(step, &mut batch)?;
            }
            match batch.commit_as(true) {
                Ok(()) => break,
                // A pack died between the look and the commit.
                Err(failure) if failure.error.status() == Status::Stale && Instant::now() < deadline => {
                    self.fs.link.refresh()?;
                }
                Err(failure) => return Err(failure.error),
            }
        }
        self.steps.clear();
        self.weight = 0;
        Ok(())
    }

    fn add(&self, step: &Step, batch: &mut Batch) -> Result<()> {
        match step {
            Step::MakeDir { path, mode } => batch.create_dir(path, *mode),
            Step::Xattrs { path, from, is_new } => self.add_xattrs(path, from, *is_new, batch),
            Step::Node { path, ino, replaces } => self.add_node(path, *ino, *replaces, batch),
            Step::Link { first, path, replaces } => {
                if *replaces {
                    batch.delete(path)?;
                }
                batch.create_hard_link(first, path)
            }
            Step::Attributes { path, set } => batch.set_attributes(path, *set, false),
        }
    }

    /// A directory gets the extended attributes that it had, and no others.
    fn add_xattrs(&self, path: &Path, from: &Path, is_new: bool, batch: &mut Batch) -> Result<()> {
        let had = self.then.list_xattrs(from, false)?;
        if !is_new {
            let kept: HashSet<&str> = had.iter().map(|xattr| &xattr.name[..]).collect();
            for other in self.fs.list_xattrs(path, false)?.iter().filter(|x| !kept.contains(&x.name[..])) {
                batch.remove_xattr(path, &other.name, false)?;
            }
        }
        for xattr in &had {
            let value = self.then.xattr(from, &xattr.name, false)?;
            batch.set_xattr(path, &xattr.name, &value, XattrMode::Either, false)?;
        }
        Ok(())
    }

    fn add_node(&self, path: &Path, ino: Ino, replaces: bool, batch: &mut Batch) -> Result<()> {
        let then = &self.then.link;
        let (inode, version, xattrs) = then.read(|state| {
            let inode = state.inode(ino)?.ok_or(Stop::Corrupt("a name without an inode"))?;
            let xattrs = state.xattrs(ino).collect::<Result<Vec<_>, _>>()?;
            Ok((inode, Version::load(state, ino)?.unwrap_or_default(), xattrs))
        })?;
        let packs: HashSet<PackId> =
            version.extents.iter().filter_map(|extent| PackId::from_slice(&extent.pack)).collect();
        let live = self.fs.link.read(|state| {
            let mut live = HashSet::new();
            for pack in &packs {
                if state.pack(*pack)?.is_some_and(|record| record.live > 0) {
                    live.insert(*pack);
                }
            }
            Ok(live)
        })?;
        let former = Former { inode, extents: version.extents.clone(), xattrs };
        let is_live =
            |extent: &Extent| PackId::from_slice(&extent.pack).is_some_and(|pack| live.contains(&pack));
        batch.restore(path, replaces, former, is_live, |offset, out| version.read(then, offset, out))
    }
}

/// None if there is nothing.
fn found(looked: Result<Entry>) -> Result<Option<Entry>> {
    match looked {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.status() == Status::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn below(path: &Path, name: &str) -> Result<Path> {
    Path::parse(&format!("{}/{name}", path.text().trim_end_matches('/')))
}

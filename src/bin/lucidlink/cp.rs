//! Copying inside a filespace. Files share their blocks with their copies: no content is read or written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lucidlink::error::{Error, Status};
use lucidlink::fs::{Attributes, Entry, FileSystem, Path, Xattr};
use lucidlink::state::ops::XattrMode;
use lucidlink::state::value::Kind;
use parking_lot::Mutex;

use crate::args::{Common, Cp};
use crate::copy::{Count, THREADS, Trouble, child, make_parents, parent};
use crate::names::Names;
use crate::output::Failure;
use crate::session::{Purpose, where_it_is};
use crate::{snapshot, work};

pub(crate) fn cp(common: &Common, cp: &Cp) -> Result<(), Failure> {
    if cp.from.filespace != cp.to.filespace {
        let what = "cp works inside one filespace; use get and put to copy between two";
        return Err(Failure::Usage(what.to_owned()));
    }
    if cp.from.snapshot.is_some() {
        return snapshot::restore_copy(common, &cp.from, &cp.to, cp.recursive);
    }
    where_it_is(common, &cp.to, Purpose::Copying, |fs| {
        let (names, count) = (Names::new(), Count::new(common));
        let copy = Copy { fs, count, folders: Mutex::default(), names };
        copy.run(cp)
    })
}

struct Copy<'a> {
    fs: &'a Arc<FileSystem>,
    count: Count,
    /// Directories whose attributes are set at the end: what is put into them would change their times.
    folders: Mutex<Vec<(Path, Attributes)>>,
    /// By file id.
    names: Names<u64, Path, Item>,
}

/// A directory that is being copied.
struct Folder {
    from: Path,
    to: Path,
    /// What the target had before.
    existing: HashMap<String, Kind>,
}

/// An entry of it.
struct Item {
    folder: Arc<Folder>,
    entry: Entry,
}

impl Item {
    fn from(&self) -> Result<Path, Error> {
        child(&self.folder.from, &self.entry.name)
    }

    fn to(&self) -> Result<Path, Error> {
        child(&self.folder.to, &self.entry.name)
    }

    /// What the target has there already.
    fn existing(&self) -> Option<Kind> {
        self.folder.existing.get(&self.entry.name).copied()
    }
}

impl Copy<'_> {
    fn run(self, cp: &Cp) -> Result<(), Failure> {
        let (from, to) = (&cp.from.path, &cp.to.path);
        let entry = self.fs.entry(from, !cp.recursive)?;
        match (entry.kind, cp.recursive) {
            (Kind::Directory, true) => self.tree(from, &entry, to)?,
            (Kind::Directory, false) => {
                let what = "it is a directory; use cp -r";
                return Err(Error::new(Status::IsADirectory, what).on_path(from.text()).into());
            }
            _ => {
                if found(self.fs.entry(to, false))?.is_some_and(|there| there.file_id == entry.file_id) {
                    return Err(into_itself("they are names of the same file", to).into());
                }
                make_parents(self.fs, to)?;
                self.one(from, &entry, to, !cp.recursive)?;
            }
        }
        self.count.finish()
    }

    fn tree(&self, from: &Path, entry: &Entry, to: &Path) -> Result<(), Failure> {
        self.check_place(from, entry, to)?;
        make_parents(self.fs, to)?;
        let is_there = found(self.fs.entry(to, true))?.is_some();
        let first = self.folder(from, entry, to, is_there)?;
        work::run(THREADS, first, |item| Ok(self.count.settle(self.item(item))?.unwrap_or_default()))?;
        while let Some((first, item)) = self.names.next() {
            self.count.settle(match first {
                Some(first) => self.another_name(&first, &item),
                None => self.item(item).map(drop),
            })?;
        }
        let folders = std::mem::take(&mut *self.folders.lock());
        work::run(THREADS, folders, |(path, attributes)| {
            let set = self.fs.set_attributes(&path, attributes, true);
            self.count.settle(set.map_err(Trouble::from))?;
            Ok(Vec::new())
        })
    }

    /// Refuses a target in what is copied, also through symbolic links: the copy would have no end. Counts
    /// what there is to copy.
    fn check_place(&self, from: &Path, entry: &Entry, to: &Path) -> Result<(), Failure> {
        let mut place = Some(to.clone());
        let ends_in = loop {
            let Some(path) = place else { break None };
            match found(self.fs.entry(&path, true))? {
                Some(there) => break Some(there.file_id),
                None => place = parent(&path),
            }
        };
        let mut pending = vec![(from.clone(), entry.file_id)];
        while let Some((path, id)) = pending.pop() {
            if Some(id) == ends_in {
                return Err(into_itself("a directory cannot be copied into itself", to).into());
            }
            for entry in self.fs.read_dir(&path)? {
                match entry.kind {
                    Kind::Directory => pending.push((child(&path, &entry.name)?, entry.file_id)),
                    Kind::File => self.count.expect(entry.size),
                    Kind::Symlink | Kind::None => {}
                }
            }
        }
        Ok(())
    }

    fn item(&self, item: Item) -> Result<Vec<Item>, Trouble> {
        let (from, to) = (item.from()?, item.to()?);
        if item.entry.kind == Kind::Directory {
            // A link there would lead out of the target, or back into what is copied.
            if item.existing().is_some_and(|there| there != Kind::Directory) {
                let what = "the target is there and is not a directory; remove it";
                return Err(Error::new(Status::NotADirectory, what).on_path(to.text()).into());
            }
            return self.folder(&from, &item.entry, &to, item.existing().is_some());
        }
        let file = (item.entry.links > 1).then_some(item.entry.file_id);
        self.names.copy(file, &to, item, |item| self.one(&from, &item.entry, &to, false))?;
        Ok(Vec::new())
    }

    /// Copies a file or symbolic link with all that belongs to it.
    fn one(&self, from: &Path, entry: &Entry, to: &Path, follow: bool) -> Result<(), Trouble> {
        self.fs.copy(from, to, true, follow)?;
        self.count_one(entry);
        if entry.kind == Kind::File {
            self.count.add_bytes(entry.size);
        }
        Ok(())
    }

    /// Gives the copy of a file or symbolic link one more name.
    fn another_name(&self, first: &Path, item: &Item) -> Result<(), Trouble> {
        let to = item.to()?;
        if item.existing().is_some() {
            self.fs.delete(&to)?;
        }
        self.fs.create_hard_link(first, &to)?;
        self.count_one(&item.entry);
        Ok(())
    }

    fn count_one(&self, entry: &Entry) {
        let is_symlink = entry.kind == Kind::Symlink;
        let count = if is_symlink { &self.count.symlinks } else { &self.count.files };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn folder(&self, from: &Path, entry: &Entry, to: &Path, is_there: bool) -> Result<Vec<Item>, Trouble> {
        let existing = match is_there {
            true => self.fs.read_dir(to)?.into_iter().map(|entry| (entry.name, entry.kind)).collect(),
            false => {
                self.fs.create_dir(to, entry.mode)?;
                HashMap::new()
            }
        };
        self.xattrs(from, to)?;
        self.count.directories.fetch_add(1, Ordering::Relaxed);
        let Entry { mode, uid, gid, atime, mtime, .. } = *entry;
        let attributes = Attributes {
            mode: Some(mode),
            uid: Some(uid),
            gid: Some(gid),
            atime: Some(atime),
            mtime: Some(mtime),
        };
        self.folders.lock().push((to.clone(), attributes));
        let folder = Arc::new(Folder { from: from.clone(), to: to.clone(), existing });
        let entries = self.fs.read_dir(from)?;
        Ok(entries.into_iter().map(|entry| Item { folder: folder.clone(), entry }).collect())
    }

    /// Gives the copy of a directory its extended attributes, and no others.
    fn xattrs(&self, from: &Path, to: &Path) -> Result<(), Trouble> {
        let found = self.fs.list_xattrs(from, true)?;
        for Xattr { name, .. } in self.fs.list_xattrs(to, true)? {
            if !found.iter().any(|kept| kept.name == name) {
                self.fs.remove_xattr(to, &name, true)?;
            }
        }
        for Xattr { name, .. } in found {
            let value = self.fs.xattr(from, &name, true)?;
            self.fs.set_xattr(to, &name, &value, XattrMode::Either, true)?;
        }
        Ok(())
    }
}

/// None if there is nothing.
fn found(looked: Result<Entry, Error>) -> Result<Option<Entry>, Error> {
    match looked {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.status() == Status::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn into_itself(what: &str, to: &Path) -> Error {
    Error::new(Status::InvalidArgument, what).on_path(to.text())
}

//! Copying out of a filespace. Nothing outside the target is touched, whatever names and symbolic links the
//! filespace holds: a directory below the target is entered only if it is one itself, and a name is
//! replaced, never followed.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, hard_link};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lucidlink::error::{Error, Status};
use lucidlink::fs::{Entry, FileSystem, Mode, Path, Xattr};
use lucidlink::state::is_valid_name;
use lucidlink::state::value::Kind;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use parking_lot::Mutex;

use crate::args::{Common, Get};
use crate::attributes;
use crate::copy::{Count, Kept, THREADS, Trouble, child, data_pieces, pieces};
use crate::files::print_file;
use crate::names::Names;
use crate::output::{Failure, local};
use crate::scratch::{Scratch, remove_on_signals};
use crate::session::{Purpose, where_it_is};
use crate::work;

pub(crate) fn get(common: &Common, get: &Get) -> Result<(), Failure> {
    let to_stdout = get.local == LocalPath::new("-");
    if to_stdout && get.recursive {
        return Err(Failure::Usage("standard output takes one file; leave out -r".to_owned()));
    }
    remove_on_signals();
    where_it_is(common, &get.remote, Purpose::Reading, |fs| {
        if to_stdout {
            return print_file(fs, &get.remote.path);
        }
        let (names, count) = (Names::new(), Count::new(common));
        let copy = Copy { fs, count, folders: Mutex::default(), names };
        copy.run(get)
    })
}

struct Copy<'a> {
    fs: &'a Arc<FileSystem>,
    count: Count,
    /// Directories whose attributes are set at the end, each behind the one that it is in: what is put into
    /// them would change their times, and their modes may forbid it.
    folders: Mutex<Vec<(PathBuf, Kept)>>,
    /// By file id.
    names: Names<u64, PathBuf, Item>,
}

/// A directory that is being copied.
struct Folder {
    remote: Path,
    local: PathBuf,
}

/// An entry of it.
struct Item {
    folder: Arc<Folder>,
    entry: Entry,
}

impl Item {
    fn remote(&self) -> Result<Path, Trouble> {
        Ok(child(&self.folder.remote, &self.entry.name)?)
    }

    fn local(&self) -> PathBuf {
        self.folder.local.join(&self.entry.name)
    }
}

impl Copy<'_> {
    fn run(self, get: &Get) -> Result<(), Failure> {
        let (source, target) = (&get.remote.path, &*get.local);
        let entry = self.fs.entry(source, !get.recursive)?;
        if entry.kind == Kind::Directory && !get.recursive {
            let what = "it is a directory; use get -r";
            return Err(Error::new(Status::IsADirectory, what).on_path(source.text()).into());
        }
        make_parents(target).map_err(|e| local("make the directories above", target, e))?;
        match entry.kind {
            Kind::Directory => self.tree(source, entry, target)?,
            Kind::Symlink => self.symlink(source, &entry, target)?,
            Kind::File | Kind::None => self.one(source, &entry, target)?,
        }
        self.count.finish()
    }

    /// Copies a file to where a path leads, which may be a device or a pipe.
    fn one(&self, source: &Path, entry: &Entry, target: &LocalPath) -> Result<(), Trouble> {
        self.count.expect(entry.size);
        match target.metadata() {
            Ok(there) if there.is_dir() => Err(is_directory(target)),
            Ok(there) if there.is_file() => {
                let end = target.canonicalize().map_err(|e| unwritable(target, e))?;
                self.file(source, entry, &end)
            }
            Ok(_) => {
                let opened = OpenOptions::new().write(true).open(target);
                self.stream(source, &mut opened.map_err(|e| unwritable(target, e))?, target)
            }
            Err(_) => self.file(source, entry, target),
        }
    }

    fn tree(&self, source: &Path, entry: Entry, target: &LocalPath) -> Result<(), Failure> {
        if self.count.is_shown() {
            self.measure(source)?;
        }
        // The user's own link to a directory is followed.
        let target = match target.canonicalize() {
            Ok(end) => end,
            Err(e) if e.kind() == ErrorKind::NotFound => target.to_owned(),
            Err(e) => return Err(local("write", target, e).into()),
        };
        let first = self.folder(source, &entry, &target)?;
        work::run(THREADS, first, |item| Ok(self.count.settle(self.item(item))?.unwrap_or_default()))?;
        while let Some((first, item)) = self.names.next() {
            self.count.settle(match first {
                Some(first) => self.another_name(&first, &item),
                None => self.item(item).map(drop),
            })?;
        }
        for (path, kept) in self.folders.lock().drain(..).rev() {
            let set = set_times(&path, kept)
                .and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(kept.mode)));
            self.count.settle(set.map_err(|e| unwritable(&path, e)))?;
        }
        Ok(())
    }

    /// How much there is to copy, for the progress bar.
    fn measure(&self, source: &Path) -> Result<(), Error> {
        let mut pending = vec![source.clone()];
        while let Some(path) = pending.pop() {
            for entry in self.fs.read_dir(&path)? {
                match entry.kind {
                    Kind::Directory => pending.push(child(&path, &entry.name)?),
                    Kind::File => self.count.expect(entry.size),
                    Kind::Symlink | Kind::None => {}
                }
            }
        }
        Ok(())
    }

    /// Copies one entry, and finds what is in it.
    fn item(&self, item: Item) -> Result<Vec<Item>, Trouble> {
        let Item { folder, entry } = &item;
        if !is_valid_name(&entry.name) {
            let what = format!("the name {:?} in {:?} is none", entry.name, folder.remote.text());
            return Err(Trouble::One(Error::new(Status::Integrity, what)));
        }
        let (source, target) = (item.remote()?, item.local());
        let has_others = entry.kind != Kind::Directory && entry.links > 1;
        let file = has_others.then_some(entry.file_id);
        self.names.copy(file, &target, item, |item| self.entry(&source, &item.entry, &target))
    }

    fn entry(&self, source: &Path, entry: &Entry, target: &LocalPath) -> Result<Vec<Item>, Trouble> {
        match entry.kind {
            Kind::Directory => return self.folder(source, entry, target),
            Kind::Symlink => self.symlink(source, entry, target)?,
            Kind::File | Kind::None => self.file(source, entry, target)?,
        }
        Ok(Vec::new())
    }

    /// Gives a file or symbolic link that was copied already one more name, or copies it once more where
    /// the file system has no hard links.
    fn another_name(&self, first: &LocalPath, item: &Item) -> Result<(), Trouble> {
        let target = item.local();
        let Ok(made) = Scratch::new(folder_of(&target), |path| hard_link(first, path)) else {
            return self.entry(&item.remote()?, &item.entry, &target).map(drop);
        };
        made.rename(&target).map_err(|e| unwritable(&target, e))?;
        let is_symlink = item.entry.kind == Kind::Symlink;
        let count = if is_symlink { &self.count.symlinks } else { &self.count.files };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn folder(&self, source: &Path, entry: &Entry, target: &LocalPath) -> Result<Vec<Item>, Trouble> {
        let entries = self.fs.read_dir(source)?;
        match target.symlink_metadata() {
            Ok(there) if there.is_dir() => {
                // One that was copied before may forbid its owner to write.
                if there.mode() & 0o700 != 0o700 {
                    let open = Permissions::from_mode(there.mode() & 0o7777 | 0o700);
                    std::fs::set_permissions(target, open).map_err(|e| unwritable(target, e))?;
                }
            }
            Ok(_) => {
                let what = format!("cannot write {target:?}: it is there and is not a directory; remove it");
                return Err(Trouble::One(Error::new(Status::NotADirectory, what)));
            }
            // Nobody else may look in before its mode is set.
            Err(_) => DirBuilder::new().mode(0o700).create(target).map_err(|e| unwritable(target, e))?,
        }
        self.attributes(source, target, File::open(target).as_ref().map_err(|e| e.kind().into()))?;
        self.count.directories.fetch_add(1, Ordering::Relaxed);
        self.folders.lock().push((target.to_owned(), kept(entry)));
        let folder = Arc::new(Folder { remote: source.clone(), local: target.to_owned() });
        Ok(entries.into_iter().map(|entry| Item { folder: folder.clone(), entry }).collect())
    }

    fn symlink(&self, source: &Path, entry: &Entry, target: &LocalPath) -> Result<(), Trouble> {
        let leads_to = self.fs.read_symlink(source)?;
        let made = Scratch::new(folder_of(target), |path| symlink(&leads_to, path));
        let made = made.map_err(|e| unwritable(target, e))?;
        let renamed = set_times(made.path(), kept(entry)).and_then(|()| made.rename(target));
        renamed.map_err(|e| unwritable(target, e))?;
        self.attributes(source, target, Err(ErrorKind::Unsupported.into()))?;
        self.count.symlinks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a file, or replaces one, once all of it is there.
    fn file(&self, source: &Path, entry: &Entry, target: &LocalPath) -> Result<(), Trouble> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let made = Scratch::new(folder_of(target), |path| options.open(path));
        let mut made = made.map_err(|e| unwritable(target, e))?;
        self.content(source, made.content(), target)?;
        // Before the mode, which may forbid it.
        self.attributes(source, target, Ok(made.content()))?;
        let mode = Permissions::from_mode(kept(entry).mode);
        let whole = made.content().set_permissions(mode);
        let whole = whole.and_then(|()| set_times(made.path(), kept(entry)));
        whole.and_then(|()| made.rename(target)).map_err(|e| unwritable(target, e))
    }

    /// Gives a copy its extended attributes, and no others. Those that it cannot have are reported; the copy
    /// stays.
    fn attributes(&self, source: &Path, target: &LocalPath, to: io::Result<&File>) -> Result<(), Trouble> {
        let found = self.fs.list_xattrs(source, false)?;
        if let Ok(to) = to {
            for (name, _) in attributes::read(to).map_err(|e| unwritable(target, e))? {
                if !found.iter().any(|xattr| xattr.name.as_bytes() == name.as_bytes()) {
                    attributes::remove(to, &name).map_err(|e| unwritable(target, e))?;
                }
            }
        }
        for Xattr { name, .. } in found {
            let set = match &to {
                Ok(to) if attributes::is_local(&name) => {
                    attributes::set(to, &name, &self.fs.xattr(source, &name, false)?)
                }
                Ok(_) => Err(ErrorKind::Unsupported.into()),
                Err(error) => Err(error.kind().into()),
            };
            if let Err(error) = set {
                let what = format!("cannot give {target:?} the attribute {name:?}");
                self.count.left_out(&Error::new(Status::Io, what).caused_by(error));
            }
        }
        Ok(())
    }

    /// Gives an empty file its content; holes stay holes.
    fn content(&self, source: &Path, to: &File, target: &LocalPath) -> Result<(), Trouble> {
        let file = self.fs.open(source, Mode::parse("r")?, 0)?;
        let next = |offset| match file.seek_data(offset) {
            Ok(start) => Ok(Some(start..file.seek_hole(start)?)),
            Err(error) if error.status() == Status::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        };
        let read = |buffer: &mut [u8], offset| Ok(file.pread(offset, buffer)?);
        let (size, mut written) = (file.size()?, 0);
        data_pieces(size, next, read, |piece, offset| {
            written += piece.len() as u64;
            self.count.add_bytes(piece.len() as u64);
            to.write_all_at(piece, offset).map_err(|e| unwritable(target, e))
        })?;
        to.set_len(size).map_err(|e| unwritable(target, e))?;
        self.count.add_bytes(size - written);
        self.count.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a file's content to what has no offsets.
    fn stream(&self, source: &Path, to: &mut File, target: &LocalPath) -> Result<(), Trouble> {
        let file = self.fs.open(source, Mode::parse("r")?, 0)?;
        let read = |buffer: &mut [u8]| Ok(file.read(buffer)?);
        pieces(file.size()?, read, |piece| {
            self.count.add_bytes(piece.len() as u64);
            to.write_all(piece).map_err(|e| unwritable(target, e))
        })?;
        self.count.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn kept(entry: &Entry) -> Kept {
    Kept { mode: entry.mode & 0o7777, mtime: entry.mtime }
}

fn set_times(path: &LocalPath, kept: Kept) -> io::Result<()> {
    let (seconds, nanos) = (kept.mtime.div_euclid(1_000_000_000), kept.mtime.rem_euclid(1_000_000_000));
    let mtime = TimeSpec::new(seconds, nanos);
    Ok(utimensat(AT_FDCWD, path, &TimeSpec::UTIME_OMIT, &mtime, UtimensatFlags::NoFollowSymlink)?)
}

/// Makes the directories above the target that are missing.
fn make_parents(target: &LocalPath) -> io::Result<()> {
    std::fs::create_dir_all(folder_of(target))
}

fn folder_of(path: &LocalPath) -> &LocalPath {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(LocalPath::new("."))
}

fn is_directory(target: &LocalPath) -> Trouble {
    let what = format!("cannot write {target:?}: it is a directory; name the copy itself");
    Trouble::One(Error::new(Status::IsADirectory, what))
}

fn unwritable(path: &LocalPath, error: io::Error) -> Trouble {
    let none_can_be = matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    );
    let error = local("write", path, error);
    if none_can_be { Trouble::All(error) } else { Trouble::One(error) }
}

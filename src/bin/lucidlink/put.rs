//! Copying into a filespace.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lucidlink::error::{Error, Status};
use lucidlink::fs::{Entry, FileSystem, Mode, Path, Xattr};
use lucidlink::state::ops::XattrMode;
use lucidlink::state::value::Kind;
use parking_lot::Mutex;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::args::{Common, Put};
use crate::attributes;
use crate::copy::{Count, Kept, THREADS, Trouble, child, data_pieces, make_parents, pieces};
use crate::files::FILE_MODE;
use crate::names::Names;
use crate::output::{Failure, local};
use crate::session::{Purpose, where_it_is};
use crate::work;

/// As LOCAL: standard input.
const STDIN: &str = "-";
/// The size of what comes from no file.
const UNKNOWN: u64 = u64::MAX;
/// Files from this size on are copied one at a time: each takes memory for packs on their way.
const LARGE: u64 = 4 << 20;
/// What the system counts the room of a file in.
const BLOCK: u64 = 512;

pub(crate) fn put(common: &Common, put: &Put) -> Result<(), Failure> {
    if put.recursive && put.local == LocalPath::new(STDIN) {
        return Err(Failure::Usage("standard input is one file; leave out -r".to_owned()));
    }
    where_it_is(common, &put.remote, Purpose::Copying, |fs| {
        let (names, count) = (Names::new(), Count::new(common));
        let filespace = &put.remote.filespace;
        let copy = Copy { fs, filespace, count, folders: Mutex::default(), names, large: Mutex::new(()) };
        copy.run(put)
    })
}

struct Copy<'a> {
    fs: &'a Arc<FileSystem>,
    /// Its name.
    filespace: &'a str,
    count: Count,
    /// Directories whose attributes are set at the end: what is put into them would change their times.
    folders: Mutex<Vec<(Path, Kept)>>,
    /// By device and inode.
    names: Names<(u64, u64), Path, Item>,
    /// Held while a large file is copied.
    large: Mutex<()>,
}

/// A directory that is being copied.
struct Folder {
    local: PathBuf,
    remote: Path,
    /// What the target had before.
    existing: HashMap<String, Entry>,
}

/// An entry of it.
struct Item {
    folder: Arc<Folder>,
    name: OsString,
}

impl Item {
    fn local(&self) -> PathBuf {
        self.folder.local.join(&self.name)
    }

    /// What the target has there already.
    fn existing(&self) -> Option<&Entry> {
        self.folder.existing.get(self.name.to_str()?)
    }

    fn remote(&self) -> Result<Path, Trouble> {
        let name = self.name.to_str().ok_or_else(|| {
            let what = format!("cannot put {:?}: its name is not UTF-8; rename it", self.local());
            Trouble::One(Error::new(Status::InvalidPath, what))
        })?;
        Ok(child(&self.folder.remote, name)?)
    }
}

impl Copy<'_> {
    fn run(self, put: &Put) -> Result<(), Failure> {
        let (source, target) = (&*put.local, &put.remote.path);
        make_parents(self.fs, target)?;
        if put.recursive {
            self.tree(source, target)?;
        } else {
            self.one(source, target)?;
        }
        self.count.finish()
    }

    /// Copies what a path leads to, which may be a pipe.
    fn one(&self, source: &LocalPath, target: &Path) -> Result<(), Trouble> {
        if source == LocalPath::new(STDIN) {
            self.check_not_a_directory(target, "NAME")?;
            self.count.expect_any();
            return self.stream(&mut io::stdin().lock(), source, target, UNKNOWN, FILE_MODE);
        }
        let mut file = File::open(source).map_err(|e| unreadable(source, e))?;
        let metadata = file.metadata().map_err(|e| unreadable(source, e))?;
        if metadata.is_dir() {
            let what = format!("cannot put {source:?}: it is a directory; use put -r");
            return Err(Trouble::One(Error::new(Status::IsADirectory, what)));
        }
        let name = source.file_name().and_then(OsStr::to_str).unwrap_or("NAME");
        self.check_not_a_directory(target, name)?;
        if metadata.is_file() {
            self.count.expect(metadata.len());
            return self.file(&mut file, source, &metadata, target);
        }
        self.count.expect_any();
        self.stream(&mut file, source, target, UNKNOWN, FILE_MODE)
    }

    /// The target is the copy itself: a file is never put into a directory.
    fn check_not_a_directory(&self, target: &Path, name: &str) -> Result<(), Trouble> {
        if !self.fs.exists(target, Kind::Directory)? {
            return Ok(());
        }
        let copy = format!("{}:{}", self.filespace, child(target, name)?.text()).escape_debug().to_string();
        let what = format!("{:?} is a directory; name the copy itself: {copy}", target.text());
        Err(Error::new(Status::IsADirectory, what).into())
    }

    fn tree(&self, source: &LocalPath, target: &Path) -> Result<(), Failure> {
        let metadata = source.symlink_metadata().map_err(|e| local("read", source, e))?;
        if metadata.is_file() {
            return Ok(self.one(source, target)?);
        }
        if self.count.is_shown() {
            self.measure(source);
        }
        let existing = match self.fs.entry(target, metadata.is_dir()) {
            Ok(entry) => Some(entry),
            Err(error) if error.status() == Status::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let first = self.entry(source, &metadata, target, existing.as_ref())?;
        work::run(THREADS, first, |item| Ok(self.count.settle(self.item(item))?.unwrap_or_default()))?;
        while let Some((first, item)) = self.names.next() {
            self.count.settle(match first {
                Some(first) => self.another_name(&first, &item),
                None => self.item(item).map(drop),
            })?;
        }
        let folders = std::mem::take(&mut *self.folders.lock());
        work::run(THREADS, folders, |(path, kept)| {
            let set = self.fs.set_attributes(&path, kept.into(), true);
            self.count.settle(set.map_err(Trouble::from))?;
            Ok(Vec::new())
        })
    }

    /// How much there is to copy, for the progress bar; what cannot be read is reported when it is copied.
    fn measure(&self, source: &LocalPath) {
        let mut pending = vec![source.to_owned()];
        while let Some(path) = pending.pop() {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_file() {
                self.count.expect(metadata.len());
            } else if metadata.is_dir() {
                pending.extend(path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
            }
        }
    }

    fn item(&self, item: Item) -> Result<Vec<Item>, Trouble> {
        let (source, target) = (item.local(), item.remote()?);
        let metadata = source.symlink_metadata().map_err(|e| unreadable(&source, e))?;
        let has_others = !metadata.is_dir() && metadata.nlink() > 1;
        let file = has_others.then(|| (metadata.dev(), metadata.ino()));
        self.names.copy(file, &target, item, |item| self.entry(&source, &metadata, &target, item.existing()))
    }

    /// Gives a file or symbolic link that was copied already one more name.
    fn another_name(&self, first: &Path, item: &Item) -> Result<(), Trouble> {
        let target = item.remote()?;
        match item.existing() {
            Some(there) if there.kind == Kind::Directory => return Err(is_directory(&target)),
            Some(_) => self.fs.delete(&target)?,
            None => {}
        }
        self.fs.create_hard_link(first, &target)?;
        let is_symlink = item.local().is_symlink();
        let count = if is_symlink { &self.count.symlinks } else { &self.count.files };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Copies one entry, and finds what is in it.
    fn entry(
        &self,
        source: &LocalPath,
        metadata: &Metadata,
        target: &Path,
        existing: Option<&Entry>,
    ) -> Result<Vec<Item>, Trouble> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.folder(source, metadata, target, existing);
        }
        if existing.is_some_and(|there| there.kind == Kind::Directory) {
            return Err(is_directory(target));
        }
        if kind.is_symlink() {
            self.symlink(source, metadata, target, existing.is_some())?;
        } else if kind.is_file() {
            // A file that became a link or a pipe meanwhile is neither followed nor waited for.
            let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
            let mut options = OpenOptions::new();
            let opened = options.read(true).custom_flags(flags).open(source);
            let mut file = opened.map_err(|e| unreadable(source, e))?;
            let metadata = file.metadata().map_err(|e| unreadable(source, e))?;
            if !metadata.is_file() {
                return Err(special(source));
            }
            // The link itself is replaced, not what it leads to, and one name, not what others show.
            if existing.is_some_and(|there| there.kind == Kind::Symlink || there.links > 1) {
                self.fs.delete(target)?;
            }
            self.file(&mut file, source, &metadata, target)?;
        } else {
            return Err(special(source));
        }
        Ok(Vec::new())
    }

    fn folder(
        &self,
        source: &LocalPath,
        metadata: &Metadata,
        target: &Path,
        existing: Option<&Entry>,
    ) -> Result<Vec<Item>, Trouble> {
        let existing = match existing.map(|there| there.kind) {
            None => {
                self.fs.create_dir(target, kept(metadata).mode)?;
                HashMap::new()
            }
            Some(Kind::Directory) => {
                self.fs.read_dir(target)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect()
            }
            Some(_) => {
                let what = "the target is there and is not a directory; remove it";
                return Err(Error::new(Status::NotADirectory, what).on_path(target.text()).into());
            }
        };
        self.count.directories.fetch_add(1, Ordering::Relaxed);
        self.folders.lock().push((target.clone(), kept(metadata)));
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_DIRECTORY;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(source);
        self.attributes(&opened.map_err(|e| unreadable(source, e))?, source, target)?;
        let listed = source.read_dir().and_then(|list| list.map(|e| Ok(e?.file_name())).collect());
        let mut names: Vec<OsString> = listed.map_err(|e| unreadable(source, e))?;
        names.sort_unstable();
        let folder = Arc::new(Folder { local: source.to_owned(), remote: target.clone(), existing });
        Ok(names.into_iter().map(|name| Item { folder: folder.clone(), name }).collect())
    }

    fn symlink(
        &self,
        source: &LocalPath,
        metadata: &Metadata,
        target: &Path,
        is_there: bool,
    ) -> Result<(), Trouble> {
        let leads_to = source.read_link().map_err(|e| unreadable(source, e))?;
        let leads_to = leads_to.to_str().ok_or_else(|| {
            let what = format!("cannot put {source:?}: the link's target is not UTF-8");
            Trouble::One(Error::new(Status::InvalidPath, what))
        })?;
        if is_there {
            self.fs.delete(target)?;
        }
        self.fs.create_symlink(leads_to, target)?;
        self.fs.set_attributes(target, kept(metadata).into(), false)?;
        self.count.symlinks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn file(
        &self,
        file: &mut File,
        source: &LocalPath,
        metadata: &Metadata,
        target: &Path,
    ) -> Result<(), Trouble> {
        let _alone = (metadata.len() >= LARGE).then(|| self.large.lock());
        let kept = kept(metadata);
        // What the system makes as it is read has no blocks either, but no size.
        match metadata.blocks().saturating_mul(BLOCK) < metadata.len() {
            true => self.sparse(file, source, target, metadata.len(), kept.mode)?,
            false => self.stream(file, source, target, metadata.len(), kept.mode)?,
        }
        self.attributes(file, source, target)?;
        Ok(self.fs.set_attributes(target, kept.into(), true)?)
    }

    /// Gives the copy of a file or directory its extended attributes. Of those that it had, the ones remain
    /// that no local file can have. What it cannot have is reported; the copy stays.
    fn attributes(&self, file: &File, source: &LocalPath, target: &Path) -> Result<(), Trouble> {
        let found = attributes::read(file).map_err(|e| unreadable(source, e))?;
        for Xattr { name, .. } in self.fs.list_xattrs(target, true)? {
            if attributes::is_local(&name)
                && !found.iter().any(|(kept, _)| kept.as_bytes() == name.as_bytes())
            {
                self.fs.remove_xattr(target, &name, true)?;
            }
        }
        for (name, value) in found {
            match name.to_str() {
                Ok(name) => self.fs.set_xattr(target, name, &value, XattrMode::Either, true)?,
                Err(_) => {
                    let what =
                        format!("cannot put the attribute {name:?} of {source:?}: its name is not UTF-8");
                    self.count.left_out(&Error::new(Status::InvalidArgument, what));
                }
            }
        }
        Ok(())
    }

    /// Copies a file without its holes; it is published when all of it is there.
    fn sparse(
        &self,
        from: &File,
        source: &LocalPath,
        target: &Path,
        size: u64,
        mode: u32,
    ) -> Result<(), Trouble> {
        let file = self.fs.open(target, Mode::parse("w")?, mode)?;
        let next = |offset| next_data(from, offset).map_err(|e| unreadable(source, e));
        let read =
            |buffer: &mut [u8], offset| from.read_at(buffer, offset).map_err(|e| unreadable(source, e));
        let mut written = 0;
        let end = data_pieces(size, next, read, |piece, offset| {
            written += piece.len() as u64;
            self.count.add_bytes(piece.len() as u64);
            Ok(file.pwrite(offset, piece).map(drop)?)
        })?;
        let size = match end {
            Some(end) => end,
            None => from.metadata().map_err(|e| unreadable(source, e))?.len(),
        };
        file.truncate(size)?;
        file.close()?;
        self.count.add_bytes(size.saturating_sub(written));
        self.count.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Copies what can be read; it is published when all of it is there.
    fn stream(
        &self,
        from: &mut impl Read,
        source: &LocalPath,
        target: &Path,
        size: u64,
        mode: u32,
    ) -> Result<(), Trouble> {
        let file = self.fs.open(target, Mode::parse("w")?, mode)?;
        let read = |buffer: &mut [u8]| from.read(buffer).map_err(|e| unreadable(source, e));
        pieces(size, read, |piece| {
            self.count.add_bytes(piece.len() as u64);
            Ok(file.write(piece).map(drop)?)
        })?;
        file.close()?;
        self.count.files.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The first data of a file from an offset on; all that follows, where the file system knows no holes.
fn next_data(file: &File, offset: u64) -> io::Result<Option<Range<u64>>> {
    let found = seek(file, SeekFrom::Data(offset))
        .and_then(|start| seek(file, SeekFrom::Hole(start)).map(|end| start..end));
    match found {
        Ok(data) => Ok(Some(data)),
        // There is none, or the file was cut between the two.
        Err(Errno::NXIO) => Ok(None),
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(Some(offset..u64::MAX)),
        Err(error) => Err(error.into()),
    }
}

fn kept(metadata: &Metadata) -> Kept {
    let mtime = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Kept { mode: metadata.mode() & 0o7777, mtime }
}

fn unreadable(path: &LocalPath, error: io::Error) -> Trouble {
    Trouble::One(local("read", path, error))
}

fn is_directory(target: &Path) -> Trouble {
    let what = "the target is there and is a directory; remove it";
    Error::new(Status::IsADirectory, what).on_path(target.text()).into()
}

fn special(path: &LocalPath) -> Trouble {
    let what = format!("cannot put {path:?}: it is no file, directory or symbolic link");
    Trouble::One(Error::new(Status::InvalidArgument, what))
}

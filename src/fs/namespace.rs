//! Making, moving and removing names; attributes. Each call is one transaction.

use super::path::Path;
use super::resolve::{Existing, Last, resolve};
use super::{FileSystem, check_deadline, failed};
use crate::error::{Error, Result, Status};
use crate::filespace::{CommitMode, Draft, ReadError, View};
use crate::ids::Ino;
use crate::state::ops::{
    Hop, Link, MakeDir, Op, Reap, Remove, Rename, SetAttributes, Symlink, Transaction, Truncate,
};
use crate::state::value::Kind;
use crate::state::{MAX_TARGET, MODE_MASK, Source, Tables, key};

/// Entries freed by one operation when a tree is removed.
const REAP_LIMIT: u32 = 1024;
/// Owner and group of what this library makes: it has no users of its own.
const NOBODY: u32 = 0;

/// Attributes to set; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Access time, nanoseconds since 1970.
    pub atime: Option<i64>,
    /// Modification time, nanoseconds since 1970.
    pub mtime: Option<i64>,
}

impl FileSystem {
    /// Makes a directory and the directories above it that are missing. The path itself must not exist.
    pub fn create_dir(&self, path: &Path, mode: u32) -> Result<()> {
        let is_background = self.link.commit_mode() == CommitMode::Background;
        let inos: Vec<Ino> = path.names().map(|_| self.link.new_ino()).collect::<Result<_>>()?;
        let time = self.link.env().clock.now();
        self.mutate(path, |state| {
            let depth = path.names().len();
            for have in 1..=depth {
                let prefix = path.prefix(have);
                let here = resolve(state, &self.root, &prefix, Last::Name)?;
                match here.found.as_ref().map(|(_, inode)| inode.kind()) {
                    Some(_) if have == depth => break,
                    Some(Kind::Symlink) => {
                        let target = resolve(state, &self.root, &prefix, Last::Follow)?.existing(path)?;
                        require_dir(target.inode.kind(), path)?;
                        continue;
                    }
                    Some(kind) => {
                        require_dir(kind, path)?;
                        continue;
                    }
                    None => {}
                }
                let place = here.vacant(path, true)?;
                let mut parent = place.parent;
                let first = std::iter::once(place.name.as_str());
                let names = first.chain(path.names().skip(have));
                let mut ops = Vec::new();
                for (level, (name, ino)) in names.zip(&inos[have - 1..]).enumerate() {
                    ops.push(
                        Op::MakeDir(MakeDir {
                            parent: parent.0,
                            name: name.to_owned(),
                            ino: ino.0,
                            mode: mode & MODE_MASK,
                            uid: NOBODY,
                            gid: NOBODY,
                            time,
                            // Others may make the same one before this is committed: it is one then.
                            existing_ok: have + level < depth || is_background,
                        })
                        .wrap(),
                    );
                    parent = *ino;
                }
                return Ok(Draft::new(Transaction { hops: place.hops, ops }));
            }
            Err(Error::new(Status::Exists, "the name exists already").on_path(path.text()).into())
        })?;
        Ok(())
    }

    /// Makes an empty file. The path must not exist.
    pub fn create(&self, path: &Path, mode: u32) -> Result<()> {
        self.create_exclusive(path, mode).map(drop)
    }

    /// Removes a directory: an empty one, or with everything below it at once.
    pub fn delete_dir(&self, path: &Path, recursive: bool) -> Result<()> {
        let time = self.link.env().clock.now();
        self.publish_below(path, Last::Name, recursive)?;
        self.mutate(path, |state| {
            let found = resolve(state, &self.root, path, Last::Name)?.existing(path)?;
            if found.inode.kind() != Kind::Directory {
                let what = "not a directory; use delete for files";
                return Err(Error::new(Status::NotADirectory, what).on_path(path.text()).into());
            }
            let remove = removal(found, path, time)?;
            let ino = Ino(remove.1.ino);
            if !recursive && state.dentries(ino, None).next().transpose()?.is_some() {
                return Err(Error::new(Status::NotEmpty, "the directory is not empty")
                    .on_path(path.text())
                    .into());
            }
            let op = if recursive { Op::RemoveTree(remove.1) } else { Op::RemoveDir(remove.1) };
            Ok(Draft::new(Transaction { hops: remove.0, ops: vec![op.wrap()] }))
        })?;
        // The tree is gone. Freeing it is housekeeping that whoever removes the next one goes on with.
        if recursive && let Err(error) = self.reap(path) {
            crate::report::warn(|| format!("a removed directory is not freed yet: {error}"));
        }
        Ok(())
    }

    /// Frees detached trees, whoever detached them, in bounded steps.
    fn reap(&self, path: &Path) -> Result<()> {
        let deadline = self.link.deadline();
        loop {
            let (from, to) = key::detached_all();
            let root = self.link.read(|state| Ok(state.first(&from, &to)?))?;
            let Some(root) = root.and_then(|(key, _)| key::ino_of(&key)) else { return Ok(()) };
            let reap = Draft::of(Op::Reap(Reap { root: root.0, limit: REAP_LIMIT }));
            match self.link.transact(path.text(), false, deadline, |_| Ok(reap.clone()))? {
                Ok(_) => {}
                Err(error) => return Err(failed(error, path)),
            }
            check_deadline(deadline, path)?;
        }
    }

    /// Removes a name of a file or symbolic link.
    pub fn delete(&self, path: &Path) -> Result<()> {
        let time = self.link.env().clock.now();
        self.publish_below(path, Last::Name, false)?;
        self.mutate(path, |state| {
            let found = resolve(state, &self.root, path, Last::Name)?.existing(path)?;
            if found.inode.kind() == Kind::Directory {
                let what = "it is a directory; use delete_dir";
                return Err(Error::new(Status::IsADirectory, what).on_path(path.text()).into());
            }
            let (hops, remove) = removal(found, path, time)?;
            Ok(Draft::new(Transaction { hops, ops: vec![Op::Unlink(remove).wrap()] }))
        })?;
        Ok(())
    }

    /// Gives a file, directory or symbolic link another path. What has it already is an error, or is
    /// replaced as POSIX `rename` does.
    pub fn rename(&self, from: &Path, to: &Path, replace: bool) -> Result<()> {
        let time = self.link.env().clock.now();
        self.publish_below(from, Last::Name, true)?;
        self.change(from, to, false, |state| {
            let source = resolve(state, &self.root, from, Last::Name)?.existing(from)?;
            let is_dir = source.inode.kind() == Kind::Directory;
            if source.name.is_empty() {
                let what = "the root cannot be moved";
                return Err(Error::new(Status::InvalidArgument, what).on_path(from.text()).into());
            }
            let target = resolve(state, &self.root, to, Last::Name)?;
            let (parent, name, mut hops) = match &target.found {
                Some(_) if !replace || target.name.is_empty() => {
                    return Err(Error::new(Status::Exists, "the target exists already")
                        .on_path(to.text())
                        .into());
                }
                Some((_, inode)) if target.must_be_dir() && inode.kind() != Kind::Directory => {
                    let what = "the target ends in '/' but is not a directory";
                    return Err(Error::new(Status::NotADirectory, what).on_path(to.text()).into());
                }
                Some(_) if target.must_be_dir() && !is_dir => {
                    let what = "the target is a directory, what is moved is not";
                    return Err(Error::new(Status::IsADirectory, what).on_path(to.text()).into());
                }
                Some(_) => (target.parent, target.name, target.hops),
                None => {
                    let place = target.vacant(to, is_dir)?;
                    (place.parent, place.name, place.hops)
                }
            };
            hops.extend(source.hops);
            let rename = Rename {
                from_parent: source.parent.0,
                from_name: source.name,
                ino: source.ino.0,
                to_parent: parent.0,
                to_name: name,
                replace,
                time,
            };
            Ok(Draft::new(Transaction { hops, ops: vec![Op::Rename(rename).wrap()] }))
        })?;
        Ok(())
    }

    /// Makes a symbolic link to `target`, which need not exist; 1 to 4096 bytes.
    pub fn create_symlink(&self, target: &str, path: &Path) -> Result<()> {
        if !(1..=MAX_TARGET).contains(&target.len()) || target.contains('\0') {
            let what = "the target of a symbolic link has 1 to 4096 bytes and no NUL";
            return Err(Error::new(Status::InvalidArgument, what).on_path(path.text()));
        }
        let ino = self.link.new_ino()?;
        let time = self.link.env().clock.now();
        self.mutate(path, |state| {
            let place = resolve(state, &self.root, path, Last::Name)?.vacant(path, false)?;
            let symlink = Symlink {
                parent: place.parent.0,
                name: place.name,
                ino: ino.0,
                target: target.to_owned(),
                uid: NOBODY,
                gid: NOBODY,
                time,
            };
            Ok(Draft::new(Transaction { hops: place.hops, ops: vec![Op::Symlink(symlink).wrap()] }))
        })?;
        Ok(())
    }

    /// Gives a file or symbolic link another name.
    pub fn create_hard_link(&self, existing: &Path, path: &Path) -> Result<()> {
        let time = self.link.env().clock.now();
        self.publish_below(existing, Last::Name, false)?;
        self.change(existing, path, false, |state| {
            let source = resolve(state, &self.root, existing, Last::Name)?.existing(existing)?;
            if source.inode.kind() == Kind::Directory {
                let what = "a directory has one name only";
                return Err(Error::new(Status::IsADirectory, what).on_path(existing.text()).into());
            }
            let place = resolve(state, &self.root, path, Last::Name)?.vacant(path, false)?;
            let mut hops = source.all_hops();
            hops.extend(place.hops);
            let link = Link { parent: place.parent.0, name: place.name, ino: source.ino.0, time };
            Ok(Draft::new(Transaction { hops, ops: vec![Op::Link(link).wrap()] }))
        })?;
        Ok(())
    }

    /// Sets attributes; `follow` says whether a symbolic link at the end of the path is followed.
    pub fn set_attributes(&self, path: &Path, set: Attributes, follow: bool) -> Result<()> {
        let time = self.link.env().clock.now();
        let last = if follow { Last::Follow } else { Last::NoFollow };
        self.publish_below(path, last, false)?;
        self.mutate(path, |state| {
            let found = resolve(state, &self.root, path, last)?.existing(path)?;
            let Attributes { mode, uid, gid, atime, mtime } = set;
            let op = SetAttributes { ino: found.ino.0, mode, uid, gid, atime, mtime, time };
            Ok(Draft::new(Transaction { hops: found.all_hops(), ops: vec![Op::SetAttributes(op).wrap()] }))
        })?;
        Ok(())
    }

    /// Sets the size of a file; what is cut is gone, what is added reads as zeros.
    pub fn truncate(&self, path: &Path, size: u64) -> Result<()> {
        let time = self.link.env().clock.now();
        self.publish_below(path, Last::Follow, false)?;
        self.mutate(path, |state| {
            let found = existing_file(state, &self.root, path)?;
            let op = Truncate { ino: found.ino.0, size, time };
            Ok(Draft::new(Transaction { hops: found.all_hops(), ops: vec![Op::Truncate(op).wrap()] }))
        })?;
        Ok(())
    }
}

/// The file at the end of a path.
pub(super) fn existing_file(state: &View, root: &Path, path: &Path) -> Result<Existing, ReadError> {
    let found = resolve(state, root, path, Last::Follow)?.existing(path)?;
    match found.inode.kind() {
        Kind::File => Ok(found),
        _ => {
            Err(Error::new(Status::IsADirectory, "it is a directory, not a file").on_path(path.text()).into())
        }
    }
}

fn require_dir(kind: Kind, path: &Path) -> Result<()> {
    match kind {
        Kind::Directory => Ok(()),
        _ => Err(Error::new(Status::NotADirectory, "a component of the path is not a directory")
            .on_path(path.text())),
    }
}

fn removal(found: Existing, path: &Path, time: i64) -> Result<(Vec<Hop>, Remove)> {
    if found.name.is_empty() {
        return Err(Error::new(Status::InvalidArgument, "the root cannot be removed").on_path(path.text()));
    }
    let remove = Remove { parent: found.parent.0, name: found.name, ino: found.ino.0, time };
    Ok((found.hops, remove))
}

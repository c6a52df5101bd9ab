//! Names: directories, files, symbolic and hard links, moving and removing. Judged serially at their
//! place in the log, so there are no rename races to lock against.

use super::apply::Judge;
use super::ops::{Create, Link, MakeDir, Reap, Remove, Rename, SetAttributes, Symlink};
use super::source::{Source, Tables};
use super::value::{Dentry, Inode, Kind};
use super::{Failure, Refusal, key};
use crate::ids::Ino;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest target of a symbolic link, in bytes.
pub const MAX_TARGET: usize = 4096;
/// The permission bits that are kept.
pub const MODE_MASK: u32 = 0o7777;
const MAX_LINKS: u32 = 1 << 30;

/// Whether a directory may have this name.
pub fn is_valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.bytes().any(|b| b == b'/' || b == 0)
}

impl Judge<'_> {
    pub(super) fn make_dir(&mut self, op: &MakeDir) -> Result<(), Failure> {
        let parent = self.directory(op.parent)?;
        if let Some(found) = self.name(parent, &op.name)? {
            return match (found.kind(), op.existing_ok) {
                (Kind::Directory, true) => self.redirect(op.ino, found.ino()),
                // The author wants to go through it: it resolves the path again.
                (_, true) => Err(Refusal::StalePath.into()),
                (_, false) => Err(Refusal::Exists.into()),
            };
        }
        let mode = op.mode & MODE_MASK;
        let inode = Inode { mode, uid: op.uid, gid: op.gid, ..new_inode(Kind::Directory, op.time) };
        self.add(parent, &op.name, op.ino, inode, op.time)
    }

    pub(super) fn create(&mut self, op: &Create) -> Result<(), Failure> {
        let parent = self.directory(op.parent)?;
        if let Some(found) = self.name(parent, &op.name)? {
            return match found.kind() {
                _ if op.exclusive => Err(Refusal::Exists.into()),
                Kind::File => self.redirect(op.ino, found.ino()),
                Kind::Directory => Err(Refusal::IsADirectory.into()),
                // The author resolved the path before this link was here.
                Kind::Symlink | Kind::None => Err(Refusal::StalePath.into()),
            };
        }
        let inode =
            Inode { mode: op.mode & MODE_MASK, uid: op.uid, gid: op.gid, ..new_inode(Kind::File, op.time) };
        self.add(parent, &op.name, op.ino, inode, op.time)
    }

    pub(super) fn symlink(&mut self, op: &Symlink) -> Result<(), Failure> {
        let parent = self.directory(op.parent)?;
        if !(1..=MAX_TARGET).contains(&op.target.len()) || op.target.contains('\0') {
            return Err(Refusal::Invalid.into());
        }
        if self.name(parent, &op.name)?.is_some() {
            return Err(Refusal::Exists.into());
        }
        let inode = Inode {
            mode: 0o777,
            uid: op.uid,
            gid: op.gid,
            size: op.target.len() as u64,
            target: op.target.clone(),
            ..new_inode(Kind::Symlink, op.time)
        };
        self.add(parent, &op.name, op.ino, inode, op.time)
    }

    pub(super) fn link(&mut self, op: &Link) -> Result<(), Failure> {
        let parent = self.directory(op.parent)?;
        let ino = self.redirected(Ino(op.ino));
        let mut inode = self.scratch.inode(ino)?.ok_or(Refusal::StalePath)?;
        if inode.kind() == Kind::Directory {
            return Err(Refusal::IsADirectory.into());
        }
        if self.name(parent, &op.name)?.is_some() {
            return Err(Refusal::Exists.into());
        }
        if inode.links >= MAX_LINKS {
            return Err(Refusal::TooLarge.into());
        }
        inode.links += 1;
        inode.ctime = op.time;
        (inode.parent, inode.name) = (parent.0, op.name.clone());
        self.scratch.put_message(key::inode(ino), &inode);
        self.scratch.put_message(key::dentry(parent, &op.name), &Dentry::new(ino, inode.kind()));
        self.touch(parent, op.time)
    }

    pub(super) fn unlink(&mut self, op: &Remove) -> Result<(), Failure> {
        let (parent, found) = self.expected(op.parent, &op.name, op.ino)?;
        if found.kind() == Kind::Directory {
            return Err(Refusal::IsADirectory.into());
        }
        self.scratch.remove(key::dentry(parent, &op.name));
        self.drop_name(found.ino(), op.time)?;
        self.touch(parent, op.time)
    }

    pub(super) fn remove_dir(&mut self, op: &Remove) -> Result<(), Failure> {
        let (parent, found) = self.expected(op.parent, &op.name, op.ino)?;
        self.require_empty_dir(found)?;
        self.scratch.remove(key::dentry(parent, &op.name));
        self.remove_inode(found.ino())?;
        self.touch(parent, op.time)
    }

    pub(super) fn remove_tree(&mut self, op: &Remove) -> Result<(), Failure> {
        let (parent, found) = self.expected(op.parent, &op.name, op.ino)?;
        if found.kind() != Kind::Directory {
            return Err(Refusal::NotADirectory.into());
        }
        self.scratch.remove(key::dentry(parent, &op.name));
        self.scratch.put(key::detached(found.ino()), Vec::new());
        self.touch(parent, op.time)
    }

    /// Frees entries of a detached directory; a directory in it is detached in turn, so that the work of
    /// one operation is bounded whatever the depth.
    pub(super) fn reap(&mut self, op: &Reap) -> Result<(), Failure> {
        let root = Ino(op.root);
        if self.scratch.get(&key::detached(root))?.is_none() {
            return Ok(()); // another client was faster
        }
        let limit = op.limit.clamp(1, 4096) as usize;
        let entries: Vec<_> = self.scratch.dentries(root, None).take(limit).collect::<Result<_, _>>()?;
        let emptied = entries.len() < limit;
        for (name, dentry) in entries {
            let name = std::str::from_utf8(&name).map_err(|_| Refusal::Invalid)?;
            self.scratch.remove(key::dentry(root, name));
            match dentry.kind() {
                Kind::Directory => self.scratch.put(key::detached(dentry.ino()), Vec::new()),
                _ => self.drop_name(dentry.ino(), 0)?,
            }
        }
        if emptied {
            self.scratch.remove(key::detached(root));
            self.remove_inode(root)?;
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, op: &Rename) -> Result<(), Failure> {
        let (from, moved) = self.expected(op.from_parent, &op.from_name, op.ino)?;
        let to = self.directory(op.to_parent)?;
        let is_dir = moved.kind() == Kind::Directory;
        let target = self.name(to, &op.to_name)?;
        if target.is_some() && !op.replace {
            return Err(Refusal::Exists.into());
        }
        if is_dir && self.is_inside(to, moved.ino())? {
            return Err(Refusal::MoveIntoItself.into());
        }
        if let Some(target) = target {
            if target.ino() == moved.ino() {
                return Ok(()); // two names of one file: POSIX leaves both
            }
            match (is_dir, target.kind() == Kind::Directory) {
                (true, false) => return Err(Refusal::NotADirectory.into()),
                (false, true) => return Err(Refusal::IsADirectory.into()),
                (true, true) => {
                    self.require_empty_dir(target)?;
                    self.remove_inode(target.ino())?;
                }
                (false, false) => {}
            }
        }
        self.scratch.remove(key::dentry(from, &op.from_name));
        self.scratch.put_message(key::dentry(to, &op.to_name), &moved);
        if let Some(target) = target.filter(|_| !is_dir) {
            self.drop_name(target.ino(), op.time)?;
        }
        let mut inode = self.scratch.inode(moved.ino())?.ok_or(Refusal::StalePath)?;
        inode.ctime = op.time;
        (inode.parent, inode.name) = (to.0, op.to_name.clone());
        self.scratch.put_message(key::inode(moved.ino()), &inode);
        self.touch(from, op.time)?;
        self.touch(to, op.time)
    }

    pub(super) fn set_attributes(&mut self, op: &SetAttributes) -> Result<(), Failure> {
        let ino = self.redirected(Ino(op.ino));
        let mut inode = self.scratch.inode(ino)?.ok_or(Refusal::Deleted)?;
        inode.mode = op.mode.map_or(inode.mode, |m| m & MODE_MASK);
        inode.uid = op.uid.unwrap_or(inode.uid);
        inode.gid = op.gid.unwrap_or(inode.gid);
        inode.atime = op.atime.unwrap_or(inode.atime);
        inode.mtime = op.mtime.unwrap_or(inode.mtime);
        inode.ctime = op.time;
        self.scratch.put_message(key::inode(ino), &inode);
        Ok(())
    }

    /// The directory of an operation.
    pub(super) fn directory(&self, number: u64) -> Result<Ino, Failure> {
        let ino = self.redirected(Ino(number));
        match self.scratch.inode(ino)? {
            Some(inode) if inode.kind() == Kind::Directory => Ok(ino),
            Some(_) => Err(Refusal::NotADirectory.into()),
            None => Err(Refusal::StalePath.into()),
        }
    }

    pub(super) fn name(&self, parent: Ino, name: &str) -> Result<Option<Dentry>, Failure> {
        if !is_valid_name(name) {
            return Err(Refusal::Invalid.into());
        }
        Ok(self.scratch.dentry(parent, name)?)
    }

    /// What is under a name, if it is what the author saw there.
    fn expected(&self, parent: u64, name: &str, ino: u64) -> Result<(Ino, Dentry), Failure> {
        let parent = self.directory(parent)?;
        match self.name(parent, name)? {
            Some(found) if found.ino() == self.redirected(Ino(ino)) => Ok((parent, found)),
            _ => Err(Refusal::StalePath.into()),
        }
    }

    fn require_empty_dir(&self, dentry: Dentry) -> Result<(), Failure> {
        if dentry.kind() != Kind::Directory {
            return Err(Refusal::NotADirectory.into());
        }
        match self.scratch.dentries(dentry.ino(), None).next().transpose()? {
            Some(_) => Err(Refusal::NotEmpty.into()),
            None => Ok(()),
        }
    }

    /// Whether a directory is this one or below it. A detached directory is below none: its parent may be gone, and
    /// its number may be another's by now.
    fn is_inside(&self, mut directory: Ino, ancestor: Ino) -> Result<bool, Failure> {
        loop {
            if directory == ancestor {
                return Ok(true);
            }
            if self.scratch.get(&key::detached(directory))?.is_some() {
                return Ok(false);
            }
            match self.scratch.inode(directory)? {
                Some(inode) if directory != Ino::ROOT => directory = Ino(inode.parent),
                _ => return Ok(false),
            }
        }
    }

    /// Gives a new inode its first name.
    pub(super) fn add(
        &mut self,
        parent: Ino,
        name: &str,
        number: u64,
        inode: Inode,
        time: i64,
    ) -> Result<(), Failure> {
        let ino = self.new_ino(number)?;
        match inode.kind() {
            Kind::Directory => self.counters.directories += 1,
            Kind::Symlink => self.counters.symlinks += 1,
            Kind::File | Kind::None => self.counters.files += 1,
        }
        self.scratch.put_message(key::dentry(parent, name), &Dentry::new(ino, inode.kind()));
        let (version, name) = (self.at.0, name.to_owned());
        self.scratch.put_message(key::inode(ino), &Inode { version, parent: parent.0, name, ..inode });
        self.touch(parent, time)
    }

    /// An inode number is the author's to give, once.
    fn new_ino(&self, number: u64) -> Result<Ino, Failure> {
        let ino = Ino(number);
        if ino.session() != self.author || self.scratch.inode(ino)?.is_some() {
            return Err(Refusal::BadInode.into());
        }
        Ok(ino)
    }

    /// A name of a file or symbolic link leads elsewhere by now; with the last one it is gone.
    pub(super) fn drop_name(&mut self, ino: Ino, time: i64) -> Result<(), Failure> {
        let Some(mut inode) = self.scratch.inode(ino)? else { return Ok(()) };
        if inode.links > 1 {
            inode.links -= 1;
            inode.ctime = inode.ctime.max(time);
            if !inode.name.is_empty() {
                let last = self.scratch.dentry(Ino(inode.parent), &inode.name)?;
                if last.map(|dentry| dentry.ino()) != Some(ino) {
                    (inode.parent, inode.name) = (0, String::new());
                }
            }
            self.scratch.put_message(key::inode(ino), &inode);
            return Ok(());
        }
        self.remove_inode(ino)
    }

    /// Removes an inode that has no name any more, with all that it has.
    fn remove_inode(&mut self, ino: Ino) -> Result<(), Failure> {
        let Some(inode) = self.scratch.inode(ino)? else { return Ok(()) };
        match inode.kind() {
            Kind::Directory => self.counters.directories = self.counters.directories.wrapping_sub(1),
            Kind::Symlink => self.counters.symlinks = self.counters.symlinks.wrapping_sub(1),
            Kind::File | Kind::None => {
                self.discard_content(ino)?;
                self.counters.files = self.counters.files.wrapping_sub(1);
                self.counters.add_bytes(-i128::from(inode.size));
            }
        }
        if inode.xattrs > 0 {
            self.discard_xattrs(ino)?;
        }
        self.scratch.remove(key::inode(ino));
        Ok(())
    }

    fn touch(&mut self, directory: Ino, time: i64) -> Result<(), Failure> {
        let mut inode = self.scratch.inode(directory)?.ok_or(Refusal::StalePath)?;
        inode.mtime = time;
        inode.ctime = time;
        inode.version = self.at.0;
        self.scratch.put_message(key::inode(directory), &inode);
        Ok(())
    }
}

fn new_inode(kind: Kind, time: i64) -> Inode {
    Inode {
        kind: kind.into(),
        links: 1,
        mtime: time,
        ctime: time,
        btime: time,
        atime: time,
        ..Inode::default()
    }
}

//! From a path to an inode, noting each step: apply checks the steps at the transaction's place in the
//! log, so that a directory renamed meanwhile never gets a file that was meant for another.

use super::path::Path;
use crate::error::{Error, Status};
use crate::filespace::ReadError;
use crate::ids::Ino;
use crate::state::ops::Hop;
use crate::state::value::{Inode, Kind};
use crate::state::{Source, Stop, Tables};

/// How many symbolic links one path may lead through, as POSIX systems allow.
const MAX_SYMLINKS: u32 = 40;

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The directory that has (or would get) the last name; the root itself for the root.
    pub(crate) parent: Ino,
    /// The last name; empty for the root.
    pub(crate) name: String,
    /// What is there.
    pub(crate) found: Option<(Ino, Inode)>,
    /// The steps to `parent`, and to symbolic links followed on the way.
    pub(crate) hops: Vec<Hop>,
    /// A trailing slash asked for a directory.
    must_be_dir: bool,
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    /// Only if the path ends in `/`.
    NoFollow,
    /// Never: the call is about the name itself.
    Name,
}

/// Resolves a path below the link's root. All but the last name must exist.
pub(crate) fn resolve(
    state: &impl Source,
    root: &Path,
    path: &Path,
    last: Last,
) -> Result<Resolved, ReadError> {
    let error = |status: Status, what: &str| Error::new(status, what).on_path(path.text());
    // The names still to go, the next one last; `..` only from symbolic links.
    let mut pending: Vec<String> = root.components().iter().chain(path.components()).rev().cloned().collect();
    // The directories walked through, each with its name in the one before.
    let mut walked = vec![(Ino::ROOT, String::new())];
    // Where in `walked` the link's root is, once it is reached: nothing leads above it.
    let mut floor = None;
    let mut hops = Vec::new();
    let mut symlinks = 0;
    let mut must_be_dir = path.must_be_dir();
    loop {
        if floor.is_none() && pending.len() <= path.components().len() {
            floor = Some(walked.len() - 1);
        }
        let base = floor.unwrap_or(0);
        let directory = walked.last().map_or(Ino::ROOT, |(ino, _)| *ino);
        let Some(name) = pending.pop() else {
            let found = state.inode(directory)?.map(|inode| (directory, inode));
            let name = if walked.len() - 1 > base { walked.pop() } else { None };
            let parent = walked.last().map_or(Ino::ROOT, |(ino, _)| *ino);
            let name = name.map(|(_, name)| name).unwrap_or_default();
            return Ok(Resolved { parent, name, found, hops, must_be_dir });
        };
        if name == ".." {
            if walked.len() - 1 > base {
                walked.pop();
            }
            continue;
        }
        let is_last = pending.is_empty();
        let Some(dentry) = state.dentry(directory, &name)? else {
            if !is_last {
                return Err(error(Status::NotFound, "a directory of the path does not exist").into());
            }
            return Ok(Resolved { parent: directory, name, found: None, hops, must_be_dir });
        };
        let ino = dentry.ino();
        match dentry.kind() {
            Kind::Symlink if !is_last || last == Last::Follow || must_be_dir && last != Last::Name => {
                symlinks += 1;
                if symlinks > MAX_SYMLINKS {
                    return Err(error(Status::TooManySymlinks, "more than 40 symbolic links").into());
                }
                let link = state.inode(ino)?.ok_or(Stop::Corrupt("a name without an inode"))?;
                hops.push(Hop::new(directory, &name, ino));
                must_be_dir |= is_last && link.target.ends_with('/');
                if link.target.starts_with('/') {
                    walked.truncate(base + 1);
                }
                let steps = link.target.split('/').rev().filter(|c| !c.is_empty() && *c != ".");
                pending.extend(steps.map(str::to_owned));
            }
            Kind::Directory => {
                if !is_last {
                    hops.push(Hop::new(directory, &name, ino));
                }
                walked.push((ino, name));
            }
            _ if is_last => {
                let found = state.inode(ino)?.map(|inode| (ino, inode));
                return Ok(Resolved { parent: directory, name, found, hops, must_be_dir });
            }
            _ => {
                return Err(error(Status::NotADirectory, "a component of the path is not a directory").into());
            }
        }
    }
}

impl Resolved {
    /// What is there, or an error that says so.
    pub(crate) fn existing(self, path: &Path) -> Result<Existing, Error> {
        match self.found {
            Some((_, ref inode)) if self.must_be_dir && inode.kind() != Kind::Directory => {
                Err(Error::new(Status::NotADirectory, "the path ends in '/' but is not a directory")
                    .on_path(path.text()))
            }
            Some((ino, inode)) => {
                Ok(Existing { parent: self.parent, name: self.name, ino, inode, hops: self.hops })
            }
            None => Err(Error::new(Status::NotFound, "no such file or directory").on_path(path.text())),
        }
    }

    /// The place for a new name, or an error if the path is taken, the root, or ends in `/` and no
    /// directory is to be made.
    pub(crate) fn vacant(self, path: &Path, for_dir: bool) -> Result<Vacant, Error> {
        if self.found.is_some() || self.name.is_empty() {
            return Err(Error::new(Status::Exists, "the name exists already").on_path(path.text()));
        }
        if self.must_be_dir && !for_dir {
            return Err(Error::new(Status::IsADirectory, "the path ends in '/'").on_path(path.text()));
        }
        Ok(Vacant { parent: self.parent, name: self.name, hops: self.hops })
    }

    /// Whether a trailing slash asked for a directory.
    pub(crate) fn must_be_dir(&self) -> bool {
        self.must_be_dir
    }
}

/// An entry that is there.
pub(crate) struct Existing {
    pub(crate) parent: Ino,
    pub(crate) name: String,
    pub(crate) ino: Ino,
    pub(crate) inode: Inode,
    pub(crate) hops: Vec<Hop>,
}

impl Existing {
    /// The steps to it, its own included.
    pub(crate) fn all_hops(&self) -> Vec<Hop> {
        let own = (!self.name.is_empty()).then(|| Hop::new(self.parent, &self.name, self.ino));
        self.hops.iter().cloned().chain(own).collect()
    }
}

/// A name that can be given.
pub(crate) struct Vacant {
    pub(crate) parent: Ino,
    pub(crate) name: String,
    pub(crate) hops: Vec<Hop>,
}

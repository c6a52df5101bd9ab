//! From a path to an inode. A change notes each step: apply checks the steps at the transaction's place in the
//! log, so that a directory renamed meanwhile never gets a file that was meant for another. A look notes nothing.

use super::path::Path;
use crate::error::{Error, Status};
use crate::filespace::ReadError;
use crate::ids::Ino;
use crate::state::ops::Hop;
use crate::state::value::{Inode, Kind};
use crate::state::{Source, Stop, Tables};

/// How many symbolic links one path may lead through, as POSIX systems allow.
const MAX_SYMLINKS: u32 = 40;

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    /// Only if the path ends in `/`.
    NoFollow,
    /// Never: the call is about the name itself.
    Name,
}

impl Last {
    pub(crate) fn of(follow: bool) -> Last {
        if follow { Last::Follow } else { Last::NoFollow }
    }
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The directory that has (or would get) the last name; the root itself for the root.
    pub(crate) parent: Ino,
    /// The last name; empty for the root, and where a symbolic link ended in `..`.
    pub(crate) name: String,
    /// What is there.
    pub(crate) found: Option<(Ino, Inode)>,
    /// The steps to `parent`, and to symbolic links followed on the way.
    pub(crate) hops: Vec<Hop>,
    /// A trailing slash asked for a directory.
    must_be_dir: bool,
}

/// Resolves a path below the link's root. All but the last name must exist.
pub(crate) fn resolve(
    state: &impl Source,
    root: &Path,
    path: &Path,
    last: Last,
) -> Result<Resolved, ReadError> {
    let mut walk = Walk::<_, true>::new(state, path, last);
    let end = walk.along(root)?;
    let found = match end.found {
        Some(ino) => state.inode(ino)?.map(|inode| (ino, inode)),
        None => None,
    };
    let name = end.name.unwrap_or_default();
    Ok(Resolved { parent: end.parent, name, found, hops: walk.hops, must_be_dir: walk.must_be_dir })
}

/// What is there, for calls that change nothing.
pub(crate) fn look(
    state: &impl Source,
    root: &Path,
    path: &Path,
    last: Last,
) -> Result<(Ino, Inode), ReadError> {
    let mut walk = Walk::<_, false>::new(state, path, last);
    let found = walk.along(root)?.found.ok_or_else(|| not_found(path))?;
    let inode = state.inode(found)?.ok_or(Stop::Corrupt("a name without an inode"))?;
    if walk.must_be_dir && inode.kind() != Kind::Directory {
        return Err(not_a_directory(path).into());
    }
    Ok((found, inode))
}

/// On the way along a path; `NOTE`: steps and names are kept.
struct Walk<'a, S, const NOTE: bool> {
    state: &'a S,
    path: &'a Path,
    last: Last,
    /// The directories walked through.
    walked: Vec<Ino>,
    /// Where in `walked` the link's root is, once it is reached: nothing leads above it.
    floor: usize,
    symlinks: u32,
    must_be_dir: bool,
    hops: Vec<Hop>,
}

struct End {
    parent: Ino,
    name: Option<String>,
    found: Option<Ino>,
}

impl<'a, S: Source, const NOTE: bool> Walk<'a, S, NOTE> {
    fn new(state: &'a S, path: &'a Path, last: Last) -> Self {
        let mut walked = Vec::with_capacity(8);
        walked.push(Ino::ROOT);
        let must_be_dir = path.must_be_dir();
        Walk { state, path, last, walked, floor: 0, symlinks: 0, must_be_dir, hops: Vec::new() }
    }

    fn along(&mut self, root: &Path) -> Result<End, ReadError> {
        if root.names().len() > 0 {
            // The link's root is a directory; that was checked when it was linked, and is again here.
            let root = self.steps(root.names(), false, Last::Follow)?;
            debug_assert!(root.is_none());
            self.floor = self.walked.len() - 1;
        }
        let path = self.path;
        let end = self.steps(path.names(), true, self.last)?;
        // Without a name of its own, such as `/`: the directory that was reached last.
        Ok(end.unwrap_or_else(|| End {
            parent: self.parent(),
            name: None,
            found: self.walked.last().copied(),
        }))
    }

    /// The directory above the current one.
    fn parent(&self) -> Ino {
        let above = self.walked.len().checked_sub(2).filter(|above| *above >= self.floor);
        self.walked[above.unwrap_or(self.walked.len() - 1)]
    }

    /// Walks along names; `ends`: the last of them ends the path. None: they led to a directory, and are used up.
    fn steps<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        ends: bool,
        last: Last,
    ) -> Result<Option<End>, ReadError> {
        let mut names = names.peekable();
        let mut end = None;
        while let Some(name) = names.next() {
            let is_last = ends && names.peek().is_none();
            let directory = self.walked[self.walked.len() - 1];
            if name == ".." {
                if self.walked.len() - 1 > self.floor {
                    self.walked.pop();
                }
                continue;
            }
            let kept = || NOTE.then(|| name.to_owned());
            let Some(dentry) = self.state.dentry(directory, name)? else {
                return match is_last {
                    true => Ok(Some(End { parent: directory, name: kept(), found: None })),
                    false => Err(self.error(Status::NotFound, "a directory of the path does not exist")),
                };
            };
            let ino = dentry.ino();
            let follow = !is_last || last == Last::Follow || self.must_be_dir && last != Last::Name;
            match dentry.kind() {
                Kind::Symlink if follow => {
                    self.note(directory, name, ino);
                    end = self.symlink(ino, is_last, last)?;
                }
                Kind::Directory => {
                    if is_last {
                        end = Some(End { parent: directory, name: kept(), found: Some(ino) });
                    } else {
                        self.note(directory, name, ino);
                    }
                    self.walked.push(ino);
                }
                _ if is_last => return Ok(Some(End { parent: directory, name: kept(), found: Some(ino) })),
                _ => {
                    let what = "a component of the path is not a directory";
                    return Err(self.error(Status::NotADirectory, what));
                }
            }
        }
        Ok(end)
    }

    fn symlink(&mut self, ino: Ino, ends: bool, last: Last) -> Result<Option<End>, ReadError> {
        self.symlinks += 1;
        if self.symlinks > MAX_SYMLINKS {
            return Err(self.error(Status::TooManySymlinks, "more than 40 symbolic links"));
        }
        let target = self.state.inode(ino)?.ok_or(Stop::Corrupt("a name without an inode"))?.target;
        self.must_be_dir |= ends && target.ends_with('/');
        if target.starts_with('/') {
            self.walked.truncate(self.floor + 1);
        }
        self.steps(target.split('/').filter(|name| !name.is_empty() && *name != "."), ends, last)
    }

    fn note(&mut self, directory: Ino, name: &str, found: Ino) {
        if NOTE {
            self.hops.push(Hop::new(directory, name, found));
        }
    }

    fn error(&self, status: Status, what: &str) -> ReadError {
        Error::new(status, what).on_path(self.path.text()).into()
    }
}

impl Resolved {
    /// What is there, or an error that says so.
    pub(crate) fn existing(self, path: &Path) -> Result<Existing, Error> {
        match self.found {
            Some((_, ref inode)) if self.must_be_dir && inode.kind() != Kind::Directory => {
                Err(not_a_directory(path))
            }
            Some((ino, inode)) => {
                Ok(Existing { parent: self.parent, name: self.name, ino, inode, hops: self.hops })
            }
            None => Err(not_found(path)),
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

fn not_found(path: &Path) -> Error {
    Error::new(Status::NotFound, "no such file or directory").on_path(path.text())
}

fn not_a_directory(path: &Path) -> Error {
    Error::new(Status::NotADirectory, "the path ends in '/' but is not a directory").on_path(path.text())
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

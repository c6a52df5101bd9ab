//! What a call changes, and how: from paths to the operations of a transaction, on any state. A call is one change; a
//! batch is several, each planned on what those before it leave.

use bytes::Bytes;

use super::FileSystem;
use super::path::Path;
use super::resolve::{Existing, Last, look, resolve};
use super::restore::Former;
use crate::error::{Error, Result, Status};
use crate::filespace::{CommitMode, Draft, ReadError};
use crate::ids::Ino;
use crate::state::ops::{
    Content, Copy, Create, Extent, Hop, Link, MakeDir, Op, Remove, RemoveXattr, Rename, SetAttributes,
    SetXattr, Symlink, Transaction, Truncate, XattrMode,
};
use crate::state::value::Kind;
use crate::state::{MODE_MASK, Source, Tables};

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

/// One change. `last` says whether a symbolic link at the end of the path is followed.
pub(super) enum Change {
    MakeDir {
        path: Path,
        mode: u32,
    },
    RemoveDir {
        path: Path,
        recursive: bool,
    },
    Remove {
        path: Path,
    },
    Rename {
        from: Path,
        to: Path,
        replace: bool,
    },
    Symlink {
        target: String,
        path: Path,
    },
    HardLink {
        existing: Path,
        path: Path,
    },
    SetAttributes {
        path: Path,
        set: Attributes,
        last: Last,
    },
    Truncate {
        path: Path,
        size: u64,
    },
    Copy {
        from: Path,
        to: Path,
        replace: bool,
        last: Last,
    },
    SetXattr {
        path: Path,
        name: String,
        value: Bytes,
        mode: XattrMode,
        last: Last,
    },
    RemoveXattr {
        path: Path,
        name: String,
        last: Last,
    },
    /// Makes a file or symbolic link as it was in a snapshot.
    Restore {
        path: Path,
        replace: bool,
        former: Box<Former>,
    },
    /// Makes or replaces a file.
    WriteFile {
        path: Path,
        mode: u32,
        extents: Vec<Extent>,
        size: u64,
    },
}

/// What a plan needs beside the state.
pub(super) struct Means<'a> {
    /// The root of the link.
    pub(super) root: &'a Path,
    /// Numbers for the inodes that it makes: as many as [`Change::inodes`] says.
    pub(super) inos: &'a [Ino],
    pub(super) time: i64,
    /// Somebody else may make the same directory before this is committed: it is one then.
    pub(super) merges: bool,
}

impl FileSystem {
    /// Carries out one change in a transaction of its own.
    pub(super) fn carry_out(&self, change: &Change) -> Result<()> {
        let inos: Vec<Ino> = (0..change.inodes()).map(|_| self.link.new_ino()).collect::<Result<_>>()?;
        let means = self.means(&inos);
        self.publish_first(change)?;
        let (from, to) = change.paths();
        self.change(from, to, false, |state| Ok(Draft::new(change.plan(state, &means)?)))?;
        Ok(())
    }

    pub(super) fn means<'a>(&'a self, inos: &'a [Ino]) -> Means<'a> {
        let merges = self.link.commit_mode() == CommitMode::Background;
        Means { root: &self.root, inos, time: self.link.env().clock.now(), merges }
    }

    /// Publishes what open files of this link wrote and a change is to find.
    pub(super) fn publish_first(&self, change: &Change) -> Result<()> {
        match change {
            Change::MakeDir { .. }
            | Change::Symlink { .. }
            | Change::Restore { .. }
            | Change::WriteFile { .. } => Ok(()),
            Change::RemoveDir { path, recursive } => self.publish_below(path, Last::Name, *recursive),
            Change::Remove { path } => self.publish_below(path, Last::Name, false),
            Change::Rename { from, .. } => self.publish_below(from, Last::Name, true),
            Change::HardLink { existing, .. } => self.publish_below(existing, Last::Name, false),
            Change::Truncate { path, .. } => self.publish_below(path, Last::Follow, false),
            Change::SetAttributes { path, last, .. }
            | Change::SetXattr { path, last, .. }
            | Change::RemoveXattr { path, last, .. } => self.publish_below(path, *last, false),
            Change::Copy { from, last, .. } => {
                self.publish_below(from, *last, false)?;
                match self.link.read(|state| look(state, &self.root, from, *last)) {
                    Ok((ino, _)) => self.publish_written(ino),
                    Err(_) => Ok(()),
                }
            }
        }
    }
}

impl Change {
    /// The path of what it is about, and the one that it gets.
    pub(super) fn paths(&self) -> (&Path, &Path) {
        match self {
            Change::MakeDir { path, .. }
            | Change::RemoveDir { path, .. }
            | Change::Remove { path }
            | Change::Symlink { path, .. }
            | Change::SetAttributes { path, .. }
            | Change::Truncate { path, .. }
            | Change::SetXattr { path, .. }
            | Change::RemoveXattr { path, .. }
            | Change::Restore { path, .. }
            | Change::WriteFile { path, .. } => (path, path),
            Change::Rename { from, to, .. } | Change::Copy { from, to, .. } => (from, to),
            Change::HardLink { existing, path } => (existing, path),
        }
    }

    /// Bytes of what it carries beside paths and content.
    pub(super) fn value_len(&self) -> usize {
        match self {
            Change::SetXattr { name, value, .. } => name.len() + value.len(),
            Change::RemoveXattr { name, .. } => name.len(),
            Change::Symlink { target, .. } => target.len(),
            Change::Restore { former, .. } => former.value_len(),
            _ => 0,
        }
    }

    /// How many inodes it may make.
    pub(super) fn inodes(&self) -> usize {
        match self {
            Change::MakeDir { path, .. } => path.names().len(),
            Change::Symlink { .. }
            | Change::Copy { .. }
            | Change::Restore { .. }
            | Change::WriteFile { .. } => 1,
            _ => 0,
        }
    }

    /// The transaction that does it.
    pub(super) fn plan(&self, state: &impl Source, means: &Means<'_>) -> Result<Transaction, ReadError> {
        let (root, time) = (means.root, means.time);
        let new = means.inos.first().map_or(0, |ino| ino.0);
        let of = |hops, op: Op| Ok(Transaction { hops, ops: vec![op.wrap()] });
        match self {
            Change::MakeDir { path, mode } => make_dir(state, path, *mode, means),
            Change::RemoveDir { path, recursive } => remove_dir(state, path, *recursive, means),
            Change::Remove { path } => {
                let found = resolve(state, root, path, Last::Name)?.existing(path)?;
                if found.inode.kind() == Kind::Directory {
                    return refuse(Status::IsADirectory, "it is a directory; use delete_dir", path);
                }
                let (hops, remove) = removal(found, path, time)?;
                of(hops, Op::Unlink(remove))
            }
            Change::Rename { from, to, replace } => rename(state, from, to, *replace, means),
            Change::Symlink { target, path } => {
                let place = resolve(state, root, path, Last::Name)?.vacant(path, false)?;
                let symlink = Symlink {
                    parent: place.parent.0,
                    name: place.name,
                    ino: new,
                    target: target.clone(),
                    uid: NOBODY,
                    gid: NOBODY,
                    time,
                };
                of(place.hops, Op::Symlink(symlink))
            }
            Change::HardLink { existing, path } => {
                let source = resolve(state, root, existing, Last::Name)?.existing(existing)?;
                if source.inode.kind() == Kind::Directory {
                    return refuse(Status::IsADirectory, "a directory has one name only", existing);
                }
                let place = resolve(state, root, path, Last::Name)?.vacant(path, false)?;
                let mut hops = source.all_hops();
                hops.extend(place.hops);
                let link = Link { parent: place.parent.0, name: place.name, ino: source.ino.0, time };
                of(hops, Op::Link(link))
            }
            Change::SetAttributes { path, set, last } => {
                let found = resolve(state, root, path, *last)?.existing(path)?;
                let Attributes { mode, uid, gid, atime, mtime } = *set;
                let op = SetAttributes { ino: found.ino.0, mode, uid, gid, atime, mtime, time };
                of(found.all_hops(), Op::SetAttributes(op))
            }
            Change::Truncate { path, size } => {
                let found = resolve(state, root, path, Last::Follow)?.existing(path)?;
                if found.inode.kind() != Kind::File {
                    return refuse(Status::IsADirectory, "it is a directory, not a file", path);
                }
                let truncate = Truncate { ino: found.ino.0, size: *size, time };
                of(found.all_hops(), Op::Truncate(truncate))
            }
            Change::Copy { from, to, replace, last } => copy(state, from, to, *replace, *last, means),
            Change::SetXattr { path, name, value, mode, last } => {
                let found = resolve(state, root, path, *last)?.existing(path)?;
                match (mode, state.xattr(found.ino, name)?) {
                    (XattrMode::Create, Some(_)) => {
                        let what = format!("the attribute {name:?} exists already");
                        return refuse(Status::Exists, &what, path);
                    }
                    (XattrMode::Replace, None) => return Err(no_attribute(path, name).into()),
                    _ => {}
                }
                let (name, value) = (name.clone(), value.clone());
                let op = SetXattr { ino: found.ino.0, name, value, mode: (*mode).into(), time };
                of(found.all_hops(), Op::SetXattr(op))
            }
            Change::RemoveXattr { path, name, last } => {
                let found = resolve(state, root, path, *last)?.existing(path)?;
                if state.xattr(found.ino, name)?.is_none() {
                    return Err(no_attribute(path, name).into());
                }
                let op = RemoveXattr { ino: found.ino.0, name: name.clone(), time };
                of(found.all_hops(), Op::RemoveXattr(op))
            }
            Change::Restore { path, replace, former } => {
                let (parent, name, hops, replaced) = place_for(state, path, *replace, means)?;
                let mut ops = Vec::new();
                if let Some(ino) = replaced {
                    let (parent, name) = (parent.0, name.clone());
                    ops.push(Op::Unlink(Remove { parent, name, ino: ino.0, time }).wrap());
                }
                former.plan(parent, name, Ino(new), time, &mut ops);
                Ok(Transaction { hops, ops })
            }
            Change::WriteFile { path, mode, extents, size } => {
                let (hops, create) = create(state, path, *mode, means)?;
                let content = Content { ino: new, extents: extents.clone(), size: *size, time };
                Ok(Transaction { hops, ops: vec![create.wrap(), Op::Replace(content).wrap()] })
            }
        }
    }
}

/// Makes an empty file, or leads to the one that is there.
pub(super) fn create(
    state: &impl Source,
    path: &Path,
    mode: u32,
    means: &Means<'_>,
) -> Result<(Vec<Hop>, Op), ReadError> {
    let place = resolve(state, means.root, path, Last::Follow)?;
    match &place.found {
        Some((_, inode)) if inode.kind() != Kind::File => {
            return refuse(Status::IsADirectory, "it is a directory", path);
        }
        Some(_) if place.must_be_dir() => {
            return refuse(Status::NotADirectory, "the path ends in '/' but is a file", path);
        }
        None if place.must_be_dir() => return refuse(Status::IsADirectory, "the path ends in '/'", path),
        Some(_) | None => {}
    }
    let create = Create {
        parent: place.parent.0,
        name: place.name,
        ino: means.inos.first().map_or(0, |ino| ino.0),
        mode,
        uid: NOBODY,
        gid: NOBODY,
        time: means.time,
        exclusive: false,
    };
    Ok((place.hops, Op::Create(create)))
}

/// A file whose name must be free.
pub(super) fn create_exclusive(
    state: &impl Source,
    path: &Path,
    mode: u32,
    means: &Means<'_>,
) -> Result<(Vec<Hop>, Op), ReadError> {
    let place = resolve(state, means.root, path, Last::Name)?.vacant(path, false)?;
    let create = Create {
        parent: place.parent.0,
        name: place.name,
        ino: means.inos.first().map_or(0, |ino| ino.0),
        mode,
        uid: NOBODY,
        gid: NOBODY,
        time: means.time,
        exclusive: true,
    };
    Ok((place.hops, Op::Create(create)))
}

fn make_dir(
    state: &impl Source,
    path: &Path,
    mode: u32,
    means: &Means<'_>,
) -> Result<Transaction, ReadError> {
    let depth = path.names().len();
    for have in 1..=depth {
        let prefix = path.prefix(have);
        let here = resolve(state, means.root, &prefix, Last::Name)?;
        match here.found.as_ref().map(|(_, inode)| inode.kind()) {
            Some(_) if have == depth => break,
            Some(Kind::Symlink) => {
                let target = resolve(state, means.root, &prefix, Last::Follow)?.existing(path)?;
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
        for (level, (name, ino)) in names.zip(&means.inos[have - 1..]).enumerate() {
            ops.push(
                Op::MakeDir(MakeDir {
                    parent: parent.0,
                    name: name.to_owned(),
                    ino: ino.0,
                    mode: mode & MODE_MASK,
                    uid: NOBODY,
                    gid: NOBODY,
                    time: means.time,
                    existing_ok: have + level < depth || means.merges,
                })
                .wrap(),
            );
            parent = *ino;
        }
        return Ok(Transaction { hops: place.hops, ops });
    }
    refuse(Status::Exists, "the name exists already", path)
}

fn remove_dir(
    state: &impl Source,
    path: &Path,
    recursive: bool,
    means: &Means<'_>,
) -> Result<Transaction, ReadError> {
    let found = resolve(state, means.root, path, Last::Name)?.existing(path)?;
    if found.inode.kind() != Kind::Directory {
        return refuse(Status::NotADirectory, "not a directory; use delete for files", path);
    }
    let (hops, remove) = removal(found, path, means.time)?;
    if !recursive && state.dentries(Ino(remove.ino), None).next().transpose()?.is_some() {
        return refuse(Status::NotEmpty, "the directory is not empty", path);
    }
    let op = if recursive { Op::RemoveTree(remove) } else { Op::RemoveDir(remove) };
    Ok(Transaction { hops, ops: vec![op.wrap()] })
}

fn rename(
    state: &impl Source,
    from: &Path,
    to: &Path,
    replace: bool,
    means: &Means<'_>,
) -> Result<Transaction, ReadError> {
    let source = resolve(state, means.root, from, Last::Name)?.existing(from)?;
    let is_dir = source.inode.kind() == Kind::Directory;
    if source.name.is_empty() {
        return refuse(Status::InvalidArgument, "the root cannot be moved", from);
    }
    let target = resolve(state, means.root, to, Last::Name)?;
    let (parent, name, mut hops) = match &target.found {
        Some(_) if !replace || target.name.is_empty() => {
            return refuse(Status::Exists, "the target exists already", to);
        }
        Some((_, inode)) if target.must_be_dir() && inode.kind() != Kind::Directory => {
            return refuse(Status::NotADirectory, "the target ends in '/' but is not a directory", to);
        }
        Some(_) if target.must_be_dir() && !is_dir => {
            return refuse(Status::IsADirectory, "the target is a directory, what is moved is not", to);
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
        time: means.time,
    };
    Ok(Transaction { hops, ops: vec![Op::Rename(rename).wrap()] })
}

fn copy(
    state: &impl Source,
    from: &Path,
    to: &Path,
    replace: bool,
    last: Last,
    means: &Means<'_>,
) -> Result<Transaction, ReadError> {
    let source = resolve(state, means.root, from, last)?.existing(from)?;
    if source.inode.kind() == Kind::Directory {
        let what = "it is a directory; make one and copy what is in it";
        return refuse(Status::IsADirectory, what, from);
    }
    let (parent, name, mut hops, _) = place_for(state, to, replace, means)?;
    hops.extend(source.all_hops());
    let ino = means.inos.first().map_or(0, |ino| ino.0);
    let copy = Copy { from: source.ino.0, parent: parent.0, name, ino, replace, time: means.time };
    Ok(Transaction { hops, ops: vec![Op::Copy(copy).wrap()] })
}

/// The name that a copy gets, the steps to it, and what loses it.
fn place_for(
    state: &impl Source,
    to: &Path,
    replace: bool,
    means: &Means<'_>,
) -> Result<(Ino, String, Vec<Hop>, Option<Ino>), ReadError> {
    let target = resolve(state, means.root, to, Last::Name)?;
    match &target.found {
        Some(_) if !replace || target.name.is_empty() => {
            refuse(Status::Exists, "the target exists already", to)
        }
        Some((_, inode)) if inode.kind() == Kind::Directory => {
            refuse(Status::IsADirectory, "the target is a directory, what is copied is not", to)
        }
        Some(_) if target.must_be_dir() => {
            refuse(Status::NotADirectory, "the target ends in '/' but is not a directory", to)
        }
        Some((ino, _)) => Ok((target.parent, target.name, target.hops, Some(*ino))),
        None => {
            let place = target.vacant(to, false)?;
            Ok((place.parent, place.name, place.hops, None))
        }
    }
}

fn refuse<T>(status: Status, what: &str, path: &Path) -> Result<T, ReadError> {
    Err(Error::new(status, what).on_path(path.text()).into())
}

/// There is no attribute of this name.
pub(super) fn no_attribute(path: &Path, name: &str) -> Error {
    Error::new(Status::NoAttribute, format!("there is no attribute {name:?}")).on_path(path.text())
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

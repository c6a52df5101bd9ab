//! What a commit did to the tree, in words that a user has: the events of a watch. They follow from the operations that
//! took effect, at their place: paths are as they are right behind the operation.

use std::collections::HashSet;

use super::apply::Judge;
use super::ops::Op;
use super::source::{Source, Stop, Tables};
use super::value::{Dentry, Kind};
use super::{Failure, key};
use crate::ids::Ino;

/// What happened to a file, directory or symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happened {
    /// A name was given: to something new, or a further one to a file.
    Created,
    /// Content was changed.
    Changed,
    /// Permissions, owner, times or extended attributes were changed.
    AttributesChanged,
    /// It has another name.
    Moved,
    /// A name was taken away; with the last one it is gone.
    Deleted,
    /// A directory was removed with all that was in it.
    TreeRemoved,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub happened: Happened,
    /// To what.
    pub ino: Ino,
    /// What that is.
    pub kind: Kind,
    /// The directory that has its name; 0 if that is not known.
    pub parent: Ino,
    /// Its path; empty for a file of several names that has lost the one that was given last.
    pub path: String,
    /// [`Happened::Moved`]: the path before. Otherwise empty.
    pub from: String,
}

/// Where something is.
enum Place {
    /// At a path, in a directory.
    At(String, Ino),
    /// It has a name, but which is not known.
    Somewhere,
    /// In no tree: it was removed with a directory.
    Nowhere,
}

/// The path of a directory, without a `/` at its end; none: it was removed.
fn directory_path(state: &impl Source, directory: Ino) -> Result<Option<String>, Stop> {
    let (mut names, mut at) = (Vec::new(), directory);
    while at != Ino::ROOT {
        let Some(inode) = state.inode(at)? else { return Ok(None) };
        if state.get(&key::detached(at))?.is_some() {
            return Ok(None);
        }
        names.push(inode.name);
        at = Ino(inode.parent);
    }
    Ok(Some(names.iter().rev().fold(String::new(), |path, name| path + "/" + name)))
}

/// The path of whatever has one that is known.
pub fn path(state: &impl Source, ino: Ino) -> Result<Option<String>, Stop> {
    Ok(match place(state, ino)? {
        Place::At(path, _) => Some(path),
        Place::Somewhere | Place::Nowhere => None,
    })
}

fn child(state: &impl Source, parent: Ino, name: &str) -> Result<Place, Stop> {
    Ok(match directory_path(state, parent)? {
        Some(directory) => Place::At(directory + "/" + name, parent),
        None => Place::Nowhere,
    })
}

fn place(state: &impl Source, ino: Ino) -> Result<Place, Stop> {
    match state.inode(ino)? {
        None => Ok(Place::Nowhere),
        Some(_) if ino == Ino::ROOT => Ok(Place::At("/".to_owned(), Ino::ROOT)),
        Some(inode) if inode.kind() == Kind::Directory => match directory_path(state, ino)? {
            Some(path) => Ok(Place::At(path, Ino(inode.parent))),
            None => Ok(Place::Nowhere),
        },
        Some(inode) if inode.name.is_empty() => Ok(Place::Somewhere),
        Some(inode) => child(state, Ino(inode.parent), &inode.name),
    }
}

/// The events of the commit that is being judged.
#[derive(Default)]
pub(super) struct Events {
    list: Vec<Event>,
    /// Where those of the current transaction start.
    start: usize,
    /// What the current transaction did to what, as far as it says so once.
    told: HashSet<(Ino, Happened)>,
}

impl Events {
    /// The next transaction begins.
    pub(super) fn begin(&mut self) {
        self.start = self.list.len();
        self.told.clear();
    }

    /// The current transaction is void.
    pub(super) fn take_back(&mut self) {
        self.list.truncate(self.start);
    }

    pub(super) fn into_list(self) -> Vec<Event> {
        self.list
    }
}

impl Judge<'_> {
    /// What has the name that an operation is about, before it takes effect: what it removes or replaces.
    pub(super) fn before(&self, op: &Op) -> Result<Option<Dentry>, Failure> {
        let (parent, name) = match op {
            _ if self.events.is_none() => return Ok(None),
            Op::Unlink(op) | Op::RemoveDir(op) | Op::RemoveTree(op) => (op.parent, &op.name),
            Op::Rename(op) => (op.to_parent, &op.to_name),
            Op::Copy(op) => (op.parent, &op.name),
            _ => return Ok(None),
        };
        Ok(self.scratch.dentry(self.redirected(Ino(parent)), name)?)
    }

    /// Notes what an operation did that has taken effect.
    pub(super) fn note(&mut self, op: &Op, before: Option<Dentry>) -> Result<(), Failure> {
        let Some(mut events) = self.events.take() else { return Ok(()) };
        let noted = self.note_in(&mut events, op, before);
        self.events = Some(events);
        Ok(noted?)
    }

    fn note_in(&self, events: &mut Events, op: &Op, before: Option<Dentry>) -> Result<(), Stop> {
        match op {
            Op::MakeDir(op) => self.created(events, op.parent, &op.name, Ino(op.ino)),
            Op::Create(op) => self.created(events, op.parent, &op.name, Ino(op.ino)),
            Op::Symlink(op) => self.created(events, op.parent, &op.name, Ino(op.ino)),
            Op::Link(op) => {
                let ino = self.redirected(Ino(op.ino));
                let at = child(&self.scratch, self.redirected(Ino(op.parent)), &op.name)?;
                self.add_event(events, Happened::Created, ino, at, None)
            }
            Op::Copy(op) => {
                self.deleted(events, Happened::Deleted, op.parent, &op.name, before)?;
                self.created(events, op.parent, &op.name, Ino(op.ino))
            }
            Op::Unlink(op) | Op::RemoveDir(op) => {
                self.deleted(events, Happened::Deleted, op.parent, &op.name, before)
            }
            Op::RemoveTree(op) => self.deleted(events, Happened::TreeRemoved, op.parent, &op.name, before),
            Op::Rename(op) => {
                let from = self.redirected(Ino(op.from_parent));
                if self.scratch.dentry(from, &op.from_name)?.is_some() {
                    return Ok(()); // two names of one file: both stay
                }
                self.deleted(events, Happened::Deleted, op.to_parent, &op.to_name, before)?;
                let old = child(&self.scratch, from, &op.from_name)?;
                let new = child(&self.scratch, self.redirected(Ino(op.to_parent)), &op.to_name)?;
                self.add_event(events, Happened::Moved, self.redirected(Ino(op.ino)), new, Some(old))
            }
            Op::Replace(op) | Op::Write(op) | Op::Append(op) | Op::Restore(op) => {
                self.changed(events, Happened::Changed, op.ino)
            }
            Op::Truncate(op) => self.changed(events, Happened::Changed, op.ino),
            Op::Punch(op) => self.changed(events, Happened::Changed, op.ino),
            Op::SetAttributes(op) => self.changed(events, Happened::AttributesChanged, op.ino),
            Op::SetXattr(op) => self.changed(events, Happened::AttributesChanged, op.ino),
            Op::RemoveXattr(op) => self.changed(events, Happened::AttributesChanged, op.ino),
            _ => Ok(()),
        }
    }

    /// A number that stands for something that was there made nothing.
    fn created(&self, events: &mut Events, parent: u64, name: &str, ino: Ino) -> Result<(), Stop> {
        if self.redirected(ino) != ino {
            return Ok(());
        }
        events.told.extend([(ino, Happened::Changed), (ino, Happened::AttributesChanged)]);
        let at = child(&self.scratch, self.redirected(Ino(parent)), name)?;
        self.add_event(events, Happened::Created, ino, at, None)
    }

    fn deleted(
        &self,
        events: &mut Events,
        happened: Happened,
        parent: u64,
        name: &str,
        before: Option<Dentry>,
    ) -> Result<(), Stop> {
        let (Some(before), Place::At(path, parent)) =
            (before, child(&self.scratch, self.redirected(Ino(parent)), name)?)
        else {
            return Ok(());
        };
        let (ino, kind) = (before.ino(), before.kind());
        events.list.push(Event { happened, ino, kind, parent, path, from: String::new() });
        Ok(())
    }

    /// Once for each transaction; what it has made itself is new anyway.
    fn changed(&self, events: &mut Events, happened: Happened, number: u64) -> Result<(), Stop> {
        let ino = self.redirected(Ino(number));
        if !events.told.insert((ino, happened)) {
            return Ok(());
        }
        let at = place(&self.scratch, ino)?;
        self.add_event(events, happened, ino, at, None)
    }

    fn add_event(
        &self,
        events: &mut Events,
        happened: Happened,
        ino: Ino,
        at: Place,
        before: Option<Place>,
    ) -> Result<(), Stop> {
        let kind = self.scratch.inode(ino)?.map_or(Kind::None, |inode| inode.kind());
        let (happened, from) = match before {
            None => (happened, String::new()),
            Some(Place::At(from, _)) => (happened, from),
            // It comes back out of a directory that was removed.
            Some(Place::Somewhere | Place::Nowhere) => (Happened::Created, String::new()),
        };
        let (path, parent) = match at {
            Place::At(path, parent) => (path, parent),
            Place::Somewhere => (String::new(), Ino(0)),
            // It goes where nobody can see it.
            Place::Nowhere if from.is_empty() => return Ok(()),
            Place::Nowhere => {
                let gone = if kind == Kind::Directory { Happened::TreeRemoved } else { Happened::Deleted };
                let event =
                    Event { happened: gone, ino, kind, parent: Ino(0), path: from, from: String::new() };
                events.list.push(event);
                return Ok(());
            }
        };
        events.list.push(Event { happened, ino, kind, parent, path, from });
        Ok(())
    }
}

//! The open files of a link: which there are, and what their handles show together.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::handle::Handle;
use super::read::Version;
use super::segments::{Segment, Segments};
use crate::error::{Error, Result, Status};
use crate::filespace::Link;
use crate::ids::Ino;
use crate::state::ops::Extent;

/// The open files of a link. Locked after a file's own lock, never before it.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<Index>);

#[derive(Default)]
struct Index {
    files: HashMap<Ino, Weak<Shared>>,
    /// All of them, also those whose number another one has by now.
    live: Vec<Weak<Shared>>,
    /// Files whose names are not committed yet, by the name that they are going to have.
    unnamed: BTreeMap<Place, Ino>,
}

/// A name in a directory, however the path to it is spelled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) parent: Ino,
    pub(super) name: String,
}

/// A file that is open, through one handle or several.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Handles that have ended and are still in the state, because it was locked then.
    ended: Mutex<Vec<u64>>,
}

/// The state of an open file, while nobody else has it.
pub(super) struct Locked<'a> {
    // Given up first: who waited for it to end a handle does not wait any more.
    state: MutexGuard<'a, State>,
    _sweep: Sweep<'a>,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

/// When it goes, so do the handles that ended while the state was locked.
struct Sweep<'a> {
    shared: &'a Shared,
    open: &'a OpenFiles,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        // Who has the state now does it instead.
        while !self.shared.ended.lock().is_empty()
            && let Some(mut state) = self.shared.state.try_lock()
        {
            self.shared.remove_ended(&mut state, self.open);
        }
    }
}

impl Shared {
    pub(super) fn lock<'a>(&'a self, open: &'a OpenFiles) -> Locked<'a> {
        let mut state = self.state.lock();
        self.remove_ended(&mut state, open);
        Locked { state, _sweep: Sweep { shared: self, open } }
    }

    /// Ends a handle, now or when the state is given up; never waits.
    pub(super) fn end(&self, id: u64, open: &OpenFiles) {
        self.ended.lock().push(id);
        drop(Sweep { shared: self, open });
    }

    fn remove_ended(&self, state: &mut State, open: &OpenFiles) {
        let ended = std::mem::take(&mut *self.ended.lock());
        ended.into_iter().for_each(|id| state.end(id, open));
    }
}

pub(super) struct State {
    /// What new handles are about. A handle may be about another file: its name led to that when it published.
    pub(super) ino: Ino,
    pub(super) handles: Vec<Handle>,
    /// The order of the next write, and the id of the next handle.
    pub(super) next: u64,
}

impl OpenFiles {
    /// All that are open.
    pub(super) fn all(&self) -> Vec<Arc<Shared>> {
        self.0.lock().live.iter().filter_map(Weak::upgrade).collect()
    }

    /// The one with this number, if it is open.
    pub(super) fn find(&self, ino: Ino) -> Option<Arc<Shared>> {
        self.0.lock().files.get(&ino).and_then(Weak::upgrade)
    }

    /// The one with this number; opened if it is not.
    pub(super) fn share(&self, ino: Ino) -> Arc<Shared> {
        let Index { files, live, .. } = &mut *self.0.lock();
        if let Some(shared) = files.get(&ino).and_then(Weak::upgrade) {
            return shared;
        }
        if live.len().is_power_of_two() {
            files.retain(|_, shared| shared.strong_count() > 0);
            live.retain(|shared| shared.strong_count() > 0);
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(State { ino, handles: Vec::new(), next: 1 }),
            ended: Mutex::default(),
        });
        files.insert(ino, Arc::downgrade(&shared));
        live.push(Arc::downgrade(&shared));
        shared
    }

    /// The file is known under another number from now on.
    pub(super) fn renumber(&self, from: Ino, to: Ino) {
        let files = &mut self.0.lock().files;
        if let Some(shared) = files.remove(&from)
            && files.get(&to).is_none_or(|other| other.strong_count() == 0)
        {
            files.insert(to, shared);
        }
    }

    /// A handle makes this name when it is published. The number of the file that has the name then: the first that was
    /// promised.
    pub(super) fn promise(&self, place: &Place, ino: Ino) -> Ino {
        *self.0.lock().unnamed.entry(place.clone()).or_insert(ino)
    }

    /// The name is there, or nobody makes it any more.
    pub(super) fn settle(&self, place: &Place, ino: Ino) {
        let unnamed = &mut self.0.lock().unnamed;
        if unnamed.get(place) == Some(&ino) {
            unnamed.remove(place);
        }
    }

    /// The number of the file whose name a handle is going to make.
    pub(super) fn promised(&self, place: &Place) -> Option<Ino> {
        self.0.lock().unnamed.get(place).copied()
    }

    /// The files whose names handles are going to make, in the order in which they were promised.
    pub(super) fn all_promised(&self) -> Vec<(Place, Arc<Shared>)> {
        let Index { files, unnamed, .. } = &*self.0.lock();
        let mut promised: Vec<_> = unnamed.iter().collect();
        promised.sort_by_key(|(_, ino)| **ino);
        let open = |(place, ino): (&Place, &Ino)| Some((place.clone(), files.get(ino)?.upgrade()?));
        promised.into_iter().filter_map(open).collect()
    }
}

impl State {
    pub(super) fn handle(&mut self, id: u64) -> Result<&mut Handle> {
        let handle = self.handles.iter_mut().find(|h| h.id() == id);
        handle.ok_or_else(|| Error::new(Status::InvalidHandle, "the file is closed"))
    }

    /// Ends a handle; what was not published is dropped.
    pub(super) fn end(&mut self, id: u64, open: &OpenFiles) {
        let Some(at) = self.handles.iter().position(|h| h.id() == id) else { return };
        let handle = self.handles.remove(at);
        if let Some(place) = &handle.unnamed
            && !self.handles.iter().any(|h| h.unnamed.as_ref() == Some(place))
        {
            open.settle(place, handle.ino);
        }
    }

    /// The handles of a file.
    fn of(&self, ino: Ino) -> impl Iterator<Item = &Handle> {
        self.handles.iter().filter(move |h| h.ino == ino)
    }

    /// Where the content that counts begins in the order of writes.
    pub(super) fn replaced(&self, ino: Ino) -> Option<u64> {
        self.of(ino).filter_map(|h| h.replaces).max()
    }

    /// Whether no handle has anything that the committed content does not have.
    pub(super) fn is_quiet(&self, ino: Ino) -> bool {
        !self.of(ino).any(|h| h.has_writes() || h.replaces.is_some())
    }

    /// The size of the content as a handle with this base sees it.
    pub(super) fn size(&self, ino: Ino, base: &Version) -> u64 {
        match self.replaced(ino) {
            Some(order) => self.of(ino).map(|h| h.end_since(order)).fold(0, u64::max),
            None => self.of(ino).map(Handle::end).fold(base.size, u64::max),
        }
    }

    /// The first range at or behind an offset that has data, as a handle with this base sees it.
    pub(super) fn data_from(&self, ino: Ino, base: &Version, offset: u64) -> Option<(u64, u64)> {
        let replaced = self.replaced(ino);
        let order = replaced.unwrap_or(0);
        let written = self.of(ino).filter_map(|h| h.data_from(offset, order));
        let published = if replaced.is_none() { base.data_from(offset) } else { None };
        written.chain(published).min()
    }

    /// What unpublished writes cover of `[from, to)`, as one.
    pub(super) fn written(&self, ino: Ino, from: u64, to: u64) -> Segments {
        let replaced = self.replaced(ino).unwrap_or(0);
        let mut pieces: Vec<(u64, Segment)> = Vec::new();
        for handle in self.of(ino) {
            pieces.extend(handle.written(from, to));
        }
        pieces.retain(|(_, s)| s.order >= replaced);
        pieces.sort_by_key(|(_, s)| s.order);
        let mut all = Segments::default();
        pieces.into_iter().for_each(|(start, segment)| all.insert(start, segment));
        all
    }

    /// The bytes of an extent that a handle has sealed and not published.
    pub(super) fn read_sealed(&mut self, link: &Link, extent: &Extent) -> Result<Bytes> {
        for handle in &mut self.handles {
            if let Some(bytes) = handle.read_sealed(link, extent)? {
                return Ok(bytes);
            }
        }
        Err(Error::new(Status::Internal, "a block that was written is nowhere"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::super::handle::Opening;
    use super::super::{Mode, Path};
    use super::*;

    #[test]
    fn ending_a_handle_waits_for_nobody() {
        let (open, ino, path) = (OpenFiles::default(), Ino(5), Path::parse("/f").unwrap());
        let shared = open.share(ino);
        let mode = Mode::parse("r").unwrap();
        let opening = || Opening {
            mode,
            permissions: 0,
            base: Arc::default(),
            unnamed: None,
            replaces: false,
            locks: None,
        };
        let mut held = shared.lock(&open);
        held.handles.extend([1, 2].map(|id| Handle::new(id, ino, &path, opening())));
        std::thread::scope(|scope| {
            let (done, is_done) = channel();
            let (shared, open) = (&shared, &open);
            let ends = move || {
                shared.end(1, open);
                done.send(()).unwrap();
            };
            scope.spawn(ends);
            // If it waited, it would for the rest of the test.
            let ended = is_done.recv_timeout(Duration::from_secs(30));
            assert_eq!(held.handles.len(), 2, "it is there as long as the state is held");
            drop(held);
            assert!(ended.is_ok(), "it waited for the state");
        });
        let state = shared.state.lock();
        assert_eq!(state.handles.iter().map(Handle::id).collect::<Vec<_>>(), [2]);
    }
}

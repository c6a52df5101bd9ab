//! The open files of a link: which there are, and what their handles show together.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Path;
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
    /// Files whose names are not committed yet, by path.
    unnamed: BTreeMap<String, Ino>,
}

/// A file that is open, through one handle or several.
pub(super) struct Shared(pub(super) Mutex<State>);

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
        let shared = Arc::new(Shared(Mutex::new(State { ino, handles: Vec::new(), next: 1 })));
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
    pub(super) fn promise(&self, path: &Path, ino: Ino) -> Ino {
        *self.0.lock().unnamed.entry(path.key()).or_insert(ino)
    }

    /// The name is there, or nobody makes it any more.
    pub(super) fn settle(&self, path: &Path, ino: Ino) {
        let unnamed = &mut self.0.lock().unnamed;
        let key = path.key();
        if unnamed.get(&key) == Some(&ino) {
            unnamed.remove(&key);
        }
    }

    /// The number of the file whose name a handle is going to make.
    pub(super) fn promised(&self, path: &Path) -> Option<Ino> {
        let unnamed = &self.0.lock().unnamed;
        if unnamed.is_empty() { None } else { unnamed.get(&path.key()).copied() }
    }

    /// The files whose names handles are going to make: at a path, or also in the tree below it.
    pub(super) fn promised_at(&self, path: &Path, below: bool) -> Vec<Arc<Shared>> {
        let index = self.0.lock();
        if index.unnamed.is_empty() {
            return Vec::new();
        }
        let path = path.key();
        let from = index.unnamed.range(path.clone()..);
        let concerned =
            from.take_while(|(key, _)| if below { key.starts_with(&path) } else { **key == path });
        concerned.filter_map(|(_, ino)| index.files.get(ino)?.upgrade()).collect()
    }
}

impl State {
    pub(super) fn handle(&mut self, id: u64) -> Result<&mut Handle> {
        let handle = self.handles.iter_mut().find(|h| h.id() == id);
        handle.ok_or_else(|| Error::new(Status::InvalidHandle, "the file is closed"))
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

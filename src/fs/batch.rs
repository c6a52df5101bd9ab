//! Many changes in one transaction: all take effect or none does, and others see all of them at once.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use prost::Message;

use super::change::{Attributes, Change, Means};
use super::namespace::symlink;
use super::path::Path;
use super::resolve::Last;
use super::restore::Former;
use super::xattrs::{remove_xattr, set_xattr};
use super::{FileSystem, failed, refused};
use crate::codec;
use crate::content::writer::{BlockWriter, StoredPack};
use crate::crypto::seal::ChunkPlace;
use crate::error::{Error, Result, Status};
use crate::filespace::{
    Author, CommitError, Draft, InlineBlock, Link, ReadError, View, block_extent, inline_extent, registration,
};
use crate::ids::{Ino, PackId};
use crate::log::envelope::{InlineLayout, MAX_BODY};
use crate::state::apply::Trial;
use crate::state::extents::coalesce;
use crate::state::ops::{Extent, Hop, Transaction, XattrMode};
use crate::state::{Refusal, Tables};

/// Changes of a batch at most, and bytes of paths and attributes in it.
const MAX_CHANGES: usize = 200_000;
const MAX_BYTES: usize = 64 << 20;
/// Bytes of its operations at most: a body with them can be opened.
const MAX_OPERATIONS: usize = MAX_BODY as usize - (8 << 20);
/// Up to this many bytes of content wait in memory; more go into packs at once.
const SMALL: usize = 512 << 10;

/// Changes that wait to be committed together. Each is checked when it is added as far as that goes without looking at
/// the filespace; the rest is seen when they are committed.
pub struct Batch {
    fs: Arc<FileSystem>,
    changes: Vec<Change>,
    bytes: usize,
    content: Content,
    /// What became of its commit is not known.
    is_spent: bool,
}

/// Why a batch was not committed.
#[derive(Debug)]
pub struct BatchFailure {
    /// The change that is to blame, if it is one: they are counted from 0 in the order in which they were added.
    pub index: Option<usize>,
    /// Why.
    pub error: Error,
}

/// Blocks of the files that a batch writes.
#[derive(Default)]
struct Content {
    inline: Vec<InlineBlock>,
    bytes: usize,
    writer: Option<BlockWriter>,
    packs: Vec<StoredPack>,
    /// A pack could not be stored, and is gone.
    is_lost: bool,
}

impl Batch {
    /// An empty batch.
    pub fn new(fs: &Arc<FileSystem>) -> Result<Batch> {
        fs.link.check_usable()?;
        fs.link.check_writable()?;
        let (changes, content) = (Vec::new(), Content::default());
        Ok(Batch { fs: fs.clone(), changes, bytes: 0, content, is_spent: false })
    }

    /// The link that it belongs to.
    pub fn link(&self) -> &Arc<Link> {
        &self.fs.link
    }

    /// How many changes it has.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// See [`FileSystem::create_dir`].
    pub fn create_dir(&mut self, path: &Path, mode: u32) -> Result<()> {
        self.add(Change::MakeDir { path: path.clone(), mode })
    }

    /// See [`FileSystem::delete_dir`].
    pub fn delete_dir(&mut self, path: &Path, recursive: bool) -> Result<()> {
        self.add(Change::RemoveDir { path: path.clone(), recursive })
    }

    /// See [`FileSystem::delete`].
    pub fn delete(&mut self, path: &Path) -> Result<()> {
        self.add(Change::Remove { path: path.clone() })
    }

    /// See [`FileSystem::rename`].
    pub fn rename(&mut self, from: &Path, to: &Path, replace: bool) -> Result<()> {
        self.add(Change::Rename { from: from.clone(), to: to.clone(), replace })
    }

    /// See [`FileSystem::create_symlink`].
    pub fn create_symlink(&mut self, target: &str, path: &Path) -> Result<()> {
        self.add(symlink(target, path)?)
    }

    /// See [`FileSystem::create_hard_link`].
    pub fn create_hard_link(&mut self, existing: &Path, path: &Path) -> Result<()> {
        self.add(Change::HardLink { existing: existing.clone(), path: path.clone() })
    }

    /// See [`FileSystem::set_attributes`].
    pub fn set_attributes(&mut self, path: &Path, set: Attributes, follow: bool) -> Result<()> {
        self.add(Change::SetAttributes { path: path.clone(), set, last: Last::of(follow) })
    }

    /// See [`FileSystem::truncate`].
    pub fn truncate(&mut self, path: &Path, size: u64) -> Result<()> {
        self.add(Change::Truncate { path: path.clone(), size })
    }

    /// See [`FileSystem::copy`].
    pub fn copy(&mut self, from: &Path, to: &Path, replace: bool, follow: bool) -> Result<()> {
        let (from, to, last) = (from.clone(), to.clone(), Last::of(follow));
        self.add(Change::Copy { from, to, replace, last })
    }

    /// See [`FileSystem::set_xattr`].
    pub fn set_xattr(
        &mut self,
        path: &Path,
        name: &str,
        value: &[u8],
        mode: XattrMode,
        follow: bool,
    ) -> Result<()> {
        self.add(set_xattr(path, name, value, mode, follow)?)
    }

    /// See [`FileSystem::remove_xattr`].
    pub fn remove_xattr(&mut self, path: &Path, name: &str, follow: bool) -> Result<()> {
        self.add(remove_xattr(path, name, follow)?)
    }

    /// Makes a file with this content, or replaces the content of the one that is there; `mode` are the permission bits
    /// of a new one.
    pub fn write_file(&mut self, path: &Path, content: &[u8], mode: u32) -> Result<()> {
        self.make_room(path, 0)?;
        let block = self.fs.link.block_size() as usize;
        let mut extents = Vec::with_capacity(content.len().div_ceil(block));
        for (n, plain) in content.chunks(block).enumerate() {
            extents.push(self.content.add(&self.fs.link, (n * block) as u64, plain)?);
        }
        let (path, size) = (path.clone(), content.len() as u64);
        self.add(Change::WriteFile { path, mode, extents: coalesce(extents), size })
    }

    /// Makes a file or symbolic link as it was: extents in packs that live are shared, `read` gives the bytes of the
    /// others.
    pub(super) fn restore(
        &mut self,
        path: &Path,
        replace: bool,
        mut former: Former,
        is_live: impl Fn(&Extent) -> bool,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        self.make_room(path, 0)?;
        let block = u64::from(self.fs.link.block_size());
        let mut extents = Vec::with_capacity(former.extents.len());
        for extent in std::mem::take(&mut former.extents) {
            if is_live(&extent) {
                extents.push(extent);
                continue;
            }
            let mut at = extent.offset;
            while at < extent.end() {
                let mut plain = vec![0; block.min(extent.end() - at) as usize];
                read(at, &mut plain)?;
                extents.push(self.content.add(&self.fs.link, at, &plain)?);
                at += plain.len() as u64;
            }
        }
        former.extents = coalesce(extents);
        self.add(Change::Restore { path: path.clone(), replace, former: Box::new(former) })
    }

    fn add(&mut self, change: Change) -> Result<()> {
        let (from, to) = change.paths();
        let bytes = from.text().len() + to.text().len() + change.value_len();
        self.make_room(to, bytes)?;
        self.bytes += bytes;
        self.changes.push(change);
        Ok(())
    }

    fn make_room(&self, path: &Path, bytes: usize) -> Result<()> {
        let what = match () {
            () if self.is_spent => "what became of this batch is not known; look, and begin another",
            () if self.changes.len() >= MAX_CHANGES => {
                "a batch has at most 200000 changes; commit this one first"
            }
            () if self.bytes + bytes > MAX_BYTES => {
                "a batch has at most 64 MiB of paths and attributes; commit this one first"
            }
            () => return Ok(()),
        };
        Err(Error::new(Status::InvalidArgument, what).on_path(path.text()))
    }

    /// Commits all changes in one transaction, as the link's mode says. Afterwards the batch is empty; after a failure
    /// it is as it was and may be committed again, unless it may have been applied.
    pub fn commit(&mut self) -> Result<(), BatchFailure> {
        self.commit_as(false)
    }

    /// The same; with `wait` the outcome is the true one whatever the link's mode.
    pub(super) fn commit_as(&mut self, wait: bool) -> Result<(), BatchFailure> {
        let Some(first) = self.changes.first() else { return Ok(()) };
        let about = first.paths().0.text().to_owned();
        self.make_room(first.paths().0, 0).map_err(whole)?;
        let fs = self.fs.clone();
        self.content.store().map_err(whole)?;
        for (n, change) in self.changes.iter().enumerate() {
            fs.publish_first(change).map_err(|error| BatchFailure { index: Some(n), error })?;
        }
        let count = self.changes.iter().map(Change::inodes).sum();
        let inos = (0..count).map(|_| fs.link.new_ino()).collect::<Result<Vec<_>>>().map_err(whole)?;
        let author = fs.link.author().map_err(whole)?;
        let deadline = fs.link.deadline();
        let blamed = Cell::new(None);
        // Whether the state is one that was asked for since the call began, and how often the log said no to it.
        let (mut fresh, mut refusals) = (false, 0);
        loop {
            blamed.set(None);
            let plan = |view: &View| self.plan(view, &author, &inos, &blamed);
            let error = match fs.link.transact(&about, wait, deadline, plan) {
                Ok(Ok(_)) => break,
                Ok(Err(CommitError::Refused(refusal))) => {
                    // Others were faster. The next plan says which change cannot be, or the next commit works.
                    refusals += 1;
                    fresh = true;
                    fs.link.refresh().map_err(whole)?;
                    let planned = fs.link.read(|view| self.plan(view, &author, &inos, &blamed));
                    let may_try = refusals < 3 || refusal == Refusal::StalePath;
                    match planned {
                        Ok(_) if may_try && Instant::now() < deadline => continue,
                        Ok(_) => refused(refusal, self.changes[0].paths().0),
                        Err(error) => error,
                    }
                }
                Ok(Err(error)) => failed(error, self.changes[0].paths().0),
                Err(_) if !fresh => {
                    fs.link.refresh().map_err(whole)?;
                    fresh = true;
                    continue;
                }
                Err(error) => error,
            };
            self.is_spent = error.is_maybe_applied();
            // A log or store that fails is no change's fault.
            let index = blamed.get().filter(|_| !error.status().is_retryable());
            return Err(BatchFailure { index, error });
        }
        let changes = std::mem::take(&mut self.changes);
        self.bytes = 0;
        self.content = Content::default();
        let is_tree = |change: &&Change| matches!(change, Change::RemoveDir { recursive: true, .. });
        if let Some(change) = changes.iter().find(is_tree) {
            fs.reap(change.paths().0);
        }
        Ok(())
    }

    /// Each change planned and tried on what those before it leave. `blamed` says how far that went.
    fn plan(
        &self,
        view: &View,
        author: &Author,
        inos: &[Ino],
        blamed: &Cell<Option<usize>>,
    ) -> Result<Draft, ReadError> {
        let hash_at = |seq| view.state_hash_at(seq);
        let packs: Vec<_> = self.content.packs.iter().map(registration).collect();
        let mut trial = Trial::new(view, author.at, &author.envelope, author.number, &hash_at)?;
        trial.offer(&packs);
        let places = self.content.places();
        let (mut transaction, mut steps) = (Transaction::default(), Steps::default());
        let (mut left, mut bytes) = (inos, 0);
        for (n, change) in self.changes.iter().enumerate() {
            blamed.set(Some(n));
            let (own, others) = left.split_at(change.inodes().min(left.len()));
            left = others;
            let means = Means { inos: own, ..self.fs.means(&[]) };
            let planned = change.plan(trial.state(), &means)?;
            let outcome = trial.judge(&placed(&planned, change, &places))?;
            if let Some(refusal) = Refusal::from_code(outcome.refusal) {
                return Err(refused(refusal, change.paths().1).into());
            }
            let mut kept = Transaction { hops: Vec::new(), ops: planned.ops };
            steps.take(view, planned.hops, &mut kept.hops)?;
            bytes += kept.encoded_len();
            transaction.hops.append(&mut kept.hops);
            transaction.ops.append(&mut kept.ops);
            if bytes > MAX_OPERATIONS {
                let what = "the batch makes too much for one commit; commit it in parts";
                return Err(Error::new(Status::InvalidArgument, what)
                    .on_path(change.paths().1.text())
                    .into());
            }
        }
        blamed.set(None);
        Ok(Draft { transaction, packs, inline: self.content.inline.clone() })
    }
}

/// The transaction of a change as it is tried: its blocks have places.
fn placed<'a>(
    planned: &'a Transaction,
    change: &Change,
    places: &[(PackId, ChunkPlace)],
) -> Cow<'a, Transaction> {
    if places.is_empty() || !matches!(change, Change::WriteFile { .. } | Change::Restore { .. }) {
        return Cow::Borrowed(planned);
    }
    let mut draft = Draft::new(planned.clone());
    draft.place(places);
    Cow::Owned(draft.transaction)
}

/// Steps of paths that were taken.
#[derive(Default)]
struct Steps(HashMap<u64, HashSet<String>>);

impl Steps {
    /// Keeps those that hold before the batch, each once. Those that do not are of its own making.
    fn take(&mut self, view: &View, hops: Vec<Hop>, kept: &mut Vec<Hop>) -> Result<(), ReadError> {
        for hop in hops {
            let names = self.0.entry(hop.directory).or_default();
            if names.contains(&hop.name) {
                continue;
            }
            let there = view.dentry(Ino(hop.directory), &hop.name)?;
            names.insert(hop.name.clone());
            if there.is_some_and(|dentry| dentry.ino().0 == hop.found) {
                kept.push(hop);
            }
        }
        Ok(())
    }
}

impl Content {
    /// Takes in a block; where it is in its file, and will be in a pack.
    fn add(&mut self, link: &Arc<Link>, offset: u64, plain: &[u8]) -> Result<Extent> {
        let length = plain.len() as u32;
        if self.writer.is_none() && self.bytes + plain.len() <= SMALL {
            let (codec, data) = codec::compress(plain);
            self.bytes += plain.len();
            let data = data.into_owned().into();
            self.inline.push(InlineBlock { codec, plain_len: length, data });
            return Ok(inline_extent(offset, length, self.inline.len() - 1));
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(link.block_writer()?),
        };
        let (pack, place) = writer.write(plain)?;
        Ok(block_extent(offset, length, pack, place))
    }

    /// Waits until all packs are in the store.
    fn store(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.is_lost |= writer.has_lost();
            self.packs.extend(writer.finish().inspect_err(|_| self.is_lost = true)?);
        }
        match self.is_lost {
            true => {
                Err(Error::new(Status::Io, "content of this batch could not be stored; begin another batch"))
            }
            false => Ok(()),
        }
    }

    /// Where the inline blocks seem to be while the batch is tried.
    fn places(&self) -> Vec<(PackId, ChunkPlace)> {
        let mut layout = InlineLayout::default();
        self.inline.iter().map(|block| (PackId::INLINE, layout.add(block.data.len()))).collect()
    }
}

fn whole(error: Error) -> BatchFailure {
    BatchFailure { index: None, error }
}

//! Publishing: what a handle wrote becomes one transaction.

use std::sync::Arc;

use super::change::{Means, create};
use super::file::ModeKind;
use super::handle::Handle;
use super::locks::Locks;
use super::open::State;
use super::read::Version;
use super::resolve::{Last, resolve};
use super::segments::Data;
use super::{FileSystem, Path, failed};
use crate::codec;
use crate::error::{Result, Status};
use crate::filespace::{
    CommitError, Committed, Draft, InlineBlock, ReadError, Unsettled, View, inline_extent, registration,
};
use crate::ids::Ino;
use crate::state::extents::coalesce;
use crate::state::ops::{Content, Extent, Guard, Op, Operation, Punch, Transaction, Truncate, Unlock};
use crate::state::value::Kind;
use crate::state::{Refusal, Tables};

/// Up to this many bytes a handle leaves it to the commit where its blocks go, so that small files of one
/// commit share a pack or need none.
const SMALL: usize = 512 << 10;

/// What is done to the file in the same transaction, after what the handle wrote.
#[derive(Clone, Copy, Debug)]
pub(super) enum Also {
    Truncate(u64),
    Punch {
        offset: u64,
        length: u64,
    },
    /// Gives up what an owner has locked; with the true outcome, whatever the link's mode.
    Unlock {
        owner: u64,
        start: u64,
        end: u64,
    },
}

impl Also {
    /// Whether the file is another one afterwards.
    fn changes(self) -> bool {
        !matches!(self, Also::Unlock { .. })
    }

    fn op(self, ino: Ino, time: i64) -> Operation {
        let ino = ino.0;
        match self {
            Also::Truncate(size) => Op::Truncate(Truncate { ino, size, time }).wrap(),
            Also::Punch { offset, length } => Op::Punch(Punch { ino, offset, length, time }).wrap(),
            Also::Unlock { owner, start, end } => Op::Unlock(Unlock { ino, owner, start, end }).wrap(),
        }
    }
}

/// What a handle has sent to the log.
pub(super) struct Sent {
    /// The number of the file, should its name be new.
    number: Ino,
    /// Ranges of the file that were written.
    ranges: Vec<(u64, u64)>,
    also: Option<Also>,
    /// Where to ask for its outcome.
    outcome: Option<Unsettled>,
}

/// The content of a draft, ready to be sent as often as it takes.
struct Written {
    extents: Vec<Extent>,
    inline: Vec<InlineBlock>,
    /// Ranges of the file that it covers.
    ranges: Vec<(u64, u64)>,
}

impl FileSystem {
    /// Finds out what became of an earlier publish of the handle whose outcome was not known.
    pub(super) fn learn_outcome(&self, state: &mut State, id: u64) -> Result<()> {
        let Some(sent) = state.handle(id)?.unsettled.take() else { return Ok(()) };
        let Some(unsettled) = &sent.outcome else { return Ok(()) };
        match self.link.outcome(unsettled, self.link.deadline()) {
            Ok(committed) => self.published(state, id, &committed, &sent),
            Err(CommitError::Unsettled(error, _)) => {
                let handle = state.handle(id)?;
                handle.unsettled = Some(sent);
                Err(error.on_path(handle.path.text()))
            }
            // It has no effect. What it was to write is still there and is published anew.
            Err(CommitError::Refused(_) | CommitError::Failed(_)) => Ok(()),
        }
    }

    /// Publishes what a handle wrote, and does something else to the file in the same transaction.
    pub(super) fn publish(&self, state: &mut State, id: u64, also: Option<Also>) -> Result<()> {
        self.learn_outcome(state, id)?;
        let handle = state.handle(id)?;
        if !handle.dirty && also.is_none() {
            return Ok(());
        }
        let written = self.gather(state, id)?;
        let time = self.link.env().clock.now();
        let handle = state.handle(id)?;
        let (kind, unnamed, replaces) =
            (handle.mode.kind, handle.unnamed.is_some(), handle.replaces.is_some());
        let (is_dirty, is_locked) = (handle.dirty, handle.locks.is_some());
        let since = handle.locks.as_ref().and_then(Locks::since);
        let (path, permissions, size) = (handle.path.clone(), handle.permissions, handle.end());
        let packs: Vec<_> = handle.packs.iter().map(registration).collect();
        // A number for the file, should its name be new. (The one that it was opened with may be another file's
        // by now, or of a session that has ended.) A lock is of the file, not of its name.
        let makes_name = unnamed || replaces && !is_locked;
        let ino = if makes_name { self.link.new_ino()? } else { self.link.renumbered(state.handle(id)?.ino) };
        let draft = |mut ops: Vec<Operation>, hops| {
            let content = Content { ino: ino.0, extents: written.extents.clone(), size: 0, time };
            match kind {
                _ if replaces => ops.push(Op::Replace(Content { size, ..content }).wrap()),
                _ if written.extents.is_empty() => {}
                ModeKind::Append => ops.push(Op::Append(content).wrap()),
                _ => ops.push(Op::Write(content).wrap()),
            }
            // Before all else: what is changed under a lock is void if that was lost.
            let changes = is_dirty || also.is_some_and(Also::changes);
            let guard = since.filter(|_| changes).map(|since| Op::Guard(Guard { since: since.0 }).wrap());
            ops.splice(0..0, guard);
            ops.extend(also.map(|also| also.op(ino, time)));
            Draft {
                transaction: Transaction { hops, ops },
                packs: packs.clone(),
                inline: written.inline.clone(),
            }
        };
        let committed = if makes_name {
            let means = Means { inos: &[ino], ..self.means(&[]) };
            self.attempt(&path, &path, false, |state| {
                let (hops, create) = create(state, &path, permissions, &means)?;
                Ok(draft(vec![create.wrap()], hops))
            })
        } else {
            let deadline = self.link.deadline();
            let wait = matches!(also, Some(Also::Unlock { .. }));
            self.link.transact(path.text(), wait, deadline, |_| Ok(draft(vec![], vec![])))?
        };
        let sent = Sent { number: ino, ranges: written.ranges, also, outcome: None };
        match committed {
            Ok(committed) => self.published(state, id, &committed, &sent),
            Err(CommitError::Unsettled(error, outcome)) => {
                state.handle(id)?.unsettled = Some(Sent { outcome: Some(outcome), ..sent });
                Err(error)
            }
            Err(CommitError::Refused(Refusal::LockLost)) => {
                let handle = state.handle(id)?;
                handle.lose_locks();
                handle.check_whole()
            }
            Err(error) => Err(failed(error, &path)),
        }
    }

    /// Finishes the handle's last range and finds a place for all that is in memory.
    fn gather(&self, state: &mut State, id: u64) -> Result<Written> {
        let handle = state.handle(id)?;
        handle.check_whole()?;
        handle.finish_tail();
        if handle.writer.is_some() || !handle.packs.is_empty() || handle.segments.memory() > SMALL {
            handle.seal_memory(&self.link)?;
            handle.store_packs()?;
        }
        let place = handle.placement();
        let mut written = Written { extents: Vec::new(), inline: Vec::new(), ranges: Vec::new() };
        for run in handle.segments.memory_runs(self.link.block_size() as usize) {
            let bytes = run.bytes();
            let (codec, data) = codec::compress(&bytes);
            let plain_len = bytes.len() as u32;
            written.extents.push(inline_extent(place.of(run.start), plain_len, written.inline.len()));
            let data = match data {
                std::borrow::Cow::Borrowed(_) => bytes,
                std::borrow::Cow::Owned(data) => data.into(),
            };
            written.inline.push(InlineBlock { codec, plain_len, data });
        }
        for (start, segment) in handle.segments.iter() {
            let offset = place.of(start);
            written.ranges.push((offset, offset + segment.data.len()));
            if let Data::Stored(extent) = &segment.data {
                written.extents.push(Extent { offset, ..extent.clone() });
            }
        }
        written.extents.sort_by_key(|e| e.offset);
        written.extents = coalesce(written.extents);
        Ok(written)
    }

    /// Moves every handle of the file to what was published.
    fn published(&self, state: &mut State, id: u64, committed: &Committed, sent: &Sent) -> Result<()> {
        let ino = committed.ino(sent.number);
        let handle = state.handle(id)?;
        let before = handle.ino;
        if handle.unnamed.is_some() {
            // The file has its number now.
            state.handles.iter_mut().filter(|h| h.ino == before).for_each(|h| h.ino = ino);
            if state.ino == before {
                self.open.renumber(before, ino);
                state.ino = ino;
            }
        } else {
            // Its name may lead to another file by now; other handles stay with the one that they opened.
            handle.ino = ino;
        }
        // It is committed, whether it can be looked at now or not.
        let version = match state.handles.iter().all(|h| h.closing) {
            true => Some(Arc::default()),
            false => self.link.read(|s| Version::load(s, ino)).ok().map(|v| Arc::new(v.unwrap_or_default())),
        };
        let appended_at = committed.appended_at(0);
        let start = appended_at.unwrap_or(0);
        let is_whole = state.handle(id)?.replaces.is_some() || matches!(sent.also, Some(Also::Truncate(_)));
        let punched = match sent.also {
            Some(Also::Punch { offset, length }) => Some((offset, offset + length)),
            Some(Also::Truncate(_) | Also::Unlock { .. }) | None => None,
        };
        for handle in state.handles.iter_mut().filter(|h| h.ino == ino) {
            let is_own = handle.id() == id;
            if is_own {
                if appended_at.is_some() {
                    handle.appended_until(start + sent.ranges.last().map_or(0, |(_, end)| *end));
                }
                handle.clear();
            }
            match &version {
                None => handle.outdated = true,
                Some(version) if is_own || is_whole => {
                    handle.base = version.clone();
                    handle.outdated = false;
                }
                Some(version) => {
                    let mut base = (*handle.base).clone();
                    let written = sent.ranges.iter().map(|(from, to)| (start + from, start + to));
                    let punched = punched.map(|(from, to)| (from, to.min(version.size)));
                    let ranges = written.chain(punched).filter(|(from, to)| from < to);
                    ranges.for_each(|(from, to)| base.take_range(version, from, to));
                    handle.base = Arc::new(base);
                }
            }
            // The name is there now, whoever was to make it.
            if let Some(place) = handle.unnamed.take() {
                self.open.settle(&place, before);
                handle.dirty = handle.replaces.is_some() || handle.has_writes();
            }
        }
        Ok(())
    }

    /// Publishes files that this link has open and not published, whose names do not exist before: a call
    /// that names one of them is to find it. With `below`, also those in the tree under the path.
    pub(super) fn publish_below(&self, path: &Path, last: Last, below: bool) -> Result<()> {
        let promised = self.open.all_promised();
        if promised.is_empty() {
            return Ok(());
        }
        let concerned = self.link.read(|state| {
            let there = match resolve(state, &self.root, path, last) {
                Ok(there) => there,
                // The call itself says so.
                Err(ReadError::Error(_)) => return Ok(Vec::new()),
                Err(stop) => return Err(stop),
            };
            let directory = there.found.filter(|(_, inode)| below && inode.kind() == Kind::Directory);
            let mut concerned = Vec::new();
            for (place, shared) in &promised {
                let is_it = place.parent == there.parent && place.name == there.name;
                if is_it
                    || directory
                        .as_ref()
                        .map_or(Ok(false), |(top, _)| is_inside(state, place.parent, *top))?
                {
                    concerned.push((place.clone(), shared.clone()));
                }
            }
            Ok(concerned)
        })?;
        for (place, shared) in concerned {
            let makes_it = |h: &&Handle| h.unnamed.as_ref() == Some(&place);
            while let mut state = shared.lock(&self.open)
                && let Some(id) = state.handles.iter().find(makes_it).map(Handle::id)
            {
                self.publish(&mut state, id, None)?;
            }
        }
        Ok(())
    }

    /// Publishes what handles of this link wrote to a file: a call that reads its content from the log is to find it.
    pub(super) fn publish_written(&self, ino: Ino) -> Result<()> {
        let numbers = self.link.numbers_of(ino);
        for shared in numbers.iter().filter_map(|number| self.open.find(*number)) {
            let mut state = shared.lock(&self.open);
            let written = state.handles.iter().filter(|h| numbers.contains(&h.ino) && h.dirty);
            let ids: Vec<u64> = written.map(|h| h.id()).collect();
            ids.into_iter().try_for_each(|id| self.publish(&mut state, id, None))?;
        }
        Ok(())
    }

    /// Publishes what every open handle wrote; tries all and returns the first error. After a timeout the others would
    /// only wait as long.
    pub fn publish_all(&self) -> Result<()> {
        let mut first: Result<()> = Ok(());
        for shared in self.open.all() {
            let ids: Vec<u64> =
                shared.lock(&self.open).handles.iter().filter(|h| h.dirty).map(|h| h.id()).collect();
            for id in ids {
                // Not all the while: what ends meanwhile is dropped.
                let mut state = shared.lock(&self.open);
                if state.handle(id).is_err() {
                    continue;
                }
                let late = matches!(&first, Err(error) if error.status() == Status::Timeout);
                if !late {
                    first = first.and(self.publish(&mut state, id, None));
                }
            }
        }
        first
    }
}

/// Whether a directory is another one or below it.
fn is_inside(state: &View, mut directory: Ino, top: Ino) -> Result<bool, ReadError> {
    while directory != top {
        match state.inode(directory)? {
            Some(inode) if directory != Ino::ROOT => directory = Ino(inode.parent),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

//! Publishing: what a handle wrote becomes one transaction.

use std::sync::Arc;

use super::file::ModeKind;
use super::open::State;
use super::read::Version;
use super::resolve::{Last, resolve};
use super::segments::Data;
use super::{FileSystem, Path, refused};
use crate::codec;
use crate::error::{Error, Result, Status};
use crate::filespace::{CommitError, Committed, Draft, InlineBlock, inline_extent, registration};
use crate::ids::Ino;
use crate::state::extents::coalesce;
use crate::state::ops::{Content, Create, Extent, Op, Operation, Transaction, Truncate};
use crate::state::value::Kind;

/// Up to this many bytes a handle leaves it to the commit where its blocks go, so that small files of one
/// commit share a pack or need none.
const SMALL: usize = 512 << 10;

/// The content of a draft, ready to be sent as often as it takes.
struct Written {
    extents: Vec<Extent>,
    inline: Vec<InlineBlock>,
    /// Ranges of the file that it covers.
    ranges: Vec<(u64, u64)>,
}

impl FileSystem {
    /// Publishes what a handle wrote; with `truncate`, sets the size in the same transaction.
    pub(super) fn publish(&self, state: &mut State, id: u64, truncate: Option<u64>) -> Result<()> {
        let handle = state.handle(id)?;
        if !handle.dirty && truncate.is_none() {
            return Ok(());
        }
        let written = self.gather(state, id)?;
        let time = self.link.env().clock.now();
        let handle = state.handle(id)?;
        let (kind, unnamed, replaces) = (handle.mode.kind, handle.unnamed, handle.replaces.is_some());
        let (path, permissions, size) = (handle.path.clone(), handle.permissions, handle.end());
        let packs: Vec<_> = handle.packs.iter().map(registration).collect();
        // A number for the file, should its name be new. (The one that it was opened with may be another file's
        // by now, or of a session that has ended.)
        let makes_name = unnamed || replaces;
        let ino = if makes_name { self.link.new_ino()? } else { self.link.renumbered(state.handle(id)?.ino) };
        let draft = |mut ops: Vec<Operation>, hops| {
            let content = Content { ino: ino.0, extents: written.extents.clone(), size: 0, time };
            match kind {
                _ if replaces => ops.push(Op::Replace(Content { size, ..content }).wrap()),
                _ if written.extents.is_empty() => {}
                ModeKind::Append => ops.push(Op::Append(content).wrap()),
                _ => ops.push(Op::Write(content).wrap()),
            }
            ops.extend(truncate.map(|size| Op::Truncate(Truncate { ino: ino.0, size, time }).wrap()));
            Draft {
                transaction: Transaction { hops, ops },
                packs: packs.clone(),
                inline: written.inline.clone(),
            }
        };
        let committed = if makes_name {
            self.mutate(&path, |state| {
                let place = resolve(state, &self.root, &path, Last::Follow)?;
                if place.found.as_ref().is_some_and(|(_, inode)| inode.kind() != Kind::File) {
                    let what = "it is a directory by now";
                    return Err(Error::new(Status::IsADirectory, what).on_path(path.text()).into());
                }
                let create = Create {
                    parent: place.parent.0,
                    name: place.name,
                    ino: ino.0,
                    mode: permissions,
                    uid: 0,
                    gid: 0,
                    time,
                    exclusive: false,
                };
                Ok(draft(vec![Op::Create(create).wrap()], place.hops))
            })
        } else {
            let deadline = self.link.deadline();
            let published = self.link.transact(path.text(), false, deadline, |_| Ok(draft(vec![], vec![])));
            published.and_then(|committed| {
                committed.map_err(|e| match e {
                    CommitError::Refused(refusal) => refused(refusal, &path),
                    CommitError::Failed(error) => error,
                })
            })
        };
        if let Err(error) = &committed
            && error.is_maybe_applied()
            && (kind == ModeKind::Append || !packs.is_empty())
        {
            // Sent again it would be there twice, or its packs would.
            state.handle(id)?.lose("what was written may be in the file or not; open it again and look");
        }
        self.published(state, id, ino, &committed?, &written, truncate)
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
        for (start, _, bytes) in handle.segments.memory_runs(self.link.block_size() as usize) {
            let (codec, data) = codec::compress(&bytes);
            let plain_len = bytes.len() as u32;
            written.extents.push(inline_extent(place.of(start), plain_len, written.inline.len()));
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
    fn published(
        &self,
        state: &mut State,
        id: u64,
        number: Ino,
        committed: &Committed,
        written: &Written,
        truncate: Option<u64>,
    ) -> Result<()> {
        let ino = committed.ino(number);
        let handle = state.handle(id)?;
        let before = handle.ino;
        if handle.unnamed {
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
        let version = match state.handles.iter().all(|h| h.closing) {
            true => Arc::default(),
            false => Arc::new(self.link.read(|s| Version::load(s, ino))?.unwrap_or_default()),
        };
        let appended_at = committed.appended_at(0);
        let start = appended_at.unwrap_or(0);
        let replaced = state.handle(id)?.replaces.is_some() || truncate.is_some();
        for handle in state.handles.iter_mut().filter(|h| h.ino == ino) {
            if handle.id() == id {
                if appended_at.is_some() {
                    handle.appended_until(start + written.ranges.last().map_or(0, |(_, end)| *end));
                }
                handle.clear();
                handle.base = version.clone();
            } else if replaced {
                handle.base = version.clone();
            } else {
                let mut base = (*handle.base).clone();
                for (from, to) in &written.ranges {
                    base.take_range(&version, start + from, start + to);
                }
                handle.base = Arc::new(base);
            }
            // The name is there now, whoever was to make it.
            if std::mem::take(&mut handle.unnamed) {
                self.open.settle(&handle.path, before);
                handle.dirty = handle.replaces.is_some() || handle.has_writes();
            }
        }
        Ok(())
    }

    /// Publishes files that this link has open and not published, whose names do not exist before: a call
    /// that names one of them is to find it. With `below`, also those in the tree under the path.
    pub(super) fn publish_below(&self, path: &Path, below: bool) -> Result<()> {
        for shared in self.open.promised_at(path, below) {
            let mut state = shared.0.lock();
            let key = path.key();
            let concerned = |open: &Path| match below {
                true => open.key().starts_with(&key),
                false => open.key() == key,
            };
            let ids: Vec<u64> =
                state.handles.iter().filter(|h| h.unnamed && concerned(&h.path)).map(|h| h.id()).collect();
            for id in ids {
                self.publish(&mut state, id, None)?;
            }
        }
        Ok(())
    }

    /// Publishes what every open handle wrote; tries all and returns the first error. After a timeout the others would
    /// only wait as long.
    pub fn publish_all(&self) -> Result<()> {
        let mut first: Result<()> = Ok(());
        for shared in self.open.all() {
            let mut state = shared.0.lock();
            let ids: Vec<u64> = state.handles.iter().filter(|h| h.dirty).map(|h| h.id()).collect();
            for id in ids {
                let late = matches!(&first, Err(error) if error.status() == Status::Timeout);
                if !late {
                    first = first.and(self.publish(&mut state, id, None));
                }
            }
        }
        first
    }
}

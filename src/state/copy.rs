//! Copies: a new inode that refers to the blocks of another. No byte of content moves; the packs are charged once more,
//! so that a pack dies only when the last copy of its bytes is gone.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::apply::Judge;
use super::ops;
use super::source::Tables;
use super::value::{Inode, Kind};
use super::{Failure, Refusal};
use crate::ids::Ino;

/// The most extents that one operation copies: its work is bounded, as is what a small commit adds to the state.
pub const MAX_COPIED_EXTENTS: usize = 1 << 16;

impl Judge<'_> {
    pub(super) fn copy(&mut self, op: &ops::Copy) -> Result<(), Failure> {
        let parent = self.directory(op.parent)?;
        let from = self.redirected(Ino(op.from));
        let source = self.scratch.inode(from)?.ok_or(Refusal::StalePath)?;
        if source.kind() == Kind::Directory {
            return Err(Refusal::IsADirectory.into());
        }
        let target = self.name(parent, &op.name)?;
        match target {
            Some(_) if !op.replace => return Err(Refusal::Exists.into()),
            Some(target) if target.kind() == Kind::Directory => return Err(Refusal::IsADirectory.into()),
            _ => {}
        }
        let extents = self.scratch.extents(from, 0, u64::MAX)?;
        if extents.len() > MAX_COPIED_EXTENTS {
            return Err(Refusal::TooFragmented.into());
        }

        // The new name is written over the old one.
        let inode = Inode { links: 1, ctime: op.time, btime: op.time, ..source.clone() };
        self.add(parent, &op.name, op.ino, inode, op.time)?;
        let ino = Ino(op.ino);
        self.counters.add_bytes(if source.kind() == Kind::File { source.size.into() } else { 0 });
        let mut charges: BTreeMap<Bytes, i64> = BTreeMap::new();
        for extent in extents {
            *charges.entry(extent.pack.clone()).or_default() += extent.length as i64;
            self.put_extent(ino, extent);
        }
        for (pack, bytes) in charges {
            self.charge(&pack, bytes)?;
        }
        if source.xattrs > 0 {
            self.copy_xattrs(from, ino)?;
        }
        // The last: it may be the last name of what was copied.
        match target {
            Some(target) => self.drop_name(target.ino(), op.time),
            None => Ok(()),
        }
    }
}

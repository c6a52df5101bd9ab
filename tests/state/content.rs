//! The model's content: what every single byte of a file is.

use std::collections::BTreeMap;

use bytes::Bytes;
use lucidlink::ids::PackId;
use lucidlink::state::Refusal;
use lucidlink::state::ops::{Content, Extent, Punch, Truncate};
use lucidlink::state::value::{Kind, Pack};

use super::model::{Commit, Judged, State, refuse_if};

const MAX_SIZE: u64 = (1 << 63) - 1;

/// One byte: which of which block of which pack, and where that block is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub pack: PackId,
    pub block: u32,
    pub within: u32,
    pub stored_offset: u64,
    pub stored_length: u32,
}

/// The bytes of a sound extent, each with its offset in the file.
pub fn cells(extent: &Extent) -> impl Iterator<Item = (u64, Cell)> + '_ {
    let pack = PackId::from_slice(&extent.pack).expect("an id of a pack");
    (0..extent.length).map(move |n| {
        let into_run = u64::from(extent.skip) + n;
        let index = into_run / u64::from(extent.block_length);
        let length = |i: u64| match extent.stored_lengths[..] {
            [length] => length,
            _ => extent.stored_lengths[i as usize],
        };
        let cell = Cell {
            pack,
            block: extent.block + index as u32,
            within: (into_run % u64::from(extent.block_length)) as u32,
            stored_offset: extent.stored_offset + (0..index).map(|i| u64::from(length(i))).sum::<u64>(),
            stored_length: length(index),
        };
        (extent.offset + n, cell)
    })
}

/// How many blocks the run of an extent has.
fn blocks(extent: &Extent) -> u128 {
    (u128::from(extent.skip) + u128::from(extent.length)).div_ceil(u128::from(extent.block_length))
}

fn end(extent: &Extent) -> u128 {
    u128::from(extent.offset) + u128::from(extent.length)
}

/// The most that a block takes in a pack: 4 MiB, header and tag.
const MAX_STORED: u32 = (4 << 20) + 25;

fn is_sound(extent: &Extent) -> bool {
    extent.length > 0
        && end(extent) <= u128::from(MAX_SIZE)
        && (1..=4 << 20).contains(&extent.block_length)
        && extent.skip < extent.block_length
        && [1, blocks(extent)].contains(&(extent.stored_lengths.len() as u128))
        && u128::from(extent.block) + blocks(extent) < 1 << 32
        && extent.stored_lengths.iter().all(|length| *length <= MAX_STORED)
        && u128::from(extent.stored_offset) + blocks(extent) * u128::from(MAX_STORED) < 1 << 64
}

impl State {
    /// Bytes of files in each pack.
    pub fn live(&self) -> BTreeMap<PackId, u64> {
        let mut live = BTreeMap::new();
        for cell in self.nodes.values().flat_map(|n| n.cells.values()) {
            *live.entry(cell.pack).or_default() += 1;
        }
        live
    }
}

impl Commit<'_> {
    pub fn replace(&mut self, op: &Content) -> Judged {
        let ino = self.file_with_content(op.ino)?;
        let last = op.extents.last().map_or(0, end);
        refuse_if(op.size > MAX_SIZE || last > u128::from(op.size), Refusal::TooLarge)?;
        self.state.node(ino).cells.clear();
        self.place(ino, &op.extents, 0, false)?;
        self.resize(ino, op.size, op.time);
        Ok(())
    }

    pub fn restore(&mut self, op: &Content) -> Judged {
        let ino = self.file_with_content(op.ino)?;
        let last = op.extents.last().map_or(0, end);
        refuse_if(op.size > MAX_SIZE || last > u128::from(op.size), Refusal::TooLarge)?;
        self.state.node(ino).cells.clear();
        self.place(ino, &op.extents, 0, true)?;
        self.resize(ino, op.size, op.time);
        Ok(())
    }

    pub fn write(&mut self, op: &Content) -> Judged {
        let ino = self.file_with_content(op.ino)?;
        for extent in &op.extents {
            let range = extent.offset..extent.offset.saturating_add(extent.length);
            self.state.node(ino).cells.retain(|offset, _| !range.contains(offset));
        }
        let end = self.place(ino, &op.extents, 0, false)?;
        let size = self.state.nodes[&ino].inode.size.max(end);
        self.resize(ino, size, op.time);
        Ok(())
    }

    pub fn append(&mut self, op: &Content) -> Judged<u64> {
        let ino = self.file_with_content(op.ino)?;
        let start = self.state.nodes[&ino].inode.size;
        let end = self.place(ino, &op.extents, start, false)?;
        self.resize(ino, start + end, op.time);
        Ok(start)
    }

    pub fn truncate(&mut self, op: &Truncate) -> Judged {
        let ino = self.file_with_content(op.ino)?;
        refuse_if(op.size > MAX_SIZE, Refusal::TooLarge)?;
        self.state.node(ino).cells.retain(|offset, _| *offset < op.size);
        self.resize(ino, op.size, op.time);
        Ok(())
    }

    pub fn punch(&mut self, op: &Punch) -> Judged {
        let ino = self.file_with_content(op.ino)?;
        let hole = u128::from(op.offset)..u128::from(op.offset) + u128::from(op.length);
        self.state.node(ino).cells.retain(|offset, _| !hole.contains(&u128::from(*offset)));
        let size = self.state.nodes[&ino].inode.size;
        self.resize(ino, size, op.time);
        Ok(())
    }

    pub fn file_with_content(&self, number: u64) -> Judged<u64> {
        let ino = self.stands_for(number);
        match self.state.kind(ino) {
            Kind::File => Ok(ino),
            Kind::None => Err(Refusal::Deleted),
            Kind::Directory => Err(Refusal::IsADirectory),
            Kind::Symlink => Err(Refusal::Invalid),
        }
    }

    fn resize(&mut self, ino: u64, size: u64, time: i64) {
        let at = self.at;
        let inode = &mut self.state.node(ino).inode;
        (inode.size, inode.version, inode.mtime, inode.ctime) = (size, at, time, time);
    }

    /// Puts extents behind `base`; returns where the last one ends, without it. `shares`: also in packs of others.
    fn place(&mut self, ino: u64, extents: &[Extent], base: u64, shares: bool) -> Judged<u64> {
        let mut behind = 0;
        for extent in extents {
            refuse_if(extent.offset < behind || !is_sound(extent), Refusal::Invalid)?;
            behind = extent.offset + extent.length;
            refuse_if(end(extent) + u128::from(base) > u128::from(MAX_SIZE), Refusal::TooLarge)?;
            let mut placed = Extent { offset: extent.offset + base, ..extent.clone() };
            let mut id = PackId::from_slice(&extent.pack).ok_or(Refusal::Invalid)?;
            let own = PackId::of_slot(lucidlink::ids::Seq(self.at));
            if id == PackId::INLINE {
                id = own;
                placed.pack = Bytes::copy_from_slice(&id.0);
                let stored = placed.stored_offset.checked_add(self.inline_base);
                placed.stored_offset = stored.ok_or(Refusal::Invalid)?;
                let record = self.own_record();
                self.state.packs.entry(id).or_insert(record);
            }
            if self.is_old(id) || !self.state.packs.contains_key(&id) && self.offered(id).is_none() {
                refuse_if(!shares, Refusal::DeadPack)?;
                refuse_if(!self.was_alive(id), Refusal::ContentGone)?;
            } else if let Some(record) = self.offered(id).cloned() {
                self.state.packs.entry(id).or_insert(record);
            }
            let held = u128::from(self.state.packs[&id].blocks);
            refuse_if(u128::from(extent.block) + blocks(extent) > held, Refusal::Invalid)?;
            for (offset, cell) in cells(&placed) {
                let before = self.state.node(ino).cells.insert(offset, cell);
                assert_eq!(before, None, "the model places a byte over another");
            }
        }
        Ok(behind)
    }

    /// The record of the pack that the commit is itself.
    fn own_record(&self) -> Pack {
        let envelope = self.envelope;
        let payload = envelope.payload_hash.0;
        Pack {
            generation: envelope.generation,
            salt: Bytes::copy_from_slice(&envelope.salt),
            blocks: 65536,
            sealed_as: [&envelope.session.0[..], &envelope.k.to_le_bytes()].concat().into(),
            out_of_line: if envelope.out_of_line { Bytes::copy_from_slice(&payload) } else { Bytes::new() },
            ..Pack::default()
        }
    }
}

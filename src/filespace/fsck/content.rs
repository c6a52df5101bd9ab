//! Packs and what refers to them, some packs at a time: their indexes and blocks, then all extents that are in them.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::{Frozen, Fsck, Lost, damage, decode};
use crate::content::pack::{IndexEntry, MAX_PACK, fetch_index, open_block, pack_key};
use crate::crypto::seal::ObjectKey;
use crate::error::{Error, Result, Status};
use crate::filespace::{pack_object_key, payload_key};
use crate::ids::{Hash, Ino, PackId};
use crate::state::key;
use crate::state::ops::Extent;
use crate::state::source::decode_extent;
use crate::state::value::Pack;

/// Packs that are checked at the same time: as many as have so many blocks together, each counted as `PACK` more.
const UNITS: usize = 1 << 20;
const PACK: usize = 16;
/// About how many bytes of a pack are fetched at once.
const FETCH: u64 = 4 << 20;
/// And at most: a block of 4 MiB more, with what sealing adds to it.
const MAX_STORED: u64 = (8 << 20) + 1024;

/// A pack while the extents in it are looked at.
struct Checked {
    record: Pack,
    /// What the store calls it; for messages too.
    object: String,
    key: ObjectKey,
    /// None: a commit, or its index is damaged.
    index: Option<Vec<IndexEntry>>,
    /// Blocks that do not open, and whether a file has them.
    bad: BTreeMap<u32, bool>,
    /// What is wrong with all of it.
    lost: Option<String>,
    /// Bytes that extents refer to.
    live: u64,
}

/// The packs of one round, which are all that there are between two ids.
struct Round {
    packs: HashMap<PackId, Checked>,
    first: PackId,
    /// Where the next round begins.
    next: Option<PackId>,
}

impl Round {
    fn covers(&self, id: PackId) -> bool {
        self.first <= id && self.next.is_none_or(|next| id < next)
    }
}

impl Fsck<'_> {
    pub(super) fn check_content(&mut self, state: &Frozen<'_>) -> Result<()> {
        let mut first = PackId([0; 16]);
        loop {
            let mut round = self.take_packs(state, first)?;
            state.scan(b"X", b"Y", |key, value| {
                let extent = decode_extent(key, value).map_err(|e| wrong("an extent").caused_by(e))?;
                let id = PackId::from_slice(&extent.pack).ok_or_else(|| wrong("an extent's pack"))?;
                if round.covers(id) {
                    let ino = key::ino_of(key).ok_or_else(|| wrong("an extent's key"))?;
                    self.check_extent(round.packs.get_mut(&id), ino, id, &extent)?;
                }
                Ok(true)
            })?;
            for pack in round.packs.values() {
                self.sum_up(pack);
            }
            match round.next {
                Some(next) => first = next,
                None => return Ok(()),
            }
        }
    }

    /// The packs from an id on, as many as are checked at the same time.
    fn take_packs(&mut self, state: &Frozen<'_>, first: PackId) -> Result<Round> {
        let (mut units, mut next, mut records) = (0, None, Vec::new());
        state.scan(&key::pack(first), &key::packs().1, |key, value| {
            let id = PackId::from_slice(&key[1..]).ok_or_else(|| wrong("a pack's key"))?;
            if units >= UNITS {
                next = Some(id);
                return Ok(false);
            }
            let record: Pack = decode(value)?;
            units += PACK + if id.slot().is_none() { record.blocks as usize } else { 0 };
            records.push((id, record));
            Ok(true)
        })?;
        let mut packs = HashMap::new();
        for (id, record) in records.into_iter().filter(|(_, record)| record.live > 0) {
            let checked = self.check_pack(id, record)?;
            packs.insert(id, checked);
        }
        Ok(Round { packs, first, next })
    }

    /// Index and blocks of a pack. Blocks in a commit are looked at one by one when an extent refers to them, and so are
    /// those of a pack whose index is damaged.
    fn check_pack(&mut self, id: PackId, record: Pack) -> Result<Checked> {
        self.checkup.packs += 1;
        let key = pack_object_key(self.link, &record, id)?;
        let object = match (id.slot(), Hash::from_slice(&record.out_of_line)) {
            (Some(_), Some(hash)) => payload_key(&hash),
            (Some(slot), None) => format!("slot {slot}"),
            (None, _) => pack_key(&id.0),
        };
        let mut checked =
            Checked { record, object, key, index: None, bad: BTreeMap::new(), lost: None, live: 0 };
        if let Some(slot) = id.slot() {
            if self.quick && self.damaged_slots.contains(&slot) {
                checked.lost = Some("the commit is damaged".to_owned());
            }
            return Ok(checked);
        }
        let Checked { record, object, key, .. } = &checked;
        let fetched = fetch_index(&**self.link.store(), key, &record.index_hash, object, record.size);
        match fetched.map_err(Error::from) {
            Ok(Some(index)) if index.len() == record.blocks as usize => {
                if !self.quick {
                    checked.bad = self.bad_blocks(&checked, &index)?;
                }
                checked.index = Some(index);
            }
            Ok(_) => self.without_index(&mut checked, "its index is damaged".to_owned()),
            Err(error) => {
                let what = damage(error)?;
                self.without_index(&mut checked, what);
            }
        }
        Ok(checked)
    }

    fn without_index(&mut self, pack: &mut Checked, what: String) {
        match self.quick {
            true => pack.lost = Some(what),
            false => self.checkup.note(pack.object.clone(), what),
        }
    }

    /// The blocks of a pack that do not open to what its index says.
    fn bad_blocks(&mut self, pack: &Checked, index: &[IndexEntry]) -> Result<BTreeMap<u32, bool>> {
        let mut bad = BTreeMap::new();
        let (mut first, store) = (0, self.link.store().clone());
        while let Some(start) = index.get(first).map(|entry| entry.offset) {
            let is_near = |e: &&IndexEntry| e.offset >= start && e.offset - start <= FETCH;
            let run = index[first..].iter().take_while(is_near).take_while(|e| {
                let end = e.offset - start + u64::from(e.length);
                end <= MAX_STORED && start.checked_add(end).is_some_and(|end| end <= pack.record.size)
            });
            let run: Vec<&IndexEntry> = run.collect();
            // One that is larger than a block can be, or behind the end of the pack.
            let Some(end) = run.iter().map(|e| e.offset + u64::from(e.length)).max() else {
                bad.insert(first as u32, false);
                first += 1;
                continue;
            };
            match store.get_range(&pack.object, start, (end - start) as usize).map_err(Error::from) {
                Ok(bytes) => {
                    for (number, entry) in (first..).zip(&run) {
                        let at = (entry.offset - start) as usize;
                        let stored = bytes.get(at..at + entry.length as usize);
                        self.checkup.blocks += 1;
                        if !stored.is_some_and(|stored| entry.is_block(&pack.key, number as u32, stored)) {
                            bad.insert(number as u32, false);
                        }
                    }
                }
                Err(error) => {
                    damage(error)?;
                    bad.extend((first..first + run.len()).map(|number| (number as u32, false)));
                }
            }
            first += run.len();
        }
        Ok(bad)
    }

    fn check_extent(
        &mut self,
        pack: Option<&mut Checked>,
        ino: Ino,
        id: PackId,
        extent: &Extent,
    ) -> Result<()> {
        let Some(pack) = pack else {
            let (object, what) = (format!("pack {id}"), "the state does not know it".to_owned());
            let (offset, length) = (extent.offset, extent.length);
            self.lose(Lost { ino, offset, length, object, what });
            return Ok(());
        };
        pack.live = pack.live.saturating_add(extent.length);
        for nth in 0..extent.blocks() {
            if let Some(what) = self.check_block(pack, id, extent, nth)? {
                let unit = u64::from(extent.block_length);
                // Where the block starts, counted from the run's first byte; the file has it from `skip` on.
                let (start, skip) = (nth * unit, u64::from(extent.skip));
                let from = start.max(skip) - skip;
                let to = (start + unit - skip).min(extent.length);
                let (offset, length) = (extent.offset + from, to - from);
                self.lose(Lost { ino, offset, length, object: pack.object.clone(), what });
            }
        }
        Ok(())
    }

    /// What is wrong with a block that an extent refers to.
    fn check_block(
        &mut self,
        pack: &mut Checked,
        id: PackId,
        extent: &Extent,
        nth: u64,
    ) -> Result<Option<String>> {
        if pack.lost.is_some() {
            return Ok(pack.lost.clone());
        }
        let number = extent.block.saturating_add(nth as u32);
        let damaged = || Ok(Some("a block of it is damaged".to_owned()));
        let misplaced = || Ok(Some("a block of it is not where the file has it".to_owned()));
        let place = extent.stored(nth as usize).filter(|(offset, _)| *offset <= MAX_PACK);
        let Some((offset, length)) = place else { return misplaced() };
        // Bytes that the extent needs of it: all but the last are full.
        let rest = u64::from(extent.skip) + extent.length - nth * u64::from(extent.block_length);
        let needed = rest.min(extent.block_length.into());
        if let Some(index) = &pack.index {
            let Some(entry) = index.get(number as usize) else { return misplaced() };
            if (entry.offset, entry.length) != (offset, length) || u64::from(entry.plain_len) < needed {
                return misplaced();
            }
            return match pack.bad.get_mut(&number) {
                Some(is_used) => {
                    *is_used = true;
                    damaged()
                }
                None => Ok(None),
            };
        }
        if self.quick {
            return Ok(None);
        }
        self.checkup.blocks += 1;
        let stored: Result<Bytes> = match id.slot().filter(|_| pack.record.out_of_line.is_empty()) {
            Some(slot) => self.link.read_slot(slot, offset, length),
            None => self.link.store().get_range(&pack.object, offset, length as usize).map_err(Error::from),
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => return damage(error).map(Some),
        };
        match open_block(&pack.key, number.into(), &stored) {
            Ok(plain) if plain.len() as u64 >= needed => Ok(None),
            Ok(_) => misplaced(),
            Err(_) => damaged(),
        }
    }

    /// What is left to say of a pack when all extents in it were seen.
    fn sum_up(&mut self, pack: &Checked) {
        for (number, _) in pack.bad.iter().filter(|(_, is_used)| !**is_used) {
            let what = format!("block {number} is damaged; no file has it");
            self.checkup.note(pack.object.clone(), what);
        }
        if pack.live != pack.record.live {
            let (live, kept) = (pack.live, pack.record.live);
            let what = format!("files have {live} bytes in it, but {kept} are counted");
            self.checkup.note(pack.object.clone(), what);
        }
    }
}

fn wrong(what: &str) -> Error {
    Error::new(Status::Integrity, format!("the state is damaged: {what}"))
}

//! What is left of a log when the machine was stopped without a sync, or a sync has failed.

use std::os::unix::fs::FileExt;
use std::path::Path;

use super::create::head_file;
use super::durable::boot;
use super::records::{Durability, Entry, Head};
use super::{FolderLog, Turn, damaged, read_exact};
use crate::crypto::hash;
use crate::ids::{Incarnation, Seq};
use crate::log::{Life, LogError};
use crate::report;

/// Whether what a slot refers to is there.
type Whole<'a> = &'a mut dyn FnMut(&[u8]) -> Result<bool, LogError>;

impl FolderLog {
    /// Sees to it that the log is one of this boot, and on firm ground. Within a boot nothing is ever cut: whatever a
    /// killed process wrote, the system's memory has, and what it did not finish is behind the head.
    pub(super) fn recover(&self, folder: &Path, whole: Whole<'_>) -> Result<(), LogError> {
        let boot = boot();
        let settled = |record: &Durability| record.boot == boot && !record.doubtful;
        if self.durability_as_it_is()?.as_ref().is_some_and(settled) {
            return Ok(());
        }
        let turn = self.take_turn()?;
        let record = self.durability_in_turn(&turn)?;
        match record {
            _ if settled(&record) => Ok(()),
            _ if record.boot == boot => self.write_again(&turn, record),
            _ => {
                let cut = self.keep_what_survived(&turn, Durability { boot, ..record }, whole)?;
                if let Some((first, last)) = cut {
                    report::warn(|| {
                        format!("power loss took slots {first} to {last} of the log in {}", folder.display())
                    });
                }
                Ok(())
            }
        }
    }

    /// After another boot: keeps the slots up to the first that is not whole, cuts what is behind, and records that
    /// the rest is on the disk, from where it was read. What is known to be cut need not be all that was lost: the head
    /// in the file may be an old one. So the log has a new life in any case.
    fn keep_what_survived(
        &self,
        turn: &Turn<'_>,
        record: Durability,
        whole: Whole<'_>,
    ) -> Result<Option<(Seq, Seq)>, LogError> {
        let durable = record.position;
        let (_, mut end) = self.slot_as_it_is(durable, None)?.ok_or_else(|| {
            damaged(format!("slot {durable} was on the disk, and is missing or not as it was written"))
        })?;
        let written = match self.head_as_it_is()? {
            // The record was written with a head that is not below it, but disk sectors are written one by one.
            Some(head) => head.last.max(durable),
            // It was being written when the power failed.
            None => Seq((self.index.metadata()?.len() / Entry::LEN as u64).saturating_sub(1)).max(durable),
        };
        let mut last = durable;
        while last < written
            && let Some((bytes, its_end)) = self.slot_as_it_is(last.next(), Some(end))?
            && whole(&bytes)?
        {
            (last, end) = (last.next(), its_end);
        }
        // The files first: whoever finds them cut and the head not yet, cuts at the same place.
        self.index.set_len(Entry::place(last.next()))?;
        self.slots.set_len(end)?;
        self.index.sync_data()?;
        self.slots.sync_data()?;
        let serial = record.serial + 1;
        let life = Life { incarnation: new_life(&record), survived: last };
        let record = Durability { serial, position: last, doubtful: false, life, ..record };
        self.replace_head(turn, Head { last, end }, &record)?;
        Ok((last < written).then(|| (last.next(), written)))
    }

    /// After a sync that failed in this boot: the system has what was written, but believes that it is on the disk.
    fn write_again(&self, turn: &Turn<'_>, record: Durability) -> Result<(), LogError> {
        let head = self.head_in_turn(turn)?;
        for slot in (record.position.0..=head.last.0).map(Seq) {
            let (bytes, end) = self.slot_as_it_is(slot, None)?.ok_or_else(|| {
                damaged(format!("slot {slot} is not as it was written, after a failed sync"))
            })?;
            let offset = end - bytes.len() as u64;
            self.slots.write_all_at(&bytes, offset)?;
            self.index.write_all_at(&Entry::of(slot, offset, &bytes).encode(), Entry::place(slot))?;
        }
        let record = Durability { serial: record.serial + 1, doubtful: false, ..record };
        self.replace_head(turn, head, &record)
    }

    /// Writes the whole head file.
    fn replace_head(&self, _: &Turn<'_>, head: Head, record: &Durability) -> Result<(), LogError> {
        self.head.write_all_at(&head_file(head, record), 0)?;
        Ok(self.head.sync_data()?)
    }

    /// The bytes of a slot and where they end; none if it is not whole, or does not start where it should.
    fn slot_as_it_is(&self, slot: Seq, start: Option<u64>) -> Result<Option<(Vec<u8>, u64)>, LogError> {
        let mut entry = [0; Entry::LEN];
        if !read_exact(&self.index, &mut entry, Entry::place(slot))? {
            return Ok(None);
        }
        let Some(entry) = Entry::decode(&entry).filter(|e| start.is_none_or(|s| s == e.offset)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; entry.length as usize];
        let whole = read_exact(&self.slots, &mut bytes, entry.offset)? && entry.is_of(slot, &bytes);
        Ok(whole.then(|| (bytes, entry.end())))
    }
}

/// The name of the life that begins in a record's boot: no two are the same.
fn new_life(record: &Durability) -> Incarnation {
    let name =
        hash("lucidlink/life/v1", &[&record.boot, &record.serial.to_le_bytes(), &record.life.incarnation.0]);
    let mut incarnation = Incarnation([0; 16]);
    incarnation.0.copy_from_slice(&name.0[..16]);
    incarnation
}

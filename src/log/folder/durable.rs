//! What is on the disk, and the record of it.
//!
//! A sync writes the slots to the disk, then their index, then the record together with the head: it never says more
//! than is there. A sync that fails is remembered, here and in the record: the system may have dropped what it could
//! not write, and a later sync would not say so.

use std::os::unix::fs::FileExt;

use super::records::{Boot, COPIES, Durability};
use super::{FolderLog, Turn, damaged, read_exact};
use crate::ids::Seq;
use crate::log::LogError;

/// What this opener knows of the disk.
#[derive(Default)]
pub(super) struct Syncing {
    durable: Seq,
    failed: bool,
}

impl FolderLog {
    /// Makes the log survive power loss up to a position, and records that.
    pub(super) fn make_durable(&self, upto: Seq) -> Result<(), LogError> {
        let mut syncing = self.syncing.lock();
        if syncing.failed {
            let what =
                "an earlier sync of it failed: what was written before may be lost; unlink and link it again";
            return Err(LogError::Io(what.into()));
        }
        self.check_place()?;
        if upto <= syncing.durable {
            return Ok(());
        }
        let upto = upto.min(self.look()?.last);
        let written = self.slots.sync_data().and_then(|()| self.index.sync_data());
        if written.is_ok() {
            let turn = self.take_turn()?;
            let record = self.durability_in_turn(&turn)?;
            if record.position < upto {
                self.record(&turn, Durability { position: upto, ..record })?;
            }
        }
        if let Err(error) = written.and_then(|()| self.head.sync_data()) {
            syncing.failed = true;
            // Where even that cannot be written, this opener still refuses.
            let _ = self.doubt();
            return Err(error.into());
        }
        syncing.durable = upto;
        Ok(())
    }

    /// Tells those who open the log later.
    pub(super) fn doubt(&self) -> Result<(), LogError> {
        let turn = self.take_turn()?;
        let record = self.durability_in_turn(&turn)?;
        self.record(&turn, Durability { doubtful: true, ..record })
    }

    /// The newer of the copies that are whole.
    pub(super) fn durability_as_it_is(&self) -> Result<Option<Durability>, LogError> {
        let mut newest: Option<Durability> = None;
        for place in COPIES {
            let mut bytes = [0; Durability::LEN];
            if read_exact(&self.head, &mut bytes, place)?
                && let Some(record) = Durability::decode(&bytes)
                && newest.is_none_or(|n| n.serial < record.serial)
            {
                newest = Some(record);
            }
        }
        Ok(newest)
    }

    /// The record, for who has the right to append.
    pub(super) fn durability_in_turn(&self, _: &Turn<'_>) -> Result<Durability, LogError> {
        self.durability_as_it_is()?.ok_or_else(|| damaged("the record of what is on the disk is damaged"))
    }

    /// The record, without a lock.
    pub(super) fn durability(&self) -> Result<Durability, LogError> {
        match self.durability_as_it_is()? {
            Some(record) => Ok(record),
            None => self.durability_in_turn(&self.take_turn()?),
        }
    }

    /// Writes a record over the older copy: when the power fails meanwhile, the newer one is still there.
    pub(super) fn record(&self, _: &Turn<'_>, record: Durability) -> Result<(), LogError> {
        let record = Durability { serial: record.serial + 1, ..record };
        let place = COPIES[(record.serial % 2) as usize];
        Ok(self.head.write_all_at(&record.encode(), place)?)
    }
}

/// The boot of the machine that this process runs in.
pub(super) fn boot() -> Boot {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.first_chunk().copied().unwrap_or([0; 36])
}

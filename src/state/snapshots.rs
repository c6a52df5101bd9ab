//! Snapshots: names for states of the past. To take one is one entry in a table; what it costs later is that all that
//! was live there is kept.

use bytes::Bytes;
use prost::Message;

use super::apply::Judge;
use super::ops::{self, AsId};
use super::source::{Source, Stop};
use super::tree::is_valid_name;
use super::value::SnapshotRecord;
use super::{Failure, Refusal, key};
use crate::ids::{Hash, KeyId, PartId, Seq};

/// The most snapshots of one filespace.
pub const MAX_SNAPSHOTS: usize = 4096;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// It is the state behind this position.
    pub position: Seq,
    /// Its name.
    pub name: String,
    /// The account that took it.
    pub author: KeyId,
    /// When, author's time, nanoseconds since 1970.
    pub time: i64,
    /// The manifest of an accepted checkpoint of its position, and its hash, once there is one.
    pub checkpoint: Option<(PartId, Hash)>,
}

/// Whether a snapshot may have this name: one of a file in which nothing needs to be quoted in `NAME@snapshot:/path`.
pub fn is_valid_snapshot_name(name: &str) -> bool {
    is_valid_name(name) && !name.bytes().any(|b| b < 0x20 || b == 0x7f || b == b':' || b == b'@')
}

/// The snapshots, the oldest first. What was live at the position of one of them must be kept.
pub fn snapshots(state: &dyn Source) -> Result<Vec<Snapshot>, Stop> {
    let (from, to) = key::snapshots();
    state.range(&from, &to).map(|pair| decode(pair?)).collect()
}

fn decode((key, value): (Bytes, Bytes)) -> Result<Snapshot, Stop> {
    let corrupt = Stop::Corrupt("snapshot");
    let Some((position, name)) = key::snapshot_parts(&key) else { return Err(corrupt) };
    let record = SnapshotRecord::decode(value).map_err(|_| Stop::Corrupt("snapshot"))?;
    let checkpoint = record.manifest.part().zip(record.manifest_hash.hash());
    let Some(author) = record.author.key_id() else { return Err(corrupt) };
    Ok(Snapshot { position, name: name.to_owned(), author, time: record.time, checkpoint })
}

impl Judge<'_> {
    pub(super) fn take_snapshot(&mut self, op: &ops::Snapshot) -> Result<(), Failure> {
        if !is_valid_snapshot_name(&op.name) {
            return Err(Refusal::Invalid.into());
        }
        let taken = snapshots(&self.scratch)?;
        if taken.iter().any(|snapshot| snapshot.name == op.name) {
            return Err(Refusal::Exists.into());
        }
        if taken.len() >= MAX_SNAPSHOTS {
            return Err(Refusal::TooManySnapshots.into());
        }
        let author = Bytes::copy_from_slice(&self.envelope.key_id.0);
        let record = SnapshotRecord { author, time: op.time, ..SnapshotRecord::default() };
        self.scratch.put_message(key::snapshot(self.at, &op.name), &record);
        Ok(())
    }

    pub(super) fn drop_snapshot(&mut self, op: &ops::DropSnapshot) -> Result<(), Failure> {
        let named = snapshots(&self.scratch)?.into_iter().find(|snapshot| snapshot.name == op.name);
        let snapshot = named.ok_or(Refusal::NotFound)?;
        if snapshot.author != self.envelope.key_id {
            self.require_admin()?;
        }
        self.scratch.remove(key::snapshot(snapshot.position, &snapshot.name));
        Ok(())
    }

    /// Notes a checkpoint for the snapshots of its position that have none yet; whether there were any.
    pub(super) fn give_to_snapshots(&mut self, op: &ops::Checkpoint) -> Result<bool, Failure> {
        let taken = snapshots(&self.scratch)?;
        let mut bare =
            taken.into_iter().filter(|s| s.position.0 == op.position && s.checkpoint.is_none()).peekable();
        let any = bare.peek().is_some();
        for Snapshot { position, name, author, time, .. } in bare {
            let record = SnapshotRecord {
                author: Bytes::copy_from_slice(&author.0),
                time,
                manifest: op.manifest.clone(),
                manifest_hash: op.manifest_hash.clone(),
            };
            self.scratch.put_message(key::snapshot(position, &name), &record);
        }
        Ok(any)
    }
}

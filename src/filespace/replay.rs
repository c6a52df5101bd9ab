//! What happened behind an old position: the log is judged once more from there, on a replica of its own that starts at a
//! checkpoint. When it has come to where the link is, the watch hears of what the link applies. Here nothing is lost:
//! who is slow is waited for.

use std::sync::{Arc, Weak};
use std::time::Instant;

use bytes::Bytes;

use super::checks::Checked;
use super::follow::READ_BYTES;
use super::link::Link;
use super::position::{Position, SLICE};
use super::watch::{Batch, Watch, pause};
use crate::error::{Error, Result, Status};
use crate::ids::Seq;
use crate::state::Replica;

/// Slots read at once.
const READ_SLOTS: usize = 256;

/// A replica that follows the log behind the link's.
pub(super) struct Replay {
    replica: Replica,
    from: Position,
    /// What the last commit did, until the watch has room for it.
    untold: Option<Batch>,
}

impl Replay {
    /// Starts at the newest checkpoint that is not behind a position, else at the genesis.
    pub(super) fn new(link: &Link, from: Position) -> Result<Replay> {
        let replay = Replay { replica: link.replica_before(from.seq)?, from, untold: None };
        // What the log cannot give any more is said at once.
        if replay.read(link, 1)?.is_empty() {
            return Err(truncated(from.seq));
        }
        Ok(replay)
    }

    /// Tells a watch what happened, and ends when it hears of what the link applies.
    pub(super) fn run(mut self, link: &Weak<Link>, watch: &Weak<Watch>) {
        while let (Some(link), Some(watch)) = (link.upgrade(), watch.upgrade()) {
            if watch.has_ended() {
                return;
            }
            match link.check_usable().and_then(|()| self.go_on(&link, &watch)) {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) if error.status().is_retryable() => {
                    watch.set_trouble(Some(&Arc::new(error)));
                    pause(&link);
                }
                Err(error) => {
                    watch.end(error);
                    return;
                }
            }
        }
    }

    /// The next slots; whether the watch needs no more.
    fn go_on(&mut self, link: &Arc<Link>, watch: &Arc<Watch>) -> Result<bool> {
        if !self.tell(watch) {
            return Ok(false);
        }
        let slots = self.read(link, READ_SLOTS)?;
        watch.set_trouble(None);
        let checked = link.check_signatures(&slots)?;
        for ((at, bytes), checked) in slots.iter().zip(checked) {
            self.apply(link, *at, bytes, checked)?;
            // What was read is read again when it has room.
            if !self.tell(watch) {
                return Ok(false);
            }
        }
        let _applying = link.take_applying()?;
        if self.replica.position() < link.position() {
            return Ok(false);
        }
        let here = link.state_hash();
        if self.replica.position() == here.0 && self.replica.state_hash() != here.1 {
            let what = "the state that the watch has worked out differs from the link's; watch from now on";
            return Err(Error::new(Status::StateDiverged, what));
        }
        link.go_live(watch)?;
        Ok(true)
    }

    fn read(&self, link: &Link, limit: usize) -> Result<Vec<(Seq, Bytes)>> {
        let next = self.replica.position().next();
        let behind = link.position().0.saturating_sub(self.replica.position().0);
        let slots = link.log.read(next, limit.min(behind as usize), READ_BYTES)?;
        match slots.first() {
            Some((at, _)) if *at != next => Err(truncated(self.from.seq)),
            _ => Ok(slots),
        }
    }

    fn apply(&mut self, link: &Link, at: Seq, bytes: &Bytes, checked: Checked) -> Result<()> {
        let is_told = at > self.from.seq;
        let batch = link.apply_behind(&mut self.replica, at, bytes, checked, is_told)?;
        if at == self.from.seq && self.replica.chain() != self.from.chain {
            return Err(link.does_not_have(&self.from));
        }
        self.untold = batch;
        Ok(())
    }

    /// Tells the watch what the last commit did; false: it has no room for that yet.
    fn tell(&mut self, watch: &Watch) -> bool {
        let has_room =
            self.untold.as_ref().is_none_or(|batch| watch.wait_for_room(batch, Instant::now() + SLICE));
        if has_room && let Some(batch) = self.untold.take() {
            watch.tell(&batch);
        }
        has_room
    }
}

fn truncated(from: Seq) -> Error {
    let what = format!(
        "the log does not reach back to position {from} any more; look at the files as they are, and watch from now on"
    );
    Error::new(Status::PositionTruncated, what)
}

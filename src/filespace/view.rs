//! What a link's reads see: the committed state, and on top of it what its own calls changed and the log does
//! not have yet (in relaxed mode; in strict mode there is nothing on top).

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::draft::InlineBlock;
use crate::error::Result;
use crate::ids::{Hash, PackId, Seq};
use crate::state::replica::Prepared;
use crate::state::source::{Range, between, merge};
use crate::state::value::Outcome;
use crate::state::{Changes, Replica, Source, Stop};

/// Where transactions that wait to be committed seem to be: behind every position that a log can have.
const PENDING: u64 = 1 << 63;

/// So much may be on top that is committed already.
const MANY_SETTLED: usize = 1 << 14;
const MANY_SETTLED_BYTES: usize = 16 << 20;

/// The seeming position of the `number`-th pending transaction.
pub(super) fn pending_position(number: u64) -> Seq {
    Seq(PENDING | number)
}

/// Blocks that wait to be committed, by the transaction that they belong to.
pub type PendingBlocks = Arc<Vec<InlineBlock>>;

/// The state as this link sees it.
pub struct View {
    pub(super) committed: Replica,
    overlay: BTreeMap<Bytes, Option<Bytes>>,
    blocks: HashMap<PackId, PendingBlocks>,
    /// The log went on and the overlay did not yet.
    pub(super) is_stale: bool,
    /// What is on top does not follow from what waits any more.
    is_wrong: bool,
    /// Transactions on top that the log has by now, and bytes of their blocks.
    settled: usize,
    settled_bytes: usize,
}

impl View {
    pub(super) fn new(committed: Replica) -> View {
        View {
            committed,
            overlay: BTreeMap::new(),
            blocks: HashMap::new(),
            is_stale: false,
            is_wrong: false,
            settled: 0,
            settled_bytes: 0,
        }
    }

    /// Puts the effect of a pending transaction on top; its outcome.
    pub(super) fn add(&mut self, number: u64, changes: Changes, blocks: &PendingBlocks) -> Option<Outcome> {
        self.overlay.extend(changes.entries);
        if !blocks.is_empty() {
            self.blocks.insert(PackId::of_slot(pending_position(number)), blocks.clone());
        }
        changes.outcomes.into_iter().next()
    }

    /// The committed state moves on, by a commit of this link's or another one's. What is on top was made for the
    /// state before.
    pub(super) fn advance(&mut self, chain: Hash, prepared: Prepared, is_own: bool) {
        self.committed.advance(chain, prepared);
        self.is_stale = !self.overlay.is_empty();
        self.is_wrong |= self.is_stale && !is_own;
    }

    /// What is on top is to be worked out anew.
    pub(super) fn spoil(&mut self) {
        self.is_stale = true;
        self.is_wrong = true;
    }

    /// The first transactions on top are in the log now. If it has judged them as the view did, what is on top is still
    /// right, and not worth being worked out anew before there is much that is there twice.
    pub(super) fn settle(&mut self, count: usize, bytes: usize, as_foreseen: bool) {
        self.settled += count;
        self.settled_bytes += bytes;
        let is_much = self.settled > MANY_SETTLED || self.settled_bytes > MANY_SETTLED_BYTES;
        self.is_wrong |= !as_foreseen || is_much;
    }

    /// Whether what is on top follows from what waits, and the committed state.
    pub(super) fn is_right(&self) -> bool {
        !self.is_wrong
    }

    /// Another committed state takes the place of the one that is there.
    pub(super) fn replace(&mut self, committed: Replica) {
        self.committed = committed;
        self.is_stale = !self.overlay.is_empty();
        self.is_wrong |= self.is_stale;
    }

    /// Takes everything off that is on top.
    pub(super) fn clear(&mut self) {
        self.overlay.clear();
        self.blocks.clear();
        (self.is_stale, self.is_wrong) = (false, false);
        (self.settled, self.settled_bytes) = (0, 0);
    }

    /// The blocks of a transaction that waits to be committed, if that is what a pack is.
    pub fn pending_blocks(&self, pack: PackId) -> Option<&PendingBlocks> {
        self.blocks.get(&pack)
    }
}

impl Deref for View {
    type Target = Replica;

    /// Position, chain and hashes are those of the committed state.
    fn deref(&self) -> &Replica {
        &self.committed
    }
}

impl Source for View {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        if self.overlay.is_empty() {
            return self.committed.get(key);
        }
        match self.overlay.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.committed.get(key),
        }
    }

    fn range<'a>(&'a self, from: &[u8], to: &[u8]) -> Range<'a> {
        if self.overlay.is_empty() {
            return self.committed.range(from, to);
        }
        let top = between(&self.overlay, from, to).map(|(k, v)| (k.clone(), v.clone()));
        merge(top, self.committed.range(from, to))
    }
}

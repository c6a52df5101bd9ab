//! What must be written to the disk before the log may say that it is durable: also the objects of other
//! processes' commits, which may still be in the system's memory only.

use parking_lot::Mutex;

use super::follow::payload_key;
use super::link::Link;
use crate::content::pack::pack_key;
use crate::error::Result;
use crate::ids::Seq;
use crate::log::envelope::Envelope;
use crate::state::ops::{Body, NewPack};

/// Objects kept by name at most; beyond it everything is synced.
const MAX_OBJECTS: usize = 1024;

/// Objects of commits behind the durable position, and of a journal, that other processes wrote.
pub(super) struct Foreign {
    /// Held by whoever syncs.
    turn: Mutex<()>,
    objects: Mutex<Objects>,
    /// Commits up to here need nothing.
    durable: Seq,
}

enum Objects {
    These(Vec<String>),
    /// Too many, or not known.
    All,
}

impl Foreign {
    /// Nothing yet, on a log that is durable up to a position.
    pub(super) fn new(durable: Seq) -> Foreign {
        Foreign { turn: Mutex::new(()), objects: Mutex::new(Objects::These(Vec::new())), durable }
    }

    /// The replica took a checkpoint: the commits up to there are not looked at.
    pub(super) fn skip(&self, to: Seq) {
        if to > self.durable {
            *self.objects.lock() = Objects::All;
        }
    }

    /// Another process's commit was applied.
    pub(super) fn note(&self, at: Seq, envelope: &Envelope, body: Option<&Body>) {
        if at <= self.durable {
            return;
        }
        self.inherit(body.into_iter().flat_map(|b| &b.packs), Some(envelope));
    }

    /// This link commits what refers to these packs, or is this commit; an earlier process has put them.
    pub(super) fn inherit<'a>(
        &self,
        packs: impl IntoIterator<Item = &'a NewPack>,
        commit: Option<&Envelope>,
    ) {
        let packs = packs.into_iter();
        let mut keys: Vec<String> = packs.filter_map(|p| Some(pack_key(p.id[..].try_into().ok()?))).collect();
        let body = commit.filter(|commit| commit.out_of_line);
        keys.extend(body.map(|commit| payload_key(&commit.payload_hash)));
        self.add(keys);
    }

    fn add(&self, mut keys: Vec<String>) {
        let mut objects = self.objects.lock();
        match &mut *objects {
            Objects::These(known) if known.len() + keys.len() <= MAX_OBJECTS => known.append(&mut keys),
            Objects::These(_) | Objects::All => *objects = Objects::All,
        }
    }

    /// They could not be synced.
    fn put_back(&self, objects: Objects) {
        match objects {
            Objects::These(keys) => self.add(keys),
            Objects::All => *self.objects.lock() = Objects::All,
        }
    }
}

impl Link {
    /// Makes everything that was committed so far survive power loss: objects, folders, log, in that order.
    pub fn sync(&self) -> Result<Seq> {
        self.check_usable()?;
        self.drain(self.deadline())?;
        self.refresh()?;
        // Whoever comes meanwhile waits until what it relies on is recorded.
        let _turn = self.foreign.turn.lock();
        let upto = self.position();
        let objects = std::mem::replace(&mut *self.foreign.objects.lock(), Objects::These(Vec::new()));
        let synced = match &objects {
            Objects::These(keys) => self.store.sync(keys),
            Objects::All => self.store.sync_all(),
        };
        if let Err(error) = synced {
            self.foreign.put_back(objects);
            return Err(error.into());
        }
        self.log.sync(upto)?;
        self.remember(upto)?;
        Ok(upto)
    }
}

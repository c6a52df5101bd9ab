//! Checking a filespace as a whole: whether the log gives the state that clients have, and whether everything is there
//! that the state refers to. Nothing is changed, and others may go on meanwhile: it is the filespace at one position
//! that is checked.
//!
//! - `replay`: the state built anew from the log; checkpoints on the way.
//! - `tables`: what the state says twice.
//! - `content`: packs, and the extents that refer to them.
//! - `paths`: from what is damaged to the names that it has.
//!
//! Memory is bounded, but for what changed between two checkpoints that are there.

mod content;
mod paths;
mod replay;
mod tables;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::collect::pack_of;
use super::link::Link;
use crate::error::{Error, Result, Status};
use crate::ids::{Ino, Seq};
use crate::state::part::Parts;
use crate::state::source::{Source, Stop};

/// What one check keeps at most; what is beyond it is only counted.
const MAX_FINDINGS: usize = 10_000;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The object that is damaged: its key in the store, or what it is called.
    pub object: String,
    /// The file that is concerned, or nothing if none is.
    pub path: String,
    /// Where in the file the bytes are that are lost.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// What is wrong with the object.
    pub what: String,
}

/// What was checked, and what was found.
#[derive(Debug, Clone, Default)]
pub struct Checkup {
    /// The filespace as it was here.
    pub position: Seq,
    /// Slots that were read and judged.
    pub slots: u64,
    /// Those of them that have no effect.
    pub void_slots: u64,
    /// Accepted checkpoints that are there.
    pub checkpoints: u64,
    /// Files, directories and symbolic links.
    pub entries: u64,
    /// Ranges of files.
    pub extents: u64,
    /// Packs with bytes of files in them.
    pub packs: u64,
    /// Blocks that were opened.
    pub blocks: u64,
    /// What is wrong, the most of it.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub unlisted: u64,
}

impl Checkup {
    fn add(&mut self, finding: Finding) {
        match self.findings.len() < MAX_FINDINGS {
            true => self.findings.push(finding),
            false => self.unlisted += 1,
        }
    }

    /// Something that is no part of one file.
    fn note(&mut self, object: impl Into<String>, what: impl Into<String>) {
        let (object, what) = (object.into(), what.into());
        self.add(Finding { object, path: String::new(), offset: 0, length: 0, what });
    }
}

/// A range of a file that is lost.
struct Lost {
    ino: Ino,
    offset: u64,
    length: u64,
    object: String,
    what: String,
}

/// A check under way.
struct Fsck<'a> {
    link: &'a Link,
    quick: bool,
    checkup: Checkup,
    lost: Vec<Lost>,
    /// Slots that are not as they were written.
    damaged_slots: BTreeSet<Seq>,
}

impl Link {
    /// Checks the filespace as it is now. `quick`: of packs only their indexes. An error is one of reaching log or
    /// store; what is damaged is in the result.
    pub fn fsck(&self, quick: bool) -> Result<Checkup> {
        self.check_usable()?;
        self.refresh()?;
        let mut fsck = Fsck {
            link: self,
            quick,
            checkup: Checkup::default(),
            lost: Vec::new(),
            damaged_slots: BTreeSet::new(),
        };
        let state = fsck.replay()?;
        if let Some(error) = fsck.check_state(&state)? {
            fsck.checkup.note("state", error);
        }
        let mut checkup = fsck.checkup;
        self.forget_collected(&mut checkup)?;
        Ok(checkup)
    }
}

impl Link {
    /// What is wrong with a pack that died meanwhile hurts nobody: most often it was collected.
    fn forget_collected(&self, checkup: &mut Checkup) -> Result<()> {
        let objects: BTreeSet<&str> = checkup.findings.iter().map(|finding| &finding.object[..]).collect();
        let mut dead = BTreeSet::new();
        for object in objects {
            if let Some(id) = pack_of(object)
                && self.is_gone(id)?
            {
                dead.insert(object.to_owned());
            }
        }
        checkup.findings.retain(|finding| !dead.contains(&finding.object));
        Ok(())
    }
}

impl Fsck<'_> {
    /// What is wrong with the state, if not all of it can be read.
    fn check_state(&mut self, state: &Frozen<'_>) -> Result<Option<String>> {
        let checked = (|| {
            self.check_tables(state)?;
            self.check_content(state)?;
            self.name_lost(state)
        })();
        checked.map(|()| None).or_else(|error| damage(error).map(Some))
    }

    fn lose(&mut self, lost: Lost) {
        if let Some(last) = self.lost.last_mut() {
            let continues = last.ino == lost.ino && last.offset + last.length == lost.offset;
            if continues && last.object == lost.object && last.what == lost.what {
                last.length += lost.length;
                return;
            }
        }
        match self.lost.len() < MAX_FINDINGS {
            true => self.lost.push(lost),
            false => self.checkup.unlisted += 1,
        }
    }
}

/// What is damaged, if an error says so; others mean that nothing is known.
fn damage(error: Error) -> Result<String> {
    match error.status() {
        Status::Integrity => Ok(error.to_string()),
        _ => Err(error),
    }
}

/// A state that nobody changes any more.
struct Frozen<'a> {
    link: &'a Link,
    state: Box<dyn Source>,
    /// Below it.
    parts: Arc<Parts>,
}

impl Frozen<'_> {
    /// Reads, and loads what is missing; so the closure must not have effects.
    fn read<T>(&self, mut read: impl FnMut(&dyn Source) -> Result<T, Stop>) -> Result<T> {
        loop {
            match read(&*self.state) {
                Ok(value) => return Ok(value),
                Err(stop) => self.link.load(&self.parts, stop)?,
            }
        }
    }

    /// Goes over the pairs of a range, as long as it is told to go on.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        mut each: impl FnMut(&Bytes, &Bytes) -> Result<bool>,
    ) -> Result<()> {
        let mut from = from.to_vec();
        loop {
            let mut stopped = None;
            for pair in self.state.range(&from, to) {
                match pair {
                    Ok((key, value)) => {
                        if !each(&key, &value)? {
                            return Ok(());
                        }
                        from.clear();
                        from.extend_from_slice(&key);
                        from.push(0);
                    }
                    Err(stop) => {
                        stopped = Some(stop);
                        break;
                    }
                }
            }
            match stopped {
                Some(stop) => self.link.load(&self.parts, stop)?,
                None => return Ok(()),
            }
        }
    }
}

/// A value of the state.
fn decode<M: prost::Message + Default>(value: &Bytes) -> Result<M> {
    M::decode(value.clone()).map_err(|e| Error::new(Status::Integrity, "a value of the state").caused_by(e))
}

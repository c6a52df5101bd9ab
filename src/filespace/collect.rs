//! Collection: deleting what nobody can read any more. When in doubt, an object stays.
//!
//! - A pack that the state calls dead is dead for good, once the log is durable up to the commit that freed it. It is
//!   deleted when that was so long ago that nobody reads an old version of a file any more, and then forgotten.
//! - How long ago that was says the store: each collection leaves a mark, an object whose name says how far the log was
//!   when it was put. Clocks of clients count for nothing.
//! - A pack that no commit has registered is an orphan once its session is closed. The journal of a link that died may
//!   still bring it back: it stays for a month.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::commit::CommitError;
use super::draft::Draft;
use super::link::Link;
use crate::content::pack::pack_key;
use crate::error::{Error, Result, Status};
use crate::ids::{PackId, Seq, SessionNo};
use crate::state::collect::{DeadPack, dead_packs, open_sessions};
use crate::state::ops::{ForgetPacks, ForgottenPack, Op};
use crate::state::{Tables, key};

/// Dead packs that are deleted before the state forgets them.
const BATCH: usize = 512;
/// How old an orphan is at least: a link that died has so long to bring its journal back.
const ORPHAN_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How old a file is at least that somebody has begun to write and not ended.
const UNFINISHED_AGE: Duration = Duration::from_secs(24 * 3600);
/// Orphans of one collection, at most.
const MAX_ORPHANS: usize = 10_000;

const MARKS: &str = "marks/";

/// What a collection has deleted, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Dead packs.
    pub dead: u64,
    /// Their bytes.
    pub dead_bytes: u64,
    /// Dead packs that stay for now: they died too short a time ago.
    pub waiting: u64,
    /// Dead packs that stay because a snapshot may have them.
    pub pinned: u64,
    /// Packs that were stored and never committed.
    pub orphans: u64,
    /// Files that somebody began to write and never ended.
    pub unfinished: u64,
}

impl Link {
    /// Deletes what has been dead for `grace` or longer. With `dry_run` nothing is deleted.
    pub fn collect(self: &Arc<Link>, dry_run: bool, grace: Duration) -> Result<Collected> {
        self.check_usable()?;
        if !dry_run {
            self.check_writable()?;
        }
        // After power loss the log must not end before a commit that freed what is deleted now: whoever recovers it
        // looks for all packs that are registered behind what is durable.
        let upto = match dry_run {
            true => self.refresh().map(|()| self.position())?,
            false => self.sync()?,
        };
        let mut collected = Collected::default();
        let horizon = self.horizon(dry_run, grace, upto)?;
        self.collect_dead(dry_run, horizon, &mut collected)?;
        collected.orphans = self.collect_orphans(dry_run, grace)?;
        collected.unfinished = self.store.sweep(grace.max(UNFINISHED_AGE), !dry_run)?;
        Ok(collected)
    }

    /// The last position that the log had reached `grace` ago, as far as marks tell; leaves a mark if there is something
    /// to wait for.
    fn horizon(&self, dry_run: bool, grace: Duration, upto: Seq) -> Result<Seq> {
        let (mut newest, mut old) = (Seq(0), Seq(0));
        let mut marks = Vec::new();
        self.store.list_aged(MARKS, &mut |key, age| {
            let Some(at) = marked(key).filter(|at| *at <= upto) else { return };
            newest = newest.max(at);
            old = if age >= grace { old.max(at) } else { old };
            marks.push(at);
        })?;
        if !dry_run {
            let from = key::freed(newest.next(), PackId([0; 16]));
            if !grace.is_zero() && !self.read_committed(|state| Ok(dead_packs(state, &from, 1)?))?.is_empty()
            {
                self.store.put(&mark(upto), &[])?;
            }
            for at in marks.into_iter().filter(|at| *at < old) {
                self.delete_object(&mark(at))?;
            }
        }
        Ok(if grace.is_zero() { upto } else { old })
    }

    /// Packs that were dead at a position.
    fn collect_dead(self: &Arc<Link>, dry_run: bool, horizon: Seq, collected: &mut Collected) -> Result<()> {
        let mut from = key::freed(Seq(0), PackId([0; 16]));
        loop {
            let dead = self.read_committed(|state| Ok(dead_packs(state, &from, BATCH)?))?;
            let Some(last) = dead.last() else { return Ok(()) };
            from = last.next_key();
            let (ripe, waiting): (Vec<&DeadPack>, _) = dead.iter().partition(|pack| pack.freed <= horizon);
            let (pinned, ripe): (Vec<_>, Vec<_>) = ripe.into_iter().partition(|pack| pack.is_pinned);
            collected.waiting += waiting.len() as u64;
            collected.pinned += pinned.len() as u64;
            if !dry_run {
                self.delete(&ripe)?;
            }
            collected.dead += ripe.len() as u64;
            collected.dead_bytes += ripe.iter().map(|pack| pack.size).sum::<u64>();
        }
    }

    /// Deletes dead packs, then forgets them: in between nothing is lost but the work.
    fn delete(self: &Arc<Link>, dead: &[&DeadPack]) -> Result<()> {
        if dead.is_empty() {
            return Ok(());
        }
        // A snapshot that had them may have been deleted just now: that must not be lost either.
        self.sync()?;
        for pack in dead {
            self.delete_object(&pack_key(&pack.id.0))?;
        }
        let forgotten = |pack: &&DeadPack| ForgottenPack {
            position: pack.freed.0,
            pack: Bytes::copy_from_slice(&pack.id.0),
        };
        let packs: Vec<ForgottenPack> = dead.iter().map(forgotten).collect();
        match self.commit(Draft::of(Op::ForgetPacks(ForgetPacks { packs })), self.deadline()) {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(refusal)) => {
                Err(Error::new(refusal.status(), format!("collection was refused ({refusal:?})")))
            }
            Err(CommitError::Failed(error) | CommitError::Unsettled(error, _)) => Err(error),
        }
    }

    fn delete_object(&self, key: &str) -> Result<()> {
        self.store.delete(key).map_err(|error| {
            let error = Error::from(error);
            if error.status() != Status::AccessDenied {
                return error;
            }
            let what =
                "collection needs the right to delete objects, which those who only write need not have";
            Error::new(Status::AccessDenied, what).caused_by(error)
        })
    }

    /// Packs that no commit has registered, and none will: their session is closed.
    fn collect_orphans(&self, dry_run: bool, grace: Duration) -> Result<u64> {
        // Most of what is old is registered, and there may be any number of it: only what seems to be an orphan is kept.
        let (mut listed, mut failed) = (Vec::new(), None);
        let ended = self.ended_sessions()?;
        self.store.list_aged("packs/", &mut |key, age| {
            if age < grace.max(ORPHAN_AGE) || listed.len() >= MAX_ORPHANS || failed.is_some() {
                return;
            }
            let Some(id) = pack_of(key) else { return };
            match self.is_orphan(id, &ended) {
                Ok(is_orphan) => listed.extend(is_orphan.then_some(id)),
                Err(error) => failed = Some(error),
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if listed.is_empty() {
            return Ok(0);
        }
        // Read behind the listing: what was registered, or whose session was opened, before that is known here.
        self.refresh()?;
        let ended = self.ended_sessions()?;
        let mut orphans = 0;
        for id in listed {
            if self.is_orphan(id, &ended)? {
                if !dry_run {
                    self.delete_object(&pack_key(&id.0))?;
                }
                orphans += 1;
            }
        }
        Ok(orphans)
    }

    /// Whether a session was opened and is not open any more, as of now.
    fn ended_sessions(&self) -> Result<impl Fn(SessionNo) -> bool + use<>> {
        // First the position: who is newer is not known here.
        let position = self.position();
        let open = self.read_committed(|state| Ok(open_sessions(state)?))?;
        Ok(move |session: SessionNo| Seq(session.0.into()) <= position && !open.contains(&session))
    }

    /// Whether the state does not know a pack, and its session has ended.
    fn is_orphan(&self, id: PackId, has_ended: &impl Fn(SessionNo) -> bool) -> Result<bool> {
        Ok(has_ended(id.session()) && self.read_committed(|state| Ok(state.pack(id)?))?.is_none())
    }
}

/// The object that says how far the log was when it was put.
fn mark(at: Seq) -> String {
    format!("{MARKS}{:016x}", at.0)
}

fn marked(key: &str) -> Option<Seq> {
    let at = u64::from_str_radix(key.strip_prefix(MARKS)?, 16).ok().map(Seq)?;
    (mark(at) == key).then_some(at)
}

/// The pack of this key.
pub(super) fn pack_of(key: &str) -> Option<PackId> {
    let id = PackId::from_hex(key.rsplit('/').next()?)?;
    (id.slot().is_none() && pack_key(&id.0) == key).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_made() {
        for at in [0, 7, u64::MAX].map(Seq) {
            assert_eq!(marked(&mark(at)), Some(at));
        }
        let id = PackId([7; 16]);
        assert_eq!(pack_of(&pack_key(&id.0)), Some(id));
        let mut elsewhere = pack_key(&id.0);
        elsewhere.replace_range(6..8, "08");
        for key in ["marks/7", "marks/", "marks/+000000000000007", "marks/000000000000000g"] {
            assert_eq!(marked(key), None, "{key}");
        }
        let commit = pack_key(&PackId::of_slot(Seq(1)).0);
        for key in ["packs/07/07", "packs/x", &elsewhere, &commit] {
            assert_eq!(pack_of(key), None, "{key}");
        }
    }
}

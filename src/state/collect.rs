//! What may be collected: packs that are dead, and that no snapshot still has.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;

use super::apply::Judge;
use super::key::{self, Key};
use super::ops::{self, AsId};
use super::snapshots::{Snapshot, snapshots};
use super::source::{Source, Stop, Tables};
use super::value::Session;
use super::{Failure, Refusal};
use crate::ids::{PackId, Seq, SessionNo};

/// The most packs that one operation forgets.
pub const MAX_FORGOTTEN: usize = 4096;

/// A pack without a live byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadPack {
    /// The position that freed it.
    pub freed: Seq,
    /// Which.
    pub id: PackId,
    /// Its size in the store.
    pub size: u64,
    /// Whether a snapshot may still have it.
    pub is_pinned: bool,
}

impl DeadPack {
    /// The key behind its own in the table of dead packs.
    pub fn next_key(&self) -> Key {
        let mut key = key::freed(self.freed, self.id);
        key.push(0);
        key
    }
}

/// The first dead packs of the table from a key on, in the order in which they died.
pub fn dead_packs(state: &dyn Source, from: &[u8], limit: usize) -> Result<Vec<DeadPack>, Stop> {
    let snapshots = snapshots(state)?;
    let dead = |key: &[u8]| {
        let damaged = Stop::Corrupt("dead pack");
        let (freed, id) = key::freed_pack(key).ok_or(damaged)?;
        let record = state.pack(id)?.ok_or(Stop::Corrupt("a dead pack without its record"))?;
        if record.live > 0 {
            return Err(Stop::Corrupt("a dead pack that files refer to"));
        }
        Ok(DeadPack { freed, id, size: record.size, is_pinned: is_pinned(&snapshots, freed, id) })
    };
    state.range(from, b"G").take(limit).map(|pair| dead(&pair?.0)).collect()
}

/// Whether a snapshot may have a pack that died at a position: it was taken before that, and not before the session of
/// the pack began. When the pack was registered the state does not say; it was after that.
fn is_pinned(snapshots: &[Snapshot], freed: Seq, id: PackId) -> bool {
    let began = Seq(id.session().0.into());
    snapshots.iter().any(|taken| began <= taken.position && taken.position < freed)
}

/// The numbers of the sessions that are open.
pub fn open_sessions(state: &dyn Source) -> Result<BTreeSet<SessionNo>, Stop> {
    let (from, to) = key::sessions();
    let decode = |value: Bytes| Session::decode(value).map_err(|_| Stop::Corrupt("session"));
    let all = state.range(&from, &to).map(|pair| decode(pair?.1));
    all.filter(|session| !session.as_ref().is_ok_and(|s| s.closed)).map(|s| Ok(s?.number())).collect()
}

impl Judge<'_> {
    /// Forgets packs that are dead and collected. One that is not, or that a snapshot may have, stays.
    pub(super) fn forget_packs(&mut self, op: &ops::ForgetPacks) -> Result<(), Failure> {
        if op.packs.len() > MAX_FORGOTTEN {
            return Err(Refusal::Invalid.into());
        }
        let snapshots = snapshots(&self.scratch)?;
        for dead in &op.packs {
            let id = dead.pack.pack().ok_or(Refusal::Invalid)?;
            let (freed, key) = (Seq(dead.position), key::freed(Seq(dead.position), id));
            if self.scratch.get(&key)?.is_some() && !is_pinned(&snapshots, freed, id) {
                self.scratch.remove(key);
                self.scratch.remove(key::pack(id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ids::{Hash, Incarnation, KeyId, SessionId};
    use crate::log::envelope::Envelope;
    use crate::state::apply::Trial;
    use crate::state::ops::{ForgetPacks, ForgottenPack, Op, Operation, Transaction};
    use crate::state::source::{Empty, Scratch};
    use crate::state::value::{Header, Member, Pack, Role, SnapshotRecord};

    /// A pack of a session that began at a position, dead since another one.
    fn bury(state: &mut Scratch<'_>, began: u32, freed: u64) -> PackId {
        let id = PackId::new(SessionNo(began), [freed as u8; 12]);
        state.put_message(key::pack(id), &Pack { size: 100, ..Pack::default() });
        state.put(key::freed(Seq(freed), id), Vec::new());
        id
    }

    fn snapshot(state: &mut Scratch<'_>, at: u64) {
        let author = Bytes::from_static(&[1; 16]);
        state.put_message(
            key::snapshot(Seq(at), "name"),
            &SnapshotRecord { author, ..SnapshotRecord::default() },
        );
    }

    #[test]
    fn what_a_snapshot_may_have_is_neither_deleted_nor_forgotten() {
        let mut state = Scratch::new(&Empty);
        state.put_message(key::header(), &Header::default());
        state.put_message(
            key::member(KeyId([1; 16])),
            &Member { role: Role::Writer.into(), ..Member::default() },
        );
        let (before, at, pinned, behind) = (
            bury(&mut state, 5, 19),
            bury(&mut state, 5, 20),
            bury(&mut state, 5, 21),
            bury(&mut state, 21, 30),
        );
        assert!(dead_packs(&state, b"F", 9).unwrap().iter().all(|pack| !pack.is_pinned));
        snapshot(&mut state, 20);
        snapshot(&mut state, 4);
        let is_pinned = |id| id == pinned;
        let dead = dead_packs(&state, b"F", 9).unwrap();
        assert_eq!(dead.iter().map(|pack| pack.id).collect::<Vec<_>>(), [before, at, pinned, behind]);
        assert!(dead.iter().all(|pack| pack.is_pinned == is_pinned(pack.id)), "{dead:?}");
        assert_eq!(dead_packs(&state, &dead[1].next_key(), 1).unwrap(), dead[2..3]);

        let envelope = Envelope {
            incarnation: Incarnation([0; 16]),
            session: SessionId([2; 16]),
            k: 2,
            seen: Seq(40),
            chain_at_seen: Hash([0; 32]),
            key_id: KeyId([1; 16]),
            generation: 0,
            salt: [0; 32],
            clear: Bytes::new(),
            payload_len: 0,
            payload_hash: Hash([0; 32]),
            out_of_line: false,
        };
        let mut trial = Trial::new(&state, Seq(41), &envelope, SessionNo(40), &|_| None).unwrap();
        let forgotten = |pack: &DeadPack| ForgottenPack {
            position: pack.freed.0,
            pack: Bytes::copy_from_slice(&pack.id.0),
        };
        let mut packs: Vec<ForgottenPack> = dead.iter().map(forgotten).collect();
        // It did not die there.
        packs[0].position += 1;
        let op = Some(Op::ForgetPacks(ForgetPacks { packs }));
        let outcome = trial.judge(&Transaction { hops: vec![], ops: vec![Operation { op }] }).unwrap();
        assert_eq!(outcome.refusal, 0);
        let left: Vec<PackId> =
            dead_packs(trial.state(), b"F", 9).unwrap().iter().map(|pack| pack.id).collect();
        assert_eq!(left, [before, pinned]);
        for pack in dead {
            let is_known = trial.state().pack(pack.id).unwrap().is_some();
            assert_eq!(is_known, left.contains(&pack.id));
        }
    }

    #[test]
    fn a_dead_pack_with_live_bytes_stops_collection() {
        let mut state = Scratch::new(&Empty);
        let id = bury(&mut state, 5, 19);
        state.put_message(key::pack(id), &Pack { size: 100, live: 1, ..Pack::default() });
        assert!(matches!(dead_packs(&state, b"F", 9), Err(Stop::Corrupt(_))));
    }
}

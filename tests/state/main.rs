//! The state machine alone: no log, no store, no file system. Random slots, built by hand, are judged and applied by a
//! replica and by a plain model (`model`); verdict, outcomes and state must be the same. A second replica, which is put
//! on checkpoints at random and forgets their blocks all the time (`rebuilt`), must have the same state hash at every
//! position.
//!
//! All of it follows from a seed, which a failure prints: `LUCIDLINK_SEED=<seed>` runs that one alone,
//! `LUCIDLINK_SEEDS` says how many are run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "../simulation/audit.rs"]
mod audit;
mod commits;
mod compare;
mod content;
mod copies;
mod generations;
mod judging;
mod limits;
mod locks;
mod model;
mod names;
mod operations;
mod places;
mod random;
mod rebuilt;
mod runs;
mod slot;
mod snapshots;
mod xattrs;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use commits::{Commits, account};
use lucidlink::ids::Hash;
use lucidlink::state::Replica;
use lucidlink::state::ops::{Op, Operation};
use lucidlink::state::replica::Birth;
use model::{Model, Verdict};
use random::Chance;
use rebuilt::Rebuilt;
use slot::Slot;

const SEEDS: u64 = 36;
const SLOTS: u64 = 300;
/// After so many slots everything is compared.
const COMPARE: u64 = 10;
/// The refusals that each kind of operation must have met, by its field in the encoding (`docs/format.md`, "What each
/// operation does"). Out of reach are 2^30 names of a file
/// and 2^64 live bytes of a pack (13 of Link and Copy). `limits` tries 19 of SetXattr, 20 of Copy and 25 of Lock and Unlock.
const REFUSALS: [&[u32]; 32] = [
    &[1, 2, 4, 10, 12, 17],    // MakeDir
    &[1, 2, 4, 5, 10, 12, 17], // Create
    &[1, 2, 4, 10, 12, 17],    // Symlink
    &[1, 2, 4, 5, 12],         // Link
    &[1, 4, 5, 12],            // Unlink
    &[1, 4, 6, 12],            // RemoveDir
    &[1, 4, 12],               // RemoveTree
    &[],                       // Reap
    &[1, 2, 4, 5, 6, 7, 12],   // Rename
    &[9],                      // SetAttributes
    &[5, 9, 11, 12, 13, 17],   // Replace
    &[5, 9, 11, 12, 17],       // Write
    &[5, 9, 11, 12, 13, 17],   // Append
    &[5, 9, 12, 13, 17],       // Truncate
    &[8, 12, 16, 33],          // SetMember
    &[3, 8, 12, 16],           // RevokeMember
    &[3, 12, 14],              // CloseSession
    &[12, 15],                 // Checkpoint
    &[12],                     // OpenSession
    &[8],                      // End
    &[2, 9, 12, 18],           // SetXattr
    &[9, 18],                  // RemoveXattr
    &[1, 2, 4, 5, 10, 12, 17], // Copy
    &[8],                      // SetQuota
    &[5, 9, 12],               // Punch
    &[2, 12],                  // NewIncarnation
    &[3, 8],                   // AcceptFork
    &[5, 9, 12, 22, 23],       // Lock
    &[12],                     // Unlock
    &[3],                      // Withdraw
    &[3, 12, 14],              // DropLocks
    &[24],                     // Guard
];

/// The same of operations with other numbers. `snapshots` tries 29 of Snapshot.
const MORE: [(usize, &[u32]); 4] = [
    (40, &[2, 12]),                // Snapshot
    (41, &[3, 8]),                 // DropSnapshot
    (42, &[5, 9, 12, 13, 17, 30]), // Restore
    (44, &[8, 12, 32, 33]),        // NewGeneration
];

fn birth() -> Birth {
    Birth { chain: Hash([1; 32]), admin: account(0), created: 1_700_000_000_000_000_000 }
}

/// A replica, its model, and a replica on checkpoints.
struct Run {
    model: Model,
    replica: Replica,
    rebuilt: Rebuilt,
    /// What became of operations of each kind: by number of the refusal (0: took effect), how many.
    seen: BTreeMap<usize, BTreeMap<u32, u64>>,
}

impl Run {
    fn new() -> Run {
        let replica = Replica::new(&birth());
        let model = Model::new(&birth(), replica.state_hash());
        Run { model, replica, rebuilt: Rebuilt::new(&birth()), seen: BTreeMap::new() }
    }

    fn step(&mut self, slot: &Slot) {
        let expected = self.model.apply(&slot.understood());
        let applied = slot.judge(&self.replica).expect("all of it is in memory");
        assert_eq!(applied.verdict, expected, "verdict on {slot:#?}");
        if let Verdict::Consumed(outcomes) = &expected
            && outcomes.iter().all(|outcome| outcome.refusal != 0)
        {
            // The session's record, and those of sessions that are forgotten.
            let traces = applied.changes.entries.keys().filter(|key| !b"SE".contains(&key[0]));
            assert_eq!(traces.count(), 0, "what was refused left a trace: {slot:#?}");
        }
        slot.advance(&mut self.replica, applied);
        self.model.advance(self.replica.chain(), self.replica.state_hash());
        assert_eq!(self.rebuilt.apply(slot), expected, "verdict of the rebuilt replica on {slot:#?}");
        assert_eq!(
            self.rebuilt.replica.state_hash(),
            self.replica.state_hash(),
            "state hash after {slot:#?}"
        );
        assert_eq!(self.rebuilt.replica.chain(), self.replica.chain());
        self.note(slot, &expected);
    }

    fn compare(&mut self) {
        let pairs = compare::pairs(&self.replica);
        compare::check(&self.model, &pairs);
        locks::check(&self.replica);
        audit::check(&self.replica).unwrap();
        self.rebuilt.read(audit::check);
    }

    fn note(&mut self, slot: &Slot, verdict: &Verdict) {
        let (Verdict::Consumed(outcomes), Some(body)) = (verdict, &slot.body) else { return };
        for (transaction, outcome) in body.transactions.iter().zip(outcomes) {
            let judged = match outcome.refusal {
                0 => &transaction.ops[..],
                _ => transaction.ops.get(outcome.op as usize).map_or(&[][..], std::slice::from_ref),
            };
            for kind in judged.iter().filter_map(kind) {
                *self.seen.entry(kind).or_default().entry(outcome.refusal).or_default() += 1;
            }
        }
    }
}

/// The number of an operation's field in the encoding.
fn kind(operation: &Operation) -> Option<usize> {
    Some(match operation.op.as_ref()? {
        Op::MakeDir(_) => 1,
        Op::Create(_) => 2,
        Op::Symlink(_) => 3,
        Op::Link(_) => 4,
        Op::Unlink(_) => 5,
        Op::RemoveDir(_) => 6,
        Op::RemoveTree(_) => 7,
        Op::Reap(_) => 8,
        Op::Rename(_) => 9,
        Op::SetAttributes(_) => 10,
        Op::Replace(_) => 11,
        Op::Write(_) => 12,
        Op::Append(_) => 13,
        Op::Truncate(_) => 14,
        Op::SetMember(_) => 15,
        Op::RevokeMember(_) => 16,
        Op::CloseSession(_) => 17,
        Op::Checkpoint(_) => 18,
        Op::OpenSession(_) => 19,
        Op::End(_) => 20,
        Op::SetXattr(_) => 21,
        Op::RemoveXattr(_) => 22,
        Op::Copy(_) => 23,
        Op::SetQuota(_) => 24,
        Op::Punch(_) => 25,
        Op::NewIncarnation(_) => 26,
        Op::AcceptFork(_) => 27,
        Op::Lock(_) => 28,
        Op::Unlock(_) => 29,
        Op::Withdraw(_) => 30,
        Op::DropLocks(_) => 31,
        Op::Guard(_) => 32,
        Op::Snapshot(_) => 40,
        Op::DropSnapshot(_) => 41,
        Op::Restore(_) => 42,
        Op::NewGeneration(_) => 44,
    })
}

/// Runs a seed to its end.
fn run(seed: u64) -> Run {
    let mut run = Run::new();
    let mut commits = Commits::new(seed);
    // Of its own, so that the slots do not depend on it.
    let chance = Chance::new(seed ^ 0x5eed);
    for n in 0..SLOTS {
        if seed.is_multiple_of(6) && n == SLOTS / 2 {
            // So many slots that say nothing that sessions are forgotten and views are too old.
            (0..lucidlink::state::WINDOW - 20).for_each(|_| run.step(&Slot::default()));
        }
        commits.may_end = n + 5 > SLOTS;
        let slot = commits.slot(&run.model);
        run.step(&slot);
        match chance.below(30) {
            0 => run.rebuilt.restart(&chance.0),
            1 => run.rebuilt.write_checkpoint(&chance.0),
            2..6 => run.rebuilt.rebase(),
            _ => {}
        }
        if n % COMPARE == 0 {
            run.compare();
        }
    }
    run.compare();
    run
}

fn seeds() -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|value: String| value.parse().expect("a number"));
    match number("LUCIDLINK_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("LUCIDLINK_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn the_state_machine_is_its_model() {
    let (mut seen, mut stops) = (BTreeMap::<usize, BTreeMap<u32, u64>>::new(), 0);
    for seed in seeds() {
        let run = catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|cause| {
            eprintln!("the seed is {seed}");
            resume_unwind(cause)
        });
        stops += run.rebuilt.stops;
        for (kind, outcomes) in run.seen {
            for (refusal, count) in outcomes {
                *seen.entry(kind).or_default().entry(refusal).or_default() += count;
            }
        }
    }
    if std::env::var_os("LUCIDLINK_SEED").is_none() && std::env::var_os("LUCIDLINK_SEEDS").is_none() {
        for (kind, refusals) in (1..).zip(REFUSALS).chain(MORE) {
            let met: Vec<u32> = seen.remove(&kind).unwrap_or_default().into_keys().collect();
            // Behind a fork everything is refused but what goes on, or ends it all.
            let forked: &[u32] = if matches!(kind, 20 | 27) { &[] } else { &[21] };
            let mut expected = [&[0], refusals, forked].concat();
            expected.sort_unstable();
            assert_eq!(met, expected, "what became of operations of kind {kind}");
        }
    }
    assert!(stops > 0, "no slot was judged twice");
}

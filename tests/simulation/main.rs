//! Clients over a log and a store that fail in every way they can, held against the model: requests that are never
//! sent, answers that are lost, commits that land late, reads that fail, checkpoints and new links in between. All of it
//! follows from a seed, which a failure prints: `LUCIDLINK_SEED=<seed>` runs that one alone, `LUCIDLINK_SEEDS` says how
//! many are run, and with `LUCIDLINK_TRACE=1` every call is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::print_stderr
)]

mod appends;
mod audit;
#[path = "../model/call.rs"]
mod call;
mod locks;
#[path = "../model/model.rs"]
mod model;
mod relaxed;
mod simulated;
mod watches;
mod worlds;

use std::time::Duration;

use call::{Call, Calls, Client};
use lucidlink::env::SeededRandom;
use model::{Model, Opened, Tree};
use simulated::{Place, Simulated};
use worlds::{Outcome, Worlds};

const CLIENTS: usize = 3;
const CALLS: usize = 300;

fn seeds(first: u64, count: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|value: String| value.parse().expect("a number"));
    match number("LUCIDLINK_SEED") {
        Some(seed) => vec![seed],
        None => (first..first + number("LUCIDLINK_SEEDS").unwrap_or(count)).collect(),
    }
}

/// The next call that is not about an open file. Counters, quotas and link counts include what was removed and is not
/// freed yet, which the model knows nothing of; the audit checks them.
fn next_call(source: &Calls<'_>) -> Call {
    loop {
        let call = source.next();
        let is_left_out =
            |call: &Call| matches!(call, Call::Counts | Call::SetQuota(..) | Call::HardLink(..));
        let is_odd_batch = matches!(&call, Call::Batch(calls) if calls.iter().any(is_left_out));
        if !call.is_on_file() && !is_left_out(&call) && !is_odd_batch {
            return call;
        }
    }
}

/// Everything that a new client sees is what a world holds, and every client's state adds up.
fn settle(seed: u64, place: &Place, clients: &[Simulated], trees: &[&Tree]) {
    for client in clients {
        client.heal();
        client.fs.link().refresh().unwrap();
        client.fs.link().read(|state| Ok(audit::check(state)?)).unwrap();
    }
    let newcomer = place.open(seed + 77, 0, Duration::from_secs(5));
    newcomer.fs.link().read(|state| Ok(audit::check(state)?)).unwrap();
    let hash = newcomer.fs.link().state_hash();
    for client in clients {
        assert_eq!(client.fs.link().state_hash(), hash, "seed {seed}: clients differ");
    }
    // The first thing that does not fit a tree.
    let misfit = |tree: &&Tree| {
        let mut tree = (*tree).clone();
        let looks = |path: &String| {
            [
                Call::Stat(path.clone(), false),
                Call::List(path.clone()),
                Call::ListXattrs(path.clone(), false),
                Call::ReadFile(path.clone()),
            ]
        };
        tree.paths().iter().flat_map(looks).find_map(|look| {
            let expected = Model { tree: &mut tree, opened: &mut Opened::default() }.call(&look);
            let found = newcomer.call(&look);
            let same = matches!(&found, Outcome::Answered(found) if *found == expected);
            (!same).then(|| format!("{look:?}: found {found:?}, expected {expected:?}"))
        })
    };
    let misfits: Vec<_> = trees.iter().map(misfit).collect();
    assert!(misfits.iter().any(Option::is_none), "seed {seed}: a newcomer sees what cannot be: {misfits:#?}");
}

/// Clients that wait until what they sent is settled: every answer is the model's, whatever was lost on the way.
#[test]
fn lost_answers_change_nothing() {
    for seed in seeds(10_000, 100) {
        let place = Place::new(seed);
        let random = SeededRandom::new(seed);
        let source = Calls { random: &random };
        let mut clients: Vec<Simulated> = (0..CLIENTS as u64)
            .map(|n| place.open(seed * 100 + n * 10, 12, Duration::from_secs(30)))
            .collect();
        let mut tree = Tree::default();
        for n in 0..CALLS {
            let client = (random.next_u64() % CLIENTS as u64) as usize;
            match random.next_u64() % 60 {
                // It may fail, which changes nothing.
                0 => drop(clients[client].fs.link().write_checkpoint()),
                1 => {
                    clients[client] =
                        place.open(seed * 100 + n as u64 * 1000 + 7, 12, Duration::from_secs(30))
                }
                _ => {}
            }
            let call = next_call(&source);
            let before = tree.clone();
            let expected = Model { tree: &mut tree, opened: &mut Opened::default() }.call(&call);
            let outcome = clients[client].call(&call);
            if std::env::var_os("LUCIDLINK_TRACE").is_some() {
                eprintln!("{n} client {client}: {call:?} -> {outcome:?}");
            }
            match outcome {
                Outcome::Answered(found) if call.opens_blindly() && expected.is_err() => {
                    assert!(found.is_err(), "seed {seed}, call {n}: {call:?}");
                }
                Outcome::Answered(found) => {
                    assert_eq!(found, expected, "seed {seed}, call {n} of client {client}: {call:?}");
                }
                // The store or a read of the log failed before anything was sent.
                Outcome::Failed => tree = before,
                // A read of the log failed after something was.
                Outcome::Unknown => {
                    clients[client].heal();
                    // Its next change settles it.
                    let change = Call::CreateDir(format!("/settled-{n}"));
                    let settled = clients[client].call(&change);
                    assert!(matches!(settled, Outcome::Answered(Ok(_))), "seed {seed}, call {n}");
                    tree = after_unknown(seed, &place, [&tree, &before], &change);
                    clients[client].log.set_odds(12);
                    clients[client].store.set_odds(12);
                }
            }
        }
        settle(seed, &place, &clients, &[&tree]);
    }
}

/// Which of two trees it became, with a change made in either.
fn after_unknown(seed: u64, place: &Place, trees: [&Tree; 2], change: &Call) -> Tree {
    let witness = place.open(seed + 55, 0, Duration::from_secs(5));
    let found = |tree: &Tree| {
        let mut tree = tree.clone();
        let _ = Model { tree: &mut tree, opened: &mut Opened::default() }.call(change);
        let mut looked = tree.clone();
        let same = tree.paths().iter().all(|path| {
            [
                Call::Stat(path.clone(), false),
                Call::List(path.clone()),
                Call::ListXattrs(path.clone(), false),
                Call::ReadFile(path.clone()),
            ]
            .iter()
            .all(|look| {
                let expected = Model { tree: &mut looked, opened: &mut Opened::default() }.call(look);
                matches!(witness.call(look), Outcome::Answered(found) if found == expected)
            })
        });
        same.then_some(tree)
    };
    trees.into_iter().find_map(found).unwrap_or_else(|| panic!("seed {seed}: neither done nor not done"))
}

/// Clients that give up at the first answer that is missing, and go on: what they were told holds, and nothing else
/// ever happens.
#[test]
fn what_was_given_up_happens_once_or_never() {
    for seed in seeds(20_000, 20) {
        let place = Place::new(seed);
        let random = SeededRandom::new(seed);
        let source = Calls { random: &random };
        let clients: Vec<Simulated> =
            (0..CLIENTS as u64).map(|n| place.open(seed * 100 + n * 10, 8, Duration::ZERO)).collect();
        let mut worlds = Worlds::new();
        for n in 0..CALLS {
            let client = (random.next_u64() % CLIENTS as u64) as usize;
            let mut call = next_call(&source);
            // An append that lands late follows its file, whatever that is called by then; the model goes by names.
            while matches!(call, Call::AppendFile(..)) {
                call = next_call(&source);
            }
            // An old view would only cost it the slot, and it has no time for a second one.
            let _ = clients[client].fs.link().refresh();
            let outcome = clients[client].call(&call);
            if std::env::var_os("LUCIDLINK_TRACE").is_some() {
                eprintln!("{n} client {client}: {call:?} -> {outcome:?}");
            }
            let possible = worlds.observe(client, &call, &outcome);
            assert!(possible, "seed {seed}, call {n} of client {client}: {call:?}");
        }
        settle(seed, &place, &clients, &worlds.trees());
    }
}

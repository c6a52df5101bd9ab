//! Random calls of several clients, held against the model.

use std::collections::BTreeMap;
use std::rc::Rc;

use lucidlink::env::SeededRandom;

use super::abi::Abi;
use super::call::{self, Answer, Call, Calls, Client, Reply};
use super::linked::{Linked, Place};
use super::model::{Model, Opened, Tree};

/// A number in the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Runs calls of a seed with so many clients; panics with the seed where the model disagrees. Relaxed clients hand over
/// with a barrier.
pub fn run(abi: &Rc<Abi>, place: &Place, seed: u64, clients: usize, calls: u64, is_relaxed: bool) {
    let random = SeededRandom::new(seed);
    let trace = number("LUCIDLINK_TRACE").is_some();
    let every = number("LUCIDLINK_COMPARE").unwrap_or(500);
    let source = Calls { random: &random };
    let mut tree = Tree::default();
    let mut opened: Vec<Opened> = (0..clients).map(|_| Opened::default()).collect();
    let mut real: Vec<Linked> = (0..clients).map(|_| Linked::new(abi, place, is_relaxed)).collect();
    let mut last = 0;
    let mut snapshots: Vec<(String, Tree)> = Vec::new();
    for n in 0..calls {
        let client = (random.next_u64() % clients as u64) as usize;
        if is_relaxed && client != last {
            // What the barrier would publish is published one by one, as the model has it.
            settle_files(seed, n, &mut Model { tree: &mut tree, opened: &mut opened[last] }, &mut real[last]);
            real[last].hand_over(&real[client]);
            last = client;
        }
        let mut model = Model { tree: &mut tree, opened: &mut opened[client] };
        if random.next_u64().is_multiple_of(400) {
            model.reopen();
            real[client].reopen();
            continue;
        }
        if random.next_u64().is_multiple_of(300) {
            // What it would publish first is published one by one, as the model has it.
            settle_files(seed, n, &mut model, &mut real[client]);
            let name = format!("after {n}");
            real[client].take_snapshot(&name);
            snapshots.push((name, model.tree.clone()));
            continue;
        }
        let call = source.next();
        if matches!(call, Call::Batch(_)) {
            // What it would publish first is published one by one, as the model has it.
            settle_files(
                seed,
                n,
                &mut Model { tree: &mut tree, opened: &mut opened[client] },
                &mut real[client],
            );
        }
        let mut model = Model { tree: &mut tree, opened: &mut opened[client] };
        if call.opens_blindly() {
            real[client].call(&Call::Counts).expect("counts");
        }
        let (expected, found) = (model.call(&call), real[client].call(&call));
        if trace {
            eprintln!("{n} client {client}: {call:?} -> {found:?}");
        }
        if found != expected {
            panic!("seed {seed}, call {n} of client {client}: {call:?}: {}", differ(&found, &expected));
        }
        if n % every == every - 1 && !(is_relaxed && clients > 1) {
            compare(seed, n, &mut tree, &opened, &mut real);
        }
    }
    if !(is_relaxed && clients > 1) {
        compare(seed, calls, &mut tree, &opened, &mut real);
    }
    for (opened, real) in opened.iter_mut().zip(real) {
        Model { tree: &mut tree, opened }.reopen();
        drop(real);
    }
    compare(seed, calls, &mut tree, &[Opened::default()], &mut [Linked::new(abi, place, is_relaxed)]);
    for (name, mut then) in snapshots {
        let linked = Linked::at_snapshot(abi, place, &name);
        compare(seed, calls, &mut then, &[Opened::default()], &mut [linked]);
    }
}

/// Publishes what the open files of a client have; those that cannot are freed.
fn settle_files(seed: u64, n: u64, model: &mut Model<'_>, real: &mut Linked) {
    for slot in 0..call::SLOTS {
        let (flush, free) = (Call::Flush(slot), Call::Free(slot));
        let flushed = model.call(&flush);
        assert_eq!(real.call(&flush), flushed, "seed {seed}, call {n}: {flush:?}");
        if flushed.is_err() {
            assert_eq!(real.call(&free), model.call(&free));
        }
    }
}

/// Everything that can be seen is the same for every client and the model, and numbers stand for the same files.
fn compare(seed: u64, n: u64, tree: &mut Tree, opened: &[Opened], real: &mut [Linked]) {
    for (client, linked) in real.iter_mut().enumerate() {
        let mut ids: BTreeMap<u64, u64> = BTreeMap::new();
        for path in tree.paths() {
            let mut opened = opened[client].clone();
            let mut model = Model { tree: &mut *tree, opened: &mut opened };
            for call in [
                Call::Stat(path.clone(), false),
                Call::List(path.clone()),
                Call::ReadFile(path.clone()),
                Call::ReadLink(path.clone()),
                Call::ListXattrs(path.clone(), false),
                Call::GetXattr(path.clone(), "user.a".to_owned(), false),
                Call::Counts,
            ] {
                let (expected, found) = (model.call(&call), linked.call(&call));
                if found != expected {
                    panic!(
                        "seed {seed}, after call {n}, client {client}: {call:?}: {}",
                        differ(&found, &expected)
                    );
                }
            }
            let number = model.tree.number(&path).expect("it is in the model");
            let id = linked.file_id(&path);
            assert_eq!(*ids.entry(number).or_insert(id), id, "seed {seed}, after call {n}: {path}");
        }
        let different: std::collections::BTreeSet<_> = ids.values().collect();
        assert_eq!(different.len(), ids.len(), "seed {seed}: one number for two files");
    }
}

/// What was found, what was expected and, of bytes, where they part.
fn differ(found: &Answer, expected: &Answer) -> String {
    let place = match (found, expected) {
        (Ok(Reply::Bytes(found)), Ok(Reply::Bytes(expected))) => {
            let same = found.iter().zip(expected).take_while(|(f, e)| f == e).count();
            let until = found.iter().zip(expected).rposition(|(f, e)| f != e);
            format!(", different from byte {same} to {until:?}")
        }
        _ => String::new(),
    };
    format!("found {found:?}, expected {expected:?}{place}")
}

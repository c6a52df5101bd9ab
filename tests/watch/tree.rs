//! Events that are replayed over the tree from which they start give the tree that is there, whatever happened.

use std::collections::BTreeMap;

use lucidlink::env::SeededRandom;
use lucidlink::ffi::fs::LL_TYPE_DIRECTORY;
use lucidlink::ffi::watch::{
    LL_EVENT_ATTRIBUTES, LL_EVENT_CHANGED, LL_EVENT_CREATED, LL_EVENT_DELETED, LL_EVENT_MOVED,
    LL_EVENT_TREE_REMOVED,
};

use crate::abi::{Abi, Event};
use crate::call::{Call, Calls, Client as _};
use crate::linked::{Linked, Place};
use crate::{Client, World};

/// Number and type of what is at each path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree(BTreeMap<String, (u64, u32)>);

impl Tree {
    /// What is there.
    pub fn listed(abi: &Abi, filespace: u64) -> Tree {
        let (mut tree, mut todo) = (Tree::default(), vec![String::new()]);
        while let Some(directory) = todo.pop() {
            for (name, entry) in abi.read_dir(filespace, &format!("{directory}/")).unwrap() {
                let path = format!("{directory}/{name}");
                if entry.r#type == LL_TYPE_DIRECTORY {
                    todo.push(path.clone());
                }
                tree.0.insert(path, (entry.file_id, entry.r#type));
            }
        }
        tree
    }

    fn below(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        self.0.keys().filter(|other| other.starts_with(&prefix)).cloned().collect()
    }

    /// Does what an event says, which must fit.
    pub fn replay(&mut self, event: &Event) {
        let (path, this) = (&event.path, (event.raw.file_id, event.raw.r#type));
        match event.raw.kind {
            LL_EVENT_CREATED => assert_eq!(self.0.insert(path.clone(), this), None, "{event:?}"),
            LL_EVENT_CHANGED | LL_EVENT_ATTRIBUTES if path.is_empty() => {
                let names = self.0.values().filter(|other| **other == this).count();
                assert!(names > 0, "{event:?}");
            }
            LL_EVENT_CHANGED | LL_EVENT_ATTRIBUTES if path == "/" => {}
            LL_EVENT_CHANGED | LL_EVENT_ATTRIBUTES => {
                assert_eq!(self.0.get(path), Some(&this), "{event:?}");
            }
            LL_EVENT_MOVED => {
                assert_eq!(self.0.remove(&event.from), Some(this), "{event:?}");
                for below in self.below(&event.from) {
                    let moved = self.0.remove(&below).unwrap();
                    self.0.insert(format!("{path}{}", &below[event.from.len()..]), moved);
                }
                assert_eq!(self.0.insert(path.clone(), this), None, "{event:?}");
            }
            LL_EVENT_DELETED => {
                assert_eq!(self.0.remove(path), Some(this), "{event:?}");
                assert!(self.below(path).is_empty(), "{event:?}");
            }
            LL_EVENT_TREE_REMOVED => {
                assert_eq!(self.0.remove(path), Some(this), "{event:?}");
                for below in self.below(path) {
                    self.0.remove(&below);
                }
            }
            _ => panic!("{event:?}"),
        }
        let parent = path.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty());
        if let (Some(parent), true) = (parent, [LL_EVENT_CREATED, LL_EVENT_MOVED].contains(&event.raw.kind)) {
            assert_eq!(self.0[parent].0, event.raw.parent_id, "{event:?}");
        }
    }
}

/// All that a watch has to tell up to a position.
pub fn take(client: &Client, watch: u64, upto: u64, random: &SeededRandom) -> Vec<Event> {
    let (abi, mut events) = (&client.abi, Vec::new());
    while abi.watch_position(watch).unwrap().seq < upto {
        events.extend(abi.next_events(watch, 1 + (random.next_u64() % 40) as usize, 10_000).unwrap());
    }
    events
}

fn run(seed: u64, calls: usize) {
    let (world, random) = (World::new(), SeededRandom::new(seed));
    let place = Place::folder(&world.url, &world.token);
    let mut clients: Vec<Linked> =
        [false, false, true].map(|relaxed| Linked::new(&world.abi, &place, relaxed)).into();
    let watcher = world.client();
    let (abi, filespace) = (&watcher.abi, watcher.filespace);
    let source = Calls { random: &random };
    let some = |clients: &mut Vec<Linked>| {
        for _ in 0..calls {
            let call = source.next();
            // What a relaxed client does late is not what this is about: who waits for it, sees it.
            if !matches!(call, Call::SetQuota(..)) {
                let _ = clients[(random.next_u64() % 3) as usize].call(&call);
            }
        }
    };
    some(&mut clients);
    // From a moment on in which nothing happens.
    clients.iter().for_each(Linked::settle);
    let mut tree = Tree::listed(abi, filespace);
    let watch = abi.watch(filespace, None, None, 0).unwrap();
    let start = abi.watch_position(watch).unwrap();
    some(&mut clients);
    clients.iter().for_each(Linked::settle);
    let end = abi.sync_all(filespace).unwrap().seq;
    let events = take(&watcher, watch, end, &random);
    for event in &events {
        tree.replay(event);
    }
    assert_eq!(tree, Tree::listed(abi, filespace), "seed {seed}");
    // The same is told to who comes later and starts there, from any place between.
    let from = abi.position_text(&start);
    let again = abi.watch(filespace, None, Some(&from), 0).unwrap();
    let repeated = take(&watcher, again, end, &random);
    assert_eq!(format!("{repeated:?}"), format!("{events:?}"), "seed {seed}");
    let middle = abi.watch(filespace, None, Some(&from), 0).unwrap();
    let first = take(&watcher, middle, start.seq + (end - start.seq) / 2, &random);
    let reached = abi.watch_position(middle).unwrap();
    let rest = abi.watch(filespace, None, Some(&abi.position_text(&reached)), 0).unwrap();
    let rest = take(&watcher, rest, end, &random);
    let in_two: Vec<Event> =
        first.into_iter().filter(|e| e.raw.position <= reached.seq).chain(rest).collect();
    assert_eq!(format!("{in_two:?}"), format!("{events:?}"), "seed {seed}");
    assert!(events.len() > calls / 20, "seed {seed}: {} events are too few to show anything", events.len());
    watcher.stop();
}

#[test]
fn events_replayed_over_the_tree_give_the_tree_that_is_there() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let calls = number("LUCIDLINK_CALLS").unwrap_or(4000) as usize;
    match number("LUCIDLINK_SEED") {
        Some(seed) => run(seed, calls),
        None => (0..number("LUCIDLINK_SEEDS").unwrap_or(2)).for_each(|seed| run(7000 + seed, calls)),
    }
}

//! What may be true while answers are missing. A call whose outcome is not known may take effect at any later
//! moment, until its client's next change has succeeded; each possibility is a world. Answers rule worlds out;
//! if none is left, something happened that nobody asked for, or was lost.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Answer, Call, Client, Reply};
use super::model::{Model, Opened, Tree};

/// A tree, and the calls of clients that may still take effect on it.
#[derive(Clone)]
pub struct World {
    pub tree: Tree,
    open: BTreeMap<usize, Call>,
}

pub struct Worlds(pub Vec<World>);

/// How a call ended for its client.
#[derive(Debug)]
pub enum Outcome {
    Answered(Answer),
    /// It failed by a fault, and has no effect.
    Failed,
    /// It failed by a fault, and may have an effect, now or later.
    Unknown,
}

impl World {
    fn answer(&mut self, call: &Call) -> Answer {
        Model { tree: &mut self.tree, opened: &mut Opened::default() }.call(call)
    }

    fn key(&self) -> (Vec<usize>, u64) {
        (self.open.keys().copied().collect(), self.tree.fingerprint())
    }
}

impl Worlds {
    pub fn new() -> Worlds {
        Worlds(vec![World { tree: Tree::default(), open: BTreeMap::new() }])
    }

    /// Every order in which open calls may have taken effect by now.
    fn unfold(&mut self) {
        let mut known: BTreeSet<_> = self.0.iter().map(World::key).collect();
        let mut next = 0;
        while next < self.0.len() {
            let clients: Vec<usize> = self.0[next].open.keys().copied().collect();
            for client in clients {
                let mut world = self.0[next].clone();
                if let Some(call) = world.open.remove(&client) {
                    // Its answer went nowhere.
                    let _ = world.answer(&call);
                }
                if known.insert(world.key()) {
                    self.0.push(world);
                }
            }
            next += 1;
        }
    }

    /// Goes on to the worlds in which this happened; false if there is none.
    #[must_use]
    pub fn observe(&mut self, client: usize, call: &Call, outcome: &Outcome) -> bool {
        self.unfold();
        match outcome {
            Outcome::Failed => {}
            Outcome::Unknown => {
                for world in &mut self.0 {
                    // The one before was settled, or this one would not have been sent.
                    world.open.insert(client, call.clone());
                }
            }
            Outcome::Answered(answer) => self.0.retain_mut(|world| world.answer(call) == *answer),
        }
        let has_changed = |reply: &Reply| call.changes() && !matches!(reply, Reply::Failed(..));
        if matches!(outcome, Outcome::Answered(Ok(reply)) if has_changed(reply)) {
            self.0.iter_mut().for_each(|world| drop(world.open.remove(&client)));
        }
        self.merge();
        !self.0.is_empty()
    }

    /// The trees that there may be now.
    pub fn trees(&mut self) -> Vec<&Tree> {
        self.unfold();
        self.0.iter().map(|world| &world.tree).collect()
    }

    fn merge(&mut self) {
        let mut known = BTreeSet::new();
        self.0.retain(|world| known.insert(world.key()));
    }
}

//! Files behave on this back end as they do in a folder: the model test, by several clients that share nothing else.

use std::rc::Rc;

use crate::abi::Abi;
use crate::linked::Place;
use crate::run::{number, run};
use crate::server;
use crate::world::WORLD;

/// A new filespace of the shared workspace.
pub(crate) fn place(name: &str) -> Place {
    WORLD.ok(&["filespace", "create", name]);
    let (server, more) = (server::configuration(&server::endpoint()), crate::more_settings());
    let mut settings = vec![("daemon.allow_multiple", "true"), ("workspace.url", &WORLD.url)];
    settings.extend(server.iter().map(|(key, value)| (*key, &value[..])));
    settings.extend(more.iter().map(|(key, value)| (*key, &value[..])));
    Place::new(&settings, &WORLD.token, name)
}

fn run_seeds(first: u64, seeds: u64, clients: usize, is_relaxed: bool) {
    let (abi, calls) = (Rc::new(Abi::load()), number("LUCIDLINK_CALLS").unwrap_or(300));
    for seed in first..first + number("LUCIDLINK_SEEDS").unwrap_or(seeds) {
        run(&abi, &place(&format!("model-{seed}")), seed, clients, calls, is_relaxed);
    }
}

#[test]
fn several_clients_behave_as_one_model() {
    run_seeds(5000, 2, 3, false);
}

#[test]
fn one_relaxed_client_behaves_as_the_model() {
    run_seeds(6000, 1, 1, true);
}

#[test]
fn relaxed_clients_that_hand_over_behave_as_one_model() {
    run_seeds(6500, 1, 2, true);
}

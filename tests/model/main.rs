//! Random calls, held against a plain model: through the C ABI of the built library, by one client and by several,
//! with links ended and opened again at any point. In a folder here; `tests/bucket` and `tests/postgres` do the same on
//! their back ends.
//!
//! A failure prints its seed; `LUCIDLINK_SEED=<seed>` runs that one alone. `LUCIDLINK_SEEDS` and `LUCIDLINK_CALLS`
//! say how many seeds and how many calls of each are run, `LUCIDLINK_COMPARE` after how many calls everything is
//! compared; with `LUCIDLINK_TRACE=1` every call is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    clippy::print_stderr
)]

#[path = "../support/abi.rs"]
mod abi;
#[allow(dead_code)]
mod call;
#[allow(dead_code)]
mod linked;
#[allow(dead_code)]
mod model;
mod run;
#[path = "../support/soak.rs"]
mod soak;

use std::rc::Rc;

use abi::Abi;
use linked::Place;
use run::number;

/// In a new workspace.
fn run(abi: &Rc<Abi>, seed: u64, clients: usize, calls: u64, is_relaxed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/ws", folder.path().display());
    let token = abi.workspace_create(&url, "model").expect("a workspace");
    provision(abi, &url, &token);
    run::run(abi, &Place::folder(&url, &token), seed, clients, calls, is_relaxed);
}

fn provision(abi: &Abi, url: &str, token: &str) {
    let daemon = abi.daemon(&[("workspace.url", url), ("daemon.allow_multiple", "true")]).expect("a daemon");
    let workspace = abi.authenticate(daemon, token).expect("a workspace");
    abi.create_filespace(workspace, "model").expect("a filespace");
    abi.stop(daemon).expect("a stop");
}

fn run_seeds(first: u64, clients: usize, is_relaxed: bool) {
    let abi = Rc::new(Abi::load());
    let calls = number("LUCIDLINK_CALLS").unwrap_or(1500);
    match number("LUCIDLINK_SEED") {
        Some(seed) => run(&abi, seed, clients, calls, is_relaxed),
        None => {
            let seeds = first..first + number("LUCIDLINK_SEEDS").unwrap_or(8);
            seeds.for_each(|seed| run(&abi, seed, clients, calls, is_relaxed));
        }
    }
}

#[test]
fn one_client_behaves_as_the_model() {
    run_seeds(1000, 1, false);
}

#[test]
fn several_clients_behave_as_one_model() {
    run_seeds(2000, 3, false);
}

#[test]
fn one_relaxed_client_behaves_as_the_model() {
    run_seeds(3000, 1, true);
}

#[test]
fn relaxed_clients_that_hand_over_behave_as_one_model() {
    run_seeds(4000, 3, true);
}

/// Where the processes of the soak are at work.
fn soak_place() -> (Place, Option<tempfile::TempDir>) {
    let (abi, folder) = (Abi::load(), tempfile::tempdir().unwrap());
    let url = format!("file://{}/ws", folder.path().display());
    let token = abi.workspace_create(&url, "soak").expect("a workspace");
    provision(&abi, &url, &token);
    (Place::folder(&url, &token), Some(folder))
}

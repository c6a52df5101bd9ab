//! Workspaces in a bucket, on a real S3 server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/abi.rs"]
#[allow(unreachable_pub)]
mod abi;
#[path = "../model/call.rs"]
#[allow(dead_code, unreachable_pub)]
mod call;
mod conformance;
mod counts;
mod credentials;
mod faults;
mod files;
#[path = "../model/linked.rs"]
#[allow(dead_code, unreachable_pub)]
mod linked;
#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../model/model.rs"]
#[allow(dead_code, unreachable_pub)]
mod model;
mod offline;
mod processes;
mod program;
#[path = "../support/proxy.rs"]
mod proxy;
mod refusals;
#[path = "../model/run.rs"]
#[allow(unreachable_pub, clippy::print_stderr)]
mod run;
#[path = "../support/seaweed.rs"]
mod seaweed;
#[path = "../support/soak.rs"]
mod soak;
mod world;

use seaweed as server;

/// What processes need beside the bucket.
fn more_environment() -> [(&'static str, String); 0] {
    []
}

/// The same as settings.
fn more_settings() -> [(&'static str, String); 0] {
    []
}

/// Where the processes of the soak are at work.
fn soak_place() -> (linked::Place, Option<tempfile::TempDir>) {
    (files::place("soak"), None)
}

//! Workspaces in a bucket whose logs are in PostgreSQL, on real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/abi.rs"]
#[allow(unreachable_pub)]
mod abi;
#[path = "../model/call.rs"]
#[allow(dead_code, unreachable_pub)]
mod call;
mod conformance;
mod faults;
#[path = "../bucket/files.rs"]
mod files;
#[path = "../model/linked.rs"]
#[allow(dead_code, unreachable_pub)]
mod linked;
#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../model/model.rs"]
#[allow(dead_code, unreachable_pub)]
mod model;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../bucket/processes.rs"]
mod processes;
#[path = "../model/run.rs"]
#[allow(unreachable_pub, clippy::print_stderr)]
mod run;
#[path = "../support/seaweed.rs"]
mod seaweed;
#[path = "../support/soak.rs"]
mod soak;
mod tls;
#[path = "../bucket/world.rs"]
mod world;

use seaweed as server;

/// What processes need beside the bucket.
fn more_environment() -> [(&'static str, String); 1] {
    [("LUCIDLINK_LOG_URL", postgres::url())]
}

/// The same as settings.
fn more_settings() -> [(&'static str, String); 1] {
    [("log.url", postgres::url())]
}

/// Where the processes of the soak are at work.
fn soak_place() -> (linked::Place, Option<tempfile::TempDir>) {
    (files::place("soak"), None)
}

//! Workspaces in a bucket whose logs are in PostgreSQL, on real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/abi.rs"]
#[allow(unreachable_pub)]
mod abi;
mod conformance;
#[path = "../support/counter.rs"]
mod counter;
mod faults;
#[path = "../bucket/locks.rs"]
mod locks;
#[path = "../support/loopback.rs"]
mod loopback;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../bucket/processes.rs"]
mod processes;
#[path = "../support/seaweed.rs"]
mod seaweed;
mod tls;
#[path = "../bucket/world.rs"]
mod world;

use seaweed as server;

/// What processes need beside the bucket.
fn more_environment() -> [(&'static str, String); 1] {
    [("LUCIDLINK_LOG_URL", postgres::url())]
}

//! Workspaces in a bucket, on a real S3 server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/abi.rs"]
#[allow(unreachable_pub)]
mod abi;
mod conformance;
#[path = "../support/counter.rs"]
mod counter;
mod counts;
mod credentials;
mod faults;
mod locks;
#[path = "../support/loopback.rs"]
mod loopback;
mod offline;
mod processes;
mod program;
#[path = "../support/proxy.rs"]
mod proxy;
mod refusals;
#[path = "../support/seaweed.rs"]
mod seaweed;
mod world;

use seaweed as server;

/// What processes need beside the bucket.
fn more_environment() -> [(&'static str, String); 0] {
    []
}

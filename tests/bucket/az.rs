//! Workspaces in Azure Blob Storage: the tests of S3, on a server that stands for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/abi.rs"]
#[allow(unreachable_pub)]
mod abi;
mod conformance;
mod faults;
mod listing;
#[path = "../support/loopback.rs"]
mod loopback;
mod processes;
mod program;
#[path = "../support/proxy.rs"]
mod proxy;
mod refusals;
#[path = "../support/azurite.rs"]
mod server;
mod signatures;
mod world;

/// What processes need beside the bucket.
fn more_environment() -> [(&'static str, String); 0] {
    []
}

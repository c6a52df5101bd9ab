//! The command line as scripts use it: the real binary, its output forms, its exit statuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cp;
mod files;
mod get;
mod holes;
mod keep;
mod more;
mod output;
mod provision;
mod put;
mod real;
mod snapshots;
mod watch;
mod world;

//! Workspaces in a bucket, on a real S3 server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conformance;
mod processes;
#[path = "../support/seaweed.rs"]
mod seaweed;

//! Logs in PostgreSQL, on a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod conformance;
#[path = "../support/postgres.rs"]
mod postgres;

//! liblucidlink: a shared, end-to-end encrypted cloud file system that lives inside any process.
//!
//! A filespace is an ordered log of commits; everything else is what you get by applying them in
//! order. The modules, in the order in which data flows:
//!
//! - [`ffi`]: the C ABI, one file per noun; the only place with `unsafe`.
//! - [`daemon`]: lifecycle, configuration, storage modes, runtime.
//! - [`workspace`]: accounts, tokens, grants, list and link of filespaces.
//! - [`filespace`]: a linked filespace: committer (group commit), follower, session, sync.
//! - [`fs`]: paths and operations on a linked filespace; open files.
//! - [`content`]: blocks, packs, stores, caches: bytes, never names.
//! - [`state`]: operations, the pure `apply`, replica, overlay, checkpoint: names, never bytes.
//! - [`log`]: `CommitLog`, the only coordination primitive, and the commit codec.
//! - [`database`]: PostgreSQL: connections, TLS, errors. `runner`: blocking calls into asynchronous libraries.
//! - [`crypto`]: key schedule, sealing, signing, grants.
//! - [`bucket`]: a bucket in S3, Google Cloud Storage or Azure, below logs and stores: HTTP, and nothing else.
//!
//! Beside them: [`error`], [`ids`] (a type for each identifier), [`mod@env`] (injected clock and
//! randomness), [`codec`] (compression), [`metrics`] (what was done, counted), [`report`] (what goes to the host's log callback), `files` (opening a file that others
//! can replace).

pub mod bucket;
pub mod codec;
pub mod content;
pub mod crypto;
pub mod daemon;
pub mod database;
pub mod env;
pub mod error;
#[allow(unsafe_code)]
pub mod ffi;
mod files;
pub mod filespace;
pub mod fs;
pub mod ids;
pub mod log;
pub mod metrics;
pub mod report;
mod runner;
pub mod state;
pub mod workspace;

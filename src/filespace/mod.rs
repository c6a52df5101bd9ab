//! A linked filespace: its log followed, its state kept, its commits written.
//!
//! - [`genesis`]: the first slot of the log.
//! - [`core`](self::link): the parts of a link and how reads see them.
//! - `follow`: reading the log, judging each slot, loading what a judgement misses.
//! - `commit`: the session and its commits; calls that wait at the same time share one (group commit).
//! - `pending`: what waits to be committed; what the log refused later.
//! - `relaxed`: calls that do not wait, and the thread that commits for them; `recover` takes up what an earlier
//!   process left in the journal.
//! - `locks`: asking for locks, waiting for them, and not losing them.
//! - [`position`]: a position that another program can wait for.
//! - `journal`: what was acknowledged in relaxed mode, kept in a file until the log has it.
//! - `view`: the committed state and what waits on top of it; `freshness` says when to look at the log.
//! - `offer`: one commit, sealed and offered until it is consumed.
//! - `draft`: what a call wants committed, before it has a place in a commit.
//! - `durable`: what must reach the disk before the log says so.
//! - `survival`: whether what a commit refers to has survived power loss.
//! - [`snapshots`](self): states of the past: taken, kept readable, linked.
//! - [`watch`]: what commits did, told to those who want to know; `replay` tells what happened before.
//! - [`generations`]: the keys that follow each other.
//! - [`checkpoint`]: the state written as sorted parts, and read back.

pub mod checkpoint;
mod checks;
mod commit;
mod draft;
mod durable;
mod follow;
mod freshness;
pub mod generations;
pub mod genesis;
mod journal;
pub mod link;
mod lives;
mod locks;
mod offer;
mod pending;
pub mod position;
mod recover;
mod relaxed;
mod replay;
mod snapshots;
pub(crate) mod survival;
mod view;
pub mod watch;

pub(crate) use checkpoint::pack_object_key;
pub use commit::{Author, CommitError, CommitMode, Committed, Unsettled};
pub use draft::{Draft, InlineBlock, block_extent, inline_extent};
pub(crate) use follow::payload_key;
pub(crate) use journal::JOURNAL;
pub use link::{Link, LinkOptions, LinkParts, ReadError};
pub use locks::{DEFAULT_LEASE, LockRange, Standing};
pub(crate) use offer::registration;
pub use pending::LateFailure;
pub use position::Position;
pub use view::{PendingBlocks, View};
pub use watch::{News, Watch, WatchOptions};

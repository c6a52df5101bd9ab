//! Bytes, never names: objects in a store, blocks in packs, and what is kept of them in memory.
//!
//! - [`store`]: where objects are kept.
//! - [`pack`]: many blocks in one immutable object.
//! - [`writer`]: blocks on their way into packs, uploaded while the caller still writes.
//! - [`memory`]: the one budget that everything large is charged to.
//! - [`buffers`]: large buffers that are used again.
//! - [`cache`]: plain blocks in memory, under that budget.
//! - [`disk`]: sealed ranges of packs on the local disk.

pub mod buffers;
pub mod cache;
pub mod disk;
pub mod memory;
pub mod pack;
pub mod store;
pub mod writer;

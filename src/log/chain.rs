//! The hash chain over the slots: `chain(0)` is the log's id, `chain(n)` covers slot n and all before it,
//! whatever is in them.

use crate::crypto;
use crate::ids::{Hash, Seq};

/// The chain at `at`, given the one before and the slot's bytes.
pub fn next(before: &Hash, at: Seq, slot: &[u8]) -> Hash {
    let slot = crypto::sha256(slot);
    crypto::hash("lucidlink/chain/v1", &[&before.0, &at.0.to_le_bytes(), &slot.0])
}

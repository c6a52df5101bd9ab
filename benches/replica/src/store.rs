//! What is measured of each store.

use lucidlink::state::hash::StateHash;

use crate::entries::Pair;

/// A state that is open.
pub trait Store {
    /// Reads the values of keys that are there, and returns the bytes of all; one view of the state for all.
    fn get(&self, keys: &mut dyn Iterator<Item = Vec<u8>>) -> usize;

    /// Reads the first `count` pairs from each key on, and returns the bytes of all; one view for all.
    fn scan(&self, from: &mut dyn Iterator<Item = Vec<u8>>, count: usize) -> usize;

    /// Makes the changes of a commit and keeps the state hash, for which it reads what they replace. They need
    /// not survive power loss.
    fn commit(&mut self, changes: &[Pair; 3]);
}

/// What a change does to the state hash.
pub fn rehash(hash: &mut StateHash, key: &[u8], before: Option<&[u8]>, after: &[u8]) {
    if let Some(before) = before {
        hash.remove(key, before);
    }
    hash.add(key, after);
}

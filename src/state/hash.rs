//! The state hash: the sum modulo 2^256 of one SHA-256 for each pair of key and value. A change costs
//! the hashes of what it touches, and the order of changes does not matter. It finds bugs and damage; it is
//! no proof against a malicious writer (`docs/threat-model.md`).

use crate::crypto;
use crate::ids::Hash;

/// A sum of hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StateHash([u64; 4]);

impl StateHash {
    /// Counts a pair in.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.add_sum(&StateHash(pair(key, value)));
    }

    /// Counts in what another one has.
    pub fn add_sum(&mut self, other: &StateHash) {
        let mut carry = false;
        for (sum, word) in self.0.iter_mut().zip(other.0) {
            let (a, c1) = sum.overflowing_add(word);
            let (b, c2) = a.overflowing_add(u64::from(carry));
            (*sum, carry) = (b, c1 | c2);
        }
    }

    /// Takes a pair out.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        let mut borrow = false;
        for (sum, word) in self.0.iter_mut().zip(pair(key, value)) {
            let (a, b1) = sum.overflowing_sub(word);
            let (b, b2) = a.overflowing_sub(u64::from(borrow));
            (*sum, borrow) = (b, b1 | b2);
        }
    }

    /// As bytes, little-endian.
    pub fn to_hash(self) -> Hash {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Hash(bytes)
    }

    /// From bytes, little-endian.
    pub fn from_hash(hash: &Hash) -> StateHash {
        StateHash(words(&hash.0))
    }
}

fn pair(key: &[u8], value: &[u8]) -> [u64; 4] {
    let length = (key.len() as u32).to_le_bytes();
    words(&crypto::hash("lucidlink/state/v1", &[&length, key, value]).0)
}

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_does_not_matter_and_removal_undoes(mut pairs: Vec<(Vec<u8>, Vec<u8>)>, extra: (Vec<u8>, Vec<u8>)) {
            let sum = |pairs: &[(Vec<u8>, Vec<u8>)]| {
                let mut hash = StateHash::default();
                pairs.iter().for_each(|(k, v)| hash.add(k, v));
                hash
            };
            let forward = sum(&pairs);
            pairs.reverse();
            prop_assert_eq!(forward, sum(&pairs));
            let mut changed = forward;
            changed.add(&extra.0, &extra.1);
            prop_assert_ne!(forward, changed);
            changed.remove(&extra.0, &extra.1);
            prop_assert_eq!(forward, changed);
            prop_assert_eq!(StateHash::from_hash(&forward.to_hash()), forward);
        }
    }

    #[test]
    fn key_and_value_do_not_run_together() {
        let (mut a, mut b) = (StateHash::default(), StateHash::default());
        a.add(b"ab", b"c");
        b.add(b"a", b"bc");
        assert_ne!(a, b);
    }
}

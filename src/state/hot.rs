//! Values that were read or written lately, by key: a table of one place per hash, in front of the layers of a replica.
//! It holds exactly what they hold, because whoever changes a key says so.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use parking_lot::Mutex;

/// Places in the table: names and inodes of a directory of ten thousand files fit.
const PLACES: usize = 1 << 15;
/// Larger values are not kept: attributes have up to 64 KiB, and a table full of them would take 2 GiB.
const MAX_VALUE: usize = 1 << 10;

/// The table; made when something is put into it.
#[derive(Default)]
pub(super) struct Hot {
    places: OnceLock<Box<[Mutex<Option<Known>>]>>,
    hash: BuildHasherDefault<Fold>,
}

struct Known {
    key: Bytes,
    value: Option<Bytes>,
}

impl Hot {
    /// The value of a key (none: it has none), if that is known.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        // Who is in the way is as fast as the layers below.
        let place = self.place(key)?.try_lock()?;
        place.as_ref().filter(|known| known.key == key).map(|known| known.value.clone())
    }

    /// A key has this value from now on, or had it all the time.
    pub(super) fn put(&self, key: Bytes, value: Option<Bytes>) {
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| Mutex::new(None)).collect());
        let place = &places[self.hash.hash_one(Key(&key)) as usize % PLACES];
        let is_small = value.as_ref().is_none_or(|value| value.len() <= MAX_VALUE);
        *place.lock() = is_small.then_some(Known { key, value });
    }

    /// The same of a value that is a part of something large, which is not to be held.
    pub(super) fn put_copy(&self, key: &[u8], value: Option<&[u8]>) {
        if value.is_some_and(|value| value.len() > MAX_VALUE) {
            return;
        }
        self.put(Bytes::copy_from_slice(key), value.map(Bytes::copy_from_slice));
    }

    fn place(&self, key: &[u8]) -> Option<&Mutex<Option<Known>>> {
        let places = self.places.get()?;
        places.get(self.hash.hash_one(Key(key)) as usize % PLACES)
    }
}

/// Hashed without its length.
struct Key<'a>(&'a [u8]);

impl std::hash::Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// Multiplies and folds, eight bytes at a time. Keys that collide on purpose cost their author a slower read.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut add = |word: u64| {
            let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
            self.0 = (product as u64) ^ (product >> 64) as u64;
        };
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| add(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        add(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_last_that_was_put_there() {
        let hot = Hot::default();
        assert_eq!(hot.get(b"key"), None);
        for n in 0..100_000u32 {
            let key = format!("Directory/{n}");
            hot.put_copy(key.as_bytes(), Some(&n.to_le_bytes()));
            assert_eq!(hot.get(key.as_bytes()), Some(Some(Bytes::copy_from_slice(&n.to_le_bytes()))));
        }
        hot.put(Bytes::from_static(b"key"), Some(vec![1; MAX_VALUE].into()));
        assert!(hot.get(b"key").is_some());
        hot.put(Bytes::from_static(b"key"), Some(vec![1; MAX_VALUE + 1].into()));
        assert_eq!(hot.get(b"key"), None, "large, and what was there before is gone");
        hot.put_copy(b"key", None);
        assert_eq!(hot.get(b"key"), Some(None));
        let known = (0..100_000u32).filter(|n| hot.get(format!("Directory/{n}").as_bytes()).is_some());
        assert!(known.count() > PLACES * 8 / 10, "keys are spread over the table");
    }
}

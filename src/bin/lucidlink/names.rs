//! Files with several names in a tree that is copied: the first name that is met is copied, the others are
//! made names of that copy when all else is copied. Then it is known whether it could be.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// `K` tells files apart, `P` is where a copy is, `T` an entry that is to be copied.
pub(crate) struct Names<K, P, T> {
    first: Mutex<HashMap<K, P>>,
    others: Mutex<Vec<(K, T)>>,
}

impl<K: Copy + Eq + Hash, P: Clone, T> Names<K, P, T> {
    pub(crate) fn new() -> Names<K, P, T> {
        Names { first: Mutex::default(), others: Mutex::default() }
    }

    /// Copies an entry to `path`, unless its file (none: it has one name only) is copied under another name
    /// already: then it waits.
    pub(crate) fn copy<R: Default, E>(
        &self,
        file: Option<K>,
        path: &P,
        item: T,
        copy: impl FnOnce(&T) -> Result<R, E>,
    ) -> Result<R, E> {
        let Some(file) = file else { return copy(&item) };
        {
            let mut first = self.first.lock();
            if first.contains_key(&file) {
                self.others.lock().push((file, item));
                return Ok(R::default());
            }
            first.insert(file, path.clone());
        }
        let copied = copy(&item);
        if copied.is_err() {
            self.first.lock().remove(&file);
        }
        copied
    }

    /// What waits, each with where the copy of its file is; none if that could not be made, and this is to
    /// be copied itself.
    pub(crate) fn next(&self) -> Option<(Option<P>, T)> {
        let (file, item) = self.others.lock().pop()?;
        Some((self.first.lock().get(&file).cloned(), item))
    }
}

//! Plain blocks in memory: one cache per process, under the memory budget, resistant to scans.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::buffers::{self, Buffer};
use super::memory::MemoryBudget;
use crate::ids::PackId;

/// A block of a pack, as one link sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey {
    /// The link: two of them may hold different keys.
    pub instance: u64,
    /// The pack.
    pub pack: PackId,
    /// The block's number in it.
    pub number: u32,
}

/// The plain bytes of a block; wiped, or written over, when nobody has them any more.
pub struct Block(Buffer);

impl Block {
    /// A block with these bytes.
    pub fn new(bytes: impl Into<Buffer>) -> Arc<Block> {
        Arc::new(Block(bytes.into()))
    }

    /// The bytes, shared.
    pub fn bytes(self: &Arc<Block>) -> Bytes {
        Bytes::from_owner(Shared(self.clone()))
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct Shared(Arc<Block>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

/// What an entry costs beside its bytes, roughly.
const ENTRY: u64 = 128;

#[derive(Clone)]
struct ByBytes;

impl Weighter<BlockKey, Arc<Block>> for ByBytes {
    fn weight(&self, _: &BlockKey, block: &Arc<Block>) -> u64 {
        block.0.size() as u64 + ENTRY
    }
}

/// The cache.
pub struct BlockCache(Cache<BlockKey, Arc<Block>, ByBytes>);

impl BlockCache {
    /// The cache of this process.
    pub fn process() -> &'static BlockCache {
        static PROCESS: OnceLock<BlockCache> = OnceLock::new();
        PROCESS.get_or_init(|| {
            let bytes = MemoryBudget::process().left_for_cache() as u64;
            BlockCache(Cache::with_weighter((bytes / (64 << 10)) as usize, bytes, ByBytes))
        })
    }

    /// A block, if it is here.
    pub fn get(&self, key: &BlockKey) -> Option<Arc<Block>> {
        self.0.get(key)
    }

    /// Whether a block is here; it does not count as used.
    pub fn has(&self, key: &BlockKey) -> bool {
        self.0.contains_key(key)
    }

    /// A block; if it is not here, `load` gets it once, however many threads ask at the same time. A load
    /// that fails, fails for its caller; another one tries again.
    pub fn get_or_load<E>(
        &self,
        key: &BlockKey,
        load: impl FnOnce() -> Result<Arc<Block>, E>,
    ) -> Result<Arc<Block>, E> {
        self.0.get_or_insert_with(key, load)
    }

    /// Keeps a block that its writer still had.
    pub fn insert(&self, key: BlockKey, block: Arc<Block>) {
        self.0.insert(key, block);
    }

    /// Forgets everything of a link.
    pub fn remove_instance(&self, instance: u64) {
        self.0.retain(|key, _| key.instance != instance);
        buffers::wipe();
    }

    /// Bytes that it may hold.
    pub fn capacity(&self) -> u64 {
        self.0.capacity()
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.0.weight()
    }

    /// Shrinks or grows to so many bytes.
    pub(super) fn fit(&self, bytes: usize) {
        if self.0.capacity() != bytes as u64 {
            self.0.set_capacity(bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reservations_and_cache_share_one_limit() {
        let budget = MemoryBudget::process();
        let cache = BlockCache::process();
        let limit = budget.limit();
        let key = |number| BlockKey { instance: u64::MAX, pack: PackId([1; 16]), number };
        for number in 0..2 * (limit >> 20) as u32 {
            cache.insert(key(number), Block::new(vec![0; 1 << 20]));
        }
        assert!(cache.bytes() as usize <= limit, "the cache keeps to the limit");
        assert!(cache.bytes() as usize > limit / 2, "and uses it");
        let reservation = budget.try_reserve(limit - (64 << 20)).unwrap();
        assert!(cache.bytes() as usize + reservation.bytes() <= limit, "a reservation takes from the cache");
        assert!(budget.try_reserve(65 << 20).is_none(), "nobody gets more than there is");
        drop(reservation);
        assert_eq!(budget.reserved(), 0);
        cache.remove_instance(u64::MAX);
        assert_eq!(cache.get(&key(1)).map(|_| ()), None);
    }

    #[test]
    fn one_thread_loads_for_all() {
        let cache = BlockCache::process();
        let key = BlockKey { instance: u64::MAX - 1, pack: PackId([2; 16]), number: 0 };
        assert_eq!(cache.get_or_load(&key, || Err("no")).err(), Some("no"));
        let loads = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let block = cache.get_or_load(&key, || {
                        loads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok::<_, ()>(Block::new(vec![7; 100]))
                    });
                    assert_eq!(block.unwrap().as_ref().as_ref(), [7; 100]);
                });
            }
        });
        assert_eq!(loads.into_inner(), 1);
    }
}

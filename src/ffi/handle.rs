//! Handles: integers that stand for objects. From the top: bit 63 zero, 7 bits of kind (never 0), 24 bits of
//! generation, 32 bits of index. A stale, foreign, freed or wrong one is noticed, never followed. A look-up keeps
//! the object alive for its caller while another thread frees the handle.

use std::any::Any;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::error::{Error, Result, Status};

const MAX_GENERATION: u32 = (1 << 24) - 1;

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum HandleKind {
    Config = 1,
    Daemon = 2,
    Workspace = 3,
    Filespace = 4,
    File = 5,
    Entries = 6,
    Filespaces = 7,
    Accounts = 8,
    LateFailures = 9,
    Dir = 10,
    Xattrs = 11,
    Batch = 12,
    Snapshots = 16,
    Watch = 17,
    Findings = 20,
}

/// An object that handles of one kind stand for.
pub(crate) trait Object: Any + Send + Sync {
    const KIND: HandleKind;
    /// What a caller knows it as.
    const NAME: &'static str;
}

type Stored = Arc<dyn Any + Send + Sync>;

struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

struct Entry {
    kind: HandleKind,
    parent: u64,
    object: Stored,
}

#[derive(Default)]
struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

static REGISTRY: RwLock<Registry> = RwLock::new(Registry { slots: Vec::new(), free: Vec::new() });

/// A handle for an object; it goes when its parent goes (0: no parent).
pub(crate) fn insert<T: Object>(object: Arc<T>, parent: u64) -> Result<u64> {
    let mut registry = REGISTRY.write();
    let index = match registry.free.pop() {
        Some(index) => index,
        None => {
            let index = u32::try_from(registry.slots.len())
                .map_err(|_| Error::new(Status::NoMemory, "there are 2^32 handles already"))?;
            registry.slots.push(Slot { generation: 1, entry: None });
            index
        }
    };
    let slot = &mut registry.slots[index as usize];
    slot.entry = Some(Entry { kind: T::KIND, parent, object });
    Ok(compose(T::KIND, slot.generation, index))
}

/// The object of a handle.
pub(crate) fn get<T: Object>(handle: u64) -> Result<Arc<T>> {
    let registry = REGISTRY.read();
    let entry = registry.entry(handle).filter(|e| e.kind == T::KIND);
    let object = entry.and_then(|e| e.object.clone().downcast::<T>().ok());
    object.ok_or_else(|| invalid(T::NAME))
}

/// The object of a handle, if it is of this kind; for what must not fail.
pub(crate) fn peek<T: Object>(handle: u64) -> Option<Arc<T>> {
    get(handle).ok()
}

/// Ends a handle and those below it; returns its object, which lives on while calls use it.
pub(crate) fn remove<T: Object>(handle: u64) -> Result<Arc<T>> {
    let mut registry = REGISTRY.write();
    if registry.entry(handle).is_none_or(|e| e.kind != T::KIND) {
        return Err(invalid(T::NAME));
    }
    let mut removed = Vec::new();
    registry.remove_tree(handle, &mut removed);
    // Objects are dropped without the lock: dropping one may take time.
    drop(registry);
    let object = removed.swap_remove(0);
    drop(removed);
    object.downcast::<T>().map_err(|_| invalid(T::NAME))
}

/// Ends the handles below a handle.
pub(crate) fn remove_children(handle: u64) {
    let mut registry = REGISTRY.write();
    let mut removed = Vec::new();
    registry.remove_below(handle, &mut removed);
    drop(registry);
}

impl Registry {
    fn entry(&self, handle: u64) -> Option<&Entry> {
        let slot = self.slots.get(handle as u32 as usize)?;
        let entry = slot.entry.as_ref()?;
        (compose(entry.kind, slot.generation, handle as u32) == handle).then_some(entry)
    }

    /// Removes a handle that exists, then those below it.
    fn remove_tree(&mut self, handle: u64, removed: &mut Vec<Stored>) {
        let index = handle as u32;
        let slot = &mut self.slots[index as usize];
        let Some(entry) = slot.entry.take() else { return };
        // A slot that has used up its generations is never used again.
        if slot.generation < MAX_GENERATION {
            slot.generation += 1;
            self.free.push(index);
        }
        let has_children =
            matches!(entry.kind, HandleKind::Daemon | HandleKind::Workspace | HandleKind::Filespace);
        removed.push(entry.object);
        if has_children {
            self.remove_below(handle, removed);
        }
    }

    fn remove_below(&mut self, handle: u64, removed: &mut Vec<Stored>) {
        let child = |(index, slot): (usize, &Slot)| {
            let entry = slot.entry.as_ref().filter(|e| e.parent == handle)?;
            Some(compose(entry.kind, slot.generation, index as u32))
        };
        let children: Vec<u64> = self.slots.iter().enumerate().filter_map(child).collect();
        for child in children {
            self.remove_tree(child, removed);
        }
    }
}

fn compose(kind: HandleKind, generation: u32, index: u32) -> u64 {
    (kind as u64) << 56 | u64::from(generation) << 32 | u64::from(index)
}

fn invalid(name: &str) -> Error {
    Error::new(Status::InvalidHandle, format!("{name}: the handle is stale, freed or of another kind"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Parent;
    struct Child(u32);
    impl Object for Parent {
        const KIND: HandleKind = HandleKind::Filespace;
        const NAME: &'static str = "parent";
    }
    impl Object for Child {
        const KIND: HandleKind = HandleKind::File;
        const NAME: &'static str = "child";
    }

    #[test]
    fn a_handle_is_good_until_it_or_its_parent_is_removed() {
        let parent = insert(Arc::new(Parent), 0).unwrap();
        let child = insert(Arc::new(Child(7)), parent).unwrap();
        let other = insert(Arc::new(Child(8)), 0).unwrap();
        assert!(parent >> 63 == 0 && parent >> 56 == 4);
        assert_eq!(get::<Child>(child).unwrap().0, 7);
        assert!(get::<Child>(parent).is_err() && get::<Parent>(child).is_err());
        for bad in [0, 1, u64::MAX, child ^ 1 << 40, child + (1 << 32)] {
            assert!(get::<Child>(bad).is_err(), "{bad:x}");
        }
        let held = get::<Child>(child).unwrap();
        remove::<Parent>(parent).unwrap();
        assert!(get::<Child>(child).is_err() && remove::<Parent>(parent).is_err());
        assert_eq!(held.0, 7, "a call in flight keeps its object");
        let reused = insert(Arc::new(Child(9)), 0).unwrap();
        assert!(get::<Child>(child).is_err(), "a reused slot does not revive old handles");
        remove::<Child>(reused).unwrap();
        remove::<Child>(other).unwrap();
    }

    #[test]
    fn threads_may_race() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..2000 {
                        let handle = insert(Arc::new(Child(n)), 0).unwrap();
                        assert_eq!(get::<Child>(handle).unwrap().0, n);
                        assert_eq!(remove::<Child>(handle).unwrap().0, n);
                        assert!(remove::<Child>(handle).is_err());
                    }
                });
            }
        });
    }
}

//! Where what is cached lies. No record lies wholly inside another one, so starts and ends are in the same order,
//! and the last record that starts at or before an offset is the one that reaches farthest.

use std::collections::BTreeMap;

use crate::ids::PackId;

/// A record by what it holds: a pack, and where in it the bytes begin.
pub(super) type Key = (PackId, u64);

/// The bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of its segment.
    pub(super) segment: u64,
    /// Where they begin in the file.
    pub(super) at: u64,
    /// How many they are.
    pub(super) length: u32,
}

#[derive(Default)]
struct Segment {
    keys: Vec<Key>,
    bytes: u64,
}

/// Every record of every segment.
#[derive(Default)]
pub(super) struct Index {
    records: BTreeMap<Key, Place>,
    /// By number, so the oldest first.
    segments: BTreeMap<u64, Segment>,
    /// Of all segments.
    bytes: u64,
}

impl Index {
    /// The record that has these bytes of a pack, and where in the pack it starts.
    pub(super) fn find(&self, pack: PackId, offset: u64, length: u32) -> Option<(Key, Place)> {
        let (key, place) = self.records.range(..=(pack, offset)).next_back()?;
        let held = key.0 == pack && offset + u64::from(length) <= end(key, place);
        held.then_some((*key, *place))
    }

    /// Adds a record, in the place of those that it covers; not if another one has more of the same.
    pub(super) fn insert(&mut self, key: Key, place: Place) {
        let inside = self.find(key.0, key.1, place.length);
        if inside.is_some_and(|(other, held)| other != key || held.length > place.length) {
            return;
        }
        let until = end(&key, &place);
        let later = self.records.range(key..(key.0, until));
        let covered: Vec<Key> = later.filter(|(k, p)| end(k, p) <= until).map(|(k, _)| *k).collect();
        for covered in covered {
            self.records.remove(&covered);
        }
        self.records.insert(key, place);
        self.segments.entry(place.segment).or_default().keys.push(key);
    }

    /// Forgets a record, if it is still this one.
    pub(super) fn remove(&mut self, key: Key, place: Place) -> bool {
        let there = self.records.get(&key) == Some(&place);
        there && self.records.remove(&key).is_some()
    }

    /// A segment has so many bytes more.
    pub(super) fn grow(&mut self, segment: u64, by: u64) {
        self.segments.entry(segment).or_default().bytes += by;
        self.bytes += by;
    }

    /// Forgets the oldest segments until so many bytes fit under the limit; their files are the caller's to remove.
    pub(super) fn make_room(&mut self, bytes: u64, limit: u64) -> Vec<u64> {
        let mut gone = Vec::new();
        while self.bytes + bytes > limit
            && let Some((number, segment)) = self.segments.pop_first()
        {
            self.bytes -= segment.bytes;
            for key in segment.keys {
                if self.records.get(&key).is_some_and(|place| place.segment == number) {
                    self.records.remove(&key);
                }
            }
            gone.push(number);
        }
        gone
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn end(key: &Key, place: &Place) -> u64 {
    key.1 + u64::from(place.length)
}

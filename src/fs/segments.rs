//! What a handle wrote and has not published: disjoint ranges of a file, each with the order in which it
//! was written, so that what several handles wrote can be seen as one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::state::ops::Extent;

/// Ranges of a file that do not overlap.
#[derive(Default)]
pub(super) struct Segments {
    map: BTreeMap<u64, Segment>,
    /// Bytes that are in memory.
    memory: usize,
}

/// One range.
#[derive(Clone)]
pub(super) struct Segment {
    /// When it was written, among all writes to this file through this link.
    pub(super) order: u64,
    pub(super) data: Data,
}

/// Where its bytes are.
#[derive(Clone)]
pub(super) enum Data {
    Memory(Bytes),
    Stored(Extent),
}

impl Data {
    pub(super) fn len(&self) -> u64 {
        match self {
            Data::Memory(bytes) => bytes.len() as u64,
            Data::Stored(extent) => extent.length,
        }
    }

    fn memory(&self) -> usize {
        match self {
            Data::Memory(bytes) => bytes.len(),
            Data::Stored(_) => 0,
        }
    }

    /// The part `[from, to)` of it, counted from its start; none if there is nothing in it.
    fn slice(&self, from: u64, to: u64) -> Option<Data> {
        if from >= to {
            return None;
        }
        match self {
            Data::Memory(bytes) => Some(Data::Memory(bytes.slice(from as usize..to as usize))),
            Data::Stored(extent) => extent.slice(extent.offset + from, extent.offset + to).map(Data::Stored),
        }
    }
}

impl Segments {
    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Puts a range, over what it overlaps.
    pub(super) fn insert(&mut self, start: u64, segment: Segment) {
        if segment.data.len() > 0 {
            self.cut(start, start + segment.data.len());
            self.put(start, segment);
        }
    }

    fn put(&mut self, start: u64, segment: Segment) {
        self.memory += segment.data.memory();
        self.map.insert(start, segment);
    }

    /// Removes `[from, to)`.
    pub(super) fn cut(&mut self, from: u64, to: u64) {
        let first = self.map.range(..=from).next_back().map_or(from, |(start, _)| *start);
        let touched: Vec<u64> = self.map.range(first..to).map(|(start, _)| *start).collect();
        for start in touched {
            let Some(segment) = self.map.remove(&start) else { continue };
            self.memory -= segment.data.memory();
            let end = start + segment.data.len();
            let left = segment.data.slice(0, from.min(end).saturating_sub(start));
            let right = segment.data.slice(to.max(start) - start, end - start);
            let keep = |data| Segment { order: segment.order, data };
            if let Some(left) = left {
                self.put(start, keep(left));
            }
            if let Some(right) = right.filter(|_| to < end) {
                self.put(to.max(start), keep(right));
            }
        }
    }

    /// The parts inside `[from, to)`, in order of their place.
    pub(super) fn overlapping(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Segment)> + '_ {
        let first = self.map.range(..=from).next_back().map_or(from, |(start, _)| *start);
        self.map.range(first..to.max(first)).filter_map(move |(start, segment)| {
            let end = start + segment.data.len();
            let (low, high) = (from.max(*start), to.min(end));
            let data = segment.data.slice(low.checked_sub(*start)?, high.saturating_sub(*start))?;
            Some((low, Segment { order: segment.order, data }))
        })
    }

    /// All ranges, in order of their place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Segment)> {
        self.map.iter().map(|(start, segment)| (*start, segment))
    }

    /// Where the last range ends.
    pub(super) fn end(&self) -> u64 {
        self.map.last_key_value().map_or(0, |(start, segment)| start + segment.data.len())
    }

    /// Bytes that are in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// The ranges that are in memory, adjoining ones joined, each at most `max` bytes.
    pub(super) fn memory_runs(&self, max: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (start, segment) in self.iter() {
            let Data::Memory(bytes) = &segment.data else { continue };
            let mut at = start;
            let mut rest = bytes.clone();
            while !rest.is_empty() {
                let room = match runs.last() {
                    Some(run) if run.start + run.len == at && run.len < max as u64 => max - run.len as usize,
                    _ => {
                        runs.push(Run { start: at, len: 0, pieces: Vec::new() });
                        max
                    }
                };
                let piece = rest.split_to(room.min(rest.len()));
                at += piece.len() as u64;
                if let Some(run) = runs.last_mut() {
                    run.len += piece.len() as u64;
                    run.pieces.push((segment.order, piece));
                }
            }
        }
        runs
    }
}

/// Bytes that were written side by side, in one piece or in several.
pub(super) struct Run {
    pub(super) start: u64,
    len: u64,
    /// In order of their place, each with the order in which it was written.
    pub(super) pieces: Vec<(u64, Bytes)>,
}

impl Run {
    pub(super) fn new(start: u64, order: u64, bytes: Bytes) -> Run {
        Run { start, len: bytes.len() as u64, pieces: vec![(order, bytes)] }
    }

    /// All pieces as one.
    pub(super) fn bytes(&self) -> Bytes {
        match &self.pieces[..] {
            [(_, bytes)] => bytes.clone(),
            pieces => pieces.iter().map(|(_, piece)| &piece[..]).collect::<Vec<_>>().concat().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain array of bytes.
        #[test]
        fn ranges_behave_as_bytes(ops in prop::collection::vec((0..200u64, 0..50usize, any::<u8>(), any::<bool>()), 0..40), from in 0..260u64, len in 0..260u64, max in 1..40usize) {
            let mut segments = Segments::default();
            let mut bytes: Vec<Option<u8>> = vec![None; 300];
            let mut orders: Vec<Option<u64>> = vec![None; 300];
            for (order, (start, len, byte, is_cut)) in ops.into_iter().enumerate() {
                let range = start as usize..start as usize + len;
                if is_cut {
                    segments.cut(start, start + len as u64);
                    bytes[range.clone()].fill(None);
                    orders[range].fill(None);
                } else {
                    let data = Data::Memory(vec![byte; len].into());
                    segments.insert(start, Segment { order: order as u64, data });
                    bytes[range.clone()].fill(Some(byte));
                    orders[range].fill(Some(order as u64));
                }
            }
            let memory = |data: &Data| match data { Data::Memory(b) => b.clone(), Data::Stored(_) => Bytes::new() };
            let mut seen = vec![None; 300];
            for (start, segment) in segments.overlapping(from, from + len) {
                for (i, byte) in memory(&segment.data).iter().enumerate() {
                    let at = start + i as u64;
                    prop_assert!((from..from + len).contains(&at));
                    seen[at as usize] = Some(*byte);
                }
            }
            for at in from..(from + len).min(300) {
                prop_assert_eq!(seen[at as usize], bytes[at as usize]);
            }
            let (mut joined, mut joined_orders) = (vec![None; 300], vec![None; 300]);
            for run in segments.memory_runs(max) {
                prop_assert!(!run.bytes().is_empty() && run.bytes().len() <= max);
                for (i, byte) in run.bytes().iter().enumerate() {
                    joined[run.start as usize + i] = Some(*byte);
                }
                let pieces = run.pieces.iter().flat_map(|(order, piece)| piece.iter().map(|_| *order));
                for (i, order) in pieces.enumerate() {
                    joined_orders[run.start as usize + i] = Some(order);
                }
            }
            prop_assert_eq!(joined, bytes.clone());
            prop_assert_eq!(joined_orders, orders.clone());
            prop_assert_eq!(segments.memory(), bytes.iter().flatten().count());
            prop_assert_eq!(segments.end() as usize, bytes.iter().rposition(Option::is_some).map_or(0, |p| p + 1));
        }
    }
}

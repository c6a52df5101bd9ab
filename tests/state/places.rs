//! Random extents.

use bytes::Bytes;
use lucidlink::ids::{PackId, Seq};
use lucidlink::state::ops::{Extent, NewPack};

use super::commits::Commits;
use super::model::Commit;

impl Commits {
    /// Sorted and disjoint, in packs of the commit; now and then not.
    pub fn extents(&self, commit: &Commit<'_>, packs: &[NewPack]) -> Vec<Extent> {
        let mut end = if self.chance.once_in(40) { (1 << 63) - 30 } else { self.chance.below(40) };
        let count = self.chance.one(&[0, 1, 1, 1, 2, 2, 3]);
        let mut extents: Vec<Extent> = Vec::new();
        for _ in 0..count {
            let mut extent = self.extent(commit, packs);
            extent.offset = end + self.chance.one(&[0, 0, 3]);
            if self.chance.once_in(15) {
                extent = self.spoil(commit, extent);
            }
            end = extent.offset.saturating_add(extent.length).min(1 << 63);
            extents.push(extent);
        }
        if self.chance.once_in(20) {
            extents.reverse();
        }
        extents
    }

    fn extent(&self, commit: &Commit<'_>, packs: &[NewPack]) -> Extent {
        let block_length = 1 + self.chance.below(8) as u32;
        let skip = self.chance.below(u64::from(block_length)) as u32;
        let length = 1 + self.chance.below(20);
        let blocks = (u64::from(skip) + length).div_ceil(u64::from(block_length));
        let lengths = if self.chance.once_in(2) { 1 } else { blocks };
        let longest = self.chance.one(&[1, 3]);
        let pack = match self.chance.of(packs) {
            Some(offered) if self.chance.once_in(2) => offered.id.clone(),
            _ => Bytes::from_static(&PackId::INLINE.0),
        };
        Extent {
            offset: 0,
            length,
            pack: self.other_pack(commit).filter(|_| self.chance.once_in(20)).unwrap_or(pack),
            block: self.chance.below(20u64.saturating_sub(blocks).max(1)) as u32,
            skip,
            block_length,
            stored_offset: self.chance.below(1000),
            stored_lengths: (0..lengths).map(|_| 30 + self.chance.below(longest) as u32).collect(),
        }
    }

    /// A pack of another commit, or this one under the name that it will have.
    fn other_pack(&self, commit: &Commit<'_>) -> Option<Bytes> {
        let id = match self.chance.below(3) {
            0 => Some(PackId::of_slot(Seq(commit.at))),
            1 => self.chance.of(commit.state.packs.keys().copied()),
            _ => self.chance.of(self.packs.iter().copied()),
        };
        id.map(|id| Bytes::copy_from_slice(&id.0))
    }

    fn spoil(&self, commit: &Commit<'_>, mut extent: Extent) -> Extent {
        match self.chance.below(11) {
            0 => extent.length = 0,
            1 => extent.block_length = 0,
            2 => extent.block_length = (4 << 20) + 1,
            3 => extent.skip = extent.block_length,
            4 => extent.stored_lengths.clear(),
            5 => extent.stored_lengths.extend([30, 31]),
            6 => extent.offset = self.chance.one(&[u64::MAX, 1 << 63, (1 << 63) - 5]),
            7 => extent.stored_offset = u64::MAX - self.chance.one(&[0, 4 << 20, 4000 << 20]),
            8 => extent.block = self.chance.one(&[65535, u32::MAX - 1, u32::MAX]),
            9 => extent.pack.truncate(15),
            _ => extent.pack = self.other_pack(commit).unwrap_or_default(),
        }
        extent
    }
}

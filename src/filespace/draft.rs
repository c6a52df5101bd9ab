//! What a call wants committed: a transaction, the packs that it has uploaded, and small blocks that have
//! no place yet. The commit gives them one: inline, or in a pack that its transactions share.

use std::collections::HashMap;

use bytes::Bytes;
use prost::Message;

use crate::crypto::seal::{CHUNK_OVERHEAD, ChunkPlace, Codec};
use crate::ids::PackId;
use crate::state::ops::{Extent, NewPack, Op, Transaction};

/// A transaction on its way into a commit.
#[derive(Clone, Default)]
pub struct Draft {
    /// Hops and operations. An extent in [`PackId::INLINE`] names a block of `inline` by its index.
    pub transaction: Transaction,
    /// Packs that are in the store already.
    pub packs: Vec<NewPack>,
    /// Blocks that are not.
    pub inline: Vec<InlineBlock>,
}

/// A block of file content, compressed if that pays, not sealed.
#[derive(Clone, Debug)]
pub struct InlineBlock {
    /// How it is compressed.
    pub codec: Codec,
    /// Bytes of the file.
    pub plain_len: u32,
    /// Compressed bytes.
    pub data: Bytes,
}

impl Draft {
    /// A transaction without content.
    pub fn new(transaction: Transaction) -> Draft {
        Draft { transaction, ..Draft::default() }
    }

    /// A transaction of one operation, whatever the paths.
    pub fn of(op: Op) -> Draft {
        Draft::new(Transaction { hops: vec![], ops: vec![op.wrap()] })
    }

    /// Bytes that its blocks would take inline.
    pub fn inline_bytes(&self) -> usize {
        self.inline.iter().map(|b| b.data.len() + CHUNK_OVERHEAD).sum()
    }

    /// Bytes that it brings into a commit: its blocks, and what it says.
    pub fn bytes(&self) -> usize {
        self.inline_bytes() + self.transaction.encoded_len()
    }

    /// Points the extents of the draft's blocks to where the commit puts them.
    pub fn place(&mut self, places: &[(PackId, ChunkPlace)]) {
        for extent in self.extents().filter(|extent| extent.pack[..] == PackId::INLINE.0[..]) {
            if let Some((pack, place)) = places.get(extent.block as usize) {
                extent.pack = Bytes::copy_from_slice(&pack.0);
                extent.block = place.number;
                extent.stored_offset = place.offset;
                extent.stored_lengths = vec![place.length];
            }
        }
    }

    /// Puts packs with the same blocks in the place of its packs.
    pub fn replace_packs(&mut self, with: Vec<NewPack>) {
        let old = std::mem::replace(&mut self.packs, with);
        let new: HashMap<Bytes, Bytes> =
            old.into_iter().zip(&self.packs).map(|(old, new)| (old.id, new.id.clone())).collect();
        for extent in self.extents() {
            if let Some(id) = new.get(&extent.pack) {
                extent.pack.clone_from(id);
            }
        }
    }

    fn extents(&mut self) -> impl Iterator<Item = &mut Extent> {
        let operations = self.transaction.ops.iter_mut();
        let contents = operations.filter_map(|operation| match operation.op.as_mut()? {
            Op::Replace(content) | Op::Write(content) | Op::Append(content) | Op::Restore(content) => {
                Some(content)
            }
            _ => None,
        });
        contents.flat_map(|content| &mut content.extents)
    }
}

/// The extent of a file range that one block of a pack holds.
pub fn block_extent(offset: u64, length: u32, pack: PackId, place: ChunkPlace) -> Extent {
    Extent {
        offset,
        length: u64::from(length),
        pack: Bytes::copy_from_slice(&pack.0),
        block: place.number,
        skip: 0,
        block_length: length,
        stored_offset: place.offset,
        stored_lengths: vec![place.length],
    }
}

/// The extent of a file range that one block of the draft holds; `index` is the block's place in
/// [`Draft::inline`].
pub fn inline_extent(offset: u64, length: u32, index: usize) -> Extent {
    Extent {
        offset,
        length: u64::from(length),
        pack: Bytes::from_static(&PackId::INLINE.0),
        block: index as u32,
        block_length: length,
        ..Extent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ops::Symlink;

    #[test]
    fn what_it_says_counts_like_content() {
        let symlink = Symlink { target: "x".repeat(4096), ..Symlink::default() };
        assert!(Draft::of(Op::Symlink(symlink)).bytes() > 4096);
    }
}

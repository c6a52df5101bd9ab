//! Slices of extents and their merging, held against bytes.

use bytes::Bytes;
use lucidlink::state::extents::coalesce;
use lucidlink::state::ops::Extent;
use proptest::prelude::*;

use super::content::{Cell, cells};

/// A sound extent.
fn extent() -> impl Strategy<Value = Extent> {
    let small = (0..50u64, 1..40u64, 0..2u8, 0..5u32, 1..9u32);
    let stored =
        (prop_oneof![Just(0), 0..9u32], 0..500u64, any::<bool>(), prop::collection::vec(20..23u32, 50));
    (small, stored).prop_map(
        |((offset, length, pack, block, block_length), (skip, stored_offset, same, lengths))| {
            let skip = skip % block_length;
            let blocks = (u64::from(skip) + length).div_ceil(u64::from(block_length)) as usize;
            let lengths = &lengths[..if same { 1 } else { blocks }];
            let (pack, stored_lengths) = (Bytes::from(vec![pack; 16]), lengths.to_vec());
            Extent { offset, length, pack, block, skip, block_length, stored_offset, stored_lengths }
        },
    )
}

/// How the run of an extent is stored beside that of the extent before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
    Anywhere,
    /// Right behind it, which alone does not make them one run.
    Behind,
    BehindInAnotherPack,
    /// Right behind it, but for a block between their numbers.
    BlockLater,
    /// The next number, but for a byte between them.
    ByteLater,
}

/// Extents one behind the other, each cut into pieces, of which some are left out.
fn pieces() -> impl Strategy<Value = Vec<Extent>> {
    let cuts = prop::collection::vec((1..16u64, prop::bool::weighted(0.9)), 0..8);
    let gap = prop_oneof![4 => Just(0), 1 => Just(3)];
    let stored = prop_oneof![
        1 => Just(Stored::Anywhere),
        4 => Just(Stored::Behind),
        1 => Just(Stored::BehindInAnotherPack),
        1 => Just(Stored::BlockLater),
        1 => Just(Stored::ByteLater),
    ];
    prop::collection::vec((extent(), gap, stored, cuts), 0..5).prop_map(|runs| {
        let mut pieces = Vec::new();
        let mut last: Option<Extent> = None;
        for (mut run, gap, stored, cuts) in runs {
            run.offset = last.as_ref().map_or(0, Extent::end) + gap;
            if let Some(last) = last.filter(|_| stored != Stored::Anywhere) {
                let blocks = last.blocks();
                let (offset, length) = last.stored(blocks as usize - 1).unwrap();
                run.pack = last.pack;
                (run.block, run.stored_offset) = (last.block + blocks as u32, offset + u64::from(length));
                match stored {
                    Stored::Anywhere | Stored::Behind => {}
                    Stored::BehindInAnotherPack => run.pack = Bytes::from_static(&[9; 16]),
                    Stored::BlockLater => run.block += 1,
                    Stored::ByteLater => run.stored_offset += 1,
                }
            }
            let mut from = run.offset;
            for (length, kept) in cuts.into_iter().chain([(u64::MAX, true)]) {
                let to = from.saturating_add(length);
                pieces.extend(run.slice(from, to).filter(|_| kept));
                from = to;
            }
            last = Some(run);
        }
        pieces
    })
}

fn bytes(extents: &[Extent]) -> Vec<(u64, Cell)> {
    extents.iter().flat_map(cells).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_slice_has_the_bytes_of_its_range(extent in extent(), from in 0..100u64, length in 0..60u64) {
        let slice = extent.slice(from, from + length);
        let expected: Vec<_> = cells(&extent).filter(|(at, _)| (from..from + length).contains(at)).collect();
        prop_assert_eq!(bytes(slice.as_slice()), expected);
        if let Some(slice) = slice {
            // No block that it does not touch, and each length that it names is that of a block.
            prop_assert!(slice.skip < slice.block_length);
            prop_assert!(slice.stored_lengths.len() == 1 || slice.stored_lengths.len() as u64 == slice.blocks());
        }
    }

    #[test]
    fn a_slice_of_a_slice_is_a_slice(extent in extent(), a in 0..100u64, b in 0..100u64, c in 0..100u64, d in 0..100u64) {
        let twice = extent.slice(a, b).and_then(|slice| slice.slice(c, d));
        prop_assert_eq!(twice, extent.slice(a.max(c), b.min(d)));
    }

    #[test]
    fn merging_changes_no_byte(pieces in pieces()) {
        let merged = coalesce(pieces.clone());
        prop_assert_eq!(bytes(&merged), bytes(&pieces));
        prop_assert!(merged.len() <= pieces.len());
        prop_assert_eq!(coalesce(merged.clone()), merged);
    }

    #[test]
    fn what_was_cut_between_blocks_is_one_again(extent in extent(), block in 1..40u64) {
        let cut = extent.offset + (block * u64::from(extent.block_length)).saturating_sub(extent.skip.into());
        let pieces: Vec<Extent> = extent.slice(0, cut).into_iter().chain(extent.slice(cut, u64::MAX)).collect();
        prop_assert_eq!(coalesce(pieces), [extent.slice(0, u64::MAX).unwrap()]);
    }
}

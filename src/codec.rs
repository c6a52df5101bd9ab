//! Compression, where it pays: LZ4 for anything that shrinks, nothing for what does not. The decision
//! is made on a sample first, so that incompressible data costs next to nothing.

use std::borrow::Cow;

use crate::crypto::seal::{Codec, SealError};

/// Bytes of the sample, and what it must shrink to for the rest to be tried (in 1/16).
const SAMPLE: usize = 8 << 10;
const WORTH: usize = 15;

/// Compresses bytes if they become noticeably smaller.
pub fn compress(plain: &[u8]) -> (Codec, Cow<'_, [u8]>) {
    let raw = (Codec::None, Cow::Borrowed(plain));
    if plain.len() < 64 {
        return raw;
    }
    if plain.len() > 2 * SAMPLE {
        let middle = (plain.len() - SAMPLE) / 2;
        let sample = lz4_flex::block::compress(&plain[middle..middle + SAMPLE]);
        if sample.len() * 16 > SAMPLE * WORTH {
            return raw;
        }
    }
    let packed = lz4_flex::block::compress(plain);
    if packed.len() * 16 > plain.len() * WORTH { raw } else { (Codec::Lz4, Cow::Owned(packed)) }
}

/// The plain bytes, exactly `plain_len` of them and at most `max`.
pub fn decompress(codec: Codec, data: Vec<u8>, plain_len: u32, max: u32) -> Result<Vec<u8>, SealError> {
    if plain_len > max {
        return Err(SealError::Malformed);
    }
    let plain = match codec {
        Codec::None => data,
        Codec::Lz4 => {
            lz4_flex::block::decompress(&data, plain_len as usize).map_err(|_| SealError::Malformed)?
        }
        Codec::Zstd => zstd::bulk::decompress(&data, plain_len as usize).map_err(|_| SealError::Malformed)?,
    };
    if plain.len() == plain_len as usize { Ok(plain) } else { Err(SealError::Malformed) }
}

/// The same into `plain`, which has exactly as many bytes.
pub fn decompress_into(codec: Codec, data: &[u8], plain: &mut [u8]) -> Result<(), SealError> {
    let len = match codec {
        Codec::None => {
            let same = plain.len() == data.len();
            if same {
                plain.copy_from_slice(data);
            }
            same.then_some(data.len())
        }
        Codec::Lz4 => lz4_flex::block::decompress_into(data, plain).ok(),
        Codec::Zstd => zstd::bulk::decompress_to_buffer(data, plain).ok(),
    };
    if len == Some(plain.len()) { Ok(()) } else { Err(SealError::Malformed) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::env::{Random, SeededRandom};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(seed: u64, noise in 0..40_000usize, repeat in 0..40_000usize) {
            let mut plain = vec![0; noise];
            SeededRandom::new(seed).fill(&mut plain).unwrap();
            plain.extend(b"liblucidlink ".iter().cycle().take(repeat));
            let (codec, data) = compress(&plain);
            let data = data.into_owned();
            prop_assert!(data.len() <= plain.len());
            let len = plain.len() as u32;
            prop_assert_eq!(&decompress(codec, data.clone(), len, len).unwrap(), &plain);
            let mut into = vec![0; plain.len()];
            decompress_into(codec, &data, &mut into).unwrap();
            prop_assert_eq!(&into, &plain);
            prop_assert!(decompress_into(codec, &data, &mut vec![0; plain.len() + 1]).is_err());
            prop_assert!(decompress(codec, data.clone(), len + 1, u32::MAX).is_err());
            if len > 0 {
                prop_assert!(decompress(codec, data, len, len - 1).is_err());
            }
        }

        #[test]
        fn hostile_bytes_are_refused_or_harmless(data: Vec<u8>, len in 0..100_000u32) {
            for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
                let _ = decompress(codec, data.clone(), len, 100_000);
                let _ = decompress_into(codec, &data, &mut vec![0; len as usize]);
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_text_shrinks() {
        let mut noise = vec![0; 256 << 10];
        SeededRandom::new(1).fill(&mut noise).unwrap();
        assert!(matches!(compress(&noise), (Codec::None, Cow::Borrowed(_))));
        let text = b"the same line again and again\n".repeat(1000);
        let (codec, data) = compress(&text);
        assert_eq!(codec, Codec::Lz4);
        assert!(data.len() < text.len() / 10);
    }
}

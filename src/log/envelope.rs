//! The form of a commit in its slot: a clear envelope that says who wrote it and for which place, the
//! author's signature, and the payload, which is sealed (`docs/format.md`, "Commit").
//!
//! Payload: chunk 0 is the body, the chunks behind it are blocks of file content that it publishes inline.

use bytes::Bytes;

use crate::codec;
use crate::crypto::account::verify;
use crate::crypto::seal::{
    CHUNK_OVERHEAD, ChunkHeader, ChunkPlace, Codec, FORMAT_VERSION, ObjectKey, SealError,
};
use crate::crypto::{hash, sha256};
use crate::ids::{Hash, Incarnation, KeyId, Seq, SessionId};

/// The largest slot, in bytes. A larger payload is stored out of line.
pub const MAX_SLOT: usize = 256 << 10;
/// The largest payload out of line, in bytes.
pub const MAX_PAYLOAD: usize = 256 << 20;
/// The largest clear part, in bytes.
pub const MAX_CLEAR: usize = 64 << 10;
/// The largest body, in plain bytes.
pub const MAX_BODY: u32 = 128 << 20;

const MAGIC: &[u8; 4] = b"LLC1";
const OUT_OF_LINE: u16 = 1;
const FIXED: usize = 4 + 2 + 2 + 16 + 16 + 8 + 8 + 32 + 16 + 4 + 32 + 4 + 4 + 32;
const SIGNATURE: usize = 64;

/// Bytes of a slot before the payload, without a clear part.
pub const HEAD: usize = FIXED + SIGNATURE;

/// What a commit says in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The life of the log that it is for.
    pub incarnation: Incarnation,
    /// Its author's session.
    pub session: SessionId,
    /// Its number in the session, from 1.
    pub k: u64,
    /// The last position that its author had applied.
    pub seen: Seq,
    /// The chain there.
    pub chain_at_seen: Hash,
    /// Its author's account.
    pub key_id: KeyId,
    /// The key generation under which the payload is sealed.
    pub generation: u32,
    /// The salt of that seal.
    pub salt: [u8; 32],
    /// A part that is signed but not sealed.
    pub clear: Bytes,
    /// Bytes of the payload.
    pub payload_len: u32,
    /// Its SHA-256.
    pub payload_hash: Hash,
    /// The payload is an object of the store, named by its hash.
    pub out_of_line: bool,
}

/// Bytes that are no commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slot does not hold a well-formed commit")]
pub struct Malformed;

impl Envelope {
    /// The bytes of the slot, signed. The payload is appended unless it is out of line.
    pub fn encode_signed(&self, payload: &[u8], signer: impl Fn(&[u8]) -> [u8; 64]) -> Vec<u8> {
        let inline = if self.out_of_line { 0 } else { payload.len() };
        let mut slot = Vec::with_capacity(HEAD + self.clear.len() + inline);
        slot.extend_from_slice(MAGIC);
        slot.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let flags = if self.out_of_line { OUT_OF_LINE } else { 0 };
        slot.extend_from_slice(&flags.to_le_bytes());
        slot.extend_from_slice(&self.incarnation.0);
        slot.extend_from_slice(&self.session.0);
        slot.extend_from_slice(&self.k.to_le_bytes());
        slot.extend_from_slice(&self.seen.0.to_le_bytes());
        slot.extend_from_slice(&self.chain_at_seen.0);
        slot.extend_from_slice(&self.key_id.0);
        slot.extend_from_slice(&self.generation.to_le_bytes());
        slot.extend_from_slice(&self.salt);
        slot.extend_from_slice(&(self.clear.len() as u32).to_le_bytes());
        slot.extend_from_slice(&self.payload_len.to_le_bytes());
        slot.extend_from_slice(&self.payload_hash.0);
        slot.extend_from_slice(&self.clear);
        let signature = signer(&signed(&slot).0);
        slot.extend_from_slice(&signature);
        if !self.out_of_line {
            slot.extend_from_slice(payload);
        }
        slot
    }
}

fn signed(head: &[u8]) -> Hash {
    hash("lucidlink/commit/v1", &[head])
}

/// A slot, taken apart.
#[derive(Debug)]
pub struct SlotView<'a> {
    envelope: Envelope,
    head: &'a [u8],
    signature: &'a [u8; 64],
    payload: Option<&'a [u8]>,
}

impl<'a> SlotView<'a> {
    /// Takes a slot apart. Strict: every length fits exactly, nothing unknown is set, an inline payload has
    /// the hash that the envelope says.
    pub fn parse(slot: &'a [u8]) -> Result<SlotView<'a>, Malformed> {
        let view = SlotView::parse_own(slot)?;
        let intact = view.payload.is_none_or(|p| sha256(p) == view.envelope.payload_hash);
        if intact { Ok(view) } else { Err(Malformed) }
    }

    /// The same of a slot that was encoded here a moment ago: its hash is not worked out again.
    pub fn parse_own(slot: &'a [u8]) -> Result<SlotView<'a>, Malformed> {
        let mut fields = Fields(slot);
        let (magic, version, flags) = (fields.array()?, fields.array()?, fields.array()?);
        let flags = u16::from_le_bytes(flags);
        if magic != *MAGIC || u16::from_le_bytes(version) != FORMAT_VERSION || flags & !OUT_OF_LINE != 0 {
            return Err(Malformed);
        }
        let envelope = Envelope {
            incarnation: Incarnation(fields.array()?),
            session: SessionId(fields.array()?),
            k: u64::from_le_bytes(fields.array()?),
            seen: Seq(u64::from_le_bytes(fields.array()?)),
            chain_at_seen: Hash(fields.array()?),
            key_id: KeyId(fields.array()?),
            generation: u32::from_le_bytes(fields.array()?),
            salt: fields.array()?,
            clear: Bytes::new(),
            payload_len: 0,
            payload_hash: Hash([0; 32]),
            out_of_line: flags & OUT_OF_LINE != 0,
        };
        let clear_len = u32::from_le_bytes(fields.array()?) as usize;
        let payload_len = u32::from_le_bytes(fields.array()?);
        let payload_hash = Hash(fields.array()?);
        if clear_len > MAX_CLEAR || payload_len as usize > MAX_PAYLOAD {
            return Err(Malformed);
        }
        let clear = Bytes::copy_from_slice(fields.take(clear_len)?);
        let head = &slot[..FIXED + clear_len];
        let signature = fields.take(SIGNATURE)?.first_chunk().ok_or(Malformed)?;
        let payload = match envelope.out_of_line {
            true => None,
            false => Some(fields.take(payload_len as usize)?),
        };
        if !fields.0.is_empty() {
            return Err(Malformed);
        }
        Ok(SlotView {
            envelope: Envelope { clear, payload_len, payload_hash, ..envelope },
            head,
            signature,
            payload,
        })
    }

    /// What it says in the clear.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether the owner of this key signed it.
    pub fn verify(&self, public: &[u8; 32]) -> bool {
        verify(public, &signed(self.head).0, self.signature)
    }

    /// The payload, if it is in the slot.
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.payload
    }

    /// Where the payload starts in the slot.
    pub fn payload_offset(&self) -> usize {
        self.head.len() + SIGNATURE
    }
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.first_chunk().copied().ok_or(Malformed)
    }
}

/// Works out where inline blocks will be, before the body that mentions them is encoded: offsets are
/// relative to the end of the body's chunk.
#[derive(Default)]
pub struct InlineLayout {
    blocks: u32,
    end: u64,
}

impl InlineLayout {
    /// The place of the next block, of which `len` compressed bytes are stored.
    pub fn add(&mut self, len: usize) -> ChunkPlace {
        let length = (len + CHUNK_OVERHEAD) as u32;
        self.blocks += 1; // chunk 0 is the body
        let place = ChunkPlace { number: self.blocks, offset: self.end, length };
        self.end += u64::from(length);
        place
    }
}

/// Seals a body and the inline blocks (codec, plain length, compressed bytes) behind it.
pub fn seal_payload<'a>(
    key: &ObjectKey,
    body: &[u8],
    inline: impl Iterator<Item = (Codec, u32, &'a [u8])>,
) -> Result<Vec<u8>, SealError> {
    // Nobody would open it.
    let plain_len = u32::try_from(body.len()).ok().filter(|len| *len <= MAX_BODY);
    let plain_len = plain_len.ok_or(SealError::TooLarge)?;
    let (codec, data) = codec::compress(body);
    let mut payload = Vec::with_capacity(data.len() + CHUNK_OVERHEAD);
    key.seal_chunk(0, codec, plain_len, &data, &mut payload)?;
    for (number, (codec, plain_len, data)) in (1..).zip(inline) {
        key.seal_chunk(number, codec, plain_len, data, &mut payload)?;
    }
    Ok(payload)
}

/// Opens the body of a payload; returns it and how many bytes its chunk takes.
pub fn open_body(key: &ObjectKey, payload: &[u8]) -> Result<(Vec<u8>, usize), SealError> {
    let (header, data) = key.open_chunk(0, payload)?;
    let body = codec::decompress(header.codec, data, header.plain_len, MAX_BODY)?;
    Ok((body, header.stored_len()))
}

/// How many bytes of a payload the body takes.
pub fn body_len(payload: &[u8]) -> Result<usize, SealError> {
    ChunkHeader::parse(payload).map(|h| h.stored_len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::crypto::Key32;
    use crate::crypto::account::SigningKey;
    use crate::crypto::seal::Kind;
    use crate::ids::LogId;
    use proptest::prelude::*;

    fn sample(clear: Vec<u8>, payload: &[u8], out_of_line: bool) -> (Vec<u8>, Envelope, SigningKey) {
        let key = SigningKey::from_seed(&Key32::new([1; 32])).unwrap();
        let envelope = Envelope {
            incarnation: Incarnation([2; 16]),
            session: SessionId([3; 16]),
            k: 4,
            seen: Seq(5),
            chain_at_seen: Hash([6; 32]),
            key_id: KeyId([7; 16]),
            generation: 8,
            salt: [9; 32],
            clear: clear.into(),
            payload_len: payload.len() as u32,
            payload_hash: sha256(payload),
            out_of_line,
        };
        (envelope.encode_signed(payload, |m| key.sign(m)), envelope, key)
    }

    proptest! {
        #[test]
        fn a_slot_is_read_back(clear: Vec<u8>, payload: Vec<u8>, out_of_line: bool) {
            let (slot, envelope, key) = sample(clear, &payload, out_of_line);
            let view = SlotView::parse(&slot).unwrap();
            prop_assert_eq!(view.envelope(), &envelope);
            prop_assert!(view.verify(&key.public()));
            prop_assert_eq!(view.payload(), (!out_of_line).then_some(&payload[..]));
            prop_assert_eq!(&slot[view.payload_offset()..], view.payload().unwrap_or_default());
        }

        #[test]
        fn hostile_bytes_are_refused(bytes: Vec<u8>) {
            prop_assert!(SlotView::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_body_that_nobody_would_open_is_not_sealed() {
        let key = ObjectKey::derive(&Key32::new([1; 32]), &[2; 32], Kind::Commit, &LogId([3; 32]), b"object");
        let mut body = vec![0; MAX_BODY as usize];
        let payload = seal_payload(&key, &body, std::iter::empty()).unwrap();
        assert!(open_body(&key, &payload).unwrap().0 == body);
        body.push(0);
        assert!(matches!(seal_payload(&key, &body, std::iter::empty()), Err(SealError::TooLarge)));
    }

    #[test]
    fn every_byte_is_checked() {
        let (slot, _, key) = sample(b"clear".to_vec(), b"payload", false);
        for at in 0..slot.len() {
            assert!(SlotView::parse(&slot[..at]).is_err(), "cut at {at}");
            let mut bad = slot.clone();
            bad[at] ^= 1;
            let genuine = SlotView::parse(&bad).is_ok_and(|v| v.verify(&key.public()));
            assert!(!genuine, "byte {at}");
        }
        let mut longer = slot.clone();
        longer.push(0);
        assert!(SlotView::parse(&longer).is_err());
    }
}

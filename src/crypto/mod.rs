//! Keys and what is done with them: one sealing rule for every object, one signature, one way to hand a key
//! to an account. Nothing here does I/O.
//!
//! - [`token`]: what a person holds.
//! - [`account`]: the keys that follow from a token in a workspace.
//! - [`seal`]: sealing objects chunk by chunk.
//! - [`grant`]: a key, sealed for one account and signed by an admin.

pub mod account;
pub mod grant;
pub mod seal;
pub mod token;

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::env::{Env, NoRandomness};
use crate::ids::Hash;

/// SHA-256 under a domain: length of the domain as one byte, the domain, the parts. The parts must be
/// told apart by their sizes: at most the last one varies, or each says its length.
pub fn hash(domain: &str, parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[domain.len() as u8]);
    context.update(domain.as_bytes());
    parts.iter().for_each(|part| context.update(part));
    digest(context)
}

/// Plain SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    digest(context)
}

fn digest(context: Context) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Hash(out)
}

/// 32 secret bytes: wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key32([u8; 32]);

impl Key32 {
    /// A secret with these bytes.
    pub fn new(bytes: [u8; 32]) -> Key32 {
        Key32(bytes)
    }

    /// A new secret.
    pub fn random(env: &Env) -> Result<Key32, NoRandomness> {
        env.random_bytes().map(Key32)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A secret that follows from this one: HKDF-SHA256 with a salt, for one purpose.
    pub fn derive(&self, salt: &[u8], purpose: &[&[u8]]) -> Key32 {
        let mut out = Key32([0; 32]);
        let extracted = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        // 32 bytes are one block of HKDF-SHA256, which cannot be too long.
        if let Ok(okm) = extracted.expand(purpose, HKDF_SHA256) {
            let _ = okm.fill(&mut out.0);
        }
        out
    }
}

impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(secret)")
    }
}

/// Compares secrets, or what depends on them, in constant time.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut difference = u8::from(a.len() != b.len());
    for (x, y) in a.iter().zip(b) {
        difference |= x ^ y;
    }
    std::hint::black_box(difference) == 0
}

//! Names of workspaces, accounts and filespaces, sealed under the workspace's key and bound to what they
//! name.

use bytes::Bytes;

use super::ops::SealedName;
use crate::crypto::Key32;
use crate::crypto::seal::{Codec, Kind, ObjectKey};
use crate::env::Env;
use crate::error::{Error, Result, Status};
use crate::ids::LogId;

/// What the workspace's own name is bound to.
pub(super) const WORKSPACE: &[u8] = b"workspace";
const SALT: usize = 32;
/// Names are padded to a multiple of this, so that their length says little.
const PAD: usize = 64;

/// Refuses what is no name: 1 to 255 bytes, no control characters, none of `/`, `:` and `@`, which have a
/// meaning on the command line.
pub(super) fn check(name: &str) -> Result<()> {
    let fits = (1..=255).contains(&name.len());
    if fits && !name.chars().any(|c| c.is_control() || matches!(c, '/' | ':' | '@')) {
        return Ok(());
    }
    let what = "name: 1 to 255 bytes without control characters, '/', ':' and '@'";
    Err(Error::new(Status::InvalidArgument, what))
}

/// Seals the name of something.
pub(super) fn seal(env: &Env, key: &Key32, workspace: LogId, of: &[u8], name: &str) -> Result<SealedName> {
    check(name)?;
    let salt: [u8; SALT] = env.random_bytes()?;
    let mut padded = name.as_bytes().to_vec();
    padded.resize(name.len().next_multiple_of(PAD), 0);
    let mut sealed = salt.to_vec();
    let object = ObjectKey::derive(key, &salt, Kind::Name, &workspace, of);
    object.seal_chunk(0, Codec::None, padded.len() as u32, &padded, &mut sealed)?;
    let tag = key.derive(b"", &[b"lucidlink/name-tag/v1", name.as_bytes()]);
    Ok(SealedName { sealed: sealed.into(), tag: Bytes::copy_from_slice(tag.as_bytes()) })
}

/// Opens the name of something.
pub(super) fn open(key: &Key32, workspace: LogId, of: &[u8], name: &SealedName) -> Result<String> {
    let broken = || Error::new(Status::Integrity, "a name in the workspace cannot be trusted");
    let (salt, chunk) = name.sealed.split_first_chunk::<SALT>().ok_or_else(broken)?;
    let object = ObjectKey::derive(key, salt, Kind::Name, &workspace, of);
    let (_, padded) = object.open_chunk(0, chunk).map_err(|e| broken().caused_by(e))?;
    let text = String::from_utf8(padded).map_err(|e| broken().caused_by(e))?;
    Ok(text.trim_end_matches('\0').to_owned())
}

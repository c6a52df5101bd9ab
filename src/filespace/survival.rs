//! After power loss: whether what a commit refers to is there.

use crate::content::pack::{self, pack_key};
use crate::content::store::{Store, StoreError};
use crate::crypto::seal::{Keyring, Kind, ObjectKey};
use crate::crypto::sha256;
use crate::ids::LogId;
use crate::log::envelope::{self, SlotView};
use crate::state::ops::{Body, NewPack};

use super::follow::{commit_object, payload_key};

/// Whether the payload of a commit and the packs that it registers are in the store, as they were made. What is no
/// commit, or does not open, refers to nothing. Objects of checkpoints are not asked for: a checkpoint that cannot be
/// read is passed over.
pub(crate) fn is_whole(
    id: LogId,
    keyring: &Keyring,
    store: &dyn Store,
    slot: &[u8],
) -> Result<bool, StoreError> {
    let Ok(view) = SlotView::parse(slot) else { return Ok(true) };
    let commit = view.envelope();
    let fetched;
    let payload = match view.payload() {
        Some(payload) => payload,
        None => match stored(store, &payload_key(&commit.payload_hash))? {
            Some(bytes) if sha256(&bytes) == commit.payload_hash => {
                fetched = bytes;
                &fetched
            }
            _ => return Ok(false),
        },
    };
    let Some(key) = keyring.get(commit.generation) else { return Ok(true) };
    let object = commit_object(commit.session.0, commit.k);
    let key = ObjectKey::derive(&key, &commit.salt, Kind::Commit, &id, &object);
    let body = envelope::open_body(&key, payload).ok().and_then(|(body, _)| Body::decode_canonical(&body));
    for pack in body.iter().flat_map(|body| &body.packs) {
        if !is_pack_whole(id, keyring, store, pack)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One that apply would not take, whatever the store has, is not asked for.
fn is_pack_whole(
    id: LogId,
    keyring: &Keyring,
    store: &dyn Store,
    pack: &NewPack,
) -> Result<bool, StoreError> {
    let (Ok(pack_id), Ok(salt)) = (<[u8; 16]>::try_from(&pack.id[..]), pack.salt[..].try_into()) else {
        return Ok(true);
    };
    let Some(key) = keyring.get(pack.generation) else { return Ok(true) };
    let key = ObjectKey::derive(&key, &salt, Kind::Pack, &id, &pack_id);
    let bytes = stored(store, &pack_key(&pack_id))?;
    Ok(bytes.is_some_and(|bytes| pack::is_whole(&key, &pack.index_hash, &bytes)))
}

fn stored(store: &dyn Store, key: &str) -> Result<Option<bytes::Bytes>, StoreError> {
    match store.get(key) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
